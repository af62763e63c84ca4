"""The executor of one account domain: journaled commands out, evidence back.

Reads `orders.<group>`, writes `executions.<group>`. What is asked and when stands here; how the
exchange wants it said, and what its answers mean, is its `OrderSide`'s (`oms/venues/orders.py`).

Effect and cursor (DESIGN.md law 5): a command's cursor is released before its first byte leaves,
so a successor never sends it again. What a predecessor released and may or may not have sent is
found in risk's `orders` table: an order that waits for its venue, and whose command this
incarnation has not taken from the ring within one answer time, is reported NO_ANSWER; risk then
asks the venue. (The wait covers a risk that had written the table and not yet the ring.)

Start: the exchange's list -> INSTRUMENT_SPEC; wait for risk's rows; open links, subscribe,
reconcile; RECONCILED. After each reconnect the last three again; a connection that is replaced
before it ends (`executor/links.py`) costs nothing. New orders of an account are refused (NOT_SENT)
until it is reconciled. Everything that leaves is charged to the rate ledger (`rates`) and signed by
the venue's clock (`venue_clock`).
"""

from __future__ import annotations

from oms.agents.base import BaseAgent
from oms.agents.executor.answers import Answers
from oms.agents.executor.checks import LastChecks, Refusal
from oms.agents.executor.fast_path import SENT, FastPath
from oms.agents.executor.fast_path_hot import EMPTY, OTHER
from oms.agents.executor.links import Account, Link, Wire
from oms.agents.executor.orders import OrderTable
from oms.agents.executor.out import Outbox
from oms.agents.executor.predecessor import PredecessorWork, released_commands
from oms.agents.executor.refusals import Refusals
from oms.agents.executor.sender_word import LOOK_NS, SenderWord
from oms.agents.executor.session import PLACES, Question, What, question_of
from oms.agents.executor.stamp_hot import note_sent
from oms.agents.executor.start import Start, make_session
from oms.agents.latch import LatchView
from oms.agents.limits_view import LimitsView
from oms.config import DeskConfig
from oms.ports import NEVER, ConnEvent, HttpMeta, Ports
from oms.units import NS_PER_MS
from oms.venues.data import Way
from oms.venues.reports import (
    Ask,
    Balance,
    Instrument,
    MalformedMessageError,
    Read,
    Reply,
    Report,
    Want,
)
from oms.venues.shared.order_command import Command, CommandReader
from shm_layout.enums import Action, Exchange, ExecKind, RejectReason
from shm_layout.limits import EXECUTION_BACKLOG_MAX, TEXT_CHARS_MAX, WORK_BUDGET

TABLE_POLL_NS = 20_000_000
RUNS_AT_ONCE_MAX = 8
"""Accounts that reconcile at a time: with two hundred of them, the first trade before the last have
been asked for anything.
"""
GARBAGE_RECONCILE_NS = 1_000_000_000

_COMMAND_QUESTIONS = frozenset(
    {*PLACES, What.CANCEL, What.CANCEL_ALL, What.QUERY, What.QUERY_TRADES, What.FENCE}
)
_PLACING = frozenset({int(Action.NEW), int(Action.REPLACE)})
_SESSION_QUESTIONS = frozenset({What.LOGON, What.SUBSCRIBE})


