"""`oms journal`: a desk's journals judged (`verify`, here), read, written out, taken back in and
compared (`procs/cli/parts/journal_text.py`).

`verify` reads every block, record and link, of the files only: it works on a running desk (the
block being written at that moment shows as an unfinished tail) and on files given by name.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oms.agents.journaler.agent import PLACE_BYTES, PLACES, last_place, place_bytes
from oms.errors import ConfigError, ExitCode, JournalError
from oms.journal.reader import Recovery, read_journal
from procs import compile as kernels
from procs.cli.parts import journal_text
from procs.cli.parts.common import add_config, chosen_desk, owners, print_json
from procs.files.journal_file import SUFFIX
from procs.here import here
from shm_layout.enums import RecordType

_NUMBER_CHARS = 7
"""`-000001` behind a journal's name."""
WHOLE, TAIL_CUT, DAMAGED = "whole", "tail cut", "damaged"
REMEMBERED = "venue_sim."
"""What a simulated exchange remembers: a line of JSON per report."""
AGAIN_MAX = 5
_AGAIN_S = 0.05

EXAMPLES = """\
examples:
  oms journal cat --order m3k5t80000000400001   one order's life
  oms journal export > risk.jsonl               everything as JSON lines
  oms journal import risk.jsonl --to copy/      the same bytes again
  oms journal diff copy/                        where two journals part
  oms journal verify                            is anything cut or changed?
"""
VERIFY_EXAMPLES = """\
examples:
  oms journal verify                       every journal of the desk, running or not
  oms journal verify --json
  oms journal verify --files risk-*.mxj    files by name, e.g. of a copy

"tail cut" (exit code 10): the last block is unfinished, as a kill leaves it; the next start cuts it
off. "damaged" (exit code 8): something before a readable record was changed or is missing.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="check checksums, sequences and the hash chain of every journal",
        epilog=VERIFY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config(verify)
    verify.add_argument(
        "--files", nargs="+", type=Path, help="these files of one journal, oldest first"
    )
    verify.add_argument("--json", action="store_true", help="one JSON object")
    journal_text.add_actions(actions)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    kernels.provide()
    return int(_RUNS[arguments.action](arguments))


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify; exit code 8 when a journal is damaged, 10 when one ends in an unfinished block."""
    journals = _named(arguments.files) if arguments.files else _journals_of(arguments)
    verdicts = {name: verify(name, files) for name, files in journals.items()}
    for name, files in journals.items():
        if not arguments.files and _runs(arguments):
            verdicts[name] = _verify_again(name, files, verdicts[name])
    if arguments.json:
        print_json(verdicts)
    else:
        for name, verdict in verdicts.items():
            _print(name, verdict)
    states = {verdict["state"] for verdict in verdicts.values()}
    if DAMAGED in states:
        return ExitCode.JOURNAL_DAMAGED
    return ExitCode.DISAGREES if TAIL_CUT in states else ExitCode.OK


def _runs(arguments: argparse.Namespace) -> bool:
    return bool(owners(*chosen_desk(arguments)))


def _verify_again(name: str, files: list[Path], verdict: dict[str, Any]) -> dict[str, Any]:
    """On a running desk an unfinished block may be one that is written at this moment."""
    for _ in range(AGAIN_MAX):
        if verdict["state"] == WHOLE:
            break
        time.sleep(_AGAIN_S)
        verdict = verify(name, files)
    return verdict


def _named(files: list[Path]) -> dict[str, list[Path]]:
    """Files by name: one journal, called by the first."""
    for path in files:
        if not path.is_file():
            raise ConfigError(f"journal verify: there is no file {path}; name an existing one")
    return {files[0].stem[:-_NUMBER_CHARS] or "journal": files}


def _journals_of(arguments: argparse.Namespace) -> dict[str, list[Path]]:
    _, paths = chosen_desk(arguments)
    found: dict[str, list[Path]] = {}
    for path in sorted(paths.journal.glob(f"*{SUFFIX}")):
        found.setdefault(path.stem[:-_NUMBER_CHARS], []).append(path)
    if not found:
        raise ConfigError(
            f"journal verify: no journal in {paths.journal}; start the desk once with `oms run`, "
            "or name files with --files"
        )
    return found


