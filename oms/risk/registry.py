"""Registry rows: instruments, currencies, accounts, strategies. Append-only; an id never changes
its meaning.

Risk is the only writer (DESIGN.md law 7). Each change returns the journal records that stand for
it; recovery gives the same records back through `restore`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from oms.config import DeskConfig, LimitsConfig
from oms.errors import ConfigError
from oms.instruments import (
    OPEN_STATUSES,
    Rungs,
    Scales,
    UnsupportedInstrumentError,
    completed,
    currency_scale,
    rungs_of,
    scales_of,
    steps_at,
)
from oms.ports import Ports
from oms.risk import world_hot as w_
from oms.risk.limits import LimitBook
from oms.risk.marks import Marks
from oms.risk.state import RiskArrays
from shm_layout.enums import Exchange, RecordType, RejectReason
from shm_layout.records import NO_ID
from shm_layout.table import TableWriter

Array = np.ndarray[Any, Any]
_STATED = ("status", "kind", "venue_code", "funding_interval_s")
"""Taken from an INSTRUMENT_SPEC as they are."""


def _trading(spec: Array) -> int:
    return int(int(spec["status"]) in OPEN_STATUSES)


class Registry:
    """See the module's text."""

    def __init__(self, config: DeskConfig, ports: Ports, arrays: RiskArrays) -> None:
        self._config = config
        self.limit_book = LimitBook(config.limits, arrays.tables["limits"])
        self.marks = Marks(config, arrays)
        self._ports = ports
        self._arrays = arrays
        self._instruments: dict[tuple[int, str], int] = {}
        self._currencies: dict[str, int] = {}
        self._accounts: dict[str, int] = {}
        self._new_accounts: set[int] = set()
        """Rows that no journal holds yet."""
        self._strategies: dict[tuple[str, int], int] = {}
        self._without_room: set[tuple[str, str]] = set()
        """(table, name) of what the log has named."""
        self._ladders: dict[tuple[int, bytes], Array] = {}
        """Ladders whose instruments have not come yet, by venue and name."""

    # Recovery

    def restore(self, record: Array) -> None:
        """Put a journaled row back."""
        kind = int(record["type"])
        if kind == RecordType.INSTRUMENT_ROW:
            row = int(record["instrument_id"])
            self._instruments[int(record["venue"]), bytes(record["symbol"]).decode()] = row
            self._put(self._arrays.instrument_table, row, completed(record))
            self.marks.apply(row)
        elif kind == RecordType.OPERATOR:
            self.limit_book.fold(record)
        elif kind == RecordType.CURRENCY_ROW:
            row = int(record["currency_id"])
            self._currencies[bytes(record["code"]).decode()] = row
            self._put(self._arrays.currency_table, row, record)
            self.marks.register(row)
        elif kind == RecordType.MARK_ROW:
            self.marks.restore(record)
        elif kind == RecordType.ACCOUNT_ROW:
            row = int(record["account_id"])
            self._accounts[bytes(record["name"]).decode()] = row
            self._put(self._arrays.account_table, row, record)
        elif kind == RecordType.STRATEGY_ROW:
            row = int(record["strategy_id"])
            key = bytes(record["name"]).decode(), int(record["account_id"])
            self._strategies[key] = row
            self._put(self._arrays.strategy_table, row, record)
        elif kind == RecordType.VENUE_ROW:
            self._put(self._arrays.tables["venues"], int(record["venue"]), record)
        elif kind == RecordType.PLUGIN_ROW:
            self._put(self._arrays.tables["plugins"], int(record["strategy_id"]), record)

    @staticmethod
    def _put(table: TableWriter, row: int, record: Array) -> None:
        names = [n for n in table.table.record.names or () if n not in ("seq", "epoch")]
        table.write(row, **{name: record[name] for name in names})

    @staticmethod
    def _row(table: TableWriter, row: int) -> Array:
        return table.rows[row : row + 1].copy()

    # Currencies

    def currency(self, code: str) -> tuple[int, list[Array]]:
        """Id of a currency, and the record of its row where it was made just now; NO_ID where
        there is no room for one more, which the log names."""
        if code in self._currencies:
            return self._currencies[code], []
        table = self._arrays.currency_table
        row = len(self._currencies)
        if row >= len(table.rows):
            self._say_no_room("currencies", code)
            return NO_ID, []
        self._currencies[code] = row
        table.write(
            row, type=RecordType.CURRENCY_ROW, currency_id=row, scale=currency_scale(code),
            code=code.encode(),
        )  # fmt: skip
        self.marks.register(row)
        return row, [self._row(table, row)]

    def _say_no_room(self, table: str, name: str) -> None:
        """Once for each name: a table has no row left for it."""
        if (table, name) not in self._without_room:
            self._without_room.add((table, name))
            rows = len(self._arrays.tables[table].rows)
            self._ports.log(
                "error", "no_room", table=table, rows=rows, name=name,
                hint="it is left out; capacity = \"full\" in the desk's file has the most room",
            )  # fmt: skip

    # Instruments

    def ladder(self, ladder: Array) -> None:
        """Keep a TICK_LADDER for the INSTRUMENT_SPEC that follows."""
        self._ladders[int(ladder["venue"]), bytes(ladder["name"])] = ladder

    def register(self, spec: Array, now_ns: int) -> list[Array]:
        """Make or refresh the row of an INSTRUMENT_SPEC; scales never change."""
        key = (int(spec["venue"]), bytes(spec["symbol"]).decode())
        rungs = rungs_of(self._ladders.pop((key[0], bytes(spec["name"])), None))
        known = self._instruments.get(key)
        if known is not None:
            return self._refresh(known, spec, rungs, now_ns)
        try:
            scales = scales_of(spec, rungs)
        except UnsupportedInstrumentError as trouble:
            self._ports.log("error", "unsupported_instrument", symbol=key[1], why=str(trouble))
            return []
        table = self._arrays.instrument_table
        row = len(self._instruments)
        if row >= len(table.rows):
            self._say_no_room("instruments", key[1])
            return []
        base_id, made = self.currency(bytes(spec["base"]).decode())
        quote_id, more = self.currency(bytes(spec["quote"]).decode())
        settle_id, also = self.currency(bytes(spec["settle"] or spec["quote"]).decode())
        if NO_ID in (base_id, quote_id, settle_id):
            self._say_no_room("instruments", key[1])
            return [*made, *more, *also]
        quote_scale = int(self._arrays.currency_table.rows["scale"][quote_id])
        self._instruments[key] = row
        table.write(
            row, type=RecordType.INSTRUMENT_ROW, instrument_id=row, venue=key[0],
            trading=_trading(spec), px_scale=scales.px, qty_scale=scales.qty,
            base_currency_id=base_id, quote_currency_id=quote_id, settle_currency_id=settle_id,
            notional_divisor=scales.notional_divisor, ts_ns=now_ns, symbol=spec["symbol"],
            name=spec["name"], **{n: int(spec[n]) for n in _STATED},
            **steps_at(spec, scales, quote_scale, rungs),
        )  # fmt: skip
        self.marks.apply(row)
        self._ports.log(
            "info", "instrument", id=row, symbol=key[1], px_scale=scales.px, qty_scale=scales.qty
        )
        return [*made, *more, *also, self._row(table, row)]

    def _refresh(self, row: int, spec: Array, rungs: Rungs, now_ns: int) -> list[Array]:
        table = self._arrays.instrument_table
        old = table.rows[row]
        scales = Scales(int(old["px_scale"]), int(old["qty_scale"]), int(old["notional_divisor"]))
        quote_scale = int(self._arrays.currency_table.rows["scale"][int(old["quote_currency_id"])])
        after = steps_at(spec, scales, quote_scale, rungs)
        after |= {name: int(spec[name]) for name in _STATED} | {"trading": _trading(spec)}
        changed = {
            name: value for name, value in after.items() if not np.array_equal(old[name], value)
        }
        if not changed:
            return []
        table.write(row, ts_ns=now_ns, **changed)
        told = {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in changed.items()}
        self._ports.log("warning", "instrument_changed", id=row, **told)
        return [self._row(table, row)]

    def set_limits(self, limits: LimitsConfig) -> None:
        """Amounts that orders are held against, from now on."""
        self.marks.set_limits(limits)

    # Strategies

    def strategies(self, now_ns: int) -> tuple[list[list[int]], list[Array]]:
        """(rows of each of the config's strategies in its order, one for each of its accounts;
        records of the rows that were made or changed). A strategy's row is its name and an
        account, wherever they stand in the config: it holds orders and positions there. What left
        the config keeps its row.

        In a journal without such rows strategies were known by their place: the config's first
        gets row 0, so that its orders stay its own.
        """
        table = self._arrays.strategy_table
        accounts = self.account_ids()
        made: list[Array] = []
        free = itertools.count(self._free_strategy_row())
        firsts = [
            self._strategy_row((one.name, accounts[one.accounts[0]]), free, made, now_ns)
            for one in self._config.strategies
        ]
        rows = [
            [first, *(self._strategy_row((one.name, accounts[name]), free, made, now_ns)
                      for name in one.accounts[1:])]
            for first, one in zip(firsts, self._config.strategies, strict=True)
        ]  # fmt: skip
        used = {row for each in rows for row in each}
        for (name, _), row in self._strategies.items():
            if row not in used and int(table.rows["in_config"][row]) == 1:
                table.write(row, in_config=0, ts_ns=now_ns)
                made.append(self._row(table, row))
                self._ports.log("warning", "strategy_left_config", strategy=name)
        return rows, made

    def _strategy_row(
        self, key: tuple[str, int], free: Iterator[int], made: list[Array], now_ns: int
    ) -> int:
        """The row of a strategy of the config; a record of it goes to `made` where it is new."""
        table = self._arrays.strategy_table
        row = self._strategies.get(key)
        if row is None:
            row = self._strategies[key] = next(free)
            if row >= len(table.rows):
                raise ConfigError(
                    f"strategies.{key[0]}: this journal has known {row} strategies by "
                    f"name, at most {len(table.rows)} fit: use one of the old names, or begin "
                    "a new data_dir"
                )
        if int(table.rows["in_config"][row]) != 1:
            table.write(
                row, type=RecordType.STRATEGY_ROW, strategy_id=row, in_config=1, ts_ns=now_ns,
                account_id=key[1], name=key[0].encode(),
            )  # fmt: skip
            made.append(self._row(table, row))
        return row

    def _free_strategy_row(self) -> int:
        """The first row that no strategy has or had; 0 where the journal names none."""
        if not self._strategies:
            return 0
        used = int(self._arrays.state[w_.ST_POSITIONS_USED])
        had = self._arrays.positions["strategy_id"][:used].tolist()
        return max([*self._strategies.values(), *had]) + 1

    # Accounts

    def account_ids(self) -> dict[str, int]:
        """Row of every account of the config, by name. One that the journal knows keeps its row
        wherever it stands in the config; another gets the row of its place, where a journal that
        named no accounts would have it, or the next free one.
        """
        for place, name in enumerate(self._config.account_names()):
            if name in self._accounts:
                continue
            taken = self._accounts.values()
            row = place if place not in taken else max(taken) + 1
            if row >= len(self._arrays.account_table.rows):
                raise ConfigError(
                    f"accounts: found {name} as one more than this journal has rows for, at most "
                    f"{len(self._arrays.account_table.rows)} fit: begin a new data_dir"
                )
            self._accounts[name] = row
            self._new_accounts.add(row)
        return {name: self._accounts[name] for name in self._config.account_names()}

    def begin(self, system_id: int, same_memory: bool, now_ns: int) -> list[Array]:
        """Rows of every account of the config; a new memory means: reconcile first. Returns the
        records of those that the journal did not know. One that left the config trades no more.
        """
        table = self._arrays.account_table
        ids = self.account_ids()
        for group_index, group in enumerate(self._config.groups):
            for account in group.accounts:
                row = ids[account.name]
                kept = same_memory and bool(table.rows["reconciled"][row])
                table.write(
                    row, type=RecordType.ACCOUNT_ROW, account_id=row,
                    exchange=Exchange[group.exchange.upper()], group=group_index,
                    reconciled=int(kept), enabled=1, ts_ns=now_ns, system_id=system_id,
                    name=account.name.encode(), key_name=account.key_name.encode(),
                )  # fmt: skip
        for name, row in self._accounts.items():
            if name not in ids and int(table.rows["enabled"][row]):
                table.write(row, enabled=0, ts_ns=now_ns)
                self._ports.log("warning", "account_left_config", account=name)
        return [self._row(table, row) for row in sorted(self._new_accounts)]

    def reconciled(self, account_id: int, now_ns: int) -> list[Array]:
        """The venue's orders and ours agree for this account: it may trade."""
        table = self._arrays.account_table
        table.write(account_id, reconciled=1, refused=0, ts_ns=now_ns)
        self._ports.log("info", "reconciled", account_id=account_id)
        return [self._row(table, account_id)]

    def refused(self, account_id: int, reason: int, now_ns: int) -> list[Array]:
        """How the account is set, or what its key may, keeps it from trading; until the next
        reconciliation has found it in order."""
        table = self._arrays.account_table
        known = int(table.rows["refused"][account_id])
        table.write(account_id, reconciled=0, refused=reason, ts_ns=now_ns)
        if known == reason:
            return []
        self._ports.log(
            "error", "account_refused", account_id=account_id, reason=RejectReason(reason).name
        )
        return [self._row(table, account_id)]
