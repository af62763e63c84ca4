"""Journal records -> lines of the human files: a fold, deterministic, without I/O.

Amounts are decimal text with all digits of their scale; prices of a mid are exact, in half units.
Each name has two files, JSON lines and CSV, with the same lines. What this build has no words for
(a record of an operator's, of a watchdog's) stands in `audit` with all its fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from oms import ids
from oms.agents.journaler.books import Books
from oms.agents.journaler.text import (
    amount,
    csv_line,
    day,
    described,
    json_line,
    plain,
    time_text,
)
from oms.config import DeskConfig
from oms.units import NS_PER_MS
from shm_layout.enums import (
    VENUE_NAMES,
    Action,
    Durability,
    ExecKind,
    Liquidity,
    OperatorVerb,
    OrderState,
    OrderType,
    PluginState,
    PluginTrouble,
    RecordType,
    RejectReason,
    Side,
    TimeInForce,
    Venue,
)
from shm_layout.records import UNDEF

_FILES_OF_A_FILL = ("executions", "positions", "pnl")
_TERMINAL = (OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED)

Line = tuple[str, str]


class Lines:
    """The fold. `of` gives the lines that one record makes."""

    def __init__(self, config: DeskConfig) -> None:
        # A journal from before strategies had rows knew them by their place.
        self._strategies: dict[int, str] = {
            place: strategy.name for place, strategy in enumerate(config.strategies)
        }
        self._config_hash = 0
        self._system_id = 0
        self._ts_ns = 0
        self._instruments: dict[int, Any] = {}
        self._currencies: dict[int, tuple[str, int]] = {}
        self._accounts: dict[int, str] = dict(enumerate(config.account_names()))
        self._time_in_force: dict[int, int] = {}
        self._unknown_since: dict[int, int] = {}
        self._amounts: dict[int, list[int]] = {}
        """Open orders by quote amount: (ordered, traded so far), scale of the quote currency."""
        self._books = Books()
        self._begun: set[str] = set()
        self._makers = {
            RecordType.START: self._start,
            RecordType.CURRENCY_ROW: self._currency,
            RecordType.INSTRUMENT_ROW: self._instrument,
            RecordType.ACCOUNT_ROW: self._account,
            RecordType.STRATEGY_ROW: self._strategy,
            RecordType.ORDER_ROW: self._order,
            RecordType.ORDER_UPDATE: self._update,
            RecordType.EXECUTION: self._execution,
            RecordType.BALANCE: self._balance,
            RecordType.OPERATOR: self._operator,
            RecordType.PLUGIN_ROW: self._plugin,
        }

    def of(self, seq: int, record: Any) -> Iterator[Line]:
        """(path below the data directory, line) of everything that a record says."""
        kind = int(record["type"])
        if kind == RecordType.CYCLE:
            return
        maker = self._makers.get(RecordType(kind))
        if maker is None:
            yield from self._anything(seq, record)
        else:
            yield from maker(seq, record)

    def pass_over(self, seq: int, record: Any) -> None:
        """Remember of a record what `of` does, without its lines: they were written before. Of the
        records that there are many of, a tenth of the work.
        """
        kind = int(record["type"])
        if kind == RecordType.ORDER_UPDATE and int(record["client_order_id"]) > 0:
            self._seen_at(int(record["ts_ns"]))
            self._unknown(int(record["client_order_id"]), int(record["state"]), self._ts_ns)
            self._begun.add(self._csv_path("orders"))
            is_fill = int(record["kind"]) == ExecKind.FILL
            if is_fill:
                self._traded(record)
            if is_fill or int(record["fee"]):
                self._books.fold(record, self._instruments[int(record["instrument_id"])])
                names = _FILES_OF_A_FILL if is_fill else _FILES_OF_A_FILL[:1]
                self._begun |= {self._csv_path(name) for name in names}
            self._ended(record)
        elif kind == RecordType.ORDER_ROW:
            self._accepted(record)
            self._unknown(int(record["client_order_id"]), int(record["state"]), self._ts_ns)
            self._begun.add(self._csv_path("orders"))
        elif kind == RecordType.BALANCE:
            self._seen_at(int(record["ts_recv_ns"]))
            if self._is_said(record):
                self._begun.add(self._csv_path("balances"))
        elif kind != RecordType.CYCLE:
            for _ in self.of(seq, record):
                pass

    def of_another(self, journal: str, seq: int, record: Any) -> Iterator[Line]:
        """Lines of a record of another process's journal: `seq` counts in there."""
        yield from self._anything(seq, record, journal=journal)

    # A successor's start

    def state(self) -> dict[str, Any]:
        """What `resume` needs to go on; plain JSON."""
        return {
            "ts_ns": self._ts_ns,
            "config_hash": self._config_hash,
            "time_in_force": list(self._time_in_force.items()),
            "unknown_since": list(self._unknown_since.items()),
            "amounts": list(self._amounts.items()),
            "books": self._books.state(),
            "begun": sorted(path for path in self._begun if day(self._ts_ns) in path),
        }

    def resume(self, state: Mapping[str, Any], tables: Mapping[str, Any], system_id: int) -> None:
        """Be as the fold was that gave `state`; `tables` are rows by name, as `RiskArrays` has."""
        self._system_id = system_id
        self._ts_ns = int(state["ts_ns"])
        self._config_hash = int(state["config_hash"])
        self._time_in_force = dict(state["time_in_force"])
        self._unknown_since = dict(state["unknown_since"])
        self._amounts = dict(state["amounts"])
        self._books.resume(state["books"])
        self._begun = set(state["begun"])
        for row in _written(tables["currencies"]):
            self._currencies[int(row["currency_id"])] = plain(row["code"]), int(row["scale"])
        for row in _written(tables["instruments"]):
            self._instruments[int(row["instrument_id"])] = row.copy()
        for row in _written(tables["accounts"]):
            self._accounts[int(row["account_id"])] = plain(row["name"])
        for row in _written(tables["strategies"]):
            self._strategies[int(row["strategy_id"])] = plain(row["name"])

    # Writing

    def _json(self, name: str, fields: dict[str, Any]) -> Line:
        return f"days/{day(self._ts_ns)}/{name}.jsonl", json_line(fields)

    def _both(self, name: str, fields: dict[str, Any]) -> Iterator[Line]:
        """The JSON line and its CSV twin."""
        yield self._json(name, fields)
        yield from self._csv(name, fields)

    def _csv(self, name: str, fields: dict[str, Any]) -> Iterator[Line]:
        """A CSV line; the file begins with its header."""
        path = self._csv_path(name)
        if path not in self._begun:
            self._begun.add(path)
            yield path, csv_line(list(fields))
        yield path, csv_line(list(fields.values()))

    def _csv_path(self, name: str) -> str:
        return f"days/{day(self._ts_ns)}/{name}.csv"

    def _seen_at(self, ts_ns: int) -> None:
        """Days follow our clock, and never go back."""
        self._ts_ns = max(self._ts_ns, ts_ns)

    def _audit(self, seq: int, what: str, **fields: Any) -> Iterator[Line]:
        """One line; its CSV has the same columns for whatever is said."""
        head = {"ts": time_text(self._ts_ns), "seq": seq, "what": what}
        yield self._json("audit", {**head, **fields})
        yield from self._csv("audit", {**head, "fields": json_line(fields)})

    def _anything(self, seq: int, record: Any, **more: Any) -> Iterator[Line]:
        """A record that has no line of its own: what it is, and every field that says something."""
        what, fields = described(record)
        fields |= more
        for name in ("ts_ns", "ts_recv_ns"):
            if name in (record.dtype.names or ()):
                self._seen_at(int(record[name]))
        yield from self._audit(seq, what, **fields)

    # Names

    def _strategy_name(self, strategy_id: int) -> str:
        return self._strategies.get(strategy_id, f"strategy {strategy_id}")

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

    def _plugin(self, seq: int, record: Any) -> Iterator[Line]:
        self._seen_at(int(record["ts_ns"]))
        trouble = PluginTrouble(int(record["trouble"]))
        yield from self._audit(
            seq, f"strategy_{PluginState(int(record['state'])).name.lower()}",
            strategy=plain(record["name"]), trouble=trouble.name if trouble else "",
            reason=bytes(record["reason"]).decode("utf-8", "replace"),
            failures=int(record["failures"]), uid=int(record["uid"]), pid=int(record["pid"]),
        )  # fmt: skip

    # Registry

    def _start(self, seq: int, record: Any) -> Iterator[Line]:
        self._system_id = int(record["system_id"])
        self._seen_at(int(record["ts_ns"]))
        yield from self._audit(
            seq, "start", risk_epoch=int(record["risk_epoch"]),
            durability=Durability(int(record["durability"])).name,
            config_hash=f"{int(record['config_hash']):016x}",
            config_changed=self._config_hash not in (0, int(record["config_hash"])),
        )  # fmt: skip
        self._config_hash = int(record["config_hash"])

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

    def _strategy(self, seq: int, record: Any) -> Iterator[Line]:
        self._strategies[int(record["strategy_id"])] = plain(record["name"])
        self._seen_at(int(record["ts_ns"]))
        yield from self._audit(
            seq, "strategy", strategy=plain(record["name"]), id=int(record["strategy_id"]),
            account=self._account_name(int(record["account_id"])),
            in_config=bool(record["in_config"]),
        )  # fmt: skip

    # Orders

    def _order(self, seq: int, record: Any) -> Iterator[Line]:
        self._accepted(record)
        yield from self._order_line(seq, record, "NEW", leaves=None)

    def _accepted(self, record: Any) -> None:
        client_order_id = int(record["client_order_id"])
        self._seen_at(max(int(record["ts_state_ns"]), int(record["ts_decide_ns"])))
        self._time_in_force[client_order_id] = int(record["time_in_force"])
        if int(record["qty"]) == UNDEF:
            self._amounts[client_order_id] = [int(record["quote_qty"]), 0]

    def _traded(self, record: Any) -> None:
        ordered = self._amounts.get(int(record["client_order_id"]))
        if ordered is not None:
            ordered[1] += int(record["last_quote_qty"])

    def _ended(self, record: Any) -> None:
        if int(record["state"]) in _TERMINAL:
            client_order_id = int(record["client_order_id"])
            self._time_in_force.pop(client_order_id, None)
            self._unknown_since.pop(client_order_id, None)
            self._amounts.pop(client_order_id, None)

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
        if kind == ExecKind.FILL:
            self._traded(record)
        event = ExecKind(kind).name if kind else f"{Action(int(record['action'])).name} asked"
        leaves = int(record["leaves_qty"])
        yield from self._order_line(seq, record, event, leaves=leaves)
        if kind == ExecKind.FILL:
            yield from self._fill(seq, record)
        elif int(record["fee"]):
            yield from self._execution_line(seq, record)
            self._books.fold(record, self._instruments[int(record["instrument_id"])])
        self._ended(record)

    def _order_line(
        self, seq: int, record: Any, event: str, *, leaves: int | None
    ) -> Iterator[Line]:
        ts_ns = self._ts_ns
        px_scale, qty_scale, quote_scale = self._scales(int(record["instrument_id"]))
        client_order_id = int(record["client_order_id"])
        unknown, unknown_ms = self._unknown(client_order_id, int(record["state"]), ts_ns)
        time_in_force = self._time_in_force.get(client_order_id, 0)
        # A journal of an earlier build has 0 where no amount was ordered.
        ordered, traded = int(record["quote_qty"]) or UNDEF, UNDEF
        if client_order_id in self._amounts:
            ordered, traded = self._amounts[client_order_id]
        yield from self._both("orders", {
            "ts": time_text(ts_ns), "seq": seq, "client_order_id": self._id_text(client_order_id),
            **self._place(record), "side": Side(int(record["side"])).name,
            "type": OrderType(int(record["order_type"])).name,
            "time_in_force": TimeInForce(time_in_force).name if time_in_force else None,
            "px": amount(int(record["px"]), px_scale), "qty": amount(int(record["qty"]), qty_scale),
            "quote_qty": amount(ordered, quote_scale), "event": event,
            "state": OrderState(int(record["state"])).name,
            "reason": RejectReason(int(record["reason"])).name if record["reason"] else None,
            "cum_qty": amount(int(record["cum_qty"]), qty_scale),
            "cum_quote_qty": amount(traded, quote_scale),
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

    def _execution_line(self, seq: int, record: Any) -> Iterator[Line]:
        """A fill; or, with quantity 0 and no price, what an order's running fee has grown by."""
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
            "fee_currency": fee_code,
            "fee_quote": amount(int(record["fee_quote"]), quote_scale) if record["fee_rate"]
            else None,
            "edge_bp": amount(int(record["edge_e4"]), 4),
            "position_qty": amount(int(record["position_qty"]), qty_scale),
        })  # fmt: skip

    def _fill(self, seq: int, record: Any) -> Iterator[Line]:
        yield from self._execution_line(seq, record)
        _, qty_scale, _ = self._scales(int(record["instrument_id"]))
        row = self._instruments[int(record["instrument_id"])]
        position = self._books.fold(record, row)
        head = {"ts": time_text(int(record["ts_ns"])), "seq": seq, **self._place(record)}
        yield from self._both("positions", {
            **head, "qty": amount(position.qty, qty_scale),
            "bought_qty": amount(position.bought_qty, qty_scale),
            "sold_qty": amount(position.sold_qty, qty_scale), "fills": position.fills,
        })  # fmt: skip
        pnl = self._books.pnl(position, row, int(record["last_px"]), self._currencies)
        yield self._json("pnl", {**head, **pnl})
        yield from self._csv("pnl", {**head, **pnl, "fees": _coins(pnl["fees"]),
                                     "not_in_pnl": _coins(pnl["not_in_pnl"])})  # fmt: skip

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

    def _is_said(self, balance: Any) -> bool:
        return int(balance["currency_id"]) in self._currencies and int(balance["free"]) != UNDEF

    def _balance(self, seq: int, record: Any) -> Iterator[Line]:
        self._seen_at(int(record["ts_recv_ns"]))
        if not self._is_said(record):
            return
        code, scale = self._currencies[int(record["currency_id"])]
        free, locked = int(record["free"]), int(record["locked"])
        yield from self._both("balances", {
            "ts": time_text(self._ts_ns), "seq": seq,
            "account": self._account_name(int(record["account_id"])), "currency": code,
            "free": amount(free, scale), "locked": amount(locked, scale),
        })  # fmt: skip


def _written(table: Any) -> Iterator[Any]:
    rows = table.rows
    return iter(rows[rows["seq"] != 0])


def _coins(fees: Mapping[str, Any]) -> str:
    """Fees of several coins in one cell."""
    return "; ".join(f"{code} {fee}" for code, fee in fees.items())
