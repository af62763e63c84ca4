"""What a sweep takes of an exchange's rate, said beforehand, from the exchange's data alone.

A ledger counts one bucket of the address in minutes. A group of several markets counts by the
narrowest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oms.agents.rates import Ledger
from oms.config import GroupConfig
from oms.venues.buckets import per_minute, shared_bucket
from oms.venues.data import Charge, OrderMarket
from oms.venues.kill import KillSide
from oms.venues.trade_base import VenueLimits
from shm_layout.enums import RateShare

PROOF_S = 30
"""What a proof may take where the exchange answers and its rate is no matter."""
MINUTE_S = 60
CONNECTIONS = "connections"


def kill_limits(markets: Iterable[OrderMarket]) -> VenueLimits:
    """Limits of a minute for the ledger of a kill."""
    found = list(markets)
    shared = [shared_bucket(market) for market in found]
    connections = [b.limit for m in found for b in m.buckets if b.name == CONNECTIONS]
    weight = min(per_minute(bucket) for bucket in shared)
    return VenueLimits(weight, 0, 0, min(connections, default=0))


def weight_of(side: KillSide, market: str, charges: Sequence[Charge]) -> int:
    """Of one request, in the bucket that the ledger counts."""
    name = shared_bucket(side.markets[market]).name
    return sum(charge.count for charge in charges if charge.bucket == name)


def weights_of(side: KillSide, group: GroupConfig) -> tuple[int, int]:
    """Weight of one look at every account of the group, and of cancelling blindly at all."""
    look = blindly = 0
    for account in group.accounts:
        for market in group.venues:
            for space in side.spaces(market):
                looks = side.look(account.name, market, space)
                sweeps = side.sweep(account.name, market, space)
                look += sum(weight_of(side, market, side.charges(ask)) for ask in looks)
                blindly += sum(weight_of(side, market, side.charges(ask)) for ask in sweeps)
    return look, blindly


@dataclass(frozen=True, slots=True)
class Plan:
    """How the accounts of one address are swept, and what that takes of its request weight."""

    blind: bool
    """Cancel-all of every symbol of the config at once, before any answer."""
    early: bool
    """Look as soon as that is answered, not only when the look can be the proof."""
    often: bool
    """Look every second until then."""
    weight: int
    """Of the whole sweep, where nothing is open beside the symbols of the config."""
    weight_per_minute: int
    within_s: int
    """What it takes at most, where the exchange answers: in the worst case the present minute is
    used up by others."""
    idle_every_s: int
    """From one look to the next while only time or a person can say more."""

    @classmethod
    def of(cls, ledger: Ledger, look: int, blindly: int, gap_s: int, *, cancels: bool) -> Plan:
        """`look`, `blindly`: weight of one look, of blind cancels, at every account; `gap_s`: from
        the sweep's begin to the last moment at which a request may still arrive."""
        sure, whole = ledger.share_of(RateShare.KILL), ledger.seizable
        idle_s = -(-look * MINUTE_S * 2 // max(sure, 1))
        if not cancels:
            return cls(
                blind=False, early=True, often=False, weight=look, weight_per_minute=sure,
                within_s=_within_s(look, sure, sure), idle_every_s=max(idle_s, 1),
            )  # fmt: skip
        blind = blindly <= whole // 2
        early = not blind or blindly + 2 * look <= sure
        often = blind and blindly + (gap_s + 2) * look <= sure
        looks = gap_s + 2 if often else 1 + early
        weight = blind * blindly + looks * look
        return cls(blind, early, often, weight, whole, _within_s(weight, sure, whole) + gap_s,
                   max(idle_s, 1))  # fmt: skip


def _within_s(weight: int, sure: int, whole: int) -> int:
    minutes = 0 if weight <= sure else -(-weight // max(whole, 1))
    return PROOF_S + MINUTE_S * minutes
