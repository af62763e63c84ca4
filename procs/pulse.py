"""Is a silent process hung, or does it wait for a core? What a supervisor may hold against it.

A process shows its heartbeat with every quarter of a second of turns. When it is silent, the clock
on the wall does not say why: on an overloaded machine it may stand in the run queue for longer than
any bound, and killing it makes the load worse. So the silence that counts is the process's own: the
time since its heartbeat, less what the kernel says it waited for a core (the second field of
`/proc/PID/schedstat`, of its one main thread), and less what the supervisor itself did not see
because it was kept from looking. What hangs in a lock or a system call, is stopped by a signal, or
spins without a turn, does not wait in the queue: its silence counts in full.
"""

from __future__ import annotations

from pathlib import Path

SUSPECT_NS = 1_000_000_000
"""Silent for so long: from here on its waiting is looked at."""
LOOK_GAP_NS = 1_000_000_000
"""The longest stretch between two of our looks that counts: who was away longer stood still too."""


def waited_ns(pid: int) -> int:
    """How long a process has stood in the run queue since its start; 0 where the kernel does not
    say so, or the process is gone.
    """
    try:
        words = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return int(words[1]) if len(words) > 1 else 0


class Pulse:
    """The own silence of one incarnation."""

    __slots__ = ("_beat_ns", "_looked_ns", "_seen_ns", "_waited_ns")

    def __init__(self) -> None:
        self._beat_ns = -1
        self._looked_ns = self._seen_ns = self._waited_ns = 0

    def silent_ns(self, pid: int, beat_ns: int, now_ns: int) -> int:
        """Its own silence up to now; `beat_ns` is its last heartbeat, or its start."""
        if now_ns - beat_ns < SUSPECT_NS:
            self._beat_ns = -1
            return max(now_ns - beat_ns, 0)
        if beat_ns != self._beat_ns:
            # The first look at this silence: how it waited before is not known, and is little.
            self._beat_ns, self._seen_ns, self._waited_ns = beat_ns, SUSPECT_NS, waited_ns(pid)
        else:
            self._seen_ns += min(now_ns - self._looked_ns, LOOK_GAP_NS)
        self._looked_ns = now_ns
        # The kernel adds a wait when it is over, so it may come later than the time it took.
        return max(self._seen_ns - (waited_ns(pid) - self._waited_ns), 0)
