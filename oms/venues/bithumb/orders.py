"""Bithumb's order side, outgoing: asks -> requests, what is asked when, and what answers prove.

Orders, cancels and questions go by REST (v2, single orders by v1), events come on one private
WebSocket whose key is in the handshake. Orders and cancels go in batches; there is no change of an
order, no cancel of all, no dead-man switch. Sources: apidocs.bithumb.com v2.1.5, pages named in
QUIRKS.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import orjson

from oms.ports import Key
from oms.venues.bithumb import errors, listing, orders_in, spec
from oms.venues.bithumb.sign import signer
from oms.venues.data import Capabilities, Charge, OrderMarket, Role, Way
from oms.venues.orders import Link
from oms.venues.reports import (
    Ask,
    HttpCall,
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
from oms.venues.shared.bid_ask import named_listing, order_lists
from oms.venues.shared.bid_ask import requests as requests_
from oms.venues.shared.bid_ask.requests import JwtKey
from oms.venues.shared.bid_ask.rows import order_params
from oms.venues.shared.order_text import Buffers, OrderText
from oms.venues.shared.targets import Target, targets
from oms.venues.trade_base import Instrument
from shm_layout.enums import OrderSpace, SelfTrade

PRIVATE_PATH = "/websocket/v2/private"
_STATES = {OrderSpace.BOOK: "wait", OrderSpace.CONDITIONAL: "watch"}
_CLOCK_BY = (("markets", "KRW-BTC"),)


class BithumbOrders:
    """The client side of orders, for accounts that are members behind one address."""

    markets: Mapping[str, OrderMarket] = {spec.NAME: spec.MARKET}

    def __init__(self, keys: Mapping[str, Key] = MappingProxyType({}), system_id: int = 0) -> None:
        """`keys` by account."""
        self._keys: dict[str, JwtKey] = {}
        self._system_id = system_id
        for account, key in keys.items():
            self.add(account, key, system_id)

    def add(self, account: str, key: Key, system_id: int) -> None:
        """See `OrderSide`."""
        self._keys[account] = signer(key)
        self._system_id = system_id

    def caps(self, market: str) -> Capabilities:
        """See `OrderSide`."""
        return self.markets[market].caps

    def setup(self, account: str) -> Sequence[Ask]:
        """The key's end, and the fees by one market: one rate holds for all of KRW."""
        return (Ask(Want.KEY, account, spec.NAME), Ask(Want.FEES, account, spec.NAME))

    def links(self, accounts: Sequence[str], got: Mapping[str, Reply]) -> Sequence[Link]:
        """One for each account."""
        return [
            Link(Role.EVENTS, (account,), True, "frame", spec.PING_EVERY_MS) for account in accounts
        ]

    def open(self, link: Link, stamp: Stamp) -> tuple[str, Mapping[str, str]]:
        """The handshake is signed; there is no logon after it."""
        return PRIVATE_PATH, self._keys[link.accounts[0]].bearer("", stamp)

    def greet(self, link: Link, stamp: Stamp) -> Sequence[Ask]:
        """Nothing acknowledges a subscription: an error closes the connection."""
        return (Ask(Want.SUBSCRIBE, link.accounts[0], spec.NAME),)

    def ask(self, ask: Ask, way: Way, stamp: Stamp) -> Outgoing | None:
        """See `OrderSide`. On the socket SUBSCRIBE alone, by REST everything else."""
        if way is Way.SOCKET:
            return _subscribe(stamp) if ask.want is Want.SUBSCRIBE else None
        key = self._keys.get(ask.account)
        if ask.want is Want.LISTING:
            call: HttpCall | None = listing.call(ask)
        elif ask.want is Want.CLOCK:
            call = requests_.unsigned("/v1/ticker", _CLOCK_BY)
        else:
            call = None if key is None else self._signed(ask, key, stamp)
        return None if call is None else Outgoing(call, self.charges(ask))

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """By address; orders and cancels of one coin are counted apart as well."""
        if ask.want is Want.SUBSCRIBE:
            return ()
        if ask.want is Want.CONNECT:
            return (Charge("connect", ("",)),)
        made = [Charge(bucket_of(ask), ("",))]
        if ask.want in {Want.PLACE, Want.CANCEL}:
            coins = Counter(_symbols(ask))
            made += [Charge("coin", ("", symbol), count) for symbol, count in coins.items()]
        return tuple(made)

    def order_text(
        self, instrument: Instrument, shape: tuple[int, int, int], account: str, buffers: Buffers,
        *, logged_on: bool,
    ) -> OrderText | None:  # fmt: skip
        """No fast path: a token is made anew for each request."""
        return None

    def _signed(self, ask: Ask, key: JwtKey, stamp: Stamp) -> HttpCall | None:
        if ask.want is Want.PLACE:
            return self._place(ask, key, stamp)
        if ask.want is Want.CANCEL:
            return self._cancel(ask, key, stamp)
        path, found = self._question(ask)
        return requests_.by_query(key, "GET", path, found, stamp) if path else None

    def _place(self, ask: Ask, key: JwtKey, stamp: Stamp) -> HttpCall | None:
        instruments = ask.instruments or (ask.instrument,) * len(ask.orders)
        made = [
            order_params(
                spec.DIALECT, spec.CAPS, command, instrument, self._system_id, SelfTrade.TAKER_PART
            )
            for command, instrument in zip(ask.orders, instruments, strict=True)
            if instrument is not None
        ]
        orders = [one for one in made if one is not None]
        if len(orders) != len(ask.orders) or not 0 < len(orders) <= spec.BATCH_MAX:
            return None
        if len(orders) == 1:
            return requests_.by_body(key, "/v2/orders", orders[0], stamp)
        return requests_.by_body(key, "/v2/orders/batch", {"batch_orders": orders}, stamp)

    def _cancel(self, ask: Ask, key: JwtKey, stamp: Stamp) -> HttpCall | None:
        found = targets(ask, self._system_id)
        if len(found) == 1:
            pairs = _by_id(found[0], "order_id")
            return requests_.by_query(key, "DELETE", "/v2/order", pairs, stamp) if pairs else None
        if not 0 < len(found) <= spec.CANCEL_IDS_MAX:
            return None
        if all(one.venue_id for one in found):
            body: dict[str, Any] = {"order_ids": [one.venue_id for one in found]}
        elif all(one.client_text for one in found):
            body = {"client_order_ids": [one.client_text for one in found]}
        else:
            return None
        return requests_.by_body(key, "/v2/orders/cancel", body, stamp)

    def _question(self, ask: Ask) -> tuple[str, list[tuple[str, str]]]:
        """(path, parameters) of a question; path "" = there is none."""
        of_market = [("market", ask.instrument.symbol)] if ask.instrument else []
        page = [("next_key", ask.page)] if ask.page else []
        if ask.want in {Want.ORDER, Want.ORDER_FILLS}:
            pairs = _by_id(targets(ask, self._system_id)[0], "uuid")
            return ("/v1/order", pairs) if pairs else ("", [])
        if ask.want is Want.OPEN_ORDERS:
            state = _STATES.get(ask.space)
            words = [("state", state or ""), ("limit", str(spec.OPEN_PAGE)), ("order_by", "asc")]
            return ("/v2/orders/pending", of_market + words + page) if state else ("", [])
        if ask.want is Want.ENDED_ORDERS:
            return "/v2/orders/history", of_market + ended_window(ask) + page
        if ask.want is Want.BALANCES:
            return "/v1/accounts", []
        if ask.want is Want.FEES:
            return "/v1/orders/chance", of_market or [("market", "KRW-BTC")]
        return ("/v1/api_keys", []) if ask.want is Want.KEY else ("", [])

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """The next page, else the next window; the orders of ours whose fills a list of ended ones
        hides; the listing's ticks."""
        if ask.want is Want.LISTING:
            return named_listing.follow(ask, reply, spec.LISTING_CODES)
        if ask.want not in {Want.OPEN_ORDERS, Want.ENDED_ORDERS}:
            return ()
        asks = order_lists.with_fills(ask, reply) if ask.want is Want.ENDED_ORDERS else []
        if reply.next_page.startswith(orders_in.WINDOW):
            until_ms = int(reply.next_page.removeprefix(orders_in.WINDOW))
            return [replace(ask, until_ms=until_ms, page=""), *asks]
        return [replace(ask, page=reply.next_page), *asks] if reply.next_page else asks

    def read(self, link: Link, data: bytes, known: Known) -> Read:
        """See `orders_in`."""
        return orders_in.read(data, known)

    def read_http(
        self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known
    ) -> Reply:
        """See `orders_in`."""
        key = self._keys.get(ask.account)
        access_key = "" if key is None else key.access_key
        return orders_in.read_http(ask, status, headers, body, known, access_key)

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """See `errors`."""
        return errors.judge(ask, item, bucket_of(ask))

    def plan(self, run: Run) -> Sequence[Sequence[Ask]]:
        """See `order_lists.stages`."""
        return order_lists.stages(run, spec.NAME, spec.CAPS.spaces, spec.ENDED_WINDOW_MS)

    def listing(self, market: str) -> Sequence[Ask]:
        """The pairs; their tickers follow."""
        return (Ask(Want.LISTING, market=market),)

    def listed(self, market: str, replies: Sequence[Reply]) -> Sequence[Listed]:
        """See `named_listing`."""
        return named_listing.listed(replies)


