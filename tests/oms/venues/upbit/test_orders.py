"""What leaves for an ask: every parameter, its hash, and what is refused before it is sent."""

import hashlib
import json
from urllib.parse import parse_qsl

import pytest

from oms.ports import Key
from oms.venues.data import Absent, Proof, Role, Way
from oms.venues.reports import Ask, Reply, Run, Want
from oms.venues.shared.jwt import decoded, verified
from oms.venues.upbit import spec
from oms.venues.upbit.kill import UpbitKill
from oms.venues.upbit.orders import UpbitOrders
from shm_layout.enums import OrderSpace, OrderType, SelfTrade, Side, TimeInForce
from tests.oms.venues.order_sides import (
    OTHER,
    OTHER_TEXT,
    OURS,
    OURS_TEXT,
    STAMP,
    SYSTEM,
    Known,
    command,
    instrument,
)
from tests.oms.venues.upbit import samples

BTC = instrument()
KEYS = {"main": Key("main", "access", b"sesame")}
SIDE = UpbitOrders(KEYS, SYSTEM)
LIMIT = {"px": 1375_0000, "qty": 200_000_000}
COMMON = {"market": "KRW-BTC", "identifier": OURS_TEXT}


def sent(ask):
    made = SIDE.ask(ask, Way.REST, STAMP)
    return None if made is None else made.body


def place(order, want=Want.PLACE, **more):
    return Ask(want, "main", spec.NAME, BTC, orders=(order,), **more)


def claims(call):
    token = call.headers["Authorization"].removeprefix("Bearer ")
    assert json.loads(decoded(token.split(".")[0]))["alg"] == "HS512"
    return json.loads(verified(token, b"sesame", ("HS512",)))


@pytest.mark.parametrize(
    ("order", "params"),
    [
        (command(**LIMIT), {"side": "bid", "ord_type": "limit", "volume": "2", "price": "1375",
                            "smp_type": "cancel_maker"}),
        (command(Side.SELL, time=TimeInForce.IOC, **LIMIT),
         {"side": "ask", "ord_type": "limit", "volume": "2", "price": "1375",
          "time_in_force": "ioc", "smp_type": "cancel_maker"}),
        (command(time=TimeInForce.FOK, self_trade=SelfTrade.DECREMENT, **LIMIT),
         {"side": "bid", "ord_type": "limit", "volume": "2", "price": "1375",
          "time_in_force": "fok", "smp_type": "reduce"}),
        (command(kind=OrderType.POST_ONLY, **LIMIT),
         {"side": "bid", "ord_type": "limit", "volume": "2", "price": "1375",
          "time_in_force": "post_only"}),
        (command(kind=OrderType.MARKET, time=TimeInForce.IOC, quote_qty=10_000_500_000),
         {"side": "bid", "ord_type": "price", "price": "10000.5", "smp_type": "cancel_maker"}),
        (command(Side.SELL, OrderType.MARKET, TimeInForce.IOC, qty=1,
                 self_trade=SelfTrade.CANCEL_TAKER),
         {"side": "ask", "ord_type": "market", "volume": "0.00000001", "smp_type": "cancel_taker"}),
        (command(Side.SELL, OrderType.BEST, TimeInForce.FOK, qty=150_000_000),
         {"side": "ask", "ord_type": "best", "volume": "1.5", "time_in_force": "fok",
          "smp_type": "cancel_maker"}),
        (command(kind=OrderType.BEST, time=TimeInForce.IOC, quote_qty=5_000_000_000,
                 self_trade=SelfTrade.NONE),
         {"side": "bid", "ord_type": "best", "price": "5000", "time_in_force": "ioc",
          "smp_type": "none"}),
    ],
)  # fmt: skip
def test_ask_new_order_says_every_word(order, params):
    call = sent(place(order))
    assert (call.method, call.target) == ("POST", "/v1/orders")
    assert json.loads(call.body) == COMMON | params
    text = "&".join(f"{name}={value}" for name, value in json.loads(call.body).items())
    assert claims(call)["query_hash"] == hashlib.sha512(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "order",
    [
        command(kind=OrderType.MARKET, time=TimeInForce.IOC, qty=1),
        command(Side.SELL, OrderType.MARKET, TimeInForce.IOC, quote_qty=1),
        command(kind=OrderType.MARKET, time=TimeInForce.IOC, quote_qty=1, px=1),
        command(kind=OrderType.MARKET, time=TimeInForce.FOK, quote_qty=1),
        command(kind=OrderType.BEST, quote_qty=1),
        command(kind=OrderType.BEST, time=TimeInForce.IOC, qty=1),
        command(kind=OrderType.POST_ONLY, time=TimeInForce.IOC, **LIMIT),
        command(kind=OrderType.STOP, trigger_px=1, **LIMIT),
        command(time=TimeInForce.GTD, **LIMIT),
        command(self_trade=SelfTrade.CANCEL_BOTH, **LIMIT),
        command(order_flags=1, **LIMIT),
        command(display_qty=1, **LIMIT),
        command(trigger_px=1, **LIMIT),
        command(qty=1),
        command(px=1),
        command(px=1, qty=1, quote_qty=1),
    ],
)
def test_ask_order_that_upbit_cannot_say_is_not_sent(order):
    assert sent(place(order)) is None


