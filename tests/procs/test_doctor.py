"""`oms doctor`: each row on a machine that is well but for one thing, and the exit code."""

import dataclasses
import json
import os
import socket

import pytest

from oms.config import AccountConfig, HostConfig, ProcessConfig
from oms.errors import ConfigError, ExitCode
from oms.venues.binance.spec import SPOT_ORDERS
from oms.venues.buckets import egress_mistakes
from oms.venues.data import Bucket
from procs.cli import doctor
from procs.cli.findings import checks as doctor_checks
from procs.cli.findings import tuning as doctor_tuning
from procs.cli.findings.rates import refuse_unkept
from procs.cli.findings.row import FAIL, OK, WARN
from procs.cli.main import main
from procs.cli.parts.page import WIDTH
from procs.config.files import load_desk
from procs.files.paths import DeskPaths
from procs.machine.facts import UNLIMITED, Machine, machine, mib, need_bytes
from tests.procs.desks import DEMO
from tests.scripts.made_up_machine import MadeUp
from tests.scripts.test_tuning import NAMES

GIB = 1 << 30
WELL = Machine(
    python=(3, 11, 2), packages_wrong=(), shm_free=GIB, shm_total=GIB, memlock=UNLIMITED,
    may_lock_all=False, swap_total=0, cores=2, files_max=65_536, clock_synchronised=True,
)  # fmt: skip


@pytest.fixture
def config(tmp_path):
    return load_desk(DEMO, str(tmp_path / "data"))


def rows(check, config, running=False, **changes):
    found = doctor_checks.check_all(
        config, DeskPaths.of(config), dataclasses.replace(WELL, **changes), running=running
    )
    return [row for row in found if row.check == check]


def wide(config, accounts, instruments=2):
    names = tuple(AccountConfig(f"sub{k}", f"binance.sub{k}") for k in range(accounts))
    group = dataclasses.replace(config.groups[0], accounts=names)
    venue = dataclasses.replace(
        config.venues[0], instruments=tuple(f"C{k}/USDT" for k in range(instruments))
    )
    return dataclasses.replace(config, groups=(group,), venues=(venue,))


@pytest.mark.parametrize(
    ("accounts", "instruments", "verdict", "said"),
    [
        (1, 2, OK, ("takes 72 weight (72 each), 1200 a minute are set apart and 3000 may be used "
                   "at a start: 0 s at the start, less where accounts have not traded, then every "
                   "60 s")),
        (200, 2, WARN, ("takes 14400 weight (72 each), 1200 a minute are set apart and 3000 may be "
                       "used at a start: 288 s at the start, less where accounts have not traded, "
                       "then every 1440 s")),
        (200, 100, FAIL, "takes 420000 weight"),
    ],
)  # fmt: skip
def test_rates_are_computed_from_the_config(config, accounts, instruments, verdict, said):
    found = rows("rates", wide(config, accounts, instruments))
    assert (found[0].verdict, said in found[0].found) == (verdict, True), found[0]
    assert "oms kill" in found[-1].found
    assert any("new orders a minute" in row.found for row in found)


@pytest.mark.parametrize(
    ("instruments", "levels", "verdict", "said"),
    [
        (2, 1000, OK, ("2 books take 100 weight, 1200 a minute are set apart: 0 s until the last "
                      "book is LIVE, 0 s until")),
        (100, 1000, WARN, ("100 books take 5000 weight, 1200 a minute are set apart: 0 s until the "
                          "last book is LIVE, 3")),
        (300, 100, OK, "300 books take 1500 weight, 1200 a minute are set apart: 75 s until"),
        (2, 5000, OK, "2 books take 500 weight"),
    ],
)  # fmt: skip
def test_snapshots_of_a_start_are_computed_from_the_config(
    config, instruments, levels, verdict, said
):
    made = wide(config, 1, instruments)
    venue = dataclasses.replace(made.venues[0], snapshot_levels=levels)
    found = rows("rates", dataclasses.replace(made, venues=(venue,)))[1]
    assert found.verdict == verdict, found
    assert said in found.found


def test_share_that_pays_for_half_a_snapshot_is_a_failure(config):
    shares = dataclasses.replace(config.groups[0].shares, snapshots=5)
    group = dataclasses.replace(config.groups[0], shares=shares)
    venue = dataclasses.replace(config.venues[0], snapshot_levels=5000)
    found = rows("rates", dataclasses.replace(config, groups=(group,), venues=(venue,)))[1]
    assert found.verdict == FAIL
    assert "one of 5000 levels takes 250, and one may take half of them at most" in found.fix


