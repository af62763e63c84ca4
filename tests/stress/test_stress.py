"""The ring stress at smoke size; `make stress` runs the same trials in full.

It runs in a process of its own, because the parent of its forks has to be single-threaded, and
pytest's own watchdog is a thread.
"""

import json
import subprocess
import sys

import pytest

from tests.stress.__main__ import TRIALS, main

WATCHDOG_S = 170
"""Each trial has its own; this one ends before pytest's limit for a single test does."""


@pytest.fixture(scope="module")
def report():
    command = [sys.executable, "-W", "error", "-m", "tests.stress", "--smoke", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=WATCHDOG_S, check=False)
    assert ran.stdout, ran.stderr[-3000:]
    return json.loads(ran.stdout)


@pytest.mark.parametrize("name", TRIALS)
def test_trial_breaks_no_promise(report, name):
    assert not report[name]["broken"], report[name]


def test_planted_bug_is_caught_for_what_it_is(report):
    assert "repeated" in report["planted-cursor"]["trouble"]


def test_kills_hit_both_stages_at_stores_and_at_any_time(report):
    points = report["kill-lossless"]["points"]
    assert {p.partition(".")[0] for p in points} == {"source", "relay"}
    assert any(p.endswith(".-1") for p in points)
    assert any(not p.endswith(".-1") for p in points)


def test_unknown_trial_is_refused_by_name(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["nothing"])
    assert ended.value.code == 2
    assert "no trial nothing" in capsys.readouterr().err
