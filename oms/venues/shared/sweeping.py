"""The kill side of an exchange out of its order side: list, cancel, look, with keys of its own.

The same requests and the same reading, but nobody's instruments and orders: symbols and amounts
stay the exchange's text (`oms/venues/kill.py`). What an exchange can cancel without a list, how
many one request takes, and by which parts its lists are asked for, is given as data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from oms.venues.data import OrderMarket, Way
from oms.venues.orders import OrderSide
from oms.venues.reports import (
    Ask,
    Instrument,
    Item,
    Judgement,
    OrderView,
    Outgoing,
    Stamp,
    Want,
)
from shm_layout.enums import OrderSpace


@dataclass(slots=True)
class Nobody:
    """`Known` of one who knows no order and no instrument."""

    system_id: int = 0

    def instrument(self, market: str, symbol: str) -> Instrument | None:
        """None: amounts stay text."""
        return None

    def ask_of(self, request_id: int) -> Ask | None:
        """None: nobody asks on a socket."""
        return None

    def client_order_id(self, market: str, venue_order_id: str) -> int:
        """0: nobody's."""
        return 0


NOBODY = Nobody()


@dataclass(frozen=True, slots=True)
class Part:
    """How one list of one market is asked for and emptied."""

    each: tuple[Mapping[str, str | int], ...] = (MappingProxyType({}),)
    """`Ask.values` of the questions that together show all of it."""
    cancels_all: bool = False
    """A request empties it without a list, one for each of `each`."""
    at_once: int = 1
    """Orders that one cancel takes; 0 = all of a symbol that a list showed (`values` "symbol")."""


class SweepingKill:
    """A `KillSide` over an `OrderSide` that was made with keys of its own."""

    def __init__(self, side: OrderSide, parts: Mapping[str, Mapping[OrderSpace, Part]]) -> None:
        """`parts` by market and space."""
        self._side = side
        self._parts = parts
        self.markets: Mapping[str, OrderMarket] = side.markets

    def spaces(self, market: str) -> Sequence[OrderSpace]:
        """See `KillSide`."""
        return list(self._parts[market])

    def sweep(self, account: str, market: str, space: OrderSpace) -> Sequence[Ask]:
        """See `KillSide`; empty where only a list tells what to cancel."""
        part = self._parts[market][space]
        if not part.cancels_all:
            return []
        return [
            Ask(Want.CANCEL_ALL, account, market, space=space, values=values)
            for values in part.each
        ]

    def look(self, account: str, market: str, space: OrderSpace) -> Sequence[Ask]:
        """See `KillSide`."""
        return [
            Ask(Want.OPEN_ORDERS, account, market, space=space, values=values)
            for values in self._parts[market][space].each
        ]

    def cancel(
        self, account: str, market: str, space: OrderSpace, orders: Sequence[OrderView]
    ) -> Sequence[Ask]:
        """See `KillSide`."""
        at_once = self._parts[market][space].at_once
        if not at_once:
            return [
                Ask(Want.CANCEL_ALL, account, market, space=space, values={"symbol": symbol})
                for symbol in sorted({view.symbol for view in orders})
            ]
        return [
            Ask(Want.CANCEL, account, market, space=space, shown=tuple(orders[k : k + at_once]))
            for k in range(0, len(orders), at_once)
        ]

    def fence(self, account: str, market: str, client_id: str, stamp: Stamp) -> Outgoing | None:
        """No exchange that is killed this way knows such a request."""
        return None

    def ask(self, ask: Ask, stamp: Stamp) -> Outgoing:
        """By REST: it works when no connection of the desk does."""
        made = self._side.ask(ask, Way.REST, stamp)
        assert made is not None, f"{ask.want.name} goes by REST"
        return made

    def read(
        self, ask: Ask, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[Sequence[OrderView], Sequence[Item]]:
        """See `KillSide`. A list's further pages need not be read: what it shows is cancelled, and
        the next look shows the rest."""
        reply = self._side.read_http(ask, status, headers, body, NOBODY)
        return [row for row in reply.rows if isinstance(row, OrderView)], reply.items

    def judge(self, ask: Ask, item: Item) -> Judgement:
        """See `KillSide`."""
        return self._side.judge(ask, item)
