"""Strategies of the user: `package.module:Class` in a config, loaded before agents are made.

Importing somebody's file is input and output, so it happens here and not in `oms/`; the class
then stands in `oms.strategies.registry.PLUGINS` under its full name.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from oms.config import DeskConfig
from oms.errors import ConfigError
from oms.strategies.registry import PLUGINS


def load_plugins(config: DeskConfig, beside: Path) -> None:
    """Load every plugin of the desk that is not built in; `beside` (the directory of the desk's
    config) is searched, too."""
    for strategy in config.strategies:
        name = strategy.plugin
        if name in PLUGINS or ":" not in name:
            continue
        if str(beside) not in sys.path:
            sys.path.append(str(beside))
        module_name, _, class_name = name.partition(":")
        try:
            PLUGINS[name] = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as trouble:
            raise ConfigError(
                f"strategies.{strategy.name}.plugin: '{name}' cannot be loaded ({trouble}); "
                "required is 'package.module:Class' that Python can import from the config's "
                "directory or its own path"
            ) from trouble
