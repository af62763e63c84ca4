"""How long from an order to the venue's acknowledgement, over loopback TLS?

One connection, one order at a time: HMAC, WebSocket frame, TLS 1.3, the simulated exchange's whole
way (parse, signature, rate limits, filters, balances, engine, reports, its journal of orders), and
back. The desk's own network code, the exchange in a process of its own on the other core, both
parked. Peer, in the same run: the same client against aiohttp's WebSocket over TLS, which parses
the request and acknowledges it from a table.
"""

from __future__ import annotations

import asyncio
import functools
import os
import ssl
import tempfile
from pathlib import Path

import numpy as np

from oms.ports import Key
from tests.bench.exchange_stand import cores, serve_aiohttp_ws, serve_exchange, served, sim_key
from tests.bench.order_client import Client, one_at_a_time
from tests.bench.result import NS_PER_US, BenchResult, latency
from tests.bench.tls import client_context, make_certificate, server_context

ORDERS, SMOKE_ORDERS = 5000, 50
WARM, SMOKE_WARM = 500, 10


def measured(port: int, key: Key, context: ssl.SSLContext, size: tuple[int, int], runs: int):
    """Nanoseconds of each order, a connection of its own for each run."""

    async def once(number: int) -> np.ndarray:
        url = f"wss://127.0.0.1:{port}/ws-api/v3"
        client = Client(url, key, context, f"a{number}x")
        await client.open(1)
        await one_at_a_time(client, size[1])
        took = await one_at_a_time(client, size[0])
        await client.close()
        return took

    return [asyncio.run(once(number)) for number in range(runs)]


def run(smoke: bool, runs: int) -> BenchResult:
    """Percentiles in microseconds."""
    size = (SMOKE_ORDERS, SMOKE_WARM) if smoke else (ORDERS, WARM)
    before = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder:
        certificate, secret = make_certificate(Path(folder))
        theirs, ours = server_context(certificate, secret), client_context(certificate)
        peer_serve = functools.partial(serve_aiohttp_ws, context=theirs)
        sim_serve = functools.partial(serve_exchange, folder, context=theirs, streams=True)
        with served(peer_serve) as port:
            os.sched_setaffinity(0, {cores()[0]})
            peer = measured(port, Key("peer", "k" * 64, b"s" * 64), ours, size, max(1, runs // 2))
        os.sched_setaffinity(0, before)
        with served(sim_serve) as port:
            os.sched_setaffinity(0, {cores()[0]})
            made = measured(port, sim_key(folder), ours, size, runs)
        os.sched_setaffinity(0, before)
    return latency(
        "ack_rtt", "us", [took / NS_PER_US for took in made],
        {"aiohttp WebSocket, TLS, acknowledged from a table": float(
            np.median([np.median(took) for took in peer])) / NS_PER_US},
        core_map="client on core 0, exchange on core 1", wait="park", checksum=sum(size) * runs,
        durability="process-crash-safe",
        note=f"{size[0]:,} orders a run, one at a time, TLS 1.3, signed by HMAC; checksum: orders",
    )  # fmt: skip
