"""Cancelling everything at the exchanges, until they say themselves that nothing is open.

One `Sweep` per kill, over every account of the desk, each with its own key (`<key_name>.watchdog`),
on connections of whoever runs it: the watchdog, or `oms kill` itself where the watchdog does not
answer. Sans-I/O: requests through `Ports.request`, answers by `answered`, time by `work`.

Per account: cancel-all of every configured symbol at once, blindly; once they are answered, what
the account has locked; where that is something, the list of its open orders, and cancel-all of each
symbol that it names; and so on. An account is done when the exchange says that nothing is open and
was asked more than `recv_window_ms` (and what a time stamp may lie ahead) after the sweep began: an
order that an executor had signed before it saw the latch is refused by then, so nothing reappears.
429 and 418 silence the address for as long as the exchange says; 5xx and silence are asked again
after 0.1, 0.2 … 2 s. It ends by being done, or is given up by its owner.

Request weight is counted in a ledger per account domain, by the exchange's own count: cancels go
first, and what does not fit its minute waits for the next, so that hundreds of accounts are proved
at the rate that the exchange allows and without a 429. `Plan` says beforehand what that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from oms.agents.rates import Ledger
from oms.config import AccountConfig, DeskConfig, GroupConfig
from oms.ports import NEVER, HttpMeta, Key
from oms.venues.binance.sweep import (
    TIMESTAMP_AHEAD_MS,
    WEIGHT_CANCEL,
    WEIGHT_CLOCK,
    WEIGHT_LIST,
    WEIGHT_LOCKED,
    OpenOrder,
    Outcome,
    SweepRequests,
    read_cancel,
    read_clock,
    read_list,
    read_locked,
    symbols_of,
)
from oms.venues.binance.usage import usage_of_headers
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY
from shm_layout.enums import RateShare

NS_PER_MS = 1_000_000
ANSWER_NS = 3_000_000_000
"""A request without an answer for so long is asked again."""
AGAIN_FIRST_NS = 100_000_000
AGAIN_MAX_NS = 2_000_000_000
LOOK_EVERY_NS = 1_000_000_000
"""How often a desk of few accounts looks at an empty one until it is done: what still appears is
cancelled soon."""
IN_FLIGHT_MAX = 32
"""Requests of all accounts; the host's pool takes twice as many."""
LOOK_SPACING_NS = 50_000_000
"""From one look to the next while orders are open; doubled each time, up to LOOK_EVERY_NS: a look
costs as much of the exchange's rate as 20 cancels, a list as 80."""
PROOF_S = 30
"""What a proof may take where the exchange answers and its rate is no matter."""
MINUTE_S = 60
NO_LOOK = "the exchange has not said whether orders are open"
NO_CLOCK = "the exchange did not tell its time"


