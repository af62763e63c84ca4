"""Orders over REST: the matrix of parameters by type, triggers, icebergs, lists, self-trades.

Worked numbers come from the documents' questions: stp_faq.md, trailing-stop-faq.md,
order_amend_keep_priority.md.
"""

from __future__ import annotations

import pytest

from oms.config import SimInstrumentConfig
from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.terms import Capacity, ExchangeFilters
from oms.exchange.filters import EXCHANGE_BOUNDS
from oms.exchange.live import LiveMarket
from oms.exchange.market import spec_from_config
from oms.exchange.recorded import RecordedMarket
from tests.oms.venues.binance.server.exchange_client import Client

BTC = SimInstrumentConfig(
    "BTCUSDT", "BTC", "USDT", "0.1", "0.00001", "0.00001", "9000", "0.0001", "40000"
)
ORDER = "/api/v3/order"


def make_client(rules=None, bounds=EXCHANGE_BOUNDS):
    """One symbol with cheap minimums, so that the documents' small numbers fit."""
    balances = {"BTC": "20000", "USDT": "20000000"}
    market = LiveMarket(
        [spec_from_config(BTC)], 2, balances, (0, 0), None,
        Capacity(orders=1024, levels_per_side=256, accounts=8), bounds=bounds,
    )  # fmt: skip
    return Client(market=market, rules=rules)


@pytest.fixture
def client():
    return make_client()


def send(client, path=ORDER, key="kalice", method="POST", **params):
    status, body = client.signed(method, path, key, symbol="BTCUSDT", **params)
    return body if status == 200 else (status, body["code"], body["msg"])


def limit(side, px, qty, **more):
    return {
        "side": side,
        "type": "LIMIT",
        "timeInForce": "GTC",
        "price": px,
        "quantity": qty,
    } | more


def trade(client, *prices):
    """Trades of somebody else, one at each price."""
    for px in prices:
        send(client, key="kbob", **limit("SELL", px, "0.01"))
        send(client, key="kbob", **limit("BUY", px, "0.01", timeInForce="IOC"))


def seen(client, order_id):
    return send(client, method="GET", orderId=order_id)


# The matrix of parameters

FULL = {
    "timeInForce": "GTC", "quantity": "1", "quoteOrderQty": "100", "price": "40000",
    "stopPrice": "41000", "trailingDelta": "100",
}  # fmt: skip
TRIGGERS = {"stopPrice", "trailingDelta"}
MATRIX = {
    "LIMIT": ({"timeInForce", "quantity", "price"}, {"quoteOrderQty"} | TRIGGERS),
    "LIMIT_MAKER": ({"quantity", "price"}, {"timeInForce", "quoteOrderQty"} | TRIGGERS),
    "MARKET": ({"quantity"}, {"timeInForce", "price"} | TRIGGERS),
    "STOP_LOSS": ({"quantity", "stopPrice"}, {"timeInForce", "price", "quoteOrderQty"}),
    "TAKE_PROFIT": ({"quantity", "stopPrice"}, {"timeInForce", "price", "quoteOrderQty"}),
    "STOP_LOSS_LIMIT": ({"timeInForce", "quantity", "price", "stopPrice"}, {"quoteOrderQty"}),
    "TAKE_PROFIT_LIMIT": ({"timeInForce", "quantity", "price", "stopPrice"}, {"quoteOrderQty"}),
}
"""Type -> (mandatory parameters, those that are refused)."""


@pytest.mark.parametrize("kind", MATRIX)
def test_params_each_type_needs_its_own_and_takes_no_others(client, kind):
    needed, unwanted = MATRIX[kind]
    good = {"side": "BUY", "type": kind} | {name: FULL[name] for name in needed}
    assert send(client, ORDER + "/test", **good) == {}
    for name in needed:
        less = {k: v for k, v in good.items() if k != name}
        status, code, text = send(client, ORDER + "/test", **less)
        assert (status, code) == (400, -1102), (kind, name)
        assert f"'{name}'" in text
    for name in unwanted:
        told = send(client, ORDER + "/test", **good | {name: FULL[name]})
        assert told == (400, -1106, f"Parameter '{name}' sent when not required."), kind


