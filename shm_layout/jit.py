"""The only `@hot` decorator, and the world object that a kernel is called with.

Owns: what a kernel is, where compiled ones are kept, and in which of three modes this process
runs them (`MODE`):

- LOADED, the desk's: entry points are machine code from the cache, called without numba, which
  would take one and a half seconds to import in every start (`compiler/native.py`). What is not in
  the cache yet is compiled by a process of its own (`procs/compile.py`);
- COMPILER (MEXOMS_JIT=compiler): numba is imported and its dispatchers are called, inner kernels
  too. The tests and the compiling process run so; what they compile fills the cache;
- PLAIN (NUMBA_DISABLE_JIT=1): the same functions as plain Python.

`@hot(entry=...)` fixes the signature of what Python calls; without it a function is for kernels.
The cache is keyed by a digest of all sources that a kernel may take constants from: numba itself
looks only at the file of the kernel and would miss a constant changed elsewhere.

A kernel takes one *world*: an int64 array of addresses and shapes, from which it forms typed
views of the agent's arrays. A call then costs one array to unbox, whatever the agent holds
(DESIGN.md law 12), and unlike a structref it can be cached. `WorldSpec.field` makes the accessor
of one array; read-only fields are of another type, so that a store into one is refused when the
kernel is compiled, not by a signal when it runs.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Mode(enum.Enum):
    LOADED = "loaded"
    COMPILER = "compiler"
    PLAIN = "plain"


def _mode() -> Mode:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return Mode.PLAIN
    named = os.environ.get("MEXOMS_JIT", Mode.LOADED.value)
    assert named in (Mode.LOADED.value, Mode.COMPILER.value), f"MEXOMS_JIT={named}"
    return Mode(named)


MODE = _mode()
JIT_ON: bool = MODE is not Mode.PLAIN
"""Kernels are compiled, by whichever way."""
COMPILING: bool = MODE is Mode.COMPILER
"""numba is imported: intrinsics are made; elsewhere their plain twins stand in their names."""


@dataclass(frozen=True, slots=True)
class Argument:
    """What an entry point takes: an int64, or a C-contiguous array."""

    dtype: np.dtype[Any]
    dims: int = 0
    """0 = a number."""
    readonly: bool = False
    """The kernel only reads it: writable and read-only memory are both taken."""


I64 = Argument(np.dtype(np.int64))
WORLD_TYPE = Argument(np.dtype(np.int64), 1)
"""A world, or any array of int64 that is written."""
WORDS_READ = Argument(np.dtype(np.int64), 1, readonly=True)
SLOTS_TYPE = Argument(np.dtype(np.int64), 2)
"""Slots of a ring as words, a row each."""
BYTES_TYPE = Argument(np.dtype(np.uint8), 1)
BYTES_READ = Argument(np.dtype(np.uint8), 1, readonly=True)
"""Python gives such an array or, where `BYTES_AS_THEY_ARE`, `bytes`."""
TEXTS_READ = Argument(np.dtype(np.uint8), 2, readonly=True)


def rows_type(dtype: npt.DTypeLike, *, readonly: bool = False) -> Argument:
    """An array of records."""
    return Argument(np.dtype(dtype), 1, readonly=readonly)


BYTES_AS_THEY_ARE = MODE is Mode.LOADED
"""Entry points take `bytes` for BYTES_READ: an array around them costs a microsecond or two where
the caches are cold. Elsewhere they need `octets`."""


def octets(data: bytes) -> Any:
    """Bytes as every entry point takes them for BYTES_READ, in every mode."""
    return data if BYTES_AS_THEY_ARE else np.frombuffer(data, np.uint8)


_WORDS_PER_FIELD = 4
_DIMS_MAX = 3
_ROOT = Path(__file__).resolve().parent.parent

assert 1 + _DIMS_MAX == _WORDS_PER_FIELD


_IMPORTED = re.compile(
    r"^from ((?:shm_layout|oms|procs)[\w.]*) import (.+)|^import ((?:shm_layout|oms|procs)[\w.]*)",
    re.MULTILINE,
)


def _module_files(name: str, members: str) -> list[Path]:
    """Files that `from name import members` may take constants from."""
    base = _ROOT.joinpath(*name.split("."))
    found = [base.with_suffix(".py")]
    found += [base / f"{member.strip(' ()')}.py" for member in members.split(",")]
    return [path for path in found if path.is_file()]


def _sources() -> list[Path]:
    """Kernel files, and whatever they import of the project, directly or not."""
    files = [path for floor in ("shm_layout", "oms", "procs") for path in
             (_ROOT / floor).rglob("*_hot.py")]  # fmt: skip
    here = _ROOT / "shm_layout"
    compiling = ("jit.py", "compiler/dispatchers.py", "atomics.py")
    return _closure(files + [here / name for name in compiling])


def _closure(files: list[Path]) -> list[Path]:
    """These files, and whatever they import of the project, directly or not."""
    waiting = list(files)
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for match in _IMPORTED.finditer(path.read_text(encoding="utf-8")):
            waiting += _module_files(match[1] or match[3], match[2] or "")
    return sorted(found)


@functools.cache
def sources_digest() -> str:
    """Hex digest of every file that a kernel takes code or constants from, and of the versions
    that compiled it: a changed cold file compiles nothing anew."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    lock = _ROOT / "requirements.lock"
    if lock.is_file():
        digest.update(lock.read_bytes())
    for path in _sources():
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def cache_dir() -> Path:
    """Where compiled kernels are kept: MEXOMS_CACHE, else `.cache` beside the sources."""
    named = os.environ.get("MEXOMS_CACHE")
    base = Path(named) if named else _ROOT / ".cache"
    if not named and not os.access(_ROOT, os.W_OK):
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mexoms"
    return base / "numba" / sources_digest()


