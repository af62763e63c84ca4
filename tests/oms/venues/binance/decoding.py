"""Both decoders of Binance messages, compiled and cold, behind one call for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from oms.venues.binance import decode, decode_hot
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared.symbols import SymbolTable

LEVELS = 64
PX_SCALE = 4
QTY_SCALE = 6
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Decoding:
    """Scratch and symbol table; `fast` and `cold` give (status, message as plain values)."""

    def __init__(self, px_scale: int = PX_SCALE, qty_scale: int = QTY_SCALE) -> None:
        self.table = SymbolTable.empty(8)
        for row, symbol in enumerate(SYMBOLS):
            self.table.add(row, symbol, px_scale, qty_scale)
        self.msg = np.zeros(words.MSG_WORDS, np.int64)
        self.px = np.zeros((2, LEVELS), np.int64)
        self.qty = np.zeros((2, LEVELS), np.int64)

    def fast(self, data: bytes, hint: int = -1) -> tuple[int, dict[str, Any]]:
        # A byte that must not be read stands behind the message: overreads would find it.
        buf = np.frombuffer(b'"' + data + b'"', np.uint8)
        table = self.table
        status = decode_hot.decode(
            buf, 1, 1 + len(data), hint, _read_only(table.index), _read_only(table.text),
            _read_only(table.scales), self.px, self.qty, self.msg,
        )  # fmt: skip
        return int(status), self._message(int(status))

    def cold(self, data: bytes, hint: int = -1) -> tuple[int, dict[str, Any]]:
        status = decode.decode(data, hint, self.table, self.px, self.qty, self.msg)
        return status, self._message(status)

    def _message(self, status: int) -> dict[str, Any]:
        if status != words.OK:
            return {}
        msg = self.msg
        sides = []
        for side, count in ((0, msg[words.MSG_BIDS]), (1, msg[words.MSG_ASKS])):
            pairs = zip(self.px[side, :count], self.qty[side, :count], strict=True)
            sides.append([(int(px), int(qty)) for px, qty in pairs])
        symbol = SYMBOLS[int(msg[words.MSG_INSTRUMENT])]
        kind = int(msg[words.MSG_KIND])
        if kind == words.KIND_SNAPSHOT:
            return {
                "kind": "snapshot",
                "last_id": int(msg[words.MSG_LAST_ID]),
                "bids": sides[0],
                "asks": sides[1],
            }
        if kind == words.KIND_DEPTH:
            return {
                "kind": "depth",
                "symbol": symbol,
                "first_id": int(msg[words.MSG_FIRST_ID]),
                "last_id": int(msg[words.MSG_LAST_ID]),
                "prev_id": int(msg[words.MSG_PREV_ID]),
                "event_ms": int(msg[words.MSG_EVENT_MS]),
                "bids": sides[0],
                "asks": sides[1],
            }
        if kind == words.KIND_TRADE:
            return {
                "kind": "trade",
                "symbol": symbol,
                "trade_id": int(msg[words.MSG_TRADE_ID]),
                "px": int(msg[words.MSG_PX]),
                "qty": int(msg[words.MSG_QTY]),
                "trade_ms": int(msg[words.MSG_TRADE_MS]),
                "buyer_is_maker": bool(msg[words.MSG_BUYER_IS_MAKER]),
            }
        return {
            "kind": "ticker",
            "symbol": symbol,
            "last_id": int(msg[words.MSG_LAST_ID]),
            "bid": (int(msg[words.MSG_BID_PX]), int(msg[words.MSG_BID_QTY])),
            "ask": (int(msg[words.MSG_ASK_PX]), int(msg[words.MSG_ASK_QTY])),
        }


def _read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    view = array.view()
    view.flags.writeable = False
    return view
