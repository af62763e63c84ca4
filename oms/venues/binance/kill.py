"""Binance spot, as much of it as a kill needs (`oms/venues/kill.py: KillSide`). Bytes out, no I/O.

Sources: rest-api.md "Current open orders" (without a symbol: weight 80), "Account information"
(weight 20), "Cancel All Open Orders on a Symbol" (order lists included), "Cancel order", "Check
server time", "LIMITS" (429, 418 and Retry-After).

Whether an account has an open order is asked by what its balances have locked: each open order of
spot locks what it may pay, so nothing locked is the venue's word that nothing is open, for a
quarter of the list's weight. What is locked for another reason is judged by the list.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from oms.config import GroupConfig
from oms.ports import Key
from oms.venues.binance import errors
from oms.venues.binance.sign import Signer, signed_query, signer_of
from oms.venues.binance.spec import SPOT_ORDERS, WEIGHT
from oms.venues.binance.trade_parse import parse_http
from oms.venues.binance.usage import retry_after_s, usage_of_headers
from oms.venues.data import Charge, OrderMarket
from oms.venues.kill import OpenOrder
from oms.venues.reports import (
    Ask,
    HttpCall,
    Item,
    Judgement,
    MalformedMessageError,
    Outgoing,
    Pause,
    Reply,
    Stamp,
    Verdict,
    Want,
)
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY
from shm_layout.enums import OrderSpace

_WEIGHTS = {
    Want.CANCEL_ALL: 1, Want.CANCEL: 1, Want.CLOCK: 1, Want.OPEN_ORDERS: 80, Want.BALANCES: 20,
}  # fmt: skip
_SETTLED = (Verdict.NOT_OPEN, Verdict.NOT_FOUND, Verdict.ARCHIVED)
_RETRY_AFTER_MAX_S = 3 * 86_400
"""The longest ban that the venue gives."""
PAUSE_DEFAULT_S = 10
_TEXT_CHARS_MAX = 80
_MS_PER_S = 1000


class BinanceKill:
    """One account domain of spot. Holds key material: its repr shows none."""

    __slots__ = ("_keys", "_recv_window_ms", "_symbols", "markets")

    def __init__(self, group: GroupConfig, instruments: Mapping[str, Sequence[str]]) -> None:
        """`instruments`: canonical names by market, what is cancelled before any list has come."""
        self.markets: Mapping[str, OrderMarket] = dict.fromkeys(group.venues, SPOT_ORDERS)
        self._recv_window_ms = group.recv_window_ms
        self._symbols = {
            market: sorted({name.replace("/", "") for name in names})
            for market, names in instruments.items()
        }
        self._keys: dict[str, tuple[str, Signer]] = {}

    def add(self, account: str, key: Key) -> None:
        """An account that is swept with this key."""
        self._keys[account] = (key.api_key, signer_of(key))

    def spaces(self, market: str) -> Sequence[OrderSpace]:
        """One: spot lists every order together."""
        return self.markets[market].caps.spaces

    def sweep(self, account: str, market: str, space: OrderSpace) -> Sequence[Ask]:
        """Every open order of each symbol of the config."""
        return [
            Ask(Want.CANCEL_ALL, account, market, space=space, symbol=symbol)
            for symbol in self._symbols.get(market, ())
        ]

    def look(self, account: str, market: str, space: OrderSpace) -> Sequence[Ask]:
        """What the account has, and what of it is locked."""
        return (Ask(Want.BALANCES, account, market, space=space),)

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """Every open order of the account, where something is locked."""
        if ask.want is Want.BALANCES and not reply.complete:
            return (Ask(Want.OPEN_ORDERS, ask.account, ask.market, space=ask.space),)
        return ()

    def cancel(
        self, account: str, market: str, space: OrderSpace, orders: Sequence[OpenOrder],
        *, singly: bool,
    ) -> Sequence[Ask]:  # fmt: skip
        """By symbol, or each order by itself."""
        if not singly:
            return [
                Ask(Want.CANCEL_ALL, account, market, space=space, symbol=symbol)
                for symbol in sorted({order.symbol for order in orders})
            ]
        return [
            Ask(Want.CANCEL, account, market, space=space, symbol=order.symbol,
                venue_order_id=order.venue_order_id)
            for order in orders
        ]  # fmt: skip

    def fence(self, account: str, market: str, symbol: str, client_text: str) -> Sequence[Ask]:
        """Not needed: requests have a lifetime."""
        del account, market, symbol, client_text
        return ()

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """Request weight of the address."""
        return (Charge(WEIGHT, ("",), _WEIGHTS[ask.want]),)

    def ask(self, ask: Ask, stamp: Stamp) -> Outgoing:
        """The request of one of these asks."""
        if ask.want is Want.CLOCK:
            return Outgoing(HttpCall("GET", "/api/v3/time"), self.charges(ask))
        params: dict[str, str | int] = {}
        if ask.symbol:
            params["symbol"] = ask.symbol
        if ask.venue_order_id:
            params["orderId"] = ask.venue_order_id
        ways = {
            Want.CANCEL_ALL: ("DELETE", "/api/v3/openOrders"),
            Want.CANCEL: ("DELETE", "/api/v3/order"),
            Want.OPEN_ORDERS: ("GET", "/api/v3/openOrders"),
            Want.BALANCES: ("GET", "/api/v3/account"),
        }
        if ask.want is Want.BALANCES:
            params["omitZeroBalances"] = "true"
        method, path = ways[ask.want]
        api_key, signer = self._keys[ask.account]
        pairs = [*params.items(), ("recvWindow", self._recv_window_ms)]
        query = signed_query(signer, [*pairs, ("timestamp", stamp.now_ms)])
        call = HttpCall(method, f"{path}?{query}", {"X-MBX-APIKEY": api_key})
        return Outgoing(call, self.charges(ask), stamp.now_ms + self._recv_window_ms)

    def read(self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        """An answer; where it cannot be read, an item of status 0."""
        weight = usage_of_headers(headers).weight
        usage = (Charge(WEIGHT, ("",), weight),) if weight >= 0 else ()
        if status in (HTTP_TOO_MANY, HTTP_BANNED):
            wait_s = min(retry_after_s(headers), _RETRY_AFTER_MAX_S) or PAUSE_DEFAULT_S
            banned = status == HTTP_BANNED
            pause = Pause(("egress",), 0, cancels_pass=not banned, for_ms=wait_s * _MS_PER_S)
        else:
            pause = None
        try:
            answer = parse_http(0, status, body)
            item = Item(answer.code, answer.text, status=answer.status)
            if item.code or not 200 <= item.status < 300:
                return Reply((item,), usage=usage, pause=pause)
            return _READERS[ask.want](answer.result, item, usage)
        except (MalformedMessageError, KeyError, TypeError, ValueError) as error:
            words = f"unreadable {ask.want.name} ({type(error).__name__})"
            return Reply((Item(text=words, status=0),), usage=usage, pause=pause)

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """What an item proves."""
        if not item.code and 200 <= item.status < 300:
            return Judgement(Verdict.DONE)
        if item.status in (HTTP_TOO_MANY, HTTP_BANNED):
            return Judgement(Verdict.UNKNOWN)
        judged = errors.judge(item.status, item.code, item.text)
        if judged.verdict in _SETTLED and ask.want in (Want.CANCEL, Want.CANCEL_ALL):
            return Judgement(Verdict.DONE)
        return Judgement(judged.verdict, judged.reason, clock=item.code == errors.CODE_TIMESTAMP)


def _listed(result: Any, item: Item, usage: tuple[Charge, ...]) -> Reply:
    return Reply((item,), tuple(_order(entry) for entry in result), complete=True, usage=usage)


def _locked(result: Any, item: Item, usage: tuple[Charge, ...]) -> Reply:
    """An amount that is not plainly zero counts as locked."""
    amounts = [str(entry["locked"]) for entry in result["balances"]]
    locked = any(amount.strip("0.") or not amount for amount in amounts)
    return Reply((item,), complete=not locked, usage=usage)


def _cancelled(result: Any, item: Item, usage: tuple[Charge, ...]) -> Reply:
    """What cannot be read in it changes nothing, because a look follows."""
    return Reply((item,), tuple(_ended(result)), complete=True, usage=usage)


def _clock(result: Any, item: Item, usage: tuple[Charge, ...]) -> Reply:
    server_ms = result["serverTime"]
    if not isinstance(server_ms, int) or server_ms <= 0:
        raise ValueError(server_ms)
    return Reply((item,), complete=True, usage=usage, server_ms=server_ms)


_READERS: dict[Want, Callable[[Any, Item, tuple[Charge, ...]], Reply]] = {
    Want.OPEN_ORDERS: _listed,
    Want.BALANCES: _locked,
    Want.CANCEL_ALL: _cancelled,
    Want.CANCEL: _cancelled,
    Want.CLOCK: _clock,
}


def _ended(result: Any) -> Iterator[OpenOrder]:
    """Orders of a cancel's answer; an order list has its own inside."""
    for entry in result if isinstance(result, list) else [result]:
        inside = entry.get("orderReports") if isinstance(entry, dict) else None
        for order in inside if isinstance(inside, list) else [entry]:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                yield _order(order)


def _order(entry: Any) -> OpenOrder:
    return OpenOrder(
        str(entry["symbol"]), str(int(entry["orderId"])),
        str(entry.get("origClientOrderId") or entry["clientOrderId"]),
        str(entry["side"]), str(entry["origQty"]), str(entry["executedQty"]), str(entry["price"]),
    )  # fmt: skip
