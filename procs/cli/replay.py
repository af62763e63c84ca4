"""`oms replay FILE…`: recorded market data through the desk's own agents, and what came of it."""

from __future__ import annotations

import argparse
import gzip
import sys
import time
import zlib
from pathlib import Path
from typing import Any

from oms.errors import ConfigError, ExitCode
from oms.sim.recording import RecordedFile, Recording, survey
from oms.sim.replay import (
    Replay,
    inferred_instruments,
    replay_config,
    start_balances,
)
from oms.venues.registry import recorded_reader
from procs.cli.parts.common import print_json
from procs.config.files import DEFAULT_CONFIG, find_config, load_desk
from procs.here import say
from procs.plugins import load_plugins
from procs.start import warm_host

_SAY_S = 1.0
GZIP_MAGIC = b"\x1f\x8b"
_NS = 1_000_000_000
_SLEEP_MAX_S = 0.05
_DIFFERENCES_SHOWN = 5

EXAMPLES = """\
examples:
  oms replay spot_btcusdt_20240808.jsonl.gz
  oms replay first.jsonl.gz second.jsonl.gz --instruments exchangeInfo.json
  oms replay spot.jsonl.gz --json --out /tmp/replayed

The recording must hold a depth snapshot that its diffs follow on; without one no book ever becomes
LIVE, and the exit code is 4. Our orders never change the recorded book.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE",
        help="recorded lines '<ns> <json>', plain or .gz; several are one recording",
    )  # fmt: skip
    parser.add_argument(
        "--instruments", type=Path, metavar="FILE",
        help="an exchangeInfo of the venue (JSON, plain or .gz); else inferred, with a warning",
    )  # fmt: skip
    parser.add_argument(
        "--config", help=f"whose strategies and limits trade (default: {DEFAULT_CONFIG})"
    )
    parser.add_argument(
        "--speed", choices=("full", "recorded"), default="full", help="how fast time goes by"
    )
    parser.add_argument("--seed", type=int, default=1, help="of latencies and ids (default: 1)")
    parser.add_argument("--out", type=Path, help="write the journal and the day's files here")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Replay; exit code 1 when a strategy's plugin has failed, 4 when no book ever became LIVE, 10
    when our book and the exchange's bookTicker disagree."""
    recording = Recording.of([_recorded(path) for path in arguments.files])
    path = find_config(arguments.config)
    desk = load_desk(path)
    reader = recorded_reader(desk.groups[0].exchange)
    found = survey(recording, reader)
    _warn_of(recording)
    if arguments.instruments is None:
        instruments = inferred_instruments(found, reader)
        say(
            "warning: instruments are inferred from the numbers in the recording ("
            + ", ".join(f"{i.symbol} tick {i.tick} lot {i.lot}" for i in instruments)
            + "); give the venue's exchangeInfo with --instruments FILE to be sure"
        )
    else:
        body = _recorded(arguments.instruments).text
        instruments = reader.instruments(_unwrapped(body), tuple(found.instruments))
    load_plugins(desk, path.resolve().parent)
    balances = start_balances(instruments, recording, reader)
    config = replay_config(desk, instruments, balances, arguments.seed, found.market)
    replay = Replay(config, recording, found)
    warm_host()
    progress = _Progress(recording, arguments.speed == "recorded")
    replay.run(progress)
    progress.done()
    if not replay.was_live:
        say(
            "oms: no book became LIVE, because the recording has no depth snapshot that its diffs "
            "follow on; add the file that holds it (earlier, same market) and replay both"
        )
        return ExitCode.NO_SNAPSHOT
    result = replay.result()
    result["messages_per_s"] = round(result["messages"] / progress.elapsed_s)
    if arguments.out is not None:
        _write(replay, arguments.out)
    if arguments.json:
        print_json(result)
    else:
        _print(result)
    for text in replay.differences()[:_DIFFERENCES_SHOWN]:
        say(f"disagrees: {text}")
    for name, reason in result["failed_strategies"].items():
        say(f"strategy {name} has failed in this replay: {reason}")
    if result["failed_strategies"]:
        return ExitCode.FAILED
    return ExitCode.DISAGREES if result["bbo_disagreements"] else ExitCode.OK


