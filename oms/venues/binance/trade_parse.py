"""Binance spot, order side, incoming: bytes -> replies, user events, reports. No I/O.

Everything here raises MalformedMessageError for bytes that do not have the documented shape, and
never guesses a value. Money is decimal text in the messages and int64 at the row's scale in the
reports. Sources: web-socket-api.md "Response format", user-data-stream.md (executionReport,
outboundAccountPosition), rest-api.md (orders, trades, account, exchangeInfo).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from oms import ids
from oms.units import NS_PER_MS
from oms.venues.binance.usage import (
    NO_USAGE,
    Usage,
    retry_after_s,
    usage_of_headers,
    usage_of_limits,
)
from oms.venues.reports import Balance, Fill, OrderView
from oms.venues.shared.decimal_text import from_text, from_text_down
from oms.venues.trade_base import Instrument, MalformedMessageError, Report
from shm_layout.enums import FLAG_LAST, ExecKind, Liquidity, RejectReason, Side
from shm_layout.records import UNDEF

_TEXT_CHARS_MAX = 48
_ID_DIGITS_MAX = 18
"""More than our own request ids ever have, and it fits 64 bits."""
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

OPEN_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW", "PENDING_CANCEL"})
FILLED_STATUS = "FILLED"
_END_KINDS = {
    "CANCELED": ExecKind.CANCELED,
    "EXPIRED": ExecKind.EXPIRED,
    "EXPIRED_IN_MATCH": ExecKind.EXPIRED,
    "REJECTED": ExecKind.REJECT,
}
"""enums.md "Order status": statuses in which an order stays, and what each is in a record."""
_END_REASONS = {
    "REJECTED": RejectReason.VENUE_REJECT,
    "EXPIRED_IN_MATCH": RejectReason.SELF_TRADE,
}
"""Why it ended, where the status says so: EXPIRED_IN_MATCH is self-trade prevention."""
_WITHOUT_ALL = {
    ExecKind.FOUND_OPEN: ExecKind.REDUCED, ExecKind.FOUND_FILLED: ExecKind.EXPIRED,
}  # fmt: skip
"""What it is where self-trade prevention took a part: an end is told by amounts, and what is called
FILLED then has fewer fills than were ordered."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the WebSocket API or of REST. `code` 0 = no error in it."""

    request_id: int
    """-1: not a number of ours, or null."""
    status: int
    result: Any
    code: int = 0
    text: str = ""
    retry_at_ms: int = 0
    """429 and 418: not before this, venue's clock; 0 = not said."""
    retry_after_s: int = 0
    """The same as REST says it: so long from now."""
    usage: Usage = NO_USAGE
    halves: Mapping[str, Any] | None = None
    """Of a cancelReplace: cancelResult, cancelResponse, newOrderResult, newOrderResponse, whether
    they came as a result or with an error."""


@dataclass(frozen=True, slots=True)
class UserEvent:
    """A pushed event; `subscription_id` -1 where it came without its wrapper."""

    subscription_id: int
    kind: str
    event: Mapping[str, Any]


def _read(made: Callable[[], _T], what: str) -> _T:
    """Run a reader; whatever is missing or of a wrong type makes the message malformed."""
    try:
        return made()
    except MalformedMessageError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise MalformedMessageError(f"{what}: {type(error).__name__} {error}") from error


def parse_frame(data: bytes) -> Reply | UserEvent:
    """One WebSocket message."""
    return _read(lambda: _frame(orjson.loads(data)), "frame")


def _frame(message: Any) -> Reply | UserEvent:
    if "status" in message and "id" in message:
        given = str(message["id"])
        number = int(given) if given.isdecimal() and len(given) <= _ID_DIGITS_MAX else -1
        return _reply(number, _integer(message["status"]), message)
    if "event" in message:
        event = message["event"]
        return UserEvent(_integer(message.get("subscriptionId", -1)), _text(event["e"]), event)
    return UserEvent(-1, _text(message["e"]), message)


def _reply(request_id: int, status: int, message: Mapping[str, Any]) -> Reply:
    error = message.get("error")
    usage = usage_of_limits(message.get("rateLimits"))
    if error is None:
        result = message.get("result")
        return Reply(request_id, status, result, usage=usage, halves=_halves(result))
    data = error.get("data") or {}
    return Reply(
        request_id, status, None, _integer(error["code"]), _text(error["msg"]),
        int(data.get("retryAfter", 0)), usage=usage, halves=_halves(data),
    )  # fmt: skip


def _halves(found: Any) -> Mapping[str, Any] | None:
    return found if isinstance(found, dict) and "cancelResult" in found else None


