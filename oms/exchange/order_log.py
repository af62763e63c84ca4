"""Orders, order lists and fills of an exchange's accounts, and the reports that they are due.

Owned by a market (`live.py`, `recorded.py`), read by the protocol server. Every change of an order
goes through here and leaves one report, so that what is queried and what was told agree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from oms.exchange.orders import (
    Amendment,
    BalanceReport,
    Expiry,
    Fill,
    ListReport,
    Order,
    OrderList,
    PreventedMatch,
    Report,
    ReportKind,
    UserReport,
)
from shm_layout.enums import OrderState

ORDERS_KEPT_MAX = 200_000
"""Closed orders of all accounts that can still be queried; the oldest go first."""
FILLS_KEPT_MAX = 200_000
"""Fills per account and symbol."""
LISTS_KEPT_MAX = 20_000
"""Order lists per account."""
PREVENTED_KEPT_MAX = 20_000
"""Prevented matches per account and symbol."""
AMENDMENTS_KEPT_MAX = 20_000
"""Amendments per account and symbol."""

EXEC_STARTED = "EXEC_STARTED"
UPDATED = "UPDATED"
ALL_DONE = "ALL_DONE"


_ENDS = {
    OrderState.CANCELED: ReportKind.CANCELED,
    OrderState.FILLED: ReportKind.TRADE,
    OrderState.EXPIRED: ReportKind.EXPIRED,
}


class OrderLog:
    """See the module's text."""

    def __init__(self, accounts: int, symbols: int) -> None:
        def kept(most: int) -> list[list[deque[Any]]]:
            return [[deque(maxlen=most) for _ in range(symbols)] for _ in range(accounts)]

        self._by_id: dict[int, Order] = {}
        self._by_client: dict[tuple[int, int, str], Order] = {}
        self._open: list[dict[int, Order]] = [{} for _ in range(accounts)]
        self._closed: deque[Order] = deque()
        self._history: list[list[dict[int, Order]]] = [
            [{} for _ in range(symbols)] for _ in range(accounts)
        ]
        self._fills: list[list[deque[Fill]]] = kept(FILLS_KEPT_MAX)
        self._prevented: list[list[deque[PreventedMatch]]] = kept(PREVENTED_KEPT_MAX)
        self._amendments: list[list[deque[Amendment]]] = kept(AMENDMENTS_KEPT_MAX)
        self._lists: list[dict[int, OrderList]] = [{} for _ in range(accounts)]
        self._list_ids: list[dict[str, int]] = [{} for _ in range(accounts)]
        self._reports: list[UserReport] = []
        self.heard: frozenset[int] | None = None
        """Accounts that somebody listens to, None = all: of the others only fills are reported."""
        self._execution_id = 0

    # What happens to orders

    def add(self, order: Order) -> None:
        """A new order, accepted."""
        request = order.request
        if not order.client_id:
            order.client_id = request.client_id
        self._by_id[order.order_id] = order
        self._by_client[request.account, request.symbol, order.client_id] = order
        self._open[request.account][order.order_id] = order
        self._history[request.account][request.symbol][order.order_id] = order
        self._report(ReportKind.NEW, order, order.created_ns)

    def activate(self, order: Order, now_ns: int) -> None:
        """A pending order became contingent, or a contingent one met the book."""
        order.state = OrderState.OPEN
        order.updated_ns = now_ns
        self._report(ReportKind.NEW, order, now_ns)

    def fill(self, order: Order, fill: Fill, *, ends: bool = True) -> None:
        """One execution. `ends`: nothing being left ends the order; an order by quote amount that
        finds no more book has nothing left either, and expires next."""
        order.take(fill)
        request = order.request
        self._fills[request.account][request.symbol].append(fill)
        ended = ends and order.leaves == 0
        if ended:
            self._close(order, OrderState.FILLED)
        self._report(ReportKind.TRADE, order, fill.time_ns, fill=fill)
        if ended:
            self._list_done(order, fill.time_ns)

    def prevent(self, order: Order, match: PreventedMatch, qty: int, *, ended: bool) -> None:
        """Self-trade prevention took `qty` from an order."""
        order.prevented_qty += qty
        order.prevented_id = match.match_id
        order.updated_ns = match.time_ns
        if ended:
            order.in_match = True
            self._close(order, OrderState.EXPIRED)
        self._report(ReportKind.TRADE_PREVENTION, order, match.time_ns, prevented=match)
        if ended:
            self._list_done(order, match.time_ns)

    def keep_prevented(self, match: PreventedMatch) -> None:
        """A prevented match, once for each account that it concerns."""
        for account in {match.taker_account, match.maker_account}:
            if account < len(self._prevented):
                self._prevented[account][match.symbol].append(match)

    def amend(self, order: Order, qty: int, client_id: str, now_ns: int) -> Amendment:
        """A smaller quantity, under a new client id; the place in the queue stays."""
        request = order.request
        before, before_id = order.qty, order.client_id
        order.qty = qty
        order.amends += 1
        order.updated_ns = now_ns
        if client_id != before_id:
            key = (request.account, request.symbol, before_id)
            if self._by_client.get(key) is order:
                del self._by_client[key]
            order.client_id = client_id
            self._by_client[request.account, request.symbol, client_id] = order
        self._report(ReportKind.REPLACED, order, now_ns, cancel_id=before_id)
        amendment = Amendment(
            order.order_id, request.symbol, self._execution_id, before_id, client_id, before, qty,
            now_ns,
        )  # fmt: skip
        self._amendments[request.account][request.symbol].append(amendment)
        if order.list_id >= 0 and client_id != before_id:
            found = self._lists[request.account][order.list_id]
            self._tell_list(found, UPDATED, now_ns)
        return amendment

    def end(self, order: Order, state: OrderState, now_ns: int, cancel_id: str = "") -> None:
        """FILLED, CANCELED, or EXPIRED (`expire`)."""
        order.updated_ns = now_ns
        self._close(order, state)
        self._report(_ENDS[state], order, now_ns, None, cancel_id)
        if order.list_id >= 0:
            self._list_done(order, now_ns)

    def expire(self, order: Order, expiry: Expiry, now_ns: int) -> None:
        """EXPIRED; by self-trade prevention see `prevent`."""
        order.expiry = expiry
        self.end(order, OrderState.EXPIRED, now_ns)

    def reject(self, order: Order, reason: int, now_ns: int) -> None:
        """An order that never was, told where the venue tells it (a cancel-replace's new half)."""
        order.client_id = order.client_id or order.request.client_id
        self._report(ReportKind.REJECTED, order, now_ns, reason=reason)

    def tell_balance(self, account: int, asset: int, delta: int, now_ns: int) -> None:
        """Money came from outside, or left."""
        self._reports.append(BalanceReport(account, asset, delta, now_ns))

    # Lists

    def add_list(self, order_list: OrderList, now_ns: int) -> None:
        """A new order list, whose orders were added before."""
        lists = self._lists[order_list.account]
        names = self._list_ids[order_list.account]
        lists[order_list.list_id] = order_list
        names[order_list.client_id] = order_list.list_id
        if len(lists) > LISTS_KEPT_MAX:
            oldest = next((found for found in lists.values() if not found.open), None)
            if oldest is not None:
                del lists[oldest.list_id]
                if names.get(oldest.client_id) == oldest.list_id:
                    del names[oldest.client_id]
        self._tell_list(order_list, EXEC_STARTED, now_ns)
        order_list.open = any(self._is_open(number) for number in order_list.order_ids)
        if not order_list.open:
            self._tell_list(order_list, ALL_DONE, now_ns)

    def _is_open(self, order_id: int) -> bool:
        order = self._by_id.get(order_id)
        return order is not None and order.is_open

    def _list_done(self, order: Order, now_ns: int) -> None:
        """Close the list of an order that ended, when it was the last."""
        found = self._lists[order.request.account].get(order.list_id)
        if found is None or not found.open or any(self._is_open(k) for k in found.order_ids):
            return
        found.open = False
        self._tell_list(found, ALL_DONE, now_ns)

    def _tell_list(self, order_list: OrderList, status: str, now_ns: int) -> None:
        order_list.updated_ns = now_ns
        names = tuple(
            found.client_id if (found := self._by_id.get(number)) else ""
            for number in order_list.order_ids
        )
        self._reports.append(
            ListReport(order_list.account, replace(order_list), names, status, now_ns)
        )

    # Ends

    def _close(self, order: Order, state: OrderState) -> None:
        order.state = state
        del self._open[order.request.account][order.order_id]
        self._closed.append(order)
        if len(self._closed) > ORDERS_KEPT_MAX:
            self._forget(self._closed.popleft())

    def _forget(self, order: Order) -> None:
        request = order.request
        del self._by_id[order.order_id]
        key = (request.account, request.symbol, order.client_id)
        if self._by_client.get(key) is order:
            del self._by_client[key]
        del self._history[request.account][request.symbol][order.order_id]

    # Reports

    def _report(
        self,
        kind: ReportKind,
        order: Order,
        now_ns: int,
        fill: Fill | None = None,
        cancel_id: str = "",
        prevented: PreventedMatch | None = None,
        reason: int = 0,
    ) -> None:
        self._execution_id += 1
        if fill is not None or self.is_heard(order.request.account):
            self._reports.append(
                Report(
                    kind, order.copy(), fill, self._execution_id, now_ns, cancel_id, prevented,
                    reason,
                )
            )  # fmt: skip

    def is_heard(self, account: int) -> bool:
        """Whether the account's reports are wanted."""
        return self.heard is None or account in self.heard

    def take_reports(self) -> list[UserReport]:
        taken, self._reports = self._reports, []
        return taken

    # Queries

    def by_id(self, account: int, order_id: int) -> Order | None:
        order = self.any_by_id(order_id)
        return order if order is not None and order.request.account == account else None

    def any_by_id(self, order_id: int) -> Order | None:
        """An order of whichever account: the market's own look-up."""
        return self._by_id.get(order_id)

    def by_client(self, account: int, symbol: int, client_id: str) -> Order | None:
        """The youngest order with this client id."""
        return self._by_client.get((account, symbol, client_id))

    def open_orders(self, account: int, symbol: int | None) -> list[Order]:
        """By order id; of one symbol, or of all (None)."""
        found = self._open[account].values()
        return [o for o in found if symbol is None or o.request.symbol == symbol]

    def history(self, account: int, symbol: int) -> Sequence[Order]:
        """All orders still known, oldest first."""
        return list(self._history[account][symbol].values())

    def youngest(self, account: int, symbol: int) -> Order | None:
        """The last of `history`."""
        history = self._history[account][symbol]
        return history[next(reversed(history))] if history else None

    def fills(self, account: int, symbol: int) -> Sequence[Fill]:
        """All fills still known, oldest first."""
        return self._fills[account][symbol]

    def prevented(self, account: int, symbol: int) -> Sequence[PreventedMatch]:
        """Prevented matches of an account's orders, oldest first."""
        return self._prevented[account][symbol]

    def amendments(self, account: int, symbol: int) -> Sequence[Amendment]:
        """Amendments of an account's orders, oldest first."""
        return self._amendments[account][symbol]

    def list_by_id(self, account: int, list_id: int) -> OrderList | None:
        return self._lists[account].get(list_id)

    def list_by_client(self, account: int, client_id: str) -> OrderList | None:
        """The youngest list with this client id."""
        list_id = self._list_ids[account].get(client_id)
        return None if list_id is None else self._lists[account].get(list_id)

    def lists(self, account: int) -> list[OrderList]:
        """All lists still known, oldest first."""
        return list(self._lists[account].values())
