"""What executors and feeds say of their venues: rates, clocks and connections, for people.

Read from the tables `rates.*`, `clock.*` and `links.*`; used by `oms status`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from oms.config import DeskConfig
from oms.units import NS_PER_MS, NS_PER_S
from procs.cli.parts.page import age, count, table
from procs.memory import DeskMemory
from shm_layout.enums import LinkState, RateKind, RateShare
from shm_layout.records import NO_ID

LISTED_MAX = 16
_BUCKETS = {"REQUEST_WEIGHT": "weight", "ORDERS": "orders", "CONNECTIONS": "connects"}


def _roles(config: DeskConfig) -> list[str]:
    executors = [f"executor.{group.name}" for group in config.groups]
    return [*executors, *(f"feed.{venue.name}" for venue in config.venues)]


class LinkTables:
    """The three kinds of tables of one desk."""

    def __init__(self, config: DeskConfig, memory: DeskMemory) -> None:
        self._accounts = memory.table_reader("accounts")
        self._tables = {
            kind: [(role, memory.table_reader(f"{kind}.{role}")) for role in _roles(config)]
            for kind in ("rates", "clock", "links")
        }
        sweepers = [f"watchdog.{group.name}" for group in config.groups]
        self._tables["rates"] += [(s, memory.table_reader(f"rates.{s}")) for s in sweepers]

    def _account(self, account_id: int) -> str:
        row = self._accounts.read(account_id)
        return str(account_id) if row is None else bytes(row["name"]).decode()

    def rates(self) -> list[dict[str, Any]]:
        """Buckets and shares: used and limit of the present window."""
        now_ns = time.time_ns()
        made = []
        for role, rows in self._tables["rates"]:
            for row in rows.written():
                over = now_ns >= int(row["window_ns"]) + int(row["interval_s"]) * NS_PER_S
                account = int(row["account_id"])
                whole = int(row["share"]) == RateShare.UNSET
                made.append({
                    "role": role, "kind": RateKind(int(row["kind"])).name,
                    "share": "ALL" if whole else RateShare(int(row["share"])).name,
                    "account": "" if account == NO_ID else self._account(account),
                    "key": "egress" if account == NO_ID else "account",
                    "interval_s": int(row["interval_s"]), "used": 0 if over else int(row["used"]),
                    "limit": int(row["limit"]), "refused": int(row["refused"]),
                    "pause_ms": max(int(row["pause_until_ns"]) - now_ns, 0) // NS_PER_MS,
                    "ban_ms": max(int(row["ban_until_ns"]) - now_ns, 0) // NS_PER_MS,
                })  # fmt: skip
        return made

    def clocks(self) -> list[dict[str, Any]]:
        """Difference to each venue's clock, round trip and age, in ms (three digits)."""
        now_ns = time.time_ns()
        return [
            {
                "role": role, "large": bool(row["large"]), "samples": int(row["samples"]),
                "offset_ms": _ms(row["offset_ns"]), "round_trip_ms": _ms(row["round_trip_ns"]),
                "age_ms": max(now_ns - int(row["ts_ns"]), 0) // NS_PER_MS,
                "failed": int(row["failed"]), "steps": int(row["steps"]),
            }
            for role, rows in self._tables["clock"] for row in rows.written()
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
            for role, rows in self._tables["links"] for row in rows.written()
        ]  # fmt: skip


def _ms(ns: Any) -> float:
    return round(int(ns) / NS_PER_MS, 3)


def _age_s(since_ns: Any, now_ns: int) -> int:
    return (now_ns - int(since_ns)) // NS_PER_S if int(since_ns) else 0


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


def lines(found: dict[str, Any]) -> list[str]:
    """The part of the status page."""
    clocks = {row["role"]: row for row in found["clocks"]}
    shown = _worth_a_line(found["links"], lambda row: row["state"] != "open" or row["losses"] > 0)
    rates = [row for row in found["rates"] if not row["account"]]
    accounts = [row for row in found["rates"] if row["account"]]
    accounts = _worth_a_line(accounts, lambda row: row["used"] > 0 or row["refused"] > 0)
    left_out = len(found["rates"]) - len(rates) - len(accounts)
    made = table(
        ["connection", "state", "age", "next", "lost", "dead", "replaced", "clock", "trip"],
        [
            [
                row["role"] + (f" {row['link']}" if row["link"] else ""),
                row["state"] + (" *" if row["logged_on"] else ""),
                age(row["age_s"] * NS_PER_S) if row["age_s"] else None,
                age(row["replace_in_s"] * NS_PER_S) if row["replace_in_s"] else None,
                row["losses"],
                row["dead_peers"],
                row["replaced"],
                _shown_ms(clocks, row["role"], "offset_ms"),
                _shown_ms(clocks, row["role"], "round_trip_ms"),
            ]
            for row in shown
        ],
        left=(0, 1),
    )
    if len(shown) < len(found["links"]):
        is_open = sum(row["state"] == "open" for row in found["links"])
        made.append(f"{is_open} of {len(found['links'])} connections are open")
    if any(row["logged_on"] for row in found["links"]):
        made.append("* a session: its requests need no signature")
    made.append("")
    made += table(
        ["rate", "bucket", "share", "key", "used", "limit", "refused"],
        [
            [
                row["role"],
                f"{_BUCKETS[row['kind']]}/{age(row['interval_s'] * NS_PER_S)}",
                row["share"].lower(),
                row["account"] or "egress",
                row["used"],
                row["limit"] or None,
                count(row["refused"]),
            ]
            for row in rates + accounts
        ],
        left=(0, 1, 2, 3),
    )
    if left_out:
        made.append(f"and {left_out} more counts of accounts: `--json` has them all")
    return made


def _worth_a_line(
    rows: list[dict[str, Any]], has_news: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """All of a few; of many, some of those that have something to say, or the first one."""
    if len(rows) <= LISTED_MAX:
        return rows
    return [row for row in rows if has_news(row)][:LISTED_MAX] or rows[:1]


def _shown_ms(clocks: dict[str, Any], role: str, name: str) -> str | None:
    return f"{clocks[role][name]:.1f}ms" if role in clocks else None
