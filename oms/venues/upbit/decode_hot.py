"""Upbit market messages: bytes -> `msg` and level scratch (`@hot` only).

Takes `orderbook` and `trade`, in the SIMPLE format and in the long one; `ticker` and whatever else
is well-formed is IGNORED. Numbers are bare, with exponents (QUIRKS.md). Each orderbook is the whole
book: its time is its key, thin sides are padded with zeros, which are left out. Quantities beyond
the lot are cut down, prices beyond the tick are not. A number before its symbol is DECLINED: the
exchange says `type` and `code` first. Nothing is published here (`sync_hot.take`).
"""

from __future__ import annotations

from oms.venues.shared.decode_status_hot import (
    ASKS,
    BIDS,
    DECLINED,
    IGNORED,
    KIND_NONE,
    KIND_SNAPSHOT,
    KIND_TRADE,
    MALFORMED,
    MSG_ASKS,
    MSG_BIDS,
    MSG_BUYER_IS_MAKER,
    MSG_EVENT_MS,
    MSG_EVENT_NAME,
    MSG_INSTRUMENT,
    MSG_KIND,
    MSG_LAST_ID,
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
    UNSUPPORTED_TICK,
)
from oms.venues.shared.json_hot import (
    CLOSE_BRACE,
    CLOSE_BRACKET,
    COLON,
    COMMA,
    OPEN_BRACE,
    OPEN_BRACKET,
    QUOTE,
    integer,
    plain_string,
    skip_value,
    skip_ws,
)
from oms.venues.shared.numbers_hot import number
from oms.venues.shared.symbols_hot import find_symbol
from shm_layout.jit import hot

# Keys: each has one bit of MSG_SEEN.
K_OTHER = 0
K_TYPE = 1
K_CODE = 2
K_STAMP_MS = 3
K_UNITS = 4
K_PX = 5
K_QTY = 6
K_ASK_BID = 7
K_TRADE_MS = 8
K_TRADE_ID = 9
K_ASK_PX = 10
K_BID_PX = 11
K_ASK_QTY = 12
K_BID_QTY = 13

NEED_BOOK = (1 << K_CODE) | (1 << K_STAMP_MS) | (1 << K_UNITS)
NEED_TRADE = (
    (1 << K_CODE) | (1 << K_STAMP_MS) | (1 << K_PX) | (1 << K_QTY) | (1 << K_ASK_BID)
    | (1 << K_TRADE_MS) | (1 << K_TRADE_ID)
)  # fmt: skip
NEED_UNIT = (1 << K_ASK_PX) | (1 << K_BID_PX) | (1 << K_ASK_QTY) | (1 << K_BID_QTY)

TYPE_OTHER = 0
TYPE_BOOK = 1
TYPE_TRADE = 2

_ASK_WORD = 0x41534B
_BID_WORD = 0x424944
_TRADE_WORD = 0x7472616465
_BOOK_WORD = 0x6F72646572626F
_BOOK_TAIL = 0x6F6B
_BOOK_SIZE = 9


@hot
def _word(buf, i, count):
    """`count` <= 7 bytes at `i` as one number, first byte highest."""
    value = 0
    for k in range(count):
        value = (value << 8) | int(buf[i + k])
    return value


