"""THE topology: every ring and table, who writes it, who reads it, what happens when it is full.

A desk is described by its venues, groups and strategies; `topology()` gives its channels and
tables. Hosts make segments from it, agents ask for their ends of it by name, and the tests hold
it against the picture of DESIGN.md section 2. Names: `kind.owner` (`md.binance.spot`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from shm_layout import limits
from shm_layout.records import (
    ACCOUNT_ROW,
    BALANCE,
    BOOK_ROW,
    CLOCK_ROW,
    CURRENCY_ROW,
    EXECUTION,
    FEE_RATE,
    FEE_ROW,
    FEED_ROW,
    INSTRUMENT_ROW,
    INSTRUMENT_SPEC,
    INTENT,
    KEY_STATE,
    LATCH_ROW,
    LATENCY_ROW,
    LIMITS_ROW,
    LINK_ROW,
    MARK_ROW,
    MD_LEVELS,
    MD_MARK,
    MD_STATE,
    MD_STATUS,
    MD_TICKER,
    MD_TRADE,
    ORDER_COMMAND,
    ORDER_ROW,
    ORDER_UPDATE,
    PLUGIN_ROW,
    POSITION_ROW,
    POSITION_SAID,
    PROCESS_ROW,
    RATE_ROW,
    SENDER_ROW,
    SNAPSHOT_ROW,
    STRATEGY_ROW,
    TICK_LADDER,
    TOP_OF_BOOK,
    VENUE_ROW,
)

COMMAND = "command"
"""Who writes `latch.command`: `oms kill`, one at a time, where the watchdog does not answer."""


class RingKind(Enum):
    LOSSLESS = "lossless"
    BROADCAST = "broadcast"


class WhenFull(Enum):
    """What the writer does when a gating reader is a whole ring behind."""

    REFUSE = "refuse"
    STOP_READING = "stop_reading"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class Channel:
    """One ring. `gate` is its gating reader's role ("" for broadcast); `readers` all of them."""

    name: str
    id: int
    kind: RingKind
    record: np.dtype[Any]
    slots: int
    writer: str
    gate: str
    readers: tuple[str, ...]
    when_full: WhenFull
    also: tuple[np.dtype[Any], ...] = ()
    """Further record types of the same slot size that it carries."""

    @property
    def size_bytes(self) -> int:
        return limits.SEGMENT_HEAD_BYTES + self.slots * self.record.itemsize


@dataclass(frozen=True, slots=True)
class Table:
    """One seqlock table: last values, read without stopping its writer."""

    name: str
    record: np.dtype[Any]
    rows: int
    writer: str

    @property
    def size_bytes(self) -> int:
        return limits.SEGMENT_HEAD_BYTES + self.rows * self.record.itemsize


