"""Upbit's public market data, sans-I/O: what to open, what to subscribe, how to read it.

Each orderbook message is the whole book, thirty levels a side at most, with a time and no number.
A request replaces every subscription of its connection, and is not acknowledged: whoever is known
sends a first frame, whoever is not sends nothing. Errors are said, and the connection is closed.
Sources: docs.upbit.com/kr, WebSocket; pages named in QUIRKS.md. (No registry line yet: the clock of
a feed is still asked for in another exchange's words.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from oms.venues.base import Answer, HttpRequest, MarketSpec
from oms.venues.data import Charge
from oms.venues.upbit import decode, market_hot, spec
from shm_layout.enums import BookRule, Venue

MARKET = MarketSpec(
    name=spec.NAME,
    venue=Venue.UPBIT_SPOT,
    book_rule=BookRule.FULL_EACH,
    stream_hosts={"mainnet": "wss://api.upbit.com"},
    rest_hosts={"mainnet": "https://api.upbit.com"},
    depth_path="",
    depth_suffix="",
    snapshot_levels=(30,),
    snapshot_weight={30: 1},
    buckets=spec.BUCKETS,
    requests_in="orderbook",
    connects_in="",
    time_path="/v1/orderbook/instruments?markets=KRW-BTC",
    streams_per_connection=800,
    symbols_per_connection=200,
    connection_hours_max=24,
    ticker_has_event_time=True,
    quantity_in_contracts=False,
    trade_ids_ordered=False,
)
"""One connection was served 855 symbols; no page says how many it takes, nor how old it may get."""

STREAM_PATH = "/websocket/v1"
_TYPES = ("orderbook", "trade", "ticker")


class UpbitMarketData:
    """See `oms/venues/base.py: MarketData`."""

    on_message = staticmethod(market_hot.on_message)
    decode_cold = staticmethod(decode.decode)
    spec = MARKET

    def stream_url(self, base_url: str, symbols: Sequence[str]) -> str:
        """The same for all; `greet` says what is wanted."""
        assert 0 < len(symbols) <= self.spec.symbols_per_connection, f"{len(symbols)} symbols"
        return base_url.rstrip("/") + STREAM_PATH

    def greet(self, symbols: Sequence[str], nonce: str) -> Sequence[bytes]:
        """Books, trades and tickers of the symbols, in short names; the nonce is the ticket."""
        wanted = [{"type": kind, "codes": list(symbols)} for kind in _TYPES]
        return (orjson.dumps([{"ticket": nonce}, *wanted, {"format": "SIMPLE"}]),)

    def again(self, symbol: str, symbols: Sequence[str], nonce: str) -> Sequence[bytes]:
        """A request replaces all others, so everything of the connection is asked for."""
        del symbol
        return self.greet(symbols, nonce)

    def answer(self, data: bytes) -> Answer | None:
        """An error is about the whole request."""
        try:
            error = orjson.loads(data)["error"]
            text = f"{error['name']} {error.get('message', '')}".rstrip()
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        return Answer((), refused=True, text=text)

    def snapshot_request(self, symbol: str, levels: int) -> HttpRequest:
        """Not asked by the feed: books come on the stream."""
        del levels
        return HttpRequest("GET", f"/v1/orderbook?markets={symbol}", weight=1)

    def usage(self, headers: Mapping[str, str]) -> tuple[Charge, ...]:
        """Not read: the feed asks for the clock alone."""
        del headers
        return ()

    def retry_after_s(self, headers: Mapping[str, str]) -> int:
        """Not said."""
        del headers
        return 0


MARKET_DATA = {MARKET.name: UpbitMarketData()}