@hot
def _key(buf, i, size):
    """Key of the name `buf[i:i+size]` of a message."""
    if size == 2:
        word = _word(buf, i, 2)
        if word == 0x7479:  # ty
            return K_TYPE
        if word == 0x6364:  # cd
            return K_CODE
        if word == 0x7470:  # tp
            return K_PX
        if word == 0x7476:  # tv
            return K_QTY
        if word == 0x6162:  # ab
            return K_ASK_BID
    if size == 3:
        word = _word(buf, i, 3)
        if word == 0x746D73:  # tms
            return K_STAMP_MS
        if word == 0x6F6275:  # obu
            return K_UNITS
        if word == 0x736964:  # sid
            return K_TRADE_ID
    if size == 4:
        word = _word(buf, i, 4)
        if word == 0x74797065:  # type
            return K_TYPE
        if word == 0x636F6465:  # code
            return K_CODE
        if word == 0x74746D73:  # ttms
            return K_TRADE_MS
    if size == 7:
        word = _word(buf, i, 7)
        if word == 0x61736B5F626964:  # ask_bid
            return K_ASK_BID
    if size == 9:
        word = _word(buf, i, 7)
        tail = _word(buf, i + 7, 2)
        if word == 0x74696D65737461 and tail == 0x6D70:  # timestamp
            return K_STAMP_MS
    if size == 11:
        word = _word(buf, i, 7)
        tail = _word(buf, i + 7, 4)
        if word == 0x74726164655F70 and tail == 0x72696365:  # trade_price
            return K_PX
    if size == 12:
        word = _word(buf, i, 7)
        tail = _word(buf, i + 7, 5)
        if word == 0x74726164655F76 and tail == 0x6F6C756D65:  # trade_volume
            return K_QTY
    if size == 13:
        word = _word(buf, i, 7)
        tail = _word(buf, i + 7, 6)
        if word == 0x73657175656E74 and tail == 0x69616C5F6964:  # sequential_id
            return K_TRADE_ID
    if size == 15:
        word = _word(buf, i, 7)
        middle = int(buf[i + 7])
        tail = _word(buf, i + 8, 7)
        if word == 0x6F72646572626F and middle == 0x6F and tail == 0x6B5F756E697473:
            return K_UNITS  # orderbook_units
        if word == 0x74726164655F74 and middle == 0x69 and tail == 0x6D657374616D70:
            return K_TRADE_MS  # trade_timestamp
    return K_OTHER


@hot
def _unit_key(buf, i, size):
    """Key of the name `buf[i:i+size]` of a level."""
    if size == 2:
        word = _word(buf, i, 2)
        if word == 0x6170:  # ap
            return K_ASK_PX
        if word == 0x6270:  # bp
            return K_BID_PX
        if word == 0x6173:  # as
            return K_ASK_QTY
        if word == 0x6273:  # bs
            return K_BID_QTY
    if size == 8:
        word = _word(buf, i, 7)
        tail = _word(buf, i + 7, 1)
        if word == 0x61736B5F73697A and tail == 0x65:  # ask_size
            return K_ASK_QTY
        if word == 0x6269645F73697A and tail == 0x65:  # bid_size
            return K_BID_QTY
    if size == 9:
        word = _word(buf, i, 7)
        tail = _word(buf, i + 7, 2)
        if word == 0x61736B5F707269 and tail == 0x6365:  # ask_price
            return K_ASK_PX
        if word == 0x6269645F707269 and tail == 0x6365:  # bid_price
            return K_BID_PX
    return K_OTHER


@hot
def _note(msg, trouble):
    msg[MSG_TROUBLE] = max(msg[MSG_TROUBLE], trouble)


@hot
def reset(msg):
    """Nothing is known of the message."""
    for k in range(MSG_TROUBLE + 1):
        msg[k] = 0
    msg[MSG_INSTRUMENT] = NOT_SEEN
    msg[MSG_EVENT_NAME] = TYPE_OTHER


@hot
def note_level(msg, px, qty, side, level_px, level_qty):
    """One side of one level into the scratch; padding is left out."""
    if level_px == 0:
        return
    count = msg[MSG_BIDS + side]
    if count >= px.shape[1]:
        _note(msg, TOO_LARGE)
        return
    px[side, count] = level_px
    qty[side, count] = level_qty
    msg[MSG_BIDS + side] = count + 1


@hot
def finish(msg):
    """What the message is, now that all of it was read; a status."""
    if msg[MSG_INSTRUMENT] == NOT_OURS:
        return IGNORED
    seen = msg[MSG_SEEN]
    kind = msg[MSG_EVENT_NAME]
    if kind == TYPE_OTHER:
        return IGNORED
    need = NEED_BOOK if kind == TYPE_BOOK else NEED_TRADE
    if seen & need != need:
        return MALFORMED
    if msg[MSG_TROUBLE] != 0:
        return msg[MSG_TROUBLE]
    if kind == TYPE_BOOK:
        msg[MSG_KIND] = KIND_SNAPSHOT
        msg[MSG_LAST_ID] = msg[MSG_EVENT_MS]
    else:
        msg[MSG_KIND] = KIND_TRADE
        if msg[MSG_PX] == 0:
            return MALFORMED
    return OK


