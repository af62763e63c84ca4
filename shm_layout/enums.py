"""Wire enums: explicit values, 0 = UNSET, append-only.

A value never changes its meaning and is never used again. A reader whose list is longer reads
what a shorter list wrote (DESIGN.md law 3); `tests/shm_layout/test_layout.py` holds the lists
against the golden.
"""

from __future__ import annotations

from enum import IntEnum


class RecordType(IntEnum):
    """`head.type` of every record."""

    UNSET = 0
    MD_LEVELS = 1
    MD_TICKER = 2
    MD_TRADE = 3
    MD_STATE = 4
    TOP_OF_BOOK = 5
    INTENT = 6
    ORDER_COMMAND = 7
    EXECUTION = 8
    ORDER_UPDATE = 9
    INSTRUMENT_SPEC = 10
    BALANCE = 11
    CYCLE = 12
    START = 13
    INSTRUMENT_ROW = 14
    ACCOUNT_ROW = 15
    ORDER_ROW = 16
    POSITION_ROW = 17
    BOOK_ROW = 18
    PROCESS_ROW = 19
    CURRENCY_ROW = 20
    FEED_ROW = 21
    LATENCY_ROW = 22
    MATCH_COMMAND = 23
    MATCH_PACK = 24
    STRATEGY_ROW = 25
    FEE_ROW = 26
    LATCH_ROW = 27
    LIMITS_ROW = 28
    OPERATOR = 29
    RATE_ROW = 30
    CLOCK_ROW = 31
    LINK_ROW = 32
    SNAPSHOT_ROW = 33
    VENUE_ROW = 34
    TICK_LADDER = 35
    POSITION_SAID = 36
    MD_MARK = 37
    MD_STATUS = 38
    PLUGIN_ROW = 39
    SENDER_ROW = 40
    FEE_RATE = 41
    KEY_STATE = 42
    MARK_ROW = 43


class Exchange(IntEnum):
    UNSET = 0
    BINANCE = 1
    BYBIT = 2
    OKX = 3
    UPBIT = 4
    BITHUMB = 5
    COINONE = 6


class Venue(IntEnum):
    """One market of an exchange; the text form is `exchange.market` (`venue_name`)."""

    UNSET = 0
    BINANCE_SPOT = 1
    BINANCE_USDM = 2
    BYBIT_SPOT = 3
    BYBIT_LINEAR = 4
    OKX_SPOT = 5
    OKX_SWAP = 6
    UPBIT_SPOT = 7
    BITHUMB_SPOT = 8
    COINONE_SPOT = 9


class Side(IntEnum):
    UNSET = 0
    BUY = 1
    SELL = 2


class OrderType(IntEnum):
    UNSET = 0
    LIMIT = 1
    MARKET = 2
    """By quantity, or by quote amount; its price, where it has one, is the worst it takes."""
    POST_ONLY = 3
    BEST = 4
    """A limit at the other side's best price when it arrives; IOC or FOK."""
    STOP = 5
    """Rests unseen until its trigger is reached against us, then LIMIT, or MARKET without a
    price."""
    TAKE_PROFIT = 6
    """The same, with a trigger on the side of profit."""


class TimeInForce(IntEnum):
    UNSET = 0
    GTC = 1
    IOC = 2
    FOK = 3
    GTD = 4
    """Until `expire_ns`; by the exchange where it can, else by our own timer."""


class OrderSpace(IntEnum):
    """Which list of the exchange an order stands in; each is listed and cancelled apart."""

    UNSET = 0
    BOOK = 1
    CONDITIONAL = 2
    """Waits for its trigger."""
    ALGO = 3
    """Of an exchange that keeps triggers, trailing stops and brackets behind calls of their own."""
    TWAP = 4


class InstrumentKind(IntEnum):
    UNSET = 0
    SPOT = 1
    LINEAR = 2
    """A perpetual future, margined and settled in its quote currency."""


class PositionSide(IntEnum):
    """Which position of an account an order is for; a desk of ours trades one-way alone."""

    UNSET = 0
    BOTH = 1
    LONG = 2
    SHORT = 3


class SelfTrade(IntEnum):
    """What is to happen where an order meets one of its own account; UNSET = the account's own."""

    UNSET = 0
    NONE = 1
    CANCEL_MAKER = 2
    CANCEL_TAKER = 3
    CANCEL_BOTH = 4
    DECREMENT = 5
    """Both lose what would have traded."""
    TRANSFER = 6
    """As DECREMENT, the quantities going over between accounts of a group (Binance)."""
    TAKER_PART = 7
    """The new order alone loses what would have traded (Bithumb)."""


class PriceKind(IntEnum):
    """The price that a trigger looks at."""

    UNSET = 0
    LAST = 1
    MARK = 2
    INDEX = 3


class Direction(IntEnum):
    """Which way a trigger is crossed."""

    UNSET = 0
    RISE = 1
    FALL = 2


