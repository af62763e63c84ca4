"""Frames of the write-ahead log: commands as they stand in the queue, one frame each."""

from __future__ import annotations

from oms.journal.frames_hot import FULL, append_frame
from shm_layout.enums import RecordType
from shm_layout.jit import I64, WORLD_TYPE, hot
from shm_layout.records import MATCH_COMMAND

COMMAND_WORDS = MATCH_COMMAND.itemsize // 8
_TYPE = int(RecordType.MATCH_COMMAND)


@hot(entry=(WORLD_TYPE, WORLD_TYPE, WORLD_TYPE, I64, I64))
def frame_commands(frames, state, words, first, count):
    """Frame `count` commands from row `first` of the queue (`words`, which wraps); returns how
    many fitted. The record type is written into the rows."""
    rows = words.shape[0] // COMMAND_WORDS
    for k in range(count):
        at = ((first + k) % rows) * COMMAND_WORDS
        words[at + 1] = _TYPE
        if append_frame(frames, state, 0, words, at, COMMAND_WORDS) == FULL:
            return k
    return count
