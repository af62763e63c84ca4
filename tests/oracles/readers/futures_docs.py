"""Oracle reader of folder `futures-docs`: what the documents of three futures exchanges print.

`<exchange>.jsonl` holds a message a line (kind, method, path, status, raw); `error_codes.json` the
documented error codes of each. Each exchange has its module (`EXCHANGES`); lines of one that has
none are left for later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.oracles.base import Outcome
from tests.oracles.exchanges.hooks import Hooks
from tests.oracles.exchanges.kinds import guarded
from tests.oracles.exchanges.rows import FUTURES

EXCHANGES: Mapping[str, Hooks] = FUTURES


class FuturesDocsReader:
    """Dispatches by exchange."""

    folder = "futures-docs"
    patterns = ("*.jsonl", "error_codes.json")

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".json":
                _codes(json.loads(text), outcome)
                continue
            lines = [line for line in text.splitlines() if line.strip()]
            outcome.items += len(lines)
            hooks = EXCHANGES.get(path.stem)
            if hooks is None:
                outcome.leave(path.name, len(lines))
                continue
            for number, line in enumerate(lines, 1):
                made = partial(hooks.document, json.loads(line), outcome)
                guarded(f"{path.name}:{number}", outcome, made)
            hooks.finish_documents(outcome)
        return outcome


def _codes(found: Mapping[str, Sequence[Mapping[str, object]]], outcome: Outcome) -> None:
    for name, rows in found.items():
        outcome.items += len(rows)
        hooks = EXCHANGES.get(name)
        if hooks is None:
            outcome.leave(f"{name} error codes", len(rows))
            continue
        for row in rows:
            made = partial(hooks.module.judge_code, row, outcome)
            guarded(f"{name} error {row.get('code')}", outcome, made)
