"""Books that say nothing: alive, or forgotten by their stream?

A quiet book is as alive as its connection, up to `quiet_after_ms` without a diff of its own. Then
it is held against a fresh snapshot, which costs it nothing where the update ids agree. A snapshot
that is ahead gives the stream OWED_NS to catch up; after that the stream has lost this symbol, and
is opened anew. (Ids of futures move on without their book; there a snapshot that is ahead is used
as one.) No answer in VERIFY_NS: STALE until there is one, or a diff.

Source of the rule: an update id counts the changes of one symbol's book (web-socket-streams.md "How
to manage a local order book correctly"), so equal ids are equal books.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oms.agents.feed.pace import BookPace
from oms.ports import NEVER, Ports
from oms.units import NS_PER_MS
from oms.venues.shared import feed_world_hot, sync_hot
from shm_layout.enums import BookRule

VERIFY_NS = 2_000 * NS_PER_MS
OWED_NS = 1_000 * NS_PER_MS
VERIFY_SHARE = 2
"""Verification takes one part in so many of the snapshots' share."""


class Book:
    """Cold state of one instrument of a feed."""

    def __init__(self, instrument_id: int, name: str, symbol: str) -> None:
        self.instrument_id = instrument_id
        self.name = name
        self.symbol = symbol
        self.buffered: list[tuple[bytes, int]] = []
        self.request_id = 0
        """Snapshot under way; 0 = none."""
        self.verifying = False
        """That snapshot is to be held against the book, not to be used."""
        self.mark = 0
        """Our total of request weight when it was asked for."""
        self.sent_ns = 0
        self.ask_at_ns = NEVER
        self.pace = BookPace()
        self.resync_seen = 0
        self.verify_at_ns = 0
        """Not held against a snapshot before this."""
        self.proved_ns = 0
        """Our clock when a snapshot last proved it."""
        self.proof_by_ns = NEVER
        """STALE from then on, unless something proves it."""
        self.owed_id = 0
        """A snapshot was ahead: the stream owes the diffs up to here; 0 = none."""
        self.owed_by_ns = NEVER
        self.link = 0
        """Which of the feed's connections it comes on."""
        self.first_by_ns = NEVER
        """On the stream it has come by then, or was refused."""
        self.first_wait_ns = 0

    def settle(self) -> None:
        """Nothing is to be proved: it spoke, or it begins anew."""
        self.proof_by_ns, self.owed_id = NEVER, 0


class Quiet:
    """See the module's text. `verify(book, now_ns)` asks for a snapshot, `resync` begins a book
    anew, `reopen` the stream.
    """

    def __init__(
        self,
        ports: Ports,
        handle: Any,
        sync: np.ndarray[Any, Any],
        rule: BookRule,
        quiet_after_ms: int,
        *,
        verify: Callable[[Book, int], None],
        resync: Callable[[Book, int], None],
        reopen: Callable[[Book, int], None],
    ) -> None:
        self._ports = ports
        self._handle = handle
        self._sync = sync
        self._rule = rule
        self.after_ns = quiet_after_ms * NS_PER_MS
        self._verify, self._resync, self._reopen = verify, resync, reopen
        self.verified = 0
        """Quiet books that a snapshot proved."""
        self.frozen = 0
        """Books whose stream was behind a snapshot, and stayed behind."""

    def space(self, books: int, weight: int, share: int, window_ns: int) -> None:
        """No oftener than the share of a window pays for, should every book be quiet at once."""
        least_ns = weight * books * window_ns // max(share // VERIFY_SHARE, 1)
        if least_ns > self.after_ns:
            self._ports.log("info", "quiet_after_raised", from_ms=self.after_ns // NS_PER_MS,
                            to_ms=least_ns // NS_PER_MS, books=books)  # fmt: skip
            self.after_ns = least_ns

    def look_at(self, book: Book, now_ns: int) -> None:
        """One chained book, a few times a second."""
        state = self._sync[book.instrument_id]
        seen_ns, frozen = int(state[feed_world_hot.S_SEEN_NS]), int(state[feed_world_hot.S_FROZEN])
        if book.owed_id and int(state[feed_world_hot.S_LAST_ID]) >= book.owed_id:
            self._proved(book, now_ns)
        elif book.owed_id and now_ns >= book.owed_by_ns:
            self._lost_by_stream(book, now_ns)
            return
        if now_ns - max(seen_ns, book.proved_ns) < self.after_ns:
            if not book.owed_id:
                book.settle()
            return
        book.proof_by_ns = min(book.proof_by_ns, now_ns + VERIFY_NS)
        if now_ns >= book.proof_by_ns and not frozen:
            sync_hot.prove(self._handle, book.instrument_id, 0, now_ns)
            self._ports.log("warning", "book_unproved", instrument=book.name,
                            quiet_ms=(now_ns - seen_ns) // NS_PER_MS)  # fmt: skip
        if not book.request_id and not book.owed_id and now_ns >= book.verify_at_ns:
            book.verify_at_ns = now_ns + VERIFY_NS
            self._verify(book, now_ns)

    def hold_against(self, book: Book, snapshot_id: int, now_ns: int) -> None:
        """A snapshot came: what does its id say?"""
        last_id = int(self._sync[book.instrument_id, feed_world_hot.S_LAST_ID])
        if snapshot_id == last_id:
            self._proved(book, now_ns)
        elif snapshot_id < last_id:
            return  # of before our last diff: it proves nothing
        elif self._rule is BookRule.FIRST_FOLLOWS_LAST:
            book.owed_id, book.owed_by_ns = snapshot_id, now_ns + OWED_NS
        else:
            self._resync(book, now_ns)

    def _proved(self, book: Book, now_ns: int) -> None:
        self.verified += 1
        book.proved_ns = now_ns
        book.settle()
        sync_hot.prove(self._handle, book.instrument_id, 1, now_ns)

    def _lost_by_stream(self, book: Book, now_ns: int) -> None:
        """The venue has gone on and the stream has not."""
        self.frozen += 1
        update_id = int(self._sync[book.instrument_id, feed_world_hot.S_LAST_ID])
        self._ports.log("error", "book_frozen", instrument=book.name, snapshot_id=book.owed_id,
                        update_id=update_id)  # fmt: skip
        book.settle()
        self._reopen(book, now_ns)
