"""Price ladders in blocks of arrays: one book per instrument, two sides (`@hot` only).

Levels of a side stand in order of their *key*, the best last: a bid's key is its price, an ask's
the price with its sign turned, so that both sides rise. They are cut into blocks of up to
BLOCK_WORDS levels: a new or a removed level moves the rest of its block, not of the ladder, which
is thousands deep where Binance's diffs reach. Side 0 = bids, 1 = asks.

    keys, qty   int64[books, 2, blocks * BLOCK_WORDS]  block after block; behind a block's last
                level all keys are KEY_NONE
    index       int64[books, 2, INDEX_HEAD + 3 * blocks]  I_USED, I_LAST, then three rows, of whose
                entries the first I_USED are the blocks in order: the first key of each, which block
                it is, how many levels it has. The second row is a permutation of all blocks: those
                behind the used ones are free
    count       int64[books, COUNT_WORDS]  levels of either side, and the most that a side may have

Venues send the levels of a diff in order of price, so the block that was used last (I_LAST) or a
neighbour of it is mostly the right one.

A full side gives up its worst level, or does not take a level worse than all it has. Blocks that
are partly empty are joined when none is free any more; `blocks_for` leaves room enough.
"""

from __future__ import annotations

from shm_layout.jit import hot
from shm_layout.records import UNDEF
from shm_layout.words.move_hot import move_words
from shm_layout.words.search_hot import BLOCK_WORDS, words_up_to

KEY_NONE = (1 << 63) - 1
COUNT_MAX_WORD = 2
COUNT_WORDS = 3
I_USED = 0
I_LAST = 1
INDEX_HEAD = 2
INDEX_ROWS = 3
HALF = BLOCK_WORDS // 2
JOINED = BLOCK_WORDS * 3 // 4
"""Levels of a block that others were joined into: it can take some more before it is split."""


@hot(inline=True)
def _row_of(index):
    """Entries in a row of the index: blocks of a side."""
    return (index.shape[2] - INDEX_HEAD) // INDEX_ROWS


@hot(inline=True)
def _find_block(index, book, side, key):
    """Place of the block that holds `key`, or would: the last that does not begin above it, else
    the first. Only where a block is used."""
    used = index[book, side, I_USED]
    last = index[book, side, I_LAST]
    if index[book, side, INDEX_HEAD + last] <= key:
        if last + 1 == used or key < index[book, side, INDEX_HEAD + last + 1]:
            return last
        if last + 2 == used or key < index[book, side, INDEX_HEAD + last + 2]:
            return last + 1
    elif last == 0:
        return last
    elif index[book, side, INDEX_HEAD + last - 1] <= key:
        return last - 1
    low = 0  # everything below `low` begins at or below the key; the next `left` are open
    left = used
    while left > 0:
        half = left >> 1
        # Chosen without a branch: which way a price lies, no predictor can know.
        taken = 1 if index[book, side, INDEX_HEAD + low + half] <= key else 0
        low += taken * (half + 1)
        left = half - taken * (1 - (left & 1))
    return max(low - 1, 0)


@hot
def _open_block(keys, index, book, side, place):
    """Take a free block, empty, into the order at `place`; there must be one."""
    blocks = _row_of(index)
    used = index[book, side, I_USED]
    if used == 0:
        for k in range(blocks):
            index[book, side, INDEX_HEAD + blocks + k] = k
    taken = index[book, side, INDEX_HEAD + blocks + used]
    base = (book * 2 + side) * index.shape[2] + INDEX_HEAD
    for row in range(INDEX_ROWS):
        at = base + row * blocks + place
        move_words(index, at + 1, at, used - place)
    index[book, side, INDEX_HEAD + blocks + place] = taken
    index[book, side, INDEX_HEAD + 2 * blocks + place] = 0
    index[book, side, I_USED] = used + 1
    for k in range(BLOCK_WORDS):
        keys[book, side, taken * BLOCK_WORDS + k] = KEY_NONE


@hot
def _close_block(index, book, side, place):
    """Give the empty block at `place` back."""
    blocks = _row_of(index)
    used = index[book, side, I_USED]
    freed = index[book, side, INDEX_HEAD + blocks + place]
    base = (book * 2 + side) * index.shape[2] + INDEX_HEAD
    for row in range(INDEX_ROWS):
        at = base + row * blocks + place
        move_words(index, at, at + 1, used - 1 - place)
    index[book, side, INDEX_HEAD + blocks + used - 1] = freed
    index[book, side, I_USED] = used - 1
    index[book, side, I_LAST] = max(place - 1, 0)


@hot
def _move_levels(keys, qty, index, book, side, source, skipped, target, moved):
    """Move `moved` levels of the block at place `source`, from its `skipped`-th on, behind those of
    the block at `target`; what the source has before and behind them is the caller's to put right.
    """
    blocks = _row_of(index)
    ids = INDEX_HEAD + blocks
    fills = ids + blocks
    base = (book * 2 + side) * keys.shape[2]
    from_at = base + index[book, side, ids + source] * BLOCK_WORDS + skipped
    held = index[book, side, fills + target]
    to_at = base + index[book, side, ids + target] * BLOCK_WORDS + held
    move_words(keys, to_at, from_at, moved)
    move_words(qty, to_at, from_at, moved)
    index[book, side, fills + target] = held + moved


