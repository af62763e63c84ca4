"""Binance spot, as much of it as a kill needs: list what is open, cancel it. Bytes out, no I/O.

Nothing here knows the registry or an order of ours: prices and quantities stay the text that the
venue wrote, so that it works when nothing else of the desk does. Sources: rest-api.md "Current
open orders" (without a symbol: weight 80), "Account information" (weight 20), "Cancel All Open
Orders on a Symbol" (order lists included), "Cancel order", "Check server time", "LIMITS" (429, 418
and Retry-After).

Whether an account has an open order is asked by what its balances have locked: each open order of
spot locks what it may pay, so nothing locked is the venue's word that nothing is open, for a
quarter of the list's weight. What is locked for another reason is judged by the list.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from oms.ports import Key
from oms.venues.binance.errors import HTTP_SERVER_ERROR, judge
from oms.venues.binance.sign import signed_query, signer_of
from oms.venues.binance.trade_parse import Reply, parse_http
from oms.venues.binance.usage import retry_after_s
from oms.venues.reports import Verdict
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY, MalformedMessageError

_TIME_TARGET = "/api/v3/time"
WEIGHT_LIST = 80
WEIGHT_LOCKED = 20
WEIGHT_CANCEL = 1
WEIGHT_CLOCK = 1
TIMESTAMP_AHEAD_MS = 1000
"""A request may be dated so far after the venue's clock ("Timing security"), and lives longer by
as much."""
_CODE_TIMESTAMP = -1021
_RETRY_AFTER_MAX_S = 3 * 86_400
"""The longest ban that the venue gives."""
PAUSE_DEFAULT_S = 10
_TEXT_CHARS_MAX = 80

Request = tuple[str, str, dict[str, str]]
"""HTTP method, target, headers; the body is empty."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that the venue lists; amounts as it writes them."""

    symbol: str
    venue_order_id: int
    client_order_id: str
    side: str
    qty: str
    executed_qty: str
    px: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer says. `orders` of a list; else whether the matter is settled."""

    done: bool
    orders: tuple[OpenOrder, ...] = ()
    trouble: str = ""
    wait_s: int = 0
    """429, 418: this address must be silent for so long."""
    refused: bool = False
    """The venue will not do it, however often it is asked."""
    clock: bool = False
    """Our time stamp was refused: ask for the venue's clock."""
    locked: bool = False
    """Of `locked`: an open order is possible."""


class SweepRequests:
    """What one account sends while it is swept. Holds key material: its repr shows none."""

    __slots__ = ("_api_key", "_recv_window_ms", "_signer", "shift_ms")

    def __init__(self, key: Key, recv_window_ms: int) -> None:
        self._api_key = key.api_key
        self._signer = signer_of(key)
        self._recv_window_ms = recv_window_ms
        self.shift_ms = 0
        """The venue's clock less ours, once it had to be asked for."""

    def _signed(
        self, verb: str, path: str, params: Mapping[str, str | int], now_ms: int
    ) -> Request:
        pairs = [*params.items(), ("recvWindow", self._recv_window_ms)]
        pairs.append(("timestamp", now_ms + self.shift_ms))
        query = signed_query(self._signer, pairs)
        return verb, f"{path}?{query}", {"X-MBX-APIKEY": self._api_key}

    def locked(self, now_ms: int) -> Request:
        """What the account has, and what of it is locked."""
        return self._signed("GET", "/api/v3/account", {"omitZeroBalances": "true"}, now_ms)

    def list_open(self, now_ms: int) -> Request:
        """Every open order of the account."""
        return self._signed("GET", "/api/v3/openOrders", {}, now_ms)

    def cancel_symbol(self, symbol: str, now_ms: int) -> Request:
        """Every open order of one symbol."""
        return self._signed("DELETE", "/api/v3/openOrders", {"symbol": symbol}, now_ms)

    def cancel_order(self, symbol: str, venue_order_id: int, now_ms: int) -> Request:
        """One order."""
        params: dict[str, str | int] = {"symbol": symbol, "orderId": venue_order_id}
        return self._signed("DELETE", "/api/v3/order", params, now_ms)

    @staticmethod
    def clock() -> Request:
        """The venue's clock, unsigned."""
        return "GET", _TIME_TARGET, {}


