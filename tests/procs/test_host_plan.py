"""Core maps made for a machine, and those of configs/hosts, on machines that are made up."""

import dataclasses
import itertools
import os

import pytest

from oms.config import HostConfig, ProcessConfig
from oms.config_checks import mistakes_of
from oms.errors import ConfigError, ExitCode
from procs.cli.findings.tuning import check_siblings
from procs.cli.main import main
from procs.config.files import load_desk
from procs.machine import cores as cores_module
from procs.machine import system
from procs.machine.cores import as_list, hot_cpus, parse_list, read_cores, usable_cpus
from procs.machine.host_plan import as_toml, page, plan_host
from tests.procs.desks import DEMO
from tests.scripts.made_up_machine import MadeUp

FILES_OF_A_DESK = ("exchanges", "risk", "accounts")


@pytest.fixture
def config(tmp_path):
    return load_desk(DEMO, str(tmp_path / "data"))


def machine(tmp_path, cores, threads=1, nodes=1, network=None, isolated=""):
    made = MadeUp(tmp_path / "root", cores, threads, nodes)
    made.put("sys/devices/system/cpu/isolated", isolated)
    if network is not None:
        made.card("eth0", network)
    found = read_cores(made.root)
    return found, tuple(cpu.number for cpu in found.cpus)


def many_exchanges(config, count):
    """The desk with so many groups of one venue each."""
    groups, venues = [], []
    for k in range(count):
        venue = dataclasses.replace(config.venues[0], name=f"x{k}.spot")
        venues.append(venue)
        groups.append(
            dataclasses.replace(config.groups[0], name=f"x{k}", exchange=f"x{k}",
                                venues=(venue.name,))
        )  # fmt: skip
    return dataclasses.replace(config, groups=tuple(groups), venues=tuple(venues), sims=())


@pytest.mark.parametrize(
    ("name", "cores", "nodes", "network"),
    [("two-core", 2, 1, None), ("eight-core", 8, 1, None), ("sixteen-core-numa", 16, 2, 0)],
)
def test_map_of_a_file_is_what_its_machine_gets(tmp_path, config, name, cores, nodes, network):
    topology, usable = machine(tmp_path, cores, nodes=nodes, network=network)
    made = plan_host(config, topology, usable).host
    assert load_desk(DEMO, None, name).host.processes == made.processes


def test_map_of_one_process_has_the_way_of_an_order_in_one_and_the_rest_as_two_cores(config):
    one, two = (load_desk(DEMO, None, name).host for name in ("two-core-one-process", "two-core"))
    trader, *rest = one.processes
    hot = [process for process in two.processes if process.core == trader.core]
    assert len(hot) == 3
    assert [role for process in hot for role in process.roles] == list(trader.roles)
    assert rest == [process for process in two.processes if process not in hot]
    assert trader.wait == "park"


SHAPES = tuple(itertools.product((1, 2, 3, 4, 7, 8, 12, 16, 32), (1, 2), (1, 2), (1, 3, 6)))


@pytest.mark.parametrize(("cores", "threads", "nodes", "exchanges"), SHAPES)
def test_every_map_is_whole_and_no_two_spin_on_one_core(
    tmp_path, config, cores, threads, nodes, exchanges
):
    desk = many_exchanges(config, exchanges)
    topology, usable = machine(tmp_path, cores, threads, nodes)
    plan = plan_host(desk, topology, usable)
    desk = dataclasses.replace(desk, host=plan.host)
    where = dict.fromkeys(("desk", "limits", "host", "accounts"), "x")
    where |= {f"exchanges.{group.name}": "x" for group in desk.groups}
    assert [found for found in mistakes_of(desk, where) if "map '" in found] == []
    core_of = {cpu.number: cpu.siblings for cpu in topology.cpus}
    taken = [core_of[usable[p.core]] for p in plan.host.processes]
    for process, core in zip(plan.host.processes, taken, strict=True):
        assert process.wait == "park" or taken.count(core) == 1, process
    assert list(check_siblings(desk, topology, usable)) == []


def spinning(plan):
    return {p.name: p.core for p in plan.host.processes if p.wait == "spin"}


def test_sibling_threads_of_spinning_processes_stay_idle(tmp_path, config):
    plan = plan_host(config, *machine(tmp_path, 8, threads=2))
    assert spinning(plan) == {"aggregator": 2, "engine": 3, "binance": 4}
    said = "\n".join(plan.reasons)
    assert "CPU 10-12: left idle, the sibling threads" in said
    assert "CPU 0-1,8-9: left to the operating system" in said
    assert "CPU 5-6,13-14: free" in said


def test_hot_path_stands_on_the_network_cards_node(tmp_path, config):
    plan = plan_host(config, *machine(tmp_path, 16, nodes=2, network=1))
    assert set(spinning(plan).values()) == {8, 9, 10, 11, 12}
    assert "the hot path stands on memory node 1 alone" in plan.reasons


