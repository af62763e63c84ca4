"""Law 1: procs (motion) → oms (meaning) → shm_layout (bytes), imports only downward, oms pure.

Checked on the syntax tree, so a late import or one under `if TYPE_CHECKING` counts as well. The
rules stand in laws.py; the made-up modules below prove that each of them catches what it must.
"""

import ast
import sys
from pathlib import Path

import pytest

from tests.tidy import laws


def allowed_stdlib(floor: str, name: str) -> bool:
    if floor == "oms":
        return any(name == m or name.startswith(f"{m}.") for m in laws.OMS_ALLOWED_STDLIB)
    if floor == "shm_layout":
        return name.split(".")[0] not in laws.SHM_LAYOUT_BANNED_STDLIB
    return True


def import_problem(floor: str, name: str) -> str | None:
    """Why this floor may not import `name`, or None."""
    top = name.split(".")[0]
    if not top:
        return "a relative import; write the whole name"
    if top in laws.FLOORS:
        if laws.FLOORS.index(top) > laws.FLOORS.index(floor):
            return f"{floor} stands below {top}"
        return None
    if top in sys.stdlib_module_names:
        return None if allowed_stdlib(floor, name) else f"{floor} does without {name}"
    if top in laws.THIRD_PARTY[floor]:
        return None
    return f"{top} is not among the packages of {floor}"


def import_problems(floor: str, module: ast.Module) -> list[str]:
    found = []
    bases = {node.module for node in ast.walk(module) if isinstance(node, ast.ImportFrom)}
    for name, line in laws.imported(module):
        # `from urllib import parse` is judged as urllib.parse, not as urllib.
        if name in bases and floor == "oms" and name == "urllib":
            continue
        problem = import_problem(floor, name)
        if problem:
            found.append(f"{line}: import {name}: {problem}")
    return found


def seeded_generators(module: ast.Module) -> set[int]:
    """Nodes of `np.random` that only name a generator's type, or make one from an explicit seed."""
    named = {
        id(node): node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and node.attr in laws.SEEDED
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and not (node.args or node.keywords):
            named.pop(id(node.func), None)
    return {id(inner) for inner in named.values()}


def impure_problems(path: str, module: ast.Module) -> list[str]:
    found = []
    seeded = seeded_generators(module)
    for node in ast.walk(module):
        if id(node) in seeded:
            continue
        if isinstance(node, ast.Call):
            name = laws.dotted(node.func)
        elif isinstance(node, ast.Attribute):
            name = laws.dotted(node)
        else:
            continue
        for banned, reason in laws.IMPURE_CALLS.items():
            bare = "." not in banned
            hit = name == banned or (not bare and name.endswith(f".{banned}"))
            called = not bare or isinstance(node, ast.Call)
            if hit and called and (path, banned) not in laws.IMPURE_ALLOWED:
                found.append(f"{node.lineno}: {banned}: {reason}")
    return sorted(set(found))


@pytest.mark.parametrize("floor", laws.FLOORS)
def test_floor_imports_go_only_downward(floor):
    found = [
        f"{laws.relative(path)}:{problem}"
        for path in laws.python_files(floor)
        for problem in import_problems(floor, laws.tree(path))
    ]
    assert not found, "\n".join(found)


def row_of(module: str) -> int | None:
    """Which row of `laws.OMS_ROWS` a module of oms stands in: the longest pattern counts."""
    parts = module.split(".")
    found: tuple[int, int] | None = None
    for row, patterns in enumerate(laws.OMS_ROWS):
        for pattern in (p.split(".") for p in patterns):
            head = parts[: len(pattern)]
            if len(head) < len(pattern):
                continue
            fits = all(p in {"*", h} for p, h in zip(pattern, head, strict=True))
            if fits and (found is None or len(pattern) > found[0]):
                found = (len(pattern), row)
    return None if found is None else found[1]


def oms_modules() -> dict[str, Path]:
    names = {
        laws.relative(p).removesuffix(".py").replace("/", ".").removesuffix(".__init__"): p
        for p in laws.python_files("oms")
    }
    names.pop("oms", None)
    return names


def upward(modules: dict[str, ast.Module]) -> list[str]:
    """Imports inside oms from a row into a higher one, in a set of modules by dotted name."""
    found = []
    for name, module in modules.items():
        mine = row_of(name)
        for target, line in laws.imported(module):
            if not target.startswith("oms."):
                continue
            theirs = row_of(target)
            if mine is None or theirs is None:
                found.append(f"{name}:{line}: {target}: a room without a row in laws.OMS_ROWS")
            elif theirs > mine:
                found.append(f"{name}:{line}: imports {target}, which stands above it")
    return found


def test_no_import_inside_oms_runs_upward():
    found = upward({name: laws.tree(path) for name, path in oms_modules().items()})
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("name", "source", "bad"),
    [
        ("oms.journal.writer", "from oms.agents.base import Agent", True),
        ("oms.venues.binance.trade", "import oms.exchange.market", True),
        ("oms.venues.binance.server.calls", "import oms.exchange.market", False),
        ("oms.venues.shared.symbols", "from oms.venues.registry import market_data", True),
        ("oms.risk.limits", "from oms.ports import Ports", False),
        ("oms.nowhere.made_up", "from oms.ports import Ports", True),
    ],
)
def test_upward_import_is_caught(name, source, bad):
    assert bool(upward({name: ast.parse(source)})) is bad


