"""Bithumb's order side against the material: what is its own beside `bid_ask_pages`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from oms.ports import Key
from oms.venues.bithumb import errors, listing, spec
from oms.venues.bithumb.orders import BithumbOrders
from oms.venues.data import Way
from oms.venues.reports import Ask, HttpCall, Notice, Want
from oms.venues.shared.bid_ask import requests as requests_
from shm_layout.enums import ExecKind, Side
from tests.oracles.base import Outcome
from tests.oracles.canonical import MARKET_DATA, SYSTEM_ID, command, instrument_of, units
from tests.oracles.exchanges.bid_ask import Json, loads, texts
from tests.oracles.exchanges.bid_ask_pages import DESK, STAMP, Pages, compare_orders
from tests.oracles.exchanges.kinds import CcxtExchange

SIDE = BithumbOrders({"a": Key("a", "key", b"secret")}, SYSTEM_ID)
_OLDER, _WALLET, _TWAP, _NOTICES = (
    "older interface", "wallet and transfers", "TWAP orders", "notices and warnings",
)  # fmt: skip
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
OLDER_ERROR = "older error"


def _compare_event(where: str, found: Any, given: Json, outcome: Outcome) -> None:
    report = found.reports[0][1]
    outcome.compare(
        where,
        (report.side, report.cum_qty, Decimal(report.cum_fee_text), report.venue_order_id),
        (_SIDES[given["side"]], units(given["executed_quantity"]), given["paid_fee"],
         given["order_id"]),
    )  # fmt: skip
    if given["state"] == "trade":
        outcome.compare(
            f"{where}, fill",
            (report.kind, report.px, report.qty, report.trade_text, report.quote_qty),
            (ExecKind.FILL, units(given["trade_price"]), units(given["trade_quantity"]),
             given["trade_id"], units(given["trade_amount"])),
        )  # fmt: skip


PAGES = Pages(
    "bithumb", SIDE, errors.NAMES, stamped=True, type_name="order_type",
    wants={
        ("POST", "/v2/orders"): Want.PLACE, ("POST", "/v2/orders/batch"): Want.PLACE,
        ("POST", "/v1/orders"): Want.PLACE, ("GET", "/v1/order"): Want.ORDER,
        ("DELETE", "/v2/order"): Want.CANCEL, ("POST", "/v2/orders/cancel"): Want.CANCEL,
        ("GET", "/v2/orders/pending"): Want.OPEN_ORDERS, ("GET", "/v1/orders"): Want.OPEN_ORDERS,
        ("POST", "/v2/orders/search"): Want.OPEN_ORDERS,
        ("GET", "/v2/orders/history"): Want.ENDED_ORDERS,
        ("GET", "/v1/accounts"): Want.BALANCES, ("GET", "/v1/orders/chance"): Want.FEES,
        ("GET", "/v1/api_keys"): Want.KEY, ("GET", "/v1/market/all"): Want.LISTING,
    },
    other_paths={
        "/v1/candles": MARKET_DATA, "/v1/trades": MARKET_DATA, "/v1/orderbook": MARKET_DATA,
        "/v2/fee": _WALLET, "/v1/status/wallet": _WALLET, "/v1/deposit": _WALLET,
        "/v1/withdraw": _WALLET, "/v1/twap": _TWAP, "/v1/notices": _NOTICES,
        "/v1/market/virtual_asset_warning": _NOTICES, "/public/": _OLDER, "/info/": _OLDER,
    },
    ticks_path="/v1/ticker",
    compare_event=_compare_event,
    notices={"UP": "pong"},
)  # fmt: skip


def ccxt_error(row: Json, classes: frozenset[str], outcome: Outcome) -> None:
    """Numbers and sentences of the interface before v2 are known to nobody here; a sentence of the
    present one is a refusal by its status."""
    if row["match"].isdecimal() or row["match"] in _OLDER_ERRORS:
        PAGES.quirks.unsupported(outcome, OLDER_ERROR)
    else:
        PAGES.ccxt_error(row, classes, outcome)


_OLDER_ERRORS = frozenset(
    {"Bad Request(SSL)", "Bad Request(Bad Method)", "Bad Request.(Auth Data)", "Not Member",
     "Invalid Apikey", "Method Not Allowed.(Access IP)", "Method Not Allowed.(BTC Adress)",
     "Method Not Allowed.(Access)", "Database Fail", "Invalid Parameter", "Unknown Error"}
)  # fmt: skip
CCXT = CcxtExchange(PAGES.ccxt_request, PAGES.ccxt_response, ccxt_error, PAGES.ccxt.finish)


def document(where: str, line: Json, outcome: Outcome) -> None:
    """One line of the documents: kind, method, path, status, raw."""
    kind, raw, path = line["kind"], line["raw"], (line.get("path") or "").partition("?")[0]
    if kind.startswith("v1 ws") or path.startswith("pubwss"):
        older_frame(where, raw, outcome)
    elif kind.startswith("ws send"):
        PAGES.sent_frame(where, loads(raw), outcome)
    elif kind.startswith("ws error"):
        PAGES.error_frame(where, loads(raw), outcome)
    elif kind.startswith("ws recv"):
        _received(where, raw, outcome)
    elif kind.startswith("signed text"):
        _signed_text(where, raw, outcome)
    elif path == "/v1/ticker" and "error" not in kind:
        _ticks(where, raw, outcome)
    elif kind.startswith("rest re") and path in _OWN:
        _OWN[path](where, line, outcome)
    else:
        PAGES.rest(where, line, outcome)


def older_frame(where: str, raw: str, outcome: Outcome) -> None:
    """A frame of the older public socket: another message to us, or one that is malformed."""
    given = loads(raw)
    if "type" in given:
        found = SIDE.read(PAGES.link, raw.encode(), DESK)
        outcome.compare(where, found.notices, (Notice("other", text=given["type"]),))
    PAGES.quirks.unsupported(outcome, _OLDER)


def _received(where: str, raw: str, outcome: Outcome) -> None:
    given = loads(raw)
    if "type" in given or "status" in given:
        PAGES.received(where, raw, outcome)
    else:  # short names, which are never subscribed
        PAGES.quirks.unsupported(outcome, MARKET_DATA)


def _signed_text(where: str, raw: str, outcome: Outcome) -> None:
    """The page's batch out of its own signed text, flattened again."""
    orders: list[dict[str, str]] = []
    for pair in raw.split("&"):
        name, _, value = pair.partition("=")
        _, at, key = name.replace("]", "").split("[")
        orders += [{}] * 0 if int(at) < len(orders) else [{}]
        orders[int(at)][key] = value
    outcome.compare(where, requests_.hashed_text(requests_.flat({"batch_orders": orders})), raw)