@hot
def _join_blocks(keys, qty, index, book, side):
    """Fill blocks up to JOINED levels out of those behind them; free what becomes empty."""
    blocks = _row_of(index)
    ids = INDEX_HEAD + blocks
    fills = ids + blocks
    target = 0
    for source in range(1, index[book, side, I_USED]):
        held = index[book, side, fills + source]
        moved = 0
        while moved < held and target < source:
            room = JOINED - index[book, side, fills + target]
            if room <= 0:
                target += 1
                continue
            part = min(room, held - moved)
            _move_levels(keys, qty, index, book, side, source, moved, target, part)
            moved += part
        if moved > 0:
            at = index[book, side, ids + source] * BLOCK_WORDS
            base = (book * 2 + side) * keys.shape[2] + at
            move_words(keys, base, base + moved, held - moved)
            move_words(qty, base, base + moved, held - moved)
            for k in range(held - moved, held):
                keys[book, side, at + k] = KEY_NONE
            index[book, side, fills + source] = held - moved
    kept = 0
    for place in range(index[book, side, I_USED]):
        if index[book, side, fills + place] > 0:
            for row in range(ids, fills + 1, blocks):
                other = index[book, side, row + kept]
                index[book, side, row + kept] = index[book, side, row + place]
                index[book, side, row + place] = other
            first = index[book, side, ids + kept] * BLOCK_WORDS
            index[book, side, INDEX_HEAD + kept] = keys[book, side, first]
            kept += 1
    index[book, side, I_USED] = kept
    index[book, side, I_LAST] = 0


@hot
def _make_room(keys, qty, index, book, side, place, at, key):
    """The block at `place` is full, and a level is to stand before its `at`-th. Returns the place
    of the block that shall have it, which may be full again after blocks were joined."""
    blocks = _row_of(index)
    ids = INDEX_HEAD + blocks
    fills = ids + blocks
    if index[book, side, I_USED] == blocks:
        _join_blocks(keys, qty, index, book, side)
        return _find_block(index, book, side, key)
    if at == 0:
        _open_block(keys, index, book, side, place)
        return place
    _open_block(keys, index, book, side, place + 1)
    if at == BLOCK_WORDS:
        return place + 1
    _move_levels(keys, qty, index, book, side, place, HALF, place + 1, BLOCK_WORDS - HALF)
    first = index[book, side, ids + place] * BLOCK_WORDS
    for k in range(HALF, BLOCK_WORDS):
        keys[book, side, first + k] = KEY_NONE
    index[book, side, fills + place] = HALF
    second = index[book, side, ids + place + 1] * BLOCK_WORDS
    index[book, side, INDEX_HEAD + place + 1] = keys[book, side, second]
    return place if at <= HALF else place + 1


@hot(inline=True)
def _remove(keys, qty, index, count, book, side, place, at):
    """Take the `at`-th level out of the block at `place`."""
    blocks = _row_of(index)
    first = index[book, side, INDEX_HEAD + blocks + place] * BLOCK_WORDS
    flat = (book * 2 + side) * keys.shape[2] + first + at
    move_words(keys, flat, flat + 1, BLOCK_WORDS - 1 - at)
    move_words(qty, flat, flat + 1, BLOCK_WORDS - 1 - at)
    keys[book, side, first + BLOCK_WORDS - 1] = KEY_NONE
    left = index[book, side, INDEX_HEAD + 2 * blocks + place] - 1
    index[book, side, INDEX_HEAD + 2 * blocks + place] = left
    index[book, side, INDEX_HEAD + place] = keys[book, side, first]
    count[book, side] -= 1
    if left == 0:
        _close_block(index, book, side, place)


@hot(inline=True)
def _put(keys, qty, index, count, book, side, place, at, key, level_qty):
    """Set a new level before the `at`-th of the block at `place`, which has room."""
    blocks = _row_of(index)
    first = index[book, side, INDEX_HEAD + blocks + place] * BLOCK_WORDS
    flat = (book * 2 + side) * keys.shape[2] + first + at
    move_words(keys, flat + 1, flat, BLOCK_WORDS - 1 - at)
    move_words(qty, flat + 1, flat, BLOCK_WORDS - 1 - at)
    keys[book, side, first + at] = key
    qty[book, side, first + at] = level_qty
    index[book, side, INDEX_HEAD + place] = keys[book, side, first]
    index[book, side, INDEX_HEAD + 2 * blocks + place] += 1
    count[book, side] += 1


