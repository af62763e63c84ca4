"""How often, and how deep, a feed asks for the snapshots of its books.

Snapshots of one book are asked with growing distance while it breaks soon after each. All of them
come out of the feeds' share of the venue's request weight. What waits takes half of a share that is
whole, and less of one the more of it is spent; where that does not pay for `snapshot_levels`, as
many as it pays for. So a desk whose books break often in one minute, or that begins with many of
them, has shallow books and not dead ones. A shallow book is true as far as it goes, its best prices
included (the venue's ticker brings those that lie beyond a snapshot); it gets its depth in a later
window, when the share has room again.
"""

from __future__ import annotations

from collections.abc import Callable

from oms.agents.rates.ledger import Ledger
from oms.ports import NEVER
from oms.units import NS_PER_MS
from oms.venues.base import HttpRequest, MarketSpec
from shm_layout.enums import RateShare

WAIT_NS_MIN = 100 * NS_PER_MS
WAIT_NS_MAX = 30_000 * NS_PER_MS
CALM = 10
"""A book that asked for no snapshot for so many times its wait is asked for at once, and begins
again at the smallest: who breaks less than once a second never waits."""
CALM_NS_MAX = 60_000 * NS_PER_MS
SHALLOW_LEVELS = 100
"""As shallow as a book may be. Of a snapshot whose update id alone is wanted, too."""


def part_of(room: int, share: int, waiting: int) -> int:
    """Weight that one of so many books may take where `room` is left of a share."""
    return room * room // (2 * max(share, 1)) // max(waiting, 1)


class BookPace:
    """What is remembered of one book."""

    def __init__(self) -> None:
        self.asked_ns = 0
        """When a snapshot to be used was asked for."""
        self.wait_ns = WAIT_NS_MIN
        self.levels = 0
        """Asked for, each side."""
        self.deepen_ns = NEVER
        """It is shallow, and gets its depth from then on."""

    def begin(self, now_ns: int) -> int:
        """It needs a snapshot: when to ask for it."""
        if now_ns - self.asked_ns > min(CALM * self.wait_ns, CALM_NS_MAX):
            self.wait_ns = WAIT_NS_MIN
            return now_ns
        self.wait_ns = min(2 * self.wait_ns, WAIT_NS_MAX)
        return max(self.asked_ns + self.wait_ns, now_ns)

    def failed(self, now_ns: int) -> int:
        """What came was of no use: when to ask again."""
        self.wait_ns = min(2 * self.wait_ns, WAIT_NS_MAX)
        return now_ns + self.wait_ns


class Pace:
    """What all books of a feed may ask for; `request(symbol, levels)` is the venue's."""

    def __init__(
        self,
        ledger: Ledger,
        request: Callable[[str, int], HttpRequest],
        spec: MarketSpec,
        levels: int,
    ) -> None:
        self._ledger = ledger
        self._spec = spec
        self._request = request
        self._levels = levels
        self._steps = [
            n for n in sorted(spec.snapshot_levels, reverse=True) if SHALLOW_LEVELS <= n < levels
        ]
        """What may be asked for instead, deepest first."""

    def _affordable(self, symbol: str, waiting: int, now_ns: int) -> tuple[HttpRequest, int]:
        """The deepest that is paid for where so many books want one, and its levels; the shallowest
        where none is.
        """
        (charge,) = self._spec.taken(0)
        share = self._ledger.shares_of(charge.bucket).part[RateShare.SNAPSHOTS]
        budget = part_of(self._ledger.room(RateShare.SNAPSHOTS, charge, now_ns), share, waiting)
        levels = self._levels
        wanted = self._request(symbol, levels)
        for less in self._steps:
            if wanted.weight <= budget:
                break
            levels, wanted = less, self._request(symbol, less)
        return wanted, levels

    def snapshot(
        self, pace: BookPace, symbol: str, waiting: int, now_ns: int
    ) -> HttpRequest | None:
        """A request for a book that needs one, paid for; None = not in this window."""
        wanted, levels = self._affordable(symbol, waiting, now_ns)
        if not self._take(wanted, now_ns):
            return None
        pace.levels, pace.asked_ns = levels, now_ns
        shallow = levels < self._levels
        pace.deepen_ns = self.window_ends_ns(now_ns) if shallow else NEVER
        return wanted

    def again_ns(self, now_ns: int) -> int:
        """When to ask again for what was not paid for: at the end of the pause that is in force,
        because there may be room then; else when the window ends."""
        paused_ns = max(self._ledger.pause_until_ns, self._ledger.ban_until_ns)
        return paused_ns if paused_ns > now_ns else self.window_ends_ns(now_ns)

    def may_deepen(self, pace: BookPace, symbol: str, now_ns: int) -> bool:
        """Whether a shallow book may now be given its depth."""
        due_ns = max(pace.deepen_ns, pace.asked_ns + pace.wait_ns)
        return now_ns >= due_ns and self._affordable(symbol, 1, now_ns)[1] == self._levels

    def verification(self, symbol: str, now_ns: int) -> HttpRequest | None:
        """A request for the update id of a quiet book, paid for; None = not in this window."""
        wanted = self._request(symbol, SHALLOW_LEVELS)
        return wanted if self._take(wanted, now_ns) else None

    def _take(self, wanted: HttpRequest, now_ns: int) -> bool:
        return self._ledger.take(RateShare.SNAPSHOTS, self._spec.taken(wanted.weight), now_ns)

    def window_ends_ns(self, now_ns: int) -> int:
        """When there is room again, or the pause ends."""
        return self._ledger.next_window_ns(now_ns, self._spec.taken(0))
