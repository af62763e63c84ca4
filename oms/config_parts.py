"""What stands in each kind of config file, as structs; `procs/config/files.py` puts them together.

The texts below the fields are what an editor shows (the JSON Schemas in `configs/schema/` are made
of them), so they are written for whoever fills in a file.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from oms.config import (
    AccountConfig,
    Capacity,
    Durability,
    GroupConfig,
    HostConfig,
    LimitsConfig,
    Network,
    SimConfig,
    StrategyConfig,
    VenueConfig,
)


@dataclass(frozen=True, slots=True)
class MarketPart:
    """One market of an exchange that the desk reads and trades."""

    name: str
    """The venue, such as "binance.spot"."""
    instruments: tuple[str, ...]
    """Canonical names, such as "BTC/USDT"; a simulated exchange must list them, too."""


@dataclass(frozen=True, slots=True)
class ExchangePart:
    """One exchange that the desk trades on."""

    name: str
    """Its file: configs/exchanges/<name>.toml."""
    network: Network
    """"sim" for the simulated exchange; "testnet" and "mainnet" are not supported yet."""
    markets: tuple[MarketPart, ...]
    """Which of its markets, and which instruments of each."""


@dataclass(frozen=True, slots=True)
class DeskFile:
    """A desk: it names its parts, each of them a file beside it."""

    name: str
    """1 to 40 letters, digits, '-' or '_'; segments, logs and the view are named by it."""
    data_dir: str
    """Where its journal, logs and day files go, relative to the project's root."""
    durability: Durability
    """"process-crash-safe": the journal survives the death of any process. "power-safe": every
    block is also synced before an order leaves."""
    host: str
    """The core map: configs/hosts/<host>.toml, or "auto": made for the machine, and explained by
    `oms up --host auto --dry-run`."""
    risk: str
    """The limits: configs/risk/<risk>.toml."""
    accounts: tuple[str, ...]
    """Files of accounts: configs/accounts/<name>.toml."""
    exchanges: tuple[ExchangePart, ...]
    """The exchanges that it trades on."""
    strategies: tuple[StrategyConfig, ...]
    """The plugins that it runs."""
    capacity: Capacity = "full"
    """"small" for a desk of a few instruments, "full" for six exchanges: size of rings and
    tables."""
    currency: str = "USDT"
    """The desk's own: limits without a currency are in it, P&L is summed up in it."""
    dead_man_ms: int = 5000
    """Risk or an executor stands still for so long with orders open: the watchdog cancels them at
    the exchange; 0 = never."""
    lang: Literal["en", "ko"] = "en"
    """Language of errors and notices on the terminal; logs and files stay English."""


@dataclass(frozen=True, slots=True)
class NetworkPart:
    """Where an exchange is served."""

    rest_url: str
    """Such as "https://api.example.com"."""
    stream_url: str
    """Market streams, such as "wss://stream.example.com:9443"."""
    ws_api_url: str
    """Orders by WebSocket."""


@dataclass(frozen=True)
class ExchangePlaces:
    """An exchange: its addresses, its limits, and the simulated one that stands in for it."""

    exchange: str
    """binance, bybit, okx, upbit, bithumb or coinone; so far binance alone is built."""
    networks: Mapping[str, NetworkPart] | None = None
    """Addresses by network: "testnet", "mainnet"."""
    sim: Mapping[str, Any] | None = None
    """The simulated exchange of network "sim"."""


def settings_of(kind: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """The fields of a struct that have a default: what a file may set, and may leave out."""
    return {
        one.name: one
        for one in dataclasses.fields(kind)
        if one.default is not dataclasses.MISSING or one.default_factory is not dataclasses.MISSING
    }


EXCHANGE_SETTINGS = (GroupConfig, VenueConfig)
"""An exchange's file may set whatever of these has a default."""


def _exchange_file() -> type[Any]:
    """One field for each setting, of the same type and default, so that a setting is declared
    once, where agents read it."""
    rows: dict[str, tuple[str, Any, Any]] = {}
    for kind in EXCHANGE_SETTINGS:
        hints = typing.get_type_hints(kind)
        for name, one in settings_of(kind).items():
            if one.default_factory is dataclasses.MISSING:
                made: Any = dataclasses.field(default=one.default)
            else:
                made = dataclasses.field(default_factory=one.default_factory)
            rows.setdefault(name, (name, hints[name], made))
    return dataclasses.make_dataclass(
        "ExchangeFile", rows.values(), bases=(ExchangePlaces,), frozen=True
    )


ExchangeFile = _exchange_file()


@dataclass(frozen=True, slots=True)
class AccountsFile:
    """Accounts of one account domain; their keys stand in the KeySource, never here."""

    group: str
    """They trade on the exchange of this name in the desk's file."""
    accounts: tuple[AccountConfig, ...]
    """The accounts; a key made for a simulated exchange lies in <data_dir>/keys."""


@dataclass(frozen=True, slots=True)
class SimFile:
    """A simulated exchange by itself, for anyone's bot: `oms sim up`."""

    name: str
    """1 to 40 letters, digits, '-' or '_'."""
    data_dir: str
    """Where its keys, logs and remembered orders go, relative to the project's root."""
    orders_per_10s: int
    """Orders of one account in ten seconds, as at the exchange."""
    accounts: tuple[str, ...]
    """One key each, made at the first start in <data_dir>/keys."""
    sim: SimConfig
    """The exchange."""


FILES: dict[str, tuple[str, type[Any]]] = {
    "desk": ("desk.*.toml", DeskFile),
    "exchange": ("exchanges/*.toml", ExchangeFile),
    "accounts": ("accounts/*.toml", AccountsFile),
    "risk": ("risk/*.toml", LimitsConfig),
    "host": ("hosts/*.toml", HostConfig),
    "sim": ("sim.*.toml", SimFile),
}
"""Kind of file -> where such files lie in configs/, and what stands in one."""

SIM_OF_EXCHANGE = ("exchange",)
"""Keys of SimConfig that an exchange's own file gives already."""
