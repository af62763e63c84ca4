"""The live view of `oms run`: markets, our orders, fills, P&L and health, four times a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from procs.logs import utc_text

if TYPE_CHECKING:
    from procs.cli.run import Watch

_REFRESH_S = 0.25
_ROWS_FIXED = 16
_STATE_STYLE = {"LIVE": "green", "SYNCING": "yellow", "STALE": "red", "GAP": "red",
                "CROSSED": "red"}  # fmt: skip
_BEAT_LATE_MS = 2000


def show(watch: Watch, over: Callable[[], bool]) -> None:
    """Draw until `over`; the last picture stays on the screen."""
    console = Console(file=sys.stdout)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            ended = over()
            watch.take()
            live.update(picture(watch, console.size.height, console.size.width), refresh=True)
            if ended:
                return
            time.sleep(_REFRESH_S)


def picture(watch: Watch, height: int, width: int) -> Group:
    """Everything, cut to the screen's height; health and P&L are never cut."""
    look = watch.look
    markets, orders, positions = look.markets(), look.orders(), look.positions()
    processes = look.processes()
    room = max(height - _ROWS_FIXED - len(markets) - len(positions) - len(processes), 4)
    orders_shown = min(len(orders), max(room // 3, 2))
    parts: list[Any] = [
        _title(watch, width),
        _markets(markets, watch),
        _orders(orders, orders_shown),
        _fills(watch, max(room - orders_shown, 2)),
        _positions(positions),
        _processes(processes),
        _health(watch, positions),
    ]
    return Group(*parts)


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1),
                 header_style="dim", expand=False)  # fmt: skip
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    return made


def _number(value: Any, places: int | None = None) -> str:
    if value is None:
        return "-"
    return f"{value:f}" if places is None else f"{value:.{places}f}"


def _title(watch: Watch, width: int) -> Text:
    config = watch.look.config
    ran = time.monotonic() - watch.began_s
    text = f"mExOms  desk {config.name}  map {config.host.name}  {config.durability}  {ran:.0f} s"
    return Text(text[:width], style="bold reverse")


def _markets(rows: list[dict[str, Any]], watch: Watch) -> Table:
    made = _table("markets", "instrument", "state", "bid", "ask", "spread bp", "last fill")
    last = {fill.instrument: fill.px for fill in watch.fills}
    for row in rows:
        state = Text(row["state"], style=_STATE_STYLE.get(row["state"], ""))
        made.add_row(row["instrument"], state, _number(row["bid"]), _number(row["ask"]),
                     _number(row["spread_bp"], 3),
                     _number(last.get(row["instrument"])))  # fmt: skip
    return made


def _orders(rows: list[dict[str, Any]], shown: int) -> Table:
    unknown = sum(row["state"] == "UNKNOWN" for row in rows)
    title = f"our quotes: {len(rows)} open orders, {unknown} unknown"
    made = _table(title, "instrument", "side", "price", "quantity", "filled", "state", "strategy")
    for row in rows[:shown]:
        style = "green" if row["side"] == "BUY" else "red"
        made.add_row(row["instrument"], Text(row["side"], style=style), _number(row["px"]),
                     _number(row["qty"]), _number(row["cum_qty"]), row["state"],
                     row["strategy"])  # fmt: skip
    return made


def _fills(watch: Watch, shown: int) -> Table:
    made = _table(f"fills: {watch.look.counts.fills}", "time", "strategy", "instrument", "side",
                  "quantity", "price", "edge bp", "as")  # fmt: skip
    for fill in watch.fills[-shown:][::-1]:
        style = "green" if fill.side == "BUY" else "red"
        made.add_row(utc_text(fill.ts_ns)[11:23], fill.strategy, fill.instrument,
                     Text(fill.side, style=style), _number(fill.qty), _number(fill.px),
                     "-" if fill.edge_bp is None else f"{fill.edge_bp:+.2f}",
                     "maker" if fill.maker else "taker")  # fmt: skip
    return made


def _positions(rows: list[dict[str, Any]]) -> Table:
    made = _table("positions", "instrument", "strategy", "position", "fills", "volume",
                  "mean edge bp", "P&L")  # fmt: skip
    for row in rows:
        pnl = row["pnl"]
        style = "" if pnl is None else ("green" if pnl >= 0 else "red")
        made.add_row(row["instrument"], row["strategy"], _number(row["qty"]), str(row["fills"]),
                     f"{_number(row['volume'], 2)} {row['currency']}",
                     _number(row["edge_bp"], 2),
                     Text("-" if pnl is None else f"{pnl:+.2f} {row['currency']}", style=style),
                     )  # fmt: skip
    return made


def _processes(rows: list[dict[str, Any]]) -> Table:
    made = _table("processes", "name", "pid", "core", "state", "beat ms", "starts", "errors")
    now = time.monotonic_ns()
    for row in rows:
        beat = (now - row["heartbeat_ns"]) // 1_000_000
        well = row["state"] in ("ready", "draining", "stopped") and beat < _BEAT_LATE_MS
        made.add_row(row["name"], str(row["pid"]), str(row["core"]),
                     Text(row["state"], style="green" if well else "red"), str(beat),
                     str(row["restarts"] + 1), str(row["errors"]))  # fmt: skip
    return made


def _health(watch: Watch, positions: list[dict[str, Any]]) -> Text:
    from procs.cli.run import pnl_text

    counts, feeds = watch.look.counts, watch.look.feeds()
    resolved = len(counts.unknown_seen) - len(counts.unknown_open)
    return Text(
        f"P&L {pnl_text(positions)}   unknown {len(counts.unknown_open)} pending, {resolved} "
        f"resolved   refused {sum(counts.refused.values())}   gaps {feeds['gaps']}   resyncs "
        f"{feeds['resyncs']}   Ctrl-C stops",
        style="bold",
    )