@hot
def _add(keys, qty, index, count, book, side, key, level_qty):
    """A level that is not there yet, into a side that is full or empty, or a full block."""
    blocks = _row_of(index)
    if count[book, side] == count[book, COUNT_MAX_WORD]:
        if key < index[book, side, INDEX_HEAD]:
            return
        _remove(keys, qty, index, count, book, side, 0, 0)
    if index[book, side, I_USED] == 0:
        _open_block(keys, index, book, side, 0)
    place = _find_block(index, book, side, key)
    row = (book * 2 + side) * keys.shape[2]
    while index[book, side, INDEX_HEAD + 2 * blocks + place] == BLOCK_WORDS:
        first = row + index[book, side, INDEX_HEAD + blocks + place] * BLOCK_WORDS
        at = words_up_to(keys, first, key)
        place = _make_room(keys, qty, index, book, side, place, at, key)
    first = row + index[book, side, INDEX_HEAD + blocks + place] * BLOCK_WORDS
    at = words_up_to(keys, first, key)
    _put(keys, qty, index, count, book, side, place, at, key, level_qty)


@hot(inline=True)
def apply_level(keys, qty, index, count, book, side, level_px, level_qty):
    """Set one level to an absolute quantity; 0 removes it. Removing what is not there is fine:
    a venue reports levels that our snapshot did not reach."""
    key = level_px if side == 0 else -level_px
    if index[book, side, I_USED] > 0:
        blocks = _row_of(index)
        place = _find_block(index, book, side, key)
        index[book, side, I_LAST] = place
        first = index[book, side, INDEX_HEAD + blocks + place] * BLOCK_WORDS
        at = words_up_to(keys, (book * 2 + side) * keys.shape[2] + first, key)
        if at > 0 and keys[book, side, first + at - 1] == key:
            if level_qty != 0:
                qty[book, side, first + at - 1] = level_qty
            else:
                _remove(keys, qty, index, count, book, side, place, at - 1)
            return
        if level_qty == 0:
            return
        has_room = index[book, side, INDEX_HEAD + 2 * blocks + place] < BLOCK_WORDS
        if has_room and count[book, side] < count[book, COUNT_MAX_WORD]:
            _put(keys, qty, index, count, book, side, place, at, key, level_qty)
            return
    elif level_qty == 0:
        return
    _add(keys, qty, index, count, book, side, key, level_qty)


@hot
def holds_level(keys, index, book, side, level_px):
    """Is there a level at this price?"""
    if index[book, side, I_USED] == 0:
        return False
    key = level_px if side == 0 else -level_px
    place = _find_block(index, book, side, key)
    first = index[book, side, INDEX_HEAD + _row_of(index) + place] * BLOCK_WORDS
    at = words_up_to(keys, (book * 2 + side) * keys.shape[2] + first, key)
    return at > 0 and keys[book, side, first + at - 1] == key


@hot
def clear_book(index, count, book):
    """Forget both sides."""
    for side in range(2):
        count[book, side] = 0
        index[book, side, I_USED] = 0
        index[book, side, I_LAST] = 0


@hot(inline=True)
def best_level(index, book, side):
    """(place, at) of the best level of a side that has one."""
    place = index[book, side, I_USED] - 1
    return place, index[book, side, INDEX_HEAD + 2 * _row_of(index) + place] - 1


@hot(inline=True)
def worse_level(index, book, side, place, at):
    """(place, at) of the next worse level, which must be there."""
    if at > 0:
        return place, at - 1
    return place - 1, index[book, side, INDEX_HEAD + 2 * _row_of(index) + place - 1] - 1


@hot(inline=True)
def level_word(index, book, side, place, at):
    """Where in the side's `keys` and `qty` that level stands."""
    return index[book, side, INDEX_HEAD + _row_of(index) + place] * BLOCK_WORDS + at


@hot(inline=True)
def px_at(keys, book, side, word):
    """Price of the level at `level_word`."""
    return keys[book, side, word] if side == 0 else -keys[book, side, word]


@hot
def best_px(keys, index, book, side):
    """Best price of a side; UNDEF when it is empty."""
    if index[book, side, I_USED] == 0:
        return UNDEF
    place, at = best_level(index, book, side)
    return px_at(keys, book, side, level_word(index, book, side, place, at))


@hot
def best_qty(qty, index, book, side):
    """Quantity at the best price of a side; 0 when it is empty."""
    if index[book, side, I_USED] == 0:
        return 0
    place, at = best_level(index, book, side)
    return qty[book, side, level_word(index, book, side, place, at)]


@hot
def worst_px(index, book, side):
    """Worst price of a side; UNDEF when it is empty."""
    if index[book, side, I_USED] == 0:
        return UNDEF
    return index[book, side, INDEX_HEAD] if side == 0 else -index[book, side, INDEX_HEAD]


@hot
def is_crossed(keys, index, book):
    """True when the best bid is not below the best ask."""
    if index[book, 0, I_USED] == 0 or index[book, 1, I_USED] == 0:
        return False
    return best_px(keys, index, book, 0) >= best_px(keys, index, book, 1)
