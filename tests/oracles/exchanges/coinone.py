"""Coinone's order side against the material: requests, replies, frames, error codes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from oms.ports import Key
from oms.venues.coinone import errors, spec
from oms.venues.coinone.orders import CoinoneOrders
from oms.venues.coinone.sign import PayloadSigner, payload_of
from oms.venues.data import Way
from oms.venues.reports import Ask, HttpCall, Stamp, Verdict, Want
from shm_layout.enums import ExecKind, OrderType, Side, TimeInForce
from shm_layout.records import UNDEF
from tests.oracles.base import Outcome
from tests.oracles.canonical import (
    MARKET_DATA,
    ORDER_ID,
    SYSTEM_ID,
    UNSAID,
    AnyDesk,
    command,
    instrument_of,
    judged_as,
    unified,
    units,
    units_down,
)
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges.kinds import CcxtExchange, Json, Quirks

DESK = AnyDesk()
STAMP = Stamp(1_790_000_000_000, 1, "00000000-0000-4000-8000-000000000001")
QUIRKS = Quirks("coinone")
CCXT_DIVERGENCES, PAGE_DIVERGENCES = Divergences("coinone"), Divergences("coinone")
SIDE = CoinoneOrders({"a": Key("a", "key", b"secret")}, SYSTEM_ID, ("KRW-XRP",))
(LINK,) = SIDE.links(("a",), {})
BTC = instrument_of("BTC/KRW")
_WALLET, _OLDER = "wallet and transfers", "older interface"
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL, "BID": Side.BUY, "ASK": Side.SELL}
_ENVELOPE = frozenset({"access_token", "nonce"})
_OTHER_PATHS = {
    "/public/v2/orderbook": MARKET_DATA, "/public/v2/trades": MARKET_DATA,
    "/public/v2/chart": MARKET_DATA, "/public/v2/ticker": MARKET_DATA,
    "/public/v2/currencies": _WALLET, "/v2.1/transaction": _WALLET, "/v2/": _OLDER,
}  # fmt: skip


def loads(raw: str) -> Any:
    """JSON with exact numbers."""
    return json.loads(raw, parse_float=Decimal)


def _words(body: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a payload, without what each has."""
    made = {}
    for name, value in body.items():
        if name not in _ENVELOPE:
            text = value if isinstance(value, str) else json.dumps(value)
            made[f"{name}[]" if isinstance(value, list) else name] = text
    return made


def _ours(call: HttpCall) -> dict[str, str]:
    body = _words(json.loads(call.body)) if call.body else {}
    return {"method": call.method, "path": call.target, **body}


def ccxt_request(head: Json, case: Json, outcome: Outcome) -> None:
    """Their payload's signature and base64 again, then our request for the same order."""
    where = f"coinone {case['call']} {case['args']}"
    signer = PayloadSigner(Key("a", head["apiKey"], head["secret"].encode()))
    for request in case["requests"]:
        payload = request["headers"].get("X-COINONE-PAYLOAD")
        if payload is None:
            continue
        theirs = request["headers"]["X-COINONE-SIGNATURE"]
        outcome.compare(f"{where}, signature", signer.signature(payload), theirs)
        again = payload_of(json.loads(base64.b64decode(payload)))[1]
        outcome.compare(f"{where}, payload", again, payload)
    made = unified(case["call"], case["args"], spec.NAME, STAMP)
    call = None if made.ask is None else SIDE.ask(made.ask, Way.REST, STAMP)
    if call is None or not isinstance(call.body, HttpCall):
        QUIRKS.unsupported(outcome, made.reason or UNSAID)
        return
    first = case["requests"][0]
    their_payload = first["headers"].get("X-COINONE-PAYLOAD")
    body = json.loads(base64.b64decode(their_payload)) if their_payload else {}
    theirs_parts = {
        "method": first["http_method"], "path": urlsplit(first["url"]).path,
        **{name: value for name, value in _words(body).items() if name not in _passed(case)},
    }  # fmt: skip
    CCXT_DIVERGENCES.compare(where, case["call"], _ours(call.body), theirs_parts, outcome)


def _passed(case: Json) -> set[str]:
    """Names that this library passes on as they are: Coinone documents none of them."""
    return {name for one in case["args"] if isinstance(one, dict) for name in one}


def ccxt_response(line: Json, outcome: Outcome) -> None:
    """A reply by its path alone."""
    if not _by_path(line["path"], outcome):
        outcome.skip(f"coinone {line['path']}: no reader")


