"""How an executor begins: the venue's list, risk's rows, accounts and their links.

The list goes to risk as INSTRUMENT_SPEC records, on each start, so that a changed
tick or a halted symbol is seen; where risk's rows are there already (only the executor was started
again), nothing waits for the list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from oms.agents.executor.links import Account, Link
from oms.agents.executor.orders import OrderTable
from oms.agents.executor.out import Outbox
from oms.agents.executor.pace import Pace, pace_of
from oms.agents.executor.reconcile import Reconciler
from oms.agents.executor.session import Question, Session
from oms.agents.rates.ledger import Ledger
from oms.agents.rates.peers import executor_shares, rate_peers
from oms.agents.venue_clock import VenueClock
from oms.config import DeskConfig, GroupConfig
from oms.ports import NEVER, HttpMeta, Ports
from oms.units import NS_PER_MS, NS_PER_S
from oms.venues.buckets import group_buckets, reconciliation, with_stated
from oms.venues.data import Way
from oms.venues.orders import OrderSide
from oms.venues.registry import order_side
from oms.venues.reports import (
    Ask,
    HttpCall,
    Instrument,
    Listed,
    MalformedMessageError,
    Reply,
    Stamp,
    Verdict,
    Want,
)
from oms.venues.shared.listing import records_of
from shm_layout.enums import (
    FLAG_RISK_STARTED,
    VENUE_NAMES,
    VENUES_BY_NAME,
    Exchange,
    RateShare,
    Venue,
)
from shm_layout.limits import TEXT_CHARS_MAX
from shm_layout.records import NO_ID

LISTING_RETRY_NS = NS_PER_S
REGISTER_WAIT_NS = 5_000_000_000
"""Risk refuses what does not fit 64 bits: after so long the desk trades what has its row."""


def make_session(
    ports: Ports,
    config: DeskConfig,
    group: GroupConfig,
    *,
    ended: Callable[[Question, int], None],
    relieved: Callable[[Link, int], None],
    now_ns: int,
) -> Session:
    """The session of a group, with the ledger that its questions are charged to and the venue's
    clock that signs them.
    """
    exchange = Exchange[group.exchange.upper()]
    side = order_side(group)
    ledger = Ledger(
        ports, ports.table_writer(f"rates.{ports.role}"), exchange,
        group_buckets(side.markets.values(), group), executor_shares(config, group),
        [ports.table_reader(name) for name in rate_peers(config, ports.role)], now_ns,
    )  # fmt: skip
    asking_time = side.charges(Ask(Want.CLOCK))
    clock = VenueClock(
        ports, exchange=exchange, rest_url=group.rest_url, target=_target(side, Want.CLOCK),
        warn_ms=group.clock_warn_ms,
        may_ask=lambda now_ns: ledger.take(RateShare.RECONCILIATION, asking_time, now_ns),
    )  # fmt: skip
    ledger.venue_ns = clock.venue_ns
    return Session(ports, group, ledger, clock, side, ended=ended, relieved=relieved)


def _target(side: OrderSide, want: Want) -> str:
    """The target of a REST request that needs no signature."""
    made = side.ask(Ask(want), Way.REST, Stamp(0, 0))
    assert made is not None, f"{want.name} goes by REST"
    assert isinstance(made.body, HttpCall), "REST takes a call"
    return made.body.target


class Start:
    """Fills `instruments`, `accounts` and `reconcilers`, then is `ready`."""

    def __init__(
        self,
        ports: Ports,
        config: DeskConfig,
        group_index: int,
        *,
        session: Session,
        outbox: Outbox,
        orders: OrderTable,
        now_ns: int,
    ) -> None:
        self._ports = ports
        self._group_index = group_index
        self._group = config.groups[group_index]
        self._session = session
        self._outbox = outbox
        self._orders = orders
        self._start_ns = now_ns
        self._venues = {VENUES_BY_NAME[name] for name in self._group.venues}
        self._wanted = {
            name for v in config.venues if v.name in self._group.venues for name in v.instruments
        }
        self._left_out: dict[str, str] = {}
        self._listed_ns = NEVER
        self._side = session.side
        self._asked: deque[Ask] = deque()
        """Of the list, what is still to be asked; the first one's answer is waited for."""
        self._replies: list[Reply] = []
        self._asked_ns = self._mark = 0
        self._instrument_table = ports.table_reader("instruments")
        self._account_table = ports.table_reader("accounts")
        self._currency_table = ports.table_reader("currencies")
        self._limits_table = ports.table_reader("limits")
        self.listing_id = NO_ID
        self.listing_due_ns = NEVER
        self.instruments: dict[int, Instrument] = {}
        self.accounts: dict[int, Account] = {}
        self.reconcilers: dict[int, Reconciler] = {}

    def ask_listing(self, now_ns: int) -> None:
        """Ask the venue for its list, as soon as there is room for it."""
        self._asked = deque(ask for m in self._group.venues for ask in self._side.listing(m))
        self._replies = []
        self._ask_next(now_ns)

    def _ask_next(self, now_ns: int) -> None:
        self.listing_due_ns = NEVER
        ask, ledger = self._asked[0], self._session.ledger
        charges = self._side.charges(ask)
        if not ledger.take(RateShare.RECONCILIATION, charges, now_ns):
            self.listing_due_ns = ledger.next_window_ns(now_ns, charges)
            return
        self._asked_ns, self._mark = now_ns, ledger.total
        made = self._side.ask(ask, Way.REST, Stamp(now_ns // NS_PER_MS, 0))
        assert made is not None, "a list is asked for by REST"
        self.listing_id = self._session.rest.request(made.body)

    def listed(self, body: bytes, now_ns: int, meta: HttpMeta) -> None:
        """A part of the venue's list came, or not."""
        self.listing_id = NO_ID
        ask, ledger, side = self._asked[0], self._session.ledger, self._side
        try:
            reply = side.read_http(ask, meta.status, meta.headers, body, self._session.known)
            ledger.note(reply.usage, self._mark, self._asked_ns, now_ns)
            if any(side.judge(ask, item).verdict is not Verdict.DONE for item in reply.items):
                self._session.note(reply, None, now_ns)
                words = body[:TEXT_CHARS_MAX].decode("ascii", "replace")
                raise MalformedMessageError(f"status {meta.status}: {words}")
            self._replies.append(reply)
            self._asked.popleft()
            self._asked.extendleft(reversed(side.follow(ask, reply)))
            if self._asked:
                self._ask_next(now_ns)
                return
            self._take_list(now_ns)
        except MalformedMessageError as error:
            self._ports.log("error", "no_listing", reason=str(error)[:TEXT_CHARS_MAX])
            pause_ns = max(ledger.pause_until_ns, ledger.ban_until_ns)
            self.listing_due_ns = max(now_ns + LISTING_RETRY_NS, pause_ns)

    def _take_list(self, now_ns: int) -> None:
        """The list is whole: what is wanted of it goes to risk."""
        records: list[Any] = []
        left_out = dict.fromkeys(sorted(self._wanted), "the venue does not list it")
        for market in self._group.venues:
            for one in sorted(self._side.listed(market, self._replies), key=lambda one: one.name):
                if one.name in self._wanted:
                    left_out.pop(one.name, None)
                    records += self._records(one, market, left_out, now_ns)
        if not records:
            raise MalformedMessageError(f"nothing of {sorted(self._wanted)} is usable")
        records[-1]["final"] = 1
        limits = [bucket for reply in self._replies for bucket in reply.limits]
        self._session.ledger.set_limits(with_stated(limits, self._group))
        for name, reason in left_out.items():
            self._ports.log("error", "instrument_left_out", instrument=name, reason=reason)
        self._left_out, self._listed_ns = left_out, now_ns
        for record in records:
            self._outbox.record(record)

    @staticmethod
    def _records(one: Listed, market: str, left_out: dict[str, str], now_ns: int) -> list[Any]:
        try:
            if one.left_out:
                raise ValueError(one.left_out)
            return records_of(one, VENUES_BY_NAME[market], now_ns)
        except ValueError as error:
            left_out[one.name] = str(error)
            return []

    def ready(self, now_ns: int) -> bool:
        """Once risk's rows are there (instruments, accounts, links) and it has read its whole
        journal. (Before, the orders' table stands as it did at some moment of the past, and orders
        that ended long ago look open.)
        """
        if not int(self._limits_table.rows["flags"][0]) & FLAG_RISK_STARTED:
            return False
        rows: list[Any] = [
            r for r in self._instrument_table.written() if int(r["venue"]) in self._venues
        ]
        named = {r["name"].decode() for r in rows}
        needed = self._wanted - set(self._left_out)
        accounts: list[Any] = [
            r
            for r in self._account_table.written()
            if int(r["group"]) == self._group_index and int(r["enabled"])
        ]
        missing = needed - named
        if not named or len(accounts) < len(self._group.accounts):
            return False
        if missing and now_ns - self._listed_ns < REGISTER_WAIT_NS:
            return False
        if missing:
            self._ports.log("error", "instruments_not_registered", instruments=sorted(missing))
        system_id = int(accounts[0]["system_id"])
        self._session.known.system_id = system_id
        for row in rows:
            self._learn_instrument(row)
        self._session.links.make(len(accounts))
        for row in accounts:
            self._add_account(int(row["account_id"]), row["name"].decode(), system_id)
        return True

    def _learn_instrument(self, row: Any) -> None:
        quote = self._currency_table.read(int(row["quote_currency_id"]))
        assert quote is not None, "an instrument row comes after those of its currencies"
        instrument = Instrument.from_row(row, int(quote["scale"]))
        self.instruments[instrument.instrument_id] = instrument
        self._session.known.learn(VENUE_NAMES[Venue(instrument.venue)], instrument)

    def _add_account(self, account_id: int, name: str, system_id: int) -> None:
        key_name = next(a.key_name for a in self._group.accounts if a.name == name)
        links = self._session.links.links
        link = links[len(self.accounts) % len(links)]
        self._side.add(name, self._ports.key(key_name), system_id)
        account = Account(account_id, name, link)
        self._session.learn_placing(account)
        link.accounts.append(account)
        self.accounts[account_id] = account
        self.reconcilers[account_id] = Reconciler(
            account,
            session=self._session,
            outbox=self._outbox,
            orders=self._orders,
            instruments=lambda: list(self.instruments.values()),
            markets=self._group.venues,
            every_ns=self._pace().every_ns,
            start_ns=self._start_ns,
            thrifty=self._pace().thrifty,
        )

    def _pace(self) -> Pace:
        """How often accounts are reconciled."""
        name, count = self._group.accounts[0].name, len(self._group.accounts)
        instruments = self.instruments.values()
        lists, histories = reconciliation(self._side, name, self._group.venues, instruments)
        return pace_of(lists + histories, count, self._session.ledger.shares_of)
