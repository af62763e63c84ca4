"""The engine's write-ahead log and its snapshots: log, or snapshot and the log behind it, rebuild
the same `state_hash()`.

The log holds every command, packed (`wal_hot`), in blocks of the journal's format
(`oms/journal/format.py`: chained hashes, a CRC per frame), one or more blocks per `Engine.take()`,
written before the kernel sees the commands. A command that spans several rows (a list, a replace)
may be cut by a torn write; it is then as if it had never come, for nobody was told of it. Bytes go
through a Journal port: this file opens nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from oms.errors import JournalError
from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine import wal_hot
from oms.exchange.engine.engine import STATE, Engine
from oms.journal.frames_hot import SEQ
from oms.journal.reader import Recovery, read_journal
from oms.journal.writer import BlockWriter
from oms.ports import Journal
from shm_layout.enums import RecordType
from shm_layout.jit import read_only

SNAPSHOT_MAGIC = b"MXENGSN1"
_SHA_BYTES = 32


class CommandLog:
    """The writing end; give it to `Engine.log`."""

    def __init__(self, port: Journal, recovery: Recovery | None = None) -> None:
        """`recovery`: what was found when the log was read; none = a new log."""
        found = recovery or Recovery()
        self._writer = BlockWriter(port, 1, found)
        self._out = self._writer.frames.view(np.uint8)
        self._state = np.zeros(wal_hot.STATE_WORDS, np.int64)
        self._state[SEQ] = found.last_seq

    @property
    def last_seq(self) -> int:
        """Sequence of the last record written: a command, or a pack of them."""
        return self._writer.last_seq

    def append(self, commands: np.ndarray, first: int, count: int) -> None:
        """Write `count` commands from queue position `first`; returns when the port has them."""
        words = commands.view(np.int64)
        done = 0
        while done < count:
            fitted = wal_hot.frame_commands(
                self._writer.frames, self._out, self._state, words, first + done, count - done
            )
            assert fitted > 0, "a command fits an empty block"
            done += int(fitted)
            self._writer.commit(self._state, 0, 0)


def rows_of(kind: int, mode: int) -> int:
    """How many rows a command takes."""
    if kind == lay.CMD_REPLACE:
        return 2
    if kind == lay.CMD_LIST:
        return 4 if mode == lay.LIST_OTOCO else 3
    return 1


def replay(engine: Engine, files: Iterable[bytes], after_seq: int = 0) -> Recovery:
    """Tell an engine the log's commands after record `after_seq` (0: to an empty engine); what
    was found. JournalError where the log is damaged before its tail."""
    recovery = Recovery()
    wanted = (
        r
        for r in read_journal(files, recovery, lambda k: f"log file {k + 1}")
        if int(r["seq"]) > after_seq
    )
    for group in _whole(commands_of(wanted)):
        if engine.room() < len(group):
            engine.take()
        engine.push_rows(group)
    engine.take()
    return recovery


def commands_of(records: Iterator[np.ndarray[Any, Any]]) -> Iterator[np.ndarray[Any, Any]]:
    """The commands of a log's records, one by one."""
    rows = np.zeros(wal_hot.COMMANDS_MAX + wal_hot.BASES, lay.COMMAND)
    for record in records:
        if int(record["type"]) != RecordType.MATCH_PACK:
            yield record
            continue
        count = int(record["count"])
        wal_hot.unpack(read_only(record["packed"]), count, rows.view(np.int64))
        yield from rows[:count].copy()


def _whole(records: Iterator[np.ndarray[Any, Any]]) -> Iterator[list[np.ndarray[Any, Any]]]:
    """Commands with all of their rows; one that is cut at the end is left out."""
    for record in records:
        group = [record]
        while len(group) < rows_of(int(record["kind"]), int(record["mode"])):
            more = next(records, None)
            if more is None:
                return
            group.append(more)
        yield group


def snapshot(engine: Engine, seq: int) -> bytes:
    """The engine's state after command `seq` of its log."""
    names = ("counters", *STATE)
    described = {
        "seq": seq,
        "config": engine.config_hash(),
        "arrays": [[name, engine.arrays[name].nbytes] for name in names],
    }
    text = json.dumps(described, sort_keys=True).encode()
    body = b"".join(engine.arrays[name].tobytes() for name in names)
    made = SNAPSHOT_MAGIC + len(text).to_bytes(8, "little") + text + body
    return made + hashlib.sha256(made).digest()


def load(engine: Engine, data: bytes) -> int:
    """Put a snapshot's state into an engine of the same making; the sequence it stands at."""
    made, digest = data[:-_SHA_BYTES], data[-_SHA_BYTES:]
    if data[:8] != SNAPSHOT_MAGIC or hashlib.sha256(made).digest() != digest:
        raise JournalError(
            "engine snapshot: found other bytes than were written (checksum differs); "
            "required is a whole snapshot: leave it out and replay the log from its start"
        )
    length = int.from_bytes(data[8:16], "little")
    described: dict[str, Any] = json.loads(data[16 : 16 + length])
    if described["config"] != engine.config_hash():
        raise JournalError(
            "engine snapshot: it is of an engine with other symbols, capacities or layout; "
            "replay the log with the configuration that wrote it"
        )
    at = 16 + length
    for name, size_bytes in described["arrays"]:
        array = engine.arrays[name]
        array.view(np.uint8).reshape(-1)[:] = np.frombuffer(data, np.uint8, size_bytes, at)
        at += size_bytes
    return int(described["seq"])
