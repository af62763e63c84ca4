"""Stamps inside a running desk for the bench `desk`: who did what when, by the monotonic clock.

`install` wraps a few methods of the classes that the desk's processes run, in the process that they
are forked from. What is logged lies in one file that all of them map: a log for each place, rows of
nanoseconds, one writing process each. A stamp costs some 0.2 us, a row 0.5; the desk is otherwise
the user's own. `joined` makes one row for each order of the logs.

By TLS, what comes is stamped before it is deciphered, and what goes when its cipher is sent.
"""

from __future__ import annotations

import asyncio.sslproto
import mmap
import os
from pathlib import Path
from struct import Struct
from time import perf_counter_ns
from typing import Any

import numpy as np

from oms import ids
from oms.agents.aggregator import AggregatorAgent
from oms.agents.executor.agent import ExecutorAgent
from oms.agents.feed.agent import FeedAgent
from oms.agents.risk import RiskAgent
from procs.net.ws import WsConnection
from tests.bench.exchange_stand import raise_limits
from tests.bench.tls import encipher_desk

ROWS = 1 << 16
"""Of each log; a feed that has heard more begins again at the first."""
COLUMNS = 8
WORD_BYTES = 8
FED, DECIDED, PASSED, SENT, ACKED, ENDED = range(6)
"""Their rows, behind the key: the clock that the feed gave the message; the intent; the order; the
order; the request; the intent again, and the order that it became."""
LOGS = 6
_DIGITS = bytes.maketrans(ids._ALPHABET.encode(), b"0123456789abcdefghijklmnopqrstuv")
"""The wire's base 32 as Python's."""
_ROW = Struct(f"<{COLUMNS}q")
SIZE_BYTES = (LOGS + LOGS * ROWS * COLUMNS) * WORD_BYTES

STAGES = (
    "frame off the socket, decoded, in the feed's ring", "the engine's turn",
    "top of book published", "the strategy is asked", "its intent can be read",
    "risk's turn", "checked, journaled", "command published", "the executor's turn",
    "taken, checked, signed", "given to the socket", "acknowledgement off the socket",
)  # fmt: skip
"""Each until here from where the one before ended; the first begins when the frame is off the
socket. The last is the exchange's and the system's."""
INTENT_STAGES, SENT_STAGES = 5, 11
"""So many of them until the intent can be read, and until the bytes are with the socket."""


class Stamps:
    """The file, mapped; and this process's own last stamps."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, SIZE_BYTES)
        self._memory = mmap.mmap(descriptor, SIZE_BYTES)
        os.close(descriptor)
        self.counts = memoryview(self._memory)[: LOGS * WORD_BYTES].cast("q")
        self.read_ns = 0
        """Bytes came off a socket."""
        self.turn_ns = 0
        """Risk's or the executor's turn began."""
        self.folding_ns = self.folded_ns = 0
        """The aggregator's last turn that found something: its beginning and its end."""

    def add(self, log: int, *values: int) -> None:
        """One row of a log, whose writer is this process."""
        count = self.counts[log]
        at = (LOGS + (log * ROWS + count % ROWS) * COLUMNS) * WORD_BYTES
        _ROW.pack_into(self._memory, at, *values, *(0,) * (COLUMNS - len(values)))
        self.counts[log] = count + 1

    def rows(self, log: int) -> np.ndarray:
        """A copy of what a log holds; its rows in their order as long as they fit."""
        count = min(self.counts[log], ROWS)
        first = (LOGS + log * ROWS * COLUMNS) * WORD_BYTES
        words = np.frombuffer(self._memory, np.int64, count * COLUMNS, first)
        return words.reshape(count, COLUMNS).copy()

    def joined(self) -> np.ndarray:
        """Of each order that the exchange ended the moments in which its stages end, the frame's
        arrival first: shape (orders, stages + 1), ns of the monotonic clock. Orders that risk or
        the executor refused, as while the desk begins, are left out.
        """
        fed, decided, passed, sent, acked = (
            {int(row[0]): row[1:] for row in self.rows(log)}
            for log in (FED, DECIDED, PASSED, SENT, ACKED)
        )
        ended = self.rows(ENDED)
        made = np.zeros((len(ended), len(STAGES) + 1), np.int64)
        for k, (intent_id, client_order_id) in enumerate(ended[:, :2].tolist()):
            decision, sending = decided[intent_id], sent[client_order_id]
            made[k, :2] = fed[int(decision[0])][:2]
            made[k, 2:6] = decision[1:5]
            made[k, 6:9] = passed[client_order_id][:3]
            made[k, 9:12] = sending[1:4]
            made[k, 12] = acked[int(sending[0])][0]
        return made


