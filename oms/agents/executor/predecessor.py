"""What a predecessor of the group left behind, and how its successor finds it.

A predecessor released its cursor before it sent; so a command behind the cursor was sent, or was
about to be. Risk's `orders` table says which orders still wait for their venue. One of those whose
command this incarnation does not take from the ring within the settling time was released by the
predecessor, and its outcome is unknown. (Settling time: risk writes its table a moment before the
ring, so a command of a waiting order may be about to appear.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from oms.agents.executor.orders import OrderTable
from oms.ports import NEVER
from oms.venues.shared.order_command import commands
from shm_layout.enums import OrderState
from shm_layout.ring import RingReader

WAITING_STATES = (OrderState.PENDING_NEW, OrderState.PENDING_CANCEL)


def released_commands(orders: RingReader) -> list[Any]:
    """Commands before the cursor that the ring still holds, oldest first."""
    count = min(orders.pos, orders.channel.slots)
    released = np.arange(orders.pos - count, orders.pos)
    return commands(np.take(orders.slots, released & (orders.channel.slots - 1)))


class PredecessorWork:
    """Orders that waited for their venue when this incarnation began."""

    def __init__(self, table: OrderTable, orders: RingReader, settle_ns: int) -> None:
        self._table = table
        self._orders = orders
        self._settle_after_ns = settle_ns
        self._suspects: dict[int, int] = {}
        self._taken: set[int] = set()
        self.given_up: set[int] = set()
        """Reported as unanswered: their commands, should they come, are not sent."""
        self.due_ns = NEVER

    def begin(self, account_ids: set[int], now_ns: int) -> None:
        """Note every order of these accounts that waits."""
        for client_order_id, row in self._table.waiting(WAITING_STATES):
            if self._table.where(row)[0] in account_ids:
                self._suspects[client_order_id] = row
        if self._suspects:
            self.due_ns = now_ns + self._settle_after_ns

    def took(self, client_order_id: int) -> None:
        """A command of this order came from the ring: it is ours, not the predecessor's."""
        if self._suspects:
            self._taken.add(client_order_id)

    def settle(self) -> list[tuple[int, int, int]]:
        """(our id, account, instrument) of each order that is to be reported NO_ANSWER."""
        self.due_ns = NEVER
        unread = {c.client_order_id for c in commands(self._orders.poll(self._orders.pending()))}
        still = dict(self._table.waiting(WAITING_STATES))
        found = []
        for client_order_id, row in self._suspects.items():
            ours = client_order_id in self._taken or client_order_id in unread
            if ours or still.get(client_order_id) != row:
                continue
            self.given_up.add(client_order_id)
            found.append((client_order_id, *self._table.where(row)))
        self._suspects.clear()
        self._taken.clear()
        return found
