"""`oms journal cat | export | import | diff`: a journal's records read, written out, read back in,
compared. All read files only, and read a running desk's, too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from oms.errors import ConfigError, ExitCode
from oms.journal.text import Importer, Records, export_lines, first_difference
from procs.cli.parts.common import add_config, chosen_desk, print_json
from procs.cli.parts.journal_lines import Teller
from procs.files.journal_file import SUFFIX
from procs.here import here, say
from shm_layout.records import RECORDS

CAT_EXAMPLES = """\
examples:
  oms journal cat                                 the desk's journal, one line per record
  oms journal cat --type OrderRow,OrderUpdate     orders and what became of them
  oms journal cat --order m3k5t80000000400001     one order's life; also by the exchange's id
  oms journal cat --from-seq 1200 --to-seq 1250   a part of it
  oms journal cat --type CYCLE --json             JSON lines, every field
"""
EXPORT_EXAMPLES = """\
examples:
  oms journal export > risk.jsonl          every file, block and record, one JSON object a line
  oms journal export --output risk.jsonl
  oms journal import risk.jsonl --to DIR   the same bytes again
"""
IMPORT_EXAMPLES = """\
examples:
  oms journal import risk.jsonl --to copy/           copy/risk-000001.mxj and on, byte for byte
  oms journal import risk.jsonl --to copy/ --dry-run
  oms journal diff copy/                             is it the same as the desk's?
"""
DIFF_EXAMPLES = """\
examples:
  oms journal diff other/var/demo/journal    the desk's journal against another folder's
  oms journal diff yesterday/ today/         two folders
  oms journal diff a/ b/ --json

exit codes: 0 the same records, 10 they part (the first difference is named)
"""
_Parsers = Any


def add_actions(actions: _Parsers) -> None:
    """The four verbs below `oms journal`."""
    cat = _action(actions, "cat", "one line per record, with filters", CAT_EXAMPLES)
    add_config(cat)
    _add_source(cat)
    cat.add_argument("--type", help="only these record types, by comma (OrderRow or ORDER_ROW)")
    cat.add_argument("--order", help="only one order: our id, its number, or the exchange's id")
    cat.add_argument("--from-seq", type=int, default=1, help="from this sequence on")
    cat.add_argument("--to-seq", type=int, help="up to this sequence")
    cat.add_argument("--json", action="store_true", help="JSON lines, every field")
    export = _action(actions, "export", "everything as JSON lines", EXPORT_EXAMPLES)
    add_config(export)
    _add_source(export)
    export.add_argument("--output", type=Path, help="write here instead of the terminal")
    export.add_argument("--json", action="store_true", help="it is JSON lines already")
    taken = _action(actions, "import", "the same bytes back from an export", IMPORT_EXAMPLES)
    taken.add_argument("lines", type=Path, help="what export wrote; - reads standard input")
    taken.add_argument("--to", type=Path, required=True, help="folder for the journal's files")
    taken.add_argument("--journal", default="risk", help="its name there (default: risk)")
    taken.add_argument("--dry-run", action="store_true", help="check all of it, write nothing")
    taken.add_argument("--json", action="store_true", help="one JSON object")
    diff = _action(actions, "diff", "where two journals part", DIFF_EXAMPLES)
    diff.add_argument("folders", nargs="+", type=Path, help="one or two folders with journals")
    diff.add_argument("--config", help="the desk to compare with when one folder is given")
    diff.add_argument("--data-dir", help="that desk's directory")
    diff.add_argument("--journal", default="risk", help="which journal (default: risk)")
    diff.add_argument("--json", action="store_true", help="one JSON object")


def _action(actions: _Parsers, name: str, line: str, examples: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = actions.add_parser(
        name, help=line, description=line, epilog=here(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    return made


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--journal", default="risk", help="which journal (default: risk)")
    parser.add_argument("--files", nargs="+", type=Path, help="these files, oldest first")


def files_in(folder: Path, name: str) -> list[Path]:
    """A journal's files in a folder, oldest first; ConfigError where there are none."""
    found = sorted(folder.glob(f"{name}-[0-9]*{SUFFIX}"))
    if not found:
        raise ConfigError(
            f"journal: no file {name}-NNNNNN{SUFFIX} in {folder}; name a folder that has some, or "
            "start the desk once with `oms run`"
        )
    return found


def _source(arguments: argparse.Namespace) -> list[Path]:
    if arguments.files:
        for path in arguments.files:
            if not path.is_file():
                raise ConfigError(f"journal: there is no file {path}; name an existing one")
        named: list[Path] = arguments.files
        return named
    return files_in(chosen_desk(arguments)[1].journal, arguments.journal)


