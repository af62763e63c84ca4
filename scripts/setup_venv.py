"""Makes .venv ready: the packages of the lock files, and the `oms` command of this checkout.

Called by the Makefile when a lock file is newer than the stamp it left; a warm `make run` never
starts it. It finds a Python that fits, creates .venv, installs with hashes (`requirements.lock`,
and for testing `requirements-dev.lock`), and links the checkout itself: a path file, the command
and the metadata that `pip list` shows. Linking by hand instead of `pip install -e` needs no build
tool, so it works offline and takes no time.

What is installed is named by a digest over the lock files, the Python and the place of the
checkout. The digest stands in the stamp, so a touched file costs nothing and a changed one or a
moved checkout is noticed. Any python3 from 3.7 on may start this file: the search for one that
fits, and the sentence when there is none, come before anything that needs more.

Usage: python3 scripts/setup_venv.py run|test
"""

from __future__ import annotations

import collections
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
MADE = VENV / ".made"  # written last when .venv was created: its Python and its place
LOCKS = {
    "run": (ROOT / "requirements.lock",),
    "test": (ROOT / "requirements.lock", ROOT / "requirements-dev.lock"),
}
KEPT_LINES = 25  # of pip's words, shown when it fails


class SetupError(Exception):
    """The machine lacks something; the text says what, and what to do."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"setup: {text}", flush=True)


# ------------------------------------------------------------------------------ finding a Python
def fits(version: tuple[int, int]) -> bool:
    """Whether the project runs on this Python."""
    return OLDEST <= version <= NEWEST


def probe(command: str) -> tuple[str, tuple[int, int], bool] | None:
    """Path, version and whether it can make a venv, of the interpreter behind a command.

    The path is the interpreter's own word, because a command may be a wrapper that chooses one.
    """
    path = shutil.which(command)
    if path is None:
        return None
    code = (
        "import sys, importlib.util as u; print(*sys.version_info[:2], "
        "all(u.find_spec(m) for m in ('venv', 'ensurepip')), sys.executable)"
    )
    done = subprocess.run(
        [path, "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    words = done.stdout.decode().split(maxsplit=3)
    if done.returncode or len(words) != 4:
        return None
    return words[3].strip(), (int(words[0]), int(words[1])), words[2] == "True"


def choose() -> str:
    """The first interpreter that fits; `PYTHON=` on the command line of make names the only one.

    The one that .venv has comes first, so that another PATH does not make it anew.
    """
    asked = os.environ.get("PYTHON")
    names = [asked] if asked else ["python3", "python3.13", "python3.12", "python3.11"]
    if not asked and text_of(MADE).endswith(f"\n{ROOT}\n"):
        names.insert(0, str(BIN / "python"))
    found, without_venv = [], []
    for name in names:
        answer = probe(name)
        if answer is None:
            continue
        path, version, makes_venv = answer
        if fits(version) and makes_venv:
            return path
        label = "{}.{} at {}".format(*version, path)
        (without_venv if fits(version) else found).append(label)
    if without_venv:
        raise SetupError(
            f"Python {without_venv[0]} fits, but lacks the modules venv or ensurepip; "
            "on Debian and Ubuntu: apt install python3-venv"
        )
    seen = ", ".join(found) if found else f"none under the name {' or '.join(names)}"
    raise SetupError(
        f"mExOms needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}; found: {seen}. "
        "Install one, or name it: make run PYTHON=/path/to/python3"
    )


# --------------------------------------------------------------------------------------- the venv
def identity() -> str:
    """What a venv belongs to: a Python and a place."""
    return "{}.{}.{}\n{}\n".format(*sys.version_info[:3], ROOT)


def wanted_digest(kind: str) -> str:
    """Names what .venv holds once it is ready for `kind`."""
    digest = hashlib.sha256(identity().encode())
    for path in (*LOCKS[kind], ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest() + "\n"


def text_of(path: Path) -> str:
    """The text of a file, or nothing."""
    return path.read_text() if path.is_file() else ""


def create() -> None:
    """Creates .venv anew unless it is whole and belongs to this Python and place."""
    if text_of(MADE) == identity() and (BIN / "python").exists():
        return
    if VENV.is_symlink() or VENV.exists():
        if not (VENV / "pyvenv.cfg").is_file() and any(VENV.iterdir()):
            raise SetupError(f"{VENV} is no virtual environment; move it away and try again")
        say("making .venv anew (another Python, another place, or an interrupted start)")
        if VENV.is_symlink():
            VENV.unlink()
        else:
            shutil.rmtree(VENV)
    say("creating .venv with Python {}.{}.{}".format(*sys.version_info[:3]))
    done = subprocess.run(
        [getattr(sys, "_base_executable", sys.executable), "-I", "-m", "venv", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        said = done.stdout.decode()[-2000:].strip()
        hint = ""
        if "ensurepip" in said:
            hint = (
                "this Python's ensurepip cannot be used; on Debian and Ubuntu: apt install "
                "python3-venv; or name another: make run PYTHON=/path/to/python3. "
            )
        raise SetupError(f"{hint}python -m venv said:\n{said}")
    MADE.write_text(identity())


class Progress:
    """A line that moves while pip works on a terminal; elsewhere one line per phase."""

    def __init__(self, total: int) -> None:
        """`total`: packages that the lock files name."""
        self.total = total
        self.started = time.monotonic()
        self.moving = sys.stdout.isatty()
        self.text = ""
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._move, daemon=True)

    def _move(self) -> None:
        while self.moving and not self.done.wait(0.2):
            seconds = time.monotonic() - self.started
            print(f"\r\x1b[Ksetup: {self.text} ({seconds:.0f} s)", end="", flush=True)

    def phase(self, text: str) -> None:
        """A new phase: always seen."""
        self.text = text
        if not self.moving:
            say(text)

    def close(self) -> None:
        """Leaves the terminal clean."""
        self.done.set()
        if self.thread.is_alive():
            self.thread.join()
        if self.moving:
            print("\r\x1b[K", end="", flush=True)


def install(kind: str) -> None:
    """Installs the lock files with hashes; pip's words are shown only when it fails."""
    locks = LOCKS[kind]
    total = sum(len(re.findall(r"^[A-Za-z0-9]\S*==", p.read_text(), re.MULTILINE)) for p in locks)
    command = [str(BIN / "python"), "-I", "-m", "pip", "install", "--require-hashes", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "--no-input"]
    # What is imported is compiled to bytecode on first use: 2 s instead of 6 s for everything.
    command += ["--progress-bar", "off", "--no-compile"]
    for path in locks:
        command += ["-r", str(path)]
    env = dict(os.environ, PIP_USER="0", PIP_ROOT_USER_ACTION="ignore")
    last: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
    progress = Progress(total)
    progress.phase(f"getting {total} packages")
    progress.thread.start()
    collected = 0
    try:
        with subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as pip:
            assert pip.stdout is not None
            for line in pip.stdout:
                last.append(line)
                if line.startswith(("Collecting ", "Requirement already satisfied")):
                    collected += 1
                    progress.text = f"getting packages, {collected} of {total}"
                elif line.startswith("Installing collected packages"):
                    progress.phase(f"installing {line.count(',') + 1} packages")
            status = pip.wait()
    finally:
        progress.close()
    if status:
        raise SetupError(f"pip ended with {status}; its last words:\n{''.join(last).rstrip()}")


