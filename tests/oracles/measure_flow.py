"""Measure the recorded minutes, and print them beside the bands and the synthetic flow.

Run: python -m tests.oracles.measure_flow DATA_DIR; the values of the first column stand in
`oms/exchange/flow_bands.py`. DATA_DIR holds hftbacktest/spot_*.jsonl.gz (data/README.md).
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from oms.exchange.flow_bands import BANDS
from tests.oracles.market_stats import Tape, depth_within, statistics

TICK = 0.01
DEPTH_EVERY_DIFFS = 10


def _apply(book: list[dict[float, float]], event: dict[str, Any]) -> None:
    for side, name in zip(book, ("b", "a"), strict=True):
        for px, qty in event[name]:
            if float(qty) == 0:
                side.pop(float(px), None)
            else:
                side[float(px)] = float(qty)


def recorded_tape(paths: list[Path]) -> Tape:
    """One tape of several files in time order; the book starts at the snapshot."""
    tape = Tape()
    book: list[dict[float, float]] = [{}, {}]
    waiting: list[dict[str, Any]] | None = []
    diffs = 0
    for path in paths:
        with gzip.open(path, "rt") as file:
            text_lines = file.readlines()
        for line in text_lines:
            received, _, text = line.partition(" ")
            message = json.loads(text)
            if "lastUpdateId" in message:
                _apply(book, {"b": message["bids"], "a": message["asks"]})
                for event in waiting or []:
                    if event["u"] > message["lastUpdateId"]:
                        _apply(book, event)
                waiting = None
                continue
            data = message["data"]
            if "A" in data and "b" in data:
                bid, ask = round(float(data["b"]) / TICK), round(float(data["a"]) / TICK)
                tape.tickers.append((int(received), bid, float(data["B"]), ask, float(data["A"])))
            elif data["e"] == "trade":
                tape.trades.append((data["T"], -1 if data["m"] else 1))
            elif waiting is not None:
                waiting.append(data)
            else:
                _apply(book, data)
                diffs += 1
                if diffs % DEPTH_EVERY_DIFFS == 0:
                    bids, asks = list(book[0].items()), list(book[1].items())
                    mid = (max(book[0]) + min(book[1])) / 2
                    tape.depths.append(
                        (
                            depth_within(bids, mid, 1),
                            depth_within(asks, mid, 1),
                            depth_within(bids, mid, 5),
                            depth_within(asks, mid, 5),
                        )
                    )
    return tape


def main() -> None:
    from tests.oms.exchange.test_flow import synthetic_tape

    paths = sorted((Path(sys.argv[1]) / "hftbacktest").glob("spot_btcusdt_*.jsonl.gz"))
    recorded = statistics(recorded_tape(paths))
    seeds = (1, 2, 3)
    synthetic = [statistics(synthetic_tape(seed, seconds=300)) for seed in seeds]
    print(f"{'':32}{'recorded':>10}{'low':>8}{'high':>8}  synthetic, seeds {seeds}")
    for name, band in BANDS.items():
        values = [figures[name] for figures in synthetic]
        good = all(band.low <= value <= band.high for value in values)
        shown = "".join(f"{value:10.3f}" for value in values)
        print(
            f"{name:32}{recorded[name]:10.3f}{band.low:8.2f}{band.high:8.2f}{shown}"
            f"{'' if good else '   OUTSIDE'}"
        )


if __name__ == "__main__":
    main()
