"""How long does the running desk take for a tick and for an order, stage by stage?

`oms up`'s own processes on the core map of this machine's size: supervisor, event loops, sockets,
doorbells, the simulated exchange with its flow of orders in a process of its own. A strategy places
one order on each n-th change of the best bid (`desk_probe`), at a steady rate, the same over TLS
1.3, and at a busy rate; stamps inside the processes (`desk_stamps`) say when each stage of an order
ended. An order's time goes from where its intent can be read until its signed bytes are with the
socket, a tick's from when the frame is off the socket, as in `order_path` and `tick_to_order`. What
these take in the same run, parked, stands in the note: as they are, half a millisecond from one
order to the next, and at the steady flow's pace. Three maps: `two-core`, the same with all of the
order's way in one process, and where the machine has cores for it one that spins. Peer, in the same
run: a running desk the usual Python way on the same exchange (`desk_peer`).
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from oms.config import HostConfig
from procs.config.files import load_desk
from procs.machine.host_plan import plan_here
from tests.bench import bench_order_path, bench_tick_to_order, desk_peer
from tests.bench.desk_stamps import ENDED, INTENT_STAGES, SENT_STAGES, STAGES, Stamps
from tests.bench.exchange_stand import serve_exchange, served, sim_key
from tests.bench.live_desk import DEMO, LiveDesk, until
from tests.bench.order_desk import PARK_GAP_NS
from tests.bench.result import NS_PER_US, BenchResult, latency, number
from tests.bench.tls import client_context, make_certificate, server_context

ORDERS, WARM = 300, 50
SMOKE_ORDERS, SMOKE_WARM = 12, 2
BARE, SMOKE_BARE = (1500, 300), (10, 2)
REST_NS = 25_000_000
"""Between two orders of the bare benches at the steady flow's pace."""
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


def bare_once(size: tuple[int, int], rest_ns: int, *, smoke: bool) -> dict[str, float]:
    """Medians of the bare benches on the same core, us."""
    accounts = bench_tick_to_order.SMOKE_ACCOUNTS if smoke else bench_order_path.ACCOUNTS
    order, _ = bench_order_path.once("park", (0, 0), *size, rest_ns=rest_ns)
    tick, _ = bench_tick_to_order.once("park", (0, 0), *size, accounts, rest_ns)
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


@dataclass(slots=True)
class Taken:
    """What was measured, a run each: the desk by map and flow, the peer by flow, and the bare
    benches at their own pace and at that of the steady flow."""

    ours: dict[tuple[str, str], list[np.ndarray]] = field(default_factory=dict)
    theirs: dict[str, list[np.ndarray]] = field(default_factory=dict)
    bare: list[dict[str, float]] = field(default_factory=list)
    paced: list[dict[str, float]] = field(default_factory=list)

    def bare_us(self, place: str) -> tuple[float, float]:
        """(at their own pace, at the steady flow's), medians."""
        own, paced = (
            statistics.median(one[place] for one in runs) for runs in (self.bare, self.paced)
        )
        return own, paced


def row(place: str, flow: Flow, at: Map, taken: Taken) -> BenchResult:
    """One row of the bench."""
    first, last, aim = PLACES[place]
    ours, theirs = taken.ours[at.host.name, flow.name], taken.theirs[flow.name]
    samples = [(run[:, last] - run[:, first]) / NS_PER_US for run in ours]
    begun = {"order": 1, "tick": 0}[place]
    peer = float(np.median([np.median(run[:, 2] - run[:, begun]) for run in theirs])) / NS_PER_US
    bare_us, paced_us = taken.bare_us(place)
    p50 = float(np.median([np.median(run) for run in samples]))
    per_s = float(np.median([(len(run) - 1) / (run[-1, 0] - run[0, 0]) * 1e9 for run in ours]))
    stages = told(ours)
    named = ", ".join(
        f"{stage} {number(p50)} / {number(p99)} / {number(longest)}"
        for stage, (p50, p99, longest) in list(stages.items())[first:]
    )
    wire = "TLS 1.3" if flow.tls else "plain TCP"
    return latency(
        f"desk.{place}.{at.prefix}{flow.name}", "us", samples, {PEER: peer}, aim=aim,
        core_map=at.host.name, wait=at.host.processes[0].wait,
        checksum=len(ours[0]), durability="process-crash-safe",
        note=f"{wire}, {per_s:.0f} orders/s; {p50 / bare_us:.2f} times the bare parked bench of "
        f"the same run ({number(bare_us)}), {p50 / paced_us:.2f} times the same with "
        f"{REST_NS // 1_000_000} ms between two orders ({number(paced_us)}); until each stage, "
        f"p50 / p99 / longest: {named}; the last is the exchange's; checksum: orders a run",
        figures={"bare_us": bare_us, "times_bare": p50 / bare_us, "paced_us": paced_us,
                 "times_paced": p50 / paced_us, "orders_per_s": per_s,
                 "stages_us": {stage: list(values) for stage, values in stages.items()}},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Map:
    """A core map, and what its rows begin with."""

    host: HostConfig
    prefix: str
    called: str
    """In a config."""


def maps() -> list[Map]:
    """The default of two cores, the one of one process, and the one planned for this machine where
    that spins."""
    one = load_desk(DEMO, None, "two-core-one-process").host
    found = [Map(load_desk(DEMO).host, "", "two-core"), Map(one, "one_process.", one.name)]
    planned = plan_here(load_desk(DEMO)).host
    if any(process.wait == "spin" for process in planned.processes):
        found.append(Map(planned, "spin.", "auto"))
    return found


def run(smoke: bool, runs: int) -> list[BenchResult]:
    """Rows of an order and of a tick for each map and flow, in microseconds."""
    size, bare = (ORDERS, WARM), BARE
    if smoke:
        size, bare = (SMOKE_ORDERS, SMOKE_WARM), SMOKE_BARE
    flows = SMOKE_FLOWS if smoke else FLOWS
    places = maps()[:1] if smoke else maps()
    taken = Taken()
    for k in range(runs):
        taken.bare.append(bare_once(bare, PARK_GAP_NS, smoke=smoke))
        taken.paced.append(taken.bare[-1] if smoke else bare_once(size, REST_NS, smoke=smoke))
        for flow in flows:
            for at in places:
                key = (at.host.name, flow.name)
                taken.ours.setdefault(key, []).append(desk_once(flow, at.called, size))
            if k % 2 == 0:
                taken.theirs.setdefault(flow.name, []).append(peer_once(flow, size))
    return [row(place, flow, at, taken) for at in places for flow in flows for place in PLACES]
