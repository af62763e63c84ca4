"""Reconciliation out of lists of orders, where an exchange has no history of fills: what is open,
what ended, and each order of ours by itself, whose answer holds its fills."""

from __future__ import annotations

from collections.abc import Sequence

from oms.venues.reports import Ask, OrderView, Reply, Run, Want
from shm_layout.enums import OrderSpace

OVERLAP_MS = 1_000
"""Windows overlap by so much: whether an edge belongs to one is not documented, and the times that
orders are listed by are whole seconds."""


def window(ask: Ask, span_ms: int) -> tuple[int, int]:
    """(since, until) of the newest part of what an ENDED_ORDERS ask wants: at most `span_ms`."""
    until = ask.until_ms or ask.since_ms + span_ms
    return max(ask.since_ms, until - span_ms), until


def next_until(since_ms: int, until_ms: int) -> int:
    """Where the window before one ends: behind its beginning, and yet earlier than it ended."""
    return min(since_ms + OVERLAP_MS, until_ms - 1)


def with_fills(ask: Ask, reply: Reply) -> list[Ask]:
    """Questions for the orders of ours in a list whose fills it does not show."""
    return [
        Ask(Want.ORDER, ask.account, ask.market, row.instrument,
            client_order_id=row.client_order_id, venue_order_id=row.venue_order_id)
        for row in reply.rows
        if isinstance(row, OrderView) and row.client_order_id and row.executed_qty
    ]  # fmt: skip


def stages(
    run: Run, market: str, spaces: Sequence[OrderSpace], span_ms: int
) -> Sequence[Sequence[Ask]]:
    """What is open, then what ended since (`with_fills` follows), then each live order by itself,
    because neither list is complete at every moment, then the balances."""
    if market not in run.markets:
        return ()
    account = run.account
    since = run.since_ms or run.now_ms - span_ms
    ended = Ask(Want.ENDED_ORDERS, account, market, since_ms=since, until_ms=run.now_ms)
    each = [
        Ask(Want.ORDER, account, market, instrument,
            client_order_id=client_order_id, venue_order_id=venue_order_id)
        for instrument, client_order_id, venue_order_id in run.live
    ]  # fmt: skip
    opened = [Ask(Want.OPEN_ORDERS, account, market, space=space) for space in spaces]
    lists = [opened, [ended], *([each] if each else [])]
    return [*lists, [Ask(Want.BALANCES, account, market)]]
