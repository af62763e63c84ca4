"""How long does the running desk take for a tick and for an order, stage by stage?

`oms up`'s own processes on the core map of this machine's size: supervisor, event loops, sockets,
doorbells, the simulated exchange with its flow of orders in a process of its own. A strategy places
one order on each n-th change of the best bid (`desk_probe`), at a steady rate, the same over TLS
1.3, and at a busy rate; stamps inside the processes (`desk_stamps`) say when each stage of an order
ended. An order's time goes from where its intent can be read until its signed bytes are with the
socket, a tick's from when the frame is off the socket, as in `order_path` and `tick_to_order`; the
parked figures of these, of the same run, stand in the note. Where the machine has cores for a map
that spins, that map is a row, too. Peer, in the same run: a running desk the usual Python way on
the same exchange (`desk_peer`).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oms.config import DeskConfig
from procs.config.files import load_desk
from procs.machine.host_plan import plan_here
from tests.bench import bench_order_path, bench_tick_to_order, desk_peer
from tests.bench.desk_stamps import ENDED, INTENT_STAGES, SENT_STAGES, STAGES, Stamps
from tests.bench.exchange_stand import serve_exchange, served, sim_key
from tests.bench.live_desk import DEMO, LiveDesk, until
from tests.bench.result import NS_PER_US, BenchResult, latency, number
from tests.bench.tls import client_context, make_certificate, server_context

ORDERS, WARM = 600, 100
SMOKE_ORDERS, SMOKE_WARM = 12, 2
BARE, SMOKE_BARE = (1500, 300), (10, 2)
MANY = 10**6
PEER = "a running desk the usual Python way (asyncio, websockets, orjson, Decimal, hmac)"
PLACES = {
    "order": (INTENT_STAGES, SENT_STAGES, "100 µs, and 1.5 times the bare bench"),
    "tick": (0, SENT_STAGES, "1.5 times the bare bench"),
}
"""Row -> from which moment to which of the stamps, and the aim."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Events a second at the exchange, and on which tick the strategy orders."""

    name: str
    events_per_s: int
    every: int
    tls: bool


FLOWS = (
    Flow("steady", 200, 1, tls=False),
    Flow("steady_tls", 200, 1, tls=True),
    Flow("busy", 1000, 1, tls=False),
)
SMOKE_FLOWS = (FLOWS[1],)
"""The one with the most to it."""


