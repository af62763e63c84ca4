"""Coinone's order side, outgoing: asks -> requests, what is asked when, and what answers prove.

Every private call is a POST of signed JSON (V2.1); events come on one private WebSocket per
portfolio whose key is in the handshake. There are no batches, no change of an order, no list of
ended orders: fills have a history, an order can be asked for by itself. An order that takes and
leaves is a MARKET with a worst price. Sources: docs.coinone.co.kr, pages named in QUIRKS.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import orjson

from oms import ids
from oms.ports import Key
from oms.venues.coinone import errors, listing, orders_in, spec
from oms.venues.coinone.sign import PayloadSigner
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
from oms.venues.shared import shapes
from oms.venues.shared.decimal_text import to_text
from oms.venues.shared.order_command import Command
from oms.venues.shared.order_text import Buffers, OrderText
from oms.venues.shared.targets import targets
from oms.venues.trade_base import Instrument
from shm_layout.enums import OrderSpace, OrderType, PriceKind, Side

PRIVATE_PATH = "/v1/private"
_CHANNELS = ("MYORDER", "MYASSET")
_LIST_TYPES = {OrderSpace.BOOK: ["LIMIT"], OrderSpace.CONDITIONAL: ["STOP_LIMIT"]}
_ORDER_CALLS = frozenset({Want.PLACE, Want.CANCEL, Want.CANCEL_ALL})
_PUBLIC = frozenset({Want.LISTING, Want.CLOCK})
_Call = tuple[str, dict[str, Any]]


class CoinoneOrders:
    """The client side of orders, for accounts that are a member's account or its portfolios."""

    markets: Mapping[str, OrderMarket] = {spec.NAME: spec.MARKET}

    def __init__(
        self,
        keys: Mapping[str, Key] = MappingProxyType({}),
        system_id: int = 0,
        symbols: Sequence[str] = (),
    ) -> None:
        """`keys` by account; `symbols` whose orders are subscribed, empty = of every pair."""
        self._keys: dict[str, PayloadSigner] = {}
        self._system_id = system_id
        self._topic = [spec.pair_of(symbol) for symbol in symbols]
        for account, key in keys.items():
            self.add(account, key, system_id)

    def add(self, account: str, key: Key, system_id: int) -> None:
        """See `OrderSide`."""
        self._keys[account] = PayloadSigner(key)
        self._system_id = system_id

    def caps(self, market: str) -> Capabilities:
        """See `OrderSide`."""
        return self.markets[market].caps

    def setup(self, account: str) -> Sequence[Ask]:
        """Fees alone: no call says what a key may, or until when."""
        return (Ask(Want.FEES, account, spec.NAME),)

    def links(self, accounts: Sequence[str], got: Mapping[str, Reply]) -> Sequence[Link]:
        """One for each portfolio."""
        return [
            Link(Role.EVENTS, (account,), True, spec.PING_TEXT, spec.PING_EVERY_MS)
            for account in accounts
        ]

    def open(self, link: Link, stamp: Stamp) -> tuple[str, Mapping[str, str]]:
        """The handshake is signed, its payload dated; there is no logon after it."""
        signer = self._keys[link.accounts[0]]
        return PRIVATE_PATH, signer.signed(stamp.nonce, {"timestamp": stamp.now_ms})[1]

    def greet(self, link: Link, stamp: Stamp) -> Sequence[Ask]:
        """A frame a channel; each is acknowledged."""
        return [
            Ask(Want.SUBSCRIBE, link.accounts[0], spec.NAME, values={"channel": channel})
            for channel in _CHANNELS
        ]

    def ask(self, ask: Ask, way: Way, stamp: Stamp) -> Outgoing | None:
        """See `OrderSide`. On the socket SUBSCRIBE and PING alone, by REST everything else."""
        if way is Way.SOCKET:
            frame = self._frame(ask)
            return None if frame is None else Outgoing(frame)
        if ask.want is Want.LISTING:
            return Outgoing(listing.call(ask), self.charges(ask))
        if ask.want is Want.CLOCK:
            clock = HttpCall("GET", f"/public/v2/markets/{spec.QUOTE}/BTC")
            return Outgoing(clock, self.charges(ask))
        signer, call = self._keys.get(ask.account), self._call(ask, stamp)
        if signer is None or call is None:
            return None
        body, headers = signer.signed(stamp.nonce, call[1])
        headers["Content-Type"] = "application/json"
        return Outgoing(HttpCall("POST", call[0], headers, body), self.charges(ask))

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """By portfolio what is signed, by address what is not; sockets are not counted."""
        if ask.want in {Want.SUBSCRIBE, Want.PING, Want.CONNECT}:
            return ()
        return (Charge(bucket_of(ask), ("" if ask.want in _PUBLIC else ask.account,)),)

    def order_text(
        self, instrument: Instrument, shape: tuple[int, int, int], account: str, buffers: Buffers,
        *, logged_on: bool,
    ) -> OrderText | None:  # fmt: skip
        """No fast path: a payload is made anew for each request."""
        return None

    def _frame(self, ask: Ask) -> bytes | None:
        if ask.want is Want.PING:
            return spec.PING_TEXT.encode()
        if ask.want is not Want.SUBSCRIBE:
            return None
        channel = ask.values.get("channel", _CHANNELS[0])
        frame: dict[str, Any] = {"request_type": "SUBSCRIBE", "channel": channel}
        if channel == "MYORDER" and self._topic:
            frame["topic"] = self._topic
        return orjson.dumps(frame | {"format": "DEFAULT"})

    def _call(self, ask: Ask, stamp: Stamp) -> _Call | None:
        """(path, parameters) of a private call; None = there is none."""
        if ask.want is Want.PLACE:
            words = self._new(ask)
            return None if words is None else ("/v2.1/order", words)
        if ask.want in {Want.CANCEL, Want.ORDER}:
            return self._of_order(ask)
        symbol = ask.instrument.symbol if ask.instrument else str(ask.values.get("symbol", ""))
        pair = spec.pair_of(symbol) if symbol else {}
        if ask.want is Want.CANCEL_ALL:
            return ("/v2.1/order/cancel/all", pair) if pair else None
        if ask.want is Want.OPEN_ORDERS:
            kinds = _LIST_TYPES.get(ask.space)
            listed = {**pair, "order_type": kinds}
            return ("/v2.1/order/active_orders", listed) if kinds else None
        if ask.want in {Want.FILLS, Want.ORDER_FILLS}:
            return _fills(ask, pair, stamp)
        if ask.want is Want.BALANCES:
            return "/v2.1/account/balance/all", {}
        if ask.want is Want.FEES:
            path = "/v2.1/account/trade_fee"
            return "/".join((path, *pair.values())), {}
        return None

    def _of_order(self, ask: Ask) -> _Call | None:
        """A cancel or a question: by either id, with its pair."""
        found = targets(ask, self._system_id)
        if len(found) != 1 or not found[0].symbol:
            return None
        target = found[0]
        path = "/v2.1/order/cancel" if ask.want is Want.CANCEL else "/v2.1/order/detail"
        if target.venue_id:
            return path, {"order_id": target.venue_id, **spec.pair_of(target.symbol)}
        if target.client_text:
            return path, {"user_order_id": target.client_text, **spec.pair_of(target.symbol)}
        return None

    def _new(self, ask: Ask) -> dict[str, Any] | None:
        if len(ask.orders) != 1 or ask.instrument is None:
            return None
        return order_words(ask.orders[0], ask.instrument, self._system_id)

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """Older fills, and the listing's ladders."""
        if ask.want is Want.LISTING:
            return listing.follow(ask, reply)
        more = ask.want in {Want.FILLS, Want.ORDER_FILLS} and reply.next_page
        return (replace(ask, page=reply.next_page),) if more else ()

    def read(self, link: Link, data: bytes, known: Known) -> Read:
        """See `orders_in`."""
        return orders_in.read(data, known)

    def read_http(
        self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known
    ) -> Reply:
        """See `orders_in`."""
        return orders_in.read_http(ask, status, headers, body, known)

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """See `errors`."""
        return errors.judge(ask, item, bucket_of(ask))

    def plan(self, run: Run) -> Sequence[Sequence[Ask]]:
        """What is open in each space, then fills since, then each live order by itself (no list
        shows how one ended), then the balances."""
        if spec.NAME not in run.markets:
            return ()
        account = run.account
        opened = [
            Ask(Want.OPEN_ORDERS, account, spec.NAME, space=space) for space in spec.CAPS.spaces
        ]
        since = run.since_ms or run.now_ms - spec.FILLS_WINDOW_MS
        fills = Ask(Want.FILLS, account, spec.NAME, since_ms=since, until_ms=run.now_ms)
        each = [
            Ask(Want.ORDER, account, spec.NAME, instrument,
                client_order_id=client_order_id, venue_order_id=venue_order_id)
            for instrument, client_order_id, venue_order_id in run.live
        ]  # fmt: skip
        lists = [opened, [fills], *([each] if each else [])]
        return [*lists, [Ask(Want.BALANCES, account, spec.NAME)]]

    def listing(self, market: str) -> Sequence[Ask]:
        """The pairs; their ladders follow."""
        return (Ask(Want.LISTING, market=market),)

    def listed(self, market: str, replies: Sequence[Reply]) -> Sequence[Listed]:
        """See `listing`."""
        return listing.listed(replies)


