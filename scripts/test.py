"""Runs the suites of the project and says plainly what ran, how long it took, and what did not run.

A suite is a row of `SUITES`: one or more commands, the environment that makes it what it is, and a
watchdog. pytest suites write a JUnit report, and the counts and the reasons of what was skipped are
read from there, never from printed text. A suite that finds no test has failed: an empty folder or
a wrong pattern must not look like success. Suites run one after another: each takes both cores,
pytest by several workers (pytest-xdist), the check suite by steps that run side by side, with the
compiling of kernels beside them.

Usage: python scripts/test.py [SUITE ...]      (no name: every suite)
Exit codes: 0 all passed · 1 a suite failed · 2 no such suite · 130 interrupted
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
PYTEST = (PYTHON, "-m", "pytest", "-q")
SHOWN_LINES = 60  # of a failed step's output
ASKED_S = 5.0  # between asking a hung step to end and killing it


@dataclass(frozen=True)
class Step:
    """One command. A pytest command gets a report file, and its counts are read from it."""

    name: str
    command: tuple[str, ...]
    early: bool = False
    """It begins with the first suite, and its own suite waits for it."""

    @property
    def is_pytest(self) -> bool:
        """Whether the command takes --junitxml."""
        return self.command[: len(PYTEST)] == PYTEST


@dataclass(frozen=True)
class Suite:
    """A row of the table. `together`: its steps run side by side, their output only on failure."""

    name: str
    what: str
    steps: tuple[Step, ...]
    watchdog_s: int
    env: dict[str, str] = field(default_factory=dict)
    together: bool = False
    """Its steps run side by side; what they print is shown when they fail."""


TESTS_ONLY = ("tests", "--ignore=tests/tidy", "--ignore=tests/bench")
SHARED = ("--dist", "worksteal")
"""Each worker has its part of the tests in their order; who is done first takes from the others."""
WORKERS = ("-n", "4", *SHARED)
"""Twice as many as two cores have, because tests of whole desks wait for most of their time."""
FEWER = ("-n", "3", *SHARED)
"""For what waits less."""
PYTHON_ONLY = tuple(
    f"--ignore=tests/{where}"
    for where in (
        "scripts", "clients", "procs/test_config_files.py", "procs/test_doctor.py",
        "procs/test_first_hour.py", "procs/test_journal_cli.py", "procs/test_lang.py",
        "procs/test_reading_verbs.py", "procs/test_warm.py",
    )
)  # fmt: skip
"""No kernel runs there, or only those of a simulated exchange: not tried again interpreted."""
SUITES = (
    Suite(
        "check",
        "format, lint, types, floors, tidy",
        (
            Step("format", (PYTHON, "-m", "ruff", "format", "--check", "--quiet", ".")),
            Step("lint", (PYTHON, "-m", "ruff", "check", "--quiet", ".")),
            Step("types", (PYTHON, "-m", "mypy", "--no-error-summary")),
            Step("floors and tidy", (*PYTEST, "tests/tidy")),
        ),
        watchdog_s=600,
        together=True,
    ),
    Suite(
        "tests",
        "with the compiler on",
        (
            Step("kernels", (PYTHON, "-m", "procs.compile"), early=True),
            Step("tests", (*PYTEST, *TESTS_ONLY, *WORKERS)),
        ),
        watchdog_s=1200,
        env={"NUMBA_DISABLE_JIT": "0", "MEXOMS_SMOKE": "0"},
    ),
    Suite(
        "tests-uncompiled",
        "with the compiler off, smoke size",
        (
            Step(
                "tests",
                (*PYTEST, *TESTS_ONLY, *FEWER, *PYTHON_ONLY, "-m", "not compiled"),
            ),
        ),
        watchdog_s=1200,
        env={"NUMBA_DISABLE_JIT": "1", "MEXOMS_SMOKE": "1"},
    ),
    Suite(
        "benches",
        "each once, smoke size",
        (Step("benches", (*PYTEST, "tests/bench", *FEWER, "--benchmark-disable")),),
        watchdog_s=1200,
        env={"NUMBA_DISABLE_JIT": "0", "MEXOMS_SMOKE": "1"},
    ),
)


BEGAN_S = time.monotonic()


@dataclass
class Outcome:
    """What came of a step or, added up, of a suite."""

    trouble: list[str] = field(default_factory=list)
    tests: int = 0
    not_run: list[str] = field(default_factory=list)
    seconds: float = 0.0


# ---------------------------------------------------------------------------------- JUnit reports
def read_report(path: Path, outcome: Outcome) -> None:
    """Adds a report's counts and the reason of each test that did not run."""
    if not path.is_file() or not path.stat().st_size:
        outcome.trouble.append("left no report")
        return
    failed = 0
    for case in ET.parse(path).getroot().iter("testcase"):  # noqa: S314 - our own file
        outcome.tests += 1
        failed += any(case.find(kind) is not None for kind in ("failure", "error"))
        skipped = case.find("skipped")
        if skipped is not None:
            where = "::".join(part for part in (case.get("classname"), case.get("name")) if part)
            expected = skipped.get("type") == "pytest.xfail"
            reason = skipped.get("message") or "no reason given"
            if reason == "collection skipped":  # of a whole module; the reason stands in the text
                reason = (skipped.text or "").partition("Skipped: ")[2].rstrip("')") or reason
            outcome.not_run.append(f"{where}: {'fails as expected: ' * expected}{reason}")
    if failed:
        outcome.trouble.append(f"{failed} failed")
    if not outcome.tests:
        outcome.trouble.append("collected 0 tests")
    elif len(outcome.not_run) == outcome.tests:
        outcome.trouble.append("ran none of its tests")