@dataclass(frozen=True, slots=True)
class Topology:
    channels: dict[str, Channel]
    tables: dict[str, Table]

    def size_bytes(self) -> int:
        """Shared memory that the desk needs, cursors and process segments included."""
        cursors = sum(len(c.readers) for c in self.channels.values())
        total = sum(c.size_bytes for c in self.channels.values())
        total += sum(t.size_bytes for t in self.tables.values())
        return total + cursors * limits.SEGMENT_HEAD_BYTES

    def by_id(self, channel_id: int) -> Channel:
        return next(c for c in self.channels.values() if c.id == channel_id)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Slots and rows of a desk; a simulated desk takes small ones (`Capacity.small()`)."""

    md_slots: int = limits.MD_SLOTS
    top_slots: int = limits.TOP_SLOTS
    intent_slots: int = limits.INTENT_SLOTS
    order_slots: int = limits.ORDER_SLOTS
    execution_slots: int = limits.EXECUTION_SLOTS
    update_slots: int = limits.UPDATE_SLOTS
    instruments: int = limits.INSTRUMENTS_MAX
    accounts: int = limits.ACCOUNTS_MAX
    currencies: int = limits.CURRENCIES_MAX
    orders: int = limits.ORDERS_MAX
    positions: int = 4096
    fees: int = 8192
    balances: int = limits.BALANCES_MAX
    venue_positions: int = limits.VENUE_POSITIONS_MAX
    fee_rates: int = limits.FEE_RATES_MAX

    @classmethod
    def small(cls) -> Capacity:
        return cls(
            md_slots=4096, top_slots=1024, intent_slots=256, order_slots=256,
            execution_slots=512, update_slots=1024, instruments=32, accounts=16,
            currencies=32, orders=4096, positions=256, fees=256, balances=256,
            venue_positions=128, fee_rates=128,
        )  # fmt: skip


def _tables(
    size: Capacity, venues: tuple[str, ...], groups: tuple[str, ...], strategies: tuple[str, ...],
    processes: Iterable[str],
) -> list[Table]:  # fmt: skip
    return [
        Table("top", TOP_OF_BOOK, size.instruments, "aggregator"),
        Table("books", BOOK_ROW, size.instruments, "aggregator"),
        Table("resync", FEED_ROW, size.instruments, "aggregator"),
        Table("instruments", INSTRUMENT_ROW, size.instruments, "risk"),
        Table("currencies", CURRENCY_ROW, size.currencies, "risk"),
        Table("marks", MARK_ROW, size.currencies, "risk"),
        Table("accounts", ACCOUNT_ROW, size.accounts, "risk"),
        Table("orders", ORDER_ROW, size.orders, "risk"),
        Table("positions", POSITION_ROW, size.positions, "risk"),
        Table("limits", LIMITS_ROW, 1, "risk"),
        Table("venues", VENUE_ROW, limits.VENUES_MAX, "risk"),
        Table("snapshot", SNAPSHOT_ROW, 1, "journaler"),
        Table("latch", LATCH_ROW, 1, "watchdog"),
        Table("latch.command", LATCH_ROW, 1, COMMAND),
        *(Table(f"sender.{group}", SENDER_ROW, 1, f"executor.{group}") for group in groups),
        Table("fees", FEE_ROW, size.fees, "risk"),
        Table("balances", BALANCE, size.balances, "risk"),
        Table("venue_positions", POSITION_SAID, size.venue_positions, "risk"),
        Table("fee_rates", FEE_RATE, size.fee_rates, "risk"),
        Table("keys", KEY_STATE, size.accounts, "risk"),
        Table("strategies", STRATEGY_ROW, limits.STRATEGY_ROWS_MAX, "risk"),
        Table("plugins", PLUGIN_ROW, limits.STRATEGY_ROWS_MAX, "risk"),
        *(Table(f"plugin.{name}", PLUGIN_ROW, 1, f"strategy.{name}") for name in strategies),
        *(
            Table(f"latency.{role}", LATENCY_ROW, limits.HOPS_MAX, role)
            for role in ("aggregator", "risk", *(f"executor.{g}" for g in groups))
        ),
        Table("processes", PROCESS_ROW, limits.PROCESSES_MAX, "supervisor"),
        *(Table(f"process.{name}", PROCESS_ROW, 1, f"process.{name}") for name in processes),
        *(Table(f"feed.{v}", FEED_ROW, size.instruments, f"feed.{v}") for v in venues),
        *_venue_tables(size, [f"executor.{g}" for g in groups], [f"feed.{v}" for v in venues]),
        *(
            Table(f"rates.watchdog.{group}", RATE_ROW, limits.RATE_ROWS_EGRESS, "watchdog")
            for group in groups
        ),
    ]


def _venue_tables(size: Capacity, executors: Iterable[str], feeds: Iterable[str]) -> list[Table]:
    """What each role that speaks to a venue says of its limits, the venue's clock and its
    connections.
    """
    made = []
    for role in executors:
        rates = limits.RATE_ROWS_EGRESS + limits.RATE_ROWS_ACCOUNT * size.accounts
        made.append(Table(f"rates.{role}", RATE_ROW, rates, role))
        made.append(Table(f"clock.{role}", CLOCK_ROW, 1, role))
        made.append(Table(f"links.{role}", LINK_ROW, limits.CONNECTIONS_PER_AGENT_MAX, role))
    for role in feeds:
        made.append(Table(f"rates.{role}", RATE_ROW, limits.RATE_ROWS_EGRESS, role))
        made.append(Table(f"clock.{role}", CLOCK_ROW, 1, role))
        made.append(Table(f"links.{role}", LINK_ROW, limits.FEED_CONNECTIONS_MAX, role))
    return made


def topology(
    venues: Iterable[str],
    groups: Iterable[str],
    strategies: Iterable[str],
    capacity: Capacity | None = None,
    processes: Iterable[str] = (),
) -> Topology:
    """The rings and tables of a desk.

    `venues` such as "binance.spot", `groups` (executors) such as "binance", `strategies` by
    name. Ids are stable for a desk's config: they count in the order below. `processes` (live
    host only) gives each process a segment `process.<name>` of one row that it alone writes:
    heartbeat, counters, its sleeping word and how far it has drained. The table `processes` holds
    what the supervisor knows of them, and it alone writes it: pid, starts, last exit, drain phase.
    """
    size = capacity or Capacity()
    venues, groups, strategies = tuple(venues), tuple(groups), tuple(strategies)
    strategy_roles = tuple(f"strategy.{name}" for name in strategies)
    rings: list[Channel] = []

    def lossless(
        name: str,
        dtypes: tuple[np.dtype[Any], ...],
        slots: int,
        writer: str,
        gate: str,
        full: WhenFull,
    ) -> None:
        dtype, *also = dtypes
        kind = RingKind.LOSSLESS
        rings.append(Channel(name, 0, kind, dtype, slots, writer, gate, (gate,), full, tuple(also)))

    def broadcast(
        name: str,
        dtypes: tuple[np.dtype[Any], ...],
        slots: int,
        writer: str,
        readers: tuple[str, ...],
    ) -> None:
        dtype, *also = dtypes
        kind, full = RingKind.BROADCAST, WhenFull.OVERWRITE
        rings.append(Channel(name, 0, kind, dtype, slots, writer, "", readers, full, tuple(also)))

    market_data = (MD_LEVELS, MD_TICKER, MD_TRADE, MD_STATE, MD_MARK, MD_STATUS)
    for venue in venues:
        broadcast(f"md.{venue}", market_data, size.md_slots, f"feed.{venue}", ("aggregator",))
    tops = (TOP_OF_BOOK, MD_TRADE)
    broadcast("top", tops, size.top_slots, "aggregator", (*strategy_roles, "risk"))
    for name, role in zip(strategies, strategy_roles, strict=True):
        lossless(f"intents.{name}", (INTENT,), size.intent_slots, role, "risk", WhenFull.REFUSE)
    executions = (
        EXECUTION, BALANCE, INSTRUMENT_SPEC, TICK_LADDER, POSITION_SAID, FEE_RATE, KEY_STATE,
    )  # fmt: skip
    for group in groups:
        role = f"executor.{group}"
        lossless(
            f"orders.{group}", (ORDER_COMMAND,), size.order_slots, "risk", role, WhenFull.REFUSE
        )
        lossless(
            f"executions.{group}", executions, size.execution_slots,
            role, "risk", WhenFull.STOP_READING,
        )  # fmt: skip
    broadcast("updates", (ORDER_UPDATE,), size.update_slots, "risk", strategy_roles)

    channels = {c.name: replace(c, id=index + 1) for index, c in enumerate(rings)}
    tables = _tables(size, venues, groups, strategies, processes)
    assert len(channels) == len(rings), "two rings of one name"
    return Topology(channels, {table.name: table for table in tables})
