"""The matching engine's cold side: capacities, symbols, accounts, commands in, events out.

Owns the arrays that `engine_hot` works on. One engine holds several symbols and all accounts of
an exchange; it is deterministic: the same commands, with their times, give the same events and the
same `state_hash()`. Everything that changes its state is a command, administration included, so
that the log of commands rebuilds it (`oms/exchange/engine/wal.py`). Called by
`oms/exchange/live.py` (the market behind a simulated exchange), the references and the benches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from oms.exchange.engine import book_hot as books
from oms.exchange.engine import engine_hot as kernel
from oms.exchange.engine import filters_hot
from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.terms import (
    ASSETS_MAX,
    Capacity,
    EngineSymbol,
    ExchangeFilters,
    Filters,
    Terms,
)
from oms.units import NS_PER_S
from shm_layout.money import INT64_MAX, ROUND_HALF_EVEN, mul_div
from shm_layout.packing import packing

__all__ = [
    "ASSETS_MAX", "Capacity", "Engine", "EngineSymbol", "ExchangeFilters", "Filters", "Terms",
]  # fmt: skip

_ROW, _ = packing(lay.COMMAND)


class Log(Protocol):
    """Where commands go before they run: `oms.exchange.engine.wal.CommandLog`."""

    def append(self, commands: np.ndarray, first: int, count: int) -> None: ...


class Engine:
    """Order books, balances and one command queue; see the module's text."""

    def __init__(
        self,
        symbols: tuple[EngineSymbol, ...],
        capacity: Capacity | None = None,
        *,
        check_funds: bool = True,
        tell_orders: bool = False,
        fee_asset: int = lay.NONE,
        fee_coin_e6: int = 750_000,
        bounds: ExchangeFilters | None = None,
        purse: Engine | None = None,
    ) -> None:
        """`check_funds` False: no balances, no counts of open orders. `tell_orders`: EV_L3_* of
        resting orders. `fee_asset`: row of the fee coin; `fee_coin_e6`: what is left of a fee paid
        in it. `bounds`: filters over all symbols. `purse`: the engine whose accounts and balances
        this one shares (`oms/exchange/engine/sequencer.py`)."""
        size = capacity or Capacity()
        assert symbols, "an engine needs a symbol"
        self.capacity = size
        self.arrays = _arrays(symbols, size)
        if purse is not None:
            self.arrays |= {name: purse.arrays[name] for name in PURSE}
        self.log: Log | None = None
        rules = bounds or ExchangeFilters()
        self._made_of = repr(
            (symbols, size, check_funds, tell_orders, fee_asset, fee_coin_e6, rules)
        )
        for name, array in self.arrays.items():
            setattr(self, name, array)
        self.exchange_max[:] = rules.counts
        for asset, most in rules.assets:
            self.asset_max[asset] = most
        self.symbols["filtered"] |= int(rules.on)
        counters = self.counters
        counters[lay.C_NEXT_ORDER_ID] = 1
        counters[lay.C_NEXT_LIST_ID] = 1
        counters[lay.C_QUEUE_HEAD] = counters[lay.C_QUEUE_TAIL] = lay.NONE
        counters[lay.C_CHECK_FUNDS] = int(check_funds)
        counters[lay.C_L3] = int(tell_orders)
        counters[lay.C_FEE_ASSET] = fee_asset
        counters[lay.C_FEE_COIN_E6] = fee_coin_e6
        self._command_times = self.commands["time_ns"]
        self._command_bytes = self.commands.view(np.uint8).reshape(-1).data
        self.world = books.WORLD.make(**self.arrays)

    counters: np.ndarray
    symbols: np.ndarray
    accounts: np.ndarray
    orders: np.ndarray
    levels: np.ndarray
    lists: np.ndarray
    keys: np.ndarray
    rows: np.ndarray
    depths: np.ndarray
    free: np.ndarray
    locked: np.ndarray
    fees: np.ndarray
    open_counts: np.ndarray
    open_totals: np.ndarray
    exchange_max: np.ndarray
    asset_max: np.ndarray
    tier_fees: np.ndarray
    coin_px: np.ndarray
    sums: np.ndarray
    commands: np.ndarray
    events: np.ndarray

    # Commands of accounts

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
        *,
        stop_px: int = 0,
        trailing_bips: int = 0,
        iceberg_qty: int = 0,
        stp: int = lay.STP_NONE,
    ) -> None:
        """Queue a new order; units as in `layout_hot.COMMAND`."""
        self.push_order(
            Terms(
                symbol, account, side, kind, tif, px, qty, quote_qty, tag, stop_px, trailing_bips,
                iceberg_qty, stp,
            )
        )  # fmt: skip

    def push_order(self, terms: Terms) -> None:
        """Queue a new order."""
        assert 0 <= terms.symbol < len(self.symbols)
        assert 0 <= terms.account < len(self.accounts)
        (
            symbol, account, side, kind, tif, px, qty, quote_qty, tag, stop_px, trailing_bips,
            iceberg_qty, stp,
        ) = terms  # fmt: skip
        # Packed whole: numpy takes ten times as long to assign the fields.
        _ROW.pack_into(
            self._command_bytes, self._place() * _ROW.size,
            0, 0, 0, 0, lay.CMD_NEW, side, kind, tif, stp, 0, trailing_bips, symbol, account, px,
            qty, quote_qty, stop_px, iceberg_qty, 0, 0, tag, 0,
        )  # fmt: skip

    def push_cancel(
        self,
        symbol: int,
        account: int,
        slot: int,
        order_id: int,
        tag: int,
        *,
        restriction: int = lay.RESTRICT_NONE,
    ) -> None:
        """Queue a cancel of the order in `slot`; of an order in a list: of the whole list."""
        row = self._next(lay.CMD_CANCEL, symbol, account, tag)
        row["slot"] = slot
        row["order_id"] = order_id
        row["mode"] = restriction

    def push_amend(
        self, symbol: int, account: int, slot: int, order_id: int, qty: int, tag: int
    ) -> None:
        """Queue an amend to the whole quantity `qty`: less than now, more than is filled."""
        row = self._next(lay.CMD_AMEND, symbol, account, tag)
        row["slot"] = slot
        row["order_id"] = order_id
        row["qty"] = qty

    def push_replace(
        self,
        slot: int,
        order_id: int,
        terms: Terms,
        *,
        mode: int = lay.REPLACE_STOP_ON_FAILURE,
        restriction: int = lay.RESTRICT_NONE,
        tag: int = 0,
    ) -> None:
        """Queue the cancel of `slot` and the new order in its place; `tag` is the cancel's.

        Filters are judged before anything happens: EV_REJECTED alone means that nothing did.
        """
        self._require(2)
        row = self._next(lay.CMD_REPLACE, terms.symbol, terms.account, tag)
        row["slot"] = slot
        row["order_id"] = order_id
        row["mode"] = mode | restriction
        self.push_order(terms)

    def push_list(self, kind: int, legs: Sequence[Terms], tag: int) -> None:
        """Queue an order list: OCO (the two), OTO (working, pending), OTOCO (working, the two)."""
        assert len(legs) == (3 if kind == lay.LIST_OTOCO else 2)
        assert len({(leg.symbol, leg.account) for leg in legs}) == 1
        self._require(1 + len(legs))
        row = self._next(lay.CMD_LIST, legs[0].symbol, legs[0].account, tag)
        row["mode"] = kind
        row["qty"] = len(legs)
        for leg in legs:
            self.push_order(leg)

    # Commands of the exchange itself; each runs at once, for the queue must be empty

    def deposit(self, account: int, asset: int, amount: int) -> None:
        """Add to an account's free balance (scale of the asset); it comes from outside."""
        assert amount >= 0
        assert int(self.free[account, asset]) + amount <= INT64_MAX
        self._administer(lay.CMD_DEPOSIT, asset, account, qty=amount)

    def withdraw(self, account: int, asset: int, amount: int) -> None:
        """Take from an account's free balance what it has."""
        assert 0 <= amount <= int(self.free[account, asset])
        self._administer(lay.CMD_DEPOSIT, asset, account, qty=-amount)

    def set_fees(self, account: int, maker_fee_e6: int, taker_fee_e6: int) -> None:
        """The account's own rates, whatever the symbol."""
        _check_rates(maker_fee_e6, taker_fee_e6)
        self._administer(lay.CMD_SET_FEES, 0, account, px=maker_fee_e6, qty=taker_fee_e6)

    def set_tier(self, account: int, tier: int) -> None:
        """From now on the account pays what its tier pays for the symbol."""
        assert 0 <= tier < lay.TIERS
        self._administer(lay.CMD_SET_TIER, 0, account, order_id=tier)

    def set_tier_fees(self, tier: int, symbol: int, maker_fee_e6: int, taker_fee_e6: int) -> None:
        assert 0 <= tier < lay.TIERS
        _check_rates(maker_fee_e6, taker_fee_e6)
        self._administer(
            lay.CMD_SET_TIER_FEES, symbol, 0, order_id=tier, px=maker_fee_e6, qty=taker_fee_e6
        )

    def set_fee_coin(self, account: int, on: bool) -> None:
        """Fees in the fee coin as long as the account has enough of it."""
        self._administer(lay.CMD_SET_FEE_COIN, 0, account, qty=int(on))

    def set_coin_px(self, asset: int, coins: int, money: int) -> None:
        """`money` of the asset is worth `coins` of the fee coin, both as integers at their scales.

        An asset without a price pays in itself.
        """
        assert coins >= 0
        assert money > 0
        self._administer(lay.CMD_SET_COIN_PX, asset, 0, px=coins, qty=money)

    def set_group(self, account: int, group: int) -> None:
        """Trade group for self-trade prevention; NO_GROUP = the account stands alone."""
        self._administer(lay.CMD_SET_GROUP, 0, account, order_id=group)

    def set_unbounded(self, account: int, on: bool) -> None:
        """The bounds on what an account has open, and MAX_ASSET, do not hold for it."""
        self._administer(lay.CMD_SET_UNBOUNDED, 0, account, qty=int(on))

    def set_state(self, symbol: int, state: int) -> list[tuple[Any, ...]]:
        """STATE_* of the market; the events. Orders stay where they are."""
        return self._administer(lay.CMD_SET_STATE, symbol, 0, mode=state)

    # The queue

    def _administer(self, kind: int, symbol: int, account: int, **terms: int) -> list[Any]:
        assert self.counters[lay.C_COMMAND_HEAD] == self.counters[lay.C_COMMAND_TAIL], "queue"
        row = self._next(kind, symbol, account, 0)
        for name, value in terms.items():
            row[name] = value
        return self.run(self._now_ns)

    def _require(self, count: int) -> None:
        assert count <= self.room(), "queue is full"

    def _next(self, kind: int, symbol: int, account: int, tag: int) -> np.ndarray:
        at = self._place()
        row: np.ndarray = self.commands[at : at + 1].reshape(())
        row[()] = 0
        row["kind"] = kind
        row["symbol"] = symbol
        row["account"] = account
        row["tag"] = tag
        return row

    def _place(self) -> int:
        """The row of the next command, which the caller fills whole."""
        counters = self.counters
        tail: int = counters.item(lay.C_COMMAND_TAIL)
        room = len(self.commands)
        assert tail - counters.item(lay.C_COMMAND_HEAD) < room, "queue is full"
        counters[lay.C_COMMAND_TAIL] = tail + 1
        return tail % room

    _now_ns = 0

    def run(self, now_ns: int = 0) -> list[tuple[Any, ...]]:
        """Take every queued command as of `now_ns` (0 = as of the last time); the events, as
        tuples in the order of `EVENT`'s fields."""
        self._now_ns = max(self._now_ns, now_ns)
        counters, times = self.counters, self._command_times
        for at in range(counters.item(lay.C_COMMAND_HEAD), counters.item(lay.C_COMMAND_TAIL)):
            times[at % len(times)] = self._now_ns
        return self.take()

    def take(self) -> list[tuple[Any, ...]]:
        """Take every queued command as it is, with its own time; the events."""
        counters = self.counters
        if self.log is not None:
            head, tail = counters.item(lay.C_COMMAND_HEAD), counters.item(lay.C_COMMAND_TAIL)
            if tail > head:
                self.log.append(self.commands, head, tail - head)
        out: list[tuple[Any, ...]] = []
        while True:
            status = kernel.step(self.world.handle, 0, 0, len(self.commands))
            count = counters.item(lay.C_EVENTS)
            told: list[tuple[Any, ...]] = self.events[:count].tolist()
            counters[lay.C_EVENTS] = 0
            if status == lay.STEP_IDLE:
                return out + told if out else told
            out += told
            assert count > 0 or status == lay.STEP_BUDGET, "no room for one command's events"

    def room(self) -> int:
        """Commands that the queue can still take."""
        item = self.counters.item
        queued: int = item(lay.C_COMMAND_TAIL) - item(lay.C_COMMAND_HEAD)
        return len(self.commands) - queued

    def push_rows(self, rows: Sequence[np.ndarray]) -> None:
        """Queue whole commands as they stand in a log, times included."""
        self._require(len(rows))
        for record in rows:
            self._next(0, 0, 0, 0)[()] = record
            self._now_ns = max(self._now_ns, int(record["time_ns"]))

    # What is seen

    def side(self, symbol: int, side: int, limit: int) -> list[tuple[int, int]]:
        """(price, visible quantity) of the best `limit` levels, best first."""
        row = lay.BOOKS * symbol + side
        count = int(self.depths[row])
        rows = self.rows[row, max(0, count - limit) : count][::-1]
        chosen = self.levels[rows]
        return list(zip(chosen["px"].tolist(), chosen["qty"].tolist(), strict=True))

    def best(self, symbol: int) -> tuple[int, int, int, int]:
        """(bid price, quantity, ask price, quantity); 0, 0 for an empty side."""
        out = [0, 0, 0, 0]
        for side in (lay.SIDE_BUY, lay.SIDE_SELL):
            row = lay.BOOKS * symbol + side
            count = self.depths.item(row)
            if count:
                level = self.rows.item(row, count - 1)
                out[2 * side] = self.levels["px"].item(level)
                out[2 * side + 1] = self.levels["qty"].item(level)
        return out[0], out[1], out[2], out[3]

    def last_px(self, symbol: int) -> int:
        """Price of the last trade; 0 = there was none."""
        return int(self.symbols["last_px"][symbol])

    def average_px(self, symbol: int, now_ns: int) -> int:
        """Weighted average price of the window's trades, else the last price; 0 = none."""
        row = self.symbols[symbol]
        first = now_ns // NS_PER_S - (int(row["average_s"]) or lay.AVERAGE_SECONDS) + 1
        kept = self.sums[symbol, self.sums[symbol, :, 0] >= first]
        quote, qty = int(kept[:, 1].sum()), int(kept[:, 2].sum())
        if qty == 0:
            return int(row["last_px"])
        px, _ = mul_div(
            quote, int(row["notional_div"]), qty * int(row["notional_mul"]), ROUND_HALF_EVEN
        )
        return px

    def judge(self, terms: Terms, average_px: int) -> int:
        """REASON_* of the filters that an order would fail now, at this average price; changes
        nothing, and is no command."""
        at = int(self.counters[lay.C_COMMAND_TAIL])
        self.push_order(terms)
        reason = filters_hot.judge(self.world.handle, at % len(self.commands), average_px)
        self.counters[lay.C_COMMAND_TAIL] = at
        return int(reason)

    def totals(self) -> list[int]:
        """Per asset: all free and locked balances and collected fees; never changes by trading."""
        held = self.free.sum(axis=0, dtype=object) + self.locked.sum(axis=0, dtype=object)
        return [int(a) + int(b) for a, b in zip(held, self.fees.tolist(), strict=True)]

    def state_hash(self) -> str:
        """Hex SHA-256 over everything that later events depend on."""
        digest = hashlib.sha256()
        for name in STATE:
            digest.update(self.arrays[name].tobytes())
        counters = self.counters.copy()
        counters[[lay.C_COMMAND_HEAD, lay.C_COMMAND_TAIL, lay.C_EVENTS]] = 0
        digest.update(counters.tobytes())
        return digest.hexdigest()

    def config_hash(self) -> str:
        """Hex SHA-256 of what this engine was made of, its layouts included."""
        made = [self._made_of, *(f"{k} {v.dtype} {v.shape}" for k, v in self.arrays.items())]
        return hashlib.sha256("\n".join(made).encode()).hexdigest()


