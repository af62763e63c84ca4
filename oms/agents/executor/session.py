"""An executor's questions to its venue: who was asked what, and what became of it.

Owns every question that has no answer yet, and the rate ledger that each is charged to. A question
ends in exactly one way: its answer, its time-out, or the end of its connection; the agent's
`answered` is told. A late answer still comes through, marked `overdue`: it is evidence.

By which way: queries and cancels go by the account's wire where it carries them, else by REST. A
new order goes by `order_way` alone: where that is not open it is NOT_SENT, which is known at once
and costs nothing, while a second way would have to be proved never to double the first (DESIGN.md
law 8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from oms.agents.executor.links import Account, Link, Links, Wire
from oms.agents.executor.rest import RestQuestions
from oms.agents.rates.ledger import Charges, Ledger, Taking
from oms.agents.venue_clock import VenueClock
from oms.config import GroupConfig
from oms.ports import NEVER, Ports
from oms.text import uuid_text
from oms.units import NS_PER_MS
from oms.venues.buckets import URGENT_PERCENT
from oms.venues.data import Way
from oms.venues.orders import OrderSide, order_way
from oms.venues.reports import (
    Ask,
    Instrument,
    Item,
    Pause,
    Reply,
    Stamp,
    Verdict,
    Want,
)
from oms.venues.shared.order_command import Command
from shm_layout.enums import RateShare
from shm_layout.limits import TEXT_CHARS_MAX
from shm_layout.records import NO_ID

OVERDUE_MAX = 4096
CONNECTION = "connection"
_UUID_BYTES = 16


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
    FACT = 14
    """What `OrderSide.setup` wants to know of the account."""
    REPLACE = 15
    FENCE = 16


PLACES = frozenset({What.NEW, What.REPLACE})
"""What may bring a new order to the exchange."""
_CANCELS = (What.CANCEL, What.CANCEL_ALL)


def share_of(what: What) -> RateShare:
    """The share that a question is charged to. A fence is counted as an order: it is one, that must
    be refused."""
    if what in PLACES or what is What.FENCE:
        return RateShare.ORDERS
    return RateShare.CANCELS if what in _CANCELS else RateShare.RECONCILIATION


@dataclass(slots=True)
class Question:
    """One request without an answer so far."""

    what: What
    account: Account
    ask: Ask
    client_order_id: int = 0
    instrument: Instrument | None = None
    cause_pos: int = NO_ID
    context: Any = None
    sent_ns: int = 0
    conn: int = NO_ID
    """NO_ID: it went by REST."""
    overdue: bool = False
    mark: int = 0
    """The ledger's total when it went."""


def question_of(
    what: What, want: Want, command: Command, account: Account, instrument: Instrument, pos: int
) -> Question:
    """A command of risk as a question to the exchange."""
    order_id = command.client_order_id
    ask = Ask(
        want, account.name, instrument=instrument, orders=(command,), client_order_id=order_id
    )
    return Question(what, account, ask, order_id, instrument, pos)


@dataclass(slots=True)
class Known:
    """What reading an answer may look up (`oms/venues/reports.py: Known`)."""

    session: Session = field(repr=False)
    system_id: int = 0
    by_symbol: dict[tuple[str, str], Instrument] = field(default_factory=dict)
    """(market, the exchange's own string) -> instrument."""
    conn: int = NO_ID
    """The connection whose message is read."""

    def instrument(self, market: str, symbol: str) -> Instrument | None:
        """By the exchange's own string."""
        return self.by_symbol.get((market, symbol))

    def learn(self, market: str, instrument: Instrument) -> None:
        """An instrument that is traded here."""
        self.by_symbol[market, instrument.symbol] = instrument

    def ask_of(self, request_id: int) -> Ask | None:
        """What was asked on this connection."""
        question = self.session.asked_by(self.conn, request_id)
        return None if question is None else question.ask

    def client_order_id(self, market: str, venue_order_id: str) -> int:
        """Whose order it is, as far as any account of the group knows."""
        del market
        return self.session.links.owner(venue_order_id)


