"""The symbol table of one venue (cold twin of `symbols_hot.py`): built from instrument rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.venues.shared.decode_status_hot import SCALE_PX, SCALE_QTY, SYMBOL_BYTES_MAX
from oms.venues.shared.symbols_hot import find_symbol, symbol_hash


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """Arrays that decoders look symbols up in; `add` fills them in place."""

    index: np.ndarray[Any, Any]
    """int64, a power of two of slots, at most half full: instrument id or -1."""
    text: np.ndarray[Any, Any]
    """uint8[instruments, 32]: the venue's symbols by instrument id."""
    scales: np.ndarray[Any, Any]
    """int64[instruments, 2]: px_scale and qty_scale, in decimal digits."""

    @classmethod
    def empty(cls, instruments: int) -> SymbolTable:
        slots = 1 << max(4, (2 * instruments - 1).bit_length())
        return cls(
            np.full(slots, -1, np.int64),
            np.zeros((instruments, SYMBOL_BYTES_MAX), np.uint8),
            np.zeros((instruments, 2), np.int64),
        )

    def add(self, instrument_id: int, symbol: str, px_scale: int, qty_scale: int) -> None:
        """Register a symbol once; a second call for the same one is an error of ours."""
        raw = np.frombuffer(symbol.encode(), np.uint8)
        assert 0 < raw.size <= SYMBOL_BYTES_MAX, f"symbol {symbol!r}: 1 to 32 bytes"
        assert self.find(symbol) < 0, f"symbol {symbol!r} is in the table already"
        self.text[instrument_id, : raw.size] = raw
        self.scales[instrument_id, SCALE_PX] = px_scale
        self.scales[instrument_id, SCALE_QTY] = qty_scale
        mask = self.index.size - 1
        slot = int(symbol_hash(raw, 0, raw.size)) & mask
        while self.index[slot] >= 0:
            slot = (slot + 1) & mask
        self.index[slot] = instrument_id

    def find(self, symbol: str) -> int:
        """Instrument id, or -1."""
        raw = np.frombuffer(symbol.encode() or b"\0", np.uint8)
        return int(find_symbol(raw, 0, len(symbol.encode()), self.index, self.text))
