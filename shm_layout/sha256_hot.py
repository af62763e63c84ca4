"""SHA-256 (FIPS 180-4) and HMAC (RFC 2104) in compiled code (`@hot` only).

For what is signed on the way of an order: OpenSSL hashes a block faster than this, but three calls
of hashlib cost more than the five blocks of an order. A hash that is under way is eight words of
32 bits in an int64 array, so whatever every message of a key begins with is hashed once.

    mac   [kind, bytes hashed so far, inner state x 8, outer state x 8, at work x 8]
"""

from __future__ import annotations

from typing import Any

from shm_layout.byte_words_hot import BYTES_PER_WORD, store_word
from shm_layout.jit import BYTES_TYPE, COMPILING, I64, WORLD_TYPE, hot

# Words of `mac`.
MAC_KIND, MAC_HASHED, MAC_INNER, MAC_OUTER, MAC_WORK = 0, 1, 2, 10, 18
MAC_WORDS = 26
KIND_NONE, KIND_HMAC = 0, 1

BLOCK_BYTES = 64
DIGEST_BYTES = 32
_STATE_WORDS = 8
_LENGTH_BYTES = 8
_START = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)  # fmt: skip
_ROUNDS = (
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
)  # fmt: skip
_LANES = 4
_EACH_SECOND_PAIR = 0x0000FFFF0000FFFF
_EACH_SECOND_BYTE = 0x00FF00FF00FF00FF
_SECOND_NIBBLES = 0x000F000F000F000F
_ONES = 0x0101010101010101
_ZERO_DIGIT, _TO_CARRY, _TO_LETTER = 0x30 * _ONES, 0x06 * _ONES, ord("a") - ord("9") - 1
assert len(_ROUNDS) == BLOCK_BYTES

