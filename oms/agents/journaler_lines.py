"""Journal records -> lines of the human files: a fold, deterministic, without I/O.

Amounts are decimal text with all digits of their scale; prices of a mid are exact, in half units.
P&L is marked at the price of the fill that changed it: cash flow + position at that price - fees,
cut to the quote currency's scale; fees in a third coin are listed by coin, not converted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from oms import ids
from oms.agents.journaler_text import (
    amount,
    csv_line,
    day,
    json_line,
    plain,
    time_text,
)
from oms.config import DeskConfig
from shm_layout.enums import (
    VENUE_NAMES,
    Action,
    Durability,
    ExecKind,
    Liquidity,
    OperatorVerb,
    OrderState,
    OrderType,
    RecordType,
    RejectReason,
    Side,
    TimeInForce,
    Venue,
)
from shm_layout.records import NO_ID, UNDEF

NS_PER_MS = 1_000_000
_TERMINAL = (OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED)

Line = tuple[str, str]


@dataclass(slots=True)
class Position:
    """Fills of one strategy in one instrument and account, folded."""

    qty: int = 0
    bought_qty: int = 0
    sold_qty: int = 0
    cash: int = 0
    fee_quote: int = 0
    fee_base: int = 0
    fees_other: dict[int, int] = field(default_factory=dict)
    fills: int = 0


class Lines:
    """The fold. `of` gives the lines that one record makes."""

    def __init__(self, config: DeskConfig) -> None:
        self._strategies = [strategy.name for strategy in config.strategies]
        self._system_id = 0
        self._ts_ns = 0
        self._instruments: dict[int, Any] = {}
        self._currencies: dict[int, tuple[str, int]] = {}
        self._accounts: dict[int, str] = dict(enumerate(config.account_names()))
        self._time_in_force: dict[int, int] = {}
        self._unknown_since: dict[int, int] = {}
        self._positions: defaultdict[tuple[int, int, int], Position] = defaultdict(Position)
        self._begun: set[str] = set()
        self._makers = {
            RecordType.START: self._start,
            RecordType.CURRENCY_ROW: self._currency,
            RecordType.INSTRUMENT_ROW: self._instrument,
            RecordType.ACCOUNT_ROW: self._account,
            RecordType.ORDER_ROW: self._order,
            RecordType.ORDER_UPDATE: self._update,
            RecordType.EXECUTION: self._execution,
            RecordType.BALANCE: self._balance,
            RecordType.OPERATOR: self._operator,
        }

    def of(self, seq: int, record: Any) -> Iterator[Line]:
        """(path below the data directory, line) of everything that a record says."""
        maker = self._makers.get(RecordType(int(record["type"])))
        if maker is not None:
            yield from maker(seq, record)

    # Writing

    def _json(self, name: str, fields: dict[str, Any]) -> Line:
        return f"days/{day(self._ts_ns)}/{name}.jsonl", json_line(fields)

    def _both(self, name: str, fields: dict[str, Any]) -> Iterator[Line]:
        """The JSON line and its CSV twin; a CSV file begins with its header."""
        yield self._json(name, fields)
        path = f"days/{day(self._ts_ns)}/{name}.csv"
        if path not in self._begun:
            self._begun.add(path)
            yield path, csv_line(list(fields))
        yield path, csv_line(list(fields.values()))

    def _seen_at(self, ts_ns: int) -> None:
        """Days follow our clock, and never go back."""
        self._ts_ns = max(self._ts_ns, ts_ns)

    def _audit(self, seq: int, what: str, **fields: Any) -> Iterator[Line]:
        yield self._json(
            "audit", {"ts": time_text(self._ts_ns), "seq": seq, "what": what, **fields}
        )

    # Names

    def _strategy_name(self, strategy_id: int) -> str:
        known = 0 <= strategy_id < len(self._strategies)
        return self._strategies[strategy_id] if known else f"strategy {strategy_id}"

    def _account_name(self, account_id: int) -> str:
        return self._accounts.get(account_id, f"account {account_id}")

    def _id_text(self, client_order_id: int) -> str | None:
        return ids.to_text(self._system_id, client_order_id) if client_order_id > 0 else None

    def _scales(self, instrument_id: int) -> tuple[int, int, int]:
        """(price, quantity, quote currency) digits of an instrument."""
        row = self._instruments[instrument_id]
        quote = self._currencies[int(row["quote_currency_id"])][1]
        return int(row["px_scale"]), int(row["qty_scale"]), quote

    def _place(self, record: Any) -> dict[str, Any]:
        """Who and where: strategy, account, venue, instrument."""
        row = self._instruments.get(int(record["instrument_id"]))
        return {
            "strategy": self._strategy_name(int(record["strategy_id"])),
            "account": self._account_name(int(record["account_id"])),
            "venue": VENUE_NAMES.get(Venue(int(row["venue"])), "") if row is not None else None,
            "instrument": plain(row["name"]) if row is not None else None,
        }

    def _operator(self, seq: int, record: Any) -> Iterator[Line]:
        self._seen_at(int(record["ts_ns"]))
        yield from self._audit(
            seq, OperatorVerb(int(record["verb"])).name.lower(), name=plain(record["name"]),
            value=plain(record["value"]), before=plain(record["before"]),
            reason=bytes(record["reason"]).decode("utf-8", "replace"), uid=int(record["uid"]),
            pid=int(record["pid"]),
        )  # fmt: skip

    # Registry

    def _start(self, seq: int, record: Any) -> Iterator[Line]:
        self._system_id = int(record["system_id"])
        self._seen_at(int(record["ts_ns"]))
        yield from self._audit(
            seq, "start", risk_epoch=int(record["risk_epoch"]),
            durability=Durability(int(record["durability"])).name,
            config_hash=f"{int(record['config_hash']):016x}",
        )  # fmt: skip

    def _currency(self, seq: int, record: Any) -> Iterator[Line]:
        code, scale = plain(record["code"]), int(record["scale"])
        self._currencies[int(record["currency_id"])] = code, scale
        yield from self._audit(seq, "currency", currency=code, scale=scale)

    def _instrument(self, seq: int, record: Any) -> Iterator[Line]:
        self._instruments[int(record["instrument_id"])] = record.copy()
        self._seen_at(int(record["ts_ns"]))
        px_scale, qty_scale, quote_scale = self._scales(int(record["instrument_id"]))
        yield from self._audit(
            seq, "instrument", venue=VENUE_NAMES.get(Venue(int(record["venue"])), ""),
            instrument=plain(record["name"]), symbol=plain(record["symbol"]),
            trading=bool(record["trading"]), tick=amount(int(record["tick"]), px_scale),
            lot=amount(int(record["lot"]), qty_scale),
            min_notional=amount(int(record["min_notional"]), quote_scale),
        )  # fmt: skip

    def _account(self, seq: int, record: Any) -> Iterator[Line]:
        self._accounts[int(record["account_id"])] = plain(record["name"])
        self._seen_at(int(record["ts_ns"]))
        yield from self._audit(
            seq, "account", account=plain(record["name"]), enabled=bool(record["enabled"]),
            reconciled=bool(record["reconciled"]),
        )  # fmt: skip

    # Orders

    def _order(self, seq: int, record: Any) -> Iterator[Line]:
        client_order_id = int(record["client_order_id"])
        self._seen_at(max(int(record["ts_state_ns"]), int(record["ts_decide_ns"])))
        self._time_in_force[client_order_id] = int(record["time_in_force"])
        yield from self._order_line(
            seq, record, "NEW", quote_qty=int(record["quote_qty"]), leaves=None
        )

    def _update(self, seq: int, record: Any) -> Iterator[Line]:
        self._seen_at(int(record["ts_ns"]))
        client_order_id = int(record["client_order_id"])
        if client_order_id <= 0:
            yield from self._audit(
                seq, "intent refused", **self._place(record),
                action=Action(int(record["action"])).name,
                reason=RejectReason(int(record["reason"])).name, intent_id=int(record["intent_id"]),
            )  # fmt: skip
            return
        kind = int(record["kind"])
        event = ExecKind(kind).name if kind else f"{Action(int(record['action'])).name} asked"
        leaves = int(record["leaves_qty"])
        yield from self._order_line(seq, record, event, quote_qty=UNDEF, leaves=leaves)
        if kind == ExecKind.FILL:
            yield from self._fill(seq, record)
        if int(record["state"]) in _TERMINAL:
            self._time_in_force.pop(client_order_id, None)
            self._unknown_since.pop(client_order_id, None)

    def _order_line(
        self, seq: int, record: Any, event: str, *, quote_qty: int, leaves: int | None
    ) -> Iterator[Line]:
        ts_ns = self._ts_ns
        px_scale, qty_scale, quote_scale = self._scales(int(record["instrument_id"]))
        client_order_id = int(record["client_order_id"])
        unknown, unknown_ms = self._unknown(client_order_id, int(record["state"]), ts_ns)
        time_in_force = self._time_in_force.get(client_order_id, 0)
        yield from self._both("orders", {
            "ts": time_text(ts_ns), "seq": seq, "client_order_id": self._id_text(client_order_id),
            **self._place(record), "side": Side(int(record["side"])).name,
            "type": OrderType(int(record["order_type"])).name,
            "time_in_force": TimeInForce(time_in_force).name if time_in_force else None,
            "px": amount(int(record["px"]), px_scale), "qty": amount(int(record["qty"]), qty_scale),
            "quote_qty": amount(quote_qty, quote_scale), "event": event,
            "state": OrderState(int(record["state"])).name,
            "reason": RejectReason(int(record["reason"])).name if record["reason"] else None,
            "cum_qty": amount(int(record["cum_qty"]), qty_scale),
            "leaves_qty": None if leaves is None else amount(leaves, qty_scale),
            "venue_order_id": plain(record["venue_order_id"]) or None,
            "unknown": unknown, "unknown_ms": unknown_ms,
            "text": plain(record["text"]) or None if "text" in record.dtype.names else None,
        })  # fmt: skip

    def _unknown(
        self, client_order_id: int, state: int, ts_ns: int
    ) -> tuple[str | None, int | None]:
        """Whether this change begins or ends a time of not knowing, and how long it was."""
        since = self._unknown_since.get(client_order_id)
        if state == OrderState.UNKNOWN:
            if since is not None:
                return None, None
            self._unknown_since[client_order_id] = ts_ns
            return "begins", None
        if since is None:
            return None, None
        del self._unknown_since[client_order_id]
        return "resolved", (ts_ns - since) // NS_PER_MS

    # Fills

    def _fill(self, seq: int, record: Any) -> Iterator[Line]:
        px_scale, qty_scale, quote_scale = self._scales(int(record["instrument_id"]))
        currency_id = int(record["fee_currency_id"])
        fee_code, fee_scale = self._currencies.get(currency_id, (None, 0))
        liquidity = int(record["liquidity"])
        yield from self._both("executions", {
            "ts": time_text(int(record["ts_ns"])),
            "ts_event": time_text(int(record["ts_event_ns"])),
            "seq": seq, "client_order_id": self._id_text(int(record["client_order_id"])),
            "trade_id": int(record["exec_key_low"]),
            "venue_order_id": plain(record["venue_order_id"]) or None, **self._place(record),
            "side": Side(int(record["side"])).name,
            "liquidity": Liquidity(liquidity).name if liquidity else None,
            "px": amount(int(record["last_px"]), px_scale),
            "qty": amount(int(record["last_qty"]), qty_scale),
            "quote_qty": amount(int(record["last_quote_qty"]), quote_scale),
            "fee": amount(int(record["fee"]), fee_scale) if fee_code else None,
            "fee_currency": fee_code, "edge_bp": amount(int(record["edge_e4"]), 4),
            "position_qty": amount(int(record["position_qty"]), qty_scale),
        })  # fmt: skip
        position = self._fold_position(record)
        head = {"ts": time_text(int(record["ts_ns"])), "seq": seq, **self._place(record)}
        yield self._json("positions", {
            **head, "qty": amount(position.qty, qty_scale),
            "bought_qty": amount(position.bought_qty, qty_scale),
            "sold_qty": amount(position.sold_qty, qty_scale), "fills": position.fills,
        })  # fmt: skip
        yield self._json("pnl", {**head, **self._pnl(record, position)})

    def _fold_position(self, record: Any) -> Position:
        instrument_id = int(record["instrument_id"])
        key = (int(record["strategy_id"]), instrument_id, int(record["account_id"]))
        position = self._positions[key]
        qty, cash = int(record["last_qty"]), int(record["last_quote_qty"])
        if int(record["side"]) == Side.BUY:
            position.bought_qty += qty
            position.cash -= cash
        else:
            position.sold_qty += qty
            position.cash += cash
        position.qty = position.bought_qty - position.sold_qty
        position.fills += 1
        row, fee = self._instruments[instrument_id], int(record["fee"])
        currency_id = int(record["fee_currency_id"])
        if currency_id == int(row["quote_currency_id"]):
            position.fee_quote += fee
        elif currency_id == int(row["base_currency_id"]):
            position.fee_base += fee
        elif currency_id != NO_ID:
            position.fees_other[currency_id] = position.fees_other.get(currency_id, 0) + fee
        return position

    def _pnl(self, record: Any, position: Position) -> dict[str, Any]:
        instrument_id = int(record["instrument_id"])
        row = self._instruments[instrument_id]
        px_scale, qty_scale, quote_scale = self._scales(instrument_id)
        base_scale = self._currencies[int(row["base_currency_id"])][1]
        px = int(record["last_px"])
        value = position.qty * px // int(row["notional_divisor"])
        fee_base = position.fee_base * px * 10**quote_scale // 10 ** (base_scale + px_scale)
        pnl = position.cash + value - position.fee_quote - fee_base
        others = {
            self._currencies[k][0]: amount(v, self._currencies[k][1])
            for k, v in sorted(position.fees_other.items())
        }
        return {
            "cash": amount(position.cash, quote_scale), "qty": amount(position.qty, qty_scale),
            "mark_px": amount(px, px_scale), "fee_quote": amount(position.fee_quote, quote_scale),
            "fee_base": amount(position.fee_base, base_scale), "fees_other": others,
            "pnl": amount(pnl, quote_scale), "currency": self._quote_code(row),
        }  # fmt: skip

    def _quote_code(self, row: Any) -> str:
        return self._currencies[int(row["quote_currency_id"])][0]

    # The rest

    def _execution(self, seq: int, record: Any) -> Iterator[Line]:
        """Evidence that belongs to no order of ours."""
        self._seen_at(int(record["ts_recv_ns"]))
        yield from self._audit(
            seq, "unmatched execution", kind=ExecKind(int(record["kind"])).name,
            account=self._account_name(int(record["account_id"])),
            client_order_id=self._id_text(int(record["client_order_id"])),
            venue_order_id=plain(record["venue_order_id"]) or None,
            trade_id=int(record["exec_key_low"]) or None, text=plain(record["text"]) or None,
        )  # fmt: skip

    def _balance(self, seq: int, record: Any) -> Iterator[Line]:
        self._seen_at(int(record["ts_recv_ns"]))
        known = self._currencies.get(int(record["currency_id"]))
        if known is None or int(record["free"]) == UNDEF:
            return
        code, scale = known
        free, locked = int(record["free"]), int(record["locked"])
        yield self._json("balances", {
            "ts": time_text(self._ts_ns), "seq": seq,
            "account": self._account_name(int(record["account_id"])), "currency": code,
            "free": amount(free, scale), "locked": amount(locked, scale),
        })  # fmt: skip
