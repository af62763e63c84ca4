"""What a sweep takes of an exchange's rate, said beforehand, from the exchange's data alone.

Every bucket and key that it is charged to counts, each brought to a minute; the tightest decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oms.agents.rates.ledger import Ledger
from oms.config import GroupConfig
from oms.venues.buckets import MINUTE_MS, Sums, summed
from oms.venues.kill import KillSide
from oms.venues.reports import Ask
from shm_layout.enums import RateShare

PROOF_S = 30
"""What a proof may take where the exchange answers and its rate is no matter."""
MINUTE_S = 60


def charges_of(side: KillSide, group: GroupConfig) -> tuple[Sums, Sums]:
    """What one look at every account of the group takes, and what cancelling blindly at all."""
    look: list[Ask] = []
    blindly: list[Ask] = []
    for account in group.accounts:
        for market in group.venues:
            for space in side.spaces(market):
                look += side.look(account.name, market, space)
                blindly += side.sweep(account.name, market, space)
    return _sums(side, look), _sums(side, blindly)


def _sums(side: KillSide, asks: Iterable[Ask]) -> Sums:
    return summed(charge for ask in asks for charge in side.charges(ask))


@dataclass(frozen=True, slots=True)
class Load:
    """What a sweep takes of one count, and what it may take of it in a minute."""

    look: int
    blindly: int
    sure: int
    """The kill's own part."""
    whole: int
    """All that the exchange lets a key do, where nobody else does anything."""


def loads_of(ledger: Ledger, look: Sums, blindly: Sums) -> list[Load]:
    """Of each bucket and key; one that takes nothing where none does."""
    made = []
    for name, key in {**look, **blindly}:
        shares = ledger.shares_of(name)
        sure, whole = (
            of_window * MINUTE_MS // shares.bucket.window_ms
            for of_window in (shares.part[RateShare.KILL], shares.seizable)
        )
        made.append(Load(look[name, key], blindly[name, key], sure, whole))
    return made or [Load(0, 0, 1, 1)]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the accounts of one address are swept, and what that takes of its rate."""

    blind: bool
    """Cancel-all of every symbol of the config at once, before any answer."""
    early: bool
    """Look as soon as that is answered, not only when the look can be the proof."""
    often: bool
    """Look every second until then."""
    weight: int
    """Of the whole sweep, where nothing is open beside the symbols of the config; of the count that
    takes longest."""
    weight_per_minute: int
    within_s: int
    """What it takes at most, where the exchange answers: in the worst case the present minute is
    used up by others."""
    idle_every_s: int
    """From one look to the next while only time or a person can say more."""

    @classmethod
    def of(cls, loads: Iterable[Load], gap_s: int, *, cancels: bool) -> Plan:
        """`gap_s`: from the sweep's begin to the last moment at which a request may arrive."""
        found = list(loads)
        idle_s = max(-(-one.look * MINUTE_S * 2 // max(one.sure, 1)) for one in found)
        if not cancels:
            within_s, _, weight, rate = max(
                (_within_s(one.look, one.sure, one.sure), k, one.look, one.sure)
                for k, one in enumerate(found)
            )  # fmt: skip
            return cls(
                blind=False, early=True, often=False, weight=weight, weight_per_minute=rate,
                within_s=within_s, idle_every_s=max(idle_s, 1),
            )  # fmt: skip
        blind = all(one.blindly <= one.whole // 2 for one in found)
        early = not blind or all(one.blindly + 2 * one.look <= one.sure for one in found)
        often = blind and all(one.blindly + (gap_s + 2) * one.look <= one.sure for one in found)
        looks = gap_s + 2 if often else 1 + early
        taken = [blind * one.blindly + looks * one.look for one in found]
        within_s, _, weight, rate = max(
            (_within_s(n, one.sure, one.whole), n * 1_000 // max(one.whole, 1), n, one.whole)
            for n, one in zip(taken, found, strict=True)
        )
        return cls(blind, early, often, weight, rate, within_s + gap_s, max(idle_s, 1))


def _within_s(weight: int, sure: int, whole: int) -> int:
    minutes = 0 if weight <= sure else -(-weight // max(whole, 1))
    return PROOF_S + MINUTE_S * minutes