def install(path: Path, certificate: tuple[Path, Path] | None) -> Stamps:
    """Wrap the desk's classes in this process and in those forked from it; `certificate` (and its
    key): whatever the desk says to the exchange goes by TLS."""
    stamps = Stamps(path)
    raise_limits()
    _stamp_feed_and_aggregator(stamps)
    _stamp_risk(stamps)
    _stamp_executor(stamps)
    if certificate is None:
        _stamp_reads(stamps, WsConnection)
    else:
        _stamp_reads(stamps, asyncio.sslproto.SSLProtocol)
        encipher_desk(*certificate)
    return stamps


def _replace(kind: Any, **methods: Any) -> None:
    for name, method in methods.items():
        setattr(kind, name, method)


def _stamp_reads(stamps: Stamps, kind: Any) -> None:
    """The first thing that asyncio calls with what it has read."""
    took = kind.buffer_updated

    def buffer_updated(self: Any, nbytes: int) -> None:
        stamps.read_ns = perf_counter_ns()
        took(self, nbytes)

    _replace(kind, buffer_updated=buffer_updated)


def _stamp_feed_and_aggregator(stamps: Stamps) -> None:
    on_bytes, do_work = FeedAgent.on_bytes, AggregatorAgent.do_work

    def took(self: FeedAgent, conn: int, data: bytes, now_ns: int, meta: Any = None) -> None:
        on_bytes(self, conn, data, now_ns, meta)
        stamps.add(FED, now_ns, stamps.read_ns, perf_counter_ns())

    def folded(self: AggregatorAgent, now_ns: int) -> int:
        began_ns = perf_counter_ns()
        done = do_work(self, now_ns)
        if done:
            stamps.folding_ns, stamps.folded_ns = began_ns, perf_counter_ns()
        return done

    _replace(FeedAgent, on_bytes=took)
    _replace(AggregatorAgent, do_work=folded)


def _stamp_risk(stamps: Stamps) -> None:
    do_work, make_visible, start = RiskAgent.do_work, RiskAgent.make_visible, RiskAgent.on_start
    rings: list[Any] = []

    def on_start(self: RiskAgent, ports: Any, now_ns: int) -> None:
        start(self, ports, now_ns)
        rings.append(ports.writer("orders.binance"))

    def turn(self: RiskAgent, now_ns: int) -> int:
        stamps.turn_ns = perf_counter_ns()
        return do_work(self, now_ns)

    def visible(self: RiskAgent, now_ns: int) -> None:
        journaled_ns = perf_counter_ns()
        before = [ring.pos for ring in rings]
        make_visible(self, now_ns)
        visible_ns = perf_counter_ns()
        for ring, first in zip(rings, before, strict=True):
            for pos in range(first, ring.pos):
                order_id = int(ring.slots["client_order_id"][pos & (len(ring.slots) - 1)])
                stamps.add(PASSED, order_id, stamps.turn_ns, journaled_ns, visible_ns)

    _replace(RiskAgent, do_work=turn, make_visible=visible, on_start=on_start)


def _stamp_executor(stamps: Stamps) -> None:
    do_work, on_bytes, send = ExecutorAgent.do_work, ExecutorAgent.on_bytes, WsConnection.send

    def turn(self: ExecutorAgent, now_ns: int) -> int:
        stamps.turn_ns = perf_counter_ns()
        return do_work(self, now_ns)

    def took(self: ExecutorAgent, conn: int, data: bytes, now_ns: int, meta: Any = None) -> None:
        if b'"status":' in data and (number := _number(data)) >= 0:
            stamps.add(ACKED, number, stamps.read_ns)
        on_bytes(self, conn, data, now_ns, meta)

    def sent(self: WsConnection, data: bytes) -> None:
        began_ns = perf_counter_ns()
        send(self, data)
        ended_ns = perf_counter_ns()
        if b'"order.place"' in data:
            order_id = int(_text(data, b'"newClientOrderId":"')[-13:].translate(_DIGITS), 32)
            stamps.add(SENT, order_id, _number(data), stamps.turn_ns, began_ns, ended_ns)

    _replace(ExecutorAgent, do_work=turn, on_bytes=took)
    _replace(WsConnection, send=sent)


def _text(data: bytes, key: bytes) -> bytes:
    """What stands behind a key, up to the next quote; b"" where it is not there."""
    begin = data.find(key) + len(key)
    return data[begin : data.find(b'"', begin)] if begin >= len(key) else b""


def _number(data: bytes) -> int:
    """The `id` of a request or of its answer, ours being numbers; -1 = it has none."""
    text = _text(data, b'"id":"')
    return int(text) if text.isdigit() else -1
