"""A plugin that raises, hangs, floods or cannot be made: it fails, is said, and is resumed."""

import itertools

import pytest

from oms.agents.strategy import plugin as plugin_module
from oms.agents.strategy.agent import FAILED_POLL_NS, StrategyAgent
from oms.agents.strategy.plugin import PluginHungError, PluginStoppedError
from oms.config import StrategyConfig
from oms.errors import ConfigError
from oms.strategies.base import BaseStrategy
from shm_layout.enums import Action, OrderState, PluginState, PluginTrouble, Side
from shm_layout.limits import INTENTS_PER_S_MAX
from tests.desks import desk_config
from tests.oms.agents.test_strategy import EPOCH, ROLE, WANTED, Desk, Hearing
from tests.support import FakePorts

LINE_OF_RAISE = 27
CALLBACKS = ("on_start", "on_top", "on_trades", "on_fill", "on_order", "on_timer", "next_timer_ns")


def raising(name, error=ValueError):
    """A plugin of which one callback raises."""

    def callback(self, *_):
        raise error("far too dear")

    return type("Raising", (Hearing,), {name: callback})


def timed(plugin):
    """The same, with a timer that is always due."""
    plugin.next_timer_ns = vars(plugin).get("next_timer_ns", lambda self: 0)
    return plugin


class PluginDesk(Desk):
    """The strategy's rings and its row of `plugin.mm`."""

    def row(self):
        return self.memory.table_reader("plugin.mm").read(0)

    def state(self):
        return PluginState(int(self.row()["state"]))

    def reason(self):
        return bytes(self.row()["reason"]).decode()

    def all_callbacks(self):
        """A turn with a price, a trade, a fill and a timer that is due."""
        self.top(0)
        self.trade(0, 30)
        self.update(intent_id=0, client_order_id=0)
        self.turn()

    def place(self, state=OrderState.OPEN):
        """An order of ours in that state; its client order id is its intent's plus 100."""
        self.top(0, bid_px=100)
        self.turn()
        order = self.agent.place(self.btc, Side.BUY, 5000, 100)
        self.update(client_order_id=order.intent_id + 100, intent_id=order.intent_id, state=state,
                    last_qty=1, last_px=100)  # fmt: skip
        return order

    def taken(self):
        """Intents since the last look."""
        rows = self.intents.poll(256)
        self.intents.release(len(rows))
        return [(int(r["action"]), int(r["target_client_order_id"])) for r in rows]

    def resumed(self, failures=1, generation=1):
        self.memory.table_writer("plugins").write(
            3, strategy_id=3, state=int(PluginState.RESUMED), resumed=failures,
            generation=generation,
        )  # fmt: skip
        self.now_ns += FAILED_POLL_NS
        self.turn()

    def again(self):
        """The agent's process is started again in the same shared memory."""
        settings = StrategyConfig("mm", "hearing", ("main",), tuple(WANTED))
        self.agent = StrategyAgent(desk_config(strategies=(settings,)), "mm")
        self.ports = FakePorts(self.memory, ROLE, EPOCH + 1)
        self.agent.on_start(self.ports, self.now_ns)
        self.turn()


@pytest.mark.parametrize("name", CALLBACKS)
def test_plugin_that_raises_in_a_callback_fails_with_its_line_and_the_agent_goes_on(name):
    plugin = raising(name)
    desk = PluginDesk(timed(plugin) if "timer" in name else plugin)
    if name in ("on_fill", "on_order"):
        desk.place()
    desk.all_callbacks()
    assert desk.state() is PluginState.FAILED
    assert int(desk.row()["trouble"]) == PluginTrouble.RAISED
    place = f"test_strategy_plugin.py:{LINE_OF_RAISE}"
    assert desk.reason() == f"{name}, {place}, ValueError: far too dear"
    (logged,) = [fields for level, event, fields in desk.ports.logs if event == "strategy_failed"]
    assert (logged["strategy"], logged["where"]) == ("mm", place)
    desk.top(0)
    desk.trade(0, 31)
    assert desk.turn() == 2, "it still reads its rings"
    assert int(desk.row()["failures"]) == 1
    assert desk.agent.next_timer_ns() <= desk.now_ns + FAILED_POLL_NS


