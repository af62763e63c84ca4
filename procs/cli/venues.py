"""What executors and feeds say of their venues: rates, clocks and connections, for people.

Read from the tables `rates.*`, `clock.*` and `links.*`; used by `oms status`.
"""

from __future__ import annotations

import time
from typing import Any

from oms.config import DeskConfig
from procs.memory import DeskMemory
from shm_layout.enums import LinkState, RateKind, RateShare
from shm_layout.records import NO_ID

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
FULL_PERCENT = 90
"""A bucket this full is worth a line."""


def _roles(config: DeskConfig) -> list[str]:
    executors = [f"executor.{group.name}" for group in config.groups]
    return [*executors, *(f"feed.{venue.name}" for venue in config.venues)]


class Venues:
    """The three kinds of tables of one desk."""

    def __init__(self, config: DeskConfig, memory: DeskMemory) -> None:
        self._accounts = config.account_names()
        self._tables = {
            kind: [(role, memory.table_reader(f"{kind}.{role}")) for role in _roles(config)]
            for kind in ("rates", "clock", "links")
        }

    def rates(self) -> list[dict[str, Any]]:
        """Buckets and shares: used and limit of the present window."""
        now_ns = time.time_ns()
        made = []
        for role, table in self._tables["rates"]:
            for row in table.written():
                over = now_ns >= int(row["window_ns"]) + int(row["interval_s"]) * _NS_PER_S
                account = int(row["account_id"])
                whole = int(row["share"]) == RateShare.UNSET
                made.append({
                    "role": role, "kind": RateKind(int(row["kind"])).name,
                    "share": "ALL" if whole else RateShare(int(row["share"])).name,
                    "account": "" if account == NO_ID else self._accounts[account],
                    "interval_s": int(row["interval_s"]), "used": 0 if over else int(row["used"]),
                    "limit": int(row["limit"]), "refused": int(row["refused"]),
                    "pause_ms": max(int(row["pause_until_ns"]) - now_ns, 0) // _NS_PER_MS,
                    "ban_ms": max(int(row["ban_until_ns"]) - now_ns, 0) // _NS_PER_MS,
                })  # fmt: skip
        return made

    def clocks(self) -> list[dict[str, Any]]:
        """Difference to each venue's clock, round trip and age, in ms (three digits)."""
        now_ns = time.time_ns()
        return [
            {
                "role": role, "large": bool(row["large"]), "samples": int(row["samples"]),
                "offset_ms": _ms(row["offset_ns"]), "round_trip_ms": _ms(row["round_trip_ns"]),
                "age_ms": max(now_ns - int(row["ts_ns"]), 0) // _NS_PER_MS,
                "failed": int(row["failed"]), "steps": int(row["steps"]),
            }
            for role, table in self._tables["clock"] for row in table.written()
        ]  # fmt: skip

    def links(self) -> list[dict[str, Any]]:
        """Connections: state, age, and what became of those before."""
        now_ns = time.time_ns()
        return [
            {
                "role": role, "link": int(row["link"]),
                "state": LinkState(int(row["state"])).name.lower(),
                "logged_on": bool(row["logged_on"]), "accounts": int(row["accounts"]),
                "age_s": _age_s(row["opened_ns"], now_ns),
                "replace_in_s": max(_age_s(now_ns, int(row["replace_ns"])), 0)
                if int(row["replace_ns"]) else 0,
                "opens": int(row["opens"]), "losses": int(row["losses"]),
                "dead_peers": int(row["dead_peers"]), "replaced": int(row["replaced"]),
                "doubled": int(row["doubled"]),
            }
            for role, table in self._tables["links"] for row in table.written()
        ]  # fmt: skip


def _ms(ns: Any) -> float:
    return round(int(ns) / _NS_PER_MS, 3)


def _age_s(since_ns: Any, now_ns: int) -> int:
    return (now_ns - int(since_ns)) // _NS_PER_S if int(since_ns) else 0


def troubles(found: dict[str, Any]) -> list[str]:
    """Lines for what wants a person."""
    made = []
    for row in found["rates"]:
        if row["ban_ms"]:
            made.append(f"{row['role']}: the venue banned this address for {row['ban_ms']} ms")
        elif row["pause_ms"]:
            made.append(f"{row['role']}: the venue wants a pause of {row['pause_ms']} ms")
    made += [f"{row['role']}: the venue's clock is {row['offset_ms']} ms off ours; set this "
             "machine's clock (NTP)" for row in found["clocks"] if row["large"]]  # fmt: skip
    made += [f"{row['role']}: connection {row['link']} is {row['state']}"
             for row in found["links"] if row["state"] in ("down", "opening")]  # fmt: skip
    return made


def print_page(found: dict[str, Any]) -> None:
    """The part of the status page."""
    print(f"\n{'connection':26} {'state':10} {'age s':>8} {'next in s':>9} {'opens':>6} "
          f"{'lost':>5} {'dead':>5} {'replaced':>8} {'offset ms':>10} {'trip ms':>8}")  # fmt: skip
    clocks = {row["role"]: row for row in found["clocks"]}
    for row in found["links"]:
        clock = clocks.get(row["role"], {"offset_ms": "-", "round_trip_ms": "-"})
        state = row["state"] + ("*" if row["logged_on"] else "")
        print(f"{row['role']:26} {state:10} {row['age_s']:>8} {row['replace_in_s']:>9} "
              f"{row['opens']:>6} {row['losses']:>5} {row['dead_peers']:>5} {row['replaced']:>8} "
              f"{clock['offset_ms']:>10} {clock['round_trip_ms']:>8}")  # fmt: skip
    print(f"\n{'rate':26} {'bucket':16} {'share':15} {'account':12} {'used':>8} {'limit':>8} "
          f"{'per s':>6} {'refused':>8}")  # fmt: skip
    for row in found["rates"]:
        full = "!" if row["limit"] and row["used"] * 100 >= row["limit"] * FULL_PERCENT else ""
        print(f"{row['role']:26} {row['kind'].lower():16} {row['share'].lower():15} "
              f"{row['account']:12} {row['used']:>8} {row['limit']:>8} {row['interval_s']:>6} "
              f"{row['refused']:>8} {full}".rstrip())  # fmt: skip
