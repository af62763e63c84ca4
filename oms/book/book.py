"""Books of a set of instruments (cold twin of `book_hot.py`), and the plain reference.

`Books` allocates the ladders that kernels work on and answers questions about them.
`ReferenceBook` is the same thing in the plainest Python, for tests to hold the ladders against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.book import book_hot
from shm_layout.records import UNDEF
from shm_layout.words.search_hot import BLOCK_WORDS

BIDS = 0
ASKS = 1


def blocks_for(levels: int) -> int:
    """Blocks of a side that may have so many levels: twice as many as joined ones take."""
    return 2 * -(-levels // book_hot.JOINED) + 2


@dataclass(frozen=True, slots=True)
class Books:
    """Ladders of `count.shape[0]` books; see `book_hot` for what the arrays hold."""

    keys: np.ndarray[Any, Any]
    qty: np.ndarray[Any, Any]
    index: np.ndarray[Any, Any]
    count: np.ndarray[Any, Any]

    @classmethod
    def empty(cls, books: int, levels: int) -> Books:
        """Of up to `levels` a side. Memory is taken by the system only as levels are used."""
        blocks = blocks_for(levels)
        shape = (books, 2, blocks * BLOCK_WORDS)
        entries = book_hot.INDEX_HEAD + book_hot.INDEX_ROWS * blocks
        count = np.zeros((books, book_hot.COUNT_WORDS), np.int64)
        count[:, book_hot.COUNT_MAX_WORD] = levels
        index = np.zeros((books, 2, entries), np.int64)
        return cls(np.zeros(shape, np.int64), np.zeros(shape, np.int64), index, count)

    def top(self, book: int, side: int, levels: int) -> list[tuple[int, int]]:
        """Up to `levels` (px, qty) pairs, best first."""
        index = self.index[book, side]
        _, ids, fills = index[book_hot.INDEX_HEAD :].reshape(book_hot.INDEX_ROWS, -1)
        sign = -1 if side == ASKS else 1
        found: list[tuple[int, int]] = []
        for place in reversed(range(int(index[book_hot.I_USED]))):
            first = int(ids[place]) * BLOCK_WORDS
            block = slice(first, first + int(fills[place]))
            pairs = zip(self.keys[book, side, block], self.qty[book, side, block], strict=True)
            found += [(sign * int(key), int(qty)) for key, qty in pairs][::-1]
            if len(found) >= levels:
                break
        return found[:levels]

    def best(self, book: int) -> tuple[int, int, int, int]:
        """(bid_px, bid_qty, ask_px, ask_qty); UNDEF and 0 for an empty side."""
        (bid,) = self.top(book, BIDS, 1) or [(UNDEF, 0)]
        (ask,) = self.top(book, ASKS, 1) or [(UNDEF, 0)]
        return (*bid, *ask)


class ReferenceBook:
    """One book as two dicts of price -> quantity."""

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def apply(self, side: int, px: int, qty: int) -> None:
        held = self.sides[side]
        if qty == 0:
            held.pop(px, None)
            return
        held[px] = qty
        if len(held) > self.levels:
            del held[min(held) if side == BIDS else max(held)]

    def top(self, side: int, levels: int) -> list[tuple[int, int]]:
        return sorted(self.sides[side].items(), reverse=side == BIDS)[:levels]

    def best(self) -> tuple[int, int, int, int]:
        bid = self.top(BIDS, 1) or [(UNDEF, 0)]
        ask = self.top(ASKS, 1) or [(UNDEF, 0)]
        return (*bid[0], *ask[0])
