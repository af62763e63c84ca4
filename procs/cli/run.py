"""`oms run`: start a desk, watch it, stop it in order when Ctrl-C, a signal or `--for` ends it."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from oms.errors import ConfigError, ExitCode
from procs.cli import down, up
from procs.cli.findings.rates import refuse_unkept
from procs.cli.parts.common import add_config, add_host, chosen_desk, owners, print_json
from procs.cli.parts.watch import Watch, plain_line, summary, summary_json
from procs.config.files import find_config
from procs.config.ports import effective
from procs.files.locks import Owner
from procs.files.paths import DeskPaths
from procs.here import say, tell
from procs.start import check_machine, desk_lock, keep_apart, preload

if TYPE_CHECKING:
    from procs.cli.parts.look import Look

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LOOK_S = 0.05
_LINE_S = 1.0


def duration_s(given: str, option: str = "--for") -> float:
    """`20s`, `5m`, `1h` or plain seconds; `option` is what a person gave it by."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", given.strip())
    if found is None:
        raise ConfigError(f"{option} {given}: required is a time such as 20s, 5m or 1h")
    return float(found[1]) * _UNITS_S[found[2] or "s"]


EXAMPLES = """\
examples:
  oms run                        until Ctrl-C: cancels the open orders, prints what was earned
  oms run --for 20s              ends by itself, with a summary
  oms run --plain                one line a second, as it is without a terminal
  oms run --for 20s --json       the summary for a program
  oms run --dry-run              checks config, locks, ports and memory; starts nothing
  oms run --data-dir /tmp/desk   keeps its files there instead of var/demo
  oms run my/desk.toml           another desk; its parts lie beside it, as in configs/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    add_config(parser)
    add_host(parser)
    parser.add_argument("--for", dest="for_", metavar="TIME", help="end by itself, e.g. 20s or 5m")
    parser.add_argument("--plain", action="store_true", help="one line a second, no screen")
    parser.add_argument("--dry-run", action="store_true", help="check what can be; start nothing")
    parser.add_argument("--json", action="store_true", help="no screen; one JSON object at its end")


class _Stops:
    """Signals that ask for the end. SIGHUP says that the terminal is gone: nothing is written to it
    any more."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, _: object) -> None:
        self.asked = True
        if number == signal.SIGHUP:
            silence()


def silence() -> None:
    """Nobody reads what we write: let it go nowhere instead of failing."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


def process_began_s() -> float:
    """When this process was started, in time.monotonic()'s terms: imports count, too."""
    ticks = Owner.me().start_ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks)


def run(arguments: argparse.Namespace) -> int:
    """Up, watch, down, summary."""
    began_s = process_began_s()
    for_s = duration_s(arguments.for_) if arguments.for_ else None
    config, paths = chosen_desk(arguments)
    if arguments.dry_run:
        return up.would_start(config, paths, as_json=arguments.json)
    if not arguments.json:
        up.explain_map(config)
    with desk_lock(paths) as lock:
        config = effective(config, paths)
        check_machine(config, paths)
        refuse_unkept(config)
        make_agent = preload(config, find_config(arguments.config).resolve().parent)
        keeper = keep_apart(config, make_agent, lock, with_parent=True)
    stops = _Stops()
    told = say if arguments.json else tell
    watch = _watch_from_start(keeper, paths, began_s)
    ends_s = None if for_s is None else time.monotonic() + for_s
    ended: int | None = None

    def over() -> bool:
        nonlocal ended
        if ended is None:
            done, status = os.waitpid(keeper, os.WNOHANG)
            ended = os.waitstatus_to_exitcode(status) if done else None
        asked = stops.asked or (ends_s is not None and time.monotonic() >= ends_s)
        return asked or ended is not None

    try:
        _show(watch, over, _manner(arguments))
        if ended is None:
            told("stopping: cancelling open orders …")
        elif ended == ExitCode.OK:
            told("the desk was stopped from outside")
    except OSError:  # the terminal or the pipe is gone
        silence()
    degraded = watch.degraded()
    stopped = down.stop(config, paths) if ended is None else ended == ExitCode.OK
    watch.take()
    try:
        if arguments.json:
            print_json(summary_json(watch))
        else:
            for line in summary(watch):
                tell(line)
    except OSError:
        silence()
    left = len(watch.look.orders())
    if left:
        say(
            f"oms: {left} orders are still open or unknown; the next start of this desk, `oms run` "
            f"or `oms up`, asks the exchange about each; what happened stands in {paths.logs}"
        )
    elif not stopped or owners(config, paths):
        say(f"oms: the desk did not end in order; see `oms status` and {paths.logs}")
    elif degraded:
        say(f"oms: a process ended again and again; see above and {paths.logs}")
        return ExitCode.DEGRADED
    else:
        return ExitCode.OK
    return ExitCode.FAILED


def _watch_from_start(keeper: int, paths: DeskPaths, began_s: float) -> Watch:
    """Until every process is ready. It begins at the first thing to be seen: what a strategy had
    before this run is known before it trades, however late this process gets a core."""
    watches: list[Watch] = []

    def looked(look: Look) -> None:
        if watches:
            watches[0].take()
        else:
            watches.append(Watch(look, began_s))

    up.wait_ready(keeper, paths, looked)
    watches[0].begin()
    return watches[0]


def _manner(arguments: argparse.Namespace) -> str:
    """How the run is shown: on a screen, by lines, or not at all."""
    if arguments.json:
        return "silent"
    return "lines" if arguments.plain or not sys.stdout.isatty() else "screen"


def _show(watch: Watch, over: Callable[[], bool], manner: str) -> None:
    if manner == "screen":
        from procs.cli.parts.view import show

        show(watch, over)
        return
    said_s = -_LINE_S
    while not over():
        watch.take()
        for trouble in watch.new_deaths():
            say(f"! {trouble}") if manner == "silent" else tell(f"! {trouble}")
        if manner == "lines" and time.monotonic() - said_s >= _LINE_S:
            said_s = time.monotonic()
            tell(plain_line(watch))
        time.sleep(_LOOK_S)
