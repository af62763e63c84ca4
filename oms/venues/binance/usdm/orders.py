"""USD-M's order side: one-way positions, single-asset margin, by the WebSocket API and REST.

Each request carries its account's signature, so one connection serves all accounts; events come on
a stream that a listenKey of the account opens. An answer shows the order as it stands; fills come
on the stream, or by userTrades. Sans-I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import orjson

from oms.ports import Key
from oms.venues.binance import sign
from oms.venues.binance.usdm import answers, errors, spec
from oms.venues.binance.usdm.orders_out import INCOME_KINDS, Requests
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
from oms.venues.shared.order_text import Buffers, OrderText
from oms.venues.shared.requests import Request, windows
from shm_layout.enums import SelfTrade

PING_EVERY_MS = 1_000
_FORM = "application/x-www-form-urlencoded"


class UsdmOrders:
    """One account domain: keys by account."""

    markets: Mapping[str, OrderMarket] = spec.MARKETS

    def __init__(
        self,
        keys: Mapping[str, Key] = MappingProxyType({}),
        system_id: int = 0,
        *,
        recv_window_ms: int = spec.RECV_WINDOW_MS,
        self_trade: SelfTrade = SelfTrade.CANCEL_MAKER,
    ) -> None:
        """`keys` by account; `self_trade` for orders that name none."""
        self._api_keys: dict[str, str] = {}
        self._signers: dict[str, sign.Signer] = {}
        self._requests = Requests(system_id, self_trade)
        self._window_ms = recv_window_ms
        for account, key in keys.items():
            self.add(account, key, system_id)

    def add(self, account: str, key: Key, system_id: int) -> None:
        """See `OrderSide`."""
        self._api_keys[account] = key.api_key
        self._signers[account] = sign.signer_of(key)
        self._requests.system_id = system_id

    def caps(self, market: str) -> Capabilities:
        """See `OrderSide`."""
        return self.markets[market].caps

    def setup(self, account: str) -> Sequence[Ask]:
        """Position and margin mode, positions, and the key of the stream of events."""
        return [
            Ask(Want.ACCOUNT, account, spec.NAME), Ask(Want.POSITIONS, account, spec.NAME),
            Ask(Want.SESSION_KEY, account, spec.NAME),
        ]  # fmt: skip

    def links(self, accounts: Sequence[str], got: Mapping[str, Reply]) -> Sequence[Link]:
        """One connection for everybody's requests; one stream of events an account, opened by the
        listenKey among the answers to `setup`."""
        age_ms = spec.CAPS.link_age_ms
        orders = Link(Role.ORDERS, tuple(accounts), True, "frame", PING_EVERY_MS, age_ms)
        events = [
            Link(Role.EVENTS, (account,), True, "frame", PING_EVERY_MS, age_ms, got[account].token)
            for account in accounts
            if account in got and got[account].token
        ]  # fmt: skip
        return [orders, *events]

    def open(self, link: Link, stamp: Stamp) -> tuple[str, Mapping[str, str]]:
        """A stream without the private path stays silent (Important-WebSocket-Change-Notice)."""
        if link.role is Role.ORDERS:
            return "/ws-fapi/v1", {}
        return f"/private/ws/{link.token}", {}

    def greet(self, link: Link, stamp: Stamp) -> Sequence[Ask]:
        """Nothing: requests are signed one by one, and the stream begins by itself."""
        return []

    def ask(self, ask: Ask, way: Way, stamp: Stamp) -> Outgoing | None:
        """The socket takes single places, amends, cancels, algo orders, one order's state, balances
        and positions; all else REST."""
        request = self._requests.of(ask, stamp.now_ms)
        if request is None or (way is Way.SOCKET and not request.op):
            return None
        dies_ms = stamp.now_ms + self._window_ms if request.signed else None
        if way is Way.SOCKET:
            return Outgoing(self._frame(ask.account, request, stamp), request.charges, dies_ms)
        return Outgoing(self._call(ask, request, stamp), request.charges, dies_ms)

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """Weight of the address; new and amended orders also count for their account."""
        if ask.want is Want.CONNECT:
            return (
                Charge(spec.WEIGHT, ("",), spec.WEIGHT_CONNECT), Charge(spec.CONNECTIONS, ("",)),
            )  # fmt: skip
        request = self._requests.of(ask, 0)
        return () if request is None else request.charges

    def _frame(self, account: str, request: Request, stamp: Stamp) -> bytes:
        params = {
            **request.params, "apiKey": self._api_keys[account], "recvWindow": self._window_ms,
            "timestamp": stamp.now_ms,
        }  # fmt: skip
        params["signature"] = sign.ws_signature(self._signers[account], params)
        return orjson.dumps({"id": str(stamp.request_id), "method": request.op, "params": params})

    def _call(self, ask: Ask, request: Request, stamp: Stamp) -> HttpCall:
        headers: dict[str, str] = {}
        text = sign.query_text(request.params.items())
        if request.signed:
            headers["X-MBX-APIKEY"] = self._api_keys[ask.account]
            full = {
                **request.params, "recvWindow": self._window_ms, "timestamp": stamp.now_ms,
            }  # fmt: skip
            text = sign.signed_query(self._signers[ask.account], full.items())
        elif ask.want is Want.SESSION_KEY:
            headers["X-MBX-APIKEY"] = self._api_keys[ask.account]
        if request.method in {"POST", "PUT"} and text:
            headers["Content-Type"] = _FORM
            return HttpCall(request.method, request.path, headers, text.encode())
        target = f"{request.path}?{text}" if text else request.path
        return HttpCall(request.method, target, headers)

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
        """See `OrderSide`."""
        return answers.http(ask, status, headers, body, known)

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """See `OrderSide`."""
        return errors.judge(ask, item)

    def plan(self, run: Run) -> Sequence[Sequence[Ask]]:
        """Open orders of both kinds, then fills since the newest known one, then positions,
        balances, income. One list of all symbols weighs as much as forty of one."""
        opened = [
            Ask(Want.OPEN_ORDERS, run.account, spec.NAME, space=space) for space in spec.CAPS.spaces
        ]
        if len(run.instruments) < spec.WEIGHT_OPEN_ALL:
            opened = [
                replace(ask, instrument=instrument)
                for ask in opened
                for instrument in run.instruments
            ]
        fills = []
        for instrument in run.instruments:
            ask = Ask(Want.FILLS, run.account, spec.NAME, instrument)
            behind = run.cursors.get(instrument.instrument_id, "")
            if behind:
                fills.append(replace(ask, after_id=behind))
                continue
            fills += [
                replace(ask, since_ms=since, until_ms=until)
                for since, until in windows(run.since_ms, run.now_ms, spec.HISTORY_WINDOW_MS)
            ]
        money = [Ask(want, run.account, spec.NAME) for want in (Want.POSITIONS, Want.BALANCES)]
        money += [
            Ask(Want.CASH_FLOWS, run.account, spec.NAME, since_ms=run.since_ms,
                values={"kind": kind})
            for kind in INCOME_KINDS
        ]  # fmt: skip
        return [opened, fills, money]

    def listing(self, market: str) -> Sequence[Ask]:
        """One answer holds all of it."""
        return [Ask(Want.LISTING, market=market)]

    def listed(self, market: str, replies: Sequence[Reply]) -> Sequence[Listed]:
        """See `OrderSide`."""
        return [row for reply in replies for row in reply.rows if isinstance(row, Listed)]
