"""A process that dies again and again, and a keeper that is gone.

More than five starts in a minute: `oms status` says DEGRADED and ends with 7, the venue is
reduce-only, its books are STALE while its feed is dead, what rested at the exchange is cancelled
while its executor is dead, and the desk goes on once a person says so, or by itself when the
process stays alive. A killed keeper: the desk trades on, its processes stay the same, and `oms up`
adopts them.
"""

from __future__ import annotations

import signal
import time

from oms.errors import ExitCode
from procs.children import STARTS_MAX
from procs.cli.parts.look_markets import reduce_only
from shm_layout.enums import RecordType, RejectReason
from tests.chaos.desk import KEEPER, ChaosDesk
from tests.chaos.kill import Outcome, judged, takeovers_without_death


class Looper:
    """Kills one process whenever it lives."""

    def __init__(self, desk: ChaosDesk, name: str) -> None:
        self.desk, self.name = desk, name
        self.kills = 0

    def shoot(self) -> bool:
        """Kill it if it lives; always False, so that `until` goes on."""
        owner = self.desk.owner(self.name)
        if owner is not None:
            owner.signal(signal.SIGKILL)
            owner.wait(10)
            self.kills += 1
        return False

    def until(self, what: str, holds) -> None:
        """Keep it dead until something holds."""
        self.desk.until(what, lambda: self.shoot() or holds())

    def degraded(self) -> bool:
        """As the supervisor says."""
        rows = [row for row in self.desk.look.processes() if row["name"] == self.name]
        return bool(rows) and rows[0]["degraded"]


def process_of(desk: ChaosDesk, kind: str) -> str:
    """The process that hosts a role of that kind."""
    return next(
        process.name
        for process in desk.config.host.processes
        if any(role.startswith(kind) for role in process.roles)
    )


def crash_loop(
    desk: ChaosDesk, kind: str, what: str, holds, trouble: list[str], *, resumed: bool
) -> int:
    """One process kept dead beyond the bound, then left alone; returns how often it was killed.
    `resumed`: a person frees its venue; else that waits for the desk to do so."""
    looper = Looper(desk, process_of(desk, kind))
    looper.until(f"{looper.name} DEGRADED", looper.degraded)
    if looper.kills < STARTS_MAX:
        trouble.append(f"{looper.name} counted as DEGRADED after {looper.kills} deaths")
    looper.until(what, holds)
    looper.until("a reduce-only venue", lambda: reduce_only(desk.look))
    code, said = desk.oms("status")
    if code != ExitCode.DEGRADED or f"{looper.name}: " not in said:
        trouble.append(f"oms status ended with {code} while {looper.name} died in a loop")
    if "is reduce-only since" not in said:
        trouble.append(f"oms status does not call the venue of {looper.name} reduce-only")
    desk.until(f"{looper.name} alive", lambda: desk.is_ready(looper.name))
    if resumed:
        code, said = desk.oms("resume", "--reason", "chaos: it is left alone now")
        if code != ExitCode.OK:
            trouble.append(f"oms resume of a reduce-only venue ended with {code}: {said[-200:]}")
    desk.until("a free venue", lambda: not reduce_only(desk.look))
    began_ns = time.time_ns()
    desk.until(f"orders after {looper.name}'s loop", lambda: desk.sent_after(began_ns))
    return looper.kills


def modes_in_journal(desk: ChaosDesk, loops: int, trouble: list[str]) -> int:
    """After the end: each loop began and ended a reduce-only mode, and orders were refused in it.
    Returns how many."""
    records = desk.records()
    modes = [int(r["reduce_only"]) for r in records if int(r["type"]) == RecordType.VENUE_ROW]
    refused = sum(
        int(r["type"]) == RecordType.ORDER_UPDATE and int(r["reason"]) == RejectReason.REDUCE_ONLY
        for r in records
    )
    if modes.count(1) < loops or modes.count(1) != modes.count(0):
        trouble.append(f"the journal's reduce-only modes of {loops} loops: {modes}")
    if not refused:
        trouble.append("no order was refused while a venue was reduce-only")
    return refused


def books_bad(desk: ChaosDesk) -> bool:
    """Is every book one that prices nothing?"""
    return all(row["state"] != "LIVE" for row in desk.look.markets())


def nothing_rests(desk: ChaosDesk) -> bool:
    """As the exchange lists it."""
    time.sleep(0.25)  # it counts what it is asked
    return not any(desk.ask("openOrders", symbol=symbol) for symbol in ("BTCUSDT", "ETHUSDT"))


def keeper_gone(desk: ChaosDesk, trouble: list[str]) -> None:
    """Killed; the desk trades on, says so, and is adopted."""
    before = {name: desk.owner(name) for name in desk.processes}
    keeper = desk.owner(KEEPER)
    assert keeper is not None
    keeper.signal(signal.SIGKILL)
    keeper.wait(10)
    began_ns = time.time_ns()
    desk.until("orders without a keeper", lambda: desk.sent_after(began_ns))
    code, said = desk.oms("status")
    if code != ExitCode.DEGRADED or "no keeper" not in said:
        trouble.append(f"oms status ended with {code} without a keeper")
    code, said = desk.oms("up")
    if code != ExitCode.OK:
        trouble.append(f"oms up without a keeper ended with {code}: {said[-200:]}")
    if {name: desk.owner(name) for name in desk.processes} != before:
        trouble.append("a process was replaced while the keeper was")
    desk.until("a keeper", lambda: desk.owner(KEEPER))


def run_loop(desk: ChaosDesk, seed: int, rounds: int, say) -> Outcome:
    """The trial `loop`."""
    del seed
    trouble: list[str] = []
    count = 0
    desk.up()
    for number in range(1, rounds + 1):
        count += crash_loop(desk, "feed.", "books that price nothing", lambda: books_bad(desk),
                            trouble, resumed=True)  # fmt: skip
        count += crash_loop(desk, "executor.", "an empty list at the exchange",
                            lambda: nothing_rests(desk), trouble, resumed=False)  # fmt: skip
        keeper_gone(desk, trouble)
        count += 1
        say(f"  round {number}/{rounds}: {count} kills")
    desk.settle()
    verdict = desk.judge()
    trouble += verdict.trouble() + takeovers_without_death(desk)
    refused = modes_in_journal(desk, 2 * rounds, trouble)
    said = f"{refused} orders refused as REDUCE_ONLY; {judged(verdict)}"
    return Outcome(count, trouble, [], said)
