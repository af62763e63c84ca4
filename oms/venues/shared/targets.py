"""Which orders a request is about, however the ask names them."""

from __future__ import annotations

from typing import NamedTuple

from oms import ids
from oms.venues.reports import Ask
from oms.venues.shared.order_command import Command

NO_COMMAND = Command._make(0 for _ in Command._fields)._replace(venue_order_id=b"")
"""A command whose every field says nothing."""


class Target(NamedTuple):
    """One order: the exchange's id where it is known, else our id as the exchange knows it."""

    venue_id: str
    client_text: str
    symbol: str = ""


def targets(ask: Ask, system_id: int) -> list[Target]:
    """Orders of a CANCEL, ORDER, REPLACE or AMEND: those that a list showed, the commands', or the
    one that the ask names."""
    if ask.shown:
        return [Target(v.venue_order_id, v.client_text, v.symbol) for v in ask.shown]
    if ask.orders and not (ask.venue_order_id or ask.client_order_id):
        instruments = ask.instruments or (ask.instrument,) * len(ask.orders)
        return [
            Target(
                command.venue_order_id.rstrip(b"\0").decode("ascii", "replace"),
                _text(system_id, command.target_client_order_id or command.client_order_id),
                instrument.symbol if instrument else "",
            )
            for command, instrument in zip(ask.orders, instruments, strict=True)
        ]
    symbol = ask.instrument.symbol if ask.instrument else ""
    return [Target(ask.venue_order_id, _text(system_id, ask.client_order_id), symbol)]


def _text(system_id: int, order_id: int) -> str:
    return ids.to_text(system_id, order_id) if order_id else ""