def parse_http(
    request_id: int, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> Reply:
    """A REST answer; `status` 0 = none came, `body` then holds the host's reason."""
    if status == 0:
        return Reply(request_id, 0, None, 0, body[:_TEXT_CHARS_MAX].decode("ascii", "replace"))
    usage = usage_of_headers(headers or {})
    if 200 <= status < 300:
        found = _read(lambda: orjson.loads(body), "body")
        return Reply(request_id, status, found, usage=usage, halves=_halves(found))
    retry_s = retry_after_s(headers or {})
    try:
        error = orjson.loads(body)
        code, text = int(error["code"]), str(error["msg"])
        halves = _halves(error.get("data"))
    except (ValueError, TypeError, KeyError, AttributeError):
        code, text, halves = 0, body[:_TEXT_CHARS_MAX].decode("ascii", "replace"), None
    return Reply(
        request_id, status, None, code, text, retry_after_s=retry_s, usage=usage, halves=halves
    )


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) < value < 2**63:
        raise MalformedMessageError(f"{str(value)[:_TEXT_CHARS_MAX]!r} is no integer")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise MalformedMessageError(f"{str(value)[:_TEXT_CHARS_MAX]!r} is no text")
    return value


class TradeReader:
    """Turns orders, trades and events into reports; knows this desk's ids and instruments."""

    def __init__(self, system_id: int) -> None:
        self.system_id = system_id
        self.by_symbol: dict[str, Instrument] = {}
        self.instrument_of: Callable[[str], Instrument | None] = self.by_symbol.get
        """Instruments by the exchange's own string."""

    def order(self, result: Any) -> OrderView:
        """An order out of `order.place`, `order.status`, `order.cancel`, `openOrders.*`."""
        return _read(lambda: self._order(result), "order")

    def _order(self, result: Any) -> OrderView:
        symbol = _text(result["symbol"])
        instrument = self.instrument_of(symbol)
        # An answer to a cancel names the order in origClientOrderId and itself in clientOrderId.
        client_text = _text(result.get("origClientOrderId") or result["clientOrderId"])
        stamp_ms = result.get("updateTime") or result.get("transactTime") or 0
        px = qty = executed = UNDEF
        prevented = 0
        status = _text(result["status"])
        if instrument is not None:
            px = from_text(result["price"], instrument.px_scale)
            prevented = from_text(result.get("preventedQuantity", "0"), instrument.qty_scale)
            executed = from_text(result["executedQty"], instrument.qty_scale)
            # Of a filled order nothing is left, whatever was prevented of it.
            filled = status == FILLED_STATUS
            qty = executed if filled else _without(result["origQty"], prevented, instrument)
        kind, reason = _kind_of(status), _END_REASONS.get(status, RejectReason.UNSET)
        if prevented and kind in _WITHOUT_ALL:
            kind, reason = _WITHOUT_ALL[kind], RejectReason.SELF_TRADE
        return OrderView(
            ids.from_text(self.system_id, client_text) or 0, client_text,
            str(_integer(result["orderId"])), instrument, symbol, kind,
            _SIDES[result["side"]], px, qty, executed,
            ts_event_ns=_integer(stamp_ms) * NS_PER_MS,
            by_amount=bool(_text(result.get("origQuoteOrderQty", "0")).strip("0.")),
            reason=reason, word=status,
        )  # fmt: skip

    def trade(self, result: Any) -> Fill | None:
        """A trade out of `myTrades`; None for an instrument that is not traded here."""
        return _read(lambda: self._trade(result), "trade")

    def _trade(self, result: Any) -> Fill | None:
        instrument = self.instrument_of(_text(result["symbol"]))
        if instrument is None:
            return None
        report = Report(
            ExecKind.FILL,
            instrument=instrument,
            side=Side.BUY if _boolean(result["isBuyer"]) else Side.SELL,
            liquidity=Liquidity.MAKER if _boolean(result["isMaker"]) else Liquidity.TAKER,
            px=from_text(result["price"], instrument.px_scale),
            qty=from_text(result["qty"], instrument.qty_scale),
            quote_qty=from_text_down(result["quoteQty"], instrument.quote_scale),
            fee_text=_text(result["commission"]),
            fee_currency=_text(result["commissionAsset"]),
            trade_id=_integer(result["id"]),
            ts_event_ns=_integer(result["time"]) * NS_PER_MS,
            venue_order_id=str(_integer(result["orderId"])),
        )
        _check_fill(report)
        return Fill(report.venue_order_id, report, str(report.trade_id))

    def execution_report(self, event: Any) -> Report | None:
        """An `executionReport`; None where it says nothing that a record could.

        A CANCELED report names the order in `C` and the cancel in `c`; every other report names
        the order in `c`. An order that is not ours is reported when it opens, and not after.
        """
        return _read(lambda: self._execution_report(event), "executionReport")

    def _execution_report(self, event: Any) -> Report | None:
        instrument = self.instrument_of(_text(event["s"]))
        what, status = _text(event["x"]), _text(event["X"])
        named = event.get("C") if what == "CANCELED" and event.get("C") else event["c"]
        client_order_id = ids.from_text(self.system_id, _text(named)) or 0
        if instrument is None:
            return None
        report = Report(
            ExecKind.ACK,
            client_order_id,
            instrument,
            _SIDES[event["S"]],
            cum_qty=from_text(event["z"], instrument.qty_scale),
            ts_event_ns=_integer(event["E"]) * NS_PER_MS,
            venue_order_id=str(_integer(event["i"])),
        )
        if not client_order_id:
            if what != "NEW":
                return None
            report.kind = ExecKind.EXTERNAL_OPEN
            report.px = from_text(event["p"], instrument.px_scale)
            report.qty = from_text(event["q"], instrument.qty_scale)
        elif what == "TRADE":
            self._fill(report, event, instrument)
            report.flags = FLAG_LAST if status == FILLED_STATUS else 0
        elif what != "NEW" and status in _END_KINDS:
            report.kind = _END_KINDS[status]
            report.reason = _END_REASONS.get(status, RejectReason.UNSET)
            report.text = _text(event.get("r") or "")
        elif what == "TRADE_PREVENTION":
            report.kind, report.reason = ExecKind.REDUCED, RejectReason.SELF_TRADE
            prevented = from_text(event["A"], instrument.qty_scale)
            report.total_qty = _without(event["q"], prevented, instrument)
        elif what != "NEW":
            return None
        return report

    @staticmethod
    def _fill(report: Report, event: Any, instrument: Instrument) -> None:
        report.kind = ExecKind.FILL
        report.liquidity = Liquidity.MAKER if _boolean(event["m"]) else Liquidity.TAKER
        report.px = from_text(event["L"], instrument.px_scale)
        report.qty = from_text(event["l"], instrument.qty_scale)
        report.quote_qty = _quote_qty(event.get("Y"), report, instrument)
        report.fee_text = _text(event["n"])
        report.fee_currency = event["N"] or ""
        report.trade_id = _integer(event["t"])
        report.ts_event_ns = _integer(event["T"]) * NS_PER_MS
        _check_fill(report)

    @staticmethod
    def balances(event: Any) -> list[Balance]:
        """Currencies of an `outboundAccountPosition`."""
        return _read(
            lambda: [Balance(_text(b["a"]), b["f"], b["l"]) for b in event["B"]], "balances"
        )

    @staticmethod
    def event_ns(event: Any) -> int:
        """When an event was made; 0 = it does not say."""
        return _read(lambda: _integer(event.get("E", 0)) * NS_PER_MS, "event")

    @staticmethod
    def account(result: Any) -> list[Balance]:
        """Currencies of `account.status`."""
        return _read(
            lambda: [
                Balance(_text(b["asset"]), b["free"], b["locked"]) for b in result["balances"]
            ],
            "account",
        )


