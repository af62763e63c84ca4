"""Oracle reader of folder `nautilus`: a message a file, by exchange.

`<exchange>/<name>.json` holds a push or a reply of REST without its path: what it is an answer to
is known by the fields of its rows. Files of recorders and of market data are left for later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.oracles.base import Outcome
from tests.oracles.exchanges import binance_spot, bybit, okx, usdm
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.kinds import guarded

Paths = Sequence[tuple[frozenset[str], tuple[str, str]]]


def _paths(*rows: tuple[str, str, str]) -> Paths:
    return [(frozenset(names.split()), (method, path)) for names, method, path in rows]


BYBIT = _paths(
    ("takerFeeRate makerFeeRate", "GET", "/v5/account/fee-rate"),
    ("priceFilter", "GET", "/v5/market/instruments-info"),
    ("orderId orderStatus", "GET", "/v5/order/history"),
    ("execId execPrice execFee", "GET", "/v5/execution/list"),
    ("coin accountType", "GET", "/v5/account/wallet-balance"),
    ("positionIdx size avgPrice", "GET", "/v5/position/list"),
    ("apiKey", "GET", "/v5/user/list-sub-apikeys"), ("uid", "GET", "/v5/user/query-sub-members"),
)  # fmt: skip
OKX = _paths(
    ("sprdId", "GET", "/api/v5/sprd/orders"),
    ("algoId sCode", "POST", "/api/v5/trade/order-algo"),
    ("ordId sCode", "POST", "/api/v5/trade/order"),
    ("algoId ordType triggerTime", "GET", "/api/v5/trade/orders-algo-history"),
    ("algoId algoClOrdId triggerPx state", "GET", "/api/v5/trade/orders-algo-history"),
    ("ordId state accFillSz", "GET", "/api/v5/trade/orders-history"),
    ("ordId tradeId fillPx", "GET", "/api/v5/trade/fills"),
    ("details adjEq", "GET", "/api/v5/account/balance"),
    ("closeAvgPx", "GET", "/api/v5/account/positions-history"),
    ("posId avgPx mgnMode", "GET", "/api/v5/account/positions"),
    ("level maker taker", "GET", "/api/v5/account/trade-fee"),
    ("posMode", "POST", "/api/v5/account/set-position-mode"),
    ("instId tickSz lotSz", "GET", "/api/v5/public/instruments"),
)  # fmt: skip
USDM = _paths(
    ("asset balance availableBalance", "GET", "/fapi/v3/balance"),
    ("positionAmt leverage", "GET", "/fapi/v2/positionRisk"),
    ("positionAmt entryPrice", "GET", "/fapi/v3/positionRisk"),
    ("algoId algoStatus", "GET", "/fapi/v1/allAlgoOrders"),
    ("orderId status origQty", "GET", "/fapi/v1/allOrders"),
    ("orderId commission buyer", "GET", "/fapi/v1/userTrades"),
    ("symbols rateLimits", "GET", "/fapi/v1/exchangeInfo"),
    ("makerCommissionRate", "GET", "/fapi/v1/commissionRate"),
    ("marginType leverage", "GET", "/fapi/v1/symbolConfig"),
    ("lastUpdateId bids", "GET", "/fapi/v1/depth"),
    ("incomeType", "GET", "/fapi/v1/income"), ("serverTime", "GET", "/fapi/v1/time"),
)  # fmt: skip


class NautilusReader:
    """Dispatches by folder."""

    folder = "nautilus"
    patterns = ("*.json",)

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            outcome.items += 1
            judge = EXCHANGES.get(path.parent.name)
            if judge is None:
                outcome.leave(f"{path.parent.name}/*.json")
                continue
            raw = path.read_text(encoding="utf-8")
            guarded(path.name, outcome, partial(_one, judge, path, raw, outcome))
        return outcome


def _one(
    judge: Callable[[str, str, Outcome], None], path: Path, raw: str, outcome: Outcome
) -> None:
    with m.one(outcome) as found:
        judge(f"{path.parent.name}/{path.name}", raw, found)


def path_of(table: Paths, rows: Any, other: str) -> tuple[str, str]:
    """(method, path) of an answer by its first row; `other` where no table knows it."""
    row = rows[0] if isinstance(rows, list) and rows else rows
    names = row.keys() if isinstance(row, dict) else frozenset[str]()
    return next((found for wanted, found in table if wanted <= names), ("GET", other))


def _bybit(where: str, raw: str, outcome: Outcome) -> None:
    message = json.loads(raw)
    if "retCode" not in message or "result" not in message:
        bybit.judge_push(where, raw, outcome)
        return
    result = message["result"]
    listed = ("list", "subMembers", "result")
    rows = next((result[name] for name in listed if name in result), result)
    method, path = path_of(BYBIT, rows, "/v5/market/any")
    bybit.judge_reply(where, method, path, 200, raw, outcome)


def _okx(where: str, raw: str, outcome: Outcome) -> None:
    message = json.loads(raw)
    if isinstance(message, dict) and "arg" in message:
        okx.judge_push(where, raw, outcome)
        return
    bare = isinstance(message, dict) and "code" not in message
    if bare:
        # A row by itself: in the envelope that it comes in.
        message = {"code": "0", "msg": "", "data": [message]}
    if not isinstance(message, dict):
        okx.QUIRKS.unsupported(outcome, m.NO_SHAPE)
        return
    method, path = path_of(OKX, message["data"], "" if bare else "/api/v5/market/any")
    if path:
        okx.judge_reply(where, method, path, 200, json.dumps(message), outcome)
    else:
        okx.QUIRKS.unsupported(outcome, m.NO_SHAPE)


def _binance(where: str, raw: str, outcome: Outcome) -> None:
    """Futures and spot by the file's name."""
    message = json.loads(raw)
    side: Any = usdm if "futures" in where else binance_spot
    events = {"e", "event", "stream"}
    if isinstance(message, dict) and events & message.keys():
        side.judge_push(where, raw, outcome)
    elif side is usdm:
        method, path = path_of(USDM, message, "/futures/data/any")
        usdm.judge_reply(where, method, path, 200, raw, outcome)
    else:
        binance_spot.judge_reply(where, "GET", "", 200, raw, outcome)


EXCHANGES: Mapping[str, Callable[[str, str, Outcome], None]] = {
    "bybit": _bybit, "okx": _okx, "binance": _binance, "binance_py": _binance,
}  # fmt: skip
"""Folder -> judge of (where, text)."""
