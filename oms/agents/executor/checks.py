"""The sender's own last checks, before the cursor's record becomes bytes (RELIABILITY D19).

They repeat nothing of risk's rules; they stop what must not leave whatever risk said: an order
without its journal record, of a dead incarnation, too old, too big, or seen before. (Too many:
`rates`, where every request is counted.) Each refusal becomes an EXECUTION NOT_SENT with reason
and text.
"""

from __future__ import annotations

import itertools

from oms.agents.limits_view import LimitsView
from oms.venues.registry import order_market
from oms.venues.shared.decimal_text import to_text
from oms.venues.shared.order_command import Command
from oms.venues.trade_base import Instrument
from shm_layout.enums import (
    VENUE_NAMES,
    OrderType,
    RejectReason,
    Side,
    TimeInForce,
    Venue,
)
from shm_layout.limits import ORDERS_MAX
from shm_layout.records import UNDEF

_SIDES = frozenset(int(s) for s in Side if s)
_TYPES = frozenset(int(t) for t in OrderType if t)
_TIMES = frozenset(int(t) for t in TimeInForce if t)

Refusal = tuple[RejectReason, str]


class LastChecks:
    """State of the checks over all accounts of one executor."""

    def __init__(self, limits: LimitsView) -> None:
        self._limits = limits
        self._max_orders: dict[int, int] = {}
        """By quote currency."""
        self.version = 0
        """Counts changes of the limits."""
        self.newest_epoch = 0
        self.newest_id = 0
        self._seen: dict[int, None] = {}
        self._forgotten_below = 0

    def saw(self, command: Command) -> None:
        """Note a NEW that was taken, by this incarnation or by a predecessor."""
        self.newest_epoch = max(self.newest_epoch, command.risk_epoch)
        self.newest_id = max(self.newest_id, command.client_order_id)
        if len(self._seen) >= ORDERS_MAX:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._forgotten_below = max(self._forgotten_below, oldest)
        self._seen[command.client_order_id] = None

    def taken_before(self, client_order_id: int) -> bool:
        """Whether a NEW of this id was taken already: it may have been sent. Ids grow; one that
        is as old as what was forgotten counts as taken.
        """
        return client_order_id in self._seen or client_order_id <= self._forgotten_below

    def look(self) -> None:
        """Takes over what risk has changed of limits and marks."""
        if self._limits.news():
            self.version += 1
            self._max_orders.clear()

    def max_order(self, instrument: Instrument) -> int:
        """The largest order amount, at the scale of the instrument's quote currency."""
        found = self._max_orders.get(instrument.quote_currency_id)
        if found is None:
            found = self._limits.max_order(instrument.quote_currency_id)
            self._max_orders[instrument.quote_currency_id] = found
        return found

    def refuse(self, command: Command, instrument: Instrument, now_ns: int) -> Refusal | None:
        """Why this NEW must not be sent, or None."""
        if command.journal_seq <= 0:
            return RejectReason.NOT_SENT, "no journal record"
        if command.risk_epoch < self.newest_epoch:
            return RejectReason.STALE_EPOCH, f"epoch {command.risk_epoch} < {self.newest_epoch}"
        if now_ns > command.valid_until_ns:
            return RejectReason.EXPIRED_INTENT, "valid_until_ns has passed"
        shape = self._shape(command) or self._unknown(command, instrument)
        return shape or self._size(command, instrument)

    @staticmethod
    def _shape(command: Command) -> Refusal | None:
        known = (
            command.side in _SIDES
            and command.order_type in _TYPES
            and command.time_in_force in _TIMES
        )
        if not known:
            return RejectReason.BAD_SHAPE, "side, type or time in force"
        market = command.order_type == OrderType.MARKET
        if not market and command.px <= 0:
            return RejectReason.BAD_SHAPE, "a price above zero is required"
        by_quote = command.qty == UNDEF
        if by_quote and (not market or command.quote_qty <= 0):
            return RejectReason.BAD_SHAPE, "a quantity or a quote amount is required"
        if not by_quote and command.qty <= 0:
            return RejectReason.BAD_SHAPE, "a quantity above zero is required"
        if command.order_type == OrderType.POST_ONLY and command.time_in_force != TimeInForce.GTC:
            return RejectReason.BAD_SHAPE, "POST_ONLY rests: GTC"
        return None

    @staticmethod
    def known(instrument: Instrument) -> int:
        """Bit `type << 3 | time in force` for each pair that the instrument's market takes."""
        caps = order_market(VENUE_NAMES[Venue(instrument.venue)]).caps
        pairs = itertools.product(caps.order_types, caps.times_in_force)
        return sum(1 << (kind << 3 | time) for kind, time in pairs if caps.knows(kind, time))

    def _unknown(self, command: Command, instrument: Instrument) -> Refusal | None:
        """An order that its market would refuse, or take for another."""
        market = VENUE_NAMES[Venue(instrument.venue)]
        kind, time = OrderType(command.order_type), TimeInForce(command.time_in_force)
        if order_market(market).caps.knows(kind, time):
            return None
        return RejectReason.UNSUPPORTED_ORDER, f"{market} knows no {kind.name} {time.name}"

    def _size(self, command: Command, instrument: Instrument) -> Refusal | None:
        limit = self.max_order(instrument)
        if command.order_type == OrderType.MARKET:
            amount = command.notional if command.qty != UNDEF else command.quote_qty
            if command.notional <= 0:
                return RejectReason.BAD_SHAPE, "a market order needs its reserved amount"
            amount = max(amount, command.notional)
            over = amount > limit
        else:
            over = command.px * command.qty > limit * instrument.notional_divisor
            over = over or command.notional > limit
        if over:
            return (
                RejectReason.NOTIONAL_ABOVE_MAX,
                f"above {to_text(limit, instrument.quote_scale)}",
            )
        return None
