"""The whole thin loop on the harness, and what must hold between its journal and its venue.

`WholeDesk` runs venue_sim, feed, aggregator, strategy, risk, executor and journaler. Its `check_*`
methods hold the venue's own lists against risk's tables and journal (RELIABILITY I1 to I7), each
with the seed in its words, so that a failure is run again by its number.
"""

import hashlib
import json
from collections import Counter

import numpy as np

from oms import ids
from oms.agents.factory import make_agent
from oms.config import LimitsConfig, SimConfig, SimInstrumentConfig, StrategyConfig
from oms.exchange.market import MONEY_DIGITS
from oms.instruments import currency_scale, parse_decimal
from oms.journal.reader import Recovery, read_journal
from oms.risk import world_hot as w_
from oms.risk.fold import Fold
from oms.risk.recovery import recover
from oms.risk.registry import Registry
from oms.risk.said import Said
from oms.risk.state import RiskArrays, Worlds
from oms.sim.harness import Harness, HarnessPorts
from shm_layout.channels import Capacity, topology
from shm_layout.enums import ExecKind, OrderState, RecordType
from tests.desks import START_NS, desk_config

MS = 1_000_000
S = 1_000_000_000
VENUE = "venue_sim.binance"
EXECUTOR = "executor.binance"
FEED = "feed.binance.spot"
STRATEGY = "strategy.mm"
WATCHDOG = "watchdog"
WHO = {"uid": 1000, "pid": 77}
OURS = (FEED, "aggregator", STRATEGY, "risk", EXECUTOR, "journaler")
EVIDENCE = {
    ExecKind.ACK, ExecKind.REJECT, ExecKind.FILL, ExecKind.CANCELED, ExecKind.EXPIRED,
    ExecKind.FOUND_OPEN, ExecKind.ABSENT, ExecKind.NOT_SENT,
}  # fmt: skip
BALANCES = {"BTC": "100", "USDT": "10000000"}
LIMITS = LimitsConfig(
    max_order_notional="10000", max_position_notional="20000", price_collar_bps=500,
    max_open_orders=8, max_orders_per_s=50, book_max_age_ms=5000,
)  # fmt: skip
LIVELY = {"min_requote_ms": 10, "requote_bps": "0.004", "half_spread_bps": "0.02"}


def whole_config(seed, *, drop_reply_one_in=8, flow_events_per_s=200, params=None, names=("mm",)):
    """One venue, one account domain, one market maker that quotes close and often."""
    btc = SimInstrumentConfig(
        "BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "0.00001", "9000", "5", "60000"
    )
    sim = SimConfig(
        "binance", "127.0.0.1", 8080, 9443, seed, (btc,), BALANCES,
        drop_reply_one_in=drop_reply_one_in, flow_events_per_s=flow_events_per_s,
    )  # fmt: skip
    settings = LIVELY if params is None else params
    strategies = tuple(
        StrategyConfig(name, "market_maker", ("main",), ("binance.spot:BTC/USDT",), settings)
        for name in names
    )
    return desk_config(sims=(sim,), limits=LIMITS, strategies=strategies)


