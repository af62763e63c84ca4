"""A matching engine of lists and plain integers: slow, and written to be read.

The reference of `oms.exchange.engine`; it shares its constants and the exact `mul_div`, nothing
else. Orders stand in one list by the time at which they got their place; a book is that list,
sorted; a balance is what an account was given or has traded, less what its open orders need. Its
methods return the events in words (`words.py` puts the engine's events into the same words).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.terms import EngineSymbol, ExchangeFilters, Terms
from tests.oms.exchange.reference_rules import Rules

ALGO = (4, 5, 6, 7)
MARKET_KINDS = (lay.TYPE_MARKET, lay.TYPE_STOP_LOSS, lay.TYPE_TAKE_PROFIT)
STOPS = (lay.TYPE_STOP_LOSS, lay.TYPE_STOP_LOSS_LIMIT)


@dataclass(eq=False)
class Order:
    order_id: int
    terms: Terms
    qty: int
    px: int
    leaves: int
    place: int = 0
    shown: int = 0
    where: str = "nowhere"
    """nowhere, book, armed (in the trigger book), pending, over."""
    prevented: int = 0
    amends: int = 0
    tracking: bool = False
    extreme: int = 0
    reserved: int = 0
    """Of the order that runs now: what it has locked."""
    group: OrderList | None = None

    @property
    def filled(self):
        return self.qty - self.prevented - self.leaves

    @property
    def up(self):
        return (self.terms.kind in STOPS) == (self.terms.side == 0)


@dataclass(eq=False)
class OrderList:
    list_id: int
    kind: int
    tag: int
    working: Order | None = None
    pair: list[Order] = field(default_factory=list)
    over: bool = False


class ReferenceBook(Rules):
    """All of an exchange; see the module's text."""

    def __init__(
        self,
        symbols: tuple[EngineSymbol, ...],
        accounts: int,
        fee_asset: int = -1,
        bounds: ExchangeFilters | None = None,
    ):
        super().__init__(symbols, accounts, fee_asset, bounds or ExchangeFilters())
        self.orders: list[Order] = []
        self.lists: list[OrderList] = []
        self.queue: deque[Order] = deque()
        self.next_order = self.next_list = self.next_place = 1
        self.trade_ids = [0] * len(symbols)
        self.prevented_ids = [0] * len(symbols)
        self.running: Order | None = None
        self.out: list[tuple] = []

    # Money

    def need(self, order):
        return self.cost(order.terms.symbol, order.terms.side, order.px, order.leaves)

    def locked(self, account, asset):
        """What open orders of the account hold: each its need, a pair its larger one."""
        total = 0
        mine = [o for o in self.orders if o.terms.account == account]
        for order in mine:
            if self.pays(order.terms) != asset:
                continue
            if order is self.running:
                total += order.reserved
            elif not (order.group and order in order.group.pair and len(order.group.pair) == 2):
                total += self.need(order)
        for group in self.lists:
            pair = group.pair
            own = len(pair) == 2 and pair[0].terms.account == account
            if own and self.pays(pair[0].terms) == asset:
                total += max(self.need(leg) for leg in pair)
        return total

    def free(self, account, asset):
        return self.total[account][asset] - self.locked(account, asset)

    # Books

    def book(self, symbol, side):
        """Resting orders, best price first, then by place."""
        resting = [o for o in self.orders if o.where == "book"]
        found = [o for o in resting if o.terms.symbol == symbol and o.terms.side == side]
        return sorted(found, key=lambda o: (-o.px if side == 0 else o.px, o.place))

    def makers(self, taker):
        """What a taker may trade with, in order."""
        terms = taker.terms
        found = self.book(terms.symbol, 1 - terms.side)
        if terms.kind in MARKET_KINDS:
            return found
        return [o for o in found if (o.px <= taker.px if terms.side == 0 else o.px >= taker.px)]

    def side(self, symbol, side):
        levels = {}
        for order in self.book(symbol, side):
            levels[order.px] = levels.get(order.px, 0) + order.shown
        return list(levels.items())

    def level(self, symbol, side, px):
        return sum(o.shown for o in self.book(symbol, side) if o.px == px)

    def tell_level(self, symbol, side, px):
        self.out.append(("level", symbol, side, px, self.level(symbol, side, px)))

    def to_place(self, order, where):
        order.where = where
        order.place = self.next_place
        self.next_place += 1

    # Ends

    def close(self, order, word, reason):
        """An order that does not run ends."""
        was = order.where
        order.where = "over"
        self.orders.remove(order)
        self.out.append((word, order.order_id, order.qty, order.leaves, reason))
        if was == "book":
            self.tell_l3("l3 remove", order)
            self.tell_level(order.terms.symbol, order.terms.side, order.px)

    def tell_l3(self, word, order, requeued=0):
        self.out.append((word, order.order_id, order.px, order.shown, requeued))

    def tell_list(self, group, status):
        legs = len(group.pair) + (group.working is not None)
        self.out.append(("list", group.list_id, status, legs))

    def finish(self, group):
        if group.working is None and not group.pair:
            self.tell_list(group, lay.LIST_DONE)
            group.over = True
            self.lists.remove(group)

    def touch(self, order):
        """A leg is met or triggered: the other one of its pair ends."""
        group = order.group
        if group and order in group.pair and len(group.pair) == 2:
            (other,) = (leg for leg in group.pair if leg is not order)
            group.pair = [order]
            self.close(other, "expired", lay.REASON_LIST)

    def leg_over(self, order, filled):
        group = order.group
        if group is None:
            return
        if order is group.working:
            group.working = None
            if filled:
                self.tell_list(group, lay.LIST_UPDATED)
                self.queue.append(group.pair[0])
                return
            legs, group.pair = group.pair, []
            for leg in legs:
                self.close(leg, "expired", lay.REASON_LIST)
        else:
            others = [leg for leg in group.pair if leg is not order]
            group.pair = []
            for leg in others:
                self.close(leg, "expired", lay.REASON_LIST)
        self.finish(group)

    # Running

    def run(self, order, spent=False):
        terms = order.terms
        order.where = "running"
        self.running = order
        began = len(self.out)
        stays = terms.kind == lay.TYPE_POST_ONLY or (
            terms.kind not in MARKET_KINDS and terms.tif == lay.TIF_GTC
        )
        whole = True
        limited = terms.kind not in MARKET_KINDS and terms.kind != lay.TYPE_POST_ONLY
        if limited and terms.tif == lay.TIF_FOK:
            whole = self.fills_whole(order)
        stopped = self.match(order) if whole else False
        if order.leaves == 0 or not stays:
            word, reason, filled = "expired", lay.REASON_NONE, False
            if order.leaves == 0 and stopped:
                reason = lay.REASON_STP
            elif order.leaves == 0 and not spent:
                word, filled = "filled", True
            self.running = None
            self.orders.remove(order)
            order.where = "over"
            self.out.append((word, order.order_id, order.qty, order.leaves, reason))
            self.leg_over(order, filled)
        else:
            self.running = None
            self.to_place(order, "book")
            order.shown = min(terms.iceberg_qty or order.leaves, order.leaves)
            self.tell_l3("l3 add", order)
            self.tell_level(terms.symbol, terms.side, order.px)
        prices = [e[4] for e in self.out[began:] if e[0] == "trade"]
        for px in prices:
            self.show_price(terms.symbol, px)

    def fills_whole(self, order):
        """All of it can be filled, and no level that it needs holds an order of its own."""
        total = 0
        makers = self.makers(order)
        for px in dict.fromkeys(m.px for m in makers):
            for maker in (m for m in makers if m.px == px):
                if order.terms.stp == lay.STP_NONE or not self.is_self(order, maker):
                    total += maker.leaves
                elif order.terms.stp != lay.STP_EXPIRE_MAKER:
                    return False
            if total >= order.leaves:
                return True
        return False

    def match(self, taker):
        """Until nothing is left to match; True when a prevention ended it."""
        terms = taker.terms
        opposite = 1 - terms.side
        stopped = False
        while taker.leaves:
            makers = self.makers(taker)
            if not makers:
                break
            px = makers[0].px
            before = self.level(terms.symbol, opposite, px)
            while taker.leaves:
                makers = [m for m in self.makers(taker) if m.px == px]
                if not makers:
                    break
                if terms.stp != lay.STP_NONE and self.is_self(taker, makers[0]):
                    self.prevent(taker, makers[0])
                    stopped = taker.leaves == 0
                else:
                    self.fill(taker, makers[0])
            if self.level(terms.symbol, opposite, px) != before:
                self.tell_level(terms.symbol, opposite, px)
        return stopped

    def fill(self, taker, maker):
        self.touch(maker)
        symbol, side = taker.terms.symbol, taker.terms.side
        qty = min(taker.leaves, maker.shown)
        taker.leaves -= qty
        maker.leaves -= qty
        maker.shown -= qty
        quote, base = self.quote(symbol, maker.px, qty), self.base(symbol, qty)
        self.trade_ids[symbol] += 1
        self.last_px[symbol] = maker.px
        place = len(self.out)
        self.swap(taker, maker, quote, base)
        gets = ((base, self.symbols[symbol].base), (quote, self.symbols[symbol].quote))
        fee = self.charge(taker.terms.account, symbol, *gets[side], 1)
        maker_fee = self.charge(maker.terms.account, symbol, *gets[1 - side], 0)
        self.out.insert(
            place,
            ("trade", self.trade_ids[symbol], taker.order_id, maker.order_id, maker.px, qty,
             taker.leaves, maker.leaves, quote, *fee, *maker_fee),
        )  # fmt: skip
        self.trades[symbol].append((self.now_ns // 10**9, quote, qty))
        self.after(maker, True)

    def swap(self, taker, maker, quote, base):
        symbol, side = taker.terms.symbol, taker.terms.side
        spec = self.symbols[symbol]
        buyer, seller = (taker, maker) if side == 0 else (maker, taker)
        self.total[buyer.terms.account][spec.quote] -= quote
        self.total[buyer.terms.account][spec.base] += base
        self.total[seller.terms.account][spec.base] -= base
        self.total[seller.terms.account][spec.quote] += quote
        taker.reserved -= quote if side == 0 else base

    def after(self, maker, filled):
        """A maker was met: it ends, shows its next part, or waits on."""
        if maker.leaves == 0:
            self.tell_l3("l3 remove", maker)
            maker.where = "over"
            self.orders.remove(maker)
            self.leg_over(maker, filled)
        elif maker.shown == 0:
            maker.shown = min(maker.terms.iceberg_qty, maker.leaves)
            self.to_place(maker, "book")
            self.tell_l3("l3 change", maker, 1)
        else:
            self.tell_l3("l3 change", maker)

    def prevent(self, taker, maker):
        mode = taker.terms.stp
        if mode == lay.STP_TRANSFER:
            both = maker.terms.stp == mode and maker.terms.account != taker.terms.account
            mode = mode if both else lay.STP_DECREMENT
        smaller = min(taker.leaves, maker.leaves)
        taker_less, maker_less = {
            lay.STP_EXPIRE_TAKER: (taker.leaves, 0),
            lay.STP_EXPIRE_MAKER: (0, maker.leaves),
            lay.STP_EXPIRE_BOTH: (taker.leaves, maker.leaves),
        }.get(mode, (smaller, smaller))
        if maker_less:
            self.touch(maker)
        symbol = taker.terms.symbol
        quote = 0
        if mode == lay.STP_TRANSFER:
            quote = self.quote(symbol, maker.px, taker_less)
            self.swap(taker, maker, quote, self.base(symbol, taker_less))
        self.prevented_ids[symbol] += 1
        taker.leaves -= taker_less
        taker.prevented += taker_less
        maker.leaves -= maker_less
        maker.prevented += maker_less
        maker.shown = min(maker.shown, maker.leaves)
        self.out.append(
            ("prevented", self.prevented_ids[symbol], taker.order_id, maker.order_id, maker.px,
             taker_less, maker_less, taker.leaves, maker.leaves, quote, mode)
        )  # fmt: skip
        if maker_less:
            if maker.leaves == 0:
                self.out.append(("expired", maker.order_id, maker.qty, 0, lay.REASON_STP))
            self.after(maker, False)

    # Triggers

    def show_price(self, symbol, px):
        armed = [o for o in self.orders if o.where == "armed" and o.terms.symbol == symbol]
        fixed = [o for o in armed if not o.terms.trailing_bips]
        up = sorted((o for o in fixed if o.up), key=lambda o: (o.terms.stop_px, o.place))
        down = sorted((o for o in fixed if not o.up), key=lambda o: (-o.terms.stop_px, o.place))
        for order in up:
            if order.where == "armed" and order.terms.stop_px <= px:
                self.trigger(order, px)
        for order in down:
            if order.where == "armed" and order.terms.stop_px >= px:
                self.trigger(order, px)
        for order in sorted((o for o in armed if o.terms.trailing_bips), key=lambda o: o.place):
            if order.where == "armed" and self.trails(order, px):
                self.trigger(order, px)

    def trails(self, order, px):
        terms = order.terms
        if not order.tracking:
            if (px >= terms.stop_px) if order.up else (px <= terms.stop_px):
                order.tracking, order.extreme = True, px
            return False
        buys = terms.side == 0
        if order.extreme == 0 or (px < order.extreme if buys else px > order.extreme):
            order.extreme = px
            return False
        if buys:
            return 10_000 * px >= order.extreme * (10_000 + terms.trailing_bips)
        return 10_000 * px <= order.extreme * (10_000 - terms.trailing_bips)

    def trigger(self, order, px):
        order.where = "queued"
        self.out.append(("triggered", order.order_id, px))
        self.touch(order)
        self.queue.append(order)

    def drain(self):
        while self.queue:
            order = self.queue.popleft()
            if order.where == "pending":
                self.place_pending(order.group)
            else:
                self.start(order)

    def start(self, order):
        terms = order.terms
        if terms.kind in MARKET_KINDS and terms.side == 0:
            self.orders.remove(order)
            _, need, _ = self.plan(order, order.leaves, 0)
            short = self.free(terms.account, self.pays(terms)) < need
            self.orders.append(order)
            order.reserved = need
            if short:
                order.where = "over"
                self.orders.remove(order)
                self.out.append(
                    ("expired", order.order_id, order.qty, order.leaves, lay.REASON_NO_FUNDS)
                )
                self.leg_over(order, False)
                return
        else:
            order.reserved = self.need(order)
        self.run(order)

    def place_pending(self, group):
        legs = list(group.pair)
        for leg in legs:
            reason = self.book_reason(leg.terms)
            if reason:
                group.pair = []
                for each in legs:
                    self.close(each, "expired", reason)
                self.finish(group)
                return
        for leg in legs:
            contingent = leg.terms.kind in ALGO
            wait = lay.WAIT_TRIGGER if contingent else lay.WAIT_NOTHING
            self.out.append(("placed", leg.order_id, wait))
            if contingent:
                self.arm(leg)
            else:
                self.start(leg)

    def arm(self, order):
        self.to_place(order, "armed")
        order.tracking = bool(order.terms.trailing_bips) and not order.terms.stop_px
        order.extreme = self.last_px[order.terms.symbol]

    def is_self(self, one, other):
        a, b = one.terms.account, other.terms.account
        return a == b or (self.group[a] >= 0 and self.group[a] == self.group[b])

    def plan(self, order, qty, quote):
        """(quantity, money rounded up per level, whether the book ran dry) of a market order."""
        terms = order.terms
        levels: dict[int, int] = {}
        for maker in self.makers(order):
            own = terms.stp == lay.STP_EXPIRE_MAKER and self.is_self(order, maker)
            levels[maker.px] = levels.get(maker.px, 0) + (0 if own else maker.leaves)
        got = paid = 0
        spec = self.symbols[terms.symbol]
        for px, total in levels.items():
            take, last = total, False
            if quote:
                afford = self.afford(terms.symbol, quote - paid, px)
                if afford < take:
                    take, last = afford - afford % spec.lot, True
            elif qty - got < take:
                take, last = qty - got, True
            got += take
            paid += self.quote(terms.symbol, px, take, up=True)
            if last or (not quote and got == qty):
                return got, paid, False
        return got, paid, True
