"""What a simulated exchange remembers over its own end: its accounts' orders and fills.

Each report of the order log is also a line of JSON, which the agent writes to a journal before the
answer leaves. At the next start the lines are told to a fresh log again, and what still rested is
EXPIRED: the book itself is not kept, but every question about an order has its true answer. Without
it a desk could never resolve an order that the exchange had confirmed and then forgot. Money is not
remembered: balances begin as configured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from oms.exchange.market import Fill, Order, OrderLog, OrderRequest, Report
from shm_layout.enums import ExecKind, OrderState

REPORTS_PER_FILE_MAX = 50_000
FILES_READ_MAX = 2
"""An order older than the last files is forgotten."""
_ENDS = {ExecKind.CANCELED: OrderState.CANCELED, ExecKind.EXPIRED: OrderState.EXPIRED}


class RememberedLog(OrderLog):
    """An order log whose reports are also lines to be written."""

    def __init__(self, accounts: int, symbols: Sequence[str]) -> None:
        super().__init__(accounts, len(symbols))
        self._accounts = accounts
        self._symbols = tuple(symbols)
        self._unwritten: list[Report] = []

    def _report(
        self, kind: ExecKind, order: Order, fill: Fill | None, now_ns: int, cancel_id: str = ""
    ) -> None:
        super()._report(kind, order, fill, now_ns, cancel_id)
        self._unwritten.append(self._reports[-1])

    def take_lines(self) -> list[bytes]:
        """One line per report since the last call."""
        taken, self._unwritten = self._unwritten, []
        return [self._line(report) for report in taken]

    def _line(self, report: Report) -> bytes:
        told: dict[str, Any] = {
            "kind": report.kind.name,
            "order_id": report.order.order_id,
            "time_ns": report.time_ns,
        }
        if report.kind == ExecKind.ACK:
            order = report.order
            symbol = self._symbols[order.request.symbol]
            told |= {"request": asdict(order.request) | {"symbol": symbol}, "qty": order.qty}
            told |= {"worked": order.worked}
        elif report.fill is not None:
            told["fill"] = asdict(report.fill)
        elif report.cancel_id:
            told["cancel_id"] = report.cancel_id
        return json.dumps(told, separators=(",", ":")).encode() + b"\n"

    def recall(self, lines: Iterable[bytes], now_ns: int) -> int:
        """Tell the lines of earlier lives; expire what still rested; returns how many did.

        Lines of a symbol or an account that is not there any more are passed over.
        """
        for line in lines:
            self._recall(json.loads(line))
        self._unwritten.clear()
        rested = [o for account in range(self._accounts) for o in self.open_orders(account, None)]
        for order in rested:
            self.end(order, OrderState.EXPIRED, now_ns)
        self.take_reports()
        return len(rested)

    def _recall(self, told: dict[str, Any]) -> None:
        kind, order_id, time_ns = ExecKind[told["kind"]], told["order_id"], told["time_ns"]
        if kind == ExecKind.ACK:
            given = told["request"]
            if given["symbol"] in self._symbols and given["account"] < self._accounts:
                given["symbol"] = self._symbols.index(given["symbol"])
                order = Order(order_id, OrderRequest(**given), time_ns, time_ns, qty=told["qty"])
                order.worked = told["worked"]
                self.add(order)
            return
        found = self.any_by_id(order_id)
        if found is None or found.state != OrderState.OPEN:
            return
        if kind == ExecKind.FILL:
            self.fill(found, Fill(**(told["fill"] | {"symbol": found.request.symbol})))
        else:
            self.end(found, _ENDS[kind], time_ns, told.get("cancel_id", ""))
