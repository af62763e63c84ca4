"""Bybit's kill side: order/cancel-all by settlement coin and kind of order, then list and cancel.

cancel-all takes at most 500 orders, chosen at random (order/cancel-all), so the list decides. A
batch cancel has no `orderFilter`: spot's conditional and TP/SL orders are cancelled one by one.
"""

from __future__ import annotations

from collections.abc import Mapping

from oms.ports import Key
from oms.venues.bybit.orders import BybitOrders
from oms.venues.bybit.spec import SETTLE_COINS
from oms.venues.shared.sweeping import Part, SweepingKill
from shm_layout.enums import OrderSpace

_COINS = tuple({"coin": coin} for coin in SETTLE_COINS)
PARTS = {
    "bybit.linear": {
        OrderSpace.BOOK: Part(_COINS, cancels_all=True, at_once=20),
        OrderSpace.CONDITIONAL: Part(_COINS, cancels_all=True, at_once=20),
    },
    "bybit.spot": {
        OrderSpace.BOOK: Part(cancels_all=True, at_once=10),
        OrderSpace.CONDITIONAL: Part(cancels_all=True),
        OrderSpace.ALGO: Part(cancels_all=True),
    },
}


def kill_side(keys: Mapping[str, Key]) -> SweepingKill:
    """Of one account domain, with keys of its own."""
    return SweepingKill(BybitOrders(keys, 0), PARTS)