class MarketStatus(IntEnum):
    """What an exchange lets be done on an instrument."""

    UNSET = 0
    TRADING = 1
    HALT = 2
    CANCEL_ONLY = 3
    BUY_ONLY = 4
    SELL_ONLY = 5
    POST_ONLY = 6
    REDUCE_ONLY = 7
    WARNING = 8
    """Trades, and the exchange warns of it: an investment warning, a caution."""
    DELISTING = 9
    PRE_OPEN = 10
    """Listed, not open yet: pre-market, call auction."""


class Action(IntEnum):
    """What an intent or an order command asks for."""

    UNSET = 0
    NEW = 1
    CANCEL = 2
    QUERY = 3
    CANCEL_ALL = 4
    AMEND = 5
    """The order keeps its id; price or quantity change."""
    REPLACE = 6
    """The order ends and a new one, linked to it, takes its place."""


class OrderState(IntEnum):
    """Order life; the total table is in `oms/orders/states.py`."""

    UNSET = 0
    PENDING_NEW = 1
    OPEN = 2
    PENDING_CANCEL = 3
    UNKNOWN = 4
    FILLED = 5
    CANCELED = 6
    REJECTED = 7
    EXPIRED = 8


class ExecKind(IntEnum):
    """What the venue, or the executor about the venue, says of an order."""

    UNSET = 0
    ACK = 1
    REJECT = 2
    FILL = 3
    CANCELED = 4
    EXPIRED = 5
    CANCEL_REJECT = 6
    NO_ANSWER = 7
    FOUND_OPEN = 8
    ABSENT = 9
    NOT_SENT = 10
    RECONCILED = 11
    EXTERNAL_OPEN = 12
    FOUND_FILLED = 13
    RECEIVED = 14
    """The venue's id is learnt; nothing was accepted yet."""
    TRIGGERED = 15
    """A conditional order became one of the book; the record names its id there."""
    AMENDED = 16
    AMEND_REJECT = 17
    REPLACED = 18
    """It ended in favour of the order that was linked to it."""
    REDUCED = 19
    """Its total shrank without a fill: self-trade prevention, a reduce-only order's position."""
    GONE_UNSEEN = 20
    """Acknowledged, in no complete list of open orders, its fills fetched up to then: it ended."""
    FUNDING = 21
    LIQUIDATION = 22
    """The exchange closed a position of ours."""
    ADL = 23
    """The exchange closed a position of ours against a liquidated one."""
    TRANSFER = 24
    BUST = 25
    """A trade that the exchange took back."""
    ACCOUNT_REFUSED = 26
    """How the account is set, or what its key may, keeps the desk from trading on it."""


class RejectReason(IntEnum):
    UNSET = 0
    BAD_SHAPE = 1
    UNKNOWN_INSTRUMENT = 2
    UNKNOWN_ACCOUNT = 3
    OFF_TICK = 4
    OFF_LOT = 5
    QTY_BELOW_MIN = 6
    QTY_ABOVE_MAX = 7
    NOTIONAL_BELOW_MIN = 8
    NOTIONAL_ABOVE_MAX = 9
    PRICE_COLLAR = 10
    POSITION_LIMIT = 11
    OPEN_ORDERS_LIMIT = 12
    MESSAGE_RATE = 13
    BOOK_NOT_LIVE = 14
    BOOK_STALE = 15
    DRAINING = 16
    NOT_RECONCILED = 17
    VENUE_BACKPRESSURE = 18
    OVERFLOW = 19
    ORDER_TABLE_FULL = 20
    UNKNOWN_ORDER = 21
    EXPIRED_INTENT = 22
    VENUE_REJECT = 23
    UNSUPPORTED_TICK = 24
    KILLED = 25
    WOULD_TAKE = 26
    INSUFFICIENT_FUNDS = 27
    ORDER_CLOSED = 28
    NOT_SENT = 29
    STALE_EPOCH = 30
    SELF_TRADE = 31
    DISK_LOW = 32
    SNAPSHOT_BEHIND = 33
    REDUCE_ONLY = 34
    MARKET_STATUS = 35
    """The venue does not take this order now: halted, one side alone, reduce-only."""
    PRICE_BAND = 36
    """Outside the venue's own live price limits."""
    DUPLICATE_ID = 37
    UNSUPPORTED_ORDER = 38
    """The market knows no such type, time in force or word of this order."""
    KEY_REFUSED = 39
    """The key may not: wrong, expired, without the permission, or from another address."""
    CLOCK = 40
    """Our time stamp was outside the venue's window."""
    ACCOUNT_MODE = 41
    """The account is set otherwise than the desk trades it: position mode, margin mode, level."""
    UNKNOWN_CURRENCY_RATE = 42
    """No mark brings this currency into the one that a limit is in."""


class BookState(IntEnum):
    """Only LIVE may price an order (RELIABILITY D23)."""

    UNSET = 0
    SYNCING = 1
    LIVE = 2
    STALE = 3
    GAP = 4
    CROSSED = 5


