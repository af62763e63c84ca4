"""Recorded Binance streams: our book against the exchange's own bookTicker.

Compared is each diff that arrives while our book is LIVE and that has an earlier bookTicker to be
held against (see `BboOracle`). In the first spot file those are 3,448 of 3,451: two diffs come
before any bookTicker that they reach, and the third comes before the snapshot. A gap in the chain
is a disagreement, too: the recordings have none. Runs the production feed and aggregator.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oms.sim.market_chain import MarketChain
from oms.sim.recording import (
    BboOracle,
    Recording,
    group_by_market,
    survey,
    ticker_of,
)
from oms.venues.binance.recorded import RECORDED
from oms.venues.recorded import Recorded
from oms.venues.registry import market_data
from tests.oracles.base import Outcome
from tests.oracles.recorded import recorded_file


class HftbacktestReader:
    folder = "hftbacktest"
    patterns = ("*.jsonl.gz", "*.jsonl")

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        given = [recorded_file(path) for path in files]
        for market, members in sorted(group_by_market(given, RECORDED).items()):
            compare_recording(market, Recording.of(members), outcome)
        return outcome


def compare_recording(market: str, recording: Recording, outcome: Outcome) -> MarketChain:
    """Drive one recording through feed and aggregator; adds what came of it to `outcome`."""
    found = survey(recording, RECORDED)
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
        seen = RECORDED.see(data)
        row = -1 if seen is None else rows.get(seen.symbol, -1)
        if seen is None or row < 0:
            continue
        if best := RECORDED.best(seen):
            scales = instruments[row].px_scale, instruments[row].qty_scale
            oracles[row].on_ticker(ticker_of(best, *scales))
        elif seen.kind is Recorded.DIFF:
            oracles[row].on_diff(seen.event["u"], chain.best(row))
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
