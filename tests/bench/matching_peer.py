"""A matching engine the usual Python way: sorted prices, a queue per price, a dict of orders.

Price-time priority, limit orders and cancels, an event tuple for each acceptance, trade and end; no
balances, no filters. The workload is that of `matching_stand`: bids and asks in turn over ten
prices each, every third operation a cancel of an order picked at random.
"""

from __future__ import annotations

import time
from collections import OrderedDict

import numpy as np
from sortedcontainers import SortedDict

NAME = "price-time matching in Python (sortedcontainers), without balances"


class Matcher:
    """One book. An order is [id, price, what is left, is a bid]."""

    def __init__(self) -> None:
        self.bids, self.asks = SortedDict(), SortedDict()
        self.orders: dict[int, list[int]] = {}
        self.events: list[tuple[str, int, int, int]] = []

    def new(self, order_id: int, bid: bool, px: int, qty: int) -> None:
        """Match, then rest."""
        self.events.append(("accepted", order_id, px, qty))
        others = self.asks if bid else self.bids
        while qty and others:
            best, queue = others.peekitem(0 if bid else -1)
            if best > px if bid else best < px:
                break
            while qty and queue:
                standing = next(iter(queue.values()))
                traded = min(qty, standing[2])
                qty -= traded
                standing[2] -= traded
                self.events.append(("trade", standing[0], best, traded))
                if not standing[2]:
                    del queue[standing[0]], self.orders[standing[0]]
                    self.events.append(("filled", standing[0], best, 0))
            if not queue:
                del others[best]
        if qty:
            order = self.orders[order_id] = [order_id, px, qty, bid]
            side = self.bids if bid else self.asks
            side.setdefault(px, OrderedDict())[order_id] = order

    def cancel(self, order_id: int) -> None:
        """Take an order out, if it is there."""
        order = self.orders.pop(order_id, None)
        if order is None:
            self.events.append(("unknown", order_id, 0, 0))
            return
        side = self.bids if order[3] else self.asks
        queue = side[order[1]]
        del queue[order_id]
        if not queue:
            del side[order[1]]
        self.events.append(("canceled", order_id, order[1], order[2]))


def per_s(operations: int) -> float:
    """Operations a second."""
    rng = np.random.Generator(np.random.PCG64(1))
    away = rng.integers(0, 10, operations).tolist()
    lots = ((rng.integers(0, 10, operations) + 1) * 100).tolist()
    picked = rng.random(operations).tolist()
    book = Matcher()
    began = time.perf_counter()
    for number in range(operations):
        if number % 3 == 2:
            book.cancel(number - 1 - int(picked[number] * min(number, 64)))
        else:
            bid = number % 2 == 0
            book.new(number, bid, (1880 if bid else 1884) + away[number], lots[number])
        if len(book.events) > 4096:
            book.events.clear()
    return operations / (time.perf_counter() - began)
