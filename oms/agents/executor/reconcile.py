"""Reconciliation of one account: what the venue says is made known to risk, as executions.

Order of the stages, each begun when the one before has all its answers:
  OPEN_ORDERS  ours -> FOUND_OPEN, others -> EXTERNAL_OPEN
  BALANCES     -> BALANCE records
  ORDERS       every order that risk holds open and the list did not show is asked for by our id
  TRADES       trade history of each instrument from the cursor -> FILL (risk drops known ones)
  RECONCILED   risk may send from now on; after a new connection its ts_event_ns says when the
               venue was asked, and risk doubts open orders that were not named since
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
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from oms.agents.executor.links import Account
from oms.agents.executor.orders import CERTAIN_STATES, OrderTable
from oms.agents.executor.out import Outbox
from oms.agents.executor.session import Question, Session, What
from oms.agents.heartbeat import RETRY_FIRST_NS
from oms.ports import NEVER
from oms.venues.binance.errors import judge
from oms.venues.binance.trade import TRADES_LIMIT, open_orders_params, trades_params
from oms.venues.binance.trade_parse import Reply, TradeReader, status_report
from oms.venues.trade_base import Instrument, OrderView, Report, Verdict
from shm_layout.enums import ExecKind, OrderState
from shm_layout.limits import TEXT_CHARS_MAX
from shm_layout.records import UNDEF

NS_PER_MS = 1_000_000
RETRY_NS = 1_000_000_000
IN_FLIGHT_MAX = 16
HISTORY_MARGIN_NS = 60_000_000_000
HISTORY_MAX_NS = 23 * 3_600_000_000_000
"""myTrades by time reaches 24 h back at most; an older order is asked for by its own id."""


class Stage(IntEnum):
    """What a run is doing."""

    IDLE = 0
    OPEN_ORDERS = 1
    BALANCES = 2
    ORDERS = 3
    TRADES = 4


class Reconciler:
    """One account's reconciliation, over and over; the agent calls it, it asks by the session."""

    def __init__(
        self,
        account: Account,
        *,
        session: Session,
        outbox: Outbox,
        reader: TradeReader,
        orders: OrderTable,
        instruments: Callable[[], list[Instrument]],
        every_ns: int,
        start_ns: int,
        thrifty: bool = False,
    ) -> None:
        self.account = account
        self._session = session
        self._outbox = outbox
        self._reader = reader
        self._orders = orders
        self._instruments = instruments
        self._every_ns = every_ns
        self._start_ns = start_ns
        self._thrifty = thrifty
        self._stage = Stage.IDLE
        self._todo: deque[tuple[str, Mapping[str, str | int], Question]] = deque()
        self._in_flight = 0
        self._due_ns = NEVER
        self._room_ns = NEVER
        """What is to be asked next waits for room in the ledger until then."""
        self._queued = False
        """Due, and others are at it."""
        self._live: dict[int, Any] = {}
        self._shown: set[int] = set()
        self._cursor: dict[int, int] = {}
        """Instrument -> newest trade id of a completed run."""
        self._reached: dict[int, int] = {}
        """The same in the run under way; it becomes the cursor when the run ends well."""
        self._later: list[Instrument] = []
        """Histories that the first run left out, and no run has pulled since."""
        self._run = 0
        self._asked_ns = 0

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._stage is not Stage.IDLE

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
        self._stage, self._due_ns, self._in_flight = Stage.IDLE, NEVER, 0
        self._room_ns = NEVER
        self._todo.clear()

    def next_timer_ns(self) -> int:
        """When `work` has something to begin, or to go on with."""
        if self.running:
            return self._room_ns
        return self._due_ns if self.account.subscribed and not self._queued else NEVER

    def work(self, now_ns: int, *, may_begin: bool = True) -> int:
        """Begin when due; ask what may be asked; returns how much was done."""
        if self.running and not self.account.subscribed:
            self.abort()
        if self._stage is Stage.IDLE:
            due = self.account.subscribed and now_ns >= self._due_ns
            self._queued = due and not may_begin
            if not due or not may_begin:
                return 0
            self._begin(now_ns)
        asked = 0
        self._room_ns = NEVER
        while self._todo and self._in_flight < IN_FLIGHT_MAX:
            method, params, question = self._todo[0]
            if not self._session.reconcile(method, params, question, now_ns):
                self._room_ns = self._session.ledger.next_window_ns(now_ns)
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
        self._stage, self._due_ns = Stage.OPEN_ORDERS, NEVER
        self._live = self._orders.live(self.account.account_id)
        self._shown, self._reached = set(), dict(self._cursor)
        for client_order_id, row in self._live.items():
            venue_order_id = row["venue_order_id"].decode()
            if venue_order_id:
                instrument_id = int(row["instrument_id"])
                self.account.learn(instrument_id, venue_order_id, client_order_id)
        if self.account.ready and self._later:
            self._stage = Stage.TRADES
            for instrument in self._later:
                self._plan_trades(instrument, now_ns)
            return
        for params in open_orders_params(list(self._reader.by_symbol)):
            self._plan("openOrders.status", params, What.OPEN_ORDERS)

    def _plan(
        self,
        method: str,
        params: Mapping[str, str | int],
        what: What,
        *,
        context: Any = None,
        instrument: Instrument | None = None,
        client_order_id: int = 0,
    ) -> None:
        question = Question(
            what, self.account, client_order_id, instrument, context=(self._run, context)
        )
        self._todo.append((method, params, question))

    def _advance(self, now_ns: int) -> None:
        """A stage has all its answers: plan the next one."""
        if self._stage is Stage.OPEN_ORDERS:
            self._stage = Stage.BALANCES
            self._plan("account.status", {}, What.BALANCES)
        elif self._stage is Stage.BALANCES:
            self._stage = Stage.ORDERS
            for client_order_id, row in self._live.items():
                self._plan_order(client_order_id, row)
        elif self._stage is Stage.ORDERS:
            self._stage = Stage.TRADES
            self._plan_histories(now_ns)
        else:
            self._finish(now_ns)

    def _plan_histories(self, now_ns: int) -> None:
        """Of every instrument; in a thrifty first run, of those in which risk knows orders."""
        instruments = self._instruments()
        self._later = []
        if self._thrifty and not self.account.ready:
            ordered = self._orders.ordered(self.account.account_id)
            ordered |= self._cursor.keys()
            self._later = [one for one in instruments if one.instrument_id not in ordered]
        for instrument in instruments:
            if instrument not in self._later:
                self._plan_trades(instrument, now_ns)

    def _plan_order(self, client_order_id: int, row: Any) -> None:
        instrument = self._instrument(int(row["instrument_id"]))
        if client_order_id in self._shown or instrument is None:
            return
        params = self.account.frames.order_params(instrument, client_order_id)
        self._plan(
            "order.status", params, What.ORDER,
            instrument=instrument, client_order_id=client_order_id,
        )  # fmt: skip

    def _plan_trades(self, instrument: Instrument, now_ns: int) -> None:
        cursor = self._reached.get(instrument.instrument_id)
        if cursor is not None:
            params = trades_params(instrument.symbol, fromId=cursor + 1)
        else:
            since_ns = max(self._since_ns(instrument), now_ns - HISTORY_MAX_NS)
            params = trades_params(instrument.symbol, startTime=since_ns // NS_PER_MS)
        self._plan("myTrades", params, What.TRADES, instrument=instrument)

    def _since_ns(self, instrument: Instrument) -> int:
        """Before this, risk knows every fill of the instrument."""
        decided = [
            int(row["ts_decide_ns"]) for row in self._live.values()
            if int(row["instrument_id"]) == instrument.instrument_id and row["ts_decide_ns"] > 0
        ]  # fmt: skip
        return min([self._start_ns, *decided]) - HISTORY_MARGIN_NS

    def _instrument(self, instrument_id: int) -> Instrument | None:
        for instrument in self._reader.by_symbol.values():
            if instrument.instrument_id == instrument_id:
                return instrument
        return None

    def _finish(self, now_ns: int) -> None:
        self._stage = Stage.IDLE
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
            stage=self._stage.name, reason=reason,
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
        except (ValueError, TypeError) as error:
            self._fail(now_ns, f"{question.what.name}: {str(error)[:TEXT_CHARS_MAX]}")

    def _answered(self, question: Question, reply: Reply, now_ns: int) -> None:
        run, context = question.context
        if run != self._run or not self.running:
            return
        self._in_flight -= 1
        if reply.code or not 200 <= reply.status < 300:
            verdict = judge(reply.status, reply.code, reply.text).verdict
            if question.what is What.ORDER and verdict is Verdict.ARCHIVED:
                self._say(archived_report(question), now_ns)
                return
            absent = verdict in (Verdict.NOT_FOUND, Verdict.ARCHIVED)
            if question.what in (What.ORDER, What.WHOSE) and absent:
                self._absent(question, now_ns)
                return
            self._fail(now_ns, f"{question.what.name}: {reply.status} {reply.code} {reply.text}")
            return
        if question.what is What.OPEN_ORDERS:
            self._open_orders(reply.result, now_ns)
        elif question.what is What.BALANCES:
            found = self._reader.account(reply.result)
            self._outbox.balances(found, self.account.account_id, now_ns, 0, full=True)
        elif question.what is What.ORDER:
            self._order(self._reader.order(reply.result), now_ns)
        elif question.what is What.ORDER_TRADES:
            self._order_trades(context, reply.result, now_ns)
        elif question.what is What.TRADES:
            self._trades(question, reply.result, now_ns)
        else:
            self._whose(context, self._reader.order(reply.result), now_ns)

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

    def _open_orders(self, result: Any, now_ns: int) -> None:
        for entry in result:
            order = self._reader.order(entry)
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
            elif not self.account.ready or row is None or row["state"] == OrderState.UNKNOWN:
                self._say_status(order, now_ns)

    def _plan_order_trades(self, order: OrderView) -> None:
        params = trades_params(order.symbol, orderId=int(order.venue_order_id))
        self._plan(
            "myTrades", params, What.ORDER_TRADES, context=order, instrument=order.instrument
        )

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

    def _order_trades(self, order: OrderView, result: Any, now_ns: int) -> None:
        """Its fills first, then its status: the cumulative quantity never runs ahead."""
        for entry in result:
            trade = self._reader.trade(entry)
            if trade is not None and trade.venue_order_id == order.venue_order_id:
                trade.report.client_order_id = order.client_order_id
                self._say(trade.report, now_ns)
        self._say_status(order, now_ns)

    def _trades(self, question: Question, result: Any, now_ns: int) -> None:
        instrument = question.instrument
        assert instrument is not None
        newest = self._reached.get(instrument.instrument_id, -1)
        asked: dict[str, list[Report]] = {}
        for entry in result:
            trade = self._reader.trade(entry)
            if trade is None:
                continue
            newest = max(newest, trade.report.trade_id)
            owner = self.account.client_ids.get((instrument.instrument_id, trade.venue_order_id))
            if owner is None:
                owner = self._orders.owner(self.account, instrument, trade.venue_order_id)
            if owner is None:
                asked.setdefault(trade.venue_order_id, []).append(trade.report)
            elif owner:
                trade.report.client_order_id = owner
                self._say(trade.report, now_ns)
        for venue_order_id, reports in asked.items():
            params: dict[str, str | int] = {"orderId": int(venue_order_id)}
            params["symbol"] = instrument.symbol
            self._plan("order.status", params, What.WHOSE, context=reports, instrument=instrument)
        if newest >= 0:
            self._reached[instrument.instrument_id] = newest
        if len(result) >= TRADES_LIMIT:
            self._plan_trades(instrument, now_ns)

    def _whose(self, reports: list[Report], order: OrderView, now_ns: int) -> None:
        self._learn(order)
        for report in reports if order.client_order_id else ():
            report.client_order_id = order.client_order_id
            self._say(report, now_ns)


def archived_report(question: Question) -> Report:
    """-2026: the order ended without a fill, so long ago that the venue put it away."""
    return Report(
        ExecKind.CANCELED, question.client_order_id, question.instrument, cum_qty=0,
        text="archived: ended without a fill",
    )  # fmt: skip
