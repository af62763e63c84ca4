"""A market made of a recording: its book and trades are given, our orders never change them.

The host feeds decoded snapshots, level updates, best prices and trades (`on_*`), and stands this
market behind the same protocol server as the matching engine. Fills follow one named rule each,
on the cautious side:

- Takers, `WALK_REMEMBERED`: a crossing order walks the recorded levels. What it took of a level
  stays taken for all our orders until the recorded quantity of that level changes. Levels better
  than the recording's own latest best price are gone and give nothing.
- Makers, `QUEUE_BACK_NO_CANCEL_CREDIT`: an order joins the back of its level; the queue ahead is
  the recorded quantity visible there at its arrival. Recorded trades at its price by the other
  side's takers shorten the queue; cancels never do. What a trade has left beyond the queue fills
  the order, by price-time priority among ours. A trade strictly through its price fills it up to
  the trade's quantity, at the order's price. A book that merely moves through it fills nothing.

The other side of our fills is the account `outside`, so that the sum over all accounts and fees
stays what it was. Fees as at the engine: in the bought asset, rounded down. Filters are judged by
an engine that never trades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine
from oms.exchange.filters import (
    EXCHANGE_BOUNDS,
    default_filters,
    engine_symbol,
    terms_of,
)
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
    Fill,
    ListRequest,
    Order,
    OrderList,
    OrderRequest,
    Replaced,
    UserReport,
    expiry_of,
)
from oms.exchange.recorded_book import NEVER, Levels, Resting, SymbolBook
from oms.instruments import parse_decimal
from shm_layout.enums import OrderState
from shm_layout.limits import DIFFS_BUFFERED_MAX
from shm_layout.money import OK, ROUND_DOWN, ROUND_UP, mul_div

WALK_REMEMBERED = "WALK_REMEMBERED"
QUEUE_BACK_NO_CANCEL_CREDIT = "QUEUE_BACK_NO_CANCEL_CREDIT"
FEATURES = Features(
    contingent=False,
    trailing=False,
    iceberg=False,
    oco=False,
    oto=False,
    amend=False,
    stp_modes=(lay.STP_NONE,),
)


class RecordedMarket:
    """A `Market` over a recording; see the module's text."""

    features = FEATURES

    def __init__(
        self,
        specs: Sequence[SymbolSpec],
        accounts: int,
        balances: Mapping[str, str],
        fees_e6: tuple[int, int],
    ) -> None:
        self.specs = tuple(specs)
        self.filters = tuple(default_filters(spec) for spec in self.specs)
        self.assets = assets_of(self.specs, tuple(balances))
        self.log = OrderLog(accounts, len(self.specs))
        self._fees_e6 = fees_e6
        self._books = [SymbolBook() for _ in self.specs]
        self._tickers = [Ticker(k, 0, 0, 0, 0, 0) for k in range(len(self.specs))]
        start = [parse_decimal(balances.get(code, "0"), MONEY_DIGITS) for code in self.assets]
        self._free = [list(start) for _ in range(accounts)]
        self._locked = [[0] * len(self.assets) for _ in range(accounts)]
        self.fees = [0] * len(self.assets)
        self.outside = [0] * len(self.assets)
        self.bounds = EXCHANGE_BOUNDS
        self._judge = Engine(
            tuple(
                engine_symbol(spec, self.assets, rules)
                for spec, rules in zip(self.specs, self.filters, strict=True)
            ),
            Capacity(orders=1, levels_per_side=1, accounts=accounts, commands=1, lists=1),
            bounds=self.bounds,
        )
        self._next_order_id = 1
        self._public: list[PublicEvent] = []

    # The recording

    def on_snapshot(self, symbol: int, update_id: int, bids: Levels, asks: Levels) -> None:
        """A whole book; diffs that waited for it and reach beyond it are applied."""
        book = self._books[symbol]
        for side, levels in zip(book.sides, (bids, asks), strict=True):
            side.clear()
            for px, qty in levels:
                side.set(px, qty)
        book.update_id = update_id
        book.known = True
        waiting, book.waiting = book.waiting, []
        for last, bid_changes, ask_changes in waiting:
            if last > update_id:
                self.on_levels(symbol, last, bid_changes, ask_changes)

    def on_levels(self, symbol: int, update_id: int, bids: Levels, asks: Levels) -> None:
        """One diff: new quantities of some levels."""
        book = self._books[symbol]
        if not book.known:
            if len(book.waiting) < DIFFS_BUFFERED_MAX:
                book.waiting.append((update_id, bids, asks))
            return
        if update_id <= book.update_id:
            return
        book.update_id = update_id
        for side, levels in zip(book.sides, (bids, asks), strict=True):
            for px, qty in levels:
                side.set(px, qty)

    def on_ticker(self, ticker: Ticker) -> None:
        """The recording's best prices; they bound what takers may still take."""
        self._tickers[ticker.symbol] = ticker

    def on_trade(self, trade: PublicTrade, now_ns: int) -> None:
        """One recorded trade: fills our makers by QUEUE_BACK_NO_CANCEL_CREDIT."""
        book = self._books[trade.symbol]
        book.trades.append(trade)
        self._public.append(trade)
        for side in (lay.SIDE_BUY, lay.SIDE_SELL):
            sign = 1 if side == lay.SIDE_BUY else -1
            at_price = trade.buyer_is_maker == (side == lay.SIDE_BUY)
            reached = [
                r
                for r in book.resting.values()
                if r.order.request.side == side and sign * r.order.request.px >= sign * trade.px
            ]
            reached.sort(key=lambda r: (-sign * r.order.request.px, r.order.order_id))
            left = trade.qty
            for resting in reached:
                px = resting.order.request.px
                if px == trade.px:
                    if not at_price:
                        continue
                    passed = min(left, resting.ahead)
                    resting.ahead -= passed
                    qty = min(resting.order.leaves, left - passed)
                else:
                    qty = min(resting.order.leaves, left)
                if qty > 0:
                    left -= qty
                    self._fill(resting.order, px, qty, True, now_ns, resting)

    # Money

    def _notional(self, symbol: int, px: int, qty: int, rounding: int) -> int | None:
        """Money of `qty` at `px`; None when it does not fit."""
        spec = self.specs[symbol]
        shift = MONEY_DIGITS - spec.px_digits - spec.qty_digits
        value, status = mul_div(px, qty * 10 ** max(shift, 0), 10 ** max(-shift, 0), rounding)
        return value if status == OK else None

    def _base(self, symbol: int, qty: int) -> int:
        return qty * 10 ** (MONEY_DIGITS - self.specs[symbol].qty_digits)

    def _paid_asset(self, request: OrderRequest) -> int:
        spec = self.specs[request.symbol]
        return self.assets.index(spec.quote if request.side == lay.SIDE_BUY else spec.base)

    def _need(self, request: OrderRequest, px: int, qty: int) -> int | None:
        """What an order must hold in reserve."""
        if request.side == lay.SIDE_BUY:
            return self._notional(request.symbol, px, qty, ROUND_UP)
        return self._base(request.symbol, qty)

    def _fill(
        self, order: Order, px: int, qty: int, maker: bool, now_ns: int, resting: Resting | None
    ) -> None:
        request = order.request
        account, symbol = request.account, request.symbol
        spec = self.specs[symbol]
        quote = self._notional(symbol, px, qty, ROUND_DOWN)
        assert quote is not None, "the reserve was computed for at least this amount"
        base = self._base(symbol, qty)
        base_asset, quote_asset = self.assets.index(spec.base), self.assets.index(spec.quote)
        pays, gets = (quote, base) if request.side == lay.SIDE_BUY else (base, quote)
        pay_asset, get_asset = (
            (quote_asset, base_asset) if request.side == lay.SIDE_BUY else (base_asset, quote_asset)
        )
        fee, _ = mul_div(gets, self._fees_e6[0 if maker else 1], lay.FEE_UNIT, ROUND_DOWN)
        held = self._locked if resting is not None else self._free
        held[account][pay_asset] -= pays
        self._free[account][get_asset] += gets - fee
        self.fees[get_asset] += fee
        self.outside[pay_asset] += pays
        self.outside[get_asset] -= gets
        book = self._books[symbol]
        book.trade_id += 1
        fill = Fill(
            book.trade_id, order.order_id, symbol, account, request.side, px, qty, quote, fee,
            get_asset, maker, now_ns,
        )  # fmt: skip
        self.log.fill(order, fill)
        if resting is not None:
            resting.reserved -= pays
            self._release(resting)
            if order.leaves == 0:
                del book.resting[order.order_id]

    def _release(self, resting: Resting) -> None:
        """Free what the rest of an order needs no longer."""
        order = resting.order
        need = 0
        if order.state == OrderState.OPEN:
            need = self._need(order.request, order.request.px, order.leaves) or 0
        over = resting.reserved - need
        asset = self._paid_asset(order.request)
        self._locked[order.request.account][asset] -= over
        self._free[order.request.account][asset] += over
        resting.reserved = need

    # Orders

    def check(self, request: OrderRequest) -> int:
        account, symbol = request.account, request.symbol
        here = self.log.open_orders(account, symbol)
        self._judge.open_counts[account, symbol, lay.N_ORDERS] = len(here)
        everywhere = self.log.open_orders(account, None)
        self._judge.open_totals[account, lay.N_ORDERS] = len(everywhere)
        return self._judge.judge(terms_of(request), self.average_price(symbol, 0))

    def submit(self, request: OrderRequest, now_ns: int) -> Order | int:
        if reason := self.check(request):
            return reason
        market = request.kind == lay.TYPE_MARKET
        offered = self._offered(request)
        if request.kind == lay.TYPE_POST_ONLY and offered:
            return lay.REASON_WOULD_TAKE
        takes, cost = self._plan(request, offered)
        got = sum(qty for _, qty in takes)
        qty = got if request.quote_qty else request.qty
        if qty <= 0 and not request.quote_qty:
            return lay.REASON_BAD_SHAPE
        need = cost if market and request.side == lay.SIDE_BUY else None
        if need is None:
            need = self._need(request, request.px, qty)
        if need is None:
            return lay.REASON_OVERFLOW
        asset = self._paid_asset(request)
        if self._free[request.account][asset] < need:
            return lay.REASON_NO_FUNDS
        order = Order(self._next_order_id, request, now_ns, now_ns, qty=qty, working_ns=now_ns)
        self._next_order_id += 1
        self.log.add(order)
        if not (request.tif == lay.TIF_FOK and got < qty):
            side = self._books[request.symbol].sides[1 - request.side]
            for px, take in takes:
                side.taken[px] = side.taken.get(px, 0) + take
                self._fill(order, px, take, False, now_ns, None)
        if order.state == OrderState.OPEN:
            if market or request.tif != lay.TIF_GTC:
                self.log.expire(order, expiry_of(order, lay.REASON_NONE), now_ns)
            else:
                self._rest(order)
        return order

    def _offered(self, request: OrderRequest) -> list[tuple[int, int]]:
        """What the recording offers to this order, best first."""
        ticker = self._tickers[request.symbol]
        bound = ticker.ask_px if request.side == lay.SIDE_BUY else ticker.bid_px
        limit = None if request.kind == lay.TYPE_MARKET else request.px
        return self._books[request.symbol].sides[1 - request.side].offered(limit, bound)

    def _plan(
        self, request: OrderRequest, offered: list[tuple[int, int]]
    ) -> tuple[list[tuple[int, int]], int | None]:
        """What the order takes of each level, and its money rounded up (None: does not fit)."""
        spec = self.specs[request.symbol]
        shift = MONEY_DIGITS - spec.px_digits - spec.qty_digits
        takes: list[tuple[int, int]] = []
        cost = got = 0
        for px, left in offered:
            take = left
            if request.quote_qty:
                afford = (request.quote_qty - cost) * 10 ** max(-shift, 0)
                take = min(left, afford // (px * 10 ** max(shift, 0)) // spec.lot * spec.lot)
            else:
                take = min(left, request.qty - got)
            if take > 0:
                money = self._notional(request.symbol, px, take, ROUND_UP)
                if money is None:
                    return takes, None
                takes.append((px, take))
                cost += money
                got += take
            if take < left:
                break
        return takes, cost

    def _rest(self, order: Order) -> None:
        """Join the back of the level: everything visible there now is ahead."""
        request = order.request
        book = self._books[request.symbol]
        ahead = book.sides[request.side].qty.get(request.px, 0)
        reserved = self._need(request, request.px, order.leaves) or 0
        asset = self._paid_asset(request)
        self._free[request.account][asset] -= reserved
        self._locked[request.account][asset] += reserved
        book.resting[order.order_id] = Resting(order, ahead, reserved)

    def cancel(self, order_id: int, cancel_id: str, now_ns: int) -> bool:
        order = self.log.any_by_id(order_id)
        if order is None or order.state != OrderState.OPEN:
            return False
        resting = self._books[order.request.symbol].resting.pop(order_id)
        self.log.end(order, OrderState.CANCELED, now_ns, cancel_id)
        self._release(resting)
        return True

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
        canceled: Order | int = lay.REASON_UNKNOWN_ORDER
        if order is not None and order.is_open:
            canceled = self._restricted(order, restriction)
            if canceled == lay.REASON_NONE and self.cancel(order_id, cancel_id, now_ns):
                canceled = order
        if stop_on_failure and not isinstance(canceled, Order):
            return Replaced(canceled, None)
        return Replaced(canceled, self.submit(request, now_ns))

    @staticmethod
    def _restricted(order: Order, restriction: int) -> int:
        if restriction == lay.RESTRICT_NONE:
            return lay.REASON_NONE
        wants_fill = restriction == lay.RESTRICT_ONLY_PARTLY_FILLED
        return lay.REASON_NONE if wants_fill == bool(order.cum_qty) else lay.REASON_RESTRICTED

    def submit_list(self, request: ListRequest, now_ns: int) -> OrderList | int:
        """Never asked: `features` offers no lists."""
        raise AssertionError("a recorded market has no order lists")

    def amend(self, order_id: int, qty: int, client_id: str, now_ns: int) -> Amendment | int:
        """Never asked: `features` offers no amend."""
        raise AssertionError("a recorded market amends no order")

    def set_state(self, symbol: int, state: int, now_ns: int) -> None:
        """A recording trades as it was recorded: only STATE_TRADING."""
        assert state == lay.STATE_TRADING, "a recorded market is open"

    def state(self, symbol: int) -> int:
        return lay.STATE_TRADING

    # What is seen

    def balances(self, account: int) -> list[tuple[int, int]]:
        return list(zip(self._free[account], self._locked[account], strict=True))

    def commission(self, account: int, symbol: int) -> Commission:
        return Commission(*self._fees_e6, lay.NONE, 0, False)

    def trade_group(self, account: int) -> int:
        return lay.NO_GROUP

    def average_price(self, symbol: int, now_ns: int) -> int:
        """The last recorded trade's price; before it the best bid, or the ask."""
        recent, ticker = self._books[symbol].trades, self._tickers[symbol]
        return recent[-1].px if recent else ticker.bid_px or ticker.ask_px

    def book(self, symbol: int, limit: int) -> Book | None:
        book = self._books[symbol]
        if not book.known:
            return None
        bids, asks = book.sides
        return Book(book.update_id, bids.best_first(limit), asks.best_first(limit))

    def ticker(self, symbol: int) -> Ticker:
        return self._tickers[symbol]

    def trades(self, symbol: int) -> Sequence[PublicTrade]:
        return self._books[symbol].trades

    def take_public(self) -> list[PublicEvent]:
        """The trades, for candles and statistics; what is sent was recorded word by word."""
        taken, self._public = self._public, []
        return taken

    def take_reports(self) -> list[UserReport]:
        return self.log.take_reports()

    def advance(self, now_ns: int, budget: int) -> int:
        return 0

    def next_timer_ns(self) -> int:
        return NEVER
