"""Numbers out of JSON text, eight bytes at a time (`@hot` only): the fast path of `json_hot`.

Each function takes the index of a value's first byte and returns the index behind its last one, or
NOT_FAST, which says nothing about the text: whoever gets it asks `json_hot`, the reference.
What these functions do read, they read as `json_hot` does. Nothing is read at `end` or beyond it,
nor more than a word before it: a message has at least BYTES_PER_WORD bytes.
"""

from __future__ import annotations

from oms.venues.shared.json_hot import DOT, QUOTE, ZERO
from shm_layout.jit import hot
from shm_layout.money_hot import POW10
from shm_layout.words.byte_words_hot import (
    BYTES_PER_WORD,
    WINDOW_BYTES,
    digit_count,
    digits_value,
    first_bytes,
    first_mark,
    load_word,
    nondigit_marks,
    nonplain_marks,
    plain_count,
)

NOT_FAST = -1

SCALE_MAX = 10
"""Of `short_decimal`: fewer than eight whole digits at this scale stay below 18 digits."""
TIME_DIGITS = 13
"""Of a time in milliseconds from 2001 to 2286."""

_FIVE_LAST_BYTES = -0x1000000
_FIVE_DIGITS = 100_000
_BYTE = 0xFF
_BEYOND_WINDOW = 3 << WINDOW_BYTES
"""Marks behind the window: there always is a first one, and a second."""
_DIGITS = 0x0F0F0F0F0F0F0F0F


@hot(inline=True)
def word_at(buf, i, end):
    """The eight bytes at `i`; those from `end` on read as 0, or as 0xFF: as no text, anyway."""
    if i + BYTES_PER_WORD <= end:
        return load_word(buf, i)
    if i >= end:
        return 0
    return load_word(buf, end - BYTES_PER_WORD) >> (8 * (i + BYTES_PER_WORD - end))


@hot(inline=True)
def behind_plain(buf, i, end):
    """Index of the first byte from `i` on that is not plain (`plain_count`); at most `end`."""
    while i + WINDOW_BYTES <= end:
        count = first_mark(nonplain_marks(buf, i))
        if count < WINDOW_BYTES:
            return i + count
        i += WINDOW_BYTES
    while True:
        count = plain_count(word_at(buf, i, end))
        i += count
        if count < BYTES_PER_WORD:
            return i


@hot(inline=True)
def short_integer(buf, i, end):
    """(index behind, value) of up to 15 digits at `i`; what follows them is the caller's to see."""
    word = word_at(buf, i, end)
    count = digit_count(word)
    if count == 0 or ((word & _BYTE) == ZERO and count > 1):
        return NOT_FAST, 0
    if count < BYTES_PER_WORD:
        return i + count, digits_value(first_bytes(word, count))
    i += BYTES_PER_WORD
    high = digits_value(word)
    word = word_at(buf, i, end)
    count = digit_count(word)
    if count == BYTES_PER_WORD:
        return NOT_FAST, 0
    return i + count, high * POW10[count] + digits_value(first_bytes(word, count))


@hot
def _integer_apart(buf, i, end):
    """`short_integer` where it is seldom wanted: a call takes less room than all of it."""
    return short_integer(buf, i, end)


@hot(inline=True)
def time_ms(buf, i, end):
    """As `short_integer`; without a look for the length where it is the usual one."""
    word = word_at(buf, i, end)
    rest = word_at(buf, i + TIME_DIGITS - BYTES_PER_WORD, end)
    if digit_count(word) + digit_count(rest) == 2 * BYTES_PER_WORD and (word & _BYTE) != ZERO:
        low = digits_value(rest & _FIVE_LAST_BYTES)
        return i + TIME_DIGITS, digits_value(word) * _FIVE_DIGITS + low
    return _integer_apart(buf, i, end)


