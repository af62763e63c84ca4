"""What Bybit's order side sends, byte by byte."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from oms.venues.bybit import spec
from oms.venues.data import Proof, Role, Way
from oms.venues.orders import Link
from oms.venues.reports import Ask, HttpCall, OrderView, Reply, Run, Want
from shm_layout.enums import (
    ORDER_CLOSE,
    ORDER_REDUCE_ONLY,
    Direction,
    ExecKind,
    OrderSpace,
    OrderType,
    PositionSide,
    PriceKind,
    SelfTrade,
    Side,
    TimeInForce,
)
from shm_layout.records import UNDEF
from tests.oms.venues.bybit.samples import KEY, LINEAR, PAIR, PERPETUAL, SPOT, VENUE_ID, side
from tests.oms.venues.typed_side import (
    NOW_MS,
    ORDER_ID,
    OTHER_ID,
    OTHER_TEXT,
    STAMP,
    TEXT,
    command,
)

PLAIN = (
    f'{{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.012",'
    f'"timeInForce":"GTC","orderLinkId":"{TEXT}","smpType":"CancelMaker","price":"61000.5",'
    f'"positionIdx":0,"reduceOnly":false}}'
)


def place(*orders, market=LINEAR, want=Want.PLACE):
    row = PERPETUAL if market == LINEAR else PAIR
    return Ask(want, "main", market, row, orders=orders)


def body_of(ask, way=Way.REST):
    made = side().ask(ask, way, STAMP)
    assert made is not None
    if way is Way.SOCKET:
        return json.loads(made.body)["args"][0]
    return json.loads(made.body.body)


def test_place_linear_limit_by_rest_is_signed_byte_by_byte():
    made = side().ask(place(command()), Way.REST, STAMP)
    signed = f"{NOW_MS}{KEY.api_key}5000{PLAIN}".encode()
    assert made.body == HttpCall(
        "POST", "/v5/order/create",
        {
            "X-BAPI-API-KEY": KEY.api_key, "X-BAPI-TIMESTAMP": str(NOW_MS),
            "X-BAPI-RECV-WINDOW": "5000", "Content-Type": "application/json",
            "X-BAPI-SIGN": hmac.new(KEY.secret, signed, hashlib.sha256).hexdigest(),
        },
        PLAIN.encode(),
    )  # fmt: skip
    assert made.dies_ms == NOW_MS + 5_000
    assert [(c.bucket, c.key, c.count) for c in made.charges] == [
        ("rest", ("",), 1), ("linear.place", ("main",), 1),
    ]  # fmt: skip


def test_place_linear_limit_by_socket_is_the_same_body_in_a_frame():
    made = side().ask(place(command()), Way.SOCKET, STAMP)
    frame = (
        f'{{"reqId":"41","header":{{"X-BAPI-TIMESTAMP":"{NOW_MS}","X-BAPI-RECV-WINDOW":"5000"}},'
        f'"op":"order.create","args":[{PLAIN}]}}'
    )
    assert made.body == frame.encode()
    assert [c.bucket for c in made.charges] == ["socket", "linear.place"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"order_type": OrderType.POST_ONLY}, {"orderType": "Limit", "timeInForce": "PostOnly"}),
        ({"time_in_force": TimeInForce.FOK}, {"timeInForce": "FOK"}),
        ({"side": Side.SELL}, {"side": "Sell"}),
        ({"order_flags": ORDER_REDUCE_ONLY}, {"reduceOnly": True}),
        ({"self_trade": SelfTrade.CANCEL_BOTH}, {"smpType": "CancelBoth"}),
        (
            {"order_type": OrderType.MARKET, "px": UNDEF},
            {"orderType": "Market", "timeInForce": "IOC", "qty": "0.012"},
        ),
        (
            {"order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF, "order_flags": ORDER_CLOSE},
            {"qty": "0", "reduceOnly": True, "closeOnTrigger": True},
        ),
        (
            {"order_type": OrderType.STOP, "trigger_px": 6_200_000, "trigger_kind": PriceKind.MARK},
            {"triggerPrice": "62000", "triggerDirection": 1, "triggerBy": "MarkPrice"},
        ),
        (
            {"order_type": OrderType.STOP, "side": Side.SELL, "px": UNDEF, "trigger_px": 5_000_000},
            {"triggerDirection": 2, "orderType": "Market", "triggerBy": "LastPrice"},
        ),
        (
            {"order_type": OrderType.TAKE_PROFIT, "trigger_px": 5_000_000},
            {"triggerDirection": 2, "orderType": "Limit"},
        ),
        (
            {"order_type": OrderType.STOP, "trigger_px": 1, "trigger_direction": Direction.FALL},
            {"triggerDirection": 2, "triggerPrice": "0.01"},
        ),
    ],
)
def test_place_linear_shape_says_what_it_means(given, found):
    body = body_of(place(command(**given)))
    assert {name: body[name] for name in found} == found


def test_place_spot_market_buy_by_amount_says_its_unit():
    given = command(order_type=OrderType.MARKET, px=UNDEF, qty=UNDEF, quote_qty=10_000_000_000)
    body = body_of(place(given, market=SPOT))
    assert (body["qty"], body["marketUnit"]) == ("100", "quoteCoin")
    assert (body["isLeverage"], body["orderFilter"]) == (0, "Order")
    assert "positionIdx" not in body


@pytest.mark.parametrize("which", [Side.BUY, Side.SELL])
def test_place_spot_market_by_quantity_says_its_unit(which):
    given = command(order_type=OrderType.MARKET, px=UNDEF, side=which)
    assert body_of(place(given, market=SPOT))["marketUnit"] == "baseCoin"


@pytest.mark.parametrize(
    ("market", "given"),
    [
        (LINEAR, {"order_type": OrderType.BEST, "time_in_force": TimeInForce.IOC}),
        (LINEAR, {"time_in_force": TimeInForce.GTD}),
        (LINEAR, {"display_qty": 4}),
        (LINEAR, {"trail_e6": 5_000}),
        (LINEAR, {"position_side": PositionSide.LONG}),
        (LINEAR, {"self_trade": SelfTrade.DECREMENT}),
        (LINEAR, {"order_type": OrderType.STOP}),
        (LINEAR, {"trigger_px": 5}),
        (LINEAR, {"order_type": OrderType.MARKET}),
        (LINEAR, {"order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF, "quote_qty": 5}),
        (LINEAR, {"qty": UNDEF}),
        (SPOT, {"order_type": OrderType.STOP, "trigger_px": 5}),
        (SPOT, {"order_flags": ORDER_REDUCE_ONLY}),
    ],
)
def test_place_shape_that_it_does_not_know_is_no_request(market, given):
    assert side().ask(place(command(**given), market=market), Way.REST, STAMP) is None


def test_place_batch_counts_each_order_of_its_own_budget():
    orders = (command(), command(client_order_id=OTHER_ID, side=Side.SELL))
    made = side().ask(place(*orders), Way.SOCKET, STAMP)
    frame = json.loads(made.body)
    assert frame["op"] == "order.create-batch"
    assert [o["orderLinkId"] for o in frame["args"][0]["request"]] == [TEXT, OTHER_TEXT]
    assert made.charges[1].bucket == "linear.place_batch"
    assert made.charges[1].count == 2


def test_place_batch_beyond_its_most_is_no_request():
    assert side().ask(place(*[command()] * 11, market=SPOT), Way.REST, STAMP) is None
    assert side().ask(place(*[command()] * 11), Way.REST, STAMP) is not None


def test_amend_sends_only_what_changes():
    change = command(target_client_order_id=ORDER_ID, px=UNDEF, qty=24)
    assert body_of(place(change, want=Want.AMEND)) == {
        "category": "linear", "symbol": "BTCUSDT", "orderLinkId": TEXT, "qty": "0.024",
    }  # fmt: skip
    by_id = command(venue_order_id=VENUE_ID.encode(), qty=UNDEF)
    assert body_of(place(by_id, want=Want.AMEND))["orderId"] == VENUE_ID
    nothing = command(target_client_order_id=ORDER_ID, px=UNDEF, qty=UNDEF)
    assert side().ask(place(nothing, want=Want.AMEND), Way.REST, STAMP) is None


def test_cancel_names_the_order_by_our_id_or_by_theirs():
    ours = Ask(Want.CANCEL, "main", LINEAR, PERPETUAL, client_order_id=ORDER_ID)
    assert body_of(ours) == {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": TEXT}
    theirs = replace(ours, client_order_id=0, venue_order_id=VENUE_ID)
    assert body_of(theirs)["orderId"] == VENUE_ID


def test_cancel_spot_says_which_kind_of_order():
    ask = Ask(Want.CANCEL, "main", SPOT, PAIR, client_order_id=ORDER_ID)
    assert body_of(ask)["orderFilter"] == "Order"
    assert body_of(replace(ask, space=OrderSpace.ALGO))["orderFilter"] == "tpslOrder"


def test_cancel_of_shown_orders_is_one_batch():
    views = tuple(
        OrderView(0, "", number, None, "ETHUSDT", ExecKind.FOUND_OPEN, Side.BUY)
        for number in ("a", "b")
    )
    body = body_of(Ask(Want.CANCEL, "main", LINEAR, shown=views))
    assert body["request"] == [
        {"symbol": "ETHUSDT", "orderId": "a"}, {"symbol": "ETHUSDT", "orderId": "b"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "target"),
    [
        (
            Ask(Want.ORDER, "main", LINEAR, PERPETUAL, client_order_id=ORDER_ID),
            f"/v5/order/realtime?category=linear&symbol=BTCUSDT&orderLinkId={TEXT}&openOnly=0",
        ),
        (
            Ask(Want.ORDER, "main", LINEAR, PERPETUAL, client_order_id=ORDER_ID, page="history"),
            f"/v5/order/history?category=linear&symbol=BTCUSDT&orderLinkId={TEXT}",
        ),
        (
            Ask(Want.OPEN_ORDERS, "main", LINEAR, values={"coin": "USDC"}, page="a%3A1"),
            (
                "/v5/order/realtime?category=linear&settleCoin=USDC&openOnly=0&orderFilter=Order"
                "&limit=50&cursor=a%3A1"
            ),
        ),
        (
            Ask(Want.FILLS, "main", SPOT, since_ms=5, until_ms=9),
            "/v5/execution/list?category=spot&startTime=5&endTime=9&limit=100",
        ),
        (Ask(Want.BALANCES, "main"), "/v5/account/wallet-balance?accountType=UNIFIED"),
        (
            Ask(Want.POSITIONS, "main", LINEAR, PERPETUAL),
            "/v5/position/list?category=linear&symbol=BTCUSDT&limit=200",
        ),
        (
            Ask(Want.CASH_FLOWS, "main", since_ms=5),
            "/v5/account/transaction-log?accountType=UNIFIED&startTime=5&limit=50",
        ),
        (Ask(Want.KEY, "main"), "/v5/user/query-api"),
    ],
)
def test_question_stands_in_its_target(ask, target):
    made = side().ask(ask, Way.REST, STAMP)
    assert made.body.target == target
    query = target.partition("?")[2]
    signed = f"{NOW_MS}{KEY.api_key}5000{query}".encode()
    expected = hmac.new(KEY.secret, signed, hashlib.sha256).hexdigest()
    assert made.body.headers["X-BAPI-SIGN"] == expected
    assert side().ask(ask, Way.SOCKET, STAMP) is None


@pytest.mark.parametrize("want", [Want.LISTING, Want.CLOCK])
def test_public_question_shows_no_key(want):
    made = side().ask(Ask(want, market=LINEAR), Way.REST, STAMP)
    assert made.body.headers == {}
    assert made.dies_ms is None


def test_greeting_of_each_connection_logs_on_and_subscribes_events_alone():
    made = side()
    events, orders = made.links(["main"], {})
    assert [a.want for a in made.greet(events, STAMP)] == [Want.LOGON, Want.SUBSCRIBE]
    assert [a.want for a in made.greet(orders, STAMP)] == [Want.LOGON]
    expires = NOW_MS + 5_000
    text = hmac.new(KEY.secret, f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
    frames = [
        json.loads(made.ask(made.greet(link, STAMP)[0], Way.SOCKET, STAMP).body)
        for link in (events, orders)
    ]
    expected = {"op": "auth", "args": [KEY.api_key, expires, text]}
    assert frames == [{"req_id": "41"} | expected, {"reqId": "41"} | expected]
    subscribe = made.ask(made.greet(events, STAMP)[1], Way.SOCKET, STAMP).body
    assert json.loads(subscribe)["args"] == ["order", "execution", "position", "wallet"]


def test_connections_open_at_their_paths():
    made = side()
    assert made.open(Link(Role.ORDERS, ("main",), True, "", 0), STAMP)[0].startswith("/v5/trade")
    assert made.open(Link(Role.EVENTS, ("main",), True, "", 0), STAMP)[0].startswith("/v5/private")


def test_setup_refuses_prices_outside_the_band_in_both_markets():
    asks = [a for a in side().setup("main") if a.want is Want.SET_ACCOUNT]
    assert [body_of(a) for a in asks] == [
        {"category": "spot", "modifyEnable": False}, {"category": "linear", "modifyEnable": False},
    ]  # fmt: skip


def test_plan_asks_open_orders_before_fills_and_fills_before_positions():
    run = Run("main", (SPOT, LINEAR), (), since_ms=NOW_MS - 8 * 86_400_000, now_ms=NOW_MS)
    opened, ended, money = side().plan(run)
    assert {a.want for a in opened} == {Want.OPEN_ORDERS}
    assert {a.want for a in ended} == {Want.FILLS, Want.ENDED_ORDERS}
    assert {a.want for a in money} == {Want.BALANCES, Want.POSITIONS, Want.CASH_FLOWS}
    spans = [(a.since_ms, a.until_ms) for a in ended if a.want is Want.FILLS and a.market == SPOT]
    assert spans[0][1] == spans[1][0]
    assert all(0 < until - since <= spec.HISTORY_WINDOW_MS for since, until in spans)
    assert all(side().ask(a, Way.REST, STAMP) is not None for a in (*opened, *ended, *money))


def test_follow_asks_the_next_page_and_the_next_place():
    ask = Ask(Want.ORDER, "main", LINEAR, PERPETUAL, client_order_id=ORDER_ID)
    made = side()
    closed = made.follow(ask, Reply())
    assert [a.page for a in closed] == ["closed"]
    assert [a.page for a in made.follow(closed[0], Reply())] == ["history"]
    listed = Ask(Want.FILLS, "main", LINEAR)
    assert [a.page for a in made.follow(listed, Reply(next_page="n"))] == ["n"]
    assert made.follow(listed, Reply()) == []


def test_capabilities_say_that_an_acknowledgement_is_receipt():
    for market in (SPOT, LINEAR):
        assert side().caps(market).place_proves is Proof.RECEIVED
        assert side().caps(market).cancel_proves is Proof.RECEIVED
