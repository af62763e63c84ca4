"""The seat of a strategy's plugin: the one place where it is called, and its end when it fails.

A plugin is somebody's code in a process that may hold risk, too; so what it does wrong ends that
strategy alone. `PluginSeat` alone calls into a plugin (CALLS), and three things end one:

    RAISED   a callback raised
    HUNG     a callback did not come back: the host interrupts it (`procs/hang.py`) by an exception
    FLOODED  it asked for more than INTENTS_PER_S_MAX intents within a second

From then on an empty strategy sits there, so that the agent turns as before: it reads its rings,
cancels what is open, and places nothing. The row of table `plugin.<name>` says FAILED and why. That
row is also the memory of it: it outlives the agent's process, and not the desk's shared memory. So
a process that is started again does not trade on, and a new start of the desk begins anew. Risk
journals every failure (`oms/risk/plugin_modes.py`) and takes a person's `oms resume strategy`; the
agent then makes a fresh plugin, once the table `plugins` says that this is journaled.

What ends a process whatever we do: a plugin that hangs or crashes inside compiled code, and a
BaseException of its own making that is no Exception. The supervisor starts that process again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from types import FrameType, FunctionType, TracebackType
from typing import Any

from oms.config import StrategyConfig
from oms.errors import ConfigError
from oms.ports import NEVER, Ports
from oms.strategies.base import BaseStrategy, Strategy, Top
from oms.strategies.registry import PLUGINS, make_strategy
from oms.text import cut_utf8
from shm_layout.enums import PluginState, PluginTrouble, RecordType
from shm_layout.limits import INTENTS_PER_S_MAX
from shm_layout.records import PLUGIN_ROW

_SECOND_NS = 1_000_000_000
_LONG_AGO = -(1 << 62)
_REASON_BYTES = PLUGIN_ROW["reason"].itemsize
_NAME_BYTES = PLUGIN_ROW["name"].itemsize
_MESSAGE_CHARS_MAX = 400
_WHERE_FRAMES_MAX = 8
OURS = ("oms.agents.", "shm_layout.", "procs.")
"""Modules whose frames are the desk's own, also where a plugin has called them."""


class PluginStoppedError(BaseException):
    """Ends a plugin's callback from outside; no Exception, so that its handlers let it pass."""


class PluginHungError(PluginStoppedError):
    """The callback was still running after the host's limit."""


class PluginFloodError(PluginStoppedError):
    """The plugin asked for too many intents."""


Place = tuple[str, int]
"""(file, line)"""
FAILURES = (Exception, SystemExit, PluginStoppedError)
_TROUBLES: dict[type[BaseException], PluginTrouble] = {
    PluginHungError: PluginTrouble.HUNG,
    PluginFloodError: PluginTrouble.FLOODED,
}
_WORDS: dict[type[BaseException], str] = {PluginHungError: "hang", PluginFloodError: "flood"}


class _Unborn:
    """Sits in the seat until the plugin is made."""

    def __init__(self, settings: StrategyConfig) -> None:
        self._settings = settings

    def create(self) -> Strategy:
        """The plugin, by its constructor."""
        return make_strategy(self._settings.plugin, self._settings.params)


