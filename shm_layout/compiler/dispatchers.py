"""The compiler's half of `jit`: numba's dispatchers, the accessors of worlds, machine code on disk.

Imported in the mode COMPILER only. An entry point that is compiled here leaves two things: numba's
own cache, for the next process of this mode, and an object file that `native.py` loads without
numba. The object file holds the kernel and a function of CPython's METH_FASTCALL convention that
checks and unboxes the arguments: exact ndarray, one dimension, dtype, contiguous, writable where
it is written. What calls it pays some 50 ns.

A process that only fills the cache calls `for_the_cache` first. Then kernels that Python does not
call are not made into machine code of their own, and are optimised once, inside each entry point
that they end up in: both had been done again for every function on the way to it, which was half
of all compile time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.caching import NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np import arrayobj
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

from shm_layout.compiler.native import (
    ARRAY_DATA_AT,
    ARRAY_DESCR_AT,
    ARRAY_DIMS_AT,
    ARRAY_FLAGS_AT,
    ARRAY_NDIM_AT,
    ARRAY_STRIDES_AT,
    BYTES_DATA_AT,
    BYTES_SIZE_AT,
    C_CONTIGUOUS,
    DESCR_SYMBOLS,
    ERROR_SYMBOL,
    NDARRAY_SYMBOL,
    WRITEABLE,
    file_of,
    symbol_of,
)
from shm_layout.jit import BYTES_READ, Argument, Entry, cache_dir

numba.config.CACHE_DIR = str(cache_dir())
# Kernels are scalar: vectorising passes find nothing in them and take a sixth of the time.
numba.config.LOOP_VECTORIZE = 0
numba.config.SLP_VECTORIZE = 0


def _plain_index(context: Any, builder: Any, kind: Any, index: Any, _: Any) -> Any:
    """Kernels count from 0: no index is negative, and none is looked at for being so."""
    return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)


arrayobj.fix_integer_index = _plain_index

_I8 = ir.IntType(8)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_PTR = _I8.as_pointer()
_TYPE_AT = 8
"""Of an object's type, behind its reference count."""


_dispatchers: list[Any] = []
_caches: dict[Any, Any] = {}
"""Of an entry point: numba's own cache, while `for_the_cache`."""
_made_whole = ""
"""The entry point that is compiled now, while `for_the_cache`."""


class _Library(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
    """Code of one function, which leaves the work to the entry point that it is linked into."""

    def _optimize_final_module(self) -> None:
        if self.name == _made_whole:
            super()._optimize_final_module()

    def _finalize_final_module(self) -> None:
        if self.name == _made_whole:
            super()._finalize_final_module()
        else:
            self._finalize_dynamic_globals()
            self._finalized = True


def for_the_cache(entries: Sequence[Entry]) -> None:
    """From now on this process compiles entry points for others, and calls no kernel."""
    codegen = cpu_target.target_context.codegen()
    codegen._library_class = _Library
    codegen.set_env = lambda *_: None  # it stands in machine code, for calls
    called = {id(entry.called) for entry in entries}
    for dispatcher in _dispatchers:
        if id(dispatcher) in called:
            _caches[dispatcher] = dispatcher._cache
        else:
            dispatcher.targetoptions["no_cpython_wrapper"] = True
        # What is not machine code cannot be kept there.
        dispatcher._cache = NullCache()


def compiled(fn: Callable[..., Any], *, inline: bool) -> Callable[..., Any]:
    """A dispatcher with the project's options. _nrt=False: no reference counts; kernels allocate
    nothing that would need them."""
    options = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    made = numba.njit(forceinline=inline, no_cfunc_wrapper=True, **options)(fn)
    _dispatchers.append(made)
    templates = made.get_call_template

    def widened(given: Any, kws: Any) -> Any:
        return templates(tuple(_wide(kind) for kind in given), kws)

    # A field may be int16, int32 or int64: each combination of them, and of constants, would be
    # compiled anew, and the matching kernel took several times as long.
    made.get_call_template = widened
    return made


def _wide(kind: Any) -> Any:
    """What kernels pass to kernels an argument of this type as: int64 for every signed integer."""
    plain = types.unliteral(kind)
    return types.int64 if isinstance(plain, types.Integer) and plain.signed else plain


def type_of(argument: Argument) -> Any:
    """numba's type of an argument."""
    item = from_dtype(argument.dtype)
    if argument.dims == 0:
        return item
    return types.Array(item, argument.dims, "C", readonly=argument.readonly, aligned=True)


def compile_entry(entry: Entry) -> None:
    """Compile for this process, close to further types, and leave the object file."""
    dispatcher = entry.called
    signature = tuple(type_of(argument) for argument in entry.arguments)
    if file_of(entry).exists():
        if signature not in dispatcher.overloads:
            dispatcher.compile(signature)
    else:
        _write(entry, _fresh(dispatcher, signature))
    if not entry.shared:
        dispatcher.disable_compile()


def _fresh(dispatcher: Any, signature: tuple[Any, ...]) -> Any:
    """Compiled whether numba's cache has it or not: what comes from there has lost its module."""
    global _made_whole
    with global_compiler_lock:
        _made_whole = dispatcher.py_func.__qualname__
        result = dispatcher._compiler.compile(signature, None)
        if signature not in dispatcher.overloads:
            dispatcher.add_overload(result)
        _caches.get(dispatcher, dispatcher._cache).save_overload(signature, result)
    return result


def _write(entry: Entry, result: Any) -> None:
    """The object file, aside and then in place: a reader sees it whole or not at all."""
    path = file_of(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_bytes(_object_code(entry, result))
    aside.rename(path)


def _object_code(entry: Entry, result: Any) -> bytes:
    codegen = cpu_target.target_context.codegen()
    module = binding.parse_bitcode(result.library._final_module.as_bitcode())
    module.link_in(binding.parse_assembly(str(_wrapper(entry, result))))
    wanted = symbol_of(entry)
    for symbol in (*module.functions, *module.global_variables):
        if not symbol.is_declaration and symbol.name != wanted:
            symbol.linkage = "internal"
    # Internal now: numba's own wrappers fall away, the kernel is inlined into ours.
    machine = codegen._tm
    builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options())
    passes = binding.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)
    module.verify()
    return machine.emit_object(module)