def symbols_of(instruments: tuple[str, ...]) -> list[str]:
    """The venue's symbols of canonical names: what is cancelled before any list has come."""
    return [name.replace("/", "") for name in instruments]


def _accepted(status: int, headers: Mapping[str, str], body: bytes) -> Reply | Outcome:
    """What the venue said, where it did what was asked; else what is to be made of it."""
    reply = _reply(status, body)
    if isinstance(reply, str):
        return Outcome(done=False, trouble=reply)
    if reply.code or not 200 <= reply.status < 300:
        return _trouble(reply, headers)
    return reply


def read_list(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The answer to `list_open`."""
    reply = _accepted(status, headers, body)
    if isinstance(reply, Outcome):
        return reply
    try:
        return Outcome(done=True, orders=tuple(_order(entry) for entry in reply.result))
    except (KeyError, TypeError, ValueError) as error:
        return Outcome(done=False, trouble=f"unreadable list ({type(error).__name__})")


def read_locked(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The answer to `locked`. An amount that is not plainly zero counts as locked."""
    reply = _accepted(status, headers, body)
    if isinstance(reply, Outcome):
        return reply
    try:
        amounts = [str(entry["locked"]) for entry in reply.result["balances"]]
    except (KeyError, TypeError) as error:
        return Outcome(done=False, trouble=f"unreadable account ({type(error).__name__})")
    return Outcome(done=True, locked=any(amount.strip("0.") or not amount for amount in amounts))


def read_cancel(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The answer to either cancel, with what it cancelled. Done also when there was nothing to
    cancel; words that cannot be read change nothing, because a list follows.
    """
    reply = _reply(status, body)
    if isinstance(reply, str):
        return Outcome(done=False, trouble=reply)
    if 200 <= reply.status < 300 and not reply.code:
        return Outcome(done=True, orders=tuple(_cancelled(reply.result)))
    found = _trouble(reply, headers)
    nothing = judge(reply.status, reply.code, reply.text).verdict
    if nothing in (Verdict.NOT_OPEN, Verdict.NOT_FOUND, Verdict.ARCHIVED) and not found.wait_s:
        return Outcome(done=True)
    return found


def read_clock(status: int, body: bytes, now_ms: int) -> int | None:
    """The venue's clock less ours, in milliseconds; None = no answer."""
    reply = _reply(status, body)
    if isinstance(reply, str) or reply.code or not isinstance(reply.result, dict):
        return None
    stamp = reply.result.get("serverTime")
    return stamp - now_ms if isinstance(stamp, int) else None


def _reply(status: int, body: bytes) -> Reply | str:
    try:
        return parse_http(0, status, body)
    except MalformedMessageError as error:
        return str(error)[:_TEXT_CHARS_MAX]


def _trouble(reply: Reply, headers: Mapping[str, str]) -> Outcome:
    text = f"{reply.status} {reply.code} {reply.text}".strip()[:_TEXT_CHARS_MAX]
    if reply.status in (HTTP_TOO_MANY, HTTP_BANNED):
        return Outcome(done=False, trouble=text, wait_s=_pause_s(headers))
    if reply.code == _CODE_TIMESTAMP:
        return Outcome(done=False, trouble=text, clock=True)
    refused = 400 <= reply.status < HTTP_SERVER_ERROR
    return Outcome(done=False, trouble=text or "no answer", refused=refused)


def _pause_s(headers: Mapping[str, str]) -> int:
    return min(retry_after_s(headers), _RETRY_AFTER_MAX_S) or PAUSE_DEFAULT_S


def _cancelled(result: Any) -> Iterator[OpenOrder]:
    """Orders of a cancel's answer; an order list has its own inside."""
    for entry in result if isinstance(result, list) else [result]:
        inside = entry.get("orderReports") if isinstance(entry, dict) else None
        for order in inside if isinstance(inside, list) else [entry]:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                yield _order(order)


def _order(entry: Any) -> OpenOrder:
    return OpenOrder(
        str(entry["symbol"]), int(entry["orderId"]),
        str(entry.get("origClientOrderId") or entry["clientOrderId"]),
        str(entry["side"]), str(entry["origQty"]), str(entry["executedQty"]), str(entry["price"]),
    )  # fmt: skip
