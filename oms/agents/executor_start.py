"""How an executor begins: the venue's list, risk's rows, accounts and their links.

The list (exchangeInfo) goes to risk as INSTRUMENT_SPEC records, on each start, so that a changed
tick or a halted symbol is seen; where risk's rows are there already (only the executor was started
again), nothing waits for the list.
"""

from __future__ import annotations

from typing import Any

from oms.agents.base import NEVER, Ports
from oms.agents.executor_checks import RateWindow
from oms.agents.executor_orders import OrderTable
from oms.agents.executor_out import Outbox
from oms.agents.executor_reconcile import Reconciler
from oms.agents.executor_session import Account, Session
from oms.config import DeskConfig
from oms.errors import ConfigError
from oms.venues.binance import trade
from oms.venues.binance.exchange_info import parse_exchange_info
from oms.venues.binance.trade_parse import TradeReader
from oms.venues.trade_base import Instrument, MalformedMessageError
from shm_layout.enums import VENUES_BY_NAME
from shm_layout.limits import TEXT_CHARS_MAX
from shm_layout.records import NO_ID

LISTING_RETRY_NS = 1_000_000_000
REGISTER_WAIT_NS = 5_000_000_000
"""Risk refuses what does not fit 64 bits: after so long the desk trades what has its row."""
RECONCILE_EVERY_NS = 60_000_000_000
RECONCILE_WEIGHT_SHARE = 4
"""Reconciliation may use one part in so many of the venue's request weight."""


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
        self._instrument_table = ports.table_reader("instruments")
        self._account_table = ports.table_reader("accounts")
        self._currency_table = ports.table_reader("currencies")
        self.listing_id = NO_ID
        self.listing_due_ns = NEVER
        self.instruments: dict[int, Instrument] = {}
        self.accounts: dict[int, Account] = {}
        self.reconcilers: dict[int, Reconciler] = {}
        self.reader: TradeReader

    def ask_listing(self) -> None:
        """Ask the venue for its list."""
        self.listing_due_ns = NEVER
        self.listing_id = self._ports.request(
            self._group.rest_url, "GET", trade.EXCHANGE_INFO_TARGET, {}, b""
        )

    def listed(self, status: int, body: bytes, now_ns: int) -> None:
        """The venue's list came, or not."""
        self.listing_id = NO_ID
        try:
            if status != 200:
                words = body[:TEXT_CHARS_MAX].decode("ascii", "replace")
                raise MalformedMessageError(f"status {status}: {words}")
            listing = parse_exchange_info(
                body, self._wanted, now_ns, self._group.self_trade_prevention
            )
            if not len(listing.specs):
                raise MalformedMessageError(f"nothing of {sorted(self._wanted)} is usable")
        except MalformedMessageError as error:
            self._ports.log("error", "no_exchange_info", reason=str(error)[:TEXT_CHARS_MAX])
            self.listing_due_ns = now_ns + LISTING_RETRY_NS
            return
        for name, reason in listing.left_out.items():
            self._ports.log("error", "instrument_left_out", instrument=name, reason=reason)
        self._left_out, self._listed_ns = listing.left_out, now_ns
        for k in range(len(listing.specs)):
            self._outbox.record(listing.specs[k : k + 1])

    def ready(self, now_ns: int) -> bool:
        """Once risk's rows are there: instruments, accounts, links."""
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
        self._session.make_links(len(accounts))
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
        key = self._ports.key(key_name)
        if key.kind != "hmac":
            raise ConfigError(
                f"key '{key_name}' of account '{name}': found kind {key.kind}, required is hmac: "
                "the executor signs with that alone; put another key into the key file"
            )
        link = self._session.links[len(self.accounts) % len(self._session.links)]
        frames = trade.AccountFrames(
            key, system_id, self._group.recv_window_ms, self._group.self_trade_prevention
        )
        rate = RateWindow(self._group.orders_per_10s)
        account = Account(account_id, name, frames, link, rate)
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
        )

    def _reconcile_every_ns(self) -> int:
        """So often that all accounts together keep within their share of the request weight."""
        weight = trade.WEIGHT_OPEN_ORDERS_ALL + trade.WEIGHT_ACCOUNT
        weight += trade.WEIGHT_TRADES_OF_SYMBOL * len(self.instruments)
        per_minute = trade.WEIGHT_PER_MINUTE // RECONCILE_WEIGHT_SHARE
        all_ns = weight * len(self._group.accounts) * 60_000_000_000 // per_minute
        return max(RECONCILE_EVERY_NS, all_ns)