NEITHER = "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"type": "STOP_LOSS_LIMIT"}, (-1102, NEITHER)),
        ({"strategyType": "999999"}, (-1134, "`strategyType` was less than 1000000.")),
        ({"icebergQty": "2"}, (-2010, "IcebergQty exceeds QTY.")),
        ({"icebergQty": "0.5", "timeInForce": "IOC"}, (-1014, "Unsupported order combination.")),
        ({"icebergQty": "0.001"}, (-1013, "Filter failure: ICEBERG_PARTS")),
        ({"selfTradePreventionMode": "MAYBE"},
         (-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")),
        ({"pegPriceType": "PRIMARY_PEG"},
         (-1013, "Pegged orders are not supported for this symbol.")),
        ({"type": "STOP_LOSS_LIMIT", "trailingDelta": "5"},
         (-1013, "Filter failure: TRAILING_DELTA")),
        ({"type": "STOP_LOSS_LIMIT", "trailingDelta": "2001"},
         (-1013, "Filter failure: TRAILING_DELTA")),
        ({"type": "STOP_LOSS_LIMIT", "stopPrice": "40000.05"},
         (-1013, "Filter failure: PRICE_FILTER")),
        ({"type": "STOP_LOSS_LIMIT", "stopPrice": "0"}, (-1013, "Invalid stopPrice.")),
    ],
)  # fmt: skip
def test_params_bad_values_have_the_documented_errors(client, more, told):
    params = limit("BUY", "40000", "1") | more
    for path in (ORDER + "/test", ORDER):
        assert send(client, path, **params) == (400, *told)
    assert send(client, "/api/v3/openOrders", method="GET") == []


def test_params_market_by_quote_amount_or_by_quantity(client):
    both = {"side": "BUY", "type": "MARKET", "quantity": "1", "quoteOrderQty": "100"}
    assert send(client, **both)[1] == -1106
    none = send(client, side="BUY", type="MARKET")
    assert none[1:] == (
        -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
    )  # fmt: skip


