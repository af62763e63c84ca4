"""Upbit's order side against the material: requests, replies, frames, error words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from oms.ports import Key
from oms.venues.data import Way
from oms.venues.reports import Ask, HttpCall, Listed, Notice, Stamp, Verdict, Want
from oms.venues.shared.named_errors import UNLISTED
from oms.venues.upbit import errors, orders_in, spec
from oms.venues.upbit.orders import UpbitOrders
from shm_layout.enums import ExecKind, OrderType, SelfTrade, Side, TimeInForce
from tests.oracles.base import Outcome
from tests.oracles.canonical import (
    LIBRARY_PARAMETER,
    MARKET_DATA,
    ORDER_ID,
    SYSTEM_ID,
    AnyDesk,
    command,
    instrument_of,
    judged_as,
    unified,
    units,
)
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import bid_ask
from tests.oracles.exchanges.bid_ask import SIDES, Json, loads, parts_of, parts_of_call
from tests.oracles.exchanges.kinds import CcxtExchange, JkorfExchange, Quirks

DESK = AnyDesk()
SIDE = UpbitOrders({"a": Key("a", "key", b"secret")}, SYSTEM_ID)
(LINK,) = SIDE.links(("a",), {})
STAMP = Stamp(1_790_000_000_000, 1, "00000000-0000-4000-8000-000000000001")
QUIRKS = Quirks("upbit")
CCXT_DIVERGENCES, PAGE_DIVERGENCES = Divergences("upbit"), Divergences("upbit")
_MARKET_DATA_PATHS = ("/v1/candles", "/v1/trades", "/v1/ticker", "/v1/orderbook")
_OTHER_PATHS = {
    "/v1/pockets": "pockets and transfers", "/v1/status/wallet": "wallet status",
    "/v1/deposit": "wallet status", "/v1/withdraw": "wallet status",
    "/v1/travel_rule": "wallet status",
}  # fmt: skip
_FRAME_TYPES = frozenset({"myOrder", "myAsset"})


def ccxt_request(head: Json, case: Json, outcome: Outcome) -> None:
    """Their token again, then our request for the same order."""
    where = f"upbit {case['call']} {case['args']}"
    signed = [bid_ask.token_again(head, one, stamped=False) for one in case["requests"]]
    for pair in filter(None, signed):
        outcome.compare(f"{where}, token", *pair)
    made = unified(case["call"], case["args"], spec.NAME, STAMP)
    call = None if made.ask is None else SIDE.ask(made.ask, Way.REST, STAMP)
    if call is None or not isinstance(call.body, HttpCall):
        QUIRKS.unsupported(outcome, made.reason or LIBRARY_PARAMETER)
        return
    first = case["requests"][0]
    theirs = parts_of(first["http_method"], first["url"], first["body"])
    theirs = {name: value for name, value in theirs.items() if name not in made.passed}
    CCXT_DIVERGENCES.compare(where, case["call"], parts_of_call(call.body), theirs, outcome)


def ccxt_error(row: Json, classes: frozenset[str], outcome: Outcome) -> None:
    """A word that has no blank is a name; a sentence is a message under an unknown name."""
    match = row["match"]
    named = " " not in match
    status = 401 if "AuthenticationError" in classes else 400
    body = {"error": {"name": match if named else "unheard_of", "message": match}}
    ask = Ask(Want.PLACE, "a", client_order_id=ORDER_ID)
    found = SIDE.judge(ask, errors.NAMES.item(status, _dump(body)))
    outcome.compare(f"upbit error {match!r}", judged_as(found, classes), True)


def ccxt_response(line: Json, outcome: Outcome) -> None:
    """Public replies alone are there."""
    _by_path("ccxt", "GET", line["path"], outcome)


def _dump(value: Any) -> bytes:
    return bid_ask.json.dumps(value).encode()


CCXT = CcxtExchange(ccxt_request, ccxt_response, ccxt_error, CCXT_DIVERGENCES.finish)


def _by_path(where: str, method: str, path: str, outcome: Outcome) -> bool:
    """Whether this reply is of a call that the order side does not make, counted so."""
    if path.startswith(_MARKET_DATA_PATHS) and path != "/v1/orderbook/instruments":
        QUIRKS.unsupported(outcome, MARKET_DATA)
        return True
    for prefix, reason in _OTHER_PATHS.items():
        if path.startswith(prefix):
            QUIRKS.unsupported(outcome, reason)
            return True
    return False


def jkorf_rest(line: Json, outcome: Outcome) -> None:
    if not _by_path("jkorf", line["method"], line["path"], outcome):
        document(
            f"jkorf {line['name']}",
            {"kind": "rest reply", "status": 200, "raw": line["body"]} | dict(line), outcome,
        )  # fmt: skip


def jkorf_ws(line: Json, outcome: Outcome) -> None:
    """One count a line: its pushes are read; those of market data are other messages to us."""
    kinds = set()
    for item in line["items"]:
        if item["dir"] == "push":
            found = SIDE.read(LINK, item["raw"].encode(), DESK)
            kinds |= {notice.kind for notice in found.notices}
    if kinds == {"other"}:
        QUIRKS.unsupported(outcome, MARKET_DATA)
    else:
        outcome.skip(f"jkorf {line['name']}: {kinds}")


JKORF = JkorfExchange(jkorf_rest, jkorf_ws)


def cryptofeed(name: str, lines: Sequence[Json], outcome: Outcome) -> None:
    """Listings are read; recorded books and trades are the feed's, which does not read them yet."""
    for line in lines:
        if line["kind"] != "http" or not line["url"].endswith("/v1/market/all"):
            outcome.leave(f"{name}: books and trades, for the feed")
            continue
        rows = loads(line["raw"])
        (ask,) = SIDE.listing(spec.NAME)
        reply = SIDE.read_http(ask, 200, {}, line["raw"].encode(), DESK)
        found = {row.symbol: row.left_out for row in SIDE.listed(spec.NAME, (reply,))}
        outcome.compare(f"{name} symbols", set(found), {row["market"] for row in rows})
        krw = {row["market"] for row in rows if row["market"].startswith("KRW-")}
        asked = {c for a in SIDE.follow(ask, reply) for c in str(a.values["codes"]).split(",")}
        outcome.compare(f"{name} ticks asked for", asked, krw)


