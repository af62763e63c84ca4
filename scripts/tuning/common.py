"""What the knobs of this machine have in common: looking, setting, remembering, putting back.

A knob is a file beside this one. It says which settings it wants (`Wanted`), and nothing else:
`check` compares and needs no root; `apply` writes what was there to `<root>/var/lib/mexoms/tuning/
<knob>.json` before it changes anything, then sets; `revert` puts exactly that back and removes the
record. A second `apply` sets again what a reboot or somebody undid, but never records over what was
there at first. Standard library only, so that any Python 3.11 of root's can run it.

`--root DIR` stands for another file system (a test's): there a file is written as the kernel would
show it, and programs are those below DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from procs import lang
from procs.machine import cores
from procs.machine.cores import Cores, as_list, is_cpu_list, parse_list

OK, WARN, ABSENT = "ok", "warn", "absent"
DONE, TO_DO = 0, 1
ALL = "all"
RECORDS = "var/lib/mexoms/tuning"
FOLDERS = "folders-made"
_PLACES = ("usr/sbin", "usr/bin", "sbin", "bin")
_PROGRAM_S = 20
_SHOWN_MAX = 2


class TuningError(Exception):
    """What could not be done: one sentence."""


@dataclass(frozen=True)
class Host:
    """The machine, or a made-up one, and what the person chose."""

    root: Path = Path("/")
    cpus: tuple[int, ...] | None = None
    """CPUs of the hot path, as the person named them."""
    user: str = ""
    """Who runs the desk."""

    @property
    def made_up(self) -> bool:
        """Is this not the running machine?"""
        return self.root != Path("/")

    def read(self, name: str) -> str | None:
        """A file's text without its last newline; None = it is not there or not readable."""
        try:
            return (self.root / name).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError):
            return None

    def write(self, name: str, value: str) -> None:
        """Set a value of the kernel's; OSError. A made-up file is written as the kernel shows it:
        the chosen word of a list in brackets."""
        path = self.root / name
        if not self.made_up:
            path.write_text(f"{value}\n", encoding="utf-8")
            return
        before = path.read_text(encoding="utf-8")
        end = "\n" * before.endswith("\n")
        if "[" in before:
            words = [word.strip("[]") for word in before.split()]
            value = " ".join(f"[{word}]" if word == value else word for word in words)
        path.write_text(value + end, encoding="utf-8")

    def glob(self, pattern: str) -> list[str]:
        """Names below the root, sorted."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))

    def program(self, name: str) -> Path | None:
        """Where a program of this machine lies."""
        found = (self.root / place / name for place in _PLACES)
        return next((path for path in found if os.access(path, os.X_OK)), None)

    def run(self, name: str, *words: str) -> str:
        """What a program prints; TuningError where it fails."""
        path = self.program(name)
        if path is None:
            raise TuningError(f"{name} is not installed")
        done = subprocess.run(
            [str(path), *words], capture_output=True, text=True, timeout=_PROGRAM_S, check=False
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise TuningError(f"{name} {' '.join(words)}: {said[-1] if said else 'failed'}")
        return done.stdout

    def cores(self) -> Cores:
        """Its topology."""
        return cores.read_cores(self.root)

    def usable(self) -> tuple[int, ...]:
        """CPUs that a process may have."""
        every = tuple(cpu.number for cpu in self.cores().cpus)
        return every if self.made_up else tuple(c for c in every if c in cores.usable_cpus())

    def hot(self) -> tuple[int, ...]:
        """CPUs that the hot path takes: the person's word, else by the machine's size."""
        return self.cpus if self.cpus is not None else cores.hot_cpus(self.cores(), self.usable())

    def others(self) -> tuple[int, ...]:
        """CPUs for everything else."""
        hot = self.hot()
        return tuple(cpu.number for cpu in self.cores().cpus if cpu.number not in hot)


@dataclass(frozen=True)
class Value:
    """A file of sysfs or procfs that holds one value."""

    path: str
    wanted: str
    fine: tuple[str, ...] = ()
    """Other values that serve as well."""

    @property
    def key(self) -> str:
        """How the record calls it."""
        return f"value:{self.path}"

    def read(self, host: Host) -> str | None:
        """The value; of a list of words the one in brackets."""
        text = host.read(self.path)
        if text is not None and "[" in text:
            return text.partition("[")[2].partition("]")[0]
        return text

    def put(self, host: Host, value: str | None) -> None:
        """Set it; OSError."""
        if value is not None:
            host.write(self.path, value)


@dataclass(frozen=True)
class TextFile:
    """A file of our own in a folder of settings."""

    path: str
    wanted: str
    fine: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """How the record calls it."""
        return f"file:{self.path}"

    def read(self, host: Host) -> str | None:
        """Its text; None = it is not there."""
        try:
            return (host.root / self.path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def put(self, host: Host, value: str | None) -> None:
        """Write it, or take it away; OSError."""
        path = host.root / self.path
        if value is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(value, encoding="utf-8")


@dataclass(frozen=True)
class Coalescing:
    """A value of `ethtool -C`; `path` is card:setting, such as eth0:rx-usecs."""

    path: str
    wanted: str
    fine: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """How the record calls it."""
        return f"ethtool:{self.path}"

    def read(self, host: Host) -> str | None:
        """The value as the driver says it; None where it has none."""
        card, _, name = self.path.partition(":")
        try:
            lines = host.run("ethtool", "-c", card).splitlines()
        except TuningError:
            return None
        for line in lines:
            head, _, rest = line.partition(":")
            if head.strip() == "Adaptive RX" and name == "adaptive-rx":
                return rest.split()[0]
            if head.strip() == name:
                return None if rest.strip() == "n/a" else rest.strip()
        return None

    def put(self, host: Host, value: str | None) -> None:
        """Set it; TuningError."""
        card, _, name = self.path.partition(":")
        if value is not None:
            host.run("ethtool", "-C", card, name, value)


Setting = Value | TextFile | Coalescing
KINDS: dict[str, type[Value] | type[TextFile] | type[Coalescing]] = {
    "value": Value, "file": TextFile, "ethtool": Coalescing,
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One line of `check`."""

    knob: str
    verdict: str
    found: str
    fix: str = ""


