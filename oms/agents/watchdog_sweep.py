"""Cancelling everything at the exchanges, until they say themselves that nothing is open.

One `Sweep` per kill, over every account of the desk, each with its own key (`<key_name>.watchdog`),
on connections of whoever runs it: the watchdog, or `oms kill` itself where the watchdog does not
answer. Sans-I/O: requests through `Ports.request`, answers by `answered`, time by `work`.

Per account: cancel-all of every configured symbol at once, blindly, beside the first list of open
orders; then cancel-all of each symbol that the list names, then the next list. An account is done
when two lists were empty, the second asked more than `recv_window_ms` after the first: an order
that an executor had signed before it saw the latch is refused by the exchange after that window,
so nothing reappears. 429 and 418 silence the address for as long as the exchange says; 5xx and
silence are asked again after 0.1, 0.2 … 2 s. It ends by being done, or is given up by its owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from oms.agents.base import NEVER, HttpMeta, Key
from oms.config import AccountConfig, DeskConfig, GroupConfig
from oms.venues.binance.sweep import (
    OpenOrder,
    Outcome,
    SweepRequests,
    read_cancel,
    read_clock,
    read_list,
    symbols_of,
)

NS_PER_MS = 1_000_000
ANSWER_NS = 3_000_000_000
"""A request without an answer for so long is asked again."""
AGAIN_FIRST_NS = 100_000_000
AGAIN_MAX_NS = 2_000_000_000
LIST_EVERY_NS = 1_000_000_000
"""How often an empty account is listed until it is done: what still appears is cancelled soon."""
IN_FLIGHT_MAX = 32
"""Requests of all accounts; the host's pool takes twice as many."""
LIST_SPACING_NS = 50_000_000
"""From one list to the next while orders are open; doubled each time, up to LIST_EVERY_NS: a list
of a whole account costs as much of the exchange's rate as 80 cancels."""
NO_LIST = "the exchange gave no list of open orders"
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
    LIST = 1
    SYMBOL = 2
    ORDER = 3
    CLOCK = 4


@dataclass(slots=True)
class _Pause:
    """Shared by all accounts of one address: the exchange wants silence until then."""

    until_ns: int = 0


@dataclass(slots=True)
class _Wish:
    """One request to make: at the earliest `due_ns`, or under way since `sent_ns`."""

    ask: _Ask
    symbol: str = ""
    venue_order_id: int = 0
    due_ns: int = 0
    sent_ns: int = 0
    tries: int = 0


@dataclass(slots=True, eq=False)
class AccountSweep:
    """One account on its way to nothing open."""

    account: AccountConfig
    group: GroupConfig
    requests: SweepRequests = field(repr=False)
    pause: _Pause
    cancels: bool
    wishes: list[_Wish] = field(default_factory=list)
    listed: tuple[OpenOrder, ...] | None = None
    """The last list; None = there was none."""
    seen: dict[tuple[str, int], OpenOrder] = field(default_factory=dict)
    empty_since_ns: int = 0
    """When the first of an unbroken run of empty lists was asked; 0 = the last was not empty."""
    listed_ns: int = 0
    rounds: int = 0
    done: bool = False
    trouble: str = ""

    def take(self, wish: _Wish, outcome: Outcome, now_ns: int) -> None:
        """An answer, or that there was none."""
        self.wishes.remove(wish)
        self.trouble = outcome.trouble
        if outcome.wait_s:
            until_ns = now_ns + outcome.wait_s * 1000 * NS_PER_MS
            self.pause.until_ns = max(self.pause.until_ns, until_ns)
        if outcome.done:
            for order in outcome.orders:
                self.seen[order.symbol, order.venue_order_id] = order
            if wish.ask is _Ask.LIST:
                self._listed(outcome.orders, wish.sent_ns, now_ns)
        elif outcome.refused and wish.ask is _Ask.SYMBOL:
            self._one_by_one(wish.symbol, now_ns)
        elif not (outcome.refused and wish.ask is _Ask.ORDER):
            self._again(wish, outcome, now_ns)
        if not self.wishes and not self.done:
            # Every cancel has its answer: what is left?
            spacing_ns = min(LIST_SPACING_NS << min(self.rounds, 8), LIST_EVERY_NS)
            self.rounds += 1
            due_ns = max(now_ns, self.listed_ns + spacing_ns)
            self.wishes.append(_Wish(_Ask.LIST, due_ns=due_ns))

    def _again(self, wish: _Wish, outcome: Outcome, now_ns: int) -> None:
        pause_ns = min(AGAIN_FIRST_NS << min(wish.tries, 8), AGAIN_MAX_NS)
        wish.tries += 1
        wish.sent_ns, wish.due_ns = 0, now_ns + (0 if outcome.wait_s else pause_ns)
        self.wishes.append(wish)
        if outcome.clock and not any(w.ask is _Ask.CLOCK for w in self.wishes):
            self.wishes.append(_Wish(_Ask.CLOCK, due_ns=now_ns))

    def _listed(self, orders: tuple[OpenOrder, ...], asked_ns: int, now_ns: int) -> None:
        self.listed, self.listed_ns = orders, asked_ns
        if not self.cancels:
            self.done = True
        elif orders:
            self.empty_since_ns = 0
            # A blind cancel of the first round may still be under way: no second of its symbol.
            asked = {wish.symbol for wish in self.wishes}
            fresh = sorted({order.symbol for order in orders} - asked)
            self.wishes += [_Wish(_Ask.SYMBOL, symbol, due_ns=now_ns) for symbol in fresh]
        else:
            self._empty(asked_ns, now_ns)

    def _empty(self, asked_ns: int, now_ns: int) -> None:
        gap_ns = self.group.recv_window_ms * NS_PER_MS
        if self.empty_since_ns and asked_ns - self.empty_since_ns > gap_ns:
            self.done = not self.wishes
        else:
            self.empty_since_ns = self.empty_since_ns or asked_ns
            due_ns = min(now_ns + LIST_EVERY_NS, self.empty_since_ns + gap_ns + NS_PER_MS)
            self.wishes.append(_Wish(_Ask.LIST, due_ns=max(due_ns, now_ns)))

    def _one_by_one(self, symbol: str, now_ns: int) -> None:
        """Cancel-all is refused for good: each order by its own."""
        for order in self.listed or ():
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
            for order in self.listed or ()
        ]  # fmt: skip