def test_filters_percent_price_by_side_binds_after_the_first_trade(client):
    assert send(client, **limit("BUY", "7000", "1"))["status"] == "NEW"
    trade(client, "40000")
    told = (400, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
    assert send(client, **limit("BUY", "7999.9", "1")) == told
    assert send(client, **limit("SELL", "200000.1", "1")) == told
    assert send(client, **limit("BUY", "8000", "1"))["status"] == "NEW"


def test_filters_max_num_algo_orders(client):
    trade(client, "40000")
    stop = {"side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "39000"}
    for _ in range(5):
        assert "orderId" in send(client, **stop)
    assert send(client, **stop) == (400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS")


def test_client_ids_are_unique_among_open_orders_only(client):
    first = send(client, **limit("BUY", "39000", "1", newClientOrderId="mine"))
    again = limit("BUY", "39000", "1", newClientOrderId="mine")
    assert send(client, **again) == (400, -2010, "Duplicate order sent.")
    send(client, method="DELETE", origClientOrderId="mine")
    second = send(client, **again)
    assert second["orderId"] > first["orderId"]


# Symbol states


def test_states_halt_and_cancel_only_refuse_new_orders(client):
    resting = send(client, **limit("BUY", "39000", "1"))
    for state, word in ((lay.STATE_HALT, "HALT"), (lay.STATE_CANCEL_ONLY, "CANCEL_ONLY")):
        client.market.set_state(0, state, client.now_ns)
        info = client.get("/api/v3/exchangeInfo", symbol="BTCUSDT")[1]
        assert info["symbols"][0]["status"] == word
        assert send(client, **limit("BUY", "39000", "1")) == (400, -1013, "Market is closed.")
        if state == lay.STATE_HALT:
            told = send(client, method="DELETE", orderId=resting["orderId"])
            assert told == (400, -1013, "Market is closed.")
            assert seen(client, resting["orderId"])["status"] == "NEW"
    assert send(client, method="DELETE", orderId=resting["orderId"])["status"] == "CANCELED"
    client.market.set_state(0, lay.STATE_TRADING, client.now_ns)
    assert send(client, **limit("BUY", "39000", "1"))["status"] == "NEW"


# Contingent orders


def test_stop_orders_wait_then_trade(client):
    trade(client, "40000")
    stop = {"side": "BUY", "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "quantity": "1",
            "price": "41000", "stopPrice": "40500"}  # fmt: skip
    placed = send(client, **stop)
    assert set(placed) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    waiting = seen(client, placed["orderId"])
    assert (waiting["isWorking"], waiting["workingTime"]) == (False, -1)
    assert waiting["stopPrice"] == "40500.00000000"
    assert client.market.book(0, 5).bids == []
    trade(client, "40500")
    working = seen(client, placed["orderId"])
    assert (working["status"], working["isWorking"]) == ("NEW", True)
    assert client.market.book(0, 5).bids == [(410000, 100000)]


def test_stop_order_that_would_trigger_at_once_is_refused(client):
    trade(client, "40000")
    told = (400, -2010, "Order would trigger immediately.")
    for side, kind, px in (
        ("BUY", "STOP_LOSS", "39000"), ("SELL", "STOP_LOSS", "41000"),
        ("BUY", "TAKE_PROFIT", "41000"), ("SELL", "TAKE_PROFIT", "39000"),
    ):  # fmt: skip
        assert send(client, side=side, type=kind, quantity="1", stopPrice=px) == told


TRAILING = {
    "A": ("BUY", "STOP_LOSS_LIMIT", "44000", 500, "45000",
          ["40000", "37000", "44000", "45000", "46000", "42000"], "44099.9", "44100"),
    "B": ("SELL", "STOP_LOSS_LIMIT", "39000", 1000, "38000",
          ["40000", "41500", "39000", "37000", "41000"], "36900.1", "36900"),
    "C": ("BUY", "TAKE_PROFIT_LIMIT", "38000", 850, "38500",
          ["40000", "42000", "38000", "37000", "39000", "38000"], "40144.9", "40145"),
    "D": ("SELL", "TAKE_PROFIT_LIMIT", "42000", 750, "41000",
          ["40000", "41500", "39000", "42000", "45000", "44000", "46500"], "43012.6", "43012.5"),
    "E": ("SELL", "STOP_LOSS_LIMIT", "", 700, "39000",
          ["40000", "42000", "39500", "45500"], "42315.1", "42315"),
}  # fmt: skip
"""trailing-stop-faq.md: side, type, stop price, delta, limit; trades, the last one too few, the one
that triggers. The first trade comes before the order."""


@pytest.mark.parametrize("scenario", TRAILING)
def test_trailing_stop_faq(client, scenario):
    side, kind, stop, delta, px, trades, short, hit = TRAILING[scenario]
    trade(client, trades[0])
    params = {"side": side, "type": kind, "timeInForce": "GTC", "quantity": "1", "price": px,
              "trailingDelta": str(delta), "newOrderRespType": "RESULT"}  # fmt: skip
    if stop:
        params["stopPrice"] = stop
    placed = send(client, **params)
    assert placed["trailingDelta"] == delta
    assert placed["workingTime"] == -1
    if stop:
        assert placed["trailingTime"] == -1
    for trade_px in (*trades[1:], short):
        trade(client, trade_px)
        assert not seen(client, placed["orderId"])["isWorking"], trade_px
    assert seen(client, placed["orderId"])["trailingTime"] > 0
    trade(client, hit)
    assert seen(client, placed["orderId"])["isWorking"]


# Icebergs and amendments


def test_iceberg_shows_a_part_and_refills(client):
    iceberg = send(client, **limit("BUY", "39000", "1", icebergQty="0.2"))
    assert iceberg["icebergQty"] == "0.20000000"
    assert client.market.book(0, 5).bids == [(390000, 20000)]
    send(client, key="kbob", **limit("SELL", "39000", "0.3", timeInForce="IOC"))
    after = seen(client, iceberg["orderId"])
    assert (after["executedQty"], after["status"]) == ("0.30000000", "PARTIALLY_FILLED")
    assert client.market.book(0, 5).bids[0][1] <= 20000


def test_amend_faq_keeps_the_place_in_the_queue(client):
    amend = "/api/v3/order/amend/keepPriority"
    first = send(client, key="kbob", **limit("BUY", "87000", "1"))
    mine = send(client, **limit("BUY", "87000", "5.5"))
    after = send(client, key="kbob", **limit("BUY", "87000", "4"))
    changed = send(client, amend, method="PUT", orderId=mine["orderId"], newQty="5")
    assert changed["amendedOrder"]["qty"] == "5.00000000"
    assert changed["amendedOrder"]["orderId"] == mine["orderId"]
    send(client, key="kbob", **limit("SELL", "87000", "6", timeInForce="IOC"))
    assert seen(client, mine["orderId"])["executedQty"] == "5.00000000"
    untouched = send(client, key="kbob", method="GET", orderId=after["orderId"])
    assert untouched["executedQty"] == "0.00000000"
    assert send(client, key="kbob", method="GET", orderId=first["orderId"])["status"] == "FILLED"


@pytest.mark.parametrize(
    ("qty", "told"),
    [
        ("6", (-2038, "Order amend (quantity increase) is not supported.")),
        ("5", (-2038, "The requested action would change no state; rejecting")),
        ("0", (-1013, "Invalid quantity.")),
        ("4.000001", (-1013, "Filter failure: LOT_SIZE")),
    ],
)
def test_amend_refusals(client, qty, told):
    amend = "/api/v3/order/amend/keepPriority"
    mine = send(client, **limit("BUY", "39000", "5", newClientOrderId="mine"))
    assert send(client, amend, method="PUT", orderId=mine["orderId"], newQty=qty) == (400, *told)
    unknown = send(client, amend, method="PUT", orderId=999999, newQty="1")
    assert unknown == (400, -2038, "Unknown order sent.")
    wrong = send(
        client, amend, method="PUT", orderId=mine["orderId"], origClientOrderId="x", newQty="1"
    )
    assert wrong == (400, -2039, "Client order ID is not correct for this order ID.")
    for k in range(10):
        smaller = f"{4 - k / 10:.1f}"
        done = send(client, amend, method="PUT", orderId=mine["orderId"], newQty=smaller)
        assert done["amendedOrder"]["qty"] == smaller + "0000000"
    last = send(client, amend, method="PUT", orderId=mine["orderId"], newQty="1")
    assert last == (400, -1013, "Filter failure: MAX_NUM_ORDER_AMENDS")


# Self-trade prevention: stp_faq.md, scenarios A to H


def makers(client, *rows, **more):
    return [send(client, **limit("BUY", px, qty, **more))["orderId"] for qty, px in rows]


THREE = (("1.2", "1.2"), ("1.3", "1.1"), ("8.1", "1"))


def test_stp_a_none_trades(client):
    (maker,) = makers(client, ("1", "1"))
    taker = send(client, **limit("SELL", "1", "1", selfTradePreventionMode="NONE"))
    assert (taker["status"], seen(client, maker)["status"]) == ("FILLED", "FILLED")
    assert "preventedMatches" not in taker


def test_stp_b_expire_maker(client):
    ids = makers(client, *THREE)
    taker = send(client, **limit("SELL", "1", "3", selfTradePreventionMode="EXPIRE_MAKER"))
    assert taker["status"] == "NEW"
    assert [
        (m["makerOrderId"], m["price"][:3], m["makerPreventedQuantity"][:3])
        for m in taker["preventedMatches"]
    ] == [(ids[0], "1.2", "1.2"), (ids[1], "1.1", "1.3"), (ids[2], "1.0", "8.1")]
    assert all("takerPreventedQuantity" not in m for m in taker["preventedMatches"])
    assert "preventedQuantity" not in taker
    for order_id, (qty, _) in zip(ids, THREE, strict=True):
        order = seen(client, order_id)
        assert order["status"] == "EXPIRED_IN_MATCH"
        assert order["preventedQuantity"] == qty + "0000000"


def test_stp_c_expire_taker(client):
    ids = makers(client, *THREE)
    taker = send(client, **limit("SELL", "1", "3", selfTradePreventionMode="EXPIRE_TAKER"))
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "3.00000000")
    assert {seen(client, order_id)["status"] for order_id in ids} == {"NEW"}


def test_stp_d_expire_both(client):
    (maker,) = makers(client, ("1", "1"))
    taker = send(client, **limit("SELL", "1", "3", selfTradePreventionMode="EXPIRE_BOTH"))
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "3.00000000")
    (match,) = taker["preventedMatches"]
    assert match["takerPreventedQuantity"] == "3.00000000"
    assert match["makerPreventedQuantity"] == "1.00000000"
    assert seen(client, maker)["preventedQuantity"] == "1.00000000"


def test_stp_e_the_takers_mode_decides(client):
    (maker,) = makers(client, ("1", "1"), selfTradePreventionMode="EXPIRE_MAKER")
    taker = send(client, **limit("SELL", "1", "1", selfTradePreventionMode="EXPIRE_TAKER"))
    assert (taker["status"], seen(client, maker)["status"]) == ("EXPIRED_IN_MATCH", "NEW")
    (match,) = taker["preventedMatches"]
    assert "makerPreventedQuantity" not in match


def test_stp_f_market_order_finds_no_book_after_it(client):
    (maker,) = makers(client, ("1", "1"))
    taker = send(
        client, side="SELL", type="MARKET", quantity="1", selfTradePreventionMode="EXPIRE_MAKER"
    )
    assert (taker["status"], taker["executedQty"]) == ("EXPIRED", "0.00000000")
    assert seen(client, maker)["status"] == "EXPIRED_IN_MATCH"


def test_stp_g_decrement(client):
    (maker,) = makers(client, ("6", "2"))
    taker = send(client, **limit("SELL", "2", "2", selfTradePreventionMode="DECREMENT"))
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "2.00000000")
    rest = seen(client, maker)
    assert (rest["status"], rest["preventedQuantity"]) == ("NEW", "2.00000000")
    assert client.market.book(0, 5).bids == [(20, 400000)]


