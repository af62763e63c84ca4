"""Ladders in arrays against two dicts."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from oms.book import book_hot
from oms.book.book import ASKS, BIDS, Books, ReferenceBook
from shm_layout.records import UNDEF
from shm_layout.words.search_hot import BLOCK_WORDS

LEVELS = 24


def apply(books: Books, row: int, side: int, px: int, qty: int) -> None:
    book_hot.apply_level(books.keys, books.qty, books.index, books.count, row, side, px, qty)


def crossed(books: Books) -> bool:
    return bool(book_hot.is_crossed(books.keys, books.index, 0))


def whole(books: Books, row: int) -> None:
    """What `book_hot` says of its arrays."""
    for side in (BIDS, ASKS):
        index = books.index[row, side]
        used = int(index[book_hot.I_USED])
        firsts, ids, fills = index[book_hot.INDEX_HEAD :].reshape(book_hot.INDEX_ROWS, -1)
        assert fills[:used].sum() == books.count[row, side]
        if used == 0:
            continue
        assert sorted(ids.tolist()) == list(range(len(ids)))
        assert 0 <= index[book_hot.I_LAST] < used
        blocks = books.keys[row, side].reshape(-1, BLOCK_WORDS)
        keys = []
        for place in range(used):
            fill = int(fills[place])
            assert 0 < fill <= BLOCK_WORDS
            block = blocks[ids[place]]
            assert firsts[place] == block[0]
            assert (block[fill:] == book_hot.KEY_NONE).all()
            keys += block[:fill].tolist()
        assert keys == sorted(set(keys))


def _same(books: Books, row: int, reference: ReferenceBook) -> None:
    for side in (BIDS, ASKS):
        assert books.top(row, side, LEVELS) == reference.top(side, LEVELS)
    assert books.best(row) == reference.best()


def test_book_random_levels_equals_the_reference(sized) -> None:
    for seed in range(sized(40, 4)):
        chance = random.Random(seed)
        books = Books.empty(2, 4 * LEVELS)
        references = [ReferenceBook(4 * LEVELS), ReferenceBook(4 * LEVELS)]
        for _ in range(sized(600, 200)):
            row = chance.randrange(2)
            side = chance.choice((BIDS, ASKS))
            px = 1000 + (1 if side else -1) * int(1 + chance.expovariate(0.08))
            qty = chance.choice((0, 0, chance.randrange(1, 10**6)))
            apply(books, row, side, px, qty)
            references[row].apply(side, px, qty)
            _same(books, row, references[row])


def test_book_full_side_gives_up_its_worst_level(sized) -> None:
    for seed in range(sized(20, 4)):
        chance = random.Random(seed)
        books = Books.empty(1, 8)
        reference = ReferenceBook(8)
        for _ in range(300):
            side = chance.choice((BIDS, ASKS))
            px = chance.randrange(1, 60)
            qty = chance.choice((0, chance.randrange(1, 99)))
            apply(books, 0, side, px, qty)
            reference.apply(side, px, qty)
            _same(books, 0, reference)


def holds(books: Books, row: int, side: int, px: int) -> bool:
    return bool(book_hot.holds_level(books.keys, books.index, row, side, px))


@pytest.mark.parametrize("levels", [1, 3, BLOCK_WORDS, 500, 5120])
def test_book_many_blocks_equals_the_reference(
    levels: int, sized: Callable[[int, int], int]
) -> None:
    """Levels in order, as venues send them, in either direction, and anywhere."""
    chance = random.Random(levels)
    books, reference = Books.empty(2, levels), ReferenceBook(levels)
    span = 2 * levels + 10
    for turn in range(sized(60, 6)):
        side = chance.choice((BIDS, ASKS))
        found = [chance.randrange(1, span) for _ in range(sized(400, 100))]
        order = chance.randrange(3)
        if order < 2:
            found.sort(reverse=order == 1)
        removing = chance.choice((0.1, 0.5, 0.95))
        for px in found:
            qty = 0 if chance.random() < removing else chance.randrange(1, 99)
            apply(books, 1, side, px, qty)
            reference.apply(side, px, qty)
        whole(books, 1)
        for at in (BIDS, ASKS):
            assert books.top(1, at, span) == reference.top(at, span), turn
            worst = books.top(1, at, span)[-1:] or [(UNDEF, 0)]
            assert book_hot.worst_px(books.index, 1, at) == worst[0][0]
        assert books.best(1) == reference.best()
        for px in found[:20]:
            assert holds(books, 1, side, px) == (px in reference.sides[side])
    assert not books.count[0, :2].any()


def test_book_nearly_empty_blocks_are_joined_when_none_is_free() -> None:
    """Blocks are filled in order and thinned out to a level each, until there are no more."""
    levels = 4 * BLOCK_WORDS
    books, reference = Books.empty(1, levels), ReferenceBook(levels)
    blocks = books.keys.shape[2] // BLOCK_WORDS
    joined = dict.fromkeys((BIDS, ASKS), 0)
    for turn in range(2 * blocks):
        for side, sign in ((BIDS, 1), (ASKS, -1)):
            pxs = [100_000 + sign * (turn * BLOCK_WORDS + k) for k in range(BLOCK_WORDS)]
            for px in pxs:
                before = int(books.index[0, side, book_hot.I_USED])
                apply(books, 0, side, px, turn + 1)
                reference.apply(side, px, turn + 1)
                joined[side] += int(books.index[0, side, book_hot.I_USED]) < before
            whole(books, 0)
            assert books.top(0, side, levels) == reference.top(side, levels)
            for px in pxs[:-1]:
                apply(books, 0, side, px, 0)
                reference.apply(side, px, 0)
            whole(books, 0)
    assert min(joined.values()) > 0


def test_book_cleared_and_filled_again_equals_the_reference() -> None:
    books = Books.empty(1, 300)
    for seed in range(5):
        chance = random.Random(seed)
        reference = ReferenceBook(300)
        book_hot.clear_book(books.index, books.count, 0)
        for _ in range(400):
            px = chance.randrange(1, 1000)
            apply(books, 0, ASKS, px, 5)
            reference.apply(ASKS, px, 5)
        whole(books, 0)
        assert books.top(0, ASKS, 300) == reference.top(ASKS, 300)
        assert books.top(0, BIDS, 300) == []


def test_book_empty_side_has_no_best() -> None:
    books = Books.empty(1, 4)
    assert books.best(0) == (UNDEF, 0, UNDEF, 0)
    assert not crossed(books)


def test_book_clear_forgets_what_was_there() -> None:
    books = Books.empty(1, 4)
    apply(books, 0, BIDS, 10, 1)
    book_hot.clear_book(books.index, books.count, 0)
    for side, px, qty in ((BIDS, 7, 2), (BIDS, 8, 3), (ASKS, 9, 4)):
        apply(books, 0, side, px, qty)
    assert books.top(0, BIDS, 9) == [(8, 3), (7, 2)]
    assert books.best(0) == (8, 3, 9, 4)


def test_book_bid_at_the_ask_is_crossed() -> None:
    books = Books.empty(1, 4)
    apply(books, 0, BIDS, 9, 2)
    apply(books, 0, ASKS, 9, 4)
    assert crossed(books)
