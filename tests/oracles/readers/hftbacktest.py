"""Recorded Binance streams: our book against the exchange's own bookTicker.

Compared is each diff that arrives while our book is LIVE and that has an earlier bookTicker to be
held against (see `BboOracle`). In the first spot file those are 3,448 of 3,451: two diffs come
before any bookTicker that they reach, and the third comes before the snapshot. A gap in the chain
is a disagreement, too: the recordings have none. Runs the production feed and aggregator.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from oms.sim.market_chain import MarketChain
from oms.sim.recording import (
    BboOracle,
    RecordedFile,
    Recording,
    group_by_market,
    survey,
    ticker_of,
)
from oms.venues.registry import market_data
from tests.oracles.base import Outcome


class HftbacktestReader:
    folder = "hftbacktest"
    patterns = ("*.jsonl.gz", "*.jsonl")

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        given = [RecordedFile(path.name, path.read_bytes()) for path in files]
        for market, members in sorted(group_by_market(given).items()):
            compare_recording(market, Recording.of(members), outcome)
        return outcome


def compare_recording(market: str, recording: Recording, outcome: Outcome) -> MarketChain:
    """Drive one recording through feed and aggregator; adds what came of it to `outcome`."""
    found = survey(recording)
    outcome.items += len(recording) + len(recording.bad)
    for line in recording.bad:
        outcome.skip(f"{line.file}: {line.reason}")
    for reason, count in found.unread.items():
        outcome.skip(f"{market}: {reason}", count)
    instruments = list(found.instruments.values())
    rows = {made.symbol: row for row, made in enumerate(instruments)}
    rule = market_data(market).spec.book_rule
    oracles = [BboOracle(rule) for _ in instruments]
    chain = MarketChain(market, instruments, int(recording.recv_ns[0]))
    snapshots = set(found.snapshots)
    for index, (recv_ns, data) in enumerate(recording.messages()):
        if index in snapshots:
            symbol = found.symbol_of_file.get(int(recording.file_of[index]), "")
            chain.snapshot(symbol, data, recv_ns)
            continue
        chain.message(data, recv_ns)
        try:
            event = orjson.loads(data).get("data", {})
        except orjson.JSONDecodeError:
            continue
        row = rows.get(event.get("s", ""), -1)
        if row < 0:
            continue
        ticker = ticker_of(event, instruments[row].px_scale, instruments[row].qty_scale)
        if ticker is not None:
            oracles[row].on_ticker(ticker)
        elif event.get("e") == "depthUpdate":
            oracles[row].on_diff(event["u"], chain.best(row))
    _add(market, chain, oracles, outcome)
    return chain


def _add(market: str, chain: MarketChain, oracles: Sequence[BboOracle], outcome: Outcome) -> None:
    counters = chain.counters()
    for oracle in oracles:
        oracle.finish()
    outcome.agreed += sum(oracle.agreed for oracle in oracles)
    for oracle in oracles:
        outcome.disagreed += oracle.disagreed
        outcome.differences += oracle.differences
    for name in ("gaps", "malformed"):
        for _ in range(counters[name]):
            outcome.differ(f"{market}: {name} in a recording that has none")
    if counters["snapshots"] == 0:
        outcome.skip(f"{market}: no snapshot, so no book", counters["messages"])
    compared = sum(oracle.compared for oracle in oracles)
    outcome.notes[market] = {
        "compared": compared,
        "levels_from_tickers": chain.aggregator.filled_levels(),
        **counters,
    }
