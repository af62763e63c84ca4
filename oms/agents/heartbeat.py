"""Whether the other end of a connection is still there: pings of our own, and their pongs; and when
to try again once it is not.

One `Heartbeat` per connection of an agent. Any byte from the peer is a sign of life. A connection
that was silent for `ping_after_ns` is pinged (`Ports.ping`); if then nothing comes for
`pong_within_ns`, the peer is dead. Both together bound how long a dead peer is believed: 2.4 s by
the defaults, and a look every LOOK_EVERY_NS, so at most 3 s (RELIABILITY row 19).

What came while we stood still ourselves (SIGSTOP, a machine that was paused, a core that was taken
away) still lies in the socket: between two looks that are far apart no time counts against a peer.
"""

from __future__ import annotations

from enum import IntEnum

LOOK_EVERY_NS = 250_000_000
"""How often a peer that owes us a pong is looked at."""
STOOD_STILL_NS = 2 * LOOK_EVERY_NS
"""Two looks farther apart than this: it was us."""
RETRY_FIRST_NS = 100_000_000
"""From the loss of a connection to the first attempt at another one."""


def retry_later(wait_ns: int, most_ns: int) -> int:
    """The wait after one more failed attempt: half as long again. An exchange that is back after a
    second is found within the next half; doubled waits would take until three. Twelve attempts in
    half a minute are far from what a venue takes offence at (Binance: 300 in five minutes).
    """
    return min(wait_ns + wait_ns // 2, most_ns)


class Beat(IntEnum):
    """What `Heartbeat.look` asks for."""

    NOTHING = 0
    PING = 1
    DEAD = 2


class Heartbeat:
    """See the module's text; times in nanoseconds of our clock."""

    __slots__ = ("_deadline_ns", "_looked_ns", "_ping_after_ns", "_pong_within_ns", "heard_ns",
                 "waiting")  # fmt: skip

    def __init__(self, ping_after_ms: int, pong_within_ms: int, now_ns: int) -> None:
        self._ping_after_ns = ping_after_ms * 1_000_000
        self._pong_within_ns = pong_within_ms * 1_000_000
        self.heard_ns = now_ns
        """The last sign of life."""
        self._looked_ns = now_ns
        self._deadline_ns = 0
        self.waiting = False
        """A pong is owed to us."""

    def heard(self, now_ns: int) -> None:
        """Something came from the peer."""
        self.heard_ns = now_ns
        self.waiting = False

    def look(self, now_ns: int) -> Beat:
        """What is to be done now: nothing, ping it, or give it up."""
        before_ns, self._looked_ns = self._looked_ns, now_ns
        if not self.waiting:
            if now_ns < self.heard_ns + self._ping_after_ns:
                return Beat.NOTHING
            self.waiting = True
            self._deadline_ns = now_ns + self._pong_within_ns
            return Beat.PING
        if now_ns - before_ns > STOOD_STILL_NS:
            self._deadline_ns += now_ns - before_ns
        return Beat.DEAD if now_ns >= self._deadline_ns else Beat.NOTHING

    def next_ns(self) -> int:
        """When to look again."""
        if self.waiting:
            return min(self._deadline_ns, self._looked_ns + LOOK_EVERY_NS)
        return self.heard_ns + self._ping_after_ns
