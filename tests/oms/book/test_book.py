"""Ladders in arrays against two dicts."""

from __future__ import annotations

import random

from oms.book import book_hot
from oms.book.book import ASKS, BIDS, Books, ReferenceBook
from shm_layout.records import UNDEF

LEVELS = 24


def apply(books: Books, row: int, side: int, px: int, qty: int) -> None:
    book_hot.apply_level(books.px, books.qty, books.count, row, side, px, qty)


def crossed(books: Books) -> bool:
    return bool(book_hot.is_crossed(books.px, books.count, 0))


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


def test_book_empty_side_has_no_best() -> None:
    books = Books.empty(1, 4)
    assert books.best(0) == (UNDEF, 0, UNDEF, 0)
    assert not crossed(books)


def test_book_clear_forgets_what_was_there() -> None:
    books = Books.empty(1, 4)
    apply(books, 0, BIDS, 10, 1)
    book_hot.clear_book(books.count, 0)
    for side, px, qty in ((BIDS, 7, 2), (BIDS, 8, 3), (ASKS, 9, 4)):
        apply(books, 0, side, px, qty)
    assert books.top(0, BIDS, 9) == [(8, 3), (7, 2)]
    assert books.best(0) == (8, 3, 9, 4)


def test_book_bid_at_the_ask_is_crossed() -> None:
    books = Books.empty(1, 4)
    apply(books, 0, BIDS, 9, 2)
    apply(books, 0, ASKS, 9, 4)
    assert crossed(books)
