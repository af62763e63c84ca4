"""A list of pairs that is told in two kinds of calls: first all names, then their present ticks for
so many names a call (`values` "codes"). Both kinds of answers are `Listed` rows: the first without
a tick, the second with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from oms.venues.reports import Ask, Listed, Reply

_CODES = "codes"


def codes_of(ask: Ask) -> str:
    """The pairs whose ticks are asked for, by comma; "" = all names are asked for."""
    return str(ask.values.get(_CODES, ""))


def follow(ask: Ask, reply: Reply, at_once: int) -> list[Ask]:
    """Behind the names: their ticks, `at_once` in a call; what is left out needs none."""
    if codes_of(ask):
        return []
    names = [row.symbol for row in reply.rows if isinstance(row, Listed) and not row.left_out]
    return [
        replace(ask, values={_CODES: ",".join(names[at : at + at_once])})
        for at in range(0, len(names), at_once)
    ]


def listed(replies: Sequence[Reply]) -> list[Listed]:
    """Names with their ticks; a traded pair whose tick was not told is left out."""
    found = [row for reply in replies for row in reply.rows if isinstance(row, Listed)]
    ticks = {row.symbol: row.tick for row in found if row.tick}
    made = []
    for row in found:
        if row.tick:
            continue
        tick = ticks.get(row.symbol, "")
        unknown = "" if tick or row.left_out else "its present tick is not known"
        made.append(replace(row, tick=tick, left_out=row.left_out or unknown))
    return made
