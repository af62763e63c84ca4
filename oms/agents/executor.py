"""The executor of one account domain: journaled commands out, evidence back.

Reads `orders.<group>`, writes `executions.<group>`; speaks Binance's WebSocket API, with REST
beside it for the listing, and for queries and cancels while a link is down.

Effect and cursor (DESIGN.md law 5): a command's cursor is released before its first byte leaves,
so a successor never sends it again. What a predecessor released and may or may not have sent is
found in risk's `orders` table: an order that waits for its venue, and whose command this
incarnation has not taken from the ring within one answer time, is reported NO_ANSWER; risk then
asks the venue. (The wait covers a risk that had written the table and not yet the ring.)

Start: exchangeInfo -> INSTRUMENT_SPEC; wait for risk's rows; open links, subscribe, reconcile;
RECONCILED. After each reconnect the last three again. New orders of an account are refused
(NOT_SENT) until it is reconciled.
"""

from __future__ import annotations

from oms.agents.base import NEVER, BaseAgent, ConnEvent, HttpMeta, Ports
from oms.agents.executor_answers import Answers
from oms.agents.executor_checks import LastChecks, Refusal
from oms.agents.executor_former import FormerWork, released_commands
from oms.agents.executor_hot import note_sent
from oms.agents.executor_orders import OrderTable
from oms.agents.executor_out import Outbox
from oms.agents.executor_session import Account, Link, Question, Session, What
from oms.agents.executor_start import Start
from oms.agents.latch import LatchView
from oms.agents.limits_view import LimitsView
from oms.config import DeskConfig
from oms.venues.binance.trade_parse import (
    NS_PER_MS,
    Reply,
    UserEvent,
    parse_frame,
    parse_http,
)
from oms.venues.order_command import Command, CommandReader
from oms.venues.trade_base import Instrument, MalformedMessageError, Report
from shm_layout.enums import (
    Action,
    Exchange,
    ExecKind,
    RejectReason,
)
from shm_layout.limits import EXECUTION_BACKLOG_MAX, TEXT_CHARS_MAX, WORK_BUDGET

TABLE_POLL_NS = 20_000_000
GARBAGE_RECONCILE_NS = 1_000_000_000

_COMMAND_QUESTIONS = frozenset(
    {What.NEW, What.CANCEL, What.CANCEL_ALL, What.QUERY, What.QUERY_TRADES}
)


