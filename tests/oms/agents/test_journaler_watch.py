"""The journaler beside the watchdog: its journal's records stand in `audit`, each once."""

import json

import numpy as np
import pytest

from oms.agents.journaler.agent import WATCHDOG, JournalerAgent
from oms.journal.frames_hot import append_frame
from oms.journal.reader import Recovery
from oms.journal.writer import BlockWriter
from oms.sim.harness import MemoryJournal
from shm_layout.enums import RecordType
from shm_layout.records import FEED_ROW
from tests.desks import START_NS
from tests.oms.agents.test_journaler import DAY, Follower


@pytest.fixture
def desk():
    return Follower()


class Watchdog:
    """Writes records into the journal that a watchdog has."""

    def __init__(self, desk):
        files = desk.harness.journals.setdefault(WATCHDOG, [])
        self._writer = BlockWriter(MemoryJournal(files), 1, Recovery())
        self._state = np.zeros(3, np.int64)

    def put(self, symbol):
        row = np.zeros(1, FEED_ROW)
        row["type"], row["symbol"], row["ts_recv_ns"] = RecordType.FEED_ROW, symbol, START_NS
        words = row.view(np.int64)
        append_frame(self._writer.frames, self._state, 0, words, 0, len(words))
        self._writer.commit(self._state, 0, 0)


def watched(desk):
    lines = [json.loads(line) for line in desk.harness.lines[f"{DAY}/audit.jsonl"]]
    return [line["symbol"] for line in lines if line.get("journal") == WATCHDOG]


def test_records_of_the_watchdog_are_audited_once_over_restarts(desk):
    watchdog = Watchdog(desk)
    watchdog.put(b"first")
    desk.settle()
    desk.settle()
    assert watched(desk) == ["first"]
    desk.harness.kill("journaler")
    watchdog.put(b"second")
    desk.harness.start("journaler", JournalerAgent(desk.bench.config))
    desk.settle()
    assert watched(desk) == ["first", "second"]


def test_watchdogs_journal_that_cannot_be_read_stops_nothing_else(desk):
    watchdog = Watchdog(desk)
    watchdog.put(b"first")
    desk.harness.journals[WATCHDOG][0][:8] = b"garbage!"
    order_id = desk.bench.place()
    desk.settle()
    desk.settle()
    errors = [entry for entry in desk.harness.logs if entry[3] == "journal_unreadable"]
    assert len(errors) == 1
    assert desk.rows("orders"), order_id
