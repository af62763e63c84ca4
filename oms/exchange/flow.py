"""Seeded synthetic background trading of one symbol, as house accounts inside the exchange.

A model, so floats are allowed inside; what leaves it are whole ticks and lots. Its parts:

- *Fair value*: jumps of log-normal size, whose rate follows exp(an Ornstein-Uhlenbeck process):
  volatility comes in clusters and returns have fat tails. A jump is walked in several steps.
- *Makers* keep both sides of the touch one tick apart around the fair value and a ladder behind;
  when the fair value has moved they pull or lose what stands at old prices and quote anew, and
  otherwise place and cancel so that the number of orders stays near its target.
- *Takers* follow a hidden direction that changes seldom (large orders worked in pieces), so that
  the signs of trades persist; others trade against quotes that the fair value has passed, the
  desk's among them: a stale quote is hit.

The parameters were fitted by eye to the bands of `flow_bands.py`, which a test asserts.
Called by `live.LiveMarket`; deterministic by seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oms.chance import Chance
from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.engine import Engine
from oms.exchange.market import MONEY_DIGITS, SymbolSpec

HOUSE_ACCOUNTS = 2
"""Rows after the desk's accounts: one of makers, one of takers."""
LAG_MAX_NS = 1_000_000_000
"""A process that slept longer does not make up what it missed."""
COMMANDS_PER_EVENT_MAX = 400
_NS = 1e9


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Intensity and shape; sizes in units of the quote asset (a dollar, for USDT)."""

    seed: int
    events_per_s: int
    """Per symbol."""
    jumps_per_s: float = 0.5
    jump_bp: float = 0.65
    jump_log_std: float = 0.8
    clustering_s: float = 12.0
    """Time constant of the volatility's memory."""
    clustering_std: float = 0.65
    orders_per_side: int = 260
    touch_share: float = 0.35
    """Of new orders, how many join the touch."""
    touch_orders_max: int = 90
    ladder_bp: float = 12.0
    """Orders rest up to about this far from the touch."""
    touch_order_quote: float = 650.0
    ladder_order_quote: float = 24_000.0
    anchor_quote: float = 28_000.0
    """Size of the first order at a new touch."""
    taker_share: float = 0.06
    """Of all events."""
    taker_quote: float = 220.0
    size_log_std: float = 1.3
    direction_change: float = 0.035
    """Chance per taker order that the hidden direction turns."""
    direction_follow: float = 0.79
    """Chance that a taker follows it."""


