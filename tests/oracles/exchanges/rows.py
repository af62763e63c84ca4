"""The futures exchanges' modules under the names that the material gives them."""

from __future__ import annotations

from tests.oracles.exchanges import bybit, okx
from tests.oracles.exchanges.hooks import Hooks

BYBIT = Hooks("bybit", bybit)
OKX = Hooks("okx", okx)
FUTURES = {"bybit": BYBIT, "okx": OKX}
CCXT = {"bybit": BYBIT.ccxt(), "okx": OKX.ccxt()}
JKORF = {"bybit": BYBIT.jkorf(), "okx": OKX.jkorf()}
MESSAGES = {"bybit": BYBIT.message, "okx": OKX.message}
