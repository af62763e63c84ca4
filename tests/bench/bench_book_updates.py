"""How many normalised level updates a second go from the market-data ring into the venue's book?

The records of a USD-M recording stand in the md ring; timed is the aggregator's kernel alone: the
book, the top of book, its ring and its tables. One exchange has no consolidated book yet, so there
is none in the figure. Peer, in the same run: the same updates, integers already, into a sorted
mapping per side with the best price read after each message (sortedcontainers). Records: as in
`decode_book`.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import orjson
from sortedcontainers import SortedDict

from oms.book import aggregate_hot
from oms.ports import NEVER
from oms.sim.recording import Recording, survey
from oms.venues.base import DecodeStatus
from oms.venues.binance.recorded import RECORDED, USDM
from tests.bench.market_stand import checksum, load, prepared
from tests.bench.result import BenchResult, throughput

BUDGET = 1 << 20
CHUNK = 256
"""Messages whose records certainly fit the ring: a diff may take dozens of its slots."""
SMOKE_LEVELS_MIN = 1


def ours(recording: Recording, found) -> tuple[float, int, int, int]:
    """(CPU seconds in the aggregator, level updates, records, checksum of the book)."""
    chain, first = prepared(USDM, recording, found)
    feed, inlet = chain.feed, chain.aggregator.inlets[0]
    before = chain.counters()["level_updates"]
    records, spent = 0, 0.0
    frames = [recording.message(index) for index in range(first, len(recording))]
    for at in range(0, len(frames), CHUNK):
        now_ns = int(recording.recv_ns[first + at])
        for frame in frames[at : at + CHUNK]:
            buf = np.frombuffer(frame, np.uint8)
            status = feed.market.on_message(feed.world.handle, buf, 0, len(buf), -1, now_ns)
            assert status <= DecodeStatus.IGNORED, DecodeStatus(status).name
        assert inlet.reader.pending() < len(inlet.reader.slots), "the ring was lapped"
        begun = time.thread_time()
        while taken := aggregate_hot.step(inlet.world.handle, now_ns, NEVER, BUDGET):
            records += taken
        spent += time.thread_time() - begun
    return spent, chain.counters()["level_updates"] - before, records, checksum(chain)


def theirs(recording: Recording, first: int) -> float:
    """Level updates a second into sorted mappings."""
    messages = []
    for index in range(first, len(recording)):
        event = orjson.loads(recording.message(index))["data"]
        if event.get("e") == "depthUpdate":
            messages.append([
                [(int(float(px) * 10), int(float(qty) * 1000)) for px, qty in event[side]]
                for side in ("b", "a")
            ])  # fmt: skip
    bids, asks = SortedDict(), SortedDict()
    count, best = 0, 0
    begun = time.thread_time()
    for rows_bid, rows_ask in messages:
        for side, rows in ((bids, rows_bid), (asks, rows_ask)):
            for px, qty in rows:
                if qty == 0:
                    side.pop(px, None)
                else:
                    side[px] = qty
            count += len(rows)
        best += bids.peekitem(-1)[0] if bids else 0
        best += asks.peekitem(0)[0] if asks else 0
    spent = time.thread_time() - begun
    assert best > 0, "no book was made"
    return count / spent


def run(smoke: bool, runs: int, data: Path | None) -> BenchResult:
    """Level updates a second."""
    source, recording = load(USDM, smoke, data)
    found = survey(recording, RECORDED)
    made = [ours(recording, found) for _ in range(runs)]
    assert len({checksum for *_, checksum in made}) == 1, "the same input gave two books"
    _, levels, records, value = made[0]
    assert levels >= SMOKE_LEVELS_MIN, "nothing was applied"
    peer = [theirs(recording, found.snapshots[0] + 1) for _ in range(1 if smoke else 3)]
    return throughput(
        "book_updates", "level updates/s", [each[1] / each[0] for each in made],
        {"sorted mappings of integers (sortedcontainers)": max(peer)},
        core_map="1 core", wait="busy", checksum=value, aim="≥ 10 M",
        note=f"{source}: {levels:,} level updates in {records:,} records, tickers and trades "
        "among them; no consolidated book: one exchange",
        figures={"records_per_s": round(records / made[0][0])},
    )  # fmt: skip
