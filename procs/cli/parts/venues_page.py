"""The page of `oms venues`: per market its state, clock, connections, budgets and keys. What nobody
has said is "not known", never an empty place.
"""

from __future__ import annotations

import time
from typing import Any

from oms.agents.watchdog.sweep import watchdog_key
from oms.config import GroupConfig
from oms.units import NS_PER_MS, NS_PER_S
from procs.cli.parts.links import budgets
from procs.cli.parts.look import Look
from procs.cli.parts.look_markets import reduce_only, venues
from procs.cli.parts.page import age, table

NOT_KNOWN = "not known"
KEYS_LISTED_MAX = 8
_HALF = 2


def found_of(look: Look, wanted: str = "") -> list[dict[str, Any]]:
    """Each market of the desk, or the one that is named, as a program reads it."""
    told = {
        "links": look.links.links(),
        "clocks": look.links.clocks(),
        "rates": look.links.rates(),
        "pauses": look.links.pauses(),
    }
    reduced = {row["venue"] for row in reduce_only(look)}
    made = []
    for market in venues(look):
        name = market["venue"]
        if wanted not in ("", name):
            continue
        groups = [group for group in look.config.groups if name in group.venues]
        roles = {f"feed.{name}", *(f"{what}.{group.name}" for group in groups
                                   for what in ("executor", "watchdog"))}  # fmt: skip
        own = {what: [row for row in rows if row["role"] in roles] for what, rows in told.items()}
        made.append({
            "venue": name, "network": market["network"],
            "state": _state(market, own["links"], own["pauses"], reduced=name in reduced),
            "books_live": market["live"], "books": market["instruments"],
            "last_message_ms": _ms_ago(market["silent_ns"]),
            "reduce_only": name in reduced,
            "clocks": [_clock(row) for row in own["clocks"]],
            "connections": own["links"],
            "budgets": own["rates"],
            "pauses": own["pauses"],
            "keys": [key for group in groups for key in _keys(look, group)],
        })  # fmt: skip
    return made


def _ms_ago(silent_ns: int | None) -> int | None:
    return None if silent_ns is None else silent_ns // NS_PER_MS


def _state(
    market: dict[str, Any], links: list[dict[str, Any]], pauses: list[dict[str, Any]],
    *, reduced: bool,
) -> str:  # fmt: skip
    """In one word what a person has to know first."""
    if any(row["ban_ms"] or row["close_ms"] for row in pauses):
        return "banned"
    if any(row["state"] in ("down", "opening") for row in links) or not links:
        return "down"
    if pauses:
        return "paused"
    if reduced:
        return "reduce-only"
    return "live" if market["live"] == market["instruments"] else "books not live"


def _clock(row: dict[str, Any]) -> dict[str, Any]:
    """The offset and how far it may be wrong: half of the shortest round trip that it rests on."""
    known = row["samples"] > 0
    return {
        "role": row["role"], "offset_ms": row["offset_ms"] if known else None,
        "bound_ms": round(row["round_trip_ms"] / _HALF, 3) if known else None,
        "round_trip_ms": row["round_trip_ms"] if known else None,
        "last_round_trip_ms": row["last_round_trip_ms"] if known else None,
        "age_ms": row["age_ms"] if known else None, "failed": row["failed"],
    }  # fmt: skip


def _keys(look: Look, group: GroupConfig) -> list[dict[str, Any]]:
    """Keys of a group's accounts: how old their files are. When they end, no exchange was asked."""
    made = []
    for account in group.accounts:
        for name in (account.key_name, watchdog_key(account)):
            path = look.paths.keys / f"{name}.json"
            age_s = (
                (time.time_ns() - path.stat().st_mtime_ns) // NS_PER_S if path.exists() else None
            )
            made.append({"account": account.name, "key": name, "age_s": age_s, "ends_in_s": None})
    return made


# The page


def page(found: list[dict[str, Any]]) -> list[str]:
    """All of them, within 80 columns."""
    lines: list[str] = []
    for one in found:
        lines += [*([""] if lines else []), *_market(one)]
    return lines


def _market(one: dict[str, Any]) -> list[str]:
    last = one["last_message_ms"]
    heard = NOT_KNOWN if last is None else f"{age(last * NS_PER_MS)} ago"
    books = f"books {one['books_live']}/{one['books']} live"
    return [
        f"{one['venue']}  {one['network']}  {one['state']}  {books}  last message {heard}",
        *_connections(one),
        *_pauses(one),
        *budgets(one["budgets"]),
        *_key_lines(one["keys"]),
    ]


def _connections(one: dict[str, Any]) -> list[str]:
    clocks = {row["role"]: row for row in one["clocks"]}
    roles = list(dict.fromkeys(row["role"] for row in one["connections"]))
    made = table(
        ["connections", "open", "age", "next in", "clock", "bound", "trip", "asked"],
        [
            [
                role,
                f"{sum(row['state'] in ('open', 'replacing') for row in rows)}/{len(rows)}",
                _span(max(row["age_s"] for row in rows)),
                _span(min(row["replace_in_s"] for row in rows)),
                *_clock_cells(clocks.get(role)),
            ]
            for role in roles
            if (rows := [row for row in one["connections"] if row["role"] == role])
        ],
    )
    return made if roles else [f"connections: {NOT_KNOWN}"]


def _clock_cells(clock: dict[str, Any] | None) -> list[str]:
    if clock is None or clock["offset_ms"] is None:
        return [NOT_KNOWN] * 4
    return [
        f"{clock['offset_ms']:+.1f}ms", f"±{clock['bound_ms']:.1f}ms",
        f"{clock['round_trip_ms']:.1f}ms", f"{age(clock['age_ms'] * NS_PER_MS)} ago",
    ]  # fmt: skip


def _span(seconds: int) -> str:
    return age(seconds * NS_PER_S) if seconds else NOT_KNOWN


def _pauses(one: dict[str, Any]) -> list[str]:
    return [
        f"pause of {' '.join(filter(None, (row['bucket'], row['key'])))}: "
        f"{max(row['ban_ms'], row['pause_ms'], row['close_ms'])} ms left, "
        f"{'of everything' if row['ban_ms'] else 'cancels pass'}, told to {row['role']}"
        for row in one["pauses"]
    ]


def _key_lines(keys: list[dict[str, Any]]) -> list[str]:
    made = table(
        ["key", "account", "age", "ends in"],
        [
            [
                row["key"],
                row["account"],
                NOT_KNOWN if row["age_s"] is None else age(row["age_s"] * NS_PER_S),
                NOT_KNOWN if row["ends_in_s"] is None else age(row["ends_in_s"] * NS_PER_S),
            ]
            for row in keys[:KEYS_LISTED_MAX]
        ],
        left=(0, 1),
    )
    if len(keys) > KEYS_LISTED_MAX:
        made.append(f"and {len(keys) - KEYS_LISTED_MAX} more keys: `--json` has them all")
    return made


def is_well(found: list[dict[str, Any]]) -> bool:
    """Every market is live or reduced by a person's or the desk's own word."""
    return all(one["state"] in ("live", "reduce-only") for one in found)
