"""Money and filters of the reference book: balances, fees, the average price, what is refused."""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from shm_layout.money import ROUND_HALF_EVEN

E6 = 1_000_000
PRICED = (lay.TYPE_LIMIT, lay.TYPE_POST_ONLY, lay.TYPE_STOP_LOSS_LIMIT, lay.TYPE_TAKE_PROFIT_LIMIT)


ON_SYMBOL = (
    lay.REASON_MAX_ORDERS, lay.REASON_MAX_ALGO_ORDERS, lay.REASON_MAX_ICEBERG_ORDERS,
    lay.REASON_MAX_LISTS,
)  # fmt: skip
ON_EXCHANGE = (
    lay.REASON_EXCHANGE_ORDERS, lay.REASON_EXCHANGE_ALGO_ORDERS,
    lay.REASON_EXCHANGE_ICEBERG_ORDERS, lay.REASON_EXCHANGE_LISTS,
)  # fmt: skip


def counted(orders, legs, which):
    """How many there are of a kind among open orders, and among new ones."""
    return sum(which(o.terms) for o in orders), sum(which(t) for t in legs)


def up_div(a, b):
    return -(-a // b)


class Rules:
    """What does not depend on the books' order."""

    def __init__(self, symbols, accounts, fee_asset, bounds):
        self.symbols = symbols
        self.bounds = bounds
        self.now_ns = 0
        self.total = [dict.fromkeys(range(64), 0) for _ in range(accounts)]
        self.fees = dict.fromkeys(range(64), 0)
        self.rates = [(0, 0)] * accounts
        self.tier = [None] * accounts
        self.tier_rates = {}
        self.coin_on = [False] * accounts
        self.coin_px = {}
        self.fee_asset = fee_asset
        self.group = [lay.NO_GROUP] * accounts
        self.state = [lay.STATE_TRADING] * len(symbols)
        self.last_px = [0] * len(symbols)
        self.trades = [[] for _ in symbols]

    # Money

    def quote(self, symbol, px, qty, up=False):
        spec = self.symbols[symbol]
        shift = spec.quote_digits - spec.px_digits - spec.qty_digits
        value = px * qty * 10 ** max(shift, 0)
        return up_div(value, 10 ** max(-shift, 0)) if up else value // 10 ** max(-shift, 0)

    def base(self, symbol, qty):
        spec = self.symbols[symbol]
        return qty * 10 ** (spec.base_digits - spec.qty_digits)

    def afford(self, symbol, money, px):
        spec = self.symbols[symbol]
        shift = spec.quote_digits - spec.px_digits - spec.qty_digits
        return money * 10 ** max(-shift, 0) // (px * 10 ** max(shift, 0))

    def cost(self, symbol, side, px, qty):
        return self.quote(symbol, px, qty, up=True) if side == 0 else self.base(symbol, qty)

    def pays(self, terms):
        spec = self.symbols[terms.symbol]
        return spec.quote if terms.side == 0 else spec.base

    def charge(self, account, symbol, got, asset, column):
        """The fee of what was just received: (amount, asset)."""
        tier = self.tier[account]
        rates = self.rates[account] if tier is None else self.tier_rates.get((tier, symbol), (0, 0))
        rate = rates[column]
        if rate == 0:
            return 0, asset
        coin = self.fee_asset
        if coin >= 0 and self.coin_on[account]:
            fee = got * rate * 750_000 // 10**12
            if asset != coin and asset in self.coin_px:
                fee = fee * self.coin_px[asset][0] // self.coin_px[asset][1]
            if (asset == coin or asset in self.coin_px) and self.free(account, coin) >= fee:
                self.total[account][coin] -= fee
                self.fees[coin] += fee
                return fee, coin
        fee = got * rate // E6
        self.total[account][asset] -= fee
        self.fees[asset] += fee
        return fee, asset

    def average(self, symbol):
        """Of the window's trades, else the last price."""
        spec = self.symbols[symbol]
        window = spec.filters.average_s
        first = self.now_ns // 10**9 - window + 1
        kept = [t for t in self.trades[symbol] if t[0] >= first]
        self.trades[symbol] = [t for t in self.trades[symbol][-5000:] if t[0] >= first - 300]
        quote, qty = sum(t[1] for t in kept), sum(t[2] for t in kept)
        if not qty or window == 0 or not spec.averages:
            return self.last_px[symbol]
        shift = spec.quote_digits - spec.px_digits - spec.qty_digits
        a, b = quote * 10 ** max(-shift, 0), qty * 10 ** max(shift, 0)
        whole, rest = divmod(a, b)
        assert ROUND_HALF_EVEN == 4
        return whole + (2 * rest > b or (2 * rest == b and whole % 2))

    # What is refused

    def order_reason(self, t, alone=True):
        """State, shape, filters, in the engine's order."""
        if self.state[t.symbol] in (lay.STATE_HALT, lay.STATE_BREAK):
            return lay.REASON_MARKET_CLOSED
        if self.state[t.symbol] == lay.STATE_CANCEL_ONLY:
            return lay.REASON_CANCEL_ONLY
        if self.misshapen(t):
            return lay.REASON_BAD_SHAPE
        spec = self.symbols[t.symbol]
        unit = 10 ** max(spec.quote_digits - spec.px_digits - spec.qty_digits, 0)
        limit = (1 << 62) // max(self.base(t.symbol, 1), unit)
        if max(t.px, t.stop_px) > lay.PX_LIMIT or t.qty > limit:
            return lay.REASON_OVERFLOW
        if not self.filtered(t.symbol):
            return 0
        stays = t.kind >= 4 or t.kind == lay.TYPE_POST_ONLY
        stays = stays or (t.kind == lay.TYPE_LIMIT and t.tif == lay.TIF_GTC)
        return (
            self.price_reason(t)
            or self.size_reason(t)
            or self.worth_reason(t)
            or self.asset_reason(t)
            or (alone and stays and self.count_reason([t], False))
            or 0
        )

    def filtered(self, symbol):
        return self.symbols[symbol].filters.on or self.bounds.on

    def asset_reason(self, t):
        """MAX_ASSET: what is ordered of the base asset, what it is worth in the quote asset."""
        spec = self.symbols[t.symbol]
        px = t.px if t.kind in PRICED else self.average(t.symbol)
        worth = t.quote_qty or self.quote(t.symbol, px, t.qty, up=True)
        for asset, most in self.bounds.assets:
            if asset == spec.base and self.base(t.symbol, t.qty) > most:
                return lay.REASON_MAX_ASSET
            if asset == spec.quote and worth > most:
                return lay.REASON_MAX_ASSET
        return 0

    def misshapen(self, t):
        algo, priced = t.kind >= 4, t.kind in PRICED
        if t.qty < 0:
            return True
        if t.kind == lay.TYPE_MARKET:
            if (t.qty > 0) == (t.quote_qty > 0):
                return True
        elif t.qty <= 0 or t.quote_qty:
            return True
        if priced and t.px <= 0:
            return True
        if algo != bool(t.stop_px or t.trailing_bips):
            return True
        if t.iceberg_qty:
            gtc = t.tif == lay.TIF_GTC or t.kind == lay.TYPE_POST_ONLY
            return not (0 < t.iceberg_qty <= t.qty and priced and gtc)
        return False

    def price_reason(self, t):
        f = self.symbols[t.symbol].filters
        average = self.average(t.symbol)

        def price(px):
            if px < f.px_min:
                return lay.REASON_PRICE_MIN
            if f.px_max and px > f.px_max:
                return lay.REASON_PRICE_MAX
            return lay.REASON_PRICE_TICK if f.tick and px % f.tick else 0

        if t.kind in PRICED:
            up, down = ((f.bid_up_e6, f.bid_down_e6), (f.ask_up_e6, f.ask_down_e6))[t.side]
            if price(t.px):
                return price(t.px)
            if average and up and t.px * E6 > average * up:
                return lay.REASON_PERCENT_PRICE
            if average and down and t.px * E6 < average * down:
                return lay.REASON_PERCENT_PRICE
        return price(t.stop_px) if t.stop_px else 0

    def lot_reason(self, symbol, qty):
        f = self.symbols[symbol].filters
        if qty < f.qty_min:
            return lay.REASON_LOT_MIN
        if f.qty_max and qty > f.qty_max:
            return lay.REASON_LOT_MAX
        return lay.REASON_LOT_STEP if f.step and qty % f.step else 0

    def size_reason(self, t):
        f = self.symbols[t.symbol].filters
        if t.qty and self.lot_reason(t.symbol, t.qty):
            return self.lot_reason(t.symbol, t.qty)
        if t.qty and t.kind not in PRICED:
            if t.qty < f.market_qty_min:
                return lay.REASON_MARKET_LOT_MIN
            if f.market_qty_max and t.qty > f.market_qty_max:
                return lay.REASON_MARKET_LOT_MAX
            if f.market_step and t.qty % f.market_step:
                return lay.REASON_MARKET_LOT_STEP
        if t.iceberg_qty:
            if self.lot_reason(t.symbol, t.iceberg_qty):
                return self.lot_reason(t.symbol, t.iceberg_qty)
            if f.iceberg_parts and up_div(t.qty, t.iceberg_qty) > f.iceberg_parts:
                return lay.REASON_ICEBERG_PARTS
        if t.trailing_bips:
            above = (t.kind in (4, 5)) == (t.side == 0)
            low, high = (f.above_min, f.above_max) if above else (f.below_min, f.below_max)
            if t.trailing_bips < low or (high and t.trailing_bips > high):
                return lay.REASON_TRAILING_DELTA
        return 0

    def worth_reason(self, t):
        f = self.symbols[t.symbol].filters
        if t.kind in PRICED:
            found = self.notional_reason(t.symbol, t.px, t.qty)
        elif t.quote_qty:
            found = 0
            if f.market_minimum_on and t.quote_qty < f.notional_min:
                found = lay.REASON_NOTIONAL_MIN
            elif f.market_maximum_on and f.notional_max and t.quote_qty > f.notional_max:
                found = lay.REASON_NOTIONAL_MAX
        else:
            average = self.average(t.symbol)
            found = 0
            if average:
                found = self.notional_reason(
                    t.symbol, average, t.qty, f.market_minimum_on, f.market_maximum_on
                )
        if found:
            return found
        if f.position_max and t.side == 0:
            spec = self.symbols[t.symbol]
            has = self.total[t.account][spec.base] // self.base(t.symbol, 1)
            mine = [o for o in self.open_orders(t.account, t.symbol) if o.terms.side == 0]
            if has + sum(o.leaves for o in mine) + t.qty > f.position_max:
                return lay.REASON_MAX_POSITION
        return 0

    def notional_reason(self, symbol, px, qty, least=True, most=True):
        f = self.symbols[symbol].filters
        if least and f.notional_min and self.quote(symbol, px, qty) < f.notional_min:
            return lay.REASON_NOTIONAL_MIN
        if most and f.notional_max and self.quote(symbol, px, qty, up=True) > f.notional_max:
            return lay.REASON_NOTIONAL_MAX
        return 0

    def open_orders(self, account, symbol):
        mine = [o for o in self.orders if o.terms.account == account]
        return [o for o in mine if o.terms.symbol == symbol]

    def count_reason(self, legs, as_list):
        """On the symbol, then on the exchange."""
        account = legs[0].account
        mine = self.open_orders(account, legs[0].symbol)
        everywhere = [o for o in self.orders if o.terms.account == account]
        f = self.symbols[legs[0].symbol].filters
        for held, rules, reasons in ((mine, f, ON_SYMBOL), (everywhere, self.bounds, ON_EXCHANGE)):
            counts = (
                (rules.orders_max, len(held), len(legs)),
                (rules.algo_max, *counted(held, legs, lambda t: t.kind >= 4)),
                (rules.iceberg_max, *counted(held, legs, lambda t: t.iceberg_qty > 0)),
                (rules.lists_max, len({id(o.group) for o in held if o.group}), int(as_list)),
            )
            for (most, open_now, more), reason in zip(counts, reasons, strict=True):
                if most and more and open_now + more > most:
                    return reason
        return 0
