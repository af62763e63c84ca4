"""A person's orders on the harness: the way of every strategy's, and the one right more."""

import dataclasses

import pytest

from oms import ids
from oms.agents.strategy.operator import OperatorAgent
from oms.config import OPERATOR, AccountConfig, StrategyConfig
from oms.risk import world_hot as w_
from shm_layout.enums import OrderState, RecordType
from tests.oms.sim.whole_desk import MS, S, WholeDesk, whole_config

pytestmark = pytest.mark.compiled

ROLE = f"strategy.{OPERATOR}"
WHO = {"uid": 1000, "pid": 4242}
BTC = ("binance.spot:BTC/USDT",)


def config(seed):
    """The market maker's desk with the operator in the first place, as the host makes it."""
    made = whole_config(seed, drop_reply_one_in=0)
    group = dataclasses.replace(made.groups[0], accounts=made.groups[0].accounts[:1])
    made = dataclasses.replace(made, groups=(group,))
    operator = StrategyConfig(OPERATOR, OPERATOR, ("main",), BTC)
    return dataclasses.replace(made, strategies=(operator, *made.strategies))


class Desk(WholeDesk):
    def __init__(self, seed, made=None):
        super().__init__(seed, config=made or config(seed))
        self.run(3 * S)

    def ask(self, verb, **fields):
        return self.harness.control(ROLE, verb, {**WHO, **fields})

    def status(self, asked):
        self.run(500 * MS)
        return self.ask("order_status", intent_id=asked["intent_id"])

    def place(self, **fields):
        asked = self.ask("order_place", instrument="BTC/USDT", side="buy", **fields)
        assert "error" not in asked, asked
        return self.status(asked)

    def below(self, percent=1):
        """A price that rests, as text."""
        mid = int(self.risk.arrays.tops[0, w_.TOP_MID2]) // 2
        digits = int(self.risk.arrays.instrument_table.rows["px_scale"][0])
        return str(mid * (100 - percent) // 100 // 10**digits)


@pytest.fixture
def desk():
    return Desk(11)


def test_order_by_hand_is_journaled_with_who_asked_and_rests_at_the_exchange(desk):
    found = desk.place(qty="0.001", px=desk.below())
    assert found["state"] == "OPEN"
    at_venue = {o.request.client_id for o in desk.log.open_orders(0, None)}
    assert found["client_order_id"] in at_venue
    rows = [r for r in desk.records() if int(r["type"]) == RecordType.ORDER_ROW
            and int(r["strategy_id"]) == 0]  # fmt: skip
    assert [int(r["asked_by"]) for r in rows] == [1000 << 32 | 4242]
    others = [r for r in desk.records() if int(r["type"]) == RecordType.ORDER_ROW
              and int(r["strategy_id"]) == 1]  # fmt: skip
    assert others
    assert not any(int(r["asked_by"]) for r in others)


def test_market_order_by_hand_fills_and_shows_its_fills(desk):
    found = desk.place(qty="0.002", type="market")
    assert found["state"] == "FILLED", found
    assert found["cum_qty"] == "0.002"
    assert found["fills"]


def test_operator_cancels_a_strategys_order_and_the_strategy_hears_of_it(desk):
    assert desk.harness.run_while(lambda: not len(mine(desk)), desk.harness.now_ns + 30 * S)
    row = mine(desk)[0]
    text = ids.to_text(int(desk.risk.arrays.account_table.rows["system_id"][0]),
                       int(row["client_order_id"]))  # fmt: skip
    asked = desk.ask("order_cancel", client_order_id=text)
    assert "error" not in asked
    desk.run(500 * MS)
    assert desk.ask("order_status", client_order_id=text)["order"]["state"] in (
        "CANCELED",
        "FILLED",
    )
    desk.run(2 * S)
    desk.check_strategies()
    desk.finish()
    desk.check_all()


def mine(desk):
    """Open orders of the market maker."""
    rows = desk.open_orders()
    return rows[(rows["strategy_id"] == 1) & (rows["state"] == OrderState.OPEN)]


def test_no_strategy_may_cancel_anothers_order(desk):
    found = desk.place(qty="0.001", px=desk.below())
    desk.risk.arrays.strategies[0, w_.SG_OPERATOR] = 0
    row = mine(desk)
    if not len(row):
        assert desk.harness.run_while(lambda: not len(mine(desk)), desk.harness.now_ns + 30 * S)
        row = mine(desk)
    asked = desk.ask("order_cancel", client_order_id=str(int(row[0]["client_order_id"])))
    refused = desk.status(asked)
    assert refused["reason"] in ("UNKNOWN_ORDER", "ORDER_CLOSED")
    assert found["state"] == "OPEN"


def test_cancel_all_reaches_every_strategys_orders(desk):
    desk.place(qty="0.001", px=desk.below())
    desk.harness.stop("strategy.mm")
    asked = desk.ask("order_cancel_all")
    assert len(asked["orders"]) >= 1
    desk.run(1 * S)
    assert not desk.log.open_orders(0, None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"side": "buy", "qty": "0.001"}, "needs a price"),
        ({"side": "buy", "qty": "0.001", "px": "1", "type": "market"}, "takes none"),
        ({"side": "hold", "qty": "1", "px": "1"}, "BUY, SELL"),
        ({"side": "buy", "px": "1"}, "required is a quantity"),
        ({"side": "buy", "qty": "0.0000001", "px": "60000"}, "qty: found '0.0000001'"),
        ({"side": "buy", "qty": "0.001", "px": "60000.001"}, "multiple of 0.01"),
        ({"side": "buy", "qty": "nan", "px": "60000"}, "qty: found 'nan'"),
        ({"side": "buy", "qty": "-1", "px": "60000"}, "above 0"),
        ({"side": "buy", "qty": "1e3", "px": "60000"}, "above 0"),
        ({"side": "buy", "qty": [1], "px": {}}, "above 0"),
        ({"side": "buy", "qty": "1", "px": "1", "time_in_force": "day"}, "GTC, IOC, FOK"),
        ({"side": "buy", "qty": "1", "px": "1", "instrument": "DOGE"}, "no instrument 'DOGE'"),
        ({"side": "buy", "quote_qty": "10", "px": "1"}, "for market orders"),
    ],
)
def test_what_is_no_order_is_refused_before_it_is_an_intent(desk, fields, said):
    written = desk.harness.ring("intents.operator").words[0:1].copy()
    answer = desk.ask("order_place", **{"instrument": "BTC/USDT", **fields})
    assert said in answer["error"]
    assert (desk.harness.ring("intents.operator").words[0:1] == written).all()


