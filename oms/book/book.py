"""Books of a set of instruments (cold twin of `book_hot.py`), and the plain reference.

`Books` allocates the ladders that kernels work on and answers questions about them.
`ReferenceBook` is the same thing in the plainest Python, for tests to hold the ladders against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from shm_layout.records import UNDEF

BIDS = 0
ASKS = 1


@dataclass(frozen=True, slots=True)
class Books:
    """Ladders of `count.shape[0]` books of `px.shape[2]` levels a side; see `book_hot`."""

    px: np.ndarray[Any, Any]
    qty: np.ndarray[Any, Any]
    count: np.ndarray[Any, Any]

    @classmethod
    def empty(cls, books: int, levels: int) -> Books:
        """Memory is taken by the system only as levels are used."""
        shape = (books, 2, levels)
        return cls(
            np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros((books, 2), np.int64)
        )

    def top(self, book: int, side: int, levels: int) -> list[tuple[int, int]]:
        """Up to `levels` (px, qty) pairs, best first."""
        used = int(self.count[book, side])
        first = max(used - levels, 0)
        pairs = zip(self.px[book, side, first:used], self.qty[book, side, first:used], strict=True)
        return [(int(px), int(qty)) for px, qty in pairs][::-1]

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
