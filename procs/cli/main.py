"""`oms`: the desk's command. One module per verb in `procs/cli/`, imported when it is asked for.

A verb's module has `EXAMPLES`, `add_arguments(parser)` and `run(arguments) -> ExitCode`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import re
import sys
from typing import Any, NoReturn

from oms.config_build import nearest
from oms.errors import ExitCode, MexomsError
from procs import lang
from procs.here import NAMED, here, say, speak_as

VERBS: dict[str, tuple[str, str]] = {
    "run": ("procs.cli.run", "start a desk, watch it trade, stop it in order at the end"),
    "up": ("procs.cli.up", "start a desk and leave it running"),
    "down": ("procs.cli.down", "stop a running desk: cancel its orders, then close"),
    "status": ("procs.cli.status", "what runs, how far it is behind, what is open"),
    "venues": ("procs.cli.venues", "each market: state, clock, connections, budgets, keys"),
    "kill": ("procs.cli.kill", "no new order leaves, every open one is cancelled at the exchange"),
    "resume": ("procs.cli.resume", "lift the kill latch, with a reason"),
    "order": ("procs.cli.order", "place, cancel or amend an order by hand"),
    "limits": ("procs.cli.limits", "the limits in force and their use; change one"),
    "orders": ("procs.cli.orders", "every order that is open or unknown"),
    "positions": ("procs.cli.positions", "what each strategy holds"),
    "pnl": ("procs.cli.pnl", "profit and loss, fees included, marked at mid"),
    "book": ("procs.cli.book", "a book as the desk sees it"),
    "latency": ("procs.cli.latency", "where the time of a tick and of an order goes"),
    "logs": ("procs.cli.logs", "what the desk's processes log"),
    "tail": ("procs.cli.tail", "follow orders, executions, positions, P&L or logs"),
    "replay": ("procs.cli.replay", "drive recorded market data through the desk's own agents"),
    "config": ("procs.cli.config", "the effective config, every mistake in it, its schemas"),
    "doctor": ("procs.cli.doctor", "can this machine carry the desk, and what to set if not"),
    "sim": ("procs.cli.sim", "a simulated exchange by itself, and faults in any"),
    "bench": ("procs.cli.bench", "what it takes and how much it carries, beside its peers"),
    "journal": ("procs.cli.journal", "read, check, compare and copy a desk's journals"),
}
"""Verb -> its module and its line of help."""

DESCRIPTION = """\
mExOms: an order management system for several exchanges.

  oms run                 a simulated desk on this machine, live in this terminal
  oms run --for 20s       the same, ending by itself with a summary
  oms up && oms status    start it in the background and look at it
  oms orders --unknown    what the exchange has not answered yet; also positions, pnl, book
  oms tail executions -f  follow its fills
  oms doctor              can this machine carry the desk, and what to set if not
  oms kill                stop trading now: latch, cancel at the exchange, prove it
  oms down                cancel what is open and stop
  oms VERB --help         what a verb takes, with examples
"""
CODES = "exit codes: " + ", ".join(f"{int(c)} {c.name.lower().replace('_', ' ')}" for c in ExitCode)


_UNKNOWN_VERB = re.compile(r"argument VERB: invalid choice: '([^']*)' .*", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """What is wrong with a command line is said as every error is: in the person's language, with
    the nearest verb, and where to look."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end with USAGE."""
        unknown = _UNKNOWN_VERB.fullmatch(message)
        if unknown is None:
            self.print_usage(sys.stderr)
            say(f"oms: {message}; see `{self.prog} --help`")
        else:
            say(
                f"oms: there is no verb '{unknown[1]}'; the nearest is "
                f"'{nearest(unknown[1], VERBS)}'; see `oms --help`"
            )
        sys.exit(ExitCode.USAGE)


def build_parser(verb: str | None) -> argparse.ArgumentParser:
    """The parser; only the chosen verb's module is imported, so that help is quick."""
    parser = Parser(
        "oms",
        description=DESCRIPTION,
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--lang", choices=lang.LANGUAGES, help=f"of errors and notices; else {lang.ENVIRONMENT}, "
        "else `lang` of the desk's file"
    )  # fmt: skip
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for name, (module_name, line) in VERBS.items():
        if importlib.util.find_spec(module_name) is None:
            continue
        made = verbs.add_parser(name, help=line, description=line)
        if name == verb:
            module = _module(module_name)
            made.epilog = here(f"{module.EXAMPLES}\n{CODES}")
            made.formatter_class = argparse.RawDescriptionHelpFormatter
            module.add_arguments(made)
    return parser


def _segment_error() -> type[Exception]:
    """SegmentError, where anything that could raise it was imported: it is heavy to import, and
    `oms --help` needs nothing of it."""
    module = sys.modules.get("shm_layout.segment")
    return module.SegmentError if module is not None else MexomsError


def _module(name: str) -> Any:
    return importlib.import_module(name)


def with_language(given: list[str]) -> list[str]:
    """Take `--lang ko` in front of the verb at its word, as `--lang=ko`, and have every process of
    this command speak it."""
    if given[:1] == ["--lang"] and len(given) > 1:
        given = [f"--lang={given[1]}", *given[2:]]
    if given[:1] and given[0].startswith("--lang="):
        language = given[0].partition("=")[2]
        if language in lang.LANGUAGES:
            os.environ[lang.ENVIRONMENT] = language
    return given


def take_config(chosen: argparse.Namespace, left: list[str]) -> list[str]:
    """Put the desk's file into `chosen.config`, wherever it stood among the options (argparse finds
    an optional word only where it ends a row of words); returns what is left of `left`.
    """
    named = getattr(chosen, NAMED, None)
    if hasattr(chosen, "config") and chosen.config is None:
        if named is not None:
            chosen.config = named
        elif len(left) == 1 and not left[0].startswith("-"):
            chosen.config = left[0]
            return []
    return left


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns an `ExitCode`."""
    given = with_language(sys.argv[1:] if arguments is None else arguments)
    verb = next((word for word in given if not word.startswith("-")), None)
    try:
        speak_as(None)
        parser = build_parser(verb if verb in VERBS else None)
        chosen, left = parser.parse_known_args(given)
        if left := take_config(chosen, left):
            parser.error(f"unrecognized arguments: {' '.join(left)}")
        if chosen.version:
            from importlib.metadata import version

            print(f"mExOms {version('mexoms')}")
            return ExitCode.OK
        if chosen.verb is None:
            parser.print_help()
            return ExitCode.USAGE
        return int(_module(VERBS[chosen.verb][0]).run(chosen))
    except MexomsError as error:
        say(f"oms: {error}")
        return error.exit_code
    except _segment_error() as error:
        say(f"oms: {error}")
        return ExitCode.NO_RESOURCE
    except KeyboardInterrupt:
        say("oms: interrupted")
        return ExitCode.FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        if error.filename is None:
            raise
        say(
            f"oms: {error.filename}: {error.strerror}; make it usable for this user, or name "
            "another place with --data-dir"
        )
        return ExitCode.NO_RESOURCE


if __name__ == "__main__":
    sys.exit(main())
