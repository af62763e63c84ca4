"""An executor's questions to its venue: who was asked what, and what became of it.

Owns every question that has no answer yet, and the rate ledger that each is charged to. A question
ends in exactly one way: its answer, its time-out, or the end of its connection; the agent's
`answered` is told. A late answer still comes through, marked `overdue`: it is evidence.

By which way: queries and cancels go by the account's wire, else by REST. A new order goes by the
wire alone: where that is down it is NOT_SENT, which is known at once and costs nothing, while a
second way would have to be proved never to double the first (DESIGN.md law 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from oms.agents.executor.links import Account, Link, Links, Wire
from oms.agents.rates import URGENT_PERCENT, Ledger
from oms.agents.venue_clock import VenueClock
from oms.config import GroupConfig
from oms.ports import NEVER, Ports
from oms.venues.binance.errors import CODE_TIMESTAMP, CODE_TOO_MANY_ORDERS
from oms.venues.binance.trade import WEIGHT_ORDER, WEIGHT_SESSION, weight_of
from oms.venues.binance.trade_parse import Reply
from oms.venues.shared.order_command import Command
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY, Instrument
from shm_layout.enums import RateShare
from shm_layout.limits import TEXT_CHARS_MAX
from shm_layout.records import NO_ID

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
OVERDUE_MAX = 4096


class What(IntEnum):
    """What a question is for."""

    NEW = 1
    CANCEL = 2
    CANCEL_ALL = 3
    QUERY = 4
    QUERY_TRADES = 5
    SUBSCRIBE = 6
    LOGON = 7
    OPEN_ORDERS = 8
    BALANCES = 9
    ORDER = 10
    ORDER_TRADES = 11
    TRADES = 12
    WHOSE = 13


_CANCELS = (What.CANCEL, What.CANCEL_ALL)


def share_of(what: What) -> RateShare:
    """The share that a question is charged to."""
    if what is What.NEW:
        return RateShare.ORDERS
    return RateShare.CANCELS if what in _CANCELS else RateShare.RECONCILIATION


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
    mark: int = 0
    """Our total of request weight when it went."""
    order_mark: int = 0
    """Our total of the account's new orders when it went."""


