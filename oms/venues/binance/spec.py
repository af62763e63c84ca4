"""Binance's markets as data: spot, USD-M futures and COIN-M futures.

Sources: VENUES.md 4.4 and 4.5, developers.binance.com; what is odd stands in QUIRKS.md.
"""

from __future__ import annotations

from oms.venues.base import MarketSpec
from oms.venues.trade_base import VenueLimits
from shm_layout.enums import BookRule, Venue

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
    limits=VenueLimits(6000, 0, 0, 300),
    time_path="/api/v3/time",
    streams_per_connection=1024,
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
    limits=VenueLimits(2400, 0, 0, 300),
    time_path="/fapi/v1/time",
    streams_per_connection=1024,
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
    limits=VenueLimits(2400, 0, 0, 300),
    time_path="/dapi/v1/time",
    streams_per_connection=200,
    connection_hours_max=24,
    ticker_has_event_time=True,
    quantity_in_contracts=True,
)

MARKETS: tuple[MarketSpec, ...] = (SPOT, USDM, COINM)
