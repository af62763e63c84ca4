"""Engine events -> order reports, public trades, level changes and tickers.

Owned by `live.LiveMarket`, which says before each command whose orders it is about to place; the
teller gives them their numbers as the engine does. What happens to the house's orders goes to its
flow. One event tells one fact; where the engine tells the same end twice (a self-trade prevented,
then expired) the first one counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Engine
from oms.exchange.flow import Flow
from oms.exchange.market import TRADES_KEPT_MAX, LevelChange, PublicEvent, PublicTrade, Ticker
from oms.exchange.order_log import OrderLog
from oms.exchange.orders import (
    Amendment,
    Fill,
    Order,
    OrderRequest,
    PreventedMatch,
    expiry_of,
)
from shm_layout.enums import OrderState

Event = tuple[Any, ...]
(
    KIND, SYMBOL, SIDE, ACCOUNT, ORDER_ID, PX, QTY, LEAVES, QUOTE, FEE, MAKER_ORDER_ID,
    MAKER_LEAVES, MAKER_FEE, TRADE_ID, UPDATE_ID, _TAG, SLOT, MAKER_SLOT, MAKER_ACCOUNT, REASON,
    FEE_ASSET, MAKER_FEE_ASSET,
) = range(22)  # fmt: skip
"""Places of `layout_hot.EVENT`'s fields in an event."""
_MODE_TAKES = {
    lay.STP_EXPIRE_TAKER: (True, False),
    lay.STP_EXPIRE_MAKER: (False, True),
}
"""Whether a mode prevents quantity of (taker, maker); the others prevent both."""


