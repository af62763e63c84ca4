"""The futures exchanges' modules under the names that the material gives them."""

from __future__ import annotations

from tests.oracles.exchanges import bybit
from tests.oracles.exchanges.hooks import Hooks

BYBIT = Hooks("bybit", bybit)
FUTURES = {"bybit": BYBIT}
CCXT = {"bybit": BYBIT.ccxt()}
JKORF = {"bybit": BYBIT.jkorf()}
MESSAGES = {"bybit": BYBIT.message}
