"""Checks of a desk's config that span several of its parts, or need a value understood.

`mistakes_of` is called where a config is put together; each mistake is one sentence that names the
file in which that part of the desk stands.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oms.config import (
    OPERATOR,
    Amount,
    DeskConfig,
    GroupConfig,
    LimitsConfig,
    SimConfig,
    StrategyConfig,
    VenueConfig,
)
from oms.config_build import build, nearest, one_of_many, said, secrets_in
from oms.errors import ConfigError
from shm_layout.channels import Capacity
from shm_layout.enums import VENUES_BY_NAME
from shm_layout.limits import (
    GROUPS_MAX,
    ORDER_CONNECTIONS_MAX,
    PROCESSES_MAX,
    STRATEGIES_MAX,
    VENUES_MAX,
)

_DIGITS = 8
_PERCENT = 100
LINK_AGE_MS_MIN = 60_000
ORDER_IDLE_MS_MIN = 1000
LINK_AGE_MS_MAX = 86_400_000
"""Binance ends a connection after 24 h (web-socket-api.md "General API information")."""
_STRATEGY_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_CURRENCY = re.compile(r"[A-Z0-9]{1,16}")
_PROCESS_NAME = re.compile(r"[A-Za-z0-9._-]{1,39}")
_PORT_MAX = 65_535
PARTS = ("desk", "limits", "host", "accounts")
"""Parts of a desk that `files` may name; an exchange's part is called `exchanges.<name>`."""


def mistakes_of(
    desk: DeskConfig, files: Mapping[str, str], broken: frozenset[str] = frozenset()
) -> list[str]:
    """Every mistake, one sentence each; `files` says where each part of the desk stands.

    `broken` names parts ("limits", "host", "exchanges", "accounts") that could not be read: they
    are not looked at, nor is what depends on them.
    """
    found = list(_names(desk, files))
    for sim in desk.sims:
        found += port_mistakes(sim, _file_of(sim, desk, files))
    if not broken & {"exchanges", "accounts"}:
        found += _venues(desk, files)
        found += _links(desk, files)
        found += _strategies(desk, files)
    if "exchanges" not in broken:
        for sim in desk.sims:
            found += _sim(desk, sim, files)
    if not _CURRENCY.fullmatch(desk.currency):
        found.append(
            f"{files['desk']}: currency: found {desk.currency!r}, required is a code in upper "
            'case, such as "USDT" or "KRW"'
        )
    if "limits" not in broken:
        found += limit_mistakes(desk.limits, files["limits"])
    if not broken & {"exchanges", "accounts", "host"}:
        found += _host(desk, files["host"])
    return found


def check_desk(desk: DeskConfig, files: Mapping[str, str]) -> None:
    """Raise ConfigError with what is wrong, where, and what is required."""
    found = mistakes_of(desk, files)
    if found:
        raise one_of_many(found)


def desk_from_mapping(given: Mapping[str, Any], where: str) -> DeskConfig:
    """A whole desk from one mapping, as `DeskConfig.text()` wrote it; raises ConfigError."""
    secrets = secrets_in(given, where)
    if secrets:
        raise one_of_many(secrets)
    desk: DeskConfig = build(DeskConfig, given, where)
    groups = {f"exchanges.{group.name}": where for group in desk.groups}
    check_desk(desk, dict.fromkeys(PARTS, where) | groups)
    return desk


