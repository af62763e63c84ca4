"""`kill -9` of every role of the running desk, interleaved, and SIGSTOP with SIGCONT.

A process that dies more than five times in a minute counts as DEGRADED, so one role's kills are 12
seconds apart; the others' come in between, in a seeded order, one in four together with another. A
keeper has nobody who starts it again: `oms up` adopts the desk, and the kill of a supervisor waits
for that.
"""

from __future__ import annotations

import random
import signal
import statistics
import time
from dataclasses import dataclass, field

import psutil

from tests.chaos.desk import KEEPER, SUPERVISOR, ChaosDesk, Verdict

APART_S = 12.0
PAIR_ONE_IN = 4
STOPS_S = (0.001, 0.05, 0.3, 1.0, 2.5)
STOP_LONG_S = 11.5
"""Longer than a supervisor waits for a heartbeat: the process is killed, reaped and replaced."""
LONG_ONE_IN = 6
LATE_NS = 1_000_000_000
STOLEN_S = 0.1
_NS_PER_MS = 1_000_000


@dataclass
class Recoveries:
    """Times from a kill, ns, by role."""

    ready: dict[str, list[int]] = field(default_factory=dict)
    sent: dict[str, list[int]] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    """Of each longer than LATE_NS: seconds of processor that the host gave to others meanwhile."""

    def add(self, name: str, ready_ns: int, sent_ns: int, stolen_s: float) -> None:
        self.ready.setdefault(name, []).append(ready_ns)
        self.sent.setdefault(name, []).append(sent_ns)
        if sent_ns > LATE_NS:
            self.late.append(stolen_s)

    def lines(self) -> list[str]:
        """A row per role, and one for all roles that a supervisor starts again."""
        made = [
            f"  {'kill -9 of':22}{'n':>5}{'ready p50':>11}{'p99':>8}{'order p50':>11}{'p99':>8}"
        ]
        both = (self.ready, self.sent)
        made += [_row(name, *(times[name] for times in both)) for name in self.ready]
        desk = [name for name in self.ready if name != KEEPER]
        every = ([ns for name in desk for ns in times[name]] for times in both)
        late = sum(stolen_s >= STOLEN_S for stolen_s in self.late)
        said = (f"  {len(self.late)} took more than a second; in {late} of those the host gave "
                f"{STOLEN_S} s of processor or more to others")  # fmt: skip
        return [*made, _row("all but the keeper", *every), "  times in ms", said]


def _row(name: str, ready: list[int], sent: list[int]) -> str:
    figures = [percentile(times, share) // _NS_PER_MS
               for times in (ready, sent) for share in (50, 99)]  # fmt: skip
    return (f"  {name:22}{len(ready):>5}{figures[0]:>11}{figures[1]:>8}{figures[2]:>11}"
            f"{figures[3]:>8}")  # fmt: skip


