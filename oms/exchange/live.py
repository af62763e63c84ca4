"""The market of a simulated exchange: the matching engine, the desk's accounts, background flow.

Owns the translation of engine events into order reports, public trades, level changes and
tickers. Accounts 0..n-1 are the desk's; the rows after them are the house's (synthetic
liquidity), whose orders are known to `flow` alone. Deterministic for a seed and a sequence of
calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from oms.exchange import layout_hot as lay
from oms.exchange.engine import Capacity, Engine, EngineSymbol
from oms.exchange.flow import HOUSE_ACCOUNTS, Flow, FlowSettings
from oms.exchange.market import (
    MONEY_DIGITS,
    TRADES_KEPT_MAX,
    Book,
    Fill,
    LevelChange,
    Order,
    OrderLog,
    OrderRequest,
    PublicEvent,
    PublicTrade,
    Report,
    SymbolSpec,
    Ticker,
    assets_of,
    parse_decimal,
)
from oms.exchange.remembered import RememberedLog
from shm_layout.enums import OrderState
from shm_layout.limits import BOOK_LEVELS_MAX

HOUSE_BALANCE = 10**17
"""What each house account begins with of each asset: 10^9 units."""

NEVER = (1 << 63) - 1


def engine_symbol(spec: SymbolSpec, assets: tuple[str, ...]) -> EngineSymbol:
    """A symbol in the engine's terms."""
    return EngineSymbol(
        assets.index(spec.base),
        assets.index(spec.quote),
        spec.px_digits,
        spec.qty_digits,
        MONEY_DIGITS,
        MONEY_DIGITS,
        spec.lot,
    )


