"""A venue's facts as data: hosts, limits, what it can and cannot do, fees.

What an exchange does differently from another stands here as a value that our code reads, not as a
branch on its name. Each exchange's `spec.py` makes these; its QUIRKS.md names the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from shm_layout.enums import (
    InstrumentKind,
    MarketStatus,
    OrderSpace,
    OrderType,
    SelfTrade,
    TimeInForce,
)


class Role(IntEnum):
    """What a host or a connection is for."""

    REST = 1
    MARKET = 2
    """Public streams."""
    EVENTS = 3
    """What happens to our accounts."""
    ORDERS = 4
    """Requests: orders, cancels."""
    BOTH = 5
    """Requests and events on one connection."""


class Way(IntEnum):
    """By which a request leaves."""

    SOCKET = 1
    REST = 2


class Proof(IntEnum):
    """What a successful answer to a request proves."""

    RECEIVED = 1
    """It was received; what becomes of it comes later, or has to be asked for."""
    ACCEPTED = 2
    """The engine took it."""
    STATE = 3
    """The answer shows the order as it stands."""


class Absent(IntEnum):
    """What proves that an order without an answer will never be there (NINE-MARKETS.md 4)."""

    AFTER_LIFETIME = 1
    """Not found once its request had died, by the exchange's own time window."""
    BY_FENCE = 2
    """Its identifier was spent by a request that had to be refused, and it was not found then."""
    NEVER = 3
    """Nothing does: the order stays UNKNOWN with its reserve, and a person decides."""


class AmendWay(IntEnum):
    """What the exchange can do to an order that rests."""

    NONE = 1
    IN_PLACE = 2
    """Under the same id."""
    NEW_ID = 3
    """Cancel and new in one request, under a new id."""


class FeeWay(IntEnum):
    """How a fee is told."""

    PER_FILL = 1
    RUNNING = 2
    """As the order's sum so far: the fold books the difference."""


class BookWay(IntEnum):
    """How a book is told."""

    SNAPSHOT_ASKED = 1
    """Changes on the stream, and a snapshot by request that they are chained to."""
    SNAPSHOT_STREAMED = 2
    """The stream begins with its snapshot."""
    WHOLE_EACH = 3
    """Every message is a whole book: no chain that could break."""


class DeadMan(IntEnum):
    """What the exchange does by itself when we fall silent."""

    NONE = 1
    COUNTDOWN = 2
    """Cancels when a timer that we set again and again runs out."""
    DISCONNECT = 3
    """Cancels when a connection of ours is gone."""


BUCKET_KEYS = frozenset(
    {"egress", "account", "instrument", "currency", "endpoint", "tag", "connection", "market"}
)
"""What a bucket may be counted by."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One count of an exchange: `limit` in any `window_ms`, apart for each value of its `keys`."""

    name: str
    keys: tuple[str, ...]
    limit: int
    window_ms: int
    users: Mapping[str, int] = field(default_factory=dict)
    """Who spends it, with his part in percent: "orders", "cancels", "kill", "snapshots",
    "reconciliation", "connections". Empty: as the config's [shares] say."""
    slides: bool = True
    """We count in any window; False: in fixed ones, which the exchange aligns to its clock."""
    gives_back: bool = False
    """The exchange takes some off its count again (orders that were filled), so that its word also
    holds where it is less than ours. Of a bucket in fixed windows that has one user."""

    def __post_init__(self) -> None:
        assert self.keys, f"{self.name}: a bucket is counted by something"
        assert set(self.keys) <= BUCKET_KEYS, f"{self.name}: {self.keys}"
        assert self.limit > 0, f"{self.name}: limit {self.limit}"
        assert self.window_ms > 0, f"{self.name}: window {self.window_ms}"
        assert not self.gives_back or (len(self.users) == 1 and not self.slides), self.name
        assert sum(self.users.values()) <= 100, f"{self.name}: its users have more than all of it"


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request takes from one bucket. A request's charges are taken all, or none."""

    bucket: str
    key: tuple[str, ...]
    """Values of the bucket's keys, in their order; "" where the host fills it in (egress,
    connection)."""
    count: int = 1


