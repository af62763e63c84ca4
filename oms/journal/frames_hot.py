"""Frames of a block, made and checked in compiled code (`@hot` only).

`frames` is the block under construction as int64 words, behind its head; `state` three words of
the caller's state from `base`: words used, records, sequence of the last record.
"""

from __future__ import annotations

from oms.journal.format import BLOCK_HEAD, BLOCK_HEAD_WORDS, BLOCK_MAGIC
from shm_layout.jit import I64, WORDS_READ, WORLD_TYPE, hot
from shm_layout.records import word_of
from shm_layout.words.crc_hot import crc32c_words

USED = 0
COUNT = 1
SEQ = 2

FULL = -1
BAD_SIZE = -2
BAD_CRC = -3
BAD_SEQ = -4

_FRAME_HEAD_WORDS = 1
_WORDS_PER_64_BYTES = 8
_RECORD_WORDS_MAX = 512
_SIZE_COUNT = word_of(BLOCK_HEAD, "size_bytes")
_FIRST_SEQ = word_of(BLOCK_HEAD, "first_seq")
_EPOCH = word_of(BLOCK_HEAD, "epoch")
_PUBLISHED_SEQ = word_of(BLOCK_HEAD, "published_seq")
_RESERVED = word_of(BLOCK_HEAD, "reserved")
_CRC = word_of(BLOCK_HEAD, "crc")
_LOW32 = (1 << 32) - 1


@hot(entry=(WORLD_TYPE, WORLD_TYPE, I64, WORDS_READ, I64, I64), shared=True)
def append_frame(frames, state, base, record_words, first, count):
    """Add one record (words `first`..`first + count`), giving it the next sequence.

    Returns that sequence, or FULL. The record's own `seq` word is its journal sequence in the
    journal; in the caller's memory it stays as it was.
    """
    at = state[base + USED]
    if at + _FRAME_HEAD_WORDS + count > frames.shape[0]:
        return FULL
    seq = state[base + SEQ] + 1
    body = at + _FRAME_HEAD_WORDS
    frames[body] = seq
    for k in range(1, count):
        frames[body + k] = record_words[first + k]
    crc = crc32c_words(frames, body, count)
    frames[at] = (crc << 32) | (count * 8)
    state[base + USED] = body + count
    state[base + COUNT] += 1
    state[base + SEQ] = seq
    return seq


@hot(entry=(WORLD_TYPE, WORLD_TYPE, I64, I64, I64, I64))
def seal_block(block, state, base, last_seq, epoch, published_seq):
    """Write the head of a block (int64 words, frames behind it) but for the previous block's hash,
    which stands there already; used and count are set back to 0.

    Returns its size in bytes: 0 where no record is framed, BAD_SEQ where those framed do not follow
    on `last_seq`.
    """
    count = state[base + COUNT]
    if count == 0:
        return 0
    if last_seq + count != state[base + SEQ]:
        return BAD_SEQ
    size_bytes = (BLOCK_HEAD_WORDS + state[base + USED]) * 8
    block[0] = BLOCK_MAGIC
    block[_SIZE_COUNT] = size_bytes | (count << 32)
    block[_FIRST_SEQ] = last_seq + 1
    block[_EPOCH] = epoch
    block[_PUBLISHED_SEQ] = published_seq
    for k in range(_RESERVED, _CRC):
        block[k] = 0
    block[_CRC] = crc32c_words(block, 0, _CRC)
    state[base + USED] = 0
    state[base + COUNT] = 0
    return size_bytes


@hot(entry=(WORDS_READ, I64, I64, I64, I64, WORLD_TYPE), shared=True)
def check_frames(words, first, end, count, first_seq, starts):
    """Check `count` frames in words `first`..`end`; fills `starts` with each record's word, as far
    as it reaches.

    Returns `count`, or BAD_SIZE, BAD_CRC, BAD_SEQ.
    """
    at = first
    for k in range(count):
        if at >= end:
            return BAD_SIZE
        size_bytes = words[at] & 0xFFFFFFFF
        crc = (words[at] >> 32) & 0xFFFFFFFF
        record_words = size_bytes // 8
        if size_bytes % 64 != 0 or record_words < _WORDS_PER_64_BYTES:
            return BAD_SIZE
        if record_words > _RECORD_WORDS_MAX or at + _FRAME_HEAD_WORDS + record_words > end:
            return BAD_SIZE
        body = at + _FRAME_HEAD_WORDS
        if crc32c_words(words, body, record_words) != crc:
            return BAD_CRC
        if words[body] != first_seq + k:
            return BAD_SEQ
        if k < starts.shape[0]:
            starts[k] = body
        at = body + record_words
    return count if at == end else BAD_SIZE


@hot(entry=(WORDS_READ, I64, I64, WORLD_TYPE), shared=True)
def check_blocks(words, first, first_seq, ends):
    """Check whole blocks one behind another from word `first`, whose first record is `first_seq`:
    heads, frames and checksums, not the hash chain. Fills `ends` with the word behind each.

    Returns how many are whole, as many as `ends` holds at most; what is wrong with the next one is
    the caller's to find out.
    """
    at, seq, count = first, first_seq, 0
    while count < ends.shape[0] and at + BLOCK_HEAD_WORDS < words.shape[0]:
        size_bytes = words[at + _SIZE_COUNT] & _LOW32
        records = (words[at + _SIZE_COUNT] >> 32) & _LOW32
        end = at + size_bytes // 8
        if words[at] != BLOCK_MAGIC or words[at + _FIRST_SEQ] != seq or records == 0:
            break
        if size_bytes % 8 != 0 or size_bytes <= BLOCK_HEAD_WORDS * 8 or end > words.shape[0]:
            break
        if crc32c_words(words, at, _CRC) != words[at + _CRC]:
            break
        if check_frames(words, at + BLOCK_HEAD_WORDS, end, records, seq, ends[:0]) < 0:
            break
        ends[count] = end
        count += 1
        seq += records
        at = end
    return count
