"""After random order traffic the replies, the user stream and the engine tell the same story."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest

from oms.exchange.market import MONEY_DIGITS
from oms.instruments import parse_decimal
from oms.venues.binance.server.limits import LimitRules
from shm_layout.jit import JIT_ON
from tests.oms.venues.binance.server.test_server_orders import limit, make_client, send, trade

OPERATIONS = 400 if JIT_ON else 120
KEYS = ("kalice", "kbob")
TYPES = (
    "LIMIT", "LIMIT", "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT",
    "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
)  # fmt: skip
MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")


class Traffic:
    """Random requests of two accounts, and what their streams told."""

    def __init__(self, seed):
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.client = make_client(LimitRules(10**9, 10**6, 10**6, 10**9))
        self.done = Counter()
        for conn, key in enumerate(KEYS, 3):
            self.client.open(conn, "/ws-api/v3")
            self.client.call(conn, "userDataStream.subscribe.signature", key)
        trade(self.client, "40000")

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def px(self, spread=300):
        return f"{40000 + int(self.rng.integers(-spread, spread + 1)) / 10:.1f}"

    def qty(self):
        return f"{int(self.rng.integers(1, 200)) / 100:.2f}"

    def order(self):
        kind = self.pick(*TYPES)
        params = {"side": self.pick("BUY", "SELL"), "type": kind}
        params["selfTradePreventionMode"] = self.pick("NONE", "NONE", *MODES)
        if kind == "MARKET" and self.rng.random() < 0.3:
            return params | {"quoteOrderQty": str(int(self.rng.integers(10, 40000)))}
        params["quantity"] = self.qty()
        if kind.endswith("LIMIT") or kind == "LIMIT_MAKER":
            params["price"] = self.px()
        if kind.endswith("LIMIT"):
            params["timeInForce"] = self.pick("GTC", "GTC", "GTC", "IOC", "FOK")
            if params["timeInForce"] == "GTC" and self.rng.random() < 0.3:
                params["icebergQty"] = f"{Decimal(params['quantity']) / 4:.5f}"
        if kind.startswith(("STOP", "TAKE")):
            if self.rng.random() < 0.3:
                params["trailingDelta"] = str(int(self.rng.integers(10, 100)))
            else:
                params["stopPrice"] = self.px()
        return params

    def step(self):
        key = self.pick(*KEYS)
        act = self.pick("place", "place", "place", "place", "cancel", "replace", "amend", "list")
        told = getattr(self, act)(key)
        self.done[act, "refused" if isinstance(told, tuple) else "done"] += 1
        self.client.now_ns += 10_000_000

    def place(self, key):
        return send(self.client, key=key, newOrderRespType="FULL", **self.order())

    def known(self, key):
        """An open order's id; one that nobody has where there is none."""
        found = self.client.signed("GET", "/api/v3/openOrders", key)[1]
        return found[int(self.rng.integers(len(found)))] if found else {"orderId": 10**9}

    def cancel(self, key):
        return send(self.client, key=key, method="DELETE", orderId=self.known(key)["orderId"])

    def replace(self, key):
        mode = self.pick("STOP_ON_FAILURE", "ALLOW_FAILURE")
        return send(
            self.client, "/api/v3/order/cancelReplace", key, cancelReplaceMode=mode,
            cancelOrderId=self.known(key)["orderId"], **self.order(),
        )  # fmt: skip

    def amend(self, key):
        order = self.known(key)
        qty = f"{Decimal(order.get('origQty', '1')) / 2:.2f}"
        path = "/api/v3/order/amend/keepPriority"
        return send(self.client, path, key, "PUT", orderId=order["orderId"], newQty=qty)

    def list(self, key):
        qty, kind = self.qty(), self.pick("oco", "oto", "otoco")
        pair = {
            "AboveType": "LIMIT_MAKER", "AbovePrice": "40200", "BelowType": "STOP_LOSS_LIMIT",
            "BelowPrice": "39700", "BelowStopPrice": "39800", "BelowTimeInForce": "GTC",
        }  # fmt: skip
        if kind == "oco":
            own = {name[0].lower() + name[1:]: value for name, value in pair.items()}
            return send(self.client, "/api/v3/orderList/oco", key, side="SELL", quantity=qty, **own)
        working = {
            "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": self.px(),
            "workingQuantity": qty, "pendingSide": "SELL", "pendingQuantity": qty,
        }  # fmt: skip
        if self.rng.random() < 0.2:
            working["workingType"] = "LIMIT_MAKER"
        else:
            working["workingTimeInForce"] = self.pick("GTC", "GTC", "IOC", "FOK")
        more = {"pending" + name: value for name, value in pair.items()}
        if kind == "oto":
            more = self.pick(
                {"pendingType": "LIMIT", "pendingPrice": self.px(), "pendingTimeInForce": "GTC"},
                {"pendingType": "MARKET"},
                {"pendingType": "STOP_LOSS", "pendingStopPrice": self.px()},
                {"pendingType": "TAKE_PROFIT", "pendingTrailingDelta": "50"},
            )
        return send(self.client, f"/api/v3/orderList/{kind}", key, **working, **more)


