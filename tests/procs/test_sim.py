"""`oms sim`: what it refuses, in one sentence each, and what its file may say."""

import json
from typing import ClassVar

import pytest

from oms.errors import ConfigError, ExitCode
from procs.cli import sim
from procs.cli.main import main
from procs.cli.parts.sim_client import DEFAULT_SIM, sim_paths
from procs.config.files import project_root
from procs.files.locks import FileLock
from procs.files.paths import DeskPaths
from procs.sim_host import load_sim

DEMO = project_root() / DEFAULT_SIM


def changed(tmp_path, old, new):
    path = tmp_path / "my.toml"
    text = DEMO.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_sim_file_becomes_an_exchange_with_free_ports(tmp_path):
    config = load_sim(DEMO, str(tmp_path), {"rest_port": 0, "ws_port": 0, "seed": 5})
    (one,) = config.sims
    assert one.seed == 5
    assert len({one.rest_port, one.ws_port, one.control_port} - {0}) == 3
    assert config.account_names() == ("main", "second")
    assert config.data_dir == str(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('name = "sim"', 'nam = "sim"', "unknown key 'nam'"),
        ('accounts = ["main", "second"]', "", "'accounts' is missing"),
        ('accounts = ["main", "second"]', "accounts = []", "1 to 64 names"),
        ('accounts = ["main", "second"]', 'accounts = ["a", "a"]', "distinct names"),
        ("seed = 13", 'seed = "x"', "seed"),
        ("seed = 13", "sead = 13", "nearest known key is 'seed'"),
        ("rest_port = 8180", "rest_port = 99999", "rest_port is 99999"),
        ("seed = 13", 'secret = "x"', "looks like a secret"),
    ],
)
def test_sim_file_that_cannot_be_used_is_one_sentence(tmp_path, old, new, sentence):
    path = changed(tmp_path, old, new)
    with pytest.raises(ConfigError, match=sentence) as refusal:
        load_sim(path, str(tmp_path), {})
    assert str(refusal.value).startswith(f"{path}: ")
    assert main(["config", "check", str(path)]) == ExitCode.CONFIG


def test_sim_file_is_checked_as_a_whole(tmp_path, capsys):
    path = changed(tmp_path, "seed = 13", 'sead = 13\nrest_prot = "x"')
    assert main(["config", "check", str(path)]) == ExitCode.CONFIG
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["config", "check", str(DEMO)]) == ExitCode.OK


@pytest.mark.parametrize("verb", [["status"], ["book", "BTCUSDT"], ["fault", "list"], ["seed"]])
def test_sim_asked_where_none_runs_says_how_to_start_one(tmp_path, capsys, verb):
    code = main(["sim", *verb, "--data-dir", str(tmp_path)])
    assert code == ExitCode.NOT_RUNNING
    assert "sim up`" in capsys.readouterr().err


def test_sim_up_twice_names_the_first(tmp_path, capsys):
    paths = DeskPaths("sim", tmp_path)
    paths.make()
    lock = FileLock(paths.process_lock("sim"))
    code = main(["sim", "up", "--data-dir", str(tmp_path), "--port", "0"])
    lock.close()
    assert code == ExitCode.ALREADY_RUNNING
    assert "runs already" in capsys.readouterr().err


class Asked:
    """An exchange's control port that only remembers what was asked."""

    questions: ClassVar[list[str]] = []

    def __init__(self, arguments):
        self.questions.clear()

    def ask(self, method, target, body=None):
        self.questions.append(method)
        return {"/seed": {"seed": 23}, "/faults": {"faults": [{"number": 4}, {"number": 7}]}}[
            target
        ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seed", "7"], {"seed": 23, "would_begin": 7}),
        (["fault", "clear"], {"would_clear": [4, 7]}),
        (["fault", "clear", "7"], {"would_clear": [7]}),
        (["fault", "add", "gap", "--one-in", "4"],
         {"would_add": {"kind": "gap", "probability_e6": 250_000}}),
    ],
)  # fmt: skip
def test_sim_dry_run_asks_and_changes_nothing(monkeypatch, capsys, words, said):
    monkeypatch.setattr(sim, "SimControl", Asked)
    assert main(["sim", *words, "--dry-run", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {"dry_run": True} | said
    assert set(Asked.questions) == {"GET"}
    assert main(["sim", *words, "--dry-run"]) == ExitCode.OK
    assert "nothing was changed" in capsys.readouterr().out


def test_sim_fault_of_no_known_kind_is_refused_in_a_dry_run_too(monkeypatch, capsys):
    monkeypatch.setattr(sim, "SimControl", Asked)
    assert main(["sim", "fault", "add", "gab", "--dry-run"]) == ExitCode.CONFIG
    assert "unknown kind 'gab' (known: delay" in capsys.readouterr().err


def test_sim_up_dry_run_makes_nothing(tmp_path, capsys):
    place = tmp_path / "place"
    assert main(["sim", "up", "--dry-run", "--data-dir", str(place), "--seed", "9"]) == ExitCode.OK
    assert "by seed 9" in capsys.readouterr().out
    assert not place.exists()


def test_sim_without_a_word_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["sim"])
    assert ended.value.code == ExitCode.USAGE


def test_sim_places_follow_the_file(tmp_path):
    assert sim_paths(DEMO, None).data_dir == project_root() / "var" / "sim"
    assert sim_paths(DEMO, str(tmp_path)).data_dir == tmp_path