def test_lower_floors_read_no_clock_file_or_randomness():
    found = [
        f"{laws.relative(path)}:{problem}"
        for path in laws.python_files("shm_layout", "oms")
        for problem in impure_problems(laws.relative(path), laws.tree(path))
    ]
    assert not found, "\n".join(found)


def test_no_floor_imports_tests_or_scripts():
    found = [
        f"{laws.relative(path)}:{line}: {name}"
        for path in laws.python_files(*laws.FLOORS)
        for name, line in laws.imported(laws.tree(path))
        if name.split(".")[0] in {"tests", "scripts"}
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("floor", "source", "word"),
    [
        ("shm_layout", "import oms.ids", "stands below"),
        ("shm_layout", "from procs import runtime", "stands below"),
        ("oms", "from procs.cli import main", "stands below"),
        ("oms", "def late():\n    import socket", "does without socket"),
        ("oms", "import os", "does without os"),
        ("oms", "from os import path", "does without os"),
        ("oms", "import time", "does without time"),
        ("oms", "from random import Random", "does without random"),
        ("oms", "from pathlib import Path", "does without pathlib"),
        ("oms", "import urllib.request", "does without urllib.request"),
        ("oms", "from urllib import request", "does without urllib.request"),
        ("oms", "import asyncio", "does without asyncio"),
        ("oms", "from . import ids", "relative import"),
        ("oms", "import httptools", "not among the packages"),
        ("shm_layout", "import orjson", "not among the packages"),
        ("shm_layout", "import socket", "does without socket"),
        ("shm_layout", "from multiprocessing import shared_memory", "does without"),
        ("procs", "import pandas", "not among the packages"),
    ],
)
def test_import_that_breaks_a_floor_is_caught(floor, source, word):
    problems = import_problems(floor, ast.parse(source))
    assert problems
    assert word in problems[0]


@pytest.mark.parametrize(
    ("floor", "source"),
    [
        ("procs", "import socket, httptools\nfrom oms import ids\nfrom shm_layout import ring"),
        ("oms", "from shm_layout import records\nfrom urllib.parse import urlencode"),
        ("oms", "from urllib import parse\nimport numpy as np, orjson, hmac"),
        ("shm_layout", "import os, mmap, posix_ipc\nfrom shm_layout import limits"),
    ],
)
def test_import_that_keeps_the_floors_passes(floor, source):
    assert not import_problems(floor, ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "open('f')",
        "import time\ntime.time()",
        "import os\nx = os.urandom(8)",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now(None)",
        "import numpy as np\nnp.random.default_rng(1)",
        "import numpy as np\nnp.random.Generator(np.random.PCG64())",
        "clock = time.time",
        "print('x')",
    ],
)
def test_impure_call_is_caught(source):
    assert impure_problems("oms/made_up.py", ast.parse(source))


def test_generator_with_an_explicit_seed_passes():
    source = (
        "def f(seed) -> np.random.Generator:\n    return np.random.Generator(np.random.PCG64(seed))"
    )
    assert not impure_problems("oms/made_up.py", ast.parse(source))


@pytest.mark.parametrize("source", ["book.open(1)", "self.print_order()", "opened = True"])
def test_method_that_only_shares_a_name_passes(source):
    assert not impure_problems("oms/made_up.py", ast.parse(source))
