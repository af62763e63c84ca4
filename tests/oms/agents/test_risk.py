"""Risk on the harness, between a scripted strategy and a scripted executor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from oms.agents.base import BaseAgent
from oms.agents.risk import RiskAgent
from oms.config import DeskConfig
from oms.errors import JournalError
from oms.journal.reader import Recovery, read_journal
from oms.ports import Ports
from oms.risk import world_hot as w_
from oms.sim.harness import Harness
from shm_layout.enums import (
    Action,
    ExecKind,
    Liquidity,
    OrderState,
    OrderType,
    RecordType,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.records import EXECUTION, INTENT, NO_ID, UNDEF
from tests.desks import START_NS, btc_spec, desk_config, desk_topology, top

PX = 60_000 * 10**4
QTY = 10**5
SECOND = 1_000_000_000
LONG_AFTER_NS = 3600 * SECOND
"""Nothing that was sent before can still arrive then."""


class Scripted(BaseAgent):
    """An agent that only holds its ports; the test writes through them."""

    def __init__(self, role: str) -> None:
        self.role = role

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self.ports = ports


class Bench:
    """Risk with hands on both sides."""

    def __init__(
        self,
        seed: int = 1,
        config: DeskConfig | None = None,
        journals: dict[str, list[bytearray]] | None = None,
    ) -> None:
        self.config = config or desk_config()
        self.harness = Harness(desk_topology(self.config), seed, START_NS)
        self.harness.journals.update(journals or {})
        self.strategy = Scripted("strategy.mm")
        self.executor = Scripted("executor.binance")
        self.prices = Scripted("aggregator")
        for agent in (self.strategy, self.executor, self.prices):
            self.harness.start(agent.role, agent)
        self.intents = self.strategy.ports.writer("intents.mm")
        self.updates = self.strategy.ports.reader("updates")
        self.orders = self.executor.ports.reader("orders.binance")
        self.executions = self.executor.ports.writer("executions.binance")
        self.tops = self.prices.ports.writer("top")
        self.intent_count = 0
        self.risk = RiskAgent(self.config)
        self.harness.start("risk", self.risk)

    def settle(self) -> None:
        self.harness._ready["risk"] = None
        self.harness.settle()

    def ready(self) -> Bench:
        """Registered, reconciled, priced."""
        self.executions.append(btc_spec()[0])
        self.execution(ExecKind.RECONCILED, 0)
        self.tops.append(top(PX - 100, PX + 100, self.harness.now_ns)[0])
        self.settle()
        return self

    def execution(self, kind: ExecKind, client_order_id: int, **fields: Any) -> None:
        record = np.zeros(1, EXECUTION)
        record["type"] = RecordType.EXECUTION
        record["kind"] = kind
        record["client_order_id"] = client_order_id
        record["cum_qty"] = UNDEF
        record["fee_currency_id"] = NO_ID
        record["cause_pos"] = NO_ID
        if kind is ExecKind.ABSENT:
            record["ts_event_ns"] = self.harness.now_ns + LONG_AFTER_NS
        for name, value in fields.items():
            record[name] = value
        assert self.executions.append(record[0])

    def fill(self, client_order_id: int, trade_id: int, qty: int, px: int = PX - 100) -> None:
        self.execution(
            ExecKind.FILL, client_order_id, qty=qty, px=px, exec_key_low=trade_id,
            liquidity=Liquidity.MAKER,
        )  # fmt: skip

    def intent(self, **fields: Any) -> None:
        self.intent_count += 1
        record = np.zeros(1, INTENT)
        values: dict[str, Any] = {
            "type": RecordType.INTENT, "intent_id": self.intent_count, "action": Action.NEW,
            "side": Side.BUY, "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC,
            "px": PX - 100, "qty": QTY, "quote_qty": UNDEF, "mid_px": 2 * PX,
            "valid_until_ns": self.harness.now_ns + SECOND,
        }  # fmt: skip
        for name, value in (values | fields).items():
            record[name] = value
        assert self.intents.append(record[0])

    def commands(self) -> np.ndarray[Any, Any]:
        rows = self.orders.poll(100)
        self.orders.release(len(rows))
        return rows

    def told(self) -> np.ndarray[Any, Any]:
        rows = self.updates.poll(1000)
        self.updates.release(len(rows))
        return rows

    def place(self, **fields: Any) -> int:
        """An order that is open at the venue; returns its id."""
        self.intent(**fields)
        self.settle()
        command = self.commands()[-1]
        self.execution(ExecKind.ACK, int(command["client_order_id"]), venue_order_id=b"77")
        self.settle()
        return int(command["client_order_id"])

    def row(self, client_order_id: int) -> np.ndarray[Any, Any]:
        rows = self.risk.arrays.orders
        return rows[rows["client_order_id"] == client_order_id][0]

    def state(self, word: int) -> int:
        return int(self.risk.arrays.state[word])

    def restart(self) -> None:
        self.harness.kill("risk")
        self.risk = RiskAgent(self.config)
        self.harness.start("risk", self.risk)
        self.settle()


def state_hash(risk: RiskAgent) -> bytes:
    """What the fold must bring back: orders and positions, without seqlock words."""
    parts = []
    for rows in (risk.arrays.orders, risk.arrays.positions):
        copied = rows.copy()
        copied["seq"] = 0
        copied["epoch"] = 0
        parts.append(copied.tobytes())
    return b"".join(parts)


def test_intent_within_limits_is_journaled_and_sent() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    commands = bench.commands()
    assert len(commands) == 1
    assert commands["action"][0] == Action.NEW
    recovery = Recovery()
    records = list(read_journal([bytes(f) for f in bench.harness.journals["risk"]], recovery))
    held = [r for r in records if int(r["seq"]) == int(commands["journal_seq"][0])]
    assert int(held[0]["type"]) == RecordType.ORDER_ROW
    assert int(held[0]["client_order_id"]) == int(commands["client_order_id"][0])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"px": PX - 1}, RejectReason.OFF_TICK),
        ({"qty": QTY + 1}, RejectReason.OFF_LOT),
        ({"qty": 0}, RejectReason.BAD_SHAPE),
        ({"px": 0}, RejectReason.BAD_SHAPE),
        ({"side": 3}, RejectReason.BAD_SHAPE),
        ({"time_in_force": 0}, RejectReason.BAD_SHAPE),
        ({"time_in_force": 5}, RejectReason.BAD_SHAPE),
        ({"px": PX * 2}, RejectReason.PRICE_COLLAR),
        ({"qty": 200}, RejectReason.NOTIONAL_BELOW_MIN),
        ({"qty": 40 * QTY}, RejectReason.NOTIONAL_ABOVE_MAX),
        ({"instrument_id": 5}, RejectReason.UNKNOWN_INSTRUMENT),
        ({"instrument_id": -1}, RejectReason.UNKNOWN_INSTRUMENT),
        ({"account_id": 1}, RejectReason.UNKNOWN_ACCOUNT),
        ({"valid_until_ns": START_NS - 1}, RejectReason.EXPIRED_INTENT),
        ({"strategy_id": 1}, RejectReason.BAD_SHAPE),
        ({"action": Action.QUERY}, RejectReason.BAD_SHAPE),
        (
            {"action": Action.CANCEL, "target_client_order_id": 12345},
            RejectReason.UNKNOWN_ORDER,
        ),
    ],
)
def test_intent_outside_a_rule_is_refused_with_its_reason(
    fields: dict[str, Any], reason: RejectReason
) -> None:
    bench = Bench().ready()
    bench.intent(**fields)
    bench.settle()
    assert len(bench.commands()) == 0
    told = bench.told()
    assert told["state"][-1] == OrderState.REJECTED
    assert RejectReason(told["reason"][-1]) is reason


def test_intent_before_reconciliation_is_refused() -> None:
    bench = Bench()
    bench.executions.append(btc_spec()[0])
    bench.tops.append(top(PX - 100, PX + 100, bench.harness.now_ns)[0])
    bench.settle()
    bench.intent()
    bench.settle()
    assert RejectReason(bench.told()["reason"][-1]) is RejectReason.NOT_RECONCILED


def test_positions_at_the_limit_count_open_orders_as_filled() -> None:
    bench = Bench().ready()
    for _ in range(6):
        bench.intent(qty=10 * QTY // 2)
    bench.settle()
    told = bench.told()
    reasons = [RejectReason(r) for r in told["reason"][told["action"] == Action.NEW]]
    assert reasons.count(RejectReason.UNSET) == 6
    bench.intent(qty=10 * QTY)
    bench.settle()
    assert RejectReason(bench.told()["reason"][-1]) is RejectReason.POSITION_LIMIT


def test_fill_twice_is_counted_once() -> None:
    bench = Bench().ready()
    order = bench.place()
    bench.fill(order, 5, QTY // 2)
    bench.fill(order, 5, QTY // 2)
    bench.settle()
    assert int(bench.row(order)["cum_qty"]) == QTY // 2
    assert bench.state(w_.ST_DUPLICATES) == 1
    assert int(bench.risk.arrays.positions["qty"][0]) == QTY // 2


def test_two_orders_of_one_account_that_meet_are_filled_both() -> None:
    bench = Bench().ready()
    buy, sell = bench.place(), bench.place(side=Side.SELL)
    for order in (buy, sell, buy, sell):
        bench.fill(order, 5, QTY)
    bench.settle()
    assert int(bench.row(buy)["state"]) == OrderState.FILLED
    assert int(bench.row(sell)["state"]) == OrderState.FILLED
    assert bench.state(w_.ST_DUPLICATES) == 2
    assert int(bench.risk.arrays.positions["qty"][0]) == 0


def test_fill_before_ack_opens_and_late_fill_after_cancel_counts() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    bench.fill(order, 1, QTY // 4)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.OPEN
    bench.execution(ExecKind.CANCELED, order, cum_qty=QTY // 2)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.UNKNOWN, "a fill is missing"
    bench.fill(order, 2, QTY // 4)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.CANCELED
    bench.fill(order, 3, QTY // 4)
    bench.settle()
    assert int(bench.risk.arrays.positions["qty"][0]) == 3 * (QTY // 4)


def test_no_answer_is_unknown_until_the_venue_gives_evidence() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    bench.execution(ExecKind.NO_ANSWER, order)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.UNKNOWN
    start = bench.harness.now_ns
    bench.harness.run_until(start + 8 * SECOND)
    asked = bench.commands()
    assert {Action(a) for a in asked["action"]} == {Action.QUERY}
    assert [int(a) for a in asked["attempt"]] == [1, 2, 3], "after 1, 2 and 4 s"
    bench.execution(ExecKind.ABSENT, order)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.UNKNOWN, "said once is no proof"
    bench.execution(ExecKind.FOUND_OPEN, order, cum_qty=0, venue_order_id=b"9")
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.OPEN
    assert bench.state(w_.ST_UNKNOWN_RESOLVED) == 1


def test_absent_twice_of_an_unacknowledged_order_ends_it() -> None:
    bench = Bench().ready()
    bench.intent()
    bench.settle()
    order = int(bench.commands()["client_order_id"][0])
    for kind in (ExecKind.NO_ANSWER, ExecKind.ABSENT, ExecKind.ABSENT):
        bench.execution(kind, order)
    bench.settle()
    assert int(bench.row(order)["state"]) == OrderState.REJECTED
    assert RejectReason(bench.row(order)["reason"]) is RejectReason.NOT_SENT
    assert int(bench.risk.arrays.positions["open_buy_qty"][0]) == 0


def test_drain_cancels_every_open_order() -> None:
    bench = Bench().ready()
    order = bench.place()
    bench.harness.drain("risk")
    bench.settle()
    commands = bench.commands()
    assert [Action(a) for a in commands["action"]] == [Action.CANCEL]
    assert not bench.risk.drained()
    bench.execution(ExecKind.CANCELED, order, cum_qty=0)
    bench.settle()
    assert bench.risk.drained()


def test_restart_folds_the_same_state_and_goes_on_where_it_was() -> None:
    bench = Bench().ready()
    first = bench.place()
    bench.fill(first, 1, QTY // 2)
    bench.intent(px=PX - 300)
    bench.intent(px=PX - 1)
    bench.settle()
    before = state_hash(bench.risk)
    published = bench.orders.pending()
    bench.restart()
    assert state_hash(bench.risk) == before
    assert bench.orders.pending() == published, "nothing is sent again"
    bench.tops.append(top(PX - 100, PX + 100, bench.harness.now_ns, 2)[0])
    bench.settle()
    bench.intent()
    bench.settle()
    ids = [int(i) for i in bench.commands()["client_order_id"]]
    assert len(set(ids)) == len(ids)
    assert ids[-1] >> 40 == 2, "a new incarnation has a new epoch"


def test_restart_publishes_what_was_journaled_and_not_published() -> None:
    bench = Bench().ready()
    bench.intent()
    ring = bench.harness.ring("orders.binance")
    updates = bench.harness.ring("updates")
    kept = ring.words.copy(), updates.words.copy()
    cursors = {k: v.copy() for k, v in bench.harness._cursors.items()}
    bench.settle()
    ring.words[:], updates.words[:] = kept
    ring.slots["seq"][0] = 0
    for key, words in cursors.items():
        bench.harness._cursors[key][:] = words
    bench.restart()
    commands = bench.commands()
    assert len(commands) == 1, "journaled once, published once"
    assert int(bench.risk.arrays.state[w_.ST_OPEN_COUNT]) == 1


def test_restart_with_a_journal_shorter_than_published_refuses() -> None:
    bench = Bench().ready()
    short = len(bench.harness.journals["risk"][-1])
    bench.intent()
    bench.settle()
    del bench.harness.journals["risk"][-1][short:]
    bench.harness.kill("risk")
    with pytest.raises(JournalError, match="query these orders"):
        bench.harness.start("risk", RiskAgent(bench.config))


def test_journal_truncated_at_every_byte_of_the_last_block_recovers_a_prefix() -> None:
    bench = Bench().ready()
    short = len(bench.harness.journals["risk"][-1])
    bench.executions.append(btc_spec()[0])
    bench.execution(ExecKind.FILL, 999, qty=1)
    bench.settle()
    whole = bytes(bench.harness.journals["risk"][-1])
    full = Recovery()
    records = len(list(read_journal([whole], full)))
    for size in range(short, len(whole)):
        found = Recovery()
        read = len(list(read_journal([whole[:size]], found)))
        assert read < records
        assert found.file_size_bytes == short
        assert (found.cut_bytes > 0) == (size > short)


def test_journal_with_a_flipped_bit_is_never_accepted() -> None:
    bench = Bench().ready()
    bench.place()
    whole = bytearray(bench.harness.journals["risk"][-1])
    good = list(read_journal([bytes(whole)], Recovery()))
    for at in range(0, len(whole), 37):
        whole[at] ^= 1 << at % 8
        found = Recovery()
        try:
            read = list(read_journal([bytes(whole)], found))
        except JournalError:
            read = None
        assert read is None or (len(read) < len(good) and found.cut_bytes > 0)
        whole[at] ^= 1 << at % 8
