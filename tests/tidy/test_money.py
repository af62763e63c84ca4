"""Laws 2 and 7: no float touches money, and kernels read no clock.

A record holds integers and text alone. In the files through which money or an order goes there is
no float literal, no true division and no call of `float`; the synthetic flow, which
draws from distributions, is no such file.
"""

import ast

import pytest

from shm_layout.records import RECORDS
from tests.tidy import laws

MONEY_PATHS = (
    "oms/agents/", "oms/book/", "oms/instruments.py", "oms/journal/", "oms/orders/", "oms/risk/",
    "oms/strategies/", "oms/venues/", "oms/exchange/engine/", "oms/exchange/market.py",
    "oms/exchange/live.py",
    "shm_layout/money",
)  # fmt: skip
STAMPS = {  # (path, function) → why it may read the cycle counter
    ("shm_layout/latency_hot.py", "stamp_if"): "0 where the host does not stamp",
    ("shm_layout/latency_hot.py", "note_latency"): "nothing where there is no stamp",
    ("oms/venues/shared/feed_out_hot.py", "_stamp"): "only where the host stamps (P_STAMPING)",
    ("oms/agents/executor/stamp_hot.py", "stamp"): "called only where `ports.stamping`",
}
CLOCKS = {"cycles", "time", "time_ns", "perf_counter", "monotonic", "monotonic_ns", "clock"}


def float_problems(module: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"{node.lineno}: the float {node.value}")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"{node.lineno}: a true division")
        elif isinstance(node, ast.Call) and laws.dotted(node.func).split(".")[-1] in (
            "float", "float32", "float64", "true_divide",
        ):  # fmt: skip
            found.append(f"{node.lineno}: {laws.dotted(node.func)}()")
    return found


def clock_problems(module: ast.Module, path: str) -> list[str]:
    found = []
    for function in (n for n in ast.walk(module) if isinstance(n, ast.FunctionDef)):
        if (path, function.name) in STAMPS:
            continue
        calls = (n for n in ast.walk(function) if isinstance(n, ast.Call))
        found += [
            f"{call.lineno}: {function.name} reads a clock"
            for call in calls
            if laws.dotted(call.func).split(".")[-1] in CLOCKS
        ]
    return found


def test_records_hold_integers_and_text_alone():
    for name, spec in RECORDS.items():
        for field in spec.dtype.names:
            kind = spec.dtype[field].base.kind
            assert kind in "iuS", f"{name}.{field} is of kind {kind}"


def test_no_float_on_the_paths_of_money():
    found = [
        f"{laws.relative(path)}:{problem}"
        for path in laws.python_files("shm_layout", "oms")
        if laws.relative(path).startswith(MONEY_PATHS)
        for problem in float_problems(laws.tree(path))
    ]
    assert not found, "\n".join(found)


def test_kernels_read_no_clock_but_by_the_stamping_flag():
    found = [
        f"{laws.relative(path)}:{problem}"
        for path in laws.python_files(*laws.FLOORS)
        if path.name.endswith("_hot.py")
        for problem in clock_problems(laws.tree(path), laws.relative(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("body", ["x = 1.5", "x = a / b", "x /= 2", "x = float(y)", "x = a / 2"])
def test_float_is_caught(body):
    assert float_problems(ast.parse(body))


def test_clock_in_a_kernel_is_caught():
    source = "@hot\ndef f(a):\n    return cycles()"
    assert clock_problems(ast.parse(source), "made_up_hot.py")
    assert not clock_problems(ast.parse(source.replace("f(a)", "stamp()")),
                              "oms/agents/executor/stamp_hot.py")  # fmt: skip
