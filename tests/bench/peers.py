"""The Python peers of the rings: round trips and streams of 64-byte records between two processes.

Each is given its best: one core shared or two, waiting or polling, and for streams batches of many
records in one message. Every measurement runs in a forked child of its own (a queue's feeder and
ZeroMQ's I/O are threads, and a process with threads is not to be forked), which forks the other
end and leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from typing import Any

import numpy as np

from procs.machine import system
from tests.stress.memory import fork, reap, shared_words

RECORD_BYTES = 64
RECORD = bytes(range(RECORD_BYTES))
WATCHDOG_S = 300.0
WARM = 200
BUFFER = 16
ONE_CORE, TWO_CORES = (0, 0), (0, 1)


class _Pipes:
    """multiprocessing.Pipe."""

    def __init__(self, place: str, size_bytes: int) -> None:
        del place, size_bytes
        self.near, self.far = multiprocessing.Pipe()

    @contextmanager
    def end(self, server: bool, poll: bool):
        pipe = self.far if server else self.near

        def receive() -> bytes:
            while poll and not pipe.poll(0):
                continue
            return pipe.recv_bytes()

        yield pipe.send_bytes, receive


class _Queues:
    """multiprocessing.Queue, one each way."""

    def __init__(self, place: str, size_bytes: int) -> None:
        del place, size_bytes
        self.there, self.back = multiprocessing.Queue(), multiprocessing.Queue()

    @contextmanager
    def end(self, server: bool, poll: bool):
        out, into = (self.back, self.there) if server else (self.there, self.back)
        yield out.put, into.get
        out.close()
        out.join_thread()


class _ZeroMq:
    """ZeroMQ over ipc, PAIR."""

    def __init__(self, place: str, size_bytes: int) -> None:
        self.address = f"ipc://{place}/zmq"

    @contextmanager
    def end(self, server: bool, poll: bool):
        import zmq

        context = zmq.Context()
        socket = context.socket(zmq.PAIR)
        socket.linger = 1000
        socket.sndhwm = socket.rcvhwm = 64
        if server:
            socket.bind(self.address)
        else:
            socket.connect(self.address)

        def receive() -> bytes:
            while poll and not socket.poll(0):
                continue
            return socket.recv()

        yield socket.send, receive
        socket.close()
        context.term()


def _payload(size_bytes: int) -> Any:
    """A ctypes structure of so many bytes: what iceoryx2 carries; one type per size."""
    fields = [("w", ctypes.c_uint8 * size_bytes)]
    return type(f"Bytes{size_bytes}", (ctypes.Structure,), {"_fields_": fields})


class _Iceoryx:
    """iceoryx2, publish and subscribe; it has no blocking receive here, so it polls."""

    def __init__(self, place: str, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.name = f"mexoms-bench/{os.getpid()}"

    @contextmanager
    def end(self, server: bool, poll: bool):
        import iceoryx2

        iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
        payload = _payload(self.size_bytes)
        node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)

        def service(way: str) -> Any:
            name = iceoryx2.ServiceName.new(f"{self.name}/{way}")
            builder = node.service_builder(name).publish_subscribe(payload)
            lossless = builder.enable_safe_overflow(False)
            return lossless.subscriber_max_buffer_size(BUFFER).open_or_create()

        out, into = ("back", "there") if server else ("there", "back")
        sender, receiver = service(out), service(into)
        publisher = sender.publisher_builder().create()
        subscriber = receiver.subscriber_builder().create()

        size_bytes = self.size_bytes
        copy_in, copy_out = ctypes.memmove, ctypes.string_at

        def send(data: bytes) -> None:
            while True:
                sample = publisher.loan_uninit()
                copy_in(sample.payload_ptr, data, size_bytes)
                if sample.assume_init().send():
                    return
                publisher.update_connections()  # the other end is not there yet

        def receive() -> bytes:
            while True:
                sample = subscriber.receive()
                if sample is not None:
                    return copy_out(sample.payload_ptr, size_bytes)

        yield send, receive
        publisher.delete()
        subscriber.delete()


PEERS: tuple[tuple[str, Any, tuple[tuple[tuple[int, int], bool], ...]], ...] = (
    ("iceoryx2", _Iceoryx, ((TWO_CORES, True),)),
    ("multiprocessing.Pipe", _Pipes, ((ONE_CORE, False), (TWO_CORES, False), (TWO_CORES, True))),
    ("ZeroMQ ipc", _ZeroMq, ((ONE_CORE, False), (TWO_CORES, False), (TWO_CORES, True))),
    ("multiprocessing.Queue", _Queues, ((ONE_CORE, False), (TWO_CORES, False))),
)


def _trips(kind: Any, cores: tuple[int, int], poll: bool, count: int, out: np.ndarray) -> int:
    """In a child: round trips, nanoseconds each."""
    warm = min(WARM, count)
    with tempfile.TemporaryDirectory() as place:
        link = kind(place, RECORD_BYTES)

        def serve() -> int:
            with link.end(True, poll) as (send, receive):
                for _ in range(count + warm):
                    send(receive())
            return 0

        other = fork(serve, cores[1])
        system.pin(cores[0])
        clock = time.perf_counter_ns
        with link.end(False, poll) as (send, receive):
            for k in range(-warm, count):
                began = clock()
                send(RECORD)
                came = receive()
                if k >= 0:
                    out[k] = clock() - began
                assert came == RECORD
            codes = reap([other], WATCHDOG_S)
    return codes[0]


def _stream(kind: Any, cores: tuple[int, int], poll: bool, batch: int, count: int,
            out: np.ndarray) -> int:  # fmt: skip
    """In a child: `count` messages of `batch` records one way, every word of them summed there."""
    block = np.arange(batch * RECORD_BYTES // 8, dtype=np.int64).tobytes()
    with tempfile.TemporaryDirectory() as place:
        link = kind(place, batch * RECORD_BYTES)

        def serve() -> int:
            checksum = 0
            with link.end(True, poll) as (send, receive):
                for _ in range(count + 1):
                    checksum += int(np.frombuffer(receive(), np.int64).sum())
                send(block)
            return 0 if checksum else 1

        other = fork(serve, cores[1])
        system.pin(cores[0])
        with link.end(False, poll) as (send, receive):
            send(block)
            began = time.perf_counter_ns()
            for _ in range(count):
                send(block)
            receive()
            out[0] = time.perf_counter_ns() - began
            codes = reap([other], WATCHDOG_S)
    return codes[0]


def hop_ns(count: int, runs: int) -> dict[str, float]:
    """One-way p50 of each peer in nanoseconds, the best of its ways; half of the round trip."""
    found: dict[str, float] = {}
    for name, kind, ways in PEERS:
        for cores, poll in ways:
            medians = []
            for _ in range(runs):
                out = shared_words(count)
                child = fork(lambda: _trips(kind, cores, poll, count, out))  # noqa: B023 - forked here and now
                assert reap([child], WATCHDOG_S) == [0], f"{name} did not end"
                medians.append(float(np.median(out)) / 2)
            best = statistics.median(medians)
            where = "one core" if cores == ONE_CORE else "two cores"
            label = f"{name} ({where}{', polling' * poll})"
            found = {k: v for k, v in found.items() if not k.startswith(name) or v < best}
            if not any(k.startswith(name) for k in found):
                found[label] = best
    return found


def pipe_ns(cores: tuple[int, int], poll: bool, count: int) -> float:
    """One-way p50 of multiprocessing.Pipe in one placement, nanoseconds."""
    out = shared_words(count)
    child = fork(lambda: _trips(_Pipes, cores, poll, count, out))
    assert reap([child], WATCHDOG_S) == [0], "multiprocessing.Pipe did not end"
    return float(np.median(out)) / 2


def records_per_s(batch: int, count: int, runs: int) -> dict[str, float]:
    """64-byte records a second through each peer, `batch` in a message."""
    found: dict[str, float] = {}
    for name, kind, ways in PEERS:
        if kind is _Queues:
            continue  # pickles what the others copy
        for cores, poll in ways[-2:]:
            rates = []
            for _ in range(runs):
                out = shared_words(1)
                child = fork(lambda: _stream(kind, cores, poll, batch, count, out))  # noqa: B023 - forked here and now
                assert reap([child], WATCHDOG_S) == [0], f"{name} did not end"
                rates.append(batch * count / int(out[0]) * 1e9)
            found[name] = max(found.get(name, 0.0), statistics.median(rates))
    return found
