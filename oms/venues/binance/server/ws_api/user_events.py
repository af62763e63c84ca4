"""User data events: execution reports, list status, balances.

`UserEvents.of` turns what a market tells its accounts into events, in the venue's order: every
report as it happened; after the last one of an account and symbol the balances that it left.
Source: user-data-stream.md "Order Update", "Conditional Fields in Execution Report".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from oms.exchange.engine import layout_hot as lay
from oms.exchange.market import Market
from oms.exchange.orders import (
    BalanceReport,
    Expiry,
    ListReport,
    Order,
    Report,
    ReportKind,
    UserReport,
)
from oms.venues.binance.server.orders.shapes import (
    OrderShapes,
    status_text,
    time_in_force_text,
)
from oms.venues.binance.server.orders.words import (
    CONTINGENCIES,
    MODE_TEXTS,
    SIDE_TEXTS,
    TYPE_TEXTS,
)
from oms.venues.binance.server.shapes import ZERO, money
from oms.venues.binance.server.time_unit import stamp
from shm_layout.enums import OrderState

_REASONS = {
    lay.REASON_NO_FUNDS: "INSUFFICIENT_BALANCES",
    lay.REASON_WOULD_TRIGGER: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    lay.REASON_WOULD_TAKE: "WOULD_MATCH_IMMEDIATELY",
    lay.REASON_LIST_PRICES: "OCO_BAD_PRICES",
}
"""Reject reasons that the venue names; the rest are NONE."""
_NAMES = {kind: kind.name for kind in ReportKind}


class UserEvents:
    """The events of one exchange's accounts."""

    def __init__(self, market: Market, shapes: OrderShapes) -> None:
        self._market = market
        self._shapes = shapes

    def of(
        self, reports: Sequence[UserReport], listening: Collection[int], now_ns: int
    ) -> list[tuple[int, dict[str, Any]]]:
        """(account, event) for each report of the accounts `listening`, and for the balances
        after them."""
        out: list[tuple[int, dict[str, Any]]] = []
        reports = [report for report in reports if _group(report)[0] in listening]
        last = {_group(report): k for k, report in enumerate(reports)}
        fee_assets: dict[tuple[int, int], set[int]] = {}
        for k, report in enumerate(reports):
            group = _group(report)
            if isinstance(report, Report):
                if report.fill is not None:
                    fee_assets.setdefault(group, set()).add(report.fill.fee_asset)
                out.append((group[0], self.execution_report(report)))
            elif isinstance(report, ListReport):
                out.append((group[0], self.list_status(report)))
            else:
                out.append((group[0], self.balance_update(report)))
            if last[group] == k:
                rows = self._assets(report, fee_assets.get(group, set()))
                out.append((group[0], self.account_position(group[0], rows, now_ns)))
        return out

    def _assets(self, report: UserReport, fee_assets: set[int]) -> list[int]:
        """Rows of the assets that a group of reports may have moved."""
        if isinstance(report, BalanceReport):
            return [report.asset]
        symbol = report.order.request.symbol if isinstance(report, Report) else report.list.symbol
        spec, assets = self._market.specs[symbol], self._market.assets
        own = [assets.index(spec.base), assets.index(spec.quote)]
        return own + sorted(fee_assets - set(own))

    def execution_report(self, report: Report) -> dict[str, Any]:
        order, fill, shapes = report.order, report.fill, self._shapes
        request = order.request
        symbol = request.symbol
        renamed = report.kind in (ReportKind.CANCELED, ReportKind.REPLACED)
        shown_id, original_id = order.client_id, ""
        if report.kind == ReportKind.CANCELED and report.cancel_id:
            shown_id, original_id = report.cancel_id, order.client_id
        elif renamed:
            original_id = report.cancel_id
        out = {
            "e": "executionReport",
            "E": stamp(report.time_ns),
            "s": shapes.symbol(symbol),
            "c": shown_id,
            "S": SIDE_TEXTS[request.side],
            "o": TYPE_TEXTS[request.kind],
            "f": time_in_force_text(order),
            "q": shapes.qty(symbol, order.qty),
            "p": shapes.px(symbol, request.px),
            "P": shapes.px(symbol, request.stop_px),
            "F": shapes.qty(symbol, request.iceberg_qty),
            "g": order.list_id,
            "C": original_id,
            "x": _NAMES[report.kind],
            "X": "REJECTED" if report.kind == ReportKind.REJECTED else status_text(order),
            "r": _REASONS.get(report.reason, "NONE"),
            "i": order.order_id,
            "l": shapes.qty(symbol, fill.qty) if fill else ZERO,
            "z": shapes.qty(symbol, order.cum_qty),
            "L": shapes.px(symbol, fill.px) if fill else ZERO,
            "n": money(fill.fee) if fill else "0",
            "N": shapes.asset(fill.fee_asset) if fill else None,
            "T": stamp(report.time_ns),
            "t": fill.trade_id if fill else -1,
        }
        if order.prevented_id >= 0:
            out["v"] = order.prevented_id
        out |= {
            "I": report.execution_id,
            "w": _on_book(order, report.kind),
            "m": bool(fill and fill.maker),
            "M": bool(fill),
            "O": stamp(order.created_ns),
            "Z": money(order.cum_quote),
            "Y": money(fill.quote) if fill else ZERO,
            "Q": money(request.quote_qty),
        }
        if order.working_ns >= 0 and request.kind != lay.TYPE_MARKET:
            out["W"] = stamp(order.working_ns)
        out["V"] = MODE_TEXTS[request.stp]
        return out | self._conditional(report)

    def _conditional(self, report: Report) -> dict[str, Any]:
        order, shapes = report.order, self._shapes
        request = order.request
        symbol = request.symbol
        out: dict[str, Any] = {}
        if request.trailing_bips:
            out["d"] = request.trailing_bips
            if order.trailing_ns >= 0:
                out["D"] = stamp(order.trailing_ns)
        if request.strategy_id is not None:
            out["j"] = request.strategy_id
        if request.strategy_type is not None:
            out["J"] = request.strategy_type
        if order.prevented_id >= 0:
            out["A"] = shapes.qty(symbol, order.prevented_qty)
        if order.expiry != Expiry.NONE:
            out["eR"] = order.expiry.name
        match = report.prevented
        if match is not None:
            taker = match.taker_order_id == order.order_id
            spec = self._market.specs[symbol]
            unit = 10 ** (spec.px_digits + spec.qty_digits)
            out |= {
                "B": shapes.qty(symbol, match.taker_qty if taker else match.maker_qty),
                "u": match.trade_group,
                "U": match.maker_order_id if taker else match.taker_order_id,
                "Cs": shapes.symbol(symbol),
                "pl": shapes.qty(symbol, match.qty),
                "pL": shapes.px(symbol, match.px),
                "pY": money(match.px * match.qty * 10**8 // unit),
            }
        return out

    def list_status(self, report: ListReport) -> dict[str, Any]:
        found = report.list
        return {
            "e": "listStatus",
            "E": stamp(report.time_ns),
            "s": self._shapes.symbol(found.symbol),
            "g": found.list_id,
            "c": CONTINGENCIES[found.kind],
            "l": report.status,
            "L": "ALL_DONE" if report.status == "ALL_DONE" else "EXECUTING",
            "r": "NONE",
            "C": found.client_id,
            "T": stamp(report.time_ns),
            "O": [
                {"s": self._shapes.symbol(found.symbol), "i": number, "c": name}
                for number, name in zip(found.order_ids, report.client_ids, strict=True)
            ],
        }

    def account_position(self, account: int, rows: Sequence[int], now_ns: int) -> dict[str, Any]:
        balances = self._market.balances(account)
        return {
            "e": "outboundAccountPosition",
            "E": stamp(now_ns),
            "u": stamp(now_ns),
            "B": [
                {
                    "a": self._shapes.asset(row),
                    "f": money(balances[row][0]),
                    "l": money(balances[row][1]),
                }
                for row in rows
            ],
        }

    def balance_update(self, report: BalanceReport) -> dict[str, Any]:
        return {
            "e": "balanceUpdate",
            "E": stamp(report.time_ns),
            "a": self._shapes.asset(report.asset),
            "d": money(report.delta),
            "T": stamp(report.time_ns),
        }


def _on_book(order: Order, kind: ReportKind) -> bool:
    open_now = order.state == OrderState.OPEN and kind != ReportKind.REJECTED
    return open_now and order.working_ns >= 0 and order.request.kind != lay.TYPE_MARKET


def _group(report: UserReport) -> tuple[int, int]:
    """(account, symbol); -1 - asset for money from outside."""
    if isinstance(report, Report):
        return report.order.request.account, report.order.request.symbol
    if isinstance(report, ListReport):
        return report.account, report.list.symbol
    return report.account, -1 - report.asset
