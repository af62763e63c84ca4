"""Packed commands are what they were, whatever stands in them."""

from __future__ import annotations

import numpy as np
import pytest

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.wal import CommandLog, commands_of
from oms.journal.reader import Recovery, read_journal
from shm_layout.records import word_of

HEAD_WORDS = word_of(lay.COMMAND, "kind")
EDGES = (0, 1, -1, 255, 256, 1 << 31, 1 << 32, -(1 << 32), (1 << 62) - 1, -(1 << 63), 7 << 56)


class Files:
    """A Journal port in memory."""

    def __init__(self):
        self.files = []

    def append(self, block):
        self.files[-1] += block

    def roll(self, header):
        self.files.append(bytearray(header))


def random_commands(rng, count, wild):
    """Rows of a queue; `wild`: words of any value, else few change from row to row."""
    rows = np.zeros(count, lay.COMMAND)
    words = rows.view(np.int64).reshape(count, -1)
    if wild:
        words[:] = rng.integers(-(1 << 63), (1 << 63) - 1, words.shape)
    else:
        words[:, rng.integers(HEAD_WORDS, words.shape[1], 4)] = rng.choice(EDGES, (count, 4))
    return rows


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 40, 300])
def test_commands_come_out_of_the_log_as_they_went_in(wild, count):
    rng = np.random.Generator(np.random.PCG64([count, wild]))
    rows = random_commands(rng, count, wild)
    log = CommandLog(files := Files())
    first = int(rng.integers(count))
    log.append(rows, first, count)
    found = list(commands_of(read_journal([bytes(f) for f in files.files], Recovery())))
    expected = np.roll(rows, -first).view(np.int64).reshape(count, -1)
    assert len(found) == count
    for record, words in zip(found, expected, strict=True):
        got = np.frombuffer(record.tobytes(), np.int64)
        assert got[HEAD_WORDS:].tolist() == words[HEAD_WORDS:].tolist()


def test_alike_commands_take_few_bytes():
    rows = np.zeros(200, lay.COMMAND)
    rows["px"] = 1880 + np.arange(200) % 10
    log = CommandLog(files := Files())
    before = len(files.files[-1])
    log.append(rows, 0, 200)
    assert log.last_seq == 1
    assert len(files.files[-1]) - before < 200 * 8
