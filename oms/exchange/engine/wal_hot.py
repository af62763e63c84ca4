"""Records of the write-ahead log: commands packed by what differs among them.

Commands that come together are alike: of the fourteen words of each, a few differ, and of these
words a few bytes. A pack (`MATCH_PACK`) is read by itself. Its commands are of two classes, 1 =
cancels and 0 = all others, each with a *base*, which is the first of them. A pack:

    for each class
    14 bytes  of each word (from the third): bytes that are written of it, plus 16 for each byte at
              its lower end that never differs and is left out
    2 bytes   a bit for each word of the base that is not zero
    8 bytes   for each of these words: the word
    then
    1 bit     for each command, in whole bytes: its class
    then, for each command, of each word that differs somewhere: its difference (xor) from the
    base's, those bytes of it

What is hashed and checksummed is then a sixteenth of what the commands are, which is what costs.
"""

from __future__ import annotations

import numpy as np

from oms.exchange.engine.layout_hot import CMD_CANCEL
from oms.journal.frames_hot import COUNT, FULL, SEQ, USED, append_frame
from shm_layout.enums import RecordType
from shm_layout.jit import BYTES_READ, BYTES_TYPE, I64, WORLD_TYPE, hot
from shm_layout.records import MATCH_COMMAND, MATCH_PACK, word_of
from shm_layout.words.crc_hot import crc32c_words

COMMAND_WORDS = MATCH_COMMAND.itemsize // 8
PACK_WORDS = MATCH_PACK.itemsize // 8
COMMANDS_MAX = 256
"""Commands of one pack."""
_TYPE = int(RecordType.MATCH_COMMAND)
_PACK_TYPE = int(RecordType.MATCH_PACK)
_HEAD_WORDS = word_of(MATCH_COMMAND, "kind")
_BODY_WORDS = COMMAND_WORDS - _HEAD_WORDS
_COUNT_WORD = word_of(MATCH_PACK, "count")
_PACKED_AT = word_of(MATCH_PACK, "packed") * 8
_ROOM = MATCH_PACK["packed"].itemsize
_SPILL_WORDS = 1
"""Behind a pack: a word is stored whole, whatever counts of it."""
BASES = 2
"""One of each class."""
_KIND_MASK = 0xFFFF
"""`kind` is the lowest part of its word."""
_WIDTH_MASK = 15
_LEFT_OUT = 16
"""A byte left out, in the byte that describes a word."""

_SPREAD = 3
"""Scratch behind the three words of `frames_hot`: by class and word, the bits that differ."""
_BASE = _SPREAD + BASES * COMMAND_WORDS
"""By class: word at which the base begins; -1 = there is none."""
_FIELDS = _BASE + BASES
"""By class: words that differ; each then stands in `_FIELD`: its place, bits left out, bytes."""
_FIELD = _FIELDS + BASES
_FIELD_WORDS = 3
_COUNTS = _FIELD + BASES * _FIELD_WORDS * COMMAND_WORDS
"""By class: commands."""
_FIT = _COUNTS + BASES
"""How many commands like those of the last pack would have filled it; 0 = there was none."""
STATE_WORDS = _FIT + 1

assert BASES * (_BODY_WORDS + 2 + 8 * _BODY_WORDS) + 2 < _ROOM, "a command fits a pack"


@hot
def _look(state, words, first, count):
    """Bases, counts and spreads of `count` commands from row `first` on."""
    rows = words.shape[0] // COMMAND_WORDS
    for k in range(_SPREAD, _BASE):
        state[k] = 0
    base_order = -1
    base_cancel = -1
    cancels = 0
    row = first
    for _ in range(count):
        this = row * COMMAND_WORDS
        cancel = int(words[this + _HEAD_WORDS] & _KIND_MASK == CMD_CANCEL)
        cancels += cancel
        base = base_cancel if cancel else base_order
        if base < 0:
            base = this
            if cancel:
                base_cancel = this
            else:
                base_order = this
        spread = _SPREAD + cancel * COMMAND_WORDS
        for k in range(_HEAD_WORDS, COMMAND_WORDS):
            state[spread + k] |= words[this + k] ^ words[base + k]
        row += 1
        if row == rows:
            row = 0
    state[_BASE] = base_order
    state[_BASE + 1] = base_cancel
    state[_COUNTS] = count - cancels
    state[_COUNTS + 1] = cancels


