"""Market-data endpoints of the simulated Binance spot: general, book and trades.

Handlers `(desk, call) -> JSON value` as in `calls.py`; candles and tickers are in
`market/tickers.py`. Sources: rest-api.md "General endpoints", "Market Data endpoints" and the same
requests of web-socket-api.md: parameters, weights, errors. A `limit` beyond the documented most
counts as the most, as it does there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oms.venues.binance.server import errors as err
from oms.venues.binance.server.calls import Call, Desk
from oms.venues.binance.server.market import symbol_shapes as info
from oms.venues.binance.server.params import Params
from oms.venues.binance.server.time_unit import stamp
from oms.venues.serving.refusal import NotYetError
from oms.venues.serving.routing import Endpoint

DEPTH_DEFAULT = 100
DEPTH_MAX = 5000
ROWS_DEFAULT = 500
ROWS_MAX = 1000
STATUSES = ("TRADING", "HALT", "BREAK")
PERMISSIONS = ("SPOT", "MARGIN", "LEVERAGED")
"""Those that exchangeInfo lists when it is not asked for others."""
PERMISSIONS_KNOWN = frozenset(
    {*PERMISSIONS, *(f"TRD_GRP_{number:03d}" for number in range(2, 261))}
)
RULES_WEIGHT_MAX = 40


def by_symbols(one: int, many: int, every: int) -> Callable[[Params], int]:
    """Weight of a request for one symbol, for a list, and for all."""

    def weight(params: Params) -> int:
        if params.has("symbol"):
            return one
        return many if params.has("symbols") else every

    return weight


def _depth_weight(params: Params) -> int:
    limit = params.capped("limit", DEPTH_DEFAULT, DEPTH_MAX)
    for most, weight in ((100, 5), (500, 25), (1000, 50)):
        if limit <= most:
            return weight
    return 250


def _rules_weight(params: Params) -> int:
    if params.has("symbol"):
        return 2
    if params.has("symbols"):
        return min(2 * len(params.text_list("symbols")), RULES_WEIGHT_MAX)
    return RULES_WEIGHT_MAX


def rows_of(desk: Desk, names: list[str]) -> list[int]:
    """Rows of a list of symbols; each must exist and stand there once."""
    if len(set(names)) != len(names):
        raise err.ApiError(*err.DUPLICATE_SYMBOLS)
    if not names or any(name not in desk.rows for name in names):
        raise err.ApiError(*err.BAD_SYMBOL)
    return [desk.rows[name] for name in names]


def wanted_status(params: Params) -> str | None:
    """`symbolStatus`, where it is given."""
    if not params.has("symbolStatus"):
        return None
    return params.choice("symbolStatus", "", STATUSES, err.BAD_SYMBOL_STATUS)


def one_symbol(desk: Desk, call: Call) -> int:
    """The row that `symbol` names; it must have the status asked for."""
    row = desk.symbol(call.params)
    status = wanted_status(call.params)
    if status is not None and desk.status(row) != status:
        raise err.ApiError(*err.STATUS_MISMATCH)
    return row


def chosen(desk: Desk, call: Call) -> tuple[list[int], bool]:
    """Rows that `symbol` or `symbols` name (all without either), and whether a list was asked
    for; of several, those with another status than the wanted one are left out."""
    params = call.params
    if params.has("symbol") and params.has("symbols"):
        raise err.ApiError(*err.BAD_COMBINATION)
    if params.has("symbol"):
        return [one_symbol(desk, call)], False
    rows = list(range(len(desk.market.specs)))
    if params.has("symbols"):
        rows = rows_of(desk, params.text_list("symbols"))
    status = wanted_status(params)
    return [row for row in rows if status in (None, desk.status(row))], True


# General


def ping(desk: Desk, call: Call) -> Any:
    """GET ping."""
    del desk, call
    return {}


def server_time(desk: Desk, call: Call) -> Any:
    """GET time."""
    del desk
    return {"serverTime": stamp(call.now_ns)}


def _permissions(params: Params) -> frozenset[str]:
    """`permissions`: one name, or a JSON list of names."""
    if not params.has("permissions"):
        return frozenset(PERMISSIONS)
    text = params.text("permissions")
    names = params.text_list("permissions") if text.startswith("[") else [text]
    if not names or not PERMISSIONS_KNOWN.issuperset(names):
        raise err.invalid("permissions")
    return frozenset(names)


def exchange_info(desk: Desk, call: Call) -> Any:
    """Symbols, filters and limits."""
    params = call.params
    selectors = [name for name in ("symbol", "symbols", "permissions") if params.has(name)]
    status = wanted_status(params)
    if len(selectors) > 1 or (status is not None and selectors in (["symbol"], ["symbols"])):
        raise err.ApiError(*err.BAD_COMBINATION)
    rows = list(range(len(desk.market.specs)))
    if selectors == ["symbol"]:
        rows = [desk.symbol(params)]
    elif selectors == ["symbols"]:
        rows = rows_of(desk, params.text_list("symbols"))
    elif "SPOT" not in _permissions(params):
        rows = []
    rows = [row for row in rows if status in (None, desk.status(row))]
    show_sets = params.boolean("showPermissionSets", True)
    return info.exchange_info(
        desk.market, rows, desk.limits.rules, call.now_ns, show_sets=show_sets
    )


def execution_rules(desk: Desk, call: Call) -> Any:
    """Price ranges within which orders may execute: no symbol here has one."""
    status = wanted_status(call.params)
    if status is not None and (call.params.has("symbol") or call.params.has("symbols")):
        raise err.ApiError(*err.BAD_COMBINATION)
    chosen(desk, call)
    return {"symbolRules": []}


# Book and trades


def depth(desk: Desk, call: Call) -> Any:
    """A snapshot of the book."""
    symbol = one_symbol(desk, call)
    book = desk.market.book(symbol, call.params.capped("limit", DEPTH_DEFAULT, DEPTH_MAX))
    if book is None:
        raise NotYetError
    return desk.shapes.depth(symbol, book)


def trades(desk: Desk, call: Call) -> Any:
    """Recent public trades, oldest first."""
    symbol = desk.symbol(call.params)
    limit = call.params.capped("limit", ROWS_DEFAULT, ROWS_MAX)
    return [desk.shapes.public_trade(trade) for trade in list(desk.tapes[symbol].trades)[-limit:]]


def historical_trades(desk: Desk, call: Call) -> Any:
    """From `fromId` on, oldest first; else the newest."""
    if not call.params.has("fromId"):
        return trades(desk, call)
    symbol = desk.symbol(call.params)
    limit = call.params.capped("limit", ROWS_DEFAULT, ROWS_MAX)
    found = desk.tapes[symbol].trades_from(call.params.integer("fromId"), limit)
    return [desk.shapes.public_trade(trade) for trade in found]


def block_trades(desk: Desk, call: Call) -> Any:
    """There are no block trades here."""
    desk.symbol(call.params)
    call.params.integer("fromId")
    call.params.capped("limit", ROWS_DEFAULT, ROWS_MAX)
    return []


def agg_trades(desk: Desk, call: Call) -> Any:
    """From `fromId` or `startTime` on, oldest first; else the newest (until `endTime`)."""
    params = call.params
    symbol = desk.symbol(params)
    limit = params.capped("limit", ROWS_DEFAULT, ROWS_MAX)
    tape = desk.tapes[symbol]
    timed = params.has("startTime") or params.has("endTime")
    if params.has("fromId"):
        if timed:
            raise err.ApiError(*err.BAD_COMBINATION)
        found = tape.aggs_from(params.integer("fromId"), limit)
    else:
        start, end = params.time_ms("startTime", 0), params.time_ms("endTime", 1 << 62)
        if end < start:
            raise err.ApiError(*err.BAD_COMBINATION)
        found = [agg for agg in tape.aggs if start <= agg.time_ns // 1_000_000 <= end]
        found = found[:limit] if params.has("startTime") else found[-limit:]
    return [desk.market_shapes.agg_trade(symbol, agg) for agg in found]


def book_ticker(desk: Desk, call: Call) -> Any:
    """Best prices of one symbol, or of several."""
    rows, several = chosen(desk, call)
    out = [desk.shapes.book_ticker(desk.market.ticker(row)) for row in rows]
    return out if several else out[0]


def reference_price(desk: Desk, call: Call) -> Any:
    """No symbol here has a reference price."""
    one_symbol(desk, call)
    raise err.ApiError(*err.NO_REFERENCE_PRICE)


_SYMBOL = frozenset({"symbol"})
_STATUS = frozenset({"symbolStatus"})
_LIST = _SYMBOL | {"symbols"}
_ROWS = _SYMBOL | {"limit"}

MARKET: dict[str, Endpoint] = {
    "ping": Endpoint(ping, 1),
    "time": Endpoint(server_time, 1),
    "exchangeInfo": Endpoint(
        exchange_info, 20, _LIST | _STATUS | {"permissions", "showPermissionSets"}
    ),
    "executionRules": Endpoint(execution_rules, _rules_weight, _LIST | _STATUS),
    "depth": Endpoint(depth, _depth_weight, _ROWS | _STATUS),
    "trades.recent": Endpoint(trades, 25, _ROWS),
    "trades.historical": Endpoint(historical_trades, 25, _ROWS | {"fromId"}),
    "trades.aggregate": Endpoint(agg_trades, 4, _ROWS | {"fromId", "startTime", "endTime"}),
    "blockTrades.historical": Endpoint(block_trades, 25, _ROWS | {"fromId"}),
    "ticker.book": Endpoint(book_ticker, by_symbols(2, 4, 4), _LIST | _STATUS),
    "referencePrice": Endpoint(reference_price, 2, _SYMBOL | _STATUS),
    "referencePrice.calculation": Endpoint(reference_price, 2, _SYMBOL | _STATUS),
}
"""By the WebSocket API's method names."""
