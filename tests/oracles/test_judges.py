"""The judges of futures exchanges' material find what is wrong, and know what is not theirs."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from oms.venues.binance.usdm.spec import NAME
from oms.venues.reports import Ask, MalformedMessageError, Want
from shm_layout.enums import OrderType
from tests.oracles.base import Outcome
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import binance, binance_market, binance_spot, usdm
from tests.oracles.exchanges import binance_requests as spot_requests
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges import usdm_requests as requests
from tests.oracles.readers import nautilus

BOOK = {"e": "depthUpdate", "s": "XYUSDT", "U": 5, "u": 7, "b": [["1.5", "2"]], "a": []}
ORDER = {
    "orderId": 9, "symbol": "XYUSDT", "side": "SELL", "price": "1.25", "origQty": "4",
    "executedQty": "1", "status": "PARTIALLY_FILLED", "clientOrderId": "by-hand", "updateTime": 3,
}  # fmt: skip


@pytest.fixture
def outcome():
    return Outcome()


def counted(outcome):
    return outcome.agreed, outcome.disagreed, outcome.unsupported_items()


@pytest.mark.parametrize("value", ["0.123456789", Decimal("1e-9")])
def test_number_finer_than_the_desk_is_refused(value):
    with pytest.raises(ValueError, match="decimals"):
        m.units(value)


def test_item_counts_once_and_a_difference_before_a_reason(outcome):
    with m.one(outcome) as found:
        found.agreed += 2
        found.unsupported("usdm: a reason")
    with m.one(outcome) as found:
        found.unsupported("usdm: a reason")
        found.differ("x")
    assert counted(outcome) == (0, 1, 1)


def test_rows_that_cannot_be_read_disagree(outcome):
    def malformed():
        raise MalformedMessageError("bytes")

    m.compare_rows("w", malformed, [], outcome)
    m.compare_rows("w", list, [("balance", "USDT", None)], outcome)
    assert counted(outcome) == (0, 2, 0)


def test_payloads_are_compared_by_value_and_each_order_of_a_list_by_itself(outcome):
    rules = Divergences("usdm")
    m.compare_payload(rules, "w", "nothing", {"px": "1.50", "on": True}, {"px": 1.5, "on": "true"},
                      outcome)  # fmt: skip
    m.compare_payload(rules, "w", "nothing", [{"px": "1"}], [{"px": "2"}], outcome)
    m.compare_payload(rules, "w", "nothing", [{"px": "1"}], {"px": "1"}, outcome)
    assert counted(outcome) == (1, 2, 0)


def test_book_message_agrees_and_one_that_the_decoder_declines_does_not(outcome):
    binance_market.judge("w", json.dumps(BOOK), BOOK, outcome)
    assert counted(outcome) == (1, 0, 0)
    broken = BOOK | {"b": [["1,5", "2"]]}
    binance_market.judge("w", json.dumps(broken), broken, outcome)
    assert counted(outcome) == (1, 1, 0)


def test_market_data_that_is_read_is_known_by_its_fields():
    assert binance_market.is_read(BOOK)
    ticker = {"u": 1, "s": "XY", "b": "1", "B": "2", "a": "3", "A": "4"}
    assert binance_market.is_read(ticker)
    assert not binance_market.is_read({"e": "kline"})
    assert not binance_market.is_read({"u": 1})


@pytest.mark.parametrize(("side", "market"), [(usdm, NAME), (binance_spot, "binance.spot")])
def test_order_is_what_its_text_says_and_no_other(side, market):
    ask = Ask(Want.ORDER, m.ACCOUNT, market)
    reply = side.side().read_http(ask, 200, {}, json.dumps(ORDER).encode(), side.DESK)
    found = m.plain(reply.items[0].order)
    assert found == side.expected_order(ORDER)
    for name, value in (("executedQty", "2"), ("side", "BUY"), ("price", "1.5"), ("orderId", 8)):
        assert found != side.expected_order(ORDER | {name: value})


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"type": "TRAILING_STOP_MARKET"}, requests.OTHER_ORDERS),
        ({"type": "LIMIT", "positionSide": "LONG"}, requests.HEDGE),
        ({"type": "LIMIT", "priceMatch": "QUEUE"}, requests.OTHER_ORDERS),
    ],
)
def test_order_of_another_kind_has_its_reason(params, reason):
    row = {"symbol": "XYUSDT", "side": "BUY", "quantity": "1", "price": "2"} | params
    assert requests.meaning("POST", "/fapi/v1/order", row) == reason


def test_order_by_the_other_sides_price_is_best():
    row = {
        "symbol": "XYUSDT", "side": "BUY", "quantity": "1", "type": "LIMIT",
        "priceMatch": "OPPONENT",
    }  # fmt: skip
    made = requests.meaning("POST", "/fapi/v1/order", row)
    assert isinstance(made, Ask)
    assert made.orders[0].order_type == OrderType.BEST


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/sapi/v1/anything", requests.SAPI), ("/dapi/v1/order", requests.COINM),
        ("/fapi/v1/klines", m.MARKET_DATA), ("/fapi/v1/feeBurn", requests.SETTINGS),
    ],
)  # fmt: skip
def test_path_that_is_not_asked_has_its_reason(path, reason, outcome):
    usdm.judge_reply("w", "GET", path, 200, "{}", outcome)
    assert outcome.notes["not_supported"] == {f"binance/usdm: {reason}": 1}


def test_signature_is_made_again_from_what_was_sent():
    url = "https://h/fapi/v1/order?symbol=XYUSDT&timestamp=1"
    ours = requests.sign.HmacSigner(b"s").text(b"symbol=XYUSDT&timestamp=1")
    sent = {"url": f"{url}&signature={ours}", "body": None}
    assert requests.signed_again({"secret": "s"}, sent) == (ours, ours)
    assert requests.signed_again({"secret": "s"}, {"url": url, "body": None}) is None


def test_what_comes_without_its_market_goes_to_the_side_that_it_is_of(outcome):
    binance.judge_push("w", json.dumps({"e": "TRADE_LITE", "E": 1}), outcome)
    binance.judge_push("w CoinFutures", "{}", outcome)
    binance.judge_push("w", json.dumps({"e": "listStatus", "E": 1}), outcome)
    assert outcome.agreed == 1
    assert set(outcome.notes["not_supported"]) == {
        f"binance/usdm: {requests.COINM}", f"binance: {spot_requests.LISTS}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"serverTime": 1, "symbols": []}, Want.LISTING), ([ORDER], Want.OPEN_ORDERS),
        ([ORDER, {"orderReports": []}], Want.CANCEL_ALL), ({}, m.NO_SHAPE), ("x", m.NO_SHAPE),
        ([[1, "2"]], m.MARKET_DATA), ({"orderId": 1, "transactTime": 2}, binance_spot.FORM),
    ],
)  # fmt: skip
def test_answer_without_its_question_is_known_by_its_fields(message, kind):
    assert binance_spot.shape_of(message) == kind


def test_reply_without_its_path_is_known_by_the_fields_of_its_rows():
    rows = [{"positionAmt": "1", "entryPrice": "2"}]
    assert nautilus.path_of(nautilus.USDM, rows, "/other")[1] == "/fapi/v3/positionRisk"
    assert nautilus.path_of(nautilus.USDM, [["x"]], "/other") == ("GET", "/other")
    assert nautilus.path_of(nautilus.USDM, [], "/other") == ("GET", "/other")
