"""What a sender reads of the limits in force: the largest order amount, when it has changed."""

from __future__ import annotations

from oms.ports import Ports
from shm_layout.records import LIMITS_ROW, word_of

_SEQ = word_of(LIMITS_ROW, "seq")


class LimitsView:
    """One word is looked at before each order; the row is read when that has moved."""

    __slots__ = ("_seen", "_table", "_words")

    def __init__(self, ports: Ports) -> None:
        self._table = ports.table_reader("limits")
        self._words = self._table.words.data
        self._seen = 0

    def news(self) -> str | None:
        """`max_order_notional_quote` as decimal text where risk has written the table since the
        last look; None = it has not.
        """
        seq = self._words[_SEQ]
        if seq == self._seen:
            return None
        row = self._table.read(0)
        if row is None:
            return None
        self._seen = int(row["seq"])
        return bytes(row["max_order_notional_quote"]).decode("ascii")
