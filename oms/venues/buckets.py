"""What an exchange's buckets mean for a desk: which of them its requests share, who spends what.

Buckets are data of each market (`OrderMarket.buckets`); the config's [shares] fill the users of
those that no exchange's data divides. A bucket that counts by egress counts everything that this
machine sends to the exchange: two executors there would each believe that it was theirs alone.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from oms.config import DeskConfig, GroupConfig, SharesConfig
from oms.venues.data import Bucket, Charge, OrderMarket
from oms.venues.orders import OrderSide
from oms.venues.reports import Instrument, Run, Want
from oms.venues.shared.decimal_text import to_text

MINUTE_MS = 60_000
EGRESS = "egress"
ACCOUNT = "account"
TRADING_USERS = frozenset({"orders", "cancels"})
"""Users of a bucket that belong to an executor alone."""
STATED_WINDOW_MS = 10_000
"""Of `orders_per_10s` in the config."""
_USERS = ("orders", "cancels", "kill", "snapshots", "reconciliation", "connections")
Sums = Counter[tuple[str, tuple[str, ...]]]
"""(bucket, key) -> what is taken of it."""


def shared_bucket(market: OrderMarket) -> Bucket:
    """What requests about orders are counted in together: by address, else by account."""
    counted = [bucket for bucket in market.buckets if _takes_orders(bucket)]
    assert counted, f"{market.name}: no bucket counts requests"
    return next((bucket for bucket in counted if EGRESS in bucket.keys), counted[0])


def per_minute(bucket: Bucket) -> int:
    """Its limit, for a minute."""
    return bucket.limit * MINUTE_MS // bucket.window_ms


LENT_PERCENT = 75
"""Of the parts for orders and snapshots: what first reconciliations may use of it."""
URGENT_PERCENT = 25
"""Of reconciliation's part: what reconciling leaves for connections and queries."""


def starting(bucket: Bucket) -> int:
    """Of a window, what first reconciliations may use where nobody else uses any."""
    users = {user: bucket.users.get(user, 0) for user in _USERS}
    kept = users["kill"] + users["cancels"] + users["reconciliation"] * URGENT_PERCENT // 100
    kept += (users["orders"] + users["snapshots"]) * (100 - LENT_PERCENT) // 100
    most = bucket.limit * (100 - kept) // 100
    own = bucket.limit * users["reconciliation"] * (100 - URGENT_PERCENT) // 10_000
    lends = users["orders"] + users["snapshots"] + 100 - sum(users.values())
    return most if lends else own


def divided(buckets: Iterable[Bucket], shares: SharesConfig) -> tuple[Bucket, ...]:
    """Buckets with their users: of those that no data divides, the config's shares."""
    users = dataclasses.asdict(shares)
    return tuple(
        bucket if bucket.users else dataclasses.replace(bucket, users=users) for bucket in buckets
    )


def group_buckets(markets: Iterable[OrderMarket], group: GroupConfig) -> tuple[Bucket, ...]:
    """Every bucket of a group's markets once, as its config has them: divided, and the orders of an
    account as it states them (an exchange's own list may say less, later)."""
    found: dict[str, Bucket] = {}
    for market in markets:
        for bucket in divided(market.buckets, group.shares):
            stated = _is_stated(bucket) and group.orders_per_10s > 0
            limit = group.orders_per_10s if stated else bucket.limit
            found.setdefault(bucket.name, dataclasses.replace(bucket, limit=limit))
    return tuple(found.values())


def with_stated(listed: Iterable[Bucket], group: GroupConfig) -> tuple[Bucket, ...]:
    """What the exchange lists, and less where the config states less."""
    return tuple(
        dataclasses.replace(bucket, limit=min(bucket.limit, group.orders_per_10s))
        if _is_stated(bucket) and group.orders_per_10s > 0 else bucket
        for bucket in listed
    )  # fmt: skip


def _is_stated(bucket: Bucket) -> bool:
    """Whether the config's `orders_per_10s` is its limit: it depends on the account."""
    by_account = bucket.keys == (ACCOUNT,) and bucket.window_ms == STATED_WINDOW_MS
    return by_account and set(bucket.users) == {"orders"}


def summed(charges: Iterable[Charge]) -> Sums:
    """Charges by bucket and key."""
    made: Sums = Counter()
    for charge in charges:
        made[charge.bucket, charge.key] += charge.count
    return made


def reconciliation(
    side: OrderSide, account: str, markets: tuple[str, ...], instruments: Iterable[Instrument]
) -> tuple[Sums, Sums]:
    """What reconciling one account takes where nothing is open and each list has one page:
    (without histories of instruments, those)."""
    run = Run(account, markets, tuple(instruments))
    asks = [ask for stage in side.plan(run) for ask in stage]
    histories = [ask for ask in asks if ask.want is Want.FILLS and ask.instrument is not None]
    of_histories = summed(charge for ask in histories for charge in side.charges(ask))
    of_all = summed(charge for ask in asks for charge in side.charges(ask))
    return of_all - of_histories, of_histories


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
    return not bucket.users or bool(TRADING_USERS & bucket.users.keys())


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
