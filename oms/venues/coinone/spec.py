"""Coinone's KRW market as data. Sources: docs.coinone.co.kr v1.7, pages named beside each value,
and Coinone's help pages (fees); what is odd stands in QUIRKS.md."""

from __future__ import annotations

from oms.venues.data import (
    Absent,
    BookWay,
    Bucket,
    Capabilities,
    Fees,
    Hosts,
    OrderMarket,
    Proof,
    Role,
    Way,
    statuses_of,
)
from shm_layout.enums import OrderSpace, OrderType, TimeInForce

NAME = "coinone.spot"
QUOTE = "KRW"
SETTLE_MS = 2_000
VISIBLE_MS = 3_000
"""No page says how long an order may be missing from detail; the wait is only for asking again."""
FILLS_PAGE = 100
FILLS_WINDOW_MS = 90 * 86_400_000
OPEN_LIST_MAX = 100
"""No page describes paging of active_orders; a longer list than this is not believed complete."""
PING_TEXT = '{"request_type":"PING"}'
PING_EVERY_MS = 20_000
"""Measured: a socket that never subscribed ends after 60 s (the page says 30 minutes)."""
AMOUNT_DIGITS = 4
"""Amounts in KRW are cut at so many decimals (order-detail), so a sum may miss the last one."""
SECONDS_BELOW = 10**11
"""A time below this is in seconds: the pages' samples differ."""

STATUSES = {0: "HALT", 1: "TRADING", 2: "SELL_ONLY", 3: "BUY_ONLY"}
"""trade_status (reference/market): none, both, no buying, no selling."""

_NEVER = (OrderType.LIMIT, OrderType.POST_ONLY, OrderType.STOP, OrderType.TAKE_PROFIT)
CAPS = Capabilities(
    absent=Absent.NEVER,
    order_types=frozenset({OrderType.MARKET, *_NEVER}),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
    no_such_time=frozenset((kind, TimeInForce.IOC) for kind in _NEVER),
    spaces=(OrderSpace.BOOK, OrderSpace.CONDITIONAL),
    amount_orders=frozenset({"buy"}),
    quantity_markets=frozenset({"sell"}),
    worst_price=True,
    ways=(Way.REST,),
    place_proves=Proof.ACCEPTED,
    cancel_proves=Proof.STATE,
    settle_ms=SETTLE_MS,
    visible_ms=VISIBLE_MS,
    client_id_chars=150,
    client_id_case="lower",
    request_lifetime=False,
    open_list_max=OPEN_LIST_MAX,
    links=(Role.EVENTS,),
    dated=False,
    ladder=True,
    statuses=statuses_of(STATUSES),
)

_HOSTS = Hosts(
    {
        Role.REST: "https://api.coinone.co.kr",
        Role.EVENTS: "wss://stream.coinone.co.kr",
        Role.MARKET: "wss://stream.coinone.co.kr",
    }
)
_SECOND_MS = 1_000
BUCKETS = (
    # docs/rate limits: public by address, private by portfolio.
    Bucket("public", ("egress",), 1_200, 60 * _SECOND_MS,
           users={"snapshots": 85, "reconciliation": 10, "kill": 5}),
    Bucket("order", ("account",), 40, _SECOND_MS,
           users={"orders": 60, "cancels": 30, "kill": 10}),
    Bucket("private", ("account",), 80, _SECOND_MS, users={"reconciliation": 70, "kill": 30}),
)  # fmt: skip
USAGE_HEADERS = {
    "public-ratelimit-remaining": "public",
    "private-order-ratelimit-remaining": "order",
    "private-ratelimit-remaining": "private",
}
MARKET = OrderMarket(
    NAME, CAPS, Fees(maker_e6=200, taker_e6=200, charged_in="quote"), {"mainnet": _HOSTS}, BUCKETS,
    book=BookWay.WHOLE_EACH,
)  # fmt: skip


def symbol_of(quote: str, target: str) -> str:
    """A pair as one word; answers write currencies in either case."""
    return f"{quote}-{target}".upper()


def pair_of(symbol: str) -> dict[str, str]:
    """The two words of a request."""
    quote, _, target = symbol.partition("-")
    return {"quote_currency": quote, "target_currency": target}
