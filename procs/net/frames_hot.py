"""Whole frames in received bytes (RFC 6455, 5.2), in compiled code (`@hot` only): `scan`.

What comes a thousand times a second is found here: an unfragmented text or binary message, which is
unmasked in place and told by its place. Everything else is passed on to `websockets`, which stays
the one authority on it: pings, pongs and fragments as they come (ODD), a close and whatever breaks
a rule together with all that follows it (HAND_OVER). A frame is passed on as soon as its head says
what it is, so that an error is found at the same byte as `websockets` alone would find it.

    words   [BEGIN, MASKED, FRAGMENTED, PASSING, SIZE_MAX, COUNT, NEEDED,
             (kind, first byte, byte behind) per frame ...]
"""

from __future__ import annotations

from shm_layout.jit import BYTES_TYPE, I64, WORLD_TYPE, hot
from shm_layout.words.mask_hot import mask_8

BEGIN, MASKED, FRAGMENTED, PASSING, SIZE_MAX, COUNT, NEEDED = range(7)
"""First byte that is not used up; 1 = frames must be masked (those that a server reads); 1 = inside
a fragmented message; bytes of an odd frame that are still to come; longest message; frames found;
bytes from BEGIN that an unfinished frame will have, 0 = not known yet."""
HEAD_WORDS = 7
ROW_WORDS = 3
FRAMES_MAX = 256
"""Found by one call; then FULL."""
WORDS = HEAD_WORDS + ROW_WORDS * FRAMES_MAX
KIND, FIRST = HEAD_WORDS, HEAD_WORDS + 1
"""Of the first frame found."""

# Kinds of frames found.
TEXT, BINARY, ODD = 1, 2, 3

# What `scan` returns; NO_MORE is between kernels.
MORE, FULL, HAND_OVER, NOT_SHORTEST, NO_MORE = range(5)
ONE = 8
"""And where its first byte is: added to this."""

_FIN = 0x80
_RESERVED = 0x70
_CLOSE, _PING, _PONG = 8, 9, 10
_LENGTH_16, _LENGTH_64 = 126, 127
_KEY_BYTES = 4


@hot
def _big_endian(buffer, at, count):
    """An unsigned number of so many bytes; negative where its 64th bit is set."""
    value = int(buffer[at])
    if count == 8 and value >= 128:
        return -1
    for k in range(1, count):
        value = value << 8 | int(buffer[at + k])
    return value


@hot
def _unmask(buffer, key_at, at, size):
    """Undo the client's mask (RFC 6455, 5.3)."""
    key = int(buffer[key_at]) | int(buffer[key_at + 1]) << 8
    key |= int(buffer[key_at + 2]) << 16 | int(buffer[key_at + 3]) << 24
    whole = size // 8 * 8
    for k in range(0, whole, 8):
        mask_8(buffer, at + k, key)
    for k in range(whole, size):
        buffer[at + k] ^= key >> 8 * (k & 3) & 255


@hot
def _row(words, kind, first, behind):
    at = HEAD_WORDS + ROW_WORDS * words[COUNT]
    words[at] = kind
    words[at + 1] = first
    words[at + 2] = behind
    words[COUNT] += 1
    words[BEGIN] = behind


@hot
def _is_odd_for_good(words, first, second):
    """A close, or bits that break a rule: nothing behind them is a message of this connection."""
    opcode = first & 15
    if first & _RESERVED or opcode > _PONG or 2 < opcode <= _CLOSE:
        return True
    return second >> 7 != words[MASKED]


@hot
def _frame(words, buffer, end):
    """The frame at BEGIN: told, or to be passed on, or what hinders; NO_MORE if it is not whole."""
    at = words[BEGIN]
    if end - at < 2:
        return NO_MORE
    first, second = int(buffer[at]), int(buffer[at + 1])
    if _is_odd_for_good(words, first, second):
        return HAND_OVER
    length, head = second & 127, 2
    if length >= _LENGTH_16:
        head = 4 if length == _LENGTH_16 else 10
        if end - at < head:
            return NO_MORE
        shortest = _LENGTH_16 if length == _LENGTH_16 else 1 << 16
        length = _big_endian(buffer, at + 2, head - 2)
        if 0 <= length < shortest:
            return NOT_SHORTEST
    if length < 0 or length > words[SIZE_MAX]:
        return HAND_OVER
    head += _KEY_BYTES * words[MASKED]
    size = head + length
    opcode = first & 15
    if opcode >= _PING or opcode == 0 or first & _FIN == 0 or words[FRAGMENTED] != 0:
        if opcode < _CLOSE:
            words[FRAGMENTED] = 0 if first & _FIN else 1
        words[PASSING] = size
        return MORE
    if end - at < size:
        words[NEEDED] = size
        return NO_MORE
    if words[MASKED] != 0:
        _unmask(buffer, at + head - _KEY_BYTES, at + head, length)
    _row(words, opcode, at + head, at + size)
    return MORE


@hot(entry=(WORLD_TYPE, BYTES_TYPE, I64, I64))
def scan(words, buffer, begin, end):
    """Tell the frames of these bytes, and set BEGIN to what is behind them. Returns MORE (what is
    behind them has not come yet), ONE or more (one text and nothing else, from the byte less ONE to
    the end), FULL, HAND_OVER (from BEGIN on) or NOT_SHORTEST (the length of the frame at BEGIN is
    written longer than it need be, which RFC 6455, 5.2, forbids).
    """
    words[BEGIN] = begin
    words[COUNT] = 0
    words[NEEDED] = 0
    status = MORE
    while words[BEGIN] < end and status == MORE:
        if words[COUNT] == FRAMES_MAX:
            status = FULL
        elif words[PASSING] > 0:
            at = words[BEGIN]
            size = min(words[PASSING], end - at)
            _row(words, ODD, at, at + size)
            words[PASSING] -= size
        else:
            status = _frame(words, buffer, end)
    if status == NO_MORE:
        return MORE
    if status == MORE and words[COUNT] == 1 and words[KIND] == TEXT:
        return ONE + words[FIRST]
    return status
