"""Cancelling everything at the exchanges, until nothing of ours is open or can become an order.

One `Sweep` per kill, over every list of every account of the desk (`place.py`), each account with
its own key (`<key_name>.watchdog`), on connections of whoever runs it: the watchdog, or `oms kill`
itself where the watchdog does not answer. Sans-I/O: requests through `SweepPorts.request`, answers
by `answered`, time by `work`. Exchanges are spoken to through their `KillSide` alone.

A kill ends in one of three words (`KillWord`): PROVED, EMPTY while requests without an answer could
still arrive, OPEN (`domain.py` says on what each rests). EMPTY is no end for the sweep: it goes on
looking and cancelling until its owner drops it. A pause that the exchange asks for silences the
address for as long as it says; 5xx and silence are asked again after 0.1, 0.2 … 2 s.

Request weight is counted in a ledger per account domain, by the exchange's own count: cancels go
first, and what does not fit its minute waits for the next, so that hundreds of accounts are proved
at the rate that the exchange allows and without a 429. `Plan` says beforehand what that takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from oms.agents.rates.ledger import ADDRESS, Ledger
from oms.agents.watchdog.domain import Domain, lifetimes_ns
from oms.agents.watchdog.doubt import Doubts, Sender
from oms.agents.watchdog.place import Kind, Place, Wish
from oms.agents.watchdog.plan import Plan, charges_of, loads_of
from oms.config import AccountConfig, DeskConfig, GroupConfig
from oms.ports import NEVER, HttpMeta, Key
from oms.text import uuid_text
from oms.units import NS_PER_MS, NS_PER_S
from oms.venues.buckets import group_buckets
from oms.venues.data import Bucket
from oms.venues.kill import KillSide
from oms.venues.registry import kill_side
from oms.venues.reports import HttpCall, Judgement, Reply, Stamp, Verdict, Want
from shm_layout.enums import KillWord, RateShare

ANSWER_NS = 3_000_000_000
"""A request without an answer for so long is asked again."""
IN_FLIGHT_MAX = 32
"""Requests of all accounts; the host's pool takes twice as many."""
FENCE_TRIES = 5
"""After so many that spent no identifier a person may decide; it is tried on."""
NO_LOOK = "the exchange has not said whether orders are open"
_UUID_BYTES = 16


