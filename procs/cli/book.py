"""`oms book`: a book as the aggregator holds it, once or drawn again until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from oms.errors import ConfigError, ExitCode
from procs.cli.parts.common import add_config, print_json, running_desk
from procs.cli.parts.page import age, height, redraw, show, table
from shm_layout.limits import BOOK_TABLE_LEVELS

_LEVELS = 10
_BESIDE_LEVELS = 4
"""Lines of the page beside them: two of the head, the spread, the cursor's."""
_AGAIN_S = 0.25

EXAMPLES = f"""\
examples:
  oms book BTC/USDT                     ten levels of each side
  oms book binance.spot:BTC/USDT        the same, where several markets have it
  oms book BTCUSDT --levels 3 --watch   by the exchange's own symbol, until Ctrl-C
  oms book BTC/USDT --json              for a program; prices as text, best first

The desk shares the best {BOOK_TABLE_LEVELS} levels of each side. Only a LIVE book prices an order.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument("instrument", help="such as BTC/USDT, binance.spot:BTC/USDT or BTCUSDT")
    add_config(parser)
    parser.add_argument(
        "--levels", type=int, default=_LEVELS, help=f"of each side (default {_LEVELS})"
    )
    parser.add_argument("--watch", action="store_true", help="draw it again until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="JSON instead of a page")


def run(arguments: argparse.Namespace) -> int:
    """Print; with --watch until Ctrl-C."""
    if not 1 <= arguments.levels <= BOOK_TABLE_LEVELS:
        raise ConfigError(
            f"--levels {arguments.levels}: required is 1 to {BOOK_TABLE_LEVELS}, as many as the "
            "desk shares"
        )
    config, paths = running_desk(arguments)
    from procs.cli.parts.look import Look
    from procs.cli.parts.look_markets import book

    look = Look(config, paths)
    try:
        while True:
            drawn = arguments.watch and sys.stdout.isatty() and not arguments.json
            levels = min(arguments.levels, levels_that_fit(height())) if drawn else arguments.levels
            found = book(look, arguments.instrument, levels)
            if arguments.json:
                print_json(found)
            elif drawn:
                redraw(page(found))
            else:
                show(page(found))
            if not arguments.watch:
                return ExitCode.OK
            time.sleep(_AGAIN_S)
    except KeyboardInterrupt:
        return ExitCode.OK


def levels_that_fit(lines: int) -> int:
    """Levels of each side that a terminal shows whole: both sides or it is no book."""
    return max((lines - _BESIDE_LEVELS) // 2, 1)


def page(found: dict[str, Any]) -> list[str]:
    """Asks above, bids below, the spread between."""
    head = f"{found['instrument']}  {found['state']}"
    if "version" in found:
        head += f"  version {found['version']}  {age(found['age_ns'])} old"
    bids, asks = found["bids"], found["asks"]
    rows = [["ask", row["px"], row["qty"], row["cum_qty"]] for row in reversed(asks)]
    rows += [["bid", row["px"], row["qty"], row["cum_qty"]] for row in bids]
    lines = table(["side", "price", "quantity", "up to here"], rows)
    if bids and asks:
        bid, ask = bids[0]["px"], asks[0]["px"]
        spread = f"--- spread {ask - bid:f}, {(ask - bid) / (ask + bid) * 20_000:.3f} bp ---"
        lines.insert(1 + len(asks), spread)
    return [head, *lines]