def bucket_of(ask: Ask) -> str:
    """What the request counts against."""
    if ask.want in _PUBLIC:
        return "public"
    return "order" if ask.want in _ORDER_CALLS else "private"


def order_words(command: Command, instrument: Instrument, system_id: int) -> dict[str, Any] | None:
    """The parameters of a new order; None where the exchange cannot say it. A stop is a limit order
    behind a trigger on the last price, whichever side that stands on when it arrives."""
    if not shapes.fits(spec.CAPS, command):
        return None
    kind = OrderType(command.order_type)
    words: dict[str, Any] = {
        "side": "BUY" if command.side == Side.BUY else "SELL", **spec.pair_of(instrument.symbol)
    }  # fmt: skip
    px = to_text(command.px, instrument.px_scale) if shapes.said(command.px) else ""
    if kind is OrderType.MARKET:
        words["type"] = "MARKET"
        if shapes.by_amount(command):
            words["amount"] = to_text(command.quote_qty, instrument.quote_scale)
        else:
            words["qty"] = to_text(command.qty, instrument.qty_scale)
        if px:
            words["limit_price"] = px
    else:
        stop = kind in shapes.CONDITIONAL_TYPES
        if not px or (stop and command.trigger_kind not in {PriceKind.UNSET, PriceKind.LAST}):
            return None
        words["type"] = "STOP_LIMIT" if stop else "LIMIT"
        words |= {"price": px, "qty": to_text(command.qty, instrument.qty_scale)}
        if stop:
            words["trigger_price"] = to_text(command.trigger_px, instrument.px_scale)
        else:
            words["post_only"] = kind is OrderType.POST_ONLY
    words["user_order_id"] = ids.to_text(system_id, command.client_order_id)
    return words


def _fills(ask: Ask, pair: Mapping[str, str], stamp: Stamp) -> _Call | None:
    """A page of fills, newest first; of one order only where its id at the exchange is known,
    because a row names no other. `to_ts` may not lie ahead."""
    if ask.want is Want.ORDER_FILLS and not (ask.venue_order_id and ask.since_ms):
        return None
    until = min(ask.until_ms or stamp.now_ms, stamp.now_ms)
    since = max(ask.since_ms, until - spec.FILLS_WINDOW_MS)
    words: dict[str, Any] = {**pair, "size": spec.FILLS_PAGE, "from_ts": since, "to_ts": until}
    if ask.page:
        words["to_trade_id"] = ask.page
    return f"/v2.1/order/completed_orders{'' if pair else '/all'}", words
