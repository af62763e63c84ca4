"""Death at a named point inside an agent's turn, for the harness.

`before_call` of the harness kills between turns. Here a process dies inside one: before or after
each effect that leaves it (a journal block, whole or half written; a ring record of a cold writer;
a table row; bytes to a socket), and between the four steps by which risk commits. `Crash.arm`
chooses how many points to let pass; `CrashedError` then unwinds to the test, which buries the
agent.
"""

from contextlib import contextmanager

from oms.agents.risk import RiskAgent
from oms.agents.strategy import agent as strategy
from oms.agents.strategy.agent import StrategyAgent
from oms.agents.strategy.turn_hot import write_intent
from oms.risk import kernel_hot as k_
from oms.sim.harness import HarnessPorts, MemoryJournal
from shm_layout.ring import RingWriter
from shm_layout.table import TableWriter


class CrashedError(BaseException):
    """The process that was running has died; no Exception, so that no handler outlives it."""


class Crash:
    """Counts points; dies at the one it was armed for."""

    def __init__(self):
        self.role = ""
        self.left = 0
        self.at = ""
        self.only = ""
        self.died_at = ""

    def arm(self, role, points, only=""):
        """Die at the `points`-th point of that role from now on (whose name begins with `only`)."""
        self.role, self.left, self.only = role, points, only

    def disarm(self):
        self.role = ""

    def passes(self, role, at):
        """False exactly when the role is to die here."""
        if role != self.role or not at.startswith(self.only):
            return True
        self.left -= 1
        return self.left > 0

    def point(self, role, at):
        if not self.passes(role, at):
            self.die(role, at)

    def die(self, role, at):
        self.disarm()
        self.died_at = at
        raise CrashedError(role)

    def ports(self, harness, role, epoch):
        return CrashingPorts(harness, role, epoch, self)


class CrashingJournal(MemoryJournal):
    def __init__(self, files, crash, role):
        super().__init__(files)
        self._crash, self._role = crash, role

    def append(self, block):
        self._crash.point(self._role, "before a journal block")
        if not self._crash.passes(self._role, "inside a journal block"):
            super().append(block[: len(block) // 2])
            self._crash.die(self._role, "inside a journal block")
        super().append(block)
        self._crash.point(self._role, "after a journal block")


class CrashingRing(RingWriter):
    crash: Crash
    role: str

    def append(self, row):
        self.crash.point(self.role, "before a ring record")
        done = super().append(row)
        self.crash.point(self.role, "after a ring record")
        return done


class CrashingTable(TableWriter):
    crash: Crash
    role: str

    def write(self, row, **values):
        self.crash.point(self.role, "before a table row")
        if not self.crash.passes(self.role, "inside a table row"):
            at = row * self.row_words
            self.words[at] += 1
            self.crash.die(self.role, "inside a table row")
        super().write(row, **values)


class CrashingPorts(HarnessPorts):
    def __init__(self, harness, role, epoch, crash):
        super().__init__(harness, role, epoch)
        self._crash = crash

    def writer(self, channel):
        made = super().writer(channel)
        made.__class__ = CrashingRing
        made.crash, made.role = self._crash, self.role
        return made

    def table_writer(self, table):
        made = super().table_writer(table)
        made.__class__ = CrashingTable
        made.crash, made.role = self._crash, self.role
        return made

    def journal(self, name):
        found = super().journal(name)
        return CrashingJournal(found.files, self._crash, self.role)

    def send(self, conn, data):
        self._crash.point(self.role, "before bytes leave")
        super().send(conn, data)
        self._crash.point(self.role, "after bytes left")

    def request(self, base_url, method, target, headers, body):
        self._crash.point(self.role, "before a request leaves")
        return super().request(base_url, method, target, headers, body)

    def append_line(self, path, line):
        self._crash.point(self.role, "before a line")
        super().append_line(path, line)


@contextmanager
def crash_in_commits(crash):
    """Let risk die before each step that makes a cycle visible, behind its journal block, and a
    strategy around the kernel that writes its intent.
    """
    honest, written, started = RiskAgent.make_visible, write_intent, StrategyAgent._make_world
    roles = {}

    def dying(agent, now_ns):
        for world in agent.worlds.commits:
            crash.point("risk", "before a commit step")
            k_.step(world, now_ns, now_ns, 0)

    def starting(agent):
        started(agent)
        roles[id(agent._handle)] = agent.role

    def writing(handle, *fields):
        crash.point(roles[id(handle)], "before a ring record")
        done = written(handle, *fields)
        crash.point(roles[id(handle)], "after a ring record")
        return done

    RiskAgent.make_visible = dying
    StrategyAgent._make_world = starting
    strategy.write_intent = writing
    try:
        yield
    finally:
        RiskAgent.make_visible = honest
        StrategyAgent._make_world = started
        strategy.write_intent = written
