"""Binance's market data, spot and futures alike: our decoder against a message's own texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oms.venues.binance import decode
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared.symbols import SymbolTable
from tests.oracles.base import Outcome
from tests.oracles.exchanges.matching import SCALE, units

LEVELS = 5_000
EVENTS = frozenset({"depthUpdate", "bookTicker", "trade"})
_TICKER = ("u", "s", "b", "B", "a", "A")
Levels = list[tuple[int, int]]


def is_read(message: Mapping[str, Any]) -> bool:
    """Whether the market side reads it: a change of the book, its best prices, a trade, or a
    snapshot; spot's `bookTicker` has no `e`."""
    if "e" in message:
        return message["e"] in EVENTS
    return is_snapshot(message) or all(name in message for name in _TICKER)


def is_snapshot(message: Any) -> bool:
    """Whether it is an answer of `depth`."""
    return isinstance(message, dict) and {"lastUpdateId", "bids", "asks"} <= message.keys()


def judge(where: str, raw: str, message: Mapping[str, Any], outcome: Outcome) -> None:
    """`raw` as it came, `message` without its wrapper."""
    snapshot = is_snapshot(message)
    table = SymbolTable.empty(8)
    table.add(0, _symbol(message), SCALE, SCALE)
    msg = np.zeros(words.MSG_WORDS, np.int64)
    px, qty = (np.zeros((2, LEVELS), np.int64) for _ in range(2))
    status = decode.decode(raw.encode(), 0 if snapshot else -1, table, px, qty, msg)
    if message.get("e") == "trade" and not units(message["p"]):
        outcome.compare(where, status, words.IGNORED)
        return
    if status != words.OK:
        outcome.differ(f"{where}: status {status} of {raw[:80]}")
        return
    outcome.compare(where, _found(msg, px, qty), _expected(message))


def _symbol(message: Mapping[str, Any]) -> str:
    found = str(message.get("s") or "ANY")
    if len(found.encode()) > words.SYMBOL_BYTES_MAX:
        raise ValueError(f"symbol {found} has more than {words.SYMBOL_BYTES_MAX} bytes")
    return found


def _side(px: Any, qty: Any, count: int) -> Levels:
    return [(int(p), int(q)) for p, q in zip(px[:count], qty[:count], strict=True)]


def _found(msg: Any, px: Any, qty: Any) -> tuple[Any, ...]:
    kind = int(msg[words.MSG_KIND])
    bids = _side(px[words.BIDS], qty[words.BIDS], int(msg[words.MSG_BIDS]))
    asks = _side(px[words.ASKS], qty[words.ASKS], int(msg[words.MSG_ASKS]))
    if kind == words.KIND_SNAPSHOT:
        return ("snapshot", int(msg[words.MSG_LAST_ID]), bids, asks)
    if kind == words.KIND_DEPTH:
        ids = tuple(int(msg[w]) for w in (words.MSG_FIRST_ID, words.MSG_LAST_ID))
        return ("depth", *ids, bids, asks)
    if kind == words.KIND_TRADE:
        said = (words.MSG_TRADE_ID, words.MSG_PX, words.MSG_QTY, words.MSG_TRADE_MS)
        return ("trade", *(int(msg[w]) for w in said), bool(msg[words.MSG_BUYER_IS_MAKER]))
    best = (words.MSG_LAST_ID, words.MSG_BID_PX, words.MSG_BID_QTY, words.MSG_ASK_PX,
            words.MSG_ASK_QTY)  # fmt: skip
    return ("ticker", *(int(msg[w]) for w in best))


def _expected(message: Mapping[str, Any]) -> tuple[Any, ...]:
    if is_snapshot(message):
        return (
            "snapshot", message["lastUpdateId"], _levels(message["bids"]), _levels(message["asks"]),
        )  # fmt: skip
    if message.get("e") == "depthUpdate":
        return (
            "depth", message["U"], message["u"], _levels(message["b"]), _levels(message["a"]),
        )  # fmt: skip
    if message.get("e") == "trade":
        return (
            "trade", message["t"], units(message["p"]), units(message["q"]), message["T"],
            message["m"],
        )  # fmt: skip
    return ("ticker", message["u"], *(units(message[name]) for name in ("b", "B", "a", "A")))


def _levels(given: Sequence[Sequence[str]]) -> Levels:
    return [(units(level[0]), units(level[1])) for level in given]
