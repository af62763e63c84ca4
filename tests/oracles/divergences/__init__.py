"""Where our requests part from a client library's or a page's, on purpose: `<exchange>.toml`.

Each entry names the calls, the field ("method" and "path" among them), what stands there on either
side ("" = nothing, "*" = anything), why, and the document. An entry whose field was compared in one
of its calls and that matched nothing is stale, which is a disagreement; of a field that neither
side had, a part of the material says nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oracles.base import Outcome

_FOLDER = Path(__file__).parent
_FIELDS = {"calls", "field", "ours", "theirs", "reason", "document"}


@dataclass(frozen=True, slots=True)
class Divergence:
    """One entry."""

    calls: tuple[str, ...]
    field: str
    ours: str
    theirs: str
    reason: str
    document: str

    def holds(self, call: str, field: str, ours: str, theirs: str) -> bool:
        """Whether it explains this difference."""
        return (
            call in self.calls
            and field == self.field
            and self.ours in {"*", ours}
            and self.theirs in {"*", theirs}
        )


class Divergences:
    """The entries of one exchange, and which of them were needed."""

    def __init__(self, exchange: str) -> None:
        text = (_FOLDER / f"{exchange}.toml").read_text(encoding="utf-8")
        self._exchange = exchange
        self._entries = [_entry(one) for one in tomllib.loads(text)["divergence"]]
        self._used: set[Divergence] = set()
        self._compared: set[tuple[str, str]] = set()

    def compare(
        self, where: str, call: str, ours: Mapping[str, str], theirs: Mapping[str, str],
        outcome: Outcome,
    ) -> None:  # fmt: skip
        """One request: agreed where every difference has its entry."""
        names = sorted(ours.keys() | theirs.keys())
        self._compared.update((call, name) for name in names)
        for name in names:
            here, there = ours.get(name, ""), theirs.get(name, "")
            if here == there:
                continue
            found = [one for one in self._entries if one.holds(call, name, here, there)]
            if not found:
                outcome.differ(f"{where}: {name} is {here!r} here, {there!r} there")
                return
            self._used.update(found)
        outcome.agreed += 1

    def finish(self, outcome: Outcome) -> None:
        """Entries that were never needed, though their field was compared in one of their calls."""
        for one in self._entries:
            if one not in self._used and any((c, one.field) in self._compared for c in one.calls):
                outcome.differ(f"{self._exchange}.toml: {one.field} of {one.calls} is stale")


def _entry(given: Mapping[str, Any]) -> Divergence:
    assert given.keys() == _FIELDS, f"{given}: an entry has {sorted(_FIELDS)}"
    assert given["reason"], "an entry has a reason"
    assert given["document"], "an entry has a document"
    return Divergence(tuple(given["calls"]), *(given[name] for name in (
        "field", "ours", "theirs", "reason", "document")))  # fmt: skip