def _ticks(where: str, raw: str, outcome: Outcome) -> None:
    ask = PAGES.ask_of("GET", "/v1/ticker")
    assert ask is not None
    rows = SIDE.read_http(ask, 200, {}, raw.encode(), DESK).rows
    expected = [(row["market"], listing.tick_at(row["trade_price"])) for row in loads(raw)]
    outcome.compare(where, [(row.symbol, row.tick) for row in rows], expected)


def _batch(where: str, line: Json, outcome: Outcome) -> None:
    given = loads(line["raw"])
    if line["kind"].startswith("rest request"):
        bodies = given["batch_orders"]
        instruments = [_instrument(one["market"]) for one in bodies]
        orders = tuple(PAGES.page_order(one) for one in bodies)
        ask = Ask(Want.PLACE, "a", spec.NAME, orders=orders, instruments=tuple(instruments))
        PAGES.compare_request(where, "page batch", ask, line["path"], given, outcome)
        return
    rows = given["batch_orders_response"]
    orders = tuple(command() for _ in rows)
    ask = Ask(Want.PLACE, "a", spec.NAME, orders=orders)
    items = SIDE.read_http(ask, line["status"], {}, line["raw"].encode(), DESK).items
    outcome.compare(
        where,
        [item.report.venue_order_id if item.report else item.code for item in items],
        [row.get("order_id") or errors.NAMES.code(row["name"]) for row in rows],
    )


def _cancel(where: str, line: Json, outcome: Outcome) -> None:
    """By ids: a request's ids go out as they are; a reply has an item for each."""
    given = loads(line["raw"])
    if line["kind"].startswith("rest request"):
        ids = given.get("order_ids") or given["client_order_ids"]
        orders = tuple(command(venue_order_id=one.encode()) for one in ids)
        made = SIDE.ask(Ask(Want.CANCEL, "a", spec.NAME, orders=orders), Way.REST, STAMP)
        assert made is not None
        assert isinstance(made.body, HttpCall)
        ours = json.loads(made.body.body)
        outcome.compare(where, (made.body.target, ours), (line["path"], {"order_ids": ids}))
        return
    ask = Ask(Want.CANCEL, "a", spec.NAME)
    items = SIDE.read_http(ask, line["status"], {}, line["raw"].encode(), DESK).items
    failed = [errors.NAMES.code(row["error"]["name"]) for row in given.get("fail", ())]
    expected = [0] * len(given.get("success", [given])) + failed
    outcome.compare(where, [item.code for item in items], expected)


def _history(where: str, line: Json, outcome: Outcome) -> None:
    """A page that shows only some fields: what it shows is read, its key goes on."""
    given = loads(line["raw"])
    ask = Ask(Want.ENDED_ORDERS, "a", spec.NAME)
    rows = [{"ord_type": "limit", **row} if _type(row) is None else row for row in given["data"]]
    body = json.dumps(texts_of_orders(rows, given)).encode()
    reply = SIDE.read_http(ask, line["status"], {}, body, DESK)
    compare_orders(where, reply, rows, outcome)
    outcome.compare(f"{where}, key", reply.next_page, given["next_key"] or "")


def _type(row: Json) -> Any:
    return row.get("ord_type") or row.get("order_type")


def texts_of_orders(rows: Sequence[Json], given: Json) -> dict[str, Any]:
    """The page with its rows made whole."""
    return {"data": [texts(row) for row in rows], "has_next": given["has_next"],
            "next_key": given["next_key"]}  # fmt: skip


_OWN = {
    "/v2/orders/batch": _batch, "/v2/orders/cancel": _cancel, "/v2/order": _cancel,
    "/v2/orders/history": _history,
}  # fmt: skip


def _instrument(symbol: str) -> Any:
    quote, _, base = symbol.partition("-")
    return instrument_of(f"{base}/{quote}")


def gocryptotrader(name: str, line: Json, outcome: Outcome) -> None:
    """Frames of the older socket."""
    older_frame(f"{name}", line["raw"], outcome)


def cryptofeed(name: str, lines: Sequence[Json], outcome: Outcome) -> None:
    """Recordings of the older interface."""
    for _ in lines:
        PAGES.quirks.unsupported(outcome, _OLDER)
