"""The live screen of `oms run`: markets, our quotes, fills, P&L and health, four times a second.

It is drawn on the terminal's alternate screen, so that a change of size leaves nothing behind and
the shell's own text is there again afterwards; the summary that follows stays. Everything is cut to
the terminal's height: health and money always stand, fills and quotes give way first, and a tall
terminal also gets a row for each process.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from procs.cli.parts.watch import LATE_NS, Watch, pnl_text, refused_text, short
from procs.cli.pnl import coins
from procs.files.logs import utc_text
from procs.here import here

_REFRESH_S = 0.25
_CLEAR = "\x1b[2J\x1b[H"
"""Before leaving: some terminals keep lines of a screen whose size has changed."""
_WIDE = 100
"""Columns from which market names are written in full."""
_ROWS_FILLS_MIN = 3
_TROUBLES_MAX = 4
_FIXED_ROWS = 8
"""Title, five headers, the line of health and the last line."""
_STATE_STYLE = {"LIVE": "green", "SYNCING": "yellow", "UNKNOWN": "yellow", "OPEN": "green",
                "STALE": "red", "GAP": "red", "CROSSED": "red"}  # fmt: skip
_SIDE_STYLE = {"BUY": "green", "SELL": "red"}


def show(watch: Watch, over: Callable[[], bool]) -> None:
    """Draw until `over`."""
    console = Console(file=sys.stdout, highlight=False)
    with (
        _no_wrap(),
        Live(console=console, auto_refresh=False, screen=True, vertical_overflow="crop") as live,
    ):
        while not over():
            watch.take()
            watch.new_deaths()
            live.update(picture(watch, console.size.height, console.size.width), refresh=True)
            time.sleep(_REFRESH_S)
        sys.stdout.write(_CLEAR)


@contextlib.contextmanager
def _no_wrap() -> Iterator[None]:
    """A picture that meets a terminal which was made narrower at that instant is cut, not broken
    over lines that scroll away."""
    sys.stdout.write("\x1b[?7l")
    try:
        yield
    finally:
        sys.stdout.write("\x1b[?7h")
        sys.stdout.flush()


def picture(watch: Watch, height: int, width: int) -> Group:
    """All of it, at most `height` lines."""
    look, money = watch.look, watch.money()
    markets, orders, processes = look.markets(), look.orders(), look.processes()
    troubles = watch.troubles()[-_TROUBLES_MAX:]
    wide = width >= _WIDE
    left = height - _FIXED_ROWS - len(markets) - len(money) - len(troubles)
    quotes = min(len(orders), max(left - _ROWS_FILLS_MIN, 1))
    left -= quotes + _ROWS_FILLS_MIN
    each_process = left > len(processes)
    if each_process:
        left -= len(processes)
    airy = left > 2 * _ROWS_FILLS_MIN
    if airy:
        left -= 5
    parts: list[Any] = [
        _markets(markets, wide),
        _quotes(orders, quotes, wide),
        _fills(watch, max(_ROWS_FILLS_MIN + left, 1), wide),
        _money(money, wide),
        _processes(processes, wide) if each_process else _process_line(processes),
    ]
    lines: list[Any] = [_title(watch, width)]
    for part in parts:
        lines += [part, Text("")] if airy else [part]
    lines += [Text(f"! {here(text)}", style="red", no_wrap=True) for text in troubles]
    return Group(*lines, _health(watch), _foot())


def _name(instrument: str, wide: bool) -> str:
    return instrument if wide else short(instrument)


def _table(wide: bool, title: str, *columns: str) -> Table:
    made = Table(
        box=None,
        padding=(0, 2 if wide else 1, 0, 0),
        header_style="bold",
        expand=False,
        pad_edge=False,
    )
    made.add_column(title, no_wrap=True, min_width=9)
    for column in columns:
        made.add_column(Text(column, style="dim"), justify="right", no_wrap=True)
    return made


def _number(value: Any, places: int | None = None) -> str:
    if value is None:
        return "-"
    return f"{value:f}" if places is None else f"{value:.{places}f}"


def _colored(text: str, styles: dict[str, str]) -> Text:
    return Text(text, style=styles.get(text, ""))


def _signed(value: Any, unit: str) -> Text:
    if value is None:
        return Text("not marked", style="dim")
    return Text(f"{value:+.2f} {unit}", style="green" if value >= 0 else "red")


def _title(watch: Watch, width: int) -> Text:
    config = watch.look.config
    networks = sorted({venue.network for venue in config.venues})
    what = "simulated" if networks == ["sim"] else " ".join(networks)
    left = f" mExOms  desk {config.name} ({what})  {config.durability}  map {config.host.name}"
    right = f"{watch.ran_s():.0f} s "
    return Text(
        f"{left[: max(width - len(right) - 1, 0)]:{max(width - len(right), 0)}}{right}",
        style="reverse",
        no_wrap=True,
    )


def _markets(rows: list[dict[str, Any]], wide: bool) -> Table:
    made = _table(wide, "MARKETS", "bid", "ask", "spread bp", "last trade", "book")
    for row in rows:
        made.add_row(
            _name(row["instrument"], wide),
            _number(row["bid"]),
            _number(row["ask"]),
            _number(row["spread_bp"], 3),
            _number(row["last_trade"]),
            _colored(row["state"], _STATE_STYLE),
        )
    return made


def _quotes(rows: list[dict[str, Any]], shown: int, wide: bool) -> Table:
    more = f" ({shown} shown)" if shown < len(rows) else ""
    made = _table(
        wide,
        f"ORDERS {len(rows)}{more}",
        "side",
        "price",
        "quantity",
        "filled",
        "state",
        "strategy",
    )
    rows = sorted(rows, key=lambda row: (row["state"] != "UNKNOWN", row["instrument"], row["side"]))
    for row in rows[:shown]:
        made.add_row(
            _name(row["instrument"], wide),
            _colored(row["side"], _SIDE_STYLE),
            _number(row["px"]),
            _number(row["qty"]),
            _number(row["cum_qty"]),
            _colored(row["state"], _STATE_STYLE),
            row["strategy"],
        )
    return made


def _fills(watch: Watch, shown: int, wide: bool) -> Table:
    made = _table(
        wide,
        f"FILLS {watch.look.counts.fills}",
        "side",
        "quantity",
        "price",
        "edge bp",
        "as",
        "strategy",
        "time",
    )
    for fill in list(watch.fills)[-shown:][::-1]:
        edge = "-" if fill.edge_bp is None else f"{fill.edge_bp:+.2f}"
        made.add_row(
            _name(fill.instrument, wide),
            _colored(fill.side, _SIDE_STYLE),
            _number(fill.qty),
            _number(fill.px),
            edge,
            "maker" if fill.maker else "taker",
            fill.strategy,
            utc_text(fill.ts_ns)[11:19],
        )
    return made


def _money(money: list[Any], wide: bool) -> Table:
    made = _table(
        wide,
        f"P&L {pnl_text(money)}",
        "position",
        "fills",
        "volume",
        "mean edge bp",
        "P&L",
        "strategy",
    )
    for one in money:
        made.add_row(
            _name(one.instrument, wide),
            _number(one.qty),
            str(one.fills),
            f"{one.volume:.0f} {one.currency}",
            _number(one.edge_bp, 2),
            _signed(one.pnl, one.currency),
            one.strategy,
        )
    return made


def _beat_ms(row: dict[str, Any], now_ns: int) -> int:
    return max(now_ns - row["heartbeat_ns"], 0) // 1_000_000


def _well(row: dict[str, Any], now_ns: int) -> bool:
    fresh = now_ns - row["heartbeat_ns"] < LATE_NS
    return row["state"] in ("ready", "draining", "stopped") and fresh


def _processes(rows: list[dict[str, Any]], wide: bool) -> Table:
    made = _table(wide, "PROCESSES", "pid", "core", "state", "beat ms", "starts", "errors")
    now = time.monotonic_ns()
    for row in rows:
        made.add_row(
            row["name"],
            str(row["pid"]),
            str(row["core"]),
            Text(row["state"], style="green" if _well(row, now) else "red"),
            str(_beat_ms(row, now)),
            str(row["restarts"] + 1),
            str(row["errors"]),
        )
    return made


def _process_line(rows: list[dict[str, Any]]) -> Text:
    now = time.monotonic_ns()
    well = sum(_well(row, now) for row in rows)
    beat = max((_beat_ms(row, now) for row in rows), default=0)
    made = Text("PROCESSES ", style="bold", no_wrap=True, overflow="ellipsis")
    made.append(f"{well}/{len(rows)} ready", style="green" if well == len(rows) else "red")
    made.append(
        f", slowest heartbeat {beat} ms, restarts {sum(r['restarts'] for r in rows)}, "
        f"errors {sum(r['errors'] for r in rows)}",
        style="not bold",
    )
    return made


def _health(watch: Watch) -> Text:
    counts, feeds = watch.look.counts, watch.look.feeds()
    made = Text("HEALTH    ", style="bold", no_wrap=True, overflow="ellipsis")
    made.append(
        f"unknown {len(counts.unknown_open)}, resolved {watch.resolved()}; gaps {feeds['gaps']}; ",
        style="not bold",
    )
    if unpriced := coins(watch.look.positions(), "not_in_pnl"):
        made.append(f"fees not in P&L {unpriced}; ", style="yellow")
    made.append(f"refused {refused_text(watch)}", style="not bold")
    return made


def _foot() -> Text:
    return Text("Ctrl-C cancels the open orders and stops the desk", style="dim", no_wrap=True)
