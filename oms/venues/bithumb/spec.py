"""Bithumb's KRW market as data. Sources: apidocs.bithumb.com v2.1.5, pages named beside each value,
and support article 51036972377241 (trading policy); what is odd stands in QUIRKS.md."""

from __future__ import annotations

from oms.venues.data import (
    Absent,
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

NAME = "bithumb.spot"
QUOTE = "KRW"
"""The market's only quote currency; pairs in BTC are listed and left out."""
MIN_TOTAL = "5000"
MAX_TOTAL = "5000000000"
"""Trading policy: a limit order's amount."""
LADDER = (
    ("0", "0.0001"), ("1", "0.001"), ("10", "0.01"), ("100", "1"), ("5000", "5"), ("10000", "10"),
    ("50000", "50"), ("100000", "100"), ("500000", "500"), ("1000000", "1000"),
)  # fmt: skip
"""Trading policy (2026-08-11): lower bounds inclusive; 1 won from 100 up to 5,000."""

DIALECT = Dialect(
    market=NAME,
    type_name="order_type",
    client_name="client_order_id",
    venue_names=("order_id", "uuid"),
    self_trade={},
    self_trade_ends=frozenset({"stp_cancel"}),
    time_ends=frozenset({"tif_cancel"}),
)

SETTLE_MS = 2_000
VISIBLE_MS = 2_000
"""No page says how long 422 order_not_ready may last; the wait is only for asking again."""
OPEN_PAGE = 100
ENDED_MAX = 1_000
ENDED_WINDOW_MS = 7 * 86_400_000
BATCH_MAX = 20
"""30 since 2026-08-20; the reference's overview still says 20, which holds under both."""
CANCEL_IDS_MAX = 30
LISTING_CODES = 100
"""Codes in one call for their tickers: at most 200 (changelog, 2026-10-13)."""
PING_EVERY_MS = 15_000
"""Measured: a silent connection ends after 60 s (the page says 120)."""

STATUSES = {"NONE": "TRADING", "CAUTION": "WARNING"}
"""market/all: `market_warning`; CAUTION is the review before a delisting."""

CAPS = Capabilities(
    absent=Absent.NEVER,
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
    self_trade=frozenset({SelfTrade.TAKER_PART}),
    amount_orders=frozenset({"buy"}),
    quantity_markets=frozenset({"sell"}),
    fee=FeeWay.RUNNING,
    ways=(Way.REST,),
    place_proves=Proof.RECEIVED,
    cancel_proves=Proof.RECEIVED,
    batch_max=BATCH_MAX,
    cancel_batch_max=CANCEL_IDS_MAX,
    settle_ms=SETTLE_MS,
    visible_ms=VISIBLE_MS,
    client_id_chars=36,
    request_lifetime=False,
    open_list_max=OPEN_PAGE,
    links=(Role.EVENTS,),
    ladder=True,
    statuses=statuses_of(STATUSES),
)  # fmt: skip

_HOSTS = Hosts(
    {
        Role.REST: "https://api.bithumb.com",
        Role.EVENTS: "wss://ws-api.bithumb.com",
        Role.MARKET: "wss://ws-api.bithumb.com",
    }
)
_SECOND_MS = 1_000
_PUBLIC = {"snapshots": 85, "reconciliation": 10, "kill": 5}
_CANCELS = {"cancels": 80, "kill": 20}
BUCKETS = (
    # docs/rate limits (2026-08-26): everything by the address that requests come from.
    Bucket("public-ticker", ("egress",), 150, _SECOND_MS, users=_PUBLIC),
    Bucket("public-other", ("egress",), 150, _SECOND_MS, users=_PUBLIC),
    Bucket("private-order", ("egress",), 140, _SECOND_MS, users={"orders": 100}),
    Bucket("private-cancel", ("egress",), 140, _SECOND_MS, users=_CANCELS),
    Bucket("private-other", ("egress",), 140, _SECOND_MS,
           users={"reconciliation": 70, "kill": 30}),
    Bucket("batch-order", ("egress",), 20, _SECOND_MS, users={"orders": 100}),
    Bucket("batch-cancel", ("egress",), 20, _SECOND_MS, users=_CANCELS),
    Bucket("coin", ("egress", "instrument"), 20, _SECOND_MS,
           users={"orders": 50, "cancels": 40, "kill": 10}),
    Bucket("connect", ("egress",), 10, _SECOND_MS, users={"connections": 100}),
)  # fmt: skip
MARKET = OrderMarket(
    NAME, CAPS, Fees(maker_e6=2_500, taker_e6=2_500, charged_in="quote"), {"mainnet": _HOSTS},
    BUCKETS, book=BookWay.WHOLE_EACH,
)  # fmt: skip
