"""Moving a run of words inside one array (memmove), which a plain loop in a kernel does not become.

`move_words(array, to, start, count)`: int64 array of any shape, C-contiguous; positions are flat
indexes; the two runs may overlap. Bounds are the caller's.
"""

from __future__ import annotations

from typing import Any

from shm_layout.jit import COMPILING
from shm_layout.limits import WORD_BYTES

if COMPILING:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    @intrinsic
    def move_words(typingctx: Any, array: Any, to: Any, start: Any, count: Any) -> Any:
        """Copy `count` words from flat index `start` to flat index `to`, as if through a copy."""
        if not array.mutable:
            raise TypeError("move_words in a read-only array")

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = context.make_array(signature.args[0])(context, builder, args[0])
            target = builder.gep(words.data, [args[1]])
            source = builder.gep(words.data, [args[2]])
            size = ir.Constant(ir.IntType(64), WORD_BYTES)
            cgutils.raw_memmove(builder, target, source, args[3], size)
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64, types.int64), codegen

else:

    def move_words(array: Any, to: int, start: int, count: int) -> None:
        """The same, interpreted."""
        flat = array.reshape(-1)
        flat[to : to + count] = flat[start : start + count].copy()
