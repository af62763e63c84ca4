"""Binance market messages as Binance writes them: the fast path of `decode_hot` (`@hot` only).

depthUpdate, bookTicker and trade of spot and USD-M futures, with their fields in the order in which
the venue sends them, without white space, in a combined-stream frame or bare. Whatever differs by
one byte is NOT_FAST, and `decode_hot` reads it from the beginning: it alone refuses and ignores, so
there is one statement of what a bad message is. What is read here gives the same scratch as there
(a test holds the two against each other, byte by byte).

Nothing here looks at a single byte where eight do: names and punctuation are compared as words,
numbers are read by `words_hot`.
"""

from __future__ import annotations

from oms.venues.binance.decode_hot import (
    EVENT_DEPTH,
    EVENT_TICKER,
    EVENT_TRADE,
    K_ASK_LEVELS,
    K_ASK_PX,
    K_ASK_QTY,
    K_ASKS,
    K_BID_LEVELS,
    K_BID_PX,
    K_BID_QTY,
    K_BIDS,
    K_DATA,
    K_EVENT,
    K_EVENT_MS,
    K_FIRST,
    K_LAST,
    K_MAKER,
    K_PREV,
    K_PX,
    K_QTY,
    K_SYMBOL,
    K_TRADE_ID,
    K_TRADE_MS,
)
from oms.venues.shared.decode_status_hot import (
    ASKS,
    BIDS,
    KIND_DEPTH,
    KIND_TICKER,
    KIND_TRADE,
    MSG_ASK_PX,
    MSG_ASK_QTY,
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
    OK,
    SCALE_PX,
    SCALE_QTY,
)
from oms.venues.shared.json_hot import CLOSE_BRACE, CLOSE_BRACKET, COLON, QUOTE
from oms.venues.shared.symbols_hot import find_short_symbol
from oms.venues.shared.words_hot import (
    NOT_FAST,
    SCALE_MAX,
    behind_plain,
    short_integer,
    short_pair,
    time_ms,
    word_at,
)
from shm_layout.jit import hot

SHORTEST = 64
"""Bytes of a message that is looked at here."""

_BYTE = 0xFF
_TWO = (1 << 16) - 1
_THREE = (1 << 24) - 1
_FOUR = (1 << 32) - 1
_FIVE = (1 << 40) - 1
_SIX = (1 << 48) - 1
_SEVEN = (1 << 56) - 1

# Text as words: the lowest byte comes first.
_OPEN = int.from_bytes(b'{"', "little")
_STREAM = int.from_bytes(b'{"stream', "little")
_STREAM_END = int.from_bytes(b'":"', "little")
_DATA = int.from_bytes(b'","data"', "little")
_DATA_END = int.from_bytes(b':{"', "little")
_EVENT = int.from_bytes(b'e":"', "little")
_LAST_BARE = int.from_bytes(b'u":', "little")
_BOOK_TICK = int.from_bytes(b"bookTick", "little")
_ER_LAST = int.from_bytes(b'er","u":', "little")
_DEPTH_UPD = int.from_bytes(b"depthUpd", "little")
_ATE_TIME = int.from_bytes(b'ate","E"', "little")
_TRADE = int.from_bytes(b'trade","', "little")
_TIME = int.from_bytes(b'E":', "little")
_COMMA_TIME = int.from_bytes(b',"E":', "little")
_TRADE_TIME = int.from_bytes(b',"T":', "little")
_SYMBOL = int.from_bytes(b',"s":"', "little")
_FIRST = int.from_bytes(b',"U":', "little")
_LAST = int.from_bytes(b',"u":', "little")
_PREV = int.from_bytes(b',"pu":', "little")
_BID_LIST = int.from_bytes(b',"b":[', "little")
_ASK_LIST = int.from_bytes(b',"a":[', "little")
_BID = int.from_bytes(b',"b":"', "little")
_BID_QTY = int.from_bytes(b'","B":"', "little")
_ASK = int.from_bytes(b',"a":"', "little")
_ASK_QTY = int.from_bytes(b'","A":"', "little")
_TRADE_ID = int.from_bytes(b',"t":', "little")
_PX = int.from_bytes(b',"p":"', "little")
_QTY = int.from_bytes(b'","q":"', "little")
_ORDER_TYPE = int.from_bytes(b',"X":"', "little")
_MAKER = int.from_bytes(b',"m":', "little")
_MAKER_TOO = int.from_bytes(b',"M":', "little")
_TRUE = int.from_bytes(b"true", "little")
_FALSE = int.from_bytes(b"false", "little")
_LEVEL_OPEN = int.from_bytes(b'["', "little")
_LEVEL_MIDDLE = int.from_bytes(b'","', "little")
_LEVEL_NEXT = int.from_bytes(b'],["', "little")
_LEVELS_END = int.from_bytes(b"]]", "little")

