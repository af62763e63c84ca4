"""A whole desk of toy agents: real processes, rings, sockets, deaths and ends."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from oms.errors import ExitCode
from procs import drain
from shm_layout import segment
from tests.procs.desks import DEMO, ROOT, WATCHDOG_S, ToyDesk, until

pytestmark = pytest.mark.compiled


@pytest.fixture
def desk(tmp_path):
    made = ToyDesk(tmp_path / "data")
    yield made
    made.kill_all()


def oms(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "procs.cli.main", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
    )


def test_desk_trades_through_every_ring_and_ends_in_order(desk):
    desk.start().wait_fills(100)
    code, said = desk.end()
    assert code == ExitCode.OK, said
    fills = desk.fills()
    assert sorted(fills) == list(range(1, len(fills) + 1)), "each number once, none missing"
    journal = (desk.paths.journal / "risk-000001.mxj").read_bytes()
    assert len(journal) == 8 * len(fills), "what was journaled is what was filled"
    assert segment.existing(desk.paths.segments) == []
    for process in desk.config.host.processes:
        assert desk.owner(process.name) is None


def test_desk_whose_map_says_spin_trades_and_ends_in_order(tmp_path):
    configs = tmp_path / "configs"
    shutil.copytree(DEMO.parent, configs)
    host = configs / "hosts" / "two-core.toml"
    text = host.read_text(encoding="utf-8")
    for name, core in (("engine", 0), ("executor.binance", 1)):
        head, found, rest = text.partition(f'name = "{name}"')
        rest = rest.replace("core = 0", f'core = {core}\nwait = "spin"', 1)
        text = head + found + rest
    host.write_text(text, encoding="utf-8")
    desk = ToyDesk(tmp_path / "data", configs / DEMO.name)
    assert [p.wait for p in desk.config.host.processes].count("spin") == 2
    try:
        desk.start().wait_fills(100)
        code, said = desk.end()
        assert code == ExitCode.OK, said
    finally:
        desk.kill_all()


def test_desk_drains_each_stage_after_the_one_before(desk):
    desk.start().wait_fills(1)
    assert desk.end()[0] == ExitCode.OK
    told = [line.split()[:2] for line in desk.lines("toys.txt")]
    drained = [drain.phase_of(role) for what, role in told if what == "drain"]
    closed = [drain.phase_of(role) for what, role in told if what == "close"]
    assert drained == sorted(drained)
    assert closed == sorted(closed)
    assert len(drained) == len(closed) == len(desk.config.roles())


@pytest.mark.parametrize("process", ["engine", "executor.binance", "venue_sim.binance"])
def test_killed_process_comes_back_as_a_new_incarnation(desk, process):
    desk.start().wait_fills(20)
    before = desk.owner(process)
    before.signal(signal.SIGKILL)
    after = until("a successor", lambda: (o := desk.owner(process)) and o != before and o)
    assert after.epoch == before.epoch + 1
    desk.wait_fills(20)
    assert desk.end()[0] == ExitCode.OK
    ended = [e for e in desk.log("supervisor") if e["event"] == "process_ended"]
    assert ended[0]["exit_code"] == -signal.SIGKILL


def test_restarted_supervisor_adopts_the_living_and_doubles_none(desk):
    desk.start().wait_fills(20)
    names = [p.name for p in desk.config.host.processes]
    before = {name: desk.owner(name) for name in names}
    first = desk.owner("supervisor")
    first.signal(signal.SIGKILL)
    until("another supervisor", lambda: (o := desk.owner("supervisor")) and o != first)
    until(
        "adoption",
        lambda: sum(e["event"] == "process_adopted" for e in desk.log("supervisor")) == len(names),
    )
    desk.wait_fills(20)
    assert {name: desk.owner(name) for name in names} == before
    before["engine"].signal(signal.SIGKILL)
    until("a new engine", lambda: (o := desk.owner("engine")) and o != before["engine"])
    desk.wait_fills(20)
    assert desk.end()[0] == ExitCode.OK
    assert segment.existing(desk.paths.segments) == []


def test_orphaned_processes_are_adopted_by_the_next_start(desk):
    desk.start().wait_fills(20)
    names = [p.name for p in desk.config.host.processes]
    before = {name: desk.owner(name) for name in names}
    for name in ("keeper", "supervisor"):
        owner = desk.owner(name)
        owner.signal(signal.SIGKILL)
        owner.wait(WATCHDOG_S)
        desk.keeper.wait()
    desk.keeper.stderr.close()
    desk.wait_fills(20)
    desk.start()
    until("another supervisor", lambda: desk.owner("supervisor"))
    desk.wait_fills(20)
    assert {name: desk.owner(name) for name in names} == before
    assert desk.end()[0] == ExitCode.OK


def test_second_start_names_pid_desk_and_way_out(desk):
    desk.start().wait_fills(1)
    second = ToyDesk(desk.folder).start()
    said = second.keeper.communicate(timeout=WATCHDOG_S)[1]
    assert second.keeper.returncode == ExitCode.ALREADY_RUNNING
    for words in (str(desk.keeper.pid), "'demo'", " down"):
        assert words in said


def test_leftovers_of_a_killed_desk_are_swept_by_the_next_start(desk):
    desk.start().wait_fills(1)
    for name in ("keeper", "supervisor", *(p.name for p in desk.config.host.processes)):
        owner = desk.owner(name)
        owner.signal(signal.SIGKILL)
        owner.wait(WATCHDOG_S)
    desk.keeper.communicate()
    assert segment.existing(desk.paths.segments)
    desk.start().wait_fills(20)
    assert desk.end()[0] == ExitCode.OK
    assert segment.existing(desk.paths.segments) == []


def test_agent_that_refuses_its_config_ends_the_start_with_its_sentence(tmp_path):
    """The toy journaler refuses power-safe."""
    text = DEMO.read_text().replace('"process-crash-safe"', '"power-safe"', 1)
    for part in ("exchanges", "hosts", "risk", "accounts"):
        (tmp_path / part).symlink_to(DEMO.parent / part)
    config = tmp_path / "desk.toml"
    config.write_text(text)
    desk = ToyDesk(tmp_path / "data", config).start()
    try:
        said = desk.keeper.communicate(timeout=WATCHDOG_S)[1]
        assert desk.keeper.returncode == ExitCode.CONFIG
        assert "toy journaler: found power-safe" in said
        assert segment.existing(desk.paths.segments) == []
    finally:
        desk.kill_all()


def test_status_sees_processes_rings_and_readers(desk):
    desk.start().wait_fills(20)
    found = oms("status", "--json", "--data-dir", str(desk.folder))
    assert found.returncode == ExitCode.OK, found.stdout + found.stderr
    import json

    page = json.loads(found.stdout)
    assert {row["state"] for row in page["processes"]} == {"ready"}
    rings = {row["name"]: row for row in page["rings"]}
    assert rings["orders.binance"]["gate"] == "executor.binance"
    assert rings["top"]["written"] > 0
    assert page["keeper_pid"] == desk.keeper.pid
    assert "engine" in oms("status", "--data-dir", str(desk.folder)).stdout
    down = oms("down", "--data-dir", str(desk.folder))
    assert down.returncode == ExitCode.OK, down.stderr
    desk.keeper.communicate(timeout=WATCHDOG_S)
    gone = oms("status", "--data-dir", str(desk.folder))
    assert gone.returncode == ExitCode.NOT_RUNNING
    assert f" up --data-dir {desk.folder}`" in gone.stderr


def test_hung_process_is_killed_reaped_and_replaced(desk):
    """SIGSTOP: no heartbeat; the supervisor proves its death before it starts another."""
    desk.start().wait_fills(20)
    before = desk.owner("engine")
    before.signal(signal.SIGSTOP)
    after = until("a successor", lambda: (o := desk.owner("engine")) and o != before and o)
    assert after.epoch == before.epoch + 1
    events = [e["event"] for e in desk.log("supervisor")]
    assert events.index("process_hangs") < events.index("process_ended")
    desk.wait_fills(20)
    assert desk.end()[0] == ExitCode.OK
