"""Reconciliation of one account: what the venue says is made known to risk, as executions.

The exchange's side plans the stages in its own order (`OrderSide.plan`), each begun when the one
before has all its answers. What an answer is, is told by what was asked:
  OPEN_ORDERS  ours -> FOUND_OPEN, others -> EXTERNAL_OPEN
  BALANCES     -> BALANCE records
  ORDER        an order that risk holds open, unless a list has shown it
  FILLS        a history from the cursor on -> FILL (risk drops known ones)
The first run begins with what `OrderSide.setup` wants to know (fees, key, modes): facts for risk's
tables, and maybe a refusal, with which the account trades nothing and is asked again later.
In the end RECONCILED: risk may send from now on; after a new connection its ts_event_ns says when
the venue was asked, and risk doubts open orders that were not named since.
Where all accounts together exceed a minute of that share (`thrifty`), the first run of a connection
leaves out the histories of instruments in which risk knows no order of the account, in whatever
state, and no pull has met a trade: none of its orders can lack a fill there. A run of their own
pulls these once no account waits for its first; so each account trades as early as the request
weight allows, and no history is left out for ever.
A failed step begins the whole anew after a while: "query failed" never means "nothing there".
What does not fit reconciliation's share of the request weight waits for the next window.

The trade cursor is what a *pulled* history has covered, never what a pushed event said: a lost
event on a healthy socket would otherwise stay lost (RELIABILITY F5). In a first pull it is a
time: before anything that risk still holds open was decided.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from oms.agents.executor import facts
from oms.agents.executor.links import Account
from oms.agents.executor.orders import CERTAIN_STATES, OrderTable
from oms.agents.executor.out import Outbox
from oms.agents.executor.session import Question, Session, What
from oms.agents.executor.statuses import archived_report, status_report
from oms.agents.heartbeat import RETRY_FIRST_NS
from oms.ports import NEVER
from oms.units import NS_PER_MS, NS_PER_S
from oms.venues.reports import (
    Ask,
    Balance,
    Fill,
    Instrument,
    Item,
    MalformedMessageError,
    OrderView,
    Reply,
    Report,
    Run,
    Verdict,
    Want,
)
from shm_layout.enums import ExecKind, OrderState, RejectReason
from shm_layout.limits import TEXT_CHARS_MAX
from shm_layout.records import NO_ID, UNDEF

RETRY_NS = 1_000_000_000
REFUSED_RETRY_NS = 60_000_000_000
"""An account that is refused is looked at again after this: a person may have set it right."""
IN_FLIGHT_MAX = 16
HISTORY_MARGIN_NS = 60_000_000_000


class Reconciler:
    """One account's reconciliation, over and over; the agent calls it, it asks by the session."""

    def __init__(
        self,
        account: Account,
        *,
        session: Session,
        outbox: Outbox,
        orders: OrderTable,
        instruments: Callable[[], list[Instrument]],
        markets: Sequence[str],
        every_ns: int,
        start_ns: int,
        thrifty: bool = False,
    ) -> None:
        self.account = account
        self._session = session
        self._outbox = outbox
        self._orders = orders
        self._instruments = instruments
        self._markets = tuple(markets)
        self._every_ns = every_ns
        self._start_ns = start_ns
        self._thrifty = thrifty
        self.running = False
        """Whether a run is under way."""
        self._stages: deque[Sequence[Ask]] = deque()
        self._todo: deque[Question] = deque()
        self._in_flight = 0
        self._due_ns = NEVER
        self._room_ns = NEVER
        """What is to be asked next waits for room in the ledger until then."""
        self._queued = False
        """Due, and others are at it."""
        self._live: dict[int, Any] = {}
        self._shown: set[int] = set()
        self._cursor: dict[int, str] = {}
        """Instrument -> newest trade of a completed run."""
        self._reached: dict[int, str] = {}
        """The same in the run under way; it becomes the cursor when the run ends well."""
        self._later: list[Instrument] = []
        """Histories that the first run left out, and no run has pulled since."""
        self._run = 0
        self._asked_ns = 0
        self._is_set_up = False

    def waits(self, now_ns: int) -> bool:
        """Whether the account trades nothing before a run that is under way, due, or due as soon
        as its link is there.
        """
        link = self.account.link
        if self.account.ready or self.running:
            return self.running and not self.account.ready
        if self.account.subscribed:
            return now_ns >= self._due_ns
        return link.coming is not None or now_ns >= link.wants()

    def wake(self, when_ns: int) -> None:
        """Begin at `when_ns` at the latest, and look at everything."""
        self._session.stirred = True
        self._later = []
        self._due_ns = min(self._due_ns, when_ns)

    def abort(self) -> None:
        """The link is lost: whatever runs is void; the next subscription begins anew."""
        self._session.stirred = True
        self._run += 1
        self.running, self._due_ns, self._in_flight = False, NEVER, 0
        self._room_ns = NEVER
        self._todo.clear()
        self._stages.clear()

    def next_timer_ns(self) -> int:
        """When `work` has something to begin, or to go on with."""
        if self.running:
            return self._room_ns
        return self._due_ns if self.account.subscribed and not self._queued else NEVER

    def work(self, now_ns: int, *, may_begin: bool = True) -> int:
        """Begin when due; ask what may be asked; returns how much was done."""
        if self.running and not self.account.subscribed:
            self.abort()
        if not self.running:
            due = self.account.subscribed and now_ns >= self._due_ns
            self._queued = due and not may_begin
            if not due or not may_begin:
                return 0
            self._begin(now_ns)
        asked = 0
        self._room_ns = NEVER
        while self._todo and self._in_flight < IN_FLIGHT_MAX:
            if not self._session.reconcile(self._todo[0], now_ns):
                self._room_ns = self._session.room_ns(self._todo[0], now_ns)
                return asked
            self._todo.popleft()
            self._in_flight += 1
            asked += 1
        if self.running and not self._in_flight and not self._todo:
            self._advance(now_ns)
            asked += 1
        return asked

    def _begin(self, now_ns: int) -> None:
        self._run += 1
        self._asked_ns = now_ns
        self.running, self._due_ns = True, NEVER
        self._live = self._orders.live(self.account.account_id)
        self._shown, self._reached = set(), dict(self._cursor)
        for client_order_id, row in self._live.items():
            venue_order_id = row["venue_order_id"].decode()
            if venue_order_id:
                instrument_id = int(row["instrument_id"])
                self.account.learn(instrument_id, venue_order_id, client_order_id)
        stages = self._session.side.plan(self._knowledge(now_ns))
        only_later = self.account.ready and bool(self._later)
        if only_later:
            wanted = {one.instrument_id for one in self._later}
            stages = [[ask for ask in stage if _history_of(ask) in wanted] for stage in stages]
        else:
            self._later = self._left_out(stages)
        later = set() if only_later else {one.instrument_id for one in self._later}
        self._stages = deque(
            [ask for ask in stage if _history_of(ask) not in later] for stage in stages
        )
        if not self._is_set_up and (asks := self._session.side.setup(self.account.name)):
            self._stages.appendleft(asks)

    def _knowledge(self, now_ns: int) -> Run:
        """What the exchange's side plans by."""
        by_id = {one.instrument_id: one for one in self._instruments()}
        live = tuple(
            (by_id[int(row["instrument_id"])], client_order_id, row["venue_order_id"].decode())
            for client_order_id, row in self._live.items()
            if int(row["instrument_id"]) in by_id
        )
        shift_ns = self._session.clock.offset_ns
        return Run(
            self.account.name, self._markets, tuple(by_id.values()), live,
            since_ms=self._since_ns() // NS_PER_MS, cursors=dict(self._reached),
            now_ms=(now_ns + shift_ns) // NS_PER_MS,
        )  # fmt: skip

    def _left_out(self, stages: Sequence[Sequence[Ask]]) -> list[Instrument]:
        """In a thrifty first run: instruments in which risk knows no order of the account."""
        if not self._thrifty or self.account.ready:
            return []
        ordered = self._orders.ordered(self.account.account_id) | self._cursor.keys()
        planned = {_history_of(ask) for stage in stages for ask in stage}
        return [
            one for one in self._instruments()
            if one.instrument_id in planned and one.instrument_id not in ordered
        ]  # fmt: skip

    def _plan(self, what: What, ask: Ask, *, context: Any = None, client_order_id: int = 0) -> None:
        question = Question(
            what, self.account, ask, client_order_id or ask.client_order_id, ask.instrument,
            context=(self._run, context),
        )  # fmt: skip
        self._todo.append(question)

    def _advance(self, now_ns: int) -> None:
        """A stage has all its answers: ask what the next one wants to know."""
        while self._stages and not self._todo:
            for ask in self._stages.popleft():
                if ask.want is not Want.ORDER or ask.client_order_id not in self._shown:
                    self._plan(_WHAT.get(ask.want, What.FACT), ask)
        if not self._todo:
            self._finish(now_ns)

    def _since_ns(self) -> int:
        """Before this, risk knows every fill."""
        decided = [int(r["ts_decide_ns"]) for r in self._live.values() if r["ts_decide_ns"] > 0]
        return min([self._start_ns, *decided]) - HISTORY_MARGIN_NS

    def _finish(self, now_ns: int) -> None:
        self.running = False
        self._is_set_up = True
        self._live, self._cursor = {}, dict(self._reached)
        self._due_ns = min(self._due_ns, now_ns + self._every_ns)
        if self._later and self.account.ready:
            self._later = []
            return
        if self._later:
            self._due_ns = now_ns
        report = Report(ExecKind.RECONCILED)
        if not self.account.ready:
            # Risk doubts whatever it holds open and was not named since: all were named.
            report.ts_event_ns = self._asked_ns
            self._session.ports.log("info", "account_reconciled", account=self.account.name)
        self.account.ready = True
        self.account.link.backoff_ns = RETRY_FIRST_NS
        self._say(report, now_ns)

    def _fail(self, now_ns: int, reason: str) -> None:
        self._session.ports.log(
            "warning", "reconciliation_failed", account=self.account.name,
            reason=reason,
        )  # fmt: skip
        self.abort()
        ledger = self._session.ledger
        self._due_ns = max(now_ns + RETRY_NS, ledger.pause_until_ns, ledger.ban_until_ns)

    # Answers

    def ended(self, question: Question, now_ns: int) -> None:
        """One of our questions has no answer."""
        self._session.stirred = True
        if question.context[0] == self._run and self.running:
            self._fail(now_ns, f"{question.what.name}: no answer")

    def answered(self, question: Question, reply: Reply, now_ns: int) -> None:
        """One of our questions is answered."""
        self._session.stirred = True
        try:
            self._answered(question, reply, now_ns)
        except ValueError as error:
            self._fail(now_ns, f"{question.what.name}: {str(error)[:TEXT_CHARS_MAX]}")

    def _answered(self, question: Question, reply: Reply, now_ns: int) -> None:
        run, context = question.context
        if run != self._run or not self.running:
            return
        self._in_flight -= 1
        (item,) = reply.items
        judged = self._session.side.judge(question.ask, item)
        verdict = judged.verdict
        if judged.reason in _REFUSE_ACCOUNT:
            self._refuse(judged.reason, item, now_ns)
            return
        if verdict is not Verdict.DONE:
            if question.what is What.ORDER and verdict is Verdict.ARCHIVED:
                ended = archived_report()
                ended.client_order_id = question.client_order_id
                ended.instrument = question.instrument
                self._say(ended, now_ns)
                return
            absent = verdict in (Verdict.NOT_FOUND, Verdict.ARCHIVED)
            if question.what in (What.ORDER, What.WHOSE) and absent:
                self._absent(question, now_ns)
                return
            self._fail(now_ns, f"{question.what.name}: {item.status} {item.code} {item.text}")
            return
        if reply.unreadable:
            raise MalformedMessageError(reply.unreadable)
        if question.what is What.OPEN_ORDERS:
            self._open_orders(reply.rows, now_ns)
            self._next_page(question, reply)
        elif question.what is What.BALANCES:
            found: list[Balance] = [row for row in reply.rows if isinstance(row, Balance)]
            self._outbox.balances(found, self.account.account_id, now_ns, 0, full=True)
            self._say_facts(question.ask, reply, now_ns)
        elif question.what is What.FACT:
            self._say_facts(question.ask, reply, now_ns)
            self._next_page(question, reply)
        elif question.what is What.ORDER_TRADES:
            self._order_trades(context, reply.rows, now_ns)
        elif question.what is What.TRADES:
            self._trades(question, reply, now_ns)
        elif item.order is None:
            raise MalformedMessageError("an answer that names no order")
        elif question.what is What.ORDER:
            self._order(item.order, now_ns)
        else:
            self._whose(context, item.order, now_ns)

    def _refuse(self, reason: RejectReason, item: Item, now_ns: int) -> None:
        """The account trades nothing: how it is set, or what its key may, is not what we need."""
        self._session.ports.log(
            "error", "account_refused", account=self.account.name, reason=reason.name,
            words=item.text[:TEXT_CHARS_MAX], asked_again_s=REFUSED_RETRY_NS // NS_PER_S,
        )  # fmt: skip
        self.abort()
        self.account.ready, self._is_set_up = False, False
        self._due_ns = now_ns + REFUSED_RETRY_NS
        self._say(Report(ExecKind.ACCOUNT_REFUSED, reason=reason, text=item.text), now_ns)

    def _say_facts(self, ask: Ask, reply: Reply, now_ns: int) -> None:
        for record in facts.records_of(
            reply.rows, account_id=self.account.account_id, market=ask.market or self._markets[0],
            known=self._session.known, now_ns=now_ns,
        ):  # fmt: skip
            self._outbox.record(record)

    def _next_page(self, question: Question, reply: Reply) -> None:
        for ask in self._session.side.follow(question.ask, reply):
            self._plan(question.what, ask)

    def _absent(self, question: Question, now_ns: int) -> None:
        """Absence is risk's to conclude: it asks itself, twice. At the first reconciliation it
        doubts what was not named; later an open order that vanished is said.
        """
        row = self._live.get(question.client_order_id)
        if self.account.ready and row is not None and int(row["state"]) in CERTAIN_STATES:
            report = Report(ExecKind.ABSENT, question.client_order_id, question.instrument)
            report.ts_event_ns = question.sent_ns
            self._say(report, now_ns)

    def _learn(self, order: OrderView) -> None:
        if order.instrument is not None:
            self.account.learn(
                order.instrument.instrument_id, order.venue_order_id, order.client_order_id
            )

    def _say(self, report: Report, now_ns: int) -> None:
        self._outbox.report(report, self.account.account_id, now_ns)

    def _open_orders(self, rows: Sequence[OrderView], now_ns: int) -> None:
        for order in rows:
            if order.instrument is None:
                continue
            self._learn(order)
            if not order.client_order_id:
                external = status_report(order, ExecKind.EXTERNAL_OPEN)
                if external is not None:
                    self._say(external, now_ns)
                continue
            self._shown.add(order.client_order_id)
            row = self._live.get(order.client_order_id)
            behind = row is None or order.executed_qty > int(row["cum_qty"])
            if order.executed_qty and behind:
                self._plan_order_trades(order)
            elif not self.account.ready or _is_news(order, row):
                self._say_status(order, now_ns)

    def _plan_order_trades(self, order: OrderView) -> None:
        ask = Ask(
            Want.ORDER_FILLS, self.account.name, instrument=order.instrument,
            venue_order_id=order.venue_order_id,
        )  # fmt: skip
        self._plan(What.ORDER_TRADES, ask, context=order)

    def _say_status(self, order: OrderView, now_ns: int) -> None:
        report = status_report(order, ExecKind.FOUND_OPEN)
        if report is not None:
            self._say(report, now_ns)

    def _order(self, order: OrderView, now_ns: int) -> None:
        self._learn(order)
        if order.executed_qty and order.executed_qty != UNDEF:
            self._plan_order_trades(order)
        else:
            self._say_status(order, now_ns)

    def _order_trades(self, order: OrderView, fills: Sequence[Fill], now_ns: int) -> None:
        """Its fills first, then its status: the cumulative quantity never runs ahead."""
        for fill in fills:
            if fill.venue_order_id == order.venue_order_id:
                fill.report.client_order_id = order.client_order_id
                self._say(fill.report, now_ns)
        self._say_status(order, now_ns)

    def _trades(self, question: Question, reply: Reply, now_ns: int) -> None:
        """Fills of a history; the owner of an order that nobody knows is asked for."""
        instrument = question.instrument
        asked: dict[tuple[int, str], list[Report]] = {}
        fills: Sequence[Fill] = reply.rows
        for fill in fills:
            of = fill.report.instrument or instrument
            assert of is not None, "a fill in no instrument of ours is no row"
            owner = self.account.client_ids.get((of.instrument_id, fill.venue_order_id))
            if owner is None:
                owner = self._orders.owner(self.account, of, fill.venue_order_id)
            if owner is None:
                asked.setdefault((of.instrument_id, fill.venue_order_id), []).append(fill.report)
            elif owner:
                fill.report.client_order_id = owner
                self._say(fill.report, now_ns)
        for (_, venue_order_id), reports in asked.items():
            ask = Ask(
                Want.ORDER, self.account.name, instrument=reports[0].instrument,
                venue_order_id=venue_order_id,
            )  # fmt: skip
            self._plan(What.WHOSE, ask, context=reports)
        if fills and instrument is not None:
            newest = max(fills, key=lambda fill: fill.report.trade_id)
            self._reached[instrument.instrument_id] = newest.trade_text
        self._next_page(question, reply)

    def _whose(self, reports: list[Report], order: OrderView, now_ns: int) -> None:
        self._learn(order)
        for report in reports if order.client_order_id else ():
            report.client_order_id = order.client_order_id
            self._say(report, now_ns)


def _is_news(order: OrderView, row: Any) -> bool:
    """Whether an open order is not as risk has it (`row`; None = not at all)."""
    if row is None or row["state"] == OrderState.UNKNOWN:
        return True
    return order.kind is ExecKind.REDUCED and order.qty < int(row["qty"])


_REFUSE_ACCOUNT = frozenset({RejectReason.ACCOUNT_MODE, RejectReason.KEY_REFUSED})
_WHAT = {
    Want.OPEN_ORDERS: What.OPEN_ORDERS,
    Want.BALANCES: What.BALANCES,
    Want.ORDER: What.ORDER,
    Want.FILLS: What.TRADES,
}
"""Stages of a plan as questions."""


def _history_of(ask: Ask) -> int:
    """The instrument whose history this asks for; NO_ID = it asks for something else."""
    if ask.want is not Want.FILLS or ask.instrument is None:
        return NO_ID
    return ask.instrument.instrument_id
