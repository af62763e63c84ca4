"""The set-up: the sentence for each thing that a machine can lack, and what a digest notices."""

import re
import subprocess
import sys

import pytest

from scripts import setup_venv


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A PATH that holds only made-up interpreters."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(setup_venv, "MADE", tmp_path / "no-venv-yet")
    monkeypatch.delenv("PYTHON", raising=False)

    def add(name, answer, status=0):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\necho {answer}\nexit {status}\n")
        file.chmod(0o755)
        return file

    return add


def test_first_python_that_fits_is_chosen(machine):
    machine("python3", "3 9 True /bin/a")
    machine("python3.13", "3 13 True /opt/some where/python3.13")
    machine("python3.12", "3 12 True /bin/b")
    assert setup_venv.choose() == "/opt/some where/python3.13"


def test_python_of_the_venv_comes_first(machine, tmp_path, monkeypatch):
    machine("python3", "3 13 True /bin/python3")
    machine("python", "3 11 True /here/.venv/bin/python")
    monkeypatch.setattr(setup_venv, "BIN", tmp_path)
    made = tmp_path / "made"
    made.write_text(f"3.11.7\n{setup_venv.ROOT}\n")
    monkeypatch.setattr(setup_venv, "MADE", made)
    assert setup_venv.choose() == "/here/.venv/bin/python"
    made.write_text("3.11.7\n/moved/from/elsewhere\n")
    assert setup_venv.choose() == "/bin/python3"


def test_python_that_the_user_names_is_the_only_candidate(machine, monkeypatch):
    machine("python3", "3 12 True /bin/a")
    old = machine("mine", "3 8 True /bin/mine")
    monkeypatch.setenv("PYTHON", str(old))
    with pytest.raises(setup_venv.SetupError, match=r"3\.11 to 3\.13; found: 3\.8 at /bin/mine"):
        setup_venv.choose()


def test_no_python_that_fits_names_what_was_found(machine):
    machine("python3", "3 14 True /bin/python3.14")
    with pytest.raises(setup_venv.SetupError, match=r"found: 3\.14 at /bin/python3\.14"):
        setup_venv.choose()


def test_no_python_at_all_names_what_was_looked_for(machine):
    with pytest.raises(setup_venv.SetupError, match=r"none under the name python3 or python3\.13"):
        setup_venv.choose()


def test_python_without_ensurepip_names_the_package_to_install(machine):
    machine("python3", "3 11 False /bin/python3")
    with pytest.raises(setup_venv.SetupError, match="apt install python3-venv"):
        setup_venv.choose()


def test_wrapper_that_fails_is_passed_over(machine):
    machine("python3", "no such version", status=127)
    machine("python3.11", "3 11 True /bin/python3.11")
    assert setup_venv.choose() == "/bin/python3.11"


def test_digest_changes_with_a_lock_and_not_with_its_time(tmp_path, monkeypatch):
    lock = tmp_path / "a.lock"
    lock.write_text("one")
    monkeypatch.setattr(setup_venv, "LOCKS", {"run": (lock,)})
    before = setup_venv.wanted_digest("run")
    lock.touch()
    assert setup_venv.wanted_digest("run") == before
    lock.write_text("two")
    assert setup_venv.wanted_digest("run") != before


def test_folder_that_is_no_venv_is_never_removed(tmp_path, monkeypatch):
    folder = tmp_path / ".venv"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    monkeypatch.setattr(setup_venv, "VENV", folder)
    monkeypatch.setattr(setup_venv, "BIN", folder / "bin")
    monkeypatch.setattr(setup_venv, "MADE", folder / ".made")
    with pytest.raises(setup_venv.SetupError, match="no virtual environment"):
        setup_venv.create()
    assert (folder / "thesis.txt").read_text() == "precious"


def test_failing_pip_is_quoted(tmp_path, monkeypatch, capsys):
    lock = tmp_path / "a.lock"
    lock.write_text("no-such-name==1.0 --hash=sha256:" + "0" * 64 + "\n")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "python"
    fake.write_text("#!/bin/sh\necho Collecting no-such-name==1.0\necho ERROR: gone\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(setup_venv, "LOCKS", {"run": (lock,)})
    monkeypatch.setattr(setup_venv, "BIN", tmp_path / "bin")
    with pytest.raises(setup_venv.SetupError, match=r"(?s)pip ended with 1.*ERROR: gone"):
        setup_venv.install("run")
    assert "setup: getting 1 packages" in capsys.readouterr().out


def test_command_and_metadata_of_this_checkout_are_in_place():
    done = subprocess.run(
        [sys.executable, "-m", "pip", "show", "-f", "mexoms"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"^Version: \d+\.\d+\.\d+$", done.stdout, re.MULTILINE)
    assert "../../../bin/oms" in done.stdout


def test_make_alone_lists_every_target():
    make = (setup_venv.ROOT / "Makefile").read_text()
    listed = subprocess.run(
        ["make", "-C", str(setup_venv.ROOT), "--no-print-directory"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    phony = re.search(r"^\.PHONY: (help .*)$", make, re.MULTILINE)[1].split()
    missing = [t for t in phony if t != "help" and not re.search(rf"^  {t} ", listed, re.MULTILINE)]
    assert not missing