@hot
def short_decimal(buf, i, end, scale):
    """(index behind its closing quote, value at `scale`) of a quoted decimal whose first digit
    stands at `i`: up to seven digits, and up to eight behind the dot. NOT_FAST, too, where digits
    beyond the scale are not 0; `scale` is 0 .. SCALE_MAX."""
    word = word_at(buf, i, end)
    count = digit_count(word)
    if count == 0 or count == BYTES_PER_WORD:
        return NOT_FAST, 0
    value = digits_value(first_bytes(word, count)) * POW10[scale]
    i += count
    after = (word >> (8 * count)) & _BYTE
    if after == QUOTE:
        return i + 1, value
    if after != DOT:
        return NOT_FAST, 0
    i += 1
    word = word_at(buf, i, end)
    count = digit_count(word)
    i += count
    if count < BYTES_PER_WORD:
        # A quote behind at least one digit: checked here, where the byte is at hand.
        if count == 0 or ((word >> (8 * count)) & _BYTE) != QUOTE:
            return NOT_FAST, 0
        word &= (1 << (8 * count)) - 1
    elif i >= end or int(buf[i]) != QUOTE:
        return NOT_FAST, 0
    kept = min(scale, BYTES_PER_WORD)
    # Digits beyond the scale: as numbers they are 0 where they are zeros, or not there at all.
    if kept < BYTES_PER_WORD and ((word & _DIGITS) >> (8 * kept)) != 0:
        return NOT_FAST, 0
    return i + 1, value + digits_value(first_bytes(word, kept)) * POW10[scale - kept]


@hot(inline=True)
def _between(buf, i, dot, quote, scale):
    """Value of the decimal at `i` whose dot and closing quote are so many bytes behind it; NOT_FAST
    where there are digits beyond the scale that are not 0. 1 <= dot < 8, 1 < quote - dot <= 9, and
    a word may be read at each of its digits."""
    places = quote - dot - 1
    kept = min(places, scale)
    word = load_word(buf, i)
    if dot + kept < BYTES_PER_WORD:
        # All digits within a word: those behind the dot move up by it, and one number is read.
        whole = (1 << (8 * dot)) - 1
        word = (word & whole) | ((word >> 8) & ~whole)
        value = digits_value(first_bytes(word, dot + kept))
    else:
        value = digits_value(first_bytes(word, dot)) * POW10[kept]
        value += digits_value(first_bytes(load_word(buf, i + dot + 1), kept))
    if places > kept:
        rest = first_bytes(load_word(buf, i + dot + 1), places) & _DIGITS
        if rest >> (8 * (BYTES_PER_WORD - places + kept)) != 0:
            return NOT_FAST
    return value * POW10[scale - kept]


@hot
def _pair_apart(buf, i, end, gap, gap_mask, gap_bytes, px_scale, qty_scale):
    """`short_pair`, one number after the other: without a dot, or near the end of the message."""
    i, px = short_decimal(buf, i, end, px_scale)
    if i < 0 or word_at(buf, i - 1, end) & gap_mask != gap:
        return NOT_FAST, 0, 0
    i, qty = short_decimal(buf, i - 1 + gap_bytes, end, qty_scale)
    return i, px, qty


@hot(inline=True)
def short_pair(buf, i, end, gap, gap_mask, gap_bytes, px_scale, qty_scale):
    """(index behind the second closing quote, price, quantity) of two quoted decimals: the first
    digit of one stands at `i`, and `gap`, `gap_bytes` long, its quotes included, is between them.
    NOT_FAST as `short_decimal`.

    Where both have a dot, as they nearly always do, one look at a window of bytes finds dots and
    quotes of the two, and nothing has to wait for the end of the number before it.
    """
    if i + WINDOW_BYTES + BYTES_PER_WORD <= end:
        marks = nondigit_marks(buf, i) | _BEYOND_WINDOW
        dot = first_mark(marks)
        quote = first_mark(marks & (marks - 1))
        second = quote + gap_bytes
        marks = (marks >> quote) >> gap_bytes
        dot_too = first_mark(marks)
        quote_too = first_mark(marks & (marks - 1))
        usual = (
            second + quote_too < WINDOW_BYTES
            and 0 < dot < BYTES_PER_WORD
            and 1 < quote - dot <= BYTES_PER_WORD + 1
            and 0 < dot_too < BYTES_PER_WORD
            and 1 < quote_too - dot_too <= BYTES_PER_WORD + 1
        )
        if usual:
            usual = (
                int(buf[i + dot]) == DOT
                and load_word(buf, i + quote) & gap_mask == gap
                and int(buf[i + second + dot_too]) == DOT
                and int(buf[i + second + quote_too]) == QUOTE
            )
        if usual:
            px = _between(buf, i, dot, quote, px_scale)
            qty = _between(buf, i + second, dot_too, quote_too, qty_scale)
            if px >= 0 and qty >= 0:
                return i + second + quote_too + 1, px, qty
            return NOT_FAST, 0, 0
    return _pair_apart(buf, i, end, gap, gap_mask, gap_bytes, px_scale, qty_scale)
