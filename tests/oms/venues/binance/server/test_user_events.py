"""Execution reports of every life: their kinds, client ids and conditional fields; balances."""

from __future__ import annotations

import pytest

from tests.oms.venues.binance.server.exchange_client import MS
from tests.oms.venues.binance.server.test_server_orders import limit, make_client, seen, send, trade


@pytest.fixture
def client():
    made = make_client()
    made.open(3, "/ws-api/v3")
    made.call(3, "userDataStream.subscribe.signature", "kalice")
    return made


def reports(client):
    return [e for e in client.events(3) if e["e"] == "executionReport"]


def test_events_of_a_cancel_name_both_ids(client):
    send(client, **limit("BUY", "39000", "1", newClientOrderId="mine", strategyId="7"))
    send(client, method="DELETE", origClientOrderId="mine", newClientOrderId="bye")
    new, gone = reports(client)
    assert (new["c"], new["C"], new["x"], new["w"], new["j"]) == ("mine", "", "NEW", True, 7)
    assert (gone["c"], gone["C"], gone["x"], gone["w"]) == ("bye", "mine", "CANCELED", False)
    assert "J" not in new


def test_events_of_an_amend(client):
    placed = send(client, **limit("BUY", "39000", "1", newClientOrderId="mine"))
    send(
        client, "/api/v3/order/amend/keepPriority", method="PUT", orderId=placed["orderId"],
        newQty="0.5", newClientOrderId="less",
    )  # fmt: skip
    replaced = reports(client)[-1]
    assert (replaced["x"], replaced["X"], replaced["c"], replaced["C"], replaced["q"]) == (
        "REPLACED", "NEW", "less", "mine", "0.50000000",
    )  # fmt: skip
    position = client.events(3)[-1]
    assert position["e"] == "outboundAccountPosition"
    assert position["B"][1]["l"] == "19500.00000000"


def test_events_of_expiry(client):
    send(client, **limit("BUY", "39000", "1", timeInForce="IOC"))
    new, expired = reports(client)
    assert (new["x"], expired["x"], expired["X"]) == ("NEW", "EXPIRED", "EXPIRED")
    assert "eR" not in new


def expiries(client):
    return {e["i"]: e["eR"] for e in reports(client) if e["x"] == "EXPIRED"}


def told_and_asked(client, placed):
    """The expiry reason of an order in its reply, when it is asked for, and in the stream."""
    number = placed["orderId"]
    return placed["expiryReason"], seen(client, number)["expiryReason"], expiries(client)[number]


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        (limit("BUY", "39000", "1", timeInForce="IOC"), "UNFILLED_IOC_QUANTITY_EXPIRED"),
        (limit("BUY", "40000", "1", timeInForce="IOC"), "UNFILLED_IOC_QUANTITY_EXPIRED"),
        (limit("BUY", "40000", "1", timeInForce="FOK"), "UNFILLED_FOK_ORDER_EXPIRED"),
        ({"side": "BUY", "type": "MARKET", "quantity": "1"}, "INSUFFICIENT_LIQUIDITY"),
        ({"side": "BUY", "type": "MARKET", "quoteOrderQty": "40000"}, "INSUFFICIENT_LIQUIDITY"),
    ],
)
def test_expiry_reason_of_what_finds_too_little(client, terms, why):
    send(client, key="kbob", **limit("SELL", "40000", "0.5"))
    placed = send(client, newOrderRespType="FULL", **terms)
    assert placed["status"] == "EXPIRED"
    assert told_and_asked(client, placed) == (why, why, why)


def test_expiry_reason_of_a_stop_that_finds_no_book(client):
    trade(client, "40000")
    placed = send(client, side="SELL", type="STOP_LOSS", quantity="1", stopPrice="39000")
    assert "expiryReason" not in placed
    trade(client, "39000")
    assert expiries(client) == {placed["orderId"]: "INSUFFICIENT_LIQUIDITY"}


def test_expiry_reason_of_the_other_leg_of_a_pair(client):
    trade(client, "40000")
    made = send(
        client, "/api/v3/orderList/oco", side="SELL", quantity="1", aboveType="LIMIT_MAKER",
        abovePrice="41000", belowType="STOP_LOSS", belowStopPrice="39000",
    )  # fmt: skip
    send(client, key="kbob", **limit("BUY", "41000", "0.1"))
    below = next(r["orderId"] for r in made["orderReports"] if r["type"] == "STOP_LOSS")
    assert expiries(client) == {below: "OCO_TRIGGER"}


def test_expiry_reason_of_legs_whose_working_order_ends(client):
    made = send(
        client, "/api/v3/orderList/oto", workingType="LIMIT", workingSide="BUY",
        workingPrice="39000", workingQuantity="1", workingTimeInForce="IOC",
        pendingType="LIMIT_MAKER", pendingSide="SELL", pendingPrice="42000", pendingQuantity="1",
    )  # fmt: skip
    working, pending = (r["orderId"] for r in made["orderReports"])
    assert expiries(client) == {
        working: "UNFILLED_IOC_QUANTITY_EXPIRED", pending: "OTO_PHASE_ONE_EXPIRED",
    }  # fmt: skip