def document(where: str, line: Json, outcome: Outcome) -> None:
    """One line of the documents: kind, method, path, status, raw."""
    kind, raw = line["kind"], line["raw"]
    if kind.startswith("ws send"):
        _sent_frame(where, loads(raw), outcome)
    elif kind.startswith("ws error"):
        _error_frame(where, loads(raw), outcome)
    elif kind.startswith("ws recv"):
        _received(where, raw, outcome)
    elif kind.startswith("rest header"):
        _header(where, raw, outcome)
    else:
        _rest(where, line, outcome)


def _rest(where: str, line: Json, outcome: Outcome) -> None:
    kind, raw = line["kind"], line["raw"]
    method, path = line.get("method"), line.get("path")
    if path is None:  # "rest GET /v1/accounts", "rest DELETE /v1/order, GET … element"
        method, path = kind.removeprefix("rest ").split(",")[0].split()[:2]
    path = path.partition("?")[0]
    if _by_path(where, method, path, outcome):
        return
    if kind.startswith("rest request"):
        _page_request(where, path, loads(raw), outcome)
    elif kind.startswith("rest error"):
        _page_error(where, method, path, line, outcome)
    else:
        _page_reply(where, method, path, line, outcome)


_WANTS = {
    ("POST", "/v1/orders"): Want.PLACE, ("POST", "/v1/orders/test"): Want.TEST_ORDER,
    ("GET", "/v1/order"): Want.ORDER, ("DELETE", "/v1/order"): Want.CANCEL,
    ("DELETE", "/v1/orders/uuids"): Want.CANCEL, ("DELETE", "/v1/orders/open"): Want.CANCEL_ALL,
    ("GET", "/v1/orders/open"): Want.OPEN_ORDERS, ("GET", "/v1/orders/closed"): Want.ENDED_ORDERS,
    ("GET", "/v1/orders/uuids"): Want.OPEN_ORDERS,
    ("POST", "/v1/orders/cancel_and_new"): Want.REPLACE, ("GET", "/v1/accounts"): Want.BALANCES,
    ("GET", "/v1/orders/chance"): Want.FEES, ("GET", "/v1/api_keys"): Want.KEY,
    ("GET", "/v1/market/all"): Want.LISTING,
}  # fmt: skip
_TICKS = {("GET", "/v1/orderbook/instruments")}


def _ask(method: str, path: str) -> Ask | None:
    if (method, path) in _TICKS:
        return Ask(Want.LISTING, market=spec.NAME, values={"codes": "KRW-BTC"})
    want = _WANTS.get((method, path))
    orders = (command(target_client_order_id=ORDER_ID),) if want is Want.REPLACE else ()
    return None if want is None else Ask(want, "a", spec.NAME, orders=orders)


