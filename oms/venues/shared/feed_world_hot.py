"""What a feed's kernels share: the world of one feed, its parameters, the state of each book
(constants and fields only, `sync_hot` says what they mean)."""

from __future__ import annotations

import numpy as np

from shm_layout.jit import WorldSpec
from shm_layout.records import FEED_ROW, MD_LEVELS, MD_STATE, MD_TICKER, MD_TRADE

FEED = WorldSpec("feed")
params = FEED.field("params", np.int64)
ring_words = FEED.field("ring_words", np.int64)
level_slots = FEED.field("level_slots", MD_LEVELS)
ticker_slots = FEED.field("ticker_slots", MD_TICKER)
trade_slots = FEED.field("trade_slots", MD_TRADE)
state_slots = FEED.field("state_slots", MD_STATE)
feed_rows = FEED.field("feed_rows", FEED_ROW)
feed_words = FEED.field("feed_words", np.int64)
sync_state = FEED.field("sync_state", np.int64, ndim=2)
symbol_index = FEED.field("symbol_index", np.int64, readonly=True)
symbol_text = FEED.field("symbol_text", np.uint8, ndim=2, readonly=True)
scales = FEED.field("scales", np.int64, ndim=2, readonly=True)
message = FEED.field("message", np.int64)
level_px = FEED.field("level_px", np.int64, ndim=2)
level_qty = FEED.field("level_qty", np.int64, ndim=2)

P_EPOCH = 0
P_VENUE = 1
P_RULE = 2
P_STAMPING = 3
P_EQUAL_DROPS = 4  # 1 = of whole books with one key the first one counts
P_TRADES_UNORDERED = 5  # 1 = ids of trades say no order, only which trade it is
P_WORDS = 8

S_PHASE = 0
S_BOOK = 1  # BookState as last published
S_LAST_ID = 2
S_FIRST_PENDING = 3  # 1 = the next diff is the first after a snapshot
S_NEED_ID = 4  # a snapshot must reach this id: what is published, or buffered; -1 = any does
S_SEEN_NS = 5  # our clock of the last diff that was used
S_GENERATION = 6
S_TOLD_NS = 7  # as of when the ring last said that this book is true
S_FROZEN = 8  # 1 = quiet for too long, and nothing proves that it is still true
S_TRADE_ID = 9  # of the last trade that was published
S_LINK = 10  # which of the feed's connections it comes on
S_WORDS = 16
