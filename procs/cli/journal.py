"""`oms journal verify`: every block, record and link of a desk's journals, read and judged.

Reads the files only; works on a running desk (the block being written at that moment shows as an
unfinished tail) and on files given by name.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from oms.errors import ConfigError, ExitCode, JournalError
from oms.journal.reader import Recovery, read_journal
from procs.cli.common import add_config, chosen_desk, print_json
from procs.journal_file import SUFFIX
from shm_layout.enums import RecordType

_NUMBER_CHARS = 7
"""`-000001` behind a journal's name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify", help="check checksums, sequences and the hash chain of every journal"
    )
    add_config(verify)
    verify.add_argument(
        "--files", nargs="+", type=Path, help="these files of one journal, oldest first"
    )
    verify.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Verify; exit code 8 when a journal is damaged."""
    if arguments.files:
        journals = {arguments.files[0].stem[:-_NUMBER_CHARS] or "journal": arguments.files}
    else:
        journals = _journals_of(arguments)
    verdicts = {name: verify(name, files) for name, files in journals.items()}
    if arguments.json:
        print_json(verdicts)
    else:
        for name, verdict in verdicts.items():
            _print(name, verdict)
    damaged = any(verdict["state"] != "whole" for verdict in verdicts.values())
    return ExitCode.JOURNAL_DAMAGED if damaged else ExitCode.OK


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
    """State ("whole", "tail cut" or "damaged"), counts by record type, and where it ends."""
    recovery = Recovery()
    counts: dict[str, int] = {}
    trouble = ""
    try:
        for record in read_journal((path.read_bytes() for path in files), recovery, name):
            kind = RecordType(int(record["type"])).name
            counts[kind] = counts.get(kind, 0) + 1
    except (JournalError, OSError) as error:
        trouble = str(error)
    state = "damaged" if trouble else "tail cut" if recovery.cut_bytes else "whole"
    described = asdict(recovery) | {"last_sha256": recovery.last_sha256.hex()}
    return {"state": state, "trouble": trouble, "records_by_type": counts, **described}


def _print(name: str, verdict: dict[str, Any]) -> None:
    print(
        f"{name}: {verdict['state']}; {verdict['files']} files, {verdict['blocks']} blocks, "
        f"{verdict['records']} records, last sequence {verdict['last_seq']}"
    )
    kinds = sorted(verdict["records_by_type"].items())
    print("  " + (", ".join(f"{kind} {count}" for kind, count in kinds) or "no records"))
    print(f"  chain ends in {verdict['last_sha256']}")
    if verdict["cut_bytes"]:
        print(
            f"  {verdict['cut_bytes']} bytes behind the last whole block: {verdict['cut_reason']}; "
            "the next start cuts them off (on a running desk this may be a block in writing: "
            "verify again)"
        )
    if verdict["trouble"]:
        print(f"  {verdict['trouble']}")
