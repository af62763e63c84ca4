"""The exchanges that we can read: one line each."""

from __future__ import annotations

from oms.errors import ConfigError
from oms.venues.base import MarketData
from oms.venues.binance.market import MARKET_DATA as BINANCE

_MARKET_DATA: dict[str, MarketData] = {
    **BINANCE,
}


def market_data(venue_name: str) -> MarketData:
    """The market of that name, such as "binance.spot"."""
    if venue_name not in _MARKET_DATA:
        raise ConfigError(
            f"venues: no connector reads market data of '{venue_name}'; "
            f"those that are read: {', '.join(_MARKET_DATA)}"
        )
    return _MARKET_DATA[venue_name]