class ExecutorAgent(BaseAgent):
    """See the module's text."""

    def __init__(self, config: DeskConfig, group_name: str) -> None:
        self.role = f"executor.{group_name}"
        self._config = config
        self._group_index = [g.name for g in config.groups].index(group_name)
        self._group = config.groups[self._group_index]
        assert self._group.exchange == "binance", f"no order side for {self._group.exchange}"
        self._checks = LastChecks(self._group, config.limits)
        self._draining = False
        self._now_ns = 0
        self.garbage = 0
        self.sent = 0

    # Start

    def on_start(self, ports: Ports, now_ns: int) -> None:
        """Take the rings and tables, learn from what a predecessor released, ask for the list."""
        self._ports = ports
        self._now_ns = now_ns
        self._orders = ports.reader(f"orders.{self._group.name}")
        self._commands = CommandReader(self._orders)
        self._outbox = Outbox(ports, self._group.name, Exchange.BINANCE)
        self._latch = LatchView(ports)
        self._limits = LimitsView(ports)
        self._order_table = OrderTable(ports.table_reader("orders"))
        self._latency = ports.table_writer(f"latency.{self.role}").rows
        settle_ns = self._group.answer_timeout_ms * NS_PER_MS
        self._former = FormerWork(self._order_table, self._orders, settle_ns)
        self._session = Session(ports, self._group, self._ended)
        for command in released_commands(self._orders):
            if command.action == Action.NEW:
                self._checks.saw(command)
        self._prepared = False
        self._reconcile_due_ns = 0
        self._start = Start(
            ports, self._config, self._group_index, session=self._session, outbox=self._outbox,
            orders=self._order_table, now_ns=now_ns,
        )  # fmt: skip
        self._instruments = self._start.instruments
        self._accounts = self._start.accounts
        self._reconcilers = self._start.reconcilers
        self._start.ask_listing()

    def _prepare(self, now_ns: int) -> int:
        """Go to work once risk's rows are there."""
        if not self._start.ready(now_ns):
            return 0
        self._reader = self._start.reader
        self._answers = Answers(self._session, self._outbox, self._reader)
        self._former.begin(set(self._accounts), now_ns)
        self._prepared = True
        return 1

    # Turns

    def do_work(self, now_ns: int) -> int:
        """One turn: publish, prepare, reconcile, take commands, look at what is overdue."""
        self._now_ns = now_ns
        done = self._outbox.flush(now_ns)
        if now_ns >= self._start.listing_due_ns:
            self._start.ask_listing()
            done += 1
        if not self._prepared:
            return done + self._prepare(now_ns)
        self._hold_or_go(now_ns)
        done += self._session.open_due(now_ns)
        done += self._take_commands(now_ns)
        done += self._session.expire(now_ns)
        if self._session.stirred or now_ns >= self._reconcile_due_ns:
            done += self._reconcile(now_ns)
        if now_ns >= self._former.due_ns:
            done += self._settle(now_ns)
        return done + self._outbox.flush(now_ns)

    def _reconcile(self, now_ns: int) -> int:
        """Every account's reconciliation. Two hundred of them are not looked at each turn, but
        when something happened to one, or one is due.
        """
        self._session.stirred = False
        reconcilers = self._reconcilers.values()
        done = sum(reconciler.work(now_ns) for reconciler in reconcilers)
        if done:
            self._session.stirred = True
        self._reconcile_due_ns = min((r.next_timer_ns() for r in reconcilers), default=NEVER)
        return done

    def _settle(self, now_ns: int) -> int:
        """What a predecessor released, and nobody answered, is reported."""
        for client_order_id, account_id, instrument_id in self._former.settle():
            instrument = self._instruments.get(instrument_id)
            report = Report(ExecKind.NO_ANSWER, client_order_id, instrument)
            report.text = "released by a former executor"
            self._outbox.report(report, account_id, now_ns)
        return 1

    def _hold_or_go(self, now_ns: int) -> None:
        """Stop reading the private sockets while the executions' ring is far behind."""
        if self._outbox.overfull and not self._session.held:
            self._session.held = True
            for link in self._session.links:
                self._session.close(link, now_ns, "executions are not read")
        elif self._session.held and not len(self._outbox):
            self._session.held = False

    def next_timer_ns(self) -> int:
        """The earliest of everything that waits for a time."""
        due = min(
            self._outbox.next_timer_ns(self._now_ns),
            self._start.listing_due_ns,
            self._former.due_ns,
        )
        if not self._prepared:
            return min(due, self._now_ns + TABLE_POLL_NS)
        due = min(due, self._session.next_timer_ns())
        return min(due, self._reconcile_due_ns)

    def on_drain(self, now_ns: int) -> None:
        """No new orders from now on; cancels and queries go on."""
        self._draining = True

    def drained(self) -> bool:
        """Nothing of ours is on its way."""
        asked = (*self._session.questions.values(), *self._session.rest.values())
        busy = any(q.what in _COMMAND_QUESTIONS for q in asked)
        return not busy and not len(self._outbox)

    # Commands

    def _take_commands(self, now_ns: int) -> int:
        taken = 0
        while taken < WORK_BUDGET and len(self._outbox) < EXECUTION_BACKLOG_MAX // 2:
            pos = self._commands.pos
            # Released before the first byte leaves: at most once (DESIGN.md law 5).
            command = self._commands.take()
            if command is None:
                break
            self._take(command, pos, now_ns)
            taken += 1
        return taken

    def _take(self, command: Command, pos: int, now_ns: int) -> None:
        self._former.took(command.client_order_id)
        if command.action == Action.NEW:
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
                self._say(ExecKind.CANCEL_REJECT, command, pos, now_ns, (reason, ""))
        elif command.action == Action.CANCEL:
            params = account.frames.order_params(instrument, command.client_order_id)
            asked = Question(What.CANCEL, account, command.client_order_id, instrument, pos)
            if not self._session.ask("order.cancel", params, asked, now_ns):
                refusal = (RejectReason.NOT_SENT, "the venue banned this address")
                self._say(ExecKind.CANCEL_REJECT, command, pos, now_ns, refusal)
        elif command.action == Action.QUERY:
            about = Question(What.QUERY, account, command.client_order_id, instrument, pos)
            self._answers.query(about, command.attempt, now_ns)
        else:
            self._ports.log("error", "unknown_action", action=int(command.action))

    def _new(self, command: Command, pos: int, now_ns: int) -> None:
        account = self._accounts.get(command.account_id)
        instrument = self._instruments.get(command.instrument_id)
        if self._checks.taken_before(command.client_order_id):
            # By us or by a predecessor: it may have been sent, and goes never again.
            refusal = (RejectReason.UNSET, "this id was taken before")
            self._say(ExecKind.NO_ANSWER, command, pos, now_ns, refusal)
            return
        refused = self._refuse(command, account, instrument, now_ns)
        self._checks.saw(command)
        if refused is not None:
            self._say(ExecKind.NOT_SENT, command, pos, now_ns, refused)
            return
        assert account is not None
        assert instrument is not None
        request_id = self._session.next_id()
        frame = account.frames.place(request_id, now_ns // NS_PER_MS, instrument, command)
        question = Question(What.NEW, account, command.client_order_id, instrument, pos)
        account.rate.count(now_ns)
        self.sent += 1
        self._session.send(request_id, frame, question, now_ns)
        if command.stamp_cycles or command.risk_cycles:
            note_sent(self._latency, command.stamp_cycles, command.risk_cycles)

    def _refuse(
        self, command: Command, account: Account | None, instrument: Instrument | None, now_ns: int
    ) -> Refusal | None:
        """The last checks: the kill latch, the command, the account, the connection."""
        if self._latch.latched():
            return RejectReason.KILLED, "the kill latch is set"
        if (changed := self._limits.news()) is not None:
            self._checks.set_max_notional(changed)
        if account is None:
            return RejectReason.UNKNOWN_ACCOUNT, "not of this group"
        if instrument is None:
            return RejectReason.UNKNOWN_INSTRUMENT, "not of this group"
        refused = self._checks.refuse(command, instrument, now_ns)
        if refused is not None:
            return refused
        if self._draining:
            return RejectReason.DRAINING, ""
        if command.client_order_id in self._former.given_up:
            return RejectReason.NOT_SENT, "given up at start"
        if not account.link.opened:
            return RejectReason.NOT_SENT, "connection is down"
        if not account.ready:
            return RejectReason.NOT_RECONCILED, ""
        paused_ns = max(self._session.pause_until_ns, self._session.ban_until_ns)
        if account.rate.full(now_ns) or now_ns < paused_ns:
            return RejectReason.MESSAGE_RATE, f"{self._group.orders_per_10s} in 10 s"
        return None

    def _say(
        self, kind: ExecKind, command: Command, pos: int, now_ns: int, refusal: Refusal
    ) -> None:
        instrument = self._instruments.get(command.instrument_id)
        report = Report(kind, command.client_order_id, instrument)
        report.reason, report.text = refusal
        self._outbox.report(report, command.account_id, now_ns, pos)

    def _cancel_all(self, command: Command, account: Account | None, pos: int, now_ns: int) -> None:
        """All open orders of an account: in one instrument, or (NO_ID) in each."""
        if account is None:
            return
        one = self._instruments.get(command.instrument_id)
        for instrument in self._instruments.values() if one is None else (one,):
            asked = Question(What.CANCEL_ALL, account, 0, instrument, pos)
            params = {"symbol": instrument.symbol}
            self._session.ask("openOrders.cancelAll", params, asked, now_ns)

    # Connections and bytes

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        """A link is up: subscribe. A link is gone: what was asked on it has no answer."""
        self._now_ns = now_ns
        link = self._session.link_of(conn)
        if link is None:
            return
        if event is not ConnEvent.OPENED:
            self._session.lost(link, now_ns, event.name)
            return
        link.opened, link.last_recv_ns = True, now_ns
        for account in link.accounts:
            self._reconcilers[account.account_id].abort()
            request_id = self._session.next_id()
            frame = account.frames.subscribe(request_id, now_ns // NS_PER_MS)
            self._session.send(request_id, frame, Question(What.SUBSCRIBE, account), now_ns)

    def on_bytes(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None) -> None:
        """One answer or event."""
        self._now_ns = now_ns
        if meta is not None:
            self._on_http(data, now_ns, meta)
            return
        link = self._session.link_of(conn)
        if link is None:
            return
        link.last_recv_ns, link.pinged = now_ns, False
        try:
            message = parse_frame(data)
            if isinstance(message, UserEvent):
                self._on_event(link, message, now_ns)
            else:
                self._on_reply(conn, message, now_ns)
        except ValueError as error:
            self._on_garbage(link, error, now_ns)

    def _on_http(self, body: bytes, now_ns: int, meta: HttpMeta) -> None:
        if meta.request_id == self._start.listing_id:
            self._start.listed(meta.status, body, now_ns)
            return
        question = self._session.rest.pop(meta.request_id, None)
        if question is None:
            return
        try:
            reply = parse_http(meta.request_id, meta.status, body)
        except MalformedMessageError:
            self._ended(question, now_ns)
            return
        self._answered(question, reply, now_ns)

    def _on_reply(self, conn: int, reply: Reply, now_ns: int) -> None:
        question = self._session.take(conn, reply)
        if question is None:
            self._session.note_limits(reply, now_ns)
            self._ports.log("warning", "answer_to_no_question", status=reply.status)
            return
        self._answered(question, reply, now_ns)

    def _answered(self, question: Question, reply: Reply, now_ns: int) -> None:
        self._session.note_limits(reply, now_ns)
        if question.what in _COMMAND_QUESTIONS:
            self._answers.answered(question, reply, now_ns)
        elif question.what is What.SUBSCRIBE:
            self._subscribed(question.account, reply, now_ns)
        elif question.what is not What.PING:
            self._reconcilers[question.account.account_id].answered(question, reply, now_ns)

    def _subscribed(self, account: Account, reply: Reply, now_ns: int) -> None:
        given = reply.result.get("subscriptionId") if isinstance(reply.result, dict) else None
        if reply.code or not isinstance(given, int) or given < 0:
            self._ports.log(
                "error", "no_user_stream", account=account.name, status=reply.status,
                code=reply.code, text=reply.text[:TEXT_CHARS_MAX],
            )  # fmt: skip
            self._session.close(account.link, now_ns, "no user stream")
            return
        account.subscription_id = given
        self._reconcilers[account.account_id].wake(now_ns)

    def _ended(self, question: Question, now_ns: int) -> None:
        """A question ended without an answer: time, or the end of its connection."""
        if question.what in _COMMAND_QUESTIONS:
            self._answers.ended(question, now_ns)
        elif question.what is What.SUBSCRIBE:
            if question.overdue:
                self._session.close(question.account.link, now_ns, "no user stream in time")
        elif question.what is not What.PING:
            self._reconcilers[question.account.account_id].ended(question, now_ns)

    def _on_event(self, link: Link, message: UserEvent, now_ns: int) -> None:
        if message.kind in ("serverShutdown", "eventStreamTerminated"):
            self._session.close(link, now_ns, message.kind)
            link.retry_ns = now_ns
            return
        account = self._account_of(link, message)
        if account is None:
            raise MalformedMessageError(f"event of subscription {message.subscription_id}")
        if message.kind == "executionReport":
            report = self._reader.execution_report(message.event)
            if report is None:
                return
            if report.instrument is not None:
                instrument_id = report.instrument.instrument_id
                account.learn(instrument_id, report.venue_order_id, report.client_order_id)
            self._outbox.report(report, account.account_id, now_ns)
        elif message.kind == "outboundAccountPosition":
            found = self._reader.balances(message.event)
            stamp_ns = int(message.event.get("E", 0)) * NS_PER_MS
            self._outbox.balances(found, account.account_id, now_ns, stamp_ns, full=False)

    @staticmethod
    def _account_of(link: Link, message: UserEvent) -> Account | None:
        for account in link.accounts:
            if account.subscription_id == message.subscription_id >= 0:
                return account
        return link.accounts[0] if len(link.accounts) == 1 else None

    def _on_garbage(self, link: Link, error: ValueError, now_ns: int) -> None:
        """Bytes that cannot be read may have been a fill: ask the venue what it was."""
        self.garbage += 1
        if self.garbage & (self.garbage - 1) == 0:
            words = str(error)[:TEXT_CHARS_MAX]
            self._ports.log("error", "message_unreadable", count=self.garbage, words=words)
        for account in link.accounts:
            if account.subscription_id >= 0:
                self._reconcilers[account.account_id].wake(now_ns + GARBAGE_RECONCILE_NS)