def test_expiry_reason_of_a_leg_that_is_refused_when_placed(client):
    made = send(
        client, "/api/v3/orderList/oto", workingType="LIMIT", workingSide="BUY",
        workingPrice="39000", workingQuantity="1", workingTimeInForce="GTC",
        pendingType="LIMIT_MAKER", pendingSide="SELL", pendingPrice="38000", pendingQuantity="1",
    )  # fmt: skip
    send(client, key="kbob", **limit("BUY", "38500", "1"))
    send(client, key="kbob", **limit("SELL", "39000", "1"))
    pending = made["orderReports"][1]["orderId"]
    assert expiries(client) == {pending: "REJECTED"}


def test_expiry_reason_is_not_given_for_self_trade_prevention(client):
    send(client, **limit("BUY", "39000", "1"))
    placed = send(client, **limit("SELL", "39000", "1", selfTradePreventionMode="EXPIRE_TAKER"))
    assert placed["status"] == "EXPIRED_IN_MATCH"
    assert "expiryReason" not in seen(client, placed["orderId"])


def test_events_of_prevention(client):
    maker = send(client, **limit("BUY", "39000", "1"))
    taker = send(client, **limit("SELL", "39000", "3", selfTradePreventionMode="EXPIRE_BOTH"))
    prevented = {e["i"]: e for e in reports(client) if e["x"] == "TRADE_PREVENTION"}
    mine, other = prevented[taker["orderId"]], prevented[maker["orderId"]]
    for event, counter, qty in ((mine, maker, "3.00000000"), (other, taker, "1.00000000")):
        assert event["X"] == "EXPIRED_IN_MATCH"
        assert event["U"] == counter["orderId"]
        assert (event["A"], event["B"]) == (qty, qty)
        assert (event["pl"], event["pL"], event["pY"]) == (
            "1.00000000", "39000.00000000", "39000.00000000",
        )  # fmt: skip
        assert (event["u"], event["Cs"]) == (-1, "BTCUSDT")
    assert mine["v"] == other["v"] == taker["preventedMatches"][0]["preventedMatchId"]


def test_events_of_a_trailing_stop(client):
    trade(client, "40000")
    placed = send(client, side="SELL", type="STOP_LOSS", quantity="1", trailingDelta="500")
    trade(client, "41000")
    client.now_ns += 5 * MS
    send(client, key="kbob", **limit("BUY", "38950", "2"))
    send(client, key="kbob", **limit("SELL", "38950", "0.5"))
    mine = [e for e in reports(client) if e["i"] == placed["orderId"]]
    assert [(e["x"], e["X"], e["w"]) for e in mine][:2] == [
        ("NEW", "NEW", False), ("NEW", "NEW", True),
    ]  # fmt: skip
    assert mine[0]["d"] == 500
    assert mine[1]["D"] > 0
    assert mine[-1]["X"] == "FILLED"


def test_events_and_query_of_a_trailing_stop_that_waits_for_its_stop_price(client):
    trade(client, "40000")
    placed = send(
        client, side="SELL", type="STOP_LOSS", quantity="1", trailingDelta="500",
        stopPrice="39000", newOrderRespType="RESULT",
    )  # fmt: skip
    for shown in (placed, seen(client, placed["orderId"])):
        told = (shown["stopPrice"], shown["trailingDelta"], shown["trailingTime"])
        assert told == ("39000.00000000", 500, -1)
    (new,) = reports(client)
    assert (new["P"], new["d"], "D" in new) == ("39000.00000000", 500, False)
    client.now_ns += 5 * MS
    trade(client, "39000")
    shown = seen(client, placed["orderId"])
    assert (shown["stopPrice"], shown["trailingDelta"]) == ("39000.00000000", 500)
    assert shown["trailingTime"] == client.now_ns // MS
    assert send(client, method="GET", path="/api/v3/openOrders") == [shown]
    client.now_ns += 5 * MS
    trade(client, "38000", "37000")
    last = [e for e in reports(client) if e["i"] == placed["orderId"]][-1]
    assert (last["P"], last["d"], last["D"]) == (
        "39000.00000000", 500, shown["trailingTime"],
    )  # fmt: skip


def test_events_of_a_refused_replacement(client):
    placed = send(client, **limit("BUY", "39000", "1"))
    send(client, key="kbob", **limit("SELL", "40000", "1"))
    params = {"side": "BUY", "type": "LIMIT_MAKER", "price": "40000", "quantity": "1"}
    told = send(
        client, "/api/v3/order/cancelReplace", cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=placed["orderId"], newClientOrderId="next", **params,
    )  # fmt: skip
    assert told[1] == -2021
    canceled, rejected = reports(client)[-2:]
    assert canceled["x"] == "CANCELED"
    assert (rejected["x"], rejected["X"], rejected["r"], rejected["c"]) == (
        "REJECTED", "REJECTED", "WOULD_MATCH_IMMEDIATELY", "next",
    )  # fmt: skip


def test_events_of_money_from_outside(client):
    client.market.deposit(0, 1, 5 * 10**8, client.now_ns)
    client.server.tell(client.now_ns)
    client.collect()
    update, position = client.events(3)
    assert (update["e"], update["a"], update["d"]) == ("balanceUpdate", "USDT", "5.00000000")
    assert position["B"] == [{"a": "USDT", "f": "20000005.00000000", "l": "0.00000000"}]
    assert set(update) == {"e", "E", "a", "d", "T"}
