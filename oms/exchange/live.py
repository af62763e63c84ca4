"""The market of a simulated exchange: the matching engine, the desk's accounts, background flow.

Owns the translation of requests into engine commands and of engine events into order reports,
public trades, level changes and tickers. Accounts 0..n-1 are the desk's; the rows after them are
the house's (synthetic liquidity), whose orders are known to `flow` alone. Deterministic for a seed
and a sequence of calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine
from oms.exchange.engine.terms import ExchangeFilters, Filters
from oms.exchange.filters import (
    EXCHANGE_BOUNDS,
    default_filters,
    engine_symbol,
    terms_of,
)
from oms.exchange.flow import HOUSE_ACCOUNTS, Flow, FlowSettings
from oms.exchange.live_events import Teller
from oms.exchange.market import (
    MONEY_DIGITS,
    Book,
    Features,
    PublicEvent,
    PublicTrade,
    SymbolSpec,
    Ticker,
    assets_of,
)
from oms.exchange.order_log import OrderLog
from oms.exchange.orders import (
    Amendment,
    Commission,
    ListRequest,
    Order,
    OrderList,
    OrderRequest,
    Replaced,
    UserReport,
)
from oms.exchange.remembered import RememberedLog
from oms.instruments import parse_decimal
from shm_layout.limits import BOOK_LEVELS_MAX

HOUSE_BALANCE = 10**17
"""What each house account begins with of each asset: 10^9 units."""
NEVER = (1 << 63) - 1
FEATURES = Features(
    contingent=True,
    trailing=True,
    iceberg=True,
    oco=True,
    oto=True,
    amend=True,
    stp_modes=(
        lay.STP_NONE,
        lay.STP_EXPIRE_TAKER,
        lay.STP_EXPIRE_MAKER,
        lay.STP_EXPIRE_BOTH,
        lay.STP_DECREMENT,
        lay.STP_TRANSFER,
    ),
)


class LiveMarket:
    """A `Market` over the matching engine."""

    features = FEATURES

    def __init__(
        self,
        specs: Sequence[SymbolSpec],
        accounts: int,
        balances: Mapping[str, str],
        fees_e6: tuple[int, int],
        flow: FlowSettings | None,
        capacity: Capacity | None = None,
        *,
        filters: Sequence[Filters] | None = None,
        bounds: ExchangeFilters = EXCHANGE_BOUNDS,
        fee_coin: str = "",
        funded: bool = True,
    ) -> None:
        """`fee_coin`: the asset in which accounts may pay their fees at a discount. Not `funded`:
        `fund` is called later, where kernels are not ready yet."""
        assert accounts > 0
        self.specs = tuple(specs)
        self.filters = tuple(filters or (default_filters(spec) for spec in self.specs))
        self.bounds = bounds
        self.assets = assets_of(self.specs, tuple(balances))
        self.remembered = RememberedLog(accounts, [spec.symbol for spec in self.specs])
        self.log: OrderLog = self.remembered
        self._accounts = accounts
        size = capacity or Capacity(accounts=accounts + HOUSE_ACCOUNTS)
        assert size.accounts >= accounts + HOUSE_ACCOUNTS
        self.engine = Engine(
            tuple(
                engine_symbol(spec, self.assets, rules)
                for spec, rules in zip(self.specs, self.filters, strict=True)
            ),
            size,
            fee_asset=self.assets.index(fee_coin) if fee_coin else lay.NONE,
            bounds=bounds,
        )
        self._balances, self._fees_e6 = dict(balances), fees_e6
        self._flows: list[Flow] = []
        if flow is not None:
            self._flows = [
                Flow(self.engine, row, spec, accounts, flow) for row, spec in enumerate(self.specs)
            ]
        self._teller = Teller(self.engine, self.log, accounts, self._flows)
        if funded:
            self.fund()

    def fund(self) -> None:
        """Give the accounts their money and rates: the engine's first commands, and so the first
        call of its kernel."""
        for account in range(self._accounts):
            self.engine.set_fees(account, *self._fees_e6)
            for code, text in self._balances.items():
                amount = parse_decimal(text, MONEY_DIGITS)
                self.engine.deposit(account, self.assets.index(code), amount)
        for account in range(self._accounts, self._accounts + HOUSE_ACCOUNTS):
            self.engine.set_unbounded(account, True)
            for asset in range(len(self.assets) if self._flows else 0):
                self.engine.deposit(account, asset, HOUSE_BALANCE)

    def begin_ids(self, first: int) -> None:
        """Order, list and trade ids count up from `first`; called before anything has happened."""
        self.engine.counters[lay.C_NEXT_ORDER_ID] = first
        self.engine.counters[lay.C_NEXT_LIST_ID] = first
        self.engine.symbols["trade_id"] = first
        self.engine.symbols["prevented_id"] = first

    # Orders

    def check(self, request: OrderRequest) -> int:
        average = self.engine.average_px(request.symbol, self._teller.now_ns)
        return self.engine.judge(terms_of(request), average)

    def submit(self, request: OrderRequest, now_ns: int) -> Order | int:
        teller = self._teller
        teller.expect((request,))
        self.engine.push_order(terms_of(request))
        self.settle(now_ns)
        return teller.placed[0] if teller.placed else teller.reason

    def submit_list(self, request: ListRequest, now_ns: int) -> OrderList | int:
        assert not request.opo, "the protocol server refuses these: no market offers them"
        if reason := self._pair_reason(request):
            return reason
        self._teller.expect(request.legs)
        self.engine.push_list(request.kind, [terms_of(leg) for leg in request.legs], 0)
        self.settle(now_ns)
        placed = self._teller.placed
        if not placed:
            return self._teller.reason
        assert len(placed) == len(request.legs), "a list is placed whole"
        first = request.legs[0]
        made = OrderList(
            placed[0].list_id, first.account, first.symbol, request.kind, request.client_id,
            tuple(order.order_id for order in placed), now_ns, now_ns,
        )  # fmt: skip
        self.log.add_list(made, now_ns)
        return made

    def _pair_reason(self, request: ListRequest) -> int:
        """An OCO stands on both sides of the last price; the engine asks one leg of the other."""
        first = request.legs[0]
        last_px = self.engine.last_px(first.symbol)
        if request.kind != lay.LIST_OCO or not last_px:
            return lay.REASON_NONE
        above, below = request.legs
        high = above.px if above.kind == lay.TYPE_POST_ONLY else above.stop_px
        low = below.px if below.kind == lay.TYPE_POST_ONLY else below.stop_px
        if (high and high <= last_px) or (low and low >= last_px):
            return lay.REASON_LIST_PRICES
        return lay.REASON_NONE

    def cancel(self, order_id: int, cancel_id: str, now_ns: int) -> bool:
        order = self.log.any_by_id(order_id)
        if order is None or not order.is_open:
            return False
        request = order.request
        self._teller.expect((), cancel_id)
        slot = self._teller.slot(order_id)
        self.engine.push_cancel(request.symbol, request.account, slot, order_id, 0)
        self.settle(now_ns)
        return not order.is_open

    def replace(
        self,
        order_id: int,
        cancel_id: str,
        restriction: int,
        request: OrderRequest,
        now_ns: int,
        *,
        stop_on_failure: bool,
    ) -> Replaced:
        order = self.log.any_by_id(order_id)
        known = order is not None and order.is_open
        self._teller.expect((request,), cancel_id)
        self.engine.push_replace(
            self._teller.slot(order_id) if known else lay.NONE,
            order_id if known else 0,
            terms_of(request),
            mode=lay.REPLACE_STOP_ON_FAILURE if stop_on_failure else lay.REPLACE_ALLOW_FAILURE,
            restriction=restriction,
        )
        self.settle(now_ns)
        told = self._teller
        canceled: Order | int = told.cancel_reason or lay.REASON_UNKNOWN_ORDER
        if order is not None and not told.cancel_reason and not order.is_open:
            canceled = order
        placed: Order | int | None = told.placed[0] if told.placed else told.reason
        return Replaced(canceled, None if told.not_attempted else placed)

    def amend(self, order_id: int, qty: int, client_id: str, now_ns: int) -> Amendment | int:
        order = self.log.any_by_id(order_id)
        if order is None or not order.is_open:
            return lay.REASON_UNKNOWN_ORDER
        request = order.request
        self._teller.expect_amend(order_id, client_id)
        slot = self._teller.slot(order_id)
        self.engine.push_amend(request.symbol, request.account, slot, order_id, qty, 0)
        self.settle(now_ns)
        return self._teller.amendment or self._teller.reason

    def settle(self, now_ns: int) -> None:
        """Run what is queued at the engine, and tell everybody."""
        self._teller.tell(self.engine.run(now_ns), now_ns)

    # The exchange's own acts

    def set_state(self, symbol: int, state: int, now_ns: int) -> None:
        self._teller.tell(self.engine.set_state(symbol, state), now_ns)

    def state(self, symbol: int) -> int:
        return int(self.engine.symbols["state"][symbol])

    def deposit(self, account: int, asset: int, amount: int, now_ns: int) -> None:
        """Money from outside for a desk account, and the event that tells it; negative: back."""
        if amount >= 0:
            self.engine.deposit(account, asset, amount)
        else:
            self.engine.withdraw(account, asset, -amount)
        self.log.tell_balance(account, asset, amount, now_ns)

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

    def commission(self, account: int, symbol: int) -> Commission:
        entry, counters = self.engine.accounts[account], self.engine.counters
        maker, taker = int(entry["maker_fee_e6"]), int(entry["taker_fee_e6"])
        if entry["tier"] != lay.NONE:
            maker, taker = self.engine.tier_fees[int(entry["tier"]), symbol].tolist()
        return Commission(
            maker,
            taker,
            int(counters[lay.C_FEE_ASSET]),
            lay.FEE_UNIT - int(counters[lay.C_FEE_COIN_E6]),
            bool(entry["fee_coin"]),
        )

    def trade_group(self, account: int) -> int:
        """-1 = none."""
        return int(self.engine.accounts["group"][account])

    def average_price(self, symbol: int, now_ns: int) -> int:
        return self.engine.average_px(symbol, now_ns)

    def book(self, symbol: int, limit: int) -> Book | None:
        count = min(limit, BOOK_LEVELS_MAX)
        return Book(
            int(self.engine.symbols["update_id"][symbol]),
            self.engine.side(symbol, lay.SIDE_BUY, count),
            self.engine.side(symbol, lay.SIDE_SELL, count),
        )

    def ticker(self, symbol: int) -> Ticker:
        return self._teller.tickers[symbol]

    def trades(self, symbol: int) -> deque[PublicTrade]:
        return self._teller.trades[symbol]

    def take_public(self) -> list[PublicEvent]:
        return self._teller.take_public()

    def take_reports(self) -> list[UserReport]:
        return self.log.take_reports()

    # Background

    def advance(self, now_ns: int, budget: int) -> int:
        done = 0
        for flow in self._flows:
            done += flow.advance(now_ns, budget, self.settle)
        return done

    def next_timer_ns(self) -> int:
        return min((flow.next_ns for flow in self._flows), default=NEVER)
