"""Writes requirements.lock and requirements-dev.lock from pyproject.toml.

`requirements.lock` is what it takes to run the system, `requirements-dev.lock` what testing and the
bench peers add to it. Each line pins one version for Python 3.11, 3.12 and 3.13 together and lists
the SHA-256 of every wheel that pip would choose there, on x86_64 and, where one is published, on
aarch64. No index address enters the files: the user's own pip setting decides where wheels come
from, the hashes decide what they are.

pip does the resolving (`install --dry-run --report`), so that the lock holds what pip installs. The
oldest Python goes first, because the newest release of a library may have left it behind; its
choice binds the others. uv would list every hash in one call, but is one more thing to install.

Usage: python scripts/lock.py [--check] [PYTHON ...]
  PYTHON   interpreters to resolve with; default python3.11 python3.12 python3.13 as on PATH
  --check  writes nothing; ends with 1 when the lock files cannot be installed as they stand
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
MINORS = (11, 12, 13)
ARM_PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in (34, 31, 28, 27, 26, 24, 17))

Pins = dict[str, str]
Hashes = dict[str, set[str]]


def canonical(name: str) -> str:
    """The one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pip_env() -> dict[str, str]:
    """The environment without side indexes, so that every hash is that of a published wheel."""
    env = {
        k: v for k, v in os.environ.items() if k not in {"PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"}
    }
    env["PIP_CONFIG_FILE"] = os.devnull
    env["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    return env


def report(python: str, *arguments: str) -> dict[str, Any]:
    """What pip would install, as its own JSON report; raises with pip's words when it cannot."""
    command = [python, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    command += ["--only-binary", ":all:", "--report", "-", *arguments]
    done = subprocess.run(command, env=pip_env(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"lock: {python} -m pip could not resolve:\n{done.stderr.strip()}")
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def read(answer: dict[str, Any], pins: Pins, hashes: Hashes) -> list[str]:
    """Folds a report into `pins` and `hashes`; returns the names it held."""
    names = []
    for item in answer["install"]:
        name, version = canonical(item["metadata"]["name"]), item["metadata"]["version"]
        if pins.setdefault(name, version) != version:
            raise SystemExit(f"lock: {name} resolves to {pins[name]} and to {version}")
        hashes.setdefault(name, set()).add(
            item["download_info"]["archive_info"]["hashes"]["sha256"]
        )
        names.append(name)
    return names


def pinned(pins: Pins, folder: str) -> str:
    """A constraints file that holds every pin made so far."""
    path = Path(folder) / "pins.txt"
    path.write_text("".join(f"{name}=={version}\n" for name, version in sorted(pins.items())))
    return str(path)


def add_arm(python: str, minor: int, pins: Pins, hashes: Hashes, x86_only: set[str]) -> None:
    """Adds the hashes of the aarch64 wheels, and to `x86_only` the packages that have none."""
    with tempfile.TemporaryDirectory() as folder:
        target = ["--no-deps", "--target", folder, "--python-version", f"3.{minor}"]
        target += ["--implementation", "cp"]
        for platform in ARM_PLATFORMS:
            target += ["--platform", platform]
        while True:
            wanted = [f"{n}=={v}" for n, v in sorted(pins.items()) if n not in x86_only]
            try:
                read(report(python, *target, *wanted), pins, hashes)
                return
            except SystemExit as refused:
                named = re.search(r"No matching distribution found for (\S+?)==", str(refused))
                if named is None:
                    raise
            x86_only.add(canonical(named[1]))
            print(f"lock: no aarch64 wheel of {named[1]} for Python 3.{minor}", flush=True)


def render(title: str, names: set[str], pins: Pins, hashes: Hashes, x86_only: set[str]) -> str:
    """The text of one lock file."""
    lines = [f"# {title}", "# Written by `make lock` from pyproject.toml; not to be edited.", ""]
    for name in sorted(names):
        marker = ' ; platform_machine == "x86_64"' if name in x86_only else ""
        lines.append(f"{name}=={pins[name]}{marker} \\")
        lines += [f"    --hash=sha256:{digest} \\" for digest in sorted(hashes[name])]
        lines[-1] = lines[-1].removesuffix(" \\")
    return "\n".join(lines) + "\n"


def check(pythons: list[str]) -> None:
    """Asks pip of each Python whether both files install as they stand."""
    for python in pythons:
        answer = report(python, "--require-hashes", "-r", str(RUN_LOCK), "-r", str(DEV_LOCK))
        print(f"lock: {python}: {len(answer['install'])} wheels match", flush=True)


def main() -> int:
    """Resolves, writes both files, and says how many packages each holds."""
    arguments = sys.argv[1:]
    pythons = [a for a in arguments if a != "--check"] or [f"python3.{m}" for m in MINORS]
    absent = [python for python in pythons if shutil.which(python) is None]
    if absent:
        print(f"lock: no {absent[0]} here; name one per version: make lock ARGS='...'")
        return 2
    if "--check" in arguments:
        check(pythons)
        return 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted: list[str] = project["dependencies"]
    extras: list[str] = [r for extra in project["optional-dependencies"].values() for r in extra]
    pins: Pins = {}
    hashes: Hashes = {}
    runtime: set[str] = set()
    x86_only: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for minor, python in zip(MINORS, pythons, strict=True):
            print(f"lock: resolving for Python 3.{minor} with {python}", flush=True)
            read(report(python, "-c", pinned(pins, folder), *wanted, *extras), pins, hashes)
            runtime |= set(read(report(python, "-c", pinned(pins, folder), *wanted), pins, hashes))
            add_arm(python, minor, pins, hashes, x86_only)
    dev = set(pins) - runtime
    RUN_LOCK.write_text(render("To run mExOms.", runtime, pins, hashes, x86_only))
    title = "To test and bench mExOms, on top of requirements.lock."
    DEV_LOCK.write_text(render(title, dev, pins, hashes, x86_only))
    print(f"lock: {len(runtime)} packages to run, {len(dev)} more to test")
    return 0


if __name__ == "__main__":
    sys.exit(main())
