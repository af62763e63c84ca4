"""Bybit's order side: spot and linear of one unified account, by sockets and REST. Sans-I/O.

An acknowledgement says that a request was received; what became of the order comes on the `order`
topic, its fills on `execution` (order/create-order). No topic brings a snapshot, so REST is read
after subscribing. The order socket takes places, amends and cancels alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import orjson

from oms.ports import Key
from oms.venues.bybit import answers, errors, sign, spec
from oms.venues.bybit.orders_out import Requests, bucket_of
from oms.venues.data import Capabilities, Charge, OrderMarket, Role, Way
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
from shm_layout.enums import SelfTrade

PING_TEXT = '{"op":"ping"}'
PING_EVERY_MS = 20_000
TOPICS = ("order", "execution", "position", "wallet")
DEAD_MAN_TOPICS = ("dcp.future", "dcp.spot")
_CURSOR_CHARS = "%="
"""A cursor comes percent-encoded and goes back as it came."""


class BybitOrders:
    """One account domain: keys by account."""

    markets: Mapping[str, OrderMarket] = spec.MARKETS

    def __init__(
        self,
        keys: Mapping[str, Key] = MappingProxyType({}),
        system_id: int = 0,
        *,
        recv_window_ms: int = spec.RECV_WINDOW_MS,
        self_trade: SelfTrade = SelfTrade.CANCEL_MAKER,
        dead_man: bool = False,
    ) -> None:
        """`dead_man`: the exchange enabled it, so connections subscribe what it watches."""
        self._api_keys: dict[str, str] = {}
        self._signers: dict[str, HmacSha256] = {}
        self._requests = Requests(system_id, self_trade)
        self._window_ms = recv_window_ms
        self._topics = TOPICS + (DEAD_MAN_TOPICS if dead_man else ())
        for account, key in keys.items():
            self.add(account, key, system_id)

    def add(self, account: str, key: Key, system_id: int) -> None:
        """See `OrderSide`."""
        self._api_keys[account] = key.api_key
        self._signers[account] = HmacSha256(key.secret)
        self._requests.system_id = system_id

    def caps(self, market: str) -> Capabilities:
        """See `OrderSide`."""
        return self.markets[market].caps

    def setup(self, account: str) -> Sequence[Ask]:
        """The key, the account's mode, one-way positions, and that a price outside of the band is
        refused and not moved to its edge (account/set-price-limit; futures re-price by default)."""
        asks = [Ask(Want.KEY, account), Ask(Want.ACCOUNT, account)]
        for market in self.markets:
            asks.append(Ask(Want.SET_ACCOUNT, account, market, values={"what": "price_band"}))
            asks.append(Ask(Want.FEES, account, market))
        return asks + _by_coin(Ask(Want.POSITIONS, account, "bybit.linear"))

    def links(self, accounts: Sequence[str], got: Mapping[str, Reply]) -> Sequence[Link]:
        """Each account has a connection for its events and one for its orders."""
        return [
            Link(role, (account,), True, PING_TEXT, PING_EVERY_MS)
            for account in accounts
            for role in spec.SPOT_CAPS.links
        ]

    def open(self, link: Link, stamp: Stamp) -> tuple[str, Mapping[str, str]]:
        """Without ping and data it is cut after a minute, not after ten."""
        path = "private" if link.role is Role.EVENTS else "trade"
        return f"/v5/{path}?max_active_time=60s", {}

    def greet(self, link: Link, stamp: Stamp) -> Sequence[Ask]:
        """See `OrderSide`."""
        logon = Ask(Want.LOGON, link.accounts[0], values={"role": int(link.role)})
        if link.role is Role.ORDERS:
            return [logon]
        return [logon, Ask(Want.SUBSCRIBE, link.accounts[0])]

    def ask(self, ask: Ask, way: Way, stamp: Stamp) -> Outgoing | None:
        """Sockets carry places, amends, cancels, log-ons, subscriptions, pings; all else REST."""
        if way is Way.SOCKET and ask.want in {Want.LOGON, Want.SUBSCRIBE, Want.PING}:
            return Outgoing(self._frame(ask, stamp))
        request = self._requests.of(ask)
        if request is None or (way is Way.SOCKET and not request.op):
            return None
        charges = _charges(request, socket=way is Way.SOCKET)
        dies_ms = stamp.now_ms + self._window_ms if request.signed else None
        if way is Way.SOCKET:
            return Outgoing(self._order_frame(request, stamp), charges, dies_ms)
        return Outgoing(self._call(ask.account, request, stamp), charges, dies_ms)

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """The address's requests and the endpoint's own; what can go by the socket goes there."""
        if ask.want is Want.CONNECT:
            return (Charge("connects", ("",)),)
        request = self._requests.of(ask)
        return () if request is None else _charges(request, socket=bool(request.op))

    def _frame(self, ask: Ask, stamp: Stamp) -> bytes:
        if ask.want is Want.PING:
            return PING_TEXT.encode()
        if ask.want is Want.SUBSCRIBE:
            frame = {"req_id": str(stamp.request_id), "op": "subscribe", "args": self._topics}
            return orjson.dumps(frame)
        expires = stamp.now_ms + self._window_ms
        signature = sign.ws_signature(self._signers[ask.account], str(expires))
        name = "reqId" if ask.values.get("role") == Role.ORDERS else "req_id"
        args = [self._api_keys[ask.account], expires, signature]
        return orjson.dumps({name: str(stamp.request_id), "op": "auth", "args": args})

    def _order_frame(self, request: Request, stamp: Stamp) -> bytes:
        header = {
            "X-BAPI-TIMESTAMP": str(stamp.now_ms), "X-BAPI-RECV-WINDOW": str(self._window_ms),
        }  # fmt: skip
        return orjson.dumps(
            {"reqId": str(stamp.request_id), "header": header, "op": request.op,
             "args": [request.params]}
        )  # fmt: skip

    def _call(self, account: str, request: Request, stamp: Stamp) -> HttpCall:
        query, body, target = "", b"", request.path
        if request.method == "GET":
            query = query_text(request.params, _CURSOR_CHARS)
            target += f"?{query}" if query else ""
        else:
            body = orjson.dumps(request.params)
        if not request.signed:
            return HttpCall(request.method, target)
        now, window = str(stamp.now_ms), str(self._window_ms)
        key = self._api_keys[account]
        headers = {
            "X-BAPI-API-KEY": key, "X-BAPI-TIMESTAMP": now, "X-BAPI-RECV-WINDOW": window,
            "X-BAPI-SIGN": sign.rest_signature(
                self._signers[account], now, key, window, query or body.decode()
            ),
        }  # fmt: skip
        if body:
            headers["Content-Type"] = "application/json"
        return HttpCall(request.method, target, headers, body)

    def order_text(
        self, instrument: Instrument, shape: tuple[int, int, int], account: str, buffers: Buffers,
        *, logged_on: bool,
    ) -> OrderText | None:  # fmt: skip
        """No fast path."""
        return None

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """The next page; for one order the next place where it may stand."""
        if ask.want is Want.ORDER and not reply.rows and not reply.items:
            page = {"": "closed", "closed": "history"}.get(ask.page)
            return [replace(ask, page=page)] if page else []
        return [replace(ask, page=reply.next_page)] if reply.next_page else []

    def read(self, link: Link, data: bytes, known: Known) -> Read:
        """See `OrderSide`."""
        return answers.frame(link, data, known)

    def read_http(
        self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known
    ) -> Reply:
        """See `OrderSide`."""
        return answers.http(ask, status, headers, body, known, bucket_of(ask))

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """See `OrderSide`."""
        return errors.judge(ask, item)

    def plan(self, run: Run) -> Sequence[Sequence[Ask]]:
        """Open orders, then fills and ends up to then, then what follows from them: positions,
        balances, funding. Histories lag, so a fill missing here comes with the next run."""
        opened, ended, money = [], [], [Ask(Want.BALANCES, run.account)]
        for market in run.markets:
            ask = Ask(Want.OPEN_ORDERS, run.account, market, values={"all": 1})
            opened += _by_coin(ask) if market == "bybit.linear" else [ask]
            for since, until in windows(run.since_ms, run.now_ms, spec.HISTORY_WINDOW_MS):
                fills = Ask(Want.FILLS, run.account, market, since_ms=since, until_ms=until)
                ended.append(fills)
                history = replace(fills, want=Want.ENDED_ORDERS)
                ended += _by_coin(history) if market == "bybit.linear" else [history]
            if market == "bybit.linear":
                money += _by_coin(Ask(Want.POSITIONS, run.account, market))
        money += [
            Ask(Want.CASH_FLOWS, run.account, since_ms=since, until_ms=until)
            for since, until in windows(run.since_ms, run.now_ms, spec.HISTORY_WINDOW_MS)
        ]
        return [opened, ended, money]

    def listing(self, market: str) -> Sequence[Ask]:
        """Paged: linear lists more than one page of 500."""
        return [Ask(Want.LISTING, market=market)]

    def listed(self, market: str, replies: Sequence[Reply]) -> Sequence[Listed]:
        """See `OrderSide`."""
        return [row for reply in replies for row in reply.rows if isinstance(row, Listed)]


def _charges(request: Request, *, socket: bool) -> tuple[Charge, ...]:
    return (Charge("socket" if socket else "rest", ("",)), *request.charges)


def _by_coin(ask: Ask) -> list[Ask]:
    return [replace(ask, values={**ask.values, "coin": coin}) for coin in spec.SETTLE_COINS]