class Entry:
    """One entry point: the function, what it takes, and what Python calls."""

    __slots__ = ("arguments", "called", "function", "shared")

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[Argument, ...], *, shared: bool
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.shared = shared
        self.called: Any = None

    @property
    def name(self) -> str:
        """Module and name, unique among entry points; the name of its file in the cache."""
        return f"{self.function.__module__}.{self.function.__name__}"

    def weight(self) -> int:
        """Bytes of kernel source behind it: a guess at how long it takes to compile."""
        kernels = _closure([Path(self.function.__code__.co_filename)])
        return sum(path.stat().st_size for path in kernels if path.name.endswith("_hot.py"))


_entries: list[Entry] = []


def hot(
    fn: Callable[..., Any] | None = None,
    *,
    entry: tuple[Argument, ...] | None = None,
    inline: bool = False,
    shared: bool = False,
) -> Callable[..., Any]:
    """Compile `fn`; with `entry` (its arguments) make it an entry point; with `inline` have LLVM
    put it into its callers always: for what runs once per byte or per level. An entry point is
    closed to other types, unless it is `shared` with kernels that call it with arrays of theirs.

    Options are the same everywhere: cached, GIL released, numpy's error model (a division by
    zero does not raise in the kernel: divide only by what a cold parent checked).
    """
    if fn is None:
        return lambda actual: hot(actual, entry=entry, inline=inline, shared=shared)
    if MODE is Mode.PLAIN:
        return fn
    made = None if entry is None else Entry(fn, entry, shared=shared)
    if COMPILING:
        from shm_layout.compiler import dispatchers

        called = dispatchers.compiled(fn, inline=inline)
    elif made is None:
        return _inner(fn)
    else:
        from shm_layout.compiler import native

        called = native.callable_of(made)
    if made is not None:
        made.called = called
        _entries.append(made)
    return called


def _inner(fn: Callable[..., Any]) -> Callable[..., Any]:
    """In the name of a kernel that is no entry point, where nothing is compiled."""

    def refuse(*_: object) -> Any:
        raise AssertionError(
            f"{fn.__module__}.{fn.__name__} is for kernels; for Python it needs @hot(entry=...)"
        )

    refuse.__name__ = fn.__name__
    refuse.__doc__ = fn.__doc__
    return refuse


def entries() -> tuple[Entry, ...]:
    """The entry points that have been imported."""
    return tuple(_entries)


def missing() -> list[Entry]:
    """Entry points whose machine code the cache does not hold yet."""
    if MODE is Mode.PLAIN:
        return []
    from shm_layout.compiler import native

    return [entry for entry in _entries if not native.file_of(entry).exists()]


def compile_entry(entry: Entry) -> None:
    """COMPILER: compile one entry point, close it to further types, fill the cache."""
    from shm_layout.compiler import dispatchers

    dispatchers.compile_entry(entry)


def for_the_cache() -> None:
    """COMPILER: from now on this process only fills the cache, and calls no kernel."""
    from shm_layout.compiler import dispatchers

    dispatchers.for_the_cache(_entries)


def warm(progress: Callable[[int, int, str], None] | None = None) -> int:
    """Compile (COMPILER) or load every entry point that has been imported; returns how many."""
    if MODE is Mode.LOADED:
        from shm_layout.compiler import native

        native.load(_entries)
    elif COMPILING:
        for index, entry in enumerate(_entries):
            if progress is not None:
                progress(index, len(_entries), entry.name)
            compile_entry(entry)
    return len(_entries)