_SEEN_DEPTH = (
    (1 << K_EVENT) | (1 << K_EVENT_MS) | (1 << K_SYMBOL) | (1 << K_FIRST) | (1 << K_LAST)
    | (1 << K_BIDS) | (1 << K_ASKS) | (1 << K_BID_LEVELS) | (1 << K_ASK_LEVELS)
)  # fmt: skip
_SEEN_TICKER = (
    (1 << K_SYMBOL) | (1 << K_LAST) | (1 << K_BIDS) | (1 << K_BID_PX) | (1 << K_BID_QTY)
    | (1 << K_ASKS) | (1 << K_ASK_PX) | (1 << K_ASK_QTY)
)  # fmt: skip
_SEEN_TRADE = (
    (1 << K_EVENT) | (1 << K_EVENT_MS) | (1 << K_TRADE_MS) | (1 << K_SYMBOL) | (1 << K_TRADE_ID)
    | (1 << K_PX) | (1 << K_QTY) | (1 << K_MAKER)
)  # fmt: skip


@hot(inline=True)
def _begin(msg, kind, seen):
    """Scratch of this message: what its kind does not name is empty."""
    for k in range(MSG_DEFERRED):
        msg[k] = 0
    msg[MSG_KIND] = kind
    msg[MSG_SEEN] = seen
    msg[MSG_PREV_ID] = -1


@hot(inline=True)
def _symbol(buf, i, end, index, text, scales, msg):
    """Behind the closing quote of `,"s":"..."` at `i`; MSG_INSTRUMENT set."""
    if word_at(buf, i, end) & _SIX != _SYMBOL:
        return NOT_FAST
    i += 6
    i, instrument = find_short_symbol(buf, i, end, index, text)
    if instrument < 0:
        return NOT_FAST
    if scales[instrument, SCALE_PX] > SCALE_MAX or scales[instrument, SCALE_QTY] > SCALE_MAX:
        return NOT_FAST
    msg[MSG_INSTRUMENT] = instrument
    return i


@hot(inline=True)
def _ends(buf, i, end, inside):
    """Does the message end with the braces at `i`?"""
    if i + 1 + inside != end or int(buf[i]) != CLOSE_BRACE:
        return False
    return int(buf[end - 1]) == CLOSE_BRACE


@hot(inline=True)
def _level_list(buf, i, end, side, px_scale, qty_scale, px, qty, msg):
    """Behind the bracket that closes the list of levels whose first byte is at `i`."""
    if i >= end:
        return NOT_FAST
    if int(buf[i]) == CLOSE_BRACKET:
        return i + 1
    if word_at(buf, i, end) & _TWO != _LEVEL_OPEN:
        return NOT_FAST
    i += 2
    cap = px.shape[1]
    for count in range(cap):
        i, level_px, level_qty = short_pair(
            buf, i, end, _LEVEL_MIDDLE, _THREE, 3, px_scale, qty_scale
        )
        if i < 0 or level_px == 0:
            return NOT_FAST
        px[side, count] = level_px
        qty[side, count] = level_qty
        word = word_at(buf, i, end)
        i += 4
        if word & _FOUR != _LEVEL_NEXT:
            if word & _TWO != _LEVELS_END:
                return NOT_FAST
            msg[MSG_BIDS + side] = count + 1
            return i - 2
    return NOT_FAST


