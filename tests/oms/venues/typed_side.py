"""What the suites of typed order sides share: instruments, commands, a `Known`, and a fuzz."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oms import ids
from oms.venues.reports import Ask, Instrument, MalformedMessageError, Stamp
from oms.venues.shared.order_command import Command, commands
from shm_layout.enums import InstrumentKind, OrderType, Side, TimeInForce
from shm_layout.records import ORDER_COMMAND, UNDEF

SYSTEM_ID = 5
ORDER_ID = 1 << 40 | 7
OTHER_ID = 1 << 40 | 8
TEXT = ids.to_text(SYSTEM_ID, ORDER_ID)
OTHER_TEXT = ids.to_text(SYSTEM_ID, OTHER_ID)
NOW_MS = 1_790_000_000_123
STAMP = Stamp(NOW_MS, 41)


def instrument(
    symbol: str, kind: InstrumentKind = InstrumentKind.LINEAR, **more: Any
) -> Instrument:
    """Prices in cents, quantities in thousandths, amounts in 10**-8."""
    words = {"base": "BTC", "quote": "USDT", "lot": 1} | more
    return Instrument(3, 4, symbol, symbol, 2, 3, 8, 1, kind, **words)


def command(**values: Any) -> Command:
    """A NEW limit buy of 0.012 at 61000.50, but for what is given."""
    base = {
        "client_order_id": ORDER_ID, "side": Side.BUY, "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC, "px": 6_100_050, "qty": 12, "quote_qty": UNDEF,
        "trigger_px": UNDEF, "activation_px": UNDEF, "display_qty": UNDEF,
    }  # fmt: skip
    row = np.zeros(1, ORDER_COMMAND)
    for name, value in (base | values).items():
        row[name] = value
    return commands(row)[0]


@dataclass
class Desk:
    """Instruments by (market, symbol), orders by the exchange's id."""

    instruments: dict[tuple[str, str], Instrument] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    system_id: int = SYSTEM_ID
    asks: dict[int, Ask] = field(default_factory=dict)

    def ask_of(self, request_id: int) -> Ask | None:
        return self.asks.get(request_id)

    def instrument(self, market: str, symbol: str) -> Instrument | None:
        return self.instruments.get((market, symbol))

    def client_order_id(self, market: str, venue_order_id: str) -> int:
        return self.orders.get(venue_order_id, 0)


def dumps(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


_ODD: tuple[Any, ...] = (
    None, True, -1, 10**30, "", "x", "-0", "1e999", "0x1", [], {}, [[]], "9" * 70, "\ud55c", 0.5,
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        children = value.items() if isinstance(value, dict) else enumerate(value)
        for name, child in list(children):
            yield from _places(child, (*path, name))


def _changed(message: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    copy = json.loads(json.dumps(message))
    at = copy
    for name in path[:-1]:
        at = at[name]
    if odd == "drop":
        del at[path[-1]]
    else:
        at[path[-1]] = odd
    return copy


def fuzz(message: Any, read: Callable[[bytes], Any], seed: int) -> int:
    """Read every message with one value replaced or dropped, and cut and flipped bytes of it. What
    is not read must be MalformedMessageError. Returns how many were refused."""
    chance = random.Random(seed)
    variants = [
        dumps(_changed(message, path, odd))
        for path in _places(message)
        for odd in (*_ODD, *(("drop",) if path else ()))
    ]
    plain = dumps(message)
    for _ in range(200):
        data = bytearray(plain)
        data[chance.randrange(len(data))] = chance.randrange(256)
        variants += [bytes(data), plain[: chance.randrange(len(plain))]]
    refused = 0
    for data in variants:
        try:
            read(data)
        except MalformedMessageError:
            refused += 1
    assert refused > 0, "a fuzz that nothing trips over reads nothing"
    return refused
