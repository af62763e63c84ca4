"""Oracle reader of folder `jkorf`: request and reply samples of the exchanges' C# clients.

`<exchange>_rest.jsonl` has a reply a line, `<exchange>_ws.jsonl` an exchange of frames a line. Each
exchange has its module (`EXCHANGES`); files of an exchange that has none are left for later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracles.base import Outcome

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JkorfExchange:
    """What one exchange's module gives; each function counts one line's outcome."""

    rest: Callable[[Json, Outcome], None]
    """name, method, path, signed, body."""
    ws: Callable[[Json, Outcome], None]
    """name, items: list of {dir: send | reply | push, raw}."""


EXCHANGES: dict[str, JkorfExchange] = {}


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
                judge(line, outcome)
        return outcome
