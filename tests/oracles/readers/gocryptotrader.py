"""Oracle reader of folder `gocryptotrader`: single messages out of that bot's tests.

`<exchange>_messages.jsonl` and `<exchange>_ws*.jsonl` hold a message a line, `<exchange>_http` REST
traffic. Each exchange has its judge (`EXCHANGES`); files of an exchange that has none are left for
later.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.oracles.base import Outcome
from tests.oracles.exchanges import bithumb, rows
from tests.oracles.exchanges.kinds import Json, guarded

EXCHANGES: dict[str, Callable[[str, Json, Outcome], None]] = {
    **rows.MESSAGES,
    "bithumb": bithumb.gocryptotrader,
}
"""Exchange -> judge of (file's name without ending, line)."""


class GocryptotraderReader:
    """Dispatches by exchange."""

    folder = "gocryptotrader"
    patterns = ("*.jsonl", "*.jsonl.gz", "*.csv.gz")

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
            lines = [line for line in text.splitlines() if line.strip()]
            outcome.items += len(lines)
            judge = EXCHANGES.get(path.name.partition("_")[0])
            if judge is None or ".csv" in path.suffixes:
                outcome.leave(path.name, len(lines))
                continue
            for line in lines:
                made = partial(judge, path.name.partition(".")[0], json.loads(line), outcome)
                guarded(path.name, outcome, made)
        return outcome