def test_ask_batch_of_orders_is_not_sent():
    pair = Ask(Want.PLACE, "main", spec.NAME, BTC, orders=(command(**LIMIT),) * 2)
    assert sent(pair) is None


def test_ask_test_order_goes_to_its_own_path():
    call = sent(place(command(**LIMIT), Want.TEST_ORDER))
    assert call.target == "/v1/orders/test"


def test_ask_replace_names_the_old_order_and_prefixes_the_new():
    order = command(target_client_order_id=OTHER, **LIMIT)
    call = sent(place(order, Want.REPLACE, venue_order_id=samples.VENUE_ID))
    assert json.loads(call.body) == {
        "prev_order_uuid": samples.VENUE_ID, "new_ord_type": "limit", "new_volume": "2",
        "new_price": "1375", "new_smp_type": "cancel_maker", "new_identifier": OURS_TEXT,
    }  # fmt: skip
    call = sent(place(order._replace(qty=0), Want.REPLACE))
    assert json.loads(call.body)["prev_order_identifier"] == OTHER_TEXT
    assert json.loads(call.body)["new_volume"] == "remain_only"


@pytest.mark.parametrize(
    ("ask", "method", "target"),
    [
        (Ask(Want.CANCEL, "main", client_order_id=OURS), "DELETE",
         f"/v1/order?identifier={OURS_TEXT}"),
        (Ask(Want.CANCEL, "main", client_order_id=OURS, venue_order_id="u"), "DELETE",
         "/v1/order?uuid=u"),
        (Ask(Want.CANCEL, "main", orders=(command(venue_order_id=b"a"),
                                          command(venue_order_id=b"b"))),
         "DELETE", "/v1/orders/uuids?uuids[]=a&uuids[]=b"),
        (Ask(Want.CANCEL, "main", orders=(command(), command(venue_order_id=b"b"))), "DELETE",
         f"/v1/orders/uuids?identifiers[]={OURS_TEXT}&identifiers[]={OURS_TEXT}"),
        (Ask(Want.CANCEL_ALL, "main", instrument=BTC), "DELETE",
         "/v1/orders/open?cancel_side=all&count=300&pairs=KRW-BTC"),
        (Ask(Want.ORDER, "main", client_order_id=OURS), "GET",
         f"/v1/order?identifier={OURS_TEXT}"),
        (Ask(Want.ORDER_FILLS, "main", venue_order_id="u"), "GET", "/v1/order?uuid=u"),
        (Ask(Want.OPEN_ORDERS, "main"), "GET",
         "/v1/orders/open?states[]=wait&states[]=watch&page=1&limit=100&order_by=asc"),
        (Ask(Want.OPEN_ORDERS, "main", instrument=BTC, page="3"), "GET",
         "/v1/orders/open?market=KRW-BTC&states[]=wait&states[]=watch&page=3&limit=100&order_by=asc"),
        (Ask(Want.ENDED_ORDERS, "main", since_ms=1_000, until_ms=9_000), "GET",
         ("/v1/orders/closed?states[]=done&states[]=cancel&start_time=1000&end_time=9000"
         "&limit=1000&order_by=desc")),
        (Ask(Want.BALANCES, "main"), "GET", "/v1/accounts"),
        (Ask(Want.FEES, "main"), "GET", "/v1/orders/chance?market=KRW-BTC"),
        (Ask(Want.KEY, "main"), "GET", "/v1/api_keys"),
        (Ask(Want.CLOCK), "GET", "/v1/orderbook/instruments?markets=KRW-BTC"),
        (Ask(Want.LISTING), "GET", "/v1/market/all?is_details=true"),
    ],
)  # fmt: skip
def test_ask_request_has_its_path_and_parameters(ask, method, target):
    call = sent(ask)
    assert (call.method, call.target, call.body) == (method, target, b"")
    query = target.partition("?")[2]
    if "Authorization" in call.headers:
        text = "&".join(f"{name}={value}" for name, value in parse_qsl(query))
        expected = hashlib.sha512(text.encode()).hexdigest() if text else None
        assert claims(call).get("query_hash") == expected


@pytest.mark.parametrize("want", [Want.AMEND, Want.FILLS, Want.POSITIONS, Want.DEAD_MAN])
def test_ask_call_that_does_not_exist_is_none(want):
    assert sent(Ask(want, "main", instrument=BTC)) is None


def test_ask_without_an_id_or_without_a_key_is_none():
    assert sent(Ask(Want.CANCEL, "main")) is None
    assert sent(Ask(Want.BALANCES, "nobody")) is None
    too_many = (command(venue_order_id=b"a"),) * 21
    assert sent(Ask(Want.CANCEL, "main", orders=too_many)) is None


