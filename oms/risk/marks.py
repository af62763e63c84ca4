"""What a currency is worth in the desk's own, by the desk's own books; and limits converted by it.

Two prices of each currency (table `marks`). `rate` is journaled: limits go by it, so a recovery
has the same limits; it is taken anew when it has moved by MOVED_E4 or is a minute old, and counts
for LIMITS_AGE_NS, one percent against us. `live_rate` is the newest, for decisions, and whoever
decides by it looks at its age. A currency without a mark has no limit that could be held: orders of
instruments quoted in it are refused as UNKNOWN_CURRENCY_RATE.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from oms.config import Amount, DeskConfig, LimitsConfig
from oms.risk import world_hot as w_
from oms.risk.state import RiskArrays
from oms.units import NS_PER_MS, NS_PER_S
from shm_layout.enums import BookState, RecordType
from shm_layout.money import INT64_MAX
from shm_layout.records import NO_ID, UNDEF

LOOK_NS = NS_PER_S
RENEW_NS = 60 * NS_PER_S
LIMITS_AGE_NS = 600 * NS_PER_S
MOVED_E4 = 10
"""Ten basis points."""
AGAINST_US = Fraction(101, 100)
_RATE_MAX = 1 << 60
_DIGITS_MAX = 30

Array = np.ndarray[Any, Any]


def mantissa_of(rate: Fraction) -> tuple[int, int]:
    """(mantissa, digits) of a rate, some eighteen significant digits."""
    digits = 0
    while digits < _DIGITS_MAX and rate * 10 ** (digits + 1) < _RATE_MAX:
        digits += 1
    return min(int(rate * 10**digits), INT64_MAX), digits


class Marks:
    """See the module's text. Its state is the table `marks`."""

    def __init__(self, config: DeskConfig, arrays: RiskArrays) -> None:
        self._desk_code = config.currency
        self._oldest_ns = config.limits.book_max_age_ms * NS_PER_MS
        self._arrays = arrays
        self._table = arrays.tables["marks"]
        self.limits = config.limits
        self.due_ns = 0
        self._pairs: dict[int, list[int]] = {}
        self._are_pairs_stale = True

    # Rates

    def restore(self, record: Array) -> None:
        """A journaled MARK_ROW."""
        row = int(record["currency_id"])
        names = ("type", "currency_id", "instrument_id", "rate", "rate_digits", "book_version")
        self._table.write(row, **{name: record[name] for name in names}, ts_ns=record["ts_ns"])
        self._convert_by(row)

    def register(self, currency_id: int) -> None:
        """A currency has its row; the desk's own is worth one of itself."""
        self._are_pairs_stale = True
        if int(self._table.rows["seq"][currency_id]):
            return  # a snapshot had it
        code = bytes(self._arrays.currency_table.rows["code"][currency_id]).decode()
        own = code == self._desk_code
        self._table.write(
            currency_id, type=RecordType.MARK_ROW, currency_id=currency_id, instrument_id=NO_ID,
            rate=int(own), live_rate=int(own), rate_digits=0, live_digits=0,
        )  # fmt: skip
        self._convert(currency_id)

    def look(self, now_ns: int) -> list[Array]:
        """Records to journal: of currencies whose rate has moved, is old, or is known at last."""
        self.due_ns = now_ns + LOOK_NS
        records = []
        for currency_id, book in self._books():
            rate, instrument_id = self._rate_by(currency_id, book)
            mantissa, digits = mantissa_of(rate)
            self._table.write(
                currency_id, live_rate=mantissa, live_digits=digits, live_ts_ns=now_ns
            )
            if self._is_news(currency_id, rate, now_ns):
                version = int(self._arrays.tops[instrument_id, w_.TOP_VERSION])
                self._table.write(
                    currency_id, rate=mantissa, rate_digits=digits, instrument_id=instrument_id,
                    book_version=version, ts_ns=now_ns,
                )  # fmt: skip
                records.append(self._table.rows[currency_id : currency_id + 1].copy())
                self._convert_by(currency_id)
        return records + self._lapsed(now_ns)

    def _books(self) -> Iterator[tuple[int, int]]:
        """(currency, an instrument whose LIVE book prices it in the desk's currency) of what the
        desk's instruments are quoted and settled in; called on a core that trades."""
        if self._are_pairs_stale:
            self._pairs = self._find_pairs()
            self._are_pairs_stale = False
        tops = self._arrays.tops
        for currency_id, rows in self._pairs.items():
            for row in rows:
                if int(tops[row, w_.TOP_STATE]) == BookState.LIVE and tops[row, w_.TOP_MID2] > 0:
                    yield currency_id, row
                    break

    def _find_pairs(self) -> dict[int, list[int]]:
        """Currency -> instruments between it and the desk's own."""
        instruments = self._arrays.instrument_table.rows
        there = instruments["seq"] != 0
        desk = self._id_of(self._desk_code)
        base, quote = instruments["base_currency_id"], instruments["quote_currency_id"]
        settle = instruments["settle_currency_id"]
        wanted = set(quote[there].tolist()) | set(settle[there].tolist()) | self._of_limits()
        return {
            currency_id: np.flatnonzero(
                there & (((base == desk) & (quote == currency_id))
                         | ((base == currency_id) & (quote == desk)))
            ).tolist()
            for currency_id in sorted(wanted - {desk, NO_ID})
        }  # fmt: skip

    def _of_limits(self) -> set[int]:
        texts = (self.limits.max_order_notional, self.limits.max_position_notional)
        return {self._id_of(code) for code in (Amount.parse(t).code for t in texts) if code}

    def _id_of(self, code: str) -> int:
        rows = self._arrays.currency_table.rows
        at = np.flatnonzero((rows["seq"] != 0) & (rows["code"] == code.encode()))
        return int(at[0]) if len(at) else NO_ID

    def _rate_by(self, currency_id: int, row: int) -> tuple[Fraction, int]:
        instruments = self._arrays.instrument_table.rows
        scale = int(instruments["px_scale"][row])
        mid = Fraction(int(self._arrays.tops[row, w_.TOP_MID2]), 2 * 10**scale)
        is_base = int(instruments["base_currency_id"][row]) == currency_id
        return (mid if is_base else Fraction(1, mid)), row

    def _is_news(self, currency_id: int, rate: Fraction, now_ns: int) -> bool:
        old = self.rate_of(currency_id, now_ns)
        if old is None or now_ns - int(self._table.rows["ts_ns"][currency_id]) >= RENEW_NS:
            return True
        return abs(rate - old) * 10_000 >= old * MOVED_E4

    def rate_of(self, currency_id: int, now_ns: int | None = None) -> Fraction | None:
        """The journaled rate; None where there is none, or at `now_ns` it is too old."""
        row = self._table.rows[currency_id]
        if not int(row["seq"]) or not int(row["rate"]):
            return None
        by_book = int(row["instrument_id"]) != NO_ID
        if by_book and now_ns is not None and now_ns - int(row["ts_ns"]) > LIMITS_AGE_NS:
            return None
        return Fraction(int(row["rate"]), 10 ** int(row["rate_digits"]))

    def _lapsed(self, now_ns: int) -> list[Array]:
        """Rates too old for limits are forgotten, which is journaled, too."""
        records = []
        rows = self._table.rows
        for currency_id in np.flatnonzero((rows["seq"] != 0) & (rows["rate"] != 0)).tolist():
            if self.rate_of(currency_id, now_ns) is None:
                self._table.write(currency_id, rate=0, ts_ns=now_ns)
                records.append(rows[currency_id : currency_id + 1].copy())
                self._convert_by(currency_id)
        return records

    # Limits

    def set_limits(self, limits: LimitsConfig) -> None:
        """Every currency's limits anew."""
        self.limits = limits
        self._are_pairs_stale = True
        for currency_id in np.flatnonzero(self._table.rows["seq"]).tolist():
            self._convert(currency_id)

    def _convert_by(self, currency_id: int) -> None:
        """The rate of this currency has changed."""
        amounts = (self.limits.max_order_notional, self.limits.max_position_notional)
        if any(Amount.parse(text).code not in ("", self._desk_code) for text in amounts):
            self.set_limits(self.limits)
        else:
            self._convert(currency_id)

    def _convert(self, currency_id: int) -> None:
        self._table.write(
            currency_id,
            max_order=self._in(currency_id, self.limits.max_order_notional),
            max_position=self._in(currency_id, self.limits.max_position_notional),
        )
        instruments = self._arrays.instrument_table.rows
        quoted = (instruments["seq"] != 0) & (instruments["quote_currency_id"] == currency_id)
        for instrument_id in np.flatnonzero(quoted).tolist():
            self.apply(instrument_id)

    def apply(self, instrument_id: int) -> None:
        """The limits of an instrument's quote currency, to every strategy."""
        self._are_pairs_stale = True
        quote = int(self._arrays.instrument_table.rows["quote_currency_id"][instrument_id])
        row = self._table.rows[quote]
        self._arrays.order_limits[:, instrument_id] = row["max_order"]
        self._arrays.position_limits[:, instrument_id] = row["max_position"]

    def _in(self, currency_id: int, text: str) -> int:
        """A limit's amount in this currency, its scale; UNDEF where no mark brings it there."""
        amount = Amount.parse(text)
        code = amount.code or self._desk_code
        row = self._arrays.currency_table.rows[currency_id]
        scale = 10 ** int(row["scale"])
        if bytes(row["code"]).decode() == code:
            return min(int(amount.value * scale), INT64_MAX)
        of_limit, of_this = self._rate_of_code(code), self.rate_of(currency_id)
        if of_limit is None or of_this is None:
            return UNDEF
        worth = Fraction(amount.value * of_limit, of_this * AGAINST_US)
        return min(int(worth * scale), INT64_MAX)

    def _rate_of_code(self, code: str) -> Fraction | None:
        if code == self._desk_code:
            return Fraction(1)
        currency_id = self._id_of(code)
        return None if currency_id == NO_ID else self.rate_of(currency_id)
