"""What an exchange says of an account beside its orders, as records: fee rates, keys, positions.

Amounts are read down where the exchange prints more digits than the record's scale holds: nothing
here is booked, it is shown, compared and estimated with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from oms.units import NS_PER_MS
from oms.venues.reports import FeeRate, KeyState, Known, Position
from oms.venues.shared.contracts import to_base
from oms.venues.shared.decimal_text import from_text_down
from shm_layout.enums import VENUES_BY_NAME, PositionSide, RecordType
from shm_layout.records import FEE_RATE, KEY_STATE, NO_ID, POSITION_SAID, UNDEF

Array = np.ndarray[Any, Any]

FEE_DIGITS = 10
_LEVERAGE_DIGITS = 2


def records_of(
    rows: Sequence[Any], *, account_id: int, market: str, known: Known, now_ns: int
) -> list[Array]:
    """Records of one element, in the order of `rows`; what is no such fact is left out, and so is
    a fee or position of an instrument that the desk does not trade."""
    made: list[Array] = []
    for row in rows:
        if isinstance(row, FeeRate):
            made += _fee_rate(row, account_id, market, known, now_ns)
        elif isinstance(row, KeyState):
            made.append(_key_state(row, account_id, now_ns))
        elif isinstance(row, Position):
            made += _position(row, account_id, now_ns)
    return made


def _record(dtype: np.dtype[Any], kind: RecordType, account_id: int, now_ns: int) -> Array:
    made = np.zeros(1, dtype)
    made["type"], made["account_id"], made["ts_recv_ns"] = kind, account_id, now_ns
    return made


def _fee_rate(
    rate: FeeRate, account_id: int, market: str, known: Known, now_ns: int
) -> list[Array]:
    instrument_id = NO_ID
    if rate.symbol:
        instrument = known.instrument(market, rate.symbol)
        if instrument is None:
            return []
        instrument_id = instrument.instrument_id
    made = _record(FEE_RATE, RecordType.FEE_RATE, account_id, now_ns)
    made["instrument_id"], made["venue"] = instrument_id, VENUES_BY_NAME[market]
    made["side"], made["fee_group"] = rate.side, rate.group.encode("ascii", "replace")
    made["maker_e10"] = from_text_down(rate.maker, FEE_DIGITS)
    made["taker_e10"] = from_text_down(rate.taker, FEE_DIGITS)
    return [made]


def _key_state(state: KeyState, account_id: int, now_ns: int) -> Array:
    made = _record(KEY_STATE, RecordType.KEY_STATE, account_id, now_ns)
    made["may_trade"], made["bound"] = state.may_trade, state.bound
    made["until_ns"] = state.until_ms * NS_PER_MS
    made["text"] = state.text.encode("ascii", "replace")[: KEY_STATE["text"].itemsize]
    return made


def _position(position: Position, account_id: int, now_ns: int) -> list[Array]:
    instrument = position.instrument
    if instrument is None:
        return []
    made = _record(POSITION_SAID, RecordType.POSITION_SAID, account_id, now_ns)
    made["instrument_id"], made["side"] = instrument.instrument_id, position.side
    made["isolated"] = position.margin_mode == "isolated"
    size = instrument.contract_size
    qty = position.qty
    made["qty"] = to_base(qty, size) if size else from_text_down(qty, instrument.qty_scale)
    if position.side is PositionSide.SHORT and made["qty"][0] > 0:
        made["qty"] = -made["qty"]
    for name in ("entry_px", "mark_px", "liquidation_px"):
        made[name] = _or_undef(getattr(position, name), instrument.px_scale)
    made["unrealised"] = _or_undef(position.unrealised, instrument.quote_scale)
    if position.leverage:
        made["leverage_e2"] = from_text_down(position.leverage, _LEVERAGE_DIGITS)
    return [made]


def _or_undef(text: str, scale: int) -> int:
    return from_text_down(text, scale) if text else UNDEF
