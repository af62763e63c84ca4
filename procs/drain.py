"""The orderly end: in which order the stages stop, and how one process follows.

The supervisor raises one word, the drain phase, from 1 to CLOSE; every runtime reads it each turn.
At phase n the agents of phase n and before have been told `on_drain`. An agent outlives the drain
of the stage after it (risk's last updates still reach the strategies, the executor's last
executions still reach risk) and is closed when that has ended: at its own phase plus 2.
A process answers with the phase up to which all its agents are drained. So grouping
does not matter: one process may hold agents of every phase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

RUNNING = 0
CLOSE = 10

PHASES = {
    "strategy": 1,
    "router": 1,
    "risk": 2,
    "executor": 3,
    "feed": 4,
    "aggregator": 5,
    "journaler": 6,
    "gateway": 6,
    "watchdog": 7,
    "venue_sim": 8,
}
"""risk cancels all orders at the venue and waits until none is open or unknown, so the executor,
its streams and the journal outlive it; the simulated exchange is the last."""

BOUNDS_S = {2: 10.0}
"""How long a phase may take; then the end goes on and says so."""
BOUND_S = 3.0


LAST_PASSES_MAX = 1024
"""`do_work` calls before an agent is closed whether it is idle or not."""


def phase_of(role: str) -> int:
    """The phase in which a role drains."""
    return PHASES[role.partition(".")[0]]


def bound_s(phase: int) -> float:
    """How long that phase may take."""
    return BOUNDS_S.get(phase, BOUND_S)


class Drain:
    """The agents of one process on their way to the end. Items have `role`, `agent`, `closed`."""

    def __init__(self, hosted: Sequence[Any]) -> None:
        self._hosted = hosted
        self._told: set[str] = set()
        self.phase = RUNNING
        self.drained_phase = RUNNING

    def step(self, phase: int, now: Callable[[], int]) -> int:
        """Follow the phase; returns up to which phase every agent here is drained."""
        self.phase = max(self.phase, phase)
        for one in self._hosted:
            own = phase_of(one.role)
            if own <= self.phase and one.role not in self._told:
                self._told.add(one.role)
                one.agent.on_drain(now())
            if (own + 2 <= self.phase or self.phase >= CLOSE) and not one.closed:
                self._close(one, now)
        open_phases = [
            phase_of(one.role)
            for one in self._hosted
            if not one.closed and phase_of(one.role) <= self.phase and not one.agent.drained()
        ]
        self.drained_phase = min(open_phases) - 1 if open_phases else self.phase
        return self.drained_phase

    @staticmethod
    def _close(one: Any, now: Callable[[], int]) -> None:
        """What was published for it before it is closed, it still takes."""
        for _ in range(LAST_PASSES_MAX):
            if not one.agent.do_work(now()):
                break
        one.closed = True
        one.agent.on_close(now())

    def finished(self) -> bool:
        """Every agent is closed."""
        return self.phase >= CLOSE and all(one.closed for one in self._hosted)


assert all(RUNNING < phase < CLOSE for phase in PHASES.values())