@hot(inline=True)
def _depth(buf, i, end, inside, index, text, scales, px, qty, msg):
    """A depthUpdate; `i` is at the digits of its "E"."""
    _begin(msg, KIND_DEPTH, _SEEN_DEPTH | (inside << K_DATA))
    msg[MSG_EVENT_NAME] = EVENT_DEPTH
    i, msg[MSG_EVENT_MS] = time_ms(buf, i, end)
    if i < 0:
        return NOT_FAST
    if word_at(buf, i, end) & _FIVE == _TRADE_TIME:
        i, msg[MSG_TRADE_MS] = time_ms(buf, i + 5, end)
        msg[MSG_SEEN] |= 1 << K_TRADE_MS
        if i < 0:
            return NOT_FAST
    i = _symbol(buf, i, end, index, text, scales, msg)
    if i < 0 or word_at(buf, i, end) & _FIVE != _FIRST:
        return NOT_FAST
    i, msg[MSG_FIRST_ID] = short_integer(buf, i + 5, end)
    if i < 0 or word_at(buf, i, end) & _FIVE != _LAST:
        return NOT_FAST
    i, msg[MSG_LAST_ID] = short_integer(buf, i + 5, end)
    if i < 0 or msg[MSG_FIRST_ID] > msg[MSG_LAST_ID]:
        return NOT_FAST
    if word_at(buf, i, end) & _SIX == _PREV:
        i, msg[MSG_PREV_ID] = short_integer(buf, i + 6, end)
        msg[MSG_SEEN] |= 1 << K_PREV
        if i < 0:
            return NOT_FAST
    px_scale = scales[msg[MSG_INSTRUMENT], SCALE_PX]
    qty_scale = scales[msg[MSG_INSTRUMENT], SCALE_QTY]
    side = BIDS
    name = _BID_LIST
    while side <= ASKS:
        if word_at(buf, i, end) & _SIX != name:
            return NOT_FAST
        i = _level_list(buf, i + 6, end, side, px_scale, qty_scale, px, qty, msg)
        if i < 0:
            return NOT_FAST
        side += 1
        name = _ASK_LIST
    return OK if _ends(buf, i, end, inside) else NOT_FAST


@hot(inline=True)
def _ticker(buf, i, end, inside, seen, index, text, scales, msg):
    """A bookTicker; `i` is at the digits of its "u"."""
    _begin(msg, KIND_TICKER, _SEEN_TICKER | seen | (inside << K_DATA))
    msg[MSG_EVENT_NAME] = EVENT_TICKER if seen != 0 else 0
    i, msg[MSG_LAST_ID] = short_integer(buf, i, end)
    if i < 0:
        return NOT_FAST
    i = _symbol(buf, i, end, index, text, scales, msg)
    if i < 0 or word_at(buf, i, end) & _SIX != _BID:
        return NOT_FAST
    px_scale = scales[msg[MSG_INSTRUMENT], SCALE_PX]
    qty_scale = scales[msg[MSG_INSTRUMENT], SCALE_QTY]
    i, msg[MSG_BID_PX], msg[MSG_BID_QTY] = short_pair(
        buf, i + 6, end, _BID_QTY, _SEVEN, 7, px_scale, qty_scale
    )
    if i < 0 or word_at(buf, i, end) & _SIX != _ASK:
        return NOT_FAST
    i, msg[MSG_ASK_PX], msg[MSG_ASK_QTY] = short_pair(
        buf, i + 6, end, _ASK_QTY, _SEVEN, 7, px_scale, qty_scale
    )
    if i < 0:
        return NOT_FAST
    if word_at(buf, i, end) & _FIVE == _TRADE_TIME:
        i, msg[MSG_TRADE_MS] = time_ms(buf, i + 5, end)
        if i < 0 or word_at(buf, i, end) & _FIVE != _COMMA_TIME:
            return NOT_FAST
        i, msg[MSG_EVENT_MS] = time_ms(buf, i + 5, end)
        if i < 0:
            return NOT_FAST
        msg[MSG_SEEN] |= (1 << K_TRADE_MS) | (1 << K_EVENT_MS)
    return OK if _ends(buf, i, end, inside) else NOT_FAST


@hot(inline=True)
def _truth(buf, i, end):
    """(index behind, 1 or 0) of `true` or `false` at `i`."""
    word = word_at(buf, i, end)
    if word & _FOUR == _TRUE:
        return i + 4, 1
    if word & _FIVE == _FALSE:
        return i + 5, 0
    return NOT_FAST, 0