class WholeDesk:
    """One run of one seed."""

    by_hand: frozenset = frozenset()
    """Client ids of orders of our account that the desk did not place."""

    def __init__(self, seed, capacity=None, config=None, ports=HarnessPorts):
        self.seed = seed
        self.config = config or whole_config(seed)
        desk = topology(
            [v.name for v in self.config.venues], [g.name for g in self.config.groups],
            [s.name for s in self.config.strategies], capacity or Capacity.small(),
        )  # fmt: skip
        self.harness = Harness(desk, seed, START_NS, ports=ports)
        strategies = [f"strategy.{s.name}" for s in self.config.strategies]
        self.ours = (FEED, "aggregator", *strategies, "risk", EXECUTOR, "journaler")
        self.start(VENUE, *self.ours)

    def start(self, *roles):
        for role in roles:
            self.harness.start(role, make_agent(self.config, role))

    def run(self, ns):
        self.harness.run_until(self.harness.now_ns + ns)

    @property
    def risk(self):
        return self.harness.agents["risk"]

    @property
    def market(self):
        return self.harness.agents[VENUE].market

    @property
    def log(self):
        return self.market.log

    def finish(self):
        """No more faults: let everything settle, drain, and see that nothing is left open."""
        for role in self.ours:
            if role not in self.harness.agents:
                self.start(role)
        self.run(5 * S)
        for role in self.ours:
            if role.startswith("strategy."):
                self.harness.drain(role)
        self.harness.drain("risk")
        until = self.harness.now_ns + 70 * S
        ended = self.harness.run_while(lambda: not self.risk.drained(), until)
        assert ended, f"seed {self.seed}: something is open after the drain: {self.open_orders()}"
        self.run(2 * S)

    def open_orders(self):
        rows = self.risk.arrays.orders
        states = (
            OrderState.PENDING_NEW, OrderState.OPEN, OrderState.PENDING_CANCEL, OrderState.UNKNOWN
        )  # fmt: skip
        return rows[np.isin(rows["state"], states)]

    def state(self, word):
        return int(self.risk.arrays.state[word])

    def journal_bytes(self):
        return b"".join(bytes(file) for file in self.harness.journals["risk"])

    def digest(self):
        """One hash over risk's journal and every human line."""
        found = hashlib.sha256(self.journal_bytes())
        found.update(json.dumps(self.harness.lines, sort_keys=True).encode())
        return found.hexdigest()

    def records(self):
        found = Recovery()
        listed = [bytes(file) for file in self.harness.journals["risk"]]
        return list(read_journal(listed, found, lambda k: f"seed {self.seed} file {k + 1}"))

    # What must hold

    def check_all(self):
        """Invariants I1 to I5 and I7 at the end of a run that was finished."""
        self.check_orders()
        self.check_fills()
        self.check_balances()
        self.check_unknown()
        self.check_fold()

    def check_orders(self):
        """I1, I2: every venue order is one journaled intent, and none is there twice or open."""
        system_id = int(self.risk.arrays.account_table.rows["system_id"][0])
        at_venue = Counter(order.request.client_id for order in self.log.history(0, 0))
        for name in self.by_hand:
            del at_venue[name]
        doubled = {name for name, count in at_venue.items() if count > 1}
        assert not doubled, f"seed {self.seed}: sent twice: {doubled}"
        journaled = {}
        for record in self.records():
            if int(record["type"]) == RecordType.ORDER_ROW:
                order_id = int(record["client_order_id"])
                assert order_id not in journaled, f"seed {self.seed}: {order_id} journaled twice"
                journaled[order_id] = record
        orphans = {ids.from_text(system_id, name) for name in at_venue} - set(journaled)
        assert not orphans, f"seed {self.seed}: at the venue and not journaled: {orphans}"
        intents = Counter((int(r["strategy_id"]), int(r["intent_id"])) for r in journaled.values())
        assert max(intents.values()) == 1, f"seed {self.seed}: an intent became two orders"
        assert not self.log.open_orders(0, None), f"seed {self.seed}: open at the venue"
        named = {ids.from_text(system_id, name) for name in at_venue}
        for row in self.risk.arrays.orders[self.risk.arrays.orders["client_order_id"] > 0]:
            state = OrderState(int(row["state"]))
            if state in (OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED):
                found = int(row["client_order_id"]) in named
                assert found, f"seed {self.seed}: {state.name}, and the venue never had it"

    def check_fills(self):
        """I3: the same trades on both sides, each once, with the same amounts."""
        ours = [
            (int(r["exec_key_low"]), int(r["last_qty"]), int(r["last_quote_qty"]))
            for r in self.records()
            if int(r["type"]) == RecordType.ORDER_UPDATE and int(r["kind"]) == ExecKind.FILL
        ]
        venue_fills = list(self.log.fills(0, 0))
        ours_ids = sorted(trade_id for trade_id, _, _ in ours)
        assert ours_ids == sorted(f.trade_id for f in venue_fills), f"seed {self.seed}: fills"
        amounts = {trade_id: amount for trade_id, _, amount in ours}
        for fill in venue_fills:
            assert amounts[fill.trade_id] == fill.quote, f"seed {self.seed}: amount of a fill"

    def check_balances(self):
        """I5: what the venue's account holds is what it began with and the fold of the fills."""
        market = self.market
        held = {
            code: sum(pair) for code, pair in zip(market.assets, market.balances(0), strict=True)
        }
        rows = self.risk.arrays.positions[: self.state(w_.ST_POSITIONS_USED)]
        instrument = self.risk.arrays.instrument_table.rows[0]
        spec = market.specs[0]
        lots, fees, money = (
            10 ** (MONEY_DIGITS - scale)
            for scale in (
                int(instrument["qty_scale"]), currency_scale(spec.base), currency_scale(spec.quote),
            )
        )  # fmt: skip
        moved = {
            spec.base: int(rows["qty"].sum()) * lots - int(rows["fee_base"].sum()) * fees,
            spec.quote: (int(rows["cash"].sum()) - int(rows["fee_quote"].sum())) * money,
        }
        (sim,) = self.config.sims
        for code, amount in moved.items():
            began = parse_decimal(sim.balances[code], MONEY_DIGITS)
            assert held[code] - began == amount, f"seed {self.seed}: {code}"
        assert int(rows["fee_other_count"].sum()) == 0, f"seed {self.seed}: fees elsewhere"

    def check_unknown(self):
        """I4: an order leaves UNKNOWN by evidence alone, and none is left in it."""
        before = {}
        for record in self.records():
            kind = int(record["type"])
            order_id = int(record["client_order_id"]) if kind == RecordType.ORDER_UPDATE else 0
            if not order_id:
                continue
            after = int(record["state"])
            if before.get(order_id) == OrderState.UNKNOWN and after != OrderState.UNKNOWN:
                why = ExecKind(int(record["kind"]))
                assert why in EVIDENCE, f"seed {self.seed}: {order_id} left UNKNOWN by {why.name}"
            before[order_id] = after
        assert OrderState.UNKNOWN not in before.values(), f"seed {self.seed}: one is unknown"
        assert self.state(w_.ST_UNKNOWN_COUNT) == 0, f"seed {self.seed}: the counter"
        seen, resolved = self.state(w_.ST_UNKNOWN_SEEN), self.state(w_.ST_UNKNOWN_RESOLVED)
        assert seen == resolved, f"seed {self.seed}: {seen} unknown, {resolved} resolved"
        assert self.state(w_.ST_ILLEGAL) == 0, f"seed {self.seed}: an illegal event"
        assert self.state(w_.ST_OVERFILLS) == 0, f"seed {self.seed}: an overfill"

    def check_fold(self):
        """I7: the journal folded anew gives the live state, at this very moment."""
        live = fold_state(self.risk.arrays)
        folded = fold_state(folded_anew(self))
        for name, value in live.items():
            assert folded[name] == value, f"seed {self.seed}: the fold differs in {name}"

    def check_running(self):
        """What must hold at any moment, faults or not: I2, and the worst case against limits."""
        at_venue = Counter(order.request.client_id for order in self.log.history(0, 0))
        assert not at_venue or max(at_venue.values()) == 1, f"seed {self.seed}: sent twice"
        if "risk" in self.harness.agents:
            self.check_fold()
            self.check_exposure()
            self.check_strategies()

    def check_strategies(self):
        """A strategy and risk mean the same orders, and the same position."""
        rows = self.open_orders()
        for index, settings in enumerate(self.config.strategies):
            strategy = self.harness.agents.get(f"strategy.{settings.name}")
            if strategy is None or not strategy.instruments:
                continue
            known = {o.client_order_id: int(o.state) for o in strategy.orders.values()}
            mine = rows[rows["strategy_id"] == index]
            held = {int(r["client_order_id"]): int(r["state"]) for r in mine}
            assert known == held, f"seed {self.seed}: {settings.name} {known}, risk {held}"
            positions = self.risk.arrays.positions[: self.state(w_.ST_POSITIONS_USED)]
            position = int(positions["qty"][positions["strategy_id"] == index].sum())
            found = sum(strategy.position(i) for i in strategy.instruments.values())
            assert found == position, f"seed {self.seed}: {settings.name} {found}, risk {position}"

    def quotes(self):
        """Sides on which an order rests."""
        rows = self.open_orders()
        return set(rows["side"][rows["state"] == OrderState.OPEN].tolist())

    def check_exposure(self):
        """The worst case that limits are held against is the sum over open and unknown orders."""
        arrays = self.risk.arrays
        worst = Counter()
        for row in self.open_orders():
            worst[int(row["side"])] += max(int(row["exposed_qty"]) - int(row["cum_qty"]), 0)
        rows = arrays.positions[: self.state(w_.ST_POSITIONS_USED)]
        assert worst[1] == int(rows["open_buy_qty"].sum()), f"seed {self.seed}: open buys"
        assert worst[2] == int(rows["open_sell_qty"].sum()), f"seed {self.seed}: open sells"