class SweepPorts(Protocol):
    """What a sweep needs of its host."""

    def request(
        self, base_url: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int: ...
    def key(self, name: str) -> Key: ...


def watchdog_key(account: AccountConfig) -> str:
    """Name of the key with which an account is swept."""
    return f"{account.key_name}.watchdog"


class _Ask(IntEnum):
    """In the order in which they go."""

    SYMBOL = 1
    ORDER = 2
    CLOCK = 3
    LIST = 4
    LOCKED = 5


_WEIGHTS = {
    _Ask.SYMBOL: WEIGHT_CANCEL, _Ask.ORDER: WEIGHT_CANCEL, _Ask.CLOCK: WEIGHT_CLOCK,
    _Ask.LIST: WEIGHT_LIST, _Ask.LOCKED: WEIGHT_LOCKED,
}  # fmt: skip


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

    @classmethod
    def of(cls, ledger: Ledger, accounts: int, symbols: int, gap_s: int, *, cancels: bool) -> Plan:
        """`gap_s`: from the sweep's begin to the proof."""
        sure, whole = ledger.share_of(RateShare.KILL), ledger.seizable
        if not cancels:
            return cls._made(blind=False, early=True, often=False, whole=sure, sure=sure,
                             weight=accounts * WEIGHT_LOCKED)  # fmt: skip
        look, blindly = accounts * WEIGHT_LOCKED, accounts * symbols * WEIGHT_CANCEL
        blind = blindly <= whole // 2
        early = not blind or blindly + 2 * look <= sure
        often = blind and blindly + (gap_s + 2) * look <= sure
        looks = gap_s + 2 if often else 1 + early
        return cls._made(blind=blind, early=early, often=often, whole=whole, sure=sure,
                         weight=blind * blindly + looks * look)  # fmt: skip

    @classmethod
    def _made(
        cls, *, blind: bool, early: bool, often: bool, whole: int, sure: int, weight: int
    ) -> Plan:
        minutes = 0 if weight <= sure else -(-weight // max(whole, 1))
        return cls(blind, early, often, weight, whole, PROOF_S + MINUTE_S * minutes)


@dataclass(slots=True)
class _Wish:
    """One request to make: at the earliest `due_ns`, or under way since `sent_ns`."""

    ask: _Ask
    symbol: str = ""
    venue_order_id: int = 0
    due_ns: int = 0
    sent_ns: int = 0
    tries: int = 0
    mark: int = 0
    """The ledger's total when it went."""


@dataclass(slots=True, eq=False)
class _Domain:
    """What the accounts of one account domain share."""

    group: GroupConfig
    ledger: Ledger
    plan: Plan
    pause_until_ns: int = 0
    """The exchange wants silence of this address until then."""


@dataclass(slots=True, eq=False)
class AccountSweep:
    """One account on its way to nothing open."""

    account: AccountConfig
    domain: _Domain
    requests: SweepRequests = field(repr=False)
    cancels: bool
    proof_ns: int
    """A look that was asked after this proves."""
    wishes: list[_Wish] = field(default_factory=list)
    looked: bool = False
    """The exchange has said something."""
    empty: bool = False
    """Its last word: nothing is open."""
    listed: tuple[OpenOrder, ...] = ()
    """The last list, empty once nothing is open."""
    seen: dict[tuple[str, int], OpenOrder] = field(default_factory=dict)
    asked_ns: int = 0
    """When the last look was sent."""
    rounds: int = 0
    done: bool = False
    trouble: str = ""

    def take(self, wish: _Wish, outcome: Outcome, now_ns: int) -> None:
        """An answer, or that there was none."""
        self.wishes.remove(wish)
        self.trouble = outcome.trouble
        if outcome.wait_s:
            until_ns = now_ns + outcome.wait_s * 1000 * NS_PER_MS
            self.domain.pause_until_ns = max(self.domain.pause_until_ns, until_ns)
        if outcome.done:
            for order in outcome.orders:
                self.seen[order.symbol, order.venue_order_id] = order
            if wish.ask is _Ask.LIST:
                self._listed(outcome.orders, wish.sent_ns, now_ns)
            elif wish.ask is _Ask.LOCKED and outcome.locked:
                self._said(wish.sent_ns, empty=False)
                self.wishes.append(_Wish(_Ask.LIST, due_ns=now_ns))
            elif wish.ask is _Ask.LOCKED:
                self._empty(wish.sent_ns)
        elif outcome.refused and wish.ask is _Ask.SYMBOL:
            self._one_by_one(wish.symbol, now_ns)
        elif not (outcome.refused and wish.ask is _Ask.ORDER):
            self._again(wish, outcome, now_ns)
        if not self.wishes and not self.done:
            self._look_again(now_ns)

    def _again(self, wish: _Wish, outcome: Outcome, now_ns: int) -> None:
        pause_ns = min(AGAIN_FIRST_NS << min(wish.tries, 8), AGAIN_MAX_NS)
        wish.tries += 1
        wish.sent_ns, wish.due_ns = 0, now_ns + (0 if outcome.wait_s else pause_ns)
        self.wishes.append(wish)
        if outcome.clock and not any(w.ask is _Ask.CLOCK for w in self.wishes):
            self.wishes.append(_Wish(_Ask.CLOCK, due_ns=now_ns))

    def _look_again(self, now_ns: int) -> None:
        """Every cancel has its answer: is anything left?"""
        plan = self.domain.plan
        spacing_ns = min(LOOK_SPACING_NS << min(self.rounds, 8), LOOK_EVERY_NS)
        due_ns = max(now_ns, self.asked_ns + spacing_ns)
        if self.empty:
            due_ns = self.proof_ns
            if plan.often:
                due_ns = min(self.asked_ns + LOOK_EVERY_NS, due_ns)
        elif not self.looked and not plan.early:
            due_ns = self.proof_ns
        self.rounds += 1
        self.wishes.append(_Wish(_Ask.LOCKED, due_ns=max(due_ns, now_ns)))

    def _said(self, asked_ns: int, *, empty: bool) -> None:
        self.looked, self.empty, self.asked_ns = True, empty, asked_ns

    def _listed(self, orders: tuple[OpenOrder, ...], asked_ns: int, now_ns: int) -> None:
        self.listed = orders
        if not orders:
            self._empty(asked_ns)
            return
        self._said(asked_ns, empty=False)
        self.done = not self.cancels
        if self.cancels:
            symbols = sorted({order.symbol for order in orders})
            self.wishes += [_Wish(_Ask.SYMBOL, symbol, due_ns=now_ns) for symbol in symbols]

    def _empty(self, asked_ns: int) -> None:
        self.listed = ()
        self._said(asked_ns, empty=True)
        self.done = not self.cancels or (asked_ns >= self.proof_ns and not self.wishes)

    def _one_by_one(self, symbol: str, now_ns: int) -> None:
        """Cancel-all is refused for good: each order by its own."""
        for order in self.listed:
            if order.symbol == symbol:
                wish = _Wish(_Ask.ORDER, symbol, order.venue_order_id, due_ns=now_ns)
                self.wishes.append(wish)

    def left(self) -> list[dict[str, Any]]:
        """What the last list showed, for a person."""
        return [
            {
                "account": self.account.name, "symbol": order.symbol, "side": order.side,
                "qty": order.qty, "executed_qty": order.executed_qty, "px": order.px,
                "client_order_id": order.client_order_id,
                "venue_order_id": str(order.venue_order_id),
            }
            for order in self.listed
        ]  # fmt: skip


class Sweep:
    """Every account of a desk; `cancels` False only lists, and takes no more of the address's
    weight than what the others leave. `ledgers`: one per group, by its name.
    """

    def __init__(
        self,
        config: DeskConfig,
        ports: SweepPorts,
        ledgers: Mapping[str, Ledger],
        now_ns: int,
        *,
        cancels: bool = True,
    ) -> None:
        self._ports = ports
        self.began_ns = now_ns
        self.cancels = cancels
        self.accounts: list[AccountSweep] = []
        self._domains: list[_Domain] = []
        self._asked: dict[int, tuple[AccountSweep, _Wish]] = {}
        for group in config.groups:
            self._add(group, config, ledgers[group.name], now_ns)

    def _add(self, group: GroupConfig, config: DeskConfig, ledger: Ledger, now_ns: int) -> None:
        names = [v.instruments for v in config.venues if v.name in group.venues]
        symbols = sorted({s for listed in names for s in symbols_of(listed)})
        gap_ms = group.recv_window_ms + TIMESTAMP_AHEAD_MS
        plan = Plan.of(ledger, len(group.accounts), len(symbols), -(-gap_ms // 1000),
                       cancels=self.cancels)  # fmt: skip
        domain = _Domain(group, ledger, plan)
        self._domains.append(domain)
        for account in group.accounts:
            key = self._ports.key(watchdog_key(account))
            requests = SweepRequests(key, group.recv_window_ms)
            proof_ns = now_ns + gap_ms * NS_PER_MS
            swept = AccountSweep(account, domain, requests, self.cancels, proof_ns)
            if plan.blind:
                swept.wishes += [_Wish(_Ask.SYMBOL, s, due_ns=now_ns) for s in symbols]
            if not swept.wishes:
                swept.wishes.append(_Wish(_Ask.LOCKED, due_ns=now_ns))
            self.accounts.append(swept)

    @property
    def done(self) -> bool:
        """Every exchange has said that nothing is open."""
        return all(account.done for account in self.accounts)

    def asks(self, request_id: int) -> bool:
        """Is it a request of this sweep?"""
        return request_id in self._asked

    def work(self, now_ns: int) -> int:
        """Give up on what has no answer, ask what is due; returns how much was done."""
        late = [k for k, (_, w) in self._asked.items() if now_ns - w.sent_ns >= ANSWER_NS]
        for request_id in late:
            account, wish = self._asked.pop(request_id)
            account.take(wish, Outcome(done=False, trouble="no answer"), now_ns)
        due = [
            (account, wish)
            for account in self.accounts
            for wish in account.wishes
            if not wish.sent_ns and now_ns >= max(wish.due_ns, account.domain.pause_until_ns)
        ]
        due.sort(key=lambda both: both[1].ask)
        done = len(late)
        for account, wish in due:
            if len(self._asked) >= IN_FLIGHT_MAX:
                break
            done += self._send(account, wish, now_ns)
        return done

    def _send(self, account: AccountSweep, wish: _Wish, now_ns: int) -> int:
        """Ask, where the address's weight permits; else it waits for the next minute."""
        ledger, weight = account.domain.ledger, _WEIGHTS[wish.ask]
        if self.cancels:
            taken = ledger.seize(weight, now_ns)
        else:
            taken = ledger.charge(RateShare.KILL, weight, now_ns)
        if not taken:
            wish.due_ns = ledger.next_window_ns(now_ns)
            return 0
        made, now_ms = account.requests, now_ns // NS_PER_MS
        ways: dict[_Ask, Callable[[], tuple[str, str, dict[str, str]]]] = {
            _Ask.LOCKED: lambda: made.locked(now_ms),
            _Ask.LIST: lambda: made.list_open(now_ms),
            _Ask.SYMBOL: lambda: made.cancel_symbol(wish.symbol, now_ms),
            _Ask.ORDER: lambda: made.cancel_order(wish.symbol, wish.venue_order_id, now_ms),
            _Ask.CLOCK: made.clock,
        }
        method, target, headers = ways[wish.ask]()
        wish.sent_ns, wish.mark = now_ns, ledger.total
        base_url = account.domain.group.rest_url
        request_id = self._ports.request(base_url, method, target, headers, b"")
        self._asked[request_id] = (account, wish)
        return 1

    def answered(self, meta: HttpMeta, body: bytes, now_ns: int) -> None:
        """The answer to one of our requests; one that comes too late is no news."""
        found = self._asked.pop(meta.request_id, None)
        if found is None:
            return
        account, wish = found
        ledger = account.domain.ledger
        ledger.note(usage_of_headers(meta.headers), wish.mark, wish.sent_ns, now_ns)
        if wish.ask is _Ask.LOCKED:
            outcome = read_locked(meta.status, meta.headers, body)
        elif wish.ask is _Ask.LIST:
            outcome = read_list(meta.status, meta.headers, body)
        elif wish.ask is _Ask.CLOCK:
            outcome = self._clock(account, read_clock(meta.status, body, now_ns // NS_PER_MS))
        else:
            outcome = read_cancel(meta.status, meta.headers, body)
        if meta.status in (HTTP_TOO_MANY, HTTP_BANNED):
            until_ns = now_ns + outcome.wait_s * 1000 * NS_PER_MS
            ledger.note_refusal(meta.status, until_ns, now_ns)
        account.take(wish, outcome, now_ns)

    @staticmethod
    def _clock(account: AccountSweep, shift_ms: int | None) -> Outcome:
        """The exchange's clock signs from now on, and says when its minutes begin."""
        if shift_ms is None:
            return Outcome(done=False, trouble=NO_CLOCK)
        account.requests.shift_ms = shift_ms
        account.domain.ledger.venue_ns = lambda now_ns: now_ns + shift_ms * NS_PER_MS
        return Outcome(done=True)

    def next_timer_ns(self) -> int:
        """When `work` has something to do."""
        due = NEVER
        for account in self.accounts:
            for wish in account.wishes:
                if wish.sent_ns:
                    due = min(due, wish.sent_ns + ANSWER_NS)
                elif len(self._asked) < IN_FLIGHT_MAX:
                    due = min(due, max(wish.due_ns, account.domain.pause_until_ns))
        return due

    def shown(self) -> dict[str, Any]:
        """How far it is, for a person."""
        left = [order for account in self.accounts for order in account.left()]
        seen = sum(len(account.seen) for account in self.accounts)
        plans = [domain.plan for domain in self._domains]
        return {
            "done": self.done,
            "seen": seen,
            "cancelled": seen - len(left) if self.cancels else 0,
            "left": left,
            "weight": sum(plan.weight for plan in plans),
            "weight_per_minute": min((plan.weight_per_minute for plan in plans), default=0),
            "within_s": max((plan.within_s for plan in plans), default=0),
            "accounts": [
                {
                    "account": account.account.name,
                    "done": account.done,
                    "listed": account.looked,
                    "empty": account.empty,
                    "trouble": account.trouble or ("" if account.looked else NO_LOOK),
                    "wait_until_ns": account.domain.pause_until_ns,
                }
                for account in self.accounts
            ],
        }
