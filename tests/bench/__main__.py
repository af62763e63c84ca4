"""The benches: `oms bench`, `make bench`, `python -m tests.bench`; options in `procs/cli/bench.py`.

Each prints its question, our figure beside the peer's of the same run, and where it was taken. A
figure is never judged here: `--compare` says what lies apart and what does not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from oms.errors import ExitCode, MexomsError
from procs.cli.bench import LAST, add_arguments
from procs.config.files import project_root
from procs.here import say
from tests.bench import catalog, live_desk, page
from tests.bench.history import History, Line, verdict
from tests.bench.result import rows

HISTORY = Path("var") / "bench"
BESIDE = Path("..") / "shared" / "data"
"""Where recorded material lies beside a checkout, if anywhere (MEXOMS_DATA names another place)."""


def machine() -> str:
    """What the figures are of; the same words for the same machine."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0))
    what = names[0] if names else platform.machine()
    return f"{cores} cores of {what}, Linux {platform.release()}, Python {_python()}"


def _python() -> str:
    return platform.python_version()


def commit() -> str:
    """The sources' commit, `+` behind it where they differ from it; nothing where there is none."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=10", "--match="]
    try:
        done = subprocess.run(
            command, cwd=project_root(), capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()


def material(given: str | None) -> Path | None:
    """The folder of recorded material."""
    named = given or os.environ.get("MEXOMS_DATA")
    place = Path(named) if named else project_root() / BESIDE
    return place if place.is_dir() else None


class Session:
    """One call: runs benches, prints or collects, keeps the history."""

    def __init__(self, asked: argparse.Namespace, size: catalog.Size) -> None:
        self.asked, self.size = asked, size
        self.history = History(Path(asked.data_dir) if asked.data_dir else project_root() / HISTORY)
        self.number = self.history.next_run()
        self.machine, self.commit = machine(), commit()
        self.found: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """For a person."""
        if not self.asked.json:
            print(text, flush=True)

    def run(self, names: list[str]) -> None:
        """Every named bench."""
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        smoke = "; smoke size, the figures mean nothing" * self.asked.smoke
        self.say(f"run {self.number}, {self.machine}, {self.commit}, load before {load}{smoke}")
        for name in names:
            self.say(f"\n# {catalog.question(name)}")
            self._one(name)

    def _one(self, name: str) -> None:
        results = {}
        made_all = catalog.run(name, self.size)
        if not self.asked.smoke:
            live_desk.close_kept()  # what lives on would take the next bench's cores
        for made in made_all:
            results[made.name] = made.as_dict()
            self.say("\n".join(rows(made)))
            if self.asked.compare:
                told = self._compared(made.name, results[made.name])
                results[made.name]["compared"] = told
                self.say(f"  before  {told}")
        self.found |= {
            key: value | {"machine": self.machine, "commit": self.commit, "smoke": self.asked.smoke}
            for key, value in results.items()
        }
        if not self.asked.smoke:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            size = {"runs": self.size.runs, "minutes": self.size.minutes}
            self.history.add(Line(
                self.number, at, self.commit, self.machine, name, size, results, self.asked.label,
            ))  # fmt: skip

    def _compared(self, key: str, result: dict[str, Any]) -> str:
        then = self.history.find(key, self.asked.compare, self.number)
        if then is None:
            called = "" if self.asked.compare == LAST else f" called {self.asked.compare}"
            return f"no run{called} has this figure"
        told = verdict(result, then.results[key], self.machine, then.machine)
        return f"run {then.run} of {then.at}, {then.commit}: {told}"


def main(arguments: list[str] | None = None) -> int:
    """Run the named benches, or all."""
    known = catalog.names()
    parser = argparse.ArgumentParser(prog="oms bench", description=__doc__)
    add_arguments(parser)
    asked = parser.parse_args(arguments)
    if asked.compare in known:  # `--compare ring_hop`: the word is a bench's, not a run's
        asked.names.append(asked.compare)
        asked.compare = LAST
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"no bench {unknown[0]}; there are {', '.join(known)}")
    runs = asked.runs or (catalog.SMOKE_RUNS if asked.smoke else catalog.RUNS)
    size = catalog.Size(asked.smoke, runs, material(asked.data), asked.minutes or catalog.MINUTES)
    if asked.list:
        for name in asked.names or known:
            print(f"{name:20}{catalog.question(name)}")
        return ExitCode.OK
    session = Session(asked, size)
    if asked.write_docs:
        print("\n".join(page.write(session.history)))
        return ExitCode.OK
    try:
        session.run(asked.names or known)
    finally:
        live_desk.close_kept()
    if asked.json:
        print(json.dumps(session.found))
    return ExitCode.OK


def _stop(number: int, _: object) -> None:
    """A signal ends benches as an exception does: what they started is ended, too."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    try:
        code = main()
    except MexomsError as error:
        say(f"oms: {error}")
        code = error.exit_code
    except KeyboardInterrupt:
        say("oms: interrupted")
        code = ExitCode.FAILED
    sys.exit(code)
