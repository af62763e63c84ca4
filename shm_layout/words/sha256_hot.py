"""SHA-256 (FIPS 180-4) and HMAC (RFC 2104) in compiled code (`@hot` only).

For what is signed on the way of an order: OpenSSL hashes a block faster than this, but three calls
of hashlib cost more than the five blocks of an order. A hash that is under way is eight words of
32 bits in an int64 array, so whatever every message of a key begins with is hashed once.

    mac   [kind, bytes hashed so far, inner state x 8, outer state x 8, at work x 8]
"""

from __future__ import annotations

from typing import Any

from shm_layout.jit import BYTES_TYPE, COMPILING, I64, WORLD_TYPE, hot
from shm_layout.words.byte_words_hot import BYTES_PER_WORD, store_word
from shm_layout.words.sha256_rounds import (
    BLOCK_BYTES,
    LANES,
    ROUNDS,
    START,
    STATE_WORDS,
    hash_block,
)

# Words of `mac`.
MAC_KIND, MAC_HASHED, MAC_INNER, MAC_OUTER, MAC_WORK = 0, 1, 2, 10, 18
MAC_WORDS = 26
KIND_NONE, KIND_HMAC = 0, 1

DIGEST_BYTES = 32
_LENGTH_BYTES = 8
_EACH_SECOND_PAIR = 0x0000FFFF0000FFFF
_EACH_SECOND_BYTE = 0x00FF00FF00FF00FF
_SECOND_NIBBLES = 0x000F000F000F000F
_ONES = 0x0101010101010101
_ZERO_DIGIT, _TO_CARRY, _TO_LETTER = 0x30 * _ONES, 0x06 * _ONES, ord("a") - ord("9") - 1

if COMPILING:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    _I32, _I64 = ir.IntType(32), ir.IntType(64)
    _FOUR = ir.VectorType(_I32, LANES)

    @intrinsic
    def compress(typingctx: Any, state: Any, at: Any, data: Any, first: Any) -> Any:
        """Take the block at byte `first` of `data` into the hash at word `at` of `state`."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = context.make_array(signature.args[0])(context, builder, args[0]).data
            block = context.make_array(signature.args[2])(context, builder, args[2]).data
            places = [builder.gep(words, [builder.add(args[1], _I64(k))]) for k in range(8)]
            before = [builder.trunc(builder.load(place), _I32) for place in places]
            kind = ir.FunctionType(_FOUR, [_FOUR])
            swap = builder.module.declare_intrinsic("llvm.bswap.v4i32", (), kind)
            w = []
            for k in range(LANES):
                place = builder.gep(block, [builder.add(args[3], _I64(16 * k))])
                place = builder.bitcast(place, _FOUR.as_pointer())
                w.append(builder.call(swap, [builder.load(place, align=1)]))
            hashed = hash_block(builder, before, w)
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
        before = [int(value) for value in state[at : at + STATE_WORDS]]
        a, b, c, d, e, f, g, h = before
        for constant, word in zip(ROUNDS, w, strict=True):
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
    for k in range(STATE_WORDS):
        mac[MAC_WORK + k] = mac[MAC_INNER + k]
    _finish(mac, data, 0, size, mac[MAC_HASHED])
    for k in range(0, STATE_WORDS, 2):
        both = _swapped(mac[MAC_WORK + k]) | (_swapped(mac[MAC_WORK + k + 1]) << 32)
        store_word(data, room + 4 * k, both)
    for k in range(STATE_WORDS):
        mac[MAC_WORK + k] = mac[MAC_OUTER + k]
    _finish(mac, data, room, DIGEST_BYTES, BLOCK_BYTES)
    for k in range(STATE_WORDS):
        store_word(data, out_at + BYTES_PER_WORD * k, _hex_of(mac[MAC_WORK + k]))


@hot(entry=(WORLD_TYPE, I64, BYTES_TYPE))
def begin_hash(mac, at, data):
    """Begin the hash at word `at` with `data`, whole blocks; what it holds is wiped."""
    for k in range(STATE_WORDS):
        mac[at + k] = START[k]
    for first in range(0, data.shape[0], BLOCK_BYTES):
        compress(mac, at, data, first)
    for k in range(data.shape[0]):
        data[k] = 0
