"""What a running desk looks like from outside: attaches read-only and reads tables and rings.

Used by `oms status` and by the live view. It never gates, locks or slows anything; numbers become
`Decimal` here and nowhere before.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from oms import ids
from oms.agents.latch import is_latched, read_latch
from oms.config import DeskConfig
from procs import compile as kernels
from procs.cli.parts.links import LinkTables
from procs.files.locks import Owner, living_owner
from procs.files.paths import DeskPaths
from procs.memory import DeskMemory
from shm_layout.channels import RingKind
from shm_layout.enums import (
    VENUE_NAMES,
    BookState,
    ExecKind,
    OrderState,
    OrderType,
    ProcessState,
    RecordType,
    RejectReason,
    Side,
    TimeInForce,
    Venue,
    Wait,
)
from shm_layout.limits import CURRENCIES_MAX
from shm_layout.records import LAYOUT_VERSION, MD_TRADE, RECORDS, UNDEF
from shm_layout.ring_hot import DRAIN_PHASE, READ_POS, WRITE_POS

OPEN_STATES = (
    OrderState.PENDING_NEW, OrderState.OPEN, OrderState.PENDING_CANCEL, OrderState.UNKNOWN,
)  # fmt: skip
_EDGE_PER_BP = 10_000
_POLL = 4096


def at_step(value: int, scale: int, step: int) -> Decimal | None:
    """An int64 at a scale, with the digits of its step (tick or lot, same scale) and no more."""
    if value == UNDEF:
        return None
    exact = Decimal(value).scaleb(-scale)
    digits = max(-int(Decimal(step).scaleb(-scale).normalize().as_tuple().exponent), 0)
    short = round(exact, digits)
    return short if short == exact else exact


def text(raw: Any) -> str:
    """A bytes field."""
    return bytes(raw).decode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill, as a person reads it."""

    ts_ns: int
    strategy: str
    instrument: str
    side: str
    qty: Decimal
    px: Decimal
    edge_bp: Decimal | None
    maker: bool


@dataclass(slots=True)
class Counts:
    """What the updates ring has told since this tool attached (or since the desk began)."""

    fills: int = 0
    refused: Counter[str] = dataclasses.field(default_factory=Counter)
    unknown_seen: set[int] = dataclasses.field(default_factory=set)
    unknown_open: set[int] = dataclasses.field(default_factory=set)
    lost: int = 0


