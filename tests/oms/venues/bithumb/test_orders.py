"""What leaves for an ask: every parameter, its hash, and what is refused before it is sent."""

import hashlib
import json
from urllib.parse import parse_qsl

import pytest

from oms.ports import Key
from oms.venues.bithumb import spec
from oms.venues.bithumb.kill import kill_side
from oms.venues.bithumb.orders import BithumbOrders
from oms.venues.data import Absent, Charge, Proof, Way
from oms.venues.reports import Ask, Reply, Run, Want
from oms.venues.shared.jwt import decoded, verified
from shm_layout.enums import OrderSpace, OrderType, SelfTrade, Side, TimeInForce
from tests.oms.venues.bithumb import samples
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

BTC, XRP = instrument(), instrument("KRW-XRP")
KEYS = {"main": Key("main", "access", b"sesame")}
SIDE = BithumbOrders(KEYS, SYSTEM)
LIMIT = {"px": 1375_0000, "qty": 200_000_000}
COMMON = {"market": "KRW-BTC", "client_order_id": OURS_TEXT}
LIMIT_WORDS = {"side": "bid", "order_type": "limit", "volume": "2", "price": "1375"}


def sent(ask):
    made = SIDE.ask(ask, Way.REST, STAMP)
    return None if made is None else made.body


def place(*orders, **more):
    return Ask(Want.PLACE, "main", spec.NAME, BTC, orders=orders, **more)


def claims(call):
    token = call.headers["Authorization"].removeprefix("Bearer ")
    assert json.loads(decoded(token.split(".")[0]))["alg"] == "HS256"
    found = json.loads(verified(token, b"sesame", ("HS256",)))
    assert found["timestamp"] == STAMP.now_ms
    return found


def hashed(text):
    return hashlib.sha512(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("order", "params"),
    [
        (command(**LIMIT), LIMIT_WORDS),
        (command(time=TimeInForce.IOC, self_trade=SelfTrade.TAKER_PART, **LIMIT),
         LIMIT_WORDS | {"time_in_force": "ioc"}),
        (command(Side.SELL, time=TimeInForce.FOK, **LIMIT),
         LIMIT_WORDS | {"side": "ask", "time_in_force": "fok"}),
        (command(kind=OrderType.POST_ONLY, **LIMIT), LIMIT_WORDS | {"time_in_force": "post_only"}),
        (command(kind=OrderType.MARKET, time=TimeInForce.IOC, quote_qty=10_000_500_000),
         {"side": "bid", "order_type": "price", "price": "10000.5"}),
        (command(Side.SELL, OrderType.MARKET, TimeInForce.IOC, qty=1),
         {"side": "ask", "order_type": "market", "volume": "0.00000001"}),
        (command(Side.SELL, OrderType.BEST, TimeInForce.IOC, qty=150_000_000),
         {"side": "ask", "order_type": "best", "volume": "1.5", "time_in_force": "ioc"}),
    ],
)  # fmt: skip
def test_ask_new_order_says_every_word(order, params):
    call = sent(place(order))
    assert (call.method, call.target) == ("POST", "/v2/orders")
    assert json.loads(call.body) == COMMON | params
    text = "&".join(f"{name}={value}" for name, value in json.loads(call.body).items())
    assert claims(call)["query_hash"] == hashed(text)


@pytest.mark.parametrize(
    "order",
    [
        command(kind=OrderType.MARKET, time=TimeInForce.IOC, qty=1),
        command(kind=OrderType.MARKET, time=TimeInForce.IOC, quote_qty=1, px=1),
        command(kind=OrderType.BEST, quote_qty=1),
        command(kind=OrderType.POST_ONLY, time=TimeInForce.FOK, **LIMIT),
        command(kind=OrderType.STOP, trigger_px=1, **LIMIT),
        command(time=TimeInForce.GTD, **LIMIT),
        command(self_trade=SelfTrade.CANCEL_MAKER, **LIMIT),
        command(self_trade=SelfTrade.NONE, **LIMIT),
        command(order_flags=1, **LIMIT),
    ],
)
def test_ask_order_that_bithumb_cannot_say_is_not_sent(order):
    assert sent(place(order)) is None


def test_ask_batch_is_hashed_flat():
    pair = (command(**LIMIT), command(Side.SELL, **LIMIT)._replace(client_order_id=OTHER))
    call = sent(place(*pair, instruments=(BTC, XRP)))
    assert call.target == "/v2/orders/batch"
    first, second = json.loads(call.body)["batch_orders"]
    assert (first["market"], second["market"]) == ("KRW-BTC", "KRW-XRP")
    assert (first["client_order_id"], second["client_order_id"]) == (OURS_TEXT, OTHER_TEXT)
    text = "&".join(
        f"batch_orders[{at}][{name}]={value}"
        for at, order in enumerate((first, second))
        for name, value in order.items()
    )
    assert claims(call)["query_hash"] == hashed(text)


