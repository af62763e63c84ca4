"""Small desks for tests: configs and records made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from oms.config import (
    AccountConfig,
    DeskConfig,
    GroupConfig,
    HostConfig,
    LimitsConfig,
    ProcessConfig,
    StrategyConfig,
    VenueConfig,
)
from oms.instruments import number_of
from shm_layout.channels import Capacity, Topology, topology
from shm_layout.enums import BookState, InstrumentKind, MarketStatus, RecordType, Venue
from shm_layout.records import INSTRUMENT_SPEC, TOP_OF_BOOK

START_NS = 1_700_000_000_000_000_000


def desk_config(**changes: Any) -> DeskConfig:
    """One venue, one group with two accounts, one strategy `mm`."""
    limits = LimitsConfig(
        max_order_notional="10000",
        max_position_notional="20000",
        price_collar_bps=500,
        max_open_orders=8,
        max_orders_per_s=50,
        book_max_age_ms=5000,
    )
    roles = ("risk", "executor.binance", "feed.binance.spot", "aggregator", "strategy.mm")
    values: dict[str, Any] = {
        "name": "test",
        "data_dir": "unused",
        "durability": "process-crash-safe",
        "venues": (
            VenueConfig(
                name="binance.spot",
                network="sim",
                stream_url="ws://127.0.0.1:9443",
                rest_url="http://127.0.0.1:8080",
                instruments=("BTC/USDT",),
            ),
        ),
        "groups": (
            GroupConfig(
                name="binance",
                exchange="binance",
                venues=("binance.spot",),
                ws_api_url="ws://127.0.0.1:9443/ws-api/v3",
                rest_url="http://127.0.0.1:8080",
                accounts=(
                    AccountConfig("main", "binance.main"),
                    AccountConfig("sub1", "binance.sub1"),
                ),
            ),
        ),
        "strategies": (
            StrategyConfig("mm", "market_maker", ("main",), ("binance.spot:BTC/USDT",)),
        ),
        "limits": limits,
        "host": HostConfig("test", (ProcessConfig("all", (*roles, "journaler"), 0),)),
        "capacity": "small",
        "dead_man_ms": 0,
    }
    values.update(changes)
    return DeskConfig(**values)


def desk_topology(config: DeskConfig) -> Topology:
    return topology(
        [v.name for v in config.venues],
        [g.name for g in config.groups],
        [s.name for s in config.strategies],
        Capacity.small(),
    )


def say(spec: np.ndarray[Any, Any], **texts: str) -> None:
    """Put numbers into an INSTRUMENT_SPEC."""
    for name, text in texts.items():
        number = number_of(text)
        spec[name], spec[f"{name}_digits"] = number.mantissa, number.digits


def btc_spec() -> np.ndarray[Any, Any]:
    """BTC/USDT as Binance describes it: tick 0.01, lot 0.00001, at least 5 USDT."""
    spec = np.zeros(1, INSTRUMENT_SPEC)
    spec["type"] = RecordType.INSTRUMENT_SPEC
    spec["venue"] = Venue.BINANCE_SPOT
    spec["status"] = MarketStatus.TRADING
    spec["kind"] = InstrumentKind.SPOT
    spec["final"] = 1
    say(spec, tick="0.01", lot="0.00001", min_qty="0.00001", max_qty="9000", min_notional="5",
        max_px="1000000")  # fmt: skip
    spec["symbol"] = b"BTCUSDT"
    spec["base"] = b"BTC"
    spec["quote"] = b"USDT"
    spec["name"] = b"BTC/USDT"
    return spec


def top(bid_px: int, ask_px: int, ts_ns: int, version: int = 1) -> np.ndarray[Any, Any]:
    """A LIVE top of book of instrument 0."""
    record = np.zeros(1, TOP_OF_BOOK)
    record["type"] = RecordType.TOP_OF_BOOK
    record["state"] = BookState.LIVE
    record["venue"] = Venue.BINANCE_SPOT
    record["bid_px"] = bid_px
    record["ask_px"] = ask_px
    record["bid_qty"] = record["ask_qty"] = 10**7
    record["ts_recv_ns"] = ts_ns
    record["version"] = version
    return record
