"""A hint to the processor: this row will be wanted soon.

`prefetch_row(array, row)`: both cache lines of a row of an array of records. It changes nothing and
may name any row, one that is not there included; with the compiler off it does nothing.
"""

from __future__ import annotations

from typing import Any

from shm_layout.jit import COMPILING
from shm_layout.limits import CACHE_LINE_BYTES

if COMPILING:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    _I32 = ir.IntType(32)
    _BYTES = ir.IntType(8).as_pointer()

    @intrinsic
    def prefetch_row(typingctx: Any, array: Any, row: Any) -> Any:
        """For reading and writing, into all levels of the cache."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, args[0])
            first = builder.bitcast(builder.gep(view.data, [args[1]]), _BYTES)
            made = ir.FunctionType(ir.VoidType(), [_BYTES, _I32, _I32, _I32])
            call = builder.module.declare_intrinsic("llvm.prefetch", (_BYTES,), made)
            for line in range(2):
                at = builder.gep(first, [ir.Constant(ir.IntType(64), line * CACHE_LINE_BYTES)])
                builder.call(call, [at, _I32(1), _I32(3), _I32(1)])
            return context.get_dummy_value()

        return types.void(array, types.int64), codegen

else:

    def prefetch_row(array: Any, row: int) -> None:
        """Nothing to fetch."""
