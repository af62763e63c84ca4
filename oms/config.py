"""The desk's config as frozen, typed structs, built from plain mappings (pure: no files here).

`desk_from_mapping` takes what a TOML reader made of configs/*.toml and refuses, in one sentence
each, an unknown key (naming the nearest known one), a wrong type, a missing value and a key that
looks like a secret. Units stand in the names. Risk limits have no defaults.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from oms.errors import ConfigError
from shm_layout.enums import VENUES_BY_NAME

KINDS = {
    int: "a whole number without quotes",
    str: 'text in quotes, such as "20"',
    list: "a list",
    dict: "a table",
}
"""What a person is told that a type is."""
_SECRET_WORDS = ("secret", "password", "passphrase", "private_key", "api_key", "token")


@dataclass(frozen=True, slots=True)
class SharesConfig:
    """Parts of an address's request weight, in percent; together at most 100. What is left over
    is margin. Every process of the desk that asks an exchange from one address keeps to its part,
    so none of them has to ask another (DESIGN.md 8 "Rate limits").
    """

    orders: int = 20
    cancels: int = 20
    kill: int = 15
    """The watchdog's; nobody else touches it."""
    snapshots: int = 20
    """All feeds of the exchange together."""
    reconciliation: int = 20
    """Queries of orders in doubt among it."""


@dataclass(frozen=True, slots=True)
class VenueConfig:
    """One market that the desk reads; `name` such as "binance.spot"."""

    name: str
    network: str
    """"sim", "testnet" or "mainnet"."""
    stream_url: str
    """Market streams, e.g. ws://127.0.0.1:9443."""
    rest_url: str
    instruments: tuple[str, ...]
    """Canonical names, e.g. "BTC/USDT"."""
    stale_after_ms: int = 2000
    """No sign of life of the connection for so long: its books are STALE."""
    snapshot_levels: int = 1000
    quiet_after_ms: int = 10_000
    """A book without a message for so long, on a living connection, is held against a fresh
    snapshot."""
    ping_after_ms: int = 900
    """A connection that was silent for so long is pinged ..."""
    pong_within_ms: int = 1500
    """... and closed when nothing came for so long after that."""
    clock_warn_ms: int = 250
    """A difference to the venue's clock from which on there is a warning."""
    shares: SharesConfig = field(default_factory=SharesConfig)


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One account of a group; `key_name` is looked up at the KeySource."""

    name: str
    key_name: str


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """One executor: an account domain of an exchange; `name` such as "binance"."""

    name: str
    exchange: str
    venues: tuple[str, ...]
    ws_api_url: str
    rest_url: str
    accounts: tuple[AccountConfig, ...]
    recv_window_ms: int = 5000
    answer_timeout_ms: int = 2000
    """A command without an answer for so long is UNKNOWN."""
    orders_per_10s: int = 100
    ping_after_ms: int = 900
    """A private link that was silent for so long is pinged ..."""
    pong_within_ms: int = 1500
    """... and closed when nothing came for so long after that."""
    link_max_age_ms: int = 84_600_000
    """A private link of this age (less up to a 48th, by chance) gets a successor before it is
    closed; Binance cuts at 24 h."""
    clock_warn_ms: int = 250
    """A difference to the venue's clock from which on there is a warning."""
    shares: SharesConfig = field(default_factory=SharesConfig)


@dataclass(frozen=True, slots=True)
class StrategyConfig:
    """One plugin instance; `params` are the plugin's own, checked by it."""

    name: str
    plugin: str
    account: str
    instruments: tuple[str, ...]
    """`venue:name`, e.g. "binance.spot:BTC/USDT"."""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """Risk limits; amounts as decimal text in the unit that the name says."""

    max_order_notional_quote: str
    max_position_notional_quote: str
    """Worst case, open and unknown orders counted as filled, per strategy and instrument."""
    price_collar_bps: int
    """Distance from mid, in basis points, beyond which a price is refused."""
    max_open_orders: int
    """Per strategy."""
    max_orders_per_s: int
    """Per strategy, new orders."""
    book_max_age_ms: int
    """An order priced off an older book is refused."""


@dataclass(frozen=True, slots=True)
class ProcessConfig:
    """One operating-system process: which roles it hosts, on which core, how it waits."""

    name: str
    roles: tuple[str, ...]
    core: int
    wait: str = "park"


@dataclass(frozen=True, slots=True)
class HostConfig:
    """A core map (`configs/hosts/*.toml`)."""

    name: str
    processes: tuple[ProcessConfig, ...]


@dataclass(frozen=True, slots=True)
class SimInstrumentConfig:
    """One instrument of a simulated exchange; numbers as decimal text."""

    symbol: str
    base: str
    quote: str
    tick: str
    lot: str
    min_qty: str
    max_qty: str
    min_notional: str
    mid: str


@dataclass(frozen=True, slots=True)
class SimConfig:
    """A simulated exchange; `venue_sim.<exchange>` serves it on loopback."""

    exchange: str
    host: str
    rest_port: int
    ws_port: int
    seed: int
    instruments: tuple[SimInstrumentConfig, ...]
    balances: Mapping[str, str]
    """Currency code -> what every account of the desk begins with."""
    maker_fee_e6: int = 1000
    """Millionths of the amount: 1000 = 0.1 %."""
    taker_fee_e6: int = 1000
    drop_reply_one_in: int = 0
    """Accept an order and lose the reply, once in so many orders (seeded); 0 = never."""
    flow_events_per_s: int = 200
    control_port: int = -1
    """For `oms sim`: faults, book, seed; 0 = a free one, -1 = none."""


