"""Records of the write-ahead log: commands packed by what differs from the one before.

Most words of a command are those of its predecessor of the same class (cancels, all others), or
nearly. A pack (`MATCH_PACK`) begins anew with commands of zeros, so each is read by itself. A
packed command:

    2 bytes   a bit for each word (from the third) that differs from its predecessor; the highest
              bit is the class, 1 = a cancel
    then, for each such word, its difference (xor):
    1 byte    its length in bytes less one, plus 8 for each 16 bits at its lower end that are zero
              and left out
    1 to 8    its bytes, lowest first

What is hashed and checksummed is then a tenth of what the commands are, which is what costs.
"""

from __future__ import annotations

import numpy as np

from oms.exchange.layout_hot import CMD_CANCEL
from oms.journal.frames_hot import COUNT, FULL, SEQ, USED, append_frame
from shm_layout.crc_hot import crc32c_words
from shm_layout.enums import RecordType
from shm_layout.jit import BYTES_READ, BYTES_TYPE, I64, WORLD_TYPE, hot
from shm_layout.records import MATCH_COMMAND, MATCH_PACK, word_of

COMMAND_WORDS = MATCH_COMMAND.itemsize // 8
PACK_WORDS = MATCH_PACK.itemsize // 8
_TYPE = int(RecordType.MATCH_COMMAND)
_PACK_TYPE = int(RecordType.MATCH_PACK)
_HEAD_WORDS = word_of(MATCH_COMMAND, "kind")
_COUNT_WORD = word_of(MATCH_PACK, "count")
_PACKED_AT = word_of(MATCH_PACK, "packed") * 8
BYTES_MIN = 2
"""Of a packed command: the same as the one before."""
_COMMAND_BYTES_MAX = BYTES_MIN + 9 * (COMMAND_WORDS - _HEAD_WORDS)
_SPILL_WORDS = _COMMAND_BYTES_MAX // 8 + 2
"""Behind a pack: a command that does not fit is written, and then it is not counted."""
_CANCEL_BIT = 15
_KIND_MASK = 0xFFFF
"""`kind` is the lowest part of its word."""
_LOW_HALF = 0xFFFFFFFF
_LOW_QUARTER = 0xFFFF
_LEFT_OUT = 8
"""A length byte's mark for 16 bits."""
_SIX_BYTES = (1 << 48) - 1
_SEVEN_BYTES = (1 << 56) - 1


@hot(inline=True)
def _put_word(out, at, word):
    """Length and bytes of a difference; where the next one begins."""
    left_out = 0
    if word & _LOW_HALF == 0:
        left_out = 2 * _LEFT_OUT
        word = (word >> 32) & _LOW_HALF
    if word & _LOW_QUARTER == 0:
        left_out += _LEFT_OUT
        word = (word >> 16) & _SIX_BYTES
    rest = (word >> 8) & _SEVEN_BYTES
    more = int(rest > 0) + int(rest >= 1 << 8) + int(rest >= 1 << 16) + int(rest >= 1 << 24)
    more += int(rest >= 1 << 32) + int(rest >= 1 << 40) + int(rest >= 1 << 48)
    out[at] = more | left_out
    # All eight: one store of the machine's. What is too many is written over.
    out[at + 1] = word & 0xFF
    out[at + 2] = (word >> 8) & 0xFF
    out[at + 3] = (word >> 16) & 0xFF
    out[at + 4] = (word >> 24) & 0xFF
    out[at + 5] = (word >> 32) & 0xFF
    out[at + 6] = (word >> 40) & 0xFF
    out[at + 7] = (word >> 48) & 0xFF
    out[at + 8] = (word >> 56) & 0xFF
    return at + 2 + more


@hot(inline=True)
def _pack_one(out, at, words, this, before, cancel):
    """Pack the command at word `this`; `before` is its predecessor's, or -1. Where it ends."""
    mask = cancel << _CANCEL_BIT
    end = at + 2
    for k in range(_HEAD_WORDS, COMMAND_WORDS):
        word = words[this + k]
        if before >= 0:
            word ^= words[before + k]
        if word != 0:
            mask |= 1 << (k - _HEAD_WORDS)
            end = _put_word(out, end, word)
    out[at] = mask & 0xFF
    out[at + 1] = mask >> 8
    return end


@hot
def _pack(frames, out, state, words, first, count):
    """One pack of commands from row `first` on; how many it holds, 0 = the block is full."""
    rows = words.shape[0] // COMMAND_WORDS
    head = state[USED]
    body = head + 1
    if body + PACK_WORDS + _SPILL_WORDS > frames.shape[0]:
        return 0
    at = body * 8 + _PACKED_AT
    limit = (body + PACK_WORDS) * 8
    held = 0
    before_order = -1
    before_cancel = -1
    row = first % rows
    while held < count:
        this = row * COMMAND_WORDS
        cancel = int(words[this + _HEAD_WORDS] & _KIND_MASK == CMD_CANCEL)
        before = before_cancel if cancel else before_order
        end = _pack_one(out, at, words, this, before, cancel)
        if end > limit:
            break
        at = end
        if cancel:
            before_cancel = this
        else:
            before_order = this
        held += 1
        row += 1
        if row == rows:
            row = 0
    out[at:limit] = 0
    seq = state[SEQ] + 1
    frames[body] = seq
    frames[body + 1] = _PACK_TYPE
    frames[body + _COUNT_WORD] = held
    frames[head] = (crc32c_words(frames, body, PACK_WORDS) << 32) | (PACK_WORDS * 8)
    state[USED] = body + PACK_WORDS
    state[COUNT] += 1
    state[SEQ] = seq
    return held


@hot(entry=(WORLD_TYPE, BYTES_TYPE, WORLD_TYPE, WORLD_TYPE, I64, I64))
def frame_commands(frames, out, state, words, first, count):
    """Frame `count` commands from row `first` of the queue (`words`, which wraps); returns how
    many fitted. `out` is `frames` as bytes. A single command is a MATCH_COMMAND, which is smaller
    than a pack; the record type is written into its row."""
    if count == 1:
        at = first % (words.shape[0] // COMMAND_WORDS) * COMMAND_WORDS
        words[at + 1] = _TYPE
        return 0 if append_frame(frames, state, 0, words, at, COMMAND_WORDS) == FULL else 1
    done = 0
    while done < count:
        held = _pack(frames, out, state, words, first + done, count - done)
        if held == 0:
            break
        done += held
    return done


@hot(entry=(BYTES_READ, I64, WORLD_TYPE))
def unpack(packed, count, words):
    """The `count` commands of a pack into rows of `words`, heads 0."""
    at = 0
    before_order = -1
    before_cancel = -1
    for row in range(count):
        this = row * COMMAND_WORDS
        mask = np.int64(packed[at]) | np.int64(packed[at + 1]) << 8
        at += 2
        cancel = mask >> _CANCEL_BIT
        before = before_cancel if cancel else before_order
        for k in range(COMMAND_WORDS):
            word = 0
            if before >= 0 and k >= _HEAD_WORDS:
                word = words[before + k]
            if k >= _HEAD_WORDS and mask >> (k - _HEAD_WORDS) & 1:
                length = np.int64(packed[at])
                shift = length // _LEFT_OUT * 16
                at += 1
                for _ in range((length & 7) + 1):
                    word ^= np.int64(packed[at]) << shift
                    shift += 8
                    at += 1
            words[this + k] = word
        if cancel:
            before_cancel = this
        else:
            before_order = this
