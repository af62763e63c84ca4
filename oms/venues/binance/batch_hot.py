"""Many recorded messages through feed and aggregator in one compiled loop (`@hot` only).

The same kernels as the agents call, one after the other: message -> md ring -> books. Comes back
to Python when a message needs its cold parent. Used by the bench and for fast replays.
"""

from __future__ import annotations

from oms.book.aggregate_hot import step
from oms.venues.binance.market_hot import on_message
from oms.venues.shared.decode_status_hot import DROPPED, IGNORED
from shm_layout.jit import BYTES_READ, I64, WORDS_READ, WORLD_TYPE, hot

RESULT_WORDS = 2
RESULT_AT = 0
RESULT_STATUS = 1


@hot(
    entry=(
        WORLD_TYPE,
        WORLD_TYPE,
        BYTES_READ,
        WORDS_READ,
        WORDS_READ,
        WORDS_READ,
        I64,
        I64,
        I64,
        WORLD_TYPE,
    )
)
def run_messages(feed, aggregator, buf, starts, ends, recv_ns, first, stop, budget, result):
    """Messages `first` .. `stop` of an indexed buffer; `budget` = records per turn of the books.

    result: where it stopped (== `stop` when all were used) and the status that stopped it.
    """
    at = first
    status = 0
    never = recv_ns[stop - 1]
    while at < stop:
        now_ns = recv_ns[at]
        status = on_message(feed, buf, starts[at], ends[at], -1, now_ns)
        if status > IGNORED and status != DROPPED:
            break
        while step(aggregator, now_ns, never, budget) > 0:
            pass
        at += 1
    result[RESULT_AT] = at
    result[RESULT_STATUS] = status if at < stop else 0
