"""Kernels of the tests of `native.py` (`@hot` only)."""

from __future__ import annotations

from shm_layout.jit import BYTES_READ, I64, TEXTS_READ, WORDS_READ, WORLD_TYPE, hot


@hot(entry=(WORDS_READ, I64))
def pick(words, at):
    """One word, plus one."""
    return words[at] + 1


@hot(entry=(WORLD_TYPE, I64, I64))
def put(words, at, value):
    """Store; gives nothing back."""
    words[at] = value


@hot(entry=(BYTES_READ, TEXTS_READ, I64))
def same(text, texts, row):
    """Is row `row` this text?"""
    for k in range(text.shape[0]):
        if texts[row, k] != text[k]:
            return False
    return True


@hot(entry=(WORDS_READ,))
def insist(words):
    """The first word, which must be positive."""
    assert words[0] > 0
    return words[0]
