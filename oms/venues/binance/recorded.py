"""Recorded Binance streams, read cold; `oms/venues/recorded.py: RecordedReader` says what for.

Messages are envelopes of the combined stream or bare events, and REST depth snapshots. Which market
they are of shows in their fields: futures name the diff before (`pu`), COIN-M a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from oms.config import SimInstrumentConfig
from oms.errors import ConfigError
from oms.venues.recorded import Best, Recorded, Seen

SPOT = "binance.spot"
USDM = "binance.usdm"
COINM = "binance.coinm"
_KINDS = {"depthUpdate": Recorded.DIFF, "bookTicker": Recorded.TICKER, "trade": Recorded.TRADE}
_QUOTES = (
    "USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL",
    "JPY", "KRW", "GBP", "AUD", "USD",
)  # fmt: skip


class BinanceRecorded:
    """See the module's text."""

    def see(self, data: bytes) -> Seen | None:
        """What a message is; None where it is no JSON object."""
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(message, dict):
            return None
        event = message.get("data", message)
        coin = "ps" in event or "pair" in event
        market = COINM if coin else USDM if "pu" in event else ""
        if "lastUpdateId" in event:
            return Seen(Recorded.SNAPSHOT, event.get("symbol", ""), market, event)
        symbol = event.get("s")
        kind = _KINDS.get(event.get("e", "bookTicker"), Recorded.OTHER)
        return Seen(kind, symbol if isinstance(symbol, str) else "", market, event)

    def market_of(self, named: frozenset[str]) -> str:
        """COIN-M's fields say most, spot's nothing."""
        return COINM if COINM in named else USDM if USDM in named else SPOT

    def numbers(self, seen: Seen) -> tuple[list[str], list[str]]:
        """Every price and every quantity in a message, as text."""
        event = seen.event
        pxs = [event[k] for k in ("a", "b", "p") if isinstance(event.get(k), str)]
        qtys = [event[k] for k in ("A", "B", "q") if isinstance(event.get(k), str)]
        for side in ("a", "b", "asks", "bids"):
            levels = event.get(side)
            if isinstance(levels, list):
                pxs += [level[0] for level in levels]
                qtys += [level[1] for level in levels]
        return pxs, qtys

    def best(self, seen: Seen) -> Best | None:
        """Of a bookTicker."""
        event = seen.event
        if seen.kind is not Recorded.TICKER or not isinstance(event.get("B"), str):
            return None
        return Best(event["u"], event["b"], event["B"], event["a"], event["A"])

    def trade_px(self, seen: Seen) -> str | None:
        """The price of a trade, or of what else has one."""
        px = seen.event.get("p")
        return px if isinstance(px, str) else None

    def assets(self, symbol: str) -> tuple[str, str]:
        """Base and quote of a symbol such as BTCUSDT; the quote is guessed from a list."""
        for quote in _QUOTES:
            if symbol.endswith(quote) and len(symbol) > len(quote):
                return symbol[: -len(quote)], quote
        raise ConfigError(
            f"instruments: cannot tell base and quote of '{symbol}'; give its exchangeInfo with "
            "--instruments FILE"
        )

    def instruments(self, body: bytes, symbols: Sequence[str]) -> list[SimInstrumentConfig]:
        """These symbols out of an exchangeInfo."""
        try:
            rows = {row["symbol"]: row for row in orjson.loads(body)["symbols"]}
        except (orjson.JSONDecodeError, KeyError, TypeError) as trouble:
            raise ConfigError(
                f"--instruments: not an exchangeInfo ({type(trouble).__name__}); required is the "
                "JSON that GET /api/v3/exchangeInfo gives"
            ) from trouble
        missing = [symbol for symbol in symbols if symbol not in rows]
        if missing:
            raise ConfigError(
                f"--instruments: has no symbol {', '.join(missing)}, which the recording has; give "
                "an exchangeInfo of that venue and day, or leave the option out to infer"
            )
        return [_from_row(rows[symbol]) for symbol in symbols]


def _from_row(row: dict[str, Any]) -> SimInstrumentConfig:
    rules = {rule["filterType"]: rule for rule in row.get("filters", ())}
    try:
        price, lot = rules["PRICE_FILTER"], rules["LOT_SIZE"]
        notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or {"minNotional": "0"}
        return SimInstrumentConfig(
            row["symbol"], row["baseAsset"], row["quoteAsset"], price["tickSize"],
            lot["stepSize"], lot["minQty"], lot["maxQty"], notional["minNotional"],
            price["tickSize"],
        )  # fmt: skip
    except KeyError as trouble:
        raise ConfigError(
            f"--instruments: symbol {row.get('symbol')} lacks {trouble}; required are "
            "PRICE_FILTER and LOT_SIZE filters"
        ) from trouble


RECORDED = BinanceRecorded()
