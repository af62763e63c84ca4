"""The benches: `python -m tests.bench [NAME ...] [--json] [--smoke] [--runs N] [--data DIR]`.

Each prints its question, our figure beside the peer's of the same run, and where it was taken. A
figure is never judged here.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from tests.bench import catalog
from tests.bench.result import rows


def machine() -> str:
    """What the figures are of."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, Linux {platform.release()}, Python {platform.python_version()}, "
        f"load before {load}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the named benches, or all."""
    known = catalog.names()
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--json", action="store_true", help="one object: name to result")
    parser.add_argument("--smoke", action="store_true", help="the size that runs with the tests")
    parser.add_argument("--runs", type=int, default=0, help=f"default {catalog.RUNS}")
    parser.add_argument("--data", type=Path, default=None, help="folder of recorded material")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"no bench {unknown[0]}; there are {', '.join(known)}")
    runs = asked.runs or (catalog.SMOKE_RUNS if asked.smoke else catalog.RUNS)
    found: dict[str, Any] = {}
    here = machine()
    if not asked.json:
        print(f"{here}{'; smoke size, the figures mean nothing' * asked.smoke}")
    for name in asked.names or known:
        if not asked.json:
            print(f"\n# {catalog.question(name)}", flush=True)
        for made in catalog.run(name, asked.smoke, runs, asked.data):
            found[made.name] = made.as_dict() | {"machine": here, "smoke": asked.smoke}
            if not asked.json:
                print("\n".join(rows(made)), flush=True)
    if asked.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
