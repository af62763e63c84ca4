"""Layouts and constants of the matching engine: what `engine_hot` and its cold parent share.

These records stay inside one process (the exchange); a command is also written to the write-ahead
log, so its layout is `shm_layout.records.MATCH_COMMAND`. Units: prices are int64 at the symbol's
px_scale, quantities at its qty_scale, money at the asset's scale; times are nanoseconds since 1970,
UTC. Rules and names of order types, lists, filters and self-trade prevention are Binance spot's.
"""

from __future__ import annotations

import numpy as np

from shm_layout.records import MATCH_COMMAND

NONE = -1
"""No row: end of a list, no slot."""
PX_ANY_KEY = -(2**62)
"""A limit key that every price meets: a market order."""

SIDE_BUY = 0
SIDE_SELL = 1

CMD_NEW = 1
CMD_CANCEL = 2
"""Of an order in a list: cancels the whole list."""
CMD_AMEND = 3
"""Quantity down to `qty` (the whole order's, filled part included); keeps its place."""
CMD_REPLACE = 4
"""Cancel what `slot` and `order_id` name, then the CMD_NEW that is the next command."""
CMD_LIST = 5
"""An order list; its legs are the next commands, each a CMD_NEW: `mode` says which list."""
CMD_DEPOSIT = 6
"""`qty` more (or less) of the asset in `symbol`, from outside."""
CMD_SET_FEES = 7
"""Own rates of `account`: `px` maker, `qty` taker, millionths."""
CMD_SET_TIER = 8
"""`account` pays the rates of tier `order_id`."""
CMD_SET_TIER_FEES = 9
"""Rates of tier `order_id` for `symbol`: `px` maker, `qty` taker."""
CMD_SET_FEE_COIN = 10
"""`account` pays its fees in the fee coin (`qty` 1) or not (0)."""
CMD_SET_COIN_PX = 11
"""Fee coin for money of the asset in `symbol`: money * `px` / `qty`."""
CMD_SET_GROUP = 12
"""`account` belongs to trade group `order_id`; NO_GROUP = none."""
CMD_SET_STATE = 13
"""State of the market `symbol`: `mode` is a STATE_*."""
CMD_SET_UNBOUNDED = 14
"""What is open of `account` is bounded (`qty` 0, as it begins) or not (1)."""

TYPE_LIMIT = 1
TYPE_MARKET = 2
TYPE_POST_ONLY = 3
TYPE_STOP_LOSS = 4
TYPE_STOP_LOSS_LIMIT = 5
TYPE_TAKE_PROFIT = 6
TYPE_TAKE_PROFIT_LIMIT = 7

TIF_GTC = 1
TIF_IOC = 2
TIF_FOK = 3

STP_NONE = 0
STP_EXPIRE_TAKER = 1
STP_EXPIRE_MAKER = 2
STP_EXPIRE_BOTH = 3
STP_DECREMENT = 4
STP_TRANSFER = 5
NO_GROUP = -1

REPLACE_STOP_ON_FAILURE = 0
REPLACE_ALLOW_FAILURE = 1
RESTRICT_NONE = 0
RESTRICT_ONLY_NEW = 4
"""Cancel only what has no fill yet; added to a REPLACE_* in `mode`."""
RESTRICT_ONLY_PARTLY_FILLED = 8
REPLACE_MASK = 3
RESTRICT_MASK = 12

LIST_OCO = 1
LIST_OTO = 2
LIST_OTOCO = 3
LEGS_MAX = 3

STATE_TRADING = 0
STATE_HALT = 1
STATE_BREAK = 2
STATE_CANCEL_ONLY = 3