def test_stp_h_transfer_between_accounts_of_a_group(client):
    for account in (0, 1):
        client.market.engine.set_group(account, 1)
    stp = {"selfTradePreventionMode": "TRANSFER"}
    maker = send(client, **limit("BUY", "0.2", "0.6", **stp))
    taker = send(client, key="kbob", **limit("SELL", "0.2", "0.2", **stp))
    assert (taker["status"], taker["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "0.20000000")
    assert taker["tradeGroupId"] == 1
    assert seen(client, maker["orderId"])["preventedQuantity"] == "0.20000000"
    accounts = [client.signed("GET", "/api/v3/account", key)[1] for key in ("kalice", "kbob")]
    assert [a["balances"] for a in accounts] == [
        [{"asset": "BTC", "free": "20000.20000000", "locked": "0.00000000"},
         {"asset": "USDT", "free": "19999999.88000000", "locked": "0.08000000"}],
        [{"asset": "BTC", "free": "19999.80000000", "locked": "0.00000000"},
         {"asset": "USDT", "free": "20000000.04000000", "locked": "0.00000000"}],
    ]  # fmt: skip
    assert accounts[0]["tradeGroupId"] == 1
    found = send(client, "/api/v3/myPreventedMatches", method="GET", orderId=maker["orderId"])
    assert [(m["selfTradePreventionMode"], m["tradeGroupId"]) for m in found] == [("TRANSFER", 1)]


# A market that offers less


def test_recorded_market_refuses_what_it_does_not_do():
    market = RecordedMarket([spec_from_config(BTC)], 2, {"BTC": "1", "USDT": "100000"}, (0, 0))
    client = Client(market=market)
    stop = {"side": "SELL", "quantity": "1", "stopPrice": "39000"}
    refused = {
        "Stop loss orders are not supported for this symbol.": stop | {"type": "STOP_LOSS"},
        "Take profit orders are not supported for this symbol.": stop | {"type": "TAKE_PROFIT"},
        "Iceberg orders are not supported for this symbol.": limit(
            "BUY", "39000", "1", icebergQty="0.1"
        ),
        "This symbol does not allow the specified self-trade prevention mode.": limit(
            "BUY", "39000", "1", selfTradePreventionMode="EXPIRE_BOTH"
        ),
    }
    for text, params in refused.items():
        assert send(client, **params) == (400, -1013, text)
    oco = send(client, "/api/v3/orderList/oco")
    assert oco == (400, -1013, "OCO orders are not supported for this symbol")
    amend = send(client, "/api/v3/order/amend/keepPriority", method="PUT", orderId=1, newQty="1")
    assert amend == (400, -1013, "Order amend is not supported for this symbol.")
    (symbol,) = client.get("/api/v3/exchangeInfo")[1]["symbols"]
    assert symbol["orderTypes"] == ["LIMIT", "LIMIT_MAKER", "MARKET"]
    assert not symbol["amendAllowed"]
    resting = send(client, **limit("BUY", "39000", "1"))
    replaced = send(
        client, "/api/v3/order/cancelReplace", cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=resting["orderId"], **limit("BUY", "38000", "1"),
    )  # fmt: skip
    assert replaced["cancelResult"] == replaced["newOrderResult"] == "SUCCESS"


# Cancel restrictions


def test_cancel_restrictions(client):
    mine = send(client, **limit("BUY", "39000", "1"))
    told = (400, -2011, "Order was not canceled due to cancel restrictions.")
    partly = {"method": "DELETE", "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}
    assert send(client, orderId=mine["orderId"], **partly) == told
    send(client, key="kbob", **limit("SELL", "39000", "0.4", timeInForce="IOC"))
    fresh = {"method": "DELETE", "cancelRestrictions": "ONLY_NEW"}
    assert send(client, orderId=mine["orderId"], **fresh) == told
    assert send(client, orderId=mine["orderId"], **partly)["status"] == "CANCELED"
    assert send(client, orderId=mine["orderId"], method="DELETE") == (
        400, -2011, "Unknown order sent.",
    )  # fmt: skip


# Filters over all symbols

OCO = {
    "path": "/api/v3/orderList/oco", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER",
    "abovePrice": "41000", "belowType": "STOP_LOSS", "belowStopPrice": "39000",
}  # fmt: skip
STOP = {"side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "39000"}


@pytest.mark.parametrize(
    ("bounds", "terms", "name"),
    [
        (ExchangeFilters(orders_max=1), limit("BUY", "39000", "1"), "EXCHANGE_MAX_NUM_ORDERS"),
        (ExchangeFilters(algo_max=1), STOP, "EXCHANGE_MAX_NUM_ALGO_ORDERS"),
        (ExchangeFilters(iceberg_max=1), limit("BUY", "39000", "1", icebergQty="0.5"),
         "EXCHANGE_MAX_NUM_ICEBERG_ORDERS"),
        (ExchangeFilters(lists_max=1), OCO, "EXCHANGE_MAX_NUM_ORDER_LISTS"),
    ],
)  # fmt: skip
def test_exchange_filter_refuses_what_is_one_too_many(bounds, terms, name):
    client = make_client(bounds=bounds)
    assert isinstance(send(client, **terms), dict)
    assert send(client, **terms) == (400, -1013, f"Filter failure: {name}")
    _, info = client.get("/api/v3/exchangeInfo")
    (shown,) = info["exchangeFilters"]
    assert shown["filterType"] == name
    assert list(shown.values())[1] == 1


def test_asset_filter_bounds_an_order_and_is_shown_to_its_account():
    btc, usdt = 0, 1
    client = make_client(bounds=ExchangeFilters(assets=((btc, 2 * 10**8), (usdt, 5 * 10**12))))
    refused = (400, -1013, "Filter failure: MAX_ASSET")
    assert send(client, ORDER + "/test", **limit("BUY", "25000", "2")) == {}
    assert send(client, ORDER + "/test", **limit("BUY", "25000", "2.00001")) == refused
    assert send(client, **limit("BUY", "25000.1", "2")) == refused
    market = {"side": "BUY", "type": "MARKET", "quoteOrderQty": "50000.01"}
    assert send(client, **market) == refused
    shown = send(client, "/api/v3/myFilters", method="GET")
    assert shown["assetFilters"] == [
        {"filterType": "MAX_ASSET", "asset": "BTC", "limit": "2.00000000"},
        {"filterType": "MAX_ASSET", "asset": "USDT", "limit": "50000.00000000"},
    ]