def desk_from_text(text: str, where: str) -> DeskConfig:
    """The inverse of `DeskConfig.text()`; raises ConfigError."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where}: not valid JSON ({error}); write it anew") from error
    if not isinstance(given, dict):
        raise ConfigError(f"{where}: found {said(given)}, required is a table")
    return desk_from_mapping(given, where)


def _doubled(names: Iterable[str]) -> list[str]:
    found = list(names)
    return sorted({name for name in found if found.count(name) > 1})


def _names(desk: DeskConfig, files: Mapping[str, str]) -> Iterator[str]:
    size = Capacity.small() if desk.capacity == "small" else Capacity()
    instruments = [name for venue in desk.venues for name in venue.instruments]
    for where, what, found, room in (
        (files["accounts"], "accounts", len(desk.account_names()), size.accounts),
        (files["desk"], "instruments", len(instruments), size.instruments),
    ):
        if found > room and desk.capacity == "small":
            yield (
                f'{where}: {found} {what}, at most {room} fit capacity "small"; set capacity = '
                f'"full" in {files["desk"]}'
            )
        elif found > room:
            yield f"{where}: {found} {what}, at most {room} fit; take some out"
    lists = (
        (files["desk"], "exchange", [group.name for group in desk.groups], GROUPS_MAX),
        (files["desk"], "market", [venue.name for venue in desk.venues], VENUES_MAX),
        (files["desk"], "strategy", [one.name for one in desk.strategies], STRATEGIES_MAX),
        (files["accounts"], "account", list(desk.account_names()), None),
        (files["host"], "process", [one.name for one in desk.host.processes], PROCESSES_MAX - 1),
    )
    for where, what, names, most in lists:
        for name in _doubled(names):
            yield f"{where}: {what} '{name}' is there twice; give each a name of its own"
        if most is not None and len(names) > most:
            yield f"{where}: {len(names)} of {what}, at most {most} fit; take some out"
    for strategy in desk.strategies:
        if not _STRATEGY_NAME.fullmatch(strategy.name):
            yield (
                f"{files['desk']}: strategy name {said(strategy.name)}: required are 1 to 32 "
                "letters, digits, '-' or '_', because rings and files are named by it"
            )
    for process in desk.host.processes:
        if not _PROCESS_NAME.fullmatch(process.name):
            yield (
                f"{files['host']}: process name {said(process.name)}: required are 1 to 39 "
                "letters, digits, '.', '-' or '_', because segments and logs are named by it"
            )


def _venues(desk: DeskConfig, files: Mapping[str, str]) -> Iterator[str]:
    for venue in desk.venues:
        if venue.name not in VENUES_BY_NAME:
            yield (
                f"{files['desk']}: unknown market '{venue.name}'; the nearest known one is "
                f"'{nearest(venue.name, VENUES_BY_NAME)}' (known: {', '.join(VENUES_BY_NAME)})"
            )
        yield from _whole_numbers(venue, _file_of_venue(venue, desk, files))
        if not venue.instruments:
            yield f"{files['desk']}: market {venue.name} has no instruments; name at least one"
        if not any(venue.name in group.venues for group in desk.groups):
            yield f"{files['desk']}: no group trades '{venue.name}'; name it in one"
    for group in desk.groups:
        yield from _whole_numbers(group, files[f"exchanges.{group.name}"])
        if not group.accounts:
            yield (
                f"{files['desk']}: exchange {group.name} has no account; list a file of "
                f"configs/accounts whose group is '{group.name}' under accounts"
            )


def _file_of_venue(venue: VenueConfig, desk: DeskConfig, files: Mapping[str, str]) -> str:
    groups = [group.name for group in desk.groups if venue.name in group.venues]
    return files[f"exchanges.{groups[0]}"] if groups else files["desk"]


def _whole_numbers(settings: GroupConfig | VenueConfig, where: str) -> Iterator[str]:
    """Every time and count of an exchange's file is above 0."""
    for one in dataclasses.fields(settings):
        value = getattr(settings, one.name)
        if isinstance(value, int) and value <= 0:
            yield f"{where}: {one.name}: found {value}, required is above 0"


def _shares(settings: GroupConfig | VenueConfig, where: str) -> Iterator[str]:
    shares = settings.shares
    parts = (shares.orders, shares.cancels, shares.kill, shares.snapshots, shares.reconciliation)
    if min(parts) <= 0 or sum(parts) > _PERCENT:
        yield (
            f"{where}: shares: found {', '.join(str(part) for part in parts)}, required are parts "
            "above 0 that sum up to at most 100 (percent of the address's request weight)"
        )


def _links(desk: DeskConfig, files: Mapping[str, str]) -> Iterator[str]:
    for group in desk.groups:
        where = files[f"exchanges.{group.name}"]
        yield from _shares(group, where)
        if not LINK_AGE_MS_MIN <= group.link_max_age_ms <= LINK_AGE_MS_MAX:
            yield (
                f"{where}: link_max_age_ms: found {group.link_max_age_ms}, required is "
                f"{LINK_AGE_MS_MIN} to {LINK_AGE_MS_MAX}: the exchange cuts a connection at 24 h"
            )
        if not 1 <= group.order_connections <= ORDER_CONNECTIONS_MAX:
            yield (
                f"{where}: order_connections: found {group.order_connections}, required is 1 to "
                f"{ORDER_CONNECTIONS_MAX}"
            )
        if group.order_idle_ms < ORDER_IDLE_MS_MIN:
            yield (
                f"{where}: order_idle_ms: found {group.order_idle_ms}, required is "
                f"{ORDER_IDLE_MS_MIN} or more, or connections are opened all the time"
            )
    for venue in desk.venues:
        if venue.stale_after_ms <= venue.ping_after_ms:
            yield (
                f"{_file_of_venue(venue, desk, files)}: stale_after_ms: found "
                f"{venue.stale_after_ms}, required is more than ping_after_ms "
                f"({venue.ping_after_ms}): a quiet connection speaks only when pinged"
            )


