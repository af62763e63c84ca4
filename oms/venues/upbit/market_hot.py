"""Upbit: one message's bytes -> the md ring, in one crossing (`@hot` only)."""

from __future__ import annotations

from oms.venues.shared.decode_status_hot import DECLINED, IGNORED, MSG_INSTRUMENT, OK
from oms.venues.shared.feed_world_hot import (
    level_px,
    level_qty,
    message,
    scales,
    symbol_index,
    symbol_text,
)
from oms.venues.shared.sync_hot import take, unreadable
from oms.venues.upbit.decode_hot import decode
from shm_layout.jit import BYTES_READ, I64, WORLD_TYPE, hot


@hot(entry=(WORLD_TYPE, BYTES_READ, I64, I64, I64, I64))
def on_message(world, buf, start, end, hint, now_ns):
    """Decode and use the message `buf[start:end]`; a status of decode_status_hot. `hint` is always
    -1: nothing is asked for by request. One of our books that cannot be read breaks its chain.
    """
    msg = message(world)
    status = decode(
        buf, start, end, symbol_index(world), symbol_text(world), scales(world), level_px(world),
        level_qty(world), msg,
    )  # fmt: skip
    if status == OK:
        return take(world, now_ns)
    if hint < 0 and status > IGNORED and status != DECLINED and msg[MSG_INSTRUMENT] >= 0:
        unreadable(world, msg[MSG_INSTRUMENT], status, now_ns)
    return status
