"""Order lists: OCO, OTO, OTOCO from placement to end, as replies, queries and events tell it."""

from __future__ import annotations

import pytest

from tests.oms.venues.binance.server.test_server_orders import limit, make_client, seen, send, trade

OCO = {
    "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "41000",
    "belowType": "STOP_LOSS_LIMIT", "belowPrice": "38900", "belowStopPrice": "39000",
    "belowTimeInForce": "GTC",
}  # fmt: skip
OTO = {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "39500", "workingQuantity": "1",
    "workingTimeInForce": "GTC", "pendingType": "LIMIT", "pendingSide": "SELL",
    "pendingPrice": "40500", "pendingQuantity": "1", "pendingTimeInForce": "GTC",
}  # fmt: skip
OTOCO = {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "39500", "workingQuantity": "1",
    "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": "1",
    "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "41000",
    "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "39000",
}  # fmt: skip
LIST = "/api/v3/orderList"


@pytest.fixture
def client():
    made = make_client()
    made.open(3, "/ws-api/v3")
    made.call(3, "userDataStream.subscribe.signature", "kalice")
    trade(made, "40000")
    return made


def place(client, kind, params, **more):
    return send(client, f"{LIST}/{kind}", **params | more)


def ids(made):
    return [order["orderId"] for order in made["orders"]]


def statuses(client, made):
    return [seen(client, order_id)["status"] for order_id in ids(made)]


def told(client):
    """(event, what) of every user event so far, and forget them."""
    out = []
    for event in client.events(3):
        if event["e"] == "executionReport":
            out.append((event["i"], event["x"], event["X"]))
        elif event["e"] == "listStatus":
            out.append((event["g"], event["l"], event["L"]))
    client.inbox[3].clear()
    return out


def test_oco_limit_leg_fills_and_the_stop_expires(client):
    made = place(client, "oco", OCO, newOrderRespType="RESULT")
    above, below = ids(made)
    assert made["contingencyType"] == "OCO"
    assert [r["type"] for r in made["orderReports"]] == ["LIMIT_MAKER", "STOP_LOSS_LIMIT"]
    assert [r["workingTime"] > 0 for r in made["orderReports"]] == [True, False]
    number = made["orderListId"]
    assert told(client) == [
        (above, "NEW", "NEW"), (below, "NEW", "NEW"), (number, "EXEC_STARTED", "EXECUTING"),
    ]  # fmt: skip
    locked = client.signed("GET", "/api/v3/account")[1]["balances"][0]["locked"]
    assert locked == "1.00000000", "the pair is paid once"
    send(client, key="kbob", **limit("BUY", "41000", "1"))
    assert statuses(client, made) == ["FILLED", "EXPIRED"]
    events = told(client)
    assert (below, "EXPIRED", "EXPIRED") in events
    assert (above, "TRADE", "FILLED") in events
    assert events[-1] == (number, "ALL_DONE", "ALL_DONE")
    assert client.signed("GET", "/api/v3/openOrderList")[1] == []


def test_oco_stop_triggers_and_the_limit_leg_expires(client):
    made = place(client, "oco", OCO)
    trade(client, "39000")
    above, below = ids(made)
    assert seen(client, above)["status"] == "EXPIRED"
    assert seen(client, below)["isWorking"]
    assert (below, "NEW", "NEW") in told(client)


def test_oco_cancel_of_a_leg_cancels_the_list(client):
    made = place(client, "oco", OCO)
    reply = send(client, method="DELETE", orderId=ids(made)[0], newClientOrderId="bye")
    assert reply["orderListId"] == made["orderListId"]
    assert {r["clientOrderId"] for r in reply["orderReports"]} == {"bye"}
    assert statuses(client, made) == ["CANCELED", "CANCELED"]
    shown = client.signed("GET", LIST, orderListId=made["orderListId"])[1]
    assert (shown["listStatusType"], shown["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")


def test_oco_prices_must_surround_the_last_price(client):
    told_error = (400, -2010, "The relationship of the prices for the orders is not correct.")
    assert place(client, "oco", OCO, abovePrice="39900") == told_error
    assert client.signed("GET", "/api/v3/openOrders")[1] == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"aboveType": "MARKET"}, -1158),
        ({"belowType": "LIMIT_MAKER"}, -1168),
        ({"side": "BUY"}, -1165),
        ({"aboveType": "STOP_LOSS", "belowType": "LIMIT_MAKER"}, -1166),
        ({"side": "BUY", "aboveType": "STOP_LOSS", "belowType": "STOP_LOSS"}, -1196),
        ({"aboveType": "STOP_LOSS"}, -1197),
        ({"side": "BUY", "aboveType": "TAKE_PROFIT"}, -1196),
        ({"side": "BUY", "aboveType": "TAKE_PROFIT", "belowType": "TAKE_PROFIT"}, -1198),
        ({"belowType": "TAKE_PROFIT"}, -1199),
        ({"belowIcebergQty": "0.1", "belowTimeInForce": "IOC"}, -1160),
        ({"belowTimeInForce": None}, -1102),
        ({"aboveStopPrice": "1"}, -1106),
        ({"nonsense": "1"}, -1104),
    ],
)
def test_oco_wrong_legs_have_their_own_errors(client, more, code):
    params = {k: v for k, v in (OCO | more).items() if v is not None}
    assert place(client, "oco", params)[1] == code


