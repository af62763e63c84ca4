"""Ends a plugin's callback that does not come back, so that the process with risk in it goes on.

One timer signal (SIGALRM) comes every quarter of a second, from the start of a process that hosts
strategies. Its handler looks whether the stack stands inside a call into a plugin (`CALLS` of
`PluginSeat`) and whether that is the very call that it saw before. A call costs nothing for it:
nothing is armed and no word is written per call. After HANG_NS of a call's own time (what the
process waited for a core is not counted, see `pulse.py`) the handler raises PluginHungError in it.

It raises only where the innermost frames are the plugin's own. Where the plugin has called the desk
(`place` in the middle of its bookkeeping), or the stack has left the plugin, it raises nothing and
looks again 5 ms later. Python runs signal handlers between two bytecodes of the main thread: that
is right for Python, and for system calls, which a signal wakes. A callback that hangs inside
compiled code is never interrupted; its process falls silent and the supervisor kills it (`HUNG_NS`
there is 10 s).
"""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

from oms.agents.strategy.plugin import CALLS, PluginHungError, is_ours
from procs.pulse import Pulse

HANG_NS = 2_000_000_000
"""What one callback may take of its process's own time."""
TICK_S = 0.25
AGAIN_S = 0.005
"""To the next look, where a call is overdue and stands in code of the desk."""


def plugin_call(frame: FrameType | None) -> tuple[FrameType | None, bool]:
    """(frame of the call into a plugin that this stack stands in, may it be interrupted here?).

    It may where the innermost frames are the plugin's own. Frames of the desk before the plugin's
    first one do not matter; one behind that is the desk's bookkeeping.
    """
    plugin = desk_behind = is_desk = False
    while frame is not None and frame.f_code not in CALLS:
        if is_ours(frame):
            is_desk = True
        else:
            plugin = True
            desk_behind = desk_behind or is_desk
        frame = frame.f_back
    return frame, frame is not None and plugin and not desk_behind


class HangWatch:
    """One per process; `arm` in its main thread."""

    def __init__(self, limit_ns: int = HANG_NS) -> None:
        self._limit_ns = limit_ns
        self._seen: FrameType | None = None
        """The call that the last tick found under way. Kept, so that no other call can get the
        frame's address."""
        self._since_ns = 0
        self._pulse = Pulse()

    def arm(self) -> None:
        """From now on look every TICK_S."""
        signal.signal(signal.SIGALRM, self.look)
        signal.setitimer(signal.ITIMER_REAL, TICK_S, TICK_S)

    def look(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler; raises PluginHungError into a call that is overdue."""
        del number
        call, may_end = plugin_call(frame)
        now = time.monotonic_ns()
        if call is None or call is not self._seen:
            self._seen, self._since_ns, self._pulse = call, now, Pulse()
            return
        own = self._pulse.silent_ns(os.getpid(), self._since_ns, now)
        if own <= self._limit_ns:
            return
        if not may_end:
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S, TICK_S)
            return
        raise PluginHungError(f"not back after {own // 1_000_000} ms, the limit is "
                              f"{self._limit_ns // 1_000_000}")  # fmt: skip
