"""Binance spot as `venue_sim` takes it; see `oms/venues/server.py: ServedExchange`."""

from __future__ import annotations

from collections.abc import Sequence

from oms.exchange.market import Market, SymbolSpec
from oms.exchange.recorded import RecordedMarket
from oms.venues.binance.server import faults
from oms.venues.binance.server.limits import LimitRules
from oms.venues.binance.server.playback import BinancePlayback
from oms.venues.binance.server.server import BinanceServer
from oms.venues.server import ExchangeServer, FaultWords, ServeSettings


class ServedBinance:
    words: FaultWords = faults

    def serve(self, market: Market, settings: ServeSettings) -> BinanceServer:
        """A server that begins now."""
        return BinanceServer(
            market,
            settings.keys,
            LimitRules(orders_per_10s=settings.orders_per_10s),
            settings.new_id,
            settings.lose_reply,
            publishes=settings.publishes,
        )

    def playback(
        self, server: ExchangeServer, market: RecordedMarket, specs: Sequence[SymbolSpec]
    ) -> BinancePlayback:
        """What plays a recording."""
        assert isinstance(server, BinanceServer), "a recording is played by its exchange's server"
        return BinancePlayback(server, market, specs)


SERVED = ServedBinance()