def bucket_of(ask: Ask) -> str:
    """What the request counts against first."""
    if ask.want is Want.LISTING:
        return listing.bucket_of(ask)
    if ask.want is Want.CLOCK:
        return "public-ticker"
    several = len(ask.orders) + len(ask.shown) > 1
    if ask.want is Want.PLACE:
        return "batch-order" if several else "private-order"
    if ask.want is Want.CANCEL:
        return "batch-cancel" if several else "private-cancel"
    return "private-other"


def ended_window(ask: Ask) -> list[tuple[str, str]]:
    """States, times and limit of a list of ended orders."""
    since, until = order_lists.window(ask, spec.ENDED_WINDOW_MS)
    return [
        ("states[]", "done"), ("states[]", "cancel"), ("start_time", str(since)),
        ("end_time", str(until)), ("limit", str(spec.ENDED_MAX)), ("order_by", "desc"),
    ]  # fmt: skip


def _symbols(ask: Ask) -> list[str]:
    """A symbol for each order that is placed or canceled, where it is known."""
    if ask.shown:
        return [view.symbol for view in ask.shown]
    instruments = ask.instruments or (ask.instrument,) * max(len(ask.orders), 1)
    return [one.symbol for one in instruments if one is not None]


def _by_id(target: Target, venue_name: str) -> list[tuple[str, str]]:
    if target.venue_id:
        return [(venue_name, target.venue_id)]
    return [("client_order_id", target.client_text)] if target.client_text else []


def _subscribe(stamp: Stamp) -> Outgoing:
    """A request replaces every subscription of the connection, so both types stand in one."""
    ticket = {"ticket": stamp.nonce or str(stamp.request_id)}
    frame = [ticket, {"type": "myOrder"}, {"type": "myAsset"}, {"format": "DEFAULT"}]
    return Outgoing(orjson.dumps(frame))
