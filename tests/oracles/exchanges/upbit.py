"""Upbit's order side against the material: what is its own beside `bid_ask_pages`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from oms.ports import Key
from oms.venues.data import Way
from oms.venues.reports import Ask, Want
from oms.venues.upbit import errors, orders_in, spec
from oms.venues.upbit.orders import UpbitOrders
from shm_layout.enums import ExecKind
from tests.oracles.base import Outcome
from tests.oracles.canonical import MARKET_DATA, ORDER_ID, SYSTEM_ID, instrument_of, units
from tests.oracles.exchanges import upbit_stream
from tests.oracles.exchanges.bid_ask import SIDES, Json, loads
from tests.oracles.exchanges.bid_ask_pages import DESK, STAMP, Pages
from tests.oracles.exchanges.kinds import CcxtExchange, JkorfExchange

SIDE = UpbitOrders({"a": Key("a", "key", b"secret")}, SYSTEM_ID)
_TRANSFERS, _WALLET = "pockets and transfers", "wallet status"


def _compare_event(where: str, found: Any, given: Json, outcome: Outcome) -> None:
    ((_, report),) = found.reports
    outcome.compare(
        where,
        (report.side, report.cum_qty, Decimal(report.cum_fee_text), report.venue_order_id),
        (SIDES[given["ask_bid"]], units(given["executed_volume"]), given["paid_fee"],
         given["uuid"]),
    )  # fmt: skip
    if given["state"] == "trade":
        outcome.compare(
            f"{where}, fill",
            (report.kind, report.px, report.qty, report.trade_text, Decimal(report.fee_text)),
            (ExecKind.FILL, units(given["price"]), units(given["volume"]), given["trade_uuid"],
             given["trade_fee"]),
        )  # fmt: skip


PAGES = Pages(
    "upbit", SIDE, errors.NAMES, stamped=False, type_name="ord_type",
    wants={
        ("POST", "/v1/orders"): Want.PLACE, ("POST", "/v1/orders/test"): Want.TEST_ORDER,
        ("GET", "/v1/order"): Want.ORDER, ("DELETE", "/v1/order"): Want.CANCEL,
        ("DELETE", "/v1/orders/uuids"): Want.CANCEL,
        ("DELETE", "/v1/orders/open"): Want.CANCEL_ALL,
        ("GET", "/v1/orders/open"): Want.OPEN_ORDERS,
        ("GET", "/v1/orders/closed"): Want.ENDED_ORDERS,
        ("GET", "/v1/orders/uuids"): Want.OPEN_ORDERS,
        ("POST", "/v1/orders/cancel_and_new"): Want.REPLACE,
        ("GET", "/v1/accounts"): Want.BALANCES, ("GET", "/v1/orders/chance"): Want.FEES,
        ("GET", "/v1/api_keys"): Want.KEY, ("GET", "/v1/market/all"): Want.LISTING,
    },
    other_paths={
        "/v1/candles": MARKET_DATA, "/v1/trades": MARKET_DATA, "/v1/ticker": MARKET_DATA,
        "/v1/orderbook": MARKET_DATA, "/v1/pockets": _TRANSFERS, "/v1/status/wallet": _WALLET,
        "/v1/deposit": _WALLET, "/v1/withdraw": _WALLET, "/v1/travel_rule": _WALLET,
    },
    ticks_path="/v1/orderbook/instruments",
    compare_event=_compare_event,
    notices={"announcement": "status", "LIST_SUBSCRIPTIONS": "subscribed", "UP": "pong"},
)  # fmt: skip
CCXT = CcxtExchange(
    PAGES.ccxt_request, PAGES.ccxt_response, PAGES.ccxt_error, PAGES.ccxt.finish
)  # fmt: skip


def document(where: str, line: Json, outcome: Outcome) -> None:
    """One line of the documents: kind, method, path, status, raw."""
    kind, raw = line["kind"], line["raw"]
    if kind.startswith("ws send"):
        _sent(where, loads(raw), outcome)
    elif kind.startswith("ws error"):
        PAGES.error_frame(where, loads(raw), outcome)
    elif kind.startswith("ws recv"):
        PAGES.received(where, raw, outcome)
    elif kind.startswith("rest header"):
        _header(where, raw, outcome)
    elif line.get("path") == "/v1/orders/cancel_and_new" and kind.startswith("rest re"):
        _replace(where, line, outcome)
    elif line.get("path") in {"/v1/orders/uuids", "/v1/orders/open"} and "success" in raw:
        _canceled(where, line, outcome)
    else:
        PAGES.rest(where, line, outcome)


def _sent(where: str, frame: Any, outcome: Outcome) -> None:
    methods = [part for part in frame if part.get("method")]
    if {"type": "announcement"}.items() <= {
        k: v for part in frame for k, v in part.items()
    }.items():
        PAGES.quirks.unsupported(outcome, "announcements")
    elif methods:
        made = SIDE.ask(SIDE.greet(PAGES.link, STAMP)[1], Way.SOCKET, STAMP)
        assert made is not None
        assert isinstance(made.body, bytes)
        outcome.compare(where, loads(made.body.decode())[1:], methods)
    else:
        PAGES.sent_frame(where, frame, outcome)


def _replace(where: str, line: Json, outcome: Outcome) -> None:
    given = loads(line["raw"])
    if line["kind"].startswith("rest reply"):
        ask = PAGES.ask_of("POST", line["path"])
        assert ask is not None
        PAGES.page_reply(where, ask, line, outcome)
        reply = SIDE.read_http(ask, line["status"], {}, line["raw"].encode(), DESK)
        report = reply.items[0].report
        successor = report.venue_order_id if report else None
        outcome.compare(f"{where}, successor", successor, given.get("new_order_uuid"))
        return
    order = PAGES.page_order(given, "new_")._replace(target_client_order_id=ORDER_ID)
    ask = Ask(
        Want.REPLACE, "a", spec.NAME, instrument_of("BTC/KRW"), (order,),
        venue_order_id=given.get("prev_order_uuid", ""),
    )  # fmt: skip
    PAGES.compare_request(where, "page replace", ask, line["path"], given, outcome)


def _canceled(where: str, line: Json, outcome: Outcome) -> None:
    ask = Ask(Want.CANCEL, "a", spec.NAME)
    given = loads(line["raw"])
    reply = SIDE.read_http(ask, line["status"], {}, line["raw"].encode(), DESK)
    expected = [0] * given["success"]["count"] + [errors.FAILED] * given["failed"]["count"]
    outcome.compare(where, [item.code for item in reply.items], expected)


def _header(where: str, raw: str, outcome: Outcome) -> None:
    name, _, value = raw.partition(": ")
    (charge,) = orders_in.usage_of(Ask(Want.BALANCES, "a"), {name.lower(): value})
    parts = dict(part.strip().split("=") for part in value.split(";"))
    limits = {bucket.name: bucket.limit for bucket in spec.BUCKETS}
    left = limits[parts["group"]] - charge.count
    outcome.compare(where, (charge.bucket, left), (parts["group"], int(parts["sec"])))


def jkorf_rest(line: Json, outcome: Outcome) -> None:
    """A reply of another client's tests."""
    page = {"kind": "rest reply", "status": 200, "raw": line["body"]} | dict(line)
    document(f"jkorf {line['name']}", page, outcome)


