"""Toy agents for every role of the demonstration desk, on its real rings, sockets and processes.

One number goes round: the feed asks the toy venue for a tick over a WebSocket, the aggregator
copies it to `top`, the strategy makes an intent of it, risk an order (and a journal block), the
executor asks the venue over HTTP and reports a fill, risk tells the strategy by `updates`, and the
strategy writes it down. Nothing means anything; everything passes through what the host gives.
"""

import os

import numpy as np

from oms.agents.base import BaseAgent
from oms.errors import ConfigError
from oms.ports import ConnEvent
from shm_layout.records import (
    EXECUTION,
    INTENT,
    MD_TICKER,
    ORDER_COMMAND,
    ORDER_UPDATE,
    TOP_OF_BOOK,
    RecordType,
)

TICK_NS = 2_000_000


def made(dtype, record_type, **values):
    row = np.zeros(1, dtype)
    row["type"] = record_type
    for name, value in values.items():
        row[name] = value
    return row


class Toy(BaseAgent):
    def __init__(self, config, role):
        self.config = config
        self.role = role
        self.draining = False

    def on_start(self, ports, now_ns):
        self.ports = ports
        self.note("start")
        self.begin(now_ns)

    def begin(self, now_ns):
        pass

    def note(self, what):
        self.ports.append_line("toys.txt", f"{what} {self.role} {os.getpid()}")

    def on_drain(self, now_ns):
        self.draining = True
        self.note("drain")

    def on_close(self, now_ns):
        self.note("close")


class ToyVenue(Toy):
    """Echoes WebSocket messages; answers any HTTP request with its own body."""

    def begin(self, now_ns):
        sim = self.config.sims[0]
        self.ports.listen(sim.host, sim.rest_port, "http")
        self.ports.listen(sim.host, sim.ws_port, "ws")

    def on_bytes(self, conn, data, now_ns, meta=None):
        if meta is None:
            self.ports.send(conn, data)
        else:
            self.ports.respond(conn, meta.request_id, 200, {}, meta.target.encode() + b"|" + data)


class ToyFeed(Toy):
    def begin(self, now_ns):
        self.out = self.ports.writer("md.binance.spot")
        self.count, self.conn, self.due, self.opened = 0, 0, now_ns, False
        self.url = self.config.venues[0].stream_url

    def next_timer_ns(self):
        return self.due

    def do_work(self, now_ns):
        if now_ns < self.due:
            return 0
        self.due = now_ns + TICK_NS
        if self.conn == 0:
            self.conn = self.ports.open_ws(self.url + "/feed")
        elif self.opened and not self.draining:
            self.count += 1
            self.ports.send(self.conn, str(self.count).encode())
        return 0

    def on_conn(self, conn, event, now_ns):
        self.opened = event is ConnEvent.OPENED
        if not self.opened:
            self.conn = 0

    def on_bytes(self, conn, data, now_ns, meta=None):
        row = made(MD_TICKER, RecordType.MD_TICKER, update_id=int(data), ts_recv_ns=now_ns)
        assert self.out.append(row)


class ToyAggregator(Toy):
    def begin(self, now_ns):
        self.md, self.top = self.ports.reader("md.binance.spot"), self.ports.writer("top")

    def do_work(self, now_ns):
        rows = self.md.poll(64)
        for row in rows.view(MD_TICKER):
            self.top.append(made(TOP_OF_BOOK, RecordType.TOP_OF_BOOK, bid_px=row["update_id"]))
        self.md.release(len(rows))
        return len(rows)


class ToyStrategy(Toy):
    def begin(self, now_ns):
        self.top, self.updates = self.ports.reader("top"), self.ports.reader("updates")
        self.intents = self.ports.writer("intents.mm")
        self.open = 0

    def do_work(self, now_ns):
        tops, updates = self.top.poll(64), self.updates.poll(64)
        for row in tops:
            if self.draining:
                break
            assert self.intents.append(made(INTENT, RecordType.INTENT, px=row["bid_px"]))
        for row in updates:
            self.ports.append_line("fills.txt", str(int(row["px"])))
        self.top.release(len(tops))
        self.updates.release(len(updates))
        return len(tops) + len(updates)


class ToyRisk(Toy):
    def begin(self, now_ns):
        self.intents = self.ports.reader("intents.mm")
        self.executions = self.ports.reader("executions.binance")
        self.orders, self.updates = (
            self.ports.writer("orders.binance"),
            self.ports.writer("updates"),
        )
        self.journal = self.ports.journal("risk")
        self.open = self.heard_epoch = 0

    def do_work(self, now_ns):
        intents, found = self.intents.poll(64), self.executions.poll(64)
        for row in intents:
            self.journal.append(int(row["px"]).to_bytes(8, "little"))
            assert self.orders.append(made(ORDER_COMMAND, RecordType.ORDER_COMMAND, px=row["px"]))
            self.open += 1
        for row in found:
            self.updates.append(made(ORDER_UPDATE, RecordType.ORDER_UPDATE, px=row["px"]))
            if int(row["epoch"]) != self.heard_epoch:
                self.heard_epoch, self.open = int(row["epoch"]), 1
            self.open -= 1
        self.intents.release(len(intents))
        self.executions.release(len(found))
        return len(intents) + len(found)

    def drained(self):
        return self.open <= 0


class ToyExecutor(Toy):
    def begin(self, now_ns):
        self.orders = self.ports.reader("orders.binance")
        self.out = self.ports.writer("executions.binance")
        self.asked = {}
        self.url = self.config.groups[0].rest_url
        self.ports.key(self.config.groups[0].accounts[0].key_name)

    def do_work(self, now_ns):
        rows = self.orders.poll(16)
        self.orders.release(len(rows))
        for row in rows:
            target = f"/order?px={int(row['px'])}&signature=%2F"
            asked = self.ports.request(self.url, "POST", target, {"x-toy": "1"}, b"body")
            self.asked[asked] = (int(row["px"]), target)
        return len(rows)

    def on_bytes(self, conn, data, now_ns, meta=None):
        px, target = self.asked.pop(meta.request_id)
        assert meta.status == 0 or data == target.encode() + b"|body", (meta, data)
        assert self.out.append(made(EXECUTION, RecordType.EXECUTION, px=px))


class ToyJournaler(Toy):
    """Refuses to start where a file tells it to, as an agent with a bad config does."""

    def begin(self, now_ns):
        if self.config.durability == "power-safe":
            raise ConfigError("toy journaler: found power-safe, required is anything else")


KINDS = {
    "venue_sim": ToyVenue, "feed": ToyFeed, "aggregator": ToyAggregator, "strategy": ToyStrategy,
    "risk": ToyRisk, "executor": ToyExecutor, "journaler": ToyJournaler, "watchdog": Toy,
}  # fmt: skip


def make_toy(config, role):
    if role == "strategy.operator":
        return Toy(config, role)
    return KINDS[role.partition(".")[0]](config, role)
