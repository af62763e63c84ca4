"""What a kill needs of an exchange: cancel, look, list, fence; with keys of its own and nothing of
the registry, so that it works when nothing else of the desk does (NINE-MARKETS.md 4).

A `KillSide` is made for one account domain, from its config alone (`oms/venues/registry.py`).
Symbols and amounts stay the text that the exchange wrote. It keeps no state beside the keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from oms.ports import Key
from oms.venues.data import Charge, OrderMarket
from oms.venues.reports import Ask, Item, Judgement, Outgoing, Reply, Stamp
from shm_layout.enums import OrderSpace


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that the exchange lists, or has cancelled; amounts as it writes them."""

    symbol: str
    venue_order_id: str
    client_text: str
    side: str
    qty: str
    executed_qty: str
    px: str


class KillSide(Protocol):
    """One account domain of an exchange, as the watchdog sees it."""

    markets: Mapping[str, OrderMarket]
    """By the names of the config; what they say of absence, limits and hosts is data."""

    def add(self, account: str, key: Key) -> None:
        """An account that is swept with this key."""
        ...

    def spaces(self, market: str) -> Sequence[OrderSpace]:
        """Lists of orders that have to be swept, each by itself."""
        ...

    def sweep(self, account: str, market: str, space: OrderSpace) -> Sequence[Ask]:
        """Cancels everything as far as that can be said without a list."""
        ...

    def look(self, account: str, market: str, space: OrderSpace) -> Sequence[Ask]:
        """Shows whether anything is open, as cheaply as the exchange permits."""
        ...

    def follow(self, ask: Ask, reply: Reply) -> Sequence[Ask]:
        """What a look has to ask next: the list, where something seems to be open; its next page.
        A look has shown nothing when its last replies are complete and hold no OpenOrder."""
        ...

    def cancel(
        self, account: str, market: str, space: OrderSpace, orders: Sequence[OpenOrder],
        *, singly: bool,
    ) -> Sequence[Ask]:  # fmt: skip
        """Cancels what a list showed, in as few requests as the exchange allows; `singly`: each by
        its own request, where the exchange refused the former."""
        ...

    def fence(self, account: str, market: str, symbol: str, client_text: str) -> Sequence[Ask]:
        """A request that must be refused and spends the identifier of an order that may still
        arrive; none where the exchange knows no such thing."""
        ...

    def charges(self, ask: Ask) -> Sequence[Charge]:
        """What the request takes of the exchange's buckets, before it is made."""
        ...

    def ask(self, ask: Ask, stamp: Stamp) -> Outgoing:
        """The request of one of these asks, or of a CLOCK: always one of REST."""
        ...

    def read(self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        """An answer; `rows` are OpenOrder: of a list what is open, of a cancel what it ended. One
        that cannot be read has an item of status 0 and changes nothing."""
        ...

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """What an item proves. DONE of a cancel includes that there was nothing to cancel."""
        ...
