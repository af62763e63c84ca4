"""What the order side of every venue is made of: instruments as it sees them, and reports.

A connector turns bytes into reports; the executor turns reports into EXECUTION records. A report
still has its fee as text and a currency code, because rows of the currency table belong to risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shm_layout.enums import (
    ExecKind,
    InstrumentKind,
    Liquidity,
    OrderSpace,
    PositionSide,
    RejectReason,
    Side,
)
from shm_layout.records import NO_ID, UNDEF

HTTP_TOO_MANY = 429
HTTP_BANNED = 418


class MalformedMessageError(ValueError):
    """Bytes of a venue that cannot be read; whatever they said is unknown."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A row of the instrument table, as plain integers and text."""

    instrument_id: int
    venue: int
    symbol: str
    name: str
    px_scale: int
    qty_scale: int
    quote_scale: int
    notional_divisor: int
    kind: InstrumentKind = InstrumentKind.SPOT
    base: str = ""
    quote: str = ""
    lot: int = 1
    """qty_scale: what is left below it buys nothing."""
    contract_size: int = 0
    """Base units of a contract, qty_scale; 0 = the venue counts base units."""
    venue_code: int = 0
    """The venue's own number of it, where it has one (OKX instIdCode)."""
    quote_currency_id: int = NO_ID
    """Row of the currency table."""

    @classmethod
    def from_row(cls, row: Any, quote_scale: int) -> Instrument:
        """From an INSTRUMENT_ROW and the scale of its quote currency."""
        return cls(
            int(row["instrument_id"]), int(row["venue"]), row["symbol"].decode(),
            row["name"].decode(), int(row["px_scale"]), int(row["qty_scale"]), quote_scale,
            int(row["notional_divisor"]), lot=int(row["lot"]),
            contract_size=int(row["contract_size"]), venue_code=int(row["venue_code"]),
            kind=InstrumentKind(int(row["kind"])), quote_currency_id=int(row["quote_currency_id"]),
        )  # fmt: skip


@dataclass(slots=True)
class Report:
    """One EXECUTION in the making; fields as in the record. 0 = not said, UNDEF = no amount.

    FUNDING, TRANSFER: `fee_text` is what left the account (+) or came to it (-), in
    `fee_currency`. LIQUIDATION, ADL: a fill of an order that the exchange made.
    """

    kind: ExecKind
    client_order_id: int = 0
    instrument: Instrument | None = None
    side: Side = Side.UNSET
    liquidity: Liquidity = Liquidity.UNSET
    reason: RejectReason = RejectReason.UNSET
    venue_code: int = 0
    px: int = UNDEF
    qty: int = 0
    quote_qty: int = 0
    cum_qty: int = UNDEF
    fee_text: str = ""
    fee_currency: str = ""
    trade_id: int = 0
    ts_event_ns: int = 0
    venue_order_id: str = ""
    text: str = ""
    flags: int = 0
    """FLAG_LAST on a FILL: the venue calls the order filled with it."""
    trade_text: str = ""
    """Of a trade whose id is no number."""
    cum_fee_text: str = ""
    """Running fee of the order in `fee_currency`, where the venue tells fees so."""
    cum_quote_qty: int = UNDEF
    """Running amount of the order."""
    total_qty: int = UNDEF
    """AMENDED, REDUCED: the order's quantity from now on."""
    second_id: str = ""
    """The id in the order's other space: TRIGGERED its child's, REPLACED its successor's."""
    space: OrderSpace = OrderSpace.BOOK
    position_side: PositionSide = PositionSide.UNSET

    def key(self) -> tuple[object, ...]:
        """What makes it that one event and no other, on whatever connection it comes."""
        instrument_id = -1 if self.instrument is None else self.instrument.instrument_id
        return (
            self.kind, instrument_id, self.venue_order_id, self.client_order_id, self.trade_id,
            self.trade_text, self.cum_qty, self.total_qty, self.px, self.second_id,
        )  # fmt: skip
