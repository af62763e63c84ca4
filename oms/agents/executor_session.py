"""An executor's connections and questions: who was asked what, and what became of it.

Owns the WebSocket-API connections (links), the accounts on them, and every question that has no
answer yet. A question ends in exactly one way: its answer, its time-out, or the end of its
connection; the agent's `answered` is told. A late answer still comes through, marked `overdue`:
it is evidence.

Accounts share links when there are more of them than CONNECTIONS_PER_AGENT_MAX; the venue allows
several signed subscriptions on one connection (userDataStream.subscribe.signature).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from oms.agents.base import NEVER, Ports
from oms.agents.executor_checks import RateWindow
from oms.config import GroupConfig
from oms.venues.binance.errors import HTTP_BANNED, HTTP_TOO_MANY
from oms.venues.binance.trade import AccountFrames
from oms.venues.binance.trade_parse import Reply
from oms.venues.trade_base import Instrument
from shm_layout.limits import CONNECTIONS_PER_AGENT_MAX, ORDERS_MAX
from shm_layout.records import NO_ID

NS_PER_MS = 1_000_000
BACKOFF_FIRST_NS = 100_000_000
BACKOFF_MAX_NS = 5_000_000_000
PAUSE_DEFAULT_NS = 10_000_000_000
"""429 or 418 without a time: so long nothing of that class is sent."""
PING_AFTER_NS = 3_000_000_000
"""A link that was silent for so long is asked for a sign of life; no answer in time ends it."""
OVERDUE_MAX = 4096


class What(IntEnum):
    """What a question is for."""

    NEW = 1
    CANCEL = 2
    CANCEL_ALL = 3
    QUERY = 4
    QUERY_TRADES = 5
    SUBSCRIBE = 6
    PING = 7
    OPEN_ORDERS = 8
    BALANCES = 9
    ORDER = 10
    ORDER_TRADES = 11
    TRADES = 12
    WHOSE = 13


@dataclass(slots=True)
class Link:
    """One WebSocket-API connection."""

    index: int
    accounts: list[Account] = field(default_factory=list)
    conn: int = NO_ID
    opened: bool = False
    retry_ns: int = 0
    backoff_ns: int = BACKOFF_FIRST_NS
    last_recv_ns: int = 0
    pinged: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """One account of the group."""

    account_id: int
    name: str
    frames: AccountFrames = field(repr=False)
    link: Link = field(repr=False)
    rate: RateWindow = field(repr=False)
    subscription_id: int = NO_ID
    """NO_ID: this connection does not carry its events."""
    ready: bool = False
    """Reconciled on this connection: new orders may go."""
    client_ids: dict[tuple[int, int], int] = field(default_factory=dict, repr=False)
    """(instrument, venue's order id) -> ours; 0 = known not to be ours. Newest ORDERS_MAX.
    Binance counts orders, and trades, by symbol."""

    def learn(self, instrument_id: int, venue_order_id: int, client_order_id: int) -> None:
        """Note whose order the venue means by its id."""
        known = self.client_ids
        key = (instrument_id, venue_order_id)
        if key not in known and len(known) >= ORDERS_MAX:
            del known[next(iter(known))]
        known[key] = client_order_id


@dataclass(slots=True)
class Question:
    """One request without an answer so far."""

    what: What
    account: Account
    client_order_id: int = 0
    instrument: Instrument | None = None
    cause_pos: int = NO_ID
    context: Any = None
    sent_ns: int = 0
    conn: int = NO_ID
    """NO_ID: it went by REST."""
    overdue: bool = False


class Session:
    """Links, questions and pauses of one executor."""

    def __init__(
        self, ports: Ports, group: GroupConfig, ended: Callable[[Question, int], None]
    ) -> None:
        self.ports = ports
        self.links: list[Link] = []
        self.questions: dict[int, Question] = {}
        """Open ones, oldest first."""
        self.late: dict[int, Question] = {}
        """Ended by time; an answer may still come."""
        self.rest: dict[int, Question] = {}
        self.pause_until_ns = 0
        """429: no new orders and queries before this."""
        self.ban_until_ns = 0
        """418: nothing at all before this."""
        self.held = False
        """True: no link is opened (the executions' ring is behind)."""
        self.stirred = True
        """Something happened that a reconciliation may wait for; its owner looks, and resets it."""
        self._group = group
        self._ended = ended
        self._timeout_ns = group.answer_timeout_ms * NS_PER_MS
        self._next_id = 1
        self._by_conn: dict[int, Link] = {}
        self._links_down = 0
        self._ping_due_ns = 0
        """No link wants a ping before this: with many links they are not looked at each turn."""

    def make_links(self, count: int) -> None:
        """As many links as accounts, up to the limit of connections."""
        self.links = [Link(k) for k in range(min(count, CONNECTIONS_PER_AGENT_MAX))]
        self._links_down = len(self.links)

    # Connections

    def open_due(self, now_ns: int) -> int:
        """Open every link whose waiting time is over."""
        opened = 0
        if self._links_down == 0 or self.held or now_ns < self.ban_until_ns:
            return opened
        for link in self.links:
            if link.conn == NO_ID and now_ns >= link.retry_ns:
                link.conn = self.ports.open_ws(self._group.ws_api_url)
                self._by_conn[link.conn] = link
                link.pinged = False
                opened += 1
        self._links_down -= opened
        return opened

    def link_of(self, conn: int) -> Link | None:
        """The link that a connection belongs to now."""
        return self._by_conn.get(conn)

    def close(self, link: Link, now_ns: int, reason: str) -> None:
        """End a link from our side; what was asked on it has no answer."""
        if link.conn != NO_ID:
            self.ports.close(link.conn)
            self.lost(link, now_ns, reason)

    def lost(self, link: Link, now_ns: int, reason: str) -> None:
        """A link ended: its questions end unanswered, it is opened again after a while."""
        conn = link.conn
        self.ports.log("warning", "private_link_lost", link=link.index, reason=reason)
        del self._by_conn[conn]
        link.conn, link.opened = NO_ID, False
        self._links_down += 1
        self.stirred = True
        link.retry_ns = now_ns + link.backoff_ns
        link.backoff_ns = min(link.backoff_ns * 2, BACKOFF_MAX_NS)
        for account in link.accounts:
            account.ready, account.subscription_id = False, NO_ID
        for request_id in [k for k, q in self.late.items() if q.conn == conn]:
            del self.late[request_id]
        for request_id in [k for k, q in self.questions.items() if q.conn == conn]:
            self._ended(self.questions.pop(request_id), now_ns)

    # Questions

    def next_id(self) -> int:
        """A request id of the WebSocket API."""
        self._next_id += 1
        return self._next_id

    def send(self, request_id: int, frame: bytes, question: Question, now_ns: int) -> None:
        """Send a finished frame on the account's link."""
        question.sent_ns, question.conn = now_ns, question.account.link.conn
        self.questions[request_id] = question
        self.ports.send(question.conn, frame)

    def ask(
        self, method: str, params: Mapping[str, str | int], question: Question, now_ns: int
    ) -> bool:
        """Ask by WebSocket where the link is up, else by REST; False = not sent: banned, or no
        cancel while the venue wants a pause.
        """
        cancel = question.what in (What.CANCEL, What.CANCEL_ALL)
        if now_ns < self.ban_until_ns or (now_ns < self.pause_until_ns and not cancel):
            return False
        account = question.account
        now_ms = now_ns // NS_PER_MS
        if account.link.opened:
            request_id = self.next_id()
            frame = account.frames.signed(request_id, method, now_ms, params)
            self.send(request_id, frame, question, now_ns)
            return True
        verb, target, headers = account.frames.rest(method, now_ms, params)
        question.sent_ns = now_ns
        request_id = self.ports.request(self._group.rest_url, verb, target, headers, b"")
        self.rest[request_id] = question
        return True

    def take(self, conn: int, reply: Reply) -> Question | None:
        """The question that a WebSocket reply answers; it is then closed."""
        for asked in (self.questions, self.late):
            question = asked.get(reply.request_id)
            if question is not None and question.conn == conn:
                return asked.pop(reply.request_id)
        return None

    def put_back(self, request_id: int, question: Question) -> None:
        """An answer turned out to be another's: the question stays open."""
        (self.late if question.overdue else self.questions)[request_id] = question

    def note_limits(self, reply: Reply, now_ns: int) -> None:
        """429 pauses new orders and queries, 418 everything (RELIABILITY D22)."""
        if reply.status not in (HTTP_TOO_MANY, HTTP_BANNED):
            return
        until_ns = max(reply.retry_at_ms * NS_PER_MS, now_ns)
        if until_ns == now_ns:
            until_ns = now_ns + PAUSE_DEFAULT_NS
        if reply.status == HTTP_BANNED:
            self.ban_until_ns = max(self.ban_until_ns, until_ns)
        self.pause_until_ns = max(self.pause_until_ns, until_ns)
        self.ports.log("error", "venue_asks_pause", status=reply.status, until_ns=until_ns)

    # Time

    def expire(self, now_ns: int) -> int:
        """End questions that waited too long; end links that give no sign of life."""
        due = now_ns - self._timeout_ns
        late = []
        for request_id, question in self.questions.items():
            if question.sent_ns > due:
                break
            late.append(request_id)
        for request_id in late:
            self._expire_one(request_id, now_ns)
        return len(late) + self._ping(now_ns)

    def _expire_one(self, request_id: int, now_ns: int) -> None:
        question = self.questions.pop(request_id, None)
        if question is None:
            return
        question.overdue = True
        if len(self.late) >= OVERDUE_MAX:
            del self.late[next(iter(self.late))]
        self.late[request_id] = question
        self._ended(question, now_ns)
        link = question.account.link
        silent = link.opened and link.conn == question.conn
        silent = silent and link.last_recv_ns < question.sent_ns
        if silent and question.what is What.PING:
            self.close(link, now_ns, "no sign of life")
        elif silent and not link.pinged:
            # One lost answer on a quiet link is no proof that the link is dead: ask.
            self._ask_life(link, now_ns)

    def _ping(self, now_ns: int) -> int:
        if now_ns < self._ping_due_ns:
            return 0
        count = 0
        # A link that hears something later than now wants its ping later than this.
        due_ns = now_ns + PING_AFTER_NS
        for link in self.links:
            if not link.opened or link.pinged:
                continue
            if now_ns >= link.last_recv_ns + PING_AFTER_NS:
                self._ask_life(link, now_ns)
                count += 1
            else:
                due_ns = min(due_ns, link.last_recv_ns + PING_AFTER_NS)
        self._ping_due_ns = due_ns
        return count

    def _ask_life(self, link: Link, now_ns: int) -> None:
        link.pinged = True
        request_id = self.next_id()
        question = Question(What.PING, link.accounts[0])
        self.send(request_id, b'{"id":"%d","method":"ping"}' % request_id, question, now_ns)

    def next_timer_ns(self) -> int:
        """The next time-out, reopening or ping."""
        due = NEVER
        for question in self.questions.values():
            due = question.sent_ns + self._timeout_ns
            break
        if self._links_down and not self.held:
            for link in self.links:
                if link.conn == NO_ID:
                    due = min(due, max(link.retry_ns, self.ban_until_ns))
        return min(due, self._ping_due_ns) if self.links else due
