"""Replies and events: the venue's own examples, and what must be refused."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms import ids
from oms.agents.executor.statuses import status_report
from oms.venues.binance.errors import VERDICTS, judge
from oms.venues.binance.trade_parse import (
    Reply,
    TradeReader,
    UserEvent,
    parse_frame,
    parse_http,
)
from oms.venues.reports import Verdict
from oms.venues.trade_base import Instrument, MalformedMessageError
from shm_layout.enums import ExecKind, Liquidity, RejectReason, Side
from tests.support import data_folder

SYSTEM_ID = 5
PX_SCALE, QTY_SCALE, QUOTE_SCALE = 10, 8, 8


@pytest.fixture
def reader():
    made = TradeReader(SYSTEM_ID)
    for k, symbol in enumerate(("ETHUSDT", "ETHBTC", "LTCBTC", "BTCUSDT", "BNBBTC", "LTCBNB")):
        made.by_symbol[symbol] = Instrument(
            k, 1, symbol, symbol, PX_SCALE, QTY_SCALE, QUOTE_SCALE, 10**10
        )
    return made


def at(text, scale):
    return int(Decimal(text).scaleb(scale))


def samples(folder, pattern):
    return {path.name: path.read_bytes() for path in sorted(data_folder(folder).rglob(pattern))}


def renamed(event, order_id=1 << 40 | 3):
    """The sample as if the order were ours."""
    text = ids.to_text(SYSTEM_ID, order_id)
    return {**event, "c": text} if not event.get("C") else {**event, "C": text}


def test_user_event_samples_of_a_library_are_read_field_by_field(reader):
    found = samples("nautilus", "spot__user_data_json__execution_report_*.json")
    assert found
    for name, data in found.items():
        message = parse_frame(data)
        assert isinstance(message, UserEvent), name
        event = renamed(message.event)
        report = reader.execution_report(event)
        assert report.client_order_id == 1 << 40 | 3, name
        assert report.cum_qty == at(event["z"], QTY_SCALE), name
        assert report.side == Side[event["S"]], name
        kind = {"NEW": ExecKind.ACK, "TRADE": ExecKind.FILL, "CANCELED": ExecKind.CANCELED}
        assert report.kind is kind[event["x"]], name
        if report.kind is ExecKind.FILL:
            assert report.px == at(event["L"], PX_SCALE)
            assert report.qty == at(event["l"], QTY_SCALE)
            assert report.trade_id == event["t"]
            assert report.liquidity is (Liquidity.MAKER if event["m"] else Liquidity.TAKER)
            assert (report.fee_text, report.fee_currency) == (event["n"], event["N"])
            assert report.quote_qty == report.px * report.qty // 10**10, "no Y in this sample"


def test_balance_samples_are_read_in_both_forms(reader):
    found = samples("nautilus", "spot__user_data_json__account_position*.json")
    assert len(found) >= 2
    for data in found.values():
        message = parse_frame(data)
        assert message.kind == "outboundAccountPosition"
        views = reader.balances(message.event)
        assert [(v.currency, v.free) for v in views] == [
            (b["a"], b["f"]) for b in message.event["B"]
        ]


def test_documented_examples_are_read_or_named(reader):
    """Every example of the WebSocket API and the user stream that has an answer's or event's
    shape is read as what it is."""
    lines = (data_folder("binance-spot-docs") / "json_examples.jsonl").read_text().splitlines()
    replies = events = orders = 0
    for line in lines:
        entry = json.loads(line)
        raw = entry.get("raw") or entry.get("text") or entry.get("json")
        if entry["doc"] not in ("web-socket-api.md", "user-data-stream.md"):
            continue
        try:
            shown = json.loads(raw)
        except ValueError:
            continue
        if not isinstance(shown, dict) or not ("status" in shown or "event" in shown):
            continue
        message = parse_frame(raw.encode())
        if isinstance(message, UserEvent):
            events += 1
            continue
        replies += 1
        result = message.result
        assert (message.code != 0) == ("error" in shown)
        if isinstance(result, dict) and {"origQty", "side", "price"} <= set(result):
            orders += 1
            assert reader.order(result).venue_order_id == str(result["orderId"])
    assert replies > 20
    assert events >= 3
    assert orders > 0


def test_trade_sample_is_read_exactly(reader):
    (data,) = samples("nautilus", "spot__http_json__account_trades_response.json").values()
    (trade,) = json.loads(data)
    view = reader.trade(trade)
    assert (view.report.px, view.report.qty) == (at("4.000001", 10), at("12", 8))
    assert (view.report.quote_qty, view.report.fee_text) == (at("48.000012", 8), "10.10000000")
    assert view.report.liquidity is Liquidity.TAKER


def test_account_sample_is_read(reader):
    (data,) = samples("nautilus", "spot__http_json__account_response.json").values()
    views = reader.account(json.loads(data))
    assert [(v.currency, v.free) for v in views] == [
        ("BTC", "4723846.89208129"), ("LTC", "4763368.68006011"),
    ]  # fmt: skip


def test_order_of_every_documented_status_says_something(reader):
    order = {
        "symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "x", "price": "1", "origQty": "2",
        "executedQty": "1", "side": "BUY",
    }  # fmt: skip
    said = {}
    for status in ("NEW", "PENDING_NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED",
                   "PENDING_CANCEL", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"):  # fmt: skip
        report = status_report(reader.order({**order, "status": status}), ExecKind.FOUND_OPEN)
        said[status] = report.kind.name if report else None
    assert said == {
        "NEW": "FOUND_OPEN", "PENDING_NEW": "FOUND_OPEN", "PARTIALLY_FILLED": "FOUND_OPEN",
        "FILLED": None, "CANCELED": "CANCELED", "PENDING_CANCEL": "FOUND_OPEN",
        "REJECTED": "REJECT", "EXPIRED": "EXPIRED", "EXPIRED_IN_MATCH": "EXPIRED",
    }  # fmt: skip
    with pytest.raises(MalformedMessageError, match="order status"):
        status_report(reader.order({**order, "status": "FROZEN"}), ExecKind.FOUND_OPEN)


# Errors


def test_every_listed_verdict_stands_in_the_exchanges_own_list():
    listed = json.loads((data_folder("binance-spot-docs") / "error_codes.json").read_text())
    words = {entry["code"]: entry["text"].lower() for entry in listed}
    assert set(VERDICTS) <= set(words)
    for code, text in words.items():
        if "status unknown" in text:
            assert VERDICTS[code] is Verdict.UNKNOWN, code
    assert "does not exist" in words[-2013]
    for code in words:
        assert judge(400, code, "").verdict is VERDICTS.get(code, Verdict.REFUSED)
        assert judge(500, code, "").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("status", [0, 500, 502, 503, 504, 599])
def test_server_errors_prove_nothing(status):
    assert judge(status, -2010, "Order would immediately match and take.").verdict is (
        Verdict.UNKNOWN
    )


def test_refusals_have_the_nearest_reason():
    assert judge(400, -2010, "Account has insufficient balance for requested action.").reason is (
        RejectReason.INSUFFICIENT_FUNDS
    )
    assert judge(400, -9999, "a code of tomorrow").reason is RejectReason.VENUE_REJECT
    assert judge(403, 0, "").verdict is Verdict.REFUSED


@pytest.mark.parametrize("code", [-1002, -1022, -2014, -2015])
def test_refusal_of_the_key_says_so(code):
    assert judge(401, code, "").reason is RejectReason.KEY_REFUSED


def test_http_error_without_json_keeps_its_status():
    reply = parse_http(4, 502, b"<html>\x00")
    assert (reply.status, reply.code, reply.text) == (502, 0, "<html>\x00")
    assert parse_http(4, 400, b'{"code":-2013,"msg":"Order does not exist."}').code == -2013
    with pytest.raises(MalformedMessageError):
        parse_http(4, 200, b"{")


# What must be refused


@given(st.binary(max_size=200))
def test_parse_frame_any_bytes_is_a_message_or_malformed(data):
    try:
        message = parse_frame(data)
    except MalformedMessageError:
        return
    assert isinstance(message, (Reply, UserEvent))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["e", "E", "s", "c", "C", "x", "X", "z", "S", "i", "l", "L", "t", "m",
                         "id", "status", "error", "event", "code", "msg", "symbol", "side"]),
        inner, max_size=8),
    max_leaves=30,
)  # fmt: skip


@given(JSON)
def test_readers_any_json_is_read_or_malformed(value):
    reader = TradeReader(SYSTEM_ID)
    reader.by_symbol[""] = Instrument(0, 1, "", "", 2, 2, 2, 100)
    for read in (reader.order, reader.trade, reader.execution_report, reader.account,
                 reader.balances, lambda v: parse_frame(json.dumps(v).encode())):  # fmt: skip
        try:
            read(value)
        except MalformedMessageError:
            continue
