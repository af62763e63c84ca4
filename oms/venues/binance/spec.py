"""Binance's markets as data: spot, USD-M futures and COIN-M futures.

Sources: VENUES.md 4.4 and 4.5, developers.binance.com; what is odd stands in QUIRKS.md.
"""

from __future__ import annotations

from oms.venues.base import MarketSpec
from oms.venues.data import (
    Absent,
    AmendWay,
    Bucket,
    Capabilities,
    Fees,
    Hosts,
    OrderMarket,
    Role,
    statuses_of,
)
from shm_layout.enums import BookRule, OrderType, SelfTrade, TimeInForce, Venue

STATUSES = {"TRADING": "TRADING", "END_OF_DAY": "HALT", "HALT": "HALT", "BREAK": "HALT"}
"""enums.md "Symbol status"; TRADING without spot trading halts, too."""

WEIGHT, CONNECTIONS = "weight", "connections"
FUTURES_WEIGHT, FUTURES_CONNECTIONS = "futures.weight", "futures.connections"
BUCKETS = (
    Bucket(WEIGHT, ("egress",), 6000, 60_000, slides=False),
    # The exchange counts orders of ten seconds in fixed windows; ours slides, and fits each.
    Bucket("orders_10s", ("account",), 100, 10_000, users={"orders": 100}),
    Bucket("orders_day", ("account",), 200_000, 86_400_000, users={"orders": 100}, slides=False,
           gives_back=True),
    Bucket(CONNECTIONS, ("egress",), 300, 300_000, users={"connections": 100}, slides=False),
)  # fmt: skip
"""Spot: rest-api.md "LIMITS", web-socket-api.md "WebSocket limits"; an account's may be others."""
FUTURES_BUCKETS = (
    Bucket(FUTURES_WEIGHT, ("egress",), 2_400, 60_000, slides=False),
    Bucket(FUTURES_CONNECTIONS, ("egress",), 300, 300_000, users={"connections": 100},
           slides=False),
)  # fmt: skip
"""What every request to the futures' hosts counts in; USD-M's orders have theirs beside it."""

SPOT = MarketSpec(
    name="binance.spot",
    venue=Venue.BINANCE_SPOT,
    book_rule=BookRule.FIRST_FOLLOWS_LAST,
    stream_hosts={
        "mainnet": "wss://stream.binance.com:9443",
        "testnet": "wss://stream.testnet.binance.vision",
    },
    rest_hosts={
        "mainnet": "https://api.binance.com",
        "testnet": "https://testnet.binance.vision",
    },
    depth_path="/api/v3/depth",
    depth_suffix="@depth@100ms",
    snapshot_levels=(100, 500, 1000, 5000),
    snapshot_weight={100: 5, 500: 25, 1000: 50, 5000: 250},
    buckets=BUCKETS,
    requests_in=WEIGHT,
    connects_in=CONNECTIONS,
    time_path="/api/v3/time",
    streams_per_connection=1024,
    symbols_per_connection=341,
    connection_hours_max=24,
    ticker_has_event_time=False,
    quantity_in_contracts=False,
)

USDM = MarketSpec(
    name="binance.usdm",
    venue=Venue.BINANCE_USDM,
    book_rule=BookRule.NAMES_PREVIOUS,
    stream_hosts={
        "mainnet": "wss://fstream.binance.com/public",
        "testnet": "wss://stream.binancefuture.com",
    },
    rest_hosts={
        "mainnet": "https://fapi.binance.com",
        "testnet": "https://demo-fapi.binance.com",
    },
    depth_path="/fapi/v1/depth",
    depth_suffix="@depth@0ms",
    snapshot_levels=(5, 10, 20, 50, 100, 500, 1000),
    snapshot_weight={50: 2, 100: 5, 500: 10, 1000: 20},
    buckets=FUTURES_BUCKETS,
    requests_in=FUTURES_WEIGHT,
    connects_in=FUTURES_CONNECTIONS,
    time_path="/fapi/v1/time",
    streams_per_connection=1024,
    symbols_per_connection=341,
    connection_hours_max=24,
    ticker_has_event_time=True,
    quantity_in_contracts=False,
)

COINM = MarketSpec(
    name="binance.coinm",
    venue=Venue.UNSET,
    book_rule=BookRule.NAMES_PREVIOUS,
    stream_hosts={"mainnet": "wss://dstream.binance.com"},
    rest_hosts={"mainnet": "https://dapi.binance.com"},
    depth_path="/dapi/v1/depth",
    depth_suffix="@depth@0ms",
    snapshot_levels=(5, 10, 20, 50, 100, 500, 1000),
    snapshot_weight={50: 2, 100: 5, 500: 10, 1000: 20},
    buckets=FUTURES_BUCKETS,
    requests_in=FUTURES_WEIGHT,
    connects_in=FUTURES_CONNECTIONS,
    time_path="/dapi/v1/time",
    streams_per_connection=200,
    symbols_per_connection=66,
    connection_hours_max=24,
    ticker_has_event_time=True,
    quantity_in_contracts=True,
)

SPOT_ORDERS = OrderMarket(
    name="binance.spot",
    caps=Capabilities(
        absent=Absent.AFTER_LIFETIME,
        order_types=frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY}),
        times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        no_such_time=frozenset(
            {
                (OrderType.MARKET, TimeInForce.FOK), (OrderType.POST_ONLY, TimeInForce.IOC),
                (OrderType.POST_ONLY, TimeInForce.FOK),
            }
        ),
        self_trade=frozenset(
            {
                SelfTrade.NONE, SelfTrade.CANCEL_MAKER, SelfTrade.CANCEL_TAKER,
                SelfTrade.CANCEL_BOTH, SelfTrade.DECREMENT, SelfTrade.TRANSFER,
            }
        ),
        amount_orders=frozenset({"buy", "sell"}),
        amend=AmendWay.NEW_ID,
        forgets_unfilled_ms=90 * 86_400_000,
        timestamp_ahead_ms=1000,
        link_age_ms=24 * 3_600_000,
        statuses=statuses_of(STATUSES),
    ),
    fees=Fees(maker_e6=1000, taker_e6=1000, charged_in="got"),
    hosts={
        "mainnet": Hosts(
            {
                Role.REST: "https://api.binance.com",
                Role.MARKET: "wss://stream.binance.com:9443",
                Role.BOTH: "wss://ws-api.binance.com:443/ws-api/v3",
            }
        ),
        "testnet": Hosts(
            {
                Role.REST: "https://testnet.binance.vision",
                Role.MARKET: "wss://stream.testnet.binance.vision",
                Role.BOTH: "wss://ws-api.testnet.binance.vision/ws-api/v3",
            }
        ),
    },
    buckets=BUCKETS,
    key_kinds=("hmac", "ed25519"),
)  # fmt: skip
"""Spot's order side: rest-api.md, web-socket-api.md, enums.md; fees are those of a new account."""

MARKETS: tuple[MarketSpec, ...] = (SPOT, USDM, COINM)
