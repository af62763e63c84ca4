"""How many recorded messages a second one core takes from JSON bytes into the book.

Ours: bytes -> md ring -> books and top of book, by the kernels of the feed and the aggregator;
USD-M futures and spot. Times are CPU time of the one thread. Peers, in the same run, on the same
messages: orjson + float + dict; orjson + Decimal + dict; and cryptofeed's way (`cryptofeed_way`),
written as it does it, because no version of it has wheels for Python 3.11, 3.12 and 3.13 alike.
Messages: the recordings under `data`/hftbacktest, else a stream made here (`market_stand`); the
note says which.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from oms.book import aggregate_out_hot
from oms.sim.recording import Recording, survey
from oms.venues.binance import batch_hot
from oms.venues.binance.recorded import RECORDED, SPOT, USDM
from shm_layout.jit import read_only
from tests.bench import cryptofeed_way
from tests.bench.market_stand import checksum, load, prepared
from tests.bench.result import BenchResult, throughput

MARKETS = {"usdm": USDM, "spot": SPOT}


def ours(market: str, recording: Recording, found: Any) -> tuple[float, dict[str, int]]:
    """Seconds for the messages after the snapshot, and what came of them."""
    chain, first = prepared(market, recording, found)
    feed, inlet = chain.feed, chain.aggregator.inlets[0]
    result = np.zeros(batch_hot.RESULT_WORDS, np.int64)
    index = [read_only(a) for a in (recording.start, recording.end, recording.recv_ns)]
    before = chain.counters()
    begun = time.thread_time()
    batch_hot.run_messages(
        feed.world.handle, inlet.world.handle, recording.buf, *index,
        first, len(recording), 1 << 20, result,
    )  # fmt: skip
    seconds = time.thread_time() - begun
    assert result[batch_hot.RESULT_AT] == len(recording), f"stopped: {result}"
    after = chain.counters()
    made = {name: after[name] - before[name] for name in ("messages", "level_updates", "gaps")}
    made["records"] = int(inlet.totals[aggregate_out_hot.T_RECORDS])
    made["checksum"] = checksum(chain)
    return seconds, made


def peer(frames: list[bytes], number: Callable[[str], Any]) -> tuple[float, int]:
    """Seconds and levels: orjson, `number` for each price and quantity, two dicts."""
    bids: dict[Any, Any] = {}
    asks: dict[Any, Any] = {}
    zero = number("0")
    levels = 0
    begun = time.thread_time()
    for frame in frames:
        event = orjson.loads(frame)["data"]
        kind = event.get("e", "bookTicker")  # spot's ticker does not name itself
        if kind == "depthUpdate":
            for side, rows in ((bids, event["b"]), (asks, event["a"])):
                for px_text, qty_text in rows:
                    px, qty = number(px_text), number(qty_text)
                    if qty == zero:
                        side.pop(px, None)
                    else:
                        side[px] = qty
                levels += len(rows)
        elif kind == "bookTicker":
            number(event["b"]), number(event["B"]), number(event["a"]), number(event["A"])
        else:
            number(event["p"]), number(event["q"])
    return time.thread_time() - begun, levels


def run(smoke: bool, runs: int, data: Path | None) -> list[BenchResult]:
    """Messages a second, a row for each market."""
    return [_row(key, market, smoke, runs, data) for key, market in MARKETS.items()]


def _row(key: str, market: str, smoke: bool, runs: int, data: Path | None) -> BenchResult:
    source, recording = load(market, smoke, data)
    found = survey(recording, RECORDED)
    made = [ours(market, recording, found) for _ in range(runs)]
    checksums = {each["checksum"] for _, each in made}
    assert len(checksums) == 1, "the same input gave two books"
    counted = made[0][1]
    assert counted["gaps"] == 0, "a gap in the stream"
    first = found.snapshots[0] + 1
    count = len(recording) - first
    frames = [recording.message(index) for index in range(first, len(recording))]
    few = 1 if smoke else 3
    peers = {
        "orjson, float, dict": min(peer(frames, float)[0] for _ in range(few)),
        "orjson, Decimal, dict": min(peer(frames, Decimal)[0] for _ in range(few)),
        "cryptofeed's way, written as it does it": min(
            cryptofeed_way.seconds(frames) for _ in range(few)
        ),
    }
    levels = counted["level_updates"]
    p50 = statistics.median(seconds for seconds, _ in made)
    return throughput(
        f"decode_book.{key}", "messages/s", [count / seconds for seconds, _ in made],
        {name: count / seconds for name, seconds in peers.items()},
        core_map="1 core", wait="busy", checksum=checksums.pop(), aim="≥ 1 M",
        note=f"{source}: {count:,} messages, {levels:,} level updates, {counted['records']:,} "
        f"records; {p50 / count * 1e9:,.0f} ns a message",
        figures={"level_updates_per_s": round(levels / p50), "messages": count},
    )  # fmt: skip
