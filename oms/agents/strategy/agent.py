"""Runs one strategy plugin: prices and updates in, intents out.

Cold side of `turn_hot.py`: one crossing into compiled code for the prices of a turn, one per
intent. Reads the `top` and `updates` rings (broadcast: it can be lapped, is told the exact count,
and then takes its orders and positions from risk's tables; the same when risk began anew), writes
its own intents ring. Prices are conflated per turn: a plugin decides by the newest. Every intent
carries what decided it: mid, book version, the position of the price record.

The plugin sits in a `PluginSeat` (`plugin.py`). Once it has failed, this agent cancels what
is open, places nothing, and waits for a person's resume.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

import numpy as np

from oms.agents.base import BaseAgent
from oms.agents.strategy import turn_hot as hot_
from oms.agents.strategy.orders import UPDATE, OrderBook, Update, updates
from oms.agents.strategy.plugin import PluginSeat
from oms.agents.strategy.turn_hot import look, write_intent
from oms.config import DeskConfig
from oms.orders.states import TERMINAL
from oms.ports import NEVER, Ports
from oms.strategies.base import Fill, Instrument, Order, Top, Trade
from shm_layout.enums import (
    FLAG_RISK_STARTED,
    VENUE_NAMES,
    Action,
    OrderState,
    OrderType,
    RejectReason,
    Side,
    TimeInForce,
    Venue,
)
from shm_layout.limits import OPEN_ORDERS_PER_STRATEGY_MAX, WORD_BYTES, WORK_BUDGET
from shm_layout.records import MD_TRADE, NO_ID, UNDEF

VALID_FOR_NS = 1_000_000_000
"""An intent that is older than this when it would be sent is refused."""
START_POLL_NS = 20_000_000
"""How often to look whether the instruments are registered yet."""
FAILED_POLL_NS = 100_000_000
"""How often a failed strategy asks again for cancels, and looks whether a person has resumed it."""

_UPDATES_FIRST, _WRITTEN = hot_.UPDATES_FIRST, hot_.WRITTEN
_RARE = hot_.HAS_TRADES | hot_.WAS_LAPPED
_ROWS_MASK, _TAKEN_SHIFT = hot_.ROWS_MASK, hot_.TAKEN_SHIFT
_NEW, _CANCEL, _REPLACE = int(Action.NEW), int(Action.CANCEL), int(Action.REPLACE)
_TOP = Struct("<q?7x9q8x")
"""A row of the kernel's `tops` as the fields of `Top`."""
assert _TOP.size == hot_.T_WORDS * WORD_BYTES
_TRADES = Struct("<5q")
assert _TRADES.size == hot_.X_WORDS * WORD_BYTES
_REASONS = {int(reason): reason for reason in RejectReason}
_top_of = tuple.__new__
"""What `Top` is made by, without its `__new__`: that is a function of Python."""


