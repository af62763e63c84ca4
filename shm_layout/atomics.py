"""The only ordering code: acquire, release, fences, the cycle counter, 64x64 -> 128.

Aligned int64 words of numpy arrays, from inside `@hot` functions. Plain loads in a compiled wait
loop are hoisted out of it; plain stores may be dropped or moved: whatever another process reads
while it is written goes through this file. With the compiler off the same names are plain Python,
which is enough for one thread and, under x86's total store order, for tests across processes.

`full_fence` is needed where a store must be seen before a later load: the park protocol loses
wake-ups without it (0 with it, hundreds per million without).
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

from shm_layout.jit import COMPILING

_ALIGN_BYTES = 8

if COMPILING:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    _I64 = ir.IntType(64)
    _I128 = ir.IntType(128)

    @intrinsic
    def load_acquire(typingctx: Any, array: Any, index: Any) -> Any:
        """`array[index]` (int64), with acquire order."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = context.make_array(signature.args[0])(context, builder, args[0])
            at = builder.gep(words.data, [args[1]])
            return builder.load_atomic(at, "acquire", _ALIGN_BYTES)

        return types.int64(array, types.int64), codegen

    @intrinsic
    def store_release(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
        """`array[index] = value` (int64), with release order."""
        if isinstance(array, types.Array) and not array.mutable:
            raise TypeError("store_release into a read-only array")

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = context.make_array(signature.args[0])(context, builder, args[0])
            at = builder.gep(words.data, [args[1]])
            builder.store_atomic(args[2], at, "release", _ALIGN_BYTES)
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), codegen

    @intrinsic
    def load_at(typingctx: Any, address: Any) -> Any:
        """The int64 at an address, with acquire order; the caller keeps its mapping alive."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            at = builder.inttoptr(args[0], _I64.as_pointer())
            return builder.load_atomic(at, "acquire", _ALIGN_BYTES)

        return types.int64(types.int64), codegen

    def _fence(ordering: str) -> Any:
        def fence(typingctx: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                builder.fence(ordering)
                return context.get_dummy_value()

            return types.void(), codegen

        return intrinsic(fence)

    acquire_fence = _fence("acquire")
    release_fence = _fence("release")
    full_fence = _fence("seq_cst")

    @intrinsic
    def cycles(typingctx: Any) -> Any:
        """The cycle counter; for histograms only, it decides nothing."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            made = ir.FunctionType(_I64, [])
            name = "llvm.readcyclecounter"
            return builder.call(cgutils.get_or_insert_function(builder.module, made, name), [])

        return types.int64(), codegen

    @intrinsic
    def multiply_wide(typingctx: Any, a: Any, b: Any) -> Any:
        """Signed 64 x 64 -> (high, low) words of the 128-bit product."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            product = builder.mul(builder.sext(args[0], _I128), builder.sext(args[1], _I128))
            shifted = builder.ashr(product, ir.Constant(_I128, 64))
            pair = [builder.trunc(shifted, _I64), builder.trunc(product, _I64)]
            return context.make_tuple(builder, signature.return_type, pair)

        pair_type = types.UniTuple(types.int64, 2)
        return pair_type(types.int64, types.int64), codegen

else:

    def load_acquire(array: Any, index: int) -> int:
        return int(array[index])

    def store_release(array: Any, index: int, value: int) -> None:
        array[index] = value

    def load_at(address: int) -> int:
        return ctypes.c_int64.from_address(int(address)).value

    def acquire_fence() -> None:
        pass

    release_fence = full_fence = acquire_fence

    def cycles() -> int:
        return time.perf_counter_ns()

    def multiply_wide(a: int, b: int) -> tuple[int, int]:
        product = int(a) * int(b)
        low = product & ((1 << 64) - 1)
        return product >> 64, low - (1 << 64) if low >> 63 else low
