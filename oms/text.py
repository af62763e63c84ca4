"""Text for fields of a fixed size in bytes."""

from __future__ import annotations


def cut_utf8(text: str, size_bytes: int) -> bytes:
    """As much of the text as fits, whole characters only; nothing that is no character."""
    plain = "".join(c for c in text if c.isprintable()).encode("utf-8", "replace")[:size_bytes]
    return plain.decode("utf-8", "ignore").encode()


def uuid_text(chance: bytes) -> str:
    """A version 4 UUID out of 16 random bytes (RFC 9562): pure code is given its chance."""
    assert len(chance) == 16, f"{len(chance)} bytes of chance"
    made = bytearray(chance)
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    text = made.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
