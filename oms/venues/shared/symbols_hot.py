"""Symbol text -> instrument id, in compiled code (`@hot` only).

Open addressing over a power of two of slots; `oms/venues/shared/symbols.py` builds the arrays.
`index` holds instrument ids (-1 = empty), `text` the symbols by instrument id (32 bytes, zero
padded).
"""

from __future__ import annotations

from oms.venues.shared.decode_status_hot import NOT_OURS, SYMBOL_BYTES_MAX
from oms.venues.shared.json_hot import QUOTE
from oms.venues.shared.words_hot import NOT_FAST, word_at
from shm_layout.jit import BYTES_READ, I64, TEXTS_READ, WORDS_READ, hot
from shm_layout.words.byte_words_hot import BYTES_PER_WORD, load_word, plain_count

HASH_BITS = 0x7FFFFFFF
HASH_FACTOR = 0x9E3779B1
"""Times 31 bits it stays within an int64, so that compiled and plain code agree."""
HASH_SHIFT = 20

_BYTE = 0xFF
_SHORT_WORDS = 2

assert SYMBOL_BYTES_MAX % BYTES_PER_WORD == 0


@hot(inline=True)
def _mixed(value):
    """Hash of the words of a symbol, word `k` of them shifted by `k`, put together by xor."""
    return (((value ^ (value >> 32)) & HASH_BITS) * HASH_FACTOR) >> HASH_SHIFT


@hot(entry=(BYTES_READ, I64, I64), shared=True)
def symbol_hash(buf, start, stop):
    """Hash of the symbol `buf[start:stop]`, at most SYMBOL_BYTES_MAX bytes."""
    value = 0
    word = 0
    for k in range(stop - start):
        at = k % BYTES_PER_WORD
        word |= int(buf[start + k]) << (8 * at)
        if at == BYTES_PER_WORD - 1 or start + k == stop - 1:
            value ^= word >> (k // BYTES_PER_WORD)
            word = 0
    return _mixed(value)


@hot(entry=(BYTES_READ, I64, I64, WORDS_READ, TEXTS_READ), shared=True)
def find_symbol(buf, start, stop, index, text):
    """Instrument id of the symbol `buf[start:stop]`, or NOT_OURS."""
    size = stop - start
    if size < 1 or size > SYMBOL_BYTES_MAX:
        return NOT_OURS
    mask = index.shape[0] - 1
    slot = symbol_hash(buf, start, stop) & mask
    for _ in range(mask + 1):
        found = index[slot]
        if found < 0:
            return NOT_OURS
        same = size == SYMBOL_BYTES_MAX or int(text[found, size]) == 0
        k = 0
        while same and k < size:
            same = text[found, k] == buf[start + k]
            k += 1
        if same:
            return found
        slot = (slot + 1) & mask
    return NOT_OURS


@hot(inline=True)
def find_short_symbol(buf, i, end, index, text):
    """(index behind the closing quote, instrument id) of a symbol of up to 15 bytes whose first
    byte is at `i`; NOT_FAST where it is longer, not plain, or not ours: `find_symbol` knows."""
    first = word_at(buf, i, end)
    count = plain_count(first)
    i += count
    second = 0
    if count < BYTES_PER_WORD:
        after = (first >> (8 * count)) & _BYTE
        first &= (1 << (8 * count)) - 1
    else:
        second = word_at(buf, i, end)
        count = plain_count(second)
        if count == BYTES_PER_WORD:
            return NOT_FAST, NOT_OURS
        i += count
        after = (second >> (8 * count)) & _BYTE
        second &= (1 << (8 * count)) - 1
    if after != QUOTE:
        return NOT_FAST, NOT_OURS
    mask = index.shape[0] - 1
    slot = _mixed(first ^ (second >> 1)) & mask
    for _ in range(mask + 1):
        found = index[slot]
        if found < 0:
            return NOT_FAST, NOT_OURS
        row = found * SYMBOL_BYTES_MAX
        differs = load_word(text, row) ^ first
        differs |= load_word(text, row + BYTES_PER_WORD) ^ second
        # A longer symbol that begins alike has text in the third word.
        differs |= load_word(text, row + _SHORT_WORDS * BYTES_PER_WORD)
        if differs == 0:
            return i + 1, found
        slot = (slot + 1) & mask
    return NOT_FAST, NOT_OURS