def _check_fill(report: Report) -> None:
    if report.px <= 0 or report.qty <= 0:
        raise MalformedMessageError(f"a trade of {report.qty} at {report.px}")
    if report.trade_id < 0:
        raise MalformedMessageError("a trade without its id")


def _quote_qty(text: Any, report: Report, instrument: Instrument) -> int:
    """Amount of a fill: the venue's own where it gives it, else price times quantity, cut."""
    if text is not None:
        return from_text_down(text, instrument.quote_scale)
    return report.px * report.qty // instrument.notional_divisor


def _without(text: Any, prevented: int, instrument: Instrument) -> int:
    """A quantity without what self-trade prevention took of it."""
    left = from_text(text, instrument.qty_scale) - prevented
    if left < 0:
        raise MalformedMessageError(f"more was prevented than {text}")
    return left


def _kind_of(status: str) -> ExecKind:
    """What a status is, as a record."""
    if status in OPEN_STATUSES:
        return ExecKind.FOUND_OPEN
    if status == FILLED_STATUS:
        return ExecKind.FOUND_FILLED
    if status not in _END_KINDS:
        raise MalformedMessageError(f"order status '{status[:_TEXT_CHARS_MAX]}'")
    return _END_KINDS[status]


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise MalformedMessageError(f"{str(value)[:_TEXT_CHARS_MAX]!r} is neither true nor false")
    return value
