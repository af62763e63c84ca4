"""SHA-256's numbers (FIPS 180-4), and its rounds as LLVM's instructions for `sha256_hot.compress`,
which calls them where it is compiled.

Written out in 32 bits, as kernels count in 64. Of the message's words four are made at a time,
beside the rounds that use those before them; a loop takes sixteen rounds, which leaves more of a
core's first cache to others than 64 in a row, and is no slower.
"""

from __future__ import annotations

from typing import Any

from shm_layout.jit import COMPILING

if COMPILING:
    from llvmlite import ir
    from numba.core import cgutils

    _I32, _I64 = ir.IntType(32), ir.IntType(64)
    _FOUR = ir.VectorType(_I32, 4)

BLOCK_BYTES = 64
STATE_WORDS = 8
LANES = 4
"""Words of a message that are made at a time."""
START = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)  # fmt: skip
ROUNDS = (
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
)  # fmt: skip
assert len(ROUNDS) == BLOCK_BYTES


def _all(first: Any, rest: tuple[Any, ...], joined: Any) -> Any:
    for value in rest:
        first = joined(first, value)
    return first


def _rotated(builder: Any, value: Any, count: int) -> Any:
    low = builder.lshr(value, _I32(count))
    return builder.or_(low, builder.shl(value, _I32(32 - count)))


def _turned(builder: Any, value: Any, counts: tuple[int, int, int]) -> Any:
    first, *rest = (_rotated(builder, value, count) for count in counts)
    return _all(first, tuple(rest), builder.xor)


def _next_words(builder: Any, w: list[Any]) -> Any:
    """The four words behind the last sixteen; each needs the one two before it."""

    def four(count: int) -> Any:
        return ir.Constant(_FOUR, [count] * LANES)

    def picked(one: Any, other: Any, lanes: tuple[int, ...]) -> Any:
        order = ir.Constant(ir.VectorType(_I32, LANES), lanes)
        return builder.shuffle_vector(one, other, order)

    def mixed(value: Any, first: int, second: int, away: int) -> Any:
        kind = ir.FunctionType(_FOUR, [_FOUR] * 3)
        turn = builder.module.declare_intrinsic("llvm.fshr.v4i32", (), kind)
        turned = tuple(builder.call(turn, [value, value, four(by)]) for by in (first, second))
        return _all(builder.lshr(value, four(away)), turned, builder.xor)

    made = builder.add(w[0], mixed(picked(w[0], w[1], (1, 2, 3, 4)), 7, 18, 3))
    made = builder.add(made, picked(w[2], w[3], (1, 2, 3, 4)))
    made = builder.add(made, mixed(picked(w[3], four(0), (2, 3, 4, 4)), 17, 19, 10))
    return builder.add(made, mixed(picked(made, four(0), (4, 4, 0, 1)), 17, 19, 10))


def _four_rounds(builder: Any, now: list[Any], summed: Any) -> list[Any]:
    """`now` is a to h, and b ^ c; `summed` four words, each with its constant."""
    a, b, c, d, e, f, g, h, two_before = now
    xor, add = builder.xor, builder.add
    for lane in range(LANES):
        choice = xor(g, builder.and_(e, xor(f, g)))
        two = xor(a, b)
        most = xor(b, builder.and_(two, two_before))
        two_before = two
        word = builder.extract_element(summed, _I32(lane))
        one = add(add(add(h, word), choice), _turned(builder, e, (6, 11, 25)))
        other = add(add(one, _turned(builder, a, (2, 13, 22))), most)
        a, b, c, d, e, f, g, h = other, a, b, c, add(d, one), e, f, g
    return [a, b, c, d, e, f, g, h, two_before]


def hash_block(builder: Any, before: list[Any], w: list[Any]) -> list[Any]:
    """a to h behind a block. A turn of the loop takes sixteen words and makes the next sixteen;
    the last sixteen stand behind it.
    """
    kind = ir.ArrayType(_I32, BLOCK_BYTES)
    table = cgutils.global_constant(builder, "sha256_rounds", ir.Constant(kind, ROUNDS))
    first = [*before, builder.xor(before[1], before[2]), *w]
    entered = builder.block
    body, behind = (builder.append_basic_block(name) for name in ("rounds", "last_rounds"))
    builder.branch(body)
    builder.position_at_end(body)
    at = builder.phi(_I64)
    at.add_incoming(_I64(0), entered)
    turning = [builder.phi(value.type) for value in first]
    for value, given in zip(turning, first, strict=True):
        value.add_incoming(given, entered)
    now, w = turning[:-LANES], turning[-LANES:]
    for group in range(LANES):
        place = builder.gep(table, [_I64(0), builder.add(at, _I64(LANES * group))])
        constants = builder.load(builder.bitcast(place, _FOUR.as_pointer()), align=4)
        summed = builder.add(w[0], constants)
        w = [*w[1:], _next_words(builder, w)]
        now = _four_rounds(builder, now, summed)
    more = builder.add(at, _I64(4 * LANES))
    at.add_incoming(more, body)
    for value, given in zip(turning, [*now, *w], strict=True):
        value.add_incoming(given, body)
    again = builder.icmp_signed("<", more, _I64(BLOCK_BYTES - 4 * LANES))
    builder.cbranch(again, body, behind)
    builder.position_at_end(behind)
    for group in range(LANES):
        of = BLOCK_BYTES - LANES * (LANES - group)
        constants = ir.Constant(_FOUR, ROUNDS[of : of + LANES])
        now = _four_rounds(builder, now, builder.add(w[group], constants))
    return now[:STATE_WORDS]