def _records(files: list[Path], name: str) -> Records:
    return Records((path.read_bytes() for path in files), name)


def _tail_said(records: Records) -> int:
    """Exit code; says what an unfinished end left out."""
    found = records.recovery
    if not found.cut_bytes:
        return ExitCode.OK
    say(
        f"oms: {found.cut_bytes} bytes behind sequence {found.last_seq} are no whole block "
        f"({found.cut_reason}): left out"
    )
    return ExitCode.DISAGREES


def run_cat(arguments: argparse.Namespace) -> int:
    """One line per record."""
    records = _records(_source(arguments), arguments.journal)
    teller, wanted = Teller(), _types(arguments.type)
    known = set(RECORDS)
    for kind, first, record in records:
        if kind == "file":
            known |= {one["name"] for one in record["records"]}
            if odd := wanted - {_plain(name) for name in known}:
                raise ConfigError(
                    f"journal cat --type: no record type {', '.join(sorted(odd))}; known: "
                    f"{', '.join(sorted(known))}"
                )
        if kind != "record":
            continue
        shown = first.shown(record)
        teller.learn(shown)
        if shown["seq"] < arguments.from_seq or (wanted and _plain(shown["type"]) not in wanted):
            continue
        if arguments.to_seq is not None and shown["seq"] > arguments.to_seq:
            return ExitCode.OK
        if arguments.order is not None and not teller.is_about(shown, arguments.order):
            continue
        print(json.dumps(shown) if arguments.json else teller.line(shown))
    return _tail_said(records)


def _types(text: str | None) -> set[str]:
    return {_plain(word) for word in (text or "").split(",") if word.strip()}


def _plain(name: str) -> str:
    """OrderRow, ORDER_ROW and order-row are one name."""
    return name.strip().replace("_", "").replace("-", "").lower()


def run_export(arguments: argparse.Namespace) -> int:
    """JSON lines."""
    records = _records(_source(arguments), arguments.journal)
    with _output(arguments.output) as out:
        for line in export_lines(records):
            out.write(line + "\n")
    return _tail_said(records)


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    aside = path.with_name(path.name + ".new")
    with aside.open("w", encoding="ascii") as file:
        yield file
    aside.rename(path)


def run_import(arguments: argparse.Namespace) -> int:
    """Files again."""
    folder: Path = arguments.to
    pattern = f"{arguments.journal}-[0-9]*{SUFFIX}"
    if not arguments.dry_run and any(folder.glob(pattern)):
        raise ConfigError(
            f"journal import: {folder} holds {pattern} already; name an empty folder: an import "
            "never writes over a journal"
        )
    sizes: dict[int, int] = {}
    with contextlib.ExitStack() as stack:
        lines = sys.stdin if str(arguments.lines) == "-" else stack.enter_context(
            arguments.lines.open(encoding="ascii")
        )  # fmt: skip
        for number, data in Importer().pieces(lines):
            sizes[number] = sizes.get(number, 0) + len(data)
            if not arguments.dry_run:
                _append(folder / f"{arguments.journal}-{number:06d}{SUFFIX}", data)
    said = {"files": len(sizes), "size_bytes": sum(sizes.values()), "folder": str(folder)}
    if arguments.json:
        print_json(said | {"written": not arguments.dry_run})
    else:
        done = "would be written to" if arguments.dry_run else "written to"
        print(f"{said['files']} files, {said['size_bytes']} bytes {done} {folder}")
    return ExitCode.OK


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def run_diff(arguments: argparse.Namespace) -> int:
    """The first difference of two journals."""
    folders: list[Path] = list(arguments.folders)
    if len(folders) > 2:
        raise ConfigError(f"journal diff: found {len(folders)} folders, required are one or two")
    if len(folders) == 1:
        folders.insert(0, chosen_desk(arguments)[1].journal)
    pair = [_records(files_in(one, arguments.journal), str(one)) for one in folders]
    found = first_difference(*pair)
    names = [str(folder) for folder in folders]
    if arguments.json:
        print_json({"folders": names, "same": found is None, "first_difference": found})
    elif found is None:
        print(f"the same {pair[0].recovery.last_seq} records in {names[0]} and {names[1]}")
    else:
        print(f"sequence {found['seq']}: {found['what']}")
        for name, (ours, theirs) in found.get("fields", {}).items():
            print(f"  {name}: {ours} in {names[0]}, {theirs} in {names[1]}")
        if "other" in found:
            print(f"  the other goes on with {json.dumps(found['other'])}")
    return ExitCode.OK if found is None else ExitCode.DISAGREES
