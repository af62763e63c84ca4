"""Text for fields of a fixed size in bytes."""

from __future__ import annotations


def cut_utf8(text: str, size_bytes: int) -> bytes:
    """As much of the text as fits, whole characters only; nothing that is no character."""
    plain = "".join(c for c in text if c.isprintable()).encode("utf-8", "replace")[:size_bytes]
    return plain.decode("utf-8", "ignore").encode()
