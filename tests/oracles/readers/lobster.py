"""Oracle reader of folder `lobster`: message files drive our book, orderbook files judge it.

Row n of the orderbook file is the best ask and bid after message n. Messages of a level-1 file
touch the best prices only, so what stands behind is not known: when a best level empties, its side
is taken from the row and not judged. Quantity that was there before an order of it was seen stands
in the book as one anonymous order. Where every order of a level is known, the notes count how often
our engine lets another order trade than the message names (4 of 2,134 in the sample: of two orders
a few ids apart the later one traded, which price-time priority does not explain).
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Capacity, Engine, EngineSymbol
from tests.oracles.base import Outcome

FOLDER = "lobster"
NEW, REDUCE, DELETE, EXECUTE, HIDDEN, CROSS, HALT = range(1, 8)
_SILENT = (HIDDEN, CROSS, HALT)
_DUMMY_PX = 9_999_999_999
_ANONYMOUS = 0


def rows(path: Path) -> Iterator[list[str]]:
    """Lines of a CSV file, compressed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="ascii", newline="") as text:
        yield from csv.reader(text)


class Book:
    """One symbol of our engine, told by exchange order ids."""

    def __init__(self) -> None:
        size = Capacity(orders=1 << 15, levels_per_side=1 << 12, accounts=2, commands=16)
        self.engine = Engine((EngineSymbol(0, 1, 0, 0, 0, 0, 1),), size, check_funds=False)
        self.orders: dict[int, tuple[int, int, int, int]] = {}
        """Engine's order id -> (named id, slot, side, price)."""
        self.ids: dict[int, int] = {}
        """Named id -> engine's order id."""
        self.hit: list[int] = []
        """Named ids that the last execution met."""

    def _run(self) -> None:
        for event in self.engine.run():
            named = dict(zip(lay.EVENT.names or (), event, strict=True))
            if named["kind"] == lay.EV_ACCEPTED and named["slot"] >= 0:
                place = (named["tag"], named["slot"], named["side"], named["px"])
                self.orders[named["order_id"]] = place
                if named["tag"] != _ANONYMOUS:
                    self.ids[named["tag"]] = named["order_id"]
            elif named["kind"] == lay.EV_TRADE:
                self.hit.append(self.orders[named["maker_order_id"]][0])
                if named["maker_leaves"] == 0:
                    self._forget(named["maker_order_id"])
            elif named["kind"] == lay.EV_CANCELED:
                self._forget(named["order_id"])

    def _forget(self, order_id: int) -> None:
        self.ids.pop(self.orders.pop(order_id)[0], None)

    def best(self, side: int) -> tuple[int, int]:
        """(price, quantity); (0, 0) = none."""
        levels = self.engine.side(0, side, 1)
        return levels[0] if levels else (0, 0)

    def add(self, side: int, px: int, qty: int, name: int) -> None:
        self.engine.push_new(0, 0, side, lay.TYPE_LIMIT, lay.TIF_GTC, px, qty, 0, name)
        self._run()

    def clear(self, side: int) -> None:
        """Take every order off one side."""
        for order_id, (_, slot, own, _) in list(self.orders.items()):
            if own == side:
                self.engine.push_cancel(0, 0, slot, order_id, 0)
                self._run()

    def all_known(self, side: int, px: int) -> bool:
        return all(name for name, _, own, at in self.orders.values() if (own, at) == (side, px))

    def reduce(self, side: int, px: int, qty: int, name: int) -> None:
        """Take `qty` off an order, or off the anonymous one and then the oldest of the level."""
        named = self.ids.get(name)
        level = [k for k, place in self.orders.items() if place[2:] == (side, px)]
        level.sort(key=lambda order_id: (order_id != named, self.orders[order_id][0] != 0))
        for order_id in level:
            _, slot, _, _ = self.orders[order_id]
            leaves = int(self.engine.orders["leaves"][slot])
            whole = int(self.engine.orders["qty"][slot])
            if qty >= leaves:
                self.engine.push_cancel(0, 0, slot, order_id, 0)
            else:
                self.engine.push_amend(0, 0, slot, order_id, whole - qty, 0)
            self._run()
            qty -= min(qty, leaves)
            if qty == 0:
                return

    def execute(self, side: int, px: int, qty: int) -> None:
        """Somebody trades with the resting side `side`."""
        self.hit = []
        self.engine.push_new(0, 1, 1 - side, lay.TYPE_LIMIT, lay.TIF_IOC, px, qty, 0, 0)
        self._run()


