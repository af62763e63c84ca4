"""What USD-M's order side sends, byte by byte."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from oms.venues.binance.usdm.kill import kill_side
from oms.venues.data import Role, Way
from oms.venues.reports import Ask, OrderView, Reply, Run, Want
from shm_layout.enums import (
    ORDER_CLOSE,
    ORDER_REDUCE_ONLY,
    Direction,
    ExecKind,
    OrderSpace,
    OrderType,
    PriceKind,
    SelfTrade,
    Side,
    TimeInForce,
)
from shm_layout.records import UNDEF
from tests.oms.venues.binance.usdm.samples import KEY, PERPETUAL, USDM, side
from tests.oms.venues.typed_side import NOW_MS, ORDER_ID, OTHER_ID, OTHER_TEXT, STAMP, TEXT, command

PLAIN = {
    "symbol": "BTCUSDT", "side": "BUY", "positionSide": "BOTH",
    "selfTradePreventionMode": "EXPIRE_MAKER", "newOrderRespType": "RESULT", "type": "LIMIT",
    "quantity": "0.012", "reduceOnly": "false", "newClientOrderId": TEXT, "timeInForce": "GTC",
    "price": "61000.5",
}  # fmt: skip
STOP = {"order_type": OrderType.STOP, "trigger_px": 5_000_000, "side": Side.SELL, "px": UNDEF}


def place(*orders, want=Want.PLACE):
    return Ask(want, "main", USDM, PERPETUAL, orders=orders)


def signature(text):
    return hmac.new(KEY.secret, text.encode(), hashlib.sha256).hexdigest()


def params_of(ask):
    call = side().ask(ask, Way.REST, STAMP).body
    text = call.body.decode() or call.target.partition("?")[2]
    signed, _, said = text.rpartition("&signature=")
    assert said == signature(signed)
    found = dict(parse_qsl(signed))
    assert (found.pop("recvWindow"), found.pop("timestamp")) == ("5000", str(NOW_MS))
    return call, found


def test_place_by_rest_is_signed_as_sent():
    call, found = params_of(place(command()))
    assert (call.method, call.target) == ("POST", "/fapi/v1/order")
    assert call.headers == {
        "X-MBX-APIKEY": KEY.api_key, "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    assert found == PLAIN


def test_place_by_socket_is_signed_over_sorted_params():
    made = side().ask(place(command()), Way.SOCKET, STAMP)
    frame = json.loads(made.body)
    params = frame["params"]
    said = params.pop("signature")
    assert said == signature("&".join(f"{k}={v}" for k, v in sorted(params.items())))
    assert (frame["id"], frame["method"]) == ("41", "order.place")
    assert params == PLAIN | {
        "apiKey": KEY.api_key, "recvWindow": 5_000, "timestamp": NOW_MS,
    }  # fmt: skip
    assert made.dies_ms == NOW_MS + 5_000
    assert [c.bucket for c in made.charges] == ["futures.orders_10s", "futures.orders_minute"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"order_type": OrderType.POST_ONLY}, {"type": "LIMIT", "timeInForce": "GTX"}),
        ({"time_in_force": TimeInForce.IOC}, {"timeInForce": "IOC"}),
        ({"order_flags": ORDER_REDUCE_ONLY}, {"reduceOnly": "true"}),
        ({"self_trade": SelfTrade.CANCEL_BOTH}, {"selfTradePreventionMode": "EXPIRE_BOTH"}),
        ({"order_type": OrderType.MARKET, "px": UNDEF}, {"type": "MARKET"}),
        (
            {"order_type": OrderType.BEST, "px": UNDEF, "time_in_force": TimeInForce.IOC},
            {"priceMatch": "OPPONENT", "timeInForce": "IOC"},
        ),
        (
            {"time_in_force": TimeInForce.GTD, "expire_ns": (NOW_MS + 700_000) * 1_000_000},
            {"timeInForce": "GTD", "goodTillDate": "1790000700000"},
        ),
    ],
)
def test_place_shape_says_what_it_means(given, found):
    _, params = params_of(place(command(**given)))
    assert {name: params[name] for name in found} == found
    assert ("price" in params) is (given.get("px") != UNDEF)


@pytest.mark.parametrize(
    "given",
    [
        {"self_trade": SelfTrade.NONE},
        {"time_in_force": TimeInForce.GTD, "expire_ns": (NOW_MS + 600_000) * 1_000_000},
        {"order_type": OrderType.BEST, "px": UNDEF},
        {"order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF, "quote_qty": 5},
        {"order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF, "order_flags": ORDER_CLOSE},
        {"trail_e6": 5_000},
        STOP | {"trigger_kind": PriceKind.INDEX},
        STOP | {"trigger_direction": Direction.RISE},
        STOP | {"px": 5, "qty": UNDEF, "order_flags": ORDER_CLOSE},
    ],
)
def test_place_shape_that_it_does_not_know_is_no_request(given):
    assert side().ask(place(command(**given)), Way.REST, STAMP) is None


def test_stop_is_an_algo_order_of_its_own_ids():
    call, found = params_of(place(command(**STOP, order_flags=ORDER_REDUCE_ONLY)))
    assert call.target == "/fapi/v1/algoOrder"
    assert found == {
        "symbol": "BTCUSDT", "side": "SELL", "positionSide": "BOTH",
        "selfTradePreventionMode": "EXPIRE_MAKER", "newOrderRespType": "RESULT",
        "algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": "50000",
        "workingType": "CONTRACT_PRICE", "priceProtect": "false", "clientAlgoId": TEXT,
        "quantity": "0.012", "reduceOnly": "true",
    }  # fmt: skip
    frame = json.loads(side().ask(place(command(**STOP)), Way.SOCKET, STAMP).body)
    assert frame["method"] == "algoOrder.place"


def test_take_profit_with_a_price_and_one_that_closes():
    profit = {"order_type": OrderType.TAKE_PROFIT, "side": Side.SELL, "trigger_px": 7_000_000}
    _, limit = params_of(place(command(**profit, trigger_kind=PriceKind.MARK)))
    assert (limit["type"], limit["price"], limit["workingType"], limit["timeInForce"]) == (
        "TAKE_PROFIT", "61000.5", "MARK_PRICE", "GTC",
    )  # fmt: skip
    _, whole = params_of(place(command(**profit, px=UNDEF, qty=UNDEF, order_flags=ORDER_CLOSE)))
    assert (whole["type"], whole["closePosition"]) == ("TAKE_PROFIT_MARKET", "true")
    assert not {"quantity", "reduceOnly"} & set(whole)


def test_batch_is_a_json_list_and_costs_its_orders():
    orders = (command(), command(client_order_id=OTHER_ID))
    call, found = params_of(place(*orders))
    bodies = json.loads(found["batchOrders"])
    assert [b["newClientOrderId"] for b in bodies] == [TEXT, OTHER_TEXT]
    assert call.target == "/fapi/v1/batchOrders"
    made = side().ask(place(*orders), Way.REST, STAMP)
    assert [c.count for c in made.charges] == [5, 5, 2]
    assert side().ask(place(*orders), Way.SOCKET, STAMP) is None
    assert side().ask(place(*[command()] * 6), Way.REST, STAMP) is None


def test_amend_needs_side_quantity_and_price():
    change = command(target_client_order_id=ORDER_ID, qty=24)
    call, found = params_of(place(change, want=Want.AMEND))
    assert call.method == "PUT"
    assert found == {
        "symbol": "BTCUSDT", "side": "BUY", "quantity": "0.024", "price": "61000.5",
        "origClientOrderId": TEXT,
    }  # fmt: skip
    half = command(target_client_order_id=ORDER_ID, px=UNDEF)
    assert side().ask(place(half, want=Want.AMEND), Way.REST, STAMP) is None
    by_id = command(venue_order_id=b"71")
    assert params_of(place(by_id, want=Want.AMEND))[1]["orderId"] == "71"


def test_cancel_of_one_of_several_and_of_what_a_list_showed():
    one = Ask(Want.CANCEL, "main", USDM, PERPETUAL, client_order_id=ORDER_ID)
    call, found = params_of(one)
    assert (call.method, found) == ("DELETE", {"symbol": "BTCUSDT", "origClientOrderId": TEXT})
    several = place(
        command(target_client_order_id=ORDER_ID), command(target_client_order_id=OTHER_ID),
        want=Want.CANCEL,
    )  # fmt: skip
    _, found = params_of(several)
    assert json.loads(found["origClientOrderIdList"]) == [TEXT, OTHER_TEXT]
    views = tuple(OrderView(0, "", n, None, "X", ExecKind.FOUND_OPEN, Side.BUY) for n in "12")
    _, found = params_of(Ask(Want.CANCEL, "main", USDM, shown=views))
    assert json.loads(found["orderIdList"]) == [1, 2]
    mixed = (views[0], replace(views[1], symbol="Y"))
    assert side().ask(Ask(Want.CANCEL, "main", USDM, shown=mixed), Way.REST, STAMP) is None


def test_cancel_of_an_algo_order_needs_no_symbol():
    ask = Ask(Want.CANCEL, "main", USDM, PERPETUAL, client_order_id=ORDER_ID, space=OrderSpace.ALGO)
    call, found = params_of(ask)
    assert (call.target.partition("?")[0], found) == ("/fapi/v1/algoOrder", {"clientAlgoId": TEXT})


@pytest.mark.parametrize(
    ("ask", "path", "found", "weight"),
    [
        (Ask(Want.OPEN_ORDERS, "main", USDM), "openOrders", {}, 40),
        (
            Ask(Want.OPEN_ORDERS, "main", USDM, PERPETUAL, space=OrderSpace.ALGO),
            "openAlgoOrders", {"symbol": "BTCUSDT"}, 1,
        ),
        (
            Ask(Want.ORDER, "main", USDM, PERPETUAL, venue_order_id="71"),
            "order", {"symbol": "BTCUSDT", "orderId": "71"}, 1,
        ),
        (
            Ask(Want.FILLS, "main", USDM, PERPETUAL, after_id="9"),
            "userTrades", {"symbol": "BTCUSDT", "fromId": "10", "limit": "1000"}, 5,
        ),
        (
            Ask(Want.FILLS, "main", USDM, PERPETUAL, since_ms=5, until_ms=9), "userTrades",
            {"symbol": "BTCUSDT", "startTime": "5", "endTime": "9", "limit": "1000"}, 5,
        ),
        (
            Ask(Want.CASH_FLOWS, "main", USDM, since_ms=5, page="7", values={"kind": "TRANSFER"}),
            "income", {"incomeType": "TRANSFER", "startTime": "7", "limit": "1000"}, 30,
        ),
        (
            Ask(Want.CANCEL_ALL, "main", USDM, PERPETUAL, space=OrderSpace.ALGO),
            "algoOpenOrders", {"symbol": "BTCUSDT"}, 1,
        ),
        (
            Ask(Want.DEAD_MAN, "main", USDM, PERPETUAL, values={"seconds": 120}),
            "countdownCancelAll", {"symbol": "BTCUSDT", "countdownTime": "120000"}, 10,
        ),
        (
            Ask(Want.SET_ACCOUNT, "main", USDM, values={"what": "one_way"}),
            "positionSide/dual", {"dualSidePosition": "false"}, 1,
        ),
    ],
)  # fmt: skip
def test_question_says_what_and_weighs(ask, path, found, weight):
    call, params = params_of(ask)
    assert call.target.partition("?")[0] == f"/fapi/v1/{path}"
    assert params == found
    assert side().ask(ask, Way.REST, STAMP).charges[0].count == weight


def test_fills_without_a_symbol_are_no_request():
    assert side().ask(Ask(Want.FILLS, "main", USDM), Way.REST, STAMP) is None


def test_stream_s_key_opens_the_private_path():
    made = side()
    ask = made.setup("main")[-1]
    call = made.ask(ask, Way.REST, STAMP).body
    assert (call.method, call.target, call.headers) == (
        "POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": KEY.api_key},
    )  # fmt: skip
    again = replace(ask, values={"extend": 1})
    assert made.ask(again, Way.REST, STAMP).body.method == "PUT"
    orders, events = made.links(["main"], {"main": Reply(token="abc")})
    assert (orders.role, events.role) == (Role.ORDERS, Role.EVENTS)
    assert made.open(events, STAMP)[0] == "/private/ws/abc"
    assert "abc" not in repr(events) + repr(Reply(token="abc"))


def test_plan_asks_each_symbol_or_all_of_them_whichever_weighs_less():
    few = Run("main", (USDM,), (PERPETUAL,), since_ms=NOW_MS - 1_000, now_ms=NOW_MS)
    opened, fills, money = side().plan(few)
    assert [a.instrument for a in opened] == [PERPETUAL, PERPETUAL]
    assert [a.since_ms for a in fills] == [NOW_MS - 1_000]
    assert {a.want for a in money} == {Want.POSITIONS, Want.BALANCES, Want.CASH_FLOWS}
    many = replace(few, instruments=(PERPETUAL,) * 40, cursors={3: "8"})
    opened, fills, _ = side().plan(many)
    assert [a.instrument for a in opened] == [None, None]
    assert {a.after_id for a in fills} == {"8"}
    asks = (*opened, *fills, *money, *side().setup("main"))
    assert all(side().ask(a, Way.REST, STAMP) is not None for a in asks)


def test_kill_empties_each_symbol_that_a_list_showed():
    kill = kill_side({"main": KEY})
    assert kill.sweep("main", USDM, OrderSpace.BOOK) == []
    views = [OrderView(0, "", "1", None, s, ExecKind.FOUND_OPEN, Side.BUY) for s in ("B", "A", "B")]
    asks = kill.cancel("main", USDM, OrderSpace.ALGO, views)
    targets = [kill.ask(a, STAMP).body.target for a in asks]
    assert [t.partition("&")[0] for t in targets] == [
        "/fapi/v1/algoOpenOrders?symbol=A", "/fapi/v1/algoOpenOrders?symbol=B",
    ]  # fmt: skip
