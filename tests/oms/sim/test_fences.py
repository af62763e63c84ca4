"""Absence where a request may arrive whenever it likes: found, excluded by a fence, or in doubt.

One order is kept back by the network, and arrives before or behind each request that the desk makes
about it, and at no time. The exchange's own list is the judge: an order that it has is never ended
here as one that was not sent.
"""

import pytest

from oms.venues.data import Absent
from shm_layout.enums import KillWord, OrderState
from tests.oms.agents.test_watchdog import GuardedDesk
from tests.oms.sim.late_exchange import LateExchange, install
from tests.oms.sim.test_orders_by_rest import VENUE, RestMarket
from tests.oms.sim.test_orders_under_faults import S
from tests.oms.sim.whole_desk import whole_config

STAGES = 6
"""Requests about one order until it is excluded, and two more."""
FAR = {"half_spread_bps": "20"}
"""Quotes that the market does not reach while one is on its way."""
SETTLED_NS = 12 * S


class LateMarket(RestMarket):
    """A desk at `LateExchange`."""

    def __init__(self):
        super().__init__(flow=0, exchange=LateExchange)

    @property
    def exchange(self):
        return self.harness.agents[VENUE]

    def hold_one(self):
        """Our id of an order that left and did not arrive."""
        self.exchange.holds = True
        held = self.buy()
        self.until(held, OrderState.UNKNOWN)
        assert self.exchange.held is not None
        return held

    def pass_time(self, ns):
        self.harness.run_until(self.harness.now_ns + ns)

    def arrive(self):
        """What is held comes now, if it has not come."""
        self.harness._call(VENUE, lambda exchange: exchange.arrive(self.harness.now_ns))

    def judge(self, order):
        """Whether the exchange has it; it is then not ended here. Asked when it arrives, too: what
        the stream says of it then would mend a wrong conclusion."""
        has = bool(self.at_venue())
        state = self.state(order)
        if has:
            assert state not in (OrderState.REJECTED, OrderState.CANCELED), f"{state.name}, wrongly"
        return has, state


@pytest.fixture
def market(monkeypatch):
    install(monkeypatch, Absent.BY_FENCE)
    return LateMarket()


@pytest.mark.parametrize("before", [True, False], ids=["before", "behind"])
@pytest.mark.parametrize("stage", range(1, STAGES + 1))
def test_late_order_at_each_stage_is_found_or_excluded(market, stage, before):
    order = market.hold_one()
    market.exchange.tells = lambda: market.judge(order)
    market.exchange.lets_go = lambda seen, first: (seen, first) == (stage, before)
    market.pass_time(SETTLED_NS)
    market.arrive()
    market.pass_time(SETTLED_NS)
    has, state = market.judge(order)
    assert state is (OrderState.OPEN if has else OrderState.REJECTED)
    fence_at = 2
    assert has == ((stage, not before) < (fence_at, True)), "what comes behind the fence is refused"
    found_at_once = (stage, before) == (1, True)
    assert bool(market.exchange.fences) is not found_at_once


def test_order_that_never_arrives_is_excluded_behind_its_fence_alone(market):
    order = market.hold_one()
    market.exchange.fence_fails = ("lost", "busy", "unanswered")
    market.pass_time(10 * S)
    assert market.judge(order) == (False, OrderState.UNKNOWN), "no fence was heard so far"
    market.pass_time(100 * S)
    assert market.judge(order) == (False, OrderState.REJECTED)
    assert len(market.exchange.fences) == 4
    market.arrive()
    market.pass_time(SETTLED_NS)
    assert market.judge(order)[0] is False


def test_fence_that_spends_nothing_would_exclude_an_order_that_comes(market):
    """The judge can tell: this exchange lies."""
    market.exchange.burns = False
    order = market.hold_one()
    market.pass_time(SETTLED_NS)
    market.exchange.tells = lambda: market.judge(order)
    with pytest.raises(AssertionError, match="REJECTED, wrongly"):
        market.arrive()


def test_order_whose_absence_nothing_proves_stays_in_doubt_until_it_comes(monkeypatch):
    install(monkeypatch, Absent.NEVER)
    market = LateMarket()
    order = market.hold_one()
    market.pass_time(600 * S)
    assert market.judge(order) == (False, OrderState.UNKNOWN)
    assert not market.exchange.fences
    market.arrive()
    market.pass_time(SETTLED_NS)
    assert market.judge(order) == (True, OrderState.OPEN)


# The kill


class LateDesk(GuardedDesk):
    """A whole desk with its watchdog at `LateExchange`; one of its orders is on its way."""

    def __init__(self):
        config = whole_config(5, drop_reply_one_in=0, flow_events_per_s=50, params=FAR)
        super().__init__(5, config)

    def start(self, *roles):
        for role in roles:
            if role == VENUE:
                self.harness.start(role, LateExchange(self.config))
            else:
                super().start(role)

    @property
    def exchange(self):
        return self.harness.agents[VENUE]

    def hold_one(self):
        self.run(3 * S)
        self.exchange.holds = True
        assert self.wait(lambda: self.exchange.held is not None)

    def arrive(self):
        """What is held comes now, if it has not come."""
        self.harness._call(VENUE, lambda exchange: exchange.arrive(self.harness.now_ns))

    def word(self):
        return KillWord[self.shown()["word"]]


@pytest.mark.parametrize("dies", [False, True], ids=["sender lives", "sender dead"])
@pytest.mark.parametrize("stage", [0, 1, 3])
def test_kill_is_proved_behind_the_fence_and_a_late_order_changes_nothing(monkeypatch, stage, dies):
    """`stage`: at which request about orders behind the latch it arrives; 0 = behind the proof."""
    install(monkeypatch, Absent.BY_FENCE)
    desk = LateDesk()
    desk.hold_one()
    desk.kill()
    if dies:
        desk.harness.kill("executor.binance")
        desk.ended("all")
    exchange, began = desk.exchange, desk.exchange.seen
    exchange.fence_fails = ("lost", "busy") if stage == 0 else ()
    exchange.lets_go = lambda seen, first: first and stage > 0 and seen - began == stage
    desk.until_swept()
    assert desk.word() is KillWord.PROVED
    assert desk.open() == 0
    accepted = desk.accepted()
    desk.arrive()
    desk.run(10 * S)
    assert (desk.open(), desk.accepted()) == (0, accepted)
    assert exchange.fences or stage == 1, "only what has arrived by then needs none"


def test_kill_where_nothing_proves_absence_stays_empty_and_cancels_what_comes(monkeypatch):
    install(monkeypatch, Absent.NEVER)
    desk = LateDesk()
    desk.hold_one()
    desk.kill()
    desk.run(60 * S)
    assert desk.word() is KillWord.EMPTY
    assert desk.shown()["final"]
    assert len(desk.shown()["may_arrive"]) == 1
    assert desk.open() == 0
    accepted = desk.accepted()
    desk.arrive()
    assert desk.accepted() == accepted + 1
    assert desk.wait(lambda: desk.open() == 0), "it goes on to look, and cancels"
    assert not desk.watchdog.latch.swept
