"""The venue's words for sides, types, times in force and self-trade prevention, both ways.

Source: enums.md.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay

SIDES = {"BUY": lay.SIDE_BUY, "SELL": lay.SIDE_SELL}
TIMES = {"GTC": lay.TIF_GTC, "IOC": lay.TIF_IOC, "FOK": lay.TIF_FOK}
TYPES = {
    "LIMIT": lay.TYPE_LIMIT,
    "MARKET": lay.TYPE_MARKET,
    "LIMIT_MAKER": lay.TYPE_POST_ONLY,
    "STOP_LOSS": lay.TYPE_STOP_LOSS,
    "STOP_LOSS_LIMIT": lay.TYPE_STOP_LOSS_LIMIT,
    "TAKE_PROFIT": lay.TYPE_TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": lay.TYPE_TAKE_PROFIT_LIMIT,
}
MODES = {
    "NONE": lay.STP_NONE,
    "EXPIRE_TAKER": lay.STP_EXPIRE_TAKER,
    "EXPIRE_MAKER": lay.STP_EXPIRE_MAKER,
    "EXPIRE_BOTH": lay.STP_EXPIRE_BOTH,
    "DECREMENT": lay.STP_DECREMENT,
    "TRANSFER": lay.STP_TRANSFER,
}
CONTINGENT = frozenset(
    {
        lay.TYPE_STOP_LOSS,
        lay.TYPE_STOP_LOSS_LIMIT,
        lay.TYPE_TAKE_PROFIT,
        lay.TYPE_TAKE_PROFIT_LIMIT,
    }
)
PRICED = frozenset(
    {
        lay.TYPE_LIMIT,
        lay.TYPE_POST_ONLY,
        lay.TYPE_STOP_LOSS_LIMIT,
        lay.TYPE_TAKE_PROFIT_LIMIT,
    }
)
TIMED = PRICED - {lay.TYPE_POST_ONLY}
CONTINGENCIES = {lay.LIST_OCO: "OCO", lay.LIST_OTO: "OTO", lay.LIST_OTOCO: "OTO"}

SIDE_TEXTS = {value: name for name, value in SIDES.items()}
TIME_TEXTS = {value: name for name, value in TIMES.items()}
TYPE_TEXTS = {value: name for name, value in TYPES.items()}
MODE_TEXTS = {value: name for name, value in MODES.items()}
