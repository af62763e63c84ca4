"""The feed agent: one venue's market streams -> its md ring.

Cold side of `oms/venues/shared/sync_hot.py` and of the venue's kernels: snapshots, buffers, timers.
One crossing into compiled code per message; what the kernel hands back (a diff to keep, a gap, a
message that wants the cold decoder) is dealt with here. A `FeedLink` owns one connection; there are
several where an exchange takes so many symbols on one and no more.

Life of a book: stream opened -> SYNCING, diffs buffered, snapshot asked -> snapshot used, buffered
diffs replayed -> LIVE. A gap, an unreadable message, a lost connection or a request of the
aggregator (table `resync`: the book is crossed, or was lapped) leads back to the snapshot. How
often and how deep snapshots are asked for is `feed/pace.py`'s. Books that come on the stream have
no buffer and no request: `feed/streamed.py`.

`stale_after_ms` without any sign of life of the connection: STALE, and LIVE with the next sign. A
book that alone is quiet is `feed/quiet.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from oms.agents.base import BaseAgent
from oms.agents.feed.link import SHUTDOWN_BYTES_MAX, FeedLink
from oms.agents.feed.links import FeedLinks
from oms.agents.feed.pace import SHALLOW_LEVELS, Pace
from oms.agents.feed.quiet import Book, Quiet
from oms.agents.feed.registered import Registered
from oms.agents.feed.streamed import Streamed
from oms.agents.feed.world import FeedWorld
from oms.agents.rates.ledger import Ledger
from oms.agents.rates.peers import feed_shares, rate_peers
from oms.agents.venue_clock import WEIGHT, VenueClock
from oms.config import DeskConfig, VenueConfig
from oms.ports import NEVER, ConnEvent, HttpMeta, Ports
from oms.units import NS_PER_MS
from oms.venues.base import DecodeStatus
from oms.venues.buckets import divided
from oms.venues.registry import market_data
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared import feed_world_hot, sync_hot
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY
from shm_layout.enums import BookState, Exchange, RateShare
from shm_layout.jit import BYTES_AS_THEY_ARE, octets
from shm_layout.limits import DIFFS_BUFFERED_MAX
from shm_layout.records import UNDEF
from shm_layout.ring import RingWriter
from shm_layout.table import TableReader, TableWriter

POLL_NS = 50 * NS_PER_MS
"""How often tables of other processes are looked at."""
LOOK_NS = 250 * NS_PER_MS
"""How often books are held against the connection's last sign of life."""
_IGNORED, _DECLINED = words.IGNORED, words.DECLINED
LOGGED_MALFORMED_MAX = 20
"""Unreadable messages that get a line of their own; all are counted."""


