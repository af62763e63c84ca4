"""An executor's private connections: made before broken, kept alive, replaced before they are cut.

A *link* serves some accounts, for ever; a *wire* is one WebSocket-API connection of it. A wire is
prepared (opened, logged on where the key allows it, subscribed for every account of its link) and
only then takes over; the wire that it relieves stays until its questions are answered, and for
OVERLAP_NS at least, and is then closed. So a replacement leaves no gap in the user stream, and no
moment without a way for orders; in between events come twice and are used once (`Account.doubled`).

A wire is replaced at an age (`link_max_age_ms`, less a part by chance, so that many links do not go
at once), and when the venue says `serverShutdown`. One that ends by itself, or whose peer is dead
(`Heartbeat`), is gone at once: its accounts are neither subscribed nor ready until the next one
took over and a reconciliation was through.

Accounts share links when there are more of them than LINKS_SHARED_FROM, where the venue
allows several subscriptions on one connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from oms.agents.heartbeat import RETRY_FIRST_NS, Beat, Heartbeat, retry_later
from oms.agents.rates.ledger import Ledger, Taking
from oms.config import GroupConfig
from oms.ports import NEVER, ConnEvent, Ports
from oms.units import NS_PER_MS
from oms.venues.orders import Link as AskedLink
from oms.venues.orders import OrderSide
from oms.venues.reports import Ask, MalformedMessageError, Stamp, Want
from shm_layout.enums import Exchange, LinkState, RateShare, RecordType
from shm_layout.limits import EVENTS_REMEMBERED_MAX, LINKS_SHARED_FROM, ORDERS_MAX

BACKOFF_MAX_NS = 5_000_000_000
PREPARING_MAX = 8
"""Wires that are being prepared at a time. All at once, a slow venue answers none in time, each is
given up and opened again, and the connections that an address may open are soon used up.
"""
OVERLAP_NS = 1_000_000_000
"""Both connections carry the events for so long at least: what the venue had sent on the old one
when it began with the new one has come by then."""
BUSY_NS = 100_000_000
"""How often a leaving wire that still waits for an answer is looked at."""
YOUNG_NS = 60_000_000_000
"""A wire younger than this is not replaced because the venue announces an end: a venue that is
going away says so to each new connection, too."""
AGE_CHANCE_DIVISOR = 48
PING_PAYLOAD = b"mexoms"
RETRY_WHEN_FULL_NS = 1_000_000_000

EventKey = tuple[object, ...]


@dataclass(slots=True, eq=False)
class Wire:
    """One WebSocket-API connection."""

    conn: int
    link: Link
    beat: Heartbeat
    ping_text: bytes = b""
    """How it is pinged; empty = by the protocol's own frame."""
    opened: bool = False
    logged_on: bool = False
    carries: dict[str, Account] = field(default_factory=dict)
    """Subscription -> account."""
    ready_ns: int = 0
    replace_ns: int = NEVER
    leave_ns: int = NEVER
    """It was relieved: it is closed from then on."""

    def account_of(self, who: str) -> Account:
        """Whose event it is; one that names no subscription is the only account's."""
        accounts = self.link.accounts
        account = self.carries.get(who, accounts[0] if len(accounts) == 1 else None)
        if account is None:
            raise MalformedMessageError(f"event of subscription {who or 'of nobody'}")
        return account

    def whole(self) -> bool:
        """Whether the events of every account come on it."""
        return len(self.carries) == len(self.link.accounts)


@dataclass(slots=True, eq=False)
class Link:
    """What serves some accounts: at most one wire at work, one being prepared, some leaving."""

    index: int
    accounts: list[Account] = field(default_factory=list)
    wire: Wire | None = None
    coming: Wire | None = None
    leaving: list[Wire] = field(default_factory=list)
    retry_ns: int = 0
    backoff_ns: int = RETRY_FIRST_NS
    opens: int = 0
    losses: int = 0
    dead_peers: int = 0
    replaced: int = 0

    def wants(self) -> int:
        """When the next wire is to be opened."""
        if self.coming is not None:
            return NEVER
        return self.retry_ns if self.wire is None else max(self.retry_ns, self.wire.replace_ns)


