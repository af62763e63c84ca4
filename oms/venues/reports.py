"""The canonical words of the order side: what is asked of an exchange, and what it said.

A connector turns bytes into these; agents know nothing else of an exchange. A `Report` becomes an
EXECUTION record; it still has its fee as text and a currency code, because rows of the currency
table belong to risk. Amounts are integers at the instrument's scales, UNDEF where not said; times
of an exchange are milliseconds or nanoseconds UTC as the name says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from oms.venues.data import Bucket, Charge, Proof
from oms.venues.shared.order_command import Command
from oms.venues.trade_base import Instrument, MalformedMessageError, Report
from shm_layout.enums import ExecKind, OrderSpace, PositionSide, RejectReason, Side
from shm_layout.records import UNDEF

__all__ = [
    "Ask", "Balance", "FeeRate", "Fill", "HttpCall", "Instrument", "Item", "Judgement", "KeyState",
    "Known", "Listed", "MalformedMessageError", "Notice", "OrderView", "Outgoing", "Pause",
    "Position", "Read", "Reply", "Report", "Run", "Stamp", "Verdict", "Want",
]  # fmt: skip


class Want(IntEnum):
    """What a request is for."""

    PLACE = 1
    CANCEL = 2
    CANCEL_ALL = 3
    AMEND = 4
    REPLACE = 5
    ORDER = 6
    """One order, by our id or the exchange's."""
    OPEN_ORDERS = 7
    ENDED_ORDERS = 8
    ORDER_FILLS = 9
    """Fills of one order."""
    FILLS = 10
    """Fills of one instrument, or of the account, since a time or behind an id."""
    BALANCES = 11
    POSITIONS = 12
    CASH_FLOWS = 13
    """Funding, transfers, liquidations: what changes money without an order of ours."""
    LISTING = 14
    CLOCK = 15
    LOGON = 16
    SUBSCRIBE = 17
    KEY = 18
    """What the key may, and until when."""
    ACCOUNT = 19
    """How the account is set: level, margin mode, position mode, leverage."""
    SET_ACCOUNT = 20
    FEES = 21
    FENCE = 22
    """Spends an identifier by a request that must be refused; judged DONE once it is spent."""
    DEAD_MAN = 23
    TEST_ORDER = 24
    SESSION_KEY = 25
    """A key that opens the stream of events (listenKey), made or kept alive."""
    WALLET_STATUS = 26
    PING = 27
    CONNECT = 28
    """Nothing is sent: what opening a connection is charged."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Clock and chance of one request: pure code is given both."""

    now_ms: int
    """The exchange's clock as we know it."""
    request_id: int
    nonce: str = ""
    """A UUID, for exchanges that want one with each request; never used twice."""
    logged_on: bool = False
    """The connection that it leaves on was logged on."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request in canonical words; a field that its `want` does not use keeps its default."""

    want: Want
    account: str = ""
    market: str = ""
    instrument: Instrument | None = None
    orders: tuple[Command, ...] = ()
    """PLACE, AMEND, REPLACE, CANCEL of several: a batch is n of them."""
    instruments: tuple[Instrument, ...] = ()
    """Of `orders`, in their order, where a batch names several."""
    client_order_id: int = 0
    venue_order_id: str = ""
    space: OrderSpace = OrderSpace.BOOK
    symbol: str = ""
    """Of a kill, which has no `instrument`: as the exchange writes it."""
    since_ms: int = 0
    until_ms: int = 0
    after_id: str = ""
    """FILLS: behind this trade."""
    page: str = ""
    """Where a list goes on, in the exchange's own words; "" = at its beginning."""
    values: Mapping[str, str | int] = field(default_factory=dict)
    """SET_ACCOUNT, DEAD_MAN, SESSION_KEY: what is set. A list that the exchange gives in parts (by
    settlement currency): which part. LOGON, SUBSCRIBE: of which connection."""
    shown: tuple[OrderView, ...] = ()
    """CANCEL: orders as a list showed them, ours or not, by the exchange's own id and symbol."""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One REST request."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Holds the key and the signature."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What leaves for one `Ask`."""

    body: bytes | HttpCall = field(repr=False)
    """A frame of the socket, or a REST request."""
    charges: tuple[Charge, ...] = ()
    dies_ms: int | None = None
    """When the exchange refuses it by itself, on its clock; None = never."""


@dataclass(frozen=True, slots=True)
class Item:
    """What an answer says of one request, or of one order of a batch."""

    code: int = 0
    """The exchange's own number, 0 = it was done; a name becomes a number in its `errors.py`."""
    text: str = ""
    proves: Proof = Proof.STATE
    status: int = 200
    """HTTP's, or the socket's; 0 = no answer came."""
    report: Report | None = None
    """What it says of an order."""
    order: OrderView | None = None
    client_order_id: int = 0
    """Whose it is, where the answer says so."""
    value: str = ""
    """Of a subscription its id."""
    finding: RejectReason = RejectReason.UNSET
    """What is wrong with an answer that is no error: an account that is set otherwise than the desk
    trades it, a key that may not trade."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read. `rows` are canonical: OrderView, Fill, Balance, Position, Report, Listed,
    FeeRate, KeyState."""

    items: tuple[Item, ...] = ()
    rows: tuple[Any, ...] = ()
    complete: bool = False
    """The list shows everything that it was asked for: what is not in it is not there."""
    next_page: str = ""
    usage: tuple[Charge, ...] = ()
    """The exchange's own counts, as charges: what is used in the present window."""
    pause: Pause | None = None
    request_id: int = -1
    server_ms: int = 0
    """The exchange's clock where the answer says it; 0 = not said."""
    unreadable: str = ""
    """Why the answer to this request says nothing, though it is one; "" = it was read."""
    limits: tuple[Bucket, ...] = ()
    """LISTING: buckets with the limits that the exchange lists."""
    token: str = field(default="", repr=False)
    """SESSION_KEY: the key that opens the stream of events."""