def _page_reply(where: str, method: str, path: str, line: Json, outcome: Outcome) -> None:
    ask = _ask(method, path)
    if ask is None:
        outcome.skip(f"{method} {path}: no such ask")
        return
    raw = line["raw"]
    given = loads(raw)
    if isinstance(given, dict) and ask.want in {Want.OPEN_ORDERS, Want.ENDED_ORDERS}:
        given, raw = [given], f"[{raw}]"
    reply = SIDE.read_http(ask, line.get("status") or 200, {}, raw.encode(), DESK)
    if ask.want is Want.BALANCES:
        bid_ask.compare_balances(where, reply.rows, given, outcome)
    elif ask.want is Want.FEES:
        _compare_chance(where, reply.rows, given, outcome)
    elif ask.want is Want.KEY:
        outcome.compare(where, len(given) > 0, True)
    elif ask.want is Want.LISTING:
        _compare_listing(where, reply.rows, given, outcome)
    elif "success" in given:
        codes = [item.code for item in reply.items]
        done, failed = given["success"], given["failed"]
        expected = [0] * done["count"] + [errors.FAILED] * failed["count"]
        outcome.compare(where, codes, expected)
    else:
        _compare_orders(where, ask, reply, given, outcome)


def _compare_orders(where: str, ask: Ask, reply: Any, given: Any, outcome: Outcome) -> None:
    rows = given if isinstance(given, list) else [given]
    views = [item.order for item in reply.items if item.order is not None] or [
        row for row in reply.rows if not hasattr(row, "report")
    ]
    outcome.compare(f"{where}, rows", len(views), len(rows))
    for view, row in zip(views, rows, strict=False):
        bid_ask.compare_view(where, view, row, outcome)
    if ask.want is Want.REPLACE:
        outcome.compare(
            f"{where}, successor", reply.items[0].report.venue_order_id, given["new_order_uuid"]
        )
    fills = [row for row in reply.rows if hasattr(row, "report")]
    trades = [trade for row in rows for trade in row.get("trades", ())]
    outcome.compare(f"{where}, trades", len(fills), len(trades))
    for fill, trade in zip(fills, trades, strict=False):
        bid_ask.compare_fill(where, fill, trade, outcome)


def _compare_chance(where: str, rows: Any, given: Json, outcome: Outcome) -> None:
    buy, sell, listed = rows
    market = given["market"]
    outcome.compare(
        where,
        (buy.maker, buy.taker, sell.maker, sell.taker, listed.min_notional, listed.max_notional),
        (given["maker_bid_fee"], given["bid_fee"], given["maker_ask_fee"], given["ask_fee"],
         market["bid"]["min_total"], market["max_total"]),
    )  # fmt: skip
    outcome.compare(f"{where}, state", listed.status == "TRADING", market["state"] == "active")


def _compare_listing(where: str, rows: Sequence[Listed], given: Any, outcome: Outcome) -> None:
    outcome.compare(
        where,
        [(row.symbol, row.quote, row.tick, row.status == "WARNING") for row in rows],
        [
            (row["market"], row["market"].partition("-")[0], row.get("tick_size", ""),
             row.get("market_event", {}).get("warning", False))
            for row in given
        ],
    )  # fmt: skip


def _page_error(where: str, method: str, path: str, line: Json, outcome: Outcome) -> None:
    ask = _ask(method, path)
    if ask is None:
        outcome.skip(f"{method} {path}: no such ask")
        return
    name = loads(line["raw"])["error"]["name"]
    (item,) = SIDE.read_http(ask, line["status"], {}, line["raw"].encode(), DESK).items
    found = SIDE.judge(ask, item)
    if not isinstance(name, str):
        outcome.compare(where, (item.code, found.verdict), (UNLISTED, Verdict.REFUSED))
        return
    gone = {"order_not_found": Verdict.NOT_FOUND}
    expected = gone.get(name, Verdict.REFUSED)
    if ask.want in {Want.CANCEL, Want.CANCEL_ALL} and expected is Verdict.NOT_FOUND:
        expected = Verdict.NOT_OPEN
    listed = item.code == errors.NAMES.code(name) != UNLISTED
    outcome.compare(where, (listed, found.verdict), (True, expected))


_SELF_TRADE = {"reduce": SelfTrade.DECREMENT, "cancel_maker": SelfTrade.CANCEL_MAKER,
               "cancel_taker": SelfTrade.CANCEL_TAKER, "none": SelfTrade.NONE}  # fmt: skip
