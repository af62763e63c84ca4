"""Binance market messages: bytes -> `msg` and level scratch (`@hot` only).

Takes combined-stream frames `{"stream":..,"data":{..}}`, raw frames, and REST depth snapshots, in
one pass, keys in any order, unknown fields checked and skipped. Fast where the venue's own order
holds (symbol before prices); a price that comes before its symbol is read in a second look.
Nothing is published here: the caller takes the scratch when the status is OK (`sync_hot.take`).

DECLINED messages go to the cold parent (`decode.py`: orjson and exact integers), which gives the
same answer or a refusal; names with escapes, doubled keys and the like do not occur at Binance.
"""

from __future__ import annotations

from oms.venues.shared.decode_status_hot import (
    DECLINED,
    IGNORED,
    KIND_DEPTH,
    KIND_NONE,
    KIND_SNAPSHOT,
    KIND_TICKER,
    KIND_TRADE,
    MALFORMED,
    MSG_ASK_PX,
    MSG_ASK_QTY,
    MSG_ASKS,
    MSG_BID_PX,
    MSG_BID_QTY,
    MSG_BIDS,
    MSG_BUYER_IS_MAKER,
    MSG_DEFERRED,
    MSG_EVENT_MS,
    MSG_EVENT_NAME,
    MSG_FIRST_ID,
    MSG_INSTRUMENT,
    MSG_KIND,
    MSG_LAST_ID,
    MSG_PREV_ID,
    MSG_PX,
    MSG_QTY,
    MSG_SEEN,
    MSG_TRADE_ID,
    MSG_TRADE_MS,
    MSG_TROUBLE,
    NOT_OURS,
    NOT_SEEN,
    OK,
    SCALE_PX,
    SCALE_QTY,
    TOO_LARGE,
)
from oms.venues.shared.json_hot import (
    BACKSLASH,
    CLOSE_BRACE,
    CLOSE_BRACKET,
    COLON,
    COMMA,
    OPEN_BRACE,
    OPEN_BRACKET,
    QUOTE,
    decimal,
    integer,
    plain_string,
    skip_literal,
    skip_string,
    skip_value,
    skip_ws,
)
from oms.venues.shared.symbols_hot import find_symbol
from shm_layout.jit import I64, WORLD_TYPE, hot

# Keys: each has one bit of MSG_SEEN and one word behind MSG_DEFERRED.
K_OTHER = 0
K_EVENT = 1  # e
K_EVENT_MS = 2  # E
K_TRADE_MS = 3  # T
K_SYMBOL = 4  # s
K_FIRST = 5  # U
K_LAST = 6  # u
K_PREV = 7  # pu
K_BIDS = 8  # b, bids
K_ASKS = 9  # a, asks
K_BID_QTY = 10  # B
K_ASK_QTY = 11  # A
K_PX = 12  # p
K_QTY = 13  # q
K_TRADE_ID = 14  # t
K_MAKER = 15  # m
K_SNAPSHOT_ID = 16  # lastUpdateId
K_DATA = 17
K_BID_LEVELS = 18  # b or bids was a list
K_ASK_LEVELS = 19
K_BID_PX = 20  # b was a price
K_ASK_PX = 21

NEED_DEPTH = (
    (1 << K_SYMBOL) | (1 << K_FIRST) | (1 << K_LAST) | (1 << K_BID_LEVELS) | (1 << K_ASK_LEVELS)
)
NEED_TICKER = (
    (1 << K_SYMBOL) | (1 << K_LAST) | (1 << K_BID_PX) | (1 << K_ASK_PX)
    | (1 << K_BID_QTY) | (1 << K_ASK_QTY)
)  # fmt: skip
NEED_TRADE = (
    (1 << K_SYMBOL) | (1 << K_TRADE_ID) | (1 << K_PX) | (1 << K_QTY) | (1 << K_MAKER)
    | (1 << K_TRADE_MS)
)  # fmt: skip
NEED_SNAPSHOT = (1 << K_SNAPSHOT_ID) | (1 << K_BID_LEVELS) | (1 << K_ASK_LEVELS)

EVENT_OTHER = 0
EVENT_DEPTH = 1
EVENT_TICKER = 2
EVENT_TRADE = 3

assert K_ASKS == K_BIDS + 1
assert K_ASK_LEVELS == K_BID_LEVELS + 1
assert MSG_ASKS == MSG_BIDS + 1

_AFTER_OPEN = 0
_AFTER_COMMA = 1
_AFTER_VALUE = 2


