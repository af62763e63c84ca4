"""A finding of `oms doctor`."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Row:
    """One finding."""

    check: str
    verdict: str
    found: str
    fix: str = ""
