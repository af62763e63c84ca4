"""OKX's order side: spot and swap of one account of level 2, net positions. Sans-I/O.

One connection carries requests and events of orders, balances and positions; orders behind
triggers are told on another (business). An acknowledgement says that a request was received and
gives an id ("Place order": the result is told by the order channel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import orjson

from oms.ports import Key
from oms.venues.data import Capabilities, Charge, OrderMarket, Role, Way
from oms.venues.okx import answers, errors, sign, spec
from oms.venues.okx.orders_out import BILL_KINDS, Requests
from oms.venues.orders import Link
from oms.venues.reports import (
    Ask,
    HttpCall,
    Instrument,
    Item,
    Judgement,
    Known,
    Listed,
    Outgoing,
    Read,
    Reply,
    Run,
    Stamp,
    Want,
)
from oms.venues.shared.hmac_sha256 import HmacSha256
from oms.venues.shared.order_text import Buffers, OrderText
from oms.venues.shared.requests import Request, query_text, windows
from shm_layout.enums import OrderSpace, SelfTrade

PING_TEXT = "ping"
PING_EVERY_MS = 20_000
_PATHS = {Role.BOTH: "/ws/v5/private", Role.EVENTS: "/ws/v5/business"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIES = frozenset({Want.PLACE, Want.AMEND})


class OkxOrders:
    """One account domain: keys by account."""

    markets: Mapping[str, OrderMarket] = spec.MARKETS

    def __init__(
        self,
        keys: Mapping[str, Key] = MappingProxyType({}),
        system_id: int = 0,
        *,
        lifetime_ms: int = spec.LIFETIME_MS,
        self_trade: SelfTrade = SelfTrade.CANCEL_MAKER,
        demo: bool = False,
    ) -> None:
        """`demo`: requests say that they are for simulated trading."""
        self._keys: dict[str, tuple[str, str]] = {}
        self._signers: dict[str, HmacSha256] = {}
        self._requests = Requests(system_id, self_trade)
        self._lifetime_ms = lifetime_ms
        self._headers = dict([spec.DEMO_HEADER]) if demo else {}
        for account, key in keys.items():
            self.add(account, key, system_id)

    def add(self, account: str, key: Key, system_id: int) -> None:
        """See `OrderSide`."""
        self._keys[account] = key.api_key, key.passphrase
        self._signers[account] = HmacSha256(key.secret)
        self._requests.system_id = system_id

    def caps(self, market: str) -> Capabilities:
        """See `OrderSide`."""
        return self.markets[market].caps

    def setup(self, account: str) -> Sequence[Ask]:
        """The key and the account's level and position mode, positions, fees."""
        asks = [Ask(Want.KEY, account), Ask(Want.ACCOUNT, account)]
        asks += [Ask(Want.FEES, account, market) for market in self.markets]
        return [*asks, Ask(Want.POSITIONS, account, "okx.swap")]

    def links(self, accounts: Sequence[str], got: Mapping[str, Reply]) -> Sequence[Link]:
        """Each account has a connection for requests and events, and one for algo orders."""
        return [
            Link(role, (account,), True, PING_TEXT, PING_EVERY_MS)
            for account in accounts
            for role in _PATHS
        ]

    def open(self, link: Link, stamp: Stamp) -> tuple[str, Mapping[str, str]]:
        """See `OrderSide`."""
        return _PATHS[link.role], self._headers

    def greet(self, link: Link, stamp: Stamp) -> Sequence[Ask]:
        """Logged on before subscribed; within 30 s of being open."""
        values = {"role": int(link.role)}
        return [
            Ask(Want.LOGON, link.accounts[0]), Ask(Want.SUBSCRIBE, link.accounts[0], values=values)
        ]  # fmt: skip

    def ask(self, ask: Ask, way: Way, stamp: Stamp) -> Outgoing | None:
        """Sockets carry places, amends, cancels, log-ons, subscriptions, pings; all else REST."""
        socket = way is Way.SOCKET
        if socket and ask.want in {Want.LOGON, Want.SUBSCRIBE, Want.PING}:
            return Outgoing(self._frame(ask, stamp))
        request = self._requests.of(ask, socket=socket, now_ms=stamp.now_ms)
        if request is None:
            return None
        expires = stamp.now_ms + self._lifetime_ms if ask.want in _DIES else None
        if expires is not None and ask.orders and request.path.endswith("order-algo"):
            expires = None
        if socket:
            return Outgoing(_order_frame(request, stamp, expires), request.charges, expires)
        dies = expires if expires is not None or not request.signed else _rest_dies(stamp)
        return Outgoing(self._call(ask.account, request, stamp, expires), request.charges, dies)

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """By account and instrument, whichever way it leaves."""
        if ask.want is Want.CONNECT:
            return (Charge("connects", ("",)),)
        if ask.want in {Want.LOGON, Want.SUBSCRIBE}:
            return (Charge("operations", ("",)),)
        request = self._requests.of(ask, socket=False, now_ms=0)
        return () if request is None else request.charges

    def _frame(self, ask: Ask, stamp: Stamp) -> bytes:
        if ask.want is Want.PING:
            return PING_TEXT.encode()
        if ask.want is Want.LOGON:
            seconds = str(stamp.now_ms // 1_000)
            key, passphrase = self._keys[ask.account]
            signature = sign.ws_signature(self._signers[ask.account], seconds)
            args = {"apiKey": key, "passphrase": passphrase, "timestamp": seconds,
                    "sign": signature}  # fmt: skip
            return orjson.dumps({"op": "login", "args": [args]})
        business = ask.values.get("role") == Role.EVENTS
        channels: list[dict[str, str]] = [
            {"channel": "orders-algo" if business else "orders", "instType": kind}
            for kind in spec.INST_TYPES.values()
        ]
        if not business:
            channels += [{"channel": "account"}, {"channel": "positions", "instType": "SWAP"}]
        return orjson.dumps({"id": str(stamp.request_id), "op": "subscribe", "args": channels})

    def _call(self, account: str, request: Request, stamp: Stamp, expires: int | None) -> HttpCall:
        target, body = request.path, b""
        if request.method == "GET":
            query = query_text(request.params, ",")
            target += f"?{query}" if query else ""
        else:
            body = orjson.dumps(request.params)
        if not request.signed:
            return HttpCall(request.method, target, dict(self._headers))
        at, (key, passphrase) = iso_of(stamp.now_ms), self._keys[account]
        signature = sign.rest_signature(
            self._signers[account], at, request.method, target, body.decode()
        )
        headers = {
            **self._headers, "OK-ACCESS-KEY": key, "OK-ACCESS-SIGN": signature,
            "OK-ACCESS-TIMESTAMP": at, "OK-ACCESS-PASSPHRASE": passphrase,
        }  # fmt: skip
        if body:
            headers["Content-Type"] = "application/json"
        if expires is not None:
            headers["expTime"] = str(expires)
        return HttpCall(request.method, target, headers, body)

    def order_text(
        self, instrument: Instrument, shape: tuple[int, int, int], account: str, buffers: Buffers,
        *, logged_on: bool,
    ) -> OrderText | None:  # fmt: skip
        """No fast path."""
        return None

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """The next page."""
        return [replace(ask, page=reply.next_page)] if reply.next_page else []

    def read(self, link: Link, data: bytes, known: Known) -> Read:
        """See `OrderSide`."""
        return answers.frame(link, data, known)

    def read_http(
        self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known
    ) -> Reply:
        """See `OrderSide`. No header says anything of limits."""
        return answers.http(ask, status, body, known)

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """See `OrderSide`."""
        return errors.judge(ask, item)

    def plan(self, run: Run) -> Sequence[Sequence[Ask]]:
        """Open orders of both kinds, then fills and ends up to then, then positions, balances,
        funding and transfers."""
        opened, ended, money = [], [], [Ask(Want.BALANCES, run.account)]
        for market in run.markets:
            opened.append(Ask(Want.OPEN_ORDERS, run.account, market))
            opened += [
                Ask(Want.OPEN_ORDERS, run.account, market, space=OrderSpace.ALGO,
                    values={"kind": kind})
                for kind in spec.ALGO_KINDS
            ]  # fmt: skip
            for since, until in windows(run.since_ms, run.now_ms, spec.HISTORY_MS):
                fills = Ask(Want.FILLS, run.account, market, since_ms=since, until_ms=until)
                ended += [fills, replace(fills, want=Want.ENDED_ORDERS)]
        if "okx.swap" in run.markets:
            money.append(Ask(Want.POSITIONS, run.account, "okx.swap"))
        money += [
            Ask(Want.CASH_FLOWS, run.account, since_ms=run.since_ms, values={"kind": kind})
            for kind in BILL_KINDS
        ]
        return [opened, ended, money]

    def listing(self, market: str) -> Sequence[Ask]:
        """One answer holds all of it."""
        return [Ask(Want.LISTING, market=market)]

    def listed(self, market: str, replies: Sequence[Reply]) -> Sequence[Listed]:
        """See `OrderSide`."""
        return [row for reply in replies for row in reply.rows if isinstance(row, Listed)]


def iso_of(now_ms: int) -> str:
    """ISO 8601 with milliseconds and Z."""
    at = _EPOCH + timedelta(milliseconds=now_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{now_ms % 1_000:03d}Z"


def _rest_dies(stamp: Stamp) -> int:
    return stamp.now_ms + spec.CLOCK_SPAN_MS


def _order_frame(request: Request, stamp: Stamp, expires: int | None) -> bytes:
    args = request.params if isinstance(request.params, list) else [request.params]
    frame: dict[str, object] = {"id": str(stamp.request_id), "op": request.op, "args": args}
    if expires is not None:
        frame["expTime"] = str(expires)
    return orjson.dumps(frame)
