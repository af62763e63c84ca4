"""What a market gives the conformance suite; everything else is asked of interfaces.

A market that is traded has one file beside this one, named after it (`binance_spot.py` for
binance.spot), with a `VENUE` of this class. Cases know no more of a market than this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oms.config import DeskConfig
from oms.exchange.market import Market
from oms.venues.conformance import case, lack
from oms.venues.data import OrderMarket, Way
from oms.venues.registry import order_market
from shm_layout.enums import OrderType


@dataclass(frozen=True, slots=True)
class Where:
    """Messages of one kind, as faults are chosen: a link of `oms.exchange.faults.LINKS`, a name."""

    link: str
    match: str

    @property
    def chosen(self) -> dict[str, str]:
        """Of a `FaultSpec`."""
        return {"link": self.link, "match": self.match}


@dataclass(frozen=True, slots=True)
class Sample:
    """A documented message of our own making, in the exchange's shape, and what it says."""

    name: str
    read: Callable[[bytes], Any]
    """What production code makes of it; MalformedMessageError where it cannot be read."""
    message: Any
    """What is dumped as JSON."""
    says: Callable[[Any], Any]
    """Of what was read, the part that is compared ..."""
    expected: Any
    """... with this."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """An instrument of a list that cannot be traded as it stands."""

    name: str
    """Canonical."""
    changes: Mapping[str, Any]
    """How its row in the list differs from the traded one's, in the exchange's words."""
    left_out: bool
    """True: it never becomes an instrument."""
    trades: bool = False
    """Orders on it are taken."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A refusal that asks for a pause: which fault says so, of what, and whose requests wait."""

    name: str
    fault: Mapping[str, Any]
    """Values of a `FaultSpec`, of the answer to one new order."""
    key: str
    """What it is counted by: "egress" or "account"."""
    cancels_pass: bool


@dataclass(frozen=True)
class ConformanceVenue:
    """One traded market."""

    name: str
    config: Callable[..., DeskConfig]
    """(seed, drop_reply_one_in=0, flow_events_per_s=0, plugin settings …) -> a desk on it."""
    place: Mapping[Way, Where]
    """New orders, by each way that the market has; so are cancels."""
    cancel: Mapping[Way, Where]
    order_event: Where
    """Private messages about orders."""
    book: Where
    """Public messages about the book."""
    stops: Sequence[Stop]
    unsupported: OrderType
    """A type of order that `caps` lack."""
    short_days: Callable[[Any, int, int], None]
    """(monkeypatch, lifetime_ns, warning_ns): the simulated exchange ends connections so early."""
    relisted: Callable[[bytes, Sequence[Oddity]], bytes | None]
    """The exchange's list with the rows of these changed; None where an answer is no list."""
    symbol: Callable[[str], str]
    """A canonical name as the exchange writes it."""
    oddities: Sequence[Oddity]
    """A symbol that fits no scale, a rule that nobody knows, a halted market."""
    samples: Sequence[Sample]
    market: Callable[[DeskConfig], Market | None]
    """What the exchange matches by; None: what its config describes."""
    fee_coin: str = ""
    """A third coin in which `config(fee_coin=…)` has fees charged; "" = there is none."""

    @property
    def exchange(self) -> str:
        return self.name.partition(".")[0]

    @property
    def facts(self) -> OrderMarket:
        return order_market(self.name)

    def lacks(self, number: int) -> str:
        """Why a case does not apply; "" = it does."""
        return lack(case(number), self.facts)

    def __str__(self) -> str:
        return self.name
