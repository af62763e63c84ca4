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
from shm_layout.enums import KillWord

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

CODES = {
    KillWord.PROVED: ExitCode.OK,
    KillWord.EMPTY: ExitCode.MAY_ARRIVE,
    KillWord.OPEN: ExitCode.ORDERS_LEFT,
}

EXAMPLES = """\
examples:
  oms kill                          stop: no new order leaves, every open one is cancelled
  oms kill --reason "runaway mm"    the same, with a reason for the journal
  oms kill --dry-run                only list what is open at the exchange
  oms kill --timeout 60s --json

The watchdog latches first and then cancels with its own key, connection and rate share, so it works
while risk and executors stand still, with a full disk, and while the exchange says 429 (it waits as
long as the exchange wants). Where the watchdog itself does not answer, this command does the same.
It is about every account of the desk, and ends in one of three words:
  PROVED  nothing is open, and nothing of ours can still become an order: every executor has said
          that nothing is under way, or has been ended, and each order without an answer is too old
  EMPTY   nothing is open; the requests that are listed had no answer and could still arrive. The
          watchdog goes on looking and cancelling until `oms resume`
  OPEN    orders are left, or an exchange or an executor has not said; they are listed
An executor without a turn for a second under the latch is ended and started again. An order without
an answer is waited for until the exchange refuses it by itself; --dry-run says beforehand how long
that may be. Many accounts need much of the exchange's request weight:
what that takes is said first, and is how long this command waits unless --timeout says otherwise.
The latch survives restarts; `oms resume --reason TEXT` lifts it.

exit code 0: PROVED; 13: EMPTY; 3: OPEN.
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
        if sweep["may_arrive"]:
            words.append(f"{len(sweep['may_arrive'])} without an answer")
        silent = [row["sender"] for row in sweep["senders"] if not row["spoken"]]
        if silent:
            words.append(f"{', '.join(silent)} has not spoken")
        proved = sum(account["done"] for account in sweep["accounts"])
        if len(sweep["accounts"]) > 1:
            words.append(f"{proved} of {len(sweep['accounts'])} accounts proved")
        words += sorted({a["trouble"] for a in sweep["accounts"] if a["trouble"]})
        say(", ".join(words) + " …")


def run(arguments: argparse.Namespace) -> int:
    """Kill; the exit code is its word's. A dry run: 0 where nothing is open, else 3."""
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
    if arguments.dry_run:
        return ExitCode.OK if sweep["done"] and not sweep["left"] else ExitCode.ORDERS_LEFT
    return CODES[KillWord[sweep["word"]]]


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
            while not _ended(found["sweep"]) and time.monotonic() < tell.deadline:
                time.sleep(_LOOK_S)
                found = link.ask("kill_status", dry_run=dry_run)
                if not found["sweep"]:
                    return None
                tell(found["sweep"])
            return {**found, "by": "watchdog", "not_on_disk": trouble}
    except SilentError:
        return None


def _ended(sweep: dict[str, Any]) -> bool:
    """No more waiting makes its word a better one."""
    return bool(sweep["done"] or sweep["final"])


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
        shown = sweep.shown(direct.now_ns)
        tell.begin(shown)
        tell(shown)
        return time.monotonic() < max(tell.deadline, least)

    least = time.monotonic() + LEAST_S
    direct = DirectSweep(config, paths)
    sweep = direct.run(look, cancels=not arguments.dry_run)
    return {"sweep": sweep.shown(direct.now_ns), "by": "command", "not_on_disk": trouble}


def _print(found: dict[str, Any], *, dry_run: bool) -> None:
    for order in found["left"]:
        print(f"{'open' if dry_run else 'LEFT'}  {order['account']} {order['symbol']} "
              f"{order['side']} {order['qty']} at {order['px']}  {order['client_order_id']} "
              f"({order['venue_order_id']})")  # fmt: skip
    for row in found["may_arrive"]:
        print(f"may arrive  {row['account']} {row['instrument']} {row['side']} {row['qty']}  "
              f"{row['client_order_id']}  sent {row['age_ms'] / 1000:.1f} s ago")  # fmt: skip
    for account in found["accounts"]:
        if not account["listed"] or (account["trouble"] and not account["done"]):
            why = account["trouble"] or "the exchange has not said since that nothing is open"
            tell(f"not proved: account {account['account']}: {why}")
    if found["not_on_disk"]:
        print(f"! the latch: {found['not_on_disk']}")
    if dry_run:
        for sentence in plan_of(found):
            tell(sentence)
        tell(f"{len(found['left'])} orders are open at the exchange; nothing was changed")
        return
    _print_word(found)


def plan_of(found: dict[str, Any]) -> list[str]:
    """What a kill would wait for, and why, in sentences."""
    made = []
    for row in found["senders"]:
        made.append(f"{row['sender']} has to say what it has under way; one that takes no turn for "
                    "1 s is ended first")  # fmt: skip
        doubted = [one for one in found["may_arrive"] if one["group"] == row["group"]]
        if "AFTER_LIFETIME" in row["absent"]:
            made.append(f"{row['group']}: a request without an answer is refused by the exchange "
                        f"{row['lifetime_ms'] / 1000:.1f} s after it was signed; that is waited "
                        "for where there is one")  # fmt: skip
        if "NEVER" in row["absent"]:
            made.append(f"{row['group']}: nothing proves that a request without an answer will not "
                        "arrive; where there is one the kill ends as EMPTY")  # fmt: skip
        if "BY_FENCE" in row["absent"]:
            made.append(f"{row['group']}: the identifier of an order without an answer is spent by "
                        "a request that the exchange must refuse")  # fmt: skip
        for account in sorted({one["account"] for one in doubted}):
            count = sum(one["account"] == account for one in doubted)
            made.append(f"account {account}: {count} orders without an answer now")
    return made


def _print_word(found: dict[str, Any]) -> None:
    took_s, by = f"{found['took_ms'] / 1000:.1f}", found["by"]
    word = KillWord[found["word"]]
    if word is KillWord.PROVED:
        tell(f"PROVED: {found['cancelled']} orders cancelled, none is open and none can follow "
             f"({took_s} s, by the {by})")  # fmt: skip
        tell("the desk is latched; `oms resume --reason TEXT` lifts it")
        return
    if word is KillWord.EMPTY:
        say(f"EMPTY: nothing is open; {len(found['may_arrive'])} requests without an answer could "
            f"still arrive ({took_s} s, by the {by})")  # fmt: skip
    else:
        say(f"OPEN: {len(found['left'])} orders are left ({took_s} s, by the {by})")
    for row in found["senders"]:
        if not row["spoken"]:
            say(f"{row['sender']} has not said what it has under way, and has not been ended")
        elif row["wait_ms"] is None:
            say(f"{row['group']}: risk has not read its journal, so what was under way is not "
                "known")  # fmt: skip
        elif row["wait_ms"]:
            say(f"{row['group']}: what was sent last is too old for the exchange in "
                f"{row['wait_ms'] / 1000:.1f} s")  # fmt: skip
    say("the desk is latched and the watchdog, where it lives, goes on cancelling; run `oms kill` "
        "again, and look at the exchange's own page")  # fmt: skip
