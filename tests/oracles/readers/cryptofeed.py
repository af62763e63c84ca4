"""Oracle reader of folder `cryptofeed`: recordings of public feeds and the listings of that day.

Each exchange has its judge of recorded lines (`EXCHANGES`); files of an exchange that has none are
left for later.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.oracles.base import Outcome
from tests.oracles.exchanges import bithumb, upbit
from tests.oracles.exchanges.kinds import Json, guarded

EXCHANGES: dict[str, Callable[[str, Sequence[Json], Outcome], None]] = {
    "bithumb": bithumb.cryptofeed,
    "upbit": upbit.cryptofeed,
}
"""Exchange -> judge of (file's name without ending, its lines: kind, ts, url, raw)."""


class CryptofeedReader:
    """Dispatches by exchange."""

    folder = "cryptofeed"
    patterns = ("*.jsonl.gz",)

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            text = gzip.decompress(path.read_bytes()).decode()
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
            outcome.items += len(lines)
            judge = EXCHANGES.get(path.name.partition("_")[0])
            if judge is None:
                outcome.leave(path.name, len(lines))
                continue
            made = partial(judge, path.name.partition(".")[0], lines, outcome)
            guarded(path.name, outcome, made)
        return outcome
