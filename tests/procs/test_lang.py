"""`lang = "ko"`: errors and notices in Korean, at the terminal alone."""

import json
import shutil

import pytest

from oms.errors import ConfigError, ExitCode
from procs import here, lang
from procs.cli.main import main
from procs.config.files import language_of
from tests.procs.desks import DEMO


@pytest.fixture
def desk_file(tmp_path):
    shutil.copytree(DEMO.parent, tmp_path / "configs")
    path = tmp_path / "configs" / DEMO.name
    path.write_text(path.read_text().replace('lang = "en"', 'lang = "ko"'))
    return path


def korean(text):
    return any("가" <= letter <= "힣" for letter in text)


def test_desk_that_asks_for_korean_is_told_its_mistakes_in_korean(desk_file, capsys):
    desk_file.write_text(desk_file.read_text().replace("durability =", "durabilty ="))
    assert main(["status", str(desk_file)]) == ExitCode.CONFIG
    said = capsys.readouterr().err
    assert korean(said)
    assert "'durabilty'" in said
    assert "config check" in said


def test_broken_file_is_told_in_the_language_that_it_asks_for(desk_file, capsys):
    desk_file.write_text(desk_file.read_text() + "\n[[[")
    assert language_of(desk_file) == "ko"
    assert main(["status", str(desk_file)]) == ExitCode.CONFIG
    assert korean(capsys.readouterr().err)


def test_desk_that_does_not_run_is_told_in_korean_with_a_command_that_works(desk_file, capsys):
    data = str(desk_file.parent / "data")
    assert main(["status", str(desk_file), "--data-dir", data]) == ExitCode.NOT_RUNNING
    said = capsys.readouterr().err
    assert korean(said)
    assert f" up --config {desk_file} --data-dir {data}`" in said


def test_option_and_environment_are_stronger_than_the_file(
    desk_file, capsys, monkeypatch, tmp_path
):
    words = ["status", str(desk_file), "--data-dir", str(tmp_path / "none")]
    monkeypatch.setenv(lang.ENVIRONMENT, "en")
    main(words)
    assert not korean(capsys.readouterr().err)
    main(["--lang", "ko", *words])
    assert korean(capsys.readouterr().err)
    monkeypatch.setenv(lang.ENVIRONMENT, "xx")
    assert main(words) == ExitCode.CONFIG
    said = capsys.readouterr().err
    assert "MEXOMS_LANG: " in said
    assert "'xx'" in said


def test_command_without_a_desk_speaks_the_language_of_the_environment(monkeypatch, capsys):
    monkeypatch.setenv(lang.ENVIRONMENT, "ko")
    assert main(["journal", "verify", "--files", "/nowhere.mxj"]) == ExitCode.CONFIG
    said = capsys.readouterr().err
    assert korean(said)
    assert "/nowhere.mxj" in said


def test_output_for_programs_stays_english(desk_file, capsys):
    desk_file.write_text(desk_file.read_text().replace("durability =", "durabilty ="))
    assert main(["config", "check", str(desk_file), "--json"]) == ExitCode.CONFIG
    assert not korean(json.dumps(json.loads(capsys.readouterr().out), ensure_ascii=False))


def test_sentence_without_an_entry_stays_as_it_is():
    lang.speak("ko")
    assert here.here("nobody has written this down") == "nobody has written this down"


def test_language_that_we_do_not_speak_is_refused():
    with pytest.raises(ConfigError, match="required is one of en, ko"):
        lang.speak("fr")


def test_error_of_a_sentence_that_ends_as_a_shorter_one_is_the_longer_one():
    korean_of = lang.catalogue("ko").say
    said = korean_of("oms: desk 'demo' (/data) does not run")
    assert said == "oms: 데스크 'demo'(/data)은(는) 실행 중이 아닙니다"
    assert korean_of("oms: no sentence of ours") == "oms: no sentence of ours"
