"""What meets a new user in the first hour: each is one sentence, before anything is forked."""

import dataclasses
import mmap
import os
import shutil
import socket

import numpy as np
import pytest

from oms.errors import ExitCode
from procs import start
from procs.cli import run, up
from procs.cli.main import main
from procs.config.files import load_desk
from procs.files.locks import FileLock
from procs.files.paths import DeskPaths
from procs.machine import facts as machine
from procs.machine import system
from shm_layout import segment
from tests.procs.desks import DEMO


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch):
    """What is not refused must not start a desk within these tests."""

    def starts(*_, **__):
        raise AssertionError("it would have started")

    monkeypatch.setattr(up, "keep_apart", starts)
    monkeypatch.setattr(run, "keep_apart", starts)


@pytest.fixture
def desk_file(tmp_path):
    shutil.copytree(DEMO.parent, tmp_path / "configs")
    return tmp_path / "configs" / DEMO.name


def refused(capsys, *words):
    """Exit code and the one line on stderr."""
    code = main([*words])
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    return code, said


@pytest.mark.parametrize("verb", ["up", "run"])
def test_second_start_names_the_pid_the_desk_and_the_way_out(tmp_path, capsys, verb):
    lock = FileLock(tmp_path / "desk.lock")
    try:
        code, said = refused(capsys, verb, "--data-dir", str(tmp_path))
    finally:
        lock.close()
    assert code == ExitCode.ALREADY_RUNNING
    for words in (f"process {os.getpid()}", "desk 'demo'", f" down --data-dir {tmp_path}`"):
        assert words in said


def test_small_shared_memory_is_refused_with_the_need_before_anything_is_compiled(
    desk_file, tmp_path, capsys, monkeypatch
):
    text = desk_file.read_text().replace('capacity = "small"', 'capacity = "full"')
    desk_file.write_text(text)
    monkeypatch.setattr(segment, "free_bytes", lambda: 16 << 20)
    code, said = refused(capsys, "up", str(desk_file), "--data-dir", str(tmp_path / "data"))
    assert code == ExitCode.NO_RESOURCE
    need = machine.need_bytes(load_desk(desk_file))
    assert f"needs {need / 2**20:.1f} MiB" in said
    assert 'capacity = "small"' in said


def test_desk_of_either_size_fits_a_container_of_64_mib():
    config = load_desk(DEMO)
    assert machine.need_bytes(config) < 8 << 20
    assert machine.need_bytes(dataclasses.replace(config, capacity="full")) < 64 << 20


def test_low_memlock_is_a_warning_and_no_more(tmp_path, capsys, monkeypatch):
    config = load_desk(DEMO, str(tmp_path))
    monkeypatch.setattr(machine, "may_lock_all", lambda: False)
    monkeypatch.setattr(machine, "memlock_limit", lambda: 65_536)
    start.check_machine(config, DeskPaths.of(config))
    said = capsys.readouterr().err
    assert said.startswith("warning: memlock: ")
    assert "ulimit -l unlimited" in said
    monkeypatch.setattr(machine, "memlock_limit", lambda: machine.UNLIMITED)
    start.check_machine(config, DeskPaths.of(config))
    assert capsys.readouterr().err == ""


def test_occupied_port_names_the_port_and_the_setting(desk_file, tmp_path, capsys):
    path = desk_file.parent / "exchanges" / "binance.toml"
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        path.write_text(path.read_text().replace("rest_port = 0", f"rest_port = {port}"))
        code, said = refused(capsys, "up", str(desk_file), "--data-dir", str(tmp_path / "data"))
    assert code == ExitCode.NO_RESOURCE
    assert f"rest_port {port}" in said
    assert "or 0 for a free one" in said


def test_core_that_is_not_there_or_not_permitted_is_said_and_survived(monkeypatch):
    assert "is not there" in system.pin(10_000)

    def refuse(pid, cores):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    assert "failed (Operation not permitted)" in system.pin(0)


def test_plugin_that_does_not_load_is_one_sentence(desk_file, tmp_path, capsys):
    text = desk_file.read_text().replace('"market_maker"', '"mine:Missing"')
    desk_file.write_text(text)
    code, said = refused(capsys, "up", str(desk_file), "--data-dir", str(tmp_path / "data"))
    assert code == ExitCode.CONFIG
    assert "'mine:Missing' cannot be loaded" in said


def test_pages_are_locked_where_the_limit_permits():
    made = np.frombuffer(mmap.mmap(-1, 4096), np.int64)
    assert system.lock_in_memory(made.ctypes.data, 4096) in (True, False)
