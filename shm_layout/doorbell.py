"""Doorbells: how a process that found no work is woken by one that made some.

One FIFO per process, held open for reading and writing by both sides and non-blocking: it never
reports a hang-up, survives the death of either side, and wakes an event loop and a plain poll
alike. A byte is written only when the owner's SLEEPING word (in its own process segment) says so.

A `Sleeper` is the owner's side (its host does the waiting: `fall_asleep`, wait on the bell's
descriptor, set `rung`, `take_growth`), a `Ringer` the side of everyone who writes rings. The
bell's bytes are taken out when its owner falls asleep again, not when it wakes: what it was woken
for goes first. The alternative, an eventfd, cannot be opened by name after a restart, and wakes no
sooner; a futex cannot wake an event loop.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shm_layout import doorbell_hot, ring_hot
from shm_layout.limits import WORD_BYTES
from shm_layout.segment import SegmentError

_DRAIN_BYTES = 4096


def make_bell(path: Path) -> None:
    """Make the FIFO, mode 0600, if it is not there yet."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    found = os.lstat(path)
    if not stat.S_ISFIFO(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise SegmentError(
            f"doorbell {path}: found something else than a FIFO of ours with mode 0600; remove it "
            "and start again"
        )


def open_bell(path: Path) -> int:
    """Both sides' descriptor."""
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def ring(bell: int) -> None:
    """One byte; a full FIFO has woken its owner long since."""
    try:  # noqa: SIM105 - on the way of every order, where three calls of a context manager count
        os.write(bell, b"\1")
    except BlockingIOError:
        pass


def quiet(bell: int) -> None:
    """Take all bytes out."""
    with contextlib.suppress(BlockingIOError):
        while len(os.read(bell, _DRAIN_BYTES)) == _DRAIN_BYTES:
            pass


def word_address(words: np.ndarray[Any, Any], index: int) -> int:
    """Address of an int64 word; its mapping must outlive the use."""
    return int(words.ctypes.data) + index * WORD_BYTES


class Sleeper:
    """The owner's side: what it waits for, and how it waits."""

    def __init__(self, bell: int, own_words: np.ndarray[Any, Any]) -> None:
        self.bell = bell
        self.rung = False
        """The bell holds bytes, as far as its owner has seen."""
        self._words = own_words
        self._inputs: list[np.ndarray[Any, Any]] = []
        self._watched = np.zeros(1, np.int64)

    def watch(self, ring_words: np.ndarray[Any, Any]) -> None:
        """Also wait for this ring; it counts as grown until `take_growth` has seen it."""
        self._inputs.append(ring_words)
        seen = self._watched[1:]
        added = [word_address(ring_words, ring_hot.WRITE_POS), -1]
        self._watched = np.array([len(self._inputs), *seen, *added], np.int64)

    def take_growth(self) -> int:
        """Awake from here on; rings that have grown since the last call."""
        grown: int = doorbell_hot.take_growth(self._words, self._watched)
        return grown

    def spin(self, looks: int) -> bool:
        """Instead of sleeping: look so many times (a few ns each); True = a ring has grown."""
        return bool(doorbell_hot.spin(self._watched, looks))

    def hush(self) -> None:
        """Take out what was rung. Never between the announcement and the wait: such a byte may be
        for what has come since.
        """
        if self.rung:
            self.rung = False
            quiet(self.bell)

    def fall_asleep(self) -> bool:
        """Announce sleep; False = something came meanwhile, so do not wait. The announcement ends
        with `take_growth`.
        """
        self.hush()
        doorbell_hot.fall_asleep(self._words)
        return not doorbell_hot.has_grown(self._watched)

    def wake_up(self) -> None:
        """The end of the announcement."""
        doorbell_hot.wake_up(self._words)


@dataclass(frozen=True, slots=True)
class Listener:
    """One reader process of a ring: its bell's path, and the head words of its segment."""

    process: str
    path: Path
    words: np.ndarray[Any, Any]


class Ringer:
    """The writers' side: after publishing, `ring_due` wakes whoever sleeps on what has grown."""

    def __init__(self) -> None:
        self._rings: list[tuple[np.ndarray[Any, Any], list[Listener]]] = []
        self._bells: list[int] = []
        self._index: dict[str, int] = {}
        self._table = np.zeros(doorbell_hot.BELLS_HEAD, np.int64)
        self._view = self._table.data
        self._out = doorbell_hot.BELLS_HEAD

    def add(self, ring_words: np.ndarray[Any, Any], listeners: list[Listener]) -> None:
        """A ring that this process writes, and the processes that read it."""
        self._rings.append((ring_words, listeners))
        for listener in listeners:
            if listener.process not in self._index:
                self._index[listener.process] = len(self._bells)
                self._bells.append(open_bell(listener.path))
        self._build()

    def _build(self) -> None:
        words, links = [], []
        for index, (ring_words, listeners) in enumerate(self._rings):
            words += [word_address(ring_words, ring_hot.WRITE_POS), -1, 0]
            for one in listeners:
                sleeping = word_address(one.words, ring_hot.SLEEPING)
                links += [index, sleeping, self._index[one.process]]
        link_count = len(links) // doorbell_hot.LINK_WORDS
        head = [len(self._rings), link_count]
        self._table = np.array(head + words + links + [0] * link_count, np.int64)
        self._view = self._table.data
        self._out = len(head) + len(words) + len(links)

    def ring_due(self) -> None:
        """Wake the sleeping readers of every ring that has grown since the last call."""
        due: int = doorbell_hot.bells_due(self._table)
        for k in range(self._out, self._out + due):
            ring(self._bells[self._view[k]])

    def close(self) -> None:
        """Give the descriptors back."""
        for bell in self._bells:
            os.close(bell)
        self._bells.clear()
