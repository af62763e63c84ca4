"""What a simulated exchange remembers over its own end: its accounts' orders, lists and fills.

Each report of the order log is also a line of JSON, which the agent writes to a journal before the
answer leaves. At the next start the lines are told to a fresh log again, and what still rested is
EXPIRED: the book itself is not kept, but every question about an order has its true answer. Without
it a desk could never resolve an order that the exchange had confirmed and then forgot. Money is not
remembered: balances begin as configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from oms.errors import ConfigError
from oms.exchange.order_log import OrderLog
from oms.exchange.orders import (
    Expiry,
    Fill,
    Order,
    OrderList,
    OrderRequest,
    PreventedMatch,
    ReportKind,
)
from shm_layout.enums import OrderState

REPORTS_PER_FILE_MAX = 50_000
FILES_READ_MAX = 2
"""An order older than the last files is forgotten."""
LIST = "LIST"
_ENDS = {ReportKind.CANCELED: OrderState.CANCELED}
_KEPT = {"qty": None, "client_id": None, "working_ns": -1, "trailing_ns": -1, "list_id": -1}
"""Of an order, beside its request, in the line of its NEW, and what stands for a missing one."""
_REQUEST = OrderRequest._fields
_REQUEST_COMMON = tuple(OrderRequest._field_defaults.get(name) for name in _REQUEST)
_PLAIN_FIELDS = _REQUEST.index("stop_px")
_PLAIN = tuple(OrderRequest._field_defaults[name] for name in _REQUEST[_PLAIN_FIELDS:])
_PLAIN_LINE = (
    b'{"kind":"NEW","order_id":%d,"time_ns":%d,"request":{"symbol":"%b","account":%d,"side":%d,'
    b'"kind":%d,"tif":%d,"px":%d,"qty":%d,"quote_qty":%d,"client_id":"%b"},"pending":%b,"qty":%d,'
    b'"client_id":"%b","working_ns":%d}\n'
)
"""Texts are the protocol's: letters, digits, dashes, underscores and dots."""
_BOOLEANS = (b"false", b"true")
_NAMES = {kind: kind.name for kind in ReportKind}
_NAMES_OF_EXPIRIES = {expiry: expiry.name for expiry in Expiry}