class Session:
    """Questions of one executor; see the module's text."""

    def __init__(
        self,
        ports: Ports,
        group: GroupConfig,
        ledger: Ledger,
        clock: VenueClock,
        *,
        ended: Callable[[Question, int], None],
        relieved: Callable[[Link, int], None],
    ) -> None:
        self.ports = ports
        self.ledger = ledger
        self.clock = clock
        self.links = Links(
            ports, group, ledger,
            prepare=self._prepare, relieved=relieved, ended=self._conn_ended, busy=self._busy,
        )  # fmt: skip
        self.questions: dict[int, Question] = {}
        """Open ones, oldest first."""
        self.late: dict[int, Question] = {}
        """Ended by time; an answer may still come."""
        self.rest: dict[int, Question] = {}
        self.stirred = True
        """Something happened that a reconciliation may wait for; its owner looks, and resets it."""
        self._group = group
        self._ended = ended
        self._timeout_ns = group.answer_timeout_ms * NS_PER_MS
        self.newest_id = 1
        """Of the newest request."""

    # Asking

    def place(
        self, command: Command, account: Account, wire: Wire, instrument: Instrument,
        question: Question, now_ns: int,
    ) -> None:  # fmt: skip
        """Send a new order that passed every check and was charged to the ledger."""
        self.newest_id += 1
        request_id = self.newest_id
        venue_ms = self.clock.venue_ms(now_ns)
        frame = account.frames.place(request_id, venue_ms, instrument, command, wire.logged_on)
        question.order_mark = account.orders.count(now_ns)
        self._send(request_id, frame, question, wire, now_ns)

    def next_request_id(self) -> int:
        """Of a request that the caller sends itself."""
        self.newest_id += 1
        return self.newest_id

    def placed(self, request_id: int, question: Question, wire: Wire, now_ns: int) -> None:
        """A new order left on `wire`, for which there was room: count it, wait for its answer."""
        self.ledger.sent(RateShare.ORDERS, WEIGHT_ORDER, now_ns)
        question.order_mark = question.account.orders.count(now_ns)
        self._await(request_id, question, wire, now_ns)

    def has_order_room(self, now_ns: int) -> bool:
        """Whether the address has request weight for one more order."""
        return self.ledger.fits(RateShare.ORDERS, WEIGHT_ORDER, now_ns)

    def may_place(self, account: Account, now_ns: int) -> bool:
        """Charge a new order to the ledger; False = it must not go now."""
        if account.orders.full(now_ns):
            account.orders.refused += 1
            account.orders.changed = True
            return False
        return self.ledger.charge(RateShare.ORDERS, WEIGHT_ORDER, now_ns)

    def why_not(self, account: Account, now_ns: int) -> str:
        """Why `may_place` said no, for the record's text."""
        if self.ledger.blocked(RateShare.ORDERS, now_ns):
            return "the venue wants a pause"
        if account.orders.full(now_ns):
            return f"{account.orders.limit} new orders in 10 s"
        return "no request weight left for orders"

    def _send(
        self, request_id: int, frame: bytes, question: Question, wire: Wire, now_ns: int
    ) -> None:
        self._await(request_id, question, wire, now_ns)
        self.ports.send(wire.conn, frame)

    def _await(self, request_id: int, question: Question, wire: Wire, now_ns: int) -> None:
        question.sent_ns, question.conn, question.mark = now_ns, wire.conn, self.ledger.total
        self.questions[request_id] = question

    def reconcile(
        self, method: str, params: Mapping[str, str | int], question: Question, now_ns: int
    ) -> bool:
        """Ask for a reconciliation; False = not now. A part of the share is left for what cannot
        wait: connections, and queries of orders in doubt. Many accounts would else keep these
        out. An account that does not trade yet may borrow from other shares.
        """
        weight = weight_of(method, params)
        share, ledger = RateShare.RECONCILIATION, self.ledger
        whole = ledger.share_of(share)
        kept = max(min(whole * URGENT_PERCENT // 100, whole - weight), 0)
        if ledger.fits(share, weight + kept, now_ns):
            return self.ask(method, params, question, now_ns)
        if question.account.ready or not ledger.borrow(weight, now_ns):
            return False
        self._ask(method, params, question, now_ns)
        return True

    def ask(
        self, method: str, params: Mapping[str, str | int], question: Question, now_ns: int
    ) -> bool:
        """Ask by WebSocket where the wire is up, else by REST; False = not sent: it did not fit
        its share, or the venue wants a pause.
        """
        weight = weight_of(method, params)
        if not self.ledger.charge(share_of(question.what), weight, now_ns):
            return False
        self._ask(method, params, question, now_ns)
        return True

    def _ask(
        self, method: str, params: Mapping[str, str | int], question: Question, now_ns: int
    ) -> None:
        account = question.account
        wire, venue_ms = account.link.wire, self.clock.venue_ms(now_ns)
        question.order_mark = account.orders.total
        if wire is not None:
            self.newest_id += 1
            frame = account.frames.signed(self.newest_id, method, venue_ms, params, wire.logged_on)
            self._send(self.newest_id, frame, question, wire, now_ns)
            return
        verb, target, headers = account.frames.rest(method, venue_ms, params)
        question.sent_ns, question.mark = now_ns, self.ledger.total
        request_id = self.ports.request(self._group.rest_url, verb, target, headers, b"")
        self.rest[request_id] = question

    # Preparing a wire

    def _prepare(self, wire: Wire, now_ns: int) -> None:
        """It is open: log on where one key serves the whole wire, else subscribe by signature."""
        accounts = wire.link.accounts
        if len(accounts) == 1 and accounts[0].frames.can_log_on:
            self.newest_id += 1
            frame = accounts[0].frames.logon(self.newest_id, self.clock.venue_ms(now_ns))
            self._ask_session(What.LOGON, frame, wire, accounts[0], now_ns)
        else:
            self._subscribe(wire, now_ns)

    def _subscribe(self, wire: Wire, now_ns: int) -> None:
        for account in wire.link.accounts:
            self.newest_id += 1
            venue_ms = self.clock.venue_ms(now_ns)
            frame = account.frames.subscribe(self.newest_id, venue_ms, wire.logged_on)
            self._ask_session(What.SUBSCRIBE, frame, wire, account, now_ns)

    def _ask_session(
        self, what: What, frame: bytes, wire: Wire, account: Account, now_ns: int
    ) -> None:
        # A link that is up is worth more than its weight of 2: charged, and sent all the same.
        self.ledger.charge(RateShare.RECONCILIATION, WEIGHT_SESSION, now_ns)
        self._send(self.newest_id, frame, Question(what, account), wire, now_ns)

    def prepared(self, question: Question, reply: Reply, now_ns: int) -> None:
        """The venue's answer to a logon or a subscription."""
        wire = self.links.wire_of(question.conn)
        if wire is None:
            return
        if question.what is What.LOGON:
            wire.logged_on = reply.code == 0 and 200 <= reply.status < 300
            if not wire.logged_on:
                self._complain("no_session_logon", question, reply)
            self._subscribe(wire, now_ns)
            return
        given = reply.result.get("subscriptionId") if isinstance(reply.result, dict) else None
        if reply.code or not isinstance(given, int) or isinstance(given, bool) or given < 0:
            self._complain("no_user_stream", question, reply)
            self.links.close(wire, now_ns, "no user stream")
            return
        self.links.carried(wire, question.account, given, now_ns)

    def _complain(self, event: str, question: Question, reply: Reply) -> None:
        self.ports.log("error", event, account=question.account.name, status=reply.status,
                       code=reply.code, text=reply.text[:TEXT_CHARS_MAX])  # fmt: skip

    # Answers

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

    def note(self, reply: Reply, question: Question | None, now_ns: int) -> None:
        """What any answer says beside itself: the venue's counts, a pause, a wrong clock.

        Too many orders is the account's matter and stops its new orders alone; 429 for request
        weight pauses new orders and queries, 418 everything (RELIABILITY D22).
        """
        if question is not None:
            usage = reply.usage
            self.ledger.note(usage, question.mark, question.sent_ns, now_ns)
            if usage.orders_10s >= 0 or usage.orders_day >= 0:
                question.account.orders.note(usage, question.order_mark, question.sent_ns, now_ns)
        if reply.code == CODE_TIMESTAMP:
            self.ports.log("warning", "timestamp_refused", offset_ns=self.clock.offset_ns)
            self.clock.hurry(now_ns)
        if reply.status not in (HTTP_TOO_MANY, HTTP_BANNED):
            return
        until_ns = reply.retry_at_ms * NS_PER_MS - self.clock.offset_ns if reply.retry_at_ms else 0
        if reply.retry_after_s:
            until_ns = now_ns + reply.retry_after_s * NS_PER_S
        if question is not None and reply.code == CODE_TOO_MANY_ORDERS:
            question.account.orders.pause(until_ns, now_ns)
        else:
            self.ledger.note_refusal(reply.status, until_ns, now_ns)

    # Ends

    def _busy(self, conn: int) -> bool:
        return any(question.conn == conn for question in self.questions.values())

    def _conn_ended(self, conn: int, now_ns: int) -> None:
        """A connection is gone: its questions end unanswered."""
        self.stirred = True
        for request_id in [k for k, q in self.late.items() if q.conn == conn]:
            del self.late[request_id]
        for request_id in [k for k, q in self.questions.items() if q.conn == conn]:
            self._ended(self.questions.pop(request_id), now_ns)

    def expire(self, now_ns: int) -> int:
        """End questions that waited too long."""
        due = now_ns - self._timeout_ns
        late = []
        for request_id, question in self.questions.items():
            if question.sent_ns > due:
                break
            late.append(request_id)
        for request_id in late:
            # The end of one may close a connection, and with it others.
            if request_id in self.questions:
                self._expire(request_id, now_ns)
        return len(late)

    def _expire(self, request_id: int, now_ns: int) -> None:
        question = self.questions.pop(request_id)
        question.overdue = True
        if len(self.late) >= OVERDUE_MAX:
            del self.late[next(iter(self.late))]
        self.late[request_id] = question
        self._ended(question, now_ns)

    def next_timer_ns(self) -> int:
        """The next time-out, or what a link wants."""
        due = NEVER
        for question in self.questions.values():
            due = question.sent_ns + self._timeout_ns
            break
        return min(due, self.links.next_timer_ns())
