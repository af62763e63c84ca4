"""The one clock of a process: UTC nanoseconds that never go backwards.

`now_ns` is the monotonic clock plus an offset. `retune`, called a few times a second, brings the
offset towards the machine's UTC: small differences by slewing, so that no interval is wrong by
more than one in a thousand; a step forward at once; a step back by letting time pass at half
speed, because order ages and time-outs must not become negative.
"""

from __future__ import annotations

import time
from time import monotonic_ns

STEP_NS = 1_000_000_000
SLEW_DIVISOR = 1000
BACKWARD_DIVISOR = 2


class Clock:
    """UTC from the monotonic clock."""

    __slots__ = ("_last_ns", "_offset_ns", "_tuned_ns")

    def __init__(self, utc_ns: int | None = None, monotonic_ns: int | None = None) -> None:
        mono = time.monotonic_ns() if monotonic_ns is None else monotonic_ns
        self._offset_ns = (time.time_ns() if utc_ns is None else utc_ns) - mono
        self._tuned_ns = mono
        self._last_ns = 0

    def now_ns(self) -> int:
        """Nanoseconds since 1970, never less than before."""
        now_ns = monotonic_ns() + self._offset_ns
        if now_ns > self._last_ns:
            self._last_ns = now_ns
            return now_ns
        return self._last_ns

    def at(self, monotonic_ns: int) -> int:
        """The same for a monotonic time just read."""
        self._last_ns = max(self._last_ns, monotonic_ns + self._offset_ns)
        return self._last_ns

    def retune(self, utc_ns: int, monotonic_ns: int) -> int:
        """Move towards `utc_ns`; returns what is still missing, in nanoseconds."""
        elapsed = monotonic_ns - self._tuned_ns
        self._tuned_ns = monotonic_ns
        missing = utc_ns - (monotonic_ns + self._offset_ns)
        if missing > STEP_NS:
            self._offset_ns += missing
            return 0
        divisor = BACKWARD_DIVISOR if missing < -STEP_NS else SLEW_DIVISOR
        bound = elapsed // divisor
        moved = max(-bound, min(bound, missing))
        self._offset_ns += moved
        return missing - moved

    def retune_now(self) -> int:
        """`retune` against the machine's clock."""
        return self.retune(time.time_ns(), time.monotonic_ns())

    def monotonic_of(self, utc_ns: int) -> int:
        """Monotonic time at which this clock will show `utc_ns`, at its present offset."""
        return utc_ns - self._offset_ns
