"""The language in which a person is spoken to: errors and notices, at the terminal alone.

Sentences are written in English where they arise, travel in English (between processes, into logs,
files and `--json`), and become another language only where a person reads them: `procs/here.py`.
So no agent knows of languages, and a log reads the same everywhere. The catalogue is
`procs/lang/<language>.po` (GNU gettext's format, for the tools that translators have): its msgid is
the English sentence as the sources write it, with {0}, {1} … where a value stands. A sentence is
found by its fixed words, values that are sentences themselves are translated, too, and what has no
entry stays English. `tests/tidy/test_messages.py` reads every sentence out of the sources and fails
where one has no Korean text.

The alternative, gettext calls with keyword arguments at each place, would put the language into the
agents and would lose it at every border between processes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from oms.errors import ConfigError

ENGLISH = "en"
LANGUAGES = (ENGLISH, "ko")
ENVIRONMENT = "MEXOMS_LANG"
"""Names the language where no desk does; stronger than the desk's file."""
PROGRAM = "oms: "
"""What stands before an error."""
DEPTH_MAX = 4
"""A sentence within a sentence within …"""
_HOLE = re.compile(r"\{(\d+)\}")
_HEAD = re.compile(r"(?P<head>[^\s:]{0,60}: |! )(?P<tail>.+)", re.DOTALL)
_PO_LINE = re.compile(r'(?:(?P<word>msgid|msgstr) )?(?P<text>".*")\s*$')

_chosen = ENGLISH


def speak(language: str) -> None:
    """Choose the language of this process."""
    global _chosen
    _chosen = checked(language, "language")


def spoken() -> str:
    """The language of this process."""
    return _chosen


def checked(language: str, where: str) -> str:
    """`language`, or ConfigError where we do not speak it."""
    if language not in LANGUAGES:
        raise ConfigError(f"{where}: found '{language}', required is one of {', '.join(LANGUAGES)}")
    return language


def from_environment() -> str:
    """What the environment asks for; "" = nothing."""
    given = os.environ.get(ENVIRONMENT, "")
    return checked(given, ENVIRONMENT) if given else ""


def translated(text: str) -> str:
    """The text in the language of this process."""
    return text if _chosen == ENGLISH else catalogue(_chosen).say(text)


def fixed_words(template: str) -> list[str]:
    """What stands between the holes of a template: one text more than there are holes."""
    return _HOLE.split(template)[::2]


def parse_po(text: str) -> Iterator[tuple[str, str]]:
    """(msgid, msgstr) of every entry of a .po file but its head."""
    found: dict[str, str] = {}
    word = ""
    for line in [*text.splitlines(), 'msgid ""']:
        match = _PO_LINE.match(line)
        if match is None:
            continue
        if match["word"] == "msgid" and found.get("msgid"):
            yield found["msgid"], found.get("msgstr", "")
        if match["word"] == "msgid":
            found = {}
        word = match["word"] or word
        found[word] = found.get(word, "") + json.loads(match["text"])


class Catalogue:
    """Sentences of one language by their English templates."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self.messages = {english: own for english, own in messages.items() if own}
        self._templates = sorted(
            ((fixed_words(english), english) for english in self.messages if _HOLE.search(english)),
            key=lambda row: -sum(len(word) for word in row[0]),
        )

    def say(self, text: str, depth: int = 0) -> str:
        """The text in this language; as it is where nothing fits."""
        if text in self.messages:
            return self.messages[text]
        if depth > DEPTH_MAX or " " not in text:
            return text
        if text.startswith(PROGRAM):
            # Before a sentence that begins with a hole takes it for a part of its value.
            tail = text.removeprefix(PROGRAM)
            if (own := self.say(tail, depth)) != tail:
                return PROGRAM + own
        for words, english in self._templates:
            values = holes(words, text)
            if values is not None:
                return filled(
                    self.messages[english], [self.say(value, depth + 1) for value in values]
                )
        match = _HEAD.fullmatch(text)
        if match is None:
            return text
        return match["head"] + self.say(match["tail"], depth + 1)


def filled(template: str, values: list[str]) -> str:
    """The template with its values in its holes."""
    return _HOLE.sub(lambda hole: values[int(hole[1])], template)


def holes(words: list[str], text: str) -> list[str] | None:
    """What fills the holes between `words`, so that the whole is `text`; None = it cannot be."""
    first, *middle, last = words
    if not text.startswith(first) or not text.endswith(last):
        return None
    at, end, found = len(first), len(text) - len(last), []
    for word in middle:
        here = text.find(word, at, end)
        if here < 0:
            return None
        found.append(text[at:here])
        at = here + len(word)
    if at > end:
        return None
    return [*found, text[at:end]]


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of a language, read once."""
    path = Path(__file__).with_name(f"{language}.po")
    return Catalogue(dict(parse_po(path.read_text(encoding="utf-8"))))