class SweepPorts(Protocol):
    """What a sweep needs of its host."""

    def request(
        self, base_url: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int: ...
    def key(self, name: str) -> Key: ...
    def random_bytes(self, count: int) -> bytes: ...


def watchdog_key(account: AccountConfig) -> str:
    """Name of the key with which an account is swept."""
    return f"{account.key_name}.watchdog"


def kill_sides(config: DeskConfig) -> dict[str, KillSide]:
    """By the names of the groups; only exchanges of the config are imported."""
    made = {}
    for group in config.groups:
        markets = {v.name: v.instruments for v in config.venues if v.name in group.venues}
        made[group.name] = kill_side(group, markets)
    return made


def kill_buckets(side: KillSide, group: GroupConfig) -> tuple[Bucket, ...]:
    """What a kill's ledger keeps to."""
    return group_buckets(side.markets.values(), group)


class Sweep:
    """Every account of a desk; `cancels` False only lists, and takes no more of the address's
    weight than what the others leave. `sides`, `ledgers`, `senders`: one per group, by its name;
    no senders: no kill, so time alone counts. `doubts`: risk's table, where it can be read.
    """

    def __init__(
        self,
        config: DeskConfig,
        ports: SweepPorts,
        sides: Mapping[str, KillSide],
        ledgers: Mapping[str, Ledger],
        now_ns: int,
        *,
        cancels: bool = True,
        senders: Mapping[str, Sender] | None = None,
        doubts: Doubts | None = None,
    ) -> None:
        self._ports = ports
        self.began_ns = now_ns
        self.cancels = cancels
        self.places: list[Place] = []
        self._domains: list[Domain] = []
        self._asked: dict[int, tuple[Place, Wish]] = {}
        self._count = 0
        for index, group in enumerate(config.groups):
            sender = None if senders is None else senders[group.name]
            side = sides[group.name]
            domain = self._domain(group, index, side, ledgers[group.name], sender, doubts)
            self._domains.append(domain)
            self._add(group, domain, now_ns)

    def _domain(
        self, group: GroupConfig, index: int, side: KillSide, ledger: Ledger,
        sender: Sender | None, doubts: Doubts | None,
    ) -> Domain:  # fmt: skip
        for account in group.accounts:
            side.add(account.name, self._ports.key(watchdog_key(account)))
        loads = loads_of(ledger, *charges_of(side, group))
        # The gap follows from the markets, the plan from the gap.
        longest = max((ns for ns in lifetimes_ns(group, side).values() if ns), default=0)
        plan = Plan.of(loads, -(-longest // NS_PER_S), cancels=self.cancels)
        made = Domain(group, index, side, ledger, plan, sender, doubts, self.began_ns)
        made.refresh(self.began_ns)
        return made

    def _add(self, group: GroupConfig, domain: Domain, now_ns: int) -> None:
        for account in group.accounts:
            for market in group.venues:
                for space in domain.side.spaces(market):
                    place = Place(account, market, space, domain, self.cancels)
                    place.begin(now_ns)
                    self.places.append(place)

    @property
    def done(self) -> bool:
        """PROVED; of one that only lists: every exchange has said what is open."""
        return all(place.done for place in self.places)

    @property
    def word(self) -> KillWord:
        """How it stands."""
        return min((place.word for place in self.places), default=KillWord.PROVED)

    @property
    def final(self) -> bool:
        """EMPTY, and no time or answer can say more: a person decides."""
        unproved = [place for place in self.places if place.word < KillWord.PROVED]
        return self.word is KillWord.EMPTY and all(
            place.domain.clear_ns(place.account.name) == NEVER
            and not any(w.kind is Kind.FENCE and w.tries < FENCE_TRIES for w in place.wishes)
            for place in unproved
        )

    def asks(self, request_id: int) -> bool:
        """Is it a request of this sweep?"""
        return request_id in self._asked

    def work(self, now_ns: int) -> int:
        """Give up on what has no answer, ask what is due; returns how much was done."""
        done = sum(self._refresh(domain, now_ns) for domain in self._domains)
        late = [k for k, (_, w) in self._asked.items() if now_ns - w.sent_ns >= ANSWER_NS]
        for request_id in late:
            place, wish = self._asked.pop(request_id)
            place.take(wish, None, Judgement(Verdict.UNKNOWN), now_ns)
        due = [
            (place, wish)
            for place in self.places
            for wish in place.wishes
            if not wish.sent_ns and now_ns >= max(wish.due_ns, place.domain.pause_until_ns)
        ]
        due.sort(key=lambda both: both[1].kind)
        done += len(late)
        for place, wish in due:
            if len(self._asked) >= IN_FLIGHT_MAX:
                break
            done += self._send(place, wish, now_ns)
        return done

    def _refresh(self, domain: Domain, now_ns: int) -> int:
        """What senders and risk's table say now may move looks, and asks for fences."""
        if not domain.refresh(now_ns):
            return 0
        of_domain = [place for place in self.places if place.domain is domain]
        if self.cancels:
            for doubt in domain.to_fence():
                for place in of_domain:
                    if (place.account.name, place.market) == (doubt.account, doubt.market):
                        number = doubt.client_order_id
                        place.fence(number, doubt.symbol, doubt.client_text, now_ns)
                        break
        for place in of_domain:
            place.replan(now_ns)
        return 1

    def _send(self, place: Place, wish: Wish, now_ns: int) -> int:
        """Ask, where its buckets permit; else it waits for their next window."""
        domain, side = place.domain, place.domain.side
        charges, ledger = side.charges(wish.ask), domain.ledger
        paused_ns = max(domain.pauses.get(count, 0) for count, _ in ledger.taking(charges))
        if now_ns < paused_ns:
            wish.due_ns = paused_ns
            return 0
        if self.cancels:
            taken = ledger.seize(charges, now_ns)
        else:
            taken = ledger.take(RateShare.KILL, charges, now_ns)
        if not taken:
            wish.due_ns = ledger.next_window_ns(now_ns, charges)
            return 0
        if wish.kind is Kind.LOOK and wish.round is not None:
            place.asks_look(wish.round, now_ns)
        self._count += 1
        nonce = uuid_text(self._ports.random_bytes(_UUID_BYTES))
        stamp = Stamp(now_ns // NS_PER_MS + domain.shift_ms, self._count, nonce)
        call = side.ask(wish.ask, stamp).body
        assert isinstance(call, HttpCall), "a kill asks by REST"
        wish.sent_ns, wish.mark = now_ns, domain.ledger.total
        request_id = self._ports.request(
            domain.group.rest_url, call.method, call.target, call.headers, call.body
        )
        self._asked[request_id] = (place, wish)
        return 1

    def answered(self, meta: HttpMeta, body: bytes, now_ns: int) -> None:
        """The answer to one of our requests; one that comes too late is no news."""
        found = self._asked.pop(meta.request_id, None)
        if found is None:
            return
        place, wish = found
        domain = place.domain
        reply = domain.side.read(wish.ask, meta.status, meta.headers, body)
        assert reply.items, "an answer says something of its request"
        judged = domain.side.judge(wish.ask, reply.items[0])
        self._note(place, wish, reply, now_ns)
        if wish.ask.want is Want.CLOCK and judged.verdict is Verdict.DONE:
            self._clock(domain, reply.server_ms - now_ns // NS_PER_MS)
        place.take(wish, reply, judged, now_ns)

    @staticmethod
    def _note(place: Place, wish: Wish, reply: Reply, now_ns: int) -> None:
        """The exchange's own count, and a pause that it asks for."""
        domain = place.domain
        domain.ledger.note(reply.usage, wish.mark, wish.sent_ns, now_ns)
        if (pause := reply.pause) is None:
            return
        until_ns = domain.ledger.note_pause(pause, now_ns, place.account.name)
        if pause.key == ADDRESS:
            domain.pause_until_ns = max(domain.pause_until_ns, until_ns)
            return
        for count, _ in domain.ledger.taking(domain.side.charges(wish.ask)):
            domain.pauses[count] = max(domain.pauses.get(count, 0), until_ns)

    @staticmethod
    def _clock(domain: Domain, shift_ms: int) -> None:
        """The exchange's clock signs from now on, and says when its minutes begin."""
        domain.shift_ms = shift_ms
        domain.ledger.venue_ns = lambda now_ns: now_ns + shift_ms * NS_PER_MS

    def next_timer_ns(self, now_ns: int) -> int:
        """When `work` has something to do."""
        due = NEVER
        if not self.done and any(domain.sender is not None for domain in self._domains):
            due = min(domain.refresh_due_ns(now_ns) for domain in self._domains)
        for place in self.places:
            for wish in place.wishes:
                if wish.sent_ns:
                    due = min(due, wish.sent_ns + ANSWER_NS)
                elif len(self._asked) < IN_FLIGHT_MAX:
                    due = min(due, max(wish.due_ns, place.domain.pause_until_ns))
        return due

    def shown(self, now_ns: int) -> dict[str, Any]:
        """How far it is, for a person."""
        left = [order for place in self.places for order in place.left()]
        seen = sum(len(place.seen) for place in self.places)
        plans = [domain.plan for domain in self._domains]
        return {
            "done": self.done,
            "word": self.word.name,
            "final": self.final,
            "seen": seen,
            "cancelled": seen - len(left) if self.cancels else 0,
            "left": left,
            "may_arrive": [
                {**doubt.shown(now_ns, clear_ns), "group": domain.group.name}
                for domain in self._domains
                for doubt, clear_ns in domain.doubted
                if clear_ns > now_ns
            ],
            "senders": [domain.shown(now_ns) for domain in self._domains],
            "weight": sum(plan.weight for plan in plans),
            "weight_per_minute": min((plan.weight_per_minute for plan in plans), default=0),
            "within_s": max((plan.within_s for plan in plans), default=0),
            "accounts": self._accounts(now_ns),
        }

    def _accounts(self, now_ns: int) -> list[dict[str, Any]]:
        by_name: dict[str, list[Place]] = {}
        for place in self.places:
            by_name.setdefault(place.account.name, []).append(place)
        rows = []
        for name, places in by_name.items():
            domain = places[0].domain
            looked = all(place.looked for place in places)
            trouble = next((place.trouble for place in places if place.trouble), "")
            clear_ns = domain.clear_ns(name)
            rows.append({
                "account": name,
                "done": all(place.done for place in places),
                "word": min(place.word for place in places).name,
                "listed": looked,
                "empty": all(place.empty for place in places),
                "trouble": trouble or ("" if looked else NO_LOOK),
                "wait_until_ns": domain.pause_until_ns,
                "clear_in_ms": (
                    None if clear_ns == NEVER else max(clear_ns - now_ns, 0) // NS_PER_MS
                ),
            })  # fmt: skip
        return rows
