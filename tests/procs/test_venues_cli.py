"""`oms venues --matrix`: cases against markets, on a page of 80 columns and for a program."""

import json
from dataclasses import replace

import pytest

from oms.errors import ExitCode
from oms.venues.conformance import CASES
from oms.venues.registry import known_markets, traded_markets
from procs.cli.main import main
from procs.cli.parts import venues_matrix
from procs.cli.parts.page import WIDTH

pytestmark = pytest.mark.compiled  # no kernel runs there


def test_page_has_a_row_for_each_case_and_fits_80_columns(capsys):
    assert main(["venues", "--matrix"]) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    rows = [line.split() for line in lines[: lines.index("")] if line.startswith("C")]
    assert [row[0] for row in rows] == [one.name for one in CASES]
    assert {cell for row in rows for cell in row[1:]} >= {"yes", "lack", "typed"}


def test_json_says_of_each_market_where_it_stands_and_what_it_lacks(capsys):
    assert main(["venues", "--matrix", "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["markets"] if one["traded"]] == list(traded_markets())
    for row in found["cases"]:
        assert set(row["markets"]) == set(known_markets())
        for name, cell in row["markets"].items():
            assert bool(cell["lack"]) == (cell["stand"] == "lack")
            assert cell["stand"] != "yes" or name in traded_markets()
    for counts in found["counts"].values():
        assert sum(counts.values()) == len(CASES)


def test_open_case_is_shown_as_open_with_its_reason(monkeypatch):
    first = replace(CASES[0], open="books of more than a thousand levels are not read")
    monkeypatch.setattr(venues_matrix, "CASES", (first, *CASES[1:]))
    lines = venues_matrix.lines()
    assert "open" in next(line for line in lines if line.startswith("C01")).split()
    assert any("open: books of more than" in line for line in lines)