@pytest.mark.parametrize("error", [SystemExit, AssertionError, RecursionError, PluginStoppedError])
def test_plugin_that_ends_by_what_is_no_usual_error_fails_as_well(error):
    desk = PluginDesk(raising("on_top", error))
    desk.all_callbacks()
    assert desk.state() is PluginState.FAILED
    assert error.__name__ in desk.reason()


def test_error_of_the_agent_itself_is_no_failure_of_the_plugin():
    desk = PluginDesk()
    desk.top(0)
    desk.tops.slots["seq"][0] = 9
    with pytest.raises(AssertionError, match="damaged"):
        desk.turn()
    assert desk.state() is PluginState.RUNNING


def test_failed_strategy_has_its_orders_cancelled_and_places_nothing():
    desk = PluginDesk(raising("on_trades"))
    desk.place()
    waiting = desk.place(OrderState.PENDING_NEW)
    desk.turn()
    desk.taken()
    desk.trade(0, 30)
    desk.turn()
    assert desk.taken() == [(Action.CANCEL, 101)]
    assert desk.agent.place(desk.btc, Side.BUY, 5000, 100) is None
    desk.update(client_order_id=102, intent_id=waiting.intent_id, state=OrderState.OPEN)
    desk.now_ns += FAILED_POLL_NS
    desk.turn()
    assert desk.taken() == [(Action.CANCEL, 102)]
    desk.now_ns += FAILED_POLL_NS
    desk.turn()
    assert desk.taken() == [], "a cancel that was asked is not asked again"


def test_cancel_of_a_failed_strategy_that_was_refused_is_asked_again():
    desk = PluginDesk(raising("on_trades"))
    desk.place()
    desk.trade(0, 30)
    desk.turn()
    assert desk.taken()[-1] == (Action.CANCEL, 101)
    desk.update(action=Action.CANCEL, intent_id=2, client_order_id=0)
    desk.turn()
    assert desk.taken() == [], "not at once: who refuses is busy"
    desk.now_ns += FAILED_POLL_NS
    desk.turn()
    assert desk.taken() == [(Action.CANCEL, 101)]


def test_failed_strategy_is_resumed_with_a_fresh_plugin_that_trades():
    desk = PluginDesk(raising("on_trades"))
    failed = desk.plugin
    desk.trade(0, 30)
    desk.turn()
    desk.resumed(failures=0)
    desk.resumed(failures=1, generation=2)
    assert desk.state() is PluginState.FAILED, "neither word is about this failure"
    desk.resumed()
    assert desk.state() is PluginState.RUNNING
    assert desk.agent.plugin is not failed
    desk.top(0, bid_px=100)
    desk.turn()
    assert [top.bid_px for top in desk.agent.plugin.told] == [100]
    assert desk.agent.place(desk.btc, Side.BUY, 5000, 100) is not None
    desk.trade(0, 30)
    desk.turn()
    assert (desk.state(), int(desk.row()["failures"])) == (PluginState.FAILED, 2)
    desk.resumed(failures=1)
    assert desk.state() is PluginState.FAILED, "a resume is for one failure"


def test_failed_strategy_stays_failed_when_its_process_is_started_again():
    desk = PluginDesk(raising("on_trades"))
    desk.place()
    desk.trade(0, 30)
    desk.turn()
    reason = desk.reason()
    desk.taken()
    desk.again()
    assert (desk.state(), desk.reason()) == (PluginState.FAILED, reason)
    desk.top(0)
    desk.turn()
    assert type(desk.agent.plugin) is BaseStrategy
    desk.resumed()
    assert desk.state() is PluginState.RUNNING


def test_plugin_that_cannot_be_made_fails_and_one_with_a_mistake_in_its_config_ends_the_start():
    desk = PluginDesk(raising("__init__"))
    assert desk.state() is PluginState.FAILED
    assert desk.reason().startswith(f"__init__, test_strategy_plugin.py:{LINE_OF_RAISE}, ValueErr")
    desk.resumed()
    assert (desk.state(), int(desk.row()["failures"])) == (PluginState.FAILED, 2)
    settings = StrategyConfig("mm", "hearing", ("main",), tuple(WANTED))
    unstarted = StrategyAgent(desk_config(strategies=(settings,)), "mm")
    assert unstarted.plugin_mistake().endswith("ValueError: far too dear"), "a check of the config"
    with pytest.raises(ConfigError, match="far too dear"):
        PluginDesk(raising("__init__", ConfigError))