class Guarded:
    """Of a desk with a watchdog: what a person asks, and what the supervisor does under a latch:
    an executor that stands for a second is ended, and started again once its end was seen.
    """

    supervised = True
    stood_ns = 0
    executor_role = EXECUTOR

    def supervise(self):
        harness, role = self.harness, self.executor_role
        stands = role in harness._stopped and role in harness.agents
        agent = harness.agents.get(WATCHDOG)
        if not (self.supervised and stands and agent is not None and agent.latch.latched):
            self.stood_ns = 0
            return
        self.stood_ns = self.stood_ns or harness.now_ns
        if harness.now_ns - self.stood_ns > 1 * S:
            harness.kill(role)
            self.start(role)

    def run(self, ns):
        until = self.harness.now_ns + ns
        while self.harness.now_ns < until:
            self.supervise()
            self.harness.run_until(min(self.harness.now_ns + 100 * MS, until))

    def wait(self, condition, within_ns=30 * S):
        """Until the condition holds."""

        def waits():
            self.supervise()
            return not condition()

        return self.harness.run_while(waits, self.harness.now_ns + within_ns)

    def ended(self, *processes):
        """The supervisor has seen the end of these processes."""
        rows = self.harness.table("processes").rows
        for index, name in enumerate(processes):
            rows["name"][index], rows["pid"][index], rows["seq"][index] = name.encode(), 0, 2

    def shown(self):
        return self.watchdog.sweep.shown(self.harness.now_ns)

    @property
    def watchdog(self):
        return self.harness.agents[WATCHDOG]

    def open(self):
        return len(self.log.open_orders(0, None))

    def kill(self, **fields):
        return self.harness.control(WATCHDOG, "kill", {**WHO, "reason": "test", **fields})

    def resume(self, **fields):
        return self.harness.control(WATCHDOG, "resume", {**WHO, **fields})

    def until_swept(self, within_ns=120 * S):
        def swept():
            agent = self.harness.agents.get(WATCHDOG)
            return agent is not None and agent.latch.swept

        assert self.wait(swept, within_ns), f"seed {self.seed}: {self.shown()}"