def test_fence_spends_the_identifier_on_an_amount_that_is_refused():
    made = UpbitKill(KEYS, SYSTEM).fence("main", spec.NAME, OURS_TEXT, STAMP)
    params = json.loads(made.body.body)
    assert params["identifier"] == OURS_TEXT
    assert float(params["price"]) * float(params["volume"]) < float(spec.MIN_TOTAL)
    assert UpbitKill(KEYS, SYSTEM).fence("main", spec.NAME, "m" + "0" * 18, STAMP) is None


@pytest.mark.parametrize(
    ("ask", "bucket"),
    [
        (place(command(**LIMIT)), "order"),
        (place(command(**LIMIT), Want.TEST_ORDER), "order-test"),
        (Ask(Want.CANCEL, "main", venue_order_id="u"), "default"),
        (Ask(Want.CANCEL_ALL, "main"), "order-cancel-all"),
        (Ask(Want.BALANCES, "main"), "default"),
    ],
)
def test_charge_names_the_group_and_the_pocket(ask, bucket):
    (charge,) = SIDE.ask(ask, Way.REST, STAMP).charges
    assert (charge.bucket, charge.key, charge.count) == (bucket, ("main",), 1)


def test_request_never_dies_by_itself():
    assert SIDE.ask(place(command(**LIMIT)), Way.REST, STAMP).dies_ms is None
    assert not SIDE.caps(spec.NAME).request_lifetime


def test_link_opens_with_a_token_without_parameters_and_subscribes_both_types():
    (link,) = SIDE.links(("main",), {})
    target, headers = SIDE.open(link, STAMP)
    assert (link.role, target) == (Role.EVENTS, "/websocket/v1/private")
    token = headers["Authorization"].removeprefix("Bearer ")
    assert json.loads(verified(token, b"sesame", ("HS512",))) == {
        "access_key": "access", "nonce": STAMP.nonce,
    }  # fmt: skip
    first, second = (SIDE.ask(a, Way.SOCKET, STAMP) for a in SIDE.greet(link, STAMP))
    assert json.loads(first.body)[1:] == [
        {"type": "myOrder"}, {"type": "myAsset"}, {"format": "DEFAULT"},
    ]  # fmt: skip
    assert json.loads(second.body)[1] == {"method": "LIST_SUBSCRIPTIONS"}
    assert SIDE.ask(place(command(**LIMIT)), Way.SOCKET, STAMP) is None


def test_caps_say_what_answers_prove():
    caps = SIDE.caps(spec.NAME)
    assert (caps.absent, caps.place_proves, caps.cancel_proves) == (
        Absent.BY_FENCE, Proof.ACCEPTED, Proof.RECEIVED,
    )  # fmt: skip
    assert caps.batch_max == 1
    assert OrderType.STOP not in caps.order_types


def test_plan_asks_lists_then_each_live_order_then_balances():
    run = Run("main", (spec.NAME,), (BTC,), ((BTC, OURS, "u"),), since_ms=5_000, now_ms=9_000)
    stages = SIDE.plan(run)
    wants = [[one.want for one in stage] for stage in stages]
    assert wants == [[Want.OPEN_ORDERS], [Want.ENDED_ORDERS], [Want.ORDER], [Want.BALANCES]]
    assert (stages[1][0].since_ms, stages[2][0].venue_order_id) == (5_000, "u")
    assert SIDE.plan(Run("main", ("other.spot",), ())) == ()


def test_follow_walks_pages_windows_and_orders_with_fills():
    known = Known()
    ended = Ask(Want.ENDED_ORDERS, "main", since_ms=1, until_ms=spec.ENDED_WINDOW_MS * 2)
    filled = samples.row("done", executed_volume="2", remaining_volume="0")
    foreign = samples.row("done", executed_volume="2", identifier=None, uuid="x")
    reply = SIDE.read_http(ended, 200, {}, samples.body([filled, foreign]), known)
    window, order = SIDE.follow(ended, reply)
    assert window.until_ms == spec.ENDED_WINDOW_MS + 1_000
    assert (order.want, order.client_order_id) == (Want.ORDER, OURS)
    opened = Ask(Want.OPEN_ORDERS, "main")
    (page,) = SIDE.follow(opened, Reply(next_page="2"))
    assert page.page == "2"


def test_kill_sweeps_looks_and_cancels_by_ids():
    kill = UpbitKill(KEYS, SYSTEM)
    (space,) = kill.spaces(spec.NAME)
    assert space is OrderSpace.BOOK
    (sweep,) = kill.sweep("main", spec.NAME, space)
    assert kill.ask(sweep, STAMP).body.target == "/v1/orders/open?cancel_side=all&count=300"
    (look,) = kill.look("main", spec.NAME, space)
    shown, _ = kill.read(
        look, 200, {}, samples.body([samples.row(uuid=f"u{k}") for k in range(25)])
    )
    first, second = (
        kill.ask(a, STAMP).body.target for a in kill.cancel("main", spec.NAME, space, shown)
    )
    assert (first.count("uuids[]"), second.count("uuids[]")) == (20, 5)
