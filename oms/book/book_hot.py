"""Price ladders in arrays: one book per instrument, two sides (`@hot` only).

`px`, `qty`: int64[books, 2, levels]; `count`: int64[books, 2]. A side is sorted with its best
level last (bids rising, asks falling), so that what changes most, the top, moves the fewest
words: an insertion or removal shifts only the levels better than it. Side 0 = bids, 1 = asks.

A full side gives up its worst level, or does not take a level worse than all it has.
"""

from __future__ import annotations

from shm_layout.jit import hot
from shm_layout.move_hot import move_words
from shm_layout.records import UNDEF

NEAR_LEVELS = 8
"""Looked at one by one from the top before the search halves."""


@hot(inline=True)
def find_level(px, book, side, count, level_px):
    """Index of the best level that is not better than `level_px`; -1 if all are better."""
    sign = 1 - 2 * side
    key = sign * level_px
    k = count - 1
    near = max(count - NEAR_LEVELS, 0)
    while k >= near:
        if sign * px[book, side, k] <= key:
            return k
        k -= 1
    low = 0  # everything below `low` is <= key; the next `left` levels are open
    left = near
    while left > 0:
        half = left >> 1
        # Chosen without a branch: which way a price lies, no predictor can know.
        taken = 1 if sign * px[book, side, low + half] <= key else 0
        low += taken * (half + 1)
        left = half - taken * (1 - (left & 1))
    return low - 1


@hot
def apply_level(px, qty, count, book, side, level_px, level_qty):
    """Set one level to an absolute quantity; 0 removes it. Removing what is not there is fine:
    a venue reports levels that our snapshot did not reach."""
    used = count[book, side]
    base = (book * 2 + side) * px.shape[2]
    k = find_level(px, book, side, used, level_px)
    if k >= 0 and px[book, side, k] == level_px:
        if level_qty != 0:
            qty[book, side, k] = level_qty
            return
        move_words(px, base + k, base + k + 1, used - 1 - k)
        move_words(qty, base + k, base + k + 1, used - 1 - k)
        count[book, side] = used - 1
        return
    if level_qty == 0:
        return
    if used == px.shape[2]:
        if k < 0:
            return
        move_words(px, base, base + 1, k)
        move_words(qty, base, base + 1, k)
        px[book, side, k] = level_px
        qty[book, side, k] = level_qty
        return
    move_words(px, base + k + 2, base + k + 1, used - 1 - k)
    move_words(qty, base + k + 2, base + k + 1, used - 1 - k)
    px[book, side, k + 1] = level_px
    qty[book, side, k + 1] = level_qty
    count[book, side] = used + 1


@hot
def clear_book(count, book):
    """Forget both sides."""
    count[book, 0] = 0
    count[book, 1] = 0


@hot
def best_px(px, count, book, side):
    """Best price of a side; UNDEF when it is empty."""
    used = count[book, side]
    return px[book, side, used - 1] if used > 0 else UNDEF


@hot
def best_qty(qty, count, book, side):
    """Quantity at the best price of a side; 0 when it is empty."""
    used = count[book, side]
    return qty[book, side, used - 1] if used > 0 else 0


@hot
def is_crossed(px, count, book):
    """True when the best bid is not below the best ask."""
    if count[book, 0] == 0 or count[book, 1] == 0:
        return False
    return px[book, 0, count[book, 0] - 1] >= px[book, 1, count[book, 1] - 1]