class Sweep:
    """Every account of a desk; `cancels` False only lists."""

    def __init__(
        self, config: DeskConfig, ports: SweepPorts, now_ns: int, *, cancels: bool = True
    ) -> None:
        self._ports = ports
        self.began_ns = now_ns
        self.cancels = cancels
        self.accounts: list[AccountSweep] = []
        self._asked: dict[int, tuple[AccountSweep, _Wish]] = {}
        pauses: dict[str, _Pause] = {}
        for group in config.groups:
            pause = pauses.setdefault(group.rest_url, _Pause())
            names = [v.instruments for v in config.venues if v.name in group.venues]
            symbols = sorted({s for listed in names for s in symbols_of(listed)})
            for account in group.accounts:
                key = ports.key(watchdog_key(account))
                requests = SweepRequests(key, group.recv_window_ms)
                swept = AccountSweep(account, group, requests, pause, cancels)
                if cancels:
                    swept.wishes += [_Wish(_Ask.SYMBOL, s, due_ns=now_ns) for s in symbols]
                swept.wishes.append(_Wish(_Ask.LIST, due_ns=now_ns))
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
        done = len(late)
        for account in self.accounts:
            for wish in account.wishes:
                if len(self._asked) >= IN_FLIGHT_MAX:
                    return done
                if not wish.sent_ns and now_ns >= max(wish.due_ns, account.pause.until_ns):
                    self._send(account, wish, now_ns)
                    done += 1
        return done

    def _send(self, account: AccountSweep, wish: _Wish, now_ns: int) -> None:
        made, now_ms = account.requests, now_ns // NS_PER_MS
        ways: dict[_Ask, Callable[[], tuple[str, str, dict[str, str]]]] = {
            _Ask.LIST: lambda: made.list_open(now_ms),
            _Ask.SYMBOL: lambda: made.cancel_symbol(wish.symbol, now_ms),
            _Ask.ORDER: lambda: made.cancel_order(wish.symbol, wish.venue_order_id, now_ms),
            _Ask.CLOCK: made.clock,
        }
        method, target, headers = ways[wish.ask]()
        wish.sent_ns = now_ns
        request_id = self._ports.request(account.group.rest_url, method, target, headers, b"")
        self._asked[request_id] = (account, wish)

    def answered(self, meta: HttpMeta, body: bytes, now_ns: int) -> None:
        """The answer to one of our requests; one that comes too late is no news."""
        found = self._asked.pop(meta.request_id, None)
        if found is None:
            return
        account, wish = found
        if wish.ask is _Ask.LIST:
            outcome = read_list(meta.status, meta.headers, body)
        elif wish.ask is _Ask.CLOCK:
            shift_ms = read_clock(meta.status, body, now_ns // NS_PER_MS)
            outcome = Outcome(done=shift_ms is not None, trouble="" if shift_ms else NO_CLOCK)
            account.requests.shift_ms = shift_ms or account.requests.shift_ms
        else:
            outcome = read_cancel(meta.status, meta.headers, body)
        account.take(wish, outcome, now_ns)

    def next_timer_ns(self) -> int:
        """When `work` has something to do."""
        due = NEVER
        for account in self.accounts:
            for wish in account.wishes:
                if wish.sent_ns:
                    due = min(due, wish.sent_ns + ANSWER_NS)
                elif len(self._asked) < IN_FLIGHT_MAX:
                    due = min(due, max(wish.due_ns, account.pause.until_ns))
        return due

    def shown(self) -> dict[str, Any]:
        """How far it is, for a person."""
        left = [order for account in self.accounts for order in account.left()]
        seen = sum(len(account.seen) for account in self.accounts)
        return {
            "done": self.done,
            "seen": seen,
            "cancelled": seen - len(left) if self.cancels else 0,
            "left": left,
            "accounts": [
                {
                    "account": account.account.name,
                    "done": account.done,
                    "listed": account.listed is not None,
                    "empty": account.listed == (),
                    "trouble": account.trouble or ("" if account.listed is not None else NO_LIST),
                    "wait_until_ns": account.pause.until_ns,
                }
                for account in self.accounts
            ],
        }
