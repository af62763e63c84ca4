"""The suite runner: what has failed, what is listed as NOT RUN, what the watchdog ends."""

import signal
import subprocess
import sys
import textwrap

import pytest

from scripts import test as runner


@pytest.fixture
def pytest_step(tmp_path):
    """A pytest step on a made-up test file."""

    def make(source):
        file = tmp_path / "test_made_up.py"
        file.write_text(textwrap.dedent(source))
        flags = ("-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path))
        return runner.Step("made-up", (*runner.PYTEST, *flags, str(file)))

    return make


def run(step, tmp_path, watchdog_s=120):
    suite = runner.Suite("s", "made up", (step,), watchdog_s=watchdog_s, together=True)
    return runner.run_step(step, suite, str(tmp_path))


def test_step_whose_tests_pass_has_no_trouble(pytest_step, tmp_path):
    outcome, _ = run(pytest_step("def test_a(): pass"), tmp_path)
    assert (outcome.trouble, outcome.tests, outcome.not_run) == ([], 1, [])


def test_step_with_a_failure_says_how_many(pytest_step, tmp_path):
    source = "def test_a(): assert 0\ndef test_b(): pass\ndef test_c(nothing): pass"
    outcome, text = run(pytest_step(source), tmp_path)
    assert outcome.trouble == ["2 failed"]
    assert "assert 0" in text


def test_step_that_collects_nothing_has_failed(pytest_step, tmp_path):
    outcome, _ = run(pytest_step("x = 1"), tmp_path)
    assert outcome.trouble == ["collected 0 tests"]


def test_skipped_tests_are_listed_with_their_reasons(pytest_step, tmp_path):
    source = """
        import pytest
        @pytest.mark.skip(reason="needs root")
        def test_a(): pass
        @pytest.mark.xfail(reason="known", strict=True)
        def test_b(): assert 0
        def test_c(): pass
    """
    outcome, _ = run(pytest_step(source), tmp_path)
    assert outcome.trouble == []
    assert outcome.not_run[0].endswith("test_a: needs root")
    assert outcome.not_run[1].endswith("test_b: fails as expected: known")
    table = runner.summary({"s": outcome}, never=["later"])
    assert "NOT RUN (3)" in table
    assert "later: the whole suite" in table


def test_module_that_skips_itself_is_listed(pytest_step, tmp_path):
    source = "import pytest\npytest.importorskip('no_such_module_at_all')\ndef test_a(): pass"
    outcome, _ = run(pytest_step(source), tmp_path)
    assert len(outcome.not_run) == 1
    assert "could not import 'no_such_module_at_all'" in outcome.not_run[0]
    assert outcome.trouble == ["ran none of its tests"]


def test_step_that_dies_says_of_what(tmp_path):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    outcome, _ = run(runner.Step("dies", (sys.executable, "-c", code)), tmp_path)
    assert outcome.trouble == ["ended by SIGSEGV"]


def test_pytest_that_dies_leaves_no_report_and_fails(pytest_step, tmp_path):
    source = "import os, signal\ndef test_a(): os.kill(os.getpid(), signal.SIGKILL)"
    outcome, _ = run(pytest_step(source), tmp_path)
    assert outcome.trouble == ["left no report", "ended by SIGKILL"]


def test_step_that_hangs_is_ended_with_its_children(tmp_path):
    # The child ignores SIGTERM and holds the pipe: only killing the group ends the wait.
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    step = runner.Step("hangs", (sys.executable, "-c", code))
    outcome, _ = run(step, tmp_path, watchdog_s=0.5)
    assert "ended by the watchdog" in outcome.trouble[0]
    assert not runner.LIVE


def test_unknown_suite_is_refused_with_the_known_names(capsys):
    assert runner.main(["chek"]) == 2
    assert "no suite chek; there are check, tests" in capsys.readouterr().err


def test_interrupt_ends_what_runs_and_lists_what_did_not(tmp_path):
    code = (
        "import signal, sys; sys.path.insert(0, '.')\n"
        # As at a terminal: a shell's background job begins with SIGINT ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from scripts import test as r\n"
        "step = r.Step('waits', (sys.executable, '-c', "
        "'print(\"up\", flush=True); import time; time.sleep(600)'))\n"
        "r.SUITES = (r.Suite('one', 'waits', (step,), 60), r.Suite('two', 'never', (step,), 60))\n"
        "sys.exit(r.main([]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=runner.ROOT, stdout=subprocess.PIPE, text=True
    )
    seen = ""
    while not seen.endswith("up\n"):
        seen += process.stdout.readline()
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "two: the whole suite, interrupted before it" in text