def jkorf_ws(line: Json, outcome: Outcome) -> None:
    """One count a line: its pushes are read; those of market data are other messages to us."""
    pushes = [item["raw"] for item in line["items"] if item["dir"] == "push"]
    notices = [SIDE.read(PAGES.link, raw.encode(), DESK).notices for raw in pushes]
    if all(one.kind == "other" for found in notices for one in found) and all(notices):
        PAGES.quirks.unsupported(outcome, MARKET_DATA)
        return
    for raw in pushes:
        PAGES.received(f"jkorf {line['name']}", raw, outcome)


JKORF = JkorfExchange(jkorf_rest, jkorf_ws)


def cryptofeed(name: str, lines: Sequence[Json], outcome: Outcome) -> None:
    """Listings are read, and recorded books and trades."""
    for number, line in enumerate(lines, 1):
        if line["kind"] == "recv":
            upbit_stream.judge(f"{name}:{number}", line["raw"], outcome)
            continue
        if line["kind"] != "http" or not line["url"].endswith("/v1/market/all"):
            outcome.leave(f"{name}: what the recorder sent")
            continue
        rows = loads(line["raw"])
        (ask,) = SIDE.listing(spec.NAME)
        reply = SIDE.read_http(ask, 200, {}, line["raw"].encode(), DESK)
        found = {row.symbol for row in SIDE.listed(spec.NAME, (reply,))}
        outcome.compare(f"{name} symbols", found, {row["market"] for row in rows})
        krw = {row["market"] for row in rows if row["market"].startswith("KRW-")}
        asked = {c for a in SIDE.follow(ask, reply) for c in str(a.values["codes"]).split(",")}
        outcome.compare(f"{name} ticks asked for", asked, krw)
