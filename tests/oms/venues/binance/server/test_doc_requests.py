"""Every documented order request is taken, or refused, as documented; its reply has the documented
shape, field by field."""

from __future__ import annotations

import pytest

from oms.config import SimInstrumentConfig
from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.terms import Capacity
from oms.exchange.live import LiveMarket
from oms.exchange.market import spec_from_config
from oms.venues.binance.server.limits import LimitRules
from tests.oms.venues.binance.server import doc_shapes
from tests.oms.venues.binance.server.doc_shapes import compare, load, pick
from tests.oms.venues.binance.server.exchange_client import Client

REST = "rest-api.md"
WS = "web-socket-api.md"
CONDITIONAL = {
    "stopPrice", "icebergQty", "trailingDelta", "trailingTime", "strategyId", "strategyType",
    "preventedMatchId", "preventedQuantity", "tradeGroupId", "preventedMatches", "expiryReason",
}  # fmt: skip
"""rest-api.md "Conditional fields in Order Responses"."""
UNEVEN = {"workingTime", "fills"}
"""Some examples leave these out of a FULL reply, others show them."""
PRICES = "23415"
KNOWN = "4d96324ff9d44481926157"
LISTED = "08985fedd9ea2cf6b28996"


def make_client(rules=None):
    """A market at 23,415 with cheap minimums, so that the documents' numbers fit."""
    specs = [
        SimInstrumentConfig(
            symbol, base, quote, "0.01", "0.00001", "0.00001", "9000", "0.0001", "1"
        )
        for symbol, base, quote in (("BTCUSDT", "BTC", "USDT"), ("LTCBTC", "LTC", "BTC"))
    ]
    balances = {"BTC": "1000", "LTC": "1000", "USDT": "10000000"}
    market = LiveMarket(
        [spec_from_config(spec) for spec in specs], 2, balances, (1000, 1000), None,
        Capacity(orders=4096, levels_per_side=512, accounts=8),
    )  # fmt: skip
    market.engine.counters[lay.C_NEXT_LIST_ID] = 1274512
    client = Client(market=market, rules=rules)
    client.open(3, "/ws-api/v3")
    return client


@pytest.fixture
def client():
    made = make_client()
    trade(made, PRICES)
    return made


def trade(client, px, qty="0.01"):
    client.order("SELL", px, qty, key="kbob")
    client.order("BUY", px, qty, key="kbob", timeInForce="IOC")


def request(method):
    """The parameters of a documented request, without what signs it."""
    for _, message in doc_shapes.requests(WS):
        if message["method"] == method:
            signing = ("apiKey", "signature", "timestamp")
            return {k: v for k, v in message["params"].items() if k not in signing}
    raise AssertionError(f"no documented request {method}")


def answer(section, wanted=lambda v: v["status"] == 200):
    return pick(WS, section, lambda v: "status" in v and wanted(v))


def test_docs_every_order_request_is_tried_below():
    order_methods = {
        message["method"]
        for _, message in doc_shapes.requests(WS)
        if message["method"].startswith(("order", "sor.", "openOrder", "allOrder", "my", "account"))
    }
    assert order_methods == {
        "order.place", "order.cancelReplace", "openOrders.cancelAll", "orderList.place",
        "orderList.cancel", "sor.order.place", "sor.order.test", "openOrders.status", "allOrders",
        "orderList.status", "openOrderLists.status", "myTrades", "account.rateLimits.orders",
        "myPreventedMatches", "myAllocations", "account.commission",
    }  # fmt: skip


def test_docs_order_place():
    client = make_client()  # before the first trade, as no percent of a price bounds 0.1
    params = request("order.place")
    reply = client.call(3, "order.place", "kalice", **params | {"newOrderRespType": "RESULT"})
    documented = answer("Response format")
    assert compare(documented, reply, CONDITIONAL) == []
    bad = client.call(3, "order.place", "kalice", **params | {"quantity": "900", "price": "90000"})
    refused = answer("Response format", lambda v: v["status"] == 400)
    assert compare(refused, bad) == []
    assert bad["error"] == refused["error"]


def test_docs_cancel_replace_success(client):
    client.order("SELL", "23450", "0.00847", newClientOrderId=KNOWN)
    reply = client.call(3, "order.cancelReplace", "kalice", **request("order.cancelReplace"))
    documented = answer("Cancel and replace")
    assert compare(documented, reply, CONDITIONAL | UNEVEN) == []
    assert reply["result"]["cancelResponse"]["origClientOrderId"] == KNOWN