def test_plugin_that_asks_for_intents_without_end_in_one_callback_has_failed_by_flood():
    class Flooding(Hearing):
        def on_top(self, top, now_ns):
            for count in itertools.count(1):
                self.count = count
                self.desk.place(self.desk.instruments["binance.spot:BTC/USDT"], Side.BUY, 5000, 100)

    desk = PluginDesk(Flooding)
    desk.top(0)
    desk.turn()
    assert desk.plugin.count == INTENTS_PER_S_MAX + 1
    assert int(desk.row()["trouble"]) == PluginTrouble.FLOODED
    said = f"{INTENTS_PER_S_MAX + 1} intents in 1 s, the limit is {INTENTS_PER_S_MAX}"
    assert desk.reason().startswith("on_top, test_strategy_plugin.py:")
    assert desk.reason().endswith(f", flood: {said}")


def test_flood_is_counted_over_turns_and_cancels_within_a_second_of_the_desks_time(monkeypatch):
    monkeypatch.setattr(plugin_module, "INTENTS_PER_S_MAX", 10)

    class Busy(Hearing):
        def on_top(self, top, now_ns):
            order = self.desk.place(self.desk.instruments[min(WANTED)], Side.BUY, 5000, 100)
            self.desk.cancel(order)

    desk = PluginDesk(Busy)
    for _ in range(20):
        desk.top(0)
        desk.now_ns += 200_000_000
        desk.turn()
    assert desk.state() is PluginState.RUNNING, "ten a second are allowed"
    for _ in range(20):
        desk.top(0)
        desk.now_ns += 100_000_000
        desk.turn()
    assert int(desk.row()["trouble"]) == PluginTrouble.FLOODED


def test_plugin_that_catches_everything_fails_by_flood_none_the_less(monkeypatch):
    monkeypatch.setattr(plugin_module, "INTENTS_PER_S_MAX", 10)

    class Deaf(Hearing):
        def on_top(self, top, now_ns):
            for _ in range(30):
                try:
                    self.desk.place(self.desk.instruments[min(WANTED)], Side.BUY, 5000, 100)
                except BaseException:  # noqa: BLE001 - what the test is about
                    self.told.append("caught")

    desk = PluginDesk(Deaf)
    desk.top(0)
    desk.turn()
    assert desk.plugin.told == ["caught"]
    assert desk.state() is PluginState.FAILED


def test_timer_that_is_no_number_fails_the_plugin_and_not_the_agent():
    class Wordy(Hearing):
        def next_timer_ns(self):
            return "soon"

    desk = PluginDesk(Wordy)
    assert desk.state() is PluginState.FAILED
    assert desk.reason() == (
        "next_timer_ns, TypeError: it gave str, required is an int of nanoseconds"
    )


def test_reason_is_printable_and_cut_and_told_by_an_error_that_cannot_tell_itself():
    class MuteError(Exception):
        def __str__(self):
            raise RuntimeError

    def long(text):
        return type("Long", (Hearing,), {"on_top": lambda self, top, now_ns: {}[text]})

    desk = PluginDesk(long("\x1b[2J\n" + "가" * 500))
    desk.all_callbacks()
    assert desk.reason().isprintable()
    assert 100 < len(desk.reason().encode()) <= 200
    desk = PluginDesk(raising("on_top", lambda text: MuteError()))
    desk.all_callbacks()
    assert desk.reason().endswith("MuteError: (its text cannot be made)")


def test_hang_that_the_host_has_ended_counts_as_a_failure_of_the_plugin():
    desk = PluginDesk(raising("on_top", PluginHungError))
    desk.all_callbacks()
    assert int(desk.row()["trouble"]) == PluginTrouble.HUNG
    assert "hang: far too dear" in desk.reason()