class PluginSeat:
    """See the module's text. `clock` gives the `now_ns` of the agent's turn."""

    def __init__(self, settings: StrategyConfig, clock: Callable[[], int]) -> None:
        self.plugin: Any = BaseStrategy()
        self.failed = False
        self._settings = settings
        self._clock = clock
        self._failures = 0
        """How often it has failed in this shared memory."""
        self._asks = deque([_LONG_AGO] * INTENTS_PER_S_MAX, INTENTS_PER_S_MAX)
        """When the last INTENTS_PER_S_MAX asks were, oldest first."""
        self._stillborn: BaseException | None = None
        """What the constructor raised; said once there is somewhere to say it."""
        try:
            self.plugin = make_strategy(settings.plugin, settings.params)
        except ConfigError:
            raise
        except FAILURES as error:
            self._stillborn = error

    def trouble_at_birth(self) -> str:
        """Why the plugin could not be made, as far as nobody was told; "" = it was made."""
        if self._stillborn is None:
            return ""
        frames = _plugin_frames(self._stillborn.__traceback__)
        return told("__init__", frames, self._stillborn, self._kind()).decode()

    def begin(self, ports: Ports) -> None:
        """Take the row; a plugin that had failed in this shared memory is FAILED still."""
        self._ports = ports
        self._generation = ports.generation
        self._writer = ports.table_writer(f"plugin.{self._settings.name}")
        self._journaled = ports.table_reader("plugins")
        row = self._writer.rows[0]
        self._failures = int(row["failures"])
        if int(row["state"]) == PluginState.FAILED:
            self.failed, self.plugin = True, BaseStrategy()
            ports.log("warning", "strategy_still_failed", strategy=self._settings.name,
                      reason=bytes(row["reason"]).decode("utf-8", "replace"))  # fmt: skip
        elif self._stillborn is not None:
            self.fail("__init__", _plugin_frames(self._stillborn.__traceback__), self._stillborn)
        else:
            self._write(PluginState.RUNNING)
        self._stillborn = None

    # Calling it

    def call(self, name: str, *args: Any) -> Any:
        """Call a method of the plugin; None where that failed. The host finds a call that does not
        come back by the frame of this method or the next: no plugin is called anywhere else.
        """
        try:
            return getattr(self.plugin, name)(*args)
        except FAILURES as error:
            self.fail(name, _plugin_frames(error.__traceback__), error)
            return None

    def on_top(self, top: Top, now_ns: int, name: str = "on_top") -> None:
        """The same for `on_top`, which every tick waits for: a third of what `call` takes."""
        try:
            self.plugin.on_top(top, now_ns)
        except FAILURES as error:
            self.fail(name, _plugin_frames(error.__traceback__), error)

    def due_ns(self) -> int:
        """When the plugin wants its timer."""
        due = self.call("next_timer_ns")
        if isinstance(due, int):
            return due
        if not self.failed:
            found = TypeError(f"it gave {type(due).__name__}, required is an int of nanoseconds")
            self.fail("next_timer_ns", [], found)
        return NEVER

    def has_own(self, name: str) -> bool:
        """Has the plugin a method of its own in the place of an empty one?"""
        kinds = type(self.plugin).__mro__
        places = [getattr(self.plugin, "__dict__", {}), *(vars(kind) for kind in kinds)]
        mine = next((place[name] for place in places if name in place), None)
        return mine is not vars(BaseStrategy)[name]

    def asked(self, now_ns: int) -> None:
        """Count a wish for an intent; PluginFloodError where it is one too many."""
        asks = self._asks
        if now_ns - asks[0] < _SECOND_NS and not self.failed:
            try:
                raise PluginFloodError(
                    f"{INTENTS_PER_S_MAX + 1} intents in 1 s, the limit is {INTENTS_PER_S_MAX}"
                )
            except PluginFloodError as error:
                # At once: a plugin that catches what ends it has failed none the less.
                self.fail(*_asking(error), error)
                raise
        asks.append(now_ns)

    # Its end, and a new one

    def fail(self, callback: str, frames: Sequence[Place], error: BaseException) -> None:
        """FAILED from now on; the first reason stands. `frames` are the plugin's, outermost
        first.
        """
        if self.failed:
            return
        trouble = _TROUBLES.get(type(error), PluginTrouble.RAISED)
        reason = told(callback, frames, error, self._kind())
        where = " < ".join(_short(frame) for frame in frames[: -_WHERE_FRAMES_MAX - 1 : -1])
        self.failed, self.plugin = True, BaseStrategy()
        self._failures += 1
        self._write(PluginState.FAILED, trouble, reason)
        self._ports.log("error", "strategy_failed", strategy=self._settings.name,
                        trouble=trouble.name, reason=reason.decode(), where=where)  # fmt: skip

    def _kind(self) -> type:
        """Its class, also where none was made."""
        made = PLUGINS.get(self._settings.plugin)
        return made if isinstance(made, type) else type(self.plugin)

    def is_resumed(self, strategy_id: int) -> bool:
        """Has a person resumed this failure, and is that in the journal?"""
        row = self._journaled.read(strategy_id)
        return (
            row is not None
            and int(row["generation"]) == self._generation
            and int(row["resumed"]) >= self._failures
        )

    def renew(self) -> None:
        """A fresh plugin, where its constructor lets us."""
        self.failed = False
        self._asks.extend([_LONG_AGO] * INTENTS_PER_S_MAX)
        self.plugin = _Unborn(self._settings)
        made = self.call("create")
        if not self.failed:
            self.plugin = made
            self._write(PluginState.RUNNING)
            self._ports.log("warning", "strategy_begins_anew", strategy=self._settings.name)

    def _write(
        self,
        state: PluginState,
        trouble: PluginTrouble = PluginTrouble.UNSET,
        reason: bytes = b"",
    ) -> None:
        """The state last: who dies inside the row has not failed yet."""
        self._writer.write(
            0, type=RecordType.PLUGIN_ROW, failures=self._failures, trouble=trouble,
            ts_ns=self._clock(), generation=self._generation, reason=reason,
            name=self._settings.name.encode()[:_NAME_BYTES], state=state,
        )  # fmt: skip


# What is said of it


def told(callback: str, frames: Sequence[Place], error: BaseException, plugin: type) -> bytes:
    """The reason, printable and cut to its field. It names the innermost line of the plugin's own
    file.
    """
    methods = [value for kind in plugin.__mro__ for value in vars(kind).values()]
    files = {one.__code__.co_filename for one in methods if isinstance(one, FunctionType)}
    own = [frame for frame in frames if frame[0] in files] or frames[:1]
    kind = _WORDS.get(type(error), type(error).__name__)
    parts = [f"{kind}: {_message(error)}", *(_short(frame) for frame in own[-1:]), callback]
    return cut_utf8(", ".join(part for part in reversed(parts) if part), _REASON_BYTES)


def _short(frame: Place) -> str:
    return f"{frame[0].rpartition('/')[2]}:{frame[1]}"


def _message(error: BaseException) -> str:
    """Its text; a plugin's exception may fail to tell it."""
    try:
        return str(error)[:_MESSAGE_CHARS_MAX]
    except FAILURES:
        return "(its text cannot be made)"


def is_ours(frame: FrameType) -> bool:
    """Is this frame the desk's own code?"""
    return str(frame.f_globals.get("__name__", "")).startswith(OURS)


def _plugin_frames(trace: TracebackType | None) -> list[Place]:
    """Where the exception passed through the plugin, outermost first."""
    found = []
    while trace is not None:
        if not is_ours(trace.tb_frame):
            found.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return found


def _asking(error: BaseException) -> tuple[str, list[Place]]:
    """(callback, frames) of the plugin that is asking for an intent where this was raised."""
    trace = error.__traceback__
    frame = None if trace is None else trace.tb_frame.f_back
    found: list[Place] = []
    while frame is not None and frame.f_code not in CALLS:
        if not is_ours(frame):
            found.insert(0, (frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return ("", []) if frame is None else (str(frame.f_locals["name"]), found)


CALLS = (PluginSeat.call.__code__, PluginSeat.on_top.__code__)
"""By which a frame that calls a plugin is known; `name` in it is the callback."""
