"""`oms status`: attach read-only and say what runs, how far it is behind, and what is open."""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from oms.errors import ExitCode
from procs.cli.parts.common import add_config, owners, print_json, running_desk
from procs.cli.parts.links import troubles as link_troubles
from procs.cli.parts.page import show
from procs.files.logs import utc_text
from procs.here import here
from procs.supervisor_name import SUPERVISOR

_STALE_NS = 2_000_000_000
_BAD_BOOKS = ("STALE", "GAP", "CROSSED")

EXAMPLES = """\
examples:
  oms status             a page: processes, rings, venues, books, orders, positions, troubles
  oms status --json      the same for a program, latency histograms included

It attaches read-only and holds nothing up. Exit code 0: all well; 7: see the lines with "!".
"behind" is how many records a reader has not taken yet; the writer waits only for the one with *.
"beat" is the time since a process last turned its loop. More: `oms orders`, `oms positions`,
`oms pnl`, `oms book BTC/USDT`, `oms latency`, `oms logs -f`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 = all well, 7 = degraded, 5 = not running."""
    config, paths = running_desk(arguments)
    from procs.cli.parts.look import Look, layout_digest
    from procs.cli.parts.look_markets import accounts, reduce_only, strategies, venues
    from procs.cli.parts.status_page import page

    look = Look(config, paths)
    living = owners(config, paths)
    found: dict[str, Any] = {
        "desk": config.name,
        "data_dir": str(paths.data_dir),
        "host": config.host.name,
        "durability": config.durability,
        "layout": layout_digest(),
        "config_hash": f"{config.digest():x}",
        "drain_phase": look.drain_phase(),
        "cores": len(os.sched_getaffinity(0)),
        "keeper_pid": living["keeper"].pid if "keeper" in living else 0,
        "supervisor_pid": living[SUPERVISOR].pid if SUPERVISOR in living else 0,
        "latch": look.latch(),
        "processes": look.processes(),
        "rings": look.rings(),
        "venues": venues(look),
        "reduce_only": reduce_only(look),
        "strategies": strategies(look),
        "accounts": accounts(look),
        "markets": look.markets(),
        "feeds": look.feeds(),
        "orders": look.orders(),
        "positions": look.positions(),
        "latency": look.latency(),
        "links": look.links.links(),
        "clocks": look.links.clocks(),
        "rates": look.links.rates(),
        "pauses": look.links.pauses(),
    }
    troubles = _troubles(found)
    found["troubles"] = troubles
    if arguments.json:
        print_json(found)
    else:
        show([*page(found), *(f"! {here(trouble)}" for trouble in troubles)])
    return ExitCode.DEGRADED if troubles else ExitCode.OK


def _troubles(found: dict[str, Any]) -> list[str]:
    now = time.monotonic_ns()
    made = []
    if not found["supervisor_pid"]:
        made.append("no supervisor: nothing that dies is started again; run `oms up` to adopt")
    if not found["keeper_pid"]:
        made.append("no keeper: a supervisor that dies stays dead; run `oms up` to adopt")
    if found["latch"]["latched"]:
        latch = found["latch"]
        made.append(
            f"killed: no order leaves since {utc_text(latch['ts_ns'])} (user {latch['uid']}, "
            f"reason: {latch['reason'] or 'none given'}); lift it with `oms resume --reason TEXT`"
        )
    made += [
        f"{row['venue']} is reduce-only since {utc_text(row['ts_ns'])} (process {row['process']}: "
        f"{row['reason']}); it ends when that stays alive, or with `oms resume --reason TEXT`"
        for row in found["reduce_only"]
    ]
    made += [
        f"strategy {row['strategy']} has FAILED at {utc_text(row['ts_ns'])} ({row['reason']}): its "
        f"orders are cancelled; resume it with `oms resume strategy {row['strategy']} "
        "--reason TEXT`"
        for row in found["strategies"]
        if row["state"] == "failed"
    ]
    made += [
        f"account {row['account']} ({row['group']}) is refused ({row['refused']}), trades nothing: "
        "set it or its key right at the exchange; it is asked again each minute"
        for row in found["accounts"]
        if row["refused"]
    ]
    for row in found["processes"]:
        if row["degraded"]:
            made.append(
                f"{row['name']}: started too often of late, or its disk is full: see its log"
            )
        elif row["state"] in ("dead", "failed"):
            made.append(f"{row['name']}: dead")
        elif now - row["heartbeat_ns"] > _STALE_NS:
            made.append(f"{row['name']}: no turn for {(now - row['heartbeat_ns']) // 10**6} ms")
    made += [f"book of {row['instrument']} is {row['state']}: nothing is priced off it"
             for row in found["markets"] if row["state"] in _BAD_BOOKS]  # fmt: skip
    made += [f"ring {row['name']} is full: {row['gate']} gates {row['writer']}"
             for row in found["rings"] if row["full"]]  # fmt: skip
    return made + link_troubles(found)
