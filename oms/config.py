"""The desk's config as frozen, typed structs (pure: no files here).

What an agent gets is a `DeskConfig`. Some of its structs are also what a file in configs/ holds
(`LimitsConfig` is configs/risk/*.toml), the rest is put together from `oms/config_parts.py`; the
texts below the fields are what an editor shows of them. Units stand in the names. Risk limits have
no defaults.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

Network = Literal["sim", "testnet", "mainnet"]
Durability = Literal["process-crash-safe", "power-safe"]
Capacity = Literal["small", "full"]
Wait = Literal["park", "spin"]
OPERATOR = "operator"
"""Reserved name of the strategy that carries a person's orders; the first of every desk."""
_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?: ([A-Z0-9]{1,16}))?")
OrderWay = Literal["preferred", "socket", "rest"]
SelfTrade = Literal["expire_maker", "expire_taker", "expire_both", "none"]


@dataclass(frozen=True, slots=True)
class SharesConfig:
    """Parts of an address's request weight, in percent; together at most 100. What is left over
    is margin. Every process of the desk that asks an exchange from one address keeps to its part,
    so none of them has to ask another (DESIGN.md 8 "Rate limits").
    """

    orders: int = 20
    """New orders."""
    cancels: int = 20
    """Cancels; they also take what is left over."""
    kill: int = 15
    """The watchdog's; nobody else touches it."""
    snapshots: int = 20
    """All feeds of the exchange together."""
    reconciliation: int = 20
    """Reconciliation, queries of orders in doubt, the exchange's list and its clock."""


@dataclass(frozen=True, slots=True)
class VenueConfig:
    """One market that the desk reads; `name` such as "binance.spot"."""

    name: str
    network: Network
    stream_url: str
    """Market streams, e.g. ws://127.0.0.1:9443."""
    rest_url: str
    instruments: tuple[str, ...]
    """Canonical names, e.g. "BTC/USDT"."""
    stale_after_ms: int = 2000
    """No sign of life of the connection for so long: its books are STALE."""
    snapshot_levels: int = 1000
    """Levels of a book's snapshot, each side; fewer at first where the share for snapshots runs
    low."""
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
    """Parts of this address's request weight, in percent; what is left over is margin."""


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One account of a group; `key_name` is looked up at the KeySource."""

    name: str
    """What strategies and files call it."""
    key_name: str
    """Under which name its key stands in the KeySource."""


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
    """The exchange refuses a request that reaches it later than this."""
    answer_timeout_ms: int = 2000
    """A command without an answer for so long is UNKNOWN."""
    orders_per_10s: int = 100
    """The account's limit at the exchange; the simulated one enforces it."""
    ping_after_ms: int = 900
    """A private link that was silent for so long is pinged ..."""
    pong_within_ms: int = 1500
    """... and closed when nothing came for so long after that."""
    link_max_age_ms: int = 84_600_000
    """A private link of this age (less up to a 48th, by chance) gets a successor before it is
    closed; Binance cuts at 24 h."""
    order_way: OrderWay = "preferred"
    """By which way new orders leave: "socket" (the private WebSocket), "rest" (HTTP connections
    that stand open), "preferred": the one that its connector prefers (Binance spot: socket)."""
    order_connections: int = 4
    """With "rest": how many stand open; so many orders can wait for their answers at a time."""
    order_idle_ms: int = 30_000
    """With "rest": a connection that was idle for so long is closed, and was replaced before; less
    than the time after which the exchange ends it."""
    clock_warn_ms: int = 250
    """A difference to the venue's clock from which on there is a warning."""
    shares: SharesConfig = field(default_factory=SharesConfig)
    """Parts of this address's request weight, in percent; what is left over is margin."""
    self_trade_prevention: SelfTrade = "expire_maker"
    """Which of two orders of one account the venue ends before they trade with each other:
    "expire_maker" (the older one), "expire_taker", "expire_both"; "none" lets them trade."""


@dataclass(frozen=True, slots=True)
class StrategyConfig:
    """One plugin instance; `params` are the plugin's own, checked by it."""

    name: str
    """What files and the view call it: 1 to 32 letters, digits, '-' or '_'."""
    plugin: str
    """One of oms/strategies/, or "module:Class" of your own, beside the desk's file."""
    accounts: tuple[str, ...]
    """Which accounts it trades on, at most a few of each exchange; an order that names none goes on
    the first of them that trades on the instrument's market."""
    instruments: tuple[str, ...]
    """`venue:name`, e.g. "binance.spot:BTC/USDT"."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The plugin's own settings; it checks them itself."""


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of a limit; `code` "" = the desk's currency."""

    value: Fraction
    code: str

    @classmethod
    def parse(cls, text: str) -> Amount:
        """ValueError where it is no amount above nothing."""
        matched = _AMOUNT.fullmatch(text)
        if matched is None or not Fraction(matched[1]):
            raise ValueError(f"{text[:40]!r} is no amount above 0")
        return cls(Fraction(matched[1]), matched[2] or "")


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """Risk limits. An amount is decimal text in the desk's currency, or with its currency behind
    it; for other quote currencies it is converted by the desk's own books, 1 % against us, by a
    price of at most ten minutes of age."""

    max_order_notional: str
    """One order, such as "20000" of the desk's currency or "30000000 KRW": NOTIONAL_ABOVE_MAX."""
    max_position_notional: str
    """Worst case, open and unknown orders counted as filled, per strategy and instrument; as
    above."""
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
    """What logs, `ps` and `oms status` call it."""
    roles: tuple[str, ...]
    """Agents, such as "risk" or "feed.binance.spot"; each role stands in exactly one process."""
    core: int
    """Counts among the cores that this machine lets us use; -1 = not pinned."""
    wait: Wait = "park"
    """"spin" burns the core instead of sleeping."""