@dataclass
class Wanted:
    """What a knob wants of this host."""

    settings: list[Setting] = field(default_factory=list)
    lacks: str = ""
    """A sentence where the host has nothing to set."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Trouble that only a person can mend, with what to do."""
    after: str = ""
    """What must follow an `apply`."""
    pending: str = ""
    """Set already, but not in force."""


@dataclass(frozen=True)
class Knob:
    """One thing to tune. `about`: what it is, what it gives this desk, what it costs."""

    name: str
    about: str
    wanted: Callable[[Host], Wanted]
    file: str

    def command(self, verb: str) -> str:
        """How a person runs it."""
        return f"sudo python3 scripts/tuning/{Path(self.file).name} {verb}"


def same(setting: Setting, found: str | None) -> bool:
    """Is it as wanted, or as good?"""
    if found is None:
        return False
    if isinstance(setting, TextFile):
        return found == setting.wanted
    return found.split() in [value.split() for value in (setting.wanted, *setting.fine)]


def check(knob: Knob, host: Host) -> list[Finding]:
    """Compare; changes nothing."""
    wanted = knob.wanted(host)
    found = [Finding(knob.name, WARN, what, fix) for what, fix in wanted.notes]
    if wanted.lacks:
        return [Finding(knob.name, ABSENT, wanted.lacks), *found]
    rows = [(setting, setting.read(host)) for setting in wanted.settings]
    off = [(setting, value) for setting, value in rows if not same(setting, value)]
    if wanted.pending and not off:
        return [Finding(knob.name, WARN, wanted.pending, wanted.after), *found]
    if not off:
        shown = _said(rows[:_SHOWN_MAX]) if rows else "nothing to change"
        return [Finding(knob.name, OK, shown), *found]
    more = f" (and {len(off) - _SHOWN_MAX} more)" if len(off) > _SHOWN_MAX else ""
    what = "; ".join(
        f"/{setting.path} is {_short(value)}, wanted {_short(setting.wanted)}"
        if not isinstance(setting, TextFile)
        else f"/{setting.path} {'is not there' if value is None else 'says something else'}"
        for setting, value in off[:_SHOWN_MAX]
    )
    return [Finding(knob.name, WARN, what + more, knob.command("apply")), *found]


