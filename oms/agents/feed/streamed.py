"""Books that come on the stream: asked for by message, waited for, asked for again.

An exchange that knows a symbol says its book soon after it was subscribed. One of which nothing has
come within `first_frame_ms` was refused, whatever the answer said; many say nothing at all. It is
asked for again after a wait that doubles, by message where the exchange has one for that, else by
another connection.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oms.agents.feed.link import FeedLink
from oms.agents.feed.quiet import Book
from oms.ports import NEVER, Ports
from oms.text import uuid_text
from oms.units import NS_PER_MS
from oms.venues.base import MarketData
from oms.venues.shared import feed_world_hot, sync_hot
from shm_layout.enums import BookRule

WAIT_MAX_NS = 60_000 * NS_PER_MS
_UUID_BYTES = 16


class Streamed:
    """See the module's text. `books` are all of the feed; `link_of` says on which connection one
    comes.
    """

    def __init__(
        self,
        ports: Ports,
        market: MarketData,
        sync: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
        books: dict[int, Book],
        link_of: Callable[[Book], FeedLink],
    ) -> None:
        self._ports = ports
        self._market = market
        self._sync = sync
        self._books = books
        self._link_of = link_of
        self._first_ns = market.spec.first_frame_ms * NS_PER_MS
        self.refused = 0
        """Books that did not come in time, or were refused in words; each time counts."""

    def nonce(self) -> str:
        """A UUID."""
        return uuid_text(self._ports.random_bytes(_UUID_BYTES))

    def opened(self, book: Book, now_ns: int) -> None:
        """Its connection is open: ids begin anew, and the book is to come."""
        self._sync[book.instrument_id, feed_world_hot.S_LAST_ID] = 0
        book.first_wait_ns = self._first_ns
        book.first_by_ns = now_ns + self._first_ns

    def broken(self, book: Book, now_ns: int) -> None:
        """A message of it was unreadable, or one is missing. Where each is the whole book, the next
        one mends it."""
        if self._market.spec.book_rule is not BookRule.FULL_EACH:
            self.ask(book, now_ns)
        elif book.first_by_ns == NEVER:
            book.first_by_ns = now_ns + book.first_wait_ns

    def ask(self, book: Book, now_ns: int) -> None:
        """Ask the stream for the whole book, by message, or by another connection. Not while it is
        waited for."""
        link = self._link_of(book)
        waiting = book.first_by_ns != NEVER and now_ns < book.first_by_ns
        if waiting or not link.is_open:
            return
        book.first_by_ns = now_ns + book.first_wait_ns
        frames = self._market.again(book.symbol, link.symbols, self.nonce())
        for frame in frames:
            self._ports.send(link.conn, frame)
        if not frames:
            link.give_up(link.conn, now_ns, f"{book.name} has to come anew")

    def look_at(self, book: Book, now_ns: int) -> None:
        """A few times a second: has it come?"""
        if self._sync[book.instrument_id, feed_world_hot.S_PHASE] == sync_hot.CHAINED:
            book.first_by_ns, book.first_wait_ns = NEVER, self._first_ns
        elif now_ns >= book.first_by_ns:
            self._note_refused(book, now_ns, "nothing came in time")
            self.ask(book, now_ns)

    def heard(self, data: bytes, link: FeedLink, now_ns: int) -> None:
        """A message that is no market data: what it says to a subscription."""
        answer = self._market.answer(data)
        if answer is None or not answer.refused:
            return
        named = answer.symbols or link.symbols
        for book in self._books.values():
            if book.symbol in named and self._link_of(book) is link:
                self._note_refused(book, now_ns, answer.text)
                book.first_by_ns = now_ns + book.first_wait_ns

    def _note_refused(self, book: Book, now_ns: int, why: str) -> None:
        del now_ns
        self.refused += 1
        book.first_wait_ns = min(2 * book.first_wait_ns, WAIT_MAX_NS)
        self._ports.log("error", "subscription_refused", instrument=book.name, symbol=book.symbol,
                        why=why[:120])  # fmt: skip