_TIMES = {"ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}


def _page_order(body: Json, prefix: str = "") -> Any:
    """The order that a page's body places, in canonical words."""
    kind, time = body[f"{prefix}ord_type"], body.get(f"{prefix}time_in_force")
    words: dict[str, Any] = {
        "side": SIDES[body.get("side", "bid")],
        "order_type": OrderType.LIMIT, "time_in_force": _TIMES.get(time, TimeInForce.GTC),
        "self_trade": _SELF_TRADE.get(body.get(f"{prefix}smp_type", ""), SelfTrade.UNSET),
    }  # fmt: skip
    price, volume = body.get(f"{prefix}price"), body.get(f"{prefix}volume")
    if time == "post_only":
        words["order_type"] = OrderType.POST_ONLY
    elif kind == "best":
        words["order_type"] = OrderType.BEST
    elif kind != "limit":
        words |= {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.IOC}
    if kind == "price" or (kind == "best" and words["side"] is Side.BUY):
        words["quote_qty"] = units(price)
    else:
        words |= {"px": units(price), "qty": units(volume) if volume != "remain_only" else 0}
    return command(**words)


def _page_request(where: str, path: str, body: Json, outcome: Outcome) -> None:
    if path == "/v1/orders/cancel_and_new":
        order = _page_order(body, "new_")._replace(target_client_order_id=ORDER_ID)
        ask = Ask(
            Want.REPLACE, "a", spec.NAME, instrument_of("BTC/KRW"), (order,),
            venue_order_id=body.get("prev_order_uuid", ""),
        )  # fmt: skip
        call = "page replace"
    elif path in {"/v1/orders", "/v1/orders/test"}:
        quote, _, base = body["market"].partition("-")
        want = Want.PLACE if path == "/v1/orders" else Want.TEST_ORDER
        ask = Ask(want, "a", spec.NAME, instrument_of(f"{base}/{quote}"), (_page_order(body),))
        call = "page"
    else:
        outcome.skip(f"{path}: no such request")
        return
    made = SIDE.ask(ask, Way.REST, STAMP)
    if made is None or not isinstance(made.body, HttpCall):
        outcome.differ(f"{where}: is not sent")
        return
    theirs = parts_of("POST", path, bid_ask.json.dumps(body))
    PAGE_DIVERGENCES.compare(where, call, parts_of_call(made.body), theirs, outcome)


def _sent_frame(where: str, frame: Any, outcome: Outcome) -> None:
    """A subscription of ours holds every private type that the page subscribes; codes are left
    out, which means every pair."""
    if any(part.get("method") for part in frame):
        (listing,) = [part for part in frame if part.get("method")]
        ask = SIDE.greet(LINK, STAMP)[1]
    else:
        types = {part["type"] for part in frame if "type" in part}
        if not types <= _FRAME_TYPES:
            announced = types == {"announcement"}
            QUIRKS.unsupported(outcome, "announcements" if announced else MARKET_DATA)
            return
        listing, ask = None, SIDE.greet(LINK, STAMP)[0]
    made = SIDE.ask(ask, Way.SOCKET, STAMP)
    assert made is not None
    assert isinstance(made.body, bytes)
    ours = loads(made.body.decode())
    if listing is not None:
        outcome.compare(where, ours[1:], [listing])
        return
    theirs = [{"type": part["type"]} for part in frame if "type" in part]
    outcome.compare(where, [part in ours for part in theirs], [True] * len(theirs))


def _error_frame(where: str, given: Json, outcome: Outcome) -> None:
    """`{"error":{…}}`, or the name and cause out of which one is made here."""
    name = given.get("name") or given["error"]["name"]
    frame = given if "error" in given else {"error": {"name": name, "message": given.get("cause")}}
    found = SIDE.read(LINK, _dump(frame), DESK)
    outcome.compare(where, [(n.kind, n.text.split()[0]) for n in found.notices],
                    [("refused", name)])  # fmt: skip


_NOTICES = {"announcement": "status", "LIST_SUBSCRIPTIONS": "subscribed", "UP": "pong"}


def _received(where: str, raw: str, outcome: Outcome) -> None:
    given = loads(raw)
    found = SIDE.read(LINK, raw.encode(), DESK)
    kind = given.get("type") or given.get("method") or given.get("status")
    if kind == "myOrder":
        _compare_event(where, found, given, outcome)
    elif kind == "myAsset":
        rows = [balance for _, balance in found.balances]
        bid_ask.compare_balances(where, rows, given["assets"], outcome)
    elif kind in _NOTICES:
        outcome.compare(where, [n.kind for n in found.notices], [_NOTICES[kind]])
    else:
        outcome.compare(where, found.notices, (Notice("other", text=kind or ""),))
        QUIRKS.unsupported(outcome, MARKET_DATA)


def _compare_event(where: str, found: Any, given: Mapping[str, Any], outcome: Outcome) -> None:
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


def _header(where: str, raw: str, outcome: Outcome) -> None:
    name, _, value = raw.partition(": ")
    (charge,) = orders_in.usage_of(Ask(Want.BALANCES, "a"), {name.lower(): value})
    parts = dict(part.strip().split("=") for part in value.split(";"))
    limits = {bucket.name: bucket.limit for bucket in spec.BUCKETS}
    left = limits[parts["group"]] - charge.count
    outcome.compare(where, (charge.bucket, left), (parts["group"], int(parts["sec"])))
