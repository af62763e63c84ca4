"""Orders by REST, from strategy to exchange, on the harness: each thing that can go wrong once."""

import pytest

from oms.exchange.faults import FaultSpec
from oms.units import NS_PER_MS
from shm_layout.enums import Action, OrderState, Side, TimeInForce
from shm_layout.limits import ORDER_BYTES_UNACKNOWLEDGED_MS
from tests.desks import top
from tests.oms.sim.test_orders_under_faults import EXECUTOR, MID, MS, TICK, Market, S

VENUE = "venue_sim.binance"
PLACE = "POST /api/v3/order"
FAR = 2000 * TICK
QTY = 10**5


class RestMarket(Market):
    """A desk whose orders go by REST; the test trades."""

    def __init__(self, seed=5, flow=200, **group):
        sim = {"drop_reply_one_in": 0, "flow_events_per_s": flow}
        super().__init__(seed, sim=sim, order_way="rest", **group)
        self.run(S)

    def trade(self):
        """Prices alone."""
        self.tops.append(top(MID - TICK, MID + TICK, self.harness.now_ns)[0])
        self.harness._ready["risk"] = None

    def buy(self, px=MID - FAR):
        """Our id of a new order."""
        before = set(self.rows()["client_order_id"].tolist())
        self._intend(side=Side.BUY, px=px, qty=QTY, time_in_force=TimeInForce.GTC)
        self.harness._ready["risk"] = None
        self.harness.settle()
        (made,) = set(self.rows()["client_order_id"].tolist()) - before
        return made

    def cancel(self, client_order_id):
        self._intend(action=Action.CANCEL, target_client_order_id=client_order_id)
        self.harness._ready["risk"] = None

    def rows(self):
        return self.harness.agents["risk"].arrays.orders

    def state(self, client_order_id):
        (row,) = self.rows()[self.rows()["client_order_id"] == client_order_id]
        return OrderState(int(row["state"]))

    def until(self, client_order_id, state, within_ns=5 * S):
        until_ns = self.harness.now_ns + within_ns
        found = self.harness.run_while(lambda: self.state(client_order_id) != state, until_ns)
        assert found, f"{self.state(client_order_id).name}, not {state.name}"

    def at_venue(self):
        return len(self.harness.agents[VENUE].market.log.history(0, 0))

    def fault(self, kind, **values):
        self.harness.agents[VENUE].add_fault(FaultSpec(kind, **values), self.harness.now_ns)

    def said(self, text):
        """Lines of orders with this text."""
        return [
            line for path, found in self.harness.lines.items() if path.endswith("orders.jsonl")
            for line in found if text in line
        ]  # fmt: skip


@pytest.fixture
def market():
    return RestMarket()


def test_rest_order_is_placed_filled_and_cancelled(market):
    resting = market.buy()
    market.until(resting, OrderState.OPEN)
    filled = market.buy(px=MID + 300 * TICK)
    market.until(filled, OrderState.FILLED)
    market.cancel(resting)
    market.until(resting, OrderState.CANCELED)
    assert market.heal()
    assert market.check(5) > 0


def test_rest_order_whose_reply_is_lost_is_unknown_then_found(market):
    market.fault("drop_reply", count=1)
    lost = market.buy()
    market.until(lost, OrderState.UNKNOWN)
    market.until(lost, OrderState.OPEN)
    assert market.at_venue() == 1
    assert market.heal()
    market.check(5)


@pytest.mark.parametrize("arrived", [True, False])
def test_rest_order_whose_connection_is_cut_before_the_answer(market, arrived):
    """Where it had arrived it is found; else it is excluded, once its request would be too old."""
    cut = market.buy()
    if arrived:
        assert market.harness.run_while(lambda: not market.at_venue(), market.harness.now_ns + S)
    market.harness.network.cut(EXECUTOR)
    market.until(cut, OrderState.UNKNOWN, 100 * MS)
    sent_ns = market.harness.now_ns
    if arrived:
        market.until(cut, OrderState.OPEN)
    else:
        market.until(cut, OrderState.REJECTED, 60 * S)
        assert market.harness.now_ns - sent_ns > 5000 * MS, "not before its request has died"
    assert market.at_venue() == arrived
    assert market.heal()
    if arrived:
        market.check(5)


def test_rest_order_that_finds_no_free_connection_is_not_sent(market):
    market.fault("drop_reply")
    made = [market.buy() for _ in range(market.config.groups[0].order_connections)]
    refused = market.buy()
    market.until(refused, OrderState.REJECTED, 100 * MS)
    market.harness.run_until(market.harness.now_ns + S)
    assert any("no free order connection" in line for line in market.said("NOT_SENT"))
    assert market.at_venue() == len(made)


def test_rest_order_answered_late_is_folded(market):
    """The answer waits for 3 s, one more than ours; the query is not answered at all."""
    market.fault("delay", link="rest", match=PLACE, direction="out", delay_ms=3000)
    market.fault("lose", match="order.status", direction="in")
    market.fault("lose", match="executionReport", direction="out")
    late = market.buy()
    market.until(late, OrderState.UNKNOWN)
    market.until(late, OrderState.OPEN)
    assert market.at_venue() == 1


def test_rest_order_that_the_network_holds_back_arrives_late_or_dies_with_its_connection(market):
    market.harness.network.silenced.add(EXECUTOR)
    held = market.buy()
    market.run(ORDER_BYTES_UNACKNOWLEDGED_MS * NS_PER_MS // 2)
    assert market.state(held) is OrderState.UNKNOWN
    market.harness.kill(EXECUTOR)
    market.harness.network.silenced.clear()
    market.run(10 * S)
    assert market.at_venue() == 0, "what the dead one's system held never leaves"
    market.start_executor()
    market.until(held, OrderState.REJECTED, 60 * S)