class Look:
    """One attached desk."""

    def __init__(self, config: DeskConfig, paths: DeskPaths) -> None:
        kernels.provide()
        self.config = config
        self.paths = paths
        self.memory = DeskMemory(config, paths, "", 0)
        reader = self.memory.table_reader
        self._instruments, self._currencies = reader("instruments"), reader("currencies")
        self._tops, self._orders, self._positions = (
            reader("top"), reader("orders"), reader("positions"),
        )  # fmt: skip
        self._accounts = reader("accounts")
        self._strategies, self._fee_rows = reader("strategies"), reader("fees")
        self._processes = reader("processes")
        self._own = [reader(f"process.{p.name}") for p in config.host.processes]
        self._feeds = [reader(f"feed.{venue.name}") for venue in config.venues]
        # At once: the summary of a run reads them when the desk's memory has lost its names.
        self.plugins = {one.name: reader(f"plugin.{one.name}") for one in config.strategies}
        self.links = LinkTables(config, self.memory)
        self._updates = self.memory.onlooker("updates")
        self._top_ring = self.memory.onlooker("top")
        self._top_ring.skip_to_end()
        self._last_trades: dict[int, int] = {}
        self.counts = Counts()

    def latency(self) -> list[dict[str, Any]]:
        """Hops that were counted since the desk began: percentiles in ns per owner and hop."""
        from procs.latency import hops

        owners = ["aggregator", "risk", *(f"executor.{g.name}" for g in self.config.groups)]
        return hops((name, self.memory.table_reader(f"latency.{name}")) for name in owners)

    # Reference data

    def _instrument(self, row: int) -> Any:
        return self._instruments.read(row) if row >= 0 else None

    def _currency(self, row: int) -> tuple[str, int]:
        found = self._currencies.read(row) if row >= 0 else None
        return (text(found["code"]), int(found["scale"])) if found is not None else ("?", 0)

    def _strategy(self, row: int) -> str:
        found = self._strategies.read(row) if 0 <= row < len(self._strategies.rows) else None
        return text(found["name"]) if found is not None else str(row)

    def _account(self, row: int) -> str:
        found = self._accounts.read(row)
        return text(found["name"]) if found is not None else "?"

    @staticmethod
    def _label(instrument: Any) -> str:
        venue = VENUE_NAMES.get(Venue(int(instrument["venue"])), "?")
        return f"{venue}:{text(instrument['name'])}"

    @staticmethod
    def _px(instrument: Any, px: Any) -> Decimal | None:
        return at_step(int(px), int(instrument["px_scale"]), int(instrument["tick"]))

    @staticmethod
    def _qty(instrument: Any, qty: Any) -> Decimal | None:
        return at_step(int(qty), int(instrument["qty_scale"]), int(instrument["lot"]))

    def _amount(self, instrument: Any, amount: int) -> Decimal | None:
        """An amount of the quote currency."""
        _, scale = self._currency(int(instrument["quote_currency_id"]))
        return None if amount == UNDEF else Decimal(amount).scaleb(-scale).normalize()

    # What is there

    def processes(self) -> list[dict[str, Any]]:
        """Every process: what the supervisor knows, with the process's own counters."""
        rows = []
        for index, (process, own) in enumerate(
            zip(self.config.host.processes, self._own, strict=True)
        ):
            known, mine = self._processes.read(index), own.read(0)
            if known is None:
                continue
            owner = living_owner(self.paths.process_lock(process.name))
            state = ProcessState(int(known["state"]))
            if mine is not None and state is ProcessState.READY:
                state = ProcessState(int(mine["state"]))
            rows.append(
                {
                    "name": process.name,
                    "roles": list(process.roles),
                    "pid": owner.pid if owner is not None else 0,
                    "state": state.name.lower() if owner is not None else "dead",
                    "degraded": int(known["state"]) == ProcessState.FAILED,
                    "core": int(mine["core"]) if mine is not None else process.core,
                    "wait": Wait(int(known["wait"])).name.lower(),
                    "heartbeat_ns": int(mine["heartbeat_ns"]) if mine is not None else 0,
                    "loops": int(mine["loops"]) if mine is not None else 0,
                    "work": int(mine["work"]) if mine is not None else 0,
                    "errors": int(mine["errors"]) if mine is not None else 0,
                    "restarts": int(known["restarts"]),
                    "incarnation": int(known["incarnation"]),
                    "last_exit_code": int(known["exit_code"]),
                }
            )
        return rows

    def ready(self) -> bool:
        """Has the supervisor seen every process ready?"""
        row = self._processes.read(len(self._own))
        return row is not None and int(row["state"]) == ProcessState.READY

    def supervised(self) -> bool:
        """Does the supervisor that writes this memory live? What a killed desk left says that all
        is ready, until the next start sweeps it."""
        row = self._processes.read(len(self._own))
        return row is not None and Owner(int(row["pid"]), int(row["start_ticks"])).lives()

    def drain_phase(self) -> int:
        """0 while it runs."""
        return int(self.memory.phase_words[DRAIN_PHASE])

    def latch(self) -> dict[str, Any]:
        """The kill latch, as every sender sees it."""
        own = read_latch(self.memory.table_reader("latch"))
        command = read_latch(self.memory.table_reader("latch.command"))
        newest = own if command.count <= own.seen_count else command
        return {**newest.shown(), "latched": is_latched(own, command)}

    def exposures(self) -> list[dict[str, Any]]:
        """Worst case of each strategy's position, on all its accounts, in the quote currency: open
        and unknown orders as filled. `limit` is what it may be, None where no mark says."""
        mids = {row["instrument"]: row["mid"] for row in self.markets()}
        marks = self.memory.table_reader("marks")
        sides: dict[tuple[str, int], list[int]] = {}
        for row in self._positions.written():
            key = self._strategy(int(row["strategy_id"])), int(row["instrument_id"])
            worst = sides.setdefault(key, [0, 0])
            worst[0] += int(row["qty"]) + int(row["open_buy_qty"])
            worst[1] += int(row["open_sell_qty"]) - int(row["qty"])
        rows = []
        for (strategy, instrument_id), worst in sides.items():
            instrument = self._instrument(instrument_id)
            if instrument is None or (mid := mids.get(self._label(instrument))) is None:
                continue
            mark = marks.read(int(instrument["quote_currency_id"]))
            limit = None if mark is None else self._amount(instrument, int(mark["max_position"]))
            qty = Decimal(max(*worst, 0)).scaleb(-int(instrument["qty_scale"]))
            rows.append(
                {
                    "strategy": strategy,
                    "instrument": self._label(instrument),
                    "worst_notional": qty * mid,
                    "limit": limit,
                }
            )
        return rows

    def rings(self) -> list[dict[str, Any]]:
        """Every ring: written, how far each reader is behind, who could stop its writer."""
        rows = []
        for name, channel in self.memory.topology.channels.items():
            # Cursors first: who reads on meanwhile must not seem to be ahead of the writer.
            taken = {
                reader: int(self.memory.cursor_words(name, reader).words[READ_POS])
                for reader in channel.readers
            }
            written = int(self.memory.ring_words(name).words[WRITE_POS])
            lags = {reader: written - pos for reader, pos in taken.items()}
            gated = channel.kind is RingKind.LOSSLESS
            rows.append(
                {
                    "name": name,
                    "kind": channel.kind.value,
                    "writer": channel.writer,
                    "slots": channel.slots,
                    "written": written,
                    "lag": lags,
                    "gate": channel.gate,
                    "when_full": channel.when_full.value,
                    "full": gated and lags[channel.gate] >= channel.slots,
                }
            )
        return rows

    def markets(self) -> list[dict[str, Any]]:
        """Every book: state and best prices."""
        rows = []
        for top in self._tops.written():
            instrument = self._instrument(int(top["instrument_id"]))
            if instrument is None:
                continue
            bid, ask = self._px(instrument, top["bid_px"]), self._px(instrument, top["ask_px"])
            last = self._last_trades.get(int(top["instrument_id"]), UNDEF)
            mid = spread_bp = None
            if bid is not None and ask is not None and bid + ask:
                mid = (bid + ask) / 2
                spread_bp = (ask - bid) / mid * 10_000
            rows.append(
                {
                    "instrument": self._label(instrument),
                    "state": BookState(int(top["state"])).name,
                    "bid": bid,
                    "bid_qty": self._qty(instrument, top["bid_qty"]),
                    "ask": ask,
                    "ask_qty": self._qty(instrument, top["ask_qty"]),
                    "last_trade": self._px(instrument, last),
                    "spread_bp": spread_bp,
                    "mid": mid,
                    "ts_recv_ns": int(top["ts_recv_ns"]),
                    "version": int(top["version"]),
                }
            )
        return rows

    def feeds(self) -> dict[str, int]:
        """Sums over all feeds."""
        sums = {"messages": 0, "gaps": 0, "resyncs": 0, "malformed": 0, "connects": 0}
        for table in self._feeds:
            for row in table.written():
                for name in sums:
                    sums[name] += int(row[name])
        return sums

    def orders(self) -> list[dict[str, Any]]:
        """Every order that is open or unknown."""
        rows = []
        states = self._orders.rows["state"]
        for index in np.flatnonzero(np.isin(states, OPEN_STATES)):
            row = self._orders.read(int(index))
            if row is None or int(row["state"]) not in OPEN_STATES:
                continue
            instrument = self._instrument(int(row["instrument_id"]))
            if instrument is None:
                continue
            account = self._accounts.read(int(row["account_id"]))
            order_id = int(row["client_order_id"])
            rows.append(
                {
                    "client_order_id": order_id,
                    "id": ids.to_text(int(account["system_id"]), order_id)
                    if account is not None
                    else str(order_id),
                    "venue_order_id": text(row["venue_order_id"]),
                    "account": text(account["name"]) if account is not None else "?",
                    "strategy": self._strategy(int(row["strategy_id"])),
                    "instrument": self._label(instrument),
                    "side": Side(int(row["side"])).name,
                    "type": OrderType(int(row["order_type"])).name,
                    "time_in_force": TimeInForce(int(row["time_in_force"])).name,
                    "state": OrderState(int(row["state"])).name,
                    "px": self._px(instrument, row["px"]),
                    "qty": self._qty(instrument, row["qty"]),
                    "quote_qty": self._amount(instrument, int(row["quote_qty"])),
                    "cum_qty": self._qty(instrument, row["cum_qty"]),
                    "ts_decide_ns": int(row["ts_decide_ns"]),
                    "ts_state_ns": int(row["ts_state_ns"]),
                    "query_count": int(row["query_count"]),
                }
            )
        return rows

    def _fees(self, first: int) -> list[dict[str, Any]]:
        """Fees of a position in third coins; `first` is its first row of the fee table, + 1."""
        found: list[dict[str, Any]] = []
        next_row = first
        while 0 < next_row <= len(self._fee_rows.rows) and len(found) < CURRENCIES_MAX:
            row = self._fee_rows.read(next_row - 1)
            if row is None:
                break
            code, scale = self._currency(int(row["currency_id"]))
            amount, unpriced = (
                Decimal(int(row[name])).scaleb(-scale) for name in ("amount", "unpriced")
            )
            found.append(
                {
                    "currency": code,
                    "amount": amount,
                    "not_in_pnl": unpriced,
                    "fills": int(row["fills"]),
                }
            )
            next_row = int(row["next_row"])
        return found

    def positions(self) -> list[dict[str, Any]]:
        """Every position with its profit and loss, marked at mid, in its quote currency."""
        mids = {row["instrument"]: row["mid"] for row in self.markets()}
        rows = []
        for row in self._positions.written():
            instrument = self._instrument(int(row["instrument_id"]))
            if instrument is None:
                continue
            label = self._label(instrument)
            quote, quote_scale = self._currency(int(instrument["quote_currency_id"]))
            _, base_scale = self._currency(int(instrument["base_currency_id"]))
            qty = self._qty(instrument, row["qty"]) or Decimal(0)
            cash = Decimal(int(row["cash"])).scaleb(-quote_scale)
            fee = Decimal(int(row["fee_quote"])).scaleb(-quote_scale)
            fee_base = Decimal(int(row["fee_base"])).scaleb(-base_scale)
            mid = mids.get(label)
            fills = int(row["fills"])
            rows.append(
                {
                    "strategy": self._strategy(int(row["strategy_id"])),
                    "account": self._account(int(row["account_id"])),
                    "instrument": label,
                    "qty": qty,
                    "fills": fills,
                    "maker_fills": int(row["maker_fills"]),
                    "volume": Decimal(int(row["volume_quote"])).scaleb(-quote_scale),
                    "currency": quote,
                    "fee": fee,
                    "fee_base": fee_base,
                    "fees": fee + fee_base * (mid or 0),
                    "fees_other": self._fees(int(row["fee_row"])),
                    "open_buy_qty": self._qty(instrument, row["open_buy_qty"]) or Decimal(0),
                    "open_sell_qty": self._qty(instrument, row["open_sell_qty"]) or Decimal(0),
                    "value": qty * mid if mid is not None else None,
                    "pnl": cash - fee + (qty - fee_base) * mid if mid is not None else None,
                    "edge_bp": Decimal(int(row["edge_sum_e4"])) / _EDGE_PER_BP / fills
                    if fills
                    else None,
                }
            )
        return rows

    def marks(self) -> dict[str, Decimal]:
        """Currency -> what one unit is worth in the desk's, by its newest price."""
        return {
            self._currency(int(row["currency_id"]))[0]: Decimal(int(row["live_rate"])).scaleb(
                -int(row["live_digits"])
            )
            for row in self.memory.table_reader("marks").written()
            if int(row["live_rate"])
        }

    # What happens

    def take_updates(self) -> Iterator[Fill]:
        """Fills published since the last call; the other counts go to `counts`."""
        while len(rows := self._updates.poll(1024)):
            self._updates.release(len(rows))
            for row in rows:
                self._count(row)
                if int(row["last_qty"]) > 0:
                    fill = self._fill(row)
                    if fill is not None:
                        yield fill
        self.counts.lost = self._updates.lost

    def take_trades(self) -> None:
        """Remember the last public trade of each instrument that has come by since the last call;
        a reader that was lapped goes on from what is still there.
        """
        behind = self._top_ring.pending() - _POLL
        if behind > 0:
            self._top_ring.release(behind)
        rows = self._top_ring.poll(_POLL)
        self._top_ring.release(len(rows))
        for row in rows[rows["type"] == RecordType.MD_TRADE].view(MD_TRADE):
            self._last_trades[int(row["instrument_id"])] = int(row["px"])

    def _count(self, row: Any) -> None:
        counts, order_id, state = self.counts, int(row["client_order_id"]), int(row["state"])
        if int(row["last_qty"]) > 0:
            counts.fills += 1
        if state == OrderState.REJECTED and int(row["reason"]):
            counts.refused[RejectReason(int(row["reason"])).name] += 1
        if state == OrderState.UNKNOWN:
            counts.unknown_seen.add(order_id)
            counts.unknown_open.add(order_id)
        elif int(row["kind"]) != ExecKind.UNSET:
            counts.unknown_open.discard(order_id)

    def _fill(self, row: Any) -> Fill | None:
        instrument = self._instrument(int(row["instrument_id"]))
        if instrument is None:
            return None
        edge = int(row["edge_e4"])
        return Fill(
            int(row["ts_ns"]),
            self._strategy(int(row["strategy_id"])),
            self._label(instrument),
            Side(int(row["side"])).name,
            self._qty(instrument, row["last_qty"]) or Decimal(0),
            self._px(instrument, row["last_px"]) or Decimal(0),
            None if edge == UNDEF or int(row["mid_px"]) == UNDEF else Decimal(edge) / _EDGE_PER_BP,
            int(row["liquidity"]) == 1,
        )


def layout_digest() -> str:
    """The layout of this build, shortened: version and a digest over all type hashes."""
    import hashlib

    hashes = ",".join(f"{name}:{spec.type_hash():x}" for name, spec in sorted(RECORDS.items()))
    return f"{LAYOUT_VERSION}-{hashlib.sha256(hashes.encode()).hexdigest()[:12]}"
