"""The feed agent: one venue's market streams -> its md ring.

Cold side of `oms/book/sync_hot.py` and of the venue's kernels: connections, snapshots, buffers,
timers. One crossing into compiled code per message; what the kernel hands back (a diff to keep,
a gap, a message that wants the cold decoder) is dealt with here.

Life of a book: stream opened -> SYNCING, diffs buffered, snapshot asked -> snapshot used, buffered
diffs replayed -> LIVE. A gap, an unreadable message, a lost connection or a request of the
aggregator (table `resync`) leads back to the snapshot. STALE: no diff for `stale_after_ms`; the
next good diff makes it LIVE again. Snapshots of one book are asked with growing distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from oms.agents.base import NEVER, BaseAgent, ConnEvent, HttpMeta, Ports
from oms.book import sync_hot
from oms.config import DeskConfig, VenueConfig
from oms.venues import decode_status_hot as words
from oms.venues.base import DecodeStatus
from oms.venues.registry import market_data
from oms.venues.symbols import SymbolTable
from shm_layout.enums import BookState
from shm_layout.limits import BOOK_LEVELS_MAX, DIFFS_BUFFERED_MAX
from shm_layout.records import (
    MD_STATE,
    MD_TICKER,
    MD_TRADE,
    UNDEF,
)
from shm_layout.ring import RingWriter
from shm_layout.table import TableReader, TableWriter

NS_PER_MS = 1_000_000
POLL_NS = 50 * NS_PER_MS
"""How often tables of other processes are looked at."""
SNAPSHOT_WAIT_NS_MIN = 100 * NS_PER_MS
SNAPSHOT_WAIT_NS_MAX = 30_000 * NS_PER_MS
SNAPSHOT_CALM_NS = 60_000 * NS_PER_MS
"""A book that asked for no snapshot for so long starts again at the smallest wait."""
RECONNECT_WAIT_NS_MIN = 200 * NS_PER_MS
RECONNECT_WAIT_NS_MAX = 30_000 * NS_PER_MS
LOGGED_MALFORMED_MAX = 20
"""Unreadable messages that get a line of their own; all are counted."""


class _Book:
    """Cold state of one instrument."""

    def __init__(self, instrument_id: int, name: str, symbol: str) -> None:
        self.instrument_id = instrument_id
        self.name = name
        self.symbol = symbol
        self.buffered: list[tuple[bytes, int]] = []
        self.request_id = 0
        """Snapshot under way; 0 = none."""
        self.ask_at_ns = NEVER
        self.asked_ns = 0
        self.wait_ns = SNAPSHOT_WAIT_NS_MIN
        self.resync_seen = 0


class FeedAgent(BaseAgent):
    """Feed of one venue; see the module's text."""

    def __init__(self, config: DeskConfig, venue_name: str) -> None:
        self.role = f"feed.{venue_name}"
        self.venue_name = venue_name
        self.venue: VenueConfig = next(v for v in config.venues if v.name == venue_name)
        self.market = market_data(venue_name)
        self.stale_after_ns = self.venue.stale_after_ms * NS_PER_MS
        self.books: dict[int, _Book] = {}
        self._by_request: dict[int, _Book] = {}
        self._conn = 0
        self._open = False
        self._connect_at_ns = NEVER
        self._connect_wait_ns = RECONNECT_WAIT_NS_MIN
        self._poll_at_ns = 0
        self._stale_at_ns = NEVER
        self._unreadable = 0
        self._connects = 0
        self._closed = False

    # Start

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self.ports = ports
        self.ring: RingWriter = ports.writer(f"md.{self.venue_name}")
        self.table: TableWriter = ports.table_writer(f"feed.{self.venue_name}")
        self._instruments: TableReader = ports.table_reader("instruments")
        self._resync: TableReader = ports.table_reader("resync")
        self._make_world(ports)
        self._poll_at_ns = now_ns

    def _make_world(self, ports: Ports) -> None:
        rows = self.table.rows.shape[0]
        self.symbols = SymbolTable.empty(rows)
        self.sync = np.zeros((rows, sync_hot.S_WORDS), np.int64)
        self.msg = np.zeros(words.MSG_WORDS, np.int64)
        self.px = np.zeros((2, BOOK_LEVELS_MAX), np.int64)
        self.qty = np.zeros((2, BOOK_LEVELS_MAX), np.int64)
        params = np.zeros(sync_hot.P_WORDS, np.int64)
        params[sync_hot.P_EPOCH] = ports.epoch
        params[sync_hot.P_VENUE] = int(self.market.spec.venue)
        params[sync_hot.P_RULE] = int(self.market.spec.book_rule)
        params[sync_hot.P_STAMPING] = int(ports.stamping)
        self.world = sync_hot.FEED.make(
            params=params,
            ring_words=self.ring.words,
            level_slots=self.ring.slots,
            ticker_slots=self.ring.slots.view(MD_TICKER),
            trade_slots=self.ring.slots.view(MD_TRADE),
            state_slots=self.ring.slots.view(MD_STATE),
            feed_rows=self.table.rows,
            feed_words=self.table.words,
            sync_state=self.sync,
            symbol_index=self.symbols.index,
            symbol_text=self.symbols.text,
            scales=self.symbols.scales,
            message=self.msg,
            level_px=self.px,
            level_qty=self.qty,
        )

    def _find_instruments(self, now_ns: int) -> bool:
        """Take the rows of our instruments once all are there; True = they are."""
        venue = int(self.market.spec.venue)
        found = {
            bytes(row["name"]).decode(): row
            for row in self._instruments.written()
            if int(row["venue"]) == venue
        }
        if not all(name in found for name in self.venue.instruments):
            return False
        for name in self.venue.instruments:
            row = found[name]
            book = _Book(int(row["instrument_id"]), name, bytes(row["symbol"]).decode())
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
        self._connect_at_ns = now_ns
        return True

    # Turns and timers

    def do_work(self, now_ns: int) -> int:
        if now_ns < self.next_timer_ns() or self._closed:
            return 0
        if now_ns >= self._poll_at_ns:
            self._poll_at_ns = now_ns + POLL_NS
            if self.books or self._find_instruments(now_ns):
                self._look_at_resync(now_ns)
        if now_ns >= self._connect_at_ns:
            self._connect(now_ns)
        for book in self.books.values():
            if now_ns >= book.ask_at_ns:
                self._ask_snapshot(book, now_ns)
        if now_ns >= self._stale_at_ns:
            self._check_stale(now_ns)
        return 1

    def next_timer_ns(self) -> int:
        if self._closed:
            return NEVER
        due = min(self._poll_at_ns, self._connect_at_ns, self._stale_at_ns)
        return min(due, self._ask_due_ns())

    def _ask_due_ns(self) -> int:
        return min((book.ask_at_ns for book in self.books.values()), default=NEVER)

    def _check_stale(self, now_ns: int) -> None:
        begun = self.ring.pos
        handle = self.world.handle
        due_ns = int(sync_hot.check_stale(handle, now_ns, self.stale_after_ns))
        self._stale_at_ns = max(due_ns, now_ns + 1)
        if self.ring.pos != begun:
            self.ports.log("warning", "book_stale", books=self.ring.pos - begun)

    def _look_at_resync(self, now_ns: int) -> None:
        wanted = self._resync.rows["resync_wanted"]
        for book in self.books.values():
            asked = int(wanted[book.instrument_id])
            if asked != book.resync_seen:
                book.resync_seen = asked
                if self.sync[book.instrument_id, sync_hot.S_PHASE] == sync_hot.CHAINED:
                    self.ports.log("warning", "resync_wanted", instrument=book.name)
                    self._begin_sync(book, BookState.SYNCING, now_ns)

    # Connection

    def _connect(self, now_ns: int) -> None:
        self._connect_at_ns = NEVER
        url = self.market.stream_url(
            self.venue.stream_url, [book.symbol for book in self.books.values()]
        )
        self._conn = self.ports.open_ws(url)
        self._connects += 1
        self.ports.log("info", "stream_opening", url=url)
        for book in self.books.values():
            self.table.write(book.instrument_id, connects=self._connects)

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        if conn != self._conn or self._closed:
            return
        if event is ConnEvent.OPENED:
            self._open = True
            self._connect_wait_ns = RECONNECT_WAIT_NS_MIN
            for book in self.books.values():
                self._begin_sync(book, BookState.SYNCING, now_ns)
                self.sync[book.instrument_id, sync_hot.S_NEED_ID] = -1  # ids may begin anew
            return
        self._open = False
        self._conn = 0
        self._connect_at_ns = now_ns + self._connect_wait_ns
        self._connect_wait_ns = min(2 * self._connect_wait_ns, RECONNECT_WAIT_NS_MAX)
        self.ports.log("warning", "stream_lost", how=event.name)
        for book in self.books.values():
            book.ask_at_ns = NEVER
            book.buffered.clear()
            if self.sync[book.instrument_id, sync_hot.S_PHASE] == sync_hot.CHAINED:
                sync_hot.set_state(
                    self.world.handle, book.instrument_id, int(BookState.GAP), now_ns
                )

    # Messages

    def on_bytes(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None) -> None:
        if meta is not None:
            self._on_reply(data, now_ns, meta)
            return
        if conn != self._conn:
            return
        status = self._give(data, now_ns)
        if status > words.IGNORED:
            self._on_status(status, data, now_ns)

    def _give(self, data: bytes, now_ns: int) -> int:
        """One message through the kernel, and through the cold decoder where that declines."""
        if not data:
            return words.MALFORMED
        handle = self.world.handle
        buf = np.frombuffer(data, np.uint8)
        status = int(self.market.on_message(handle, buf, 0, buf.shape[0], -1, now_ns))
        if status != words.DECLINED:
            return status
        status = self.market.decode_cold(data, -1, self.symbols, self.px, self.qty, self.msg)
        if status == words.OK and self.msg[words.MSG_KIND] != words.KIND_SNAPSHOT:
            return int(sync_hot.take(handle, now_ns))
        if status > words.IGNORED and self.msg[words.MSG_INSTRUMENT] >= 0:
            sync_hot.unreadable(handle, int(self.msg[words.MSG_INSTRUMENT]), status, now_ns)
        return status if status != words.OK else words.IGNORED

    def _on_status(self, status: int, data: bytes, now_ns: int) -> None:
        """Whatever is neither used nor ignored."""
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
                and self.sync[book.instrument_id, sync_hot.S_PHASE] == sync_hot.BUFFERING
            ):
                self._begin_sync(book, BookState.GAP, now_ns, published=True)

    def _buffer(self, book: _Book, data: bytes, now_ns: int) -> None:
        """Keep a diff for after the snapshot; when there are too many, begin anew."""
        if len(book.buffered) >= DIFFS_BUFFERED_MAX:
            self.ports.log("error", "diffs_overflow", instrument=book.name)
            book.buffered.clear()
        if not book.buffered:
            self.sync[book.instrument_id, sync_hot.S_NEED_ID] = -1
            self._give(data, now_ns)  # notes the first id that a snapshot must reach
        book.buffered.append((bytes(data), now_ns))

    # Snapshots

    def _begin_sync(
        self, book: _Book, state: BookState, now_ns: int, *, published: bool = False
    ) -> None:
        """Buffer from here on and ask for a snapshot, as soon as the pace allows."""
        if not published:
            sync_hot.set_state(self.world.handle, book.instrument_id, int(state), now_ns)
        book.buffered.clear()
        self.table.write(book.instrument_id, state=int(state))
        if now_ns - book.asked_ns > SNAPSHOT_CALM_NS:
            book.wait_ns = SNAPSHOT_WAIT_NS_MIN
            book.ask_at_ns = now_ns
        elif book.request_id == 0:
            book.ask_at_ns = max(book.asked_ns + book.wait_ns, now_ns)
        if book.ask_at_ns <= now_ns:
            self._ask_snapshot(book, now_ns)

    def _ask_snapshot(self, book: _Book, now_ns: int) -> None:
        book.ask_at_ns = NEVER
        if not self._open:
            return
        wanted = self.market.snapshot_request(book.symbol, self.venue.snapshot_levels)
        if book.request_id:
            del self._by_request[book.request_id]
        book.asked_ns = now_ns
        book.wait_ns = min(2 * book.wait_ns, SNAPSHOT_WAIT_NS_MAX)
        book.request_id = self.ports.request(
            self.venue.rest_url, wanted.method, wanted.target, wanted.headers, wanted.body
        )
        self._by_request[book.request_id] = book

    def _on_reply(self, data: bytes, now_ns: int, meta: HttpMeta) -> None:
        book = self._by_request.pop(meta.request_id, None)
        if book is None or self._closed:
            return
        book.request_id = 0
        if self.sync[book.instrument_id, sync_hot.S_PHASE] != sync_hot.BUFFERING or not self._open:
            return
        status = words.MALFORMED
        if meta.status == 200 and data:
            status = self._give_snapshot(book, data, now_ns)
        if status != words.OK:
            book.ask_at_ns = now_ns + book.wait_ns
            self.ports.log(
                "warning",
                "snapshot_unused",
                instrument=book.name,
                http_status=meta.status,
                status=DecodeStatus(status).name,
            )
            return
        self._replay(book, now_ns)

    def _give_snapshot(self, book: _Book, data: bytes, now_ns: int) -> int:
        handle = self.world.handle
        buf = np.frombuffer(data, np.uint8)
        target = book.instrument_id
        status = int(self.market.on_message(handle, buf, 0, buf.shape[0], target, now_ns))
        if status == words.DECLINED:
            status = self.market.decode_cold(
                data, target, self.symbols, self.px, self.qty, self.msg
            )
            if status == words.OK:
                status = int(sync_hot.take(handle, now_ns))
        return status

    def _replay(self, book: _Book, now_ns: int) -> None:
        """Give the buffered diffs again, now that the snapshot is used; LIVE if they chain."""
        buffered: Sequence[tuple[bytes, int]] = book.buffered
        book.buffered = []
        for data, _ in buffered:
            status = self._give(data, now_ns)
            if status > words.IGNORED:
                self._on_status(status, data, now_ns)
        sync_hot.set_state(self.world.handle, book.instrument_id, int(BookState.LIVE), now_ns)
        if self.sync[book.instrument_id, sync_hot.S_PHASE] == sync_hot.CHAINED:
            self.table.write(book.instrument_id, state=int(BookState.LIVE))
            self._stale_at_ns = min(self._stale_at_ns, now_ns + self.stale_after_ns)
            self.ports.log(
                "info",
                "book_live",
                instrument=book.name,
                buffered=len(buffered),
                update_id=int(self.sync[book.instrument_id, sync_hot.S_LAST_ID]),
            )

    # End

    def on_close(self, now_ns: int) -> None:
        """Our books end with us: nobody may price on them."""
        self._closed = True
        for book in self.books.values():
            if self.sync[book.instrument_id, sync_hot.S_PHASE] == sync_hot.CHAINED:
                sync_hot.set_state(
                    self.world.handle, book.instrument_id, int(BookState.GAP), now_ns
                )
        if self._conn:
            self.ports.close(self._conn)


def summary(rows: Any) -> dict[str, int]:
    """Sums over FEED_ROW rows: messages, level_updates, gaps, resyncs, snapshots, malformed."""
    names = ("messages", "level_updates", "gaps", "resyncs", "snapshots", "malformed")
    return {name: int(sum(int(row[name]) for row in rows)) for name in names}