@dataclass(frozen=True, slots=True)
class DeadManSwitch:
    """An exchange's own dead-man switch."""

    way: DeadMan = DeadMan.NONE
    by: str = ""
    """What one setting covers: "symbol", "account" or "tag"; of DISCONNECT, whose socket counts."""
    least_ms: int = 0
    most_ms: int = 0
    on_request: bool = False
    """The exchange has to enable it first."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the order side of one market can do. A lack is asserted in conformance, too."""

    absent: Absent
    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    spaces: tuple[OrderSpace, ...] = (OrderSpace.BOOK,)
    self_trade: frozenset[SelfTrade] = frozenset()
    amount_orders: frozenset[str] = frozenset()
    """Sides ("buy", "sell") whose MARKET or BEST order may be given by quote amount."""
    quantity_markets: frozenset[str] = frozenset({"buy", "sell"})
    """Sides whose MARKET or BEST order may be given by base quantity."""
    worst_price: bool = False
    """A MARKET order may have a price: the worst that it takes."""
    no_such_time: frozenset[tuple[OrderType, TimeInForce]] = frozenset()
    """Pairs that the market does not know though it knows each of the two."""
    amend: AmendWay = AmendWay.NONE
    query_by: frozenset[str] = frozenset({"client", "venue"})
    fee: FeeWay = FeeWay.PER_FILL
    place_proves: Proof = Proof.ACCEPTED
    cancel_proves: Proof = Proof.STATE
    ways: tuple[Way, ...] = (Way.SOCKET, Way.REST)
    """By which ways it takes orders and cancels, the preferred one first."""
    batch_max: int = 1
    cancel_batch_max: int = 1
    resend: str = "never"
    """`same_id`, `new_id_linked` or `never`: what may follow proof of absence."""
    settle_ms: int = 0
    """Received, and no state after so long: ask."""
    visible_ms: int = 0
    """What is there may be missing from lists for so long."""
    forgets_unfilled_ms: int = 0
    """An order that ended without a fill can no longer be asked for after this; 0 = never told."""
    client_id_chars: int = 36
    client_id_case: str = "mixed"
    """"lower" where the exchange takes lower case and digits alone."""
    dead_man: DeadManSwitch = DeadManSwitch()
    request_lifetime: bool = True
    """Requests carry a time after which the exchange refuses them."""
    timestamp_ahead_ms: int = 0
    """A request may be dated so far after the exchange's clock, and lives longer by as much."""
    open_list_max: int = 0
    """Orders that one page of the list of open orders shows; 0 = all."""
    links: tuple[Role, ...] = (Role.BOTH,)
    """Private connections that one account needs, by what each is for."""
    link_age_ms: int = 0
    """The exchange ends a private connection at this age; 0 = not documented."""
    dated: bool = True
    """Requests carry our time, and are refused where it is too far off."""
    ladder: bool = False
    """A tick depends on its price."""
    statuses: frozenset[MarketStatus] = frozenset({MarketStatus.TRADING})
    """What the listing says of an instrument."""

    def knows(self, kind: OrderType, time: TimeInForce) -> bool:
        """Whether the market takes orders of this type with this time in force."""
        known = kind in self.order_types and time in self.times_in_force
        return known and (kind, time) not in self.no_such_time


def statuses_of(words: Mapping[Any, str]) -> frozenset[MarketStatus]:
    """What a listing can say, out of its table: the exchange's word -> name of a MarketStatus."""
    return frozenset(MarketStatus[name] for name in words.values())


_SETTLES = 5
"""Where a gateway says "received" before the engine accepts: so many times `settle_ms`."""


def lifetime_ms(caps: Capabilities, window_ms: int, clock_ms: int) -> int | None:
    """How long after it was signed a request may still become an order, the time until it is shown
    included; None = for ever. `window_ms`: what requests say; `clock_ms`: what clocks may differ.
    """
    if caps.absent is not Absent.AFTER_LIFETIME:
        return None
    settle_ms = caps.settle_ms * (_SETTLES if caps.place_proves is Proof.RECEIVED else 1)
    return window_ms + caps.timestamp_ahead_ms + clock_ms + settle_ms + caps.visible_ms


@dataclass(frozen=True, slots=True)
class Fees:
    """Fees of one market as documented; an account's own are read at run time."""

    maker_e6: int
    """Millionths of the amount."""
    taker_e6: int
    charged_in: str
    """"got": in what was got; "quote": in the quote currency on both sides."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Addresses by role; of one network."""

    by_role: Mapping[Role, str]

    def of(self, role: Role) -> str:
        """The address of a role; BOTH serves what EVENTS and ORDERS ask for where it is given."""
        found = self.by_role.get(role)
        if found is None and role in {Role.EVENTS, Role.ORDERS}:
            found = self.by_role.get(Role.BOTH)
        assert found is not None, f"no host for {role.name}"
        return found


@dataclass(frozen=True, slots=True)
class OrderMarket:
    """One market of an exchange, for trading on it."""

    name: str
    """As in the config: "upbit.spot"."""
    caps: Capabilities
    fees: Fees
    hosts: Mapping[str, Hosts]
    """By network: mainnet, testnet."""
    buckets: tuple[Bucket, ...]
    key_kinds: tuple[str, ...] = ("hmac",)
    """Kinds of keys that it signs with."""
    kind: InstrumentKind = InstrumentKind.SPOT
    book: BookWay = BookWay.SNAPSHOT_ASKED