@dataclass(frozen=True, slots=True)
class DeskConfig:
    """Everything that a desk is started with."""

    name: str
    data_dir: str
    durability: str
    venues: tuple[VenueConfig, ...]
    groups: tuple[GroupConfig, ...]
    strategies: tuple[StrategyConfig, ...]
    limits: LimitsConfig
    host: HostConfig
    sims: tuple[SimConfig, ...] = ()
    capacity: str = "full"
    """"full", or "small" for a desk of a few instruments."""

    def roles(self) -> tuple[str, ...]:
        """Every role of the desk, in the order in which they are started."""
        return (
            *(f"venue_sim.{sim.exchange}" for sim in self.sims),
            "risk",
            *(f"executor.{group.name}" for group in self.groups),
            *(f"feed.{venue.name}" for venue in self.venues),
            "aggregator",
            *(f"strategy.{strategy.name}" for strategy in self.strategies),
            "journaler",
        )

    def strategy_id(self, name: str) -> int:
        return [s.name for s in self.strategies].index(name)

    def account_names(self) -> tuple[str, ...]:
        """All accounts; the position is the account_id."""
        return tuple(account.name for group in self.groups for account in group.accounts)

    def group_of_venue(self, venue: str) -> int:
        """Index of the executor group that trades `venue`."""
        return next(i for i, group in enumerate(self.groups) if venue in group.venues)

    def text(self) -> str:
        """The effective config, as canonical JSON; it holds no secret."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, default=dict)

    def digest(self) -> int:
        """First 63 bits of the SHA-256 of `text()`; journaled at start."""
        return int.from_bytes(hashlib.sha256(self.text().encode()).digest()[:8], "little") >> 1


def build(kind: type[Any], given: Mapping[str, Any], where: str) -> Any:
    """Make a config struct from a mapping, or raise ConfigError with one sentence."""
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ConfigError(
                f"{where}: unknown key '{name}'; the nearest known key is '{near[0]}' "
                f"(known: {', '.join(known)})"
            )
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if name in given:
            values[name] = _convert(hints[name], given[name], f"{where}.{name}")
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}: '{name}' is missing; it has no default, so set it")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: found {value!r}, required is a table")
        return build(typing.cast(type[Any], hint), value, where)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            raise ConfigError(f"{where}: found {value!r}, required is a list")
        item = typing.get_args(hint)[0]
        return tuple(_convert(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: found {value!r}, required is a table")
        return dict(value)
    if hint is int and isinstance(value, bool):
        raise ConfigError(f"{where}: found {value!r}, required is {KINDS[int]}")
    if not isinstance(value, hint):
        raise ConfigError(f"{where}: found {value!r}, required is {KINDS.get(hint, hint)}")
    return value


def desk_from_mapping(given: Mapping[str, Any], where: str) -> DeskConfig:
    """The desk from what a TOML reader gave; checks what spans several parts of it."""
    refuse_secrets(given, where)
    desk: DeskConfig = build(DeskConfig, given, where)
    if desk.durability not in ("process-crash-safe", "power-safe"):
        raise ConfigError(
            f"{where}.durability: found {desk.durability!r}, required is "
            "'process-crash-safe' or 'power-safe'"
        )
    venues = {venue.name for venue in desk.venues}
    for venue in desk.venues:
        if venue.name not in VENUES_BY_NAME:
            raise ConfigError(
                f"{where}.venues: unknown venue '{venue.name}' (known: {', '.join(VENUES_BY_NAME)})"
            )
        if not any(venue.name in group.venues for group in desk.groups):
            raise ConfigError(f"{where}.venues: no group trades '{venue.name}'; name it in one")
    for strategy in desk.strategies:
        if strategy.account not in desk.account_names():
            raise ConfigError(
                f"{where}.strategies.{strategy.name}: account '{strategy.account}' is in no group "
                f"(known: {', '.join(desk.account_names())})"
            )
        for instrument in strategy.instruments:
            venue_name, _, name = instrument.partition(":")
            if venue_name not in venues or not name:
                raise ConfigError(
                    f"{where}.strategies.{strategy.name}: '{instrument}' must be 'venue:name' "
                    f"with a venue of the desk ({', '.join(sorted(venues))})"
                )
    placed = [role for process in desk.host.processes for role in process.roles]
    missing = set(desk.roles()) - set(placed)
    extra = set(placed) - set(desk.roles())
    twice = {role for role in placed if placed.count(role) > 1}
    if missing or extra or twice:
        raise ConfigError(
            f"{where}.host '{desk.host.name}': every role must stand in one process; "
            f"missing {sorted(missing)}, unknown {sorted(extra)}, twice {sorted(twice)}"
        )
    return desk


def refuse_secrets(given: Any, where: str) -> None:
    """Raise ConfigError where a key's name says that it holds a secret."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            plain = str(name).lower()
            if plain != "key_name" and any(word in plain for word in _SECRET_WORDS):
                raise ConfigError(
                    f"{where}.{name}: looks like a secret; keys come from the KeySource, never "
                    "from config: remove it and store the key there"
                )
            refuse_secrets(value, f"{where}.{name}")
    elif isinstance(given, (list, tuple)):
        for item in given:
            refuse_secrets(item, where)
