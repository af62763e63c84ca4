"""Finds the benches and calls them by what they ask for."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from procs.compile import compile_kernels
from tests.bench.result import BenchResult, from_figures

FOLDER = Path(__file__).parent
RUNS = 5
SMOKE_RUNS = 1


def names() -> list[str]:
    """Every `bench_<name>.py` beside this file."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def question(name: str) -> str:
    """The first paragraph of its docstring."""
    text = inspect.getdoc(importlib.import_module(f"tests.bench.bench_{name}")) or ""
    return " ".join(text.partition("\n\n")[0].split())


def run(name: str, smoke: bool, runs: int, data: Path | None) -> list[BenchResult]:
    """Run one bench."""
    module = importlib.import_module(f"tests.bench.bench_{name}")
    compile_kernels()
    offered = {"smoke": smoke, "runs": runs, "data": data}
    asked = inspect.signature(module.run).parameters
    made: Any = module.run(**{key: offered[key] for key in asked})
    if isinstance(made, Mapping):
        return [from_figures(name, made)]
    return made if isinstance(made, list) else [made]
