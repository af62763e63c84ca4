"""Faults on demand, between a simulated exchange and its clients. Sans-I/O and seeded.

Every message passes here once, on its way in (`direction` "in") or out, as a `Passage`: which link
it travels on, which connection, and a name that faults are chosen by (an endpoint such as
"POST /api/v3/order" or "order.place", a stream such as "btcusdt@depth", an event such as
"executionReport"). What becomes of it is a list of `Step`s that `venue_sim` carries out. Each fault
draws from a generator of its own (exchange's seed, number of the fault), so that adding one moves
no other, and the same seed and the same messages give the same faults. A delayed message holds
back what follows it on its connection, as TCP does; only `reorder` changes an order.
"""

from __future__ import annotations

import dataclasses
import heapq
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from oms.config_build import build
from oms.errors import ConfigError
from shm_layout.limits import FAULTS_MAX, FAULTS_QUEUED_MAX, TEXT_CHARS_MAX

MS = 1_000_000
NEVER = (1 << 63) - 1
REORDER_HOLD_NS = 500 * MS
"""A message held for the next one to overtake it goes out after this even if none came."""
MS_MAX = 86_400_000
_STREAM = 78

LINKS = ("rest", "stream", "ws_api")
ANY = "any"
KINDS: Mapping[str, str] = {
    "delay": "delay_ms, and up to jitter_ms more",
    "lose": "the message never arrives",
    "duplicate": "it arrives twice",
    "reorder": "the next message overtakes it",
    "gap": "as lose, for depth streams: the book's diffs have a hole",
    "disconnect": "its connection is cut instead",
    "half_open": "its connection stays and is silent both ways from then on",
    "accepted_5xx": "carried out, and answered as if nobody knew (status, code)",
    "drop_reply": "an order is accepted, and both its reply and its NEW event are lost",
    "http_5xx": "not carried out, answered with status and code",
    "http_429": "not carried out: too many requests, retry after retry_after_s",
    "http_418": "not carried out: banned for retry_after_s",
    "maintenance": "every request refused, every stream closed, none opened",
    "clock_step": "the exchange's clock is off by shift_ms",
}
"""What there is, in a few words each."""
REFUSING = ("http_5xx", "http_429", "http_418", "maintenance")
_IN_ONLY = REFUSING
_OUT_ONLY = ("accepted_5xx", "gap")
_NEVER_PASSES = ("clock_step", "drop_reply")
_CODES = {"accepted_5xx": -1007, "http_5xx": -1001, "maintenance": -1016}


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What a person asks for; what is left out means everything."""

    kind: str
    link: str = ANY
    conn: int = 0
    """One connection, as `oms sim status` numbers them; 0 = all."""
    match: str = "*"
    """Pattern of names, `*` and `?` as in a shell."""
    direction: str = ANY
    """"in" (to the exchange), "out" or "any"."""
    probability_e6: int = 1_000_000
    """Millionths."""
    count: int = 0
    """Ends after so many messages; 0 = no end."""
    for_ms: int = 0
    """Ends after this time; 0 = no end."""
    delay_ms: int = 100
    jitter_ms: int = 0
    status: int = 503
    code: int = 0
    """The exchange's error code; 0 = what fits the kind."""
    retry_after_s: int = 30
    shift_ms: int = 0


class Verdict(IntEnum):
    PASS = 1
    REFUSE = 2
    """Do not carry it out; answer with the fault's error."""
    REPLACE = 3
    """A reply: say the fault's error instead."""
    CUT = 4
    """End the connection."""
    MUTE = 5
    """Keep the connection, and hear and say nothing on it any more."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One message on its way; `item` is the sender's own matter."""

    link: str
    direction: str
    conn: int
    name: str
    item: Any
    is_reply: bool = False
    """An answer to a request of this connection."""


@dataclass(frozen=True, slots=True)
class Step:
    verdict: Verdict
    passage: Passage
    fault: FaultSpec | None = None


def _pattern(match: str) -> re.Pattern[str]:
    """`*` and `?` as in a shell, everything else as it stands."""
    shell = {"*": ".*", "?": "."}
    return re.compile("".join(shell.get(char) or re.escape(char) for char in match), re.DOTALL)


