"""Oracle reader of folder `jkorf`: request and reply samples of the exchanges' C# clients.

`<exchange>_rest.jsonl` has a reply a line, `<exchange>_ws.jsonl` an exchange of frames a line. Each
exchange has its module (`EXCHANGES`); files of an exchange that has none are left for later.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.oracles.base import Outcome
from tests.oracles.exchanges import rows, upbit
from tests.oracles.exchanges.kinds import JkorfExchange, guarded

EXCHANGES: dict[str, JkorfExchange] = {
    **rows.JKORF,
    "upbit": upbit.JKORF,
}


class JkorfReader:
    """Dispatches by exchange."""

    folder = "jkorf"
    patterns = ("*_rest.jsonl", "*_ws.jsonl")

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome()
        for path in files:
            name, _, kind = path.stem.rpartition("_")
            lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            outcome.items += len(lines)
            exchange = EXCHANGES.get(name)
            if exchange is None:
                outcome.leave(path.name, len(lines))
                continue
            judge = exchange.rest if kind == "rest" else exchange.ws
            for line in lines:
                guarded(f"{name} {line.get('name')}", outcome, partial(judge, line, outcome))
        return outcome
