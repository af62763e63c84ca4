"""Plugins by name: the built-in ones, and what the host has loaded for the user.

Importing a user's file is input and output, so the host does it (`procs/plugins.py`) and puts the
class here under its name `package.module:Class`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from oms.config import OPERATOR
from oms.errors import ConfigError
from oms.strategies.base import BaseStrategy, Strategy
from oms.strategies.market_maker import MarketMaker


def _operator(params: Mapping[str, Any]) -> Strategy:
    """A person decides, by `oms order`; the plugin does nothing by itself."""
    del params
    return BaseStrategy()


PLUGINS: dict[str, Callable[[Mapping[str, Any]], Strategy]] = {
    "market_maker": MarketMaker,
    OPERATOR: _operator,
}


def make_strategy(plugin: str, params: Mapping[str, Any]) -> Strategy:
    """An instance of a plugin; ConfigError where there is none of that name."""
    if plugin not in PLUGINS:
        raise ConfigError(
            f"strategy plugin '{plugin}' is unknown; built in are "
            f"{', '.join(name for name in PLUGINS if name != OPERATOR)}, your own "
            "is named 'package.module:Class'"
        )
    return PLUGINS[plugin](params)