@dataclass(slots=True, eq=False)
class Account:
    """One account of the group."""

    account_id: int
    name: str
    link: Link = field(repr=False)
    placing: Taking = field(default=(), repr=False)
    """What a plain new order takes of what is counted for this account alone."""
    subscribed: bool = False
    """The link's wire carries its events."""
    ready: bool = False
    """Reconciled since its events were last cut off: new orders may go."""
    doubles: int = 0
    client_ids: dict[tuple[int, str], int] = field(default_factory=dict, repr=False)
    """(instrument, venue's order id) -> ours; 0 = known not to be ours. Newest ORDERS_MAX. Some
    exchanges count orders, and trades, by symbol."""
    _told: dict[EventKey, int] = field(default_factory=dict, repr=False)
    """Event -> the connection that it came on first. Newest EVENTS_REMEMBERED_MAX."""

    def learn(self, instrument_id: int, venue_order_id: str, client_order_id: int) -> None:
        """Note whose order the venue means by its id."""
        known = self.client_ids
        key = (instrument_id, venue_order_id)
        if key not in known and len(known) >= ORDERS_MAX:
            del known[next(iter(known))]
        known[key] = client_order_id

    def doubled(self, key: EventKey, conn: int) -> bool:
        """Whether this event came on another connection already. Twice on one connection is not
        ours to judge: risk knows its fills.
        """
        first = self._told.setdefault(key, conn)
        if first != conn:
            self.doubles += 1
            return True
        if len(self._told) > EVENTS_REMEMBERED_MAX:
            del self._told[next(iter(self._told))]
        return False


