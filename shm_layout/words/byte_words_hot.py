"""Eight bytes of text at a time, as one int64 whose lowest byte is the first of them.

For scanners (`oms/venues`): what costs a compare and a branch per byte costs a few operations per
eight. Bounds are the caller's: `load_word` reads eight bytes wherever it is told to. A byte beyond
ASCII makes no mask wrong: it is neither a digit nor plain.

    load_word(buf, at)      the eight bytes at flat position `at`, whatever its alignment
    store_word(buf, at, w)  the same, written
    digit_count(word)       how many of them, from the first on, are digits; 0 .. 8
    plain_count(word)       how many need no second look inside a JSON string: ASCII from the space
                            on, neither a quote nor a backslash; 0 .. 8
    first_bytes(word, n)    the first `n` (0 .. 8) of them, moved to the end, zeros before them
    nondigit_marks(buf, at) of the WINDOW_BYTES from `at` on: bit k is set where byte k is no digit
    nonplain_marks(buf, at) the same: where byte k is not plain
    first_mark(marks)       index of the lowest bit that is set; 64 if none is
    digits_value(word)      the number that eight digits are; a zero byte counts as a '0'
"""

from __future__ import annotations

from typing import Any

from shm_layout.jit import COMPILING, hot

BYTES_PER_WORD = 8
WINDOW_BYTES = 32
_LOW_NIBBLES = 0x0F0F0F0F0F0F0F0F
_EACH_SECOND_BYTE = 0x00FF00FF00FF00FF
_EACH_SECOND_PAIR = 0x0000FFFF0000FFFF
_LOW_HALF = 0xFFFFFFFF

