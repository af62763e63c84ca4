"""USD-M's kill side: lists over all symbols, then everything of each symbol that they show.

allOpenOrders does not touch orders behind triggers: algoOpenOrders is for those.
"""

from __future__ import annotations

from collections.abc import Mapping

from oms.ports import Key
from oms.venues.binance.usdm import spec
from oms.venues.binance.usdm.orders import UsdmOrders
from oms.venues.shared.sweeping import Part, SweepingKill

PARTS = {spec.NAME: {space: Part(at_once=0) for space in spec.CAPS.spaces}}


def kill_side(keys: Mapping[str, Key]) -> SweepingKill:
    """Of one account domain, with keys of its own."""
    return SweepingKill(UsdmOrders(keys, 0), PARTS)
