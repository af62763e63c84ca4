"""Snapshots of risk's state: a cache of the fold, so that a start need not read the whole journal.

A snapshot stands between two files of the journal: it holds the fold of the first `files` of them,
and the next one must name its chain hash. It is written by the journaler, which folds beside risk,
so that risk's cycle never waits for it. The journal is the truth: a snapshot that is damaged, of
another layout or build, or does not fit the journal is not used, and the reason is said.

    magic, length of the head, head (JSON), arrays one behind another, SHA-256 of all before it

Only rows that were ever written are kept; everything else of an array is what `RiskArrays` makes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from oms.journal.reader import Recovery
from oms.risk import world_hot as w_
from oms.risk.fold import Fold, Known
from oms.risk.state import RiskArrays
from shm_layout.records import RECORDS

Array = np.ndarray[Any, Any]

MAGIC = b"MXRISK01"
PATH = "snapshots/risk.mxs"
"""Below the desk's data directory."""
FOLD_VERSION = 3
"""Grows whenever a record folds to another state than before: older snapshots are then not used."""
_HEAD_BYTES = 8
_SHA_BYTES = 32
_RECORDS = (
    "OrderRow", "PositionRow", "FeeRow", "InstrumentRow", "CurrencyRow", "AccountRow",
    "StrategyRow", "LimitsRow", "VenueRow", "OrderUpdate", "Start", "Balance", "PositionSaid",
    "FeeRate", "KeyState", "MarkRow",
)  # fmt: skip
_LIVE_WORDS = frozenset(
    {
        w_.ST_FRAME_USED, w_.ST_FRAME_COUNT, w_.ST_JOURNAL_SEQ, w_.ST_EPOCH, w_.ST_STAGED,
        w_.ST_UPDATES_POS, w_.ST_STAMPING, w_.ST_TOPS_LOST, w_.ST_DUPLICATES, w_.ST_DRAINING,
        w_.ST_LATCH, w_.ST_DISK_LOW, w_.ST_ASKED_BY, w_.ST_BEHIND,
    }
)  # fmt: skip
"""Words of `state` that no record brings back."""


class SnapshotUnusableError(ValueError):
    """The snapshot cannot be used; the text says why, in words that follow a colon."""


def layout_text(arrays: RiskArrays) -> str:
    """What two builds must agree on: layouts of the rows, shapes of the arrays, names of the
    words.
    """
    hashes = [f"{name}:{RECORDS[name].type_hash():x}" for name in _RECORDS]
    shapes = [f"{name}:{array.shape}" for name, array in _tables(arrays).items()]
    words = sorted(f"{name}={value}" for name, value in vars(w_).items() if name[:3] == "ST_")
    whole = ";".join([f"fold:{FOLD_VERSION}", *hashes, *shapes, *words])
    return hashlib.sha256(whole.encode()).hexdigest()


def _tables(arrays: RiskArrays) -> dict[str, Array]:
    """Arrays of rows, as words of two dimensions: a row is kept when any word of it is set."""
    rows = {name: table.rows for name, table in arrays.tables.items()}
    words = {name: _words(table) for name, table in rows.items()}
    return words | {"keys": arrays.keys.reshape(-1, arrays.keys.shape[-1])}


def _words(rows: Array) -> Array:
    return rows.view(np.int64).reshape(len(rows), -1)


def capture(fold: Fold, extra: Mapping[str, Any]) -> bytes:
    """The snapshot of a fold that stands between two files; `extra` is kept for its maker."""
    arrays, sections, payload = fold.arrays, [], []
    for name, words in _tables(arrays).items():
        used = np.flatnonzero(words.any(axis=1))
        payload += [used.tobytes(), words[used].tobytes()]
        sections.append([name, len(used)])
    open_rows = arrays.open_rows[: arrays.state[w_.ST_OPEN_COUNT]]
    payload.append(open_rows.tobytes())
    found = fold.recovery
    head = {
        "layout": layout_text(arrays),
        "files": found.files,
        "blocks": found.blocks,
        "records": found.records,
        "last_seq": found.last_seq,
        "last_sha256": found.last_sha256.hex(),
        "published_seq": found.published_seq,
        "cycle": int(arrays.cycle["cycle"][0]),
        "known": asdict(fold.known),
        "caused": arrays.caused.tolist(),
        "state": arrays.state.tolist(),
        "sections": sections,
        "open_rows": len(open_rows),
        "extra": dict(extra),
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _HEAD_BYTES)
    whole = b"".join([MAGIC, len(text).to_bytes(_HEAD_BYTES, "little"), text, *payload])
    return whole + hashlib.sha256(whole).digest()


