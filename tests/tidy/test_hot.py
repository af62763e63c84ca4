"""Law 12: a *_hot.py file holds imports, constants and @hot functions, and kernels stay plain.

Arrays and integers in, an integer out: no strings but field names, no dicts, classes, closures,
exceptions or context managers. Fields are read column first (`slots['px'][i]`): the row-first form
segfaults on a read-only map once it is compiled.
"""

import ast

import pytest

from tests.tidy import laws

FORBIDDEN = {
    ast.ClassDef: "a class",
    ast.Lambda: "a lambda",
    ast.Dict: "a dict",
    ast.Set: "a set",
    ast.DictComp: "a dict",
    ast.SetComp: "a set",
    ast.ListComp: "a list",
    ast.GeneratorExp: "a generator",
    ast.JoinedStr: "a string that is built",
    ast.Try: "try",
    ast.With: "with",
    ast.Import: "an import",
    ast.ImportFrom: "an import",
    ast.Yield: "yield",
    ast.Await: "await",
    ast.Global: "global",
}


def decorators(function: ast.FunctionDef) -> set[str]:
    names = [d.func if isinstance(d, ast.Call) else d for d in function.decorator_list]
    return {laws.dotted(name).split(".")[-1] for name in names}


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def top_level_problem(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return None
    if isinstance(node, ast.Expr) and is_text(node.value):
        return None
    if isinstance(node, ast.Assign | ast.AnnAssign):
        made_by = laws.dotted(node.value.func) if isinstance(node.value, ast.Call) else ""
        if made_by.endswith((".field", ".worlds")):
            return None  # of a WorldSpec: an accessor, which is called like a kernel
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
        lower = [name for name in names if name != name.upper()]
        return f"{lower[0]} is no constant's name" if lower else None
    if isinstance(node, ast.FunctionDef):
        plain = not decorators(node) & laws.DECORATORS
        return f"{node.name} is not decorated with @hot" if plain else None
    return f"{type(node).__name__} at the top of a kernel file"


def kernel_problems(function: ast.FunctionDef) -> list[str]:
    """What a kernel's body may not hold. Decorators and annotations are not its body."""
    found = []
    spared: set[int] = set()
    body: list[ast.stmt] = function.body
    if isinstance(body[0], ast.Expr) and is_text(body[0].value):
        body = body[1:]
    for node in (n for statement in body for n in ast.walk(statement)):
        if isinstance(node, ast.Subscript):
            spared.add(id(node.slice))
            row_first = isinstance(node.value, ast.Subscript) and is_text(node.slice)
            if row_first and not is_text(node.value.slice):
                found.append(f"{node.lineno}: row first; write x['field'][i]")
        elif isinstance(node, ast.Assert) and node.msg is not None:
            spared.add(id(node.msg))
        elif isinstance(node, ast.FunctionDef):
            found.append(f"{node.lineno}: a function inside a kernel")
        elif type(node) in FORBIDDEN:
            found.append(f"{node.lineno}: {FORBIDDEN[type(node)]}")
        elif is_text(node) and id(node) not in spared:
            found.append(f"{node.lineno}: a string")
    return found


def is_switch(node: ast.stmt) -> bool:
    """`if JIT_ON:`, a kernel, `else:`, its twin for the interpreter, which need not be a kernel."""
    names = (
        [n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)]
        if isinstance(node, ast.If)
        else []
    )
    return bool(laws.JIT_SWITCHES & set(names))


def problems(module: ast.Module, path: str = "made_up_hot.py") -> list[str]:
    found = []
    body = [n for node in module.body for n in (node.body if is_switch(node) else [node])]
    for node in body:
        if f"{path}::{getattr(node, 'name', '')}" in laws.COLD_IN_KERNEL_FILES:
            continue
        problem = top_level_problem(node)
        if problem:
            found.append(f"{node.lineno}: {problem}")
        elif isinstance(node, ast.FunctionDef) and "intrinsic" not in decorators(node):
            found += kernel_problems(node)
    return found


def test_kernel_files_hold_kernels_alone():
    found = [
        f"{laws.relative(path)}:{problem}"
        for path in laws.python_files(*laws.FLOORS)
        if path.name.endswith("_hot.py")
        for problem in problems(laws.tree(path), laws.relative(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("def cold(a):\n    return a", "not decorated"),
        ("class World:\n    pass", "ClassDef"),
        ("table = 3", "no constant's name"),
        ("if True:\n    pass", "If at the top"),
        ("@hot\ndef f(a):\n    return a[0]['px']", "row first"),
        ("@hot\ndef f(a):\n    return 'x'", "a string"),
        ("@hot\ndef f(a):\n    return {1: a}", "a dict"),
        ("@hot\ndef f(a):\n    try:\n        a()\n    finally:\n        a()", "try"),
        ("@hot\ndef f(a):\n    def g():\n        return a\n    return g()", "inside a kernel"),
        ("@hot\ndef f(a):\n    import os", "an import"),
        ("@hot\ndef f(a):\n    return f'{a}'", "built"),
    ],
)
def test_kernel_file_that_holds_more_is_caught(body, word):
    found = problems(ast.parse(body))
    assert found
    assert word in found[0]


def test_switch_between_a_kernel_and_its_twin_judges_the_kernel():
    twin = "\nelse:\n    def f(a):\n        return int(a)"
    assert not problems(ast.parse("if JIT_ON:\n    @hot\n    def f(a):\n        return a" + twin))
    assert problems(ast.parse("if JIT_ON:\n    def f(a):\n        return a" + twin))


def test_plain_kernel_file_passes():
    source = (
        '"""Kernels."""\nimport numpy as np\nfrom shm_layout.jit import hot\n\n'
        'SLOTS: int = 4\n_MASK = SLOTS - 1\nrows = WORLD.field("rows", "i8")\n\n'
        '@hot("i8(i8[::1])", cache=True)\ndef first(a):\n    """One."""\n'
        "    assert a.size, 'empty'\n    return a['px'][0]\n"
    )
    assert not problems(ast.parse(source))
