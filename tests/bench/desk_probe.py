"""The strategy of the bench `desk`, and what installs its stamps where the desk loads its plugins.

It wants nothing: on each n-th tick that changed the best bid it places a small order that cannot
trade, immediate-or-cancel, a half per cent below the bid; when the exchange has ended so many of
them it is silent.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from oms.strategies.base import BaseStrategy, Desk, Order, Top
from shm_layout.enums import OrderState, RejectReason, Side, TimeInForce
from tests.bench.desk_stamps import DECIDED, ENDED, Stamps, install

BELOW = 200
"""One part in so many below the bid."""
QTY = "0.001"
OPEN_MAX = 8
"""A tick on which so many orders have no answer is passed over."""


@functools.cache
def _stamps(path: str, certificate: str, key: str) -> Stamps:
    """Once in the process that the desk is forked from."""
    return install(Path(path), (Path(certificate), Path(key)) if certificate else None)


class EveryNth(BaseStrategy):
    """Parameters: `every` tick, `orders` in all; the stamps' file; certificate and key, or ""."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._every, self._left = int(params["every"]), int(params["orders"])
        self._stamps = _stamps(params["stamps"], params["certificate"], params["key"])
        self._seen = (0, 0)
        self._ticks = 0

    def on_start(self, desk: Desk, now_ns: int) -> None:
        super().on_start(desk, now_ns)
        self._market = next(iter(desk.instruments.values()))
        self._qty = self._market.qty(QTY)

    def on_top(self, top: Top, now_ns: int) -> None:
        began_ns = perf_counter_ns()
        found = (top.bid_px, top.bid_qty)
        if not top.live or found == self._seen or self._open_max() <= len(self.desk.orders):
            return
        self._seen = found
        self._ticks += 1
        if self._ticks % self._every:
            return
        px = self._market.px_down(top.bid_px - top.bid_px // BELOW)
        order = self.desk.place(
            self._market, Side.BUY, self._qty, px, time_in_force=TimeInForce.IOC
        )
        placed_ns = perf_counter_ns()
        if order is not None:
            stamps = self._stamps
            stamps.add(DECIDED, order.intent_id, top.ts_recv_ns, stamps.folding_ns,
                       stamps.folded_ns, began_ns, placed_ns)  # fmt: skip

    def _open_max(self) -> int:
        return min(self._left, OPEN_MAX)

    def on_order(self, order: Order, reason: RejectReason, now_ns: int) -> None:
        """The exchange's end of it counts; what the desk refused is tried again."""
        if order.state is OrderState.EXPIRED:
            self._left -= 1
            self._stamps.add(ENDED, order.intent_id, order.client_order_id)