@pytest.mark.parametrize(
    ("mode", "known", "more", "results"),
    [
        ("STOP_ON_FAILURE", False, {}, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", True, {"type": "LIMIT_MAKER"}, ("SUCCESS", "FAILURE")),
        ("STOP_ON_FAILURE", True, {"type": "LIMIT_MAKER"}, ("SUCCESS", "FAILURE")),
        ("ALLOW_FAILURE", False, {}, ("FAILURE", "SUCCESS")),
        ("ALLOW_FAILURE", False, {"type": "LIMIT_MAKER"}, ("FAILURE", "FAILURE")),
    ],
)
def test_docs_cancel_replace_failures(client, mode, known, more, results):
    client.order("BUY", "23416.10", "0.001", key="kbob")
    if known:
        client.order("SELL", "23450", "0.00847", newClientOrderId=KNOWN)
    params = request("order.cancelReplace") | {"cancelReplaceMode": mode} | more
    if more:
        del params["timeInForce"]
    reply = client.call(3, "order.cancelReplace", "kalice", **params)
    documented = answer(
        "Cancel and replace",
        lambda v: (
            (data := v.get("error", {}).get("data", {})).get("cancelResult") == results[0]
            and data.get("newOrderResult") == results[1]
        ),
    )
    optional = CONDITIONAL | UNEVEN
    assert compare(documented, reply, optional) == []
    assert reply["status"] == documented["status"]
    for name in ("code", "msg"):
        assert reply["error"][name] == documented["error"][name]
    data = reply["error"]["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == results
    for half in ("cancelResponse", "newOrderResponse"):
        if documented["error"]["data"][half] and "code" in documented["error"]["data"][half]:
            assert data[half] == documented["error"]["data"][half]


@pytest.mark.parametrize(("rate_mode", "status"), [("DO_NOTHING", 429), ("CANCEL_ONLY", 409)])
def test_docs_cancel_replace_over_the_order_limit(rate_mode, status):
    client = make_client(LimitRules(orders_per_10s=1))
    client.order("SELL", "23450", "0.00847", newClientOrderId=KNOWN)
    params = request("order.cancelReplace") | {"orderRateLimitExceededMode": rate_mode}
    reply = client.call(3, "order.cancelReplace", "kalice", **params)
    documented = [v for v in load(WS, "Cancel and replace") if "-1015" in str(v)]
    documented = next(v for v in documented if v["status"] == status)
    assert compare(documented, reply, CONDITIONAL | {"data"}) == []
    assert reply["status"] == status
    still = client.signed("GET", "/api/v3/openOrders")[1]
    assert len(still) == (1 if rate_mode == "DO_NOTHING" else 0)


def test_docs_cancel_all_with_a_list(client):
    client.order("SELL", "23416.10", "0.00847", newClientOrderId=KNOWN, strategyId="37463720")
    client.call(3, "orderList.place", "kalice", **request("orderList.place"))
    reply = client.call(3, "openOrders.cancelAll", "kalice", **request("openOrders.cancelAll"))
    assert compare(answer("Cancel open orders"), reply, CONDITIONAL) == []
    assert compare(load(REST, "Cancel All Open Orders")[0], reply["result"], CONDITIONAL) == []
    assert [("orderReports" in item) for item in reply["result"]] == [False, True]
    assert client.signed("GET", "/api/v3/openOrders")[1] == []


def test_docs_order_list_place_query_and_cancel(client):
    params = request("orderList.place") | {"listClientOrderId": LISTED}
    reply = client.call(3, "orderList.place", "kalice", **params)
    assert compare(answer("Place new OCO"), reply, CONDITIONAL) == []
    assert reply["result"]["orderListId"] == 1274512
    kinds = [report["type"] for report in reply["result"]["orderReports"]]
    assert kinds == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    status = client.call(3, "orderList.status", "kalice", **request("orderList.status"))
    assert compare(answer("Query Order list"), status) == []
    shown = client.call(3, "openOrderLists.status", "kalice")
    assert compare(answer("Current open Order lists"), shown) == []
    everything = client.signed("GET", "/api/v3/allOrderList")[1]
    assert compare(load(REST, "Query all Order lists")[0], everything) == []
    gone = client.call(3, "orderList.cancel", "kalice", **request("orderList.cancel"))
    uneven = CONDITIONAL | {"origClientOrderId"}  # in the example of REST alone
    assert compare(answer("Cancel Order list"), gone, uneven) == []
    assert compare(load(REST, "Cancel Order list")[0], gone["result"], CONDITIONAL) == []
    assert client.call(3, "openOrderLists.status", "kalice")["result"] == []


def test_docs_sor_is_refused_where_no_symbol_has_it(client):
    for method in ("sor.order.place", "sor.order.test"):
        reply = client.call(3, method, "kalice", **request(method))
        assert reply["status"] == 400
        assert compare(answer("Response format", lambda v: v["status"] == 400)["error"],
                       reply["error"]) == []  # fmt: skip


@pytest.mark.parametrize(
    ("method", "section"),
    [
        ("openOrders.status", "Current open orders"),
        ("allOrders", "Account order history"),
        ("myTrades", "Account trade history"),
        ("account.rateLimits.orders", "Unfilled Order Count"),
        ("account.commission", "Account Commission Rates"),
    ],
)
def test_docs_account_requests(client, method, section):
    client.order("SELL", PRICES, "0.02", newClientOrderId=KNOWN)
    client.order("BUY", PRICES, "0.01", key="kbob", timeInForce="IOC")
    params = request(method)
    if "startTime" in params:
        day_ms = params["endTime"] - params["startTime"]
        params["endTime"] = client.now_ns // 1_000_000 + 1000
        params["startTime"] = params["endTime"] - day_ms
    reply = client.call(3, method, "kalice", **params)
    assert compare(answer(section), reply, CONDITIONAL) == []
    assert reply["result"], method


def test_docs_my_allocations(client):
    reply = client.call(3, "myAllocations", "kalice", **request("myAllocations"))
    assert reply["result"] == []
    assert compare(answer("Account allocations"), reply) == []


def test_docs_my_prevented_matches(client):
    client.order("BUY", "23400", "0.013", newClientOrderId="maker")
    taker = client.order("SELL", "23400", "0.02", selfTradePreventionMode="EXPIRE_MAKER")[1]
    assert [m["makerPreventedQuantity"] for m in taker["preventedMatches"]] == ["0.01300000"]
    params = request("myPreventedMatches") | {"orderId": taker["orderId"]}
    reply = client.call(3, "myPreventedMatches", "kalice", **params)
    assert compare(answer("Account prevented matches"), reply) == []
    faq = load("faqs/stp_faq.md", "What is a Prevented Match?")[0]
    (found,) = reply["result"]
    assert compare(faq[0], found, {"makerSymbol", "takerPreventedQuantity"}) == []


@pytest.mark.parametrize("kind", ["ACK", "RESULT", "FULL"])
def test_docs_rest_new_order(client, kind):
    assert client.order("BUY", "20000", "10", key="kbob")[0] == 200
    documented = {
        "ACK": pick(REST, "New order", lambda v: "status" not in v),
        "RESULT": pick(REST, "New order", lambda v: "status" in v and "fills" not in v),
        "FULL": pick(REST, "New order", lambda v: "fills" in v),
    }[kind]
    params = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "10"}
    reply = client.signed("POST", "/api/v3/order", **params, newOrderRespType=kind)[1]
    assert compare(documented, reply) == []
    assert reply.get("status", "FILLED") == "FILLED"


def test_docs_rest_test_order_and_commission(client):
    plain, rates = load(REST, "Test new order")
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert client.signed("POST", "/api/v3/order/test", **params) == (200, plain)
    params["computeCommissionRates"] = "true"
    assert compare(rates, client.signed("POST", "/api/v3/order/test", **params)[1]) == []
    found = client.signed("GET", "/api/v3/account/commission", symbol="BTCUSDT")[1]
    assert compare(load(REST, "Query Commission Rates")[0], found) == []
    assert compare(load("faqs/commission_faq.md", "How is the commission")[0], found) == []


def test_docs_rest_queries(client):
    client.order("BUY", "23000", "0.01", newClientOrderId="myOrder1")
    known = client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="myOrder1")
    assert compare(load(REST, "Query order (")[0], known[1], CONDITIONAL) == []
    shown = client.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")[1]
    assert compare(load(REST, "Current open orders")[0], shown, CONDITIONAL) == []
    everything = client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")[1]
    assert compare(load(REST, "All orders")[0], everything, CONDITIONAL) == []
    account = client.signed("GET", "/api/v3/account")[1]
    assert compare(load(REST, "Account information")[0], account, {"tradeGroupId"}) == []
    counts = client.signed("GET", "/api/v3/rateLimit/order")[1]
    assert compare(load(REST, "Query Unfilled Order Count")[0], counts) == []
    filters = client.signed("GET", "/api/v3/myFilters", symbol="BTCUSDT")[1]
    names = {name for row in filters["symbolFilters"] for name in row}
    assert compare(load(REST, "Query relevant filters")[0], filters, names) == []