EV_ACCEPTED = 1
"""`reason` says what it waits for (WAIT_*); `slot` its place unless it never rested;
`maker_order_id` its list (0 = none), `maker_slot` its leg in the list, from 0."""
EV_TRADE = 2
EV_CANCELED = 3
EV_EXPIRED = 4
"""`reason`: REASON_NONE by its time in force or for want of a book, REASON_STP, REASON_LIST
(another leg was filled or triggered, or the working leg ended), REASON_NO_FUNDS or another refusal
at the moment at which it was triggered or placed. `qty` is the order's, `leaves` what was open."""
EV_REJECTED = 5
"""A new order or list; `tag` is the command's (of a list: of its first command)."""
EV_LEVEL = 6
"""A price level has a new total quantity: `px`, `leaves` = the visible total, `update_id`."""
EV_CANCEL_REJECTED = 7
EV_FILLED = 8
"""The taker is complete, or a quote order has spent what it can."""
EV_TRIGGERED = 9
"""A contingent order's condition was met by a trade at `px`; it trades or rests next."""
EV_PLACED = 10
"""A pending leg was placed; `reason` says what it waits for now (WAIT_*)."""
EV_AMENDED = 11
"""`qty` is the order's new quantity, `leaves` what is open."""
EV_AMEND_REJECTED = 12
EV_PREVENTED = 13
"""A self-trade that did not happen: `trade_id` = prevented match id, `qty` the taker's prevented
quantity (0 = none), `fee` the maker's, `leaves` and `maker_leaves` after it, `quote` the notional
that a TRANSFER moved, `reason` the mode that took effect (STP_*)."""
EV_LIST = 14
"""`order_id` = list id, `reason` = LIST_*, `qty` = its kind (LIST_OCO …), `leaves` its legs."""
EV_NOT_ATTEMPTED = 15
"""The new order of a replace whose cancel failed."""
EV_BALANCE = 16
"""A deposit: asset in `symbol`, `qty` the change, `leaves` the free balance after it."""
EV_STATE = 17
"""Of a market: `reason` is its STATE_*."""
EV_L3_ADD = 18
EV_L3_CHANGE = 19
EV_L3_REMOVE = 20
"""One resting order as the book shows it: `order_id`, `px`, `qty` = visible now. A CHANGE whose
`leaves` is 1 went to the end of the queue (an iceberg showing its next part)."""

LIST_STARTED = 1
LIST_UPDATED = 2
LIST_DONE = 3

WAIT_NOTHING = 0
WAIT_TRIGGER = 1
WAIT_WORKING = 2
"""A pending leg: for the working leg to be filled."""

REASON_NONE = 0
REASON_NO_FUNDS = 1
REASON_WOULD_TAKE = 2
REASON_UNKNOWN_ORDER = 3
REASON_OVERFLOW = 4
REASON_POOL_FULL = 5
REASON_BAD_SHAPE = 6
REASON_WOULD_TRIGGER = 7
REASON_MARKET_CLOSED = 8
REASON_CANCEL_ONLY = 9
REASON_PRICE_MIN = 10
REASON_PRICE_MAX = 11
REASON_PRICE_TICK = 12
REASON_PERCENT_PRICE = 13
REASON_LOT_MIN = 14
REASON_LOT_MAX = 15
REASON_LOT_STEP = 16
REASON_MARKET_LOT_MIN = 17
REASON_MARKET_LOT_MAX = 18
REASON_MARKET_LOT_STEP = 19
REASON_NOTIONAL_MIN = 20
REASON_NOTIONAL_MAX = 21
REASON_ICEBERG_PARTS = 22
REASON_MAX_ORDERS = 23
REASON_MAX_ALGO_ORDERS = 24
REASON_MAX_ICEBERG_ORDERS = 25
REASON_MAX_LISTS = 26
REASON_MAX_AMENDS = 27
REASON_TRAILING_DELTA = 28
REASON_MAX_POSITION = 29
REASON_STP = 30
REASON_LIST = 31
REASON_LIST_PRICES = 32
"""The legs of an OCO do not stand on both sides of the last price as they must."""
REASON_AMEND_QTY = 33
"""Not below the order's quantity, or not above what is filled."""
REASON_RESTRICTED = 34
"""The cancel's restriction (RESTRICT_*) does not hold."""
REASON_EXCHANGE_ORDERS = 35
REASON_EXCHANGE_ALGO_ORDERS = 36
REASON_EXCHANGE_ICEBERG_ORDERS = 37
REASON_EXCHANGE_LISTS = 38
REASON_MAX_ASSET = 39

STEP_IDLE = 0
STEP_BUDGET = 1
STEP_EVENTS_FULL = 2