def test_share_that_no_request_fits_is_a_failure(config):
    shares = dataclasses.replace(config.groups[0].shares, reconciliation=0, snapshots=0)
    group = dataclasses.replace(config.groups[0], shares=shares)
    found = rows("rates", dataclasses.replace(config, groups=(group,)))
    assert [row.verdict for row in found[:2]] == [FAIL, FAIL]
    assert "raise reconciliation in [shares]" in found[0].fix
    assert "raise snapshots in [shares]" in found[1].fix


def test_buckets_are_told_by_key_with_their_users(config):
    found = [row.found for row in rows("rates", config)]
    (told,) = [text for text in found if "in 60 s by egress" in text]
    assert "weight 6000 in 60 s by egress (orders 20 % = 1200, cancels 20 % = 1200" in told
    assert "5 % spare" in told
    assert "orders_10s 100 in 10 s by account" in told


def test_desk_that_cannot_be_kept_is_refused_with_the_arithmetic(config):
    refuse_unkept(config)
    shares = dataclasses.replace(config.groups[0].shares, reconciliation=0)
    group = dataclasses.replace(config.groups[0], shares=shares)
    with pytest.raises(ConfigError, match=r"reconciliation has 0 weight a minute: one question"):
        refuse_unkept(dataclasses.replace(config, groups=(group,)))


def test_two_groups_behind_one_address_are_refused(config):
    first = config.groups[0]
    accounts = (AccountConfig("other", "binance.other"),)
    second = dataclasses.replace(first, name="second", accounts=accounts)
    desk = dataclasses.replace(config, groups=(first, second))
    with pytest.raises(ConfigError, match=r"from one address, which it allows 6000 weight in 60 s"):
        refuse_unkept(desk)
    elsewhere = dataclasses.replace(second, rest_url="https://elsewhere")
    refuse_unkept(dataclasses.replace(config, groups=(first, elsewhere)))


def test_two_groups_of_an_exchange_that_counts_by_account_pass(config):
    market = dataclasses.replace(
        SPOT_ORDERS, buckets=(
            Bucket("public", ("egress",), 10, 1000, users={"snapshots": 100}),
            Bucket("order", ("account",), 8, 1000),
        ),
    )  # fmt: skip
    second = dataclasses.replace(config.groups[0], name="second")
    desk = dataclasses.replace(config, groups=(config.groups[0], second))
    files = {"exchanges.second": "second.toml"}
    assert not list(egress_mistakes(desk, lambda _: market, files))
    (found,) = egress_mistakes(desk, lambda _: SPOT_ORDERS, files)
    assert found.startswith("second.toml: groups binance and second ask binance from one address")


def test_machine_that_is_well_has_a_row_for_each_thing(config):
    found = doctor_checks.check_all(config, DeskPaths.of(config), WELL, running=False)
    assert {row.check for row in found} == {
        "python", "packages", "shm", "memlock", "cores", "clock", "data dir", "keys", "ports",
        "disk", "files", "rates",
    }  # fmt: skip
    assert {row.verdict for row in found if row.check != "disk"} == {OK}


@pytest.mark.parametrize(
    ("check", "changes", "verdict", "fix"),
    [
        ("python", {"python": (3, 14, 0)}, FAIL, "3.11 to 3.13"),
        ("packages", {"packages_wrong": ("numpy 1.0 (2.2)",)}, WARN, "remove .venv"),
        ("packages", {"packages_wrong": ("numpy missing (2.2)",)}, FAIL, "remove .venv"),
        ("shm", {"shm_free": 1 << 20}, FAIL, "mount -o remount,size=64m /dev/shm"),
        ("memlock", {"memlock": 65_536}, WARN, "ulimit -l unlimited"),
        ("cores", {"cores": 1}, WARN, "will run unpinned"),
        ("clock", {"clock_synchronised": False}, WARN, "chrony"),
        ("files", {"files_max": 256}, WARN, "ulimit -n"),
    ],
)
def test_one_thing_that_is_wrong_is_one_row_with_its_fix(config, check, changes, verdict, fix):
    (row,) = rows(check, config, **changes)
    assert row.verdict == verdict
    assert fix in row.fix


def test_shm_of_a_full_desk_says_the_setting_that_makes_it_small(config):
    full = dataclasses.replace(config, capacity="full")
    need = need_bytes(full)
    assert need > need_bytes(config)
    (row,) = rows("shm", full, shm_free=16 << 20)
    assert row.verdict == FAIL
    assert mib(need) in row.found
    assert 'capacity = "small"' in row.fix
    assert rows("shm", full, running=True, shm_free=0)[0].verdict == OK


def test_capability_makes_the_memlock_limit_void(config):
    assert rows("memlock", config, memlock=0, may_lock_all=True)[0].verdict == OK