@hot
def _type(buf, i, end, msg):
    """Behind the type at `i`."""
    stop = plain_string(buf, i, end)
    if stop < 0:
        return stop
    size = stop - i - 2
    msg[MSG_EVENT_NAME] = TYPE_OTHER
    if size == 5 and _word(buf, i + 1, 5) == _TRADE_WORD:
        msg[MSG_EVENT_NAME] = TYPE_TRADE
    elif size == _BOOK_SIZE and _word(buf, i + 1, 7) == _BOOK_WORD:
        if _word(buf, i + 8, 2) == _BOOK_TAIL:
            msg[MSG_EVENT_NAME] = TYPE_BOOK
    return stop


@hot
def _unit(buf, i, end, px_scale, qty_scale, px, qty, msg):
    """Behind one level `{...}` at `i`."""
    seen = 0
    ask_px = 0
    bid_px = 0
    ask_qty = 0
    bid_qty = 0
    i = skip_ws(buf, i + 1, end)
    while True:
        if i >= end or int(buf[i]) != QUOTE:
            return -MALFORMED
        stop = plain_string(buf, i, end)
        if stop < 0:
            return stop
        key = _unit_key(buf, i + 1, stop - i - 2)
        i = skip_ws(buf, stop, end)
        if i >= end or int(buf[i]) != COLON:
            return -MALFORMED
        i = skip_ws(buf, i + 1, end)
        if i >= end:
            return -MALFORMED
        if key == K_OTHER:
            i = skip_value(buf, i, end)
            if i < 0:
                return i
        else:
            is_px = key == K_ASK_PX or key == K_BID_PX
            i, value, trouble = number(buf, i, end, px_scale if is_px else qty_scale)
            if i < 0:
                return i
            if trouble != 0 and (is_px or trouble != UNSUPPORTED_TICK):
                _note(msg, trouble)
            seen |= 1 << key
            if key == K_ASK_PX:
                ask_px = value
            elif key == K_BID_PX:
                bid_px = value
            elif key == K_ASK_QTY:
                ask_qty = value
            else:
                bid_qty = value
        i = skip_ws(buf, i, end)
        if i >= end:
            return -MALFORMED
        c = int(buf[i])
        if c == CLOSE_BRACE:
            break
        if c != COMMA:
            return -MALFORMED
        i = skip_ws(buf, i + 1, end)
    if seen != NEED_UNIT:
        return -MALFORMED
    note_level(msg, px, qty, BIDS, bid_px, bid_qty)
    note_level(msg, px, qty, ASKS, ask_px, ask_qty)
    return i + 1


@hot
def _units(buf, i, end, px_scale, qty_scale, px, qty, msg):
    """Behind the list of levels at `i`."""
    msg[MSG_BIDS] = 0
    msg[MSG_ASKS] = 0
    if int(buf[i]) != OPEN_BRACKET:
        return -DECLINED
    i = skip_ws(buf, i + 1, end)
    if i < end and int(buf[i]) == CLOSE_BRACKET:
        return i + 1
    while True:
        if i >= end:
            return -MALFORMED
        if int(buf[i]) != OPEN_BRACE:
            return -DECLINED
        i = _unit(buf, i, end, px_scale, qty_scale, px, qty, msg)
        if i < 0:
            return i
        i = skip_ws(buf, i, end)
        if i >= end:
            return -MALFORMED
        c = int(buf[i])
        if c == CLOSE_BRACKET:
            return i + 1
        if c != COMMA:
            return -MALFORMED
        i = skip_ws(buf, i + 1, end)


@hot
def _integer(buf, i, end, msg, word):
    i, value = integer(buf, i, end)
    if i >= 0:
        msg[word] = value
    return i


@hot
def _amount(buf, i, end, scale, msg, word, cuts):
    i, value, trouble = number(buf, i, end, scale)
    if i < 0:
        return i
    msg[word] = value
    if trouble != 0 and not (cuts and trouble == UNSUPPORTED_TICK):
        _note(msg, trouble)
    return i