@hot
def _word(buf, i, count):
    """`count` <= 7 bytes at `i` as one number, first byte highest."""
    value = 0
    for k in range(count):
        value = (value << 8) | int(buf[i + k])
    return value


@hot
def _short_key(c):
    """Key code of a one-letter name."""
    if c == 98:
        return K_BIDS
    if c == 97:
        return K_ASKS
    if c == 66:
        return K_BID_QTY
    if c == 65:
        return K_ASK_QTY
    if c == 117:
        return K_LAST
    if c == 85:
        return K_FIRST
    if c == 115:
        return K_SYMBOL
    if c == 101:
        return K_EVENT
    if c == 69:
        return K_EVENT_MS
    if c == 84:
        return K_TRADE_MS
    if c == 112:
        return K_PX
    if c == 113:
        return K_QTY
    if c == 116:
        return K_TRADE_ID
    if c == 109:
        return K_MAKER
    return K_OTHER


@hot
def _long_key(buf, i, size):
    """Key code of the name `buf[i:i+size]`, size != 1."""
    if size == 2:
        return K_PREV if _word(buf, i, 2) == 0x7075 else K_OTHER
    if size == 4:
        word = _word(buf, i, 4)
        if word == 0x64617461:
            return K_DATA
        if word == 0x62696473:
            return K_BIDS
        if word == 0x61736B73:
            return K_ASKS
    elif size == 12 and _word(buf, i, 6) == 0x6C6173745570:
        if _word(buf, i + 6, 6) == 0x646174654964:
            return K_SNAPSHOT_ID
    return K_OTHER


@hot
def _event_name(buf, i, size):
    """EVENT_* of the name `buf[i:i+size]`."""
    if size == 11 and _word(buf, i, 6) == 0x646570746855 and _word(buf, i + 6, 5) == 0x7064617465:
        return EVENT_DEPTH
    if size == 10 and _word(buf, i, 5) == 0x626F6F6B54 and _word(buf, i + 5, 5) == 0x69636B6572:
        return EVENT_TICKER
    if size == 5 and _word(buf, i, 5) == 0x7472616465:
        return EVENT_TRADE
    return EVENT_OTHER


@hot
def _note(msg, trouble):
    """Keep the worst trouble with a number; the message is still read to its end."""
    msg[MSG_TROUBLE] = max(msg[MSG_TROUBLE], trouble)


@hot
def _levels(buf, i, end, side, px_scale, qty_scale, px, qty, msg):
    """Behind a list of `["px","qty"]` at `i`; fills px[side], qty[side] and the side's count."""
    cap = px.shape[1]
    count_word = MSG_BIDS + side
    count = 0
    i = skip_ws(buf, i + 1, end)
    if i < end and int(buf[i]) == CLOSE_BRACKET:
        msg[count_word] = 0
        return i + 1
    while True:
        i = skip_ws(buf, i, end)
        if i >= end:
            return -MALFORMED
        if int(buf[i]) != OPEN_BRACKET:
            return -DECLINED
        i = skip_ws(buf, i + 1, end)
        if i >= end or int(buf[i]) != QUOTE:
            return -DECLINED
        i, level_px, trouble = decimal(buf, i, end, px_scale)
        if i < 0:
            return i
        if trouble != 0:
            _note(msg, trouble)
        i = skip_ws(buf, i, end)
        if i >= end or int(buf[i]) != COMMA:
            return -DECLINED
        i = skip_ws(buf, i + 1, end)
        if i >= end or int(buf[i]) != QUOTE:
            return -DECLINED
        i, level_qty, trouble = decimal(buf, i, end, qty_scale)
        if i < 0:
            return i
        if trouble != 0:
            _note(msg, trouble)
        if level_px == 0 and msg[MSG_TROUBLE] == 0:
            _note(msg, MALFORMED)
        if count < cap:
            px[side, count] = level_px
            qty[side, count] = level_qty
        else:
            _note(msg, TOO_LARGE)
        count += 1
        i = skip_ws(buf, i, end)
        if i >= end or int(buf[i]) != CLOSE_BRACKET:
            return -DECLINED
        i = skip_ws(buf, i + 1, end)
        if i >= end:
            return -MALFORMED
        c = int(buf[i])
        i += 1
        if c == CLOSE_BRACKET:
            msg[count_word] = min(count, cap)
            return i
        if c != COMMA:
            return -MALFORMED