def folded_anew(desk):
    """Risk's arrays, folded from a copy of the journal in empty memory."""
    other = Harness(desk.harness.topology, desk.harness.seed, desk.harness.now_ns)
    other.journals["risk"] = [bytearray(file) for file in desk.harness.journals["risk"]]
    other.outputs["risk"] = []
    ports = HarnessPorts(other, "risk", 1)
    arrays = RiskArrays.make(desk.config, ports)
    worlds = Worlds(desk.config, ports, arrays)
    fold = Fold(arrays, Registry(desk.config, ports, arrays), Said(arrays, ports))
    found = recover(ports, fold, worlds)
    arrays.state[w_.ST_JOURNAL_SEQ] = found.recovery.last_seq
    return arrays


STATE_WORDS = {
    name: getattr(w_, name)
    for name in (
        "ST_JOURNAL_SEQ", "ST_ORDER_COUNT", "ST_OPEN_COUNT", "ST_UNKNOWN_COUNT",
        "ST_UNKNOWN_SEEN", "ST_UNKNOWN_RESOLVED", "ST_REJECTED_INTENTS", "ST_FILLS",
        "ST_KEY_GENERATION", "ST_KEYS_USED", "ST_POSITIONS_USED", "ST_ILLEGAL", "ST_UNMATCHED",
        "ST_OVERFILLS", "ST_FEES_USED", "ST_FEES_LOST",
    )
}  # fmt: skip


def fold_state(arrays):
    """What the fold must bring back; seqlock words and who wrote a table row apart."""
    found = {name: int(arrays.state[word]) for name, word in STATE_WORDS.items()}
    tables = {
        "orders": arrays.orders, "positions": arrays.positions, "fees": arrays.fees,
        "instruments": arrays.instrument_table.rows, "currencies": arrays.currency_table.rows,
        "strategies": arrays.strategy_table.rows, "venues": arrays.tables["venues"].rows,
        "plugins": arrays.tables["plugins"].rows,
    }  # fmt: skip
    for name, rows in tables.items():
        copied = rows.copy()
        copied["seq"] = 0
        copied["epoch"] = 0
        found[name] = copied.tobytes()
    found["keys"] = arrays.keys.tobytes()
    found["open"] = sorted(arrays.open_rows[: arrays.state[w_.ST_OPEN_COUNT]].tolist())
    found["open by strategy"] = arrays.strategies[:, w_.SG_OPEN_COUNT].tolist()
    found["position index"] = arrays.position_index.tobytes()
    return found
