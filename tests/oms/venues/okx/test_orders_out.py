"""What OKX's order side sends, byte by byte."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from oms.venues.data import Role, Way
from oms.venues.okx.kill import kill_side
from oms.venues.okx.orders import iso_of
from oms.venues.orders import Link
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
from tests.oms.venues.okx.samples import KEY, PAIR, PERPETUAL, SPOT, SWAP, VENUE_ID, side
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
    f'{{"instId":"BTC-USDT-SWAP","tdMode":"cross","side":"buy","ordType":"limit","sz":"1.2",'
    f'"clOrdId":"{TEXT}","stpMode":"cancel_maker","px":"61000.5","posSide":"net",'
    f'"reduceOnly":false}}'
)
AT = "2026-09-21T14:13:20.123Z"


def place(*orders, market=SWAP, want=Want.PLACE):
    row = PERPETUAL if market == SWAP else PAIR
    return Ask(want, "main", market, row, orders=orders)


def body_of(ask, way=Way.REST):
    made = side().ask(ask, way, STAMP)
    assert made is not None
    return json.loads(made.body)["args"][0] if way is Way.SOCKET else json.loads(made.body.body)


def signature(text):
    return base64.b64encode(hmac.new(KEY.secret, text.encode(), hashlib.sha256).digest()).decode()


def test_time_stamp_has_milliseconds_and_zone():
    assert iso_of(NOW_MS) == AT


def test_place_by_rest_is_signed_byte_by_byte():
    made = side().ask(place(command()), Way.REST, STAMP)
    call = made.body
    assert (call.method, call.target, call.body) == (
        "POST", "/api/v5/trade/order", PLAIN.encode(),
    )  # fmt: skip
    assert call.headers == {
        "OK-ACCESS-KEY": KEY.api_key, "OK-ACCESS-PASSPHRASE": "open", "OK-ACCESS-TIMESTAMP": AT,
        "OK-ACCESS-SIGN": signature(f"{AT}POST/api/v5/trade/order{PLAIN}"),
        "Content-Type": "application/json", "expTime": str(NOW_MS + 5_000),
    }  # fmt: skip
    assert made.dies_ms == NOW_MS + 5_000
    assert [(c.bucket, c.key) for c in made.charges] == [
        ("place", ("main", "BTC-USDT-SWAP")), ("orders_of_account", ("main",)),
    ]  # fmt: skip


def test_place_by_socket_names_the_instrument_by_its_number():
    made = side().ask(place(command()), Way.SOCKET, STAMP)
    body = PLAIN.replace('"instId":"BTC-USDT-SWAP"', '"instIdCode":77')
    frame = f'{{"id":"41","op":"order","args":[{body}],"expTime":"{NOW_MS + 5_000}"}}'
    assert made.body == frame.encode()
    assert made.charges[0].key == ("main", "BTC-USDT-SWAP")


def test_place_by_socket_without_the_number_is_no_request():
    ask = replace(place(command()), instrument=replace(PERPETUAL, venue_code=0))
    assert side().ask(ask, Way.SOCKET, STAMP) is None
    assert side().ask(ask, Way.REST, STAMP) is not None


def test_place_swap_is_in_contracts_exactly_or_not_at_all():
    assert body_of(place(command(qty=35)))["sz"] == "3.5"
    odd = replace(PERPETUAL, contract_size=7)
    ask = replace(place(command(qty=12)), instrument=odd)
    assert side().ask(ask, Way.REST, STAMP) is None
    assert body_of(replace(ask, orders=(command(qty=14),)))["sz"] == "2"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"order_type": OrderType.POST_ONLY}, {"ordType": "post_only"}),
        ({"time_in_force": TimeInForce.IOC}, {"ordType": "ioc"}),
        ({"time_in_force": TimeInForce.FOK}, {"ordType": "fok"}),
        ({"side": Side.SELL, "order_flags": ORDER_REDUCE_ONLY}, {"reduceOnly": True}),
        ({"self_trade": SelfTrade.CANCEL_TAKER}, {"stpMode": "cancel_taker"}),
        ({"order_type": OrderType.MARKET, "px": UNDEF}, {"ordType": "market", "sz": "1.2"}),
    ],
)
def test_place_swap_shape_says_what_it_means(given, found):
    body = body_of(place(command(**given)))
    assert {name: body[name] for name in found} == found


def test_place_spot_market_says_its_unit_and_is_not_cut():
    market = {"order_type": OrderType.MARKET, "px": UNDEF}
    by_amount = command(**market, qty=UNDEF, quote_qty=10_000_000_000)
    body = body_of(place(by_amount, market=SPOT))
    assert (body["sz"], body["tgtCcy"], body["banAmend"]) == ("100", "quote_ccy", True)
    assert (body["tdMode"], "posSide" in body) == ("cash", False)
    assert body_of(place(command(**market), market=SPOT))["tgtCcy"] == "base_ccy"


@pytest.mark.parametrize(
    ("market", "given"),
    [
        (SWAP, {"self_trade": SelfTrade.NONE}),
        (SWAP, {"self_trade": SelfTrade.CANCEL_BOTH, "time_in_force": TimeInForce.FOK}),
        (SWAP, {"order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF, "quote_qty": 5}),
        (SWAP, {"order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF,
                "order_flags": ORDER_CLOSE}),
        (SWAP, {"time_in_force": TimeInForce.GTD}),
        (SPOT, {"order_flags": ORDER_REDUCE_ONLY}),
        (SPOT, {"order_type": OrderType.STOP, "trigger_px": 5, "trigger_kind": PriceKind.MARK}),
        (SWAP, {"order_type": OrderType.STOP, "trigger_px": 5,
                "trigger_direction": Direction.FALL}),
    ],
)  # fmt: skip
def test_place_shape_that_it_does_not_know_is_no_request(market, given):
    assert side().ask(place(command(**given), market=market), Way.REST, STAMP) is None


def test_stop_is_a_one_way_algo_order_of_its_own_ids():
    stop = {"order_type": OrderType.STOP, "trigger_px": 5_000_000, "side": Side.SELL}
    ask = place(command(**stop, px=UNDEF, order_flags=ORDER_REDUCE_ONLY))
    made = side().ask(ask, Way.REST, STAMP)
    assert made.body.target == "/api/v5/trade/order-algo"
    assert json.loads(made.body.body) == {
        "instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "sell", "ordType": "conditional",
        "algoClOrdId": TEXT, "slTriggerPx": "50000", "slTriggerPxType": "last", "slOrdPx": "-1",
        "sz": "1.2", "posSide": "net", "reduceOnly": True,
    }  # fmt: skip
    assert "expTime" not in made.body.headers
    assert side().ask(ask, Way.SOCKET, STAMP) is None


def test_take_profit_that_closes_the_position_says_so():
    profit = command(
        order_type=OrderType.TAKE_PROFIT, trigger_px=7_000_000, side=Side.SELL, px=UNDEF,
        qty=UNDEF, order_flags=ORDER_CLOSE, trigger_kind=PriceKind.MARK,
    )  # fmt: skip
    body = body_of(place(profit))
    assert (body["tpTriggerPx"], body["tpTriggerPxType"], body["tpOrdPx"]) == (
        "70000", "mark", "-1",
    )  # fmt: skip
    assert (body["closeFraction"], body["reduceOnly"], "sz" in body) == ("1", True, False)


def test_batch_counts_by_instrument_and_by_account():
    orders = (command(), command(client_order_id=OTHER_ID))
    made = side().ask(place(*orders), Way.SOCKET, STAMP)
    frame = json.loads(made.body)
    assert (frame["op"], [o["clOrdId"] for o in frame["args"]]) == (
        "batch-orders", [TEXT, OTHER_TEXT],
    )  # fmt: skip
    assert [(c.bucket, c.count) for c in made.charges] == [
        ("place_batch", 2), ("orders_of_account", 2),
    ]  # fmt: skip
    rest = side().ask(place(*orders), Way.REST, STAMP)
    assert rest.body.target == "/api/v5/trade/batch-orders"
    assert side().ask(place(*[command()] * 21), Way.REST, STAMP) is None


def test_amend_says_the_total_and_keeps_the_order_when_it_fails():
    change = command(target_client_order_id=ORDER_ID, px=UNDEF, qty=24)
    assert body_of(place(change, want=Want.AMEND)) == {
        "instId": "BTC-USDT-SWAP", "clOrdId": TEXT, "cxlOnFail": False, "newSz": "2.4",
    }  # fmt: skip
    by_id = command(venue_order_id=VENUE_ID.encode(), qty=UNDEF)
    assert body_of(place(by_id, want=Want.AMEND))["ordId"] == VENUE_ID


def test_cancel_has_no_lifetime_by_socket_and_the_clock_s_by_rest():
    ask = Ask(Want.CANCEL, "main", SWAP, PERPETUAL, client_order_id=ORDER_ID)
    by_socket = side().ask(ask, Way.SOCKET, STAMP)
    assert json.loads(by_socket.body) == {
        "id": "41", "op": "cancel-order", "args": [{"instIdCode": 77, "clOrdId": TEXT}],
    }  # fmt: skip
    assert by_socket.dies_ms is None
    assert [c.bucket for c in by_socket.charges] == ["cancel"]
    by_rest = side().ask(ask, Way.REST, STAMP)
    assert "expTime" not in by_rest.body.headers
    assert by_rest.dies_ms == NOW_MS + 30_000


def test_cancel_of_an_algo_order_is_a_list():
    ask = Ask(Want.CANCEL, "main", SWAP, PERPETUAL, client_order_id=ORDER_ID, space=OrderSpace.ALGO)
    assert body_of(ask) == [{"instId": "BTC-USDT-SWAP", "algoClOrdId": TEXT}]


@pytest.mark.parametrize(
    ("ask", "target"),
    [
        (
            Ask(Want.ORDER, "main", SWAP, PERPETUAL, client_order_id=ORDER_ID),
            f"/api/v5/trade/order?instId=BTC-USDT-SWAP&clOrdId={TEXT}",
        ),
        (
            Ask(Want.ORDER, "main", SWAP, PERPETUAL, venue_order_id="55", space=OrderSpace.ALGO),
            "/api/v5/trade/order-algo?algoId=55",
        ),
        (
            Ask(Want.OPEN_ORDERS, "main", SPOT, page="9"),
            "/api/v5/trade/orders-pending?instType=SPOT&limit=100&after=9",
        ),
        (
            Ask(Want.OPEN_ORDERS, "main", SWAP, space=OrderSpace.ALGO,
                values={"kind": "conditional,oco"}),
            "/api/v5/trade/orders-algo-pending?ordType=conditional,oco&instType=SWAP&limit=100",
        ),
        (
            Ask(Want.FILLS, "main", SWAP, since_ms=NOW_MS - 1_000),
            f"/api/v5/trade/fills?instType=SWAP&begin={NOW_MS - 1_000}&limit=100",
        ),
        (
            Ask(Want.FILLS, "main", SWAP, since_ms=5, until_ms=9),
            "/api/v5/trade/fills-history?instType=SWAP&begin=5&end=9&limit=100",
        ),
        (
            Ask(Want.ORDER_FILLS, "main", SWAP, venue_order_id="7"),
            "/api/v5/trade/fills?instType=SWAP&ordId=7&limit=100",
        ),
        (Ask(Want.POSITIONS, "main", SWAP), "/api/v5/account/positions?instType=SWAP"),
        (
            Ask(Want.CASH_FLOWS, "main", values={"kind": "8"}),
            "/api/v5/account/bills?type=8&limit=100",
        ),
        (Ask(Want.ACCOUNT, "main"), "/api/v5/account/config"),
    ],
)  # fmt: skip
def test_question_stands_in_its_target(ask, target):
    made = side().ask(ask, Way.REST, STAMP)
    assert made.body.target == target
    assert made.body.headers["OK-ACCESS-SIGN"] == signature(f"{AT}GET{target}")
    assert side().ask(ask, Way.SOCKET, STAMP) is None


def test_fills_of_an_order_need_the_exchange_id():
    ask = Ask(Want.ORDER_FILLS, "main", SWAP, PERPETUAL, client_order_id=ORDER_ID)
    assert side().ask(ask, Way.REST, STAMP) is None


def test_greeting_logs_on_and_subscribes_by_connection():
    made = side()
    private, business = made.links(["main"], {})
    assert [made.open(link, STAMP)[0] for link in (private, business)] == [
        "/ws/v5/private", "/ws/v5/business",
    ]  # fmt: skip
    logon, subscribe = (made.ask(a, Way.SOCKET, STAMP).body for a in made.greet(private, STAMP))
    seconds = str(NOW_MS // 1_000)
    assert json.loads(logon)["args"] == [
        {"apiKey": KEY.api_key, "passphrase": "open", "timestamp": seconds,
         "sign": signature(f"{seconds}GET/users/self/verify")}
    ]  # fmt: skip
    assert [a["channel"] for a in json.loads(subscribe)["args"]] == [
        "orders", "orders", "account", "positions",
    ]  # fmt: skip
    _, algos = (made.ask(a, Way.SOCKET, STAMP).body for a in made.greet(business, STAMP))
    assert {a["channel"] for a in json.loads(algos)["args"]} == {"orders-algo"}


def test_demo_says_so_in_each_request_and_connection():
    made = side(demo=True)
    call = made.ask(Ask(Want.LISTING, market=SPOT), Way.REST, STAMP).body
    assert call.headers == {"x-simulated-trading": "1"}
    assert made.open(Link(Role.BOTH, ("main",), True, "", 0), STAMP)[1] == call.headers


def test_plan_asks_both_spaces_before_fills():
    run = Run("main", (SPOT, SWAP), (), since_ms=NOW_MS - 1_000, now_ms=NOW_MS)
    opened, ended, money = side().plan(run)
    assert {a.space for a in opened} == {OrderSpace.BOOK, OrderSpace.ALGO}
    assert {a.want for a in ended} == {Want.FILLS, Want.ENDED_ORDERS}
    assert {a.want for a in money} == {Want.BALANCES, Want.POSITIONS, Want.CASH_FLOWS}
    asks = (*opened, *ended, *money, *side().setup("main"))
    assert all(side().ask(a, Way.REST, STAMP) is not None for a in asks)


def test_follow_asks_the_next_page():
    ask = Ask(Want.FILLS, "main", SWAP)
    assert [a.page for a in side().follow(ask, Reply(next_page="70"))] == ["70"]


def test_kill_lists_each_kind_and_cancels_what_it_shows():
    kill = kill_side({"main": KEY})
    assert kill.sweep("main", SWAP, OrderSpace.BOOK) == []
    kinds = [a.values["kind"] for a in kill.look("main", SWAP, OrderSpace.ALGO)]
    assert "trigger" in kinds
    views = [
        OrderView(0, "", str(k), None, "X-SWAP", ExecKind.FOUND_OPEN, Side.BUY) for k in range(21)
    ]
    cancels = kill.cancel("main", SWAP, OrderSpace.BOOK, views)
    bodies = [json.loads(kill.ask(a, STAMP).body.body) for a in cancels]
    assert (len(bodies[0]), bodies[1]) == (20, {"instId": "X-SWAP", "ordId": "20"})
    assert len(kill.cancel("main", SWAP, OrderSpace.ALGO, views)) == 3
