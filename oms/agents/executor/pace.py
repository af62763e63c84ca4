"""How often an executor reconciles its accounts: so that all of them together keep within half of
their part of every bucket that it takes; the other half is for queries of orders in doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oms.agents.rates.counts import Shares
from oms.units import NS_PER_S
from oms.venues.buckets import ACCOUNT, Sums
from shm_layout.enums import RateShare

EVERY_NS = 60 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Pace:
    """Of all accounts of a group."""

    every_ns: int
    """From one reconciliation of an account to its next."""
    thrifty: bool
    """A first one of all does not fit a minute of its part: histories in which nothing was ordered
    come later."""


def pace_of(one: Sums, accounts: int, shares_of: Callable[[str], Shares]) -> Pace:
    """`one`: what an account's takes; keys of other accounts are like its own."""
    every_ns, thrifty = EVERY_NS, False
    for (name, _), taken in one.items():
        shares = shares_of(name)
        part = shares.part[RateShare.RECONCILIATION]
        whole = taken if ACCOUNT in shares.bucket.keys else taken * accounts
        every_ns = max(every_ns, whole * shares.window_ns // max(part // 2, 1))
        thrifty = thrifty or whole * shares.window_ns > part * MINUTE_NS
    return Pace(every_ns, thrifty)