def ccxt_error(row: Json, classes: frozenset[str], outcome: Outcome) -> None:
    """A code in an error body."""
    body = {"result": "error", "error_code": row["match"], "error_msg": ""}
    ask = Ask(Want.PLACE, "a", spec.NAME, BTC, client_order_id=ORDER_ID)
    (item,) = SIDE.read_http(ask, 200, {}, json.dumps(body).encode(), DESK).items
    found = SIDE.judge(ask, item)
    outcome.compare(f"coinone error {row['match']}", judged_as(found, classes), True)


CCXT = CcxtExchange(ccxt_request, ccxt_response, ccxt_error, CCXT_DIVERGENCES.finish)


def _by_path(path: str, outcome: Outcome) -> bool:
    for prefix, reason in _OTHER_PATHS.items():
        if path.startswith(prefix):
            QUIRKS.unsupported(outcome, reason)
            return True
    return False


def document(where: str, line: Json, outcome: Outcome) -> None:
    """One line of the documents in any of its three forms."""
    if "msg" in line:
        if line["dir"] == "send":
            _sent(where, line["msg"], outcome)
        else:
            _received(where, json.dumps(line["msg"]), outcome)
        return
    kind, raw = line["kind"], line["raw"]
    if kind.startswith("ws send"):
        _sent(where, loads(raw), outcome)
    elif kind.startswith(("ws recv", "ws error")):
        _received(where, raw, outcome)
    else:
        _rest(where, kind, line, outcome)


def _rest(where: str, kind: str, line: Json, outcome: Outcome) -> None:
    raw, path = line["raw"], line.get("path")
    if "error" in kind:
        _error(where, raw, outcome)
        return
    if path is None:  # "POST /v2.1/order/detail reply (…)"
        path = kind.split()[1]
    path = path.partition("?")[0]
    if _by_path(path, outcome):
        return
    if "request" in kind:
        _request(where, path, loads(raw), outcome)
        return
    for prefix, reader in _REPLIES:
        if path.startswith(prefix):
            reader(where, path, raw, outcome)
            return
    outcome.skip(f"coinone {path}: no such ask")


def _read(ask: Ask, raw: str) -> Any:
    return SIDE.read_http(ask, 200, {}, raw.encode(), DESK)


def _error(where: str, raw: str, outcome: Outcome) -> None:
    """A documented code is listed, and none of them says that an order was done."""
    given = loads(raw)
    ask = Ask(Want.PLACE, "a", spec.NAME, BTC)
    (item,) = _read(ask, raw).items
    found = SIDE.judge(ask, item)
    outcome.compare(where, (item.code, item.text), (int(given["error_code"]), given["error_msg"]))
    outcome.compare(f"{where}, listed", item.code in errors.RULINGS, True)
    outcome.compare(f"{where}, done", found.verdict is Verdict.DONE, False)


def _request(where: str, path: str, body: Json, outcome: Outcome) -> None:
    if path != "/v2.1/order":
        outcome.skip(f"coinone {path}: no such request")
        return
    made = SIDE.ask(
        Ask(Want.PLACE, "a", spec.NAME, BTC, (_page_order(body),)), Way.REST, STAMP
    )  # fmt: skip
    if made is None or not isinstance(made.body, HttpCall):
        outcome.differ(f"{where}: is not sent")
        return
    theirs = {"method": "POST", "path": path, **_words(body)}
    PAGE_DIVERGENCES.compare(where, "page", _ours(made.body), theirs, outcome)


def _page_order(body: Json) -> Any:
    kind = body["type"]
    words: dict[str, Any] = {"side": _SIDES[body["side"]], "time_in_force": TimeInForce.GTC}
    if kind == "MARKET":
        words |= {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.IOC,
                  "px": units(body.get("limit_price"))}  # fmt: skip
    elif kind == "STOP_LIMIT":
        words |= {"order_type": OrderType.STOP, "px": units(body["price"]),
                  "trigger_px": units(body["trigger_price"])}  # fmt: skip
    else:
        post_only = OrderType.POST_ONLY if body.get("post_only") else OrderType.LIMIT
        words |= {"order_type": post_only, "px": units(body["price"])}
    if "amount" in body:
        words["quote_qty"] = units(body["amount"])
    else:
        words["qty"] = units(body["qty"])
    return command(**words)


