"""Kernels of parking and ringing (`@hot` only).

The park protocol: a sleeper stores SLEEPING = 1, fences fully, and looks once more at what it
waits for; a writer publishes, fences fully, and looks at SLEEPING. One of the two sees the other,
whatever the timing; without the fences hundreds of wake-ups per million are lost.

What a process waits for and whom it wakes are flat int64 tables of addresses (one array costs one
unboxing per call). Their memory is mapped for as long as the process lives.

    watched   [count, (address of a write_pos, value seen) ...]
    bells     [rings, links, (address of a write_pos, value seen, grown now) per ring,
               (index of the ring, address of the reader's SLEEPING, bell) per link, bells due ...]
"""

from __future__ import annotations

from shm_layout.atomics import full_fence, load_at, store_release
from shm_layout.jit import I64, WORLD_TYPE, hot
from shm_layout.ring_hot import SLEEPING

WATCH_WORDS = 2
RING_WORDS = 3
LINK_WORDS = 3
BELLS_HEAD = 2


@hot(entry=(WORLD_TYPE,))
def fall_asleep(words):
    """Say that a byte is needed to wake us; look once more afterwards, then wait."""
    store_release(words, SLEEPING, 1)  # PAIR doorbell.sleeping
    full_fence()


@hot(entry=(WORLD_TYPE,))
def wake_up(words):
    """Say that we look by ourselves again."""
    store_release(words, SLEEPING, 0)  # PAIR doorbell.sleeping


@hot(entry=(WORLD_TYPE, WORLD_TYPE))
def take_growth(words, watched):
    """`wake_up`, and how many watched rings have grown since the last call, which this one becomes.

    A writer that does not see us awake yet rings once too often; one that does has published what
    we see now or at the look of `fall_asleep`.
    """
    store_release(words, SLEEPING, 0)  # PAIR doorbell.sleeping
    grown = 0
    for k in range(watched[0]):
        at = 1 + k * WATCH_WORDS
        pos = load_at(watched[at])  # PAIR ring.write_pos
        if pos != watched[at + 1]:
            watched[at + 1] = pos
            grown += 1
    return grown


@hot(entry=(WORLD_TYPE,))
def has_grown(watched):
    """Has any watched ring grown since `take_growth`? Changes nothing."""
    for k in range(watched[0]):
        at = 1 + k * WATCH_WORDS
        if load_at(watched[at]) != watched[at + 1]:  # PAIR ring.write_pos
            return 1
    return 0


@hot(entry=(WORLD_TYPE, I64))
def spin(watched, looks):
    """Look so many times whether any watched ring has grown since `take_growth`, and no longer than
    that; 1 = one has. It leaves the caches as the last work left them. No PAUSE: under a hypervisor
    that watches for loops of them each one was some 20 us late.
    """
    for _ in range(looks):
        for k in range(watched[0]):
            at = 1 + k * WATCH_WORDS
            if load_at(watched[at]) != watched[at + 1]:  # PAIR ring.write_pos
                return 1
    return 0


@hot(entry=(WORLD_TYPE,))
def bells_due(bells):
    """After publishing: how many sleeping readers have to be rung.

    Their bells stand in the last words of `bells`, each once.
    """
    rings, links = bells[0], bells[1]
    any_grown = 0
    for k in range(rings):
        at = BELLS_HEAD + k * RING_WORDS
        pos = load_at(bells[at])  # PAIR ring.write_pos
        grown = 1 if pos != bells[at + 1] else 0
        bells[at + 1] = pos
        bells[at + 2] = grown
        any_grown |= grown
    if any_grown == 0:
        return 0
    full_fence()
    due = 0
    first_link = BELLS_HEAD + rings * RING_WORDS
    out = first_link + links * LINK_WORDS
    for k in range(links):
        at = first_link + k * LINK_WORDS
        if bells[BELLS_HEAD + bells[at] * RING_WORDS + 2] == 0:
            continue
        if load_at(bells[at + 1]) == 0:  # PAIR doorbell.sleeping
            continue
        known = 0
        for j in range(due):
            if bells[out + j] == bells[at + 2]:
                known = 1
        if known == 0:
            bells[out + due] = bells[at + 2]
            due += 1
    return due
