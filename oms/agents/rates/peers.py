"""Who spends beside whom: the processes of a desk behind one address of an exchange."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from oms.config import DeskConfig, GroupConfig, VenueConfig
from shm_layout.enums import RateShare


def _exchange_of(venue: VenueConfig) -> str:
    return venue.name.partition(".")[0]


def _hosts(config: DeskConfig) -> Iterator[tuple[str, tuple[str, str]]]:
    """(table's owner, (exchange, host)) of everything that asks an exchange."""
    for group in config.groups:
        yield f"executor.{group.name}", (group.exchange, group.rest_url)
        yield f"watchdog.{group.name}", (group.exchange, group.rest_url)
    for venue in config.venues:
        yield f"feed.{venue.name}", (_exchange_of(venue), venue.rest_url)


def rate_peers(config: DeskConfig, owner: str) -> list[str]:
    """Tables of the others that ask the same host of the same exchange; `owner` such as
    "feed.binance.spot", "watchdog.binance"."""
    host = dict(_hosts(config))[owner]
    return [
        f"rates.{other}" for other, theirs in _hosts(config) if theirs == host and other != owner
    ]  # fmt: skip


def executor_shares(config: DeskConfig, group: GroupConfig) -> Mapping[RateShare, int]:
    """An executor's shares; connections are opened by the feeds, too."""
    feeds = _feeds(config, (group.exchange, group.rest_url))
    return {
        RateShare.ORDERS: 1, RateShare.CANCELS: 1, RateShare.RECONCILIATION: 1,
        RateShare.CONNECTIONS: 1 + feeds,
    }  # fmt: skip


def feed_shares(config: DeskConfig, venue: VenueConfig) -> Mapping[RateShare, int]:
    """A feed's: all feeds of the host have one part together."""
    host = (_exchange_of(venue), venue.rest_url)
    feeds = _feeds(config, host)
    executors = sum((group.exchange, group.rest_url) == host for group in config.groups)
    return {RateShare.SNAPSHOTS: feeds, RateShare.CONNECTIONS: executors + feeds}


def _feeds(config: DeskConfig, host: tuple[str, str]) -> int:
    return sum((_exchange_of(venue), venue.rest_url) == host for venue in config.venues)
