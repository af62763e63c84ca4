"""Ring kernels: claim, publish, poll, release (`@hot` only).

Positions are int64 counts that never wrap in practice (2**63 at 50 M/s is 5,800 years); slot =
position & (slots - 1). One writer per ring. `words` is the head page of the ring's segment as
int64 words, `cursor` the head page of a reader's own cursor segment.

Lossless: the writer never passes its gating reader. Broadcast: it never waits; `claim_pos` goes
up before slots are overwritten, so that a reader that copied a slot can tell afterwards whether
the copy was whole.
"""

from __future__ import annotations

from shm_layout.atomics import acquire_fence, load_acquire, release_fence, store_release
from shm_layout.jit import I64, SLOTS_TYPE, WORDS_READ, WORLD_TYPE, hot

# Words of a segment's head page; each on a cache line of its own (64 bytes = 8 words).
WRITE_POS = 64
CLAIM_POS = 72
READ_POS = 80
SLEEPING = 88
HEARTBEAT = 96
DRAIN_PHASE = 104
"""In the supervisor's table `processes`: roles of this phase and earlier are to drain."""
DRAINED_PHASE = 112
"""In a process's own segment: every agent of it, up to this phase, has nothing left open."""

SEQ_WORD, EPOCH_WORD, EPOCH_SHIFT = 0, 1, 32
"""Where a record's head has them (`records.HEAD`)."""
_LOW32 = (1 << 32) - 1

BROADCAST_MARGIN_DIVISOR = 4
"""A lapped reader goes on a quarter of the ring behind the writer, not at its heels."""


@hot(entry=(WORDS_READ, WORDS_READ, I64), shared=True)
def lossless_free(words, gate, slots):
    """Slots that the writer may fill now; `gate` is the gating reader's cursor head."""
    return slots - (words[WRITE_POS] - load_acquire(gate, READ_POS))  # PAIR ring.read_pos


@hot(entry=(WORLD_TYPE, I64), shared=True)
def publish(words, pos):
    """Make every record before `pos` visible; the slots must be filled."""
    store_release(words, WRITE_POS, pos)  # PAIR ring.write_pos


@hot(entry=(WORDS_READ,), shared=True)
def written(words):
    """Position behind the last published record."""
    return load_acquire(words, WRITE_POS)  # PAIR ring.write_pos


@hot(entry=(WORLD_TYPE, I64), shared=True)
def release(cursor, pos):
    """Give every slot before `pos` back to the writer (lossless), or just note it."""
    store_release(cursor, READ_POS, pos)  # PAIR ring.read_pos


@hot(entry=(WORLD_TYPE, I64), shared=True)
def broadcast_claim(words, pos):
    """Announce that slots before `pos` are about to be overwritten; then fill, then publish."""
    if pos > words[CLAIM_POS]:
        store_release(words, CLAIM_POS, pos)  # PAIR ring.claim_pos
    release_fence()


@hot
def claim(words, records):
    """The next `records` slots of a broadcast ring, about to be overwritten: position of the first.
    Fill them, then `publish` the position behind the last.
    """
    pos = words[WRITE_POS]
    broadcast_claim(words, pos + records)
    return pos


@hot
def claim_free(words, gate, slots):
    """The next slot of a lossless ring: its position, to be filled and published; -1 = full."""
    if lossless_free(words, gate, slots) < 1:
        return -1
    return words[WRITE_POS]


@hot(entry=(WORDS_READ, I64, I64), shared=True)
def broadcast_intact(words, pos, slots):
    """After a copy of the slot at `pos`: was it whole? False = the writer had lapped it."""
    acquire_fence()
    return load_acquire(words, CLAIM_POS) - slots <= pos  # PAIR ring.claim_pos


@hot(entry=(WORDS_READ, I64), shared=True)
def broadcast_resume(words, slots):
    """Where a lapped reader goes on; the caller reports how many it lost.

    Counted from `claim_pos`, because what is claimed is as good as overwritten: counted from
    `write_pos`, a writer that claims more than the margin at once would send its reader back to
    records that it has had. Never beyond `write_pos`, so always ahead of a reader that was lapped.
    """
    claimed = load_acquire(words, CLAIM_POS)  # PAIR ring.claim_pos
    pos = claimed - slots + slots // BROADCAST_MARGIN_DIVISOR
    return max(min(pos, load_acquire(words, WRITE_POS)), 0)  # PAIR ring.write_pos


@hot(entry=(WORLD_TYPE, WORDS_READ, SLOTS_TYPE, WORDS_READ, I64, I64))
def append_row(words, gate, slots, row, epoch, lossless):
    """Publish one record, given as the words of a slot: its position and epoch are set here.

    Returns 1; 0 = a lossless ring is full, nothing was written; -1 = another size than a slot's.
    """
    if row.shape[0] != slots.shape[1]:
        return -1
    if lossless == 0:
        pos = claim(words, 1)
    else:
        pos = claim_free(words, gate, slots.shape[0])
        if pos < 0:
            return 0
    k = pos & (slots.shape[0] - 1)
    for j in range(2, row.shape[0]):
        slots[k, j] = row[j]
    slots[k, EPOCH_WORD] = (row[EPOCH_WORD] & _LOW32) | (epoch << EPOCH_SHIFT)
    slots[k, SEQ_WORD] = pos + 1
    publish(words, pos + 1)
    return 1
