"""Every hint as the line that works where the user stands.

Sentences anywhere in the sources name a command as `oms VERB`; what a person reads is passed
through `here`, which puts the way to this `oms` in front (`.venv/bin/oms` when it is not on PATH)
and the desk behind that the person named (`oms down --data-dir x`). This is also where a sentence
becomes the person's language (`procs/lang`), and nowhere before.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from procs import lang
from procs.config.files import find_config, language_of, project_root

_HINT = re.compile(r"`oms ([a-z][^`]*)`")
NAMED = "config_named"
"""Where a command line's `--config` is kept beside a config that stands alone."""
_desk_words: list[str] = []


def stand_at(config: str | None, data_dir: str | None) -> None:
    """Remember which desk was named on the command line, and speak its language."""
    _desk_words[:] = ["--config", config] if config else []
    _desk_words.extend(["--data-dir", data_dir] if data_dir else [])
    speak_as(config)


def speak_as(config: str | None) -> None:
    """The environment's language, else that of the desk's file, else English."""
    asked = lang.from_environment() or language_of(find_config(config))
    lang.speak(asked if asked in lang.LANGUAGES else lang.ENGLISH)


def command() -> str:
    """How this `oms` is called from the current directory."""
    made = project_root() / ".venv" / "bin" / "oms"
    called = Path(sys.argv[0])
    path = called if called.name == "oms" and called.exists() else made
    if not path.exists():
        return "python -m procs.cli.main"
    on_path = shutil.which("oms")
    if on_path is not None and Path(on_path).samefile(path):
        return "oms"
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow the user's links
    relative = os.path.relpath(absolute)
    return shlex.quote(absolute if relative.startswith("..") else relative)


def here(text: str) -> str:
    """The text in the person's language, with each hint made to work here."""
    text = lang.translated(text)
    if "`oms " not in text:
        return text
    words = "".join(f" {shlex.quote(word)}" for word in _desk_words)
    return _HINT.sub(lambda hint: f"`{command()} {hint[1]}{words}`", text)


def say(text: str) -> None:
    """A line for the person, on stderr."""
    print(here(text), file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """A line for the person, on stdout: what a command did."""
    print(here(text), flush=True)
