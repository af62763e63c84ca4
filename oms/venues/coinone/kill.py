"""Coinone's kill: there is no cancel of all pairs, so a list says which pairs have orders; each
pair's are cancelled at once, waiting stops one by one. Nothing spends an identifier."""

from __future__ import annotations

from collections.abc import Mapping

from oms.ports import Key
from oms.venues.coinone import spec
from oms.venues.coinone.orders import CoinoneOrders
from oms.venues.shared.sweeping import Part, SweepingKill
from shm_layout.enums import OrderSpace

PARTS = {
    spec.NAME: {OrderSpace.BOOK: Part(at_once=0), OrderSpace.CONDITIONAL: Part(at_once=1)},
}


def kill_side(keys: Mapping[str, Key]) -> SweepingKill:
    """Of one account domain, with keys of its own."""
    return SweepingKill(CoinoneOrders(keys, 0), PARTS)