C_NEXT_ORDER_ID = 0
C_FREE_ORDER = 1
C_FREE_LEVEL = 2
C_LIVE_ORDERS = 3
C_LIVE_LEVELS = 4
C_COMMAND_HEAD = 5
C_COMMAND_TAIL = 6
C_EVENTS = 7
C_CHECK_FUNDS = 8
C_L3 = 9
"""1 = tell EV_L3_* of each resting order."""
C_NEXT_LIST_ID = 10
C_FREE_LIST = 11
C_FEE_ASSET = 12
"""The fee coin's asset row; NONE = there is none."""
C_FEE_COIN_E6 = 13
"""What is left of a fee that is paid in the coin, millionths."""
C_QUEUE_HEAD = 14
"""Triggered orders and placed legs that have still to run: a list by ORDER.next, oldest first."""
C_QUEUE_TAIL = 15
C_LIVE_PARTS = 16
"""Parts of all live icebergs, for the room that their events may need."""
C_LIVE_LISTS = 17
COUNTERS = 24

BOOKS = 5
"""Sorted level arrays of a symbol: bids, asks, and the three of the trigger book."""
BOOK_UP = 2
"""Triggered by a trade at or above the stop price; lowest first."""
BOOK_DOWN = 3
"""Triggered at or below; highest first."""
BOOK_TRAIL = 4
"""Trailing orders: one queue, oldest first."""

N_ORDERS = 0
N_ALGO = 1
N_ICEBERG = 2
N_LISTS = 3
N_BUY_QTY = 4
OPEN_COUNTS = 5
"""Columns of `open_counts[account, symbol]`; N_BUY_QTY is the open quantity of buy orders."""
OPEN_TOTALS = 4
"""Columns of `open_totals[account]`, over all symbols: those before N_BUY_QTY."""

PX_LIMIT = 1 << 48
"""What no price may pass, so that a price times basis points fits."""
FEE_UNIT = 1_000_000
"""Fees are in millionths of the amount."""
BIPS_UNIT = 10_000
TIERS = 16
"""Fee tiers; each has its rates per symbol."""
AVERAGE_SECONDS = 300
"""The average price's window."""
EVENTS_PER_COMMAND_MIN = 32
"""Events of one command beside those of the orders and levels that it meets."""
EVENTS_PER_ORDER = 12
"""At most so many events tell of one resting order that a command meets."""

F_COUNTED = 1
"""It stands in `open_counts`."""
F_CONTINGENT = 2
"""In the trigger book."""
F_PENDING = 4
"""A leg that waits for its list's working order."""
F_TRACKING = 8
"""Trailing: its extreme price is being followed."""

ORDER = np.dtype(
    [
        ("order_id", "i8"),  # 0 = free slot
        ("px", "i8"),  # px_scale
        ("leaves", "i8"),  # open quantity, hidden part included, qty_scale
        ("shown", "i8"),  # of it visible on the book
        ("reserved", "i8"),  # money still locked for it, scale of the paid asset
        ("next", "i4"),  # younger order of the level, or next free slot
        ("prev", "i4"),  # older order of the level
        ("level", "i4"),  # row of the level pool; NONE = on no book
        ("account", "i4"),
        ("symbol", "i4"),
        ("side", "i2"),
        ("stp", "i2"),
        ("tag", "i8"),  # the caller's own number, given back in events
        ("qty", "i8"),  # as ordered or amended
        ("prevented", "i8"),  # by self-trade prevention
        ("stop_px", "i8"),
        ("trail_px", "i8"),  # extreme price seen while tracking
        ("iceberg_qty", "i8"),
        ("list", "i4"),  # row of the list pool; NONE
        ("book", "i4"),  # row of its sorted level array
        ("trailing_bips", "i2"),
        ("flags", "i2"),  # F_*
        ("amends", "i2"),
        ("type", "i1"),
        ("tif", "i1"),
    ]
)

LEVEL = np.dtype(
    [
        ("px", "i8"),  # px_scale
        ("qty", "i8"),  # visible total of the level's orders, qty_scale
        ("hidden", "i8"),  # what icebergs have beside it
        ("head", "i4"),  # oldest order
        ("tail", "i4"),  # youngest order; of a free level: next free level
    ]
)

LIST = np.dtype(
    [
        ("list_id", "i8"),  # 0 = free row
        ("reserved", "i8"),  # money locked for the pair of an OCO as long as both legs stand
        ("kind", "i4"),  # LIST_*
        ("account", "i4"),
        ("symbol", "i4"),
        ("working", "i4"),  # order slot; NONE = ended
        ("first", "i4"),  # pending legs or pair
        ("second", "i4"),  # NONE = there is none, or ended; of a free row: next free row
        ("tag", "i8"),
    ]
)

