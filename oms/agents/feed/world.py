"""The arrays that a feed's kernels work on: scratch of one message, state of each book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.ports import Ports
from oms.venues.base import MarketSpec
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared import feed_world_hot
from oms.venues.shared.symbols import SymbolTable
from shm_layout.limits import BOOK_LEVELS_MAX
from shm_layout.records import MD_STATE, MD_TICKER, MD_TRADE
from shm_layout.ring import RingWriter
from shm_layout.table import TableWriter

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class FeedWorld:
    """`world` for the kernels, and what the cold side looks at of it."""

    world: Any
    symbols: SymbolTable
    sync: Array
    """By instrument: words S_* of `sync_hot`."""
    msg: Array
    px: Array
    qty: Array

    @classmethod
    def make(
        cls, ports: Ports, spec: MarketSpec, table: TableWriter, ring: RingWriter
    ) -> FeedWorld:
        """As many books as the table has rows."""
        rows = table.rows.shape[0]
        symbols = SymbolTable.empty(rows)
        sync = np.zeros((rows, feed_world_hot.S_WORDS), np.int64)
        sync[:, feed_world_hot.S_TRADE_ID] = -1
        msg = np.zeros(words.MSG_WORDS, np.int64)
        px = np.zeros((2, BOOK_LEVELS_MAX), np.int64)
        qty = np.zeros((2, BOOK_LEVELS_MAX), np.int64)
        params = np.zeros(feed_world_hot.P_WORDS, np.int64)
        params[feed_world_hot.P_EPOCH] = ports.epoch
        params[feed_world_hot.P_VENUE] = int(spec.venue)
        params[feed_world_hot.P_RULE] = int(spec.book_rule)
        params[feed_world_hot.P_STAMPING] = int(ports.stamping)
        params[feed_world_hot.P_EQUAL_DROPS] = int(not spec.equal_keys_replace)
        params[feed_world_hot.P_TRADES_UNORDERED] = int(not spec.trade_ids_ordered)
        world = feed_world_hot.FEED.make(
            params=params,
            ring_words=ring.words,
            level_slots=ring.slots,
            ticker_slots=ring.slots.view(MD_TICKER),
            trade_slots=ring.slots.view(MD_TRADE),
            state_slots=ring.slots.view(MD_STATE),
            feed_rows=table.rows,
            feed_words=table.words,
            sync_state=sync,
            symbol_index=symbols.index,
            symbol_text=symbols.text,
            scales=symbols.scales,
            message=msg,
            level_px=px,
            level_qty=qty,
        )
        return cls(world, symbols, sync, msg, px, qty)


def summary(rows: Any) -> dict[str, int]:
    """Sums over FEED_ROW rows: messages, level_updates, gaps, resyncs, snapshots, malformed."""
    names = ("messages", "level_updates", "gaps", "resyncs", "snapshots", "malformed")
    return {name: int(sum(int(row[name]) for row in rows)) for name in names}
