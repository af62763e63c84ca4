"""Upbit's order side, outgoing: asks -> requests, what is asked when, and what answers prove.

Orders, cancels and questions go by REST, events come on one private WebSocket per pocket whose key
is in the handshake. There are no batches of orders, no change in place and no dead-man switch; an
order can be cancelled and placed anew in one request (REPLACE). Sources: docs.upbit.com/kr, pages
named in QUIRKS.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import orjson

from oms import ids
from oms.ports import Key
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
from oms.venues.upbit import errors, listing, orders_in, spec
from oms.venues.upbit.sign import signer
from shm_layout.enums import OrderSpace, OrderType, SelfTrade
from shm_layout.records import UNDEF

PRIVATE_PATH = "/websocket/v1/private"
REMAIN_ONLY = "remain_only"
"""`new_volume` of a REPLACE: what is left of the old order."""
_FENCE = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "volume": "0.00000001",
          "price": "1000"}  # fmt: skip
"""Refused for its amount, 0.00001 KRW, whatever the market does; its identifier is spent."""
_BUCKETS = {
    Want.PLACE: "order", Want.REPLACE: "order", Want.FENCE: "order",
    Want.TEST_ORDER: "order-test", Want.CANCEL_ALL: "order-cancel-all", Want.CLOCK: "orderbook",
}  # fmt: skip
_SOCKET_CHARGES = (Charge("websocket-message", ("",)), Charge("websocket-message-minute", ("",)))


class UpbitOrders:
    """The client side of orders, for accounts that are pockets of one member."""

    markets: Mapping[str, OrderMarket] = {spec.NAME: spec.MARKET}

    def __init__(
        self,
        keys: Mapping[str, Key] = MappingProxyType({}),
        system_id: int = 0,
        self_trade: SelfTrade = spec.SELF_TRADE,
    ) -> None:
        """`keys` by account; `self_trade` for orders that name none."""
        self._keys: dict[str, JwtKey] = {}
        self._system_id = system_id
        self._self_trade = self_trade
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
        """One for each pocket; the documents refuse "too many" without a number."""
        return [
            Link(Role.EVENTS, (account,), True, "frame", spec.PING_EVERY_MS)
            for account in accounts
        ]  # fmt: skip

    def open(self, link: Link, stamp: Stamp) -> tuple[str, Mapping[str, str]]:
        """The handshake is signed; there is no logon after it."""
        return PRIVATE_PATH, self._keys[link.accounts[0]].bearer("", stamp)

    def greet(self, link: Link, stamp: Stamp) -> Sequence[Ask]:
        """Subscribes, then asks what is subscribed: a subscription is not acknowledged, and
        `LIST_SUBSCRIPTIONS` is the only proof of it."""
        account = link.accounts[0]
        return (
            Ask(Want.SUBSCRIBE, account, spec.NAME),
            Ask(Want.SUBSCRIBE, account, spec.NAME, values={"show": 1}),
        )

    def ask(self, ask: Ask, way: Way, stamp: Stamp) -> Outgoing | None:
        """See `OrderSide`. On the socket SUBSCRIBE alone, by REST everything else."""
        if way is Way.SOCKET:
            return _subscribe(ask, stamp) if ask.want is Want.SUBSCRIBE else None
        key = self._keys.get(ask.account)
        if ask.want is Want.LISTING:
            call: HttpCall | None = listing.call(ask)
        elif ask.want is Want.CLOCK:
            pairs = (("markets", "KRW-BTC"),)
            call = requests_.unsigned("/v1/orderbook/instruments", pairs)
        else:
            call = None if key is None else self._signed(ask, key, stamp)
        return None if call is None else Outgoing(call, self.charges(ask))

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """By pocket what is signed, by address what is not, by connection what a socket takes."""
        if ask.want is Want.SUBSCRIBE:
            return _SOCKET_CHARGES
        if ask.want is Want.CONNECT:
            return (Charge("websocket-connect", (ask.account,)),)
        public = ask.want in {Want.LISTING, Want.CLOCK}
        return (Charge(bucket_of(ask), ("" if public else ask.account,)),)

    def order_text(
        self, instrument: Instrument, shape: tuple[int, int, int], account: str, buffers: Buffers,
        *, logged_on: bool,
    ) -> OrderText | None:  # fmt: skip
        """No fast path: a token is made anew for each request."""
        return None

    def _signed(self, ask: Ask, key: JwtKey, stamp: Stamp) -> HttpCall | None:
        if ask.want in {Want.PLACE, Want.TEST_ORDER, Want.FENCE}:
            body = self._new(ask)
            path = "/v1/orders/test" if ask.want is Want.TEST_ORDER else "/v1/orders"
            return None if body is None else requests_.by_body(key, path, body, stamp)
        if ask.want is Want.REPLACE:
            body = self._replacing(ask)
            path = "/v1/orders/cancel_and_new"
            return None if body is None else requests_.by_body(key, path, body, stamp)
        if ask.want is Want.CANCEL:
            return self._cancel(ask, key, stamp)
        if ask.want is Want.CANCEL_ALL:
            pairs = [("cancel_side", "all"), ("count", str(spec.CANCEL_ALL_MAX))]
            if ask.instrument is not None:
                pairs.append(("pairs", ask.instrument.symbol))
            return requests_.by_query(key, "DELETE", "/v1/orders/open", pairs, stamp)
        path, found = self._question(ask)
        return requests_.by_query(key, "GET", path, found, stamp) if path else None

    def _new(self, ask: Ask) -> dict[str, str] | None:
        if ask.want is Want.FENCE:
            return {**_FENCE, "identifier": ids.to_text(self._system_id, ask.client_order_id)}
        if len(ask.orders) != 1 or ask.instrument is None:
            return None
        return order_params(
            spec.DIALECT, spec.CAPS, ask.orders[0], ask.instrument, self._system_id,
            self._self_trade,
        )  # fmt: skip

    def _replacing(self, ask: Ask) -> dict[str, str] | None:
        """The old order by its id, the new one's fields with `new_` before their names; only a
        limit can follow, in the same market and on the same side. A quantity that is not said
        means what is left of the old one."""
        if len(ask.orders) != 1 or ask.instrument is None:
            return None
        command = ask.orders[0]
        remain = command.qty in {0, UNDEF}
        sized = command._replace(qty=1, quote_qty=UNDEF) if remain else command
        if OrderType(command.order_type) not in {OrderType.LIMIT, OrderType.POST_ONLY}:
            return None
        params = order_params(
            spec.DIALECT, spec.CAPS, sized, ask.instrument, self._system_id, self._self_trade
        )
        old = targets(ask, self._system_id)[0]
        if params is None or not (old.venue_id or command.target_client_order_id):
            return None
        made = (
            {"prev_order_uuid": old.venue_id}
            if old.venue_id
            else {"prev_order_identifier": old.client_text}
        )
        if remain:
            params["volume"] = REMAIN_ONLY
        del params["market"], params["side"]
        return made | {f"new_{name}": value for name, value in params.items()}

    def _cancel(self, ask: Ask, key: JwtKey, stamp: Stamp) -> HttpCall | None:
        found = targets(ask, self._system_id)
        if len(found) == 1:
            pairs = _by_id(found[0])
            return requests_.by_query(key, "DELETE", "/v1/order", pairs, stamp) if pairs else None
        if not 0 < len(found) <= spec.CANCEL_IDS_MAX:
            return None
        if all(one.venue_id for one in found):
            pairs = [("uuids[]", one.venue_id) for one in found]
        elif all(one.client_text for one in found):
            pairs = [("identifiers[]", one.client_text) for one in found]
        else:
            return None
        return requests_.by_query(key, "DELETE", "/v1/orders/uuids", pairs, stamp)

    def _question(self, ask: Ask) -> tuple[str, list[tuple[str, str]]]:
        """(path, parameters) of a question; path "" = there is none."""
        of_market = [("market", ask.instrument.symbol)] if ask.instrument else []
        if ask.want in {Want.ORDER, Want.ORDER_FILLS}:
            pairs = _by_id(targets(ask, self._system_id)[0])
            return ("/v1/order", pairs) if pairs else ("", [])
        if ask.want is Want.OPEN_ORDERS:
            page = [("page", ask.page or "1"), ("limit", str(spec.OPEN_PAGE)), ("order_by", "asc")]
            states = [("states[]", "wait"), ("states[]", "watch")]
            return "/v1/orders/open", of_market + states + page
        if ask.want is Want.ENDED_ORDERS:
            return "/v1/orders/closed", of_market + ended_window(ask)
        if ask.want is Want.BALANCES:
            return "/v1/accounts", []
        if ask.want is Want.FEES:
            return "/v1/orders/chance", of_market or [("market", "KRW-BTC")]
        return ("/v1/api_keys", []) if ask.want is Want.KEY else ("", [])

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """The next page or window; the orders of ours whose fills a list of ended ones hides; the
        listing's ticks; another round where a cancel of all reached its limit."""
        if ask.want is Want.LISTING:
            return named_listing.follow(ask, reply, spec.LISTING_CODES)
        if ask.want is Want.CANCEL_ALL:
            return (ask,) if len(reply.items) >= spec.CANCEL_ALL_MAX else ()
        asks = []
        if reply.next_page and ask.want is Want.OPEN_ORDERS:
            asks.append(replace(ask, page=reply.next_page))
        if ask.want is Want.ENDED_ORDERS:
            if reply.next_page:
                asks.append(replace(ask, until_ms=int(reply.next_page)))
            asks += order_lists.with_fills(ask, reply)
        return asks

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
        """See `order_lists.stages`; one list shows waiting and reserved orders."""
        return order_lists.stages(run, spec.NAME, (OrderSpace.BOOK,), spec.ENDED_WINDOW_MS)

    def listing(self, market: str) -> Sequence[Ask]:
        """The pairs; their ticks follow."""
        return (Ask(Want.LISTING, market=market),)

    def listed(self, market: str, replies: Sequence[Reply]) -> Sequence[Listed]:
        """See `named_listing`."""
        return named_listing.listed(replies)


