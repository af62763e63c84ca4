"""The matching engine's cold side: capacities, symbols, accounts, commands in, events out.

Owns the arrays that `engine_hot` works on. One engine holds several symbols and all accounts of
an exchange; it is deterministic: the same commands give the same events. Called by
`oms/exchange/live.py` (the market behind a simulated exchange) and by the bench.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oms.exchange import book_hot as books
from oms.exchange import engine_hot as kernel
from oms.exchange import layout_hot as lay
from shm_layout.money import INT64_MAX

ORDERS_DEFAULT = 1 << 14
LEVELS_PER_SIDE_DEFAULT = 1 << 12
COMMANDS_DEFAULT = 1 << 10
ACCOUNTS_DEFAULT = 512
ASSETS_MAX = 64


@dataclass(frozen=True, slots=True)
class EngineSymbol:
    """What the engine needs of a symbol; digits are decimal places of the integers."""

    base: int
    """Asset row."""
    quote: int
    px_digits: int
    qty_digits: int
    base_digits: int
    quote_digits: int
    lot: int
    """Smallest step of a quantity, qty_digits."""


@dataclass(frozen=True, slots=True)
class Capacity:
    orders: int = ORDERS_DEFAULT
    levels_per_side: int = LEVELS_PER_SIDE_DEFAULT
    accounts: int = ACCOUNTS_DEFAULT
    commands: int = COMMANDS_DEFAULT


class Engine:
    """Order books, balances and one command queue; see the module's text."""

    def __init__(
        self,
        symbols: tuple[EngineSymbol, ...],
        capacity: Capacity | None = None,
        *,
        check_funds: bool = True,
    ) -> None:
        size = capacity or Capacity()
        assert symbols, "an engine needs a symbol"
        self.capacity = size
        sides = 2 * len(symbols)
        levels = min(size.orders, sides * size.levels_per_side)
        self.counters = np.zeros(lay.COUNTERS, np.int64)
        self.symbols = np.zeros(len(symbols), lay.SYMBOL)
        self.accounts = np.zeros(size.accounts, lay.ACCOUNT)
        self.orders = np.zeros(size.orders, lay.ORDER)
        self.levels = np.zeros(levels, lay.LEVEL)
        self.keys = np.zeros((sides, size.levels_per_side), np.int64)
        self.rows = np.zeros((sides, size.levels_per_side), np.int32)
        self.depths = np.zeros(sides, np.int64)
        self.free = np.zeros((size.accounts, ASSETS_MAX), np.int64)
        self.locked = np.zeros((size.accounts, ASSETS_MAX), np.int64)
        self.fees = np.zeros(ASSETS_MAX, np.int64)
        self.commands = np.zeros(size.commands, lay.COMMAND)
        room = size.orders + levels + lay.EVENTS_PER_COMMAND_MIN + size.commands
        self.events = np.zeros(room, lay.EVENT)
        self.orders["next"] = np.arange(1, size.orders + 1)
        self.orders["next"][-1] = lay.NONE
        self.levels["tail"] = np.arange(1, levels + 1)
        self.levels["tail"][-1] = lay.NONE
        self.counters[lay.C_NEXT_ORDER_ID] = 1
        self.counters[lay.C_CHECK_FUNDS] = int(check_funds)
        for row, symbol in enumerate(symbols):
            self._add_symbol(row, symbol)
        self.world = books.WORLD.make(
            counters=self.counters,
            symbols=self.symbols,
            accounts=self.accounts,
            orders=self.orders,
            levels=self.levels,
            keys=self.keys,
            rows=self.rows,
            depths=self.depths,
            free=self.free,
            locked=self.locked,
            fees=self.fees,
            commands=self.commands,
            events=self.events,
        )

    def _add_symbol(self, row: int, symbol: EngineSymbol) -> None:
        assert symbol.lot > 0
        assert 0 <= symbol.base < ASSETS_MAX
        assert 0 <= symbol.quote < ASSETS_MAX
        assert symbol.base != symbol.quote
        assert symbol.base_digits >= symbol.qty_digits, "a lot must be whole money of the base"
        shift = symbol.quote_digits - symbol.px_digits - symbol.qty_digits
        entry = self.symbols[row]
        entry["base"] = symbol.base
        entry["quote"] = symbol.quote
        entry["lot"] = symbol.lot
        entry["notional_mul"] = 10 ** max(shift, 0)
        entry["notional_div"] = 10 ** max(-shift, 0)
        entry["base_mul"] = 10 ** (symbol.base_digits - symbol.qty_digits)

    def deposit(self, account: int, asset: int, amount: int) -> None:
        """Add to an account's free balance (scale of the asset); it comes from outside."""
        assert amount >= 0
        assert int(self.free[account, asset]) + amount <= INT64_MAX
        self.free[account, asset] += amount

    def set_fees(self, account: int, maker_fee_e6: int, taker_fee_e6: int) -> None:
        assert 0 <= maker_fee_e6 < lay.FEE_UNIT
        assert 0 <= taker_fee_e6 < lay.FEE_UNIT
        self.accounts[account] = (maker_fee_e6, taker_fee_e6)

    def push_new(
        self,
        symbol: int,
        account: int,
        side: int,
        kind: int,
        tif: int,
        px: int,
        qty: int,
        quote_qty: int,
        tag: int,
    ) -> None:
        """Queue a new order; units as in `layout_hot.COMMAND`."""
        assert 0 <= symbol < len(self.symbols)
        assert 0 <= account < len(self.accounts)
        self._push((lay.CMD_NEW, symbol, account, side, kind, tif, px, qty, quote_qty, 0, 0, tag))

    def push_cancel(self, symbol: int, account: int, slot: int, order_id: int, tag: int) -> None:
        """Queue a cancel of the order that rests in `slot`."""
        self._push((lay.CMD_CANCEL, symbol, account, 0, 0, 0, 0, 0, 0, slot, order_id, tag))

    def _push(self, command: tuple[int, ...]) -> None:
        tail = int(self.counters[lay.C_COMMAND_TAIL])
        assert tail - int(self.counters[lay.C_COMMAND_HEAD]) < len(self.commands), "queue is full"
        self.commands[tail % len(self.commands)] = command
        self.counters[lay.C_COMMAND_TAIL] = tail + 1

    def run(self) -> list[tuple[Any, ...]]:
        """Take every queued command; the events, as tuples in the order of `EVENT`'s fields."""
        out: list[tuple[Any, ...]] = []
        while True:
            status = kernel.step(self.world.handle, 0, 0, len(self.commands))
            count = int(self.counters[lay.C_EVENTS])
            out += self.events[:count].tolist()
            self.counters[lay.C_EVENTS] = 0
            if status == lay.STEP_IDLE:
                return out
            assert count > 0 or status == lay.STEP_BUDGET, "no room for one command's events"

    def side(self, symbol: int, side: int, limit: int) -> list[tuple[int, int]]:
        """(price, quantity) of the best `limit` levels, best first."""
        row = 2 * symbol + side
        count = int(self.depths[row])
        rows = self.rows[row, max(0, count - limit) : count][::-1]
        chosen = self.levels[rows]
        return list(zip(chosen["px"].tolist(), chosen["qty"].tolist(), strict=True))

    def best(self, symbol: int) -> tuple[int, int, int, int]:
        """(bid price, quantity, ask price, quantity); 0, 0 for an empty side."""
        out = [0, 0, 0, 0]
        for side in (lay.SIDE_BUY, lay.SIDE_SELL):
            row = 2 * symbol + side
            count = int(self.depths[row])
            if count:
                level = self.rows[row, count - 1]
                out[2 * side] = int(self.levels["px"][level])
                out[2 * side + 1] = int(self.levels["qty"][level])
        return out[0], out[1], out[2], out[3]

    def totals(self) -> list[int]:
        """Per asset: all free and locked balances and collected fees; never changes by trading."""
        held = self.free.sum(axis=0, dtype=object) + self.locked.sum(axis=0, dtype=object)
        return [int(a) + int(b) for a, b in zip(held, self.fees.tolist(), strict=True)]
