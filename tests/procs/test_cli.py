"""What a person reads of a desk: hints that work where they stand, digits, this run's money."""

from decimal import Decimal

import pytest

from oms.errors import ExitCode
from procs import here as hints
from procs.cli.journal import verify
from procs.cli.main import main
from procs.cli.parts.heard import Heard
from procs.cli.parts.look import at_step
from procs.cli.parts.watch import Money
from procs.cli.tail import Followed
from procs.files.paths import DeskPaths
from shm_layout.records import UNDEF


@pytest.fixture
def stand():
    """Forgets afterwards which desk was named."""
    yield hints.stand_at
    hints.stand_at(None, None)


def test_hint_names_the_command_and_the_desk_of_the_user(stand, monkeypatch):
    monkeypatch.setattr(hints, "command", lambda: ".venv/bin/oms")
    assert hints.here("stop it with `oms down`") == "stop it with `.venv/bin/oms down`"
    stand("my desk.toml", "/data")
    said = hints.here("`oms up`, then `oms tail executions -f`")
    assert said == (
        "`.venv/bin/oms up --config 'my desk.toml' --data-dir /data`, then "
        "`.venv/bin/oms tail executions -f --config 'my desk.toml' --data-dir /data`"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["tail", "log", "-n", "1", "DESK"],
        ["tail", "log", "DESK", "-n", "1"],
        ["tail", "log", "--config", "DESK", "-n", "1"],
        ["status", "--json", "--config", "DESK"],
        ["orders", "--config", "DESK"],
        ["logs", "-n", "1", "--config", "DESK"],
        ["limits", "--config", "DESK"],
        ["journal", "cat", "--to-seq", "1", "--config", "DESK"],
    ],
)
def test_desk_may_be_named_anywhere_on_the_line(tmp_path, capsys, words):
    """No such file: whoever understood the word looks for it."""
    desk = str(tmp_path / "no.toml")
    assert main([desk if word == "DESK" else word for word in words]) == ExitCode.CONFIG
    assert f"{desk}: " in capsys.readouterr().err


def test_word_too_many_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["tail", "log", "one.toml", "two.toml"])
    assert ended.value.code == ExitCode.USAGE
    assert "two.toml" in capsys.readouterr().err


def test_hint_outside_of_the_checkout_is_a_whole_path(monkeypatch, tmp_path):
    made = tmp_path / "project" / ".venv" / "bin" / "oms"
    made.parent.mkdir(parents=True)
    made.touch()
    monkeypatch.setattr(hints.sys, "argv", [str(made)])
    monkeypatch.setattr(hints.shutil, "which", lambda _: None)
    monkeypatch.chdir(tmp_path / "project")
    assert hints.command() == ".venv/bin/oms"
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert hints.command() == str(made)
    monkeypatch.setattr(hints.shutil, "which", lambda _: str(made))
    assert hints.command() == "oms"


@pytest.mark.parametrize(
    ("value", "scale", "step", "text"),
    [
        (649_892_800, 4, 100, "64989.28"),
        (649_892_850, 4, 100, "64989.2850"),
        (32_000_000, 4, 100, "3200.00"),
        (76_900, 7, 100, "0.00769"),
        (500, 0, 10, "500"),
    ],
)
def test_number_has_the_digits_of_its_step(value, scale, step, text):
    assert f"{at_step(value, scale, step):f}" == text
    assert at_step(UNDEF, scale, step) is None


def test_money_of_this_run_is_without_what_was_before():
    def money(fills, edge, pnl):
        return Money("mm", "binance.spot:BTC/USDT", "USDT", Decimal(2), fills, fills,
                     Decimal(100 * fills), Decimal(edge), pnl)  # fmt: skip

    now = money(5, "1.5", Decimal(-3)).since(money(3, "0.5", Decimal(-4)))
    assert (now.fills, now.volume, now.edge_bp, now.pnl, now.qty) == (2, 200, Decimal("0.5"), 1, 2)
    assert money(5, "1", None).since(money(3, "1", Decimal(1))).pnl is None


def test_deaths_are_heard_once_and_only_whole_lines(tmp_path):
    paths = DeskPaths("demo", tmp_path)
    paths.make()
    out = paths.logs / "keeper.out"
    out.write_text("old ended (1); it is started again\n")
    heard = Heard(paths)
    with out.open("a") as file:
        file.write("stopping\nengine ended (1): broken; it is started again\nfeed en")
    assert heard.deaths() == ["engine ended (1): broken; it is started again"]
    with out.open("a") as file:
        file.write("ded (-9); it is started again\n")
    assert heard.deaths() == ["feed ended (-9); it is started again"]
    assert heard.deaths() == []


def test_tail_gives_the_last_lines_of_all_files_in_order_of_time(tmp_path, capsys):
    paths = DeskPaths("demo", tmp_path)
    paths.make()
    for name, times in (("b", (1, 4)), ("a", (2, 3))):
        lines = [f'{{"ts": "2026-01-0{t}", "n": {t}}}' for t in times]
        (paths.logs / f"{name}.jsonl").write_text("\n".join(lines) + '\n{"ts": "cut')
    followed = Followed(paths, "log")
    followed.look()
    followed.print_last(5)
    assert [line[0] + line[-2] for line in capsys.readouterr().out.splitlines()] == [
        "b1", "a2", "a3", "b4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "state"),
    [
        ("venue_sim.binance", b'{"kind":"ACK"}\n', "whole"),
        ("venue_sim.binance", b'{"kind":"ACK"}\n{"ki', "tail cut"),
        ("venue_sim.binance", b'{"kind"\n{}\n', "damaged"),
        ("journaler", bytes(16), "damaged"),
        ("risk", b"no journal", "damaged"),
    ],
)
def test_verify_judges_each_kind_of_journal_by_its_own_form(tmp_path, name, data, state):
    path = tmp_path / f"{name}-000001.mxj"
    path.write_bytes(data)
    assert verify(name, [path])["state"] == state


def test_verb_that_does_not_exist_is_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["fly"])
    assert ended.value.code == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "there is no verb 'fly'" in said
    assert "the nearest is" in said


def test_data_dir_that_cannot_be_made_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["up", "--data-dir", str(tmp_path / "file")]) == ExitCode.NO_RESOURCE
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--data-dir" in said
