"""Bybit's kill side: order/cancel-all by settlement coin and kind of order, then list and cancel.

cancel-all takes at most 500 orders, chosen at random (order/cancel-all), so the list decides. A
batch cancel has no `orderFilter`: spot's conditional and TP/SL orders are cancelled one by one.
"""

from __future__ import annotations

from collections.abc import Mapping

from oms.ports import Key
from oms.venues.bybit.orders import BybitOrders
from oms.venues.bybit.spec import SETTLE_COINS
from oms.venues.shared.sweeping import Parts, SweepingKill
from shm_layout.enums import OrderSpace

_ALL = frozenset({OrderSpace.BOOK, OrderSpace.CONDITIONAL, OrderSpace.ALGO})
PARTS = {
    "bybit.linear": Parts(tuple({"coin": coin} for coin in SETTLE_COINS), cancels_all=_ALL),
    "bybit.spot": Parts(
        cancels_all=_ALL, alone=frozenset({OrderSpace.CONDITIONAL, OrderSpace.ALGO})
    ),
}


def kill_side(keys: Mapping[str, Key]) -> SweepingKill:
    """Of one account domain, with keys of its own."""
    return SweepingKill(BybitOrders(keys, 0), PARTS)