def _short(value: str | None) -> str:
    return "not there" if value is None else " ".join(value.split())


def _said(rows: list[tuple[Setting, str | None]]) -> str:
    return ", ".join(
        Path(setting.path).name + ("" if isinstance(setting, TextFile) else f" {_short(value)}")
        for setting, value in rows
    )


class Record:
    """What was there before the first `apply`, on disk before anything changes."""

    def __init__(self, knob: Knob, host: Host) -> None:
        self._root = host.root
        self.path = host.root / RECORDS / f"{knob.name}.json"
        self.before: dict[str, str | None] = {}
        self.exists = self.path.exists()
        if self.exists:
            try:
                self.before = dict(json.loads(self.path.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                raise TuningError(
                    f"{self.path} is no record of ours ({error}): what was there before is not "
                    "known, so nothing is changed; put the values right by hand and remove the file"
                ) from error

    def keep(self) -> None:
        """Write it, aside and renamed, synced: a kill leaves the old one or the new one."""
        missing = [p for p in (self.path.parent, *self.path.parent.parents) if not p.exists()]
        if missing:
            self.path.parent.mkdir(parents=True)
            made = [str(folder.relative_to(self._root)) for folder in missing]
            (self.path.parent / FOLDERS).write_text(json.dumps(made), encoding="utf-8")
        aside = self.path.with_suffix(".new")
        with aside.open("w", encoding="utf-8") as file:
            json.dump(self.before, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self.path)
        self.exists = True

    def drop(self) -> None:
        """Remove it, and, with the last one, the folders that were made for records."""
        self.path.unlink(missing_ok=True)
        made = self.path.parent / FOLDERS
        if [path.name for path in self.path.parent.iterdir()] == [FOLDERS]:
            folders = json.loads(made.read_text(encoding="utf-8"))
            made.unlink()
            for name in folders:
                (self._root / name).rmdir()


def _failure(setting_path: str, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"/{setting_path}: not permitted; run it as root, with sudo"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"/{setting_path} cannot be set ({reason}); left as it is"


def apply(knob: Knob, host: Host, say: Callable[[str], None]) -> int:
    """Record what is there, then set; what is set already stays recorded as it was at first."""
    wanted = knob.wanted(host)
    for what, fix in wanted.notes:
        say(f"{knob.name}: {what}: {fix}")
    if wanted.lacks:
        say(f"{knob.name}: {wanted.lacks}")
        return DONE
    record = Record(knob, host)
    known = record.exists
    rows = [(s, s.read(host)) for s in wanted.settings]
    todo = [(s, value) for s, value in rows if not same(s, value)]
    if not todo:
        say(f"{knob.name}: nothing to change{': applied before' if known else ''}")
        return DONE
    for setting, value in todo:
        record.before.setdefault(setting.key, value)
    try:
        record.keep()
    except OSError as error:
        say(f"{knob.name}: {_failure(str(record.path.relative_to(host.root)), error)}")
        return TO_DO
    if known:
        say(f"{knob.name}: {record.path} keeps what was there before the first apply")
    failed = []
    for setting, value in todo:
        try:
            setting.put(host, setting.wanted)
        except (OSError, TuningError) as error:
            failed.append(setting)
            say(f"{knob.name}: {_failure(setting.path, error)}")
            if record.before.get(setting.key) == value:
                del record.before[setting.key]
    if record.before:
        record.keep()
    else:
        record.drop()
    say(f"{knob.name}: {len(todo) - len(failed)} of {len(todo)} set; undo with "
        f"`{knob.command('revert')}`")  # fmt: skip
    if wanted.after:
        say(f"{knob.name}: {wanted.after}")
    return TO_DO if failed else DONE


def revert(knob: Knob, host: Host, say: Callable[[str], None]) -> int:
    """Put back exactly what `apply` found, last first; what is put back leaves the record."""
    record = Record(knob, host)
    if not record.exists:
        say(f"{knob.name}: nothing was applied")
        return DONE
    failed = 0
    for key in reversed(list(record.before)):
        kind, _, path = key.partition(":")
        setting = KINDS[kind](path, "")
        if kind == "value" and setting.read(host) is None:
            say(f"{knob.name}: /{path} is not there any more; nothing to put back")
        else:
            try:
                setting.put(host, record.before[key])
            except (OSError, TuningError) as error:
                failed += 1
                say(f"{knob.name}: {_failure(path, error)}")
                continue
        del record.before[key]
    if failed:
        record.keep()
        return TO_DO
    record.drop()
    say(f"{knob.name}: as it was before")
    return DONE


def say_plain(text: str) -> None:
    """A line, in the language that MEXOMS_LANG asks for."""
    print(lang.translated(text), flush=True)


def _arguments(prog: str, about: str, knobs: list[Knob]) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=prog, description=about, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit code 0: as it should be, or done; 1: something is to be set or could not be; "
        "2: wrong words",
    )  # fmt: skip
    made.add_argument("verb", choices=("check", "apply", "revert"))
    if len(knobs) > 1:
        made.add_argument("knobs", nargs="*", metavar="KNOB",
                          help=f"of {', '.join(knob.name for knob in knobs)}")  # fmt: skip
    made.add_argument("--root", default="/", help="another file system than this machine's")
    made.add_argument("--cpus", help="CPUs of the hot path, such as 2-6 (default: by the machine)")
    made.add_argument("--user", help="who runs the desk (default: who called sudo)")
    made.add_argument("--json", action="store_true", help="check: one JSON list")
    return made


def main(knobs: list[Knob], words: list[str] | None = None) -> int:
    """The command of one knob, or of all."""
    alone = len(knobs) == 1
    prog = f"scripts/tuning/{Path(knobs[0].file).name}" if alone else "scripts/tuning"
    about = knobs[0].about if alone else "\n\n".join(f"{k.name}: {k.about}" for k in knobs)
    lang.speak(lang.from_environment() or lang.ENGLISH)
    parser = _arguments(prog, about, knobs)
    asked = parser.parse_intermixed_args(words)
    if asked.cpus and not is_cpu_list(asked.cpus):
        parser.error(f"--cpus {asked.cpus}: found no list of CPUs; required is one such as 2-6,8")
    names = [knob.name for knob in knobs]
    named = names if alone else asked.knobs
    unknown = [name for name in named if name not in (*names, ALL)]
    if unknown:
        parser.error(f"no knob {unknown[0]}; there are {', '.join(names)}")
    if not named and asked.verb == "apply":
        parser.error(f"apply which? Name knobs ({', '.join(names)}), or {ALL}")
    chosen = [knob for knob in knobs if not named or ALL in named or knob.name in named]
    host = Host(
        Path(asked.root).resolve(),
        parse_list(asked.cpus) if asked.cpus else None,
        asked.user or os.environ.get("SUDO_USER", "") or Path(__file__).owner(),
    )
    try:
        if asked.verb == "check":
            return _checked(chosen, host, as_json=asked.json, explain=alone)
        act = apply if asked.verb == "apply" else revert
        return max([act(knob, host, say_plain) for knob in chosen])
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except TuningError as error:
        print(lang.translated(f"{prog}: {error}"), file=sys.stderr)
        return TO_DO


def _checked(knobs: list[Knob], host: Host, *, as_json: bool, explain: bool) -> int:
    findings = [finding for knob in knobs for finding in check(knob, host)]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        if explain:
            say_plain(f"{knobs[0].about}\n")
        for one in findings:
            say_plain(f"{one.verdict:6} {one.knob:15} {lang.translated(one.found)}")
            if one.fix:
                say_plain(f"       {lang.translated(one.fix)}")
    return TO_DO if any(one.verdict == WARN for one in findings) else DONE


def cpu_text(cpus: tuple[int, ...]) -> str:
    """For a sentence."""
    return as_list(cpus) or "none"
