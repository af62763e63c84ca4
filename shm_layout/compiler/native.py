"""Compiled entry points without the compiler: object files of the cache as functions of Python.

An entry point is a built-in function object made here when its module is imported, with its machine
code behind it where the cache has it; where not, `load` puts it there later. So
`from x_hot import step` gives the same fast function whichever comes first. Numba is not imported:
that takes longer than all the rest of a start.

The layouts below are CPython's and numpy's public structures (methodobject.h `PyMethodDef`,
bytesobject.h `PyBytesObject`, numpy/ndarraytypes.h `PyArrayObject_fields`), 64-bit.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding

from shm_layout.compiler import perf_map
from shm_layout.jit import Entry, cache_dir

ARRAY_DATA_AT = 16
ARRAY_NDIM_AT = 24
ARRAY_DIMS_AT = 32
ARRAY_STRIDES_AT = 40
ARRAY_DESCR_AT = 56
ARRAY_FLAGS_AT = 64
BYTES_SIZE_AT = 16
BYTES_DATA_AT = 32
assert bytes.__basicsize__ == BYTES_DATA_AT + 1
C_CONTIGUOUS = 0x0001
WRITEABLE = 0x0400

NDARRAY_SYMBOL = "mexoms_ndarray"
ERROR_SYMBOL = "mexoms_type_error"
DESCR_SYMBOLS = {"l": "mexoms_int64", "B": "mexoms_uint8"}
"""Type character -> name of numpy's one descriptor of it."""

_METH_FASTCALL = 0x0080


class _MethodDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


_new = ctypes.pythonapi.PyCFunction_NewEx
_new.restype = ctypes.py_object
_new.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)

_STUB_SYMBOL = "mexoms_missing"
_STUB = f"""
@mexoms_runtime_error = external global i8
declare void @PyErr_SetObject(ptr, ptr)
define ptr @{_STUB_SYMBOL}(ptr %self, ptr %arguments, i64 %count) {{
  call void @PyErr_SetObject(ptr @mexoms_runtime_error, ptr %self)
  ret ptr null
}}
"""
"""Behind a function whose kernel is not there yet: raises RuntimeError(self). A function of Python
there could raise nothing through ctypes, and would give its caller whatever stands in memory."""

_definitions: dict[str, _MethodDef] = {}
"""Entry -> what its function object points to."""
_kept: list[_MethodDef] = []
"""They must never move or go away."""
_loaded: set[str] = set()
_engines: list[Any] = []


@functools.cache
def _machine_digest() -> str:
    """Which processor the machine code is for, and which version made it."""
    import llvmlite

    features = binding.get_host_cpu_features().flatten()
    text = f"{binding.get_host_cpu_name()} {features} {llvmlite.__version__} {np.__version__}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]


def file_of(entry: Entry) -> Path:
    """Where its machine code lies, or will."""
    own = _file_digest(entry.function.__code__.co_filename)
    return cache_dir() / f"{entry.name}-{own}-{_machine_digest()}.o"


def symbol_of(entry: Entry) -> str:
    """Its name in the object file."""
    return f"mexoms_{entry.name.replace('.', '_')}"


def _refuse(missing: list[Entry]) -> None:
    names = ", ".join(entry.name for entry in missing)
    raise RuntimeError(f"not compiled: {names}; `python -m procs.compile` does that")


make_missing: Callable[[list[Entry]], None] = _refuse
"""What compiles entry points for this process; the upper floor puts it here (procs/compile.py)."""


def callable_of(entry: Entry) -> Callable[..., Any]:
    """The function that Python calls: what the cache has is loaded at once."""
    definition = _MethodDef(
        entry.function.__name__.encode(),
        _stub(),
        _METH_FASTCALL,
        (entry.function.__doc__ or "").encode(),
    )
    _definitions[entry.name] = definition
    _kept.append(definition)
    _loaded.discard(entry.name)
    said = f"not compiled: {entry.name}; `python -m procs.compile` does that"
    made = _new(ctypes.addressof(definition), said, None)
    if file_of(entry).exists():
        load([entry])
    return made


@functools.cache
def _stub() -> int:
    engine = _engine(_STUB)
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(_STUB_SYMBOL))


def load(entries: Sequence[Entry]) -> None:
    """Put machine code behind functions that have none yet; what the cache lacks is made first."""
    wanted = [entry for entry in entries if entry.name not in _loaded]
    if not wanted:
        return
    missing = [entry for entry in wanted if not file_of(entry).exists()]
    if missing:
        make_missing(missing)
    engine = _engine()
    objects = [file_of(entry).read_bytes() for entry in wanted]
    for data in objects:
        engine.add_object_file(binding.ObjectFileRef.from_data(data))
    engine.finalize_object()
    for entry, data in zip(wanted, objects, strict=True):
        address = engine.get_function_address(symbol_of(entry))
        _definitions[entry.name].function = address
        _loaded.add(entry.name)
        if perf_map.WANTED in os.environ:
            perf_map.note(symbol_of(entry), address, data)
    _engines.append(engine)


def _engine(assembly: str = "") -> Any:
    if not _engines:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        binding.add_symbol(NDARRAY_SYMBOL, id(np.ndarray))
        binding.add_symbol(ERROR_SYMBOL, id(TypeError))
        binding.add_symbol("mexoms_runtime_error", id(RuntimeError))
        for character, symbol in DESCR_SYMBOLS.items():
            binding.add_symbol(symbol, id(np.dtype(character)))
    target = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), reloc="static", codemodel="jitdefault", jit=True
    )
    return binding.create_mcjit_compiler(binding.parse_assembly(assembly), target)