class Liquidity(IntEnum):
    UNSET = 0
    MAKER = 1
    TAKER = 2


class KillWord(IntEnum):
    """How a kill stands, or ended; a greater one says more (NINE-MARKETS.md 4)."""

    UNSET = 0
    """None was begun."""
    OPEN = 1
    """Orders are open, or it is not known whether any is."""
    EMPTY = 2
    """Nothing is open; requests without an answer could still become orders."""
    PROVED = 3
    """Nothing is open, and nothing of ours can still become an order."""


class ProcessState(IntEnum):
    UNSET = 0
    STARTING = 1
    READY = 2
    DRAINING = 3
    STOPPED = 4
    FAILED = 5


class Wait(IntEnum):
    """How a process waits for work; the core map decides."""

    UNSET = 0
    PARK = 1
    SPIN = 2


class Durability(IntEnum):
    UNSET = 0
    PROCESS_CRASH_SAFE = 1
    POWER_SAFE = 2


class Hop(IntEnum):
    """A stretch of an order's way whose latency is counted (`LATENCY_ROW`)."""

    UNSET = 0
    TICK_TO_BOOK = 1
    """Message off the socket -> top of book published."""
    TICK_TO_INTENT = 2
    """Message off the socket -> risk reads the intent that it led to."""
    INTENT_TO_SEND = 3
    """Risk reads the intent -> signed bytes given to the socket."""
    TICK_TO_SEND = 4
    """Message off the socket -> signed bytes of the order given to the socket."""
    EXECUTION_TO_RISK = 5
    """Executor publishes what the venue said -> risk folds it."""


class OperatorVerb(IntEnum):
    """What a person changed by a control socket (`OPERATOR`)."""

    UNSET = 0
    LIMITS_SET = 1
    LIMITS_DROPPED = 2
    """At a start: the config's limits have changed since, and they count."""


class PluginState(IntEnum):
    """What became of a strategy's plugin."""

    UNSET = 0
    RUNNING = 1
    FAILED = 2
    """It is called no more, its orders are cancelled, until a person resumes it."""
    RESUMED = 3
    """Risk's: a person has, and a fresh one begins."""


class PluginTrouble(IntEnum):
    """Why it is FAILED."""

    UNSET = 0
    RAISED = 1
    HUNG = 2
    FLOODED = 3


class RateShare(IntEnum):
    """Who spends of a bucket; UNSET = first reconciliations, of what others do not use."""

    UNSET = 0
    ORDERS = 1
    CANCELS = 2
    KILL = 3
    SNAPSHOTS = 4
    RECONCILIATION = 5
    """Queries of orders in doubt, the venue's list and its clock among them."""
    CONNECTIONS = 6
    """WebSockets opened."""


class LinkState(IntEnum):
    """Where a connection to a venue stands."""

    UNSET = 0
    DOWN = 1
    OPENING = 2
    OPEN = 3
    REPLACING = 4
    """Open, and its successor is being prepared."""


class BookRule(IntEnum):
    """How a venue's book messages follow one another, named by what they say."""

    UNSET = 0
    FIRST_FOLLOWS_LAST = 1
    """A diff covers ids U..u; the next one's U is this one's u + 1 (Binance spot)."""
    NAMES_PREVIOUS = 2
    """A diff names the last id before it, ids only grow (Binance futures `pu`)."""
    CONSECUTIVE = 3
    """One id a message, each one more than the last; a snapshot on the stream resets (Bybit)."""
    LINKED = 4
    """A message names the one before it; ids may fall, the links hold (OKX `prevSeqId`)."""
    FULL_EACH = 5
    """Every message is the whole book as far as it is shown (Upbit, Bithumb, Coinone)."""


ORDER_REDUCE_ONLY = 1
"""Bits of `order_flags`: may only bring a position nearer to nothing."""
ORDER_CLOSE = 2
"""Closes the whole position, whatever its size is when it trades."""

VENUE_NAMES: dict[Venue, str] = {
    venue: venue.name.lower().replace("_", ".", 1) for venue in Venue if venue
}
VENUES_BY_NAME: dict[str, Venue] = {name: venue for venue, name in VENUE_NAMES.items()}

# Flags of records (`head.flags`), bits that may be combined; a bit is never used again.
FLAG_FIRST = 1
FLAG_LAST = 2
FLAG_SNAPSHOT = 4
FLAG_REPLAYED = 8
FLAG_FOLDED = 16
FLAG_RISK_STARTED = 32
"""Update: risk began anew; what it says of no order, and readers read the tables again."""
FLAG_DRAINING = 64
"""Cycle: risk was draining."""
FLAG_LATCHED = 128
"""Cycle: the kill latch was set."""
FLAG_DISK_LOW = 256
"""Cycle: the journal's preallocated room was nearly used up."""
FLAG_FENCED = 512
"""Execution ABSENT: the order's identifier was spent before the exchange was asked."""
