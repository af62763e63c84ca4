"""No code outside `oms/venues/<exchange>/` names an exchange: it takes what differs as data.

Code is identifiers, imports and texts that are no docstrings; comments, docstrings, configs and
tests may name them. Who may nevertheless stands in laws.py, with a reason.
"""

import ast
import re

import pytest

from tests.tidy import laws

NAMED = re.compile("|".join(laws.EXCHANGES), re.IGNORECASE)


def docstrings(module: ast.Module) -> set[int]:
    """Texts that stand as statements: they explain, and do nothing."""
    return {
        id(node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def words_of(node: ast.AST) -> list[str]:
    """What a node of the tree calls by a name, or says."""
    if isinstance(node, ast.Constant):
        value = node.value
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        return [text] if isinstance(text, str) else []
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    names = (getattr(node, field, None) for field in ("id", "attr", "arg", "name", "asname"))
    return [name for name in names if isinstance(name, str)]


def naming(module: ast.Module) -> list[str]:
    """`line: word` of each place where code names an exchange."""
    spared = docstrings(module)
    found = {
        (getattr(node, "lineno", 0), word)
        for node in ast.walk(module)
        if id(node) not in spared
        for word in words_of(node)
        if NAMED.search(word)
    }
    return [f"{line}: {word.strip()[:60]}" for line, word in sorted(found)]


def belongs_to_an_exchange(path: str) -> bool:
    return any(path.startswith(f"oms/venues/{name}/") for name in laws.EXCHANGES)


def test_exchanges_are_those_with_a_folder():
    folders = {
        path.split("/")[2]
        for path in map(laws.relative, laws.python_files("oms"))
        if path.startswith("oms/venues/") and path.count("/") > 2
    }
    assert folders - {"shared", "serving"} == set(laws.EXCHANGES)


def test_no_code_outside_its_folder_names_an_exchange():
    found = [
        f"{laws.relative(path)}:{place}"
        for path in laws.python_files(*laws.FLOORS)
        if not belongs_to_an_exchange(laws.relative(path))
        if laws.relative(path) not in laws.MAY_NAME_EXCHANGES
        for place in naming(laws.tree(path))
    ]
    assert not found, "\n".join(found)


def test_each_file_that_may_name_an_exchange_does():
    idle = [name for name in laws.MAY_NAME_EXCHANGES if not naming(laws.tree(laws.ROOT / name))]
    assert not idle, "take these out of laws.MAY_NAME_EXCHANGES: " + ", ".join(idle)


@pytest.mark.parametrize(
    "source",
    [
        "from oms.venues.binance import trade",
        "import oms.venues.okx.sign",
        "if name == 'upbit': pass",
        "host = b'api.bithumb.com'",
        "bybit = 1",
        "class CoinoneThing: pass",
        "def f(okx_key): pass",
        "x.binance_weight",
        "f(binance=1)",
        "f'{name} of Binance'",
    ],
)
def test_code_that_names_an_exchange_is_caught(source):
    assert naming(ast.parse(source))


@pytest.mark.parametrize(
    "source", ['"""As Binance does."""', "x = 1\n'''Upbit's number.'''", "x = 1  # OKX counts so"]
)
def test_explanation_that_names_an_exchange_passes(source):
    assert not naming(ast.parse(source))
