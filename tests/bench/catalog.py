"""Finds the benches and calls them by what they ask for."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path

from procs.compile import compile_kernels
from tests.bench.result import BenchResult

FOLDER = Path(__file__).parent
RUNS = 5
SMOKE_RUNS = 1
MINUTES = 1.0


def names() -> list[str]:
    """Every `bench_<name>.py` beside this file."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def question(name: str) -> str:
    """The first paragraph of its docstring."""
    text = inspect.getdoc(importlib.import_module(f"tests.bench.bench_{name}")) or ""
    return " ".join(text.partition("\n\n")[0].split())


@dataclass(frozen=True, slots=True)
class Size:
    """How much a bench does; a bench takes by name what it needs of these."""

    smoke: bool
    runs: int
    data: Path | None
    """Folder of recorded material from outside; None = there is none."""
    minutes: float
    """How long the load is held."""


def run(name: str, size: Size) -> list[BenchResult]:
    """Run one bench."""
    module = importlib.import_module(f"tests.bench.bench_{name}")
    compile_kernels()
    asked = inspect.signature(module.run).parameters
    made = module.run(**{key: getattr(size, key) for key in asked})
    return made if isinstance(made, list) else [made]
