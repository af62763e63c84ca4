"""The exclusive or of bytes with a key of four, eight bytes a step, wherever they begin.

`mask_8(array, at, key)`: bytes `at` to `at + 7` of a writable array of uint8; `key` is 32 bits, its
lowest byte the first. Bounds are the caller's. A loop over bytes in a kernel stays a loop over
bytes: vectorising passes are off (`shm_layout/compiler/dispatchers.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shm_layout.jit import COMPILING

if COMPILING:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    _I64 = ir.IntType(64)

    @intrinsic
    def mask_8(typingctx: Any, array: Any, at: Any, key: Any) -> Any:
        """Eight bytes, at any address: the load and the store say that they may be unaligned."""
        if not array.mutable:
            raise TypeError("mask_8 in a read-only array")

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            place = builder.bitcast(builder.gep(data, [args[1]]), _I64.as_pointer())
            twice = builder.or_(args[2], builder.shl(args[2], ir.Constant(_I64, 32)))
            word = builder.load(place, align=1)
            builder.store(builder.xor(word, twice), place, align=1)
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), codegen

else:

    def mask_8(array: Any, at: int, key: int) -> None:
        """The same, interpreted."""
        array[at : at + 8] ^= np.frombuffer(int(key).to_bytes(4, "little") * 2, np.uint8)