def _placed(where: str, path: str, raw: str, outcome: Outcome) -> None:
    (item,) = _read(Ask(Want.PLACE, "a", spec.NAME, BTC, (command(),)), raw).items
    outcome.compare(where, item.report.venue_order_id, loads(raw)["order_id"])


def _canceled(where: str, path: str, raw: str, outcome: Outcome) -> None:
    given = loads(raw)
    (item,) = _read(Ask(Want.CANCEL, "a", spec.NAME, BTC), raw).items
    view = item.order
    outcome.compare(
        where,
        (view.side, view.qty, view.executed_qty, view.venue_order_id, item.report.cum_qty),
        (_SIDES[given["side"]], units(given["original_qty"]), units(given["traded_qty"]),
         given["order_id"], units(given["traded_qty"])),
    )  # fmt: skip


def _compare_view(where: str, view: Any, row: Json, outcome: Outcome) -> None:
    by_amount = row["type"] == "MARKET" and row["side"] == "BUY"
    outcome.compare(
        where,
        (view.symbol, view.side, view.px, view.qty, view.executed_qty, view.executed_quote,
         Decimal(view.cum_fee_text), view.word),
        (
            f"{row['quote_currency']}-{row['target_currency']}", _SIDES[row["side"]],
            UNDEF if row["type"] == "MARKET" else units(row["price"]),
            UNDEF if by_amount else units(row["original_qty"]), max(units(row["executed_qty"]), 0),
            units_down(row.get("traded_amount")), Decimal(row["fee"]), row.get("status", ""),
        ),
    )  # fmt: skip
    if row.get("status") == "FILLED":
        outcome.compare(f"{where}, end", view.kind, ExecKind.FOUND_FILLED)
    if row.get("status") == "CANCELED":
        outcome.compare(f"{where}, end", view.kind, ExecKind.CANCELED)


def _detail(where: str, path: str, raw: str, outcome: Outcome) -> None:
    reply = _read(Ask(Want.ORDER, "a", spec.NAME, BTC, client_order_id=ORDER_ID), raw)
    _compare_view(where, reply.rows[0], loads(raw)["order"], outcome)


def _active(where: str, path: str, raw: str, outcome: Outcome) -> None:
    given = loads(raw)
    rows = given.get("active_orders", given.get("open_orders"))
    views = _read(Ask(Want.OPEN_ORDERS, "a", spec.NAME), raw).rows
    outcome.compare(f"{where}, rows", len(views), len(rows))
    for view, row in zip(views, rows, strict=False):
        _compare_view(where, view, row, outcome)


def _completed(where: str, path: str, raw: str, outcome: Outcome) -> None:
    fills = _read(Ask(Want.FILLS, "a", spec.NAME), raw).rows
    rows = loads(raw)["completed_orders"]
    outcome.compare(
        where,
        [(f.report.px, f.report.qty, f.trade_text, f.venue_order_id, f.report.fee_text,
          f.report.side is Side.SELL) for f in fills],
        [(units(row["price"]), units(row["qty"]), row["trade_id"], row["order_id"], row["fee"],
          row["is_ask"]) for row in rows],
    )  # fmt: skip


def _balances(where: str, path: str, raw: str, outcome: Outcome) -> None:
    found = _read(Ask(Want.BALANCES, "a", spec.NAME), raw).rows
    rows = loads(raw)["balances"]
    outcome.compare(
        where, [(row.currency, row.free, row.locked) for row in found],
        [(row["currency"].upper(), row["available"], row["limit"]) for row in rows],
    )  # fmt: skip


def _fees(where: str, path: str, raw: str, outcome: Outcome) -> None:
    found = _read(Ask(Want.FEES, "a", spec.NAME), raw).rows
    rows = loads(raw)["fee_rates"]
    outcome.compare(
        where, [(row.symbol, row.maker, row.taker) for row in found],
        [(f"{row['quote_currency']}-{row['target_currency']}", row["maker"], row["taker"])
         for row in rows],
    )  # fmt: skip


def _markets(where: str, path: str, raw: str, outcome: Outcome) -> None:
    found = _read(Ask(Want.LISTING, market=spec.NAME), raw).rows
    rows = loads(raw)["markets"]
    outcome.compare(
        where,
        [(row.symbol, row.tick, row.lot, row.min_notional, row.status == "TRADING")
         for row in found],
        [(f"{row['quote_currency']}-{row['target_currency']}", row["price_unit"], row["qty_unit"],
          row["min_order_amount"], row["trade_status"] == 1 and row["maintenance_status"] == 0)
         for row in rows],
    )  # fmt: skip