class LobsterReader:
    """Message files beside their orderbook files."""

    folder = FOLDER
    patterns = (
        "*_message_*.csv",
        "*_message_*.csv.gz",
        "*_orderbook_*.csv",
        "*_orderbook_*.csv.gz",
    )

    def read(self, files: Sequence[Path]) -> Outcome:
        outcome = Outcome(
            notes={"sides not predictable": 0, "priority compared": 0, "priority differs": 0}
        )
        for path in (p for p in files if "_message_" in p.name):
            stem = path.name.replace("_message_", "_orderbook_").removesuffix(".gz")
            beside = [p for p in files if p.name.removesuffix(".gz") == stem]
            if beside:
                _judge(path, beside[0], outcome)
            else:
                outcome.items += 1
                outcome.skip(f"{path.name}: no orderbook file beside it")
        return outcome


def _side_of(row: list[str], side: int) -> tuple[int, int]:
    """(price, quantity) of the row's best bid or ask; (0, 0) = none."""
    px, qty = (int(v) for v in (row[2:4] if side == lay.SIDE_BUY else row[0:2]))
    return (0, 0) if abs(px) == _DUMMY_PX else (px, qty)


def _judge(messages: Path, books: Path, outcome: Outcome) -> None:
    book = Book()
    first = True
    for number, (message, row) in enumerate(zip(rows(messages), rows(books), strict=True)):
        outcome.items += 1
        kind, name, qty, px, direction = (int(v) for v in message[1:6])
        if not NEW <= kind <= HALT:
            outcome.skip(f"{messages.name}: message type {kind}")
            continue
        side = lay.SIDE_BUY if direction == 1 else lay.SIDE_SELL
        unknown = {0, 1} if first else _apply(book, kind, side, px, qty, name, outcome)
        first = False
        for each in sorted({0, 1} - unknown):
            found, expected = book.best(each), _side_of(row, each)
            if found == expected:
                continue
            where = f"{messages.name} row {number + 1} ({kind} {'bid' if each == 0 else 'ask'})"
            outcome.differ(f"{where}: our {found}, theirs {expected}")
            unknown.add(each)
            break
        else:
            outcome.agreed += len(unknown) < 2
        for each in unknown:
            _take_over(book, each, _side_of(row, each), outcome)


def _take_over(book: Book, side: int, best: tuple[int, int], outcome: Outcome) -> None:
    """A side as the row has it, of one anonymous order."""
    outcome.notes["sides not predictable"] += 1
    book.clear(side)
    if best[1]:
        book.add(side, *best, _ANONYMOUS)


def _apply(
    book: Book, kind: int, side: int, px: int, qty: int, name: int, outcome: Outcome
) -> set[int]:
    """Carry out one message; the sides whose best price cannot be known after it."""
    if kind in _SILENT:
        return set()
    if kind == NEW:
        opposite = book.best(1 - side)[0]
        crosses = opposite and (px >= opposite if side == lay.SIDE_BUY else px <= opposite)
        if crosses:
            return {0, 1}
        book.add(side, px, qty, name)
        return set()
    best_px, best_qty = book.best(side)
    if px == best_px and qty >= best_qty:
        return {side}
    if kind != EXECUTE:
        book.reduce(side, px, qty, name)
    elif px != best_px:
        return {side}
    else:
        known = book.all_known(side, px)
        book.execute(side, px, qty)
        if known:
            outcome.notes["priority compared"] += 1
            outcome.notes["priority differs"] += book.hit[0] != name
    return set()