class FeedAgent(BaseAgent):
    """Feed of one venue; see the module's text."""

    def __init__(self, config: DeskConfig, venue_name: str) -> None:
        self.role = f"feed.{venue_name}"
        self.venue_name = venue_name
        self.venue: VenueConfig = next(v for v in config.venues if v.name == venue_name)
        self.market = market_data(venue_name)
        self.stale_after_ns = self.venue.stale_after_ms * NS_PER_MS
        self.books: dict[int, Book] = {}
        self._config = config
        self._by_request: dict[int, Book] = {}
        self._poll_at_ns = 0
        self._look_at_ns = NEVER
        self._unreadable = 0
        self._closed = False

    # Start

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self.ports = ports
        self.ring: RingWriter = ports.writer(f"md.{self.venue_name}")
        self.table: TableWriter = ports.table_writer(f"feed.{self.venue_name}")
        self._registered = Registered(
            ports, ports.table_reader("instruments"), int(self.market.spec.venue),
            self.venue.instruments,
        )  # fmt: skip
        self._resync: TableReader = ports.table_reader("resync")
        made = FeedWorld.make(ports, self.market.spec, self.table, self.ring)
        self.world, self.symbols, self.sync = made.world, made.symbols, made.sync
        self.msg, self.px, self.qty = made.msg, made.px, made.qty
        self._handle, self._on_message = self.world.handle, self.market.on_message
        self._make_shared(ports, now_ns)
        self._poll_at_ns = now_ns

    def _make_shared(self, ports: Ports, now_ns: int) -> None:
        """The ledger and the clock that all feeds and executors keep; a connection, at least."""
        venue, spec = self.venue, self.market.spec
        exchange = Exchange[self.venue_name.partition(".")[0].upper()]
        self.ledger = Ledger(
            ports, ports.table_writer(f"rates.{self.role}"), exchange,
            divided(spec.buckets, venue.shares), feed_shares(self._config, venue),
            [ports.table_reader(name) for name in rate_peers(self._config, self.role)], now_ns,
        )  # fmt: skip
        self.clock = VenueClock(
            ports, exchange=exchange, rest_url=venue.rest_url, target=spec.time_path,
            warn_ms=venue.clock_warn_ms,
            may_ask=lambda at_ns: self.ledger.take(RateShare.SNAPSHOTS, spec.taken(WEIGHT), at_ns),
        )  # fmt: skip
        self.ledger.venue_ns = self.clock.venue_ns
        self.pace = Pace(self.ledger, self.market.snapshot_request, spec, venue.snapshot_levels)
        self.quiet = Quiet(
            ports, self.world.handle, self.sync, spec.book_rule, venue.quiet_after_ms,
            verify=self._ask_snapshot, reopen=self._reopen,
            resync=lambda book, at_ns: self._begin_sync(book, BookState.SYNCING, at_ns),
        )  # fmt: skip

        def link(index: int) -> FeedLink:
            return FeedLink(
                ports, venue, exchange, self.ledger, spec, index,
                greet=lambda link: self.market.greet(link.symbols, self.streamed.nonce()),
                opened=self._on_opened, lost=self._on_lost, switched=self._on_switched,
            )  # fmt: skip

        self.links = FeedLinks(
            link, lambda symbols: self.market.stream_url(venue.stream_url, symbols),
            spec.symbols_per_connection,
        )  # fmt: skip
        self.streamed = Streamed(ports, self.market, self.sync, self.books, self.links.of)

    def _find_instruments(self, now_ns: int) -> bool:
        """Take the rows of our instruments; True = they are there, or all that will come."""
        rows = self._registered.rows(now_ns)
        for name, row in rows:
            book = Book(int(row["instrument_id"]), name, bytes(row["symbol"]).decode())
            self.symbols.add(
                book.instrument_id, book.symbol, int(row["px_scale"]), int(row["qty_scale"])
            )
            book.resync_seen = int(self._resync.rows["resync_wanted"][book.instrument_id])
            self.books[book.instrument_id] = book
            self.table.write(
                book.instrument_id,
                instrument_id=book.instrument_id,
                symbol=book.symbol.encode(),
                latency_ns_min=UNDEF,
            )
        if not rows:
            return False
        self.links.begin(self.books.values(), self.sync, now_ns)
        self.clock.begin(now_ns)
        self._look_at_ns = now_ns + LOOK_NS
        if self.market.spec.streamed:
            return True
        weight = self.market.snapshot_request("", SHALLOW_LEVELS).weight
        shares = self.ledger.shares_of(self.market.spec.requests_in)
        part = shares.part[RateShare.SNAPSHOTS]
        self.quiet.space(len(self.books), weight, part, shares.window_ns)
        return True

    # Turns and timers

    def do_work(self, now_ns: int) -> int:
        if now_ns < self.next_timer_ns() or self._closed:
            return 0
        if now_ns >= self._poll_at_ns:
            self._poll_at_ns = now_ns + POLL_NS
            if self.books or self._find_instruments(now_ns):
                self._look_at_resync(now_ns)
        self.links.work(now_ns)
        self.clock.ask(now_ns)
        for book in self.books.values():
            if now_ns >= book.ask_at_ns:
                self._ask_snapshot(book, now_ns)
        if now_ns >= self._look_at_ns:
            self._look(now_ns)
        if now_ns >= self.ledger.publish_due_ns():
            self.ledger.publish(now_ns)
        return 1

    def next_timer_ns(self) -> int:
        if self._closed:
            return NEVER
        due = min(self._poll_at_ns, self._look_at_ns, self.links.next_ns(), self.clock.due_ns)
        return min(due, self.ledger.publish_due_ns(), self._ask_due_ns())

    def _ask_due_ns(self) -> int:
        return min((book.ask_at_ns for book in self.books.values()), default=NEVER)

    # Quiet books

    def _look(self, now_ns: int) -> None:
        """Hold every book against its connection, and quiet ones against a snapshot."""
        self._look_at_ns = now_ns + LOOK_NS
        for link in self.links:
            link.keep_closed(now_ns)
            if link.is_open:
                self._look_at_link(link, now_ns)
        deepened = False
        for book in self.books.values():
            if not self.links.of(book).is_open:
                continue
            if self.market.spec.streamed:
                self.streamed.look_at(book, now_ns)
            elif not self._chained(book):
                continue
            elif not deepened and self.pace.may_deepen(book.pace, book.symbol, now_ns):
                deepened = True  # one at a time: it is away for as long as its snapshot takes
                self._begin_sync(book, BookState.SYNCING, now_ns)
            else:
                self.quiet.look_at(book, now_ns)

    def _look_at_link(self, link: FeedLink, now_ns: int) -> None:
        handle, heard_ns = self.world.handle, link.beat.heard_ns
        if sync_hot.check_alive(handle, link.index, now_ns, heard_ns, self.stale_after_ns):
            silent_ms = (now_ns - heard_ns) // NS_PER_MS
            self.ports.log("warning", "books_change_with_connection", silent_ms=silent_ms)
        link.tell()

    def _chained(self, book: Book) -> bool:
        return bool(self.sync[book.instrument_id, feed_world_hot.S_PHASE] == sync_hot.CHAINED)

    def _reopen(self, book: Book, now_ns: int) -> None:
        link = self.links.of(book)
        link.give_up(link.conn, now_ns, f"{book.name} is frozen")

    def _look_at_resync(self, now_ns: int) -> None:
        wanted = self._resync.rows["resync_wanted"]
        for book in self.books.values():
            asked = int(wanted[book.instrument_id])
            if asked != book.resync_seen:
                book.resync_seen = asked
                if self.sync[book.instrument_id, feed_world_hot.S_PHASE] == sync_hot.CHAINED:
                    self.ports.log("warning", "resync_wanted", instrument=book.name)
                    self._begin_sync(book, BookState.SYNCING, now_ns)

    # Connection

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        link = self.links.of_conn(conn)
        if not self._closed and link is not None:
            link.on_conn(conn, event, now_ns)

    def _books_of(self, link: FeedLink) -> list[Book]:
        return [book for book in self.books.values() if book.link == link.index]

    def _on_opened(self, link: FeedLink, now_ns: int) -> None:
        for book in self._books_of(link):
            if self.market.spec.streamed:
                sync_hot.set_state(
                    self.world.handle, book.instrument_id, int(BookState.SYNCING), now_ns
                )
                self.streamed.opened(book, now_ns)
            else:
                self._begin_sync(book, BookState.SYNCING, now_ns)
            state = self.sync[book.instrument_id]
            state[feed_world_hot.S_NEED_ID] = state[
                feed_world_hot.S_TRADE_ID
            ] = -1  # ids may begin anew
            self.table.write(book.instrument_id, connects=link.opens)

    def _on_lost(self, link: FeedLink, now_ns: int) -> None:
        for book in self._books_of(link):
            book.first_by_ns = NEVER
            book.ask_at_ns = NEVER
            book.buffered.clear()
            self._forget_request(book)  # its answer may never come, or belong to a time without us
            if self.sync[book.instrument_id, feed_world_hot.S_PHASE] == sync_hot.CHAINED:
                sync_hot.set_state(
                    self.world.handle, book.instrument_id, int(BookState.GAP), now_ns
                )

    def _on_switched(self, link: FeedLink, kept: list[bytes], now_ns: int) -> None:
        """The next connection has taken over: the first diff of each book that is new to it may
        begin before its last one, as after a snapshot.
        """
        for book in self._books_of(link):
            self.sync[book.instrument_id, feed_world_hot.S_FIRST_PENDING] = 1
            self.table.write(book.instrument_id, connects=link.opens)
        self.links.speaking = link
        for data in kept:
            self._use(data, now_ns)

    # Messages

    def on_bytes(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None) -> None:
        if meta is not None:
            self._on_reply(data, now_ns, meta)
            return
        link = self.links.speaking
        if conn != link.conn:
            found = self.links.of_conn(conn)
            if found is None:
                return
            link = self.links.speaking = found
        if conn == link.conn and conn and len(data) > SHUTDOWN_BYTES_MAX:
            # What `takes` and `_give` do with it, without a call of Python: a microsecond.
            beat = link.beat
            beat.heard_ns, beat.waiting = now_ns, False
            buf = data if BYTES_AS_THEY_ARE else octets(data)
            status: int = self._on_message(self._handle, buf, 0, len(data), -1, now_ns)
            if status == _DECLINED:
                status = self._give_cold(data, now_ns)
            if status >= _IGNORED:
                self._on_status(status, data, now_ns)
        elif link.takes(conn, data, now_ns):
            self._use(data, now_ns)

    def _use(self, data: bytes, now_ns: int) -> None:
        status = self._give(data, now_ns)
        if status >= words.IGNORED:
            self._on_status(status, data, now_ns)

    def _give(self, data: bytes, now_ns: int) -> int:
        """One message through the kernel, and through the cold decoder where that declines."""
        if not data:
            return words.MALFORMED
        status = int(self._on_message(self._handle, octets(data), 0, len(data), -1, now_ns))
        return status if status != _DECLINED else self._give_cold(data, now_ns)

    def _give_cold(self, data: bytes, now_ns: int) -> int:
        status = self.market.decode_cold(data, -1, self.symbols, self.px, self.qty, self.msg)
        if status == words.OK and self.msg[words.MSG_KIND] != words.KIND_SNAPSHOT:
            return int(sync_hot.take(self._handle, now_ns))
        if status > words.IGNORED and self.msg[words.MSG_INSTRUMENT] >= 0:
            sync_hot.unreadable(self._handle, int(self.msg[words.MSG_INSTRUMENT]), status, now_ns)
        return status if status != words.OK else words.IGNORED

    def _on_status(self, status: int, data: bytes, now_ns: int) -> None:
        """Whatever is not used."""
        if status == words.IGNORED:
            if self.market.spec.streamed:
                self.streamed.heard(data, self.links.speaking, now_ns)
            return
        book = self.books.get(int(self.msg[words.MSG_INSTRUMENT]))
        if status == words.DROPPED:
            return
        if status == words.BUFFER:
            assert book is not None
            self._buffer(book, data, now_ns)
        elif status == words.GAP:
            assert book is not None
            self.ports.log("warning", "book_gap", instrument=book.name)
            self._begin_sync(book, BookState.GAP, now_ns, published=True)
            if not self.market.spec.streamed:
                self._buffer(book, data, now_ns)
        else:
            self._unreadable += 1
            if self._unreadable <= LOGGED_MALFORMED_MAX:
                self.ports.log(
                    "error",
                    "message_unreadable",
                    status=DecodeStatus(status).name,
                    instrument=book.name if book else "",
                    head=data[:120].decode("utf-8", "replace"),
                )
            idle = book is not None and book.request_id == 0 and book.ask_at_ns == NEVER
            if (
                book is not None
                and idle
                and self.sync[book.instrument_id, feed_world_hot.S_PHASE] == sync_hot.BUFFERING
            ):
                self._begin_sync(book, BookState.GAP, now_ns, published=True)

    def _buffer(self, book: Book, data: bytes, now_ns: int) -> None:
        """Keep a diff for after the snapshot; when there are too many, begin anew."""
        if len(book.buffered) >= DIFFS_BUFFERED_MAX:
            self.ports.log("error", "diffs_overflow", instrument=book.name)
            book.buffered.clear()
        if not book.buffered:
            self.sync[book.instrument_id, feed_world_hot.S_NEED_ID] = -1
            self._give(data, now_ns)  # notes the first id that a snapshot must reach
        book.buffered.append((bytes(data), now_ns))

    # Snapshots

    def _begin_sync(
        self, book: Book, state: BookState, now_ns: int, *, published: bool = False
    ) -> None:
        """Buffer from here on and ask for a snapshot, as soon as the pace allows."""
        if not published:
            sync_hot.set_state(self.world.handle, book.instrument_id, int(state), now_ns)
        if self.market.spec.streamed:
            self.table.write(book.instrument_id, state=int(state))
            (self.streamed.broken if published else self.streamed.ask)(book, now_ns)
            return
        book.buffered.clear()
        book.settle()
        if book.verifying:
            self._forget_request(book)
        self.table.write(book.instrument_id, state=int(state))
        if book.request_id == 0:
            book.ask_at_ns = book.pace.begin(now_ns)
        if book.ask_at_ns <= now_ns:
            self._ask_snapshot(book, now_ns)

    def _ask_snapshot(self, book: Book, now_ns: int) -> None:
        book.ask_at_ns = NEVER
        if not self.links.of(book).is_open:
            return
        syncing = self.sync[book.instrument_id, feed_world_hot.S_PHASE] == sync_hot.BUFFERING
        if syncing:
            waiting = sum(not (one.request_id or self._chained(one)) for one in self.books.values())
            wanted = self.pace.snapshot(book.pace, book.symbol, waiting, now_ns)
        else:
            wanted = self.pace.verification(book.symbol, now_ns)
        if wanted is None:
            room_ns = self.pace.again_ns(now_ns)
            if syncing:
                book.ask_at_ns = room_ns
            self.ports.log("warning", "snapshot_waits", instrument=book.name, syncing=syncing,
                           for_ms=(room_ns - now_ns) // NS_PER_MS)  # fmt: skip
            return
        if syncing and book.pace.deepen_ns != NEVER:
            self.ports.log("info", "book_shallow", instrument=book.name, levels=book.pace.levels,
                           for_ms=(book.pace.deepen_ns - now_ns) // NS_PER_MS)  # fmt: skip
        self._forget_request(book)
        book.sent_ns, book.mark, book.verifying = now_ns, self.ledger.total, not syncing
        book.request_id = self.ports.request(
            self.venue.rest_url, wanted.method, wanted.target, wanted.headers, wanted.body
        )
        self._by_request[book.request_id] = book

    def _forget_request(self, book: Book) -> None:
        """Whatever it asked for is of no use any more."""
        self._by_request.pop(book.request_id, None)
        book.request_id = 0

    def _on_reply(self, data: bytes, now_ns: int, meta: HttpMeta) -> None:
        if self._closed or self.clock.answered(data, now_ns, meta):
            return
        book = self._by_request.pop(meta.request_id, None)
        if book is None:
            return
        book.request_id = 0
        self.ledger.note(self.market.usage(meta.headers), book.mark, book.sent_ns, now_ns)
        if meta.status in (HTTP_TOO_MANY, HTTP_BANNED):
            wait_s = self.market.retry_after_s(meta.headers)
            self.ledger.note_refusal(meta.status, now_ns + wait_s * 1000 * NS_PER_MS, now_ns)
        if not self.links.of(book).is_open:
            return
        given = meta.status == 200 and data
        status = self._give_snapshot(book, data, now_ns) if given else words.MALFORMED
        if book.verifying:
            if status == words.IGNORED and int(self.msg[words.MSG_KIND]) == words.KIND_SNAPSHOT:
                self.quiet.hold_against(book, int(self.msg[words.MSG_LAST_ID]), now_ns)
            return
        if status != words.OK:
            pause_ns = max(self.ledger.pause_until_ns, self.ledger.ban_until_ns)
            book.ask_at_ns = max(book.pace.failed(now_ns), pause_ns)
            self.ports.log(
                "warning",
                "snapshot_unused",
                instrument=book.name,
                http_status=meta.status,
                status=DecodeStatus(status).name,
            )
            return
        self._replay(book, now_ns)

    def _give_snapshot(self, book: Book, data: bytes, now_ns: int) -> int:
        handle = self.world.handle
        target = book.instrument_id
        status = int(self.market.on_message(handle, octets(data), 0, len(data), target, now_ns))
        if status == words.DECLINED:
            status = self.market.decode_cold(
                data, target, self.symbols, self.px, self.qty, self.msg
            )
            if status == words.OK:
                status = int(sync_hot.take(handle, now_ns))
        return status

    def _replay(self, book: Book, now_ns: int) -> None:
        """Give the buffered diffs again, now that the snapshot is used; LIVE if they chain."""
        buffered: Sequence[tuple[bytes, int]] = book.buffered
        book.buffered = []
        for data, _ in buffered:
            status = self._give(data, now_ns)
            if status > words.IGNORED:
                self._on_status(status, data, now_ns)
        sync_hot.set_state(self.world.handle, book.instrument_id, int(BookState.LIVE), now_ns)
        if self.sync[book.instrument_id, feed_world_hot.S_PHASE] == sync_hot.CHAINED:
            self.table.write(book.instrument_id, state=int(BookState.LIVE))
            book.proved_ns = now_ns
            self.ports.log(
                "info",
                "book_live",
                instrument=book.name,
                buffered=len(buffered),
                update_id=int(self.sync[book.instrument_id, feed_world_hot.S_LAST_ID]),
            )

    # End

    def on_close(self, now_ns: int) -> None:
        """Our books end with us: nobody may price on them."""
        self._closed = True
        for book in self.books.values():
            if self.sync[book.instrument_id, feed_world_hot.S_PHASE] == sync_hot.CHAINED:
                sync_hot.set_state(
                    self.world.handle, book.instrument_id, int(BookState.GAP), now_ns
                )
        self.links.end()
