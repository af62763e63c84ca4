"""How many of a block of sorted words are not above a key, without a branch.

`words_up_to(array, at, key)`: of BLOCK_WORDS int64 words of `array` (any shape, contiguous) from
flat position `at` on. A search by halves takes a load after a load, each of which has to wait for
the one before; this one loads and compares them all at once, eight words an instruction where the
machine has such.
"""

from __future__ import annotations

from typing import Any

from shm_layout.jit import COMPILING

BLOCK_WORDS = 32
_AT_ONCE = 8

assert BLOCK_WORDS % _AT_ONCE == 0

if COMPILING:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    _I64 = ir.IntType(64)
    _WORDS = ir.VectorType(_I64, _AT_ONCE)
    _SUM = ir.FunctionType(_I64, [_WORDS])
    _LANES = ir.Constant(ir.VectorType(ir.IntType(32), _AT_ONCE), [0] * _AT_ONCE)

    @intrinsic
    def words_up_to(typingctx: Any, array: Any, at: Any, key: Any) -> Any:
        """Words of the block that are not above `key`; 0 .. BLOCK_WORDS."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, args[0])
            none = ir.Constant(_WORDS, ir.Undefined)
            one = builder.insert_element(none, args[2], ir.IntType(32)(0))
            keys = builder.shuffle_vector(one, none, _LANES)
            found = ir.Constant(_WORDS, None)
            for first in range(0, BLOCK_WORDS, _AT_ONCE):
                where = builder.gep(view.data, [builder.add(args[1], _I64(first))])
                words = builder.load(builder.bitcast(where, _WORDS.as_pointer()), align=8)
                below = builder.icmp_signed("<=", words, keys)
                found = builder.add(found, builder.zext(below, _WORDS))
            name = f"llvm.vector.reduce.add.v{_AT_ONCE}i64"
            return builder.call(builder.module.declare_intrinsic(name, (), _SUM), [found])

        return types.int64(array, types.int64, types.int64), codegen

else:

    def words_up_to(array: Any, at: int, key: int) -> int:
        """The same, interpreted."""
        return int((array.reshape(-1)[at : at + BLOCK_WORDS] <= key).sum())
