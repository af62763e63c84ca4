"""Names of compiled kernels for `perf`: what lies where in this process, as `/tmp/perf-PID.map`.

Without it a profile shows machine code that was linked at run time as bare addresses. `make
profile` sets MEXOMS_PERF_MAP=1 and the loader (`native.py`) then calls `note`. The file's form and
place are those of Linux's tools/perf/Documentation/jit-interface.txt: a line `START SIZE NAME` for
each function, numbers in hex. The object files are ELF64, little endian (System V gABI, "Symbol
Table").
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

WANTED = "MEXOMS_PERF_MAP"
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SECTIONS_AT, _SECTION_COUNT_AT = 0x28, 0x3C
_SYMBOL_TABLE, _FUNCTION = 2, 2
_PART = re.compile(r"\d+")


def map_path(pid: int) -> Path:
    """Where perf looks for the names of a process."""
    return Path(f"/tmp/perf-{pid}.map")  # noqa: S108 - perf's own place


def functions(data: bytes) -> Iterator[tuple[str, int, int]]:
    """(symbol, offset in its section, size in bytes) of every function in an object file."""
    (at,) = struct.unpack_from("<Q", data, _SECTIONS_AT)
    (count,) = struct.unpack_from("<H", data, _SECTION_COUNT_AT)
    sections = [_SECTION.unpack_from(data, at + k * _SECTION.size) for k in range(count)]
    for section in sections:
        if section[1] != _SYMBOL_TABLE:
            continue
        names_at = sections[section[6]][4]
        for k in range(section[5] // _SYMBOL.size):
            name, info, _, index, value, size = _SYMBOL.unpack_from(
                data, section[4] + k * _SYMBOL.size
            )
            if info & 15 == _FUNCTION and index:
                start = names_at + name
                yield data[start : data.index(b"\0", start)].decode(), value, size


def plain_name(symbol: str) -> str:
    """`oms.book.book_hot.apply_level` of a compiler's mangled name; others as they are."""
    if not symbol.startswith("_ZN"):
        return symbol
    parts, at = [], 3
    while found := _PART.match(symbol, at):
        length, at = int(found[0]), found.end()
        parts.append(symbol[at : at + length])
        at += length
        if symbol.startswith("B", at):  # the compiler's tags: which overload it is
            break
    return ".".join(parts) or symbol


def note(entry_symbol: str, address: int, data: bytes) -> None:
    """Add the functions of an object file whose function `entry_symbol` was linked at `address`."""
    found = list(functions(data))
    base = next(address - value for symbol, value, _ in found if symbol == entry_symbol)
    lines = [f"{base + value:x} {size:x} {plain_name(symbol)}\n" for symbol, value, size in found]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(map_path(os.getpid()), flags, 0o600)
    try:
        os.write(descriptor, "".join(lines).encode())
    finally:
        os.close(descriptor)
