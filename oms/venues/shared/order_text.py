"""Templates of orders: made once per account, market, side and type, filled by `order_text_hot`.

A venue's connector says where the holes are (`hole`) in two texts of its own; what lies between
them is copied. One `OrderText` writes orders of one shape, one after another, without an object.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from oms.venues.shared import order_text_hot as hot_
from oms.venues.shared.hmac_sha256 import HotHmac
from shm_layout.words.byte_words_hot import BYTES_PER_WORD
from shm_layout.words.sha256_hot import MAC_WORDS

_NO_MAC = np.zeros(MAC_WORDS, np.int64)
_MARK = re.compile("\0(\\d+)\0")


def hole(piece: int) -> str:
    """Stands in a text where `piece` goes; no text of a venue holds a NUL."""
    return f"\0{piece}\0"


def with_holes(text: str, filled: str) -> str:
    """The text with every hole replaced."""
    return _MARK.sub(filled, text)


class Buffers:
    """What all orders of one executor are written into: one at a time, and sent before the next."""

    __slots__ = ("out", "out_bytes", "values", "values_view")

    def __init__(self) -> None:
        self.values = np.zeros(hot_.VALUE_WORDS, np.int64)
        self.values_view = self.values.data
        self.out = np.zeros(hot_.OUT_BYTES, np.uint8)
        self.out_bytes = self.out.data

    def written(self) -> bytes:
        """The frame that was written last."""
        return self.out_bytes[hot_.FRAME_AT : self.values_view[hot_.VALUE_FRAME_END]].tobytes()


class OrderText:
    """One template, and how it is signed."""

    __slots__ = (
        "_buffers",
        "_out",
        "_sign",
        "_values",
        "_view",
        "compiled",
        "literals",
        "mac",
        "template",
    )

    def __init__(
        self,
        signed: str,
        frame: str,
        signature_chars: int,
        scales: tuple[int, int],
        sign: HotHmac | Callable[[Any], str] | None,
        buffers: Buffers,
    ) -> None:
        """`signed` and `frame` with holes; `scales` of price and quantity. Without `sign` nothing
        is signed, and `signed` is empty. `sign` is the key's HMAC, or takes any buffer of bytes.
        """
        assert (sign is None) == (not signed)
        self._sign: Callable[[Any], str] | None = None
        self.mac = _NO_MAC
        if isinstance(sign, HotHmac):
            self.mac = sign.mac
            signed = sign.rest.decode() + signed
        elif sign is not None:
            self._sign = sign
        pieces: list[tuple[int, int, int]] = []
        literals = b""
        counts = []
        for text in (signed, frame):
            size = 0
            for index, part in enumerate(_MARK.split(text)):
                if index % 2:
                    chars = signature_chars if int(part) == hot_.PIECE_SIGNATURE else 0
                    pieces.append((int(part), 0, chars))
                    size += chars + hot_.NUMBER_CHARS_MAX
                elif part:
                    encoded = part.encode()
                    pieces.append((hot_.PIECE_LITERAL, len(literals), len(encoded)))
                    literals += encoded
                    size += len(encoded)
            assert size <= hot_.SIGNED_BYTES_MAX, "too long for an order"
            counts.append(len(pieces))
        assert len(pieces) <= hot_.PIECES_MAX, "too many pieces for an order"
        assert len(literals) <= hot_.LITERALS_BYTES - BYTES_PER_WORD, "too long for an order"
        words = [*counts, *scales, *(word for piece in pieces for word in piece)]
        self.template = np.zeros(hot_.TEMPLATE_WORDS, np.int64)
        self.template[: len(words)] = words
        self.literals = np.zeros(hot_.LITERALS_BYTES, np.uint8)
        self.literals[: len(literals)] = np.frombuffer(literals, np.uint8)
        self.compiled = self._sign is None
        """The kernel makes the whole of it, its signature, too."""
        self._buffers = buffers
        self._values, self._out = buffers.values, buffers.out
        self._view = buffers.values_view

    def write(self, request_id: int, time_ms: int) -> bytes:
        """The frame of the order whose id, price and quantity stand in the buffers' values."""
        view = self._view
        view[hot_.VALUE_REQUEST] = request_id
        view[hot_.VALUE_TIME_MS] = time_ms
        hot_.fill(self.template, self.literals, self._values, self.mac, self._out)
        out = self._buffers.out_bytes
        if self._sign is not None:
            signature = self._sign(out[: view[hot_.VALUE_SIGNED_BYTES]]).encode()
            at = view[hot_.VALUE_SIGNATURE_AT]
            out[at : at + len(signature)] = signature
        return self._buffers.written()
