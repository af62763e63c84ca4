"""What a strategy knows of its orders: by risk's updates, and by its tables after a loss.

Owner: `oms/agents/strategy/agent.py`. An `Order` keeps its identity for as long as the strategy
lives, because the plugin holds on to it. An intent that risk has taken and whose order is in no
table was refused; one that risk has not taken yet is waited for.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from oms.ids import COUNT_MAX
from oms.orders.states import TERMINAL
from oms.ports import Ports
from oms.strategies.base import Order
from shm_layout.enums import Action, OrderState, OrderType, RejectReason, Side, TimeInForce
from shm_layout.packing import packing
from shm_layout.records import ORDER_UPDATE, UNDEF
from shm_layout.ring import RingWriter
from shm_layout.ring_hot import READ_POS


class Update(NamedTuple):
    """What a strategy takes of an ORDER_UPDATE, in the order of its fields."""

    flags: int
    client_order_id: int
    strategy_id: int
    state: int
    reason: int
    intent_id: int
    cum_qty: int
    leaves_qty: int
    last_px: int
    last_qty: int
    action: int
    edge_e4: int
    position_qty: int
    text: bytes
    """Filled up with zero bytes."""


UPDATE, _NAMES = packing(ORDER_UPDATE, Update._fields)
assert Update._fields == _NAMES
_PLACING = (Action.NEW, Action.REPLACE)
_STATES = {int(state): state for state in OrderState}
_new = tuple.__new__


def updates(data: bytes, mine: Collection[int], flag: int) -> list[Update]:
    """The updates of these strategies among records as bytes, and whichever carry the flag."""
    found = []
    for values in UPDATE.iter_unpack(data):
        update: Update = _new(Update, values)
        if update.strategy_id in mine or update.flags & flag:
            found.append(update)
    return found


class OrderBook:
    """Orders of one strategy. `orders` (by intent_id) is the agent's own dict, never replaced.
    `strategy_ids` are its rows, one for each of its accounts.
    """

    def __init__(
        self,
        orders: dict[int, Order],
        strategy_ids: Collection[int],
        ports: Ports,
        intents: RingWriter,
    ) -> None:
        self.orders = orders
        self._positions: dict[int, dict[int, int]] = {}
        """Instrument -> our row -> position there."""
        self.cancels: dict[int, Order] = {}
        """Cancels that were asked and not answered, by their own intent_id."""
        self.replaced: dict[int, Order] = {}
        """Orders whose place another is to take, by that one's intent_id, until risk has spoken."""
        self._strategy_ids = frozenset(strategy_ids)
        self._intents = intents
        self._by_client_id: dict[int, Order] = {}
        self._order_table = ports.table_reader("orders")
        self._position_table = ports.table_reader("positions")
        self.intent_id = 0
        """The last intent that was written."""
        if intents.pos:
            last = (intents.pos - 1) & (intents.channel.slots - 1)
            self.intent_id = int(intents.slots["intent_id"][last])

    def next_intent(self) -> int:
        """Count the intent that was written just now."""
        self.intent_id += 1
        return self.intent_id

    # Updates

    def take(self, update: Update) -> Order | None:
        """Fold one update; the order that it is about, None = none of ours."""
        client_order_id, action = update.client_order_id, update.action
        if action == Action.CANCEL:
            asked = self.cancels.pop(update.intent_id, None)
            if not client_order_id:
                return self._cancel_refused(asked)
        if action == Action.REPLACE:
            replaced = self.replaced.pop(update.intent_id, None)
            if not client_order_id:
                self._cancel_refused(replaced)
        order = self._by_client_id.get(client_order_id) if client_order_id else None
        if order is None and action in _PLACING:
            order = self.orders.get(update.intent_id)
        if order is None and client_order_id:
            order = self._adopt(client_order_id)
        if order is None:
            return None
        if client_order_id:
            order.client_order_id = client_order_id
            order.leaves_qty = _or_zero(update.leaves_qty)
        order.state = _STATES[update.state]
        order.cancel_asked = order.state is OrderState.PENDING_CANCEL
        self._keep(order)
        return order

    def _cancel_refused(self, order: Order | None) -> Order | None:
        """It may be asked again, if the order is still there."""
        if order is None or order.intent_id not in self.orders:
            return None
        order.cancel_asked = order.state is OrderState.PENDING_CANCEL
        return order

    def _adopt(self, client_order_id: int) -> Order | None:
        """An order of an earlier incarnation of this strategy, from risk's table."""
        index = (client_order_id & COUNT_MAX) & (len(self._order_table.rows) - 1)
        row = self._order_table.read(index)
        if row is None or int(row["client_order_id"]) != client_order_id:
            return None
        if OrderState(int(row["state"])) in TERMINAL:
            return None
        return _order_of(row)

    def _keep(self, order: Order) -> None:
        if order.state in TERMINAL:
            self.orders.pop(order.intent_id, None)
            self._by_client_id.pop(order.client_order_id, None)
            return
        self.orders[order.intent_id] = order
        if order.client_order_id:
            self._by_client_id[order.client_order_id] = order

    # Tables

    def read_tables(self) -> list[tuple[Order, RejectReason]]:
        """Orders and positions as risk's tables have them: at start, after being lapped, when risk
        began anew. Returns the orders that changed.

        The position up to which risk has taken our intents is read before the tables: an intent
        before it has its order there, or was refused.
        """
        taken_to = int(self._intents.gate[READ_POS])
        changed: list[tuple[Order, RejectReason]] = []
        found: set[int] = set()
        row: Any
        for row in self._order_table.written(self._of_interest()):
            if int(row["strategy_id"]) not in self._strategy_ids:
                continue
            intent_id = int(row["intent_id"])
            found.add(intent_id)
            order = self.orders.get(intent_id)
            if order is None and OrderState(int(row["state"])) in TERMINAL:
                continue
            said = _order_of(row)
            kept = order or said
            if order is None or self._correct(order, said):
                changed.append((kept, RejectReason(int(row["reason"]))))
            self._keep(kept)
        for order in [o for o in self.orders.values() if o.intent_id not in found]:
            if self._pos_of(order.intent_id) < taken_to:
                order.state = OrderState.REJECTED
                self._keep(order)
                changed.append((order, RejectReason.UNSET))
        self._recall_cancels(taken_to)
        for row in self._position_table.written():
            if int(row["strategy_id"]) in self._strategy_ids:
                of = self._positions.setdefault(int(row["instrument_id"]), {})
                of[int(row["strategy_id"])] = int(row["qty"])
        return changed

    def position(self, instrument_id: int) -> int:
        """Net quantity on all accounts together, qty_scale."""
        return sum(self._positions.get(instrument_id, {}).values())

    def filled(self, update: Update, order: Order) -> int:
        """Note the position that a fill leaves; returns that of all accounts together."""
        of = self._positions.setdefault(order.instrument_id, {})
        of[update.strategy_id] = update.position_qty
        return sum(of.values())

    def _of_interest(self) -> np.ndarray[Any, Any]:
        """Which rows of the order table are ours, and open or known to the plugin: bool per row.
        Counts up to the last intent of ours that has a row.

        A row that risk is about to change is looked at as it was; its update is still to come.
        """
        rows = self._order_table.rows
        ours = np.isin(rows["strategy_id"], list(self._strategy_ids)) & (
            rows["client_order_id"] != 0
        )
        intent_ids = rows["intent_id"]
        self.intent_id = int(np.max(intent_ids, where=ours, initial=self.intent_id))
        ended = np.isin(rows["state"], list(TERMINAL))
        mine: np.ndarray[Any, Any] = ours & (~ended | np.isin(intent_ids, list(self.orders)))
        return mine

    @staticmethod
    def _correct(order: Order, said: Order) -> bool:
        """Make an order what the table says of it; True = that is news."""
        news = (order.state, order.leaves_qty) != (said.state, said.leaves_qty)
        order.client_order_id, order.state = said.client_order_id, said.state
        order.leaves_qty, order.cancel_asked = said.leaves_qty, said.cancel_asked
        return news

    def _recall_cancels(self, taken_to: int) -> None:
        """Cancels that risk has not read are still asked; of the others the tables told."""
        self.cancels = {i: o for i, o in self.cancels.items() if self._pos_of(i) >= taken_to}
        for order in self.cancels.values():
            order.cancel_asked = True

    def _pos_of(self, intent_id: int) -> int:
        """Where an intent stands in our ring: both count by one."""
        return self._intents.pos - 1 - (self.intent_id - intent_id)


def _or_zero(value: Any) -> int:
    """An amount that is not there is 0 to a plugin."""
    return 0 if int(value) == UNDEF else int(value)


def _order_of(row: Any) -> Order:
    qty = _or_zero(row["qty"])
    return Order(
        int(row["intent_id"]), int(row["instrument_id"]), Side(int(row["side"])),
        OrderType(int(row["order_type"])), _or_zero(row["px"]), qty,
        max(qty - int(row["cum_qty"]), 0), int(row["client_order_id"]),
        OrderState(int(row["state"])), int(row["state"]) == OrderState.PENDING_CANCEL,
        _or_zero(row["quote_qty"]), int(row["account_id"]),
        TimeInForce(int(row["time_in_force"])),
    )  # fmt: skip
