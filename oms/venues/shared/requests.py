"""Requests before they are signed, and what making them has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from oms.venues.data import Charge
from oms.venues.reports import Ask, Instrument
from oms.venues.shared.order_command import Command

Params = dict[str, Any]
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `params` is the query of a GET, the body of a POST."""

    method: str
    path: str
    params: Any
    charges: tuple[Charge, ...] = ()
    """Besides what each request of its way costs."""
    op: str = ""
    """Its name on the order socket; "" = not there."""
    signed: bool = True


def pairs(ask: Ask) -> list[tuple[Command, Instrument]]:
    """The commands of an ask with their instruments."""
    if ask.instruments:
        return list(zip(ask.orders, ask.instruments, strict=True))
    assert ask.instrument is not None or not ask.orders, "an order names its instrument"
    return [(command, ask.instrument) for command in ask.orders if ask.instrument is not None]


def venue_id(command: Command) -> str:
    """The exchange's id that a command names; a record pads it with zero bytes."""
    return command.venue_order_id.rstrip(b"\0").decode()


def query_text(params: Mapping[str, Any], safe: str = "") -> str:
    """`name=value&...` in the order given, percent-encoded: what is signed is what is sent."""
    kept = _UNRESERVED + safe
    return "&".join(f"{name}={quote(str(value), safe=kept)}" for name, value in params.items())


def windows(since_ms: int, until_ms: int, span_ms: int) -> Iterator[tuple[int, int]]:
    """Spans of at most `span_ms` that cover a time."""
    while since_ms < until_ms:
        end = min(since_ms + span_ms, until_ms)
        yield since_ms, end
        since_ms = end
