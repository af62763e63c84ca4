"""The only `@hot` decorator, and the world object that a kernel is called with.

Owns: how compiled code is made. `@hot` compiles a function through numba with one set of
options; `@hot(entry=...)` also fixes its signature, so that `warm()` can compile every entry
point before the first socket opens and close it to further types. With NUMBA_DISABLE_JIT=1 the
same functions run as plain Python, and the tests run them so.

The cache is keyed by a digest of all sources that a kernel may take constants from: numba itself
looks only at the file of the kernel and would miss a constant changed elsewhere.

A kernel takes one *world*: an int64 array of addresses and shapes, from which it forms typed
views of the agent's arrays. A call then costs one array to unbox, whatever the agent holds
(DESIGN.md law 12), and unlike a structref it can be cached. `WorldSpec.field` makes the accessor
of one array; read-only fields are of another type, so that a store into one is refused when the
kernel is compiled, not by a signal when it runs.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

JIT_ON: bool = not numba.config.DISABLE_JIT

I64 = types.int64
WORLD_TYPE = types.Array(types.int64, 1, "C")

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
    waiting = [path for floor in ("shm_layout", "oms", "procs") for path in
               (_ROOT / floor).rglob("*_hot.py")]  # fmt: skip
    waiting += [_ROOT / "shm_layout" / "jit.py", _ROOT / "shm_layout" / "atomics.py"]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for match in _IMPORTED.finditer(path.read_text(encoding="utf-8")):
            waiting += _module_files(match[1] or match[3], match[2] or "")
    return sorted(found)


def sources_digest() -> str:
    """Hex digest of every file that a kernel takes code or constants from: a changed cold file
    compiles nothing anew."""
    digest = hashlib.sha256()
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


if JIT_ON:
    numba.config.CACHE_DIR = str(cache_dir())
    # Kernels are scalar: vectorising passes find nothing in them and take a sixth of the time.
    numba.config.LOOP_VECTORIZE = 0
    numba.config.SLP_VECTORIZE = 0

_entries: list[tuple[Any, tuple[Any, ...]]] = []


def hot(
    fn: Callable[..., Any] | None = None,
    *,
    entry: tuple[Any, ...] | None = None,
    inline: bool = False,
) -> Callable[..., Any]:
    """Compile `fn`; with `entry` (numba types of its arguments) make it an entry point; with
    `inline` have LLVM put it into its callers always: for what runs once per byte or per level.

    Options are the same everywhere: cached, GIL released, numpy's error model (a division by
    zero does not raise in the kernel: divide only by what a cold parent checked).
    """
    if fn is None:
        return lambda actual: hot(actual, entry=entry, inline=inline)
    # _nrt=False: no reference counts; kernels allocate nothing that would need them.
    options = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    compiled = numba.njit(forceinline=inline, **options)(fn)
    if JIT_ON:
        _widen(compiled)
    if entry is not None:
        _entries.append((compiled, entry))
    return compiled


def _widen(compiled: Any) -> None:
    """Have kernels that call this one pass int64 for every narrower signed integer and constant.

    A field may be int16, int32 or int64, and each combination of them and of constants would be
    compiled anew: the matching kernel took several times as long.
    """
    templates = compiled.get_call_template

    def widened(args: Any, kws: Any) -> Any:
        return templates(tuple(_wide(kind) for kind in args), kws)

    compiled.get_call_template = widened


def _wide(kind: Any) -> Any:
    """The type that an argument of this type is passed as."""
    plain = types.unliteral(kind)
    narrow = isinstance(plain, types.Integer) and plain.signed and plain.bitwidth < I64.bitwidth
    return I64 if narrow else plain


def compile_entry(index: int) -> None:
    """Compile one entry point, or load it from the cache, and close it to further types."""
    compiled, argument_types = _entries[index]
    if not compiled.signatures:
        compiled.compile(argument_types)
        compiled.disable_compile()


def entry_count() -> int:
    """How many entry points have been imported."""
    return len(_entries) if JIT_ON else 0


def entry_name(index: int) -> str:
    """Module and name of an entry point."""
    function = _entries[index][0].py_func
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


def entries_by_weight() -> list[int]:
    """Indexes of the entry points, those of the longest source files first: a guess at what takes
    longest, for whoever compiles several at once."""
    sizes = {
        index: len(Path(compiled.py_func.__code__.co_filename).read_bytes())
        for index, (compiled, _) in enumerate(_entries)
    }
    return sorted(sizes, key=lambda index: -sizes[index])


def warm(progress: Callable[[int, int, str], None] | None = None) -> int:
    """Compile every entry point that has been imported, and close it; returns how many."""
    for index in range(entry_count()):
        if progress is not None:
            progress(index, entry_count(), entry_name(index))
        compile_entry(index)
    return entry_count()


def _accessor(index: int, numba_type: Any, ndim: int, readonly: bool) -> Any:
    """An intrinsic `view(world) -> array` for one field."""
    array_type = types.Array(numba_type, ndim, "C", readonly=readonly, aligned=True)
    word = ir.IntType(64)

    def view(typingctx: Any, world: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = context.make_array(signature.args[0])(context, builder, args[0])
            load = lambda k: builder.load(  # noqa: E731 - three uses, one line
                builder.gep(words.data, [ir.Constant(word, index * _WORDS_PER_FIELD + k)])
            )
            made = make_array(signature.return_type)(context, builder)
            if isinstance(numba_type, types.Record):
                item_size_bytes = numba_type.size
            else:
                item_size_bytes = context.get_abi_sizeof(context.get_data_type(numba_type))
            item = ir.Constant(word, item_size_bytes)
            shape = [load(1 + k) for k in range(ndim)]
            strides = [item]
            for k in range(ndim - 1, 0, -1):
                strides.insert(0, builder.mul(strides[0], shape[k]))
            populate_array(
                made,
                data=builder.inttoptr(load(0), made.data.type),
                shape=cgutils.pack_array(builder, shape),
                strides=cgutils.pack_array(builder, strides),
                itemsize=item,
                meminfo=None,
            )
            return made._getvalue()

        return array_type(world), codegen

    return intrinsic(view)


class WorldSpec:
    """The fields of one agent's world, declared once at the top of its `*_hot.py`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []
        self.dtypes: list[np.dtype[Any]] = []
        self.dims: list[int] = []
        self.readonly: list[bool] = []

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
        if JIT_ON:
            return _accessor(index, from_dtype(resolved), ndim, readonly)

        def view(world: World) -> np.ndarray[Any, Any]:
            return world.arrays[index]

        return view

    def make(self, **arrays: np.ndarray[Any, Any]) -> World:
        """Build the world; every declared field must be given, of its exact dtype and shape."""
        missing = [name for name in self.names if name not in arrays]
        extra = [name for name in arrays if name not in self.names]
        assert not missing, f"world {self.name}: missing {missing}"
        assert not extra, f"world {self.name}: unknown {extra}"
        return World(self, [arrays[name] for name in self.names])