def test_ask_batch_with_one_order_that_cannot_be_said_is_not_sent():
    assert sent(place(command(**LIMIT), command(time=TimeInForce.GTD, **LIMIT))) is None
    assert sent(place(*(command(**LIMIT),) * 21)) is None
    assert sent(place(*(command(**LIMIT),) * 20)) is not None


def test_ask_cancel_of_several_goes_in_a_body_of_ids():
    named = (command(venue_order_id=b"a"), command(venue_order_id=b"b"))
    call = sent(Ask(Want.CANCEL, "main", orders=named))
    assert (call.target, call.body) == ("/v2/orders/cancel", b'{"order_ids":["a","b"]}')
    assert claims(call)["query_hash"] == hashed("order_ids[]=a&order_ids[]=b")
    ours = (command(), command()._replace(client_order_id=OTHER))
    call = sent(Ask(Want.CANCEL, "main", orders=ours))
    assert json.loads(call.body) == {"client_order_ids": [OURS_TEXT, OTHER_TEXT]}


@pytest.mark.parametrize(
    ("ask", "method", "target"),
    [
        (Ask(Want.CANCEL, "main", client_order_id=OURS), "DELETE",
         f"/v2/order?client_order_id={OURS_TEXT}"),
        (Ask(Want.CANCEL, "main", client_order_id=OURS, venue_order_id="C1"), "DELETE",
         "/v2/order?order_id=C1"),
        (Ask(Want.ORDER, "main", client_order_id=OURS), "GET",
         f"/v1/order?client_order_id={OURS_TEXT}"),
        (Ask(Want.ORDER_FILLS, "main", venue_order_id="C1"), "GET", "/v1/order?uuid=C1"),
        (Ask(Want.OPEN_ORDERS, "main"), "GET",
         "/v2/orders/pending?state=wait&limit=100&order_by=asc"),
        (Ask(Want.OPEN_ORDERS, "main", instrument=BTC, space=OrderSpace.CONDITIONAL, page="k+/="),
         "GET",
         ("/v2/orders/pending?market=KRW-BTC&state=watch&limit=100&order_by=asc"
         "&next_key=k%2B%2F%3D")),
        (Ask(Want.ENDED_ORDERS, "main", since_ms=1_000, until_ms=9_000), "GET",
         ("/v2/orders/history?states[]=done&states[]=cancel&start_time=1000&end_time=9000"
         "&limit=1000&order_by=desc")),
        (Ask(Want.BALANCES, "main"), "GET", "/v1/accounts"),
        (Ask(Want.FEES, "main", instrument=XRP), "GET", "/v1/orders/chance?market=KRW-XRP"),
        (Ask(Want.KEY, "main"), "GET", "/v1/api_keys"),
        (Ask(Want.CLOCK), "GET", "/v1/ticker?markets=KRW-BTC"),
        (Ask(Want.LISTING), "GET", "/v1/market/all?isDetails=true"),
    ],
)  # fmt: skip
def test_ask_request_has_its_path_and_parameters(ask, method, target):
    call = sent(ask)
    assert (call.method, call.target, call.body) == (method, target, b"")
    if "Authorization" in call.headers:
        pairs = parse_qsl(target.partition("?")[2])
        text = "&".join(f"{name}={value}" for name, value in pairs)
        assert claims(call).get("query_hash") == (hashed(text) if text else None)


@pytest.mark.parametrize(
    "want",
    [Want.CANCEL_ALL, Want.AMEND, Want.REPLACE, Want.FENCE, Want.FILLS, Want.TEST_ORDER],
)
def test_ask_call_that_does_not_exist_is_none(want):
    assert sent(Ask(want, "main", instrument=BTC, client_order_id=OURS)) is None


def test_ask_without_an_id_a_key_or_a_space_is_none():
    assert sent(Ask(Want.CANCEL, "main")) is None
    assert sent(Ask(Want.BALANCES, "nobody")) is None
    assert sent(Ask(Want.OPEN_ORDERS, "main", space=OrderSpace.TWAP)) is None
    too_many = (command(venue_order_id=b"a"),) * 31
    assert sent(Ask(Want.CANCEL, "main", orders=too_many)) is None