@pytest.fixture
def wide():
    """A desk of three accounts; the market maker trades on the first."""
    accounts = tuple(AccountConfig(name, f"binance.demo.{name}") for name in ("main", "sub1", "b"))
    made = config(12)
    group = dataclasses.replace(made.groups[0], accounts=accounts)
    operator = dataclasses.replace(made.strategies[0], accounts=("main", "sub1", "b"))
    strategies = (operator, *made.strategies[1:])
    return Desk(12, dataclasses.replace(made, groups=(group,), strategies=strategies))


def test_order_by_hand_goes_on_the_account_that_is_named(wide):
    found = wide.place(qty="0.001", px=wide.below(), account="b")
    assert found["state"] == "OPEN", found
    assert [o.request.client_id for o in wide.log.open_orders(2, None)] == [
        found["client_order_id"]
    ]
    shown = wide.ask("order_status", client_order_id=found["client_order_id"])["order"]
    assert (shown["account"], shown["strategy"]) == ("b", OPERATOR)
    wide.place(qty="0.001", px=wide.below(), account="sub1")
    asked = wide.ask("order_cancel_all", account="b")["orders"]
    assert [one["order"]["client_order_id"] for one in asked] == [found["client_order_id"]]
    wide.run(1 * S)
    assert not wide.log.open_orders(2, None)
    assert len(wide.log.open_orders(1, None)) == 1
    bought = wide.place(qty="0.002", type="market", account="sub1")
    assert bought["state"] == "FILLED", bought
    rows = wide.risk.arrays.positions[: wide.state(w_.ST_POSITIONS_USED)]
    held = {int(r["account_id"]): int(r["qty"]) for r in rows if int(r["strategy_id"]) != 1}
    assert held[1] > 0
    assert not held.get(0)
    wide.check_fold()


def test_account_is_asked_for_where_several_trade_and_none_is_guessed(wide):
    order = {"instrument": "BTC/USDT", "side": "buy", "qty": "0.001", "px": "60000"}
    assert "--account NAME (known: main, sub1, b)" in wide.ask("order_place", **order)["error"]
    assert "found 'sub9'" in wide.ask("order_place", **order, account="sub9")["error"]
    assert "found 'sub9'" in wide.ask("order_cancel_all", account="sub9")["error"]


def test_operator_of_another_incarnation_knows_its_orders_on_every_account(wide):
    found = wide.place(qty="0.001", px=wide.below(), account="sub1")
    wide.harness.kill(ROLE)
    wide.start(ROLE)
    wide.run(1 * S)
    again = wide.place(qty="0.001", px=wide.below(2), account="b")
    assert again["state"] == "OPEN"
    assert again["client_order_id"] != found["client_order_id"]
    for one in (found, again):
        asked = wide.ask("order_cancel", client_order_id=one["client_order_id"])
        assert wide.status(asked)["state"] in ("CANCELED", "PENDING_CANCEL", "WAITING"), asked
    wide.run(2 * S)
    assert not wide.log.open_orders(1, None)
    assert not wide.log.open_orders(2, None)


def test_dry_run_shows_the_order_and_writes_nothing(desk):
    count = desk.harness.agents[ROLE]._writer.pos
    found = desk.ask("order_place", instrument="BTC/USDT", side="sell", qty="0.001", px="99999",
                     dry_run=True)  # fmt: skip
    assert found["order"]["time_in_force"] == "GTC"
    assert desk.harness.agents[ROLE]._writer.pos == count


def test_limits_hold_for_the_operator_too(desk):
    found = desk.place(qty="1", px=desk.below())
    assert (found["state"], found["reason"]) == ("REJECTED", "NOTIONAL_ABOVE_MAX")
    found = desk.place(qty="0.001", px=desk.below(percent=20))
    assert (found["state"], found["reason"]) == ("REJECTED", "PRICE_COLLAR")


def test_orders_by_hand_survive_the_agents_restart(desk):
    found = desk.place(qty="0.001", px=desk.below())
    desk.harness.kill(ROLE)
    desk.harness.start(ROLE, OperatorAgent(desk.config))
    desk.run(1 * S)
    asked = desk.ask("order_cancel", client_order_id=found["client_order_id"])
    assert "error" not in asked
    desk.run(500 * MS)
    order = desk.ask("order_status", client_order_id=found["client_order_id"])["order"]
    assert order["state"] == "CANCELED"
    desk.finish()
    desk.check_all()
