"""Layouts and constants of the matching engine: what `engine_hot` and its cold parent share.

These records stay inside one process (the exchange); what two processes share is in
`shm_layout/records.py`. Units: prices are int64 at the symbol's px_scale, quantities at its
qty_scale, money at the asset's scale; times are nanoseconds since 1970, UTC.
"""

from __future__ import annotations

import numpy as np

NONE = -1
"""No row: end of a list, no slot."""
PX_ANY_KEY = -(2**62)
"""A limit key that every price meets: a market order."""

SIDE_BUY = 0
SIDE_SELL = 1

CMD_NEW = 1
CMD_CANCEL = 2

TYPE_LIMIT = 1
TYPE_MARKET = 2
TYPE_POST_ONLY = 3

TIF_GTC = 1
TIF_IOC = 2
TIF_FOK = 3

EV_ACCEPTED = 1
EV_TRADE = 2
EV_CANCELED = 3
EV_EXPIRED = 4
EV_REJECTED = 5
EV_LEVEL = 6
"""A price level has a new total quantity: `px`, `leaves` = the total, `update_id`."""
EV_CANCEL_REJECTED = 7
EV_FILLED = 8
"""The taker is complete, or a quote order has spent what it can."""

REASON_NONE = 0
REASON_NO_FUNDS = 1
REASON_WOULD_TAKE = 2
REASON_UNKNOWN_ORDER = 3
REASON_OVERFLOW = 4
REASON_POOL_FULL = 5
REASON_BAD_SHAPE = 6

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
COUNTERS = 16

FEE_UNIT = 1_000_000
"""Fees are in millionths of the amount."""
EVENTS_PER_COMMAND_MIN = 8
"""Events of one command beside its trades and levels."""

ORDER = np.dtype(
    [
        ("order_id", "i8"),  # 0 = free slot
        ("px", "i8"),  # px_scale
        ("leaves", "i8"),  # qty_scale
        ("reserved", "i8"),  # money still locked for it, scale of the paid asset
        ("next", "i4"),  # younger order of the level, or next free slot
        ("prev", "i4"),  # older order of the level
        ("level", "i4"),  # row of the level pool
        ("account", "i4"),
        ("symbol", "i4"),
        ("side", "i4"),
        ("tag", "i8"),  # the caller's own number, given back in events
    ]
)

LEVEL = np.dtype(
    [
        ("px", "i8"),  # px_scale
        ("qty", "i8"),  # total of the level's orders, qty_scale
        ("head", "i4"),  # oldest order
        ("tail", "i4"),  # youngest order; of a free level: next free level
        ("reserved", "i8"),
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
        ("update_id", "i8"),  # last id of the book
        ("trade_id", "i8"),  # last id of a trade
        ("reserved", "i8"),
    ]
)

ACCOUNT = np.dtype([("maker_fee_e6", "i8"), ("taker_fee_e6", "i8")])

COMMAND = np.dtype(
    [
        ("kind", "i4"),
        ("symbol", "i4"),
        ("account", "i4"),
        ("side", "i4"),
        ("type", "i4"),
        ("tif", "i4"),
        ("px", "i8"),  # px_scale; 0 for a market order
        ("qty", "i8"),  # qty_scale; 0 when given by quote amount
        ("quote_qty", "i8"),  # scale of the quote asset; 0 when given by quantity
        ("slot", "i8"),  # CANCEL: pool slot
        ("order_id", "i8"),  # CANCEL: must be the slot's order
        ("tag", "i8"),
    ]
)

EVENT = np.dtype(
    [
        ("kind", "i4"),
        ("symbol", "i4"),
        ("side", "i4"),  # of the order; of a TRADE: the taker's; of a LEVEL: the book side
        ("account", "i4"),  # of the order; of a TRADE: the taker's
        ("order_id", "i8"),
        ("px", "i8"),
        ("qty", "i8"),
        ("leaves", "i8"),  # after the event; of a LEVEL: its total
        ("quote", "i8"),  # TRADE: money that changed hands
        ("fee", "i8"),  # TRADE: taker's, in the asset that it gets
        ("maker_order_id", "i8"),
        ("maker_leaves", "i8"),
        ("maker_fee", "i8"),
        ("trade_id", "i8"),
        ("update_id", "i8"),
        ("tag", "i8"),
        ("slot", "i4"),
        ("maker_slot", "i4"),
        ("maker_account", "i4"),
        ("reason", "i4"),
    ]
)

assert ORDER.itemsize == 64
assert LEVEL.itemsize == 32
assert SYMBOL.itemsize == 64
assert COMMAND.itemsize == 72
assert EVENT.itemsize == 128