@hot
def _ask_bid(buf, i, end, msg):
    """Behind the taker's side at `i`."""
    stop = plain_string(buf, i, end)
    if stop < 0:
        return stop
    word = _word(buf, i + 1, 3) if stop - i == 5 else 0
    if word != _ASK_WORD and word != _BID_WORD:
        return -MALFORMED
    msg[MSG_BUYER_IS_MAKER] = 1 if word == _ASK_WORD else 0
    return stop


@hot
def _value(buf, i, end, key, index, text, scales, px, qty, msg):
    """Behind the value of `key` at `i`."""
    if key == K_TYPE and int(buf[i]) == QUOTE:
        return _type(buf, i, end, msg)
    if key == K_CODE and int(buf[i]) == QUOTE:
        stop = plain_string(buf, i, end)
        if stop > 0:
            msg[MSG_INSTRUMENT] = find_symbol(buf, i + 1, stop - 1, index, text)
        return stop
    if key == K_STAMP_MS:
        return _integer(buf, i, end, msg, MSG_EVENT_MS)
    if key == K_TRADE_MS:
        return _integer(buf, i, end, msg, MSG_TRADE_MS)
    if key == K_TRADE_ID:
        return _integer(buf, i, end, msg, MSG_TRADE_ID)
    if key == K_ASK_BID and int(buf[i]) == QUOTE:
        return _ask_bid(buf, i, end, msg)
    instrument = msg[MSG_INSTRUMENT]
    if instrument < 0:
        return -DECLINED
    px_scale = scales[instrument, SCALE_PX]
    qty_scale = scales[instrument, SCALE_QTY]
    if key == K_UNITS:
        return _units(buf, i, end, px_scale, qty_scale, px, qty, msg)
    if key == K_PX:
        return _amount(buf, i, end, px_scale, msg, MSG_PX, False)
    if key == K_QTY:
        return _amount(buf, i, end, qty_scale, msg, MSG_QTY, True)
    return -DECLINED


@hot
def decode(buf, start, end, index, text, scales, px, qty, msg):
    """Read the message `buf[start:end]` into the scratch; a status of decode_status_hot."""
    reset(msg)
    msg[MSG_KIND] = KIND_NONE
    i = skip_ws(buf, start, end)
    if i >= end:
        return MALFORMED
    if int(buf[i]) != OPEN_BRACE:
        return DECLINED
    i = skip_ws(buf, i + 1, end)
    if i < end and int(buf[i]) == CLOSE_BRACE:
        return IGNORED if skip_ws(buf, i + 1, end) == end else MALFORMED
    while True:
        if i >= end or int(buf[i]) != QUOTE:
            return MALFORMED
        stop = plain_string(buf, i, end)
        if stop < 0:
            return -stop
        key = _key(buf, i + 1, stop - i - 2)
        i = skip_ws(buf, stop, end)
        if i >= end or int(buf[i]) != COLON:
            return MALFORMED
        i = skip_ws(buf, i + 1, end)
        if i >= end:
            return MALFORMED
        seen = msg[MSG_SEEN]
        if key != K_OTHER and (seen >> key) & 1:
            return DECLINED  # a name that comes twice
        if key > K_CODE and (seen >> K_TYPE) & 1 == 0:
            return DECLINED  # before anything says what it is
        # A ticker has some of these names, too, and may write null behind them.
        other = key > K_CODE and msg[MSG_EVENT_NAME] == TYPE_OTHER
        if key == K_OTHER or other or msg[MSG_INSTRUMENT] == NOT_OURS:
            i = skip_value(buf, i, end)
        else:
            i = _value(buf, i, end, key, index, text, scales, px, qty, msg)
        msg[MSG_SEEN] |= 1 << key
        if i < 0:
            return -i
        i = skip_ws(buf, i, end)
        if i >= end:
            return MALFORMED
        c = int(buf[i])
        if c == CLOSE_BRACE:
            break
        if c != COMMA:
            return MALFORMED
        i = skip_ws(buf, i + 1, end)
    if skip_ws(buf, i + 1, end) != end:
        return MALFORMED
    return finish(msg)