def link() -> None:
    """Makes this checkout importable in .venv and writes the `oms` command."""
    import tomllib  # only here: not in the older Pythons that may start this file

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    packages = VENV / "lib" / "python{}.{}".format(*sys.version_info[:2]) / "site-packages"
    for old in packages.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    (packages / f"{name}.pth").write_text(f"{ROOT}\n")
    info = packages / f"{name}-{version}.dist-info"
    info.mkdir()
    points = ["[console_scripts]"]
    written = [f"{name}.pth"]
    for command, target in project["scripts"].items():
        module, function = target.split(":")
        path = BIN / command
        path.write_text(
            f"#!{BIN / 'python'}\nimport sys\n\nfrom {module} import {function}\n\n"
            f"sys.exit({function}())\n"
        )
        path.chmod(0o755)
        points.append(f"{command} = {target}")
        written.append(f"../../../bin/{command}")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "INSTALLER").write_text("scripts/setup_venv.py\n")
    (info / "entry_points.txt").write_text("\n".join(points) + "\n")
    written += [f"{info.name}/{f}" for f in ("METADATA", "INSTALLER", "entry_points.txt", "RECORD")]
    (info / "RECORD").write_text("".join(f"{entry},,\n" for entry in written))


def ready(kind: str) -> None:
    """Brings .venv to what `kind` wants, and stamps it."""
    stamp = VENV / f".ready-{kind}"
    digest = wanted_digest(kind)
    whole = text_of(MADE) == identity() and (BIN / "python").exists()
    if whole and text_of(stamp) == digest:
        stamp.touch()
        return
    started = time.monotonic()
    create()
    install(kind)
    link()
    (VENV / ".place").write_text(str(ROOT))
    (VENV / ".ready-run").write_text(wanted_digest("run"))
    stamp.write_text(digest)
    say(f".venv is ready to {kind} ({time.monotonic() - started:.0f} s)")


def main() -> int:
    """Hands over to a Python that fits, then makes .venv ready under a lock."""
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 2
    try:
        python = choose()
        if not Path(python).samefile(sys.executable):
            os.execv(python, [python, __file__, *sys.argv[1:]])  # noqa: S606 - no shell is wanted
        cache = ROOT / ".cache"
        cache.mkdir(exist_ok=True)
        with (cache / "setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ready(sys.argv[1])
    except SetupError as trouble:
        print(f"setup: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; the next start goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