def _set(file: Path, **values: str) -> None:
    """Give keys of a TOML file other values; each is there, once."""
    text = file.read_text()
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^{key} = [^#\n]*", f"{key} = {value} ", text)
        assert count == 1, f"{file}: found {count} lines of {key}, required is one"
    file.write_text(text)


class BenchDesk(LiveDesk):
    """The demonstration desk with one instrument and the bench's strategy, its limits raised."""

    def __init__(self, folder: Path, flow: Flow, host: str, orders: int) -> None:
        super().__init__(folder)
        self.stamps = folder / "stamps"
        configs = folder / "configs"
        shutil.copytree(self.root / "configs", configs)
        certificate, key = make_certificate(folder) if flow.tls else ("", "")
        desk = folder / DEMO
        text = desk.read_text().replace('["BTC/USDT", "ETH/USDT"]', '["BTC/USDT"]')
        text = text.replace(', "binance.spot:ETH/USDT"', "")
        desk.write_text(
            f"{text}\n[strategies.params]\nevery = {flow.every}\norders = {orders}\n"
            f'stamps = "{self.stamps}"\ncertificate = "{certificate}"\nkey = "{key}"\n'
        )
        _set(desk, host=f'"{host}"', plugin='"tests.bench.desk_probe:EveryNth"')
        _set(configs / "exchanges" / "binance.toml", drop_reply_one_in="0",
             flow_events_per_s=str(flow.events_per_s), orders_per_10s=str(MANY))  # fmt: skip
        _set(configs / "risk" / "demo.toml", max_orders_per_s=str(MANY),
             max_open_orders="200")  # fmt: skip
        self.path = desk


def desk_once(flow: Flow, host: str, size: tuple[int, int]) -> np.ndarray:
    """One start of the desk: the moments of each order behind the warm ones."""
    orders = sum(size)
    with tempfile.TemporaryDirectory() as folder:
        desk = BenchDesk(Path(folder), flow, host, orders)
        try:
            desk.start()
            stamps = Stamps(desk.stamps)
            until(f"{orders} orders ended", lambda: stamps.counts[ENDED] >= orders)
            return stamps.joined()[size[1] :]
        finally:
            desk.end()


def peer_once(flow: Flow, size: tuple[int, int]) -> np.ndarray:
    """The same of the peer: (frame off the socket, decided, sent)."""
    before = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder:
        ours = theirs = None
        if flow.tls:
            certificate, key = make_certificate(Path(folder))
            theirs, ours = server_context(certificate, key), client_context(certificate)
        serve = functools.partial(
            serve_exchange, folder, context=theirs, streams=True, flow=flow.events_per_s
        )
        with served(serve) as port:
            state = json.loads((Path(folder) / "run" / "sim.json").read_text())
            made = desk_peer.once(
                sim_key(folder), (state["rest_port"], port), ours, 0, flow.every, sum(size)
            )
    assert os.sched_getaffinity(0) == before
    return made[size[1] :]


def bare_once(size: tuple[int, int], *, smoke: bool) -> dict[str, float]:
    """Medians of the bare benches on the same core, us."""
    accounts = bench_tick_to_order.SMOKE_ACCOUNTS if smoke else bench_order_path.ACCOUNTS
    order, _ = bench_order_path.once("park", (0, 0), *size)
    tick, _ = bench_tick_to_order.once("park", (0, 0), *size, accounts)
    return {"order": float(np.median(order)), "tick": float(np.median(tick))}


def told(runs: list[np.ndarray]) -> dict[str, tuple[float, float, float]]:
    """Stage -> p50, p99 and the longest, each the median over the runs, us."""
    lines = {}
    for k, stage in enumerate(STAGES):
        each = [np.percentile((run[:, k + 1] - run[:, k]) / NS_PER_US, (50, 99, 100))
                for run in runs]  # fmt: skip
        p50, p99, longest = (float(value) for value in np.median(each, axis=0))
        lines[stage] = (p50, p99, longest)
    return lines


def row(
    place: str, flow: Flow, config: DeskConfig, ours: list[np.ndarray], theirs: list[np.ndarray],
    bare: list[dict[str, float]], prefix: str,
) -> BenchResult:  # fmt: skip
    """One row of the bench."""
    first, last, aim = PLACES[place]
    samples = [(run[:, last] - run[:, first]) / NS_PER_US for run in ours]
    begun = {"order": 1, "tick": 0}[place]
    peer = float(np.median([np.median(run[:, 2] - run[:, begun]) for run in theirs])) / NS_PER_US
    bare_us = float(np.median([one[place] for one in bare]))
    p50 = float(np.median([np.median(run) for run in samples]))
    per_s = float(np.median([(len(run) - 1) / (run[-1, 0] - run[0, 0]) * 1e9 for run in ours]))
    stages = told(ours)
    named = ", ".join(
        f"{stage} {number(p50)} / {number(p99)} / {number(longest)}"
        for stage, (p50, p99, longest) in list(stages.items())[first:]
    )
    wire = "TLS 1.3" if flow.tls else "plain TCP"
    return latency(
        f"desk.{place}.{prefix}{flow.name}", "us", samples, {PEER: peer}, aim=aim,
        core_map=config.host.name, wait=config.host.processes[0].wait,
        checksum=len(ours[0]), durability=config.durability,
        note=f"{wire}, {per_s:.0f} orders/s; bare and parked in the same run {number(bare_us)}, "
        f"this is {p50 / bare_us:.2f} times that; until each stage, us, p50 / p99 / longest: "
        f"{named}; the last is the exchange's; checksum: orders a run",
        figures={"bare_us": bare_us, "times_bare": p50 / bare_us, "orders_per_s": per_s,
                 "stages_us": {stage: list(values) for stage, values in stages.items()}},
    )  # fmt: skip


def maps() -> list[tuple[str, str]]:
    """(what config calls the core map, the rows' prefix): the default of two cores, and the one
    planned for this machine where that spins."""
    planned = plan_here(load_desk(DEMO)).host
    spins = any(process.wait == "spin" for process in planned.processes)
    return [("two-core", "")] + [("auto", "spin.")] * spins


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """Rows of an order and of a tick for each map and flow, in microseconds."""
    size = (SMOKE_ORDERS, SMOKE_WARM) if smoke else (ORDERS, WARM)
    found: list[BenchResult] = []
    for host, prefix in maps()[:1] if smoke else maps():
        for flow in SMOKE_FLOWS if smoke else FLOWS:
            ours: list[Any] = []
            theirs: list[Any] = []
            bare: list[dict[str, float]] = []
            for k in range(runs):
                bare.append(bare_once(SMOKE_BARE if smoke else BARE, smoke=smoke))
                ours.append(desk_once(flow, host, size))
                if k % 2 == 0:
                    theirs.append(peer_once(flow, size))
            config = dataclasses.replace(load_desk(DEMO), host=_host(host))
            found += [row(place, flow, config, ours, theirs, bare, prefix) for place in PLACES]
    return found


def _host(name: str) -> Any:
    config = load_desk(DEMO)
    return config.host if name == "two-core" else plan_here(config).host
