"""Writes and checks `layout.lock`: the golden of every record and enum.

`python -m shm_layout.layout` writes it, `--check` compares (the tests do). A changed line in the
lock is a changed contract: it must be seen in a review, and an enum may only grow at its end.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path

from shm_layout import enums
from shm_layout.records import LAYOUT_VERSION, RECORDS

LOCK = Path(__file__).with_name("layout.lock")


def enum_lists() -> dict[str, list[str]]:
    """Every wire enum: its names with their values, in order of value."""
    found = {
        name: kind
        for name, kind in vars(enums).items()
        if isinstance(kind, type) and issubclass(kind, IntEnum) and kind is not IntEnum
    }
    return {
        name: [f"{member.value}={member.name}" for member in kind]
        for name, kind in sorted(found.items())
    }


def lock_text() -> str:
    """The golden's text: one line per field, offset, format, size and hash of each record."""
    lines = [f"layout_version {LAYOUT_VERSION}", ""]
    for spec in sorted(RECORDS.values(), key=lambda s: s.type):
        lines.append(
            f"record {spec.name} type={int(spec.type)} size={spec.size_bytes} "
            f"hash={spec.type_hash():016x}"
        )
        fields = spec.dtype.fields
        assert fields is not None
        for field in spec.fields:
            enum = f" {field.enum.__name__}" if field.enum else ""
            dtype, offset = fields[field.name][0], fields[field.name][1]
            shape = f"{list(dtype.shape)}" if dtype.shape else ""
            lines.append(f"  {offset:4d} {dtype.base.str[1:]}{shape} {field.name}{enum}")
        lines.append("")
    for name, members in enum_lists().items():
        lines.append(f"enum {name} {' '.join(members)}")
    return "\n".join(lines) + "\n"


def check() -> list[str]:
    """Lines that differ between the golden and the sources; empty = the same."""
    held = LOCK.read_text().splitlines() if LOCK.exists() else []
    made = lock_text().splitlines()
    return [f"- {line}" for line in held if line not in made] + [
        f"+ {line}" for line in made if line not in held
    ]


def main() -> int:
    """Write the golden, or with `--check` name what differs."""
    if "--check" in sys.argv[1:]:
        different = check()
        print("\n".join(different) or "layout.lock is up to date")
        return 1 if different else 0
    LOCK.write_text(lock_text())
    print(f"wrote {LOCK.name}: {len(RECORDS)} records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
