"""What leaves for an ask: every word, its signature, and what is refused before it is sent."""

import base64
import hashlib
import hmac
import json

import pytest

from oms.ports import Key
from oms.venues.coinone import spec
from oms.venues.coinone.kill import kill_side
from oms.venues.coinone.orders import CoinoneOrders
from oms.venues.coinone.sign import PayloadSigner
from oms.venues.data import Absent, Charge, Proof, Way
from oms.venues.reports import Ask, Reply, Run, Want
from shm_layout.enums import OrderSpace, OrderType, PriceKind, SelfTrade, Side, TimeInForce
from tests.oms.venues.coinone import samples
from tests.oms.venues.order_sides import (
    OURS,
    OURS_TEXT,
    STAMP,
    SYSTEM,
    command,
    instrument,
)

BTC = instrument()
KEYS = {"main": Key("main", "access", b"Sesame")}
SIDE = CoinoneOrders(KEYS, SYSTEM, ("KRW-BTC", "KRW-XRP"))
LIMIT = {"px": 1375_0000, "qty": 200_000_000}
PAIR = {"quote_currency": "KRW", "target_currency": "BTC"}
SIGNED = {"access_token": "access", "nonce": STAMP.nonce}


def sent(ask):
    made = SIDE.ask(ask, Way.REST, STAMP)
    return None if made is None else made.body


def place(order):
    return Ask(Want.PLACE, "main", spec.NAME, BTC, orders=(order,))


def words_of(call):
    """The payload's words, once its signature is right and the body is the same JSON."""
    payload = call.headers["X-COINONE-PAYLOAD"]
    expected = hmac.new(b"Sesame", payload.encode(), hashlib.sha512).hexdigest()
    assert call.headers["X-COINONE-SIGNATURE"] == expected
    assert base64.b64decode(payload) == call.body
    words = json.loads(call.body)
    assert list(words)[:2] == ["access_token", "nonce"]
    return words


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (command(**LIMIT),
         {"type": "LIMIT", "side": "BUY", "price": "1375", "qty": "2", "post_only": False}),
        (command(Side.SELL, OrderType.POST_ONLY, **LIMIT),
         {"type": "LIMIT", "side": "SELL", "price": "1375", "qty": "2", "post_only": True}),
        (command(kind=OrderType.MARKET, time=TimeInForce.IOC, quote_qty=10_000_500_000),
         {"type": "MARKET", "side": "BUY", "amount": "10000.5"}),
        (command(kind=OrderType.MARKET, time=TimeInForce.IOC, quote_qty=10_000_000_000,
                 px=1380_0000),
         {"type": "MARKET", "side": "BUY", "amount": "10000", "limit_price": "1380"}),
        (command(Side.SELL, OrderType.MARKET, TimeInForce.IOC, qty=1),
         {"type": "MARKET", "side": "SELL", "qty": "0.00000001"}),
        (command(Side.SELL, OrderType.MARKET, TimeInForce.IOC, qty=1, px=1370_0000),
         {"type": "MARKET", "side": "SELL", "qty": "0.00000001", "limit_price": "1370"}),
        (command(Side.SELL, OrderType.STOP, trigger_px=1300_5000, **LIMIT),
         {"type": "STOP_LIMIT", "side": "SELL", "price": "1375", "qty": "2",
          "trigger_price": "1300.5"}),
    ],
)  # fmt: skip
def test_ask_new_order_says_every_word(order, words):
    call = sent(place(order))
    assert (call.method, call.target) == ("POST", "/v2.1/order")
    assert call.headers["Content-Type"] == "application/json"
    assert words_of(call) == SIGNED | PAIR | words | {"user_order_id": OURS_TEXT}


@pytest.mark.parametrize(
    "order",
    [
        command(time=TimeInForce.IOC, **LIMIT),
        command(time=TimeInForce.FOK, **LIMIT),
        command(time=TimeInForce.GTD, **LIMIT),
        command(kind=OrderType.MARKET, time=TimeInForce.IOC, qty=1),
        command(Side.SELL, OrderType.MARKET, TimeInForce.IOC, quote_qty=1),
        command(Side.SELL, OrderType.BEST, TimeInForce.IOC, qty=1),
        command(kind=OrderType.STOP, trigger_px=1, qty=1),
        command(kind=OrderType.STOP, trigger_px=1, trigger_kind=PriceKind.MARK, **LIMIT),
        command(kind=OrderType.STOP, time=TimeInForce.IOC, trigger_px=1, **LIMIT),
        command(self_trade=SelfTrade.CANCEL_MAKER, **LIMIT),
        command(order_flags=1, **LIMIT),
    ],
)
def test_ask_order_that_coinone_cannot_say_is_not_sent(order):
    assert sent(place(order)) is None


