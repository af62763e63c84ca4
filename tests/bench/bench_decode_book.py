"""How many recorded messages a second one core takes from JSON bytes into the book.

Ours: bytes -> md ring -> books and top of book, by the kernels of the feed and the aggregator.
Peers, in the same run, on the same messages: orjson + float + dict, and orjson + Decimal + dict,
which is cryptofeed's parsing without its sorted book (so a floor of its cost). Times are CPU time
of the one thread. Data: the USD-M files under `data`/hftbacktest, else a made stream of that shape.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from oms.book import aggregate_out_hot
from oms.sim import batch_hot
from oms.sim.market_chain import MarketChain
from oms.sim.recording import RecordedFile, Recording, survey
from oms.venues import decode_status_hot as words
from shm_layout.jit import read_only
from tests.oracles.recorded import recorded_file

NAME = "decode_book"
RUNS = 5
SMOKE_RUNS = 1
SMOKE_MESSAGES = 400
STREAM_MESSAGES = 20_000
START_NS = 1_723_161_255_000_000_000


def made_stream(messages: int, seed: int = 1) -> bytes:
    """Lines in the shape of the USD-M recording: 7 % diffs of 68 levels, 70 % tickers, trades."""
    chance = random.Random(seed)
    lines = []
    event_id = 1_000_000
    mid = 618_000
    for at in range(messages):
        ms = START_NS // 1_000_000 + at * 7
        if at == 1:
            sides = [
                ",".join(f'["{(mid + sign * k) / 10:.2f}","1.000"]' for k in range(1, 1001))
                for sign in (-1, 1)
            ]
            body = (
                f'{{"lastUpdateId":{event_id},"E":{ms},"T":{ms},'
                f'"bids":[{sides[0]}],"asks":[{sides[1]}]}}'
            )
            lines.append(f"{ms * 1_000_000} {body}")
            continue
        draw = chance.random()
        if draw < 0.07 or at == 0:
            previous, event_id = event_id, event_id + 500
            sides = [
                ",".join(
                    f'["{(mid + sign * int(1 + chance.expovariate(0.02))) / 10:.2f}",'
                    f'"{chance.choice((0, 1)) * chance.randrange(1, 9000) / 1000:.3f}"]'
                    for _ in range(34)
                )
                for sign in (-1, 1)
            ]
            event = (
                f'"e":"depthUpdate","E":{ms},"T":{ms},"s":"BTCUSDT","U":{previous + 9},'
                f'"u":{event_id},"pu":{previous},"b":[{sides[0]}],"a":[{sides[1]}]'
            )
            stream = "depth@0ms"
        elif draw < 0.77:
            event = (
                f'"e":"bookTicker","u":{event_id + 1},"s":"BTCUSDT","b":"{(mid - 1) / 10:.2f}",'
                f'"B":"2.909","a":"{(mid + 1) / 10:.2f}","A":"1.123","T":{ms},"E":{ms}'
            )
            stream = "bookTicker"
        else:
            event = (
                f'"e":"trade","E":{ms},"T":{ms},"s":"BTCUSDT","t":{at},"p":"{mid / 10:.2f}",'
                '"q":"0.006","X":"MARKET","m":false'
            )
            stream = "trade"
        lines.append(f'{ms * 1_000_000} {{"stream":"btcusdt@{stream}","data":{{{event}}}}}')
    return "\n".join(lines).encode() + b"\n"


def load(smoke: bool, data: Path | None) -> tuple[str, Recording]:
    """The recording and what it is."""
    files = sorted((data / "hftbacktest").glob("usdm_*")) if data else []
    if files and not smoke:
        given = [recorded_file(path) for path in files]
        return "recorded " + ", ".join(path.name for path in files), Recording.of(given)
    count = SMOKE_MESSAGES if smoke else STREAM_MESSAGES
    return "made stream", Recording.of([RecordedFile("made", made_stream(count))])


def _prepared(recording: Recording, found: Any) -> tuple[MarketChain, int]:
    """A chain whose book is LIVE, and the index of the first message after the snapshot."""
    snapshot = found.snapshots[0]
    symbol = next(iter(found.instruments))
    now_ns = int(recording.recv_ns[0])
    instruments = list(found.instruments.values())
    chain = MarketChain("binance.usdm", instruments, now_ns, stale_after_ms=1 << 40)
    for index in range(snapshot):
        chain.message(recording.message(index), int(recording.recv_ns[index]))
    chain.snapshot(symbol, recording.message(snapshot), int(recording.recv_ns[snapshot]))
    return chain, snapshot + 1


def ours(recording: Recording, found: Any) -> tuple[float, dict[str, int]]:
    """Seconds for the messages after the snapshot, and what came of them."""
    chain, first = _prepared(recording, found)
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


def checksum(chain: MarketChain) -> int:
    """Of every level of the first book, order included."""
    value = 0
    for side in (words.BIDS, words.ASKS):
        for px, qty in chain.aggregator.books.top(0, side, 1 << 20):
            value = (value * 1_000_003 + px * 31 + qty) & ((1 << 63) - 1)
    return value


def peer(recording: Recording, first: int, number: Callable[[str], Any]) -> tuple[float, int]:
    """Seconds and levels: orjson, `number` for each price and quantity, two dicts."""
    frames = [recording.message(index) for index in range(first, len(recording))]
    bids: dict[Any, Any] = {}
    asks: dict[Any, Any] = {}
    zero = number("0")
    levels = 0
    begun = time.thread_time()
    for frame in frames:
        event = orjson.loads(frame)["data"]
        kind = event["e"]
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


def run(smoke: bool, data: Path | None) -> dict[str, Any]:
    """The bench's figures; `smoke` runs it once on a few hundred messages."""
    source, recording = load(smoke, data)
    found = survey(recording)
    runs = SMOKE_RUNS if smoke else RUNS
    seconds = []
    checksums = set()
    made: dict[str, int] = {}
    for _ in range(runs):
        taken, made = ours(recording, found)
        seconds.append(taken)
        checksums.add(made["checksum"])
    assert len(checksums) == 1, "the same input gave two books"
    assert made["gaps"] == 0, "a gap in the stream"
    first = found.snapshots[0] + 1
    count = len(recording) - first
    floats = min(peer(recording, first, float)[0] for _ in range(runs))
    decimals, levels = peer(recording, first, Decimal)
    rate = count / statistics.median(seconds)
    return {
        "bench": NAME,
        "question": "messages/s from recorded JSON through the md ring into the book, one core",
        "source": source,
        "messages": count,
        "level_updates": levels,
        "runs": runs,
        "messages_per_s": round(rate),
        "messages_per_s_min": round(count / max(seconds)),
        "messages_per_s_max": round(count / min(seconds)),
        "level_updates_per_s": round(levels / statistics.median(seconds)),
        "ns_per_message_p50": round(statistics.median(seconds) / count * 1e9),
        "ns_per_message_max": round(max(seconds) / count * 1e9),
        "ring_records": made["records"],
        "checksum": made["checksum"],
        "target_messages_per_s": 1_000_000,
        "peers": {
            "orjson_float_dict": round(count / floats),
            "orjson_decimal_dict": round(count / decimals),
        },
        "ratio_to_float_dict": round(rate * floats / count, 2),
        "ratio_to_decimal_dict": round(rate * decimals / count, 2),
    }
