"""Reduce-only venues: what a process that dies again and again means for the markets it serves.

The supervisor's table `processes` says which process was started more than five times in a minute
(FAILED). Risk looks there a few times a second. From then on, each market that the process serves
is reduce-only: a new order must bring the account's position there nearer to nothing, open orders
of that side counted, and what rested before is cancelled. It ends by itself once the supervisor
calls every process of that market ready again (so: not more than five starts in the last minute),
or at once when a person says so (`oms resume`), until one of those processes is started again.

Both ways are VENUE_ROW records, in the journal before they count; recovery folds them, so that a
risk which died meanwhile is as strict as before. The table `venues` shows what is in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.config import DeskConfig
from oms.ports import Ports, by_whom
from oms.risk import world_hot as w_
from oms.risk.state import RiskArrays
from oms.text import cut_utf8
from shm_layout.enums import (
    VENUE_NAMES,
    VENUES_BY_NAME,
    OrderState,
    ProcessState,
    RecordType,
    Venue,
)
from shm_layout.records import VENUE_ROW

LOOK_NS = 250_000_000
RECANCEL_NS = 2_000_000_000
RECOVERED = "every process that serves it is ready again"
_REASON_BYTES = VENUE_ROW["reason"].itemsize
_PROCESS_BYTES = VENUE_ROW["process"].itemsize

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class _Served:
    """A process of the core map and the markets that depend on it."""

    index: int
    name: str
    venues: frozenset[int]
    resumed_at: int = -1
    """Starts of it that a person has seen and passed over; -1 = none."""


class ResumeRefusedError(ValueError):
    """A person's wish cannot be met; the text is the sentence."""


def venues_of_role(config: DeskConfig, role: str) -> frozenset[int]:
    """Markets that depend on a role. Risk, the aggregator and the watchdog stand between all of
    them; the journaler and the gateway between none: orders wait for snapshots by themselves.
    """
    kind, _, name = role.partition(".")
    every = frozenset(int(VENUES_BY_NAME[venue.name]) for venue in config.venues)
    if kind == "feed":
        return frozenset({int(VENUES_BY_NAME[name])})
    if kind in ("executor", "venue_sim"):
        meant = [g for g in config.groups if name == (g.name if kind == "executor" else g.exchange)]
        return frozenset(int(VENUES_BY_NAME[venue]) for g in meant for venue in g.venues)
    if kind == "strategy":
        mine = [s.instruments for s in config.strategies if s.name == name]
        named = {one.partition(":")[0] for instruments in mine for one in instruments}
        return frozenset(int(VENUES_BY_NAME[venue]) for venue in named)
    return frozenset() if kind in ("journaler", "gateway") else every


class VenueModes:
    """Looks, decides, and makes the records; its state is the table `venues`."""

    def __init__(self, config: DeskConfig, ports: Ports, arrays: RiskArrays) -> None:
        self._ports = ports
        self._arrays = arrays
        self._table = arrays.tables["venues"]
        self._processes = ports.table_reader("processes")
        self._served = [
            _Served(index, process.name, frozenset[int]().union(*found))
            for index, process in enumerate(config.host.processes)
            if any(found := [venues_of_role(config, role) for role in process.roles])
        ]
        self.due_ns = 0
        """When to look again."""

    def reduce_only(self) -> list[int]:
        """Markets that are so now."""
        return [int(venue) for venue in np.flatnonzero(self._table.rows["reduce_only"])]

    # Looking

    def look(self, now_ns: int, next_seq: int) -> Iterator[Array]:
        """Records of what changed; each counts as soon as it was made. `next_seq` is the sequence
        that the first of them gets in the journal.
        """
        self.due_ns = now_ns + LOOK_NS
        rows = self._processes.rows
        failed: dict[int, _Served] = {}
        waiting: set[int] = set()
        for one in self._served:
            state = int(rows["state"][one.index])
            if state == ProcessState.FAILED and one.resumed_at != self._starts(one):
                failed.update(dict.fromkeys(one.venues, one))
            if state != ProcessState.READY:
                waiting |= one.venues
        for venue, one in sorted(failed.items()):
            if not int(self._table.rows["reduce_only"][venue]):
                reason = f"started {self._starts(one)} times, too often within a minute"
                yield self._change(venue, now_ns, next_seq, one.name, reason)
                next_seq += 1
        for venue in self.reduce_only():
            if venue not in waiting:
                yield self._change(venue, now_ns, 0, self._process_of(venue), RECOVERED)

    def _starts(self, one: _Served) -> int:
        return int(self._processes.rows["restarts"][one.index]) + 1

    def _process_of(self, venue: int) -> str:
        return bytes(self._table.rows["process"][venue]).decode()

    def _change(
        self, venue: int, now_ns: int, since_seq: int, process: str, reason: str,
        who: tuple[int, int] = (0, 0),
    ) -> Array:  # fmt: skip
        """Write the row; `since_seq` 0 = orders may grow positions again."""
        level = "error" if since_seq else "warning"
        event = "venue_reduce_only" if since_seq else "venue_free"
        self._ports.log(level, event, venue=VENUE_NAMES[Venue(venue)], process_name=process,
                        reason=reason, uid=who[0], pid=who[1])  # fmt: skip
        self._table.write(
            venue, type=RecordType.VENUE_ROW, venue=venue, reduce_only=int(since_seq > 0),
            since_seq=since_seq, ts_ns=now_ns, uid=who[0], pid=who[1],
            process=process.encode()[:_PROCESS_BYTES], reason=cut_utf8(reason, _REASON_BYTES),
        )  # fmt: skip
        return self._table.rows[venue : venue + 1].copy()

    # What rested before

    def to_cancel(self, now_ns: int) -> list[int]:
        """Rows of orders that rest at a reduce-only market since before it was that, and whose
        cancel was not asked, or has had no answer for two seconds.
        """
        arrays = self._arrays
        rows = self._table.rows
        if not rows["reduce_only"].any():
            return []
        open_rows = arrays.open_rows[: arrays.state[w_.ST_OPEN_COUNT]]
        orders = arrays.orders[open_rows]
        meant = orders["state"] == OrderState.OPEN
        meant &= orders["journal_seq"] < rows["since_seq"][orders["venue"]]
        meant &= (orders["cancel_asked"] == 0) | (now_ns - orders["ts_state_ns"] > RECANCEL_NS)
        found: list[int] = open_rows[meant].tolist()
        return found

    # What a person says

    def resume(self, fields: Mapping[str, Any], now_ns: int) -> list[Array]:
        """Records that free every reduce-only market; ResumeRefusedError with what is missing."""
        reason = cut_utf8(str(fields.get("reason") or ""), _REASON_BYTES).decode().strip()
        if not reason:
            raise ResumeRefusedError(
                "resume: found no reason, required is one: say why with --reason"
            )
        found = self.reduce_only()
        if not found:
            raise ResumeRefusedError(
                "resume: no market is reduce-only, so there is nothing to resume"
            )
        if fields.get("dry_run") is True:
            return []
        for one in self._served:
            if int(self._processes.rows["state"][one.index]) == ProcessState.FAILED:
                one.resumed_at = self._starts(one)
        who = by_whom(fields)
        return [self._change(v, now_ns, 0, self._process_of(v), reason, who) for v in found]
