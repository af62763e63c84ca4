"""Positions and P&L of the human files: fills folded per strategy, instrument and account.

Exact integers. Fees are kept in the coin in which they were paid. P&L is cash flow + position at
the price of the fill that changed it - fees in quote - fees in base at that price, cut to the quote
currency's scale. A fee in a third coin counts by what risk made of it in the quote currency at the
fill (`fee_quote`); where risk knew no price it is not in the P&L: the line lists it under `fees`,
and, by coin, under `not_in_pnl`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oms.agents.journaler.text import amount
from shm_layout.enums import ExecKind, Side
from shm_layout.records import NO_ID

Key = tuple[int, int, int]
"""Strategy, instrument, account."""
Currencies = Mapping[int, tuple[str, int]]
"""Row -> code and scale."""


@dataclass(slots=True)
class Position:
    """Fills of one strategy in one instrument and account, folded."""

    bought_qty: int = 0
    sold_qty: int = 0
    cash: int = 0
    fills: int = 0
    fees: dict[int, int] = field(default_factory=dict)
    """By row of the currency table, at that currency's scale; + paid."""
    priced: int = 0
    """Fees in third coins in the quote currency, as far as their price was known."""
    unpriced: dict[int, int] = field(default_factory=dict)
    """As `fees`: what no price was known for."""

    @property
    def qty(self) -> int:
        """Net base quantity."""
        return self.bought_qty - self.sold_qty


class Books:
    """Every position."""

    def __init__(self) -> None:
        self._positions: defaultdict[Key, Position] = defaultdict(Position)

    def fold(self, record: Any, row: Any) -> Position:
        """Fold one fill, or a fee without one (an ORDER_UPDATE), in the instrument of `row`;
        returns its position.
        """
        position = self._positions[
            int(record["strategy_id"]), int(record["instrument_id"]), int(record["account_id"])
        ]
        qty, cash = int(record["last_qty"]), int(record["last_quote_qty"])
        if int(record["side"]) == Side.BUY:
            position.bought_qty += qty
            position.cash -= cash
        else:
            position.sold_qty += qty
            position.cash += cash
        position.fills += int(record["kind"]) == ExecKind.FILL
        currency_id, fee = int(record["fee_currency_id"]), int(record["fee"])
        if currency_id != NO_ID:
            position.fees[currency_id] = position.fees.get(currency_id, 0) + fee
        if currency_id not in (NO_ID, int(row["base_currency_id"]), int(row["quote_currency_id"])):
            if int(record["fee_rate"]):
                position.priced += int(record["fee_quote"])
            else:
                position.unpriced[currency_id] = position.unpriced.get(currency_id, 0) + fee
        return position

    @staticmethod
    def pnl(position: Position, row: Any, px: int, currencies: Currencies) -> dict[str, Any]:
        """The fields of a line, marked at `px`; `row` is the INSTRUMENT_ROW."""
        base_id, quote_id = int(row["base_currency_id"]), int(row["quote_currency_id"])
        px_scale, divisor = int(row["px_scale"]), int(row["notional_divisor"])
        code, quote_scale = currencies[quote_id]
        base_scale = currencies[base_id][1]
        value = position.qty * px // divisor
        fee_base = position.fees.get(base_id, 0) * px * 10**quote_scale
        pnl = position.cash + value - position.fees.get(quote_id, 0) - position.priced
        pnl -= fee_base // 10 ** (base_scale + px_scale)
        paid = [(currencies[k], fee) for k, fee in sorted(position.fees.items())]
        others = [(currencies[k], fee) for k, fee in sorted(position.unpriced.items()) if fee]
        return {
            "cash": amount(position.cash, quote_scale),
            "qty": amount(position.qty, int(row["qty_scale"])),
            "mark_px": amount(px, px_scale),
            "fees": {name: amount(fee, scale) for (name, scale), fee in paid},
            "pnl": amount(pnl, quote_scale),
            "currency": code,
            "not_in_pnl": {name: amount(fee, scale) for (name, scale), fee in others},
        }

    def state(self) -> list[Any]:
        """Plain JSON for `resume`."""
        return [
            [
                *key,
                p.bought_qty,
                p.sold_qty,
                p.cash,
                p.fills,
                list(p.fees.items()),
                p.priced,
                list(p.unpriced.items()),
            ]
            for key, p in self._positions.items()
        ]

    def resume(self, state: list[Any]) -> None:
        """Be as the books were that gave `state`."""
        self._positions.clear()
        for strategy, instrument, account, bought, sold, cash, fills, fees, *third in state:
            priced, unpriced = third or (0, [])  # none: written before fees in third coins counted
            self._positions[strategy, instrument, account] = Position(
                bought, sold, cash, fills, dict(fees), priced, dict(unpriced)
            )
