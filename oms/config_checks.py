"""Checks of a desk's config that span several of its parts, or need a value understood.

`check_desk` is called once, where a config is put together; each refusal is one sentence.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from oms.config import SELF_TRADE_MODES, DeskConfig, LimitsConfig
from oms.errors import ConfigError
from oms.instruments import parse_decimal

_DIGITS = 8


def check_desk(desk: DeskConfig, where: str) -> None:
    """Raise ConfigError with what is wrong, where, and what is required."""
    _check_limits(desk.limits, f"{where}.limits")
    traded = {f"{v.name}:{name}": v.name for v in desk.venues for name in v.instruments}
    for strategy in desk.strategies:
        for instrument in strategy.instruments:
            if instrument not in traded:
                raise ConfigError(
                    f"{where}.strategies.{strategy.name}: '{instrument}' is not read by the desk; "
                    f"add it to the instruments of its market, or name {_near(instrument, traded)}"
                )
    for group in desk.groups:
        mode = group.self_trade_prevention
        if mode not in SELF_TRADE_MODES:
            raise ConfigError(
                f"{where}.groups.{group.name}.self_trade_prevention: found {mode!r}, required is "
                f"one of {', '.join(SELF_TRADE_MODES)}; the nearest is "
                f"{_near(mode, SELF_TRADE_MODES)}"
            )
    for sim in desk.sims:
        listed = {f"{one.base}/{one.quote}": one.symbol for one in sim.instruments}
        groups = [group for group in desk.groups if group.exchange == sim.exchange]
        for venue in desk.venues:
            if not any(venue.name in group.venues for group in groups):
                continue
            for name in venue.instruments:
                if name not in listed:
                    raise ConfigError(
                        f"{where}.venues.{venue.name}: the simulated {sim.exchange} does not list "
                        f"'{name}'; add it to its [[sim.instruments]], or name "
                        f"{_near(name, listed)}"
                    )


def _near(name: str, known: Iterable[str]) -> str:
    found = list(known)
    near = difflib.get_close_matches(name, found, n=1, cutoff=0.0)
    return f"'{near[0]}'" if near else "one that is there"


def _check_limits(limits: LimitsConfig, where: str) -> None:
    for name in ("max_order_notional_quote", "max_position_notional_quote"):
        given = getattr(limits, name)
        try:
            amount = parse_decimal(given, _DIGITS)
        except ValueError:
            amount = 0
        if amount <= 0:
            raise ConfigError(
                f"{where}.{name}: found {given!r}, required is an amount of the quote currency "
                'above 0, in quotes, such as "20000"'
            )
    for name in ("price_collar_bps", "max_open_orders", "max_orders_per_s", "book_max_age_ms"):
        if getattr(limits, name) <= 0:
            raise ConfigError(f"{where}.{name}: found {getattr(limits, name)}, required is above 0")
