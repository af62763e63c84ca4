"""`oms kill`: latch the desk, cancel every order at the exchange, and wait for its word."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from oms.config import DeskConfig
from oms.errors import ExitCode
from procs.cli.parts.common import NotRunningError, add_config, chosen_desk, print_json
from procs.cli.run import duration_s
from procs.config.files import running_config
from procs.control_client import ControlLink, SilentError
from procs.files.paths import DeskPaths
from procs.here import say, tell
from procs.memory import process_of

if TYPE_CHECKING:
    from oms.agents.watchdog.sweep import Sweep

ANSWER_S = 1.0
"""A watchdog that does not answer in this time is done without."""
LEAST_S = 10.0
"""What the command takes for itself where the watchdog fell silent in between."""
_LOOK_S = 0.1
_LINE_S = 1.0
_SAID_FROM_S = 30
"""A proof that may take longer is announced."""

EXAMPLES = """\
examples:
  oms kill                          stop: no new order leaves, every open one is cancelled
  oms kill --reason "runaway mm"    the same, with a reason for the journal
  oms kill --dry-run                only list what is open at the exchange
  oms kill --timeout 60s --json

The watchdog latches first and then cancels with its own key, connection and rate share, so it works
while risk and executors stand still, with a full disk, and while the exchange says 429 (it waits as
long as the exchange wants). Where the watchdog itself does not answer, this command does the same.
It is about every account of the desk. Code 0 comes only when the exchange has said of each that
nothing is open, asked after every order signed before the latch has become too old for it: so it
takes some seconds more than the cancels. Many accounts need much of the exchange's request weight:
what that takes is said first, and is how long this command waits unless --timeout says otherwise.
The latch survives restarts; `oms resume --reason TEXT` lifts it.

exit code 0: nothing is open at any exchange; 3: orders are left, or an exchange did not say: they
are listed.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    parser.add_argument("--reason", default="", help="why; it is journaled")
    parser.add_argument(
        "--timeout", help="give up waiting after this (default: 30s, longer for many accounts)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list; nothing is changed")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def killed_desk(arguments: argparse.Namespace) -> tuple[DeskConfig, DeskPaths]:
    """The desk as it was started last; a dead one may have orders at the exchange, too."""
    config, paths = chosen_desk(arguments)
    if not paths.effective_config.exists():
        raise NotRunningError(
            f"desk '{config.name}' ({paths.data_dir}) does not run; start it with `oms up`"
        )
    return running_config(paths), paths


