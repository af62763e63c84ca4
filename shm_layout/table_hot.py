"""Seqlock kernels of tables (`@hot` only).

A table is an array of rows whose first word, `seq`, is odd while the row is being written and
even, growing by two, once it is whole; 0 = never written. `words` is the same memory as a flat
int64 array, `at` the word index of the row (`row * row_words`).
"""

from __future__ import annotations

from shm_layout.atomics import acquire_fence, load_acquire, release_fence, store_release
from shm_layout.jit import I64, WORDS_READ, WORLD_TYPE, hot

READ_RETRIES_MAX = 1 << 16


@hot(entry=(WORLD_TYPE, I64), shared=True)
def row_begin(words, at):
    """Open a row for writing. A word that is odd already was left by a writer that died inside
    the row: it stays odd, or every later reader would take the row for torn.
    """
    store_release(words, at, (words[at] + 1) | 1)  # PAIR table.seq
    release_fence()  # the odd word is seen before any field


@hot(entry=(WORLD_TYPE, I64), shared=True)
def row_end(words, at):
    """Close it: even again, two more than before."""
    store_release(words, at, words[at] + 1)  # PAIR table.seq


@hot
def row_version(words, at):
    """Version to read under; odd = being written, 0 = never written."""
    return load_acquire(words, at)  # PAIR table.seq


@hot
def row_unchanged(words, at, version):
    """After the copy: did it hold still?"""
    acquire_fence()
    return words[at] == version


@hot(entry=(WORDS_READ, I64, WORLD_TYPE, I64), shared=True)
def copy_row(words, at, out, count):
    """Copy one row of `count` words to `out`; returns its version, 0 = never written, -1 = the
    writer died inside it.
    """
    for _ in range(READ_RETRIES_MAX):
        version = load_acquire(words, at)  # PAIR table.seq
        if version & 1:
            continue
        for k in range(count):
            out[k] = words[at + k]
        acquire_fence()
        if load_acquire(words, at) == version:  # PAIR table.seq
            return version
    return -1
