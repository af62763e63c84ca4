"""The futures exchanges' modules under the names that the material gives them."""

from __future__ import annotations

from tests.oracles.exchanges import binance, bybit, okx, usdm
from tests.oracles.exchanges.hooks import Hooks

BYBIT = Hooks("bybit", bybit)
OKX = Hooks("okx", okx)
USDM = Hooks("usdm", usdm)
BINANCE = Hooks("binance", binance)
FUTURES = {"bybit": BYBIT, "okx": OKX, "binance-usdm": USDM}
CCXT = {
    "bybit": BYBIT.ccxt(),
    "okx": OKX.ccxt(),
    "binanceusdm": USDM.ccxt(),
    "binance": BINANCE.ccxt(),
}
JKORF = {"bybit": BYBIT.jkorf(), "okx": OKX.jkorf(), "binance": BINANCE.jkorf()}
MESSAGES = {"bybit": BYBIT.message, "okx": OKX.message, "binance": BINANCE.message}