def test_old_oco_lists_the_stop_leg_first(client):
    params = {"side": "SELL", "quantity": "1", "price": "41000", "stopPrice": "39000"}
    made = send(client, "/api/v3/order/oco", **params)
    assert [r["type"] for r in made["orderReports"]] == ["STOP_LOSS", "LIMIT_MAKER"]
    missing = send(client, "/api/v3/order/oco", **params | {"stopLimitPrice": "38900"})
    assert missing[1] == -1102


def test_oto_pending_is_placed_when_the_working_order_is_filled(client):
    made = place(client, "oto", OTO)
    _, pending = ids(made)
    assert [r["status"] for r in made["orderReports"]] == ["NEW", "PENDING_NEW"]
    assert made["contingencyType"] == "OTO"
    send(client, key="kbob", **limit("SELL", "39500", "0.5"))
    assert statuses(client, made) == ["PARTIALLY_FILLED", "PENDING_NEW"]
    told(client)
    send(client, key="kbob", **limit("SELL", "39500", "0.5"))
    assert statuses(client, made) == ["FILLED", "NEW"]
    assert (pending, "NEW", "NEW") in told(client)
    send(client, key="kbob", **limit("BUY", "40500", "1"))
    assert statuses(client, made) == ["FILLED", "FILLED"]
    assert told(client)[-1] == (made["orderListId"], "ALL_DONE", "ALL_DONE")


def test_oto_cancel_of_either_ends_both(client):
    for which in (0, 1):
        made = place(client, "oto", OTO)
        send(client, method="DELETE", orderId=ids(made)[which])
        assert set(statuses(client, made)) <= {"CANCELED", "EXPIRED"}
        assert client.signed("GET", "/api/v3/openOrderList")[1] == []


def test_otoco_places_its_pair(client):
    made = place(client, "otoco", OTOCO)
    assert [r["status"] for r in made["orderReports"]] == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    send(client, key="kbob", **limit("SELL", "39500", "1"))
    assert statuses(client, made) == ["FILLED", "NEW", "NEW"]
    trade(client, "39000")
    after = statuses(client, made)
    assert after[1] == "EXPIRED"
    assert after[2] in ("NEW", "FILLED", "EXPIRED")


def test_list_client_ids_are_unique_among_open_lists(client):
    place(client, "oco", OCO, listClientOrderId="one")
    again = place(client, "oco", OCO, listClientOrderId="one")
    assert again == (400, -2010, "Duplicate order sent.")
    gone = client.signed("DELETE", LIST, symbol="BTCUSDT", listClientOrderId="one")[1]
    assert gone["listClientOrderId"] == "one"
    assert place(client, "oco", OCO, listClientOrderId="one")["listClientOrderId"] == "one"
    missing = client.signed("GET", LIST, origClientOrderId="none")[1]
    assert missing["code"] == -2018
    assert client.signed("GET", LIST)[1]["code"] == -1102


def test_list_amend_tells_the_list(client):
    made = place(client, "oto", OTO)
    told(client)
    reply = send(
        client, "/api/v3/order/amend/keepPriority", method="PUT", orderId=ids(made)[1],
        newQty="0.5", newClientOrderId="less",
    )  # fmt: skip
    assert reply["listStatus"]["orders"][1]["clientOrderId"] == "less"
    assert told(client) == [
        (ids(made)[1], "REPLACED", "PENDING_NEW"), (made["orderListId"], "UPDATED", "EXECUTING"),
    ]  # fmt: skip