class Verdict(IntEnum):
    """What an item proves."""

    DONE = 0
    REFUSED = 1
    """The exchange did not do it, and will not."""
    UNKNOWN = 2
    """It may or may not have been done: ask."""
    NOT_FOUND = 3
    """The exchange knows no such order, as far as it looked."""
    NOT_OPEN = 4
    """A cancel or amend found no open order of that id: filled, closed, or not there yet."""
    ARCHIVED = 5
    """The order ended without a fill, long ago."""
    SOON = 6
    """The same question again after `visible_ms`: what is there may not be shown yet."""


@dataclass(frozen=True, slots=True)
class Pause:
    """An exchange's word that something must wait."""

    key: tuple[str, ...]
    """("egress",) or ("account", name) or (bucket, key …): whose requests wait."""
    until_ms: int
    """The exchange's clock; 0 = it did not say."""
    cancels_pass: bool = True
    close_sockets: bool = False
    for_ms: int = 0
    """From now on, where a span is said or documented; 0 = none is."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an item proves, why, and what is to be done about it."""

    verdict: Verdict
    reason: RejectReason = RejectReason.UNSET
    pause: Pause | None = None
    clock: bool = False
    """Our time stamp was refused: ask for the exchange's clock, then again."""


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as the exchange shows it in a query, a list or an answer."""

    client_order_id: int
    """0 = not an order of this desk."""
    client_text: str
    venue_order_id: str
    instrument: Instrument | None
    symbol: str
    kind: ExecKind
    """What its state is as a record: FOUND_OPEN, CANCELED, EXPIRED, REJECT, FOUND_FILLED, RECEIVED,
    REDUCED. An end is told by amounts: FILLED only where what is left buys no lot."""
    side: Side
    px: int = UNDEF
    qty: int = UNDEF
    executed_qty: int = 0
    executed_quote: int = UNDEF
    cum_fee_text: str = ""
    """Running fee, where the exchange tells fees so; else ""."""
    fee_currency: str = ""
    ts_event_ns: int = 0
    by_amount: bool = False
    space: OrderSpace = OrderSpace.BOOK
    second_id: str = ""
    """The id in its other space: of the child that it triggered, or of the parent."""
    reason: RejectReason = RejectReason.UNSET
    word: str = ""
    """The exchange's own word for the state, for the text of records."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill out of a history."""

    venue_order_id: str
    report: Report
    trade_text: str = ""
    """The trade's id as the exchange writes it."""


