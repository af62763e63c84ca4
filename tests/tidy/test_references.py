"""What docstrings, comments and pages name must be there: files, tests, names of modules.

Only what stands in back-ticks, or begins with a floor's folder, is taken for a reference. A name
with a placeholder (`<exchange>`, `*`, `{a,b}`) must fit something.
"""

import ast
import io
import re
import tokenize
from functools import cache

import pytest

from tests.tidy import laws

TICKED = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?:[\w.<>*{},-]+/)*[\w<>*{},-]+\.(?:py|md|toml)")
FOLDER = re.compile(r"(?:oms|procs|shm_layout|tests|scripts|configs|docs)(?:/[\w<>*.{},-]+)+/?")
BARE = re.compile(r"(?<![\w/.`-])(?:oms|procs|shm_layout|tests|scripts)/[\w/]+\.py\b")
TEST = re.compile(r"test_[a-z0-9_]+")
MEMBER = re.compile(r"([a-z][a-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)(?:\(\))?")


@cache
def paths() -> tuple[str, ...]:
    """Tracked files, and the folders that they lie in."""
    files = [laws.relative(path) for path in laws.tracked()]
    folders = {
        "/".join(parts[:depth])
        for parts in (name.split("/") for name in files)
        for depth in range(1, len(parts))
    }
    return tuple(sorted({*files, *folders}))


@cache
def defined() -> dict[str, set[str]]:
    """Module's short name -> every identifier in modules of that name."""
    found: dict[str, set[str]] = {}
    for path in laws.python_files():
        names = found.setdefault(path.stem, set())
        for node in ast.walk(laws.tree(path)):
            fields = (getattr(node, field, None) for field in ("name", "id", "attr", "arg"))
            names.update(name for name in fields if isinstance(name, str))
    return found


@cache
def held_tests() -> frozenset[str]:
    """Names of tests, and of the files that hold them."""
    functions = {
        node.name
        for path in laws.python_files("tests")
        for node in ast.walk(laws.tree(path))
        if isinstance(node, ast.FunctionDef)
    }
    return frozenset(functions | {path.stem for path in laws.python_files("tests")})


@cache
def is_there(name: str) -> bool:
    """Whether a file or folder has this path, or one that ends with it. A placeholder stands for
    part of one name, `**` for any folders."""
    plain = re.sub(r"<[^>]*>|\{[^}]*\}|…", "*", name.rstrip("/"))
    parts = (re.escape(part).replace(r"\*", "[^/]*") for part in plain.split("**"))
    pattern = re.compile("(?:.*/)?" + ".*".join(parts))
    return any(pattern.fullmatch(path) for path in paths())


def missing(text: str) -> list[str]:
    """References in one line of prose to what is not there."""
    found = []
    for ticked in TICKED.findall(text):
        name = ticked.partition("::")[0].partition(":")[0].strip()
        member = MEMBER.fullmatch(ticked)
        if name in laws.NOT_OURS or name.split("/")[0] in laws.NOT_OURS:
            continue
        if FILE.fullmatch(name) or FOLDER.fullmatch(name):
            found += [] if is_there(name) else [name]
        elif TEST.fullmatch(name):
            found += [] if name in held_tests() else [name]
        elif member and member[1] in defined() and "_" in member[1]:
            found += [] if member[2] in defined()[member[1]] else [ticked]
    found += [name for name in BARE.findall(text) if not is_there(name)]
    return found


def prose(path) -> list[tuple[int, str]]:
    """Lines of a file that explain: comments and docstrings of code, all of a page."""
    text = path.read_text()
    if path.suffix != ".py":
        return list(enumerate(text.splitlines(), 1))
    found = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]
    for node in ast.walk(laws.tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            said = node.value.value
            if isinstance(said, str):
                found += list(enumerate(said.splitlines(), node.lineno))
    return found


def test_what_prose_names_is_there():
    found = sorted(
        f"{laws.relative(path)}:{line}: {name}"
        for path in laws.tracked()
        if path.suffix in {".py", ".md", ".toml"}
        if laws.relative(path) not in laws.TELLS_THE_PAST
        for line, text in prose(path)
        for name in missing(text)
    )
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "see `oms/nowhere.py`",
        "see oms/agents/nowhere.py for it",
        "`nowhere_at_all.py`",
        "`oms/venues/<exchange>/nowhere.py`",
        "held by `test_thing_that_no_test_holds`",
        "`ring_hot.no_such_kernel`",
        "in `tests/nowhere/`",
    ],
)
def test_reference_to_what_is_gone_is_caught(text):
    assert missing(text)


@pytest.mark.parametrize(
    "text",
    [
        "`oms/venues/<exchange>/sign.py`",
        "`shm_layout/ring_hot.py: publish`",
        "`tests/tidy/test_references.py::test_what_prose_names_is_there`",
        "`ring_hot.publish`",
        "`order.place`",
        "a path/of/words and `x.y`",
    ],
)
def test_reference_to_what_is_there_passes(text):
    assert not missing(text)