class StrategyAgent(BaseAgent):
    """Hosts the plugin of `config.strategies[name]`; is its `Desk`."""

    live_only = True
    """A new order needs a LIVE price."""
    mid_unknown = 0
    """Mid of an intent where no price is known; only a cancel can be one."""

    def __init__(self, config: DeskConfig, name: str) -> None:
        self.role = f"strategy.{name}"
        self.name = name
        self.config = config
        self.settings = next(s for s in config.strategies if s.name == name)
        self.strategy_id = NO_ID
        """Its row in risk's table of strategies; found by name once risk has made it."""
        self.accounts = self.settings.accounts
        """Names of the accounts that it may place on."""
        self.account_ids: dict[str, int] = {}
        """Their rows, once risk has made them."""
        self.strategy_ids: dict[int, int] = {}
        """Account -> our row in the table of strategies."""
        self._default_accounts: dict[int, int] = {}
        """Instrument -> the account of an order that names none."""
        self._seat = PluginSeat(self.settings, lambda: self._now_ns)
        self._timed = False
        self._failed_look_ns = 0
        self.instruments: dict[str, Instrument] = {}
        self.orders: dict[int, Order] = {}
        self._book: OrderBook
        self._tops: dict[int, Top] = {}
        self._started = False
        self._draining = False
        self._now_ns = 0
        self._params = np.zeros(hot_.P_WORDS, np.int64)

    @property
    def plugin(self) -> Any:
        """What sits in the seat; an empty strategy once it has failed."""
        return self._seat.plugin

    def plugin_mistake(self) -> str:
        """What keeps the plugin from being made, before this agent has started; "" = nothing."""
        return self._seat.trouble_at_birth()

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self._ports = ports
        self._now_ns = now_ns
        self._top_reader = ports.reader("top")
        self._update_reader = ports.reader("updates")
        self._writer = ports.writer(f"intents.{self.name}")
        self._instrument_table = ports.table_reader("instruments")
        self._currency_table = ports.table_reader("currencies")
        self._strategy_table = ports.table_reader("strategies")
        self._account_table = ports.table_reader("accounts")
        self._top_reader.skip_to_end()
        self._update_reader.skip_to_end()
        self._seat.begin(ports)

    # The plugin's desk

    def place(
        self,
        instrument: Instrument,
        side: Side,
        qty: int,
        px: int | None,
        order_type: OrderType = OrderType.LIMIT,
        time_in_force: TimeInForce = TimeInForce.GTC,
        account: str | None = None,
    ) -> Order | None:
        """See `Desk.place`."""
        account_id = self._choose_account(instrument, account)
        limit_px = UNDEF if px is None else px
        intent_id = qty > 0 and self._ask(
            instrument.id, side, order_type, time_in_force, limit_px, qty, UNDEF
        )
        if not intent_id:
            return None
        order = Order(
            intent_id, instrument.id, side, order_type, px or 0, qty, qty, account_id=account_id,
            time_in_force=time_in_force,
        )  # fmt: skip
        self.orders[intent_id] = order
        return order

    def place_amount(
        self, instrument: Instrument, side: Side, quote_qty: int, account: str | None = None
    ) -> Order | None:
        """See `Desk.place_amount`."""
        account_id = self._choose_account(instrument, account)
        kind = OrderType.MARKET
        intent_id = quote_qty > 0 and self._ask(
            instrument.id, side, kind, TimeInForce.IOC, UNDEF, UNDEF, quote_qty
        )
        if not intent_id:
            return None
        order = Order(
            intent_id, instrument.id, side, kind, 0, 0, 0, quote_qty=quote_qty,
            account_id=account_id,
        )  # fmt: skip
        self.orders[intent_id] = order
        return order

    def replace(self, order: Order, qty: int, px: int) -> Order | None:
        """See `Desk.replace`."""
        if order.state is not OrderState.OPEN or order.cancel_asked or order.quote_qty or qty <= 0:
            return None
        self._write_as(order.account_id)
        intent_id = self._ask(
            order.instrument_id, order.side, order.order_type, order.time_in_force, px, qty, UNDEF,
            order.client_order_id,
        )  # fmt: skip
        if not intent_id:
            return None
        order.cancel_asked = True
        self._book.replaced[intent_id] = order
        made = Order(
            intent_id, order.instrument_id, order.side, order.order_type, px, qty, qty,
            account_id=order.account_id, time_in_force=order.time_in_force,
        )  # fmt: skip
        self.orders[intent_id] = made
        return made

    def _choose_account(self, instrument: Instrument, name: str | None) -> int:
        """The account of the next intent; ValueError where it is none of ours that trades there."""
        if name is None and instrument.id in self._default_accounts:
            account_id = self._default_accounts[instrument.id]
        elif name in self.config.accounts_of(self.settings, instrument.venue):
            account_id = self.account_ids[name]
        else:
            raise ValueError(f"{name or 'no account'} trades on {instrument.venue} for {self.name}")
        self._write_as(account_id)
        return account_id

    def _write_as(self, account_id: int) -> None:
        """The account, and our row there, of the next intent."""
        words = self._params.data
        words[hot_.P_ACCOUNT] = account_id
        words[hot_.P_STRATEGY] = self.strategy_ids[account_id]

    def _ask(
        self, instrument_id: int, side: Side, order_type: OrderType, time_in_force: TimeInForce,
        px: int, qty: int, quote_qty: int, replaces: int = 0,
    ) -> int:  # fmt: skip
        """The intent that was written; 0 = there is no price to decide by, or no room. `replaces`:
        the order whose place it takes."""
        self._seat.asked(self._now_ns)
        if self._seat.failed or len(self.orders) >= OPEN_ORDERS_PER_STRATEGY_MAX or self._draining:
            return 0
        book = self._book
        intent_id = book.intent_id + 1
        done = write_intent(
            self._handle, intent_id, instrument_id, _REPLACE if replaces else _NEW, side,
            order_type, time_in_force, px, qty, quote_qty, replaces, self._now_ns,
        )  # fmt: skip
        if done == _WRITTEN:
            book.intent_id = intent_id
            return intent_id
        if done == hot_.FULL:
            self._ports.log("warning", "intents_full", strategy=self.name)
        return 0

    def cancel(self, order: Order) -> bool:
        """See `Desk.cancel`."""
        self._seat.asked(self._now_ns)
        return self._cancel_order(order)

    def _cancel_order(self, order: Order) -> bool:
        waiting = order.state in (OrderState.PENDING_NEW, OrderState.UNKNOWN)
        if waiting or order.cancel_asked or order.state in TERMINAL:
            return False
        self._write_as(order.account_id)
        done = write_intent(
            self._handle, self._book.intent_id + 1, order.instrument_id, _CANCEL, 0, 0, 0, UNDEF,
            UNDEF, UNDEF, order.client_order_id, self._now_ns,
        )  # fmt: skip
        if done != _WRITTEN:
            return False
        self._book.cancels[self._book.next_intent()] = order
        order.cancel_asked = True
        return True

    def position(self, instrument: Instrument) -> int:
        return self._book.position(instrument.id)

    def top(self, instrument: Instrument) -> Top | None:
        return self._tops.get(instrument.id)

    def log(self, level: str, event: str, **fields: Any) -> None:
        self._ports.log(level, event, strategy=self.name, **fields)

    # A turn

    def do_work(self, now_ns: int) -> int:
        """Updates first, so that the plugin decides by what is true of its orders."""
        self._now_ns = now_ns
        if not self._started and not self._try_start(now_ns):
            return 0
        took = 0
        found = look(self._handle, WORK_BUDGET, 1)
        if found == _UPDATES_FIRST:
            took = self._take_updates(now_ns)
            found = look(self._handle, WORK_BUDGET, 0)
        if found:
            took += self._take_prices(found, now_ns)
        if self._timed and not self._draining and self._seat.due_ns() <= now_ns:
            self._seat.call("on_timer", now_ns)
        if self._seat.failed and now_ns >= self._failed_look_ns:
            self._look_after_failure(now_ns)
        return took

    def _look_after_failure(self, now_ns: int) -> None:
        """Nothing of a failed plugin stays open; a resumed one begins."""
        self._failed_look_ns = now_ns + FAILED_POLL_NS
        self._timed = False
        self._params[hot_.P_WANTS_TRADES] = 0
        if not self._draining and self._seat.is_resumed(self.strategy_id):
            self._seat.renew()
            self._begin_plugin(now_ns)
            return
        for order in list(self.orders.values()):
            self._cancel_order(order)

    def _own_rows(self) -> dict[int, int]:
        """Account -> our row in the table of strategies, as far as they are made."""
        return {
            int(row["account_id"]): int(row["strategy_id"])
            for row in self._strategy_table.written()
            if bytes(row["name"]).decode() == self.name and int(row["in_config"])
        }

    def _account_rows(self) -> dict[str, int]:
        """Row of each of our accounts that risk has made."""
        named = {
            bytes(row["name"]).decode(): int(row["account_id"])
            for row in self._account_table.written()
            if int(row["enabled"])
        }
        return {name: named[name] for name in self.accounts if name in named}

    def _try_start(self, now_ns: int) -> bool:
        ids, rows_by_account = self._account_rows(), self._own_rows()
        if len(ids) < len(self.accounts) or any(k not in rows_by_account for k in ids.values()):
            return False
        self.account_ids = ids
        self.strategy_ids = {k: rows_by_account[k] for k in ids.values()}
        self.strategy_id = self.strategy_ids[ids[self.accounts[0]]]
        rows = {}
        for row in self._instrument_table.written():
            name = f"{VENUE_NAMES[Venue(int(row['venue']))]}:{bytes(row['name']).decode()}"
            rows[name] = row
        if any(name not in rows for name in self.settings.instruments):
            return False
        for name in self.settings.instruments:
            row = rows[name]
            quote = self._currency_table.read(int(row["quote_currency_id"]))
            if quote is None:
                return False
            self.instruments[name] = Instrument(
                id=int(row["instrument_id"]), name=bytes(row["name"]).decode(),
                venue=VENUE_NAMES[Venue(int(row["venue"]))], px_scale=int(row["px_scale"]),
                qty_scale=int(row["qty_scale"]), tick=int(row["tick"]), lot=int(row["lot"]),
                min_qty=int(row["min_qty"]), min_notional=int(row["min_notional"]),
                notional_divisor=int(row["notional_divisor"]), quote_scale=int(quote["scale"]),
            )  # fmt: skip
            one = self.instruments[name]
            for account in self.config.accounts_of(self.settings, one.venue)[:1]:
                self._default_accounts[one.id] = ids[account]
        self._make_world()
        self._own_ids = frozenset(self.strategy_ids.values())
        self._book = OrderBook(self.orders, self._own_ids, self._ports, self._writer)
        self._book.read_tables()
        self._started = True
        self._begin_plugin(now_ns)
        return True

    def _begin_plugin(self, now_ns: int) -> None:
        self._seat.call("on_start", self, now_ns)
        # Only now: a plugin may put its methods in place when it starts.
        self._timed = self._seat.has_own("next_timer_ns")
        self._params[hot_.P_WANTS_TRADES] = self._seat.has_own("on_trades")

    def _make_world(self) -> None:
        """What the kernels take; of the instruments that the plugin trades."""
        count = len(self.instruments)
        row_of = np.full(len(self._instrument_table.rows), -1, np.int64)
        for row, instrument in enumerate(self.instruments.values()):
            row_of[instrument.id] = row
        tops = np.zeros((count, hot_.T_WORDS), np.int64)
        trades = np.zeros((WORK_BUDGET, hot_.X_WORDS), np.int64)
        decided = np.zeros((count + 1, hot_.T_WORDS), np.int64)
        decided[:, hot_.T_MID] = self.mid_unknown
        self._rows = tops.view(np.uint8).reshape(-1).data
        self._trades = trades.view(np.uint8).reshape(-1).data
        words = self._params.data
        words[hot_.P_TOP_RING] = self._top_reader.channel.id
        words[hot_.P_EPOCH], words[hot_.P_VALID_FOR_NS] = self._writer.epoch, VALID_FOR_NS
        words[hot_.P_LIVE_ONLY] = self.live_only
        self._world = hot_.STRATEGY.make(
            top_words=self._top_reader.words, top_slots=self._top_reader.slots,
            trade_slots=self._top_reader.slots.view(MD_TRADE), top_cursor=self._top_reader.cursor,
            update_words=self._update_reader.words, update_cursor=self._update_reader.cursor,
            intent_words=self._writer.words, intent_gate=self._writer.gate,
            intent_slots=self._writer.slots, row_of=row_of,
            place_of=np.zeros(count, np.int64), tops=tops, trades=trades, decided=decided,
            params=self._params,
        )  # fmt: skip
        self._handle = self._world.handle

    def _take_updates(self, now_ns: int) -> int:
        reader = self._update_reader
        lost = reader.lost
        data = reader.poll_bytes(WORK_BUDGET)
        if reader.lost != lost:
            self.log("warning", "updates_lapped", lost=reader.lost - lost)
            reader.skip_to_end()
            self._read_tables(now_ns)
            return 1
        if not data:
            return 0
        count = len(data) // UPDATE.size
        reader.release(count)
        for update in updates(data, self._own_ids, FLAG_RISK_STARTED):
            if update.flags & FLAG_RISK_STARTED:
                self._read_tables(now_ns)
            else:
                self._take_update(update, now_ns)
        return count

    def _read_tables(self, now_ns: int) -> None:
        """Updates were lost: the tables say what is true, and the plugin hears what is new."""
        for order, reason in self._book.read_tables():
            self._seat.call("on_order", order, reason, now_ns)

    def _take_update(self, update: Update, now_ns: int) -> None:
        order = self._book.take(update)
        if order is None:
            return
        if update.last_qty:
            position = self._book.filled(update, order)
            fill = Fill(order, update.last_px, update.last_qty, position, update.edge_e4)
            self._seat.call("on_fill", fill, now_ns)
        self._seat.call("on_order", order, _REASONS[update.reason], now_ns)

    def _take_prices(self, found: int, now_ns: int) -> int:
        """What the kernel's `look` took, to the plugin; returns how many records that were."""
        if found < 0 or found & _RARE:
            self._take_rare(found, now_ns)
        rows = found & _ROWS_MASK
        for place in range(rows):
            if rows > 1:
                hot_.settle(self._handle, place)
            top: Top = _top_of(Top, _TOP.unpack_from(self._rows, place * _TOP.size))
            self._tops[top[0]] = top
            if not self._draining:
                self._seat.on_top(top, now_ns)
        return found >> _TAKEN_SHIFT

    def _take_rare(self, found: int, now_ns: int) -> None:
        """Public trades, oldest first; and what was lost."""
        reader = self._top_reader
        sound = found != hot_.DAMAGED
        assert sound, f"{reader.channel.name}: its head or a slot is damaged at {reader.pos}"
        if found & hot_.WAS_LAPPED:
            lost = int(self._params[hot_.P_LOST])
            reader.lost += lost
            self.log("warning", "prices_lapped", lost=lost)
        if found & hot_.HAS_TRADES and not self._draining:
            count = int(self._params[hot_.P_TRADES])
            trades = [
                Trade(instrument_id, Side(aggressor), px, qty, ts_event_ns)
                for instrument_id, aggressor, px, qty, ts_event_ns
                in _TRADES.iter_unpack(self._trades[: count * _TRADES.size])
            ]  # fmt: skip
            self._seat.call("on_trades", trades, now_ns)

    def next_timer_ns(self) -> int:
        if not self._started:
            return self._now_ns + START_POLL_NS
        due = self._seat.due_ns() if self._timed else NEVER
        if self._seat.failed:
            due = self._failed_look_ns
        return max(due, self._now_ns + 1)

    def on_drain(self, now_ns: int) -> None:
        """No new intents; what is open is risk's to cancel."""
        del now_ns
        self._draining = True
