"""The documents' examples, and the comparison of a reply or an event with one, field by field.

Material: binance-spot-docs/json_examples.jsonl under the directory that MEXOMS_DATA names; a test
that uses it is skipped where the material is absent.

    (documented,) = load("rest-api.md", "Test connectivity")
    assert compare(documented, found) == []
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection
from typing import Any

from tests.support import data_folder

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch


@functools.cache
def rows() -> tuple[tuple[str, str, str], ...]:
    """(document, section path, raw text) of every example, in the documents' order."""
    examples = data_folder("binance-spot-docs") / "json_examples.jsonl"
    lines = [json.loads(line) for line in examples.read_text("utf-8").splitlines()]
    return tuple((row["doc"], row["section"], row["raw"]) for row in lines)


def parse(raw: str) -> Any:
    """One example as JSON; a comma before a closing bracket, as some have, is passed over."""
    return json.loads(re.sub(r",(\s*[\]}])", r"\1", raw))


def load(doc: str, section: str) -> list[Any]:
    """Examples of the sections whose last title begins with `section`; AssertionError if none."""
    found = [
        parse(raw)
        for name, path, raw in rows()
        if name == doc and path.split(" > ")[-1].startswith(section)
    ]
    assert found, f"no example in {doc}, {section}"
    return found


def pick(doc: str, section: str, wanted: Callable[[Any], bool] = lambda value: True) -> Any:
    """The first example of a section for which `wanted` holds."""
    for value in load(doc, section):
        if wanted(value):
            return value
    raise AssertionError(f"no such example in {doc}, {section}")


def requests(doc: str) -> list[tuple[str, dict[str, Any]]]:
    """(section path, message) of every example that is a WebSocket request."""
    found = []
    for name, path, raw in rows():
        value = parse(raw) if name == doc else None
        if isinstance(value, dict) and "method" in value:
            found.append((path, value))
    return found


def kind(value: Any) -> str:
    """The JSON type; text that is a number is told from other text."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "decimal text" if _NUMBER(value) else "text"
    return {list: "array", dict: "object", type(None): "null"}[type(value)]


def _fits(expected: Any, actual: Any) -> bool:
    """The types agree; a null on either side does, and a client's id may look like a number."""
    ours, theirs = kind(actual), kind(expected)
    if "null" in (ours, theirs) or ours == theirs:
        return True
    return theirs == "text" and ours == "decimal text"


def compare(
    expected: Any, actual: Any, optional: Collection[str] = (), where: str = "$"
) -> list[str]:
    """Differences of shape between a documented example and what was found: names and types.

    `optional` names fields that the documents call conditional: each may be there or not, and its
    type is compared where both have it. Lists: every element against the first documented one of
    its kind (a list may hold several kinds of objects).
    """
    if not _fits(expected, actual):
        return [f"{where}: {kind(actual)} {actual!r} for documented {kind(expected)} {expected!r}"]
    if isinstance(expected, dict) and isinstance(actual, dict):
        out = [
            f"{where}: missing {name}"
            for name in expected
            if name not in actual and name not in optional
        ]
        for name, value in actual.items():
            if name in expected:
                out += compare(expected[name], value, optional, f"{where}.{name}")
            elif name not in optional:
                out.append(f"{where}: undocumented {name}")
        return out
    if isinstance(expected, list) and isinstance(actual, list) and expected:
        out = []
        for index, item in enumerate(actual):
            tried = [compare(one, item, optional, f"{where}[{index}]") for one in expected]
            out += min(tried, key=len)
        return out
    return []