def _ladder(where: str, path: str, raw: str, outcome: Outcome) -> None:
    symbol = "-".join(path.split("/")[-2:])
    ask = Ask(Want.LISTING, market=spec.NAME, values={"symbol": symbol})
    (row,) = _read(ask, raw).rows
    units_given = loads(raw)["range_price_units"]
    outcome.compare(
        where, [(Decimal(start), Decimal(tick)) for start, tick in row.ladder],
        [(Decimal(one["range_min"]), Decimal(one["price_unit"])) for one in units_given],
    )  # fmt: skip


_REPLIES = (
    ("/v2.1/order/cancel", _canceled), ("/v2.1/order/detail", _detail),
    ("/v2.1/order/active_orders", _active), ("/v2.1/order/open_orders", _active),
    ("/v2.1/order/completed_orders", _completed), ("/v2.1/account/balance", _balances),
    ("/v2.1/account/trade_fee", _fees), ("/v2.1/order", _placed),
    ("/public/v2/markets", _markets), ("/public/v2/range_units", _ladder),
)  # fmt: skip


def _sent(where: str, frame: Json, outcome: Outcome) -> None:
    """Our frame of the same channel, in the form that we ask for; PING as it is."""
    if frame["request_type"] == "PING":
        outcome.compare(where, loads(LINK.ping), frame)
        return
    channel = frame["channel"]
    asks = {one.values["channel"]: one for one in SIDE.greet(LINK, STAMP)}
    if frame["request_type"] != "SUBSCRIBE" or channel not in asks:
        QUIRKS.unsupported(outcome, MARKET_DATA)
        return
    made = SIDE.ask(asks[channel], Way.SOCKET, STAMP)
    assert made is not None
    assert isinstance(made.body, bytes)
    outcome.compare(where, loads(made.body.decode()) | {"format": ""}, dict(frame) | {"format": ""})


_NOTICES = {"CONNECTED": "logged_on", "SUBSCRIBED": "subscribed", "PONG": "pong",
            "ERROR": "refused"}  # fmt: skip
_SHORT_ORDER = {"order_id": "oi", "status": "st", "side": "s", "executed_price": "ep",
                "executed_qty": "eq", "executed_fee": "ef", "trade_id": "ti"}  # fmt: skip
_KINDS = {"wait": ExecKind.ACK, "watch": ExecKind.ACK, "not_triggered": ExecKind.ACK,
          "trade": ExecKind.FILL, "trade_done": ExecKind.FILL, "cancel": ExecKind.CANCELED,
          "cancel_post_only": ExecKind.CANCELED}  # fmt: skip


def _received(where: str, raw: str, outcome: Outcome) -> None:
    given = loads(raw)
    found = SIDE.read(LINK, raw.encode(), DESK)
    kind = given.get("response_type", given.get("r"))
    channel = given.get("channel", given.get("c"))
    data = given.get("data", given.get("d"))
    if kind in _NOTICES:
        outcome.compare(where, [notice.kind for notice in found.notices], [_NOTICES[kind]])
    elif channel == "MYORDER":
        _compare_event(where, found, data, outcome)
    elif channel == "MYASSET":
        rows = data.get("assets", data.get("as"))
        expected = [
            (row.get("currency", row.get("c")), row.get("available", row.get("a")),
             row.get("limit", row.get("l"))) for row in rows
        ]  # fmt: skip
        balances = [(one.currency, one.free, one.locked) for _, one in found.balances]
        outcome.compare(where, balances, expected)
    else:
        outcome.compare(where, [notice.kind for notice in found.notices], ["other"])
        QUIRKS.unsupported(outcome, MARKET_DATA)


def _compare_event(where: str, found: Any, data: Json, outcome: Outcome) -> None:
    event = {long: data.get(long, data.get(short)) for long, short in _SHORT_ORDER.items()}
    report = found.reports[0][1]
    outcome.compare(
        where,
        (report.kind, report.venue_order_id, report.side),
        (_KINDS[event["status"]], event["order_id"], _SIDES[event["side"]]),
    )
    if event["status"] in {"trade", "trade_done"}:
        outcome.compare(
            f"{where}, fill",
            (report.px, report.qty, Decimal(report.fee_text), report.trade_text),
            (units(event["executed_price"]), units(event["executed_qty"]),
             Decimal(event["executed_fee"]), event["trade_id"]),
        )  # fmt: skip
