"""What the order side of an exchange is to the rest. Sans-I/O: bytes out of asks, canonical words
out of bytes.

Agents decide what is asked and when; an `OrderSide` knows how the exchange wants it said and what
its answers mean. It is made for one account domain, holds the keys of its accounts, and keeps no
state of orders: what it has to know of them is handed to it as `Known`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from oms.config import GroupConfig
from oms.errors import ConfigError
from oms.ports import Key
from oms.venues.data import Capabilities, Charge, OrderMarket, Role, Way
from oms.venues.reports import (
    Ask,
    Instrument,
    Item,
    Judgement,
    Known,
    Listed,
    Outgoing,
    Read,
    Reply,
    Run,
    Stamp,
)
from oms.venues.shared.order_text import Buffers, OrderText


@dataclass(frozen=True, slots=True)
class Link:
    """A private connection that is to be open."""

    role: Role
    accounts: tuple[str, ...]
    overlap: bool
    """A successor may be open beside it, and both carry the events."""
    ping: str
    """"frame": pings of the protocol; else the text that is sent when it was quiet."""
    ping_every_ms: int
    age_max_ms: int = 0
    """The exchange ends it at this age; 0 = not documented."""
    token: str = field(default="", repr=False)
    """What `open` needs of an answer to `setup`: a key of this connection's own (listenKey)."""


class OrderSide(Protocol):
    """The client side of an exchange's orders, for one account domain."""

    markets: Mapping[str, OrderMarket]

    def add(self, account: str, key: Key, system_id: int) -> None:
        """An account whose requests this side signs."""
        ...

    def caps(self, market: str) -> Capabilities:
        """What the market can do."""
        ...

    def setup(self, account: str) -> Sequence[Ask]:
        """Asked once before an account trades: modes, fees, minimums, the key. An answer may refuse
        the account (`judge`: ACCOUNT_MODE, KEY_REFUSED)."""
        ...

    def links(self, accounts: Sequence[str], got: Mapping[str, Reply]) -> Sequence[Link]:
        """Connections to open; `got` are the answers to `setup` by account."""
        ...

    def open(self, link: Link, stamp: Stamp) -> tuple[str, Mapping[str, str]]:
        """(target behind the host, headers) at the moment of connecting."""
        ...

    def greet(self, link: Link, stamp: Stamp) -> Sequence[Ask]:
        """LOGON and SUBSCRIBE asks once it is open, in their order."""
        ...

    def ask(self, ask: Ask, way: Way, stamp: Stamp) -> Outgoing | None:
        """The request; None = not by this way."""
        ...

    def charges(self, ask: Ask) -> tuple[Charge, ...]:
        """What the request takes of the exchange's buckets, before it is made."""
        ...

    def order_text(
        self,
        instrument: Instrument,
        shape: tuple[int, int, int],
        account: str,
        buffers: Buffers,
        *,
        logged_on: bool,
    ) -> OrderText | None:
        """A template for compiled code of what `ask` makes of a plain order; None = no fast path.
        `shape`: side, order type, time in force."""
        ...

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """What is asked next because of an answer: the next page, the next source, the next step of
        a greeting, cancels out of a list."""
        ...

    def read(self, link: Link, data: bytes, known: Known) -> Read:
        """One message of a socket; MalformedMessageError where it has not the documented shape."""
        ...

    def read_http(
        self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes, known: Known
    ) -> Reply:
        """An answer of REST; `status` 0 = none came, `body` then holds the host's reason."""
        ...

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """What an item proves."""
        ...

    def plan(self, run: Run) -> Sequence[Sequence[Ask]]:
        """Stages of a reconciliation, each begun when the one before has all its answers, in the
        order in which this exchange's sources may be believed."""
        ...

    def listing(self, market: str) -> Sequence[Ask]:
        """Asks whose answers together are the market's list."""
        ...

    def listed(self, market: str, replies: Sequence[Reply]) -> Sequence[Listed]:
        """The list out of those answers."""
        ...


def order_way(group: GroupConfig, markets: Sequence[OrderMarket]) -> Way:
    """By which way the group's new orders leave; ConfigError where a market takes none by that."""
    if group.order_way == "preferred":
        return markets[0].caps.ways[0]
    wanted = Way[group.order_way.upper()]
    for market in markets:
        if wanted not in market.caps.ways:
            taken = ", ".join(way.name.lower() for way in market.caps.ways)
            raise ConfigError(
                f"groups.{group.name}: order_way: found {group.order_way}, "
                f"{market.name} takes orders by {taken}"
            )
    return wanted