SYMBOL = np.dtype(
    [
        ("base", "i4"),  # asset row
        ("quote", "i4"),  # asset row
        ("lot", "i8"),  # qty_scale
        ("notional_mul", "i8"),  # money = px * (qty * mul) / div
        ("notional_div", "i8"),
        ("base_mul", "i8"),  # money of the base asset = qty * base_mul
        ("qty_limit", "i8"),  # what no quantity may pass, so that nothing overflows
        ("update_id", "i8"),  # last id of the book
        ("trade_id", "i8"),  # last id of a trade
        ("prevented_id", "i8"),  # last id of a prevented match
        ("last_px", "i8"),  # of the last trade; 0 = none
        ("contingent", "i8"),  # orders in the trigger book
        ("state", "i4"),  # STATE_*
        ("filtered", "i4"),  # 1 = some filter below, or of the exchange, is on
        ("average_on", "i4"),  # 1 = keep the average price
        ("market_minimum_on", "i4"),  # the notional filter's lower bound binds market orders
        ("market_maximum_on", "i4"),
        ("average_s", "i4"),  # seconds of the average; 0 = last price
        ("tick", "i8"),  # filters from here on: 0 = off
        ("px_min", "i8"),
        ("px_max", "i8"),
        ("step", "i8"),
        ("qty_min", "i8"),
        ("qty_max", "i8"),
        ("market_step", "i8"),
        ("market_qty_min", "i8"),
        ("market_qty_max", "i8"),
        ("notional_min", "i8"),
        ("notional_max", "i8"),
        ("bid_up_e6", "i8"),  # of the average price, millionths
        ("bid_down_e6", "i8"),
        ("ask_up_e6", "i8"),
        ("ask_down_e6", "i8"),
        ("orders_max", "i8"),
        ("algo_max", "i8"),
        ("iceberg_max", "i8"),
        ("lists_max", "i8"),
        ("amends_max", "i8"),
        ("iceberg_parts", "i8"),
        ("above_min", "i8"),  # trailing bips
        ("above_max", "i8"),
        ("below_min", "i8"),
        ("below_max", "i8"),
        ("position_max", "i8"),  # qty_scale
        ("sum_second", "i8"),  # newest second in the average's window
        ("sum_quote", "i8"),  # money of the window's trades
        ("sum_qty", "i8"),
        ("average_px", "i8"),  # of these sums, once it was asked for; 0 = not since they changed
    ]
)

ACCOUNT = np.dtype(
    [
        ("maker_fee_e6", "i8"),
        ("taker_fee_e6", "i8"),
        ("group", "i8"),  # trade group; NO_GROUP
        ("tier", "i4"),  # NONE = the account's own rates
        ("fee_coin", "i4"),  # 1 = pays in the fee coin while it has enough
        ("unbounded", "i8"),  # 1 = MAX_NUM_* and MAX_ASSET do not bind it: the house
    ]
)

COMMAND = MATCH_COMMAND

EVENT = np.dtype(
    {
        "names": [
            "kind", "symbol", "side", "account", "order_id", "px", "qty", "leaves", "quote", "fee",
            "maker_order_id", "maker_leaves", "maker_fee", "trade_id", "update_id", "tag", "slot",
            "maker_slot", "maker_account", "reason", "fee_asset", "maker_fee_asset",
        ],
        "formats": [
            "i2", "i4", "i2", "i4", "i8", "i8", "i8", "i8", "i8", "i8",
            "i8", "i8", "i8", "i8", "i8", "i8", "i4",
            "i4", "i4", "i4", "i2", "i2",
        ],
        "offsets": [
            0, 4, 2, 8, 16, 24, 32, 40, 48, 56,
            64, 72, 80, 88, 96, 104, 112,
            116, 120, 12, 124, 126,
        ],
        "itemsize": 128,
    }
)  # fmt: skip
"""What happened. `side` and `account` are the order's; of a TRADE and a PREVENTED the taker's; of a
LEVEL the book's side. `leaves` is after the event. `quote`: money that changed hands; `fee` and
`maker_fee`: in `fee_asset` and `maker_fee_asset`. Fields that a kind does not use hold no meaning
unless its text above says so."""

assert ORDER.itemsize == 128
assert LEVEL.itemsize == 32
assert LIST.itemsize == 48
assert COMMAND.itemsize == 128
assert EVENT.itemsize == 128