if COMPILING:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    _I64 = ir.IntType(64)
    _BIT = ir.IntType(1)
    _WINDOW = ir.VectorType(ir.IntType(8), WINDOW_BYTES)
    _MARKS = ir.IntType(WINDOW_BYTES)
    _CTTZ = ir.FunctionType(_I64, [_I64, _BIT])
    _ONES = 0x0101010101010101
    _HIGH = 0x80 * _ONES

    @intrinsic
    def load_word(typingctx: Any, buf: Any, at: Any) -> Any:
        """The eight bytes of `buf` (uint8, any shape, contiguous) at flat position `at`."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, args[0])
            where = builder.bitcast(builder.gep(view.data, [args[1]]), _I64.as_pointer())
            return builder.load(where, align=1)

        return types.int64(buf, types.int64), codegen

    @intrinsic
    def store_word(typingctx: Any, buf: Any, at: Any, word: Any) -> Any:
        """Write eight bytes of `buf` (uint8, any shape, contiguous) at flat position `at`."""
        if not buf.mutable:
            raise TypeError("store_word in a read-only array")

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, args[0])
            where = builder.bitcast(builder.gep(view.data, [args[1]]), _I64.as_pointer())
            builder.store(args[2], where, align=1)
            return context.get_dummy_value()

        return types.void(buf, types.int64, types.int64), codegen

    @intrinsic
    def nondigit_marks(typingctx: Any, buf: Any, at: Any) -> Any:
        """A bit for each byte of the window."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, args[0])
            where = builder.bitcast(builder.gep(view.data, [args[1]]), _WINDOW.as_pointer())
            above = builder.sub(
                builder.load(where, align=1), ir.Constant(_WINDOW, list(b"0" * WINDOW_BYTES))
            )
            other = builder.icmp_unsigned(">", above, ir.Constant(_WINDOW, [9] * WINDOW_BYTES))
            return builder.zext(builder.bitcast(other, _MARKS), _I64)

        return types.int64(buf, types.int64), codegen

    @intrinsic
    def nonplain_marks(typingctx: Any, buf: Any, at: Any) -> Any:
        """A bit for each byte of the window."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            view = context.make_array(signature.args[0])(context, builder, args[0])
            where = builder.bitcast(builder.gep(view.data, [args[1]]), _WINDOW.as_pointer())
            given = builder.load(where, align=1)
            # As signed bytes, what is beyond ASCII lies below the space, too.
            other = builder.icmp_signed("<", given, ir.Constant(_WINDOW, list(b" " * WINDOW_BYTES)))
            for byte in (b'"', b"\\"):
                same = builder.icmp_unsigned(
                    "==", given, ir.Constant(_WINDOW, list(byte * WINDOW_BYTES))
                )
                other = builder.or_(other, same)
            return builder.zext(builder.bitcast(other, _MARKS), _I64)

        return types.int64(buf, types.int64), codegen

    @intrinsic
    def first_mark(typingctx: Any, marks: Any) -> Any:
        """Index of the lowest bit."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            first = builder.module.declare_intrinsic("llvm.cttz", (_I64,), _CTTZ)
            return builder.call(first, [args[0], _BIT(0)])

        return types.int64(types.int64), codegen

    @intrinsic
    def digit_count(typingctx: Any, word: Any) -> Any:
        """Digits at the beginning of the word."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            # A digit's low half is 0 .. 9 once its high half is gone; 0x76 more sets the top bit
            # of everything else, and carries into no neighbour, as the top bits are left out.
            low = builder.xor(args[0], _I64(0x30 * _ONES))
            beyond = builder.add(builder.and_(low, _I64(0x7F * _ONES)), _I64(0x76 * _ONES))
            marks = builder.and_(builder.or_(low, beyond), _I64(_HIGH))
            first = builder.module.declare_intrinsic("llvm.cttz", (_I64,), _CTTZ)
            return builder.lshr(builder.call(first, [marks, _BIT(0)]), _I64(3))

        return types.int64(types.int64), codegen

    @intrinsic
    def plain_count(typingctx: Any, word: Any) -> Any:
        """Plain bytes at the beginning of the word."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            given = args[0]
            marks = given  # beyond ASCII
            for value, below in ((given, 0x20), (0x22, 1), (0x5C, 1)):
                # "Less than `below`" by a subtraction: what it borrows reaches only bytes behind
                # one that is marked rightly, and the first mark is all that is looked at.
                if isinstance(value, int):
                    value = builder.xor(given, _I64(value * _ONES))  # noqa: PLW2901 - as a byte 0
                less = builder.sub(value, _I64(below * _ONES))
                marks = builder.or_(marks, builder.and_(less, builder.not_(value)))
            marks = builder.and_(marks, _I64(_HIGH))
            first = builder.module.declare_intrinsic("llvm.cttz", (_I64,), _CTTZ)
            return builder.lshr(builder.call(first, [marks, _BIT(0)]), _I64(3))

        return types.int64(types.int64), codegen

    @intrinsic
    def first_bytes(typingctx: Any, word: Any, count: Any) -> Any:
        """The first `count` bytes, moved to the end."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            away = builder.sub(_I64(BYTES_PER_WORD), args[1])
            moved = builder.shl(args[0], builder.and_(builder.shl(away, _I64(3)), _I64(63)))
            return builder.select(builder.icmp_signed("==", args[1], _I64(0)), _I64(0), moved)

        return types.int64(types.int64, types.int64), codegen

else:

    def _bytes_of(word: int) -> bytes:
        return int(word).to_bytes(BYTES_PER_WORD, "little", signed=True)

    def load_word(buf: Any, at: int) -> int:
        """The same, interpreted."""
        raw = buf.reshape(-1)[at : at + BYTES_PER_WORD].tobytes()
        assert len(raw) == BYTES_PER_WORD, "a word beyond the end of the bytes"
        return int.from_bytes(raw, "little", signed=True)

    def store_word(buf: Any, at: int, word: int) -> None:
        """The same, interpreted; a word that wrapped is written as it stands in 64 bits."""
        flat = buf.reshape(-1)
        assert at + BYTES_PER_WORD <= len(flat), "a word beyond the end of the bytes"
        low = int(word) & ((1 << 64) - 1)
        flat[at : at + BYTES_PER_WORD] = list(low.to_bytes(BYTES_PER_WORD, "little"))

    def _marks(buf: Any, at: int, skipped: Any) -> int:
        raw = buf.reshape(-1)[at : at + WINDOW_BYTES].tobytes()
        assert len(raw) == WINDOW_BYTES, "a window beyond the end of the bytes"
        return sum(1 << k for k, c in enumerate(raw) if not skipped(c))

    def nondigit_marks(buf: Any, at: int) -> int:
        """The same, interpreted."""
        return _marks(buf, at, lambda c: 48 <= c <= 57)

    def nonplain_marks(buf: Any, at: int) -> int:
        """The same, interpreted."""
        return _marks(buf, at, lambda c: 32 <= c < 128 and c not in (34, 92))

    def first_mark(marks: int) -> int:
        """The same, interpreted."""
        return (int(marks) & -int(marks)).bit_length() - 1 if marks else 64

    def digit_count(word: int) -> int:
        """The same, interpreted."""
        raw = _bytes_of(word)
        return next((k for k, c in enumerate(raw) if not 48 <= c <= 57), BYTES_PER_WORD)

    def plain_count(word: int) -> int:
        """The same, interpreted."""
        raw = _bytes_of(word)
        plain = [32 <= c < 128 and c not in (34, 92) for c in raw]
        return next((k for k, is_plain in enumerate(plain) if not is_plain), BYTES_PER_WORD)

    def first_bytes(word: int, count: int) -> int:
        """The same, interpreted."""
        raw = _bytes_of(word)[:count].rjust(BYTES_PER_WORD, b"\0")
        return int.from_bytes(raw, "little", signed=True)


@hot(inline=True)
def digits_value(word):
    """Number of eight digits: neighbours joined by two, by four, by eight. No step overflows."""
    word = word & _LOW_NIBBLES
    word = (word * 10 + (word >> 8)) & _EACH_SECOND_BYTE
    word = (word * 100 + (word >> 16)) & _EACH_SECOND_PAIR
    return (word * 10000 + (word >> 32)) & _LOW_HALF