def bucket_of(ask: Ask) -> str:
    """What the request counts against, as the exchange's groups are named."""
    if ask.want is Want.LISTING:
        return listing.bucket_of(ask)
    return _BUCKETS.get(ask.want, "default")


def ended_window(ask: Ask) -> list[tuple[str, str]]:
    """States, times and limit of a list of ended orders."""
    since, until = order_lists.window(ask, spec.ENDED_WINDOW_MS)
    return [
        ("states[]", "done"), ("states[]", "cancel"), ("start_time", str(since)),
        ("end_time", str(until)), ("limit", str(spec.ENDED_MAX)), ("order_by", "desc"),
    ]  # fmt: skip


def _by_id(target: Target) -> list[tuple[str, str]]:
    if target.venue_id:
        return [("uuid", target.venue_id)]
    return [("identifier", target.client_text)] if target.client_text else []


def _subscribe(ask: Ask, stamp: Stamp) -> Outgoing:
    """A request replaces every subscription of the connection, so both types stand in one."""
    ticket = {"ticket": stamp.nonce or str(stamp.request_id)}
    if ask.values.get("show"):
        frame = [ticket, {"method": "LIST_SUBSCRIPTIONS"}]
    else:
        frame = [ticket, {"type": "myOrder"}, {"type": "myAsset"}, {"format": "DEFAULT"}]
    return Outgoing(orjson.dumps(frame), _SOCKET_CHARGES)
