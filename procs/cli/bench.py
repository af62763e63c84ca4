"""`oms bench`: the figures, beside their peers of the same run.

The benches are tests' code (`tests/bench`), because they drive parts, peers and canned venues that
no desk has; a floor never imports tests. So this verb starts that program with this Python, in the
checkout, and passes on what it was given; its options are declared here, and the program reads them
from here.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from oms.errors import ResourceError
from procs.config.files import project_root

LAST = "last"
PEERS = ("zmq", "aiohttp", "sortedcontainers")
"""Modules that the benches' peers are made of, besides those that no platform must have."""

EXAMPLES = """\
examples:
  oms bench                        every bench at full size, some 30 minutes
  oms bench ring_hop risk_check    these two
  oms bench --list                 what there is, and the question that each answers
  oms bench --smoke                the size that runs with the tests: seconds, figures mean nothing
  oms bench order_path --compare   held against the last run of the same, spread and all
  oms bench --label before         a name for this run; later: oms bench --compare before
  oms bench load_e2e --minutes 10  10,000 orders/s for so long
  oms bench --write-docs           the newest figures into docs/performance.md; measures nothing
  oms bench --json                 one object: key -> percentiles, runs, map, durability, checksum,
                                   peer, ratio

Every full run is added to var/bench/history.jsonl. Take figures where nothing else runs.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb, and of `python -m tests.bench`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="a bench; `--list` names them")
    parser.add_argument("--json", action="store_true", help="one JSON object: key to result")
    parser.add_argument("--list", action="store_true", help="the benches and their questions")
    parser.add_argument("--smoke", action="store_true", help="the size that runs with the tests")
    parser.add_argument("--runs", type=int, default=0, help="of each; default 5")
    parser.add_argument("--minutes", type=float, default=0.0, help="of load_e2e; default 1")
    parser.add_argument("--data", help="folder of recorded material from outside")
    parser.add_argument(
        "--compare", nargs="?", const=LAST, metavar="RUN",
        help="against the last run of each key, or one by its label or number",
    )  # fmt: skip
    parser.add_argument("--label", default="", help="a name for this run in the history")
    parser.add_argument("--data-dir", help="where the history is kept (default: var/bench)")
    parser.add_argument(
        "--write-docs", action="store_true", help="the newest figures into docs/performance.md"
    )


def checkout() -> Path:
    """Where the benches are; raises ResourceError."""
    root = project_root()
    if not (root / "tests" / "bench" / "__main__.py").is_file():
        raise ResourceError(
            f"bench: no tests/bench in {root}: the benches come with the sources; run this in a "
            "checkout of the project"
        )
    absent = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if absent:
        raise ResourceError(
            f"bench: {', '.join(absent)} not installed in {sys.prefix}: the benches measure their "
            "peers in the same run; run `make bench` in the checkout once, it installs them"
        )
    return root


def run(arguments: argparse.Namespace) -> int:
    """Start the benches' own program with the same words; its exit code."""
    root = checkout()
    words = [*arguments.names]
    for name in ("json", "list", "smoke", "write_docs"):
        words += [f"--{name.replace('_', '-')}"] * bool(getattr(arguments, name))
    for name in ("runs", "minutes", "label"):
        words += [f"--{name}={getattr(arguments, name)}"] * bool(getattr(arguments, name))
    if arguments.compare:
        words.append(f"--compare={arguments.compare}")
    for name in ("data", "data_dir"):
        if given := getattr(arguments, name):
            words.append(f"--{name.replace('_', '-')}={Path(given).resolve()}")
    command = [sys.executable, "-m", "tests.bench", *words]
    return subprocess.run(command, cwd=root, env={**os.environ}, check=False).returncode
