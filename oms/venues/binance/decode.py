"""The cold decoder of Binance market messages: whatever `decode_hot` declines.

orjson for the syntax, exact integers for the numbers, the same scratch and the same `finish` as
the compiled path, so that both give one answer. Doubled keys: the last one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from oms.venues.binance import decode_hot as hot
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared.decimal_text import scaled
from oms.venues.shared.symbols import SymbolTable

_EVENTS = {
    "depthUpdate": hot.EVENT_DEPTH,
    "bookTicker": hot.EVENT_TICKER,
    "trade": hot.EVENT_TRADE,
}
_INTEGERS = {
    "E": (hot.K_EVENT_MS, words.MSG_EVENT_MS),
    "T": (hot.K_TRADE_MS, words.MSG_TRADE_MS),
    "U": (hot.K_FIRST, words.MSG_FIRST_ID),
    "u": (hot.K_LAST, words.MSG_LAST_ID),
    "pu": (hot.K_PREV, words.MSG_PREV_ID),
    "t": (hot.K_TRADE_ID, words.MSG_TRADE_ID),
    "lastUpdateId": (hot.K_SNAPSHOT_ID, words.MSG_LAST_ID),
}
_AMOUNTS = {
    "b": (hot.K_BIDS, hot.K_BID_PX, words.MSG_BID_PX, words.SCALE_PX),
    "a": (hot.K_ASKS, hot.K_ASK_PX, words.MSG_ASK_PX, words.SCALE_PX),
    "B": (hot.K_BID_QTY, hot.K_BID_QTY, words.MSG_BID_QTY, words.SCALE_QTY),
    "A": (hot.K_ASK_QTY, hot.K_ASK_QTY, words.MSG_ASK_QTY, words.SCALE_QTY),
    "p": (hot.K_PX, hot.K_PX, words.MSG_PX, words.SCALE_PX),
    "q": (hot.K_QTY, hot.K_QTY, words.MSG_QTY, words.SCALE_QTY),
}
_LEVEL_LISTS = {
    "b": (words.BIDS, hot.K_BID_LEVELS, words.MSG_BIDS),
    "a": (words.ASKS, hot.K_ASK_LEVELS, words.MSG_ASKS),
    "bids": (words.BIDS, hot.K_BID_LEVELS, words.MSG_BIDS),
    "asks": (words.ASKS, hot.K_ASK_LEVELS, words.MSG_ASKS),
}


def decode(
    data: bytes,
    hint: int,
    table: SymbolTable,
    px: np.ndarray[Any, Any],
    qty: np.ndarray[Any, Any],
    msg: np.ndarray[Any, Any],
) -> int:
    """As `decode_hot.decode`, for one whole message; never DECLINED, unless a snapshot has no
    `hint`."""
    hot.reset(msg, hint)
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return words.MALFORMED
    if not isinstance(found, dict):
        return words.IGNORED
    inner = found.get("data")
    fields: Mapping[str, Any] = inner if isinstance(inner, dict) else found
    if "e" in fields:
        msg[words.MSG_SEEN] |= 1 << hot.K_EVENT
        event = fields["e"]
        msg[words.MSG_EVENT_NAME] = _EVENTS.get(event, 0) if isinstance(event, str) else 0
        if msg[words.MSG_EVENT_NAME] == hot.EVENT_OTHER:
            return words.IGNORED
    symbol = fields.get("s")
    if isinstance(symbol, str):
        msg[words.MSG_SEEN] |= 1 << hot.K_SYMBOL
        if hint < 0:
            msg[words.MSG_INSTRUMENT] = table.find(symbol) if symbol.isascii() else -1
        if msg[words.MSG_INSTRUMENT] == words.NOT_OURS:
            return words.IGNORED
    _integers(fields, msg)
    if msg[words.MSG_INSTRUMENT] >= 0:
        _amounts(fields, table.scales[msg[words.MSG_INSTRUMENT]], px, qty, msg)
    if isinstance(fields.get("m"), bool):
        msg[words.MSG_SEEN] |= 1 << hot.K_MAKER
        msg[words.MSG_BUYER_IS_MAKER] = int(fields["m"])
    return int(hot.finish(msg))


def _note(msg: np.ndarray[Any, Any], trouble: int) -> None:
    msg[words.MSG_TROUBLE] = max(int(msg[words.MSG_TROUBLE]), trouble)


def _integers(fields: Mapping[str, Any], msg: np.ndarray[Any, Any]) -> None:
    for name, (key, word) in _INTEGERS.items():
        if name not in fields:
            continue
        value = fields[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            _note(msg, words.MALFORMED)
        elif value > words.VALUE_MAX:
            _note(msg, words.OUT_OF_RANGE)
        else:
            msg[words.MSG_SEEN] |= 1 << key
            msg[word] = value


def _amounts(
    fields: Mapping[str, Any],
    scales: np.ndarray[Any, Any],
    px: np.ndarray[Any, Any],
    qty: np.ndarray[Any, Any],
    msg: np.ndarray[Any, Any],
) -> None:
    for name, (key, px_key, word, scale) in _AMOUNTS.items():
        if isinstance(fields.get(name), str):
            value, trouble = scaled(fields[name], int(scales[scale]))
            _note(msg, trouble)
            msg[words.MSG_SEEN] |= (1 << key) | (1 << px_key)
            msg[word] = value
    for name, (side, bit, word) in _LEVEL_LISTS.items():
        if isinstance(fields.get(name), list):
            msg[words.MSG_SEEN] |= 1 << bit
            msg[word] = _levels(fields[name], scales, px[side], qty[side], msg)


def _levels(
    given: list[Any],
    scales: np.ndarray[Any, Any],
    px: np.ndarray[Any, Any],
    qty: np.ndarray[Any, Any],
    msg: np.ndarray[Any, Any],
) -> int:
    if len(given) > px.size:
        _note(msg, words.TOO_LARGE)
    for at, level in enumerate(given[: px.size]):
        if not isinstance(level, list) or len(level) < 2:
            _note(msg, words.MALFORMED)
            return 0
        px[at], px_trouble = scaled(level[0], int(scales[words.SCALE_PX]))
        qty[at], qty_trouble = scaled(level[1], int(scales[words.SCALE_QTY]))
        _note(msg, max(px_trouble, qty_trouble))
        if px[at] == 0:
            _note(msg, words.MALFORMED)
    return min(len(given), px.size)