def test_docs_rest_amend_and_amendments(client):
    placed = client.order("SELL", "24000", "0.05")[1]
    reply = client.signed(
        "PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId=placed["orderId"],
        newQty="0.04", newClientOrderId="smaller",
    )[1]  # fmt: skip
    alone, listed = load(REST, "Order Amend Keep Priority")
    assert compare(alone, reply, CONDITIONAL) == []
    assert reply["amendedOrder"]["qty"] == "0.04000000"
    assert reply["amendedOrder"]["origClientOrderId"] == placed["clientOrderId"]
    history = client.signed(
        "GET", "/api/v3/order/amendments", symbol="BTCUSDT", orderId=placed["orderId"]
    )[1]
    assert compare(load(REST, "Query Order Amendments")[0], history) == []
    assert (history[0]["origQty"], history[0]["newQty"]) == ("0.05000000", "0.04000000")
    made = client.signed("POST", "/api/v3/orderList/oto", **OTO)[1]
    pending = made["orders"][1]["orderId"]
    reply = client.signed(
        "PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId=pending,
        newQty="0.5",
    )[1]  # fmt: skip
    assert compare(listed, reply, CONDITIONAL) == []
    assert reply["amendedOrder"]["status"] == "PENDING_NEW"


OTO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "25000",
    "workingQuantity": "1", "workingTimeInForce": "GTC", "pendingType": "MARKET",
    "pendingSide": "BUY", "pendingQuantity": "1",
}  # fmt: skip
OTOCO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "25000",
    "workingQuantity": "1", "workingTimeInForce": "GTC", "pendingSide": "BUY",
    "pendingQuantity": "1", "pendingAboveType": "STOP_LOSS_LIMIT", "pendingAbovePrice": "27000",
    "pendingAboveStopPrice": "26000", "pendingAboveTimeInForce": "IOC",
    "pendingBelowType": "LIMIT_MAKER", "pendingBelowPrice": "20000",
}  # fmt: skip
OCO = {
    "symbol": "BTCUSDT", "side": "BUY", "quantity": "0.1", "aboveType": "STOP_LOSS",
    "aboveStopPrice": "23500", "belowType": "LIMIT_MAKER", "belowPrice": "23000",
}  # fmt: skip