def test_charges_count_by_address_and_by_coin():
    def charged(ask):
        return set(SIDE.charges(ask))

    one = place(command(**LIMIT))
    assert charged(one) == {Charge("private-order", ("",)), Charge("coin", ("", "KRW-BTC"))}
    three = place(*(command(**LIMIT),) * 3, instruments=(BTC, XRP, BTC))
    assert charged(three) == {
        Charge("batch-order", ("",)), Charge("coin", ("", "KRW-BTC"), 2),
        Charge("coin", ("", "KRW-XRP"), 1),
    }  # fmt: skip
    assert charged(Ask(Want.CANCEL, "main", BTC.symbol, venue_order_id="u")) == {
        Charge("private-cancel", ("",))
    }
    assert charged(Ask(Want.BALANCES, "main")) == {Charge("private-other", ("",))}
    assert charged(Ask(Want.CONNECT)) == {Charge("connect", ("",))}


def test_link_opens_with_a_stamped_token_and_subscribes_both_types_at_once():
    (link,) = SIDE.links(("main",), {})
    target, headers = SIDE.open(link, STAMP)
    assert target == "/websocket/v2/private"
    token = headers["Authorization"].removeprefix("Bearer ")
    assert json.loads(verified(token, b"sesame", ("HS256",))) == {
        "access_key": "access", "nonce": STAMP.nonce, "timestamp": STAMP.now_ms,
    }  # fmt: skip
    (ask,) = SIDE.greet(link, STAMP)
    frame = json.loads(SIDE.ask(ask, Way.SOCKET, STAMP).body)
    assert frame[1:] == [{"type": "myOrder"}, {"type": "myAsset"}, {"format": "DEFAULT"}]
    assert SIDE.ask(place(command(**LIMIT)), Way.SOCKET, STAMP) is None


def test_caps_say_what_answers_prove():
    caps = SIDE.caps(spec.NAME)
    assert (caps.absent, caps.place_proves, caps.cancel_proves) == (
        Absent.NEVER, Proof.RECEIVED, Proof.RECEIVED,
    )  # fmt: skip
    assert (caps.batch_max, caps.cancel_batch_max) == (20, 30)


def test_plan_asks_both_spaces_then_ended_then_each_live_order_then_balances():
    run = Run("main", (spec.NAME,), (BTC,), ((BTC, OURS, "u"),), since_ms=5_000, now_ms=9_000)
    stages = SIDE.plan(run)
    wants = [[one.want for one in stage] for stage in stages]
    opened = [Want.OPEN_ORDERS, Want.OPEN_ORDERS]
    assert wants == [opened, [Want.ENDED_ORDERS], [Want.ORDER], [Want.BALANCES]]
    assert [one.space for one in stages[0]] == [OrderSpace.BOOK, OrderSpace.CONDITIONAL]


def test_follow_walks_keys_then_windows_and_orders_with_fills():
    week = spec.ENDED_WINDOW_MS
    ask = Ask(Want.ENDED_ORDERS, "main", since_ms=1, until_ms=2 * week)
    filled = samples.row("done", executed_volume="2", remaining_volume="0")
    page = {"data": [filled], "has_next": True, "next_key": "k"}
    reply = SIDE.read_http(ask, 200, {}, samples.body(page), Known())
    more, order = SIDE.follow(ask, reply)
    assert (more.page, more.until_ms) == ("k", 2 * week)
    assert (order.want, order.client_order_id) == (Want.ORDER, OURS)
    last = {"data": [], "has_next": False, "next_key": None}
    reply = SIDE.read_http(more, 200, {}, samples.body(last), Known())
    (window,) = SIDE.follow(more, reply)
    assert (window.page, window.until_ms) == ("", week + 1_000)
    assert SIDE.follow(Ask(Want.BALANCES, "main"), Reply()) == ()


def test_kill_lists_each_space_and_cancels_thirty_at_once():
    kill = kill_side(KEYS)
    assert kill.spaces(spec.NAME) == [OrderSpace.BOOK, OrderSpace.CONDITIONAL]
    assert kill.sweep("main", spec.NAME, OrderSpace.BOOK) == []
    (look,) = kill.look("main", spec.NAME, OrderSpace.CONDITIONAL)
    assert "state=watch" in kill.ask(look, STAMP).body.target
    data = [samples.row(uuid=f"C{k}", client_order_id=None) for k in range(35)]
    page = samples.body({"data": data, "has_next": False, "next_key": None})
    shown, _ = kill.read(look, 200, {}, page)
    asks = kill.cancel("main", spec.NAME, OrderSpace.BOOK, shown)
    sizes = [len(json.loads(kill.ask(one, STAMP).body.body)["order_ids"]) for one in asks]
    assert sizes == [30, 5]
    assert kill.fence("main", spec.NAME, OURS_TEXT, STAMP) is None