def _recorded(path: Path) -> RecordedFile:
    try:
        raw = path.read_bytes()
        return RecordedFile(path.name, gzip.decompress(raw) if raw[:2] == GZIP_MAGIC else raw)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ConfigError(
            f"replay: {path} is a damaged or cut gzip file ({error}); fetch it again"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"replay: {path} cannot be read ({error.strerror}); name an existing file"
        ) from error


def _unwrapped(body: bytes) -> bytes:
    """An exchangeInfo, also where a recorder has put it into the `raw` of a JSON line."""
    import orjson

    try:
        first = orjson.loads(body.splitlines()[0]) if body.strip() else {}
    except orjson.JSONDecodeError:
        return body
    raw = first.get("raw") if isinstance(first, dict) else None
    return raw.encode() if isinstance(raw, str) else body


def _warn_of(recording: Recording) -> None:
    for line in recording.bad[:_DIFFERENCES_SHOWN]:
        say(f"warning: {line.file} line {line.number}: {line.reason}")
    if len(recording.bad) > _DIFFERENCES_SHOWN:
        say(f"warning: {len(recording.bad)} unreadable lines in all; they are left out")


class _Progress:
    """Says where the replay is; at recorded speed it also waits."""

    def __init__(self, recording: Recording, paced: bool) -> None:
        self._total = len(recording)
        self._paced = paced
        self._terminal = sys.stderr.isatty()
        self._began_s = self._said_s = time.monotonic()
        self._first_ns = 0
        self.elapsed_s = 0.0

    def __call__(self, messages: int, now_ns: int) -> None:
        """`messages` are out, the virtual clock stands at `now_ns`."""
        if self._first_ns == 0:
            self._first_ns = now_ns
        if self._paced:
            self._wait((now_ns - self._first_ns) / _NS)
        now_s = time.monotonic()
        if now_s - self._said_s < _SAY_S:
            return
        self._said_s = now_s
        played_s = (now_ns - self._first_ns) / _NS
        text = (
            f"replay {100 * messages // max(self._total, 1)} %  {messages}/{self._total} messages, "
            f"{played_s:.0f} s of market, {messages / (now_s - self._began_s):.0f} messages/s"
        )
        start, end = ("\r\x1b[K", "") if self._terminal else ("", "\n")
        print(start + text, end=end, file=sys.stderr, flush=True)

    def _wait(self, played_s: float) -> None:
        while (left := played_s - (time.monotonic() - self._began_s)) > 0:
            time.sleep(min(left, _SLEEP_MAX_S))

    def done(self) -> None:
        """The recording is at its end."""
        self.elapsed_s = max(time.monotonic() - self._began_s, 1e-9)
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _write(replay: Replay, folder: Path) -> None:
    """The journal and the human files of the run."""
    try:
        (folder / "journal").mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(replay.harness.journals["risk"], 1):
            (folder / "journal" / f"risk-{number:06d}.mxj").write_bytes(bytes(data))
        for name, lines in replay.harness.lines.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise ConfigError(f"--out {folder}: cannot be written ({error.strerror})") from error
    say(f"wrote the journal and the day's files to {folder}")


def _print(result: dict[str, Any]) -> None:
    print(
        f"{result['messages']} messages, {result['level_updates']} level updates, "
        f"{result['gaps']} gaps, {result['resyncs']} resyncs, "
        f"{result['messages_per_s']} messages/s through the whole desk"
    )
    print(
        f"book against bookTicker: {result['bbo_comparisons']} comparisons, "
        f"{result['bbo_disagreements']} disagree"
    )
    print(
        f"orders {result['orders']}, fills {result['fills']} ({result['maker_fills']} as maker by "
        f"{result['fill_rules']['maker']}, {result['taker_fills']} as taker by "
        f"{result['fill_rules']['taker']}), left open {result['open_orders_left']}"
    )
    for row in result["positions"]:
        print(
            f"  {row['strategy']} {row['instrument']}: position {row['qty']}, volume "
            f"{row['volume']}, P&L {row['pnl']} (fees {row['fee_quote']} quote, "
            f"{row['fee_base']} base)"
        )
    print(f"journal {result['journal_hash']}")