class Links:
    """All links of one executor. What it calls back:

    `stamp(now_ns)`             clock and chance of a handshake
    `prepare(wire, now_ns)`     it is open: log on and subscribe, then `carried` per account
    `relieved(link, now_ns)`    its accounts' events come by a new wire; `ready` says if without gap
    `ended(conn, now_ns)`       a connection is gone: what was asked on it has no answer
    `busy(conn)`                whether a question is open on it
    """

    def __init__(
        self,
        ports: Ports,
        group: GroupConfig,
        ledger: Ledger,
        side: OrderSide,
        *,
        stamp: Callable[[int], Stamp],
        prepare: Callable[[Wire, int], None],
        relieved: Callable[[Link, int], None],
        ended: Callable[[int, int], None],
        busy: Callable[[int], bool],
    ) -> None:
        self._ports = ports
        self._group = group
        self._ledger = ledger
        self._side = side
        self._exchange = Exchange[group.exchange.upper()]
        self._stamp = stamp
        self._prepare, self._relieved, self._ended, self._busy = prepare, relieved, ended, busy
        self._table = ports.table_writer(f"links.{ports.role}")
        self._by_conn: dict[int, Wire] = {}
        self.links: list[Link] = []
        self.held = False
        """True: none is opened (the executions' ring is behind)."""
        self._due_ns = NEVER
        """Nothing is to be done before this: with many links they are not looked at each turn."""

    def make(self, count: int) -> None:
        """As many links as accounts, up to the limit of connections."""
        self.links = [Link(k) for k in range(min(count, LINKS_SHARED_FROM))]
        self._due_ns = 0

    def asked(self, link: Link) -> AskedLink:
        """The link as the exchange's side knows it."""
        (found,) = self._side.links([account.name for account in link.accounts], {})
        return found

    def owner(self, venue_order_id: str) -> int:
        """Our id of an order that some account learnt by the venue's; 0 = none did."""
        for link in self.links:
            for account in link.accounts:
                for (_, known), client_order_id in account.client_ids.items():
                    if known == venue_order_id:
                        return client_order_id
        return 0

    def wire_of(self, conn: int) -> Wire | None:
        """The wire of a connection that is not given up."""
        return self._by_conn.get(conn)

    # Events of connections

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        """A connection opened, ended, or gave a sign of life."""
        wire = self._by_conn.get(conn)
        if wire is None:
            return
        if event is ConnEvent.OPENED:
            wire.opened = True
            wire.beat.heard(now_ns)
            self._due_ns = min(self._due_ns, wire.beat.next_ns())
            self._prepare(wire, now_ns)
        elif event in (ConnEvent.PONG, ConnEvent.CONTROL):
            wire.beat.heard(now_ns)
        else:
            self._lost(wire, now_ns, event.name)

    def carried(self, wire: Wire, account: Account, subscription_id: str, now_ns: int) -> None:
        """The venue sends this account's events on that wire from now on."""
        wire.carries[subscription_id] = account
        if wire.whole() and wire.link.coming is wire:
            self._take_over(wire, now_ns)

    def _take_over(self, wire: Wire, now_ns: int) -> None:
        """The wire is whole: it goes to work, the one before it leaves."""
        link, before = wire.link, wire.link.wire
        link.coming, link.wire = None, wire
        link.opens += 1
        wire.ready_ns = now_ns
        wire.replace_ns = now_ns + self._age_ns()
        if before is not None:
            link.replaced += 1
            link.leaving.append(before)
            before.leave_ns = now_ns + OVERLAP_NS
            self._ports.log("info", "private_link_replaced", link=link.index,
                            age_s=(now_ns - before.ready_ns) // 1_000_000_000)  # fmt: skip
        for account in link.accounts:
            account.subscribed = True
        self._due_ns = 0
        self.tell(link)
        self._relieved(link, now_ns)

    def _age_ns(self) -> int:
        age_ns = self._group.link_max_age_ms * NS_PER_MS
        chance = int.from_bytes(self._ports.random_bytes(2), "little")
        return age_ns - age_ns // AGE_CHANCE_DIVISOR * chance // (1 << 16)

    def shutdown_said(self, wire: Wire, now_ns: int) -> None:
        """The venue is about to end this connection: a successor now, but not one after another."""
        self._ports.log("warning", "venue_ends_connection", link=wire.link.index)
        wire.replace_ns = min(wire.replace_ns, max(now_ns, wire.ready_ns + YOUNG_NS))
        self._due_ns = 0

    def close(self, wire: Wire, now_ns: int, reason: str, *, again_ns: int = 0) -> None:
        """End a wire from our side; `again_ns`: the next one may be opened then."""
        self._ports.close(wire.conn)
        self._lost(wire, now_ns, reason)
        if again_ns:
            wire.link.retry_ns = again_ns

    def silence(self, until_ns: int, now_ns: int) -> None:
        """The exchange wants no connection of ours before that."""
        for wire in tuple(self._by_conn.values()):
            self.close(wire, now_ns, "the venue wants silence", again_ns=until_ns)

    def hold(self, now_ns: int, reason: str) -> None:
        """End every wire, and open none."""
        self.held = True
        for wire in tuple(self._by_conn.values()):
            self.close(wire, now_ns, reason)

    def go_on(self) -> None:
        """Open them again."""
        self.held = False
        self._due_ns = 0

    def _lost(self, wire: Wire, now_ns: int, reason: str) -> None:
        """It is gone: what was asked on it has no answer; the one at work is opened anew."""
        link = wire.link
        del self._by_conn[wire.conn]
        if wire in link.leaving:
            link.leaving.remove(wire)
        else:
            self._ports.log("warning", "private_link_lost", link=link.index, reason=reason,
                            at_work=wire is link.wire)  # fmt: skip
            link.losses += 1
            link.retry_ns = now_ns + link.backoff_ns
            link.backoff_ns = retry_later(link.backoff_ns, BACKOFF_MAX_NS)
            if wire is link.coming:
                link.coming = None
            else:
                link.wire = None
                for account in link.accounts:
                    account.ready = account.subscribed = False
        self._due_ns = 0
        self.tell(link)
        self._ended(wire.conn, now_ns)

    # Time

    def work(self, now_ns: int) -> int:
        """Open, ping, give up and close what is due; returns how much was done."""
        if now_ns < self._due_ns:
            return 0
        done = 0
        due_ns = NEVER
        preparing = sum(link.coming is not None for link in self.links)
        for link in self.links:
            if not self.held and now_ns >= link.wants() and preparing < PREPARING_MAX:
                opened = self._open(link, now_ns)
                preparing += opened
                done += opened
            for wire in (link.wire, link.coming, *link.leaving):
                if wire is not None:
                    done += self._tend(wire, now_ns)
        for link in self.links:
            due_ns = min(due_ns, self._link_due_ns(link, now_ns))
        self._due_ns = due_ns
        return done

    def _link_due_ns(self, link: Link, now_ns: int) -> int:
        due_ns = NEVER if self.held else link.wants()
        if link.wants() <= now_ns:
            due_ns = NEVER if self.held else now_ns + RETRY_WHEN_FULL_NS
        for wire in (link.wire, link.coming, *link.leaving):
            if wire is not None and wire.opened:
                due_ns = min(due_ns, wire.beat.next_ns())
                if wire.leave_ns > now_ns:
                    due_ns = min(due_ns, wire.leave_ns)
                else:
                    due_ns = min(due_ns, now_ns + BUSY_NS)
        return due_ns

    def _open(self, link: Link, now_ns: int) -> int:
        ledger = self._ledger
        shut_ns = max(ledger.ban_until_ns, ledger.close_until_ns)
        if now_ns < shut_ns:
            link.retry_ns = shut_ns
            return 0
        charges = self._side.charges(Ask(Want.CONNECT, link.accounts[0].name))
        if not ledger.take(RateShare.RECONCILIATION, charges, now_ns):
            link.retry_ns = now_ns + RETRY_WHEN_FULL_NS
            return 0
        asked = self.asked(link)
        target, headers = self._side.open(asked, self._stamp(now_ns))
        conn = self._ports.open_ws(self._group.ws_api_url + target, headers)
        by_frame = asked.ping == "frame"
        ping_after_ms = self._group.ping_after_ms if by_frame else asked.ping_every_ms
        beat = Heartbeat(ping_after_ms, self._group.pong_within_ms, now_ns)
        ping_text = b"" if by_frame else asked.ping.encode()
        link.coming = self._by_conn[conn] = Wire(conn, link, beat, ping_text)
        self.tell(link)
        return 1

    def _tend(self, wire: Wire, now_ns: int) -> int:
        """Heartbeat; a relieved wire is closed once nothing is asked on it."""
        if not wire.opened:
            return 0
        if now_ns >= wire.leave_ns and not self._busy(wire.conn):
            self._ports.close(wire.conn)
            del self._by_conn[wire.conn]
            wire.link.leaving.remove(wire)
            self.tell(wire.link)
            return 1
        beat = wire.beat.look(now_ns)
        if beat is Beat.PING:
            if wire.ping_text:
                self._ports.send(wire.conn, wire.ping_text)
            else:
                self._ports.ping(wire.conn, PING_PAYLOAD)
            return 1
        if beat is Beat.DEAD:
            wire.link.dead_peers += 1
            silent_ms = (now_ns - wire.beat.heard_ns) // NS_PER_MS
            self.close(wire, now_ns, f"no sign of life for {silent_ms} ms")
            return 1
        return 0

    def next_timer_ns(self) -> int:
        """When `work` has something to do."""
        return self._due_ns

    def tell(self, link: Link) -> None:
        """Write the link's row in table `links.<role>`."""
        wire = link.wire
        state = LinkState.OPEN if wire is not None else LinkState.DOWN
        if link.coming is not None:
            state = LinkState.OPENING if wire is None else LinkState.REPLACING
        self._table.write(
            link.index, type=int(RecordType.LINK_ROW), link=link.index, state=int(state),
            exchange=int(self._exchange), accounts=len(link.accounts), opens=link.opens,
            losses=link.losses, dead_peers=link.dead_peers, replaced=link.replaced,
            logged_on=int(wire is not None and wire.logged_on),
            opened_ns=wire.ready_ns if wire is not None else 0,
            heard_ns=wire.beat.heard_ns if wire is not None else 0,
            replace_ns=wire.replace_ns if wire is not None else 0,
            doubled=sum(account.doubles for account in link.accounts),
        )  # fmt: skip
