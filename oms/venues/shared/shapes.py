"""Whether a market takes an order of this shape, by its capabilities alone; said before sending."""

from __future__ import annotations

from oms.venues.data import Capabilities
from oms.venues.shared.order_command import Command
from shm_layout.enums import (
    ORDER_CLOSE,
    ORDER_REDUCE_ONLY,
    Direction,
    OrderType,
    PositionSide,
    SelfTrade,
    Side,
    TimeInForce,
)
from shm_layout.records import UNDEF

SIDE_NAMES = {Side.BUY: "buy", Side.SELL: "sell"}
CONDITIONAL_TYPES = frozenset({OrderType.STOP, OrderType.TAKE_PROFIT})
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def said(amount: int) -> bool:
    """Whether a field that may be left out holds an amount; 0 and UNDEF are none."""
    return amount not in {0, UNDEF}


def by_amount(command: Command) -> bool:
    """Ordered by quote amount."""
    return not said(command.qty) and said(command.quote_qty)


def fits(caps: Capabilities, command: Command, *, position: bool = False) -> bool:
    """Whether the market can say this NEW order exactly. `position`: it keeps positions, so that
    REDUCE_ONLY and CLOSE mean something."""
    kind = OrderType(command.order_type)
    if kind not in caps.order_types or command.side not in SIDE_NAMES:
        return False
    if said(command.trail_e6) or said(command.activation_px) or said(command.display_qty):
        return False
    if command.position_side not in {PositionSide.UNSET, PositionSide.BOTH}:
        return False
    if command.order_flags and not position:
        return False
    if command.self_trade and SelfTrade(command.self_trade) not in caps.self_trade:
        return False
    if (kind in CONDITIONAL_TYPES) != said(command.trigger_px):
        return False
    time = TimeInForce(command.time_in_force)
    if (kind, time) in caps.no_such_time:
        return False
    if kind is OrderType.MARKET:
        return _market_fits(caps, command)
    closing = bool(command.order_flags & ORDER_CLOSE)
    if kind is OrderType.BEST:
        at_once = time in caps.times_in_force & AT_ONCE
        return at_once and not closing and not said(command.px) and _sized(caps, command)
    if kind is OrderType.LIMIT and time not in caps.times_in_force:
        return False
    priced = said(command.px) or kind in CONDITIONAL_TYPES
    return priced and said(command.qty) is not closing and not said(command.quote_qty)


def _market_fits(caps: Capabilities, command: Command) -> bool:
    """Mostly without a worst price: where an exchange has such a bound, it sends one by itself."""
    if command.time_in_force in {TimeInForce.FOK, TimeInForce.GTD}:
        return False
    if said(command.px) and not caps.worst_price:
        return False
    if command.order_flags & ORDER_CLOSE:
        return not said(command.qty) and not said(command.quote_qty)
    return _sized(caps, command) and not (by_amount(command) and command.order_flags)


def _sized(caps: Capabilities, command: Command) -> bool:
    """By amount or by quantity, whichever the side may be given by."""
    side = SIDE_NAMES[Side(command.side)]
    if by_amount(command):
        return side in caps.amount_orders
    return said(command.qty) and not said(command.quote_qty) and side in caps.quantity_markets


def reduces(command: Command) -> bool:
    """The order may only bring a position nearer to nothing."""
    return bool(command.order_flags & (ORDER_REDUCE_ONLY | ORDER_CLOSE))


def closes(command: Command) -> bool:
    """The order closes a position, whatever its size."""
    return bool(command.order_flags & ORDER_CLOSE)


def direction(command: Command) -> Direction:
    """Which way the trigger is crossed: as said, else as its type means it (a STOP against us, a
    TAKE_PROFIT for us)."""
    if command.trigger_direction:
        return Direction(command.trigger_direction)
    rises = (command.order_type == OrderType.STOP) == (command.side == Side.BUY)
    return Direction.RISE if rises else Direction.FALL
