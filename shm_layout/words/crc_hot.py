"""CRC32C of whole words: `crc32c_words(bytes-as-int64, first, count)`.

For files, never for rings (DESIGN.md law 4). On x86 the SSE4.2 instruction takes 8 bytes a step;
elsewhere, and with the compiler off, a table of one byte a step gives the same value.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from shm_layout.jit import COMPILING, I64, WORDS_READ, hot

_POLYNOMIAL = 0x82F63B78
_ALL_ONES = 0xFFFFFFFF


def _make_table() -> np.ndarray[Any, Any]:
    table = np.zeros(256, np.int64)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table[byte] = value
    return table


TABLE = _make_table()

if COMPILING and platform.machine() in ("x86_64", "AMD64"):
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def _step(typingctx: Any, crc: Any, word: Any) -> Any:
        """One 8-byte step of the SSE4.2 instruction."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            word_type = ir.IntType(64)
            made = ir.FunctionType(word_type, [word_type, word_type])
            name = "llvm.x86.sse42.crc32.64.64"
            return builder.call(builder.module.declare_intrinsic(name, (), made), args)

        return types.int64(types.int64, types.int64), codegen

    @hot(entry=(WORDS_READ, I64, I64), shared=True)
    def crc32c_words(words, first, count):
        """CRC32C of `count` int64 words of `words` from index `first`; 0..2**32 - 1."""
        crc = np.int64(_ALL_ONES)
        for k in range(count):
            crc = _step(crc, words[first + k])
        return crc ^ np.int64(_ALL_ONES)

else:

    @hot(entry=(WORDS_READ, I64, I64), shared=True)
    def crc32c_words(words, first, count):
        """CRC32C of `count` int64 words of `words` from index `first`; 0..2**32 - 1."""
        crc = np.int64(_ALL_ONES)
        for k in range(count):
            word = words[first + k]
            for byte in range(8):
                crc = TABLE[(crc ^ (word >> (8 * byte))) & 0xFF] ^ (crc >> 8)
        return crc ^ np.int64(_ALL_ONES)
