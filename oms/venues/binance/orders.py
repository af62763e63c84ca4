"""Binance spot's order side: asks in canonical words -> WebSocket-API frames and REST requests, and
their answers back (`oms/venues/orders.py: OrderSide`). `trade` writes, `trade_parse` reads.

Orders, queries and cancels go by the socket, or by REST with the same meaning. A connection of one
account with an Ed25519 key is logged on once; others subscribe by signature, several accounts on
one connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from oms.config import GroupConfig
from oms.errors import ConfigError
from oms.ports import Key
from oms.venues.binance import errors, trade
from oms.venues.binance.exchange_info import parse_exchange_info
from oms.venues.binance.spec import CONNECTIONS, SPOT_ORDERS, WEIGHT
from oms.venues.binance.trade_parse import Reply as Answer
from oms.venues.binance.trade_parse import TradeReader, UserEvent, parse_frame, parse_http
from oms.venues.binance.usage import Usage
from oms.venues.data import Capabilities, Charge, OrderMarket, Role, Way
from oms.venues.orders import Link
from oms.venues.reports import (
    Ask,
    Balance,
    FeeRate,
    HttpCall,
    Item,
    Judgement,
    Known,
    Listed,
    MalformedMessageError,
    Notice,
    Outgoing,
    Pause,
    Read,
    Reply,
    Run,
    Stamp,
    Verdict,
    Want,
)
from oms.venues.shared import fields
from oms.venues.shared.decimal_text import from_text, to_text
from oms.venues.shared.order_text import Buffers, OrderText
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY, Instrument
from shm_layout.enums import RejectReason, Side
from shm_layout.limits import TEXT_CHARS_MAX

ORDERS_10S, ORDERS_DAY = "orders_10s", "orders_day"
HISTORY_MAX_MS = 23 * 3_600_000
"""myTrades by time reaches 24 h back at most; an older order is asked for by its own id."""
_MS_PER_S = 1000
_RATE_DIGITS = 10
HTTP_BAD_REQUEST = 400
_PING_EVERY_MS = 1000
_METHODS = {
    Want.PLACE: "order.place",
    Want.CANCEL: "order.cancel",
    Want.REPLACE: "order.cancelReplace",
    Want.CANCEL_ALL: "openOrders.cancelAll",
    Want.ORDER: "order.status",
    Want.OPEN_ORDERS: "openOrders.status",
    Want.ORDER_FILLS: "myTrades",
    Want.FILLS: "myTrades",
    Want.BALANCES: "account.status",
}
_WEIGHTS = {
    Want.LISTING: trade.WEIGHT_EXCHANGE_INFO,
    Want.CLOCK: 1,
    Want.LOGON: trade.WEIGHT_SESSION,
    Want.SUBSCRIBE: trade.WEIGHT_SESSION,
    Want.CONNECT: trade.WEIGHT_CONNECT,
    Want.REPLACE: trade.WEIGHT_ORDER,
}


class BinanceOrders:
    """One account domain of Binance spot. Holds key material: its repr shows none."""

    markets: Mapping[str, OrderMarket] = {SPOT_ORDERS.name: SPOT_ORDERS}

    def __init__(self, group: GroupConfig) -> None:
        if list(group.venues) != [SPOT_ORDERS.name]:
            raise ConfigError(
                f"groups.{group.name}: found venues {', '.join(group.venues)}, its orders are "
                f"served on {SPOT_ORDERS.name} alone"
            )
        self._group = group
        self._frames: dict[str, trade.AccountFrames] = {}
        self._reader = TradeReader(0)
        self._known: Known | None = None

    def add(self, account: str, key: Key, system_id: int) -> None:
        """See OrderSide."""
        self._frames[account] = trade.AccountFrames(
            key, system_id, self._group.recv_window_ms, self._group.self_trade_prevention
        )
        self._reader.system_id = system_id

    def caps(self, market: str) -> Capabilities:
        """See OrderSide."""
        return self.markets[market].caps

    # Connections

    def setup(self, account: str) -> Sequence[Ask]:
        """Nothing has to be set before it trades."""
        del account
        return ()

    def links(self, accounts: Sequence[str], got: Mapping[str, Reply]) -> Sequence[Link]:
        """One connection for requests and events; several accounts may share it."""
        del got
        age_ms = SPOT_ORDERS.caps.link_age_ms
        return (Link(Role.BOTH, tuple(accounts), True, "frame", _PING_EVERY_MS, age_ms),)

    def open(self, link: Link, stamp: Stamp) -> tuple[str, Mapping[str, str]]:
        """The address of the config is the whole of it."""
        del link, stamp
        return "", {}

    def greet(self, link: Link, stamp: Stamp) -> Sequence[Ask]:
        """Log on where one key serves the whole connection, else subscribe by signature."""
        del stamp
        if len(link.accounts) == 1 and self._frames[link.accounts[0]].can_log_on:
            return (Ask(Want.LOGON, link.accounts[0]),)
        return tuple(Ask(Want.SUBSCRIBE, account) for account in link.accounts)

    # Asking

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """Weight of the address; a new order also counts for its account."""
        weight = _WEIGHTS.get(ask.want)
        if weight is None:
            weight = trade.weight_of(_METHODS[ask.want], self._params(ask))
        charge = Charge(WEIGHT, ("",), weight)
        if ask.want is Want.CONNECT:
            return charge, Charge(CONNECTIONS, ("",))
        if ask.want not in {Want.PLACE, Want.REPLACE}:
            return (charge,)
        return charge, Charge(ORDERS_10S, (ask.account,)), Charge(ORDERS_DAY, (ask.account,))

    def ask(self, ask: Ask, way: Way, stamp: Stamp) -> Outgoing | None:
        """See OrderSide."""
        if ask.want is Want.LISTING:
            return Outgoing(HttpCall("GET", trade.EXCHANGE_INFO_TARGET), self.charges(ask))
        if ask.want is Want.CLOCK:
            return Outgoing(HttpCall("GET", trade.TIME_TARGET), self.charges(ask))
        frames = self._frames[ask.account]
        dies_ms = stamp.now_ms + self._group.recv_window_ms
        if way is Way.REST:
            if ask.want not in _METHODS:
                return None
            if ask.want is Want.PLACE:
                assert ask.instrument is not None
                placed = frames.place_by_rest(stamp.now_ms, ask.instrument, ask.orders[0])
                return Outgoing(HttpCall(*placed), self.charges(ask), dies_ms)
            call = HttpCall(*frames.rest(_METHODS[ask.want], stamp.now_ms, self._params(ask)))
            return Outgoing(call, self.charges(ask), dies_ms)
        return Outgoing(self._frame(frames, ask, stamp), self.charges(ask), dies_ms)

    def _frame(self, frames: trade.AccountFrames, ask: Ask, stamp: Stamp) -> bytes:
        number, now_ms, logged_on = stamp.request_id, stamp.now_ms, stamp.logged_on
        if ask.want is Want.PLACE:
            assert ask.instrument is not None
            return frames.place(number, now_ms, ask.instrument, ask.orders[0], logged_on)
        if ask.want is Want.LOGON:
            return frames.logon(number, now_ms)
        if ask.want is Want.SUBSCRIBE:
            return frames.subscribe(number, now_ms, logged_on)
        return frames.signed(number, _METHODS[ask.want], now_ms, self._params(ask), logged_on)

    def _params(self, ask: Ask) -> Mapping[str, str | int]:
        if ask.want is Want.OPEN_ORDERS:
            return {"symbol": ask.instrument.symbol} if ask.instrument else {}
        if ask.want is Want.BALANCES or ask.want is Want.PLACE:
            return {}
        assert ask.instrument is not None
        symbol = ask.instrument.symbol
        if ask.want is Want.REPLACE:
            return self._frames[ask.account].replace_params(ask.instrument, ask.orders[0])
        if ask.want is Want.CANCEL_ALL:
            return {"symbol": symbol}
        if ask.want is Want.ORDER_FILLS:
            return trade.trades_params(symbol, orderId=int(ask.venue_order_id))
        if ask.want is Want.FILLS and ask.after_id:
            return trade.trades_params(symbol, fromId=int(ask.after_id) + 1)
        if ask.want is Want.FILLS:
            return trade.trades_params(symbol, startTime=ask.since_ms)
        if ask.client_order_id:
            return self._frames[ask.account].order_params(ask.instrument, ask.client_order_id)
        return {"orderId": int(ask.venue_order_id), "symbol": symbol}

    def order_text(
        self,
        instrument: Instrument,
        shape: tuple[int, int, int],
        account: str,
        buffers: Buffers,
        *,
        logged_on: bool,
    ) -> OrderText | None:
        """See OrderSide."""
        return self._frames[account].order_text(instrument, shape, logged_on, buffers)

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """Subscriptions after a logon; the next page of a history that was full."""
        if ask.want is Want.LOGON:
            return (Ask(Want.SUBSCRIBE, ask.account),)
        if ask.want is Want.FILLS and reply.next_page:
            return (replace(ask, since_ms=0, after_id=reply.next_page),)
        return ()

    # Reading

    def read(self, link: Link, data: bytes, known: Known) -> Read:
        """See OrderSide."""
        del link
        message = parse_frame(data)
        if not isinstance(message, UserEvent):
            ask = known.ask_of(message.request_id)
            return Read(reply=self._reply(ask, message, known))
        who = "" if message.subscription_id < 0 else str(message.subscription_id)
        if message.kind == "serverShutdown":
            return Read(notices=(Notice("shutdown"),))
        if message.kind == "eventStreamTerminated":
            return Read(notices=(Notice("stream_ended", who),))
        if message.kind == "executionReport":
            report = self._knowing(known).execution_report(message.event)
            return Read(reports=((who, report),) if report is not None else ())
        if message.kind == "outboundAccountPosition":
            found = self._reader.balances(message.event)
            stamp_ns = self._reader.event_ns(message.event)
            return Read(balances=tuple((who, one) for one in found), event_ns=stamp_ns)
        return Read()

    def read_http(
        self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known
    ) -> Reply:
        """See OrderSide."""
        if ask.want is Want.LISTING and status == 200:
            usage = _counts(parse_http(0, status, b"null", headers).usage, "")
            found, limits = parse_exchange_info(body, self._group.self_trade_prevention)
            return Reply((Item(),), tuple(found), complete=True, usage=usage, limits=limits)
        return self._reply(ask, parse_http(0, status, body, headers), known)

    def _knowing(self, known: Known) -> TradeReader:
        if self._known is not known:
            self._known = known
            self._reader.instrument_of = lambda symbol: known.instrument(SPOT_ORDERS.name, symbol)
        return self._reader

    def _reply(self, ask: Ask | None, answer: Answer, known: Known) -> Reply:
        """An answer in canonical words; of a request that nobody knows, its counts alone."""
        whose = "" if ask is None else ask.account
        made = Reply(request_id=answer.request_id, usage=_counts(answer.usage, whose))
        failed = answer.code != 0 or not 200 <= answer.status < 300
        item = Item(code=answer.code, text=answer.text, status=answer.status)
        if ask is not None and ask.want is Want.REPLACE and answer.halves is not None:
            return self._halves(answer, self._knowing(known), made)
        if failed:
            return replace(made, items=(item,), pause=_pause(ask, answer))
        if ask is None:
            return replace(made, items=(item,))
        made = replace(made, items=(item,))
        try:
            return self._rows(ask, answer.result, self._knowing(known), made)
        except (MalformedMessageError, TypeError, KeyError, AttributeError) as error:
            why = f"{ask.want.name}: {type(error).__name__} {error}"
            return replace(made, unreadable=why[:TEXT_CHARS_MAX])

    @staticmethod
    def _halves(answer: Answer, reader: TradeReader, made: Reply) -> Reply:
        """Of a REPLACE: (what became of the order before it, what of the new one)."""
        halves = answer.halves
        assert halves is not None, "only an answer with both halves is read so"
        items = []
        try:
            for name in ("cancel", "newOrder"):
                word, said = halves[f"{name}Result"], halves[f"{name}Response"]
                if word == "SUCCESS":
                    items.append(Item(order=reader.order(said)))
                elif word == "FAILURE":
                    code, text = int(said["code"]), str(said["msg"])
                    items.append(Item(code=code, text=text, status=HTTP_BAD_REQUEST))
                else:
                    items.append(Item(text="not attempted", finding=RejectReason.NOT_SENT))
        except (MalformedMessageError, TypeError, KeyError, AttributeError, ValueError) as error:
            why = f"REPLACE: {type(error).__name__} {error}"
            return replace(made, items=(Item(),), unreadable=why[:TEXT_CHARS_MAX])
        return replace(made, items=tuple(items))

    def _rows(self, ask: Ask, result: Any, reader: TradeReader, made: Reply) -> Reply:
        if ask.want in {Want.PLACE, Want.CANCEL, Want.ORDER}:
            order = reader.order(result)
            return replace(made, items=(replace(made.items[0], order=order),))
        if ask.want is Want.SUBSCRIBE:
            given = result.get("subscriptionId")
            if not isinstance(given, int) or isinstance(given, bool) or given < 0:
                raise MalformedMessageError("a subscription without its id")
            return replace(made, items=(replace(made.items[0], value=str(given)),))
        if ask.want is Want.CANCEL_ALL:
            rows: list[Any] = [reader.order(one) for one in result if "orderReports" not in one]
            return replace(made, rows=tuple(rows), complete=True)
        if ask.want is Want.OPEN_ORDERS:
            return replace(made, rows=tuple(reader.order(one) for one in result), complete=True)
        if ask.want is Want.BALANCES:
            balances: list[Balance] = reader.account(result)
            items = made.items
            if result.get("canTrade") is False:
                words = "the exchange says of this account canTrade false"
                items = (replace(items[0], finding=RejectReason.ACCOUNT_MODE, text=words),)
            rates = _fee_rates(result)
            return replace(made, items=items, rows=(*balances, *rates), complete=True)
        if ask.want in {Want.FILLS, Want.ORDER_FILLS}:
            fills = [fill for fill in map(reader.trade, result) if fill is not None]
            whole = len(result) < trade.TRADES_LIMIT
            newest = max((fill.report.trade_id for fill in fills), default=0)
            page = "" if whole or not fills else str(newest)
            return replace(made, rows=tuple(fills), complete=whole, next_page=page)
        return made

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """See OrderSide."""
        del ask
        if item.finding is not RejectReason.UNSET:
            return Judgement(Verdict.REFUSED, item.finding)
        if item.code == 0 and 200 <= item.status < 300:
            return Judgement(Verdict.DONE)
        found = errors.judge(item.status, item.code, item.text)
        return replace(found, clock=item.code == errors.CODE_TIMESTAMP)

    # Reconciliation

    def plan(self, run: Run) -> Sequence[Sequence[Ask]]:
        """Open orders, balances, every order that is held open, and the histories of fills: what
        the list shows may have filled since, and a history shows it."""
        account, market = run.account, run.markets[0]
        symbols = [one.symbol for one in run.instruments]
        by_symbol = trade.open_orders_params(symbols) != [{}]
        lists = [
            Ask(Want.OPEN_ORDERS, account, market, instrument=one)
            for one in (run.instruments if by_symbol else (None,))
        ]
        orders = [
            Ask(Want.ORDER, account, market, instrument=instrument, client_order_id=client)
            for instrument, client, _ in run.live
        ]
        return lists, [Ask(Want.BALANCES, account, market)], orders, self.histories(run)

    def histories(self, run: Run) -> Sequence[Ask]:
        """Of each instrument: behind what a completed run has covered, else from a time on."""
        since_ms = max(run.since_ms, run.now_ms - HISTORY_MAX_MS)
        return [
            Ask(
                Want.FILLS, run.account, run.markets[0], instrument=one, since_ms=since_ms,
                after_id=run.cursors.get(one.instrument_id, ""),
            )
            for one in run.instruments
        ]  # fmt: skip

    # The listing

    def listing(self, market: str) -> Sequence[Ask]:
        """exchangeInfo, whole."""
        return (Ask(Want.LISTING, market=market),)

    def listed(self, market: str, replies: Sequence[Reply]) -> Sequence[Listed]:
        """See OrderSide."""
        del market
        return [row for reply in replies for row in reply.rows]


def _counts(usage: Usage, account: str) -> tuple[Charge, ...]:
    """What the exchange says of its own counts; of orders, where it is known of whose."""
    said = [Charge(WEIGHT, ("",), usage.weight)] if usage.weight >= 0 else []
    of_orders = (ORDERS_10S, usage.orders_10s), (ORDERS_DAY, usage.orders_day)
    if account:
        said += [Charge(name, (account,), count) for name, count in of_orders if count >= 0]
    return tuple(said)


def _pause(ask: Ask | None, answer: Answer) -> Pause | None:
    """Too many orders is the account's matter and stops its new orders alone; 429 for request
    weight pauses new orders and queries, 418 everything (RELIABILITY D22)."""
    if answer.status not in {HTTP_TOO_MANY, HTTP_BANNED}:
        return None
    key: tuple[str, ...] = ("egress",)
    if ask is not None and answer.code == errors.CODE_TOO_MANY_ORDERS:
        key = ("account", ask.account)
    return Pause(
        key, answer.retry_at_ms, cancels_pass=answer.status == HTTP_TOO_MANY,
        for_ms=answer.retry_after_s * _MS_PER_S,
    )  # fmt: skip


def _fee_rates(account: Mapping[str, Any]) -> list[FeeRate]:
    """Of every instrument without rates of its own. The buyer's and the seller's parts come on top
    of maker's and taker's (account documents, "commissionRates")."""
    rates = account.get("commissionRates")
    if rates is None:
        return []
    maker, taker, buyer, seller = (
        from_text(fields.decimal(rates[name]), _RATE_DIGITS)
        for name in ("maker", "taker", "buyer", "seller")
    )
    if buyer == seller:
        return [FeeRate(to_text(maker + buyer, _RATE_DIGITS), to_text(taker + buyer, _RATE_DIGITS))]
    return [
        FeeRate(to_text(maker + of, _RATE_DIGITS), to_text(taker + of, _RATE_DIGITS), side=side)
        for side, of in ((Side.BUY, buyer), (Side.SELL, seller))
    ]
