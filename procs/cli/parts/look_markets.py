"""What a desk knows of its markets and accounts: books, feeds, reconciliation. Read-only."""

from __future__ import annotations

import difflib
import time
from decimal import Decimal
from typing import Any

from oms.config import OPERATOR
from oms.errors import ConfigError
from procs.cli.parts.look import Look, at_step, text
from shm_layout.enums import VENUE_NAMES, BookState, PluginState, PluginTrouble, RejectReason, Venue
from shm_layout.limits import BOOK_TABLE_LEVELS
from shm_layout.records import NO_ID


def venues(look: Look) -> list[dict[str, Any]]:
    """Every market: how many of its books are LIVE, what its feed has seen, since when it is
    silent, and by how much the venue's clock is off (the smallest delay that was seen)."""
    states: dict[str, list[str]] = {}
    for row in look.markets():
        states.setdefault(row["instrument"].partition(":")[0], []).append(row["state"])
    found = []
    for venue in look.config.venues:
        rows = list(look.memory.table_reader(f"feed.{venue.name}").written())
        books = states.get(venue.name, [])
        last_ns = max((int(row["ts_recv_ns"]) for row in rows), default=0)
        sums = {
            name: sum(int(row[name]) for row in rows)
            for name in ("messages", "gaps", "resyncs", "malformed")
        }
        found.append(
            {
                "venue": venue.name,
                "network": venue.network,
                "instruments": len(venue.instruments),
                "live": books.count(BookState.LIVE.name),
                "states": sorted(set(books)),
                "connects": max((int(row["connects"]) for row in rows), default=0),
                "silent_ns": time.time_ns() - last_ns if last_ns else None,
                "clock_ns": min((int(row["latency_ns_min"]) for row in rows), default=None),
                **sums,
            }
        )
    return found


def reduce_only(look: Look) -> list[dict[str, Any]]:
    """Every market where orders may only bring a position nearer to nothing: since when, and
    whose starts were the cause."""
    return [
        {
            "venue": VENUE_NAMES[Venue(int(row["venue"]))],
            "ts_ns": int(row["ts_ns"]),
            "process": text(row["process"]),
            "reason": bytes(row["reason"]).decode("utf-8", "replace"),
        }
        for row in look.memory.table_reader("venues").written()
        if int(row["reduce_only"])
    ]


def strategies(look: Look) -> list[dict[str, Any]]:
    """Every strategy of the config but a person's own, and what its plugin does: "starting",
    "running" or "failed", with since when and why."""
    found = []
    for one in look.config.strategies:
        if one.name == OPERATOR:
            continue
        row = look.plugins[one.name].read(0)
        state = PluginState.UNSET if row is None else PluginState(int(row["state"]))
        trouble = PluginTrouble.UNSET if row is None else PluginTrouble(int(row["trouble"]))
        found.append(
            {
                "strategy": one.name,
                "plugin": one.plugin,
                "state": state.name.lower() if state else "starting",
                "trouble": trouble.name.lower() if trouble else "",
                "reason": "" if row is None else bytes(row["reason"]).decode("utf-8", "replace"),
                "ts_ns": 0 if row is None else int(row["ts_ns"]),
                "failures": 0 if row is None else int(row["failures"]),
            }
        )
    return found


def accounts(look: Look) -> list[dict[str, Any]]:
    """Every account that risk knows: whether its orders agree with the exchange's, and whether it
    may trade."""
    groups = [group.name for group in look.config.groups]
    return [
        {
            "account": text(row["name"]),
            "group": groups[int(row["group"])] if int(row["group"]) < len(groups) else "?",
            "reconciled": bool(row["reconciled"]),
            "enabled": bool(row["enabled"]),
            "refused": RejectReason(int(row["refused"])).name if row["refused"] else "",
        }
        for row in look.memory.table_reader("accounts").written()
    ]


def _instrument(look: Look, wanted: str) -> Any:
    """The row of an instrument by `venue:name`, `name` or the venue's symbol; ConfigError."""
    known: dict[str, list[Any]] = {}
    for row in look.memory.table_reader("instruments").written():
        name = text(row["name"])
        full = f"{VENUE_NAMES[Venue(int(row['venue']))]}:{name}"
        for word in (full, name, text(row["symbol"])):
            known.setdefault(word.lower(), []).append((full, row))
    found = known.get(wanted.lower(), [])
    names = sorted({full for rows in known.values() for full, _ in rows})
    if len({full for full, _ in found}) == 1:
        return found[0][1]
    if found:
        listed = ", ".join(sorted({full for full, _ in found}))
        raise ConfigError(f"instrument '{wanted}' is on several markets; name one of {listed}")
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.0)
    raise ConfigError(
        f"instrument '{wanted}' is not on this desk; the nearest is '{near[0] if near else '-'}' "
        f"(known: {', '.join(names) or 'none yet'})"
    )


def book(look: Look, wanted: str, levels: int = BOOK_TABLE_LEVELS) -> dict[str, Any]:
    """A book from the aggregator's table: levels best first with the quantity up to each."""
    instrument = _instrument(look, wanted)
    name = f"{VENUE_NAMES[Venue(int(instrument['venue']))]}:{text(instrument['name'])}"
    row = look.memory.table_reader("books").read(int(instrument["instrument_id"]))
    if row is None or int(row["instrument_id"]) == NO_ID:
        return {"instrument": name, "state": BookState.SYNCING.name, "bids": [], "asks": []}
    made: dict[str, Any] = {
        "instrument": name,
        "state": BookState(int(row["state"])).name,
        "version": int(row["version"]),
        "age_ns": time.time_ns() - int(row["ts_recv_ns"]),
    }
    for side in ("bid", "ask"):
        cumulated = Decimal(0)
        made[f"{side}s"] = []
        for k in range(min(int(row[f"{side}_count"]), levels)):
            px = at_step(
                int(row[f"{side}_px"][k]), int(instrument["px_scale"]), int(instrument["tick"])
            )
            qty = at_step(
                int(row[f"{side}_qty"][k]), int(instrument["qty_scale"]), int(instrument["lot"])
            )
            cumulated += qty or 0
            made[f"{side}s"].append({"px": px, "qty": qty, "cum_qty": cumulated})
    return made
