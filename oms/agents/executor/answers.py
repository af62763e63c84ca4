"""What the answers to risk's own commands prove, as executions.

A success is evidence of the order that it names, and of no other: an answer that names another
order is refused as one, and the question stays open. A definite refusal is a REJECT or a
CANCEL_REJECT; whatever leaves the outcome open is NO_ANSWER, and risk asks (RELIABILITY D3a).
A QUERY says something only when the venue said something.

"No such order" is said with its time, and risk knows when the order's request has died. Where
requests never die (`Absent.BY_FENCE`), the order's identifier is spent first, by a request that the
exchange must refuse (FENCE); what is asked after that is said with FLAG_FENCED. Where nothing
proves absence (NEVER) it is said without, and risk keeps the order in doubt.
"""

from __future__ import annotations

from dataclasses import replace

from oms.agents.executor.out import Outbox
from oms.agents.executor.session import PLACES, Question, Session, What
from oms.agents.executor.statuses import archived_report, status_report
from oms.units import NS_PER_MS
from oms.venues.data import Absent
from oms.venues.reports import (
    Ask,
    Fill,
    Item,
    Judgement,
    MalformedMessageError,
    OrderView,
    Reply,
    Report,
    Verdict,
    Want,
)
from shm_layout.enums import FLAG_FENCED, FLAG_LAST, VENUE_NAMES, ExecKind, RejectReason, Venue
from shm_layout.limits import ORDERS_MAX, TEXT_CHARS_MAX

_OPEN_OR_FILLED = (ExecKind.FOUND_OPEN, ExecKind.FOUND_FILLED)
_HALVES = 2
"""Items of an answer to a REPLACE that say what became of each of the two orders."""
OWN_QUERY = -1
"""Context of a query that the executor asks of itself: it reports evidence, never absence."""


