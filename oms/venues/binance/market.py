"""Binance's public market data, sans-I/O: what to open, what to ask, how to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oms.venues.base import Answer, HttpRequest, MarketSpec
from oms.venues.binance import decode, market_hot
from oms.venues.binance.spec import MARKETS
from oms.venues.binance.usage import retry_after_s, usage_of_headers
from oms.venues.data import Charge

_SUFFIXES = ("@bookTicker", "@trade")


class BinanceMarketData:
    """One market; `oms/venues/base.py: MarketData` says what each part is for."""

    on_message = staticmethod(market_hot.on_message)
    decode_cold = staticmethod(decode.decode)

    def __init__(self, spec: MarketSpec) -> None:
        self.spec = spec

    retry_after_s = staticmethod(retry_after_s)

    def usage(self, headers: Mapping[str, str]) -> tuple[Charge, ...]:
        """The address's weight in the present minute."""
        weight = usage_of_headers(headers).weight
        return (Charge(self.spec.requests_in, ("",), weight),) if weight >= 0 else ()

    def stream_url(self, base_url: str, symbols: Sequence[str]) -> str:
        """Combined stream of diffs, book tickers and trades; stream names are lower case."""
        suffixes = (self.spec.depth_suffix, *_SUFFIXES)
        count = len(symbols) * len(suffixes)
        assert 0 < count <= self.spec.streams_per_connection, f"{count} streams on a connection"
        names = [symbol.lower() + suffix for symbol in symbols for suffix in suffixes]
        return f"{base_url.rstrip('/')}/stream?streams={'/'.join(names)}"

    def greet(self, symbols: Sequence[str], nonce: str) -> Sequence[bytes]:
        """The address names the streams."""
        del symbols, nonce
        return ()

    def again(self, symbol: str, symbols: Sequence[str], nonce: str) -> Sequence[bytes]:
        """Snapshots are asked for by request."""
        del symbol, symbols, nonce
        return ()

    def answer(self, data: bytes) -> Answer | None:
        """Nothing is subscribed by message."""
        del data
        return None

    def snapshot_request(self, symbol: str, levels: int) -> HttpRequest:
        """Depth snapshot; futures take only listed limits, spot any, so the next listed one."""
        offered = self.spec.snapshot_levels
        limit = next((n for n in offered if n >= levels), offered[-1])
        weights = self.spec.snapshot_weight
        weight = next(weights[n] for n in sorted(weights) if n >= limit)
        target = f"{self.spec.depth_path}?symbol={symbol}&limit={limit}"
        return HttpRequest("GET", target, weight=weight)


MARKET_DATA: dict[str, BinanceMarketData] = {spec.name: BinanceMarketData(spec) for spec in MARKETS}
