"""The exchanges that we can read: one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from oms.config import GroupConfig
from oms.errors import ConfigError
from oms.venues.base import MarketData
from oms.venues.binance.market import MARKET_DATA as BINANCE
from oms.venues.binance.spec import SPOT_ORDERS
from oms.venues.data import OrderMarket
from oms.venues.kill import KillSide
from oms.venues.orders import OrderSide

if TYPE_CHECKING:  # who simulates nothing does without the engine
    from oms.venues.recorded import RecordedReader
    from oms.venues.server import ServedExchange

_MARKET_DATA: dict[str, MarketData] = {
    **BINANCE,
}


_TRADED: Mapping[str, OrderMarket] = {SPOT_ORDERS.name: SPOT_ORDERS}


def order_market(venue_name: str) -> OrderMarket:
    """What the order side of the market of that name can do, as data."""
    found = _TRADED.get(venue_name)
    if found is None:
        raise ConfigError(f"venues: no connector trades on '{venue_name}'")
    return found


def traded_markets() -> tuple[str, ...]:
    """Names of the markets that a connector trades on."""
    return tuple(_TRADED)


def known_markets() -> dict[str, OrderMarket]:
    """Every market whose order side is written, traded ones first; the others are typed after their
    documents, and no desk can name them yet. Imports them all."""
    from oms.venues.binance.usdm import spec as usdm
    from oms.venues.bithumb import spec as bithumb
    from oms.venues.bybit import spec as bybit
    from oms.venues.coinone import spec as coinone
    from oms.venues.okx import spec as okx
    from oms.venues.upbit import spec as upbit

    typed = {**usdm.MARKETS, **bybit.MARKETS, **okx.MARKETS}
    korean = {one.MARKET.name: one.MARKET for one in (upbit, bithumb, coinone)}
    return {**_TRADED, **typed, **korean}


def order_side(group: GroupConfig) -> OrderSide:
    """The order side of a group's exchange, imported only where it is configured."""
    if group.exchange == "binance":
        from oms.venues.binance.orders import BinanceOrders

        return BinanceOrders(group)
    raise ConfigError(f"groups.{group.name}: no connector trades on '{group.exchange}'")


def kill_side(group: GroupConfig, instruments: Mapping[str, Sequence[str]]) -> KillSide:
    """What a kill needs of the group's exchange; `instruments`: canonical names by market."""
    if group.exchange == "binance":
        from oms.venues.binance.kill import BinanceKill

        return BinanceKill(group, instruments)
    raise ConfigError(f"groups: no connector cancels orders at '{group.exchange}'")


def market_data(venue_name: str) -> MarketData:
    """The market of that name, such as "binance.spot"."""
    if venue_name not in _MARKET_DATA:
        raise ConfigError(
            f"venues: no connector reads market data of '{venue_name}'; "
            f"those that are read: {', '.join(_MARKET_DATA)}"
        )
    return _MARKET_DATA[venue_name]


def recorded_reader(exchange: str) -> RecordedReader:
    """What reads recordings of the exchange of that name; imported when it is asked for."""
    if exchange == "binance":
        from oms.venues.binance.recorded import RECORDED

        return RECORDED
    raise ConfigError(f"recording: no connector reads those of '{exchange}' (known: binance)")


def served_exchange(exchange: str) -> ServedExchange:
    """The exchange of that name as one that can be simulated; imported when it is asked for."""
    if exchange == "binance":
        from oms.venues.binance.server.served import SERVED

        return SERVED
    raise ConfigError(f"sims: there is no simulated '{exchange}' (known: binance)")