def _wrapper(entry: Entry, result: Any) -> ir.Module:
    """`PyObject *symbol(PyObject *self, PyObject **arguments, int64 count)`."""
    context = cpu_target.target_context
    module = ir.Module(name=f"wrapper.{entry.name}")
    module.triple = binding.get_process_triple()
    made = ir.FunctionType(_PTR, [_PTR, _PTR.as_pointer(), _I64])
    wrapper = ir.Function(module, made, symbol_of(entry))
    builder = ir.IRBuilder(wrapper.append_basic_block("entry"))
    python = _Python(module, builder, entry)
    _, given, count = wrapper.args
    wanted = len(entry.arguments)
    python.require(builder.icmp_signed("==", count, _I64(wanted)), f"takes {wanted} arguments")
    unboxed = []
    for index, argument in enumerate(entry.arguments):
        boxed = builder.load(builder.gep(given, [_I64(index)]))
        if argument == BYTES_READ:
            unboxed.append(python.octets(context, index, boxed))
        elif argument.dims:
            unboxed.append(python.array(context, index, argument, boxed))
        else:
            unboxed.append(python.integer(boxed))
    declared = context.declare_function(module, result.fndesc)
    status, value = context.call_conv.call_function(
        builder, declared, result.fndesc.restype, result.fndesc.argtypes, unboxed
    )
    python.require(status.is_ok, "a kernel's assertion failed")
    python.give_back(result.fndesc.restype, value)
    return module


