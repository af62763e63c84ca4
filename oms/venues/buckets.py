"""What an exchange's buckets mean for a desk: which of them its requests share, who spends what.

Buckets are data of each market (`OrderMarket.buckets`); the config's [shares] fill the users of
those that no exchange's data divides. A bucket that counts by egress counts everything that this
machine sends to the exchange: two executors there would each believe that it was theirs alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from oms.config import DeskConfig, SharesConfig
from oms.venues.data import Bucket, OrderMarket
from oms.venues.shared.decimal_text import to_text

MINUTE_MS = 60_000
EGRESS = "egress"
ORDER_USERS = frozenset({"orders", "cancels", "kill", "reconciliation"})
"""Users of a bucket that belong to a group of accounts; snapshots belong to feeds."""


def shared_bucket(market: OrderMarket) -> Bucket:
    """What requests about orders are counted in together: by address, else by account."""
    counted = [bucket for bucket in market.buckets if _takes_orders(bucket)]
    assert counted, f"{market.name}: no bucket counts requests"
    return next((bucket for bucket in counted if EGRESS in bucket.keys), counted[0])


def per_minute(bucket: Bucket) -> int:
    """Its limit, for a minute."""
    return bucket.limit * MINUTE_MS // bucket.window_ms


def divided(market: OrderMarket, shares: SharesConfig) -> tuple[Bucket, ...]:
    """The market's buckets with their users: the shared one's are the config's shares."""
    shared = shared_bucket(market)
    return tuple(
        dataclasses.replace(bucket, users=bucket.users or dataclasses.asdict(shares))
        if bucket.name == shared.name else bucket
        for bucket in market.buckets
    )  # fmt: skip


def told(bucket: Bucket) -> str:
    """A bucket in words: its limit, its keys, and each user's part with what that is."""
    parts = [
        f"{user} {percent} % = {bucket.limit * percent // 100}"
        for user, percent in bucket.users.items()
    ]
    spare = 100 - sum(bucket.users.values())
    if parts and spare:
        parts.append(f"{spare} % spare")
    seconds = to_text(bucket.window_ms, 3)
    users = f" ({', '.join(parts)})" if parts else ""
    return f"{bucket.name} {bucket.limit} in {seconds} s by {' and '.join(bucket.keys)}{users}"


def _takes_orders(bucket: Bucket) -> bool:
    """Whether requests of a group may be counted in it."""
    return not bucket.users or bool(ORDER_USERS & bucket.users.keys())


def egress_mistakes(
    desk: DeskConfig, market_of: Callable[[str], OrderMarket], files: Mapping[str, str]
) -> Iterator[str]:
    """Two groups at one exchange that counts by address: the sentence, with the arithmetic.

    `files`: where each part of the desk stands, by `exchanges.<group>`. All of a desk's processes
    send from one address. Another host of the exchange (its testnet) counts by itself.
    """
    seen: dict[tuple[str, str], str] = {}
    for group in desk.groups:
        first = seen.setdefault((group.exchange, group.rest_url), group.name)
        if first == group.name or not group.venues:
            continue
        bucket = shared_bucket(market_of(group.venues[0]))
        if EGRESS not in bucket.keys:
            continue
        part = group.shares.orders + group.shares.cancels + group.shares.reconciliation
        yield (
            f"{files[f'exchanges.{group.name}']}: groups {first} and {group.name} ask "
            f"{group.exchange} from one address, which it allows {bucket.limit} {bucket.name} in "
            f"{to_text(bucket.window_ms, 3)} s; each executor would take {part} % of that for "
            "itself without knowing of the other: put their accounts into one group, or run a desk "
            "from another address"
        )