# -------------------------------------------------------------------------------------- processes
Job = Future[tuple["Outcome", str]]
LIVE: set[subprocess.Popen[str]] = set()  # steps that run now, each the head of a process group
STARTING = threading.Lock()  # held while a step begins, or all are ended: none is begun unseen
STOPPED = threading.Event()


def start(command: list[str], suite: Suite) -> subprocess.Popen[str]:
    """A step's process, the head of a group of its own."""
    env = dict(os.environ, OPENBLAS_NUM_THREADS="1", **suite.env)
    # Workers, and every command that a test starts, would read all sources anew each time.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    with STARTING:
        if STOPPED.is_set():
            raise KeyboardInterrupt
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            text=True,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if suite.together else None,
            stderr=subprocess.STDOUT if suite.together else None,
        )
        LIVE.add(process)
    return process


def end_all() -> None:
    """Ends what runs, and lets nothing more begin."""
    with STARTING:
        STOPPED.set()
        running = list(LIVE)
    for process in running:
        end(process, signal.SIGINT)


def end(process: subprocess.Popen[str], gently: signal.Signals) -> None:
    """Ends a step and everything that it started: first asked, then killed."""
    for how, seconds in ((gently, ASKED_S), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def wait(process: subprocess.Popen[str], watchdog_s: float, outcome: Outcome) -> str:
    """Waits for a step, or ends it when the watchdog barks; returns what it printed."""
    try:
        text, _ = process.communicate(timeout=watchdog_s)
    except subprocess.TimeoutExpired:
        outcome.trouble.append(f"still running after {watchdog_s:.0f} s, ended by the watchdog")
        end(process, signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
    finally:
        LIVE.discard(process)
    return text or ""


def run_step(step: Step, suite: Suite, folder: str) -> tuple[Outcome, str]:
    """Runs one command in a process group of its own."""
    outcome = Outcome()
    command = list(step.command)
    report = Path(folder) / f"{suite.name}-{step.name}.xml".replace(" ", "-")
    if step.is_pytest:
        command += ["--junitxml", str(report), "-o", "junit_family=xunit1"]
    started = time.monotonic()
    process = start(command, suite)
    text = wait(process, suite.watchdog_s, outcome)
    outcome.seconds = time.monotonic() - started
    if step.is_pytest:
        read_report(report, outcome)
    if process.returncode < 0:
        outcome.trouble.append(f"ended by {signal.Signals(-process.returncode).name}")
    elif process.returncode and not outcome.trouble:
        outcome.trouble.append(f"exit code {process.returncode}")
    return outcome, text


def run_suite(suite: Suite, folder: str, begun: dict[Step, Job] | None = None) -> Outcome:
    """Runs a suite's steps and adds them up; `begun` are those that run already."""
    print(f"\n== {suite.name}: {suite.what}", flush=True)
    total = Outcome()
    started = time.monotonic()
    begun = begun or {}
    with ThreadPoolExecutor(max_workers=2 if suite.together else 1) as pool:
        jobs = [(step, begun[step]) for step in suite.steps if step in begun]
        wait_for(job for _, job in jobs)
        left = (step for step in suite.steps if step not in begun)
        jobs += [(step, pool.submit(run_step, step, suite, folder)) for step in left]
        for step, job in jobs:
            try:
                outcome, text = job.result()
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                end_all()
                raise
            verdict = ", ".join(outcome.trouble) or "ok"
            if suite.together:
                print(f"   {step.name}: {verdict} ({outcome.seconds:.1f} s)", flush=True)
                if outcome.trouble:
                    print("\n".join(text.rstrip().splitlines()[-SHOWN_LINES:]), flush=True)
            total.trouble += [f"{step.name} {trouble}" for trouble in outcome.trouble]
            total.tests += outcome.tests
            total.not_run += outcome.not_run
    total.seconds = time.monotonic() - started
    print(f"   {suite.name}: {'FAILED' if total.trouble else 'passed'} in {total.seconds:.1f} s")
    return total


# ---------------------------------------------------------------------------------------- summary
def summary(outcomes: dict[str, Outcome], never: list[str]) -> str:
    """The table at the end, and under NOT RUN everything that did not run, with its reason."""
    lines = ["", f"{'suite':<18}{'result':<9}{'tests':>7}{'not run':>9}{'seconds':>9}"]
    for name, outcome in outcomes.items():
        result = "FAILED" if outcome.trouble else "passed"
        ran = outcome.tests - len(outcome.not_run)
        lines.append(
            f"{name:<18}{result:<9}{ran:>7}{len(outcome.not_run):>9}{outcome.seconds:>9.1f}"
        )
        lines += [f"    {trouble}" for trouble in outcome.trouble]
    lines.append(f"{'in all':<18}{'':<25}{time.monotonic() - BEGAN_S:>9.1f}")
    not_run = [f"  {n}: {text}" for n, outcome in outcomes.items() for text in outcome.not_run]
    not_run += [f"  {name}: the whole suite, interrupted before it" for name in never]
    lines += ["", f"NOT RUN ({len(not_run)})", *(not_run or ["  nothing: every test ran"])]
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Runs the named suites, or all."""
    known = {suite.name: suite for suite in SUITES}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"test: no suite {unknown[0]}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    chosen = [known[name] for name in names] or list(SUITES)
    outcomes: dict[str, Outcome] = {}
    interrupted = False
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        try:
            begun = {
                step: pool.submit(run_step, step, suite, folder)
                for suite in chosen
                for step in suite.steps
                if step.early
            }
            for suite in chosen:
                outcomes[suite.name] = run_suite(suite, folder, begun)
        except KeyboardInterrupt:
            interrupted = True
            end_all()
            print("\ntest: interrupted", file=sys.stderr, flush=True)
    never = [suite.name for suite in chosen if suite.name not in outcomes]
    print(summary(outcomes, never), flush=True)
    if interrupted:
        return 130
    return 1 if any(outcome.trouble for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