def _line(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


class RememberedLog(OrderLog):
    """An order log whose reports are also lines to be written."""

    def __init__(self, accounts: int, symbols: Sequence[str]) -> None:
        super().__init__(accounts, len(symbols))
        self._accounts = accounts
        self._symbols = tuple(symbols)
        self._unwritten: list[bytes] = []
        self._recalls = False
        """Lines of earlier lives are told: nobody hears it, and they are written already."""

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
        if self._recalls:
            self._execution_id += 1
            return
        super()._report(kind, order, now_ns, fill, cancel_id, prevented, reason)
        if kind is ReportKind.NEW:
            self._unwritten.append(self._new_line(order, now_ns))
            return
        if kind is ReportKind.REJECTED:
            return
        told: dict[str, Any] = {
            "kind": _NAMES[kind], "order_id": order.order_id, "time_ns": now_ns,
        }  # fmt: skip
        if fill is not None:
            told["fill"] = fill._asdict()
        elif prevented is not None:
            told |= {"prevented": prevented._asdict(), "qty": order.prevented_qty}
            told["ended"] = order.in_match
        elif kind is ReportKind.REPLACED:
            told |= {"qty": order.qty, "client_id": order.client_id}
        elif cancel_id:
            told["cancel_id"] = cancel_id
        elif kind is ReportKind.EXPIRED:
            told["expiry"] = _NAMES_OF_EXPIRIES[order.expiry]
        self._unwritten.append(_line(told))

    def _new_line(self, order: Order, now_ns: int) -> bytes:
        """An order, without what stands at its default; most have nothing else."""
        request = order.request
        symbol = self._symbols[request.symbol]
        if request[_PLAIN_FIELDS:] == _PLAIN and order.list_id == order.trailing_ns == -1:
            return _PLAIN_LINE % (
                order.order_id, now_ns, symbol.encode(), request.account, request.side,
                request.kind, request.tif, request.px, request.qty, request.quote_qty,
                request.client_id.encode(), _BOOLEANS[order.state == OrderState.PENDING_NEW],
                order.qty, order.client_id.encode(), order.working_ns,
            )  # fmt: skip
        asked: dict[str, Any] = {
            name: value
            for name, value, common in zip(_REQUEST, request, _REQUEST_COMMON, strict=True)
            if value != common
        }
        asked["symbol"] = symbol
        told = {"kind": _NAMES[ReportKind.NEW], "order_id": order.order_id, "time_ns": now_ns}
        told |= {"request": asked, "pending": order.state == OrderState.PENDING_NEW}
        return _line(told | {name: getattr(order, name) for name in _KEPT})

    def add_list(self, order_list: OrderList, now_ns: int) -> None:
        told = asdict(order_list) | {"symbol": self._symbols[order_list.symbol]}
        self._unwritten.append(_line({"kind": LIST, "list": told}))
        super().add_list(order_list, now_ns)

    def take_lines(self) -> list[bytes]:
        """One line per report and per list since the last call."""
        taken, self._unwritten = self._unwritten, []
        return taken

    def recall(self, lines: Iterable[bytes], now_ns: int) -> int:
        """Tell the lines of earlier lives; expire what still rested; returns how many did.

        Lines of a symbol or an account that is not there any more are passed over; raises
        ConfigError for a line of another version.
        """
        self._recalls = True
        try:
            for line in lines:
                self._recall(orjson.loads(line))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                "the simulated exchange's journal (journal/venue_sim.*) holds a line that this "
                f"version does not read ({error}); move that file away, or name another "
                "--data-dir"
            ) from None
        self._recalls = False
        self._unwritten.clear()
        rested = [o for account in range(self._accounts) for o in self.open_orders(account, None)]
        for order in rested:
            self.expire(order, Expiry.EXCHANGE_CANCELED, now_ns)
        self.take_reports()
        return len(rested)

    def _recall(self, told: dict[str, Any]) -> None:
        if told["kind"] == LIST:
            given = told["list"]
            if given["symbol"] in self._symbols and given["account"] < self._accounts:
                given["symbol"] = self._symbols.index(given["symbol"])
                given["order_ids"] = tuple(given["order_ids"])
                self.add_list(OrderList(**given), given["created_ns"])
            return
        kind, time_ns = ReportKind[told["kind"]], told["time_ns"]
        found = self.any_by_id(told["order_id"])
        if kind == ReportKind.NEW and found is None:
            self._recall_new(told)
        if found is None or not found.is_open:
            return
        if kind == ReportKind.NEW:
            found.working_ns, found.trailing_ns = told["working_ns"], told.get("trailing_ns", -1)
            self.activate(found, time_ns)
        elif "fill" in told:
            self.fill(found, Fill(**(told["fill"] | {"symbol": found.request.symbol})))
        elif "prevented" in told:
            given = told["prevented"] | {"symbol": found.request.symbol}
            match = PreventedMatch(**given)
            taken = told["qty"] - found.prevented_qty
            self.prevent(found, match, taken, ended=told["ended"])
        elif kind == ReportKind.REPLACED:
            self.amend(found, told["qty"], told["client_id"], time_ns)
        elif kind == ReportKind.EXPIRED:
            self.expire(found, Expiry[told.get("expiry", Expiry.NONE.name)], time_ns)
        else:
            state = _ENDS.get(kind, OrderState.FILLED)
            self.end(found, state, time_ns, told.get("cancel_id", ""))

    def _recall_new(self, told: dict[str, Any]) -> None:
        given, time_ns = told["request"], told["time_ns"]
        if given["symbol"] in self._symbols and given["account"] < self._accounts:
            given["symbol"] = self._symbols.index(given["symbol"])
            order = Order(told["order_id"], OrderRequest(**given), time_ns, time_ns)
            for name, common in _KEPT.items():
                setattr(order, name, told[name] if common is None else told.get(name, common))
            if told["pending"]:
                order.state = OrderState.PENDING_NEW
            self.add(order)
