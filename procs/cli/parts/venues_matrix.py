"""The conformance cases against every market that is written: a page, and the same for a program.

Rows are cases, columns markets. What stands in a cell follows from the market's own facts
(`oms/venues/conformance.py`); the lacks stand below in words, because nine columns leave none for
them.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

from oms.venues.conformance import CASES, Case, Stand, lack, stand
from oms.venues.data import OrderMarket
from oms.venues.registry import known_markets, traded_markets
from procs.cli.parts.page import WIDTH, table

LEGEND = (
    "yes: held by tests of the whole desk · lack: the market has no such thing",
    "open: a known defect · typed: written after the documents, not traded yet",
)


def lines(markets: Mapping[str, OrderMarket] | None = None, width: int = WIDTH) -> list[str]:
    """The page, no line longer than `width` columns."""
    found = known_markets() if markets is None else markets
    names = list(found)
    exchanges = ["case", *(name.partition(".")[0] for name in names)]
    kinds = [" ", *(name.partition(".")[2] for name in names)]
    rows = [
        kinds, *([one.name, *(_stand(one, name, found).value for name in names)] for one in CASES)
    ]  # fmt: skip
    made = table(exchanges, rows, left=range(len(exchanges)))
    made += ["", *(part for line in LEGEND for part in textwrap.wrap(line, width)), ""]
    for one in CASES:
        made += _words(one, found, width)
    return made


def _stand(one: Case, name: str, markets: Mapping[str, OrderMarket]) -> Stand:
    return stand(one, markets[name], traded=name in traded_markets())


def _words(one: Case, markets: Mapping[str, OrderMarket], width: int) -> list[str]:
    """A case in words: its title, who lacks what, what is open."""
    begin = f"{one.name}  "
    made = textwrap.wrap(begin + one.title, width, subsequent_indent=" " * len(begin))
    without = [name for name, market in markets.items() if lack(one, market)]
    if without:
        assert one.need is not None
        who = ", ".join(without) if len(without) < len(markets) else "all"
        text = f"{' ' * len(begin)}lack ({one.need.lack}): {who}"
        made += textwrap.wrap(text, width, subsequent_indent=" " * len(begin))
    if one.open:
        text = f"{' ' * len(begin)}open: {one.open}"
        made += textwrap.wrap(text, width, subsequent_indent=" " * len(begin))
    return made


def as_json(markets: Mapping[str, OrderMarket] | None = None) -> dict[str, Any]:
    """The same: markets, cases with a cell for each, and how many of each there are."""
    found = known_markets() if markets is None else markets
    cells = {one.name: {name: _stand(one, name, found).value for name in found} for one in CASES}
    return {
        "markets": [{"name": name, "traded": name in traded_markets()} for name in found],
        "cases": [
            {
                "case": one.name,
                "title": one.title,
                "open": one.open,
                "markets": {
                    name: {"stand": cells[one.name][name], "lack": lack(one, market)}
                    for name, market in found.items()
                },
            }
            for one in CASES
        ],
        "counts": {
            name: dict(Counter(row[name] for row in cells.values())) for name in found
        },
    }  # fmt: skip
