"""Oracle reader of folder `ccxt-generated`: what a client library sends and understands.

`requests/<exchange>.json` holds for fixed keys, clock and uuid the requests of each unified call;
`responses.jsonl` replies with what the library made of them; `error_map.json` an exchange's error
words with the class of the library's exception. Each exchange has its module (`EXCHANGES`); items
of an exchange that has none are left for later.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.oracles.base import Outcome
from tests.oracles.exchanges import bithumb, coinone, rows, upbit
from tests.oracles.exchanges.kinds import CcxtExchange, Json, guarded

EXCHANGES: dict[str, CcxtExchange] = {
    **rows.CCXT,
    "bithumb": bithumb.CCXT,
    "coinone": coinone.CCXT,
    "upbit": upbit.CCXT,
}


class CcxtGeneratedReader:
    """Dispatches by exchange."""

    folder = "ccxt-generated"
    patterns = ("*.json", "responses.jsonl")

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            text = path.read_text(encoding="utf-8")
            if path.name == "error_map.json":
                _errors(json.loads(text), outcome)
            elif path.suffix == ".jsonl":
                for line in filter(str.strip, text.splitlines()):
                    _response(json.loads(line), outcome)
            else:
                _requests(json.loads(text), outcome)
        return outcome


def _requests(head: Json, outcome: Outcome) -> None:
    name = head["exchange"]
    outcome.items += len(head["cases"])
    exchange = EXCHANGES.get(name)
    if exchange is None:
        outcome.leave(f"{name} requests", len(head["cases"]))
        return
    for case in head["cases"]:
        where = f"{name} {case['call']} {case['args']}"
        guarded(where, outcome, partial(exchange.request, head, case, outcome))
    exchange.finish(outcome)


def _response(line: Json, outcome: Outcome) -> None:
    outcome.items += 1
    exchange = EXCHANGES.get(line["exchange"])
    if exchange is None:
        outcome.leave(f"{line['exchange']} responses")
    else:
        where = f"{line['exchange']} {line['call']}"
        guarded(where, outcome, partial(exchange.response, line, outcome))


def _errors(found: Json, outcome: Outcome) -> None:
    for name, words in found["errors"].items():
        outcome.items += len(words)
        exchange = EXCHANGES.get(name)
        if exchange is None:
            outcome.leave(f"{name} errors", len(words))
            continue
        for row in words:
            made = row["exception"]
            classes = frozenset({made, *found["hierarchy"].get(made, ())})
            where = f"{name} error {row['match']!r}"
            guarded(where, outcome, partial(exchange.error, row, classes, outcome))
