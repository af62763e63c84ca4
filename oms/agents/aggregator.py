"""The aggregator agent: md rings -> venue books, tables `top`, `books`, `resync`, ring `top`.

Cold wrapper of `oms/book/aggregate_hot.py`: makes one world per venue, calls `step` for each in
the order of the config, and tells feeds (table `resync`) which books want a new snapshot: after a
lap, when a book is crossed, and at a restart, since books live in this process alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.agents.base import BaseAgent
from oms.book import aggregate_hot
from oms.book import aggregate_out_hot as agg
from oms.book.aggregate_hot import step
from oms.book.aggregate_out_hot import T_RESYNC
from oms.book.book import Books
from oms.config import DeskConfig
from oms.ports import NEVER, Ports
from oms.units import NS_PER_MS
from oms.venues.registry import market_data
from shm_layout.enums import BookState, RecordType
from shm_layout.jit import World
from shm_layout.limits import BOOK_LEVELS_MAX, WORK_BUDGET
from shm_layout.records import MD_LEVELS, MD_STATE, MD_TICKER, MD_TRADE
from shm_layout.ring import RingReader
from shm_layout.table import TableWriter


@dataclass(slots=True)
class _Inlet:
    """One venue's ring and what `step` needs for it."""

    venue_name: str
    reader: RingReader
    world: World
    handle: Any
    """Of the world."""
    totals: memoryview
    silent_after_ns: int
    heard_ns: int
    """When something came last."""
    silent: bool = False
    lost_logged: int = 0


class AggregatorAgent(BaseAgent):
    """See the module's text."""

    role = "aggregator"

    def __init__(self, config: DeskConfig) -> None:
        self.silent_after_ns = {
            venue.name: venue.stale_after_ms * NS_PER_MS for venue in config.venues
        }
        self.inlets: list[_Inlet] = []

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self.ports = ports
        self.top: TableWriter = ports.table_writer("top")
        self.book_rows: TableWriter = ports.table_writer("books")
        self.resync: TableWriter = ports.table_writer("resync")
        self.out = ports.writer("top")
        self.latency = ports.table_writer("latency.aggregator").rows
        instruments = self.top.rows.shape[0]
        self.books = Books.empty(instruments, BOOK_LEVELS_MAX)
        self.state = np.zeros((instruments, agg.A_WORDS), np.int64)
        self.fills = np.zeros((instruments, agg.FILLS_MAX, agg.F_WORDS), np.int64)
        self._recall()
        for name in self.silent_after_ns:
            self.inlets.append(self._inlet(name, now_ns))
        self._ask_resync()

    def _recall(self) -> None:
        """What an earlier incarnation published: its versions go on, its books do not."""
        for i in np.flatnonzero(self.top.rows["seq"]):
            row = int(i)
            self.state[row, agg.A_KNOWN] = 1
            self.state[row, agg.A_VENUE] = int(self.top.rows["venue"][row])
            self.state[row, agg.A_VERSION] = int(self.top.rows["version"][row])
            self.state[row, agg.A_SENT_STATE] = int(BookState.UNSET)

    def _inlet(self, venue_name: str, now_ns: int) -> _Inlet:
        reader = self.ports.reader(f"md.{venue_name}")
        scratch = np.zeros(1, MD_LEVELS)
        totals = np.zeros(agg.T_WORDS, np.int64)
        totals[agg.T_EPOCH] = self.ports.epoch
        totals[agg.T_VENUE] = int(market_data(venue_name).spec.venue)
        world = agg.AGG.make(
            md_words=reader.words,
            md_flat=reader.slots.view(np.int64),
            cursor=reader.cursor,
            scratch=scratch.view(np.int64),
            as_levels=scratch,
            as_ticker=scratch.view(MD_TICKER),
            as_trade=scratch.view(MD_TRADE),
            as_state=scratch.view(MD_STATE),
            top_words=self.out.words,
            top_slots=self.out.slots,
            trade_slots=self.out.slots.view(MD_TRADE),
            top_rows=self.top.rows,
            top_row_words=self.top.words,
            book_rows=self.book_rows.rows,
            book_row_words=self.book_rows.words,
            book_keys=self.books.keys,
            book_qty=self.books.qty,
            book_index=self.books.index,
            book_count=self.books.count,
            agg_state=self.state,
            fills=self.fills,
            dirty=np.zeros(self.state.shape[0], np.int64),
            totals=totals,
            latency=self.latency,
        )
        silent_after_ns = self.silent_after_ns[venue_name]
        inlet = _Inlet(
            venue_name, reader, world, world.handle, totals.data, silent_after_ns, now_ns
        )
        if reader.pos > 0 or np.any(self.state[:, agg.A_VENUE] == totals[agg.T_VENUE]):
            missed = reader.pending()
            reader.skip_to_end()
            aggregate_hot.lose(world.handle, reader.pos)
            self.ports.log("warning", "books_lost_at_restart", venue=venue_name, skipped=missed)
        return inlet

    def do_work(self, now_ns: int) -> int:
        taken = 0
        for inlet in self.inlets:
            count: int = step(inlet.handle, now_ns, NEVER, WORK_BUDGET)
            if count:
                taken += count
                inlet.heard_ns = now_ns
                if inlet.totals[T_RESYNC]:
                    self._look_at(inlet)
            if inlet.silent == (now_ns - inlet.heard_ns < inlet.silent_after_ns):
                self._hush(inlet, now_ns)
        return taken

    def _look_at(self, inlet: _Inlet) -> None:
        """A kernel wants snapshots, or has lost records."""
        self._ask_resync()
        lost = inlet.totals[agg.T_LOST]
        if lost != inlet.lost_logged:
            self.ports.log(
                "error", "md_lapped", venue=inlet.venue_name, lost=lost - inlet.lost_logged,
                lost_total=lost,
            )  # fmt: skip
            inlet.lost_logged = lost

    def _hush(self, inlet: _Inlet, now_ns: int) -> None:
        """A feed that died or stands still cannot say that its books are STALE: its silence does.
        A living one speaks at least as often as its connection must (`oms/agents/feed/quiet.py`).
        """
        inlet.silent = not inlet.silent
        aggregate_hot.hush(inlet.world.handle, int(inlet.silent), inlet.reader.pos)
        event = "feed_silent" if inlet.silent else "feed_speaks"
        silent_ms = (now_ns - inlet.heard_ns) // NS_PER_MS
        self.ports.log("warning", event, venue=inlet.venue_name, silent_ms=silent_ms)

    def next_timer_ns(self) -> int:
        """When the next feed will have been silent for too long."""
        due = (one.heard_ns + one.silent_after_ns for one in self.inlets if not one.silent)
        return min(due, default=NEVER)

    def _ask_resync(self) -> None:
        """Count up `resync_wanted` of each book that a kernel marked."""
        for inlet in self.inlets:
            inlet.totals[agg.T_RESYNC] = 0
        for i in np.flatnonzero(self.state[:, agg.A_RESYNC]):
            row = int(i)
            self.state[row, agg.A_RESYNC] = 0
            self.resync.write(
                row,
                type=int(RecordType.FEED_ROW),
                instrument_id=row,
                venue=int(self.state[row, agg.A_VENUE]),
                resync_wanted=int(self.resync.rows["resync_wanted"][row]) + 1,
            )

    def filled_levels(self) -> int:
        """Levels beyond a snapshot's depth that tickers gave to books since the start."""
        return int(sum(inlet.totals[agg.T_FILLED] for inlet in self.inlets))
