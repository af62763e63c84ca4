"""One list of orders of one account on its way to nothing open: rounds of cancel and look.

Cancel-all of every configured symbol at once, blindly; once that is answered, a look; where it
shows orders, cancels of what it names; and so on. Each look notes, when it is asked, what it would
prove (`Domain.word_at`); the word is what two looks without an order between them prove, the second
`visible_ms` behind the first. Where an exchange shows at once what is there, one look is both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from oms.agents.watchdog.domain import Domain
from oms.config import AccountConfig
from oms.ports import NEVER
from oms.units import NS_PER_S
from oms.venues.kill import OpenOrder
from oms.venues.reports import Ask, Judgement, Reply, Verdict, Want
from shm_layout.enums import KillWord, OrderSpace

AGAIN_FIRST_NS = 100_000_000
AGAIN_MAX_NS = 2_000_000_000
LOOK_EVERY_NS = 1_000_000_000
"""How often a desk of few accounts looks at an empty one until it is done: what still appears is
cancelled soon."""
LOOK_SPACING_NS = 50_000_000
"""From one look to the next while orders are open; doubled each time, up to LOOK_EVERY_NS: a look
may cost as much of the exchange's rate as 20 cancels, a list as 80."""


class Kind(IntEnum):
    """What a request is to a sweep, in the order in which they go."""

    CANCEL = 1
    ONE_BY_ONE = 2
    """A cancel of one order, where that of several was refused."""
    CLOCK = 3
    FENCE = 4
    LIST = 5
    """What a look asks next."""
    LOOK = 6


@dataclass(slots=True, eq=False)
class Round:
    """One look, of one or more requests."""

    proves: KillWord = KillWord.UNSET
    asked_ns: int = 0
    left: int = 0
    """Requests without an answer."""
    rows: list[OpenOrder] = field(default_factory=list)
    whole: bool = True
    """Each list that was shown was complete."""


@dataclass(slots=True, eq=False)
class Wish:
    """One request to make: at the earliest `due_ns`, or under way since `sent_ns`."""

    kind: Kind
    ask: Ask
    due_ns: int = 0
    sent_ns: int = 0
    tries: int = 0
    mark: int = 0
    """The ledger's total when it went."""
    round: Round | None = None