class _Active:
    """One fault in force."""

    def __init__(self, number: int, spec: FaultSpec, seed: int, now_ns: int) -> None:
        self.number = number
        self.spec = spec
        self.until_ns = now_ns + spec.for_ms * MS if spec.for_ms else NEVER
        self.hits = 0
        self._name = _pattern(spec.match)
        self._chance = np.random.Generator(np.random.PCG64([seed, number, _STREAM]))

    def over(self, now_ns: int) -> bool:
        return now_ns >= self.until_ns or 0 < self.spec.count <= self.hits

    def strikes(self) -> bool:
        """Draw; only for what the fault is chosen for."""
        chosen = self.spec.probability_e6
        if chosen < 1_000_000 and int(self._chance.integers(1_000_000)) >= chosen:
            return False
        self.hits += 1
        return True

    def concerns(self, passage: Passage) -> bool:
        spec = self.spec
        if spec.kind in _NEVER_PASSES or spec.direction not in (ANY, passage.direction):
            return False
        if passage.direction != "in" and spec.kind in _IN_ONLY:
            return False
        if passage.direction != "out" and spec.kind in _OUT_ONLY:
            return False
        if spec.kind == "accepted_5xx" and not passage.is_reply:
            return False
        if spec.kind in REFUSING and passage.link == "stream":
            return False
        if spec.kind == "gap" and not (passage.link == "stream" and "@depth" in passage.name):
            return False
        if spec.link not in (ANY, passage.link) or spec.conn not in (0, passage.conn):
            return False
        return self._name.fullmatch(passage.name) is not None

    def delay_ns(self) -> int:
        jitter = int(self._chance.integers(self.spec.jitter_ms + 1)) if self.spec.jitter_ms else 0
        return (self.spec.delay_ms + jitter) * MS


class Faults:
    """All faults of one exchange, and the messages that they hold."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._active: dict[int, _Active] = {}
        self._made = 0
        self._queue: list[tuple[int, int, Passage]] = []
        self._queued = 0
        self._last_ns: dict[tuple[int, str], int] = {}
        self._held: dict[tuple[object, str], Passage] = {}
        self._silent: dict[int, int] = {}
        """Connection -> number of the half_open fault."""
        self.overflowed = 0
        """Messages lost because too many were held."""

    @property
    def idle(self) -> bool:
        """Nothing is in force and nothing is held: every message simply passes."""
        return not (self._active or self._queue or self._silent)

    # What a person does

    def add(self, spec: FaultSpec, now_ns: int) -> int:
        """Put a fault in force; its number. ConfigError for too many."""
        if len(self._active) >= FAULTS_MAX:
            raise ConfigError(f"faults: {FAULTS_MAX} are in force already; clear some first")
        self._made += 1
        self._active[self._made] = _Active(self._made, spec, self._seed, now_ns)
        return self._made

    def clear(self, number: int) -> list[int]:
        """End one fault, or all (0); the numbers that were ended."""
        ended = [n for n in self._active if number in (0, n)]
        for one in ended:
            del self._active[one]
        return ended

    def listed(self, now_ns: int) -> list[dict[str, Any]]:
        """Those in force, with what they did."""
        return [
            {
                "number": active.number,
                **dataclasses.asdict(active.spec),
                "hits": active.hits,
                "left_ms": -1 if active.until_ns == NEVER else (active.until_ns - now_ns) // MS,
            }
            for active in self._active.values()
            if not active.over(now_ns)
        ]

    # What the exchange asks

    def clock_shift_ns(self, now_ns: int) -> int:
        """How far the exchange's clock is off."""
        if not self._active:
            return 0
        return sum(a.spec.shift_ms * MS for a in self._of_kind("clock_step", now_ns))

    def drops_reply(self, now_ns: int) -> bool:
        """Is the reply to the order just accepted lost, with its NEW event?"""
        if not self._active:
            return False
        return any(a.strikes() for a in self._of_kind("drop_reply", now_ns))

    def refuses_link(self, link: str, now_ns: int) -> bool:
        """Maintenance: a connection of this kind is not opened, or closed where it is open."""
        found = self._of_kind("maintenance", now_ns)
        return link != "rest" and any(a.spec.link in (ANY, link) for a in found)

    def _of_kind(self, kind: str, now_ns: int) -> list[_Active]:
        found = self._active.values()
        return [a for a in found if a.spec.kind == kind and not a.over(now_ns)]

    # Messages

    def closed(self, conn: int) -> None:
        """A connection has ended: what is held for it goes nowhere."""
        self._silent.pop(conn, None)
        self._held = {k: p for k, p in self._held.items() if p.conn != conn}
        self._last_ns = {k: at for k, at in self._last_ns.items() if k[0] != conn}
        if any(p.conn == conn for _, _, p in self._queue):
            self._queue = [entry for entry in self._queue if entry[2].conn != conn]
            heapq.heapify(self._queue)

    def is_silent(self, conn: int) -> bool:
        return conn in self._silent

    def take(self, passage: Passage, now_ns: int) -> list[Step]:
        """What becomes of a message."""
        if self.idle:
            return [Step(Verdict.PASS, passage)]
        if passage.conn in self._silent:
            return []
        due_ns = now_ns
        copies = 1
        verdict, said = Verdict.PASS, None
        reordered = False
        for active in self._active.values():
            if active.over(now_ns) or not active.concerns(passage) or not active.strikes():
                continue
            spec = active.spec
            if spec.kind in ("lose", "gap"):
                return []
            if spec.kind == "disconnect":
                return [Step(Verdict.CUT, passage, spec)]
            if spec.kind == "half_open":
                self._silent[passage.conn] = active.number
                return [Step(Verdict.MUTE, passage, spec)]
            if spec.kind in REFUSING:
                return [Step(Verdict.REFUSE, passage, spec)]
            if spec.kind == "delay":
                due_ns += active.delay_ns()
            elif spec.kind == "duplicate":
                copies += 1
            elif spec.kind == "reorder":
                reordered = True
            else:
                verdict, said = Verdict.REPLACE, spec
        if verdict == Verdict.REPLACE:
            return [Step(verdict, passage, said)]
        return self._send(passage, due_ns, now_ns, copies, reordered=reordered)

    def _send(
        self, passage: Passage, due_ns: int, now_ns: int, copies: int, *, reordered: bool
    ) -> list[Step]:
        """Behind what is held before it on its connection; ahead of what is to be overtaken."""
        lane = (passage.conn, passage.direction)
        key: tuple[object, str] = ("rest" if passage.link == "rest" else lane[0], lane[1])
        if reordered and key not in self._held:
            self._held[key] = passage
            self._push(passage, now_ns + REORDER_HOLD_NS)
            return []
        due_ns = max(due_ns, self._last_ns.get(lane, 0))
        overtaken = self._held.pop(key, None)
        behind = [] if overtaken is None else [overtaken]
        if overtaken is not None:
            self._queue = [entry for entry in self._queue if entry[2] is not overtaken]
            heapq.heapify(self._queue)
        going = [passage] * copies + behind
        if due_ns <= now_ns:
            return [Step(Verdict.PASS, one) for one in going]
        self._last_ns[lane] = due_ns
        for one in going:
            self._push(one, due_ns)
        return []

    def _push(self, passage: Passage, due_ns: int) -> None:
        if len(self._queue) >= FAULTS_QUEUED_MAX:
            self.overflowed += 1
            return
        self._queued += 1
        heapq.heappush(self._queue, (due_ns, self._queued, passage))

    def due(self, now_ns: int) -> list[Step]:
        """What was held and goes on now; and connections whose half_open fault is over."""
        out: list[Step] = []
        if self.idle:
            return out
        while self._queue and self._queue[0][0] <= now_ns:
            _, _, passage = heapq.heappop(self._queue)
            self._held = {k: p for k, p in self._held.items() if p is not passage}
            lane = (passage.conn, passage.direction)
            if self._last_ns.get(lane, NEVER) <= now_ns:
                del self._last_ns[lane]
            if passage.conn not in self._silent:
                out.append(Step(Verdict.PASS, passage))
        for conn, number in tuple(self._silent.items()):
            active = self._active.get(number)
            if active is None or now_ns >= active.until_ns:
                del self._silent[conn]
                out.append(Step(Verdict.CUT, Passage("", "out", conn, "", None)))
        spent = [a for a in self._active.values() if self._is_spent(a, now_ns)]
        for active in spent:
            del self._active[active.number]
        return out

    def _is_spent(self, active: _Active, now_ns: int) -> bool:
        """Over, and no connection is silent by it: that lasts until its time is over."""
        return active.over(now_ns) and (
            now_ns >= active.until_ns or active.number not in self._silent.values()
        )

    def next_ns(self) -> int:
        """When `due` wants to be called."""
        first = self._queue[0][0] if self._queue else NEVER
        ends = min((a.until_ns for a in self._active.values()), default=NEVER)
        return min(first, ends)


