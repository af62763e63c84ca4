"""Files that a person can hold in the head: 500 lines a file, 80 a function, 1 MiB for anything."""

import ast
from collections import Counter

import pytest

from tests.tidy import laws


def functions(body, prefix=""):
    """(qualified name, lines) of every function, methods included."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node.end_lineno - node.lineno + 1
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from functions(node.body, f"{prefix}{node.name}.")


def long_files():
    counted = ((p, len(p.read_text().splitlines())) for p in laws.python_files())
    return {laws.relative(p): n for p, n in counted if n > laws.FILE_LINES_MAX}


def long_functions():
    return {
        f"{laws.relative(path)}::{name}": lines
        for path in laws.python_files()
        for name, lines in functions(laws.tree(path).body)
        if lines > laws.FUNCTION_LINES_MAX
    }


@pytest.mark.parametrize(
    ("measure", "spared"),
    [(long_files, laws.LONGER_FILES), (long_functions, laws.LONGER_FUNCTIONS)],
    ids=["files", "functions"],
)
def test_length_stays_within_its_limit(measure, spared):
    found = measure()
    over = {name: lines for name, lines in found.items() if name not in spared}
    assert not over, f"too long, or to be listed with a reason in tests/tidy/laws.py: {over}"
    stale = set(spared) - set(found)
    assert not stale, f"no longer too long, so take it off the list in tests/tidy/laws.py: {stale}"


def test_no_folder_is_a_crowd():
    counted = Counter(laws.relative(p.parent) for p in laws.python_files())
    over = {d: n for d, n in counted.items() if n > laws.FOLDER_FILES_MAX}
    crowds = {d: n for d, n in over.items() if d not in laws.CROWDED_FOLDERS}
    assert not crowds, f"too many files at one level: {crowds}"
    stale = set(laws.CROWDED_FOLDERS) - set(over)
    assert not stale, f"no longer a crowd, so take it off the list in tests/tidy/laws.py: {stale}"


def test_no_tracked_file_is_over_one_mebibyte():
    big = {laws.relative(p): p.stat().st_size for p in laws.tracked()}
    big = {name: size for name, size in big.items() if size > laws.TRACKED_BYTES_MAX}
    assert not big, big


def test_function_in_a_class_is_counted_by_its_own_lines():
    source = "class A:\n    def f(self):\n        x = 1\n        return x\n"
    assert list(functions(ast.parse(source).body)) == [("A.f", 3)]


def test_no_tracked_file_is_a_link():
    """A link of one machine is a dangling name on every other one."""
    links = [laws.relative(p) for p in laws.tracked() if p.is_symlink()]
    assert not links, links
