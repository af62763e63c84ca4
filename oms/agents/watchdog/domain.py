"""What the accounts of one account domain share in a sweep, and what may be said of them when.

The word on an account rests on three things. Its sender has said, or shown by its end, that nothing
new leaves it. Each order that risk doubts is excluded by its exchange's rule: AFTER_LIFETIME, once
it is too old (`valid_until_ns` and the lifetime of a request have passed); BY_FENCE, once its
identifier was spent; NEVER by nothing. And what a predecessor of the sender, or the sender itself
before its end, may have sent is too old, or among those orders.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from oms.agents.rates.counts import Count
from oms.agents.rates.ledger import Ledger
from oms.agents.watchdog.doubt import Doubt, Doubts, Said, Sender
from oms.agents.watchdog.plan import Plan
from oms.config import GroupConfig
from oms.ports import NEVER
from oms.units import NS_PER_MS
from oms.venues.data import Absent, lifetime_ms
from oms.venues.kill import KillSide
from shm_layout.enums import KillWord

REFRESH_NS = 20_000_000
"""How often senders and risk's table are read while a sweep is at work."""


def lifetimes_ns(group: GroupConfig, side: KillSide) -> dict[str, int | None]:
    """By market: how long after it was signed a request may become an order; None = for ever."""
    found = {}
    for name, market in side.markets.items():
        ms = lifetime_ms(market.caps, group.recv_window_ms, group.clock_warn_ms)
        found[name] = None if ms is None else ms * NS_PER_MS
    return found


@dataclass(slots=True, eq=False)
class Domain:
    """See the module's text. `sender` None: a sweep that is no kill; time alone counts."""

    group: GroupConfig
    index: int
    side: KillSide
    ledger: Ledger
    plan: Plan
    sender: Sender | None
    doubts: Doubts | None
    began_ns: int
    pause_until_ns: int = 0
    """The exchange wants silence of this address until then."""
    pauses: dict[Count, int] = field(default_factory=dict)
    """The same of what a request was charged to."""
    shift_ms: int = 0
    """The exchange's clock less ours, once it had to be asked for."""
    said: Said | None = None
    doubted: list[tuple[Doubt, int]] = field(default_factory=list)
    """Each order that could still arrive, and from when on it no longer can; NEVER = for ever."""
    fenced: dict[int, int] = field(default_factory=dict)
    """Our id -> when the exchange had answered the request that spends it."""
    _floor_ns: int = NEVER
    _due_ns: int = 0
    _lives: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lives = lifetimes_ns(self.group, self.side)

    @property
    def lifetime_ns(self) -> int:
        """The longest of its markets, of those where a request dies by itself."""
        return max((ns for ns in self._lives.values() if ns is not None), default=0)

    @property
    def spoken(self) -> bool:
        """Nothing new leaves the sender."""
        return self.sender is None or self.said is not None

    def refresh(self, now_ns: int) -> bool:
        """Read what is said and doubted, where that is due; True = it is not what it was."""
        if now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + REFRESH_NS
        before = self.said, self.doubted, self._floor_ns
        # The sender first: what it had sent by then stands in risk's table.
        self.said = None if self.sender is None else self.sender.said(now_ns)
        found = () if self.doubts is None else self.doubts.of_group(self.index)
        self.doubted = [(doubt, self._clear_ns(doubt)) for doubt in found]
        self._floor_ns = self._floor()
        return before != (self.said, self.doubted, self._floor_ns)

    def _clear_ns(self, doubt: Doubt) -> int:
        market = self.side.markets.get(doubt.market)
        life_ns = self._lives.get(doubt.market)
        if life_ns is not None:
            return doubt.valid_until_ns + life_ns
        spent_ns = self.fenced.get(doubt.client_order_id)
        if market is None or spent_ns is None:
            return NEVER
        return spent_ns + (market.caps.settle_ms + market.caps.visible_ms) * NS_PER_MS

    def _floor(self) -> int:
        """Before this, an order that is in nobody's list could arrive."""
        if self.sender is None:
            return self.began_ns + self.lifetime_ns
        if self.said is None:
            return NEVER
        undying = any(ns is None for ns in self._lives.values())
        if undying and (self.doubts is None or not self.doubts.complete()):
            return NEVER
        newest_ns = self.said.newest_ns if self.said.under_way else 0
        return max(self.said.quiet_ns, newest_ns) + self.lifetime_ns if self.lifetime_ns else 0

    def clear_ns(self, account: str) -> int:
        """From when on nothing of ours can become an order of this account; NEVER = not known."""
        if not self.spoken:
            return NEVER
        of_account = [ns for doubt, ns in self.doubted if doubt.account in (account, "")]
        if self.sender is None:
            return self._floor_ns
        return max(self._floor_ns, *of_account) if of_account else self._floor_ns

    def word_at(self, account: str, now_ns: int) -> KillWord:
        """What two looks that show nothing, the first of them now, would prove."""
        if not self.spoken:
            return KillWord.OPEN
        return KillWord.PROVED if now_ns >= self.clear_ns(account) else KillWord.EMPTY

    def refresh_due_ns(self, now_ns: int) -> int:
        """When what is said may have changed: soon while a sender is silent, else seldom."""
        return max(self._due_ns, now_ns + (REFRESH_NS if self.said is None else 5 * REFRESH_NS))

    def shown(self, now_ns: int) -> dict[str, Any]:
        """What it waits for, for a person."""
        said = self.said
        absent = sorted({market.caps.absent.name for market in self.side.markets.values()})
        return {
            "group": self.group.name,
            "sender": f"executor.{self.group.name}",
            "spoken": said is not None,
            "dead": said is not None and said.dead,
            "under_way": 0 if said is None else said.under_way,
            "absent": absent,
            "lifetime_ms": self.lifetime_ns // NS_PER_MS,
            "wait_ms": None if self._floor_ns == NEVER
            else max(self._floor_ns - now_ns, 0) // NS_PER_MS,
            "orders_known": self.doubts is not None and self.doubts.complete(),
        }  # fmt: skip

    def visible_ns(self, market: str) -> int:
        """What is there may be missing from a list for so long."""
        return self.side.markets[market].caps.visible_ms * NS_PER_MS

    def to_fence(self) -> list[Doubt]:
        """Orders whose identifiers are to be spent."""
        if not self.spoken or self.sender is None:
            return []
        return [
            doubt for doubt, _ in self.doubted
            if doubt.client_order_id not in self.fenced
            and (market := self.side.markets.get(doubt.market)) is not None
            and market.caps.absent is Absent.BY_FENCE
        ]  # fmt: skip
