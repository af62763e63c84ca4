"""Execution reports of every life: their kinds, client ids and conditional fields; balances."""

from __future__ import annotations

import pytest

from tests.oms.venues.binance.exchange_client import MS
from tests.oms.venues.binance.test_server_orders import limit, make_client, send, trade


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
