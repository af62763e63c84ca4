"""Binance: one message's bytes -> the md ring, in one crossing (`@hot` only).

`BYTES_READ` is what `np.frombuffer(data, np.uint8)` gives: read-only, no copy.
"""

from __future__ import annotations

from oms.venues.binance.decode_fast_hot import decode_fast
from oms.venues.binance.decode_hot import decode
from oms.venues.shared.decode_status_hot import (
    DECLINED,
    IGNORED,
    KIND_SNAPSHOT,
    MSG_INSTRUMENT,
    MSG_KIND,
    OK,
)
from oms.venues.shared.feed_world_hot import (
    level_px,
    level_qty,
    message,
    scales,
    symbol_index,
    symbol_text,
)
from oms.venues.shared.sync_hot import take, unreadable
from oms.venues.shared.words_hot import NOT_FAST
from shm_layout.jit import BYTES_READ, I64, WORLD_TYPE, hot


@hot(entry=(WORLD_TYPE, BYTES_READ, I64, I64, I64, I64))
def on_message(world, buf, start, end, hint, now_ns):
    """Decode and use the message `buf[start:end]`; a status of decode_status_hot.

    `hint` < 0: a stream message. Otherwise a REST depth snapshot of instrument `hint`; what is
    none is IGNORED. DECLINED: nothing was done, the cold decoder is asked. A stream message of
    one of our books that cannot be read breaks that book's chain.
    """
    msg = message(world)
    index = symbol_index(world)
    text = symbol_text(world)
    by_id = scales(world)
    px = level_px(world)
    qty = level_qty(world)
    status = NOT_FAST
    if hint < 0:
        status = decode_fast(buf, start, end, index, text, by_id, px, qty, msg)
    if status == NOT_FAST:
        status = decode(buf, start, end, hint, index, text, by_id, px, qty, msg)
    if status == OK:
        if hint >= 0 and msg[MSG_KIND] != KIND_SNAPSHOT:
            return IGNORED
        return take(world, now_ns)
    if hint < 0 and status > IGNORED and status != DECLINED and msg[MSG_INSTRUMENT] >= 0:
        unreadable(world, msg[MSG_INSTRUMENT], status, now_ns)
    return status