class World:
    """What a kernel of one agent is called with: `kernel(world.handle, now_ns, ...)`.

    Holds the arrays alive for as long as it lives. `handle` is the array of addresses when the
    compiler is on, and the world itself when it is off.
    """

    __slots__ = ("arrays", "handle", "spec", "words")

    def __init__(self, spec: WorldSpec, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
        self.spec = spec
        self.words = np.zeros(len(arrays) * _WORDS_PER_FIELD, np.int64)
        held = []
        for index, array in enumerate(arrays):
            label = f"{spec.name}.{spec.names[index]}"
            assert array.dtype == spec.dtypes[index], f"{label}: {array.dtype}"
            assert array.ndim == spec.dims[index], f"{label}: {array.ndim} dimensions"
            assert array.flags.c_contiguous, f"{label}: not contiguous"
            assert array.ctypes.data % WORD_ALIGNMENT_BYTES == 0, f"{label}: not aligned"
            assert spec.readonly[index] or array.flags.writeable, f"{label}: read-only memory"
            held.append(read_only(array) if spec.readonly[index] else array)
            base = index * _WORDS_PER_FIELD
            self.words[base] = array.ctypes.data
            self.words[base + 1 : base + 1 + array.ndim] = array.shape
        self.arrays = tuple(held)
        self.handle: Any = self.words if JIT_ON else self


WORD_ALIGNMENT_BYTES = 8


def read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A view of `array` that refuses stores, as a reader's mapping does."""
    view = array.view()
    view.flags.writeable = False
    return view
