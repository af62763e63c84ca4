"""Bithumb's kill: there is no cancel of all, so it lists waiting and reserved orders, cancels
thirty by their ids in one request, and looks again. Nothing spends an identifier."""

from __future__ import annotations

from collections.abc import Mapping

from oms.ports import Key
from oms.venues.bithumb import spec
from oms.venues.bithumb.orders import BithumbOrders
from oms.venues.shared.sweeping import Part, SweepingKill

PARTS = {spec.NAME: {space: Part(at_once=spec.CANCEL_IDS_MAX) for space in spec.CAPS.spaces}}


def kill_side(keys: Mapping[str, Key]) -> SweepingKill:
    """Of one account domain, with keys of its own."""
    return SweepingKill(BithumbOrders(keys, 0), PARTS)