def _strategies(desk: DeskConfig, files: Mapping[str, str]) -> Iterator[str]:
    venues = {venue.name for venue in desk.venues}
    traded = {f"{v.name}:{name}": v.name for v in desk.venues for name in v.instruments}
    for strategy in desk.strategies:
        where = f"{files['desk']}: strategy {strategy.name}"
        yield from _accounts_of(desk, strategy, where)
        for instrument in strategy.instruments:
            venue_name, _, name = instrument.partition(":")
            if venue_name not in venues or not name:
                yield (
                    f"{where}: '{instrument}' must be 'venue:name' with a venue of the desk "
                    f"({', '.join(sorted(venues))})"
                )
            elif instrument not in traded:
                yield (
                    f"{where}: '{instrument}' is not read by the desk; add it to the instruments "
                    f"of its market, or name '{nearest(instrument, traded)}'"
                )


def _accounts_of(desk: DeskConfig, strategy: StrategyConfig, where: str) -> Iterator[str]:
    """Each account has an instrument to trade, each instrument an account that trades it."""
    known = desk.account_names()
    unknown = [name for name in strategy.accounts if name not in known]
    for name in unknown:
        yield f"{where}: account '{name}' is in no group (known: {', '.join(known)})"
    if not strategy.accounts:
        yield f"{where}: accounts: found none, required is one (known: {', '.join(known)})"
    for name in {n for n in strategy.accounts if strategy.accounts.count(n) > 1}:
        yield f"{where}: account '{name}' stands there twice"
    if unknown or not strategy.accounts:
        return
    traded = {venue for group in desk.groups for venue in group.venues}
    venues = {one.partition(":")[0] for one in strategy.instruments} & traded
    for venue in sorted(venues):
        if not desk.accounts_of(strategy, venue):
            group = desk.groups[desk.group_of_venue(venue)]
            there = ", ".join(account.name for account in group.accounts)
            yield f"{where}: none of its accounts trades on {venue} (those that do: {there})"
    used = {name for venue in venues for name in desk.accounts_of(strategy, venue)}
    for name in strategy.accounts:
        if name not in used and venues and strategy.name != OPERATOR:
            yield (
                f"{where}: account '{name}': its exchange lists none of the strategy's "
                f"instruments ({', '.join(strategy.instruments)})"
            )


def limit_mistakes(limits: LimitsConfig, where: str) -> Iterator[str]:
    """Limits that are no amount or number above 0; `where` is their file."""
    for name in ("max_order_notional", "max_position_notional"):
        given = getattr(limits, name)
        try:
            Amount.parse(given)
        except ValueError:
            yield (
                f"{where}: {name}: found {given!r}, required is an amount above 0, in quotes, such "
                'as "20000", or "30000000 KRW" where it is not of the desk\'s currency'
            )
    for name in ("price_collar_bps", "max_open_orders", "max_orders_per_s", "book_max_age_ms"):
        if getattr(limits, name) <= 0:
            yield f"{where}: {name}: found {getattr(limits, name)}, required is above 0"


def port_mistakes(sim: SimConfig, where: str) -> Iterator[str]:
    """Ports of a simulated exchange that no machine has; `where` is its file."""
    for name in ("rest_port", "ws_port", "control_port"):
        port = getattr(sim, name)
        if not (-1 if name == "control_port" else 0) <= port <= _PORT_MAX:
            yield (
                f"{where}: [sim] {name} is {port}, required is 1 to {_PORT_MAX}, or 0 for a free "
                "one"
            )


def _file_of(sim: SimConfig, desk: DeskConfig, files: Mapping[str, str]) -> str:
    groups = [group for group in desk.groups if group.exchange == sim.exchange]
    return next((files[f"exchanges.{group.name}"] for group in groups), files["desk"])


def _sim(desk: DeskConfig, sim: SimConfig, files: Mapping[str, str]) -> Iterator[str]:
    groups = [group for group in desk.groups if group.exchange == sim.exchange]
    where = _file_of(sim, desk, files)
    listed = {f"{one.base}/{one.quote}": one.symbol for one in sim.instruments}
    for venue in desk.venues:
        if not any(venue.name in group.venues for group in groups):
            continue
        for name in venue.instruments:
            if name not in listed:
                yield (
                    f"{files['desk']}: market {venue.name}: the simulated {sim.exchange} does not "
                    f"list '{name}'; add it to [[sim.instruments]] of {where}, or name "
                    f"'{nearest(name, listed)}'"
                )


def _host(desk: DeskConfig, where: str) -> Iterator[str]:
    placed = [role for process in desk.host.processes for role in process.roles]
    missing = set(desk.roles()) - set(placed)
    extra = set(placed) - set(desk.roles())
    twice = {role for role in placed if placed.count(role) > 1}
    if missing or extra or twice:
        yield (
            f"{where}: map '{desk.host.name}': every role must stand in one process; "
            f"missing {sorted(missing)}, unknown {sorted(extra)}, twice {sorted(twice)}"
        )