@hot
def _measure(state, words):
    """Fields of both classes; the bytes that the pack would take."""
    size = (state[_COUNTS] + state[_COUNTS + 1] + 7) // 8
    for of in range(BASES):
        fields = 0
        each = 0
        base = state[_BASE + of]
        size += _BODY_WORDS + 2
        for k in range(_HEAD_WORDS, COMMAND_WORDS):
            if base >= 0 and words[base + k] != 0:
                size += 8
            spread = state[_SPREAD + of * COMMAND_WORDS + k]
            if spread == 0:
                continue
            low = 0
            while (spread >> (8 * low)) & 0xFF == 0:
                low += 1
            high = 8
            while (spread >> (8 * (high - 1))) & 0xFF == 0:
                high -= 1
            at = _FIELD + (of * COMMAND_WORDS + fields) * _FIELD_WORDS
            state[at] = k
            state[at + 1] = 8 * low
            state[at + 2] = high - low
            each += high - low
            fields += 1
        state[_FIELDS + of] = fields
        size += each * state[_COUNTS + of]
    return size


@hot(inline=True)
def _put_word(out, at, word):
    """All eight bytes: one store of the machine's. What is too many is written over."""
    out[at] = word & 0xFF
    out[at + 1] = (word >> 8) & 0xFF
    out[at + 2] = (word >> 16) & 0xFF
    out[at + 3] = (word >> 24) & 0xFF
    out[at + 4] = (word >> 32) & 0xFF
    out[at + 5] = (word >> 40) & 0xFF
    out[at + 6] = (word >> 48) & 0xFF
    out[at + 7] = (word >> 56) & 0xFF


@hot
def _put_bases(state, words, out, at):
    """What is said of each class; where it ends."""
    for of in range(BASES):
        base = state[_BASE + of]
        out[at : at + _BODY_WORDS] = 0
        field = _FIELD + of * COMMAND_WORDS * _FIELD_WORDS
        for _ in range(state[_FIELDS + of]):
            left_out = state[field + 1] // 8 * _LEFT_OUT
            out[at + state[field] - _HEAD_WORDS] = state[field + 2] | left_out
            field += _FIELD_WORDS
        mask_at = at + _BODY_WORDS
        at = mask_at + 2
        mask = 0
        if base >= 0:
            for k in range(_HEAD_WORDS, COMMAND_WORDS):
                word = words[base + k]
                if word != 0:
                    mask |= 1 << (k - _HEAD_WORDS)
                    _put_word(out, at, word)
                    at += 8
        out[mask_at] = mask & 0xFF
        out[mask_at + 1] = mask >> 8
    return at


@hot
def _put_commands(state, words, first, count, out, bits_at):
    """Classes and differences; where they end."""
    rows = words.shape[0] // COMMAND_WORDS
    at = bits_at + (count + 7) // 8
    bits = 0
    row = first
    for n in range(count):
        this = row * COMMAND_WORDS
        cancel = int(words[this + _HEAD_WORDS] & _KIND_MASK == CMD_CANCEL)
        bits |= cancel << (n & 7)
        if n & 7 == 7:
            out[bits_at] = bits
            bits_at += 1
            bits = 0
        base = state[_BASE + cancel]
        field = _FIELD + cancel * COMMAND_WORDS * _FIELD_WORDS
        for _ in range(state[_FIELDS + cancel]):
            k = state[field]
            _put_word(out, at, (words[this + k] ^ words[base + k]) >> state[field + 1])
            at += state[field + 2]
            field += _FIELD_WORDS
        row += 1
        if row == rows:
            row = 0
    if count & 7:
        out[bits_at] = bits
    return at