def _head_of(data: bytes) -> tuple[dict[str, Any], int]:
    """(head, where the arrays begin); SnapshotUnusableError where the bytes are not whole."""
    if data[: len(MAGIC)] != MAGIC or len(data) < len(MAGIC) + _HEAD_BYTES + _SHA_BYTES:
        raise SnapshotUnusableError(f"it begins with {data[:8]!r} and has {len(data)} bytes")
    if hashlib.sha256(memoryview(data)[:-_SHA_BYTES]).digest() != data[-_SHA_BYTES:]:
        raise SnapshotUnusableError("its checksum differs: it was cut or changed")
    at = len(MAGIC)
    size = int.from_bytes(data[at : at + _HEAD_BYTES], "little")
    at += _HEAD_BYTES
    head: dict[str, Any] = json.loads(data[at : at + size])
    return head, at + size


class Snapshot:
    """A snapshot that was read and whose bytes are whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.head, self._at = _head_of(data)
        try:
            self.files: int = self.head["files"]
            self.last_seq: int = self.head["last_seq"]
            self.last_sha256 = bytes.fromhex(self.head["last_sha256"])
            self.extra: dict[str, Any] = self.head["extra"]
        except (KeyError, TypeError, ValueError) as error:
            said = f"its head lacks {error}: another build wrote it"
            raise SnapshotUnusableError(said) from error

    def check(self, arrays: RiskArrays, next_file_prev: str | None) -> None:
        """Refuse what does not fit this build, or a journal whose next file names
        `next_file_prev` (None: there is no such file) as the hash before it.
        """
        if self.head["layout"] != layout_text(arrays):
            raise SnapshotUnusableError("another build or a desk of another size wrote it")
        if next_file_prev is None:
            raise SnapshotUnusableError(
                f"it was made behind file {self.files} of the journal, and no file follows that"
            )
        if next_file_prev != self.head["last_sha256"]:
            raise SnapshotUnusableError(
                f"file {self.files + 1} of the journal does not follow it (hash chain)"
            )

    def restore(self, fold: Fold) -> None:
        """Give a fold that has taken nothing the state of this snapshot."""
        arrays, head = fold.arrays, self.head
        at = self._at
        tables = _tables(arrays)
        for name, count in head["sections"]:
            words = tables[name]
            used = np.frombuffer(self._data, np.int64, count, at)
            at += used.nbytes
            rows = np.frombuffer(self._data, np.int64, count * words.shape[1], at)
            at += rows.nbytes
            # The first word says that a row is whole: readers of the table come by meanwhile.
            words[used, 1:] = rows.reshape(count, words.shape[1])[:, 1:]
            words[used, 0] = rows.reshape(count, words.shape[1])[:, 0]
        open_rows = np.frombuffer(self._data, np.int64, head["open_rows"], at)
        for word, value in enumerate(head["state"]):
            if word not in _LIVE_WORDS:
                arrays.state[word] = value
        arrays.cycle["cycle"] = head["cycle"]
        _rebuild(arrays, open_rows)
        for name in ("currencies", "instruments", "accounts", "strategies"):
            for row in arrays.tables[name].rows[arrays.tables[name].rows["seq"] != 0].copy():
                fold.registry.restore(row)
        fold.said.reindex()
        arrays.caused[:] = head["caused"]
        fold.known = Known(**head["known"])
        fold.recovery = self.recovery()

    def recovery(self) -> Recovery:
        """Where the reader goes on."""
        names = ("files", "blocks", "records", "last_seq", "published_seq")
        made = Recovery(**{name: self.head[name] for name in names})
        made.last_sha256 = self.last_sha256
        return made


def _rebuild(arrays: RiskArrays, open_rows: Array) -> None:
    """Indexes that follow from the rows."""
    arrays.open_rows[: len(open_rows)] = open_rows
    arrays.open_index[open_rows] = np.arange(len(open_rows))
    owners = arrays.orders["strategy_id"][open_rows]
    np.add.at(arrays.strategies[:, w_.SG_OPEN_COUNT], owners, 1)
    used = np.arange(int(arrays.state[w_.ST_POSITIONS_USED]))
    strategies = arrays.positions["strategy_id"][used]
    arrays.position_index[strategies, arrays.positions["instrument_id"][used]] = used