class _Resting:
    """The house's resting orders of one side: by id, by price, and at random in O(1)."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.where: dict[int, tuple[int, int, int]] = {}
        """order id -> (index in `ids`, slot, price)"""
        self.at_px: dict[int, dict[int, None]] = {}

    def add(self, order_id: int, slot: int, px: int) -> None:
        self.where[order_id] = (len(self.ids), slot, px)
        self.ids.append(order_id)
        self.at_px.setdefault(px, {})[order_id] = None

    def remove(self, order_id: int) -> None:
        index, _, px = self.where.pop(order_id)
        last = self.ids.pop()
        if last != order_id:
            self.ids[index] = last
            _, slot, last_px = self.where[last]
            self.where[last] = (index, slot, last_px)
        level = self.at_px[px]
        del level[order_id]
        if not level:
            del self.at_px[px]


class Flow:
    """The background of one symbol; `next_ns` is when its next event is due."""

    def __init__(
        self, engine: Engine, symbol: int, spec: SymbolSpec, house: int, settings: FlowSettings
    ) -> None:
        self._engine = engine
        self._symbol = symbol
        self._spec = spec
        self._maker = house
        self._taker = house + 1
        self._set = settings
        self._chance = Chance(settings.seed, symbol)
        self._unit = spec.mid // spec.tick
        self.fair = self._unit + 0.5
        """In ticks."""
        self._target = self.fair
        self._excitement = 0.0
        self._direction = 1
        self._sides = (_Resting(), _Resting())
        self._touch = (0, 0)
        self._pushed = 0
        lots_per_unit = 10**spec.qty_digits / spec.lot
        price = spec.mid / 10**spec.px_digits
        self._lots_per_quote = lots_per_unit / price
        # Twice the notional filter's minimum: whole lots and a price below mid may take some off.
        self._least_quote = 2 * spec.min_notional / 10**MONEY_DIGITS
        self._last_ns = 0
        self.next_ns = 0

    # Time

    def advance(self, now_ns: int, budget: int, settle: Callable[[int], None]) -> int:
        """Carry out what is due, at most `budget` events; returns how many."""
        if self._set.events_per_s <= 0:
            self.next_ns = (1 << 63) - 1
            return 0
        if self._last_ns == 0:
            self._last_ns = now_ns
            self.next_ns = now_ns
            self._begin(now_ns, settle)
        if now_ns - self.next_ns > LAG_MAX_NS:
            self.next_ns = now_ns
        done = 0
        while self.next_ns <= now_ns and done < budget:
            elapsed_s = (self.next_ns - self._last_ns) / _NS
            self._last_ns = self.next_ns
            self._event(elapsed_s)
            settle(self.next_ns)
            self._pushed = 0
            wait_s = -math.log(1.0 - self._chance.uniform()) / self._set.events_per_s
            self.next_ns += max(1, int(wait_s * _NS))
            done += 1
        return done

    def _begin(self, now_ns: int, settle: Callable[[int], None]) -> None:
        """Fill the book before the first event."""
        for _ in range(self._set.orders_per_side):
            for side in (lay.SIDE_BUY, lay.SIDE_SELL):
                self._place(side)
            settle(now_ns)
            self._pushed = 0

    # What the engine says

    def on_event(self, event: tuple[Any, ...]) -> None:
        """An event about a house order, trades apart."""
        kind, side, order_id = event[0], event[2], event[4]
        if kind == lay.EV_ACCEPTED and event[16] >= 0:
            self._sides[side].add(order_id, event[16], event[5])
        elif kind == lay.EV_CANCELED:
            self._sides[side].remove(order_id)

    def on_maker_fill(self, order_id: int, leaves: int) -> None:
        if leaves == 0:
            for side in self._sides:
                if order_id in side.where:
                    side.remove(order_id)

    # One event

    def _event(self, elapsed_s: float) -> None:
        self._move_fair(elapsed_s)
        if self._correct():
            return
        draw = self._chance.uniform()
        if draw < self._set.taker_share:
            self._take()
            return
        side = lay.SIDE_BUY if self._chance.uniform() < 0.5 else lay.SIDE_SELL
        resting = len(self._sides[side].ids)
        fullness = resting / self._set.orders_per_side
        if self._chance.uniform() < 0.5 * min(1.9, fullness):
            self._cancel_one(side)
        else:
            self._place(side)

    def _move_fair(self, elapsed_s: float) -> None:
        cfg = self._set
        keep = math.exp(-elapsed_s / cfg.clustering_s)
        self._excitement = (
            self._excitement * keep
            + cfg.clustering_std * math.sqrt(1.0 - keep * keep) * self._chance.normal()
        )
        rate = cfg.jumps_per_s * math.exp(self._excitement)
        if self._chance.uniform() < 1.0 - math.exp(-rate * elapsed_s):
            size_bp = cfg.jump_bp * math.exp(
                cfg.jump_log_std * self._chance.normal() + 0.5 * self._excitement
            )
            up = self._chance.uniform() < 0.5 + 0.1 * self._direction
            ticks = self.fair * size_bp * 1e-4
            self._target += ticks if up else -ticks
            self._target = max(self._target, 20.0)
        gap = self._target - self.fair
        if abs(gap) < 1.0:
            self.fair = self._target
        else:
            self.fair += gap * (0.1 + 0.5 * self._chance.uniform())

    def _quote(self) -> tuple[int, int]:
        """Bid and ask that the fair value asks for, in ticks."""
        bid = math.floor(self.fair)
        return bid, bid + 1

    def _correct(self) -> bool:
        """Bring the touch to the fair value; True when there was something to do."""
        bid, ask = self._quote()
        tick = self._spec.tick
        best_bid, bid_qty, best_ask, ask_qty = self._engine.best(self._symbol)
        up = bool(ask_qty) and best_ask <= bid * tick
        down = bool(bid_qty) and best_bid >= ask * tick
        if up:
            self._pass(lay.SIDE_BUY, bid * tick)
        if down:
            self._pass(lay.SIDE_SELL, ask * tick)
        moved = self._touch != (bid, ask)
        lacks_bid = best_bid != bid * tick
        lacks_ask = best_ask != ask * tick
        if not (up or down or lacks_bid or lacks_ask):
            return False
        if moved and self._touch[0]:
            self._abandon(lay.SIDE_BUY, self._touch[0] * tick, bid * tick)
            self._abandon(lay.SIDE_SELL, self._touch[1] * tick, ask * tick)
        self._touch = (bid, ask)
        for side, px, lacks in ((0, bid * tick, lacks_bid), (1, ask * tick, lacks_ask)):
            if (lacks or up or down) and self._chance.uniform() < 0.93:
                self._limit(side, px, self._size(self._set.anchor_quote, 0.8))
        return True

    def _pass(self, side: int, px: int) -> None:
        """Makers pull part of what stands at or through `px`; takers hit the rest."""
        opposite = self._sides[1 - side]
        for level in [p for p in opposite.at_px if (p <= px if side == 0 else p >= px)]:
            for order_id in list(opposite.at_px[level]):
                if self._chance.uniform() < 0.75:
                    self._cancel(1 - side, order_id)
        total = 0
        for level_px, qty in self._engine.side(self._symbol, 1 - side, 64):
            if level_px > px if side == 0 else level_px < px:
                break
            total += qty
        size = max(self._size(self._set.taker_quote * 40, 1.0), total)
        self._push(self._taker, side, lay.TYPE_LIMIT, lay.TIF_IOC, px, size)

    def _abandon(self, side: int, old_px: int, new_px: int) -> None:
        """Most of those who stood at the old touch do not stay there."""
        if old_px == new_px:
            return
        for order_id in list(self._sides[side].at_px.get(old_px, {})):
            if self._chance.uniform() < 0.8:
                self._cancel(side, order_id)

    def _take(self) -> None:
        cfg = self._set
        if self._chance.uniform() < cfg.direction_change:
            self._direction = -self._direction
        follows = self._chance.uniform() < cfg.direction_follow
        buys = (self._direction > 0) == follows
        side = lay.SIDE_BUY if buys else lay.SIDE_SELL
        bid, ask = self._quote()
        px = (ask + 2 if buys else max(1, bid - 2)) * self._spec.tick
        qty = self._size(cfg.taker_quote, 1.9)
        self._push(self._taker, side, lay.TYPE_LIMIT, lay.TIF_IOC, px, qty)

    def _place(self, side: int) -> None:
        cfg = self._set
        bid, ask = self._quote()
        at = bid if side == lay.SIDE_BUY else ask
        joined = len(self._sides[side].at_px.get(at * self._spec.tick, ()))
        if self._chance.uniform() < cfg.touch_share:
            if joined < cfg.touch_orders_max:
                size = self._size(cfg.touch_order_quote, cfg.size_log_std)
                self._limit(side, at * self._spec.tick, size)
            return
        away_bp = cfg.ladder_bp * self._chance.uniform() ** 0.75
        ticks = int(self.fair * away_bp * 1e-4) + 1
        px = at - ticks if side == lay.SIDE_BUY else at + ticks
        size = self._size(cfg.ladder_order_quote * (0.15 + away_bp / cfg.ladder_bp), 1.0)
        self._limit(side, max(1, px) * self._spec.tick, size)

    def _cancel_one(self, side: int) -> None:
        """One of three at random: the one farthest from the fair value."""
        resting = self._sides[side]
        if not resting.ids:
            return
        fair_px = self.fair * self._spec.tick
        picked = -1
        worst = -1.0
        for _ in range(2):
            order_id = resting.ids[int(self._chance.uniform() * len(resting.ids))]
            away = abs(resting.where[order_id][2] - fair_px)
            far = away > 1.3 * self._set.ladder_bp * 1e-4 * fair_px
            if picked < 0 or (far and away > worst):
                picked, worst = order_id, away
        self._cancel(side, picked)

    # Commands

    def _size(self, median_quote: float, log_std: float) -> int:
        """A quantity of log-normal size, in whole lots within the filters."""
        spec = self._spec
        quote = median_quote * math.exp(log_std * self._chance.normal())
        quote = max(quote, self._least_quote)
        lots = max(1, int(quote * self._lots_per_quote))
        return min(max(lots * spec.lot, spec.min_qty), spec.max_qty)

    def _limit(self, side: int, px: int, qty: int) -> None:
        self._push(self._maker, side, lay.TYPE_POST_ONLY, lay.TIF_GTC, px, qty)

    def _push(self, account: int, side: int, kind: int, tif: int, px: int, qty: int) -> None:
        if self._pushed < COMMANDS_PER_EVENT_MAX:
            self._pushed += 1
            self._engine.push_new(self._symbol, account, side, kind, tif, px, qty, 0, 0)

    def _cancel(self, side: int, order_id: int) -> None:
        if self._pushed < COMMANDS_PER_EVENT_MAX:
            self._pushed += 1
            slot = self._sides[side].where[order_id][1]
            self._engine.push_cancel(self._symbol, self._maker, slot, order_id, 0)
