"""The whole desk on the harness, at one market, with a trader and a counterpart in our hands.

Real feed, aggregator, risk, executor, journaler, watchdog and simulated exchange. `Trader` stands
in for a strategy: it writes INTENT records and keeps what risk says of them. The counterpart is the
group's second account, by whose hand the book is made and traded on. The judge is the exchange's
own lists of orders, trades and balances, held against risk's tables and journal
(`WholeDesk.check_all`).
"""

import dataclasses

import numpy as np

from oms.agents.base import BaseAgent
from oms.agents.factory import make_agent
from oms.agents.venue_sim.agent import VenueSimAgent
from oms.exchange.engine import layout_hot as lay
from oms.exchange.faults import FaultSpec
from oms.exchange.orders import Order, OrderRequest
from oms.sim.harness import Harness, HarnessPorts
from shm_layout.channels import Capacity, topology
from shm_layout.enums import (
    Action,
    BookState,
    OrderSpace,
    OrderState,
    OrderType,
    RecordType,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.records import INTENT, ORDER_UPDATE, UNDEF
from tests.desks import START_NS
from tests.oms.sim.whole_desk import Guarded, WholeDesk

MS = 1_000_000
S = 1_000_000_000
VALID_NS = S
OTHER = 1
"""Row of the counterpart's account at the exchange."""
_SIDES = {Side.BUY: lay.SIDE_BUY, Side.SELL: lay.SIDE_SELL}


class Trader(BaseAgent):
    """A strategy without a plugin: it does what a test says."""

    control_verbs = ("intend",)

    def __init__(self, role):
        self.role = role
        self.updates = []

    def on_start(self, ports, now_ns):
        self._intents = ports.writer(f"intents.{self.role.partition('.')[2]}")
        self._updates = ports.reader("updates")

    def do_work(self, now_ns):
        rows = self._updates.poll(256)
        for row in rows:
            self.updates.append(np.frombuffer(row.tobytes(), ORDER_UPDATE)[0])
            self._updates.release(1)
        return len(rows)

    def on_control(self, verb, fields, now_ns):
        row = np.zeros(1, INTENT)
        row["type"] = RecordType.INTENT
        for name, value in fields.items():
            row[name] = value
        assert self._intents.append(row[0]), "the ring of intents is full"
        return {}


class Placed:
    """An order that the trader asked for."""

    def __init__(self, stand, intent_id):
        self.stand, self.intent_id = stand, intent_id

    @property
    def row(self):
        """Risk's row of it; None = it never became an order."""
        rows = self.stand.risk.arrays.orders
        found = rows[(rows["client_order_id"] > 0) & (rows["intent_id"] == self.intent_id)]
        return found[0] if len(found) else None

    @property
    def state(self):
        row = self.row
        return OrderState.UNSET if row is None else OrderState(int(row["state"]))

    @property
    def cum_qty(self):
        return int(self.row["cum_qty"])

    @property
    def refused(self):
        """Why risk refused the intent; UNSET = it did not, or has not yet."""
        for update in self.stand.trader.updates:
            if int(update["intent_id"]) == self.intent_id and not int(update["client_order_id"]):
                return RejectReason(int(update["reason"]))
        return RejectReason.UNSET

    @property
    def reason(self):
        return RejectReason(int(self.row["reason"]))

    @property
    def at_exchange(self):
        """The exchange's order; None = it has none of this id."""
        row = self.row
        if row is None:
            return None
        account = int(row["account_id"])
        return self.stand.log.by_client(account, 0, self.stand.text_of(int(row["client_order_id"])))


class Stand(WholeDesk):
    """One desk at one market; `maker`: a market maker trades instead of the trader."""

    def __init__(
        self, venue, seed=1, *, way=None, maker=False, ports=HarnessPorts, mend=None, **settings
    ):
        """`way`: by which new orders leave; None = the one that the market prefers."""
        self.venue, self.seed = venue, seed
        self.way = venue.facts.caps.ways[0] if way is None else way
        made = venue.config(seed, **settings)
        groups = (dataclasses.replace(made.groups[0], order_way=self.way.name.lower()),)
        self.config = dataclasses.replace(made, groups=groups)
        if mend is not None:
            self.config = mend(self.config)
        (group,) = self.config.groups
        strategies = [strategy.name for strategy in self.config.strategies]
        desk = topology(
            [v.name for v in self.config.venues], [group.name], strategies, Capacity.small()
        )
        self.harness = Harness(desk, seed, START_NS, ports=ports)
        self.sim_role = f"venue_sim.{venue.exchange}"
        self.executor_role = f"executor.{group.name}"
        self.feed_role = f"feed.{venue.name}"
        self.strategy_roles = [f"strategy.{name}" for name in strategies]
        self.ours = (
            self.feed_role, "aggregator", *self.strategy_roles, "risk", self.executor_role,
            "journaler",
        )  # fmt: skip
        self.maker = maker
        self.intents = self.made = 0
        self.start(self.sim_role)
        if not settings.get("flow_events_per_s"):
            self.quote()
        self.start(*self.ours, "watchdog")

    def start(self, *roles):
        for role in roles:
            if role.startswith("strategy.") and not self.maker:
                agent = Trader(role)
            elif role == self.sim_role and (market := self.venue.market(self.config)) is not None:
                agent = VenueSimAgent(self.config, self.venue.exchange, market)
            else:
                agent = make_agent(self.config, role)
            self.harness.start(role, agent)

    # The exchange

    @property
    def sim(self):
        return self.harness.agents[self.sim_role]

    @property
    def market(self):
        return self.sim.market

    @property
    def log(self):
        return self.market.log

    @property
    def spec(self):
        return self.market.specs[0]

    def trade(self, side, ticks, lots, *, account=OTHER, tif=lay.TIF_GTC, **more):
        """The counterpart's order, in ticks from the middle and lots; the exchange's order."""
        spec = self.spec
        self.made += 1
        request = OrderRequest(
            0, account, _SIDES[side], lay.TYPE_LIMIT, tif, spec.mid + ticks * spec.tick,
            lots * spec.lot, 0, f"by-hand-{self.made}", **more,
        )  # fmt: skip
        found = []
        self.harness.act(
            self.sim_role, lambda agent: found.append(agent.market.submit(request, self.now_ns))
        )
        assert isinstance(found[0], Order), found
        return found[0]

    def withdraw(self, order):
        """The counterpart cancels."""
        self.harness.act(
            self.sim_role, lambda a: a.market.cancel(order.order_id, "by-hand", self.now_ns)
        )

    def halt(self, state):
        """The exchange's own act: STATE_* of its market."""
        self.harness.act(self.sim_role, lambda a: a.market.set_state(0, state, self.now_ns))

    def quote(self, away=100, qty=100_000):
        """Both sides of the book, far enough apart for orders between them."""
        return [
            self.trade(Side.BUY, -away, qty), self.trade(Side.SELL, away, qty),
        ]  # fmt: skip

    @property
    def placing(self):
        """New orders on their way to the exchange, and what it answers."""
        return self.venue.place[self.way]

    def fault(self, kind, where=None, **values):
        """A fault at the exchange; its number."""
        chosen = {} if where is None else {"link": where.link, "match": where.match}
        numbers = []
        self.harness.act(
            self.sim_role,
            lambda a: numbers.append(a.add_fault(FaultSpec(kind, **chosen, **values), self.now_ns)),
        )
        return numbers[0]

    def clear_faults(self):
        self.harness.act(self.sim_role, lambda agent: agent.clear_faults(0))

    # Time

    @property
    def now_ns(self):
        return self.harness.now_ns

    def until(self, condition, within_ns=30 * S, what=""):
        """Until the condition holds, or the test has failed."""
        ended = self.harness.run_while(lambda: not condition(), self.now_ns + within_ns)
        assert ended, what or f"seed {self.seed}: it did not come to that"

    def trading(self):
        """Until orders may be sent: the book is LIVE and the account reconciled."""
        self.until(
            lambda: self.book_state() == BookState.LIVE and self.reconciled(), what="no trading"
        )
        self.run(100 * MS)
        return self

    def book_state(self):
        return BookState(int(self.harness.table("top").rows["state"][0]))

    def reconciled(self):
        return bool(self.harness.table("accounts").rows["reconciled"][0])

    # The desk

    @property
    def trader(self):
        return self.harness.agents[self.strategy_roles[0]]

    @property
    def instrument(self):
        return self.risk.arrays.instrument_table.rows[0]

    def px(self, ticks):
        """Ticks from the exchange's middle as the desk writes a price."""
        spec = self.spec
        unit = 10 ** (int(self.instrument["px_scale"]) - spec.px_digits)
        return (spec.mid + ticks * spec.tick) * unit

    def qty(self, lots):
        unit = 10 ** (int(self.instrument["qty_scale"]) - self.spec.qty_digits)
        return lots * self.spec.lot * unit

    def intend(self, *, strategy=0, **fields):
        self.intents += 1
        (name,) = self.config.strategies[strategy].accounts
        account = self.config.account_names().index(name)
        base = {
            "intent_id": self.intents, "quote_qty": UNDEF, "mid_px": 2 * self.px(0),
            "valid_until_ns": self.now_ns + VALID_NS, "strategy_id": strategy,
            "account_id": account,
        }  # fmt: skip
        self.harness.control(self.strategy_roles[strategy], "intend", base | fields)
        self.harness.settle()
        return Placed(self, self.intents)

    def place(self, side, ticks, lots, /, **more):
        """A limit order, in ticks from the middle and lots."""
        base = {
            "action": Action.NEW, "side": side, "order_type": OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC, "px": self.px(ticks), "qty": self.qty(lots),
        }  # fmt: skip
        return self.intend(**(base | more))

    def cancel(self, placed):
        return self.intend(
            action=Action.CANCEL, target_client_order_id=int(placed.row["client_order_id"])
        )

    def text_of(self, client_order_id):
        from oms import ids

        system_id = int(self.risk.arrays.account_table.rows["system_id"][0])
        return ids.to_text(system_id, client_order_id)

    def opened(self, side, ticks, lots, /, **more):
        """An order that rests, as both sides know."""
        placed = self.place(side, ticks, lots, **more)
        self.until(lambda: placed.state is OrderState.OPEN, 10 * S, "it does not rest")
        return placed

    def until_state(self, placed, *states, within_ns=60 * S):
        self.until(
            lambda: placed.state in states, within_ns,
            f"seed {self.seed}: it stays {placed.state.name}, not {states}",
        )  # fmt: skip

    def sent(self):
        """Orders of the desk that the exchange has seen."""
        return len(self.log.history(0, 0))

    def logged(self, event):
        return [entry for entry in self.harness.logs if entry[3] == event]

    # The judge

    def judge(self, *by_hand):
        """No more faults; everything ends; 0 lost, 0 doubled, 0 orphans. `by_hand`: orders of our
        account that the desk did not place."""
        self.by_hand = {order.request.client_id for order in by_hand}
        self.clear_faults()
        self.harness.network.silenced.clear()
        self.finish()
        self.check_all()
        return self


class GuardedStand(Guarded, Stand):
    """With what the supervisor does under a latch."""

    def opened_in(self, space):
        """An order that rests in that list of the market."""
        assert space is OrderSpace.BOOK, "how one gets there is still to be written"
        return self.opened(Side.BUY, -10, 1000)
