"""Plugins by name: built-in ones here, a user's own as `package.module:Class`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from oms.errors import ConfigError
from oms.strategies.base import Strategy
from oms.strategies.market_maker import MarketMaker

PLUGINS: dict[str, type[Strategy]] = {"market_maker": MarketMaker}


def make_strategy(plugin: str, params: Mapping[str, Any]) -> Strategy:
    """An instance of a plugin; ConfigError where there is none of that name."""
    if ":" in plugin:
        module_name, _, class_name = plugin.partition(":")
        try:
            made: Strategy = getattr(importlib.import_module(module_name), class_name)(params)
        except (ImportError, AttributeError) as trouble:
            raise ConfigError(
                f"strategy plugin '{plugin}': cannot be loaded ({trouble}); required is "
                "'package.module:Class' that Python can import"
            ) from trouble
        return made
    if plugin not in PLUGINS:
        raise ConfigError(
            f"strategy plugin '{plugin}' is unknown; built in are {', '.join(PLUGINS)}, your own "
            "is named 'package.module:Class'"
        )
    return PLUGINS[plugin](params)  # type: ignore[call-arg]
