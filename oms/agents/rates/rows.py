"""A ledger's table `rates.<role>`: a row for each count that was used of late, and pauses by key.

The first row is the address's: its pauses are looked at by kernels and by every other process
behind it. A row without a bucket is a pause of a key (of an account); one of a bucket's key stands
in that bucket's row. Where rows run out, the count that was idle for longest gives up its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oms.agents.rates.counts import NS_PER_MS, Count
from shm_layout.enums import Exchange, RecordType
from shm_layout.limits import RATE_USERS_MAX
from shm_layout.records import NO_ID
from shm_layout.table import TableReader, TableWriter

Key = tuple[str, ...]
SEPARATOR = " "


def key_text(key: Key) -> str:
    """As a row shows it."""
    return SEPARATOR.join(key)


def key_of(row: Any) -> Key:
    """The key of a row."""
    return tuple(bytes(row["key"]).decode().split(SEPARATOR))


class RateRows:
    """The writing end."""

    def __init__(self, table: TableWriter, exchange: Exchange) -> None:
        self._table = table
        self._exchange = int(exchange)
        self._owner: list[Count | None] = [None] * len(table.rows)
        self._free = list(range(len(table.rows) - 1, 0, -1))
        self._paused: dict[Key, int] = {}

    def recalled(self, now_ns: int) -> list[Any]:
        """Rows of a predecessor that still say something; they begin anew."""
        rows = self._table.rows
        found = []
        for at in range(1, len(rows)):
            row = rows[at].copy()
            if not int(row["seq"]):
                continue
            over_ns = int(row["window_ns"]) + int(row["window_ms"]) * NS_PER_MS
            if max(over_ns, int(row["pause_until_ns"]), int(row["ban_until_ns"])) > now_ns:
                found.append(row)
            self._table.write(at, bucket=b"", key=b"", pause_until_ns=0, ban_until_ns=0)
        return found

    def first(self) -> Any:
        """The address's own row."""
        return self._table.rows[0]

    def write_first(self, now_ns: int, **values: int) -> None:
        """Pauses of the address."""
        self._write(0, now_ns, **values)

    def write_pause(self, key: Key, pause_ns: int, ban_ns: int, now_ns: int) -> None:
        """A pause of a key that no bucket has alone."""
        row = self._paused.get(key)
        if row is None:
            row = self._paused[key] = self._take_row(now_ns)
        if row != NO_ID:
            self._write(row, now_ns, bucket=b"", key=key_text(key).encode(),
                        pause_until_ns=pause_ns, ban_until_ns=ban_ns)  # fmt: skip

    def write(self, count: Count, now_ns: int, shift_ns: int) -> None:
        """A count, as it stands after its `turn`."""
        count.changed = False
        if count.row == NO_ID:
            count.row = self._take_row(now_ns)
            if count.row == NO_ID:
                return
            self._owner[count.row] = count
        shares = count.shares
        bucket = shares.bucket
        since_ns = count.used_ns if bucket.slides else count.window_begins_ns(now_ns, shift_ns)
        self._write(
            count.row, now_ns, bucket=bucket.name.encode(), key=key_text(count.key).encode(),
            slides=int(bucket.slides), window_ms=bucket.window_ms, used=count.used(),
            limit=shares.limit, reported=count.reported, refused=count.refused,
            window_ns=since_ns, pause_until_ns=count.pause_until_ns,
            ban_until_ns=count.ban_until_ns, spent=count.sent, part=shares.part,
        )  # fmt: skip

    def _write(self, row: int, now_ns: int, **values: Any) -> None:
        self._table.write(row, type=int(RecordType.RATE_ROW), exchange=self._exchange,
                          ts_ns=now_ns, **values)  # fmt: skip

    def _take_row(self, now_ns: int) -> int:
        """A free row, or that of a count which is idle; NO_ID = none."""
        if self._free:
            return self._free.pop()
        idle = [
            count for count in self._owner
            if count is not None and count.used_ns + count.shares.window_ns < now_ns
            and max(count.pause_until_ns, count.ban_until_ns) < now_ns
        ]  # fmt: skip
        if not idle:
            return NO_ID
        found = min(idle, key=lambda count: count.used_ns)
        row, found.row = found.row, NO_ID
        self._owner[row] = None
        return row


def spent_by(peers: tuple[TableReader, ...], count: Count, now_ns: int) -> int:
    """What other processes of the desk have written that they sent in the present window."""
    bucket, key = count.shares.bucket.name.encode(), key_text(count.key).encode()
    total = 0
    for peer in peers:
        rows = peer.rows
        for row in rows[(rows["bucket"] == bucket) & (rows["key"] == key)]:
            if int(row["window_ns"]) + count.shares.window_ns > now_ns:
                total += int(row["spent"].sum())
    return total


def pauses_of(peer: TableReader, now_ns: int) -> Iterator[tuple[str, Key, int, int]]:
    """(bucket or "", key, until when all but cancels, all) of a peer's pauses by key."""
    rows = peer.rows
    said = (rows["pause_until_ns"] > now_ns) | (rows["ban_until_ns"] > now_ns)
    said[0] = False
    for row in rows[said]:
        yield (
            bytes(row["bucket"]).decode(), key_of(row), int(row["pause_until_ns"]),
            int(row["ban_until_ns"]),
        )  # fmt: skip


assert RATE_USERS_MAX == 8, "spent and part of a row are arrays of as many"