class LiveMarket:
    """A `Market` over the matching engine."""

    def __init__(
        self,
        specs: Sequence[SymbolSpec],
        accounts: int,
        balances: Mapping[str, str],
        fees_e6: tuple[int, int],
        flow: FlowSettings | None,
        capacity: Capacity | None = None,
    ) -> None:
        assert accounts > 0
        self.specs = tuple(specs)
        self.assets = assets_of(self.specs, tuple(balances))
        self.remembered = RememberedLog(accounts, [spec.symbol for spec in self.specs])
        self.log: OrderLog = self.remembered
        self._accounts = accounts
        size = capacity or Capacity(accounts=accounts + HOUSE_ACCOUNTS)
        assert size.accounts >= accounts + HOUSE_ACCOUNTS
        self.engine = Engine(tuple(engine_symbol(s, self.assets) for s in self.specs), size)
        for account in range(accounts):
            self.engine.set_fees(account, *fees_e6)
            for code, text in balances.items():
                amount = parse_decimal(text, MONEY_DIGITS)
                self.engine.deposit(account, self.assets.index(code), amount)
        self._public: list[PublicEvent] = []
        self._trades: list[deque[PublicTrade]] = [deque(maxlen=TRADES_KEPT_MAX) for _ in self.specs]
        self._tickers = [Ticker(k, 0, 0, 0, 0, 0) for k in range(len(self.specs))]
        self._asked: OrderRequest | None = None
        self._cancel_id = ""
        self._outcome: Order | int = lay.REASON_NONE
        self._flows: list[Flow] = []
        if flow is not None:
            for account in range(accounts, accounts + HOUSE_ACCOUNTS):
                for asset in range(len(self.assets)):
                    self.engine.deposit(account, asset, HOUSE_BALANCE)
            self._flows = [
                Flow(self.engine, row, spec, accounts, flow) for row, spec in enumerate(self.specs)
            ]

    def begin_ids(self, first: int) -> None:
        """Order and trade ids count up from `first`; called before anything has happened."""
        self.engine.counters[lay.C_NEXT_ORDER_ID] = first
        self.engine.symbols["trade_id"] = first

    # Orders

    def submit(self, request: OrderRequest, now_ns: int) -> Order | int:
        self._asked = request
        self._outcome = lay.REASON_NONE
        self.engine.push_new(
            request.symbol,
            request.account,
            request.side,
            request.kind,
            request.tif,
            request.px,
            request.qty,
            request.quote_qty,
            0,
        )
        self.settle(now_ns)
        self._asked = None
        return self._outcome

    def cancel(self, order_id: int, cancel_id: str, now_ns: int) -> bool:
        order = self.log.any_by_id(order_id)
        if order is None or order.state != OrderState.OPEN:
            return False
        request = order.request
        self._cancel_id = cancel_id
        self.engine.push_cancel(request.symbol, request.account, order.slot, order_id, 0)
        self.settle(now_ns)
        return True

    def settle(self, now_ns: int) -> None:
        """Run what is queued at the engine, and tell everybody."""
        touched: set[int] = set()
        for event in self.engine.run():
            kind = event[0]
            if kind == lay.EV_LEVEL:
                touched.add(event[1])
                self._public.append(LevelChange(event[1], event[2], event[5], event[7], event[14]))
            elif kind == lay.EV_TRADE:
                self._trade(event, now_ns)
            elif event[3] >= self._accounts:
                self._flows[event[1]].on_event(event)
            else:
                self._own(event, now_ns)
        for symbol in sorted(touched):
            self._refresh_ticker(symbol)

    def _trade(self, event: tuple[Any, ...], now_ns: int) -> None:
        symbol, side, taker, maker = event[1], event[2], event[3], event[18]
        px, qty, quote, trade_id = event[5], event[6], event[8], event[13]
        trade = PublicTrade(symbol, trade_id, px, qty, now_ns, side == lay.SIDE_SELL, event[4])
        self._public.append(trade)
        self._trades[symbol].append(trade)
        entry = self.engine.symbols[symbol]
        gets = (int(entry["base"]), int(entry["quote"]))
        for account, order_id, own_side, fee, is_maker in (
            (taker, event[4], side, event[9], False),
            (maker, event[10], 1 - side, event[12], True),
        ):
            if account >= self._accounts:
                if is_maker:
                    self._flows[symbol].on_maker_fill(order_id, event[11])
                continue
            order = self.log.any_by_id(order_id)
            assert order is not None, f"order {order_id} of account {account} is not known"
            self.log.fill(
                order,
                Fill(
                    trade_id, order_id, symbol, account, own_side, px, qty, quote, fee,
                    gets[own_side], is_maker, now_ns,
                ),
            )  # fmt: skip

    def _own(self, event: tuple[Any, ...], now_ns: int) -> None:
        """An event about a desk order, trades apart."""
        kind, order_id = event[0], event[4]
        if kind == lay.EV_REJECTED:
            self._outcome = event[19]
            return
        if kind == lay.EV_ACCEPTED:
            assert self._asked is not None
            placed = Order(order_id, self._asked, now_ns, now_ns, slot=event[16], qty=event[6])
            placed.worked = placed.slot >= 0
            self._outcome = placed
            self.log.add(placed)
            return
        order = self.log.any_by_id(order_id)
        assert order is not None, f"engine event {kind} for unknown order {order_id}"
        if kind == lay.EV_CANCELED:
            self.log.end(order, OrderState.CANCELED, now_ns, self._cancel_id)
        elif kind == lay.EV_EXPIRED:
            self.log.end(order, OrderState.EXPIRED, now_ns)

    def _refresh_ticker(self, symbol: int) -> None:
        update_id = int(self.engine.symbols["update_id"][symbol])
        now = Ticker(symbol, update_id, *self.engine.best(symbol))
        before = self._tickers[symbol]
        self._tickers[symbol] = now
        if (now.bid_px, now.bid_qty, now.ask_px, now.ask_qty) != (
            before.bid_px,
            before.bid_qty,
            before.ask_px,
            before.ask_qty,
        ):
            self._public.append(now)

    # What is seen

    def balances(self, account: int) -> list[tuple[int, int]]:
        count = len(self.assets)
        return list(
            zip(
                self.engine.free[account, :count].tolist(),
                self.engine.locked[account, :count].tolist(),
                strict=True,
            )
        )

    def fees_e6(self, account: int) -> tuple[int, int]:
        entry = self.engine.accounts[account]
        return int(entry["maker_fee_e6"]), int(entry["taker_fee_e6"])

    def book(self, symbol: int, limit: int) -> Book | None:
        count = min(limit, BOOK_LEVELS_MAX)
        return Book(
            int(self.engine.symbols["update_id"][symbol]),
            self.engine.side(symbol, lay.SIDE_BUY, count),
            self.engine.side(symbol, lay.SIDE_SELL, count),
        )

    def ticker(self, symbol: int) -> Ticker:
        return self._tickers[symbol]

    def trades(self, symbol: int) -> Sequence[PublicTrade]:
        return self._trades[symbol]

    def take_public(self) -> list[PublicEvent]:
        taken, self._public = self._public, []
        return taken

    def take_reports(self) -> list[Report]:
        return self.log.take_reports()

    # Background

    def advance(self, now_ns: int, budget: int) -> int:
        done = 0
        for flow in self._flows:
            done += flow.advance(now_ns, budget, self.settle)
        return done

    def next_timer_ns(self) -> int:
        return min((flow.next_ns for flow in self._flows), default=NEVER)
