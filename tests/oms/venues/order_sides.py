"""What suites of spot order sides in KRW share, beside `typed_side`: scales, orders by amount."""

from __future__ import annotations

from typing import Any

from oms.venues.reports import Instrument, Stamp
from oms.venues.shared.order_command import Command
from shm_layout.enums import Action, OrderType, Side, TimeInForce
from shm_layout.records import UNDEF
from tests.oms.venues import typed_side
from tests.oms.venues.typed_side import NOW_MS, ORDER_ID, OTHER_ID, SYSTEM_ID, TEXT

SYSTEM = SYSTEM_ID
STAMP = Stamp(NOW_MS, 41, "6f1f8a52-26c4-4a4b-9d3c-8d2f4a4d0b77")
OURS, OURS_TEXT = ORDER_ID, TEXT
OTHER, OTHER_TEXT = OTHER_ID, typed_side.OTHER_TEXT


def instrument(
    symbol: str = "KRW-BTC",
    px_scale: int = 4,
    qty_scale: int = 8,
    quote_scale: int = 6,
    lot: int = 1,
) -> Instrument:
    """Prices at four decimals, quantities at eight, amounts at six."""
    quote, _, base = symbol.partition("-")
    divisor = 10 ** (px_scale + qty_scale - quote_scale)
    return Instrument(
        5, 7, symbol, symbol, px_scale, qty_scale, quote_scale, divisor,
        base=base, quote=quote, lot=lot,
    )  # fmt: skip


def command(
    side: Side = Side.BUY,
    kind: OrderType = OrderType.LIMIT,
    time: TimeInForce = TimeInForce.GTC,
    px: int = UNDEF,
    qty: int = UNDEF,
    quote_qty: int = UNDEF,
    **more: Any,
) -> Command:
    """A NEW order of ours, by what is given alone."""
    return typed_side.command(
        action=Action.NEW, side=side, order_type=kind, time_in_force=time, px=px, qty=qty,
        quote_qty=quote_qty, **more,
    )  # fmt: skip


class Known(typed_side.Desk):
    """Instruments by symbol whatever the market, and orders by the exchange's id."""

    def __init__(self, *instruments: Instrument, orders: dict[str, int] | None = None) -> None:
        super().__init__(orders=dict(orders or {}))
        self.by_symbol = {one.symbol: one for one in instruments or (instrument(),)}

    def instrument(self, market: str, symbol: str) -> Instrument | None:
        return self.by_symbol.get(symbol)

    def ask_of(self, request_id: int) -> None:
        """Nothing is asked by number."""
