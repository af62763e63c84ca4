"""The fast path of an order against the long one: the same bytes, the same words, in every case."""

import json

import numpy as np
import pytest

from oms.agents.executor.fast_path import SENT
from oms.agents.executor.fast_path_hot import EMPTY, OTHER
from oms.agents.rates import ledger as rates
from oms.ports import ConnEvent
from shm_layout.enums import Action, ExecKind, OrderType, RejectReason, Side, TimeInForce
from shm_layout.records import UNDEF
from tests.oms.agents.executor_desk import EPOCH, EXCHANGE_INFO, MS, Desk, config

ROOMY = [
    {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
    for kind, interval, number, limit in (
        ("REQUEST_WEIGHT", "MINUTE", 1, 6000), ("ORDERS", "SECOND", 10, 40),
    )
]  # fmt: skip


class ShortDesk(Desk):
    """Its accounts have a connection each."""

    def start(self):
        super().start(ready=False)
        for conn, _ in self.ports.opened:
            self.conn = conn
            self.agent.on_conn(conn, ConnEvent.OPENED, self.now_ns)
            self.work()
            for number, frame in enumerate(self.asked("userDataStream.subscribe.signature")):
                self.answer(frame, {"subscriptionId": number})
            self.reconcile()


class LongDesk(ShortDesk):
    """Its executor knows no fast path."""

    def start(self):
        super().start()
        self.agent._fast_path.renew = lambda now_ns: None


def desks(monkeypatch, accounts=3):
    monkeypatch.setitem(EXCHANGE_INFO, "rateLimits", ROOMY)
    # Every 20 ms else, by phases of their own; the two would see a pause at different moments.
    monkeypatch.setattr(rates, "PEERS_NS", 0)
    made = ShortDesk(config(accounts)), LongDesk(config(accounts))
    for desk in made:
        desk.start()
        desk.limits = desk.memory.table_writer("limits")
        desk.marks = desk.memory.table_writer("marks")
        desk.latches = desk.memory.table_writer("latch")
        desk.peer = desk.memory.table_writer("rates.feed.binance.spot")
        desk.agent._ledger._publish_ns = desk.now_ns
    return made


def draw(rng, now_ns):
    """Fields of a command: right in most cases, and then one of them is not."""
    values = {
        "account_id": int(rng.integers(3)),
        "side": int(rng.choice([Side.BUY, Side.SELL])),
        "order_type": int(rng.choice([OrderType.LIMIT, OrderType.LIMIT, OrderType.POST_ONLY])),
        "px": int(rng.integers(1, 70_000_0000)),
        "qty": int(rng.integers(1, 20_0000)),
        "stamp_cycles": 5,
    }
    if values["order_type"] == OrderType.LIMIT:
        values["time_in_force"] = int(rng.choice(list(TimeInForce)[1:]))
    values["notional"] = int(rng.integers(1, 1100_0000_0000))
    if rng.random() < 0.3:
        name, odd = (
            ("account_id", 9), ("account_id", -1), ("instrument_id", 4), ("instrument_id", -1),
            ("side", 0), ("side", 7), ("order_type", 0), ("order_type", 9), ("time_in_force", 0),
            ("time_in_force", 8), ("px", 0), ("px", UNDEF), ("px", 2**62), ("qty", 0),
            ("qty", UNDEF), ("qty", 2**62), ("journal_seq", 0), ("risk_epoch", EPOCH - 1),
            ("valid_until_ns", now_ns - 1), ("notional", 2**62), ("order_type", OrderType.MARKET),
            ("client_order_id", EPOCH << 40 | 1), ("action", Action.CANCEL),
            ("action", Action.QUERY),
        )[rng.integers(24)]  # fmt: skip
        values[name] = int(odd)
    if values["order_type"] == OrderType.MARKET:
        values["time_in_force"] = int(TimeInForce.IOC)
    return values


def happen(rng, desk, index):
    """Something else than an order; the same for both desks by the same numbers."""
    what, much = int(rng.integers(12)), int(rng.integers(1, 4000))
    if what == 0:
        desk.latches.write(0, latched=1, count=2 * index)
    elif what < 4:
        desk.latches.write(0, latched=0, count=2 * index + 1)
        desk.marks.write(1, max_order=(200 + much) * 10**8)
        desk.limits.write(0, version=index)
    elif what == 4:
        desk.peer.write(0, pause_until_ns=desk.now_ns + much * MS)
    elif what < 8:
        for conn, data in desk.ports.sent[-3:]:
            desk.conn = conn
            desk.answer(json.loads(data), desk.order(desk.count))
    elif what == 8:
        for conn, data in desk.ports.sent[-1:]:
            desk.conn = conn
            desk.refuse(json.loads(data), 429, -1015, "Too many new orders.")
    else:
        desk.advance(much * MS)


def said(desk):
    return [(row["kind"], row["reason"], row["client_order_id"], row["text"].tobytes())
            for row in desk.take()]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_short_way_sends_what_the_long_way_sends(monkeypatch, seed, sized):
    short, long = desks(monkeypatch)
    chances = [np.random.Generator(np.random.PCG64(seed)) for _ in range(2)]
    for index in range(sized(1500, 250)):
        for desk, rng in zip((short, long), chances, strict=True):
            if rng.random() < 0.2:
                happen(rng, desk, index)
            for _ in range(int(rng.integers(1, 4))):
                values = draw(rng, desk.now_ns)
                action = Action(values.pop("action", Action.NEW))
                if action is not Action.NEW:
                    values["client_order_id"] = EPOCH << 40 | max(desk.count, 1)
                desk.command(action, **values)
            desk.advance(int(rng.integers(1, 90)) * MS)
        assert short.ports.sent == long.ports.sent, f"step {index}"
        assert said(short) == said(long), f"step {index}"
        if len(short.ports.sent) > 20:
            for desk in (short, long):
                desk.ports.sent.clear()
    assert short.agent._fast_path.sent > sized(100, 15), "the fast path was not tried"
    assert long.agent._fast_path.sent == 0


def ready(monkeypatch):
    """A desk whose first account may go the fast path."""
    desk, _ = desks(monkeypatch)
    desk.command()
    desk.work()
    desk.work()
    desk.ports.sent.clear()
    assert not desk.agent._fast_path.closed
    return desk


def test_next_order_of_an_account_goes_the_short_way(monkeypatch):
    desk = ready(monkeypatch)
    desk.command()
    assert desk.agent._fast_path.take(desk.now_ns) == SENT
    assert desk.agent._fast_path.take(desk.now_ns) == EMPTY


def test_second_short_order_of_a_shape_is_written_by_the_kernel(monkeypatch):
    desk = ready(monkeypatch)
    desk.command()
    desk.work()
    desk.command(px=61000_0000)
    before = len(desk.ports.sent)
    monkeypatch.setattr(desk.agent._fast_path, "_write_and_send", None)
    assert desk.agent._fast_path.take(desk.now_ns) == SENT
    params = json.loads(desk.ports.sent[before][1])["params"]
    assert params["price"] == "61000"


@pytest.mark.parametrize(
    ("table", "values", "reason"),
    [
        ("latches", {"latched": 1, "count": 1}, RejectReason.KILLED),
        ("limits", {"version": 7}, RejectReason.NOTIONAL_ABOVE_MAX),
        ("peer", {"pause_until_ns": 2**62}, RejectReason.MESSAGE_RATE),
        ("peer", {"ban_until_ns": 2**62}, RejectReason.MESSAGE_RATE),
    ],
)
def test_what_another_process_says_a_moment_before_holds(monkeypatch, table, values, reason):
    desk = ready(monkeypatch)
    if table == "limits":
        desk.marks.write(1, max_order=10**8)
    getattr(desk, table).write(0, **values)
    desk.command(qty=10_0000)
    assert desk.agent._fast_path.take(desk.now_ns) == OTHER
    desk.work()
    assert desk.ports.sent == []
    (refused,) = desk.take(ExecKind.NOT_SENT)
    assert refused["reason"] == reason


def test_after_any_message_grants_are_asked_for_again(monkeypatch):
    desk = ready(monkeypatch)
    desk.agent.on_bytes(desk.conn, b"{}", desk.now_ns)
    desk.command()
    assert desk.agent._fast_path.take(desk.now_ns) == OTHER


def test_frame_of_the_short_way_is_signed_json(monkeypatch):
    desk = ready(monkeypatch)
    desk.command(px=61000_0000, qty=12_3000)
    desk.agent.do_work(desk.now_ns)
    ((_, data),) = desk.ports.sent
    params = json.loads(data)["params"]
    assert (params["price"], params["quantity"]) == ("61000", "0.0123")
    assert len(params["signature"]) == 64
