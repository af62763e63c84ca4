"""An honest market maker: one bid, one ask, an inventory limit.

Each side is quoted `half_spread_bps` from a reservation price: the mid, moved against the
inventory by up to `skew_bps` (Avellaneda and Stoikov 2008, in its linear form). Quotes are
post-only and are replaced when they are more than `requote_bps` off their target. A side that
would add to an inventory at `max_position` is not quoted. When the inventory passes
`flatten_percent` of the limit, half of it is sold or bought back at once by an IOC order at the
opposite touch: that is what its taker fills are.

Sizes are amounts of the quote currency, so that one setting fits any instrument. Integers only:
basis points are given as decimal text and kept in 1/10,000 bp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oms.errors import ConfigError
from oms.instruments import parse_decimal
from oms.strategies.base import BaseStrategy, Desk, Fill, Instrument, Order, Top
from shm_layout.enums import OrderType, RejectReason, Side, TimeInForce

_BP_DIGITS = 4
_BP = 10_000 * 10**_BP_DIGITS
_PERCENT = 100
REJECT_PAUSE_NS = 1_000_000_000
_DEFAULTS: dict[str, str | int] = {
    "order_notional": "500",
    "max_position_notional": "1500",
    "half_spread_bps": "0.3",
    "skew_bps": "0.3",
    "requote_bps": "0.2",
    "flatten_percent": 60,
    "min_requote_ms": 100,
}


class MarketMaker(BaseStrategy):
    """See the module's text; one instance may quote several instruments."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        unknown = sorted(set(params) - set(_DEFAULTS))
        if unknown:
            raise ConfigError(
                f"strategy market_maker: unknown parameters {unknown} "
                f"(known: {', '.join(_DEFAULTS)})"
            )
        values = {**_DEFAULTS, **params}
        self._order_notional = str(values["order_notional"])
        self._max_notional = str(values["max_position_notional"])
        self._half_spread = parse_decimal(str(values["half_spread_bps"]), _BP_DIGITS)
        self._skew = parse_decimal(str(values["skew_bps"]), _BP_DIGITS)
        self._requote = parse_decimal(str(values["requote_bps"]), _BP_DIGITS)
        self._flatten_percent = int(values["flatten_percent"])
        self._min_requote_ns = int(values["min_requote_ms"]) * 1_000_000
        self._quotes: dict[tuple[int, Side], Order] = {}
        self._flatten: dict[int, Order] = {}
        self._not_before_ns: dict[tuple[int, Side], int] = {}
        self._by_id: dict[int, Instrument] = {}

    def on_start(self, desk: Desk, now_ns: int) -> None:
        super().on_start(desk, now_ns)
        self._by_id = {i.id: i for i in desk.instruments.values()}
        for order in desk.orders.values():
            desk.cancel(order)

    def on_top(self, top: Top, now_ns: int) -> None:
        """Requote both sides, or take quotes back where the book is not LIVE."""
        instrument = self._by_id.get(top.instrument_id)
        if instrument is None:
            return
        if not top.live:
            for side in (Side.BUY, Side.SELL):
                self._withdraw(instrument, side)
            return
        position = self.desk.position(instrument)
        mid2 = top.bid_px + top.ask_px
        limit = self._qty_for(instrument, self._max_notional, mid2)
        if abs(position) * _PERCENT >= limit * self._flatten_percent and position:
            self._flatten_half(instrument, top, position)
        shift = self._skew * max(-limit, min(limit, position)) // limit
        bid = mid2 * (_BP - self._half_spread - shift) // (2 * _BP)
        ask = -(-mid2 * (_BP + self._half_spread - shift) // (2 * _BP))
        bid = min(instrument.px_down(bid), top.ask_px - instrument.tick)
        ask = max(instrument.px_up(ask), top.bid_px + instrument.tick)
        self._quote(instrument, Side.BUY, bid, mid2, position < limit, now_ns)
        self._quote(instrument, Side.SELL, ask, mid2, position > -limit, now_ns)

    @staticmethod
    def _qty_for(instrument: Instrument, notional: str, mid2: int) -> int:
        """Quantity worth `notional` of the quote currency at the mid, rounded down to the lot,
        and at least one smallest order."""
        amount = parse_decimal(notional, instrument.quote_scale)
        qty = amount * 2 * instrument.notional_divisor // mid2
        return max(qty - qty % instrument.lot, instrument.min_qty, instrument.lot)

    def _quote(
        self, instrument: Instrument, side: Side, px: int, mid2: int, wanted: bool, now_ns: int
    ) -> None:
        key = (instrument.id, side)
        standing = self._quotes.get(key)
        if standing is not None:
            far = abs(standing.px - px) * 2 * _BP > mid2 * self._requote
            if (far or not wanted) and not standing.cancel_asked:
                self.desk.cancel(standing)
            return
        if not wanted or now_ns < self._not_before_ns.get(key, 0):
            return
        order = self.desk.place(
            instrument, side, self._qty_for(instrument, self._order_notional, mid2), px,
            OrderType.POST_ONLY,
        )  # fmt: skip
        if order is not None:
            self._quotes[key] = order
            self._not_before_ns[key] = now_ns + self._min_requote_ns

    def _withdraw(self, instrument: Instrument, side: Side) -> None:
        standing = self._quotes.get((instrument.id, side))
        if standing is not None and not standing.cancel_asked:
            self.desk.cancel(standing)

    def _flatten_half(self, instrument: Instrument, top: Top, position: int) -> None:
        if instrument.id in self._flatten:
            return
        qty = abs(position) // 2
        qty -= qty % instrument.lot
        side = Side.SELL if position > 0 else Side.BUY
        px = top.bid_px if side is Side.SELL else top.ask_px
        if qty < instrument.min_qty:
            return
        order = self.desk.place(instrument, side, qty, px, OrderType.LIMIT, TimeInForce.IOC)
        if order is not None:
            self._flatten[instrument.id] = order

    def on_fill(self, fill: Fill, now_ns: int) -> None:
        """Nothing to do at once: the next prices requote with the new inventory."""

    def on_order(self, order: Order, reason: RejectReason, now_ns: int) -> None:
        """Forget what has ended; pause a side whose order was refused; take back what an earlier
        incarnation asked for.
        """
        key = (order.instrument_id, order.side)
        if order.intent_id in self.desk.orders:
            flatten = self._flatten.get(order.instrument_id)
            if order is not self._quotes.get(key) and order is not flatten:
                self.desk.cancel(order)
            return
        if self._quotes.get(key) is order:
            del self._quotes[key]
            if reason is not RejectReason.UNSET:
                self._not_before_ns[key] = now_ns + REJECT_PAUSE_NS
        if self._flatten.get(order.instrument_id) is order:
            del self._flatten[order.instrument_id]