def test_ask_batch_is_not_sent():
    assert sent(Ask(Want.PLACE, "main", spec.NAME, BTC, orders=(command(**LIMIT),) * 2)) is None
    named = (command(venue_order_id=b"a"), command(venue_order_id=b"b"))
    assert sent(Ask(Want.CANCEL, "main", instrument=BTC, orders=named)) is None


@pytest.mark.parametrize(
    ("ask", "target", "words"),
    [
        (Ask(Want.CANCEL, "main", instrument=BTC, client_order_id=OURS), "/v2.1/order/cancel",
         PAIR | {"user_order_id": OURS_TEXT}),
        (Ask(Want.CANCEL, "main", instrument=BTC, client_order_id=OURS, venue_order_id="v"),
         "/v2.1/order/cancel", PAIR | {"order_id": "v"}),
        (Ask(Want.ORDER, "main", instrument=BTC, client_order_id=OURS), "/v2.1/order/detail",
         PAIR | {"user_order_id": OURS_TEXT}),
        (Ask(Want.CANCEL_ALL, "main", instrument=BTC), "/v2.1/order/cancel/all", PAIR),
        (Ask(Want.OPEN_ORDERS, "main"), "/v2.1/order/active_orders", {"order_type": ["LIMIT"]}),
        (Ask(Want.OPEN_ORDERS, "main", instrument=BTC, space=OrderSpace.CONDITIONAL),
         "/v2.1/order/active_orders", PAIR | {"order_type": ["STOP_LIMIT"]}),
        (Ask(Want.FILLS, "main", since_ms=1_789_999_999_000), "/v2.1/order/completed_orders/all",
         {"size": 100, "from_ts": 1_789_999_999_000, "to_ts": STAMP.now_ms}),
        (Ask(Want.FILLS, "main", instrument=BTC, until_ms=2 * STAMP.now_ms, page="t"),
         "/v2.1/order/completed_orders",
         PAIR | {"size": 100, "from_ts": STAMP.now_ms - spec.FILLS_WINDOW_MS,
                 "to_ts": STAMP.now_ms, "to_trade_id": "t"}),
        (Ask(Want.BALANCES, "main"), "/v2.1/account/balance/all", {}),
        (Ask(Want.FEES, "main"), "/v2.1/account/trade_fee", {}),
        (Ask(Want.FEES, "main", instrument=BTC), "/v2.1/account/trade_fee/KRW/BTC", {}),
    ],
)  # fmt: skip
def test_ask_request_has_its_path_and_words(ask, target, words):
    call = sent(ask)
    assert (call.method, call.target) == ("POST", target)
    assert words_of(call) == SIGNED | words


@pytest.mark.parametrize(
    ("ask", "target"),
    [
        (Ask(Want.LISTING), "/public/v2/markets/KRW"),
        (Ask(Want.LISTING, values={"symbol": "KRW-BTC"}), "/public/v2/range_units/KRW/BTC"),
        (Ask(Want.CLOCK), "/public/v2/markets/KRW/BTC"),
    ],
)
def test_ask_public_call_is_not_signed(ask, target):
    call = sent(ask)
    assert (call.method, call.target, call.headers, call.body) == ("GET", target, {}, b"")


@pytest.mark.parametrize(
    "ask",
    [
        Ask(Want.AMEND, "main"), Ask(Want.REPLACE, "main"), Ask(Want.KEY, "main"),
        Ask(Want.ENDED_ORDERS, "main"), Ask(Want.CANCEL_ALL, "main"), Ask(Want.BALANCES, "nobody"),
        Ask(Want.CANCEL, "main", instrument=BTC), Ask(Want.CANCEL, "main", venue_order_id="v"),
        Ask(Want.OPEN_ORDERS, "main", space=OrderSpace.ALGO),
        Ask(Want.ORDER_FILLS, "main", instrument=BTC, since_ms=5),
    ],
)  # fmt: skip
def test_ask_that_cannot_be_said_is_none(ask):
    assert sent(ask) is None