@dataclass(frozen=True, slots=True)
class Balance:
    """One currency of an account, amounts as the exchange writes them; "" = not said."""

    currency: str
    free: str
    locked: str
    wallet: str = ""
    total: str = ""
    """Equity of the currency: wallet and unrealised profit."""


@dataclass(frozen=True, slots=True)
class Position:
    """A position as the exchange says it; amounts as decimal text."""

    symbol: str
    side: PositionSide
    qty: str
    """Base units or contracts as the exchange writes them, signed: short is negative."""
    entry_px: str = ""
    mark_px: str = ""
    liquidation_px: str = ""
    unrealised: str = ""
    leverage: str = ""
    margin_mode: str = ""
    instrument: Instrument | None = None


@dataclass(frozen=True, slots=True)
class FeeRate:
    """What an account pays, as a part of the amount in decimal text; negative = is paid."""

    maker: str
    taker: str
    symbol: str = ""
    """"" = every instrument of the market, or of `group`."""
    group: str = ""
    """Where the exchange sets fees by group of instruments (`Listed.fee_group`)."""
    side: Side = Side.UNSET
    """UNSET = on both sides."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """What a key may, as the exchange says it."""

    may_trade: bool
    until_ms: int = 0
    """When it ends by itself; 0 = never, or not said."""
    bound: bool = False
    """It works from listed addresses alone."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a listing says of one instrument; numbers as decimal text, "" = no bound.

    `ladder` is (from price, tick) in rising order; empty = one tick everywhere.
    """

    name: str
    symbol: str
    base: str
    quote: str
    kind: str
    """"SPOT" or "LINEAR"."""
    status: str
    """A name of MarketStatus."""
    tick: str
    lot: str
    ladder: tuple[tuple[str, str], ...] = ()
    settle: str = ""
    contract_size: str = ""
    """Base units of a contract; "" = quantities are base units."""
    venue_code: int = 0
    min_qty: str = ""
    max_qty: str = ""
    market_lot: str = ""
    market_max_qty: str = ""
    min_notional: str = ""
    max_notional: str = ""
    market_max_notional: str = ""
    min_px: str = ""
    max_px: str = ""
    funding_interval_s: int = 0
    fee_group: str = ""
    left_out: str = ""
    """Why a desk cannot trade it; "" = it can."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a connection said which is no report: it is open, logged on, subscribed,
    about to end, or says something of a whole market."""

    kind: str
    """"pong", "logged_on", "subscribed", "refused", "shutdown", "stream_ended", "status"; "look":
    the order `value` (the exchange's id) has to be asked for, because the event does not say all;
    "account_set": a setting changed; "funding": the account's cash flows have to be asked for;
    "position_moved": by other means than an order; "other": a message that nothing here reads."""
    account: str = ""
    text: str = ""
    code: int = 0
    value: str = ""
    """Of a subscription its id; of a pong its payload."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one message of a socket was."""

    reply: Reply | None = None
    reports: tuple[tuple[str, Report], ...] = ()
    """(account, report); account "" = the connection's only one."""
    balances: tuple[tuple[str, Balance], ...] = ()
    positions: tuple[tuple[str, Position], ...] = ()
    notices: tuple[Notice, ...] = ()
    event_ns: int = 0


class Known(Protocol):
    """Our orders by either id, and instruments by symbol: read only."""

    system_id: int

    def instrument(self, market: str, symbol: str) -> Instrument | None:
        """By the exchange's own string; None = not traded here."""
        ...

    def ask_of(self, request_id: int) -> Ask | None:
        """What a request of ours on this connection asked for; None = not ours, or ended."""
        ...

    def client_order_id(self, market: str, venue_order_id: str) -> int:
        """Whose order this id of the exchange is; 0 = not known, or not ours."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """What a reconciliation of an account knows when it is planned."""

    account: str
    markets: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    live: tuple[tuple[Instrument, int, str], ...] = ()
    """(instrument, our id, the exchange's id or "") of orders that risk holds open."""
    since_ms: int = 0
    """Before this every fill is known."""
    cursors: Mapping[int, str] = field(default_factory=dict)
    """Instrument -> newest trade of a completed run."""
    now_ms: int = 0
