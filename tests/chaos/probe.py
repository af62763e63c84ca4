"""A strategy that always has an order on its way: what is sent again after a fault is seen at once.

On each instrument one small order at a time, at the touch, cancelled when it has rested for a
moment; the side that brings its position back to nothing. One whose answer the exchange has lost
does not hold up the next: the desk asks for it, and may send meanwhile.
"""

from collections.abc import Mapping
from typing import Any

from oms.strategies.base import BaseStrategy, Desk, Instrument, Order, Top
from shm_layout.enums import OrderState, Side

QTYS = {"BTC/USDT": "0.001", "ETH/USDT": "0.01"}
GAP_NS = 60_000_000
REST_NS = 120_000_000
ORDERS_MAX = 6
"""Of an instrument, those without an answer among them."""


class Probe(BaseStrategy):
    """No parameters."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        assert not params
        self.placed_ns: dict[int, int] = {}

    def on_start(self, desk: Desk, now_ns: int) -> None:
        super().on_start(desk, now_ns)
        self.of_id: dict[int, tuple[Instrument, int]] = {
            one.id: (one, one.qty(QTYS[name.partition(":")[2]]))
            for name, one in desk.instruments.items()
        }

    def mine(self, instrument_id: int) -> list[Order]:
        """The orders of an instrument that have not ended."""
        return [o for o in self.desk.orders.values() if o.instrument_id == instrument_id]

    def on_top(self, top: Top, now_ns: int) -> None:
        if not top.live:
            return
        since_ns = now_ns - self.placed_ns.get(top.instrument_id, 0)
        orders = self.mine(top.instrument_id)
        known = [o for o in orders if o.state is not OrderState.UNKNOWN]
        if known and since_ns <= REST_NS:
            return
        for order in known:
            if order.state is OrderState.OPEN and not order.cancel_asked:
                self.desk.cancel(order)
        waiting = all(o.state is OrderState.PENDING_NEW for o in known)
        if waiting and since_ns > GAP_NS and len(orders) < ORDERS_MAX:
            instrument, qty = self.of_id[top.instrument_id]
            buy = self.desk.position(instrument) <= 0
            self.placed_ns[top.instrument_id] = now_ns
            self.desk.place(
                instrument, Side.BUY if buy else Side.SELL, qty, top.bid_px if buy else top.ask_px
            )