def test_charges_are_by_portfolio_or_by_address():
    assert SIDE.charges(place(command(**LIMIT))) == (Charge("order", ("main",)),)
    assert SIDE.charges(Ask(Want.CANCEL, "main")) == (Charge("order", ("main",)),)
    assert SIDE.charges(Ask(Want.ORDER, "main")) == (Charge("private", ("main",)),)
    assert SIDE.charges(Ask(Want.LISTING)) == (Charge("public", ("",)),)
    assert SIDE.charges(Ask(Want.SUBSCRIBE, "main")) == ()


def test_link_opens_with_a_dated_payload_and_names_the_pairs():
    (link,) = SIDE.links(("main",), {})
    assert (link.ping, link.ping_every_ms) == ('{"request_type":"PING"}', 20_000)
    target, headers = SIDE.open(link, STAMP)
    assert target == "/v1/private"
    words = json.loads(base64.b64decode(headers["X-COINONE-PAYLOAD"]))
    assert words == SIGNED | {"timestamp": STAMP.now_ms}
    order, asset = (
        json.loads(SIDE.ask(one, Way.SOCKET, STAMP).body) for one in SIDE.greet(link, STAMP)
    )
    assert order["topic"] == [PAIR, PAIR | {"target_currency": "XRP"}]
    assert (order["channel"], asset["channel"], "topic" in asset) == ("MYORDER", "MYASSET", False)
    assert {order["request_type"], asset["request_type"]} == {"SUBSCRIBE"}
    assert "topic" not in json.loads(
        CoinoneOrders(KEYS, SYSTEM).ask(SIDE.greet(link, STAMP)[0], Way.SOCKET, STAMP).body
    )
    assert SIDE.ask(place(command(**LIMIT)), Way.SOCKET, STAMP) is None
    assert SIDE.ask(Ask(Want.PING), Way.SOCKET, STAMP).body == b'{"request_type":"PING"}'


def test_secret_is_used_as_it_is_printed_and_never_shown():
    signer = PayloadSigner(Key("k", "a", b"MixedCase"))
    expected = hmac.new(b"MixedCase", b"cGF5", hashlib.sha512).hexdigest()
    assert signer.signature("cGF5") == signer.signature("cGF5") == expected
    assert "MixedCase" not in repr(signer)


def test_caps_say_what_answers_prove_and_what_is_missing():
    caps = SIDE.caps(spec.NAME)
    assert (caps.absent, caps.place_proves, caps.cancel_proves) == (
        Absent.NEVER, Proof.ACCEPTED, Proof.STATE,
    )  # fmt: skip
    assert (OrderType.LIMIT, TimeInForce.IOC) in caps.no_such_time
    assert caps.worst_price
    assert caps.client_id_case == "lower"
    assert OURS_TEXT.lower() == OURS_TEXT


def test_plan_asks_open_orders_fills_each_live_order_and_balances():
    run = Run("main", (spec.NAME,), (BTC,), ((BTC, OURS, "v"),), since_ms=5_000, now_ms=9_000)
    stages = SIDE.plan(run)
    wants = [[one.want for one in stage] for stage in stages]
    opened = [Want.OPEN_ORDERS, Want.OPEN_ORDERS]
    assert wants == [opened, [Want.FILLS], [Want.ORDER], [Want.BALANCES]]
    assert (stages[1][0].since_ms, stages[1][0].until_ms) == (5_000, 9_000)
    assert SIDE.plan(Run("main", ("other.spot",), ())) == ()


def test_follow_goes_on_behind_the_last_trade():
    ask = Ask(Want.FILLS, "main", since_ms=1)
    (more,) = SIDE.follow(ask, Reply(next_page="t"))
    assert more.page == "t"
    assert SIDE.follow(ask, Reply()) == ()


def test_kill_cancels_pair_by_pair_and_stops_one_by_one():
    kill = kill_side(KEYS)
    (look,) = kill.look("main", spec.NAME, OrderSpace.BOOK)
    rows = [samples.active(), samples.active(order_id="x", target_currency="XRP")]
    shown, _ = kill.read(look, 200, {}, samples.success(active_orders=rows))
    asks = kill.cancel("main", spec.NAME, OrderSpace.BOOK, shown)
    words = [words_of(kill.ask(one, STAMP).body) for one in asks]
    assert [one["target_currency"] for one in words] == ["BTC", "XRP"]
    asks = kill.cancel("main", spec.NAME, OrderSpace.CONDITIONAL, shown)
    words = [words_of(kill.ask(one, STAMP).body) for one in asks]
    assert [one["order_id"] for one in words] == [samples.VENUE_ID, "x"]