def verify(name: str, files: list[Path]) -> dict[str, Any]:
    """State (whole, tail cut or damaged), counts by record type, and where it ends."""
    if name == PLACES or name.startswith(f"{PLACES}."):
        return _verify_places(files)
    if name.startswith(REMEMBERED):
        return _verify_lines(files)
    recovery = Recovery()
    counts: dict[str, int] = {}
    trouble = ""
    try:
        for record in read_journal(
            (path.read_bytes() for path in files), recovery, lambda k: str(files[k])
        ):
            kind = RecordType(int(record["type"])).name
            counts[kind] = counts.get(kind, 0) + 1
    except (JournalError, OSError) as error:
        trouble = str(error)
    state = DAMAGED if trouble else TAIL_CUT if recovery.cut_bytes else WHOLE
    described = asdict(recovery) | {"last_sha256": recovery.last_sha256.hex()}
    return {"state": state, "trouble": trouble, "records_by_type": counts, **described}


def _verify_places(files: list[Path]) -> dict[str, Any]:
    """Entries of a sequence and its checksum. None of it is needed: without a good entry the day's
    files are written again from the journal of risk."""
    data = b"".join(path.read_bytes() for path in files)
    whole, cut_bytes = divmod(len(data), PLACE_BYTES)
    entries = [data[k * PLACE_BYTES : (k + 1) * PLACE_BYTES] for k in range(whole)]
    bad = sum(entry != place_bytes(int.from_bytes(entry[:8], "little")) for entry in entries)
    trouble = f"{bad} entries have a wrong checksum and are passed over" if bad else ""
    return {
        "state": DAMAGED if bad else TAIL_CUT if cut_bytes else WHOLE,
        "trouble": trouble,
        "files": len(files),
        "entries": whole,
        "written_out_seq": last_place(path.read_bytes() for path in files)[0],
        "cut_bytes": cut_bytes,
        "cut_reason": "the last entry is cut" if cut_bytes else "",
    }


def _verify_lines(files: list[Path]) -> dict[str, Any]:
    data = b"".join(path.read_bytes() for path in files)
    kept, newline, cut = data.rpartition(b"\n")
    bad = 0
    for line in kept.splitlines():
        try:
            bad += not isinstance(json.loads(line), dict)
        except ValueError:
            bad += 1
    return {
        "state": DAMAGED if bad else TAIL_CUT if cut else WHOLE,
        "trouble": f"{bad} lines are no JSON object" if bad else "",
        "files": len(files),
        "reports": kept.count(b"\n") + len(newline),
        "cut_bytes": len(cut),
        "cut_reason": "the last line is cut" if cut else "",
    }


def _print(name: str, verdict: dict[str, Any]) -> None:
    if "entries" in verdict:
        print(
            f"{name}: {verdict['state']}; {verdict['files']} files, {verdict['entries']} entries: "
            f"the day's files are written up to sequence {verdict['written_out_seq']}"
        )
    elif "reports" in verdict:
        print(
            f"{name}: {verdict['state']}; {verdict['files']} files, {verdict['reports']} reports "
            "that the simulated exchange remembers"
        )
    else:
        print(
            f"{name}: {verdict['state']}; {verdict['files']} files, {verdict['blocks']} blocks, "
            f"{verdict['records']} records, last sequence {verdict['last_seq']}"
        )
        kinds = sorted(verdict["records_by_type"].items())
        print("  " + (", ".join(f"{kind} {count}" for kind, count in kinds) or "no records"))
        print(f"  chain ends in {verdict['last_sha256']}")
    if verdict["cut_bytes"] and not verdict["trouble"]:
        print(
            f"  {verdict['cut_bytes']} bytes behind the last whole one: {verdict['cut_reason']}; "
            "nothing readable follows, so the next start cuts them off and asks the exchange about "
            "every order that was open"
        )
    if verdict["trouble"]:
        print(here(f"  {verdict['trouble']}"))


_RUNS = {
    "verify": run_verify,
    "cat": journal_text.run_cat,
    "export": journal_text.run_export,
    "import": journal_text.run_import,
    "diff": journal_text.run_diff,
}
