"""The oracle run: what it reads, what it refuses, and the recorded minutes themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oms.errors import ExitCode
from tests.oms.agents.market_messages import diff, snapshot, ticker
from tests.oms.sim.test_recording import lines
from tests.oracles.base import Outcome
from tests.oracles.readers import READERS
from tests.oracles.run import main, read_folder
from tests.support import data_folder

GOOD = (
    diff(90, 95, symbol="ABCDEF"),
    snapshot(100, [(99, 5)], [(101, 4)]),
    ticker(103, (100, 2), (101, 4)).replace(b"BTCUSDT", b"ABCDEF"),
    diff(96, 104, [(100, 2)], symbol="ABCDEF"),
)


def _write(folder: Path, name: str, *messages: bytes) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(lines(1_700_000_000_000_000_000, *messages))


def test_oracles_missing_directory_says_so(tmp_path, capsys) -> None:
    assert main([str(tmp_path / "none")]) == ExitCode.USAGE
    assert main([str(tmp_path)]) == ExitCode.USAGE
    assert "no directory with folders" in capsys.readouterr().err


def test_oracles_other_symbol_and_name_is_read(tmp_path, capsys) -> None:
    _write(tmp_path / "hftbacktest", "spot_other_2031.jsonl", *GOOD)
    (tmp_path / "hftbacktest" / "README.md").write_text("about")
    _write(tmp_path / "unheard-of", "x.txt", b"{}")
    assert main([str(tmp_path), "--json"]) == ExitCode.OK
    found = {row["folder"]: row for row in json.loads(capsys.readouterr().out)["folders"]}
    assert found["hftbacktest"]["outcome"]["agreed"] == 1
    assert not found["unheard-of"]["read"]


def test_oracles_wrong_book_fails(tmp_path, capsys) -> None:
    wrong = GOOD[2].replace(b"100.00", b"100.50")
    _write(tmp_path / "hftbacktest", "a.jsonl", GOOD[0], GOOD[1], wrong, GOOD[3])
    assert main([str(tmp_path)]) == ExitCode.DISAGREES
    assert "1 disagree" in capsys.readouterr().out


def test_oracles_gap_fails(tmp_path) -> None:
    _write(tmp_path / "hftbacktest", "a.jsonl", *GOOD, diff(109, 110, symbol="ABCDEF"))
    assert main([str(tmp_path)]) == ExitCode.DISAGREES


def test_oracles_unmatched_file_fails(tmp_path) -> None:
    _write(tmp_path / "hftbacktest", "a.jsonl", *GOOD)
    (tmp_path / "hftbacktest" / "more.parquet").write_text("?")
    assert main([str(tmp_path)]) == ExitCode.DISAGREES


def test_oracles_file_that_is_listed_for_later_is_shown_and_does_not_fail(tmp_path) -> None:
    folder = tmp_path / "hftbacktest"
    _write(folder, "a.jsonl", *GOOD)
    (folder / "more.parquet").write_text("?")
    report = read_folder(folder, READERS, {"hftbacktest": ("*.parquet",)})
    assert (report.later, report.trouble()) == (["more.parquet"], [])
    report = read_folder(folder, READERS, {"hftbacktest": ("*.jsonl",)})
    assert report.later == [], "what a reader takes is not left for later"
    assert report.trouble() == ["no pattern matches more.parquet"]


def test_oracles_exchange_without_a_module_is_left_for_later(tmp_path) -> None:
    (tmp_path / "jkorf").mkdir()
    (tmp_path / "jkorf" / "nowhere_rest.jsonl").write_text('{"name": "a"}\n{"name": "b"}\n')
    report = read_folder(tmp_path / "jkorf", READERS)
    assert (report.outcome.later, report.trouble()) == ({"nowhere_rest.jsonl": 2}, [])


def test_outcome_of_two_readers_adds_reasons() -> None:
    total = Outcome()
    for _ in range(2):
        one = Outcome(items=3, agreed=1)
        one.unsupported("no such word", 2)
        one.notes["seen"] = 1
        total.add(one)
    assert (total.items, total.agreed, total.unsupported_items()) == (6, 2, 4)
    assert total.notes == {"not_supported": {"no such word": 4}, "seen": 1}


def test_oracles_too_much_unread_fails(tmp_path) -> None:
    _write(tmp_path / "hftbacktest", "a.jsonl", *GOOD, b"{broken")
    assert main([str(tmp_path)]) == ExitCode.DISAGREES


def test_oracles_recording_without_snapshot_fails(tmp_path) -> None:
    _write(tmp_path / "hftbacktest", "a.jsonl", GOOD[0], GOOD[2], GOOD[3])
    assert main([str(tmp_path)]) == ExitCode.DISAGREES


@pytest.mark.compiled  # minutes of a market: far too many messages for the interpreter
def test_recorded_minutes_agree_with_the_exchange() -> None:
    report = read_folder(data_folder("hftbacktest"), READERS)
    assert report.trouble() == []
    assert report.outcome.agreed > 0
