"""Upbit's public stream as somebody recorded it, against our decoders of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np

from oms.venues.shared.decode_status_hot import (
    ASKS,
    BIDS,
    MSG_BIDS,
    MSG_BUYER_IS_MAKER,
    MSG_EVENT_MS,
    MSG_PX,
    MSG_QTY,
    MSG_TRADE_ID,
    MSG_TRADE_MS,
    MSG_WORDS,
)
from oms.venues.shared.symbols import SymbolTable
from oms.venues.upbit import decode, decode_hot
from shm_layout import jit
from shm_layout.jit import octets
from tests.oracles.base import Outcome

STREAM_DIGITS = 8
SUM_TOLERANCE = Decimal("0.00001")
"""The exchange adds in floating point."""
TRADE_WORDS = (MSG_PX, MSG_QTY, MSG_TRADE_ID, MSG_TRADE_MS, MSG_EVENT_MS, MSG_BUYER_IS_MAKER)


def _units(number: Any) -> int:
    return int(Decimal(number).scaleb(STREAM_DIGITS))


def judge(where: str, raw: str, outcome: Outcome) -> None:
    """A message of the public stream, through both decoders where Python may call the compiled one
    (the test suite), else through the cold one. What it says of itself is the judge: its numbers,
    and the sums of its sizes, which the exchange prints beside them."""
    said = json.loads(raw, parse_float=Decimal)
    symbol = said["cd"]
    table = SymbolTable.empty(1)
    table.add(0, symbol, STREAM_DIGITS, STREAM_DIGITS)
    data = raw.encode()
    scratch = [
        (np.zeros((2, 64), np.int64), np.zeros((2, 64), np.int64), np.zeros(MSG_WORDS, np.int64))
        for _ in range(2)
    ]
    read = [(decode.decode(data, -1, table, *scratch[1]), scratch[1])]
    if jit.COMPILING or jit.MODE is jit.Mode.PLAIN:
        hot = decode_hot.decode(
            octets(data), 0, len(data), table.index, table.text, table.scales, *scratch[0]
        )
        read.append((hot, scratch[0]))
    for status, (px, qty, msg) in read:
        outcome.compare(f"{where} is read", status, 0)
        if said["ty"] == "trade":
            found = [int(msg[word]) for word in TRADE_WORDS]
            numbers = [_units(said[n]) for n in ("tp", "tv")]
            there = [*numbers, said["sid"], said["ttms"], said["tms"], int(said["ab"] == "ASK")]
            outcome.compare(where, found, there)
            continue
        for side, letter in ((BIDS, "b"), (ASKS, "a")):
            count = int(msg[MSG_BIDS + side])
            levels = {int(px[side, k]): int(qty[side, k]) for k in range(count)}
            there = {
                _units(unit[f"{letter}p"]):
                _units(unit[f"{letter}s"]) for unit in said["obu"]
            }  # fmt: skip
            outcome.compare(f"{where} levels", levels, there)
            total = Decimal(sum(levels.values())).scaleb(-STREAM_DIGITS)
            off = abs(total - Decimal(said[f"t{letter}s"]))
            outcome.compare(f"{where} sum of sizes", off < SUM_TOLERANCE, True)
