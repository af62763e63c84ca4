"""Upbit's KRW market as data. Sources: docs.upbit.com, pages named beside each value; what is odd
stands in QUIRKS.md."""

from __future__ import annotations

from oms.venues.data import (
    Absent,
    AmendWay,
    BookWay,
    Bucket,
    Capabilities,
    Fees,
    FeeWay,
    Hosts,
    OrderMarket,
    Proof,
    Role,
    Way,
    statuses_of,
)
from oms.venues.shared.bid_ask.rows import Dialect
from shm_layout.enums import OrderSpace, OrderType, SelfTrade, TimeInForce

NAME = "upbit.spot"
QUOTE = "KRW"
"""The market's only quote currency; pairs in BTC and USDT are listed and left out."""
MIN_TOTAL = "5000"
MAX_TOTAL = "1000000000"
"""docs/krw-market-info; `min_total` and `max_total` of orders/chance say the same."""
LADDER = (
    ("0", "0.00000001"), ("0.00001", "0.0000001"), ("0.0001", "0.000001"), ("0.001", "0.00001"),
    ("0.01", "0.0001"), ("0.1", "0.001"), ("1", "0.01"), ("10", "0.1"), ("100", "1"),
    ("5000", "5"), ("10000", "10"), ("50000", "50"), ("100000", "100"), ("500000", "500"),
    ("1000000", "1000"),
)  # fmt: skip
"""docs/krw-market-info, policy of 2025-07-31; some pairs have a step of their own, so the present
one of orderbook/instruments overrules it."""

DIALECT = Dialect(
    market=NAME,
    type_name="ord_type",
    client_name="identifier",
    venue_names=("uuid",),
    self_trade={
        SelfTrade.NONE: "none", SelfTrade.CANCEL_MAKER: "cancel_maker",
        SelfTrade.CANCEL_TAKER: "cancel_taker", SelfTrade.DECREMENT: "reduce",
    },
)  # fmt: skip
SELF_TRADE = SelfTrade.CANCEL_MAKER
"""For orders that name none: the exchange's default from 2026-11-09, said on each order."""

SETTLE_MS = 2_000
VISIBLE_MS = 2_000
"""No page says how long; the wait is only for asking again."""
OPEN_PAGE = 100
ENDED_MAX = 1_000
ENDED_WINDOW_MS = 7 * 86_400_000
CANCEL_IDS_MAX = 20
CANCEL_ALL_MAX = 300
LISTING_CODES = 100
"""Codes in one call for their ticks: keeps the address below 2 kB."""
PING_EVERY_MS = 15_000
"""Measured: a silent connection ends after 60 s (the page says 120)."""

STATUSES = {False: "TRADING", True: "WARNING"}
"""market/all: `market_event.warning`; a pair that is delisted is no longer in it."""

CAPS = Capabilities(
    absent=Absent.BY_FENCE,
    order_types=frozenset(
        {OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY, OrderType.BEST}
    ),
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    no_such_time=frozenset(
        {
            (OrderType.MARKET, TimeInForce.FOK), (OrderType.BEST, TimeInForce.GTC),
            (OrderType.POST_ONLY, TimeInForce.IOC), (OrderType.POST_ONLY, TimeInForce.FOK),
        }
    ),
    spaces=(OrderSpace.BOOK, OrderSpace.CONDITIONAL),
    self_trade=frozenset(DIALECT.self_trade),
    amount_orders=frozenset({"buy"}),
    quantity_markets=frozenset({"sell"}),
    amend=AmendWay.NEW_ID,
    fee=FeeWay.RUNNING,
    ways=(Way.REST,),
    place_proves=Proof.ACCEPTED,
    cancel_proves=Proof.RECEIVED,
    cancel_batch_max=CANCEL_IDS_MAX,
    settle_ms=SETTLE_MS,
    visible_ms=VISIBLE_MS,
    client_id_chars=64,
    request_lifetime=False,
    open_list_max=OPEN_PAGE,
    links=(Role.EVENTS,),
    dated=False,
    ladder=True,
    statuses=statuses_of(STATUSES),
)  # fmt: skip

_HOSTS = Hosts(
    {
        Role.REST: "https://api.upbit.com",
        Role.EVENTS: "wss://api.upbit.com",
        Role.MARKET: "wss://api.upbit.com",
    }
)
_SECOND_MS = 1_000
_PUBLIC = {"snapshots": 70, "reconciliation": 20, "kill": 10}
_QUERIES = {"reconciliation": 100}
BUCKETS = (
    # rate-limits (2026-10-07): quotation by address in fixed seconds, exchange calls by pocket.
    Bucket("market", ("egress",), 10, _SECOND_MS, slides=False, users=_PUBLIC),
    Bucket("orderbook", ("egress",), 10, _SECOND_MS, slides=False, users=_PUBLIC),
    Bucket("default", ("account",), 30, _SECOND_MS,
           users={"cancels": 40, "reconciliation": 40, "kill": 20}),
    # A kill's fence spends an identifier by an order that must be refused.
    Bucket("order", ("account",), 12, _SECOND_MS, users={"orders": 90, "kill": 10}),
    Bucket("order-test", ("account",), 8, _SECOND_MS, users=_QUERIES),
    Bucket("order-cancel-all", ("account",), 1, 2 * _SECOND_MS, users={"cancels": 100}),
    Bucket("websocket-connect", ("account",), 5, _SECOND_MS, users={"connections": 100}),
    Bucket("websocket-message", ("connection",), 5, _SECOND_MS, users=_QUERIES),
    Bucket("websocket-message-minute", ("connection",), 100, 60 * _SECOND_MS, users=_QUERIES),
)  # fmt: skip
MARKET = OrderMarket(
    NAME, CAPS, Fees(maker_e6=500, taker_e6=500, charged_in="quote"), {"mainnet": _HOSTS}, BUCKETS,
    book=BookWay.WHOLE_EACH,
)  # fmt: skip