def _stolen_s() -> float:
    """Processor time, of all cores, that the host of a virtual machine gave to others."""
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def percentile(values: list[int], share: int) -> int:
    """The value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) * share // 100, len(ordered) - 1)]


class Killer:
    """Kills, each at least so far after the last one of the same role."""

    def __init__(self, desk: ChaosDesk, seed: int, say) -> None:
        self.desk = desk
        self.chance = random.Random(seed)
        self.say = say
        self.found = Recoveries()
        self.last_s: dict[str, float] = {}

    def order(self) -> list[list[str]]:
        """One round: every role once, some in pairs."""
        names = [*self.desk.processes, SUPERVISOR, KEEPER]
        self.chance.shuffle(names)
        made: list[list[str]] = []
        for name in names:
            pair = made and len(made[-1]) == 1 and self.chance.randrange(PAIR_ONE_IN) == 0
            heads = {KEEPER, SUPERVISOR}
            if pair and not (name in heads and made[-1][0] in heads):
                made[-1].append(name)
            else:
                made.append([name])
        return made

    def wait_for_turn(self, names: list[str]) -> None:
        """Until none of them was killed within the last 12 s; then a seeded moment more."""
        due = max(self.last_s.get(name, 0.0) for name in names) + APART_S
        time.sleep(max(due - time.monotonic(), 0) + self.chance.random() / 2)

    def kill(self, names: list[str]) -> None:
        """Kill them, and see each come back and an order leave."""
        self.wait_for_turn(names)
        before = {name: self.desk.owner(name) for name in names}
        missing = [name for name, owner in before.items() if owner is None]
        assert not missing, f"{missing} not alive before the kill"
        killed = {}
        stolen_s = _stolen_s()
        for name, owner in before.items():
            assert owner is not None
            killed[name] = owner, time.time_ns()
            owner.signal(signal.SIGKILL)
            self.last_s[name] = time.monotonic()
        again = self.desk.start("up") if KEEPER in names else None
        found = self.desk.recoveries(killed)
        stolen_s = _stolen_s() - stolen_s
        for name, (ready_ns, sent_ns) in found.items():
            self.found.add(name, ready_ns, sent_ns, stolen_s)
        if again is not None:
            out, err = again.communicate(timeout=120)
            assert again.returncode == 0, out + err

    def run(self, rounds: int) -> None:
        for number in range(1, rounds + 1):
            for names in self.order():
                self.kill(names)
            sent = [ns for times in self.found.sent.values() for ns in times]
            self.say(f"  round {number}/{rounds}: {len(sent)} kills, order again after "
                     f"{statistics.median(sent) / 1e6:.0f} ms (median)")  # fmt: skip


class Stopper:
    """SIGSTOP for a while, then SIGCONT; what hangs for too long is killed and replaced."""

    def __init__(self, desk: ChaosDesk, seed: int, say) -> None:
        self.desk = desk
        self.chance = random.Random(seed)
        self.say = say
        self.count = 0
        self.replaced = 0

    def stop(self, name: str, seconds: float) -> None:
        before = self.desk.owner(name)
        assert before is not None, f"{name} is not alive before SIGSTOP"
        before.signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
            now = self.desk.owner(name)
            assert now == before or not before.lives(), f"{name}: a successor beside the living"
        finally:
            if before.lives():
                before.signal(signal.SIGCONT)
        self.count += 1
        if not before.lives() or self.desk.owner(name) != before:
            self.replaced += 1
            self.desk.until(f"a successor of {name}", lambda: self.desk.is_back(name, before))
        began_ns = time.time_ns()
        self.desk.until(f"an order after {name} went on", lambda: self.desk.sent_after(began_ns))

    def run(self, rounds: int) -> None:
        for number in range(1, rounds + 1):
            names = [*self.desk.processes, SUPERVISOR, KEEPER]
            self.chance.shuffle(names)
            for name in names:
                hosted = name not in {SUPERVISOR, KEEPER}
                long = hosted and self.chance.randrange(LONG_ONE_IN) == 0
                self.stop(name, STOP_LONG_S if long else self.chance.choice(STOPS_S))
            self.say(f"  round {number}/{rounds}: {self.count} stops, {self.replaced} replaced")


def takeovers_without_death(desk: ChaosDesk) -> list[str]:
    """Starts of a process, as the supervisors logged them, while its last one had not ended."""
    alive: dict[str, int] = {}
    found = []
    for line in desk.log(SUPERVISOR):
        name = line.get("process_name", "")
        if line["event"] == "process_started":
            if name in alive:
                found.append(f"{name}: {line['pid']} started beside {alive[name]}")
            alive[name] = line["pid"]
        elif line["event"] == "process_ended":
            alive.pop(name, None)
    return found


@dataclass
class Outcome:
    """Of one trial."""

    count: int
    trouble: list[str]
    lines: list[str] = field(default_factory=list)
    said: str = ""


def judged(verdict: Verdict) -> str:
    return (f"{verdict.orders} orders, {verdict.trades} trades: {len(verdict.lost)} lost, "
            f"{len(verdict.doubled)} doubled, {len(verdict.orphans)} orphans")  # fmt: skip


def run_kills(desk: ChaosDesk, seed: int, rounds: int, say) -> Outcome:
    """The trial `kill`."""
    desk.up()
    killer = Killer(desk, seed, say)
    killer.run(rounds)
    desk.settle()
    verdict = desk.judge()
    count = sum(len(times) for times in killer.found.sent.values())
    return Outcome(count, verdict.trouble(), killer.found.lines(), judged(verdict))


def run_stops(desk: ChaosDesk, seed: int, rounds: int, say) -> Outcome:
    """The trial `stop`."""
    desk.up()
    stopper = Stopper(desk, seed, say)
    stopper.run(rounds)
    desk.settle()
    verdict = desk.judge()
    trouble = verdict.trouble() + takeovers_without_death(desk)
    said = f"{stopper.replaced} replaced after proved death; {judged(verdict)}"
    return Outcome(stopper.count, trouble, [], said)
