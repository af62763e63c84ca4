"""OKX's kill side: there is no cancel-all for spot and swaps, so a list tells what to cancel.

Algo orders are listed kind by kind and cancelled ten at a time (algo-trading "Cancel algo order").
"""

from __future__ import annotations

from collections.abc import Mapping

from oms.ports import Key
from oms.venues.okx import spec
from oms.venues.okx.orders import OkxOrders
from oms.venues.shared.sweeping import Part, SweepingKill
from shm_layout.enums import OrderSpace

_KINDS = tuple({"kind": kind} for kind in spec.ALGO_KINDS)
_SPACES = {
    OrderSpace.BOOK: Part(at_once=20),
    OrderSpace.ALGO: Part(_KINDS, at_once=spec.CANCEL_ALGOS_MAX),
}
PARTS = dict.fromkeys(spec.MARKETS, _SPACES)


def kill_side(keys: Mapping[str, Key], *, demo: bool = False) -> SweepingKill:
    """Of one account domain, with keys of its own."""
    return SweepingKill(OkxOrders(keys, 0, demo=demo), PARTS)
