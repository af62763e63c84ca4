"""The connections of one feed: one, or as many as the exchange's limit of symbols asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from oms.agents.feed.link import FeedLink
from oms.agents.feed.quiet import Book
from oms.venues.shared import feed_world_hot
from shm_layout.limits import FEED_CONNECTIONS_MAX


class FeedLinks:
    """`make(index)` makes a link; `url_of(symbols)` is what it opens."""

    def __init__(
        self,
        make: Callable[[int], FeedLink],
        url_of: Callable[[list[str]], str],
        symbols_max: int,
    ) -> None:
        self._make = make
        self._url_of = url_of
        self._symbols_max = symbols_max
        self._links = [make(0)]
        self.speaking = self._links[0]
        """The one that a message came on last."""

    def __iter__(self) -> Iterator[FeedLink]:
        return iter(self._links)

    def begin(
        self,
        books: Iterable[Book],
        sync: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
        now_ns: int,
    ) -> None:
        """Divide the books among connections, and open these."""
        for place, book in enumerate(books):
            book.link = place // self._symbols_max
            if book.link == len(self._links):
                self._links.append(self._make(book.link))
            self._links[book.link].symbols.append(book.symbol)
            sync[book.instrument_id, feed_world_hot.S_LINK] = book.link
        assert len(self._links) <= FEED_CONNECTIONS_MAX, f"{len(self._links)} connections"
        for link in self._links:
            link.begin(self._url_of(link.symbols), now_ns)

    def of(self, book: Book) -> FeedLink:
        """The link on which a book comes."""
        return self._links[book.link]

    def of_conn(self, conn: int) -> FeedLink | None:
        """The link of a connection; None: it is given up."""
        return next((link for link in self._links if link.has(conn)), None)

    def work(self, now_ns: int) -> None:
        """Whatever is due of any."""
        for link in self._links:
            if now_ns >= link.next_ns():
                link.work(now_ns)

    def next_ns(self) -> int:
        """When `work` has something to do."""
        return min(link.next_ns() for link in self._links)

    def end(self) -> None:
        """Our end: close what is open."""
        for link in self._links:
            link.end()
