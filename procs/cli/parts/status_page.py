"""The page of `oms status`: within 80 columns, what is wrong last, where the eye ends."""

from __future__ import annotations

import time
from typing import Any

from oms.units import NS_PER_MS
from procs.cli.parts import links
from procs.cli.parts.page import WIDTH, age, cell, count, table

ACCOUNTS_LISTED_MAX = 8
"""More accounts than these have a line together."""
ACCOUNTS_NAMED_MAX = 5


def _last_kill(latch: dict[str, Any]) -> str:
    """The word of the last kill; nothing where there was none."""
    return "" if latch["word"] == "UNSET" else f"  last kill {latch['word']}"


def page(found: dict[str, Any]) -> list[str]:
    """All of it; `found` as in `oms status --json`."""
    return [
        *_head(found),
        "",
        *_processes(found),
        "",
        *_rings(found),
        "",
        *_venues(found),
        "",
        *links.lines(found),
        "",
        *_markets(found),
        "",
        *_strategies(found),
        "",
        *_orders(found),
    ]


def _head(found: dict[str, Any]) -> list[str]:
    latch = "SET" if found["latch"]["latched"] else "open"
    lines = [
        f"desk {found['desk']}  map {found['host']}  {found['durability']}",
        f"layout {found['layout']}  config {found['config_hash']}",
        f"keeper {found['keeper_pid'] or 'none'}  supervisor {found['supervisor_pid'] or 'none'}",
        f"cores {found['cores']}  kill latch {latch}{_last_kill(found['latch'])}",
        f"files {found['data_dir']}",
    ]
    if found["drain_phase"]:
        lines.insert(1, f"draining: phase {found['drain_phase']}")
    return lines


def _processes(found: dict[str, Any]) -> list[str]:
    now = time.monotonic_ns()
    return table(
        ["process", "pid", "state", "core", "wait", "beat", "starts", "errors", "work"],
        [
            [
                row["name"],
                row["pid"] or None,
                row["state"],
                row["core"] if row["core"] >= 0 else None,
                row["wait"],
                f"{(now - row['heartbeat_ns']) // NS_PER_MS}ms" if row["heartbeat_ns"] else None,
                row["restarts"] + 1,
                row["errors"],
                count(row["work"]),
            ]
            for row in found["processes"]
        ],
        left=(0, 2, 4),
    )


def _rings(found: dict[str, Any]) -> list[str]:
    """Per ring a line; readers that do not fit go on below. `*` gates: its writer waits for it."""
    widest = max((len(row["name"]) for row in found["rings"]), default=4)
    titles = f"{'ring':{widest}} {'written':>7} {'slots':>6} {'when full':12}"
    lines = [f"{titles} behind, by reader (* gates)"]
    for row in found["rings"]:
        head = (
            f"{row['name']:{widest}} {count(row['written']):>7} {row['slots']:>6} "
            f"{row['when_full']:12}"
        )
        line = head
        for reader, lag in row["lag"].items():
            word = f" {reader}{'*' if reader == row['gate'] else ''} {lag}"
            if len(line) + len(word) > WIDTH and line != head:
                lines.append(line)
                line = " " * len(head)
            line += word
        lines.append(line)
    return lines


def _venues(found: dict[str, Any]) -> list[str]:
    lines = table(
        ["venue", "network", "live", "silent", "messages", "gaps", "resyncs", "bad", "connects"],
        [
            [
                row["venue"],
                row["network"],
                f"{row['live']}/{row['instruments']}",
                None if row["silent_ns"] is None else age(row["silent_ns"]),
                count(row["messages"]),
                row["gaps"],
                row["resyncs"],
                row["malformed"],
                row["connects"],
            ]
            for row in found["venues"]
        ],
        left=(0, 1),
    )
    lines += [f"{row['venue']}: reduce-only, by {row['process']}" for row in found["reduce_only"]]
    return lines + accounts(found["accounts"])


def _standing(row: dict[str, Any]) -> str:
    if row["refused"]:
        return f"refused ({row['refused']}): trades nothing, asked again each minute; see its log"
    return "reconciled" if row["reconciled"] else "not reconciled: may not trade yet"


def accounts(rows: list[dict[str, Any]]) -> list[str]:
    """One line each; where they are many, one for each group, with the names of some that wait."""
    if len(rows) <= ACCOUNTS_LISTED_MAX:
        return [
            f"account {row['account']} ({row['group']}): "
            + _standing(row)
            + ("" if row["enabled"] else ", disabled")
            for row in rows
        ]
    lines = []
    for group in sorted({row["group"] for row in rows}):
        own = [row for row in rows if row["group"] == group]
        refused = [row["account"] for row in own if row["refused"]]
        waiting = [r["account"] for r in own if not r["reconciled"] and not r["refused"]]
        disabled = [row["account"] for row in own if not row["enabled"]]
        lines.append(
            f"accounts ({group}): {sum(r['reconciled'] for r in own)} of {len(own)} reconciled"
        )
        for what, names in (
            ("may not trade yet", waiting), ("refused", refused), ("disabled", disabled)
        ):  # fmt: skip
            if names:
                more = len(names) - ACCOUNTS_NAMED_MAX
                line = f"  {what}: {', '.join(names[:ACCOUNTS_NAMED_MAX])}"
                lines.append(line + (f" and {more} more" if more > 0 else ""))
    return lines


def _markets(found: dict[str, Any]) -> list[str]:
    return table(
        ["market", "book", "bid", "ask", "spread bp"],
        [
            [
                row["instrument"],
                row["state"],
                row["bid"],
                row["ask"],
                None if row["spread_bp"] is None else f"{row['spread_bp']:.3f}",
            ]
            for row in found["markets"]
        ],
        left=(0, 1),
    )


def _strategies(found: dict[str, Any]) -> list[str]:
    return table(
        ["strategy", "plugin", "state", "failures"],
        [
            [row["strategy"], row["plugin"], row["state"], row["failures"]]
            for row in found["strategies"]
        ],
        left=(0, 1, 2),
    )


def _orders(found: dict[str, Any]) -> list[str]:
    unknown = sum(row["state"] == "UNKNOWN" for row in found["orders"])
    lines = [f"open orders {len(found['orders'])} (unknown {unknown})"]
    for row in found["positions"]:
        pnl = "not marked" if row["pnl"] is None else f"{row['pnl']:+.2f} {row['currency']}"
        lines.append(
            f"position {row['strategy']} {row['instrument']} {cell(row['qty'])}  "
            f"fills {row['fills']}  P&L {pnl}"
        )
    return lines