class WorldSpec:
    """The fields of one agent's world, declared once at the top of its `*_hot.py`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []
        self.dtypes: list[np.dtype[Any]] = []
        self.dims: list[int] = []
        self.readonly: list[bool] = []
        self.nested = -1
        """Index of the field that holds worlds; -1 = there is none."""

    def field(
        self, name: str, dtype: npt.DTypeLike, *, ndim: int = 1, readonly: bool = False
    ) -> Callable[[Any], Any]:
        """Declare the next field; returns its accessor `view(world) -> array`."""
        assert name not in self.names, f"{self.name}: field {name} is declared twice"
        assert 1 <= ndim <= _DIMS_MAX, f"{self.name}.{name}: 1 to {_DIMS_MAX} dimensions"
        index = len(self.names)
        resolved = np.dtype(dtype)
        self.names.append(name)
        self.dtypes.append(resolved)
        self.dims.append(ndim)
        self.readonly.append(readonly)
        if COMPILING:
            from shm_layout.compiler import dispatchers

            return dispatchers.accessor(index * _WORDS_PER_FIELD, resolved, ndim, readonly=readonly)

        def view(world: World) -> np.ndarray[Any, Any]:
            return world.arrays[index]

        return view

    def worlds(self, name: str) -> Callable[[Any], Any]:
        """Declare a field that holds other worlds of this kind, for a kernel that carries out
        several tasks in one call; its accessor gives them by index.
        """
        view = self.field(name, np.int64, ndim=2)
        self.nested = len(self.names) - 1
        return view if COMPILING else lambda world: world.nested

    def label(self, index: int) -> str:
        """A field, for an error."""
        return f"{self.name}.{self.names[index]}"

    def make(self, **arrays: np.ndarray[Any, Any]) -> World:
        """Build the world; every declared field must be given, of its exact dtype and shape."""
        return self.make_of((), arrays)

    def make_of(self, nested: Sequence[World], arrays: dict[str, np.ndarray[Any, Any]]) -> World:
        """The same; `nested` are the worlds of the field that holds such."""
        if self.nested >= 0:
            words = np.zeros((len(nested), len(self.names) * _WORDS_PER_FIELD), np.int64)
            for row, world in zip(words, nested, strict=True):
                row[:] = world.words
            arrays[self.names[self.nested]] = words
        missing = [name for name in self.names if name not in arrays]
        extra = [name for name in arrays if name not in self.names]
        assert not missing, f"world {self.name}: missing {missing}"
        assert not extra, f"world {self.name}: unknown {extra}"
        return World(self, [arrays[name] for name in self.names], nested)


class World:
    """What a kernel of one agent is called with: `kernel(world.handle, now_ns, ...)`.

    Holds the arrays alive for as long as it lives. `handle` is the array of addresses when the
    compiler is on, and the world itself when it is off.
    """

    __slots__ = ("arrays", "handle", "nested", "spec", "words")

    def __init__(
        self, spec: WorldSpec, arrays: Sequence[np.ndarray[Any, Any]], nested: Sequence[World] = ()
    ) -> None:
        self.spec = spec
        self.nested = tuple(nested)
        self.words = np.zeros(len(arrays) * _WORDS_PER_FIELD, np.int64)
        held = []
        for index, array in enumerate(arrays):
            # An agent makes some twenty worlds of fifty fields at its start: `array.ctypes` is
            # asked once.
            wanted, flags = spec.dtypes[index], array.flags
            address = array.ctypes.data
            same = array.dtype is wanted or array.dtype == wanted
            assert same, f"{spec.label(index)}: {array.dtype}"
            assert array.ndim == spec.dims[index], f"{spec.label(index)}: {array.ndim} dimensions"
            assert flags.c_contiguous, f"{spec.label(index)}: not contiguous"
            assert address % WORD_ALIGNMENT_BYTES == 0, f"{spec.label(index)}: not aligned"
            writable = spec.readonly[index] or flags.writeable
            assert writable, f"{spec.label(index)}: read-only memory"
            held.append(read_only(array) if spec.readonly[index] else array)
            base = index * _WORDS_PER_FIELD
            self.words[base] = address
            self.words[base + 1 : base + 1 + array.ndim] = array.shape
        self.arrays = tuple(held)
        self.handle: Any = self.words if JIT_ON else self


WORD_ALIGNMENT_BYTES = 8


def read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A view of `array` that refuses stores, as a reader's mapping does."""
    view = array.view()
    view.flags.writeable = False
    return view