@dataclass(slots=True, eq=False)
class Place:
    """See the module's text."""

    account: AccountConfig
    market: str
    space: OrderSpace
    domain: Domain
    cancels: bool
    wishes: list[Wish] = field(default_factory=list)
    looked: bool = False
    """The exchange has said something."""
    empty: bool = False
    """Its last word: nothing is open."""
    listed: tuple[OpenOrder, ...] = ()
    """The last list, empty once nothing is open."""
    seen: dict[tuple[str, str], OpenOrder] = field(default_factory=dict)
    first_ns: dict[KillWord, int] = field(default_factory=dict)
    """By word: the first of the unbroken looks without an order that were asked when it held."""
    word: KillWord = KillWord.OPEN
    asked_ns: int = 0
    """When the last look was sent."""
    rounds: int = 0
    done: bool = False
    trouble: str = ""

    def begin(self, now_ns: int) -> None:
        """The first requests."""
        if self.domain.plan.blind:
            asks = self.domain.side.sweep(self.account.name, self.market, self.space)
            self.wishes += [Wish(Kind.CANCEL, ask, now_ns) for ask in asks]
        if not self.wishes:
            self._wish_look(now_ns)

    def take(self, wish: Wish, reply: Reply | None, judged: Judgement, now_ns: int) -> None:
        """An answer, or that there was none."""
        self.wishes.remove(wish)
        item = reply.items[0] if reply is not None and reply.items else None
        done = judged.verdict is Verdict.DONE
        self.trouble = ""
        if item is None:
            self.trouble = "no answer"
        elif not done:
            words = (str(value) for value in (item.status, item.code) if value)
            self.trouble = f"{' '.join(words)} {item.text}".strip()[:80] or "no answer"
        if done and reply is not None:
            for order in reply.rows:
                self.seen[order.symbol, order.venue_order_id] = order
        if wish.kind is Kind.FENCE:
            self._fenced(wish, judged, reply, now_ns)
        elif done and reply is not None:
            if wish.round is not None:
                self._shown(wish, wish.round, reply, now_ns)
        elif judged.verdict is Verdict.REFUSED and not judged.clock and wish.kind is Kind.CANCEL:
            self._one_by_one(wish.ask.symbol, now_ns)
        elif judged.verdict is not Verdict.REFUSED or judged.clock or wish.kind > Kind.ONE_BY_ONE:
            self._again(wish, judged, reply, now_ns)
        if not self.wishes and not self.done:
            self._wish_look(self._look_due_ns(now_ns))

    def _fenced(self, wish: Wish, judged: Judgement, reply: Reply | None, now_ns: int) -> None:
        """DONE: the identifier is spent. Another refusal may not have looked at it."""
        if judged.verdict is Verdict.DONE:
            self.domain.fenced[wish.ask.client_order_id] = now_ns
        else:
            self._again(wish, judged, reply, now_ns)

    def _again(self, wish: Wish, judged: Judgement, reply: Reply | None, now_ns: int) -> None:
        paused = reply is not None and reply.pause is not None
        pause_ns = 0 if paused else min(AGAIN_FIRST_NS << min(wish.tries, 8), AGAIN_MAX_NS)
        wish.tries += 1
        wish.sent_ns, wish.due_ns = 0, now_ns + pause_ns
        self.wishes.append(wish)
        if judged.clock and not any(w.kind is Kind.CLOCK for w in self.wishes):
            ask = Ask(Want.CLOCK, self.account.name, self.market)
            self.wishes.append(Wish(Kind.CLOCK, ask, now_ns))

    def _one_by_one(self, symbol: str, now_ns: int) -> None:
        """Cancels of several are refused for good: each order by its own."""
        orders = [order for order in self.listed if order.symbol == symbol or not symbol]
        self._cancel(orders, Kind.ONE_BY_ONE, now_ns)

    def _cancel(self, orders: Sequence[OpenOrder], kind: Kind, now_ns: int) -> None:
        singly = kind is Kind.ONE_BY_ONE
        asks = self.domain.side.cancel(
            self.account.name, self.market, self.space, orders, singly=singly
        )
        self.wishes += [Wish(kind, ask, now_ns) for ask in asks]

    def fence(self, order_id: int, symbol: str, client_text: str, now_ns: int) -> None:
        """Spend the identifier of an order that may still arrive, once."""
        if any(w.kind is Kind.FENCE and w.ask.client_order_id == order_id for w in self.wishes):
            return
        made = self.domain.side.fence(self.account.name, self.market, symbol, client_text)
        for ask in made:
            assert ask.client_order_id == order_id, f"{client_text}: a fence of another order"
            self.wishes.append(Wish(Kind.FENCE, ask, now_ns))

    # Looks

    def _wish_look(self, due_ns: int) -> None:
        asks = self.domain.side.look(self.account.name, self.market, self.space)
        made = Round(left=len(asks))
        self.wishes += [Wish(Kind.LOOK, ask, due_ns, round=made) for ask in asks]
        self.rounds += 1

    def asks_look(self, found: Round, now_ns: int) -> None:
        """One request of a look goes now. What it proves is what held when the first one went, or
        was tried anew."""
        if not found.asked_ns or (found.left == 1 and not found.rows):
            found.proves, found.asked_ns = self.domain.word_at(self.account.name, now_ns), now_ns

    def replan(self, now_ns: int) -> None:
        """A sender has spoken, or less is in doubt: is the next look due earlier, or later?"""
        if all(wish.kind is Kind.LOOK and not wish.sent_ns for wish in self.wishes):
            for wish in self.wishes:
                if not wish.tries:
                    wish.due_ns = self._look_due_ns(now_ns)

    def _look_due_ns(self, now_ns: int) -> int:
        """When the next look is asked: while orders are open soon; else when it can say more."""
        plan, domain = self.domain.plan, self.domain
        clear_ns = domain.clear_ns(self.account.name)
        by_time_ns = domain.began_ns + domain.lifetime_ns
        if not self.empty:
            if not self.looked and not plan.early:
                return max(now_ns, by_time_ns if clear_ns == NEVER else clear_ns)
            spacing_ns = min(LOOK_SPACING_NS << min(self.rounds, 8), LOOK_EVERY_NS)
            return max(now_ns, self.asked_ns + spacing_ns)
        times = []
        if clear_ns != NEVER:
            times.append(self._pair_ns(KillWord.PROVED, clear_ns))
        elif domain.spoken and self.word < KillWord.EMPTY:
            times.append(self._pair_ns(KillWord.EMPTY, now_ns))
        if plan.often and (clear_ns != NEVER or self.word < KillWord.EMPTY):
            times.append(self.asked_ns + LOOK_EVERY_NS)
        if clear_ns == NEVER:
            times.append(self.asked_ns + plan.idle_every_s * NS_PER_S)
        return max(now_ns, min(times))

    def _pair_ns(self, word: KillWord, from_ns: int) -> int:
        """When a look can complete, or begin, the pair that proves it."""
        first_ns = self.first_ns.get(word)
        return from_ns if first_ns is None else first_ns + self.domain.visible_ns(self.market)

    def _shown(self, wish: Wish, found: Round, reply: Reply, now_ns: int) -> None:
        """A part of a look: ask for what follows, or draw the conclusion."""
        more = self.domain.side.follow(wish.ask, reply)
        found.rows += reply.rows
        found.left += len(more) - 1
        found.whole = found.whole and (bool(more) or reply.complete)
        self.wishes += [Wish(Kind.LIST, ask, now_ns, round=found) for ask in more]
        if found.rows or more:
            self.looked, self.empty = True, False
        if found.left:
            return
        self.looked, self.asked_ns = True, found.asked_ns
        self.listed, self.empty = tuple(found.rows), found.whole and not found.rows
        if self.empty:
            self._nothing(found)
            return
        self.first_ns.clear()
        self.word = KillWord.OPEN
        self.done = not self.cancels
        if self.cancels:
            self._cancel(self.listed, Kind.CANCEL, now_ns)

    def _nothing(self, found: Round) -> None:
        """A look without an order: of which word is it the second?"""
        visible_ns = self.domain.visible_ns(self.market)
        self.word = KillWord.OPEN
        for word in (KillWord.EMPTY, KillWord.PROVED):
            if found.proves < word:
                self.first_ns.pop(word, None)
            elif found.asked_ns >= self.first_ns.setdefault(word, found.asked_ns) + visible_ns:
                self.word = word
        # A cancel that is still under way may say of an order that it was there.
        settled = not any(wish.kind <= Kind.ONE_BY_ONE for wish in self.wishes)
        self.done = not self.cancels or (self.word is KillWord.PROVED and settled)

    def left(self) -> list[dict[str, Any]]:
        """What the last list showed, for a person."""
        return [
            {
                "account": self.account.name, "symbol": order.symbol, "side": order.side,
                "qty": order.qty, "executed_qty": order.executed_qty, "px": order.px,
                "client_order_id": order.client_text, "venue_order_id": order.venue_order_id,
            }
            for order in self.listed
        ]  # fmt: skip
