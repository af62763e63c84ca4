"""What a kill needs of an exchange: list, cancel, look; with keys of its own and nothing of the
registry, so that it works when nothing else of the desk does (NINE-MARKETS.md 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from oms.venues.data import OrderMarket
from oms.venues.reports import Ask, Item, Judgement, OrderView, Outgoing, Stamp
from shm_layout.enums import OrderSpace


class KillSide(Protocol):
    """One account domain of an exchange, as the watchdog sees it. Symbols and amounts stay the text
    that the exchange wrote."""

    markets: Mapping[str, OrderMarket]

    def spaces(self, market: str) -> Sequence[OrderSpace]:
        """Lists of orders that have to be swept, each by itself."""
        ...

    def sweep(self, account: str, market: str, space: OrderSpace) -> Sequence[Ask]:
        """Cancels everything as far as that can be said without a list."""
        ...

    def look(self, account: str, market: str, space: OrderSpace) -> Sequence[Ask]:
        """Shows whether anything is open."""
        ...

    def cancel(
        self, account: str, market: str, space: OrderSpace, orders: Sequence[OrderView]
    ) -> Sequence[Ask]:
        """Cancels what the list of this market and space showed, in as few requests as the exchange
        allows; what one page does not show, the next look does."""
        ...

    def fence(self, account: str, market: str, client_id: str, stamp: Stamp) -> Outgoing | None:
        """A request that must be refused and spends the identifier of an order that may still
        arrive; None = this exchange knows no such thing."""
        ...

    def ask(self, ask: Ask, stamp: Stamp) -> Outgoing:
        """The request of one of these asks."""
        ...

    def read(
        self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[Sequence[OrderView], Sequence[Item]]:
        """(orders that the answer shows, items)."""
        ...

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """What an item proves."""
        ...