def test_isolated_cpus_are_where_the_hot_path_spins(tmp_path, config):
    plan = plan_host(config, *machine(tmp_path, 8, isolated="3-5"))
    assert set(spinning(plan).values()) == {3, 4, 5}
    topology, usable = machine(tmp_path, 8, isolated="3-5")
    assert hot_cpus(topology, usable) == (3, 4, 5)


def test_container_with_a_share_of_the_cpus_counts_within_it(tmp_path, config):
    topology, _ = machine(tmp_path, 16, threads=2)
    usable = (4, 5, 20, 21)
    plan = plan_host(config, topology, usable)
    cpus = {usable[p.core] for p in plan.host.processes}
    assert cpus == {4, 5}, "two cores, not two threads of one"


def test_exchanges_beyond_the_cores_share_and_park(tmp_path, config):
    plan = plan_host(many_exchanges(config, 6), *machine(tmp_path, 8))
    assert spinning(plan) == {"aggregator": 2, "engine": 3}
    assert any("must share cores, and park" in reason for reason in plan.reasons)


@pytest.mark.parametrize("cores", [1, 2, 4, 8, 16])
def test_plan_says_which_cpu_each_process_has_and_what_is_left(tmp_path, config, cores):
    plan = plan_host(config, *machine(tmp_path, cores))
    lines = page(plan)
    for process in plan.host.processes:
        assert any(f" {process.name} " in f"{line} " for line in lines), process.name
    assert f"{cores} core(s)" in lines[0]


def test_map_as_a_file_is_read_back_as_the_same(tmp_path, config):
    plan = plan_host(config, *machine(tmp_path, 8))
    for part in FILES_OF_A_DESK:
        (tmp_path / part).symlink_to(DEMO.parent / part)
    hosts = tmp_path / "hosts"
    hosts.mkdir()
    (hosts / "mine.toml").write_text(as_toml(plan.host))
    desk = tmp_path / "desk.toml"
    desk.write_text(DEMO.read_text())
    assert load_desk(desk, None, "mine").host == plan.host


def test_auto_in_the_desks_file_is_the_same_as_on_the_command_line(tmp_path, capsys):
    for part in (*FILES_OF_A_DESK, "hosts"):
        (tmp_path / part).symlink_to(DEMO.parent / part)
    desk = tmp_path / "desk.toml"
    desk.write_text(DEMO.read_text().replace('host = "two-core"', 'host = "auto"'))
    made = load_desk(desk).host
    assert made.name.startswith("auto-")
    assert load_desk(DEMO, None, "auto").host == made


def test_map_that_is_not_there_names_those_that_are():
    with pytest.raises(ConfigError, match=r"nine\.toml: not found.*eight-core\.toml"):
        load_desk(DEMO, None, "nine")


@pytest.mark.parametrize("verb", ["up", "run"])
def test_dry_run_prints_a_file_and_why_and_starts_nothing(tmp_path, capsys, verb):
    words = [verb, "--host", "auto", "--dry-run", "--data-dir", str(tmp_path / "d")]
    assert main(words) == ExitCode.OK
    out = capsys.readouterr().out
    assert out.startswith("# this machine lets us use")
    assert all(len(line) <= 80 for line in out.splitlines() if line.startswith("#"))
    assert "[[processes]]" in out
    assert not (tmp_path / "d" / "run").exists()


def test_two_that_spin_on_threads_of_one_core_are_found(tmp_path, config):
    topology, usable = machine(tmp_path, 4, threads=2)
    host = HostConfig("x", (ProcessConfig("a", (), 1, "spin"), ProcessConfig("b", (), 5, "spin")))
    (row,) = check_siblings(dataclasses.replace(config, host=host), topology, usable)
    assert row.verdict == "fail"
    assert row.found == "a and b spin on CPU 1,5"


@pytest.mark.parametrize("text", ["0", "0-3", "0-1,4,6-7", "5,9"])
def test_list_of_cpus_goes_round(text):
    assert as_list(parse_list(text)) == text


def test_isolated_cpus_that_the_cpuset_permits_can_be_pinned_to(tmp_path, monkeypatch):
    """This machine's first CPU plays one that is isolated: the mask leaves it out."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        assert usable_cpus() == tuple(before)
        return
    first = min(before)
    made = MadeUp(tmp_path, max(before) + 1)
    made.put("sys/devices/system/cpu/isolated", f"{first},4000")
    monkeypatch.setattr(cores_module, "ROOT", tmp_path)
    try:
        os.sched_setaffinity(0, before - {first})
        assert usable_cpus() == tuple(sorted(before))
        assert os.sched_getaffinity(0) == before - {first}, "the mask is put back"
        assert system.pin(0) == ""
        assert os.sched_getaffinity(0) == {first}
    finally:
        os.sched_setaffinity(0, before)
