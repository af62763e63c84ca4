"""Errors that an exchange names: name -> a number of ours for the record, and what it proves.

An exchange's `errors.py` gives the rows, each with the document's words. A name that is not listed
is judged by its status: a named 4XX is a definite refusal, but for a cancel, whose order is looked
at. A 4XX without the documented body may come from something between, so it proves nothing of a
request that acts; 429 and 418 refuse with any body; no answer and 5XX prove nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from oms.venues.reports import Ask, Item, Judgement, Pause, Verdict, Want
from oms.venues.shared import fields
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY
from shm_layout.enums import RejectReason

UNLISTED = 1
"""`Item.code` of a name that is not listed."""
NO_BODY = 2
"""`Item.code` of an error whose body is not the documented one."""

HTTP_ERROR = 400
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404
HTTP_SERVER_ERROR = 500

ENDS = frozenset({Want.CANCEL, Want.CANCEL_ALL, Want.AMEND, Want.REPLACE})
"""What is about an order that may be there."""
ACTS = ENDS | {Want.PLACE, Want.FENCE, Want.SET_ACCOUNT, Want.DEAD_MAN}
_TEXT_CHARS_MAX = 120


class Row(NamedTuple):
    """One name. NOT_FOUND and NOT_OPEN are one fact, seen from a question and from a cancel."""

    number: int
    name: str
    verdict: Verdict
    reason: RejectReason
    words: str
    """The document's, shortened."""
    clock: bool = False


class Names:
    """The rows of one exchange."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)
        self._by_name = {row.name: row for row in self.rows}
        self._by_number = {row.number: row for row in self.rows}
        assert len(self._by_name) == len(self._by_number) == len(self.rows), "one row a name"
        assert not {0, UNLISTED, NO_BODY} & self._by_number.keys(), "these have a meaning"

    def code(self, name: str) -> int:
        """The number of a name; UNLISTED."""
        row = self._by_name.get(name)
        return UNLISTED if row is None else row.number

    def item(self, status: int, body: bytes) -> Item:
        """What an answer says that is no success: `{"error":{"name","message"}}`, or not."""
        if status == 0:
            return Item(NO_BODY, _shown(body), status=0)
        try:
            error = fields.load(body)["error"]
            name = error["name"]
            text = f"{name} {error.get('message') or ''}".rstrip()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return Item(NO_BODY, _shown(body), status=status)
        code = self.code(name) if isinstance(name, str) else UNLISTED
        return Item(code, text[:_TEXT_CHARS_MAX], status=status)

    def judge(self, ask: Ask, item: Item, too_many: Pause, banned: Pause) -> Judgement:
        """What an item proves; the two pauses go with 429 and 418."""
        if item.finding is not RejectReason.UNSET:
            return Judgement(Verdict.REFUSED, item.finding)
        if item.status == 0 or item.status >= HTTP_SERVER_ERROR:
            return Judgement(Verdict.UNKNOWN)
        if item.status in {HTTP_TOO_MANY, HTTP_BANNED}:
            pause = too_many if item.status == HTTP_TOO_MANY else banned
            return Judgement(Verdict.REFUSED, RejectReason.MESSAGE_RATE, pause)
        if item.code == 0:
            return Judgement(Verdict.DONE)
        row = self._by_number.get(item.code)
        if row is None:
            return _unlisted(ask, item)
        return Judgement(seen_by(ask, row.verdict), row.reason, clock=row.clock)


def seen_by(ask: Ask, verdict: Verdict) -> Verdict:
    """An order that is not there: NOT_OPEN to a cancel, NOT_FOUND to a question."""
    if verdict in {Verdict.NOT_FOUND, Verdict.NOT_OPEN}:
        return Verdict.NOT_OPEN if ask.want in ENDS else Verdict.NOT_FOUND
    return verdict


def _unlisted(ask: Ask, item: Item) -> Judgement:
    if item.code == NO_BODY and ask.want in ACTS:
        return Judgement(Verdict.UNKNOWN)
    if item.status in {HTTP_UNAUTHORIZED, HTTP_FORBIDDEN}:
        return Judgement(Verdict.REFUSED, RejectReason.KEY_REFUSED)
    if ask.want in ENDS:
        if item.status == HTTP_NOT_FOUND:
            return Judgement(Verdict.NOT_OPEN, RejectReason.UNKNOWN_ORDER)
        return Judgement(Verdict.UNKNOWN)
    return Judgement(Verdict.REFUSED, RejectReason.VENUE_REJECT)


def _shown(body: Any) -> str:
    return bytes(body[:_TEXT_CHARS_MAX]).decode("utf-8", "replace")
