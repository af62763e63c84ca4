"""Oracle reader of folder `binance-spot-docs`: what the documents of Binance spot print.

`json_examples.jsonl` holds an example a line (doc, section, raw), `error_codes.json` the documented
error codes. An example does not say what it is: its fields do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.oracles.base import Outcome
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import binance_spot as spot
from tests.oracles.exchanges import matching as m
from tests.oracles.exchanges.kinds import guarded

_FRAMES = tuple(
    frozenset(names.split())
    for names in ("event", "e", "stream", "u b a", "id status", "id result")
)
"""Fields of what comes by a socket."""


class BinanceSpotDocsReader:
    """REST and WebSocket, market data and trade."""

    folder = "binance-spot-docs"
    patterns = ("*.jsonl", "error_codes.json")

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome, rules = Outcome(), Divergences("binance_documents")
        for path in files:
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".json":
                rows = json.loads(text)
                outcome.items += len(rows)
                for row in rows:
                    judge = partial(spot.judge_code, row, outcome)
                    guarded(f"binance error {row.get('code')}", outcome, judge)
                continue
            lines = [line for line in text.splitlines() if line.strip()]
            outcome.items += len(lines)
            for number, line in enumerate(lines, 1):
                made = partial(example, json.loads(line), rules, outcome)
                guarded(f"{path.name}:{number}", outcome, made)
        rules.finish(outcome)
        return outcome


def example(line: Mapping[str, str], rules: Divergences, outcome: Outcome) -> None:
    """One example of a page."""
    raw = line["raw"]
    where = f"binance {line.get('doc')} {line.get('section', '')[-60:]}"
    message = json.loads(raw)
    with m.one(outcome) as found:
        if not isinstance(message, dict):
            spot.judge_reply(where, "GET", "", 200, raw, found)
        elif "method" in message:
            spot.judge_sent(where, raw, rules, found)
        elif _is_frame(message):
            spot.judge_push(where, raw, found)
        else:
            spot.judge_reply(where, "GET", "", 200, raw, found)


def _is_frame(message: Mapping[str, object]) -> bool:
    return any(names <= message.keys() for names in _FRAMES)
