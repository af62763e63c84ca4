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
stays what it was. Fees as at the engine: in the bought asset, rounded down.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from oms.exchange import layout_hot as lay
from oms.exchange.market import (
    MONEY_DIGITS,
    TRADES_KEPT_MAX,
    Book,
    Fill,
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
from shm_layout.enums import OrderState
from shm_layout.limits import DIFFS_BUFFERED_MAX
from shm_layout.money import OK, ROUND_DOWN, ROUND_UP, mul_div

WALK_REMEMBERED = "WALK_REMEMBERED"
QUEUE_BACK_NO_CANCEL_CREDIT = "QUEUE_BACK_NO_CANCEL_CREDIT"
NEVER = (1 << 63) - 1

Levels = Sequence[tuple[int, int]]
"""(price, quantity); quantity 0 = gone."""


class _Side:
    """One side of a recorded book; `sign` is +1 for bids, -1 for asks; best = highest key."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self.qty: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        """What our takers consumed of a level since its recorded quantity last changed."""

    def set(self, px: int, qty: int) -> None:
        before = self.qty.get(px, 0)
        if qty == before:
            return
        self.taken.pop(px, None)
        key = self._sign * px
        if qty == 0:
            del self.qty[px]
            del self._keys[bisect_left(self._keys, key)]
            return
        if before == 0:
            self._keys.insert(bisect_left(self._keys, key), key)
        self.qty[px] = qty

    def clear(self) -> None:
        self._keys.clear()
        self.qty.clear()
        self.taken.clear()

    def best_first(self, limit: int) -> list[tuple[int, int]]:
        keys = self._keys[-limit:] if limit else []
        return [(self._sign * key, self.qty[self._sign * key]) for key in reversed(keys)]

    def offered(self, limit_px: int | None, bound_px: int) -> list[tuple[int, int]]:
        """(price, what is left) from the best to `limit_px`; nothing better than `bound_px`."""
        lowest = -NEVER if limit_px is None else self._sign * limit_px
        highest = self._sign * bound_px if bound_px else NEVER
        out = []
        for key in reversed(self._keys):
            if key < lowest:
                break
            px = self._sign * key
            left = self.qty[px] - self.taken.get(px, 0)
            if key <= highest and left > 0:
                out.append((px, left))
        return out


@dataclass(slots=True)
class _Resting:
    """One of our resting orders; `ahead` is the queue before it."""

    order: Order
    ahead: int
    reserved: int


@dataclass(slots=True)
class _SymbolBook:
    sides: tuple[_Side, _Side] = field(default_factory=lambda: (_Side(1), _Side(-1)))
    update_id: int = 0
    known: bool = False
    waiting: list[tuple[int, Levels, Levels]] = field(default_factory=list)
    """Diffs before the snapshot."""
    resting: dict[int, _Resting] = field(default_factory=dict)
    trades: deque[PublicTrade] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT_MAX))
    trade_id: int = 0
    """Ids of our own fills."""


class RecordedMarket:
    """A `Market` over a recording; see the module's text."""

    def __init__(
        self,
        specs: Sequence[SymbolSpec],
        accounts: int,
        balances: Mapping[str, str],
        fees_e6: tuple[int, int],
    ) -> None:
        self.specs = tuple(specs)
        self.assets = assets_of(self.specs, tuple(balances))
        self.log = OrderLog(accounts, len(self.specs))
        self._fees_e6 = fees_e6
        self._books = [_SymbolBook() for _ in self.specs]
        self._tickers = [Ticker(k, 0, 0, 0, 0, 0) for k in range(len(self.specs))]
        start = [parse_decimal(balances.get(code, "0"), MONEY_DIGITS) for code in self.assets]
        self._free = [list(start) for _ in range(accounts)]
        self._locked = [[0] * len(self.assets) for _ in range(accounts)]
        self.fees = [0] * len(self.assets)
        self.outside = [0] * len(self.assets)
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
        self, order: Order, px: int, qty: int, maker: bool, now_ns: int, resting: _Resting | None
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

    def _release(self, resting: _Resting) -> None:
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

    def submit(self, request: OrderRequest, now_ns: int) -> Order | int:
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
        order = Order(self._next_order_id, request, now_ns, now_ns, qty=qty)
        self._next_order_id += 1
        self.log.add(order)
        if not (request.tif == lay.TIF_FOK and got < qty):
            side = self._books[request.symbol].sides[1 - request.side]
            for px, take in takes:
                side.taken[px] = side.taken.get(px, 0) + take
                self._fill(order, px, take, False, now_ns, None)
        if order.state == OrderState.OPEN:
            if market or request.tif != lay.TIF_GTC:
                self.log.end(order, OrderState.EXPIRED, now_ns)
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
        order.worked = True
        book.resting[order.order_id] = _Resting(order, ahead, reserved)

    def cancel(self, order_id: int, cancel_id: str, now_ns: int) -> bool:
        order = self.log.any_by_id(order_id)
        if order is None or order.state != OrderState.OPEN:
            return False
        resting = self._books[order.request.symbol].resting.pop(order_id)
        self.log.end(order, OrderState.CANCELED, now_ns, cancel_id)
        self._release(resting)
        return True

    # What is seen

    def balances(self, account: int) -> list[tuple[int, int]]:
        return list(zip(self._free[account], self._locked[account], strict=True))

    def fees_e6(self, account: int) -> tuple[int, int]:
        return self._fees_e6

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

    def take_reports(self) -> list[Report]:
        return self.log.take_reports()

    def advance(self, now_ns: int, budget: int) -> int:
        return 0

    def next_timer_ns(self) -> int:
        return NEVER