@hot
def _pack(frames, out, state, words, first, count):
    """One pack of commands from row `first` on, `count` or fewer; how many it holds, 0 = the
    block is full."""
    head = state[USED]
    body = head + 1
    if body + PACK_WORDS + _SPILL_WORDS > frames.shape[0]:
        return 0
    held = min(count, COMMANDS_MAX)
    if state[_FIT] > 0:
        held = min(held, state[_FIT])
    _look(state, words, first, held)
    size = _measure(state, words)
    while size > _ROOM:
        held = max(1, min(held - 1, held * _ROOM // size))
        _look(state, words, first, held)
        size = _measure(state, words)
    at = body * 8 + _PACKED_AT
    limit = (body + PACK_WORDS) * 8
    at = _put_bases(state, words, out, at)
    at = _put_commands(state, words, first, held, out, at)
    out[at:limit] = 0
    seq = state[SEQ] + 1
    frames[body] = seq
    frames[body + 1] = _PACK_TYPE
    frames[body + _COUNT_WORD] = held
    frames[head] = (crc32c_words(frames, body, PACK_WORDS) << 32) | (PACK_WORDS * 8)
    state[USED] = body + PACK_WORDS
    state[COUNT] += 1
    state[SEQ] = seq
    state[_FIT] = held * _ROOM // size
    return held


@hot(entry=(WORLD_TYPE, BYTES_TYPE, WORLD_TYPE, WORLD_TYPE, I64, I64))
def frame_commands(frames, out, state, words, first, count):
    """Frame `count` commands from row `first` of the queue (`words`, which wraps); returns how
    many fitted. `out` is `frames` as bytes, `state` has STATE_WORDS. A single command is a
    MATCH_COMMAND, which is smaller than a pack; the record type is written into its row."""
    rows = words.shape[0] // COMMAND_WORDS
    if count == 1:
        at = first % rows * COMMAND_WORDS
        words[at + 1] = _TYPE
        return 0 if append_frame(frames, state, 0, words, at, COMMAND_WORDS) == FULL else 1
    done = 0
    while done < count:
        held = _pack(frames, out, state, words, (first + done) % rows, count - done)
        if held == 0:
            break
        done += held
    return done


@hot(inline=True)
def _get(packed, at, size_bytes):
    word = 0
    for k in range(size_bytes):
        word |= np.int64(packed[at + k]) << (8 * k)
    return word


@hot(entry=(BYTES_READ, I64, WORLD_TYPE))
def unpack(packed, count, words):
    """The `count` commands of a pack into rows of `words`, heads 0; `words` has two rows more,
    for the bases."""
    at = 0
    plan_of_cancels = 0
    for of in range(BASES):
        plan_of_cancels = at
        at += _BODY_WORDS
        mask = _get(packed, at, 2)
        at += 2
        base = (count + of) * COMMAND_WORDS
        for k in range(COMMAND_WORDS):
            words[base + k] = 0
            if k >= _HEAD_WORDS and mask >> (k - _HEAD_WORDS) & 1:
                words[base + k] = _get(packed, at, 8)
                at += 8
    bits_at = at
    at += (count + 7) // 8
    for row in range(count):
        cancel = np.int64(packed[bits_at + row // 8]) >> (row & 7) & 1
        plan = plan_of_cancels if cancel else 0
        this = row * COMMAND_WORDS
        base = (count + cancel) * COMMAND_WORDS
        for k in range(COMMAND_WORDS):
            word = words[base + k]
            if k >= _HEAD_WORDS:
                told = np.int64(packed[plan + k - _HEAD_WORDS])
                width = told & _WIDTH_MASK
                word ^= _get(packed, at, width) << (told // _LEFT_OUT * 8)
                at += width
            words[this + k] = word