class Answers:
    """Turns answers to NEW, CANCEL, CANCEL_ALL and QUERY into reports."""

    def __init__(self, session: Session, outbox: Outbox) -> None:
        self._session = session
        self._outbox = outbox
        self.wrong_answers = 0
        self._spent: dict[int, int] = {}
        """Our id -> when the answer came that it is spent. Newest ORDERS_MAX."""

    def answered(self, question: Question, reply: Reply, now_ns: int) -> None:
        """A question of a command has its answer."""
        try:
            if reply.unreadable:
                raise MalformedMessageError(reply.unreadable)
            if question.what is What.REPLACE and len(reply.items) == _HALVES:
                self._replaced(question, reply, now_ns)
                return
            (item,) = reply.items
            judged = self._session.side.judge(question.ask, item)
            if judged.verdict is not Verdict.DONE:
                self._refused(question, item, judged, now_ns)
            elif question.what is What.FENCE:
                self._note_spent(question.client_order_id, now_ns)
            elif question.what is What.QUERY_TRADES:
                self._trades(question, reply, now_ns)
            elif question.what is What.CANCEL_ALL:
                self._cancelled_all(question, reply, now_ns)
            else:
                self._succeeded(question, reply, item.order, now_ns)
        except MalformedMessageError as error:
            words = str(error)[:TEXT_CHARS_MAX]
            self._session.ports.log("error", "answer_unreadable", words=words)
            self.ended(question, now_ns)

    def ended(self, question: Question, now_ns: int) -> None:
        """A question of a command ended without a readable answer."""
        if question.what in (What.NEW, What.CANCEL, What.REPLACE):
            self._say(Report(ExecKind.NO_ANSWER), question, now_ns)
        if question.what is What.REPLACE:
            self._say(Report(ExecKind.NO_ANSWER), _of_target(question), now_ns)

    def _replaced(self, question: Question, reply: Reply, now_ns: int) -> None:
        """Both halves have their answer: the order before it, then the new one; each may have gone
        its own way."""
        ended, placed = reply.items
        about = _of_target(question)
        judged = self._session.side.judge(about.ask, ended)
        if judged.verdict is not Verdict.DONE:
            self._refused(about, ended, judged, now_ns)
        elif ended.order is not None:
            self._of_order(about, reply, ended.order, now_ns)
        elif ended.report is not None:
            self._say(ended.report, about, now_ns)
        new = replace(question, what=What.NEW)
        judged = self._session.side.judge(question.ask, placed)
        if judged.verdict is not Verdict.DONE:
            self._refused(new, placed, judged, now_ns)
        elif placed.order is not None:
            self._of_order(new, reply, placed.order, now_ns)
        elif placed.report is not None:
            self._say(placed.report, new, now_ns)

    def _say(self, report: Report, question: Question, now_ns: int) -> None:
        report.client_order_id = question.client_order_id
        report.instrument = question.instrument
        self._outbox.report(report, question.account.account_id, now_ns, question.cause_pos)

    def _refused(self, question: Question, item: Item, judged: Judgement, now_ns: int) -> None:
        if judged.verdict is Verdict.UNKNOWN:
            if not question.overdue:
                self.ended(question, now_ns)
            return
        said = Report(ExecKind.REJECT, reason=judged.reason, venue_code=item.code, text=item.text)
        if question.what in PLACES:
            self._say(said, question, now_ns)
        if question.what is What.REPLACE:
            self._refused(_of_target(question), item, judged, now_ns)
        elif question.what is What.CANCEL:
            said.kind = ExecKind.CANCEL_REJECT
            self._say(said, question, now_ns)
            if judged.verdict is Verdict.NOT_OPEN:
                self.query(question, OWN_QUERY, now_ns)
        elif question.what is What.QUERY:
            if judged.verdict is Verdict.ARCHIVED:
                self._say(archived_report(), question, now_ns)
            elif judged.verdict is Verdict.NOT_FOUND and question.context != OWN_QUERY:
                said.kind, said.ts_event_ns = ExecKind.ABSENT, question.sent_ns
                self._say_absent(said, question, now_ns)

    def _say_absent(self, said: Report, question: Question, now_ns: int) -> None:
        assert question.instrument is not None
        market = VENUE_NAMES[Venue(question.instrument.venue)]
        caps = self._session.side.caps(market)
        if caps.absent is Absent.BY_FENCE:
            spent_ns = self._spent.get(question.client_order_id)
            if spent_ns is None:
                self._fence(question, market, now_ns)
            elif question.sent_ns >= spent_ns + (caps.settle_ms + caps.visible_ms) * NS_PER_MS:
                said.flags = FLAG_FENCED
        self._say(said, question, now_ns)

    def _fence(self, about: Question, market: str, now_ns: int) -> None:
        """Spend the identifier of an order that may still arrive. Asked once more at the next "no
        such order", as long as no answer says that it is spent.
        """
        ask = Ask(
            Want.FENCE, about.account.name, market, instrument=about.instrument,
            client_order_id=about.client_order_id,
        )  # fmt: skip
        asked = Question(
            What.FENCE, about.account, ask, about.client_order_id, about.instrument, about.cause_pos
        )
        self._session.ask(asked, now_ns)

    def _note_spent(self, client_order_id: int, now_ns: int) -> None:
        if len(self._spent) >= ORDERS_MAX:
            del self._spent[next(iter(self._spent))]
        self._spent[client_order_id] = now_ns

    def _succeeded(
        self, question: Question, reply: Reply, order: OrderView | None, now_ns: int
    ) -> None:
        received = reply.items[0].report
        if order is None and received is not None:
            self._say(received, question, now_ns)
            return
        if order is None:
            raise MalformedMessageError("an answer that names no order")
        self._of_order(question, reply, order, now_ns)

    def _of_order(self, question: Question, reply: Reply, order: OrderView, now_ns: int) -> None:
        """An order as a success shows it."""
        if order.client_order_id != question.client_order_id or order.instrument is None:
            self.wrong_answers += 1
            self._session.ports.log(
                "error", "answer_of_another_order", asked=question.client_order_id,
                named=order.client_text,
            )  # fmt: skip
            if question.conn >= 0:
                self._session.put_back(reply.request_id, question)
            else:
                self.ended(question, now_ns)
            return
        question.account.learn(
            order.instrument.instrument_id, order.venue_order_id, order.client_order_id
        )
        if question.what is What.NEW and not question.overdue:
            self._say(_acknowledged(order), question, now_ns)
        elif question.what is What.CANCEL and order.kind not in _OPEN_OR_FILLED:
            self._say_status(order, question, now_ns)
        elif order.executed_qty:
            self._ask_trades(order, question, now_ns)
        else:
            self._say_status(order, question, now_ns)

    def _say_status(self, order: OrderView, question: Question, now_ns: int) -> None:
        report = status_report(order, ExecKind.FOUND_OPEN)
        if report is not None:
            self._say(report, question, now_ns)

    def query(self, about: Question, context: int, now_ns: int) -> bool:
        """Ask for an order by our id."""
        assert about.instrument is not None
        ask = Ask(
            Want.ORDER, about.account.name, instrument=about.instrument,
            client_order_id=about.client_order_id,
        )  # fmt: skip
        asked = Question(
            What.QUERY, about.account, ask, about.client_order_id, about.instrument,
            about.cause_pos, context,
        )  # fmt: skip
        return self._session.ask(asked, now_ns)

    def _ask_trades(self, order: OrderView, question: Question, now_ns: int) -> None:
        """Fills come before the status that counts them."""
        ask = Ask(
            Want.ORDER_FILLS, question.account.name, instrument=order.instrument,
            venue_order_id=order.venue_order_id,
        )  # fmt: skip
        asked = Question(
            What.QUERY_TRADES, question.account, ask, question.client_order_id,
            question.instrument, question.cause_pos, order,
        )  # fmt: skip
        self._session.ask(asked, now_ns)

    def _trades(self, question: Question, reply: Reply, now_ns: int) -> None:
        order: OrderView = question.context
        reports = []
        fills: tuple[Fill, ...] = reply.rows
        for fill in fills:
            if fill.venue_order_id != order.venue_order_id:
                raise MalformedMessageError("an order's fills hold another order's")
            reports.append(fill.report)
        reports.sort(key=lambda report: report.trade_id)
        whole = sum(report.qty for report in reports) == order.executed_qty
        if reports and whole and order.kind is ExecKind.FOUND_FILLED:
            reports[-1].flags = FLAG_LAST
        for report in reports:
            self._say(report, question, now_ns)
        self._say_status(order, question, now_ns)

    def _cancelled_all(self, question: Question, reply: Reply, now_ns: int) -> None:
        orders: tuple[OrderView, ...] = reply.rows
        for order in orders:
            if order.client_order_id and order.instrument is not None:
                report = status_report(order, ExecKind.FOUND_OPEN)
                if report is not None:
                    account_id = question.account.account_id
                    self._outbox.report(report, account_id, now_ns, question.cause_pos)


def _of_target(question: Question) -> Question:
    """The cancel that is one half of a REPLACE."""
    (command,) = question.ask.orders
    order_id = command.target_client_order_id
    ask = replace(question.ask, want=Want.CANCEL, client_order_id=order_id, orders=())
    return replace(question, what=What.CANCEL, ask=ask, client_order_id=order_id)


def _acknowledged(order: OrderView) -> Report:
    """The answer to a placement: open, filled at once (its fills follow by the user stream), or
    ended at once.
    """
    filled = order.kind is ExecKind.FOUND_FILLED
    report = None if filled else status_report(order, ExecKind.ACK)
    if report is None:
        report = Report(ExecKind.ACK, cum_qty=order.executed_qty, ts_event_ns=order.ts_event_ns)
        report.venue_order_id = order.venue_order_id
    report.side = order.side
    if report.kind is ExecKind.REJECT:
        report.reason = RejectReason.VENUE_REJECT
    return report
