"""What a simulated exchange remembers over its own end: its accounts' orders, lists and fills.

Each report of the order log is also a line of JSON, which the agent writes to a journal before the
answer leaves. At the next start what still rested is EXPIRED: the book itself is not kept, but
every question about an order has its true answer. Without it a desk could never resolve an order
that the exchange had confirmed and then forgot. A start waits for no order that ended: those stay
lines until somebody asks (`earlier.py`). Money is not remembered: balances begin as configured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from oms.errors import ConfigError
from oms.exchange.earlier import Earlier, Line
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
from oms.exchange.remembered_hot import CANCELED_SHAPE, NEW_SHAPE, TRADE_SHAPE
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
_RARE = _REQUEST.index("stop_px")
_STP = _REQUEST.index("stp")
_BEFORE_STP, _BEHIND_STP = _REQUEST_COMMON[_RARE:_STP], _REQUEST_COMMON[_STP + 1 :]
_BOOLEANS = (b"false", b"true")
_NAMES = {kind: kind.name for kind in ReportKind}
_NAMES_OF_EXPIRIES = {expiry: expiry.name for expiry in Expiry}


def _line(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _fill_line(order: Order, fill: Fill) -> bytes:
    return TRADE_SHAPE % (
        order.order_id, fill.time_ns, fill.trade_id, fill.order_id, fill.symbol, fill.account,
        fill.side, fill.px, fill.qty, fill.quote, fill.fee, fill.fee_asset, _BOOLEANS[fill.maker],
        fill.time_ns, fill.list_id,
    )  # fmt: skip


def _fill_of(told: Line, symbol: int) -> Fill:
    return Fill(**(told["fill"] | {"symbol": symbol}))


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
        self._earlier: Earlier | None = None
        self._unread: set[tuple[int, int]] = set()
        """(account, symbol) whose earlier orders are not all in `_history`."""
        self._unread_fills: dict[tuple[int, int], list[tuple[int, Fill]]] = {}
        """The same of fills; those that were told already, by their lines' numbers."""

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
        if fill is not None:
            self._unwritten.append(_fill_line(order, fill))
            return
        if kind is ReportKind.CANCELED and cancel_id:
            line = CANCELED_SHAPE % (order.order_id, now_ns, cancel_id.encode())
            self._unwritten.append(line)
            return
        told: dict[str, Any] = {
            "kind": _NAMES[kind], "order_id": order.order_id, "time_ns": now_ns,
        }  # fmt: skip
        if prevented is not None:
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
        plain = request[_RARE:] == (*_BEFORE_STP, request.stp, *_BEHIND_STP)
        pending = order.state == OrderState.PENDING_NEW
        if plain and not pending and order.list_id == order.trailing_ns == -1:
            return NEW_SHAPE % (
                order.order_id, now_ns, symbol.encode(), request.account, request.side,
                request.kind, request.tif, request.px, request.qty, request.quote_qty,
                request.client_id.encode(), request.stp, order.qty, order.client_id.encode(),
                order.working_ns,
            )  # fmt: skip
        asked: dict[str, Any] = {
            name: value
            for name, value, common in zip(_REQUEST, request, _REQUEST_COMMON, strict=True)
            if value != common
        }
        asked["symbol"] = symbol
        told = {"kind": _NAMES[ReportKind.NEW], "order_id": order.order_id, "time_ns": now_ns}
        told |= {"request": asked, "pending": pending}
        return _line(told | {name: getattr(order, name) for name in _KEPT})

    def add_list(self, order_list: OrderList, now_ns: int) -> None:
        told = asdict(order_list) | {"symbol": self._symbols[order_list.symbol]}
        self._unwritten.append(_line({"kind": LIST, "list": told}))
        super().add_list(order_list, now_ns)

    def take_lines(self) -> list[bytes]:
        """One line per report and per list since the last call."""
        taken, self._unwritten = self._unwritten, []
        return taken

    def recall(self, data: bytes, now_ns: int) -> int:
        """Know what the lines of earlier lives say; expire what still rested; returns how many did.

        Most orders stay lines until somebody asks (`earlier.py`). Lines of a symbol or an account
        that is not there any more are passed over; raises ConfigError for a line of another
        version.
        """
        self._recalls = True
        try:
            self._tell(Earlier(data, self._symbols, self._accounts))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
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

    def _tell(self, earlier: Earlier) -> None:
        """What a start must be told; of the rest, where it is."""
        pairs = [(a, s) for a in range(self._accounts) for s in range(len(self._symbols))]
        self._unread_fills = {pair: [] for pair in pairs}
        for number, told in earlier.told():
            self._execution_id = int(earlier.reports[number]) - 1
            self._recall(number, told)
        for account, symbol in pairs:
            self._fills[account][symbol].clear()
        self._execution_id = earlier.reports_in_all
        self._earlier, self._unread = earlier, set(pairs)
        for (account, symbol), order_id in earlier.youngest().items():
            if (order := self.any_by_id(order_id)) is not None:
                self._history[account][symbol][order_id] = order

    def _recall(self, number: int, told: Line) -> None:
        kind = told["kind"]
        if kind == LIST:
            self._recall_list(told["list"])
            return
        time_ns = told["time_ns"]
        found = self._by_id.get(told["order_id"])
        if found is None:
            if kind == _NEW and (order := self._order_of(told)) is not None:
                self.add(order)
            return
        if not found.is_open:
            return
        if kind == _CANCELED:
            self.end(found, OrderState.CANCELED, time_ns, told.get("cancel_id", ""))
        elif "fill" in told:
            fill = _fill_of(told, found.request.symbol)
            if not 0 < fill.qty <= found.leaves or fill.account != found.request.account:
                raise ValueError(f"a fill of order {found.order_id} that cannot be")
            self.fill(found, fill)
            self._unread_fills[fill.account, fill.symbol].append((number, fill))
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

    def _order_of(self, told: Line) -> Order | None:
        """The order of its first line; None for a symbol or an account that is not there."""
        given, time_ns = told["request"], told["time_ns"]
        symbol = self._index.get(given["symbol"])
        if symbol is None or given["account"] >= self._accounts:
            return None
        given["symbol"] = symbol
        return Order(
            told["order_id"], OrderRequest(**given), time_ns, time_ns,
            OrderState.PENDING_NEW if told["pending"] else OrderState.OPEN, 0, 0, told["qty"],
            told["client_id"], told.get("working_ns", -1), told.get("trailing_ns", -1),
            told.get("list_id", -1),
        )  # fmt: skip

    # Queries: of this life's orders, else of the earlier ones

    def any_by_id(self, order_id: int) -> Order | None:
        found = self._by_id.get(order_id)
        if found is not None or self._earlier is None:
            return found
        lines = self._earlier.lines_of(order_id)
        if not lines or (found := self._order_of(lines[0])) is None:
            return None
        for told in lines[1:]:
            if "fill" in told:
                found.take(_fill_of(told, found.request.symbol))
                found.state = found.state if found.leaves else OrderState.FILLED
            else:
                found.state, found.updated_ns = OrderState.CANCELED, told["time_ns"]
        self._by_id[order_id] = found
        return found

    def by_client(self, account: int, symbol: int, client_id: str) -> Order | None:
        found = super().by_client(account, symbol, client_id)
        if found is None and self._earlier is not None:
            order_id = self._earlier.named(account, symbol, client_id)
            found = None if order_id is None else self.any_by_id(order_id)
        return found

    def history(self, account: int, symbol: int) -> Sequence[Order]:
        if (account, symbol) in self._unread and self._earlier is not None:
            self._unread.remove((account, symbol))
            ids = self._earlier.ids(account, symbol)
            known = {k: order for k in ids if (order := self.any_by_id(k)) is not None}
            self._history[account][symbol] = known | self._history[account][symbol]
        return super().history(account, symbol)

    def fills(self, account: int, symbol: int) -> Sequence[Fill]:
        told = self._unread_fills.pop((account, symbol), None)
        if told is not None and self._earlier is not None:
            lines = self._earlier.fills(account, symbol)
            told += [(number, _fill_of(line, symbol)) for number, line in lines]
            kept = self._fills[account][symbol]
            of_this_life = list(kept)
            kept.clear()
            kept.extend(fill for _, fill in sorted(told))
            kept.extend(of_this_life)
        return super().fills(account, symbol)
