"""The cold decoder of Upbit market messages: whatever `decode_hot` declines.

The standard library's JSON, which keeps the text of a number, and exact integers; the same scratch
as the compiled path, whose reference in plain Python it is. Of a name that comes twice the last one
counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

import numpy as np

from oms.venues.shared import decode_status_hot as words
from oms.venues.shared.symbols import SymbolTable
from oms.venues.upbit import decode_hot as hot

Array = np.ndarray[Any, Any]
_TYPES = {"orderbook": hot.TYPE_BOOK, "trade": hot.TYPE_TRADE}
_NAMES = {
    "ty": "type", "cd": "code", "tms": "timestamp", "obu": "orderbook_units", "tp": "trade_price",
    "tv": "trade_volume", "ab": "ask_bid", "ttms": "trade_timestamp", "sid": "sequential_id",
    "ap": "ask_price", "bp": "bid_price", "as": "ask_size", "bs": "bid_size",
}  # fmt: skip
_INTEGERS = {
    "timestamp": (hot.K_STAMP_MS, words.MSG_EVENT_MS),
    "trade_timestamp": (hot.K_TRADE_MS, words.MSG_TRADE_MS),
    "sequential_id": (hot.K_TRADE_ID, words.MSG_TRADE_ID),
}
_DIGITS_MAX = 60


def decode(data: bytes, hint: int, table: SymbolTable, px: Array, qty: Array, msg: Array) -> int:
    """As `decode_hot.decode`, for one whole message; never DECLINED."""
    del hint
    msg[:] = 0
    msg[words.MSG_INSTRUMENT], msg[words.MSG_EVENT_NAME] = words.NOT_SEEN, hot.TYPE_OTHER
    try:
        found = json.loads(data, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return words.MALFORMED
    if not isinstance(found, dict):
        return words.IGNORED
    fields = _long(found)
    msg[words.MSG_EVENT_NAME] = _TYPES.get(str(fields.get("type")), hot.TYPE_OTHER)
    symbol = fields.get("code")
    if msg[words.MSG_EVENT_NAME] == hot.TYPE_OTHER or not isinstance(symbol, str):
        return words.IGNORED if msg[words.MSG_EVENT_NAME] == hot.TYPE_OTHER else words.MALFORMED
    msg[words.MSG_INSTRUMENT] = table.find(symbol) if symbol.isascii() else words.NOT_OURS
    if msg[words.MSG_INSTRUMENT] == words.NOT_OURS:
        return words.IGNORED
    msg[words.MSG_SEEN] |= 1 << hot.K_CODE
    try:
        _read(fields, table.scales[msg[words.MSG_INSTRUMENT]], px, qty, msg)
    except (ValueError, KeyError, TypeError, InvalidOperation):
        return words.MALFORMED
    return _finish(msg)


def _finish(msg: Array) -> int:
    """What the message is, now that all of it was read; a status."""
    is_book = msg[words.MSG_EVENT_NAME] == hot.TYPE_BOOK
    need = hot.NEED_BOOK if is_book else hot.NEED_TRADE
    if int(msg[words.MSG_SEEN]) & need != need:
        return words.MALFORMED
    if msg[words.MSG_TROUBLE]:
        return int(msg[words.MSG_TROUBLE])
    msg[words.MSG_KIND] = words.KIND_SNAPSHOT if is_book else words.KIND_TRADE
    if is_book:
        msg[words.MSG_LAST_ID] = msg[words.MSG_EVENT_MS]
    elif msg[words.MSG_PX] == 0:
        return words.MALFORMED
    return words.OK


def _note_level(
    msg: Array, px: Array, qty: Array, side: int, level_px: int, level_qty: int
) -> None:
    """One side of one level into the scratch; padding is left out."""
    count = int(msg[words.MSG_BIDS + side])
    if not level_px:
        return
    if count >= px.shape[1]:
        msg[words.MSG_TROUBLE] = max(int(msg[words.MSG_TROUBLE]), words.TOO_LARGE)
        return
    px[side, count], qty[side, count] = level_px, level_qty
    msg[words.MSG_BIDS + side] = count + 1


def _long(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {_NAMES.get(name, name): value for name, value in fields.items()}


def _read(fields: Mapping[str, Any], scales: Array, px: Array, qty: Array, msg: Array) -> None:
    px_scale, qty_scale = int(scales[words.SCALE_PX]), int(scales[words.SCALE_QTY])
    for name, (key, word) in _INTEGERS.items():
        if name in fields:
            msg[word] = _integer(fields[name], msg)
            msg[words.MSG_SEEN] |= 1 << key
    if "ask_bid" in fields:
        msg[words.MSG_BUYER_IS_MAKER] = {"ASK": 1, "BID": 0}[fields["ask_bid"]]
        msg[words.MSG_SEEN] |= 1 << hot.K_ASK_BID
    if "trade_price" in fields:
        msg[words.MSG_PX] = _amount(fields["trade_price"], px_scale, msg, cuts=False)
        msg[words.MSG_SEEN] |= 1 << hot.K_PX
    if "trade_volume" in fields:
        msg[words.MSG_QTY] = _amount(fields["trade_volume"], qty_scale, msg, cuts=True)
        msg[words.MSG_SEEN] |= 1 << hot.K_QTY
    if "orderbook_units" in fields:
        msg[words.MSG_BIDS] = msg[words.MSG_ASKS] = 0
        for unit in map(_long, fields["orderbook_units"]):
            for side, name in ((words.BIDS, "bid"), (words.ASKS, "ask")):
                level_px = _amount(unit[f"{name}_price"], px_scale, msg, cuts=False)
                level_qty = _amount(unit[f"{name}_size"], qty_scale, msg, cuts=True)
                _note_level(msg, px, qty, side, level_px, level_qty)
        msg[words.MSG_SEEN] |= 1 << hot.K_UNITS


def _integer(value: Any, msg: Array) -> int:
    number = int(value)
    if number < 0:
        raise ValueError(value)
    if number > words.VALUE_MAX:
        _note(msg, words.OUT_OF_RANGE)
        return 0
    return number


def _amount(value: Any, scale: int, msg: Array, *, cuts: bool) -> int:
    """A number or a text at `scale`, cut down."""
    if not isinstance(value, str) or len(value) > _DIGITS_MAX:
        raise ValueError(value)
    with localcontext() as context:
        context.prec = 200
        exact = Decimal(value).scaleb(scale)
    if not exact.is_finite() or exact < 0:
        raise ValueError(value)
    if exact > words.VALUE_MAX:
        _note(msg, words.OUT_OF_RANGE)
        return 0
    if exact != int(exact) and not cuts:
        _note(msg, words.UNSUPPORTED_TICK)
    return int(exact)


def _note(msg: Array, trouble: int) -> None:
    msg[words.MSG_TROUBLE] = max(int(msg[words.MSG_TROUBLE]), trouble)
