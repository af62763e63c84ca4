"""Checks of a desk's config that span several of its parts, or need a value understood.

`check_desk` is called once, where a config is put together; each refusal is one sentence.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from oms.config import DeskConfig, GroupConfig, LimitsConfig, VenueConfig
from oms.errors import ConfigError
from oms.instruments import parse_decimal

_DIGITS = 8
_PERCENT = 100
LINK_AGE_MS_MIN = 60_000
LINK_AGE_MS_MAX = 86_400_000
"""Binance ends a connection after 24 h (web-socket-api.md "General API information")."""


def check_desk(desk: DeskConfig, where: str) -> None:
    """Raise ConfigError with what is wrong, where, and what is required."""
    _check_limits(desk.limits, f"{where}.limits")
    for index, group in enumerate(desk.groups):
        _check_group(group, f"{where}.groups[{index}]")
    for index, venue in enumerate(desk.venues):
        _check_venue(venue, f"{where}.venues[{index}]")
    traded = {f"{v.name}:{name}": v.name for v in desk.venues for name in v.instruments}
    for strategy in desk.strategies:
        for instrument in strategy.instruments:
            if instrument not in traded:
                raise ConfigError(
                    f"{where}.strategies.{strategy.name}: '{instrument}' is not read by the desk; "
                    f"add it to the instruments of its market, or name {_near(instrument, traded)}"
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


def _check_link(config: GroupConfig | VenueConfig, names: tuple[str, ...], where: str) -> None:
    for name in names:
        if getattr(config, name) <= 0:
            raise ConfigError(f"{where}.{name}: found {getattr(config, name)}, required is above 0")
    shares = config.shares
    parts = (shares.orders, shares.cancels, shares.kill, shares.snapshots, shares.reconciliation)
    if min(parts) <= 0 or sum(parts) > _PERCENT:
        raise ConfigError(
            f"{where}.shares: found {', '.join(str(part) for part in parts)}, required are parts "
            "above 0 that sum up to at most 100 (percent of the address's request weight)"
        )


def _check_group(group: GroupConfig, where: str) -> None:
    times = ("recv_window_ms", "answer_timeout_ms", "ping_after_ms", "pong_within_ms")
    _check_link(group, (*times, "link_max_age_ms", "clock_warn_ms"), where)
    if not LINK_AGE_MS_MIN <= group.link_max_age_ms <= LINK_AGE_MS_MAX:
        raise ConfigError(
            f"{where}.link_max_age_ms: found {group.link_max_age_ms}, required is "
            f"{LINK_AGE_MS_MIN} to {LINK_AGE_MS_MAX}: the exchange cuts a connection at 24 h"
        )


def _check_venue(venue: VenueConfig, where: str) -> None:
    times = ("stale_after_ms", "quiet_after_ms", "ping_after_ms", "pong_within_ms")
    _check_link(venue, (*times, "clock_warn_ms"), where)
    if venue.stale_after_ms <= venue.ping_after_ms:
        raise ConfigError(
            f"{where}.stale_after_ms: found {venue.stale_after_ms}, required is more than "
            f"ping_after_ms ({venue.ping_after_ms}): a quiet connection speaks only when pinged"
        )
