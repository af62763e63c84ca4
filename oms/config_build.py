"""From plain mappings to frozen structs, by the types that the structs declare (pure: no files).

`build` names every mistake that it finds, one sentence each: an unknown key with the nearest known
one, a wrong type, a missing value, a key that looks like a secret. The same declarations make the
JSON Schema that editors complete by (`procs/config/schema.py`), so that the two cannot disagree.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any

from oms.errors import ConfigError

KINDS: dict[Any, str] = {
    int: "a whole number without quotes",
    str: 'text in quotes, such as "20"',
    bool: "true or false without quotes",
    list: "a list",
    dict: "a table",
}
"""What a person is told that a type is."""
_SECRET_WORDS = ("secret", "password", "passphrase", "private_key", "api_key", "token")
_SHOWN_CHARS_MAX = 60


def at(where: str, name: str) -> str:
    """The place of `name` within `where`: `file.toml: sim`, then `file.toml: sim.seed`."""
    return f"{where}.{name}" if ": " in where else f"{where}: {name}"


def said(value: object) -> str:
    """A value as a sentence shows it."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """The known word that looks most like `name`; "" where none is known."""
    found = list(known)
    near = difflib.get_close_matches(name, found, n=1, cutoff=0.0)
    return near[0] if near else ""


def looks_secret(name: str) -> bool:
    """Does a key's name say that it holds a secret?"""
    plain = name.lower()
    return plain != "key_name" and any(word in plain for word in _SECRET_WORDS)


def secrets_in(given: Any, where: str) -> list[str]:
    """A sentence for each key below `given` that looks like a secret."""
    found: list[str] = []
    if isinstance(given, Mapping):
        for name, value in given.items():
            if looks_secret(str(name)):
                found.append(_secret(at(where, str(name))))
            else:
                found += secrets_in(value, at(where, str(name)))
    elif isinstance(given, (list, tuple)):
        for index, item in enumerate(given):
            found += secrets_in(item, f"{where}[{index}]")
    return found


def _secret(where: str) -> str:
    return (
        f"{where}: looks like a secret; keys come from the KeySource, never from config: remove it "
        "and store the key there"
    )


def one_of_many(mistakes: list[str]) -> ConfigError:
    """The error of a config with these mistakes: the first, and how many more there are."""
    assert mistakes, "no mistake was found"
    if len(mistakes) == 1:
        return ConfigError(mistakes[0])
    return ConfigError(
        f"{mistakes[0]}; and {len(mistakes) - 1} more mistakes, which `oms config check` names"
    )


def build(
    kind: type[Any], given: Mapping[str, Any], where: str, mistakes: list[str] | None = None
) -> Any:
    """Make a config struct from a mapping.

    Mistakes go to the list where one is given, and the result is None where there were any;
    without a list the first is raised as ConfigError.
    """
    found: list[str] = []
    made = _build(kind, given, where, found)
    if mistakes is not None:
        mistakes += found
        return made
    if found:
        raise one_of_many(found)
    return made


def _build(kind: type[Any], given: Mapping[str, Any], where: str, mistakes: list[str]) -> Any:
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}
    before = len(mistakes)
    for name, value in given.items():
        if name in known:
            continue
        if looks_secret(name):
            mistakes.append(_secret(at(where, name)))
            continue
        mistakes.append(
            f"{where}: unknown key '{name}'; the nearest known key is '{nearest(name, known)}' "
            f"(known: {', '.join(known)})"
        )
        mistakes += secrets_in(value, at(where, name))
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if name in given:
            values[name] = _convert(hints[name], given[name], at(where, name), mistakes)
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            mistakes.append(f"{where}: '{name}' is missing; it has no default, so set it")
    return kind(**values) if len(mistakes) == before else None


def _convert(hint: Any, value: Any, where: str, mistakes: list[str]) -> Any:
    """`value` as the type that is declared; a mistake is noted, and the result then of no use."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [one for one in typing.get_args(hint) if one is not type(None)]
        assert len(inner) == 1, f"{where}: {hint}"
        return _convert(inner[0], value, where, mistakes) if value is not None else None
    if origin is typing.Literal:
        allowed = typing.get_args(hint)
        if value not in allowed:
            known = ", ".join(repr(one) for one in allowed)
            mistakes.append(f"{where}: found {said(value)}, required is one of {known}")
        return value
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _build(typing.cast(type[Any], hint), value, where, mistakes)
    if origin is tuple and isinstance(value, (list, tuple)):
        item = typing.get_args(hint)[0]
        return tuple(_convert(item, v, f"{where}[{i}]", mistakes) for i, v in enumerate(value))
    if _is_mapping(origin) and isinstance(value, Mapping):
        mistakes += secrets_in(value, where)
        item = typing.get_args(hint)[1]
        if item is Any:
            return dict(value)
        return {k: _convert(item, v, at(where, str(k)), mistakes) for k, v in value.items()}
    wanted: Any = hint
    if dataclasses.is_dataclass(hint) or _is_mapping(origin):
        wanted = dict
    elif origin is tuple:
        wanted = list
    if wanted in (list, dict) or not _is_plain(value, wanted):
        required = KINDS.get(wanted, str(wanted))
        mistakes.append(f"{where}: found {said(value)}, required is {required}")
    return value


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _is_plain(value: Any, hint: Any) -> bool:
    """True is no number, although Python's bool is an int."""
    return isinstance(value, hint) and isinstance(value, bool) == (hint is bool)
