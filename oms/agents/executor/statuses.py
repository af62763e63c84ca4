"""What an order's state, as an exchange shows it, says to risk."""

from __future__ import annotations

from oms.venues.reports import OrderView, Report
from shm_layout.enums import ExecKind
from shm_layout.records import UNDEF


def status_report(order: OrderView, open_kind: ExecKind) -> Report | None:
    """`open_kind` (ACK, FOUND_OPEN, EXTERNAL_OPEN) while it is open; None for what is filled: its
    fills say it, unless it was ordered by quote amount.
    """
    kind = open_kind if order.kind is ExecKind.FOUND_OPEN else order.kind
    if kind is ExecKind.FOUND_FILLED and not order.by_amount:
        return None
    external = kind is ExecKind.EXTERNAL_OPEN
    return Report(
        kind,
        order.client_order_id,
        order.instrument,
        order.side,
        reason=order.reason,
        px=order.px if external else UNDEF,
        qty=order.qty if external else 0,
        cum_qty=order.executed_qty,
        total_qty=order.qty if kind is ExecKind.REDUCED else UNDEF,
        ts_event_ns=order.ts_event_ns,
        venue_order_id=order.venue_order_id,
        second_id=order.second_id,
        space=order.space,
    )


def archived_report() -> Report:
    """The order ended without a fill, so long ago that the venue put it away."""
    return Report(ExecKind.CANCELED, cum_qty=0, text="archived: ended without a fill")