@hot
def _price_field(buf, i, end, key, scales, px, qty, msg):
    """Behind the value of a key that needs the instrument's scales."""
    instrument = msg[MSG_INSTRUMENT]
    px_scale = scales[instrument, SCALE_PX]
    qty_scale = scales[instrument, SCALE_QTY]
    c = int(buf[i])
    if c == OPEN_BRACKET and (key == K_BIDS or key == K_ASKS):
        side = key - K_BIDS
        msg[MSG_SEEN] |= 1 << (K_BID_LEVELS + side)
        return _levels(buf, i, end, side, px_scale, qty_scale, px, qty, msg)
    if c != QUOTE:
        msg[MSG_SEEN] &= ~(1 << key)
        return skip_value(buf, i, end)
    is_px = key == K_BIDS or key == K_ASKS or key == K_PX
    i, value, trouble = decimal(buf, i, end, px_scale if is_px else qty_scale)
    if i < 0:
        return i
    if trouble != 0:
        _note(msg, trouble)
    if key == K_BIDS:
        msg[MSG_BID_PX] = value
        msg[MSG_SEEN] |= 1 << K_BID_PX
    elif key == K_ASKS:
        msg[MSG_ASK_PX] = value
        msg[MSG_SEEN] |= 1 << K_ASK_PX
    elif key == K_BID_QTY:
        msg[MSG_BID_QTY] = value
    elif key == K_ASK_QTY:
        msg[MSG_ASK_QTY] = value
    elif key == K_PX:
        msg[MSG_PX] = value
    else:
        msg[MSG_QTY] = value
    return i


@hot
def _integer_field(buf, i, end, key, msg):
    """Behind the value of an id or a time."""
    i, value = integer(buf, i, end)
    if i < 0:
        return i
    if key == K_EVENT_MS:
        msg[MSG_EVENT_MS] = value
    elif key == K_TRADE_MS:
        msg[MSG_TRADE_MS] = value
    elif key == K_FIRST:
        msg[MSG_FIRST_ID] = value
    elif key == K_PREV:
        msg[MSG_PREV_ID] = value
    elif key == K_TRADE_ID:
        msg[MSG_TRADE_ID] = value
    else:
        msg[MSG_LAST_ID] = value
    return i


@hot
def _field(buf, i, end, key, hint, index, text, scales, px, qty, msg):
    """Behind the value at `i` of a known key."""
    c = int(buf[i])
    if K_BIDS <= key <= K_QTY:
        if msg[MSG_INSTRUMENT] >= 0:
            return _price_field(buf, i, end, key, scales, px, qty, msg)
        if msg[MSG_INSTRUMENT] == NOT_SEEN:
            msg[MSG_DEFERRED + key] = i
        return skip_value(buf, i, end)
    if key == K_EVENT or key == K_SYMBOL:
        if c != QUOTE:
            return -DECLINED
        stop = plain_string(buf, i, end)
        if stop < 0:
            return stop
        if key == K_EVENT:
            msg[MSG_EVENT_NAME] = _event_name(buf, i + 1, stop - i - 2)
        elif hint < 0:
            msg[MSG_INSTRUMENT] = find_symbol(buf, i + 1, stop - 1, index, text)
        return stop
    if key == K_MAKER:
        if c != 116 and c != 102:
            return -DECLINED
        msg[MSG_BUYER_IS_MAKER] = 1 if c == 116 else 0
        return skip_literal(buf, i, end)
    return _integer_field(buf, i, end, key, msg)


