"""The journal's bytes: file header, blocks, frames (DESIGN.md law 10; RELIABILITY D5, D6).

A journal is files; a file is a header and blocks; a block is one `write()`:

    file    magic, length and CRC-32 of a JSON text that holds the descriptors of every record
            type (so that an old journal is read by its own layout), the file's number and the
            SHA-256 of the last block of the file before it; padded to 64 bytes
    block   head of 128 bytes: length, first sequence, count, epoch, published_seq, SHA-256 of
            the previous block, CRC32C of the head itself; then the frames
    frame   size in bytes and CRC32C of the record, 4 bytes each; then the record

Records are numbered from 1 over all files (`head.seq`). This file says what the bytes mean;
`reader` checks them, `writer` makes them, a host's Journal port stores them.
"""

from __future__ import annotations

import functools
import json
import zlib
from typing import Any

import numpy as np

from oms.errors import JournalError
from shm_layout.records import LAYOUT_VERSION, RECORDS

FILE_MAGIC = b"MXJRNL01"
BLOCK_MAGIC = int.from_bytes(b"MXBLOCK1", "little")
FILE_FIXED_BYTES = 16
FILE_ALIGN_BYTES = 64
FRAME_HEAD_BYTES = 8
NO_HASH = bytes(32)

BLOCK_HEAD = np.dtype(
    {
        "names": [
            "magic", "size_bytes", "count", "first_seq", "epoch", "reserved0", "published_seq",
            "prev_sha256", "reserved", "crc",
        ],
        "formats": ["i8", "u4", "u4", "i8", "u4", "u4", "i8", ("u1", (32,)), ("i8", (6,)), "i8"],
        "offsets": [0, 8, 12, 16, 24, 28, 32, 40, 72, 120],
        "itemsize": 128,
    },
    align=True,
)  # fmt: skip
BLOCK_HEAD_WORDS = BLOCK_HEAD.itemsize // 8


@functools.cache
def records_text() -> str:
    """This build's record types as JSON: made once, so that a writer's next file begins at once."""
    described = [spec.descriptor() for spec in RECORDS.values()]
    return json.dumps(described, sort_keys=True, separators=(",", ":"))


@functools.cache
def described_records() -> list[dict[str, Any]]:
    """This build's record types, as a header of its files holds them."""
    described: list[dict[str, Any]] = json.loads(records_text())
    return described


@functools.cache
def described_by_type() -> dict[int, dict[str, Any]]:
    """The same by number of the type."""
    return {int(described["type"]): described for described in described_records()}


def file_header(file_index: int, prev_sha256: bytes) -> bytes:
    """The first bytes of file number `file_index` (from 1)."""
    # Keys in order of name, as whoever makes the text anew from its fields has them.
    text = (
        f'{{"file_index":{file_index},"layout_version":{LAYOUT_VERSION},'
        f'"prev_sha256":"{prev_sha256.hex()}","records":{records_text()}}}'
    ).encode()
    text += b" " * (-(FILE_FIXED_BYTES + len(text)) % FILE_ALIGN_BYTES)
    sizes = np.array([len(text), zlib.crc32(text)], "<u4").tobytes()
    return FILE_MAGIC + sizes + text


def parse_file_header(data: bytes, where: str) -> tuple[dict[str, Any], int]:
    """The header's JSON and its length in bytes; JournalError where it is no journal."""
    if len(data) < FILE_FIXED_BYTES or data[:8] != FILE_MAGIC:
        raise JournalError(
            f"{where}: found {data[:8]!r} at its start, required is {FILE_MAGIC!r}: "
            "this is no journal file of mExOms"
        )
    length, crc = (int(x) for x in np.frombuffer(data, "<u4", 2, 8))
    text = data[FILE_FIXED_BYTES : FILE_FIXED_BYTES + length]
    if len(text) != length or zlib.crc32(text) != crc:
        raise JournalError(
            f"{where}: its header, bytes 0 to {FILE_FIXED_BYTES + length}, is damaged (checksum "
            "differs); restore the file from a copy and check it with `oms journal verify`"
        )
    described: dict[str, Any] = json.loads(text)
    return described, FILE_FIXED_BYTES + length


def header_is_cut(data: bytes) -> bool:
    """Are these bytes the beginning of a header that was not written to its end?"""
    if len(data) < FILE_FIXED_BYTES:
        return FILE_MAGIC.startswith(data[: len(FILE_MAGIC)])
    length = int(np.frombuffer(data, "<u4", 1, len(FILE_MAGIC))[0])
    return data.startswith(FILE_MAGIC) and len(data) < FILE_FIXED_BYTES + length
