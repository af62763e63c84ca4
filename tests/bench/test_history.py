"""The history: what is kept, what a run is compared with, and that noise is not called a change."""

import pytest

from procs.cli.bench import LAST
from tests.bench.history import History, Line, verdict

RATE = {"unit": "orders/s", "map": "m", "wait": "spin", "durability": "d", "runs": 5}
TIME = {"unit": "us", "map": "m", "wait": "spin", "durability": "d", "runs": 5}


def rate(*each, **changes):
    return RATE | {"rate": sorted(each)[len(each) // 2], "each": each} | changes


def time(*each, **changes):
    return TIME | {"percentiles": {"p50": sorted(each)[len(each) // 2]}, "each": each} | changes


def line(run, label="", **results):
    return Line(run, "2026-11-21T00:00:00Z", "abc", "box", "b", {}, results, label)


def test_history_gives_back_what_was_added(tmp_path):
    history = History(tmp_path / "bench")
    assert history.next_run() == 1
    history.add(line(1, x=rate(1.0)))
    history.add(line(2, label="before", x=rate(2.0)))
    history.add(line(3, x=rate(3.0)))
    assert history.next_run() == 4
    assert history.find("x", LAST, 4).run == 3
    assert history.find("x", LAST, 3).run == 2
    assert history.find("x", "before", 4).run == 2
    assert history.find("x", "1", 4).run == 1
    assert history.find("x", "nothing", 4) is None
    assert history.find("y", LAST, 4) is None
    assert history.newest()["b"].run == 3


def test_line_that_a_kill_cut_off_is_left_out(tmp_path):
    history = History(tmp_path)
    history.add(line(1, x=rate(1.0)))
    with history.path.open("a") as out:
        out.write(line(2, x=rate(2.0)).text()[:40])
    assert [each.run for each in history.lines()] == [1]


@pytest.mark.parametrize(
    ("now", "then", "word"),
    [
        (rate(10, 11, 12, 11, 10), rate(12, 13, 14, 13, 13), "within the spread"),
        (rate(20, 21, 22, 21, 20), rate(12, 13, 14, 13, 13), "faster"),
        (rate(10, 11, 11, 10, 10), rate(12, 13, 14, 13, 13), "slower"),
        (time(20, 21, 22, 21, 20), time(12, 13, 14, 13, 13), "slower"),
        (time(10, 11, 11, 10, 10), time(12, 13, 14, 13, 13), "faster"),
        (rate(20, runs=1), rate(12, runs=1), "of 1 runs only"),
        (rate(20), rate(12, map="another"), "not compared: another map"),
    ],
)
def test_only_what_lies_wholly_apart_is_called_a_change(now, then, word):
    assert word in verdict(now, then, "box", "box")


def test_figures_of_two_machines_are_not_compared():
    assert verdict(rate(1), rate(2), "box", "other") == "not compared: another machine"