class ExecutorAgent(BaseAgent):
    """See the module's text."""

    def __init__(self, config: DeskConfig, group_name: str) -> None:
        self.role = f"executor.{group_name}"
        self._config = config
        self._group_index = [g.name for g in config.groups].index(group_name)
        self._group = config.groups[self._group_index]
        self._draining = False
        self._now_ns = 0
        self.garbage = 0
        self.sent = 0
        """New orders, by either way."""

    # Start

    def on_start(self, ports: Ports, now_ns: int) -> None:
        """Take the rings and tables, learn from what a predecessor released, ask for the list."""
        self._ports = ports
        self._now_ns = now_ns
        self._orders = ports.reader(f"orders.{self._group.name}")
        self._commands = CommandReader(self._orders)
        self._outbox = Outbox(ports, self._group.name, Exchange[self._group.exchange.upper()])
        self._latch = LatchView(ports)
        self._checks = LastChecks(LimitsView(ports))
        self._order_table = OrderTable(ports.table_reader("orders"))
        self._latency = ports.table_writer(f"latency.{self.role}").rows
        settle_ns = self._group.answer_timeout_ms * NS_PER_MS
        self._predecessor = PredecessorWork(self._order_table, self._orders, settle_ns)
        self._session = make_session(
            ports, self._config, self._group, ended=self._ended, relieved=self._relieved,
            now_ns=now_ns,
        )  # fmt: skip
        self._ledger, self._clock = self._session.ledger, self._session.clock
        self._fast_path = FastPath(
            ports, self._orders, self._commands, checks=self._checks, predecessor=self._predecessor,
            session=self._session, latency=self._latency, may_trade=self._may_trade,
        )  # fmt: skip
        self._word = SenderWord(
            ports, self._group.name, self._latch, self._order_table,
            self._session.new_orders, now_ns,
        )  # fmt: skip
        for command in released_commands(self._orders):
            if command.action in _PLACING:
                self._checks.saw(command)
        self._prepared = False
        self._quiet_until_ns = 0
        """Until then only a command, a message, a connection's event or a reconciler that was woken
        can give us work: the same promise that a parked host relies on."""
        self._reconcile_due_ns = 0
        self._start = Start(
            ports, self._config, self._group_index, session=self._session, outbox=self._outbox,
            orders=self._order_table, now_ns=now_ns,
        )  # fmt: skip
        self._instruments = self._start.instruments
        self._refusals = Refusals(self._outbox, self._instruments)
        self._accounts = self._start.accounts
        self._reconcilers = self._start.reconcilers
        self._start.ask_listing(now_ns)

    def _prepare(self, now_ns: int) -> int:
        """Go to work once risk's rows are there."""
        if not self._start.ready(now_ns):
            return 0
        self._answers = Answers(self._session, self._outbox)
        self._predecessor.begin(set(self._accounts), now_ns)
        self._fast_path.begin(self._accounts, self._instruments)
        self._prepared = True
        self._clock.begin(now_ns)
        return 1

    # Turns

    def do_work(self, now_ns: int) -> int:
        """One turn: take commands, publish, prepare, reconcile, look at what is overdue."""
        self._now_ns = now_ns
        taken = self._take_commands(now_ns) if self._prepared else 0
        self._word.say(now_ns)
        if not taken and now_ns < self._quiet_until_ns and not self._session.stirred:
            return 0
        done = self._turn(now_ns)
        if done:
            self._fast_path.close()
        elif not taken and self._fast_path.closed and self._prepared:
            self._fast_path.renew(now_ns)
        if now_ns >= self._ledger.publish_due_ns():
            self._ledger.publish(now_ns)
        idle = self._prepared and not taken + done
        self._quiet_until_ns = self.next_timer_ns() if idle else 0
        return taken + done

    def _turn(self, now_ns: int) -> int:
        done = self._outbox.flush(now_ns)
        if now_ns >= self._start.listing_due_ns:
            self._start.ask_listing(now_ns)
            done += 1
        done += self._clock.ask(now_ns)
        if not self._prepared:
            return done + self._prepare(now_ns)
        self._hold_or_go(now_ns)
        done += self._session.keep_closed(now_ns)
        done += self._session.links.work(now_ns)
        done += self._session.rest.work(now_ns)
        done += self._session.expire(now_ns)
        if self._session.stirred or now_ns >= self._reconcile_due_ns:
            done += self._reconcile(now_ns)
        if now_ns >= self._predecessor.due_ns:
            done += self._settle(now_ns)
        return done + self._outbox.flush(now_ns)

    def _reconcile(self, now_ns: int) -> int:
        """Every account's reconciliation, those first that do not trade yet. Two hundred of them
        are not looked at each turn, but when something happened to one, or one is due.
        """
        self._session.stirred = False
        reconcilers = self._reconcilers.values()
        running = sum(reconciler.running for reconciler in reconcilers)
        waiting = any(reconciler.waits(now_ns) for reconciler in reconcilers)
        done = 0
        for reconciler in reconcilers:
            was_running = reconciler.running
            first = not (waiting and reconciler.account.ready)
            done += reconciler.work(now_ns, may_begin=first and running < RUNS_AT_ONCE_MAX)
            running += reconciler.running - was_running
        if done:
            self._session.stirred = True
        self._reconcile_due_ns = min((r.next_timer_ns() for r in reconcilers), default=NEVER)
        return done

    def _settle(self, now_ns: int) -> int:
        """What a predecessor released, and nobody answered, is reported."""
        for client_order_id, account_id, instrument_id in self._predecessor.settle():
            instrument = self._instruments.get(instrument_id)
            report = Report(ExecKind.NO_ANSWER, client_order_id, instrument)
            report.text = "released by a predecessor"
            self._outbox.report(report, account_id, now_ns)
        return 1

    def _hold_or_go(self, now_ns: int) -> None:
        """Stop reading the private sockets while the executions' ring is far behind."""
        links = self._session.links
        if self._outbox.overfull and not links.held:
            links.hold(now_ns, "executions are not read")
        elif links.held and not len(self._outbox):
            links.go_on()

    def next_timer_ns(self) -> int:
        """The earliest of everything that waits for a time."""
        due = min(
            self._outbox.next_timer_ns(self._now_ns),
            self._start.listing_due_ns,
            self._predecessor.due_ns,
        )
        due = min(due, self._clock.due_ns, self._ledger.publish_due_ns(), self._now_ns + LOOK_NS)
        if not self._prepared:
            return min(due, self._now_ns + TABLE_POLL_NS)
        due = min(due, self._session.next_timer_ns())
        return min(due, self._reconcile_due_ns)

    def on_drain(self, now_ns: int) -> None:
        """No new orders from now on; cancels and queries go on."""
        self._draining = True
        self._quiet_until_ns = 0
        self._fast_path.close()

    def drained(self) -> bool:
        """Nothing of ours is on its way."""
        session = self._session
        asked = (*session.questions.values(), *session.rest.open.values())
        busy = any(q.what in _COMMAND_QUESTIONS for q in asked)
        return not busy and not len(self._outbox)

    # Commands

    def _take_commands(self, now_ns: int) -> int:
        """Released before the first byte leaves: at most once (DESIGN.md law 5)."""
        taken = 0
        fast_path, backlog = self._fast_path, self._outbox.backlog
        while taken < WORK_BUDGET and len(backlog) < EXECUTION_BACKLOG_MAX // 2:
            found = fast_path.take(now_ns)
            if found == EMPTY:
                break
            taken += 1
            if found == SENT:
                self.sent += 1
                continue
            pos = self._commands.pos
            if found == OTHER:
                command = self._commands.take()
            else:
                pos -= 1
                command = self._commands.command()
            if command is not None:
                fast_path.close()
                self._take(command, pos, now_ns)
        return taken

    def _take(self, command: Command, pos: int, now_ns: int) -> None:
        self._predecessor.took(command.client_order_id)
        if command.action in _PLACING:
            self._new(command, pos, now_ns)
            return
        account = self._accounts.get(command.account_id)
        instrument = self._instruments.get(command.instrument_id)
        if command.action == Action.CANCEL_ALL:
            self._cancel_all(command, account, pos, now_ns)
        elif account is None or instrument is None:
            reason = RejectReason.UNKNOWN_ACCOUNT if account is None else (
                RejectReason.UNKNOWN_INSTRUMENT
            )  # fmt: skip
            if command.action == Action.CANCEL:
                self._refusals.say(ExecKind.CANCEL_REJECT, command, pos, now_ns, (reason, ""))
        elif command.action == Action.CANCEL:
            asked = question_of(What.CANCEL, Want.CANCEL, command, account, instrument, pos)
            if not self._session.ask(asked, now_ns):
                refusal = (RejectReason.MESSAGE_RATE, "the address is banned, or out of weight")
                self._refusals.say(ExecKind.CANCEL_REJECT, command, pos, now_ns, refusal)
        elif command.action == Action.QUERY:
            about = question_of(What.QUERY, Want.ORDER, command, account, instrument, pos)
            self._answers.query(about, command.attempt, now_ns)
        else:
            self._ports.log("error", "unknown_action", action=int(command.action))

    def _new(self, command: Command, pos: int, now_ns: int) -> None:
        account = self._accounts.get(command.account_id)
        instrument = self._instruments.get(command.instrument_id)
        if self._checks.taken_before(command.client_order_id):
            # By us or by a predecessor: it may have been sent, and goes never again.
            refusal = (RejectReason.UNSET, "this id was taken before")
            self._refusals.doubted(command, pos, now_ns, refusal)
            return
        refused = self._refuse(command, account, instrument, now_ns)
        self._checks.saw(command)
        if refused is not None:
            self._refusals.not_sent(command, pos, now_ns, refused)
            return
        assert account is not None
        assert instrument is not None
        wire = account.link.wire
        assert wire is not None
        replaces = command.action == Action.REPLACE
        what, want = (What.REPLACE, Want.REPLACE) if replaces else (What.NEW, Want.PLACE)
        question = question_of(what, want, command, account, instrument, pos)
        # The last check of all: what it lets through is charged.
        if why := self._session.refusal(question, now_ns):
            self._refusals.not_sent(command, pos, now_ns, (RejectReason.MESSAGE_RATE, why))
            return
        why_not = self._session.place(question, wire, now_ns)
        if why_not:
            self._refusals.not_sent(command, pos, now_ns, (RejectReason.NOT_SENT, why_not))
            return
        self.sent += 1
        if self._session.order_way is Way.SOCKET:
            self._fast_path.traded(account)
        if command.stamp_cycles or command.risk_cycles:
            note_sent(self._latency, command.stamp_cycles, command.risk_cycles)

    def _may_trade(self) -> bool:
        """Whether any order may go; takes over what risk has changed."""
        self._checks.look()
        return not self._latch.latched() and not self._draining

    def _refuse(
        self, command: Command, account: Account | None, instrument: Instrument | None, now_ns: int
    ) -> Refusal | None:
        """The last checks: the kill latch, the command, the account, the connection."""
        if self._latch.latched():
            return RejectReason.KILLED, "the kill latch is set"
        self._checks.look()
        if account is None:
            return RejectReason.UNKNOWN_ACCOUNT, "not of this group"
        if instrument is None:
            return RejectReason.UNKNOWN_INSTRUMENT, "not of this group"
        refused = self._checks.refuse(command, instrument, now_ns)
        if refused is not None:
            return refused
        if self._draining:
            return RejectReason.DRAINING, ""
        if command.client_order_id in self._predecessor.given_up:
            return RejectReason.NOT_SENT, "given up at start"
        if account.link.wire is None:
            return RejectReason.NOT_SENT, "connection is down"
        if not account.ready:
            return RejectReason.NOT_RECONCILED, ""
        if why_not := self._session.why_no_connection():
            return RejectReason.NOT_SENT, why_not
        return None

    def _cancel_all(self, command: Command, account: Account | None, pos: int, now_ns: int) -> None:
        """All open orders of an account: in one instrument, or (NO_ID) in each."""
        if account is None:
            return
        one = self._instruments.get(command.instrument_id)
        for instrument in self._instruments.values() if one is None else (one,):
            ask = Ask(Want.CANCEL_ALL, account.name, instrument=instrument)
            asked = Question(What.CANCEL_ALL, account, ask, 0, instrument, pos)
            self._session.ask(asked, now_ns)

    # Connections and bytes

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        """A connection opened, ended, or gave a sign of life."""
        self._now_ns = now_ns
        self._quiet_until_ns = 0
        self._fast_path.close()
        if not self._session.rest.on_conn(conn, event, now_ns):
            self._session.links.on_conn(conn, event, now_ns)

    def _relieved(self, link: Link, now_ns: int) -> None:
        """The accounts' events come by a new wire: one whose events were cut off is reconciled
        from its beginning; of another, the history is pulled, to be sure.
        """
        for account in link.accounts:
            reconciler = self._reconcilers[account.account_id]
            if not account.ready:
                reconciler.abort()
            reconciler.wake(now_ns)

    def on_bytes(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None) -> None:
        """One answer or event."""
        self._now_ns = now_ns
        self._quiet_until_ns = 0
        self._fast_path.close()
        if meta is not None:
            self._on_http(data, now_ns, meta)
            return
        wire = self._session.links.wire_of(conn)
        if wire is None:
            return
        wire.beat.heard(now_ns)
        known, links = self._session.known, self._session.links
        known.conn = conn
        try:
            read = self._session.side.read(links.asked(wire.link), data, known)
            if read.reply is not None:
                self._on_reply(conn, read.reply, now_ns)
            else:
                self._on_event(wire, read, now_ns)
        except ValueError as error:
            self._on_garbage(wire, error, now_ns)

    def _on_http(self, body: bytes, now_ns: int, meta: HttpMeta) -> None:
        if self._clock.answered(body, now_ns, meta):
            return
        if meta.request_id == self._start.listing_id:
            self._start.listed(body, now_ns, meta)
            return
        question = self._session.rest.take(meta.request_id, meta.status, now_ns)
        if question is None:
            return
        try:
            reply = self._session.side.read_http(
                question.ask, meta.status, meta.headers, body, self._session.known
            )
        except MalformedMessageError:
            if not question.overdue:
                self._ended(question, now_ns)
            return
        self._answered(question, reply, now_ns)

    def _on_reply(self, conn: int, reply: Reply, now_ns: int) -> None:
        question = self._session.take(conn, reply)
        if question is None:
            self._session.note(reply, None, now_ns)
            self._ports.log("warning", "answer_to_no_question", number=reply.request_id)
            return
        self._answered(question, reply, now_ns)

    def _answered(self, question: Question, reply: Reply, now_ns: int) -> None:
        self._session.note(reply, question, now_ns)
        if question.what in _COMMAND_QUESTIONS:
            self._answers.answered(question, reply, now_ns)
        elif question.what in _SESSION_QUESTIONS:
            self._session.prepared(question, reply, now_ns)
        else:
            self._reconcilers[question.account.account_id].answered(question, reply, now_ns)

    def _ended(self, question: Question, now_ns: int) -> None:
        """A question ended without an answer: time, or the end of its connection."""
        if question.what in _COMMAND_QUESTIONS:
            self._answers.ended(question, now_ns)
        elif question.what in _SESSION_QUESTIONS:
            wire = self._session.links.wire_of(question.conn)
            if wire is not None:
                self._session.links.close(wire, now_ns, "no user stream in time")
        else:
            self._reconcilers[question.account.account_id].ended(question, now_ns)

    def _on_event(self, wire: Wire, read: Read, now_ns: int) -> None:
        links = self._session.links
        for notice in read.notices:
            if notice.kind == "shutdown":
                links.shutdown_said(wire, now_ns)
            elif notice.kind == "stream_ended":
                links.close(wire, now_ns, notice.kind, again_ns=now_ns)
                return
        for who, report in read.reports:
            account = wire.account_of(who)
            if account.doubled(report.key(), wire.conn):
                continue
            if report.instrument is not None:
                instrument_id = report.instrument.instrument_id
                account.learn(instrument_id, report.venue_order_id, report.client_order_id)
            self._outbox.report(report, account.account_id, now_ns)
        if read.balances:
            account = wire.account_of(read.balances[0][0])
            found: list[Balance] = [balance for _, balance in read.balances]
            if not account.doubled(("balances", read.event_ns, *found), wire.conn):
                self._outbox.balances(found, account.account_id, now_ns, read.event_ns, full=False)

    def _on_garbage(self, wire: Wire, error: ValueError, now_ns: int) -> None:
        """Bytes that cannot be read may have been a fill: ask the venue what it was."""
        self.garbage += 1
        if self.garbage & (self.garbage - 1) == 0:
            words = str(error)[:TEXT_CHARS_MAX]
            self._ports.log("error", "message_unreadable", count=self.garbage, words=words)
        for account in wire.carries.values():
            self._reconcilers[account.account_id].wake(now_ns + GARBAGE_RECONCILE_NS)
