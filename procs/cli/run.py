"""`oms run`: start a desk, watch it, and stop it in order: at Ctrl-C, SIGTERM or after `--for`."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from oms.errors import ConfigError, ExitCode
from procs.cli import down, up
from procs.cli.common import add_config, chosen_desk, owners
from procs.config_files import effective, find_config
from procs.start import desk_lock, keep_apart, preload

if TYPE_CHECKING:
    from procs.cli.look import Look

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LOOK_S = 0.25


def duration_s(given: str) -> float:
    """`20s`, `5m`, `1h` or plain seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", given.strip())
    if found is None:
        raise ConfigError(f"--for {given}: required is a time such as 20s, 5m or 1h")
    return float(found[1]) * _UNITS_S[found[2] or "s"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--for", dest="for_", metavar="TIME", help="end by itself, e.g. 20s or 5m")
    parser.add_argument("--plain", action="store_true", help="one line a second, no screen")


class Watch:
    """What happened while we watched."""

    def __init__(self, look: Look, began_s: float) -> None:
        self.look = look
        self.began_s = began_s
        self.fills: list[Any] = []
        self.first_fill_s: float | None = None

    def take(self) -> list[Any]:
        """Fills since the last look."""
        new = list(self.look.take_updates())
        if new and self.first_fill_s is None:
            self.first_fill_s = time.monotonic() - self.began_s
        self.fills = (self.fills + new)[-200:]
        return new


def run(arguments: argparse.Namespace) -> int:
    """Up, watch, down, summary."""
    began_s = time.monotonic()
    for_s = duration_s(arguments.for_) if arguments.for_ else None
    config, paths = chosen_desk(arguments)
    stops: list[int] = []
    with desk_lock(paths) as lock:
        config = effective(config, paths)
        make_agent = preload(config, find_config(arguments.config).resolve().parent)
        keeper = keep_apart(config, make_agent, lock, with_parent=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stops.append(1))
    up.wait_ready(keeper, paths)
    from procs.cli.look import Look

    watch = Watch(Look(config, paths), began_s)
    ends_s = None if for_s is None else time.monotonic() + for_s

    def over() -> bool:
        ended = os.waitpid(keeper, os.WNOHANG)[0] != 0
        if ended:
            stops.append(-1)
        return bool(stops) or (ends_s is not None and time.monotonic() >= ends_s)

    _show(watch, over, plain=arguments.plain or not sys.stdout.isatty())
    died = -1 in stops
    if not died:
        print("stopping: cancelling open orders …", flush=True)
    stopped = died or down.stop(config, paths)
    watch.take()
    summary(watch, str(paths.data_dir))
    left = owners(config, paths)
    if died or not stopped or left or watch.look.orders():
        print(f"oms: the desk did not end in order; see {paths.logs}", file=sys.stderr)
        return ExitCode.FAILED
    return ExitCode.OK


def _show(watch: Watch, over: Callable[[], bool], *, plain: bool) -> None:
    if not plain:
        from procs.cli.view import show

        show(watch, over)
        return
    said = 0.0
    while not over():
        watch.take()
        if time.monotonic() - said >= 1:
            said = time.monotonic()
            print(plain_line(watch), flush=True)
        time.sleep(_LOOK_S / 5)


def pnl_by_currency(positions: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Sum of what can be marked."""
    sums: dict[str, Decimal] = {}
    for row in positions:
        if row["pnl"] is not None:
            sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + row["pnl"]
    return sums


def pnl_text(positions: list[dict[str, Any]]) -> str:
    """`+1.23 USDT`, by currency."""
    made = [f"{value:+.2f} {name}" for name, value in pnl_by_currency(positions).items()]
    return ", ".join(made) or "0"


def plain_line(watch: Watch) -> str:
    """One line: markets, orders, fills, P&L, health."""
    look = watch.look
    markets = " ".join(
        f"{row['instrument'].partition(':')[2]} {row['bid']}/{row['ask']} {row['state']}"
        for row in look.markets()
    )
    rows = look.processes()
    alive = sum(row["pid"] != 0 for row in rows)
    counts = look.counts
    resolved = len(counts.unknown_seen) - len(counts.unknown_open)
    return (
        f"{time.monotonic() - watch.began_s:6.1f}s {markets or 'no book yet'} | open "
        f"{len(look.orders())} fills {counts.fills} P&L {pnl_text(look.positions())} | unknown "
        f"{len(counts.unknown_open)} pending {resolved} resolved | refused "
        f"{sum(counts.refused.values())} | gaps {look.feeds()['gaps']} | processes "
        f"{alive}/{len(rows)}"
    )


def summary(watch: Watch, data_dir: str) -> None:
    """What the desk did, at its end."""
    look, counts = watch.look, watch.look.counts
    positions, orders = look.positions(), look.orders()
    print(f"\nran {time.monotonic() - watch.began_s:.1f} s", end="")
    if watch.first_fill_s is not None:
        print(f", first fill after {watch.first_fill_s:.1f} s", end="")
    print()
    for row in positions:
        edge = f"{row['edge_bp']:+.2f} bp" if row["edge_bp"] is not None else "none"
        print(
            f"  {row['strategy']} {row['instrument']}: {row['fills']} fills ({row['maker_fills']} "
            f"as maker), volume {row['volume']:.2f} {row['currency']}, mean edge {edge}, position "
            f"{row['qty'].normalize():f}, P&L "
            f"{'not marked' if row['pnl'] is None else format(row['pnl'], '+.2f')}"
        )
    resolved = len(counts.unknown_seen) - len(counts.unknown_open)
    print(f"  fills {sum(row['fills'] for row in positions)}, P&L {pnl_text(positions)}")
    print(f"  answers lost: {len(counts.unknown_seen)} orders were UNKNOWN, {resolved} resolved by "
          f"query, {len(counts.unknown_open)} pending")  # fmt: skip
    refused = ", ".join(f"{name} {n}" for name, n in counts.refused.most_common()) or "none"
    print(f"  refused: {refused}")
    print(f"  orders left open: {len(orders)}")
    if counts.lost:
        print(f"  (this view was lapped by {counts.lost} updates; the journal has them all)")
    print(f"  files: {data_dir}")
