"""Oracle reader of folder `korean-exchange-docs`: what three exchanges' documents print.

Lines are {kind, raw} or {exchange, kind, method, path, status, raw, source} or {dir, note, msg};
the file's name begins with the exchange. Each exchange has its module (`EXCHANGES`); lines of one
that has none are left for later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.oracles.base import Outcome
from tests.oracles.exchanges import bithumb, coinone, upbit
from tests.oracles.exchanges.kinds import Json, guarded

EXCHANGES: dict[str, Callable[[str, Json, Outcome], None]] = {
    "bithumb": bithumb.document,
    "coinone": coinone.document,
    "upbit": upbit.document,
}
"""Exchange -> judge of (where, line)."""
FINISH: tuple[Callable[[Outcome], None], ...] = (
    bithumb.PAGES.pages.finish,
    coinone.PAGE_DIVERGENCES.finish,
    upbit.PAGES.pages.finish,
)


class KoreanExchangeDocsReader:
    """Dispatches by exchange."""

    folder = "korean-exchange-docs"
    patterns = ("*.jsonl",)

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            name = path.name.partition(".")[0].partition("_")[0]
            judge = EXCHANGES.get(name)
            lines = path.read_text(encoding="utf-8").splitlines()
            outcome.items += len(lines)
            if judge is None:
                outcome.leave(path.name, len(lines))
                continue
            for number, line in enumerate(lines, 1):
                where = f"{path.name}:{number}"
                guarded(where, outcome, partial(judge, where, json.loads(line), outcome))
        for finish in FINISH:
            finish(outcome)
        return outcome
