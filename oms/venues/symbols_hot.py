"""Symbol text -> instrument id, in compiled code (`@hot` only).

Open addressing over a power of two of slots; `oms/venues/symbols.py` builds the arrays. `index`
holds instrument ids (-1 = empty), `text` the symbols by instrument id (32 bytes, zero padded).
"""

from __future__ import annotations

from oms.venues.decode_status_hot import NOT_OURS, SYMBOL_BYTES_MAX
from shm_layout.jit import BYTES_READ, I64, TEXTS_READ, WORDS_READ, hot

HASH_MASK = 0xFFFFFFFF
HASH_SEED = 2166136261
HASH_PRIME = 16777619


@hot(entry=(BYTES_READ, I64, I64), shared=True)
def symbol_hash(buf, start, stop):
    """FNV-1a, 32 bits, over `buf[start:stop]`."""
    value = HASH_SEED
    for k in range(start, stop):
        value = ((value ^ int(buf[k])) * HASH_PRIME) & HASH_MASK
    return value


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
