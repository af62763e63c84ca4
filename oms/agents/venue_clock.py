"""A venue's clock beside ours: the difference and the round trip, kept up by asking.

One `VenueClock` per executor and feed. It asks the venue's time by REST: a burst at the start,
then every ASK_EVERY_NS. An answer says the venue's time at some moment between question and
answer; taken as the middle, it is wrong by half the round trip at most. So of the last
CLOCK_SAMPLES_MAX answers the half with the shortest round trips counts, and the estimate is the
median of those. A difference that jumps (a clock was set, there or here) is asked about at once;
the second answer that says so throws the old ones away.

The estimate goes into signatures (`venue_ms`) and into table `clock.<role>`; a difference above
`warn_ms` is logged once, and again when it is gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import orjson

from oms.ports import NEVER, HttpMeta, Ports
from oms.units import NS_PER_MS
from shm_layout.enums import Exchange, RecordType
from shm_layout.limits import CLOCK_SAMPLES_MAX
from shm_layout.records import NO_ID

ASK_EVERY_NS = 10_000_000_000
HURRY_NS = 200_000_000
"""Between the questions of a burst."""
BURST = 5
JUMP_NS = 100_000_000
"""A difference this far off the estimate, more than its round trip explains, is a jump."""
WEIGHT = 1
"""Of one question in the venue's request weight."""
_HALF_MS_NS = NS_PER_MS // 2


class VenueClock:
    """See the module's text. `may_ask(now_ns)` charges one question to a rate ledger."""

    def __init__(
        self,
        ports: Ports,
        *,
        exchange: Exchange,
        rest_url: str,
        target: str,
        warn_ms: int,
        may_ask: Callable[[int], bool],
    ) -> None:
        self._ports = ports
        self._exchange = exchange
        self._url = rest_url
        self._target = target
        self._warn_ns = warn_ms * NS_PER_MS
        self._may_ask = may_ask
        self._table = ports.table_writer(f"clock.{ports.role}")
        self._samples: deque[tuple[int, int]] = deque(maxlen=CLOCK_SAMPLES_MAX)
        self._request_id = NO_ID
        self._sent_ns = 0
        self._asked = self._failed = self._steps = 0
        self._suspected = self._large = False
        self.offset_ns = 0
        """The venue's clock minus ours; 0 until it has answered."""
        self.due_ns = NEVER
        """When `ask` is to be called; NEVER while a question is open."""

    @property
    def known(self) -> bool:
        """Whether the venue has answered."""
        return bool(self._samples)

    def begin(self, now_ns: int) -> None:
        """Ask from now on."""
        self.due_ns = now_ns

    def hurry(self, now_ns: int) -> None:
        """Something says that the estimate is off: ask soon."""
        if self._request_id == NO_ID:
            self.due_ns = min(self.due_ns, now_ns + HURRY_NS)

    def venue_ms(self, now_ns: int) -> int:
        """The venue's clock at our `now_ns`, in milliseconds."""
        return (now_ns + self.offset_ns) // NS_PER_MS

    def venue_ns(self, now_ns: int) -> int:
        """The same in nanoseconds."""
        return now_ns + self.offset_ns

    def ask(self, now_ns: int) -> int:
        """Put the question that is due; returns 1 if it was."""
        if now_ns < self.due_ns:
            return 0
        if not self._may_ask(now_ns):
            self.due_ns = now_ns + ASK_EVERY_NS
            return 1
        self.due_ns = NEVER
        self._asked += 1
        self._sent_ns = now_ns
        self._request_id = self._ports.request(self._url, "GET", self._target, {}, b"")
        return 1

    def answered(self, body: bytes, now_ns: int, meta: HttpMeta) -> bool:
        """An HTTP answer; False = it answers no question of ours."""
        if meta.request_id != self._request_id:
            return False
        self._request_id = NO_ID
        server_ms = _server_ms(body) if meta.status == 200 else NO_ID
        if server_ms == NO_ID:
            self._failed += 1
        else:
            round_trip_ns = now_ns - self._sent_ns
            middle_ns = self._sent_ns + round_trip_ns // 2
            self._take(server_ms * NS_PER_MS + _HALF_MS_NS - middle_ns, round_trip_ns)
        few = self._asked < BURST or self._suspected
        self.due_ns = now_ns + (HURRY_NS if few else ASK_EVERY_NS)
        self._publish(now_ns)
        return True

    def _take(self, offset_ns: int, round_trip_ns: int) -> None:
        off_ns = abs(offset_ns - self.offset_ns)
        if self._samples and off_ns > JUMP_NS + round_trip_ns:
            if not self._suspected:
                self._suspected = True
                return
            self._samples.clear()
            self._steps += 1
            self._ports.log(
                "warning", "venue_clock_jumped", by_ms=(offset_ns - self.offset_ns) // NS_PER_MS
            )
        self._suspected = False
        self._samples.append((round_trip_ns, offset_ns))
        best = sorted(self._samples)[: (len(self._samples) + 1) // 2]
        offsets = sorted(offset for _, offset in best)
        self.offset_ns = offsets[len(offsets) // 2]

    def _publish(self, now_ns: int) -> None:
        large = abs(self.offset_ns) > self._warn_ns
        if large != self._large:
            self._large = large
            level, event = ("warning", "clock_offset_large") if large else (
                "info", "clock_offset_small"
            )  # fmt: skip
            self._ports.log(level, event, offset_ms=self.offset_ns // NS_PER_MS,
                            above_ms=self._warn_ns // NS_PER_MS)  # fmt: skip
        values: Mapping[str, int] = {
            "type": int(RecordType.CLOCK_ROW), "exchange": int(self._exchange),
            "large": int(large), "samples": len(self._samples), "asked": self._asked,
            "failed": self._failed, "steps": self._steps, "offset_ns": self.offset_ns,
        }  # fmt: skip
        if self._samples:
            trips = {
                "round_trip_ns": min(self._samples)[0],
                "last_round_trip_ns": self._samples[-1][0],
                "ts_ns": now_ns,
            }
            values = {**values, **trips}
        self._table.write(0, **values)


def _server_ms(body: bytes) -> int:
    """`serverTime` of the answer; NO_ID where there is none to read."""
    try:
        found = orjson.loads(body)["serverTime"]
    except (ValueError, KeyError, TypeError):
        return NO_ID
    usable = isinstance(found, int) and not isinstance(found, bool) and 0 < found < 1 << 53
    return found if usable else NO_ID