PURSE = ("accounts", "free", "locked", "fees", "coin_px", "open_totals")
"""What engines of one exchange share."""
STATE = (
    "symbols", "accounts", "orders", "levels", "lists", "keys", "rows", "depths", "free", "locked",
    "fees", "open_counts", "open_totals", "tier_fees", "coin_px", "sums",
)  # fmt: skip
"""The arrays that make up an engine's state, `counters` apart."""


def _check_rates(maker_fee_e6: int, taker_fee_e6: int) -> None:
    assert 0 <= maker_fee_e6 < lay.FEE_UNIT
    assert 0 <= taker_fee_e6 < lay.FEE_UNIT


def _chain(rows: int) -> np.ndarray:
    """Each row's successor in a list of free rows."""
    chain = np.arange(1, rows + 1)
    chain[-1] = lay.NONE
    return chain


def _arrays(symbols: tuple[EngineSymbol, ...], size: Capacity) -> dict[str, np.ndarray]:
    """The world's arrays, empty."""
    sides = lay.BOOKS * len(symbols)
    levels = min(size.orders, sides * size.levels_per_side)
    room = lay.EVENTS_PER_ORDER * size.orders + levels + lay.EVENTS_PER_COMMAND_MIN + size.commands
    made = {
        "counters": np.zeros(lay.COUNTERS, np.int64),
        "symbols": np.zeros(len(symbols), lay.SYMBOL),
        "accounts": np.zeros(size.accounts, lay.ACCOUNT),
        "orders": np.zeros(size.orders, lay.ORDER),
        "levels": np.zeros(levels, lay.LEVEL),
        "lists": np.zeros(size.lists, lay.LIST),
        "keys": np.zeros((sides, size.levels_per_side), np.int64),
        "rows": np.zeros((sides, size.levels_per_side), np.int32),
        "depths": np.zeros(sides, np.int64),
        "free": np.zeros((size.accounts, ASSETS_MAX), np.int64),
        "locked": np.zeros((size.accounts, ASSETS_MAX), np.int64),
        "fees": np.zeros(ASSETS_MAX, np.int64),
        "open_counts": np.zeros((size.accounts, len(symbols), lay.OPEN_COUNTS), np.int64),
        "open_totals": np.zeros((size.accounts, lay.OPEN_TOTALS), np.int64),
        "exchange_max": np.zeros(lay.OPEN_TOTALS, np.int64),
        "asset_max": np.zeros(ASSETS_MAX, np.int64),
        "tier_fees": np.zeros((lay.TIERS, len(symbols), 2), np.int64),
        "coin_px": np.zeros((ASSETS_MAX, 2), np.int64),
        "sums": np.zeros((len(symbols), lay.AVERAGE_SECONDS, 3), np.int64),
        "commands": np.zeros(size.commands, lay.COMMAND),
        "events": np.zeros(room, lay.EVENT),
    }
    for row, symbol in enumerate(symbols):
        symbol.fill(made["symbols"][row : row + 1].reshape(()))
    made["accounts"]["group"] = lay.NO_GROUP
    made["accounts"]["tier"] = lay.NONE
    made["orders"]["next"] = _chain(size.orders)
    made["levels"]["tail"] = _chain(levels)
    made["lists"]["second"] = _chain(size.lists)
    return made
