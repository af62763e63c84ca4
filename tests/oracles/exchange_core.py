"""A desk of named clients on our engine, in the terms of exchange-core's scenarios.

There a bid reserves its funds at a *reserve price*, up to which it may later be moved. Ours does
not know that: the difference to the order's own price is kept outside of the account as long as
the order stands. Moving a price is our cancel-replace of what is open. A margin symbol asks no
balances of its currencies, only margin per lot in its quote currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine, EngineSymbol, Terms

ACCOUNTS = 64
CURRENCIES = ("ETH", "XBT", "EUR", "USD", "LTC", "JPY")
SIDES = {"BID": lay.SIDE_BUY, "ASK": lay.SIDE_SELL}
TIMES = {"GTC": lay.TIF_GTC, "IOC": lay.TIF_IOC, "FOK": lay.TIF_FOK}
NSF = "RISK_NSF"


@dataclass(frozen=True, slots=True)
class Spec:
    """A symbol of that engine: units per lot and per price step; margin per lot when bought and
    sold (0 = a spot pair)."""

    row: int
    base: str
    quote: str
    base_unit_digits: int
    quote_unit_digits: int
    margins: tuple[int, int] = (0, 0)


SPECS = {
    "ETH_XBT": Spec(0, "ETH", "XBT", 5, 1),
    "EUR_USD": Spec(0, "EUR", "USD", 0, 0, (2200, 3210)),
}


@dataclass(slots=True)
class Placed:
    """An order as the scenario sees it, through its moves."""

    client: str
    symbol: str
    side: int
    px: int
    size: int
    reserve_px: int
    engine_id: int = 0
    slot: int = -1
    filled: int = 0
    open: bool = True
    held: int = 0
    """Money beyond what the engine locks."""


def _engine(spec: Spec) -> Engine:
    symbol = EngineSymbol(
        CURRENCIES.index(spec.base), CURRENCIES.index(spec.quote), 0, 0,
        spec.base_unit_digits, spec.quote_unit_digits, 1,
    )  # fmt: skip
    size = Capacity(orders=512, levels_per_side=256, accounts=ACCOUNTS, commands=16)
    return Engine((symbol,), size, check_funds=not any(spec.margins))


@dataclass
class Desk:
    """Clients, their balances and orders; every call returns a result code."""

    engines: dict[str, Engine] = field(
        default_factory=lambda: {name: _engine(spec) for name, spec in SPECS.items()}
    )
    clients: dict[str, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    orders: dict[int, Placed] = field(default_factory=dict)
    trades: list[tuple[int, int, int, bool, int]] = field(default_factory=list)
    """Of the last command: maker's id, price, quantity, whether the maker is complete, the
    bidder's reserve price."""

    def __post_init__(self) -> None:
        self.spot = self.engines["ETH_XBT"]

    def account(self, client: str) -> int:
        """Row of a client, made when it is first named."""
        return self.clients.setdefault(client, len(self.clients))

    def add(self, client: str, currency: str, amount: int) -> None:
        """More, or less when `amount` is negative."""
        row, asset = self.account(client), CURRENCIES.index(currency)
        self.away.discard(client)
        if amount >= 0:
            self.spot.deposit(row, asset, amount)
        else:
            self.spot.withdraw(row, asset, -amount)

    def balance(self, client: str, currency: str) -> int:
        return int(self.spot.free[self.account(client), CURRENCIES.index(currency)])

    def open_orders(self, client: str) -> dict[int, Placed]:
        found = self.orders.items()
        return {number: o for number, o in found if o.client == client and o.open}

    def place(self, number: int, order: Placed, tif: int) -> str:
        """Carry out a new order."""
        spec = SPECS[order.symbol]
        self.trades = []
        if any(spec.margins):
            if self._margin(order) > self.balance(order.client, spec.quote):
                return NSF
        elif order.side == lay.SIDE_BUY:
            if order.reserve_px < order.px:
                return "RISK_INVALID_RESERVE_BID_PRICE"
            if not self._hold(order, order.size):
                return NSF
        account = self.account(order.client)
        engine = self.engines[order.symbol]
        engine.push_new(
            0, account, order.side, lay.TYPE_LIMIT, tif, order.px, order.size, 0, number
        )
        self.orders[number] = order
        code = self._told(order.symbol, engine.run())
        if code:
            del self.orders[number]
            self._release(order)
        return code or "SUCCESS"

    def move(self, client: str, number: int, px: int) -> str:
        """Cancel what is open and place it anew at `px`."""
        self.trades = []
        order = self.open_orders(client).get(number)
        if order is None:
            return "MATCHING_UNKNOWN_ORDER_ID"
        spot = not any(SPECS[order.symbol].margins)
        if spot and order.side == lay.SIDE_BUY and px > order.reserve_px:
            return "MATCHING_MOVE_FAILED_PRICE_OVER_RISK_LIMIT"
        self._release(order)
        order.px = px
        engine = self.engines[order.symbol]
        terms = Terms(
            0, self.account(client), order.side, lay.TYPE_LIMIT, lay.TIF_GTC, px,
            order.size - order.filled, tag=number,
        )  # fmt: skip
        engine.push_replace(order.slot, order.engine_id, terms)
        return self._told(order.symbol, engine.run()) or "SUCCESS"

    def cancel(self, client: str, number: int) -> tuple[str, int]:
        """(result, what was open)."""
        self.trades = []
        order = self.open_orders(client).get(number)
        if order is None:
            return "MATCHING_UNKNOWN_ORDER_ID", 0
        engine = self.engines[order.symbol]
        engine.push_cancel(0, self.account(client), order.slot, order.engine_id, number)
        events = engine.run()
        canceled = [e for e in events if e[0] == lay.EV_CANCELED]
        self._told(order.symbol, events)
        order.open = False
        self._release(order)
        return "SUCCESS", canceled[0][7] if canceled else 0

    def book(self, symbol: str) -> dict[int, tuple[int, int]]:
        """Price -> (bid size, ask size)."""
        engine = self.engines[symbol]
        bids, asks = (dict(engine.side(0, side, 1000)) for side in (0, 1))
        return {px: (bids.get(px, 0), asks.get(px, 0)) for px in bids | asks}

    def suspend(self, client: str) -> str:
        """A client may leave when it has nothing free."""
        if any(self.balance(client, currency) for currency in CURRENCIES):
            return "USER_MGMT_USER_NOT_SUSPENDABLE_NON_EMPTY_ACCOUNTS"
        self.away.add(client)
        return "SUCCESS"

    # Reserves and events

    def _margin(self, order: Placed) -> int:
        """Margin of what the client has open or holds in this symbol, with this order."""
        spec = SPECS[order.symbol]
        mine = [
            o for o in self.orders.values() if (o.client, o.symbol) == (order.client, order.symbol)
        ]
        sizes = [0, 0]
        for each in (*mine, order):
            sizes[each.side] += each.size if each.open else each.filled
        return max(sizes[0] * spec.margins[0], sizes[1] * spec.margins[1])

    def _hold(self, order: Placed, leaves: int) -> bool:
        """Keep the reserve price's difference for `leaves`; False when funds are short."""
        spec = SPECS[order.symbol]
        held = (order.reserve_px - order.px) * leaves * 10**spec.quote_unit_digits
        if held > self.balance(order.client, spec.quote):
            return False
        self.add(order.client, spec.quote, -held)
        order.held = held
        return True

    def _release(self, order: Placed) -> None:
        if order.held:
            self.add(order.client, SPECS[order.symbol].quote, order.held)
        order.held = 0

    def _told(self, symbol: str, events: list) -> str:
        """Follow the engine's events; a refusal's code, or nothing."""
        spec = SPECS[symbol]
        touched: dict[int, Placed] = {}
        for event in events:
            names = dict(zip(lay.EVENT.names or (), event, strict=True))
            if names["kind"] == lay.EV_REJECTED:
                return NSF if names["reason"] == lay.REASON_NO_FUNDS else "ENGINE_REFUSED"
            if names["kind"] == lay.EV_ACCEPTED:
                order = self.orders[names["tag"]]
                order.engine_id, order.slot = names["order_id"], names["slot"]
                touched[names["tag"]] = order
            elif names["kind"] == lay.EV_EXPIRED:
                self.orders[names["tag"]].open = False
            elif names["kind"] == lay.EV_TRADE:
                self._traded(symbol, names, touched)
        for order in touched.values():
            if order.side == lay.SIDE_BUY and not any(spec.margins):
                self._release(order)
                if order.open:
                    self._hold(order, order.size - order.filled)
        return ""

    def _traded(self, symbol: str, trade: dict[str, int], touched: dict[int, Placed]) -> None:
        maker = next(
            number
            for number, o in self.orders.items()
            if o.symbol == symbol and o.engine_id == trade["maker_order_id"]
        )
        taker = trade["tag"]
        for number in (maker, taker):
            order = self.orders[number]
            order.filled += trade["qty"]
            order.open = order.filled < order.size
            touched[number] = order
            self.away.discard(order.client)
        bid = maker if self.orders[maker].side == lay.SIDE_BUY else taker
        self.trades.append(
            (maker, trade["px"], trade["qty"], not self.orders[maker].open,
             self.orders[bid].reserve_px)
        )  # fmt: skip
