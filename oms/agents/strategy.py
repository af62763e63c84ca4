"""Runs one strategy plugin: prices and updates in, intents out.

Reads the `top` and `updates` rings (broadcast: it can be lapped, is told the exact count, and
then takes its orders and positions from risk's tables; the same when risk began anew), writes its
own intents ring. Prices are conflated per turn: a plugin decides by the newest. Every intent
carries what decided it: mid, book version, the position of the price record.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from oms.agents.base import BaseAgent, Ports
from oms.agents.strategy_orders import OrderBook
from oms.config import DeskConfig
from oms.orders.states import TERMINAL
from oms.strategies.base import Fill, Instrument, Order, Top, Trade
from oms.strategies.registry import make_strategy
from shm_layout.enums import (
    FLAG_RISK_STARTED,
    VENUE_NAMES,
    Action,
    BookState,
    OrderState,
    OrderType,
    RecordType,
    RejectReason,
    Side,
    TimeInForce,
    Venue,
)
from shm_layout.limits import OPEN_ORDERS_PER_STRATEGY_MAX, WORK_BUDGET
from shm_layout.packing import packing
from shm_layout.records import INTENT, MD_TRADE, NO_ID, ORDER_UPDATE, TOP_OF_BOOK, UNDEF

VALID_FOR_NS = 1_000_000_000
"""An intent that is older than this when it would be sent is refused."""
START_POLL_NS = 20_000_000
"""How often to look whether the instruments are registered yet."""

_Shape = tuple[int, int, int]
"""Side, order type, time in force."""
_Amounts = tuple[int, int, int]
"""Price, quantity, quote amount; UNDEF where there is none."""
_T_INTENT, _T_TOP = int(RecordType.INTENT), int(RecordType.TOP_OF_BOOK)
_T_TRADE = int(RecordType.MD_TRADE)
_LIVE = int(BookState.LIVE)
_INTENT, _INTENT_NAMES = packing(INTENT)
assert _INTENT_NAMES == (
    "seq", "type", "flags", "epoch", "intent_id", "instrument_id", "account_id", "strategy_id",
    "action", "side", "order_type", "time_in_force", "reserved0", "px", "qty", "quote_qty",
    "target_client_order_id", "mid_px", "book_version", "ts_event_ns", "ts_recv_ns",
    "ts_decide_ns", "valid_until_ns", "stamp_cycles", "cause_ring", "reserved1", "cause_pos",
    "asked_by",
)  # fmt: skip
_TRADE, _TRADE_NAMES = packing(MD_TRADE, {"instrument_id", "aggressor", "ts_event_ns", "px", "qty"})
assert _TRADE_NAMES == ("instrument_id", "aggressor", "ts_event_ns", "px", "qty")
_HEADS = packing(TOP_OF_BOOK, ("type", "instrument_id"))[0]
_TOP, _TOP_NAMES = packing(TOP_OF_BOOK, {
    "instrument_id", "state", "version", "ts_event_ns", "ts_recv_ns", "stamp_cycles", "bid_px",
    "bid_qty", "ask_px", "ask_qty",
})  # fmt: skip
assert _TOP_NAMES == (
    "instrument_id", "state", "version", "ts_event_ns", "ts_recv_ns", "stamp_cycles", "bid_px",
    "bid_qty", "ask_px", "ask_qty",
)  # fmt: skip


class StrategyAgent(BaseAgent):
    """Hosts the plugin of `config.strategies[name]`; is its `Desk`."""

    def __init__(self, config: DeskConfig, name: str) -> None:
        self.role = f"strategy.{name}"
        self.name = name
        self.config = config
        self.settings = next(s for s in config.strategies if s.name == name)
        self.strategy_id = NO_ID
        """Its row in risk's table of strategies; found by name once risk has made it."""
        self.account_id = config.account_names().index(self.settings.account)
        self.account_ids: tuple[int, ...] = (self.account_id,)
        """Accounts that it may place on; the operator on all."""
        self.strategy_ids: dict[int, int] = {}
        """Its row for each of them."""
        self.plugin = make_strategy(self.settings.plugin, self.settings.params)
        self.instruments: dict[str, Instrument] = {}
        self.orders: dict[int, Order] = {}
        self._book: OrderBook
        self._tops: dict[int, Top] = {}
        self._started = False
        self._draining = False
        self._decided: Top | None = None
        self._now_ns = 0
        self._intent = np.zeros(1, INTENT)
        self._intent_words = self._intent.view(np.int64)
        self._intent_bytes = self._intent.view(np.uint8).data
        self._wanted: frozenset[int] = frozenset()

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self._ports = ports
        self._top_reader = ports.reader("top")
        self._top_ring = self._top_reader.channel.id
        self._update_reader = ports.reader("updates")
        self._writer = ports.writer(f"intents.{self.name}")
        self._instrument_table = ports.table_reader("instruments")
        self._currency_table = ports.table_reader("currencies")
        self._strategy_table = ports.table_reader("strategies")
        self._top_reader.skip_to_end()
        self._update_reader.skip_to_end()
        self._now_ns = now_ns

    # The plugin's desk

    def place(
        self,
        instrument: Instrument,
        side: Side,
        qty: int,
        px: int | None,
        order_type: OrderType = OrderType.LIMIT,
        time_in_force: TimeInForce = TimeInForce.GTC,
    ) -> Order | None:
        """See `Desk.place`."""
        shape = (side, order_type, time_in_force)
        amounts = (UNDEF if px is None else px, qty, UNDEF)
        if qty <= 0 or not self._new_order(instrument, shape, amounts):
            return None
        order = Order(0, instrument.id, side, order_type, px or 0, qty, leaves_qty=qty)
        return self._ask(order)

    def place_amount(self, instrument: Instrument, side: Side, quote_qty: int) -> Order | None:
        """See `Desk.place_amount`."""
        shape = (side, OrderType.MARKET, TimeInForce.IOC)
        amounts = (UNDEF, UNDEF, quote_qty)
        if quote_qty <= 0 or not self._new_order(instrument, shape, amounts):
            return None
        order = Order(0, instrument.id, side, OrderType.MARKET, 0, 0, 0, quote_qty=quote_qty)
        return self._ask(order)

    def _new_order(self, instrument: Instrument, shape: _Shape, amounts: _Amounts) -> bool:
        """Make the intent; False where there is no price to decide by, or no room."""
        decided = self._tops.get(instrument.id)
        full = len(self.orders) >= OPEN_ORDERS_PER_STRATEGY_MAX
        if decided is None or not decided.live or full or self._draining:
            return False
        self._new_intent(Action.NEW, instrument.id, decided, shape, amounts)
        return True

    def _ask(self, order: Order) -> Order | None:
        if not self._writer.append_words(self._intent_words):
            self._ports.log("warning", "intents_full", strategy=self.name)
            return None
        order.intent_id = self._book.next_intent()
        self.orders[order.intent_id] = order
        return order

    def cancel(self, order: Order) -> bool:
        """See `Desk.cancel`."""
        waiting = order.state in (OrderState.PENDING_NEW, OrderState.UNKNOWN)
        if waiting or order.cancel_asked or order.state in TERMINAL:
            return False
        decided = self._tops.get(order.instrument_id)
        self._new_intent(
            Action.CANCEL, order.instrument_id, decided,
            target_client_order_id=order.client_order_id,
        )  # fmt: skip
        if not self._writer.append_words(self._intent_words):
            return False
        self._book.cancels[self._book.next_intent()] = order
        order.cancel_asked = True
        return True

    def _new_intent(
        self,
        action: Action,
        instrument_id: int,
        decided: Top | None,
        shape: _Shape = (0, 0, 0),
        amounts: _Amounts = (UNDEF, UNDEF, UNDEF),
        target_client_order_id: int = 0,
    ) -> Any:
        """The record that all intents are made in, one after another; in the order of INTENT."""
        mid_px = version = ts_event_ns = ts_recv_ns = stamp_cycles = cause_pos = 0
        if decided is not None:
            mid_px = decided.bid_px + decided.ask_px if decided.live else UNDEF
            version, cause_pos = decided.version, decided.pos
            ts_event_ns, ts_recv_ns = decided.ts_event_ns, decided.ts_recv_ns
            stamp_cycles = decided.stamp_cycles
        now_ns = self._now_ns
        _INTENT.pack_into(
            self._intent_bytes, 0, 0, _T_INTENT, 0, 0, self._book.intent_id + 1, instrument_id,
            self.account_id, self.strategy_id, action, *shape, 0, *amounts, target_client_order_id,
            mid_px, version, ts_event_ns, ts_recv_ns, now_ns, now_ns + VALID_FOR_NS, stamp_cycles,
            self._top_ring, 0, cause_pos, 0,
        )  # fmt: skip
        return self._intent

    def position(self, instrument: Instrument) -> int:
        return self._book.positions.get(instrument.id, 0)

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
        took = self._take_updates(now_ns) + self._take_prices(now_ns)
        if not self._draining and self.plugin.next_timer_ns() <= now_ns:
            self.plugin.on_timer(now_ns)
        return took

    def _own_rows(self) -> dict[int, int]:
        """Account -> our row in the table of strategies, as far as they are made."""
        return {
            int(row["account_id"]): int(row["strategy_id"])
            for row in self._strategy_table.written()
            if bytes(row["name"]).decode() == self.name and int(row["in_config"])
        }

    def _try_start(self, now_ns: int) -> bool:
        rows_by_account = self._own_rows()
        if any(account_id not in rows_by_account for account_id in self.account_ids):
            return False
        self.strategy_ids = {k: rows_by_account[k] for k in self.account_ids}
        self.strategy_id = self.strategy_ids[self.account_id]
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
        self._wanted = frozenset(i.id for i in self.instruments.values())
        ids = self.strategy_ids.values()
        self._book = OrderBook(self.orders, ids, self._ports, self._writer)
        self._book.read_tables()
        self._started = True
        self.plugin.on_start(self, now_ns)
        return True

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
        rows = np.frombuffer(data, ORDER_UPDATE)
        reader.release(len(rows))
        began = (rows["flags"] & FLAG_RISK_STARTED) != 0
        for row in rows[self._mine(rows) | began]:
            if int(row["flags"]) & FLAG_RISK_STARTED:
                self._read_tables(now_ns)
            else:
                self._take_update(row, now_ns)
        return len(rows)

    def _mine(self, rows: Any) -> Any:
        """Which updates are about our orders, as an array of booleans."""
        return rows["strategy_id"] == self.strategy_id

    def _read_tables(self, now_ns: int) -> None:
        """Updates were lost: the tables say what is true, and the plugin hears what is new."""
        for order, reason in self._book.read_tables():
            self.plugin.on_order(order, reason, now_ns)

    def _take_update(self, row: Any, now_ns: int) -> None:
        order = self._book.take(row)
        if order is None:
            return
        if int(row["last_qty"]):
            self._book.positions[order.instrument_id] = int(row["position_qty"])
            self.plugin.on_fill(
                Fill(
                    order, int(row["last_px"]), int(row["last_qty"]), int(row["position_qty"]),
                    int(row["edge_e4"]),
                ),
                now_ns,
            )  # fmt: skip
        self.plugin.on_order(order, RejectReason(int(row["reason"])), now_ns)

    def _take_prices(self, now_ns: int) -> int:
        reader = self._top_reader
        lost = reader.lost
        pos = reader.pos
        data = reader.poll_bytes(WORK_BUDGET)
        if reader.lost != lost:
            self.log("warning", "prices_lapped", lost=reader.lost - lost)
            pos = reader.pos
        if not data:
            return 0
        count = len(data) // _TOP.size
        reader.release(count)
        wanted = self._wanted
        newest: dict[int, int] = {}
        trades = []
        for k, (kind, instrument_id) in enumerate(_HEADS.iter_unpack(data)):
            if instrument_id not in wanted:
                continue
            if kind == _T_TOP:
                newest[instrument_id] = k
            elif kind == _T_TRADE:
                trades.append(_trade(data, k))
        if trades and not self._draining:
            self.plugin.on_trades(trades, now_ns)
        for instrument_id, k in newest.items():
            top = _top(data, k, pos + k)
            self._tops[instrument_id] = top
            if not self._draining:
                self.plugin.on_top(top, now_ns)
        return count

    def next_timer_ns(self) -> int:
        if not self._started:
            return self._now_ns + START_POLL_NS
        return max(self.plugin.next_timer_ns(), self._now_ns + 1)

    def on_drain(self, now_ns: int) -> None:
        """No new intents; what is open is risk's to cancel."""
        del now_ns
        self._draining = True


def _top(data: bytes, index: int, pos: int) -> Top:
    """The record at this place of a batch; fields as in TOP_OF_BOOK."""
    (
        instrument_id, state, version, ts_event_ns, ts_recv_ns, stamp_cycles, bid_px, bid_qty,
        ask_px, ask_qty,
    ) = _TOP.unpack_from(data, index * _TOP.size)  # fmt: skip
    live = state == _LIVE and bid_px != UNDEF and ask_px != UNDEF
    return Top(
        instrument_id, live, bid_px, bid_qty, ask_px, ask_qty, version, ts_event_ns, ts_recv_ns,
        stamp_cycles, pos,
    )  # fmt: skip


def _trade(data: bytes, index: int) -> Trade:
    """The same; fields as in MD_TRADE."""
    instrument_id, aggressor, ts_event_ns, px, qty = _TRADE.unpack_from(data, index * _TRADE.size)
    return Trade(instrument_id, Side(aggressor), px, qty, ts_event_ns)
