"""What a sender reads of the limits in force: the largest order amount, when it has changed."""

from __future__ import annotations

from oms.ports import Ports
from shm_layout.records import LIMITS_ROW, UNDEF, word_of

_SEQ = word_of(LIMITS_ROW, "seq")


class LimitsView:
    """One word is looked at before each order; rows are read when that has moved."""

    __slots__ = ("_marks", "_seen", "_table", "_words")

    def __init__(self, ports: Ports) -> None:
        self._table = ports.table_reader("limits")
        self._marks = ports.table_reader("marks")
        self._words = self._table.words.data
        self._seen = 0

    def news(self) -> bool:
        """Whether risk has written limits or marks since the last look."""
        seq = self._words[_SEQ]
        if seq == self._seen or seq & 1:
            return False
        self._seen = seq
        return True

    def max_order(self, currency_id: int) -> int:
        """What one order may be worth, at the currency's scale; 0 = no mark brings the limit into
        this currency, so none may go."""
        row = self._marks.read(currency_id) if currency_id >= 0 else None
        return 0 if row is None or int(row["max_order"]) == UNDEF else int(row["max_order"])
