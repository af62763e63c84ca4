"""Upbit's kill: cancel all of the pocket (300 a round), list, cancel by ids, look; a fence spends
the identifier of an order that may still arrive."""

from __future__ import annotations

from collections.abc import Mapping

from oms import ids
from oms.ports import Key
from oms.venues.data import Way
from oms.venues.reports import Ask, Outgoing, Stamp, Want
from oms.venues.shared.sweeping import Part, SweepingKill
from oms.venues.upbit import spec
from oms.venues.upbit.orders import UpbitOrders
from shm_layout.enums import OrderSpace

PARTS = {spec.NAME: {OrderSpace.BOOK: Part(cancels_all=True, at_once=spec.CANCEL_IDS_MAX)}}
"""One list shows waiting and reserved orders, so one space is all."""


class UpbitKill(SweepingKill):
    """See `KillSide`."""

    def __init__(self, keys: Mapping[str, Key], system_id: int) -> None:
        self._system_id = system_id
        super().__init__(UpbitOrders(keys, system_id), PARTS)

    def fence(self, account: str, market: str, client_id: str, stamp: Stamp) -> Outgoing | None:
        """An identifier of another desk is not touched."""
        order_id = ids.from_text(self._system_id, client_id)
        if not order_id:
            return None
        fence = Ask(Want.FENCE, account, market, client_order_id=order_id)
        return self._side.ask(fence, Way.REST, stamp)
