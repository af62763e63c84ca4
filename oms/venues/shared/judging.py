"""What an item proves, out of a table of an exchange's codes: one rule for those that number them.

An exchange's `errors.py` lists its codes by what they prove. What is not listed proves nothing of
a request that acts: it may have been done, so the order is asked for (DESIGN.md law 8). A question
that was answered by an unlisted code is refused; nothing hangs on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from oms.venues.data import Proof
from oms.venues.reports import Ask, Item, Judgement, Pause, Verdict, Want
from shm_layout.enums import RejectReason

HTTP_SERVER_ERROR = 500
ACTS = frozenset(
    {
        Want.PLACE, Want.CANCEL, Want.CANCEL_ALL, Want.AMEND, Want.REPLACE, Want.SET_ACCOUNT,
        Want.DEAD_MAN,
    }
)  # fmt: skip
"""What changes something at the exchange."""
_ENDS = frozenset({Want.CANCEL, Want.CANCEL_ALL, Want.AMEND, Want.REPLACE})


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a code proves. NOT_FOUND and NOT_OPEN are one fact seen from a question and from a
    cancel: `judge` says the one that fits the request."""

    verdict: Verdict
    reason: RejectReason = RejectReason.UNSET
    words: str = ""
    """The document's, shortened."""
    pause: Pause | None = None
    clock: bool = False


Rulings = Mapping[int, Ruling]


def rulings(
    refused: Mapping[RejectReason, Mapping[int, str]],
    other: Mapping[Verdict, Mapping[int, str]],
    special: Mapping[int, Ruling],
) -> dict[int, Ruling]:
    """One table out of codes with their words: refusals by reason, others by verdict, and those
    with a pause or the clock. A code stands in one place."""
    found: dict[int, Ruling] = dict(special)
    parts = [(Verdict.REFUSED, reason, codes) for reason, codes in refused.items()]
    parts += [(verdict, RejectReason.UNSET, codes) for verdict, codes in other.items()]
    for verdict, reason, codes in parts:
        for code, words in codes.items():
            assert code not in found, f"code {code} is listed twice"
            found[code] = Ruling(verdict, reason, words)
    return found


def judge(table: Rulings, ask: Ask, item: Item) -> Judgement:
    """`item.status` is HTTP's, 0 = no answer came; `item.code` 0 = no error in it."""
    if item.finding is not RejectReason.UNSET:
        return Judgement(Verdict.REFUSED, item.finding)
    if item.status == 0:
        return Judgement(Verdict.UNKNOWN)
    ruling = table.get(item.code) if item.code else None
    if ruling is None:
        return Judgement(_unlisted(ask, item), _reason_unlisted(ask, item))
    verdict, reason = ruling.verdict, ruling.reason
    if verdict is Verdict.DONE and ask.want is not Want.SET_ACCOUNT:
        # "It is set so already" answers a setting alone.
        verdict, reason = Verdict.REFUSED, RejectReason.VENUE_REJECT
    if verdict in {Verdict.NOT_FOUND, Verdict.NOT_OPEN}:
        verdict = Verdict.NOT_OPEN if ask.want in _ENDS else Verdict.NOT_FOUND
        reason = RejectReason.UNKNOWN_ORDER
    return Judgement(verdict, reason, ruling.pause, ruling.clock)


def _unlisted(ask: Ask, item: Item) -> Verdict:
    if item.code == 0 and item.status < HTTP_SERVER_ERROR:
        return Verdict.DONE
    if ask.want in ACTS or item.status >= HTTP_SERVER_ERROR:
        return Verdict.UNKNOWN
    return Verdict.REFUSED


def _reason_unlisted(ask: Ask, item: Item) -> RejectReason:
    refused = _unlisted(ask, item) is Verdict.REFUSED
    return RejectReason.VENUE_REJECT if refused else RejectReason.UNSET


def proving(items: tuple[Item, ...], proof: Proof) -> tuple[Item, ...]:
    """The same items, what they prove set."""
    return tuple(replace(item, proves=proof) for item in items)
