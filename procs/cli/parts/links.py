"""What executors and feeds say of their venues: rates, clocks and connections, for people.

Read from the tables `rates.*`, `clock.*` and `links.*`; used by `oms status`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from oms.config import DeskConfig
from oms.units import NS_PER_MS, NS_PER_S
from procs.cli.parts.page import WIDTH, age, count, table
from procs.memory import DeskMemory
from shm_layout.enums import Exchange, LinkState, RateShare
from shm_layout.records import NO_ID

LISTED_MAX = 16
EGRESS = "egress"


def _roles(config: DeskConfig) -> list[str]:
    executors = [f"executor.{group.name}" for group in config.groups]
    return [*executors, *(f"feed.{venue.name}" for venue in config.venues)]


class LinkTables:
    """The three kinds of tables of one desk."""

    def __init__(self, config: DeskConfig, memory: DeskMemory) -> None:
        self._tables = {
            kind: [(role, memory.table_reader(f"{kind}.{role}")) for role in _roles(config)]
            for kind in ("rates", "clock", "links")
        }
        sweepers = [f"watchdog.{group.name}" for group in config.groups]
        self._tables["rates"] += [(s, memory.table_reader(f"rates.{s}")) for s in sweepers]

    def rates(self) -> list[dict[str, Any]]:
        """Budgets by bucket and key: used and limit of the present window, who spends of it."""
        now_ns = time.time_ns()
        return [
            _budget(role, row, now_ns)
            for role, rows in self._tables["rates"] for row in rows.written() if row["bucket"]
        ]  # fmt: skip

    def pauses(self) -> list[dict[str, Any]]:
        """What an exchange wants to wait, by key, and for how long."""
        now_ns = time.time_ns()
        made = []
        for role, rows in self._tables["rates"]:
            for row in rows.written():
                left_ms = {
                    name: max(int(row[f"{name}_until_ns"]) - now_ns, 0) // NS_PER_MS
                    for name in ("pause", "ban", "close")
                }
                if any(left_ms.values()):
                    made.append({
                        "role": role, "bucket": bytes(row["bucket"]).decode(), "key": _key(row),
                        **{f"{name}_ms": ms for name, ms in left_ms.items()},
                    })  # fmt: skip
        return made

    def clocks(self) -> list[dict[str, Any]]:
        """Difference to each venue's clock, round trip and age, in ms (three digits)."""
        now_ns = time.time_ns()
        return [
            {
                "role": role, "large": bool(row["large"]), "samples": int(row["samples"]),
                "offset_ms": _ms(row["offset_ns"]), "round_trip_ms": _ms(row["round_trip_ns"]),
                "last_round_trip_ms": _ms(row["last_round_trip_ns"]),
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


def _key(row: Any) -> str:
    return bytes(row["key"]).decode().strip() or EGRESS


def _budget(role: str, row: Any, now_ns: int) -> dict[str, Any]:
    window_ms = int(row["window_ms"])
    over = now_ns >= int(row["window_ns"]) + window_ms * NS_PER_MS
    reported = int(row["reported"])
    users = [
        (share.name.lower(), 0 if over else int(row["spent"][share]), int(row["part"][share]))
        for share in RateShare if share
    ]  # fmt: skip
    return {
        "role": role, "exchange": Exchange(int(row["exchange"])).name.lower(),
        "bucket": bytes(row["bucket"]).decode(), "key": _key(row),
        "window_ms": window_ms, "slides": bool(row["slides"]),
        "used": 0 if over else int(row["used"]), "limit": int(row["limit"]),
        "reported": None if over or reported == NO_ID else reported,
        "refused": int(row["refused"]),
        "users": {name: {"used": used, "part": part} for name, used, part in users if used or part},
    }  # fmt: skip


def _ms(ns: Any) -> float:
    return round(int(ns) / NS_PER_MS, 3)


def _age_s(since_ns: Any, now_ns: int) -> int:
    return (now_ns - int(since_ns)) // NS_PER_S if int(since_ns) else 0


def troubles(found: dict[str, Any]) -> list[str]:
    """Lines for what wants a person."""
    made = []
    for row in found["pauses"]:
        of = " ".join(filter(None, (row["bucket"], row["key"])))
        if of == EGRESS and row["ban_ms"]:
            made.append(f"{row['role']}: the venue banned this address for {row['ban_ms']} ms")
        elif of == EGRESS:
            made.append(f"{row['role']}: the venue wants a pause of {row['pause_ms']} ms")
        elif row["ban_ms"]:
            made.append(f"{row['role']}: the venue takes nothing of {of} for {row['ban_ms']} ms")
        else:
            made.append(
                f"{row['role']}: the venue takes cancels alone of {of} for {row['pause_ms']} ms"
            )
    made += [f"{row['role']}: the venue's clock is {row['offset_ms']} ms off ours; set this "
             "machine's clock (NTP)" for row in found["clocks"] if row["large"]]  # fmt: skip
    made += [f"{row['role']}: connection {row['link']} is {row['state']}"
             for row in found["links"] if row["state"] in ("down", "opening")]  # fmt: skip
    return made


def lines(found: dict[str, Any]) -> list[str]:
    """The part of the status page."""
    clocks = {row["role"]: row for row in found["clocks"]}
    shown = _worth_a_line(found["links"], lambda row: row["state"] != "open" or row["losses"] > 0)
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
    return made + budgets(found["rates"])


def budgets(rates: list[dict[str, Any]]) -> list[str]:
    """A line for each bucket and key, all processes together: what is used of it, what the exchange
    said, and who spent; those that do not fit go on below."""
    merged = together(rates)
    by_key = [row for row in merged if row["key"] != EGRESS]
    some = _worth_a_line(by_key, lambda row: row["used"] > 0 or row["refused"] > 0)
    shown = [row for row in merged if row["key"] == EGRESS or row in some]
    lines = table(
        ["rate", "bucket", "key", "used", "limit", "said", "refused"],
        [
            [
                row["exchange"],
                f"{row['bucket']}/{span(row['window_ms'])}",
                row["key"],
                count(row["used"]),
                count(row["limit"]),
                None if row["reported"] is None else count(row["reported"]),
                count(row["refused"]),
            ]
            for row in shown
        ],
        left=(0, 1, 2),
    )
    made = [f"{lines[0]} spent by"]
    for line, row in zip(lines[1:], shown, strict=True):
        words = [f"{name} {one['used']}" for name, one in row["users"].items() if one["used"]]
        made += _with_words(line, words)
    if len(shown) < len(merged):
        made.append(f"and {len(merged) - len(shown)} more budgets: `--json` has them all")
    return made


def together(rates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Budgets of several processes as one for each bucket and key: the most that any of them knows
    to be used, and what each user spent."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rates:
        name = (row["exchange"], row["bucket"], row["key"])
        one = found.setdefault(
            name, {**row, "used": 0, "reported": None, "refused": 0, "users": {}}
        )
        one["used"] = max(one["used"], row["used"])
        if row["reported"] is not None:
            one["reported"] = max(one["reported"] or 0, row["reported"])
        one["refused"] += row["refused"]
        for user, spent in row["users"].items():
            before = one["users"].setdefault(user, {"used": 0, "part": 0})
            before["used"] += spent["used"]
            before["part"] += spent["part"]
    for one in found.values():
        one["used"] = max(one["used"], sum(user["used"] for user in one["users"].values()))
    return list(found.values())


def _with_words(line: str, words: list[str]) -> list[str]:
    """Words behind a line, as many as fit; the rest below."""
    made, indent = [], " " * len(line)
    for k, word in enumerate(words):
        if len(line) + len(word) + 2 > WIDTH and line.strip():
            made.append(line)
            line = indent
        line += f" {word}" + ("," if k + 1 < len(words) else "")
    return [*made, line]


def span(window_ms: int) -> str:
    """A window in few letters."""
    return f"{window_ms}ms" if window_ms % 1000 else age(window_ms * NS_PER_MS)


def _worth_a_line(
    rows: list[dict[str, Any]], has_news: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """All of a few; of many, some of those that have something to say, or the first one."""
    if len(rows) <= LISTED_MAX:
        return rows
    return [row for row in rows if has_news(row)][:LISTED_MAX] or rows[:1]


def _shown_ms(clocks: dict[str, Any], role: str, name: str) -> str | None:
    return f"{clocks[role][name]:.1f}ms" if role in clocks else None