class Session:
    """Questions of one executor; see the module's text."""

    def __init__(
        self,
        ports: Ports,
        group: GroupConfig,
        ledger: Ledger,
        clock: VenueClock,
        side: OrderSide,
        *,
        ended: Callable[[Question, int], None],
        relieved: Callable[[Link, int], None],
    ) -> None:
        self.ports = ports
        self.ledger = ledger
        self.clock = clock
        self.side = side
        self.known = Known(self)
        self._placing: Taking = ()
        """What a new order takes of counts that all accounts share."""
        self._closed_until_ns = 0
        self.links = Links(
            ports, group, ledger, side, stamp=self._rest_stamp,
            prepare=self._prepare, relieved=relieved, ended=self._conn_ended, busy=self._busy,
        )  # fmt: skip
        self.questions: dict[int, Question] = {}
        """Open ones, oldest first."""
        self.late: dict[int, Question] = {}
        """Ended by time; an answer may still come."""
        self.order_way = order_way(group, [side.markets[name] for name in group.venues])
        self.rest = RestQuestions(
            ports, group, self.order_way, lambda now_ns: now_ns >= ledger.ban_until_ns
        )
        self.stirred = True
        """Something happened that a reconciliation may wait for; its owner looks, and resets it."""
        self._ended = ended
        self._timeout_ns = group.answer_timeout_ms * NS_PER_MS
        self.newest_id = 1
        """Of the newest request."""

    # Asking

    def place(self, question: Question, wire: Wire, now_ns: int) -> str:
        """Send a new order that passed every check and was charged to the ledger. Returns "", or
        why nothing left.
        """
        if self.order_way is Way.SOCKET:
            sent = self._send(question, wire, now_ns)
            assert sent, "orders go by the socket"
            return ""
        made = self.side.ask(question.ask, Way.REST, self._rest_stamp(now_ns))
        if made is None:
            return "the exchange has no such order"
        question.sent_ns, question.mark = now_ns, self.ledger.total
        return "" if self.rest.place(made.body, question) else self.why_no_connection()

    def why_no_connection(self) -> str:
        """Why no new order can leave now, as far as connections go; "" = one can."""
        connections = self.rest.connections
        return connections.why_not() if connections and not connections.free() else ""

    def next_request_id(self) -> int:
        """Of a request that the caller sends itself."""
        self.newest_id += 1
        return self.newest_id

    def placed(
        self, request_id: int, question: Question, wire: Wire, now_ns: int
    ) -> tuple[bool, bool]:
        """A new order left on `wire`, for which there was room: count it, wait for its answer.
        Returns `has_order_room` and `has_order_room_of` its account from now on."""
        fits = self.ledger.sent_one_of_many(
            RateShare.ORDERS, self._placing, question.account.placing, now_ns
        )
        self._await(request_id, question, wire, now_ns)
        return fits

    def has_order_room(self, now_ns: int) -> bool:
        """Whether the counts that all accounts share have room for one more order."""
        return self.ledger.fits_in(RateShare.ORDERS, self._placing, now_ns)

    def has_order_room_of(self, account: Account, now_ns: int) -> bool:
        """Whether those of this account have."""
        return self.ledger.fits_in(RateShare.ORDERS, account.placing, now_ns)

    def learn_placing(self, account: Account) -> None:
        """What the account's plain orders take: its own counts, and those of all accounts."""
        taking = self.ledger.taking(self.side.charges(Ask(Want.PLACE, account.name)))
        account.placing = tuple(one for one in taking if account.name in one[0].key)
        self._placing = tuple(one for one in taking if account.name not in one[0].key)

    def refusal(self, question: Question, now_ns: int) -> str:
        """Charge a new order to the ledger; why it must not go now, else ""."""
        charges = self.side.charges(question.ask)
        if self.ledger.take(RateShare.ORDERS, charges, now_ns):
            return ""
        return self.ledger.why_not(RateShare.ORDERS, charges, now_ns)

    def _stamp(self, request_id: int, now_ns: int, *, logged_on: bool = False) -> Stamp:
        return Stamp(self.clock.venue_ms(now_ns), request_id, logged_on=logged_on)

    def _rest_stamp(self, now_ns: int) -> Stamp:
        nonce = uuid_text(self.ports.random_bytes(_UUID_BYTES))
        return Stamp(self.clock.venue_ms(now_ns), 0, nonce)

    def _send(self, question: Question, wire: Wire, now_ns: int) -> bool:
        """Ask on a socket; False = that carries no such question."""
        request_id = self.newest_id + 1
        stamp = self._stamp(request_id, now_ns, logged_on=wire.logged_on)
        made = self.side.ask(question.ask, Way.SOCKET, stamp)
        if made is None:
            return False
        assert isinstance(made.body, bytes), "what leaves on a socket is bytes"
        self.newest_id = request_id
        self._await(request_id, question, wire, now_ns)
        self.ports.send(wire.conn, made.body)
        return True

    def _await(self, request_id: int, question: Question, wire: Wire, now_ns: int) -> None:
        question.sent_ns, question.conn, question.mark = now_ns, wire.conn, self.ledger.total
        self.questions[request_id] = question

    def charges(self, ask: Ask, conn: int) -> Charges:
        """What a request takes; where a connection counts, of this one."""
        return self.ledger.of_connection(self.side.charges(ask), conn)

    def reconcile(self, question: Question, now_ns: int) -> bool:
        """Ask for a reconciliation; False = not now. A part of the share is left for what cannot
        wait: connections, and queries of orders in doubt. Many accounts would else keep these
        out. An account that does not trade yet may borrow from other shares.
        """
        ledger, share = self.ledger, RateShare.RECONCILIATION
        charges = self.side.charges(question.ask)
        taking = ledger.taking(charges)
        if ledger.fits_in(share, taking, now_ns, kept_percent=URGENT_PERCENT):
            ledger.sent(share, taking, now_ns)
        elif question.account.ready or not ledger.borrow(charges, now_ns):
            return False
        self._ask(question, now_ns)
        return True

    def room_ns(self, question: Question, now_ns: int) -> int:
        """When a question that was not asked may fit."""
        return self.ledger.next_window_ns(now_ns, self.side.charges(question.ask))

    def ask(self, question: Question, now_ns: int) -> bool:
        """Ask by WebSocket where the wire is up and carries it, else by REST; False = not sent: it
        did not fit its share, or the venue wants a pause.
        """
        charges = self.side.charges(question.ask)
        if not self.ledger.take(share_of(question.what), charges, now_ns):
            return False
        self._ask(question, now_ns)
        return True

    def _ask(self, question: Question, now_ns: int) -> None:
        wire = question.account.link.wire
        if wire is not None and self._send(question, wire, now_ns):
            return
        made = self.side.ask(question.ask, Way.REST, self._rest_stamp(now_ns))
        assert made is not None, f"{question.ask.want.name} goes by no REST"
        question.sent_ns, question.mark = now_ns, self.ledger.total
        self.rest.ask(made.body, question)

    # Preparing a wire

    def _prepare(self, wire: Wire, now_ns: int) -> None:
        """It is open: what the exchange wants to hear first."""
        stamp = self._stamp(0, now_ns)
        for ask in self.side.greet(self.links.asked(wire.link), stamp):
            self._ask_session(ask, wire, now_ns)

    def _ask_session(self, ask: Ask, wire: Wire, now_ns: int) -> None:
        # A link that is up is worth more than its weight of 2: charged, and sent all the same.
        self.ledger.take(RateShare.RECONCILIATION, self.charges(ask, wire.conn), now_ns)
        what = What.LOGON if ask.want is Want.LOGON else What.SUBSCRIBE
        account = next(one for one in wire.link.accounts if one.name == ask.account)
        sent = self._send(Question(what, account, ask), wire, now_ns)
        assert sent, f"{ask.want.name} goes by no socket"

    def prepared(self, question: Question, reply: Reply, now_ns: int) -> None:
        """The venue's answer to a logon or a subscription."""
        wire = self.links.wire_of(question.conn)
        if wire is None:
            return
        (item,) = reply.items
        done = self.side.judge(question.ask, item).verdict is Verdict.DONE
        if question.what is What.LOGON:
            wire.logged_on = done
            if not done:
                self._complain("no_session_logon", question, item)
            for ask in self.side.follow(question.ask, reply):
                self._ask_session(ask, wire, now_ns)
            return
        if not done:
            self.unsubscribed(question, item, now_ns)
            return
        self.links.carried(wire, question.account, item.value, now_ns)

    def unsubscribed(self, question: Question, item: Item, now_ns: int) -> None:
        """A subscription was refused, or its answer cannot be read: the wire is of no use."""
        self._complain("no_user_stream", question, item)
        wire = self.links.wire_of(question.conn)
        if wire is not None:
            self.links.close(wire, now_ns, "no user stream")

    def _complain(self, event: str, question: Question, item: Item) -> None:
        self.ports.log("error", event, account=question.account.name, status=item.status,
                       code=item.code, text=item.text[:TEXT_CHARS_MAX])  # fmt: skip

    # Answers

    def take(self, conn: int, reply: Reply) -> Question | None:
        """The question that a WebSocket reply answers; it is then closed."""
        question = self.asked_by(conn, reply.request_id)
        if question is not None:
            self.questions.pop(reply.request_id, None)
            self.late.pop(reply.request_id, None)
        return question

    def asked_by(self, conn: int, request_id: int) -> Question | None:
        """The open or late question of this number on this connection."""
        for asked in (self.questions, self.late):
            question = asked.get(request_id)
            if question is not None and question.conn == conn:
                return question
        return None

    def put_back(self, request_id: int, question: Question) -> None:
        """An answer turned out to be another's: the question stays open."""
        (self.late if question.overdue else self.questions)[request_id] = question

    def note(self, reply: Reply, question: Question | None, now_ns: int) -> None:
        """What any answer says beside itself: the venue's counts, a pause, a wrong clock.

        A pause has a key: an account's stops what is charged to it, the address's new orders and
        queries, or everything (RELIABILITY D22).
        """
        pause = reply.pause
        if question is not None:
            self.ledger.note(reply.usage, question.mark, question.sent_ns, now_ns)
            for item in reply.items:
                judged = self.side.judge(question.ask, item)
                pause = pause or judged.pause
                if judged.clock:
                    self.ports.log("warning", "timestamp_refused", offset_ns=self.clock.offset_ns)
                    self.clock.hurry(now_ns)
        if pause is not None:
            self._pause(pause, question, now_ns)

    def _pause(self, pause: Pause, question: Question | None, now_ns: int) -> None:
        account = "" if question is None else question.account.name
        wire = None if question is None else self.links.wire_of(question.conn)
        if pause.key[0] == CONNECTION and pause.close_sockets:
            # It is about to end: a new one is no trouble to the exchange.
            if wire is not None:
                self.links.close(wire, now_ns, "the venue ends it")
            return
        self.ledger.note_pause(pause, now_ns, account)
        self.keep_closed(now_ns)

    def keep_closed(self, now_ns: int) -> int:
        """Close every connection where the exchange told any process of the desk to be silent;
        returns whether it did."""
        self.ledger.look_at_peers(now_ns)
        until_ns = self.ledger.close_until_ns
        if now_ns >= until_ns or until_ns == self._closed_until_ns:
            return 0
        self._closed_until_ns = until_ns
        self.links.silence(until_ns, now_ns)
        return 1

    def new_orders(self) -> list[tuple[int, int, bool]]:
        """(our id, when it was signed, whether it timed out) of each without an answer."""
        rest = self.rest
        asked = (
            *self.questions.values(), *self.late.values(),
            *rest.open.values(), *rest.late.values(),
        )  # fmt: skip
        return [(q.client_order_id, q.sent_ns, q.overdue) for q in asked if q.what in PLACES]

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
        unanswered = self.rest.expire(now_ns)
        for question in unanswered:
            self._ended(question, now_ns)
        return len(late) + len(unanswered)

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
        return min(due, self.links.next_timer_ns(), self.rest.next_timer_ns())
