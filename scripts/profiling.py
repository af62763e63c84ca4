"""Where a bench spends its time: Python by py-spy, kernels and the system's calls by perf.

The bench is run twice, once under each tool. py-spy (in the development lock) says which functions
of ours the interpreter was in, perf (of the system; `perf_event_paranoid` must let you) which
kernels, libraries and system calls the processor was in. Kernels have names there, because
MEXOMS_PERF_MAP=1 has the loader write what lies where (`shm_layout/compiler/perf_map.py`).

Both tables are printed; under var/profile/BENCH/ stay the samples: `python.raw` (stacks that
speedscope and flamegraph.pl read), `perf.data` (for `perf report`).

Usage: python scripts/profiling.py BENCH [ARGUMENT OF oms bench ...]
Exit codes: 0 profiled · 1 a tool or the bench failed · 2 no such bench
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shm_layout.compiler import perf_map  # noqa: E402 - found beside this folder

SHOWN = 25
PYTHON_HZ = 250
PERF_HZ = 1999
"""Not a round number: nothing in us then beats in time with it."""


def bench_command(name: str, more: list[str], kept: Path) -> list[str]:
    """One run of the bench, whose figures stay out of the history."""
    runs = [] if "--runs" in more else ["--runs", "1"]
    return [sys.executable, "-m", "tests.bench", name, *runs, "--data-dir", str(kept), *more]


def python_table(stacks: str) -> list[str]:
    """Functions by the share of samples that ended in them, and that went through them."""
    own: Counter[str] = Counter()
    through: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame for frame in stack.split(";") if not frame.startswith("process ")]
        frames = frames or ["(outside of Python)"]
        own[frames[-1]] += int(count)
        for frame in set(frames):
            through[frame] += int(count)
    total = max(1, own.total())
    lines = [f"{'in it':>7}{'through':>9}  function"]
    lines += [
        f"{100 * count / total:6.1f}%{100 * through[frame] / total:8.1f}%  {frame}"
        for frame, count in own.most_common(SHOWN)
    ]
    return lines


def python_half(command: list[str], kept: Path) -> bool:
    """Run under py-spy and print its table; False = it could not be done."""
    spy = Path(sys.executable).with_name("py-spy")
    if not spy.exists():
        print("profile: no py-spy beside this Python: `make profile` sets it up", file=sys.stderr)
        return False
    raw = kept / "python.raw"
    record = ["record", "--format", "raw", "--rate", str(PYTHON_HZ), "--function",
              "--subprocesses", "--output", str(raw), "--"]  # fmt: skip
    done = subprocess.run(
        [str(spy), *record, *command], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if done.returncode or not raw.exists():
        print(done.stdout + done.stderr, "profile: py-spy failed, see above", file=sys.stderr)
        return False
    print("\n# Python (py-spy)", *python_table(raw.read_text()), sep="\n", flush=True)
    return True


def kernel_half(command: list[str], kept: Path) -> bool:
    """Run under perf and print its report; False = it could not be done."""
    perf = shutil.which("perf")
    if perf is None:
        print(
            "profile: no `perf` on this machine (the package is linux-perf or linux-tools): "
            "kernels are not profiled", file=sys.stderr,
        )  # fmt: skip
        return False
    data = kept / "perf.data"
    record = [perf, "record", "--quiet", "-e", "cpu-clock", "-F", str(PERF_HZ), "-o", str(data)]
    before = set(perf_map.map_path(0).parent.glob("perf-*.map"))
    try:
        env = dict(os.environ, **{perf_map.WANTED: "1"})
        done = subprocess.run(
            [*record, "--", *command], cwd=ROOT, env=env, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            print(
                done.stdout + done.stderr, "profile: perf failed, see above (may you use it? "
                "`sysctl kernel.perf_event_paranoid` says: 2 or less)", file=sys.stderr,
            )  # fmt: skip
            return False
        told = subprocess.run(
            [perf, "report", "-i", str(data), "--stdio", "--no-children", "--sort", "symbol,dso",
             "--percent-limit", "0.3"], check=False, capture_output=True, text=True,
        )  # fmt: skip
    finally:
        for path in set(perf_map.map_path(0).parent.glob("perf-*.map")) - before:
            if path.stat().st_uid == os.getuid():
                path.unlink()
    rows = [line for line in told.stdout.splitlines() if line.strip() and line[0] != "#"]
    print("\n# Processor (perf, cpu-clock)", *rows[:SHOWN], sep="\n", flush=True)
    return True


def main(arguments: list[str]) -> int:
    """Profile one bench."""
    known = {path.stem.removeprefix("bench_") for path in (ROOT / "tests/bench").glob("bench_*.py")}
    if not arguments or arguments[0] not in known:
        given = f"no bench {arguments[0]}" if arguments else "which bench?"
        print(f"profile: {given}; there are {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    name, more = arguments[0], arguments[1:]
    kept = ROOT / "var" / "profile" / name
    kept.mkdir(parents=True, exist_ok=True)
    # What is compiled or made once is not the bench's.
    first = bench_command(name, ["--smoke"], kept)
    made = subprocess.run(first, cwd=ROOT, check=False, capture_output=True, text=True)
    if made.returncode:
        print(made.stdout + made.stderr, f"profile: {name} failed, see above", file=sys.stderr)
        return 1
    command = bench_command(name, more, kept)
    done = [python_half(command, kept), kernel_half(command, kept)]
    print(f"\nsamples: {kept.relative_to(ROOT)}/")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
