"""What an executor says: reports and balances -> records in `executions.<group>`, in order.

The ring is lossless. While it is full the records wait here; when EXECUTION_BACKLOG_MAX of them
wait, the executor closes its sockets and reconciles later (DESIGN.md law 4, `stop_reading`).

A fee's currency must have a row before its fill can be written, because the row fixes the scale.
An unknown code is asked for with a BALANCE record (currency text, NO_ID, amounts UNDEF); what
follows waits up to REGISTER_WAIT_NS, so that order is kept. After that the fill goes out without
its fee as a number and with it as text: a fill is never held for long, and never lost.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from oms.agents.executor.stamp_hot import stamp
from oms.instruments import currency_scale
from oms.ports import NEVER, Ports
from oms.venues.reports import Balance, Report
from oms.venues.shared.decimal_text import cut_down, from_text, from_text_up
from shm_layout.enums import Exchange, RecordType
from shm_layout.limits import EXECUTION_BACKLOG_MAX
from shm_layout.records import BALANCE, EXECUTION, NO_ID, UNDEF

REGISTER_WAIT_NS = 2_000_000_000
RETRY_NS = 1_000_000
"""How soon a full ring, or a missing row, is looked at again."""
_TEXT_BYTES = 48
_CODE_BYTES = 16


def exec_key(report: Report) -> tuple[int, int]:
    """(high, low) word of a fill's identity in its account; (0, 0) = it is no fill.

    A number stands in the low word, with its instrument in the high one, because some venues count
    trades by symbol. A text becomes a digest of 126 bits over symbol and text.
    """
    if report.trade_text:
        symbol = report.instrument.symbol if report.instrument else ""
        digest = hashlib.sha256(f"{symbol} {report.trade_text}".encode()).digest()
        high, low = (int.from_bytes(digest[k : k + 8], "little") >> 1 for k in (0, 8))
        return high, low
    if not report.trade_id or report.instrument is None:
        return 0, report.trade_id
    return report.instrument.instrument_id, report.trade_id


def _cut_down(text: str, scale: int) -> tuple[int, bool]:
    """(amount, whether digits were cut); UNDEF where nothing is said."""
    return cut_down(text, scale) if text else (UNDEF, False)


class Outbox:
    """The writing end of `executions.<group>`, with its bounded backlog."""

    def __init__(self, ports: Ports, group_name: str, exchange: Exchange) -> None:
        self._ports = ports
        self._writer = ports.writer(f"executions.{group_name}")
        self._table = ports.table_reader("currencies")
        self._balance_table = ports.table_reader("balances")
        self._exchange = exchange
        self.backlog: deque[Any] = deque()
        """What the ring had no room for, or waits for a row; its owner alone changes it."""
        self._currencies: dict[str, tuple[int, int]] = {}
        self._asked: dict[str, int] = {}
        self._blocked = False

    def __len__(self) -> int:
        return len(self.backlog)

    @property
    def overfull(self) -> bool:
        """True: no more may be read from the private sockets."""
        return len(self.backlog) >= EXECUTION_BACKLOG_MAX

    def currency(self, code: str) -> tuple[int, int]:
        """(row, scale) of a currency; NO_ID and the scale it will get where it has no row yet."""
        found = self._currencies.get(code)
        if found is not None:
            return found
        row: Any
        for row in self._table.written():
            self._currencies[row["code"].decode()] = int(row["currency_id"]), int(row["scale"])
        found = self._currencies.get(code)
        if found is not None:
            return found
        return NO_ID, currency_scale(code)

    def report(self, report: Report, account_id: int, recv_ns: int, cause_pos: int = NO_ID) -> None:
        """Queue one execution."""
        self.backlog.append((report, account_id, recv_ns, cause_pos))

    def record(self, row: np.ndarray[Any, Any]) -> None:
        """Queue a finished record (INSTRUMENT_SPEC, TICK_LADDER)."""
        self.backlog.append(row)

    def balances(
        self, found: Sequence[Balance], account_id: int, recv_ns: int, ts_event_ns: int, full: bool
    ) -> None:
        """Queue balances; `full`: all of the account, so the last one is marked final, what is
        zero and has no row is left out, and what risk holds and is not among them is nothing now.
        Digits beyond the currency's scale are cut, and the row says so.
        """
        rows = []
        codes = {view.currency for view in found}
        gone = [c for c in self._held(account_id) if c not in codes] if full else []
        for view in [*found, *(Balance(code, "0", "0") for code in gone)]:
            currency_id, scale = self.currency(view.currency)
            amounts = [
                _cut_down(text, scale) for text in (view.free, view.locked, view.wallet, view.total)
            ]
            (free, _), (locked, _), (wallet, _), (total, _) = amounts
            if full and currency_id == NO_ID and not free and not locked:
                continue
            row = self._balance(view.currency, account_id, recv_ns)
            row["currency_id"], row["free"], row["locked"] = currency_id, free, locked
            row["wallet"], row["total"] = wallet, total
            row["rounded"] = any(is_cut for _, is_cut in amounts)
            row["ts_event_ns"] = ts_event_ns
            rows.append(row)
        if full and rows:
            rows[-1]["final"] = 1
        self.backlog.extend(rows)

    def _held(self, account_id: int) -> list[str]:
        """Currencies of which risk's table says that the account has some."""
        rows = self._balance_table.rows
        mine = (rows["account_id"] == account_id) & ((rows["free"] != 0) | (rows["locked"] != 0))
        held = self._balance_table.written(mine)
        return [bytes(row["currency"]).decode() for row in held]

    def _balance(self, code: str, account_id: int, recv_ns: int) -> np.ndarray[Any, Any]:
        row = np.zeros(1, BALANCE)
        encoded = code.encode()
        if len(encoded) > _CODE_BYTES:
            raise ValueError(f"currency '{code[:40]}' takes more than {_CODE_BYTES} bytes")
        row["type"], row["account_id"], row["currency_id"] = RecordType.BALANCE, account_id, NO_ID
        row["ts_recv_ns"], row["exchange"], row["currency"] = recv_ns, self._exchange, encoded
        return row

    def flush(self, now_ns: int) -> int:
        """Publish what can be published; returns how many records that was."""
        count = 0
        self._blocked = False
        while self.backlog:
            item = self.backlog[0]
            if isinstance(item, tuple):
                if not self._fee_is_known(item, now_ns):
                    self._blocked = True
                    break
                row = self._execution(*item)
            else:
                row = item
            if not self._writer.append(row[0]):
                self._blocked = True
                break
            self.backlog.popleft()
            count += 1
        return count

    def next_timer_ns(self, now_ns: int) -> int:
        """When to try again."""
        return now_ns + RETRY_NS if self._blocked else NEVER

    def _fee_is_known(self, item: tuple[Report, int, int, int], now_ns: int) -> bool:
        """Whether the item may be written now; asks risk for a row where one is missing."""
        report, account_id, recv_ns, _ = item
        code = report.fee_currency
        if not code or self.currency(code)[0] != NO_ID:
            return True
        asked_ns = self._asked.get(code)
        if asked_ns is None:
            wanted = self._balance(code, account_id, recv_ns)
            wanted["free"] = wanted["locked"] = UNDEF
            if self._writer.append(wanted[0]):
                self._asked[code] = now_ns
            return False
        if now_ns - asked_ns < REGISTER_WAIT_NS:
            return False
        self._ports.log("error", "fee_currency_unregistered", currency=code)
        return True

    def _execution(
        self, report: Report, account_id: int, recv_ns: int, cause_pos: int
    ) -> np.ndarray[Any, Any]:
        row = np.zeros(1, EXECUTION)
        instrument = report.instrument
        fee_id, fee, cum_fee, text = NO_ID, 0, UNDEF, report.text
        if report.fee_currency:
            fee_id, scale = self.currency(report.fee_currency)
            try:
                fee = from_text(report.fee_text or "0", scale) if fee_id != NO_ID else 0
                if report.cum_fee_text and fee_id != NO_ID:
                    cum_fee = from_text_up(report.cum_fee_text, scale)
            except ValueError:
                fee_id = NO_ID
            if fee_id == NO_ID:
                text = f"fee {report.fee_text or report.cum_fee_text} {report.fee_currency}"
        row["type"], row["flags"] = RecordType.EXECUTION, report.flags
        row["client_order_id"] = report.client_order_id
        row["instrument_id"] = NO_ID if instrument is None else instrument.instrument_id
        row["venue"] = 0 if instrument is None else instrument.venue
        row["account_id"], row["kind"], row["side"] = account_id, report.kind, report.side
        row["liquidity"], row["reason"] = report.liquidity, report.reason
        row["venue_code"], row["fee_currency_id"], row["fee"] = report.venue_code, fee_id, fee
        row["px"], row["qty"], row["quote_qty"] = report.px, report.qty, report.quote_qty
        row["cum_qty"] = report.cum_qty
        row["exec_key_high"], row["exec_key_low"] = exec_key(report)
        row["ts_event_ns"], row["ts_recv_ns"] = report.ts_event_ns, recv_ns
        row["stamp_cycles"] = stamp() if self._ports.stamping else 0
        row["cause_pos"] = cause_pos
        row["venue_order_id"] = report.venue_order_id.encode()
        row["text"] = text.encode("ascii", "replace")[:_TEXT_BYTES]
        row["cum_quote_qty"], row["total_qty"] = report.cum_quote_qty, report.total_qty
        row["cum_fee"], row["space"] = cum_fee, report.space
        row["position_side"], row["second_id"] = report.position_side, report.second_id.encode()
        return row