class Teller:
    """See the module's text."""

    def __init__(self, engine: Engine, log: OrderLog, accounts: int, flows: Sequence[Flow]) -> None:
        self._engine = engine
        self._log = log
        self._accounts = accounts
        self._flows = flows
        self._slots: dict[int, int] = {}
        self._untracked: dict[int, Order] = {}
        """Trailing orders that do not follow the price yet."""
        self._public: list[PublicEvent] = []
        symbols = len(engine.symbols)
        self.trades: list[deque[PublicTrade]] = [
            deque(maxlen=TRADES_KEPT_MAX) for _ in range(symbols)
        ]
        self.tickers = [Ticker(k, 0, 0, 0, 0, 0) for k in range(symbols)]
        self.now_ns = 0
        self._told: list[Event] = []
        """What this turn of the engine did."""
        self._handlers: dict[int, Callable[[Event], None]] = {
            lay.EV_ACCEPTED: self._accepted,
            lay.EV_REJECTED: self._refused,
            lay.EV_AMEND_REJECTED: self._refused,
            lay.EV_CANCEL_REJECTED: self._cancel_refused,
            lay.EV_NOT_ATTEMPTED: self._not_attempted,
            lay.EV_CANCELED: self._canceled,
            lay.EV_EXPIRED: self._expired,
            lay.EV_FILLED: self._filled,
            lay.EV_TRIGGERED: self._triggered,
            lay.EV_PLACED: self._leg_placed,
            lay.EV_AMENDED: self._amended,
        }
        self.expect(())

    def expect(self, requests: tuple[OrderRequest, ...], cancel_id: str = "") -> None:
        """The next command places these (legs in their order), or cancels under `cancel_id`."""
        self._asked = requests
        self._cancel_id = cancel_id
        self._amend: tuple[int, str] = (0, "")
        self.placed: list[Order] = []
        self.amendment: Amendment | None = None
        self.reason = lay.REASON_NONE
        self.cancel_reason = lay.REASON_NONE
        self.not_attempted = False

    def expect_amend(self, order_id: int, client_id: str) -> None:
        """The next command amends this order, which gets this client id."""
        self.expect(())
        self._amend = (order_id, client_id)

    def slot(self, order_id: int) -> int:
        return self._slots.get(order_id, lay.NONE)

    def take_public(self) -> list[PublicEvent]:
        taken, self._public = self._public, []
        return taken

    def tell(self, events: list[Event], now_ns: int) -> None:
        """Everything that one turn of the engine did."""
        self.now_ns = max(self.now_ns, now_ns)
        touched: set[int] = set()
        self._told = events
        for event in events:
            kind = event[KIND]
            if kind == lay.EV_LEVEL:
                touched.add(event[SYMBOL])
                self._public.append(
                    LevelChange(
                        event[SYMBOL], event[SIDE], event[PX], event[LEAVES], event[UPDATE_ID]
                    )
                )
            elif kind == lay.EV_TRADE:
                self._trade(event)
            elif kind == lay.EV_PREVENTED:
                self._prevented(event)
            elif event[ACCOUNT] >= self._accounts:
                self._flows[event[SYMBOL]].on_event(event)
            elif kind in self._handlers:
                self._handlers[kind](event)
        for symbol in sorted(touched):
            self._refresh_ticker(symbol)
        if self._untracked:
            self._look_at_trailing()

    # Trades

    def _trade(self, event: Event) -> None:
        symbol, side = event[SYMBOL], event[SIDE]
        trade = PublicTrade(
            symbol, event[TRADE_ID], event[PX], event[QTY], self.now_ns, side == lay.SIDE_SELL,
            event[ORDER_ID],
        )  # fmt: skip
        self._public.append(trade)
        self.trades[symbol].append(trade)
        for account, order_id, own_side, fee, fee_asset, is_maker in (
            (event[ACCOUNT], event[ORDER_ID], side, event[FEE], event[FEE_ASSET], False),
            (
                event[MAKER_ACCOUNT], event[MAKER_ORDER_ID], 1 - side, event[MAKER_FEE],
                event[MAKER_FEE_ASSET], True,
            ),
        ):  # fmt: skip
            if account >= self._accounts:
                if is_maker:
                    self._flows[symbol].on_maker_fill(order_id, event[MAKER_LEAVES])
                continue
            order = self._known(order_id)
            fill = Fill(
                event[TRADE_ID], order_id, symbol, account, own_side, event[PX], event[QTY],
                event[QUOTE], fee, fee_asset, is_maker, self.now_ns, order.list_id,
            )  # fmt: skip
            expires = order.request.quote_qty > 0 and self._expires(order_id)
            self._log.fill(order, fill, ends=not expires)
            self._let_go(order)

    def _expires(self, order_id: int) -> bool:
        """Whether an order expires in this turn of the engine."""
        return any(e[KIND] == lay.EV_EXPIRED and e[ORDER_ID] == order_id for e in self._told)

    def _prevented(self, event: Event) -> None:
        mode = event[REASON]
        meant = [self._log.any_by_id(event[k]) for k in (ORDER_ID, MAKER_ORDER_ID)]
        match = PreventedMatch(
            event[TRADE_ID], event[SYMBOL], event[ORDER_ID], event[MAKER_ORDER_ID],
            event[ACCOUNT], event[MAKER_ACCOUNT], mode, event[PX],
            min((order.leaves for order in meant if order), default=0), event[QTY], event[FEE],
            int(self._engine.accounts["group"][event[ACCOUNT]]), self.now_ns,
        )  # fmt: skip
        takes_taker, takes_maker = _MODE_TAKES.get(mode, (True, True))
        self._log.keep_prevented(match)
        for account, order_id, qty, leaves, takes in (
            (event[MAKER_ACCOUNT], event[MAKER_ORDER_ID], event[FEE], event[MAKER_LEAVES],
             takes_maker),
            (event[ACCOUNT], event[ORDER_ID], event[QTY], event[LEAVES], takes_taker),
        ):  # fmt: skip
            if account < self._accounts and takes:
                order = self._known(order_id)
                self._log.prevent(order, match, qty, ended=leaves == 0)
                self._let_go(order)

    # Orders of the desk

    def _known(self, order_id: int) -> Order:
        order = self._log.any_by_id(order_id)
        assert order is not None, f"the engine tells of order {order_id}, which is not known"
        return order

    def _let_go(self, order: Order) -> None:
        if not order.is_open:
            self._slots.pop(order.order_id, None)
            if self._untracked:
                self._untracked.pop(order.order_id, None)

    def _accepted(self, event: Event) -> None:
        list_id = event[MAKER_ORDER_ID]
        request = self._asked[event[MAKER_SLOT] if list_id else 0]
        waits = event[REASON]
        now_ns = self.now_ns
        order = Order(
            event[ORDER_ID], request, now_ns, now_ns,
            OrderState.PENDING_NEW if waits == lay.WAIT_WORKING else OrderState.OPEN, 0, 0,
            event[QTY], request.client_id, now_ns if waits == lay.WAIT_NOTHING else -1, -1,
            list_id or -1,
        )  # fmt: skip
        self._slots[order.order_id] = event[SLOT]
        if request.trailing_bips:
            self._untracked[order.order_id] = order
        self.placed.append(order)
        self._log.add(order)

    def _refused(self, event: Event) -> None:
        self.reason = event[REASON]

    def _cancel_refused(self, event: Event) -> None:
        self.cancel_reason = event[REASON]

    def _not_attempted(self, event: Event) -> None:
        del event
        self.not_attempted = True

    def _canceled(self, event: Event) -> None:
        order = self._known(event[ORDER_ID])
        self._log.end(order, OrderState.CANCELED, self.now_ns, self._cancel_id)
        self._let_go(order)

    def _expired(self, event: Event) -> None:
        order = self._known(event[ORDER_ID])
        if not order.is_open:
            assert event[REASON] == lay.REASON_STP, f"order {order.order_id} ended twice"
            return
        self._log.expire(order, expiry_of(order, event[REASON]), self.now_ns)
        self._let_go(order)

    def _filled(self, event: Event) -> None:
        """The taker's end. One by quote amount may have met other prices than it planned for."""
        order = self._known(event[ORDER_ID])
        if order.is_open:
            order.qty = order.cum_qty + order.prevented_qty
            self._log.end(order, OrderState.FILLED, self.now_ns)
            self._let_go(order)

    def _triggered(self, event: Event) -> None:
        order = self._known(event[ORDER_ID])
        order.working_ns = self.now_ns
        self._untracked.pop(order.order_id, None)
        if order.request.trailing_bips and order.trailing_ns < 0:
            order.trailing_ns = self.now_ns
        self._log.activate(order, self.now_ns)

    def _leg_placed(self, event: Event) -> None:
        order = self._known(event[ORDER_ID])
        if event[REASON] == lay.WAIT_NOTHING:
            order.working_ns = self.now_ns
        self._log.activate(order, self.now_ns)

    def _amended(self, event: Event) -> None:
        order = self._known(event[ORDER_ID])
        amended_id, client_id = self._amend
        name = client_id if order.order_id == amended_id else order.client_id
        amendment = self._log.amend(order, event[QTY], name, self.now_ns)
        if order.order_id == amended_id:
            self.amendment = amendment

    def _look_at_trailing(self) -> None:
        """The engine tells no event when an order begins to follow the price: its row does."""
        for order_id, order in list(self._untracked.items()):
            if int(self._engine.orders["flags"][self._slots[order_id]]) & lay.F_TRACKING:
                order.trailing_ns = self.now_ns
                del self._untracked[order_id]

    # The market

    def _refresh_ticker(self, symbol: int) -> None:
        update_id = int(self._engine.symbols["update_id"][symbol])
        now = Ticker(symbol, update_id, *self._engine.best(symbol))
        before = self.tickers[symbol]
        self.tickers[symbol] = now
        if (now.bid_px, now.bid_qty, now.ask_px, now.ask_qty) != (
            before.bid_px,
            before.bid_qty,
            before.ask_px,
            before.ask_qty,
        ):
            self._public.append(now)