def queried(client, key):
    return {
        order["orderId"]: order
        for order in client.signed("GET", "/api/v3/allOrders", key, symbol="BTCUSDT", limit=1000)[1]
    }


def check(traffic, account, key):
    client, events = traffic.client, traffic.client.events(3 + account)
    engine = client.market.engine
    orders = queried(client, key)
    last = {e["i"]: e for e in events if e["e"] == "executionReport" and e["x"] != "REJECTED"}
    assert last.keys() == orders.keys()
    for order_id, order in orders.items():
        event = last[order_id]
        assert (event["X"], event["z"], event["q"], event["Z"]) == (
            order["status"], order["executedQty"], order["origQty"], order["cummulativeQuoteQty"],
        ), order_id  # fmt: skip
    traded = Counter()
    for fill in client.signed("GET", "/api/v3/myTrades", key, symbol="BTCUSDT", limit=1000)[1]:
        traded[fill["orderId"]] += Decimal(fill["qty"])
    assert traded == {i: q for i, o in orders.items() if (q := Decimal(o["executedQty"]))}
    rows = engine.orders[(engine.orders["order_id"] > 0) & (engine.orders["account"] == account)]
    held = {int(row["order_id"]): int(row["leaves"]) for row in rows}
    shown = client.signed("GET", "/api/v3/openOrders", key)[1]
    assert held == {
        o["orderId"]: parse_decimal(o["origQty"], 5)
        - parse_decimal(o["executedQty"], 5)
        - parse_decimal(o.get("preventedQuantity", "0"), 5)
        for o in shown
    }
    positions = {}
    for event in events:
        if event["e"] == "outboundAccountPosition":
            positions |= {row["a"]: (row["f"], row["l"]) for row in event["B"]}
    balances = client.signed("GET", "/api/v3/account", key)[1]["balances"]
    assert positions == {row["asset"]: (row["free"], row["locked"]) for row in balances}
    for asset, row in enumerate(balances):
        assert parse_decimal(row["free"], MONEY_DIGITS) == int(engine.free[account, asset])
        assert parse_decimal(row["locked"], MONEY_DIGITS) == int(engine.locked[account, asset])
    lists = {e["g"]: e["L"] for e in events if e["e"] == "listStatus"}
    open_lists = client.signed("GET", "/api/v3/openOrderList", key)[1]
    assert {g for g, state in lists.items() if state == "EXECUTING"} == {
        found["orderListId"] for found in open_lists
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_replies_stream_and_engine_agree(seed):
    traffic = Traffic(seed)
    before = traffic.client.market.engine.totals()
    for number in range(OPERATIONS):
        traffic.step()
        if number % 40 == 39:
            for account, key in enumerate(KEYS):
                check(traffic, account, key)
    assert traffic.client.market.engine.totals() == before
    for act in ("place", "cancel", "replace", "amend", "list"):
        assert traffic.done[act, "done"] > 0, act


def test_prevented_matches_are_told_to_both_and_kept():
    traffic = Traffic(4)
    mine = send(traffic.client, **limit("BUY", "39000", "1"))
    send(traffic.client, **limit("SELL", "39000", "1", selfTradePreventionMode="DECREMENT"))
    check(traffic, 0, "kalice")
    path = "/api/v3/myPreventedMatches"
    found = send(traffic.client, path, method="GET", orderId=mine["orderId"])
    assert len(found) == 1
    both = send(traffic.client, path, method="GET", orderId=found[0]["takerOrderId"])
    assert both == found
