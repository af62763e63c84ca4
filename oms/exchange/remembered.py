"""What a simulated exchange remembers over its own end: its accounts' orders, lists and fills.

Each report of the order log is also a line of JSON, which the agent writes to a journal before the
answer leaves. At the next start the lines are told to a fresh log again, and what still rested is
EXPIRED: the book itself is not kept, but every question about an order has its true answer. Without
it a desk could never resolve an order that the exchange had confirmed and then forgot. Money is not
remembered: balances begin as configured.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_NEW, _CANCELED, _EXPIRED = (
    kind.name for kind in (ReportKind.NEW, ReportKind.CANCELED, ReportKind.EXPIRED)
)
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
        self._index = {symbol: k for k, symbol in enumerate(symbols)}
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

    def recall(self, lines: Sequence[bytes], now_ns: int) -> int:
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
        kind = told["kind"]
        if kind == LIST:
            self._recall_list(told["list"])
            return
        time_ns = told["time_ns"]
        found = self._by_id.get(told["order_id"])
        if found is None:
            if kind == _NEW:
                self._recall_new(told, time_ns)
            return
        if not found.is_open:
            return
        if kind == _CANCELED:
            self.end(found, OrderState.CANCELED, time_ns, told.get("cancel_id", ""))
        elif "fill" in told:
            given = told["fill"]
            given["symbol"] = found.request.symbol
            self.fill(found, Fill(**given))
        elif kind == _EXPIRED:
            self.expire(found, Expiry[told.get("expiry", Expiry.NONE.name)], time_ns)
        else:
            self._recall_rare(ReportKind[kind], found, told, time_ns)

    def _recall_rare(
        self, kind: ReportKind, found: Order, told: dict[str, Any], time_ns: int
    ) -> None:
        if kind is ReportKind.NEW:
            found.working_ns, found.trailing_ns = told["working_ns"], told.get("trailing_ns", -1)
            self.activate(found, time_ns)
        elif "prevented" in told:
            given = told["prevented"] | {"symbol": found.request.symbol}
            match = PreventedMatch(**given)
            taken = told["qty"] - found.prevented_qty
            kept = self.prevented(found.request.account, found.request.symbol)
            if not kept or kept[-1].match_id != match.match_id:  # its other order's line came first
                self.keep_prevented(match)
            self.prevent(found, match, taken, ended=told["ended"])
        elif kind is ReportKind.REPLACED:
            self.amend(found, told["qty"], told["client_id"], time_ns)
        else:
            self.end(found, OrderState.FILLED, time_ns, told.get("cancel_id", ""))

    def _recall_list(self, given: dict[str, Any]) -> None:
        if given["symbol"] in self._index and given["account"] < self._accounts:
            given["symbol"] = self._index[given["symbol"]]
            given["order_ids"] = tuple(given["order_ids"])
            self.add_list(OrderList(**given), given["created_ns"])

    def _recall_new(self, told: dict[str, Any], time_ns: int) -> None:
        given = told["request"]
        symbol = self._index.get(given["symbol"])
        if symbol is None or given["account"] >= self._accounts:
            return
        given["symbol"] = symbol
        order = Order(
            told["order_id"], OrderRequest(**given), time_ns, time_ns,
            OrderState.PENDING_NEW if told["pending"] else OrderState.OPEN, 0, 0, told["qty"],
            told["client_id"], told.get("working_ns", -1), told.get("trailing_ns", -1),
            told.get("list_id", -1),
        )  # fmt: skip
        self.add(order)
