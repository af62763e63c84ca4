"""One sequencer over engines that each match a share of the symbols.

The sequencer takes every command in one order, gives out order and list ids, and owns the
accounts: its engines share one set of balances, so a reserve taken in one book is seen by all.
Symbol `n` belongs to engine `n % shards`. Commands run in the order in which they came, each in
its engine, and so the events are the same with one engine or with many (a test says so). What is
not shared is counted per symbol anyway: open orders, fees of a tier, books.

Balances are judged when a command runs, so engines of one sequencer take turns and do not run at
the same time; what shards is the memory and the books. To run them side by side, funds would have
to be reserved before and settled after matching, which changes who is refused when a fill's
proceeds pay for the next command of the same batch.

Orders are addressed by id here: a slot is one engine's own affair, and events give none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Engine
from oms.exchange.engine.terms import Capacity, EngineSymbol, Terms

_NAMES = lay.EVENT.names or ()
_KIND, _SYMBOL, _ORDER_ID = (_NAMES.index(name) for name in ("kind", "symbol", "order_id"))
_SLOT, _MAKER_SLOT = _NAMES.index("slot"), _NAMES.index("maker_slot")
_IDS = (lay.C_NEXT_ORDER_ID, lay.C_NEXT_LIST_ID)


class Sequencer:
    """See the module's text. Calls run at once and return the events of their command."""

    def __init__(
        self, symbols: Sequence[EngineSymbol], capacity: Capacity, shards: int, **how: Any
    ) -> None:
        """`capacity` is each engine's; `how` as in `Engine`."""
        assert 0 < shards <= len(symbols)
        self.engines: list[Engine] = []
        for shard in range(shards):
            purse = self.engines[0] if self.engines else None
            own = tuple(symbols[shard::shards])
            self.engines.append(Engine(own, capacity, purse=purse, **how))
        self._slots: dict[int, int] = {}
        self._now_ns = 0

    def at(self, now_ns: int) -> None:
        """The time of the commands that follow."""
        self._now_ns = now_ns

    def new(self, terms: Terms) -> list[tuple[Any, ...]]:
        """A new order."""
        engine = self._turn(terms.symbol)
        engine.push_order(self._local(terms))
        return self._run(terms.symbol)

    def cancel(
        self, symbol: int, account: int, order_id: int, restriction: int = lay.RESTRICT_NONE
    ) -> list[tuple[Any, ...]]:
        """Cancel an order, or the list that it is in."""
        slot = self._slots.get(order_id, lay.NONE)
        self._turn(symbol).push_cancel(
            symbol // len(self.engines), account, slot, order_id, 0, restriction=restriction
        )
        return self._run(symbol)

    def amend(self, symbol: int, account: int, order_id: int, qty: int) -> list[tuple[Any, ...]]:
        """Quantity down in place."""
        slot = self._slots.get(order_id, lay.NONE)
        self._turn(symbol).push_amend(symbol // len(self.engines), account, slot, order_id, qty, 0)
        return self._run(symbol)

    def replace(
        self, order_id: int, terms: Terms, mode: int, restriction: int = lay.RESTRICT_NONE
    ) -> list[tuple[Any, ...]]:
        """Cancel-replace; the old order is one of the same symbol."""
        slot = self._slots.get(order_id, lay.NONE)
        self._turn(terms.symbol).push_replace(
            slot, order_id, self._local(terms), mode=mode, restriction=restriction
        )
        return self._run(terms.symbol)

    def order_list(self, kind: int, legs: Sequence[Terms], tag: int) -> list[tuple[Any, ...]]:
        """OCO, OTO or OTOCO."""
        symbol = legs[0].symbol
        self._turn(symbol).push_list(kind, [self._local(leg) for leg in legs], tag)
        return self._run(symbol)

    @property
    def purse(self) -> Engine:
        """The engine through which accounts are administered: deposits, own fees, groups."""
        return self.engines[0]

    def engine_of(self, symbol: int) -> tuple[Engine, int]:
        """(engine, its row for this symbol): books, tier fees and market states."""
        shards = len(self.engines)
        return self.engines[symbol % shards], symbol // shards

    def _local(self, terms: Terms) -> Terms:
        return terms._replace(symbol=terms.symbol // len(self.engines))

    def _turn(self, symbol: int) -> Engine:
        return self.engine_of(symbol)[0]

    def _run(self, symbol: int) -> list[tuple[Any, ...]]:
        """Run the engine's queue with the ids of all; its events in everybody's terms."""
        engine = self._turn(symbol)
        ids = [max(int(each.counters[k]) for each in self.engines) for k in _IDS]
        engine.counters[list(_IDS)] = ids
        return [self._global(event, symbol) for event in engine.run(self._now_ns)]

    def _global(self, event: tuple[Any, ...], symbol: int) -> tuple[Any, ...]:
        told = list(event)
        accepted = told[_KIND] == lay.EV_ACCEPTED
        if accepted and told[_SLOT] != lay.NONE:
            self._slots[told[_ORDER_ID]] = told[_SLOT]
        elif told[_KIND] in (lay.EV_CANCELED, lay.EV_EXPIRED, lay.EV_FILLED):
            self._slots.pop(told[_ORDER_ID], None)
        told[_SYMBOL] = symbol
        told[_SLOT] = lay.NONE
        if not accepted:
            told[_MAKER_SLOT] = lay.NONE
        return tuple(told)
