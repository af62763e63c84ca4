"""`oms journal cat | export | import | diff` on the files of a desk that traded."""

import json

import pytest

from oms.errors import ExitCode
from procs.cli.journal import run, verify
from procs.cli.main import build_parser, main
from tests.oms.sim.whole_desk import S, WholeDesk


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three files or more, as a live desk leaves them."""
    patch = pytest.MonkeyPatch()
    patch.setattr("oms.agents.risk.JOURNAL_FILE_RECORDS_MAX", 20)
    desk = WholeDesk(3)
    desk.run(3 * S)
    patch.undo()
    made = tmp_path_factory.mktemp("journal")
    for number, data in enumerate(desk.harness.journals["risk"], 1):
        (made / f"risk-{number:06d}.mxj").write_bytes(bytes(data))
    assert len(list(made.iterdir())) > 2, "too little happened"
    return made


def files(folder):
    return [str(path) for path in sorted(folder.iterdir())]


def said(capsys, *arguments):
    """(exit code, lines printed)."""
    code = main(["journal", *arguments])
    return code, capsys.readouterr().out.splitlines()


def test_cat_is_one_line_per_record_in_order(folder, capsys):
    code, lines = said(capsys, "cat", "--files", *files(folder))
    assert code == ExitCode.OK
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == list(range(1, verify("risk", sorted(folder.iterdir()))["last_seq"] + 1))
    assert any("mm main BTC/USDT BUY" in line and "@ 6" in line for line in lines)
    assert not any("9223372036854775808" in line for line in lines), "what is undefined is -"


def test_cat_filters_by_type_order_and_sequence(folder, capsys):
    _, orders = said(capsys, "cat", "--type", "ORDER_ROW", "--files", *files(folder))
    assert orders
    assert all(line.split()[2] == "OrderRow" for line in orders)
    order = orders[0].split()[3]
    _, life = said(capsys, "cat", "--order", order, "--files", *files(folder))
    assert len(life) > 1
    assert all(order in line for line in life)
    number = str((1 << 40) + 1)
    assert said(capsys, "cat", "--order", number, "--files", *files(folder))[1] == life
    _, part = said(
        capsys, "cat", "--from-seq", "10", "--to-seq", "12", "--files", *files(folder)
    )  # fmt: skip
    assert [int(line.split()[0]) for line in part] == [10, 11, 12]


def test_cat_json_has_every_field(folder, capsys):
    _, lines = said(capsys, "cat", "--type", "Start", "--json", "--files", *files(folder))
    (start,) = [json.loads(line) for line in lines]
    assert start["durability"] == "PROCESS_CRASH_SAFE"


def test_cat_of_an_unknown_type_names_the_known_ones(folder, capsys):
    assert main(["journal", "cat", "--type", "Dream", "--files", *files(folder)]) == ExitCode.CONFIG
    assert "OrderUpdate" in capsys.readouterr().err


def test_export_and_import_give_the_same_bytes(folder, tmp_path, capsys):
    out = tmp_path / "risk.jsonl"
    assert main(["journal", "export", "--output", str(out), "--files", *files(folder)]) == 0
    arguments = ["journal", "import", str(out), "--to", str(tmp_path / "copy")]
    assert main([*arguments, "--dry-run"]) == ExitCode.OK
    assert not (tmp_path / "copy").exists()
    assert main(arguments) == ExitCode.OK
    for path in sorted(folder.iterdir()):
        assert (tmp_path / "copy" / path.name).read_bytes() == path.read_bytes()
    capsys.readouterr()
    assert main(["journal", "diff", str(folder), str(tmp_path / "copy")]) == ExitCode.OK
    assert "the same" in capsys.readouterr().out
    assert main(arguments) == ExitCode.CONFIG
    assert "never writes over" in capsys.readouterr().err


def test_diff_names_the_first_difference(folder, tmp_path, capsys):
    shorter = tmp_path / "shorter"
    shorter.mkdir()
    first = min(folder.iterdir())
    (shorter / first.name).write_bytes(first.read_bytes())
    code, lines = said(capsys, "diff", str(folder), str(shorter))
    assert code == ExitCode.DISAGREES
    assert "second journal ends here" in lines[0]
    code, lines = said(capsys, "diff", str(folder), str(shorter), "--json")
    assert json.loads("\n".join(lines))["first_difference"]["seq"] > 1


def test_unfinished_tail_is_said_and_left_out(folder, tmp_path, capsys):
    last = max(folder.iterdir())
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / last.name).write_bytes(last.read_bytes()[:-3])
    code = main(["journal", "cat", "--from-seq", "999999", "--files", *files(tmp_path)])
    assert code == ExitCode.DISAGREES
    assert "no whole block" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["cat", "export", "import", "diff", "verify"])
def test_help_teaches_by_examples(action, capsys):
    with pytest.raises(SystemExit) as ended:
        build_parser("journal").parse_args(["journal", action, "--help"])
    assert ended.value.code == 0
    assert f"oms journal {action}" in capsys.readouterr().out
    assert run