@hot
def _scan(buf, i, end, hint, index, text, scales, px, qty, msg):
    """Read one whole object at `i`, with the object under "data" as part of it; OK or a status."""
    i = skip_ws(buf, i, end)
    if i >= end or int(buf[i]) != OPEN_BRACE:
        return DECLINED
    i += 1
    inside = 0  # 1 = in the object under "data"
    state = _AFTER_OPEN
    while True:
        i = skip_ws(buf, i, end)
        if i >= end:
            return MALFORMED
        c = int(buf[i])
        if state == _AFTER_VALUE or (c == CLOSE_BRACE and state == _AFTER_OPEN):
            i += 1
            if c == COMMA:
                state = _AFTER_COMMA
                continue
            if c != CLOSE_BRACE:
                return MALFORMED
            if inside == 0:
                break
            inside = 0
            state = _AFTER_VALUE
            continue
        if c != QUOTE:
            return MALFORMED
        if i + 2 < end and int(buf[i + 2]) == QUOTE and int(buf[i + 1]) != BACKSLASH:
            c = int(buf[i + 1])
            if c < 32 or c >= 128 or c == QUOTE:
                return DECLINED
            key = _short_key(c)
            i += 3
        else:
            stop = plain_string(buf, i, end)
            if stop < 0:
                return -stop
            key = _long_key(buf, i + 1, stop - i - 2)
            i = stop
        if i < end and int(buf[i]) != COLON:
            i = skip_ws(buf, i, end)
        if i >= end or int(buf[i]) != COLON:
            return MALFORMED
        i = skip_ws(buf, i + 1, end)
        if i >= end:
            return MALFORMED
        c = int(buf[i])
        if key == K_OTHER or (key == K_DATA and (inside == 1 or c != OPEN_BRACE)):
            i = skip_string(buf, i, end) if c == QUOTE else skip_value(buf, i, end)
        else:
            # A doubled key, or event fields both inside and outside "data": not Binance's.
            if (msg[MSG_SEEN] >> key) & 1:
                return DECLINED
            if inside == 0 and (key == K_DATA or (msg[MSG_SEEN] >> K_DATA) & 1):
                if msg[MSG_SEEN] != 0:
                    return DECLINED
            msg[MSG_SEEN] |= 1 << key
            if key == K_DATA:
                inside = 1
                state = _AFTER_OPEN
                i += 1
                continue
            i = _field(buf, i, end, key, hint, index, text, scales, px, qty, msg)
        if i < 0:
            return -i
        state = _AFTER_VALUE
    return OK if skip_ws(buf, i, end) >= end else MALFORMED


@hot(entry=(WORLD_TYPE,), shared=True)
def finish(msg):
    """Status of a scanned message: sets MSG_KIND, checks that what its kind needs is there.

    Shared with the cold decoder, so that both give one answer.
    """
    seen = msg[MSG_SEEN]
    event = msg[MSG_EVENT_NAME]
    kind = KIND_NONE
    need = 0
    if (seen >> K_EVENT) & 1:
        if event == EVENT_DEPTH:
            kind = KIND_DEPTH
            need = NEED_DEPTH
        elif event == EVENT_TICKER:
            kind = KIND_TICKER
            need = NEED_TICKER
        elif event == EVENT_TRADE:
            kind = KIND_TRADE
            need = NEED_TRADE
    elif (seen >> K_SNAPSHOT_ID) & 1:
        kind = KIND_SNAPSHOT
        need = NEED_SNAPSHOT
    elif seen & NEED_TICKER == NEED_TICKER:
        kind = KIND_TICKER
    if kind == KIND_NONE or msg[MSG_INSTRUMENT] == NOT_OURS:
        return IGNORED
    msg[MSG_KIND] = kind
    if kind == KIND_SNAPSHOT and msg[MSG_INSTRUMENT] < 0:
        return DECLINED
    if seen & need != need:
        return MALFORMED
    if msg[MSG_TROUBLE] != 0:
        return msg[MSG_TROUBLE]
    if kind == KIND_DEPTH and msg[MSG_FIRST_ID] > msg[MSG_LAST_ID]:
        return MALFORMED
    if kind == KIND_TRADE and (msg[MSG_PX] == 0 or msg[MSG_QTY] == 0):
        return IGNORED  # futures: insurance fund and the like, without a price
    return OK


@hot(entry=(WORLD_TYPE, I64), shared=True)
def reset(msg, hint):
    """Empty scratch for the next message; `hint` >= 0 names its instrument beforehand."""
    for k in range(msg.shape[0]):
        msg[k] = 0
    msg[MSG_PREV_ID] = -1
    msg[MSG_INSTRUMENT] = hint if hint >= 0 else NOT_SEEN


@hot
def decode(buf, start, end, hint, index, text, scales, px, qty, msg):
    """Decode `buf[start:end]`; a status of decode_status_hot, the message in the scratch when OK.

    `hint`: instrument of a snapshot (its body names none), else -1. `index`, `text`, `scales`:
    the venue's SymbolTable. `px`, `qty`: int64[2, levels].
    """
    reset(msg, hint)
    status = _scan(buf, start, end, hint, index, text, scales, px, qty, msg)
    if status != OK:
        return status
    if msg[MSG_INSTRUMENT] >= 0 and hint < 0:
        for key in range(K_BIDS, K_QTY + 1):
            at = msg[MSG_DEFERRED + key]
            if at > 0:
                at = _price_field(buf, at, end, key, scales, px, qty, msg)
                if at < 0:
                    return -at
    return finish(msg)