if COMPILING:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    _I32, _I64 = ir.IntType(32), ir.IntType(64)
    _FOUR = ir.VectorType(_I32, _LANES)

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
            return ir.Constant(_FOUR, [count] * _LANES)

        def picked(one: Any, other: Any, lanes: tuple[int, ...]) -> Any:
            order = ir.Constant(ir.VectorType(_I32, _LANES), lanes)
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
        for lane in range(_LANES):
            choice = xor(g, builder.and_(e, xor(f, g)))
            two = xor(a, b)
            most = xor(b, builder.and_(two, two_before))
            two_before = two
            word = builder.extract_element(summed, _I32(lane))
            one = add(add(add(h, word), choice), _turned(builder, e, (6, 11, 25)))
            other = add(add(one, _turned(builder, a, (2, 13, 22))), most)
            a, b, c, d, e, f, g, h = other, a, b, c, add(d, one), e, f, g
        return [a, b, c, d, e, f, g, h, two_before]

    def _hash_block(builder: Any, before: list[Any], w: list[Any]) -> list[Any]:
        """a to h behind a block. A turn of the loop takes sixteen words and makes the next sixteen;
        the last sixteen stand behind it.
        """
        kind = ir.ArrayType(_I32, BLOCK_BYTES)
        table = cgutils.global_constant(builder, "sha256_rounds", ir.Constant(kind, _ROUNDS))
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
        now, w = turning[:-_LANES], turning[-_LANES:]
        for group in range(_LANES):
            place = builder.gep(table, [_I64(0), builder.add(at, _I64(_LANES * group))])
            constants = builder.load(builder.bitcast(place, _FOUR.as_pointer()), align=4)
            summed = builder.add(w[0], constants)
            w = [*w[1:], _next_words(builder, w)]
            now = _four_rounds(builder, now, summed)
        more = builder.add(at, _I64(4 * _LANES))
        at.add_incoming(more, body)
        for value, given in zip(turning, [*now, *w], strict=True):
            value.add_incoming(given, body)
        again = builder.icmp_signed("<", more, _I64(BLOCK_BYTES - 4 * _LANES))
        builder.cbranch(again, body, behind)
        builder.position_at_end(behind)
        for group in range(_LANES):
            of = BLOCK_BYTES - _LANES * (_LANES - group)
            constants = ir.Constant(_FOUR, _ROUNDS[of : of + _LANES])
            now = _four_rounds(builder, now, builder.add(w[group], constants))
        return now[:_STATE_WORDS]

    @intrinsic
    def compress(typingctx: Any, state: Any, at: Any, data: Any, first: Any) -> Any:
        """Take the block at byte `first` of `data` into the hash at word `at` of `state`.

        In 32 bits: kernels count in 64, which takes twice as long. The message's words are made
        four at a time, beside the rounds that use those before them.
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = context.make_array(signature.args[0])(context, builder, args[0]).data
            block = context.make_array(signature.args[2])(context, builder, args[2]).data
            places = [builder.gep(words, [builder.add(args[1], _I64(k))]) for k in range(8)]
            before = [builder.trunc(builder.load(place), _I32) for place in places]
            kind = ir.FunctionType(_FOUR, [_FOUR])
            swap = builder.module.declare_intrinsic("llvm.bswap.v4i32", (), kind)
            w = []
            for k in range(_LANES):
                place = builder.gep(block, [builder.add(args[3], _I64(16 * k))])
                place = builder.bitcast(place, _FOUR.as_pointer())
                w.append(builder.call(swap, [builder.load(place, align=1)]))
            hashed = _hash_block(builder, before, w)
            for place, old, new in zip(places, before, hashed, strict=True):
                builder.store(builder.zext(builder.add(old, new), _I64), place)
            return context.get_dummy_value()

        return types.void(state, types.int64, data, types.int64), codegen

else:

    def compress(state: Any, at: int, data: Any, first: int) -> None:
        """The same, interpreted."""
        low32 = 0xFFFFFFFF

        def rotated(value: int, count: int) -> int:
            return (value >> count | value << (32 - count)) & low32

        block = bytes(data[first : first + BLOCK_BYTES])
        w = [int.from_bytes(block[4 * k : 4 * k + 4]) for k in range(16)]
        for k in range(16, BLOCK_BYTES):
            x, y = w[k - 15], w[k - 2]
            low = rotated(x, 7) ^ rotated(x, 18) ^ x >> 3
            high = rotated(y, 17) ^ rotated(y, 19) ^ y >> 10
            w.append((w[k - 16] + low + w[k - 7] + high) & low32)
        before = [int(value) for value in state[at : at + _STATE_WORDS]]
        a, b, c, d, e, f, g, h = before
        for constant, word in zip(_ROUNDS, w, strict=True):
            turned_e = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
            one = h + constant + word + (g ^ e & (f ^ g)) + turned_e
            turned_a = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
            two = turned_a + (a & b ^ c & (a ^ b))
            a, b, c, d, e, f, g, h = (one + two) & low32, a, b, c, (d + one) & low32, e, f, g
        for k, value in enumerate((a, b, c, d, e, f, g, h)):
            state[at + k] = (before[k] + value) & low32


@hot(inline=True)
def _swapped(word):
    """The bytes of 32 bits, the last one first."""
    outer = (word >> 24) | ((word & 0xFF) << 24)
    return outer | (word >> 8 & 0xFF00) | (word << 8 & 0xFF0000)


@hot(inline=True)
def _hex_of(word):
    """32 bits as eight characters, as `load_word` would read them."""
    spread = _swapped(word)
    spread = (spread | (spread << 16)) & _EACH_SECOND_PAIR
    spread = (spread | (spread << 8)) & _EACH_SECOND_BYTE
    nibbles = (spread >> 4 & _SECOND_NIBBLES) | ((spread & _SECOND_NIBBLES) << 8)
    letters = (nibbles + _TO_CARRY) >> 4 & _ONES
    return nibbles + _ZERO_DIGIT + letters * _TO_LETTER


@hot
def _finish(mac, data, first, size, hashed):
    """Take the last `size` bytes, of a message of which `hashed` bytes were taken before, into the
    hash at work. Behind them stands room for padding.
    """
    bits = (hashed + size) * 8
    end = (size + 1 + _LENGTH_BYTES + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES
    store_word(data, first + size, 0x80)
    for k in range(size + BYTES_PER_WORD, end - _LENGTH_BYTES, BYTES_PER_WORD):
        store_word(data, first + k, 0)
    store_word(data, first + end - _LENGTH_BYTES, _swapped(bits) << 32)
    for k in range(0, end, BLOCK_BYTES):
        compress(mac, MAC_WORK, data, first + k)


@hot
def hmac_hex(mac, data, size, room, out_at):
    """Write the HMAC of `data[:size]`, behind what was hashed before, in lower-case hex at
    `data[out_at:]`. `data[size:]` has room for padding, `data[room:]` for one block. Messages are
    shorter than 2**29 bytes.
    """
    for k in range(_STATE_WORDS):
        mac[MAC_WORK + k] = mac[MAC_INNER + k]
    _finish(mac, data, 0, size, mac[MAC_HASHED])
    for k in range(0, _STATE_WORDS, 2):
        both = _swapped(mac[MAC_WORK + k]) | (_swapped(mac[MAC_WORK + k + 1]) << 32)
        store_word(data, room + 4 * k, both)
    for k in range(_STATE_WORDS):
        mac[MAC_WORK + k] = mac[MAC_OUTER + k]
    _finish(mac, data, room, DIGEST_BYTES, BLOCK_BYTES)
    for k in range(_STATE_WORDS):
        store_word(data, out_at + BYTES_PER_WORD * k, _hex_of(mac[MAC_WORK + k]))


@hot(entry=(WORLD_TYPE, I64, BYTES_TYPE))
def begin_hash(mac, at, data):
    """Begin the hash at word `at` with `data`, whole blocks; what it holds is wiped."""
    for k in range(_STATE_WORDS):
        mac[at + k] = _START[k]
    for first in range(0, data.shape[0], BLOCK_BYTES):
        compress(mac, at, data, first)
    for k in range(data.shape[0]):
        data[k] = 0
