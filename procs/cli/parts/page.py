"""Pages of text: tables that fit 80 columns, bars, and a picture that is drawn again in place."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from decimal import Decimal

from oms.units import NS_PER_MS

WIDTH = 80
_BAR = "█"
_CLEAR = "\x1b[H\x1b[J"
_COUNT_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_PLAIN_COUNT_MAX = 10_000
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"))


def cell(value: object) -> str:
    """A value as a table shows it: exact decimals, "-" for what is not there."""
    if value is None or value == "":
        return "-"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def age(ns: int) -> str:
    """`250ms`, `3s`, `2m`, `5h`, `1d`."""
    ms = max(ns, 0) // NS_PER_MS
    for unit_ms, name in _UNITS:
        if ms >= unit_ms:
            return f"{ms // unit_ms}{name}"
    return f"{ms}ms"


def count(value: int) -> str:
    """A count in at most six characters: 9999, 12.3k, 4.56M."""
    if value < _PLAIN_COUNT_MAX:
        return str(value)
    unit, name = next(row for row in _COUNT_UNITS if value >= row[0])
    scaled = value / unit
    places = 0 if scaled >= 100 else 1 if scaled >= 10 else 2
    return f"{scaled:.{places}f}{name}"


def table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], left: Sequence[int] = (0,)
) -> list[str]:
    """Lines with columns as wide as what stands in them; `left` names those set to the left."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [
        max(len(header), *(len(row[i]) for row in cells)) if cells else len(header)
        for i, header in enumerate(headers)
    ]

    def line(row: Sequence[str]) -> str:
        return " ".join(
            text.ljust(width) if i in left else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

    return [line(headers), *(line(row) for row in cells)]


def width() -> int:
    """Columns of this terminal; 80 where there is none."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def height() -> int:
    """Lines of this terminal."""
    return shutil.get_terminal_size((WIDTH, 24)).lines


def show(lines: Sequence[str]) -> None:
    """Print; a terminal that is narrower cuts lines instead of breaking them."""
    narrow = width() if sys.stdout.isatty() else None
    for line in lines:
        print(line if narrow is None else line[:narrow])


def redraw(lines: Sequence[str]) -> None:
    """The lines in the place of the last ones, at most as many as the terminal has."""
    shown = [line[: width()] for line in lines[: height() - 1]]
    sys.stdout.write(_CLEAR + "\n".join(shown) + "\n")
    sys.stdout.flush()


def bar(begin: float, end: float, whole: float, columns: int) -> str:
    """A piece of a line from `begin` to `end` of `whole`, at least one mark where it has length."""
    if whole <= 0:
        return ""
    first = min(int(begin * columns / whole), columns - 1)
    marks = max(round(end * columns / whole) - first, 1 if end > begin else 0)
    return " " * first + _BAR * min(marks, columns - first)
