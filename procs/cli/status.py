"""`oms status`: attach read-only and say what runs, how far it is behind, and what is open."""

from __future__ import annotations

import argparse
import time
from typing import Any

from oms.errors import ExitCode
from procs.cli import venues
from procs.cli.common import add_config, owners, print_json, running_desk
from procs.here import here
from procs.supervisor_name import SUPERVISOR

_STALE_NS = 2_000_000_000

EXAMPLES = """\
examples:
  oms status             a page: processes, rings, books, open orders, positions, troubles
  oms status --json      the same for a program

It attaches read-only and holds nothing up. Exit code 0: all well; 7: see the lines with "!".
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; 0 = all well, 7 = degraded, 5 = not running."""
    config, paths = running_desk(arguments)
    from procs.cli.look import Look, layout_digest

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
        "keeper_pid": living["keeper"].pid if "keeper" in living else 0,
        "supervisor_pid": living[SUPERVISOR].pid if SUPERVISOR in living else 0,
        "processes": look.processes(),
        "rings": look.rings(),
        "markets": look.markets(),
        "feeds": look.feeds(),
        "orders": look.orders(),
        "positions": look.positions(),
        "latency": look.latency(),
        "links": look.venues.links(),
        "clocks": look.venues.clocks(),
        "rates": look.venues.rates(),
    }
    troubles = _troubles(found)
    found["troubles"] = troubles
    if arguments.json:
        print_json(found)
    else:
        _print_page(found)
    return ExitCode.DEGRADED if troubles else ExitCode.OK


def _troubles(found: dict[str, Any]) -> list[str]:
    now = time.monotonic_ns()
    made = []
    if not found["supervisor_pid"]:
        made.append("no supervisor: nothing that dies is started again; run `oms up` to adopt")
    if not found["keeper_pid"]:
        made.append("no keeper: a supervisor that dies stays dead; run `oms up` to adopt")
    for row in found["processes"]:
        if row["degraded"]:
            made.append(f"{row['name']}: started too often of late, see its log")
        elif row["state"] in ("dead", "failed"):
            made.append(f"{row['name']}: dead")
        elif now - row["heartbeat_ns"] > _STALE_NS:
            made.append(f"{row['name']}: no turn for {(now - row['heartbeat_ns']) // 10**6} ms")
    made += [f"ring {row['name']} is full: {row['gate']} gates {row['writer']}"
             for row in found["rings"] if row["full"]]  # fmt: skip
    return made + venues.troubles(found)


def _print_page(found: dict[str, Any]) -> None:
    print(
        f"desk {found['desk']}  map {found['host']}  {found['durability']}  layout "
        f"{found['layout']}  keeper {found['keeper_pid']}  supervisor {found['supervisor_pid']}"
        + (f"  draining (phase {found['drain_phase']})" if found["drain_phase"] else "")
    )
    print(f"files {found['data_dir']}\n")
    now = time.monotonic_ns()
    print(f"{'process':22} {'pid':>7} {'state':9} {'core':>4} {'wait':5} {'beat ms':>8} "
          f"{'starts':>6} {'errors':>6} {'work':>12}")  # fmt: skip
    for row in found["processes"]:
        beat = (now - row["heartbeat_ns"]) // 1_000_000
        print(f"{row['name']:22} {row['pid']:>7} {row['state']:9} {row['core']:>4} "
              f"{row['wait']:5} {beat:>8} {row['restarts'] + 1:>6} {row['errors']:>6} "
              f"{row['work']:>12}")  # fmt: skip
    print(f"\n{'ring':26} {'written':>12} {'slots':>7} {'when full':13} lag of readers (* gates)")
    for row in found["rings"]:
        lags = "  ".join(f"{reader}{'*' if reader == row['gate'] else ''} {lag}"
                         for reader, lag in row["lag"].items())  # fmt: skip
        print(f"{row['name']:26} {row['written']:>12} {row['slots']:>7} "
              f"{row['when_full']:13} {lags}")  # fmt: skip
    print(f"\n{'market':28} {'state':8} {'bid':>14} {'ask':>14}")
    for row in found["markets"]:
        print(f"{row['instrument']:28} {row['state']:8} {row['bid']!s:>14} {row['ask']!s:>14}")
    unknown = sum(row["state"] == "UNKNOWN" for row in found["orders"])
    print(f"\nopen orders {len(found['orders'])} (unknown {unknown})")
    for row in found["positions"]:
        pnl = "not marked" if row["pnl"] is None else f"{row['pnl']:+.2f}"
        print(f"position {row['strategy']} {row['instrument']} {row['qty']:f}  fills "
              f"{row['fills']}  P&L {pnl} {row['currency']}")  # fmt: skip
    venues.print_page(found)
    if found["latency"]:
        print(f"\n{'latency (us)':38} {'count':>9} {'p50':>9} {'p99':>9} {'p99.9':>9} {'max':>9}")
    for row in found["latency"]:
        figures = " ".join(
            f"{row[name] / 1000:>9.1f}" for name in ("p50_ns", "p99_ns", "p99.9_ns", "max_ns")
        )
        print(f"{row['owner'] + ' ' + row['hop']:38} {row['count']:>9} {figures}")
    for trouble in found["troubles"]:
        print(f"! {here(trouble)}")
