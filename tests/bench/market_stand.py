"""Recorded market data for benches: from outside where it is there, else made here, and said so.

A recording is lines `<receive time, ns> <JSON as received>` of one market (`oms/sim/recording.py`).
`data`/hftbacktest holds some of Binance; a made stream has their shape (how often what comes, how
many levels a diff has) and comes from a seed, so that every machine measures the same bytes.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from oms.sim.market_chain import MarketChain
from oms.sim.recording import RecordedFile, Recording
from oms.venues.binance.recorded import SPOT, USDM
from oms.venues.shared import decode_status_hot as words
from tests.oracles.recorded import recorded_file

SMOKE_MESSAGES = 400
STREAM_MESSAGES = 20_000
START_NS = 1_723_161_255_000_000_000
FILES = {USDM: "usdm_*", SPOT: "spot_*"}
DEPTHS = {USDM: "depth@0ms", SPOT: "depth@100ms"}
DIFFS = 0.07
TICKERS = 0.70
LEVELS = 34


def _sides(mid: int, levels: int, chance: random.Random | None) -> list[str]:
    """Bids and asks as JSON: a ladder, or drawn around the mid."""
    made = []
    for sign in (-1, 1):
        rows = []
        for k in range(1, levels + 1):
            away = k if chance is None else int(1 + chance.expovariate(0.02))
            qty = 1.0 if chance is None else chance.choice((0, 1)) * chance.randrange(1, 9000) / 1e3
            rows.append(f'["{(mid + sign * away) / 10:.2f}","{qty:.3f}"]')
        made.append(",".join(rows))
    return made


def made_stream(messages: int, market: str = USDM, seed: int = 1) -> bytes:
    """Lines in the shape of Binance's: 7 % diffs of 68 levels, 70 % tickers, trades."""
    chance = random.Random(seed)
    usdm = market == USDM
    lines = []
    event_id, mid = 1_000_000, 618_000
    for at in range(messages):
        ms = START_NS // 1_000_000 + at * 7
        stamp = f'"T":{ms},' if usdm else ""
        if at == 1:
            bids, asks = _sides(mid, 1000, None)
            clock = f'"E":{ms},{stamp}' if usdm else ""
            body = f'{{"lastUpdateId":{event_id},{clock}"bids":[{bids}],"asks":[{asks}]}}'
            lines.append(f"{ms * 1_000_000} {body}")
            continue
        draw = chance.random()
        if draw < DIFFS or at == 0:
            previous, event_id = event_id, event_id + 500
            bids, asks = _sides(mid, LEVELS, chance)
            first = previous + 9 if usdm else previous + 1
            chain = f'"U":{first},"u":{event_id},' + (f'"pu":{previous},' if usdm else "")
            event = (
                f'"e":"depthUpdate","E":{ms},{stamp}"s":"BTCUSDT",{chain}"b":[{bids}],"a":[{asks}]'
            )
            stream = DEPTHS[market]
        elif draw < DIFFS + TICKERS:
            kind = f'"e":"bookTicker","u":{event_id + 1},' if usdm else f'"u":{event_id},'
            event = (
                f'{kind}"s":"BTCUSDT","b":"{(mid - 1) / 10:.2f}",'
                f'"B":"2.909","a":"{(mid + 1) / 10:.2f}","A":"1.123"'
            ) + (f',"T":{ms},"E":{ms}' if usdm else "")
            stream = "bookTicker"
        else:
            event = (
                f'"e":"trade","E":{ms},"s":"BTCUSDT","t":{at},"p":"{mid / 10:.2f}",'
                f'"q":"0.006","T":{ms},"m":false' + (',"X":"MARKET"' if usdm else ',"M":true')
            )
            stream = "trade"
        lines.append(f'{ms * 1_000_000} {{"stream":"btcusdt@{stream}","data":{{{event}}}}}')
    return "\n".join(lines).encode() + b"\n"


def load(market: str, smoke: bool, data: Path | None) -> tuple[str, Recording]:
    """What the recording is, and the recording."""
    files = sorted((data / "hftbacktest").glob(FILES[market])) if data else []
    if files and not smoke:
        # One file is one day of one book; the next one begins with a snapshot of its own.
        return f"recorded {files[0].name}", Recording.of([recorded_file(files[0])])
    count = SMOKE_MESSAGES if smoke else STREAM_MESSAGES
    made = RecordedFile("made", made_stream(count, market))
    return "a stream made here by seed, in the recordings' shape", Recording.of([made])


def prepared(market: str, recording: Recording, found: Any) -> tuple[MarketChain, int]:
    """A chain whose book is LIVE, and the index of the first message after the snapshot."""
    snapshot = found.snapshots[0]
    symbol = next(iter(found.instruments))
    now_ns = int(recording.recv_ns[0])
    instruments = list(found.instruments.values())
    chain = MarketChain(market, instruments, now_ns, stale_after_ms=1 << 40)
    for index in range(snapshot):
        chain.message(recording.message(index), int(recording.recv_ns[index]))
    chain.snapshot(symbol, recording.message(snapshot), int(recording.recv_ns[snapshot]))
    return chain, snapshot + 1


def checksum(chain: MarketChain) -> int:
    """Of every level of the first book, order included."""
    value = 0
    for side in (words.BIDS, words.ASKS):
        for px, qty in chain.aggregator.books.top(0, side, 1 << 20):
            value = (value * 1_000_003 + px * 31 + qty) & ((1 << 63) - 1)
    return value
