"""Does a simulated exchange hold 10,000 orders a second over real sockets, and how late are they?

Eight WebSocket connections, orders signed by HMAC, sent when they are due whether answers come or
not; a time counts from when an order was due. The exchange runs whole, in a process of its own on
the other core, its limits raised in its exchangeInfo, which the note prints. The rate is that of
answers; what the venue is too slow for is not sent when the time is over. An order without an
answer would be lost, and none may be. `--minutes` is the time of all runs together, each a stretch
of it. Peer, in the same run: the same client against aiohttp's
WebSocket, which acknowledges from a table.
"""

from __future__ import annotations

import asyncio
import functools
import os
import tempfile

import numpy as np

from oms.ports import Key
from tests.bench.exchange_stand import (
    cores,
    limits_told,
    serve_aiohttp_ws,
    serve_exchange,
    served,
    sim_key,
)
from tests.bench.order_client import Client, Load
from tests.bench.result import BenchResult, percentiles, throughput

PER_S, SMOKE_PER_S = 10_100, 1000
"""A hundredth above the aim: a rate that is held can be told from one that falls short."""
SMOKE_S = 0.2
CONNECTIONS = 8
IN_FLIGHT = 2000
"""Orders without an answer; 0.2 s of the load."""
PEER_S = 5.0
NS_PER_MS = 1e6


def stretch(port: int, key: Key, per_s: int, seconds: float, name: str) -> tuple[float, Load]:
    """(answers a second, the load) of one stretch on connections of its own."""

    async def once() -> tuple[float, Load]:
        client = Client(f"ws://127.0.0.1:{port}/ws-api/v3", key, None, name)
        await client.open(CONNECTIONS)
        await Load(client, SMOKE_PER_S, SMOKE_S, IN_FLIGHT).run()
        load = Load(client, per_s, seconds, IN_FLIGHT)
        rate = await load.run()
        await client.close()
        return rate, load

    return asyncio.run(once())


def run(smoke: bool, runs: int, minutes: float) -> BenchResult:
    """Answers a second; percentiles of the lateness in the note and the figures, ms."""
    per_s = SMOKE_PER_S if smoke else PER_S
    seconds = SMOKE_S if smoke else minutes * 60 / runs
    before = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder:
        with served(serve_aiohttp_ws) as port:
            os.sched_setaffinity(0, {cores()[0]})
            key = Key("peer", "k" * 64, b"s" * 64)
            peer, _ = stretch(port, key, per_s, min(seconds, PEER_S), "p")
        os.sched_setaffinity(0, before)
        with served(functools.partial(serve_exchange, folder, streams=True)) as port:
            os.sched_setaffinity(0, {cores()[0]})
            told = limits_told(folder)
            made = [
                stretch(port, sim_key(folder), per_s, seconds, f"r{number}x")
                for number in range(runs)
            ]
        os.sched_setaffinity(0, before)
    lost = sum(load.lost for _, load in made)
    assert lost == 0, f"{lost} orders have no answer"
    each = np.median([percentiles(load.late_ns) for _, load in made], axis=0) / NS_PER_MS
    p50, p99, p999, longest = (float(value) for value in each)
    orders = sum(load.sent for _, load in made)
    offered = sum(load.offered for _, load in made)
    return throughput(
        "load_e2e", "orders/s", [rate for rate, _ in made],
        {"aiohttp WebSocket, acknowledged from a table": peer},
        core_map="client on core 0, exchange on core 1", wait="park", checksum=lost,
        durability="process-crash-safe", aim="≥ 10,000 held, 0 lost",
        note=f"{orders:,} of {offered:,} due orders sent in {runs} stretches of {seconds:g} s, "
        f"{per_s:,}/s due on {CONNECTIONS} connections, 0 lost; from when due to the answer "
        f"p50 {p50:.3g}, p99 {p99:.3g}, p99.9 {p999:.3g}, max {longest:.3g} ms; waited for room "
        f"{sum(load.waits for _, load in made)} times; {told}; checksum: lost orders",
        figures={"p50_ms": p50, "p99_ms": p99, "p999_ms": p999, "max_ms": longest,
                 "due_per_s": per_s, "due": offered, "sent": orders, "lost": lost},
    )  # fmt: skip
