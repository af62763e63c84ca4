"""Bringing back a run of checked blocks (`@hot` only): the fold of recovery, without Python between
two records.

What changes orders and positions is folded here by the kernels that fold it live (`fold_hot`); a
record that only the cold half knows (a start, a row of the registry) ends the call, and is folded
there before the next one goes on behind it.
"""

from __future__ import annotations

from oms.journal.format import BLOCK_HEAD_WORDS
from oms.risk import world_hot as w_
from oms.risk.fold_hot import fold_balance, fold_new, fold_update
from shm_layout.enums import RecordType
from shm_layout.jit import hot

T_ORDER_ROW = int(RecordType.ORDER_ROW)
T_ORDER_UPDATE = int(RecordType.ORDER_UPDATE)
T_CYCLE = int(RecordType.CYCLE)
T_BALANCE = int(RecordType.BALANCE)
_LOW32 = (1 << 32) - 1
_TYPE = (1 << 16) - 1


@hot
def note_cause(w, ring, pos):
    """Remember that the journal names this input as the cause of a record."""
    caused = w_.caused(w)
    if pos >= 0 and 0 <= ring < caused.shape[0]:
        caused[ring] = max(caused[ring], pos + 1)


@hot
def _fold_record(w, body):
    """One record at word `body`; False = it is the cold half's."""
    words = w_.replay_words(w)
    kind = words[body + 1] & _TYPE
    if kind == T_ORDER_UPDATE:
        into = w_.update_words(w)
        for k in range(w_.UPDATE_WORDS):
            into[k] = words[body + k]
        fold_update(w)
        note_cause(w, w_.update(w)["cause_ring"][0], w_.update(w)["cause_pos"][0])
    elif kind == T_ORDER_ROW:
        into = w_.new_row_words(w)
        for k in range(w_.ORDER_ROW_WORDS):
            into[k] = words[body + k]
        fold_new(w)
        note_cause(w, w_.new_row(w)["cause_ring"][0], w_.new_row(w)["cause_pos"][0])
    elif kind == T_CYCLE:
        w_.cycle_words(w)[w_.CYCLE_COUNT_AT] = words[body + w_.CYCLE_COUNT_AT]
    elif kind == T_BALANCE:
        fold_balance(w, words, body)
    else:
        return False
    return True


@hot
def replay_blocks(w):
    """Fold the blocks of `replay_words` from IO_AT to IO_END; returns 0 when all are, else the word
    of a record that the cold half has to fold before the next call.
    """
    io = w_.io(w)
    words = w_.replay_words(w)
    at = io[w_.IO_AT]
    block_end = io[w_.IO_BLOCK_END]
    while at < io[w_.IO_END]:
        if at == block_end:
            block_end = at + (words[at + 1] & _LOW32) // 8
            at += BLOCK_HEAD_WORDS
        body = at + 1
        at = body + (words[at] & _LOW32) // 8
        if not _fold_record(w, body):
            io[w_.IO_AT] = at
            io[w_.IO_BLOCK_END] = block_end
            return body
    return 0