def test_spinning_beside_a_neighbour_fails(config):
    host = HostConfig("x", (ProcessConfig("a", (), 0, "spin"), ProcessConfig("b", (), 0)))
    found = rows("cores", dataclasses.replace(config, host=host))
    assert [row.verdict for row in found] == [OK, FAIL]
    assert "b on the same core" in found[1].fix


def test_key_that_others_may_read_fails_and_says_to_make_a_new_one(config):
    paths = DeskPaths.of(config)
    paths.make()
    key = paths.keys / "binance.demo.main.json"
    key.write_text("{}")
    key.chmod(0o600)
    assert rows("keys", config)[0].verdict == OK
    key.chmod(0o644)
    (row,) = rows("keys", config)
    assert row.verdict == FAIL
    assert "0644, required is 0600" in row.found
    assert f"remove {key}" in row.fix


def test_data_dir_that_cannot_be_made_fails(config, tmp_path):
    (tmp_path / "file").touch()
    beside = dataclasses.replace(config, data_dir=str(tmp_path / "file" / "desk"))
    assert rows("data dir", beside)[0].verdict == FAIL
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    (row,) = rows("data dir", dataclasses.replace(config, data_dir=str(place)))
    assert row.fix == f"chmod o-w {place}"


def test_fixed_port_that_somebody_holds_fails_unless_the_desk_runs(config):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        sim = dataclasses.replace(config.sims[0], ws_port=port)
        fixed = dataclasses.replace(config, sims=(sim,))
        (row,) = rows("ports", fixed)
        assert row.verdict == FAIL
        assert f"ws_port {port}" in row.found
        assert rows("ports", fixed, running=True)[0].verdict == OK


@pytest.mark.parametrize(
    ("free", "verdict"),
    [
        (doctor_checks.DISK_FAIL_BYTES - 1, FAIL),
        (doctor_checks.DISK_FAIL_BYTES, WARN),
        (doctor_checks.DISK_WARN_BYTES, OK),
    ],
)
def test_disk_is_judged_by_what_a_journal_takes(free, verdict):
    assert doctor_checks.disk_row("/data", free).verdict == verdict


@pytest.mark.parametrize(
    ("changes", "words", "code"),
    [
        ({}, (), ExitCode.OK),
        ({"cores": 1}, (), ExitCode.OK),
        ({"cores": 1}, ("--strict",), ExitCode.NO_RESOURCE),
        ({"shm_free": 0}, (), ExitCode.NO_RESOURCE),
    ],
)
def test_exit_code_is_the_signal(monkeypatch, tmp_path, capsys, changes, words, code):
    monkeypatch.setattr(doctor, "machine", lambda: dataclasses.replace(WELL, **changes))
    plenty = os.statvfs_result((4096, 4096, 10**9, 10**9, 10**9, 1, 1, 1, 0, 255))
    monkeypatch.setattr(doctor_checks.os, "statvfs", lambda _: plenty)
    assert main(["doctor", "--data-dir", str(tmp_path), *words]) == code
    out = capsys.readouterr().out
    assert all(len(line) <= WIDTH for line in out.splitlines() if line.startswith(" "))
    assert main(["doctor", "--data-dir", str(tmp_path), "--json", *words]) == code
    assert {row["verdict"] for row in json.loads(capsys.readouterr().out)} <= {OK, WARN, FAIL}


def test_knobs_of_the_machine_are_rows_that_never_fail(tmp_path, capsys):
    server = MadeUp(tmp_path, cores=8, threads=2).with_knobs()
    found = list(doctor_tuning.tuning_rows(str(server.root)))
    assert {row.check for row in found} == {f"tuning.{name}" for name in NAMES}
    assert {row.verdict for row in found} == {WARN, OK}
    assert [row.check for row in found if row.verdict == OK] == ["tuning.numa"]
    lines = doctor.page([doctor_checks.Row("disk", OK, "much"), *found])
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[1] == doctor.TUNING
    assert "     sudo python3 scripts/tuning/governor.py apply" in lines
    assert lines[-1] == f"2 ok, {len(found) - 1} warn, 0 fail"


def test_knobs_are_asked_of_this_machine_with_everything_else(tmp_path, capsys):
    main(["doctor", "--data-dir", str(tmp_path), "--json"])
    checks = {row["check"] for row in json.loads(capsys.readouterr().out)}
    assert {f"tuning.{name}" for name in NAMES} <= checks


def test_this_machine_is_read():
    found = machine()
    assert found.python[0] == 3
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.shm_total >= found.shm_free > 0
    assert found.packages_wrong == ()