class _Python:
    """Pieces of CPython's API, as the wrapper calls them."""

    def __init__(self, module: ir.Module, builder: ir.IRBuilder, entry: Entry) -> None:
        self._module, self._builder, self._entry = module, builder, entry

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        made = ir.FunctionType(result, [argument.type for argument in arguments])
        found = cgutils.get_or_insert_function(self._module, made, name)
        return self._builder.call(found, arguments)

    def _external(self, name: str) -> Any:
        found = self._module.globals.get(name)
        return found if found is not None else ir.GlobalVariable(self._module, _I8, name)

    def require(self, holds: Any, otherwise: str) -> None:
        """Raise TypeError and leave, unless it holds."""
        with self._builder.if_then(self._builder.not_(holds), likely=False):
            text = f"{self._entry.name}: {otherwise}"
            string = cgutils.global_constant(self._module, "text", cgutils.make_bytearray(
                text.encode() + b"\0"))  # fmt: skip
            kind = self._external(ERROR_SYMBOL)
            text_at = self._builder.bitcast(string, _PTR)
            self._call("PyErr_SetString", ir.VoidType(), kind, text_at)
            self._builder.ret(ir.Constant(_PTR, None))

    def integer(self, boxed: Any) -> Any:
        """An int, or what has __index__, as int64."""
        value = self._call("PyLong_AsLongLong", _I64, boxed)
        with self._builder.if_then(self._builder.icmp_signed("==", value, _I64(-1)), likely=False):
            raised = self._call("PyErr_Occurred", _PTR)
            with self._builder.if_then(cgutils.is_not_null(self._builder, raised)):
                self._builder.ret(ir.Constant(_PTR, None))
        return value

    def _field(self, boxed: Any, at: int, of: Any) -> Any:
        where = self._builder.gep(boxed, [_I64(at)])
        return self._builder.load(self._builder.bitcast(where, of.as_pointer()))

    def array(self, context: Any, index: int, argument: Argument, boxed: Any) -> Any:
        """numba's view of an ndarray, checked."""
        builder = self._builder
        item_text = argument.dtype.name if argument.dtype.names is None else "record"
        label = f"argument {index} must be a contiguous {argument.dims}-d {item_text} array"
        if not argument.readonly:
            label += ", writable"
        kind = self._field(boxed, _TYPE_AT, _PTR)
        self.require(builder.icmp_unsigned("==", kind, self._external(NDARRAY_SYMBOL)), label)
        flags = self._field(boxed, ARRAY_FLAGS_AT, _I32)
        wanted = C_CONTIGUOUS if argument.readonly else C_CONTIGUOUS | WRITEABLE
        dims = self._field(boxed, ARRAY_NDIM_AT, _I32)
        self.require(builder.icmp_signed("==", dims, _I32(argument.dims)), label)
        has = builder.and_(flags, _I32(wanted))
        self.require(builder.icmp_signed("==", has, _I32(wanted)), label)
        shape_at = self._field(boxed, ARRAY_DIMS_AT, _I64.as_pointer())
        shape = [builder.load(builder.gep(shape_at, [_I64(k)])) for k in range(argument.dims)]
        item = _I64(argument.dtype.itemsize)
        symbol = DESCR_SYMBOLS.get(argument.dtype.char)
        if symbol is not None:
            descr = self._field(boxed, ARRAY_DESCR_AT, _PTR)
            self.require(builder.icmp_unsigned("==", descr, self._external(symbol)), label)
        else:  # every structured type has descriptors of its own: at least the size must fit
            stride = builder.load(self._field(boxed, ARRAY_STRIDES_AT, _I64.as_pointer()))
            self.require(builder.icmp_signed("==", stride, item), label)
        strides = [item]
        for k in range(argument.dims - 1, 0, -1):
            strides.insert(0, builder.mul(strides[0], shape[k]))
        made = make_array(type_of(argument))(context, builder)
        populate_array(
            made,
            data=builder.bitcast(self._field(boxed, ARRAY_DATA_AT, _PTR), made.data.type),
            shape=cgutils.pack_array(builder, shape),
            strides=cgutils.pack_array(builder, strides),
            itemsize=item,
            meminfo=None,
        )
        return made._getvalue()

    def octets(self, context: Any, index: int, boxed: Any) -> Any:
        """numba's view of `bytes` as they are, or of an array of them."""
        builder = self._builder
        kind = self._field(boxed, _TYPE_AT, _PTR)
        plain = builder.icmp_unsigned("==", kind, self._external("PyBytes_Type"))
        with builder.if_else(plain) as (then, otherwise):
            with then:
                made = make_array(type_of(BYTES_READ))(context, builder)
                size = self._field(boxed, BYTES_SIZE_AT, _I64)
                populate_array(
                    made, data=builder.gep(boxed, [_I64(BYTES_DATA_AT)]),
                    shape=cgutils.pack_array(builder, [size]),
                    strides=cgutils.pack_array(builder, [_I64(1)]), itemsize=_I64(1), meminfo=None,
                )  # fmt: skip
                given, given_in = made._getvalue(), builder.block
            with otherwise:
                array, array_in = self.array(context, index, BYTES_READ, boxed), builder.block
        found = builder.phi(given.type)
        found.add_incoming(given, given_in)
        found.add_incoming(array, array_in)
        return found

    def give_back(self, kind: Any, value: Any) -> None:
        """The kernel's result as an int, or None."""
        if isinstance(kind, types.NoneType):
            none = self._external("_Py_NoneStruct")
            self._call("Py_IncRef", ir.VoidType(), none)
            self._builder.ret(none)
            return
        assert isinstance(kind, (types.Integer, types.Boolean)), f"{self._entry.name} gives {kind}"
        if value.type != _I64:
            signed = isinstance(kind, types.Integer) and kind.signed
            value = (self._builder.sext if signed else self._builder.zext)(value, _I64)
        self._builder.ret(self._call("PyLong_FromLongLong", _PTR, value))


def accessor(base: int, dtype: np.dtype[Any], ndim: int, *, readonly: bool) -> Any:
    """An intrinsic `view(world) -> array` for the field whose words begin at `base`."""
    numba_type = from_dtype(dtype)
    array_type = types.Array(numba_type, ndim, "C", readonly=readonly, aligned=True)

    def view(typingctx: Any, world: Any) -> Any:  # noqa: ARG001 - numba names it
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = context.make_array(signature.args[0])(context, builder, args[0])
            load = lambda k: builder.load(  # noqa: E731 - three uses, one line
                builder.gep(words.data, [_I64(base + k)])
            )
            made = make_array(signature.return_type)(context, builder)
            item = _I64(dtype.itemsize)
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