@hot(inline=True)
def _trade(buf, i, end, inside, index, text, scales, msg):
    """A trade; `i` is at the digits of its "E". Futures give "T" before the symbol, and the kind of
    order; spot gives "T" behind the quantity, and an "M" that says nothing."""
    _begin(msg, KIND_TRADE, _SEEN_TRADE | (inside << K_DATA))
    msg[MSG_EVENT_NAME] = EVENT_TRADE
    i, msg[MSG_EVENT_MS] = time_ms(buf, i, end)
    if i < 0:
        return NOT_FAST
    futures = word_at(buf, i, end) & _FIVE == _TRADE_TIME
    if futures:
        i, msg[MSG_TRADE_MS] = time_ms(buf, i + 5, end)
        if i < 0:
            return NOT_FAST
    i = _symbol(buf, i, end, index, text, scales, msg)
    if i < 0 or word_at(buf, i, end) & _FIVE != _TRADE_ID:
        return NOT_FAST
    i, msg[MSG_TRADE_ID] = short_integer(buf, i + 5, end)
    if i < 0 or word_at(buf, i, end) & _SIX != _PX:
        return NOT_FAST
    px_scale = scales[msg[MSG_INSTRUMENT], SCALE_PX]
    qty_scale = scales[msg[MSG_INSTRUMENT], SCALE_QTY]
    i, msg[MSG_PX], msg[MSG_QTY] = short_pair(buf, i + 6, end, _QTY, _SEVEN, 7, px_scale, qty_scale)
    if i < 0 or msg[MSG_PX] == 0 or msg[MSG_QTY] == 0:
        return NOT_FAST
    if not futures:
        if word_at(buf, i, end) & _FIVE != _TRADE_TIME:
            return NOT_FAST
        i, msg[MSG_TRADE_MS] = time_ms(buf, i + 5, end)
        if i < 0:
            return NOT_FAST
    elif word_at(buf, i, end) & _SIX == _ORDER_TYPE:
        i = behind_plain(buf, i + 6, end)
        if i >= end or int(buf[i]) != QUOTE:
            return NOT_FAST
        i += 1
    if word_at(buf, i, end) & _FIVE != _MAKER:
        return NOT_FAST
    i, msg[MSG_BUYER_IS_MAKER] = _truth(buf, i + 5, end)
    if i >= 0 and word_at(buf, i, end) & _FIVE == _MAKER_TOO:
        i = _truth(buf, i + 5, end)[0]
    return OK if i >= 0 and _ends(buf, i, end, inside) else NOT_FAST


@hot
def decode_fast(buf, start, end, index, text, scales, px, qty, msg):
    """OK, and the scratch as `decode_hot.decode` would leave it; or NOT_FAST. Arguments as there,
    of a stream message."""
    if end - start < SHORTEST:
        return NOT_FAST
    inside = 0
    i = start
    word = word_at(buf, i, end)
    if word == _STREAM:
        inside = 1
        if word_at(buf, i + 8, end) & _THREE != _STREAM_END:
            return NOT_FAST
        i = behind_plain(buf, i + 11, end)
        if word_at(buf, i, end) != _DATA or word_at(buf, i + 8, end) & _THREE != _DATA_END:
            return NOT_FAST
        i += 11
    elif word & _TWO == _OPEN:
        i += 2
    else:
        return NOT_FAST
    word = word_at(buf, i, end)
    seen = 0
    if word & _FOUR == _EVENT:
        seen = 1 << K_EVENT
        word = word_at(buf, i + 4, end)
        rest = word_at(buf, i + 12, end)
        if word == _DEPTH_UPD and rest == _ATE_TIME:
            if word_at(buf, i + 20, end) & _BYTE != COLON:
                return NOT_FAST
            return _depth(buf, i + 21, end, inside, index, text, scales, px, qty, msg)
        if word == _TRADE and rest & _THREE == _TIME:
            return _trade(buf, i + 15, end, inside, index, text, scales, msg)
        if word != _BOOK_TICK or rest != _ER_LAST:
            return NOT_FAST
        i += 20
    elif word & _THREE == _LAST_BARE:
        i += 3
    else:
        return NOT_FAST
    return _ticker(buf, i, end, inside, seen, index, text, scales, msg)
