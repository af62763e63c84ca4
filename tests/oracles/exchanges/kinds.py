"""What an exchange's module gives to the readers that dispatch by exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oms.venues.reports import MalformedMessageError
from tests.oracles.base import Outcome

Json = Mapping[str, Any]
_VENUES = Path(__file__).resolve().parents[3] / "oms" / "venues"


@dataclass(frozen=True, slots=True)
class CcxtExchange:
    """For folder `ccxt-generated`; each function counts one item's outcome."""

    request: Callable[[Json, Json, Outcome], None]
    """(head of the file: apiKey, secret, milliseconds, uuid; case: call, args, requests)."""
    response: Callable[[Json, Outcome], None]
    """A line of responses.jsonl."""
    error: Callable[[Json, frozenset[str], Outcome], None]
    """(row: table, match, exception; that exception's class and all that it descends from)."""
    finish: Callable[[Outcome], None]
    """Behind the last request: divergences that match nothing are errors."""


@dataclass(frozen=True, slots=True)
class JkorfExchange:
    """For folder `jkorf`; each function counts one line's outcome."""

    rest: Callable[[Json, Outcome], None]
    """name, method, path, signed, body."""
    ws: Callable[[Json, Outcome], None]
    """name, items: list of {dir: send | reply | push, raw}."""


class Quirks:
    """Counts what an exchange says that the product knows nothing to do with; the reason has to
    stand in that exchange's QUIRKS.md, in a row of its own."""

    def __init__(self, exchange: str) -> None:
        self._exchange = exchange
        self._text = (_VENUES / exchange / "QUIRKS.md").read_text(encoding="utf-8")

    def unsupported(self, outcome: Outcome, reason: str) -> None:
        """One item."""
        outcome.unsupported(f"{self._exchange}: {reason}")
        if f"| {reason} |" not in self._text:
            outcome.differ(f"{self._exchange}: '{reason}' has no row in its QUIRKS.md")


def guarded(where: str, outcome: Outcome, judge: Callable[[], None]) -> None:
    """Run a judge of one item: what the product cannot read is a disagreement, what has not the
    material's shape is unread, and so is what the judge compared with nothing."""
    before = _counted(outcome)
    try:
        judge()
    except MalformedMessageError as error:
        outcome.differ(f"{where}: {error}")
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        outcome.skip(f"{where}: not of the material's shape ({type(error).__name__} {error})")
    if _counted(outcome) == before:
        outcome.skip(f"{where}: nothing was compared")


def _counted(outcome: Outcome) -> int:
    aside = (*outcome.unread.values(), *outcome.later.values(), outcome.unsupported_items())
    return outcome.agreed + outcome.disagreed + sum(aside)
