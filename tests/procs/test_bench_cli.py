"""`oms bench`: what it starts, and what it says where it cannot."""

import json
import subprocess
import sys

import pytest

from oms.errors import ExitCode
from procs.cli import bench
from procs.cli.main import main

pytestmark = pytest.mark.compiled


def test_words_are_passed_on_to_the_program(monkeypatch, tmp_path):
    called = []

    def run(command, **kept):
        called.append((command, kept["cwd"]))
        return subprocess.CompletedProcess(command, 4)

    monkeypatch.setattr(bench.subprocess, "run", run)
    given = ["ring_hop", "--smoke", "--json", "--runs", "3", "--compare", "--data-dir", tmp_path]
    assert main(["bench", *map(str, given)]) == 4
    ((command, folder),) = called
    assert command[:4] == [sys.executable, "-m", "tests.bench", "ring_hop"]
    assert set(command[4:]) == {
        "--smoke", "--json", "--runs=3", "--compare=last", f"--data-dir={tmp_path}",
    }  # fmt: skip
    assert folder == bench.project_root()


def test_without_the_sources_it_says_where_benches_are(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "project_root", lambda: tmp_path)
    assert main(["bench"]) == ExitCode.NO_RESOURCE
    assert "run this in a checkout" in capsys.readouterr().err


def test_without_the_peers_it_says_what_installs_them(monkeypatch, capsys):
    monkeypatch.setattr(bench, "PEERS", ("no_such_module",))
    assert main(["bench"]) == ExitCode.NO_RESOURCE
    assert "no_such_module not installed" in capsys.readouterr().err


def test_listed_benches_state_their_questions():
    done = subprocess.run(
        [sys.executable, "-m", "procs.cli.main", "bench", "--list", "ring_hop", "matching"],
        cwd=bench.project_root(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ring_hop", "matching"]
    assert json.dumps(done.stdout).count("?") + done.stdout.count(".") >= 2
