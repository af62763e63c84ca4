"""A strategy's agent against plain Python over the same rings: prices, trades, intents, updates."""

import dataclasses

import numpy as np
import pytest

from oms.agents.strategy.agent import VALID_FOR_NS, StrategyAgent
from oms.config import StrategyConfig
from oms.strategies.base import BaseStrategy, Top, Trade
from oms.strategies.registry import PLUGINS
from shm_layout.enums import (
    FLAG_RISK_STARTED,
    Action,
    BookState,
    ExecKind,
    OrderSpace,
    OrderState,
    OrderType,
    RecordType,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.limits import OPEN_ORDERS_PER_STRATEGY_MAX, WORK_BUDGET
from shm_layout.records import INTENT, MD_TRADE, ORDER_UPDATE, TOP_OF_BOOK, UNDEF
from shm_layout.ring import as_record
from shm_layout.table import TableReader
from tests.desks import START_NS, desk_config
from tests.support import FakePorts, Memory

ROLE = "strategy.mm"
EPOCH = 7
WANTED = {"binance.spot:BTC/USDT": 0, "binance.spot:ETH/USDT": 2}
SMALL_RING = 256


class Hearing(BaseStrategy):
    """Notes what it is told; `then(top)` is what a test has it do."""

    def __init__(self, params):
        self.told = []
        self.then = lambda top: None

    def on_top(self, top, now_ns):
        self.told.append(top)
        self.then(top)

    def on_order(self, order, reason, now_ns):
        self.told.append((order.intent_id, order.state, reason))

    def on_fill(self, fill, now_ns):
        self.told.append((fill.px, fill.qty, fill.position_qty, fill.edge_e4))


class Trading(Hearing):
    """Wants trades, too."""

    def on_trades(self, trades, now_ns):
        self.told.append(list(trades))


class Desk:
    """Its rings, with the test at their other ends."""

    def __init__(self, plugin=Trading):
        PLUGINS["hearing"] = plugin
        self.memory = Memory()
        self.now_ns = START_NS
        self.tops = self.memory.writer("top")
        self.updates = self.memory.writer("updates")
        self.plain = self.memory.reader("top", "risk")
        self.intents = self.memory.reader("intents.mm", "risk")
        self._rows()
        self.ports = FakePorts(self.memory, ROLE, EPOCH)
        settings = StrategyConfig("mm", "hearing", ("main",), tuple(WANTED))
        self.agent = StrategyAgent(desk_config(strategies=(settings,)), "mm")
        self.agent.on_start(self.ports, self.now_ns)
        self.turn()
        self.plugin = self.agent.plugin
        self.btc, self.eth = (self.agent.instruments[name] for name in WANTED)

    def _rows(self):
        for k, code in enumerate((b"BTC", b"USDT")):
            self.memory.table_writer("currencies").write(k, currency_id=k, scale=8, code=code)
        for k, name in enumerate((b"BTC/USDT", b"XRP/USDT", b"ETH/USDT")):
            self.memory.table_writer("instruments").write(
                k, instrument_id=k, venue=1, px_scale=4, qty_scale=8, tick=100, lot=1000,
                quote_currency_id=1, notional_divisor=10**4, name=name,
            )  # fmt: skip
        self.memory.table_writer("accounts").write(0, account_id=0, enabled=1, name=b"main")
        self.memory.table_writer("strategies").write(
            3, strategy_id=3, account_id=0, in_config=1, name=b"mm"
        )

    def turn(self):
        self.now_ns += 1000
        return self.agent.do_work(self.now_ns)

    def top(self, instrument, bid_px=100, ask_px=102, **fields):
        row = np.zeros(1, TOP_OF_BOOK)
        values = {
            "type": RecordType.TOP_OF_BOOK, "instrument_id": instrument, "state": BookState.LIVE,
            "bid_px": bid_px, "ask_px": ask_px, "bid_qty": 5, "ask_qty": 6,
            "version": self.tops.pos + 50, "ts_event_ns": 11, "ts_recv_ns": 12, "stamp_cycles": 13,
        }  # fmt: skip
        for name, value in (values | fields).items():
            row[name] = value
        assert self.tops.append(row[0])

    def trade(self, instrument, px):
        row = np.zeros(1, MD_TRADE)
        row["type"], row["instrument_id"], row["aggressor"] = RecordType.MD_TRADE, instrument, 1
        row["px"], row["qty"], row["ts_event_ns"] = px, px + 1, px + 2
        assert self.tops.append(row[0])

    def update(self, **fields):
        row = np.zeros(1, ORDER_UPDATE)
        values = {"type": RecordType.ORDER_UPDATE, "strategy_id": 3, "leaves_qty": 9, "state":
                  OrderState.OPEN, "kind": ExecKind.ACK, "action": Action.NEW}  # fmt: skip
        for name, value in (values | fields).items():
            row[name] = value
        assert self.updates.append(row[0])

    def plain_turn(self):
        """What a turn must tell the plugin, read record by record."""
        rows = [as_record(row) for row in self.plain.poll(WORK_BUDGET)]
        pos = self.plain.pos
        self.plain.release(len(rows))
        newest, trades = {}, []
        for k, row in enumerate(rows):
            instrument = int(row["instrument_id"])
            if instrument not in WANTED.values():
                continue
            if int(row["type"]) == RecordType.TOP_OF_BOOK:
                newest[instrument] = k
            else:
                trades.append(Trade(instrument, Side(int(row["aggressor"])), int(row["px"]),
                                    int(row["qty"]), int(row["ts_event_ns"])))  # fmt: skip
        told = [trades] if trades else []
        for instrument, k in newest.items():
            row = rows[k]
            both = int(row["bid_px"]) != UNDEF and int(row["ask_px"]) != UNDEF
            told.append(Top(
                instrument, both and int(row["state"]) == BookState.LIVE,
                *(int(row[name]) for name in ("bid_px", "bid_qty", "ask_px", "ask_qty", "version",
                                              "ts_event_ns", "ts_recv_ns", "stamp_cycles")),
                pos + k,
            ))  # fmt: skip
        return told, len(rows)


@pytest.mark.parametrize("seed", range(4))
def test_strategy_is_told_what_plain_python_reads(seed):
    desk, rng = Desk(), np.random.Generator(np.random.PCG64(seed))
    slots = desk.tops.channel.slots
    for _ in range(30):
        counts = [0, 0, 1, 1, 1, 2, 2, 9, 9, WORK_BUDGET, slots + 40]
        for _ in range(int(rng.choice(counts))):
            instrument, px = int(rng.integers(4)), int(rng.integers(1, 10**6))
            if rng.integers(3) == 0:
                desk.trade(instrument, px)
            else:
                bid_px = px if rng.integers(8) else UNDEF
                state = BookState.LIVE if rng.integers(8) else BookState.STALE
                desk.top(instrument, bid_px, px + 3, state=state)
        expected, count = desk.plain_turn()
        desk.plugin.told.clear()
        assert desk.turn() == count
        assert desk.plugin.told == expected
        assert all(type(top.live) is bool for top in desk.plugin.told if isinstance(top, Top))
        assert desk.agent._top_reader.pos == desk.plain.pos
        assert desk.agent._top_reader.lost == desk.plain.lost
    lost = sum(fields["lost"] for _, event, fields in desk.ports.logs if event == "prices_lapped")
    assert lost == desk.plain.lost


def test_strategy_that_wants_no_trades_is_told_prices_alone():
    desk = Desk(Hearing)
    desk.trade(0, 5)
    desk.top(0)
    assert desk.turn() == 2
    assert [top.instrument_id for top in desk.plugin.told] == [0]


def test_strategy_stops_at_a_slot_that_is_not_of_its_position():
    desk = Desk()
    desk.top(0)
    desk.tops.slots["seq"][0] = 9
    with pytest.raises(AssertionError, match="top: its head or a slot is damaged at 0"):
        desk.turn()


def test_strategy_hears_of_its_orders_before_prices():
    desk = Desk()
    desk.top(0)
    desk.turn()
    order = desk.agent.place(desk.btc, Side.BUY, 9, 100)
    desk.plugin.told.clear()
    desk.update(client_order_id=77, intent_id=1)
    desk.update(client_order_id=78, intent_id=1, strategy_id=2)
    desk.top(0)
    desk.update(
        client_order_id=77, state=OrderState.FILLED, action=0, leaves_qty=0, last_px=100,
        last_qty=9, position_qty=9, edge_e4=-5,
    )  # fmt: skip
    assert desk.turn() == 4
    assert desk.plugin.told[:3] == [
        (1, OrderState.OPEN, RejectReason.UNSET), (100, 9, 9, -5),
        (1, OrderState.FILLED, RejectReason.UNSET),
    ]  # fmt: skip
    assert isinstance(desk.plugin.told[3], Top)
    assert (order.client_order_id, order.leaves_qty) == (77, 0)
    assert desk.agent.orders == {}
    assert desk.agent.position(desk.btc) == 9


def intent(desk, at, **fields):
    """How the record of an intent must look, and how it does."""
    made = np.zeros(1, INTENT)
    values = {
        "seq": at + 1, "type": RecordType.INTENT, "epoch": EPOCH, "intent_id": at + 1,
        "strategy_id": 3, "px": UNDEF, "qty": UNDEF, "quote_qty": UNDEF,
        "ts_decide_ns": desk.now_ns, "valid_until_ns": desk.now_ns + VALID_FOR_NS,
        "cause_ring": desk.tops.channel.id, "space": OrderSpace.BOOK,
    }  # fmt: skip
    for name, value in (values | fields).items():
        made[name] = value
    return made[0].tobytes(), desk.intents.slots[at].tobytes()


PRICED = {"mid_px": 202, "book_version": 50, "ts_event_ns": 11, "ts_recv_ns": 12,
          "stamp_cycles": 13}  # fmt: skip


def test_intent_of_an_order_says_what_decided_it():
    desk = Desk()
    desk.agent._writer.slots.view(np.uint8)[:] = 255  # what an earlier round left there
    desk.top(0)
    desk.turn()
    order = desk.agent.place(desk.btc, Side.SELL, 9, 100, OrderType.POST_ONLY, TimeInForce.GTC)
    assert (order.intent_id, order.px, order.qty, order.leaves_qty) == (1, 100, 9, 9)
    wanted, found = intent(
        desk, 0, action=Action.NEW, side=Side.SELL, order_type=OrderType.POST_ONLY,
        time_in_force=TimeInForce.GTC, px=100, qty=9, **PRICED,
    )  # fmt: skip
    assert wanted == found
    assert desk.agent.orders == {1: order}


def test_intent_by_amount_says_what_decided_it():
    desk = Desk()
    desk.top(0)
    desk.turn()
    order = desk.agent.place_amount(desk.btc, Side.BUY, 5000)
    assert (order.order_type, order.px, order.qty, order.quote_qty) == (
        OrderType.MARKET, 0, 0, 5000)  # fmt: skip
    wanted, found = intent(
        desk, 0, action=Action.NEW, side=Side.BUY, order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC, quote_qty=5000, **PRICED,
    )  # fmt: skip
    assert wanted == found


@pytest.mark.parametrize(("state", "mid"), [(BookState.LIVE, 202), (BookState.STALE, UNDEF)])
def test_cancel_is_asked_whatever_the_book_says(state, mid):
    desk = Desk()
    desk.top(0)
    desk.turn()
    order = desk.agent.place(desk.btc, Side.BUY, 9, 100)
    desk.update(client_order_id=77, intent_id=1)
    desk.top(0, state=state)
    desk.turn()
    assert desk.agent.cancel(order)
    decided = {**PRICED, "mid_px": mid, "book_version": 51, "cause_pos": 1}
    wanted, found = intent(desk, 1, action=Action.CANCEL, target_client_order_id=77, **decided)
    assert wanted == found
    assert not desk.agent.cancel(order), "it is asked already"


def test_cancel_of_an_instrument_without_a_price_names_none():
    desk = Desk()
    order = dataclasses.replace(made_order(desk), instrument_id=1, client_order_id=5,
                                state=OrderState.OPEN)  # fmt: skip
    assert desk.agent.cancel(order)
    wanted, found = intent(desk, 1, action=Action.CANCEL, instrument_id=1, target_client_order_id=5)
    assert wanted == found


def made_order(desk):
    desk.top(0)
    desk.turn()
    return desk.agent.place(desk.btc, Side.BUY, 9, 100)


def test_price_decides_from_its_own_call_on():
    """Two prices of one turn: while the first is told, the second has not been."""
    desk = Desk()
    desk.top(2, 300, 302)
    desk.turn()
    desk.plugin.then = lambda top: desk.agent.place(desk.eth, Side.BUY, 9, 300)
    desk.top(0)
    desk.top(2, 400, 404)
    desk.turn()
    assert [int(row["mid_px"]) for row in desk.intents.poll(2)] == [602, 804]


@pytest.mark.parametrize("state", [BookState.STALE, BookState.GAP, BookState.CROSSED])
def test_order_needs_a_live_price(state):
    desk = Desk()
    assert desk.agent.place(desk.btc, Side.BUY, 9, 100) is None
    desk.top(0, state=state)
    desk.turn()
    assert desk.agent.place(desk.btc, Side.BUY, 9, 100) is None
    assert desk.agent.place_amount(desk.btc, Side.BUY, 9) is None
    assert desk.intents.pending() == 0


def test_order_needs_a_quantity_and_room():
    desk = Desk()
    desk.top(0)
    desk.turn()
    assert desk.agent.place(desk.btc, Side.BUY, 0, 100) is None
    placed = [desk.agent.place(desk.btc, Side.BUY, 1, 100) for _ in range(SMALL_RING + 1)]
    room = min(SMALL_RING, OPEN_ORDERS_PER_STRATEGY_MAX)
    assert [order is None for order in placed] == [k >= room for k in range(SMALL_RING + 1)]
    assert desk.intents.pending() == room


def test_ring_of_intents_that_is_full_is_said_and_takes_nothing():
    desk = Desk()
    desk.top(0)
    desk.turn()
    for _ in range(SMALL_RING):
        assert desk.agent.place(desk.btc, Side.BUY, 1, 100) is not None
        desk.agent.orders.clear()
    assert desk.agent.place(desk.btc, Side.BUY, 1, 100) is None
    assert desk.agent.place_amount(desk.btc, Side.BUY, 1) is None
    assert [event for _, event, _ in desk.ports.logs] == ["intents_full"] * 2
    assert desk.agent.orders == {}


def test_drained_strategy_notes_prices_and_is_told_nothing():
    desk = Desk()
    desk.agent.on_drain(desk.now_ns)
    desk.top(0)
    desk.trade(0, 4)
    assert desk.turn() == 2
    assert desk.plugin.told == []
    assert desk.agent.top(desk.btc).bid_px == 100
    assert desk.agent.place(desk.btc, Side.BUY, 1, 100) is None


STATES = [OrderState.PENDING_NEW, OrderState.OPEN, OrderState.UNKNOWN, OrderState.FILLED,
          OrderState.CANCELED, OrderState.REJECTED]  # fmt: skip
ENDED = STATES[3:]


@pytest.mark.parametrize("seed", range(4))
def test_tables_of_risk_say_what_plain_python_reads(seed, monkeypatch):
    """After a loss: orders that were placed, ended, came from before and are other strategies'."""
    desk = Desk(Hearing)
    desk.top(0)
    desk.turn()
    placed = [desk.agent.place(desk.btc, Side.BUY, 9, 100) for _ in range(20)]
    desk.intents.poll(16)
    desk.intents.release(16)  # risk has taken those; the last four it has not
    draw = np.random.default_rng(seed)
    table = desk.memory.table_writer("orders")
    mine = {}
    for row in draw.permutation(len(table.rows))[: len(table.rows) // 2]:
        strategy_id = int(draw.choice([3, 3, 4]))
        known = draw.random() < 0.01 and len(mine) < 12
        intent_id = 1 + len(mine) if known else int(draw.integers(-(1 << 40), 0))
        state = STATES[draw.integers(len(STATES))] if known or draw.random() < 0.02 else ENDED[0]
        qty = int(draw.integers(1, 100))
        table.write(
            int(row), intent_id=intent_id, client_order_id=int(row) + 1, strategy_id=strategy_id,
            instrument_id=2, side=Side.SELL, order_type=OrderType.LIMIT, px=7, qty=qty,
            state=state, cum_qty=qty if state is OrderState.FILLED else 0,
        )  # fmt: skip
        if strategy_id == 3:
            mine[intent_id] = (state, int(row) + 1)
    desk.plugin.told.clear()
    copies = []
    read = TableReader.read
    monkeypatch.setattr(TableReader, "read", lambda of, row: copies.append(row) or read(of, row))
    desk.update(flags=FLAG_RISK_STARTED)
    desk.turn()
    wanted = {k: of for k, of in mine.items() if of[0] not in ENDED}
    gone = {o.intent_id for o in placed[:16]} - set(mine)
    wanted |= {o.intent_id: (OrderState.PENDING_NEW, 0) for o in placed[16:]}
    assert {k: (o.state, o.client_order_id) for k, o in desk.agent.orders.items()} == wanted
    told = {told[0]: told[1] for told in desk.plugin.told}
    ended = {k: mine[k][0] for k in mine if k in range(1, 17) and mine[k][0] in ENDED}
    assert {k: state for k, state in told.items() if state in ENDED} == (
        ended | dict.fromkeys(gone, OrderState.REJECTED)
    )
    assert len(copies) <= len(wanted) + len(ended), "ended orders of others are not copied"
