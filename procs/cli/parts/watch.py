"""What a person who watches a desk is told: fills, money since the watching began, health.

A journal outlives its desk, so positions and P&L may be older than this run; `Watch` remembers
what it found and gives the difference. Lines for terminals of any kind are made here, the screen
is `view.py`.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter, deque
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from procs.cli.parts.heard import Heard
from procs.cli.pnl import coins

if TYPE_CHECKING:
    from procs.cli.parts.look import Fill, Look

FILLS_KEPT = 200
LATE_NS = 2_000_000_000
"""A process without a turn for so long is called late."""


@dataclass(frozen=True, slots=True)
class Money:
    """One strategy on one instrument."""

    strategy: str
    instrument: str
    currency: str
    qty: Decimal
    fills: int
    maker_fills: int
    volume: Decimal
    edge_sum_bp: Decimal
    pnl: Decimal | None
    """None = there is no price to mark it at."""

    @property
    def edge_bp(self) -> Decimal | None:
        """Mean edge of its fills."""
        return self.edge_sum_bp / self.fills if self.fills else None

    def since(self, before: Money) -> Money:
        """What came after `before`; the position stays as it is."""
        marked = self.pnl is not None and before.pnl is not None
        return Money(
            self.strategy, self.instrument, self.currency, self.qty,
            self.fills - before.fills, self.maker_fills - before.maker_fills,
            self.volume - before.volume, self.edge_sum_bp - before.edge_sum_bp,
            self.pnl - before.pnl if marked else None,  # type: ignore[operator]  # both are there
        )  # fmt: skip


def money_of(row: dict[str, Any]) -> Money:
    """A row of `Look.positions`."""
    edge = (row["edge_bp"] or Decimal(0)) * row["fills"]
    return Money(row["strategy"], row["instrument"], row["currency"], row["qty"], row["fills"],
                 row["maker_fills"], row["volume"], edge, row["pnl"])  # fmt: skip


class Watch:
    """One watched desk."""

    def __init__(self, look: Look, began_s: float) -> None:
        """`began_s`: monotonic, when the person asked for the desk."""
        self.look = look
        self.fills: deque[Fill] = deque(maxlen=FILLS_KEPT)
        self.first_fill_s: float | None = None
        self.ready_s = 0.0
        self._began_s = began_s
        self.deaths: Counter[str] = Counter()
        """Sentences about processes that ended, and how often each came."""
        self._failed: list[str] = []
        self._heard = Heard(look.paths)
        self._before: dict[tuple[str, str], Money] = {}
        self.take()

    def begin(self) -> None:
        """Every process is ready."""
        self.ready_s = time.monotonic() - self._began_s

    def ran_s(self) -> float:
        """Since every process was ready."""
        return time.monotonic() - self._began_s - self.ready_s

    def take(self) -> None:
        """Take in what happened since the last look."""
        new = list(self.look.take_updates())
        self.look.take_trades()
        if new and self.first_fill_s is None:
            self.first_fill_s = time.monotonic() - self._began_s
        self.fills.extend(new)
        for row in self.look.positions():
            found = money_of(row)
            key = (found.strategy, found.instrument)
            if key not in self._before or self._before[key].pnl is None:
                self._before[key] = found

    def money(self) -> list[Money]:
        """Each position, with what this run did to it."""
        made = []
        for row in self.look.positions():
            found = money_of(row)
            before = self._before.get((found.strategy, found.instrument), found)
            made.append(found.since(before))
        return made

    def older_fills(self) -> int:
        """Fills of earlier runs on the same journal."""
        return sum(before.fills for before in self._before.values())

    def resolved(self) -> int:
        """Orders that were UNKNOWN and are not any more."""
        return len(self.look.counts.unknown_seen) - len(self.look.counts.unknown_open)

    def new_deaths(self) -> list[str]:
        """What the supervisor said of processes that ended, each sentence once; strategies that
        have failed since the last look, too."""
        new = []
        for line in self._heard.deaths():
            if line not in self.deaths:
                new.append(line)
            self.deaths[line] += 1
        failed = self.failed()
        new += [line for line in failed if line not in self._failed]
        self._failed = failed
        return new

    def failed(self) -> list[str]:
        """Strategies whose plugin has failed."""
        from procs.cli.parts.look_markets import strategies

        return [
            f"strategy {row['strategy']} has FAILED: {row['reason']}"
            for row in strategies(self.look)
            if row["state"] == "failed"
        ]

    def troubles(self) -> list[str]:
        """What is wrong, one short sentence each, the latest last."""
        now = time.monotonic_ns()
        rows = self.look.processes()
        return [
            *self.told(),
            *(f"{row['name']} does not run" for row in rows if row["pid"] == 0),
            *(
                f"{row['name']}: no turn for {(now - row['heartbeat_ns']) // 10**6} ms"
                for row in rows
                if row["pid"] and row["heartbeat_ns"] and now - row["heartbeat_ns"] > LATE_NS
            ),
        ]

    def told(self) -> list[str]:
        """Every death so far, and what has failed."""
        deaths = [
            line if count == 1 else f"{line} ({count} times)" for line, count in self.deaths.items()
        ]
        return [*deaths, *self.failed()]

    def degraded(self) -> bool:
        """Was a process started too often of late?"""
        return any(row["degraded"] for row in self.look.processes())


def short(instrument: str) -> str:
    """`BTC/USDT` of `binance.spot:BTC/USDT`."""
    return instrument.partition(":")[2]


def prices(row: dict[str, Any]) -> str:
    """`64989.28/64989.29 `; nothing while a side is not known."""
    return "" if row["mid"] is None else f"{row['bid']}/{row['ask']} "


def pnl_text(money: list[Money]) -> str:
    """`+1.23 USDT`, by currency; what cannot be marked is left out."""
    sums: dict[str, Decimal] = {}
    for one in money:
        if one.pnl is not None:
            sums[one.currency] = sums.get(one.currency, Decimal(0)) + one.pnl
    return ", ".join(f"{value:+.2f} {name}" for name, value in sums.items()) or "0"


def refused_text(watch: Watch) -> str:
    """`3 (ORDER_CLOSED 2, WOULD_TAKE 1)`."""
    refused = watch.look.counts.refused
    if not refused:
        return "0"
    reasons = ", ".join(f"{name} {count}" for name, count in refused.most_common())
    return f"{sum(refused.values())} ({reasons})"


def plain_line(watch: Watch) -> str:
    """One line: markets, orders, fills, P&L, health."""
    look = watch.look
    markets = "  ".join(
        f"{short(row['instrument'])} {prices(row)}{row['state']}" for row in look.markets()
    )
    rows = look.processes()
    alive = sum(row["pid"] != 0 for row in rows)
    counts = look.counts
    return (
        f"{watch.ran_s():5.1f} s  {markets or 'waiting for the first book'} | open "
        f"{len(look.orders())} | fills {counts.fills} | P&L {pnl_text(watch.money())} | unknown "
        f"{len(counts.unknown_open)} resolved {watch.resolved()} | refused "
        f"{sum(counts.refused.values())} | gaps {look.feeds()['gaps']} | processes "
        f"{alive}/{len(rows)}"
    )


def summary_json(watch: Watch) -> dict[str, Any]:
    """The same as `summary`, for a program."""
    look, counts = watch.look, watch.look.counts
    return {
        "ran_s": round(watch.ran_s(), 3),
        "ready_s": round(watch.ready_s, 3),
        "first_fill_s": None if watch.first_fill_s is None else round(watch.first_fill_s, 3),
        "positions": [dataclasses.asdict(one) | {"edge_bp": one.edge_bp} for one in watch.money()],
        "fills_of_earlier_runs": watch.older_fills(),
        "unknown": len(counts.unknown_seen),
        "resolved": watch.resolved(),
        "refused": dict(counts.refused),
        "gaps": look.feeds()["gaps"],
        "orders_left": len(look.orders()),
        "fees_other": [fee for row in look.positions() for fee in row["fees_other"]],
        "deaths": watch.told(),
        "data_dir": str(look.paths.data_dir),
    }


def summary(watch: Watch) -> list[str]:
    """What the desk did in this run, at its end."""
    look, counts, money = watch.look, watch.look.counts, watch.money()
    first = "" if watch.first_fill_s is None else f", first fill after {watch.first_fill_s:.1f} s"
    lines: list[str] = []
    lines.append(f"ran {watch.ran_s():.1f} s (ready after {watch.ready_s:.1f} s{first})")
    for one in money:
        edge = "none" if one.edge_bp is None else f"{one.edge_bp:+.2f} bp"
        pnl = "not marked" if one.pnl is None else f"{one.pnl:+.2f} {one.currency}"
        lines.append(
            f"  {one.strategy} {one.instrument}: {one.fills} fills ({one.maker_fills} as maker), "
            f"mean edge {edge}, P&L {pnl}"
        )
        lines.append(
            f"    volume {one.volume:.2f} {one.currency}, position {one.qty.normalize():f}"
        )
    fills = sum(one.fills for one in money)
    older = watch.older_fills()
    lines.append(f"  fills {fills}, P&L {pnl_text(money)}")
    if unpriced := coins(look.positions(), "not_in_pnl"):
        lines.append(f"  fees that are not in the P&L, for want of a price: {unpriced}")
    if older:
        lines.append(f"  (the journal also holds {older} fills of earlier runs)")
    lines.append(
        f"  answers lost: {len(counts.unknown_seen)} orders were UNKNOWN, {watch.resolved()} "
        f"resolved by query, {len(counts.unknown_open)} pending"
    )
    feeds = look.feeds()
    lines.append(f"  refused: {refused_text(watch)}; gaps {feeds['gaps']}")
    lines.append(f"  orders left open: {len(look.orders())}")
    lines += [f"  ! {text}" for text in watch.told()]
    if counts.lost:
        lines.append(f"  (this view was lapped by {counts.lost} updates; the journal has them all)")
    data = look.paths.data_dir
    lines.append(f"  files: {data} (days/ for people, journal/, logs/)")
    return lines
