"""The reference book's commands: each returns the events in words."""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from shm_layout.money import INT64_MAX
from tests.oms.exchange.reference_book import ALGO, MARKET_KINDS, STOPS, Order, OrderList
from tests.oms.exchange.reference_book import ReferenceBook as Book


class Reference(Book):
    """A `ReferenceBook` that takes commands."""

    def done(self):
        self.drain()
        out, self.out = self.out, []
        return out

    def deposit(self, account, asset, amount):
        self.total[account][asset] += amount

    def basis(self, t):
        """The price that an order is reserved at."""
        if t.kind not in MARKET_KINDS:
            return t.px
        if t.kind == lay.TYPE_MARKET:
            return 0
        return t.stop_px or self.last_px[t.symbol]

    def book_reason(self, t):
        if t.kind == lay.TYPE_POST_ONLY:
            for maker in self.book(t.symbol, 1 - t.side)[:1]:
                if maker.px <= t.px if t.side == 0 else maker.px >= t.px:
                    return lay.REASON_WOULD_TAKE
        last = self.last_px[t.symbol]
        if t.kind in ALGO and t.stop_px and last:
            up = (t.kind in STOPS) == (t.side == 0)
            if last >= t.stop_px if up else last <= t.stop_px:
                return lay.REASON_WOULD_TRIGGER
        return 0

    def write(self, t, qty, group=None):
        order = Order(self.next_order, t, qty, self.basis(t), qty, group=group)
        self.next_order += 1
        self.orders.append(order)
        return order

    def accept(self, order, wait, leg=-1):
        list_id = order.group.list_id if order.group else 0
        self.out.append(("accepted", order.order_id, list_id, leg, wait, order.qty, order.terms.px))

    def new(self, t):
        reason = self.order_reason(t)
        if reason:
            self.out.append(("rejected", t.tag, reason))
        else:
            self.place(t)
        return self.done()

    def place(self, t):
        reason = self.book_reason(t)
        if reason:
            self.out.append(("rejected", t.tag, reason))
            return
        qty, spent = t.qty, False
        if t.kind == lay.TYPE_MARKET:
            asks = Order(0, t, 0, 0, 0)
            got, need, dry = self.plan(asks, t.qty, t.quote_qty)
            if t.quote_qty:
                qty, spent = got, dry or got == 0
            if t.side == 1:
                need = self.base(t.symbol, qty)
        else:
            need = self.cost(t.symbol, t.side, self.basis(t), qty)
        short = self.free(t.account, self.pays(t)) < need
        if short or need > INT64_MAX:
            reason = lay.REASON_OVERFLOW if need > INT64_MAX else lay.REASON_NO_FUNDS
            self.out.append(("rejected", t.tag, reason))
            return
        order = self.write(t, qty)
        if t.kind in ALGO:
            self.accept(order, lay.WAIT_TRIGGER)
            self.arm(order)
        else:
            order.reserved = need
            self.accept(order, lay.WAIT_NOTHING)
            self.run(order, spent)

    def find(self, order_id, symbol=None):
        """An open order; of that symbol, where one is named."""
        for order in self.orders:
            if order.order_id == order_id:
                return order if symbol in (None, order.terms.symbol) else None
        return None

    def cancel(self, symbol, order_id, restriction):
        """Emits; True when it was cancelled."""
        order = self.find(order_id, symbol)
        reason = 0
        only_new = restriction == lay.RESTRICT_ONLY_NEW
        only_partly = restriction == lay.RESTRICT_ONLY_PARTLY_FILLED
        if self.state[symbol] in (lay.STATE_HALT, lay.STATE_BREAK):
            reason = lay.REASON_MARKET_CLOSED
        elif order is None:
            reason = lay.REASON_UNKNOWN_ORDER
        elif (only_new and order.filled) or (only_partly and not order.filled):
            reason = lay.REASON_RESTRICTED
        if reason:
            self.out.append(("cancel_rejected", order_id, reason))
            return False
        group = order.group
        if group is None:
            self.close(order, "canceled", 0)
            return True
        legs = ([group.working] if group.working else []) + group.pair
        group.working, group.pair = None, []
        for leg in legs:
            self.close(leg, "canceled", 0)
        self.finish(group)
        return True

    def cancel_only(self, symbol, order_id, restriction):
        self.cancel(symbol, order_id, restriction)
        return self.done()

    def replace(self, t, order_id, mode, restriction):
        reason = self.order_reason(t)
        if reason:
            self.out.append(("rejected", t.tag, reason))
        elif self.cancel(t.symbol, order_id, restriction) or mode == lay.REPLACE_ALLOW_FAILURE:
            self.place(t)
        else:
            self.out.append(("not_attempted", t.tag))
        return self.done()

    def amend(self, symbol, order_id, qty):
        order = self.find(order_id, symbol)
        reason = self.amend_reason(symbol, order, qty)
        if reason:
            self.out.append(("amend_rejected", order_id, reason))
            return self.done()
        others = []
        if order.group and order in order.group.pair:
            others = [leg for leg in order.group.pair if leg is not order]
        for each in (order, *others):
            shown = each.shown
            each.leaves -= each.qty - qty
            each.qty = qty
            each.amends += 1
            each.shown = min(each.shown, each.leaves)
            self.out.append(("amended", each.order_id, qty, each.leaves))
            if each.where == "book" and each.shown != shown:
                self.tell_l3("l3 change", each)
                self.tell_level(each.terms.symbol, each.terms.side, each.px)
        return self.done()

    def amend_reason(self, symbol, order, qty):
        if self.state[symbol] in (lay.STATE_HALT, lay.STATE_BREAK):
            return lay.REASON_MARKET_CLOSED
        if self.state[symbol] == lay.STATE_CANCEL_ONLY:
            return lay.REASON_CANCEL_ONLY
        if order is None:
            return lay.REASON_UNKNOWN_ORDER
        if not order.qty - order.leaves < qty < order.qty:
            return lay.REASON_AMEND_QTY
        rules = self.symbols[symbol].filters
        if not rules.on:
            return 0
        if rules.amends_max and order.amends >= rules.amends_max:
            return lay.REASON_MAX_AMENDS
        priced = order.terms.kind not in MARKET_KINDS
        worth = self.notional_reason(symbol, order.px, qty) if priced else 0
        return self.lot_reason(symbol, qty) or worth

    # Lists

    def new_list(self, kind, legs, tag):
        reason = self.list_reason(kind, legs) or self.list_short(kind, legs)
        if reason:
            self.out.append(("rejected", tag, reason))
            return self.done()
        group = OrderList(self.next_list, kind, tag)
        self.next_list += 1
        self.lists.append(group)
        orders = [self.write(leg, leg.qty, group) for leg in legs]
        if kind == lay.LIST_OCO:
            group.pair = list(orders)
        else:
            group.working, group.pair = orders[0], orders[1:]
        self.tell_list(group, lay.LIST_STARTED)
        for number, order in enumerate(orders):
            wait = lay.WAIT_NOTHING
            if order is not group.working and kind != lay.LIST_OCO:
                wait, order.where = lay.WAIT_WORKING, "pending"
            elif order.terms.kind in ALGO:
                wait = lay.WAIT_TRIGGER
            self.accept(order, wait, number)
        for order in orders if kind == lay.LIST_OCO else orders[:1]:
            if order.terms.kind in ALGO:
                self.arm(order)
            else:
                order.reserved = self.need(order)
                self.run(order)
        return self.done()

    def list_reason(self, kind, legs):
        for leg in legs:
            if reason := self.order_reason(leg, alone=False):
                return reason
        pair = legs if kind == lay.LIST_OCO else legs[1:]
        if kind != lay.LIST_OCO and legs[0].kind not in (lay.TYPE_LIMIT, lay.TYPE_POST_ONLY):
            return lay.REASON_BAD_SHAPE
        if kind == lay.LIST_OTO:
            reason = lay.REASON_BAD_SHAPE if legs[1].quote_qty else 0
        else:
            reason = self.pair_reason(*pair)
        if not reason and self.filtered(legs[0].symbol):
            reason = self.count_reason(legs, True)
        starts = legs if kind == lay.LIST_OCO else legs[:1]
        for leg in starts:
            reason = reason or self.book_reason(leg)
        return reason

    def pair_reason(self, one, two):
        stops = [t for t in (one, two) if t.kind in STOPS]
        gains = [t for t in (one, two) if t.kind in (lay.TYPE_POST_ONLY, 6, 7)]
        if one.side != two.side or one.qty != two.qty or not (len(stops) == len(gains) == 1):
            return lay.REASON_BAD_SHAPE
        gain_px = gains[0].px if gains[0].kind == lay.TYPE_POST_ONLY else gains[0].stop_px
        stop_px = stops[0].stop_px
        if gain_px and stop_px and not (stop_px < gain_px if one.side else stop_px > gain_px):
            return lay.REASON_LIST_PRICES
        return 0

    def list_short(self, kind, legs):
        """NO_FUNDS, when some asset does not suffice for all legs."""
        needs = [(self.pays(t), self.cost(t.symbol, t.side, self.basis(t), t.qty)) for t in legs]
        if any(need > INT64_MAX for _, need in needs):
            return lay.REASON_OVERFLOW
        first = [] if kind == lay.LIST_OCO else [needs[0]]
        rest = needs if kind == lay.LIST_OCO else needs[1:]
        wanted = [*first, (rest[0][0], max(need for _, need in rest))]
        for asset in {asset for asset, _ in wanted}:
            total = sum(need for each, need in wanted if each == asset)
            if self.free(legs[0].account, asset) < total:
                return lay.REASON_NO_FUNDS
        return 0