class _Lines:
    """What a person reads while it works: once a second, on stderr; and when to give up."""

    def __init__(self, timeout: str | None) -> None:
        self._began = self._said = time.monotonic()
        self._timeout_s = duration_s(timeout, "--timeout") if timeout else None
        self._within_s = 0.0

    def begin(self, sweep: dict[str, Any]) -> None:
        """What it will take, where that is more than a moment."""
        if self._within_s:
            return
        self._within_s = self._timeout_s if self._timeout_s is not None else sweep["within_s"]
        if sweep["within_s"] > _SAID_FROM_S:
            say(f"{len(sweep['accounts'])} accounts need {sweep['weight']} request weight, of "
                f"{sweep['weight_per_minute']} that the exchange gives this desk in a minute: "
                f"the proof may take up to {sweep['within_s']} s")  # fmt: skip

    @property
    def deadline(self) -> float:
        """When to give up, by the monotonic clock."""
        return self._began + self._within_s

    def __call__(self, sweep: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self._said < _LINE_S:
            return
        self._said = now
        words = [f"{now - self._began:.0f} s: {sweep['cancelled']} cancelled"]
        if sweep["left"]:
            words.append(f"{len(sweep['left'])} open")
        elif all(account["empty"] for account in sweep["accounts"]):
            words.append("nothing is open; watching that nothing comes after")
        proved = sum(account["done"] for account in sweep["accounts"])
        if len(sweep["accounts"]) > 1:
            words.append(f"{proved} of {len(sweep['accounts'])} accounts proved")
        words += sorted({a["trouble"] for a in sweep["accounts"] if a["trouble"]})
        say(", ".join(words) + " …")


def run(arguments: argparse.Namespace) -> int:
    """Kill; 0 = every exchange says that nothing is open, else 3."""
    config, paths = killed_desk(arguments)
    began = time.monotonic()
    lines = _Lines(arguments.timeout)
    found = _by_watchdog(config, paths, arguments, lines)
    if found is None:
        found = _by_ourselves(config, paths, arguments, lines)
    sweep = found["sweep"]
    result = {
        "latched": not arguments.dry_run,
        "by": found["by"],
        "not_on_disk": found.get("not_on_disk", ""),
        "took_ms": int((time.monotonic() - began) * 1000),
        **sweep,
    }
    if arguments.json:
        print_json(result)
    else:
        _print(result, dry_run=arguments.dry_run)
    return ExitCode.OK if sweep["done"] and not sweep["left"] else ExitCode.ORDERS_LEFT


def _by_watchdog(
    config: DeskConfig,
    paths: DeskPaths,
    arguments: argparse.Namespace,
    tell: _Lines,
) -> dict[str, Any] | None:
    """None = it does not answer, or fell silent."""
    path = paths.control(process_of(config)["watchdog"])
    try:
        with ControlLink(path, ANSWER_S) as link:
            dry_run = arguments.dry_run
            found = link.ask("kill", reason=arguments.reason, dry_run=dry_run)
            if "error" in found:
                return None
            trouble = found.get("not_on_disk", "")
            tell.begin(found["sweep"])
            while not found["sweep"]["done"] and time.monotonic() < tell.deadline:
                time.sleep(_LOOK_S)
                found = link.ask("kill_status", dry_run=dry_run)
                if not found["sweep"]:
                    return None
                tell(found["sweep"])
            return {**found, "by": "watchdog", "not_on_disk": trouble}
    except SilentError:
        return None


def _by_ourselves(
    config: DeskConfig,
    paths: DeskPaths,
    arguments: argparse.Namespace,
    tell: _Lines,
) -> dict[str, Any]:
    """The watchdog is dead or stands still."""
    from procs.cli.parts.kill_direct import DirectSweep, latch_here

    trouble = ""
    if not arguments.dry_run:
        say("the watchdog does not answer: this command latches and cancels by itself")
        trouble = latch_here(config, paths, arguments.reason)
        if trouble:
            say(f"warning: {trouble}")

    def look(sweep: Sweep) -> bool:
        tell.begin(sweep.shown())
        tell(sweep.shown())
        return time.monotonic() < max(tell.deadline, least)

    least = time.monotonic() + LEAST_S
    sweep = DirectSweep(config, paths).run(look, cancels=not arguments.dry_run)
    return {"sweep": sweep.shown(), "by": "command", "not_on_disk": trouble}


def _print(found: dict[str, Any], *, dry_run: bool) -> None:
    for order in found["left"]:
        print(f"{'open' if dry_run else 'LEFT'}  {order['account']} {order['symbol']} "
              f"{order['side']} {order['qty']} at {order['px']}  {order['client_order_id']} "
              f"({order['venue_order_id']})")  # fmt: skip
    for account in found["accounts"]:
        if not account["done"]:
            why = account["trouble"] or "the exchange has not said since that nothing is open"
            tell(f"not proved: account {account['account']}: {why}")
    if found["not_on_disk"]:
        print(f"! the latch: {found['not_on_disk']}")
    if dry_run:
        tell(f"{len(found['left'])} orders are open at the exchange; nothing was changed")
        return
    took_s, by = f"{found['took_ms'] / 1000:.1f}", found["by"]
    if found["done"]:
        tell(
            f"killed: {found['cancelled']} orders cancelled, none is open ({took_s} s, by the {by})"
        )
        tell("the desk is latched; `oms resume --reason TEXT` lifts it")
        return
    say(f"NOT PROVED: {len(found['left'])} orders are left ({took_s} s, by the {by})")
    say("the desk is latched and the watchdog, where it lives, goes on cancelling; run `oms kill` "
        "again, and look at the exchange's own page")  # fmt: skip
