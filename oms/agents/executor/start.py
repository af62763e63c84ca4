"""How an executor begins: the venue's list, risk's rows, accounts and their links.

The list (exchangeInfo) goes to risk as INSTRUMENT_SPEC records, on each start, so that a changed
tick or a halted symbol is seen; where risk's rows are there already (only the executor was started
again), nothing waits for the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oms.agents.executor.links import Account, Link
from oms.agents.executor.orders import OrderTable
from oms.agents.executor.out import Outbox
from oms.agents.executor.reconcile import Reconciler
from oms.agents.executor.session import Question, Session
from oms.agents.rates import Ledger, OrderCount
from oms.agents.venue_clock import WEIGHT, VenueClock
from oms.config import DeskConfig, GroupConfig
from oms.ports import NEVER, HttpMeta, Ports
from oms.venues.binance import trade
from oms.venues.binance.exchange_info import DOCUMENTED, parse_exchange_info
from oms.venues.binance.trade_parse import TradeReader
from oms.venues.binance.usage import retry_after_s, usage_of_headers
from oms.venues.trade_base import Instrument, MalformedMessageError
from shm_layout.enums import FLAG_RISK_STARTED, VENUES_BY_NAME, Exchange, RateShare
from shm_layout.limits import TEXT_CHARS_MAX
from shm_layout.records import NO_ID

NS_PER_S = 1_000_000_000
LISTING_RETRY_NS = NS_PER_S
REGISTER_WAIT_NS = 5_000_000_000
"""Risk refuses what does not fit 64 bits: after so long the desk trades what has its row."""
RECONCILE_EVERY_NS = 60_000_000_000
OWN_SHARES = (RateShare.ORDERS, RateShare.CANCELS, RateShare.RECONCILIATION)


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
    feeds = [venue.name for venue in config.venues if venue.name in group.venues]
    peers = [f"rates.watchdog.{group.name}", *(f"rates.feed.{name}" for name in feeds)]
    ledger = Ledger(
        ports, ports.table_writer(f"rates.{ports.role}"), Exchange.BINANCE, group.shares,
        DOCUMENTED, OWN_SHARES, [ports.table_reader(name) for name in peers], now_ns,
    )  # fmt: skip
    clock = VenueClock(
        ports, exchange=Exchange.BINANCE, rest_url=group.rest_url, target=trade.TIME_TARGET,
        warn_ms=group.clock_warn_ms,
        may_ask=lambda now_ns: ledger.charge(RateShare.RECONCILIATION, WEIGHT, now_ns),
    )  # fmt: skip
    ledger.venue_ns = clock.venue_ns
    return Session(ports, group, ledger, clock, ended=ended, relieved=relieved)


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
        self._limits = DOCUMENTED
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
        self.reader: TradeReader

    def ask_listing(self, now_ns: int) -> None:
        """Ask the venue for its list, as soon as there is room for it."""
        self.listing_due_ns = NEVER
        ledger = self._session.ledger
        if not ledger.charge(RateShare.RECONCILIATION, trade.WEIGHT_EXCHANGE_INFO, now_ns):
            self.listing_due_ns = ledger.next_window_ns(now_ns)
            return
        self._asked_ns, self._mark = now_ns, ledger.total
        self.listing_id = self._ports.request(
            self._group.rest_url, "GET", trade.EXCHANGE_INFO_TARGET, {}, b""
        )

    def listed(self, body: bytes, now_ns: int, meta: HttpMeta) -> None:
        """The venue's list came, or not."""
        self.listing_id = NO_ID
        status, ledger = meta.status, self._session.ledger
        ledger.note(usage_of_headers(meta.headers), self._mark, self._asked_ns, now_ns)
        try:
            if status != 200:
                words = body[:TEXT_CHARS_MAX].decode("ascii", "replace")
                raise MalformedMessageError(f"status {status}: {words}")
            listing = parse_exchange_info(
                body, self._wanted, now_ns, self._group.self_trade_prevention
            )
            if not listing.specs:
                raise MalformedMessageError(f"nothing of {sorted(self._wanted)} is usable")
        except MalformedMessageError as error:
            self._ports.log("error", "no_exchange_info", reason=str(error)[:TEXT_CHARS_MAX])
            ledger.note_refusal(status, now_ns + retry_after_s(meta.headers) * NS_PER_S, now_ns)
            pause_ns = max(ledger.pause_until_ns, ledger.ban_until_ns)
            self.listing_due_ns = max(now_ns + LISTING_RETRY_NS, pause_ns)
            return
        self._limits = listing.limits
        ledger.set_limits(self._limits)
        for account in self.accounts.values():
            account.orders.set_limits(self._limits.orders_10s, self._limits.orders_day)
        for name, reason in listing.left_out.items():
            self._ports.log("error", "instrument_left_out", instrument=name, reason=reason)
        self._left_out, self._listed_ns = listing.left_out, now_ns
        for record in listing.specs:
            self._outbox.record(record)

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
            r for r in self._account_table.written() if int(r["group"]) == self._group_index
        ]
        missing = needed - named
        if not named or len(accounts) < len(self._group.accounts):
            return False
        if missing and now_ns - self._listed_ns < REGISTER_WAIT_NS:
            return False
        if missing:
            self._ports.log("error", "instruments_not_registered", instruments=sorted(missing))
        system_id = int(accounts[0]["system_id"])
        self.reader = TradeReader(system_id)
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
        self.reader.by_symbol[instrument.symbol] = instrument

    def _add_account(self, account_id: int, name: str, system_id: int) -> None:
        key_name = next(a.key_name for a in self._group.accounts if a.name == name)
        links = self._session.links.links
        link = links[len(self.accounts) % len(links)]
        key = self._ports.key(key_name)
        frames = trade.AccountFrames(
            key, system_id, self._group.recv_window_ms, self._group.self_trade_prevention
        )
        orders = OrderCount(self._group.orders_per_10s, self._session.clock.venue_ns)
        orders.set_limits(self._limits.orders_10s, self._limits.orders_day)
        account = Account(account_id, name, frames, link, orders, place=len(self.accounts))
        link.accounts.append(account)
        self.accounts[account_id] = account
        self.reconcilers[account_id] = Reconciler(
            account,
            session=self._session,
            outbox=self._outbox,
            reader=self.reader,
            orders=self._orders,
            instruments=lambda: list(self.instruments.values()),
            every_ns=self._reconcile_every_ns(),
            start_ns=self._start_ns,
            thrifty=self._weight_of_all() > self._per_minute(),
        )

    def _reconcile_every_ns(self) -> int:
        """So often that all accounts together keep within half of their share of the request
        weight; the other half is for queries of orders in doubt.
        """
        all_ns = self._weight_of_all() * 60_000_000_000 // (self._per_minute() // 2)
        return max(RECONCILE_EVERY_NS, all_ns)

    def _weight_of_all(self) -> int:
        """Of one reconciliation of each account, histories of all instruments included."""
        return sum(trade.reconcile_weights(len(self.instruments))) * len(self._group.accounts)

    def _per_minute(self) -> int:
        return self._session.ledger.share_of(RateShare.RECONCILIATION)