def fault_from_mapping(given: Mapping[str, Any], where: str = "fault") -> FaultSpec:
    """A fault from JSON or the command line; ConfigError with one sentence."""
    spec: FaultSpec = build(FaultSpec, given, where)
    if spec.kind not in KINDS:
        raise ConfigError(f"{where}: unknown kind '{spec.kind}' (known: {', '.join(KINDS)})")
    if spec.link not in (ANY, *LINKS):
        raise ConfigError(f"{where}.link: found '{spec.link}', required is {ANY}, "
                          f"{', '.join(LINKS)}")  # fmt: skip
    if spec.direction not in (ANY, "in", "out"):
        raise ConfigError(f"{where}.direction: found '{spec.direction}', required is any, in, out")
    bounds = {
        "conn": (0, NEVER), "probability_e6": (0, 1_000_000), "count": (0, NEVER),
        "for_ms": (0, MS_MAX), "delay_ms": (0, MS_MAX), "jitter_ms": (0, MS_MAX),
        "status": (400, 599), "code": (-99_999, 0), "retry_after_s": (0, MS_MAX),
        "shift_ms": (-MS_MAX, MS_MAX),
    }  # fmt: skip
    if len(spec.match) > TEXT_CHARS_MAX:
        raise ConfigError(f"{where}.match: required are at most {TEXT_CHARS_MAX} characters")
    for name, (low, high) in bounds.items():
        if not low <= getattr(spec, name) <= high:
            found = getattr(spec, name)
            raise ConfigError(f"{where}.{name}: found {found}, required is {low} to {high}")
    if spec.kind == "clock_step" and spec.shift_ms == 0:
        raise ConfigError(f"{where}: a clock_step wants a shift_ms other than 0")
    return spec


def code_of(spec: FaultSpec) -> int:
    """The error code that a refusal carries."""
    return spec.code or _CODES.get(spec.kind, -1000)