def test_docs_rest_order_lists(client):
    oco = client.signed("POST", "/api/v3/orderList/oco", **OCO, newOrderRespType="RESULT")[1]
    assert compare(load(REST, "New OCO")[0], oco, CONDITIONAL) == []
    otoco = client.signed("POST", "/api/v3/orderList/otoco", **OTOCO, newOrderRespType="RESULT")[1]
    assert compare(load(REST, "New Order list - OTOCO")[0], otoco, CONDITIONAL) == []
    statuses = [report["status"] for report in otoco["orderReports"]]
    assert statuses == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    shown = client.signed("GET", "/api/v3/orderList", orderListId=oco["orderListId"])[1]
    assert compare(load(REST, "Query Order list")[0], shown) == []
    open_now = client.signed("GET", "/api/v3/openOrderList")[1]
    assert compare(load(REST, "Query Open Order lists")[0], open_now) == []
    assert len(open_now) == 2


def test_docs_lists_that_pay_for_themselves_are_refused(client):
    for path, params in (("opo", OTO), ("opoco", OTOCO)):
        asked = {k: v for k, v in params.items() if k != "pendingQuantity"}
        status, reply = client.signed("POST", f"/api/v3/orderList/{path}", **asked)
        assert (status, reply["msg"]) == (400, "OPO orders are not supported for this symbol.")
    info = client.get("/api/v3/exchangeInfo")[1]
    assert not any(symbol["opoAllowed"] for symbol in info["symbols"])


def test_docs_filters_of_exchange_info(client):
    info = client.get("/api/v3/exchangeInfo", symbol="BTCUSDT")[1]
    filters = {row["filterType"]: row for row in info["symbols"][0]["filters"]}
    for name in (
        "PRICE_FILTER", "PERCENT_PRICE_BY_SIDE", "MAX_NUM_ICEBERG_ORDERS", "MAX_NUM_ORDER_AMENDS",
        "MAX_NUM_ORDER_LISTS",
    ):  # fmt: skip
        assert compare(load("filters.md", name)[0], filters[name]) == []
    documented = load(REST, "Exchange information")[0]
    symbol = info["symbols"][0] | {"filters": []}
    assert compare(documented["symbols"][0], symbol) == []
    assert symbol["orderTypes"] == documented["symbols"][0]["orderTypes"] or sorted(
        symbol["orderTypes"]
    ) == sorted(documented["symbols"][0]["orderTypes"])


def test_docs_user_events(client):
    client.call(3, "userDataStream.subscribe.signature", "kalice")
    client.signed("POST", "/api/v3/orderList/oco", **OCO)
    client.order("BUY", "22000", "0.01")
    client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    report = load("user-data-stream.md", "Order Update")[0]
    listed = load("user-data-stream.md", "Order Reject Reason")[0]
    events = [m for m in client.inbox[3] if "event" in m]
    conditional = {"v", "d", "D", "j", "J", "A", "B", "u", "U", "Cs", "pl", "pL", "pY", "W"}
    names = [m["event"]["e"] for m in events]
    assert names.count("listStatus") == 2
    for message in events:
        if message["event"]["e"] == "executionReport":
            assert compare(report, message, conditional) == []
        elif message["event"]["e"] == "listStatus":
            assert compare(listed, message) == []