@dataclass(frozen=True, slots=True)
class HostConfig:
    """A core map (`configs/hosts/*.toml`)."""

    name: str
    """Every latency figure names it."""
    processes: tuple[ProcessConfig, ...]
    """The operating-system processes of the desk."""


@dataclass(frozen=True, slots=True)
class SimInstrumentConfig:
    """One instrument of a simulated exchange; numbers as decimal text."""

    symbol: str
    """The exchange's own string, e.g. "BTCUSDT"."""
    base: str
    """What is bought and sold, e.g. "BTC"."""
    quote: str
    """What it is paid with, e.g. "USDT"."""
    tick: str
    """Price step."""
    lot: str
    """Quantity step."""
    min_qty: str
    """Smallest order, in the base currency."""
    max_qty: str
    """Largest order, in the base currency."""
    min_notional: str
    """Price times quantity, in the quote currency."""
    mid: str
    """Where the price begins."""


@dataclass(frozen=True, slots=True)
class SimConfig:
    """A simulated exchange; `venue_sim.<exchange>` serves it on loopback."""

    exchange: str
    """Which exchange it stands in for."""
    host: str
    """Where it listens: 127.0.0.1."""
    rest_port: int
    """0 takes a free port at each start."""
    ws_port: int
    """Streams and the WebSocket API; 0 takes a free port at each start."""
    seed: int
    """Another seed, another market."""
    instruments: tuple[SimInstrumentConfig, ...]
    """What it lists."""
    balances: Mapping[str, str]
    """Currency code -> what every account of the desk begins with."""
    maker_fee_e6: int = 1000
    """Millionths of the amount: 1000 = 0.1 %."""
    taker_fee_e6: int = 1000
    """Millionths of the amount."""
    drop_reply_one_in: int = 0
    """Accept an order and lose the reply, once in so many orders (seeded); 0 = never."""
    flow_events_per_s: int = 200
    """Background orders, cancels and trades, per symbol."""
    control_port: int = -1
    """For `oms sim`: faults, book, seed; 0 = a free one, -1 = none."""
    asset_limits: Mapping[str, str] = field(default_factory=dict)
    """Currency code -> the most of it that one order may trade (Binance's MAX_ASSET)."""


@dataclass(frozen=True, slots=True)
class DeskConfig:
    """Everything that a desk is started with."""

    name: str
    data_dir: str
    durability: Durability
    venues: tuple[VenueConfig, ...]
    groups: tuple[GroupConfig, ...]
    strategies: tuple[StrategyConfig, ...]
    limits: LimitsConfig
    host: HostConfig
    sims: tuple[SimConfig, ...] = ()
    capacity: Capacity = "full"
    """"full", or "small" for a desk of a few instruments."""
    currency: str = "USDT"
    """The desk's own: limits without a currency are in it, P&L is summed up in it."""
    dead_man_ms: int = 5000
    """Risk or an executor without a turn for so long, and orders are open: the watchdog cancels
    them; 0 = never."""

    def roles(self) -> tuple[str, ...]:
        """Every role of the desk, in the order in which they are started."""
        return (
            *(f"venue_sim.{sim.exchange}" for sim in self.sims),
            "watchdog",
            "risk",
            *(f"executor.{group.name}" for group in self.groups),
            *(f"feed.{venue.name}" for venue in self.venues),
            "aggregator",
            *(f"strategy.{strategy.name}" for strategy in self.strategies),
            "journaler",
        )

    def account_names(self) -> tuple[str, ...]:
        """All accounts; the position is the account_id."""
        return tuple(account.name for group in self.groups for account in group.accounts)

    def accounts_of(self, strategy: StrategyConfig, venue: str) -> tuple[str, ...]:
        """The strategy's accounts that trade on `venue`, its default one first."""
        there = {a.name for group in self.groups if venue in group.venues for a in group.accounts}
        return tuple(name for name in strategy.accounts if name in there)

    def group_of_venue(self, venue: str) -> int:
        """Index of the executor group that trades `venue`."""
        return next(i for i, group in enumerate(self.groups) if venue in group.venues)

    def text(self) -> str:
        """The effective config, as canonical JSON; it holds no secret."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, default=dict)

    def digest(self) -> int:
        """First 63 bits of the SHA-256 of `text()`; journaled at start."""
        return int.from_bytes(hashlib.sha256(self.text().encode()).digest()[:8], "little") >> 1
