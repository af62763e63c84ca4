"""A recorded book as a market of our orders sees it: levels, what we took, who rests where.

Owned by `recorded.RecordedMarket`, whose text names the rules.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from oms.exchange.market import TRADES_KEPT_MAX, PublicTrade
from oms.exchange.orders import Order

NEVER = (1 << 63) - 1

Levels = Sequence[tuple[int, int]]
"""(price, quantity); quantity 0 = gone."""


class Side:
    """One side of a recorded book; `sign` is +1 for bids, -1 for asks; best = highest key."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self.qty: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        """What our takers consumed of a level since its recorded quantity last changed."""

    def set(self, px: int, qty: int) -> None:
        before = self.qty.get(px, 0)
        if qty == before:
            return
        self.taken.pop(px, None)
        key = self._sign * px
        if qty == 0:
            del self.qty[px]
            del self._keys[bisect_left(self._keys, key)]
            return
        if before == 0:
            self._keys.insert(bisect_left(self._keys, key), key)
        self.qty[px] = qty

    def clear(self) -> None:
        self._keys.clear()
        self.qty.clear()
        self.taken.clear()

    def best_first(self, limit: int) -> list[tuple[int, int]]:
        keys = self._keys[-limit:] if limit else []
        return [(self._sign * key, self.qty[self._sign * key]) for key in reversed(keys)]

    def offered(self, limit_px: int | None, bound_px: int) -> list[tuple[int, int]]:
        """(price, what is left) from the best to `limit_px`; nothing better than `bound_px`."""
        lowest = -NEVER if limit_px is None else self._sign * limit_px
        highest = self._sign * bound_px if bound_px else NEVER
        out = []
        for key in reversed(self._keys):
            if key < lowest:
                break
            px = self._sign * key
            left = self.qty[px] - self.taken.get(px, 0)
            if key <= highest and left > 0:
                out.append((px, left))
        return out


@dataclass(slots=True)
class Resting:
    """One of our resting orders; `ahead` is the queue before it."""

    order: Order
    ahead: int
    reserved: int


@dataclass(slots=True)
class SymbolBook:
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(1), Side(-1)))
    update_id: int = 0
    known: bool = False
    waiting: list[tuple[int, Levels, Levels]] = field(default_factory=list)
    """Diffs before the snapshot."""
    resting: dict[int, Resting] = field(default_factory=dict)
    trades: deque[PublicTrade] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT_MAX))
    trade_id: int = 0
    """Ids of our own fills."""
