"""`oms doctor` on rates: what the desk will ask of each exchange, against what one address may.

Everything is computed from the config and the exchange's documented limits (DESIGN.md 8 "Rate
limits"): the same shares, weights and cadences that the processes go by, so that a desk that cannot
be kept is seen before it is started, with the arithmetic. The desk never asks for more than its
shares: what does not fit takes longer, and these rows say how long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from oms.agents.feed.pace import SHALLOW_LEVELS, part_of
from oms.agents.rates import starting_weight
from oms.agents.watchdog.plan import weights_of
from oms.agents.watchdog.sweep import kill_sides
from oms.config import DeskConfig, GroupConfig
from oms.errors import ConfigError
from oms.venues.buckets import divided, egress_mistakes, per_minute, shared_bucket, told
from oms.venues.data import Bucket, Charge
from oms.venues.orders import OrderSide, order_way
from oms.venues.registry import market_data, order_market, order_side
from oms.venues.reports import Ask, Instrument, Run, Want
from oms.venues.trade_base import VenueLimits
from procs.cli.findings.row import FAIL, OK, WARN, Row

START_WARN_S = 300
"""A start after which the last account trades, or the last book has its levels, later than this."""
RECONCILE_WARN_S = 600
RECONCILE_FAIL_S = 3600
"""A fill that every stream has lost is found by reconciliation alone: it may take so long."""
_ACCOUNT = "account"
_MINUTE_S = 60
_CHECK = "rates"
_FEWER = "trade fewer accounts or instruments from this address, or raise [shares]"


def check_rates(config: DeskConfig) -> Iterator[Row]:
    """Rows for each exchange of the desk."""
    for mistake in egress_mistakes(config, order_market, _Named()):
        yield Row(_CHECK, FAIL, mistake, "put their accounts into one group")
    kills = kill_sides(config)
    for group in config.groups:
        side = order_side(group)
        markets = [order_market(name) for name in group.venues]
        order_way(group, markets)
        # A group counts by the narrowest of its markets.
        market = min(markets, key=lambda one: per_minute(shared_bucket(one)))
        bucket = next(
            one for one in divided(market, group.shares) if one.name == shared_bucket(market).name
        )
        names = [v.instruments for v in config.venues if v.name in group.venues]
        instruments = sum(len(listed) for listed in names)
        yield from _reconciliation(group, side, bucket, instruments)
        yield from _snapshots(config, group, bucket)
        yield _orders(config, group, side, bucket, markets[0].buckets)
        shown = (told(one) for each in markets for one in divided(each, group.shares))
        yield Row(_CHECK, OK, f"{group.name}: " + "; ".join(dict.fromkeys(shown)))
        look, blindly = weights_of(kills[group.name], group)
        yield _kill(group, look + blindly, bucket)


def refuse_unkept(config: DeskConfig) -> None:
    """ConfigError with the arithmetic, where what the desk asks for cannot be kept at all."""
    found = [f"{row.found}: {row.fix}" for row in check_rates(config) if row.verdict == FAIL]
    if found:
        raise ConfigError("; ".join(found))


class _Named(dict[str, str]):
    """Where the files of a config are not known any more, its parts go by their names."""

    def __missing__(self, part: str) -> str:
        return part


def _share(bucket: Bucket, user: str) -> int:
    """What a user of the bucket may take in a minute."""
    return per_minute(bucket) * bucket.users.get(user, 0) // 100


def _taken(charges: Iterable[Charge], bucket: Bucket) -> int:
    return sum(charge.count for charge in charges if charge.bucket == bucket.name)


def _dearest(group: GroupConfig, side: OrderSide, bucket: Bucket, instruments: int) -> int:
    """The most that one question of a reconciliation takes."""
    made = tuple(Instrument(k, 0, "", "", 0, 0, 0, 1) for k in range(instruments))
    run = Run(group.accounts[0].name, group.venues, made)
    asks = [ask for stage in side.plan(run) for ask in stage]
    return max(_taken(side.charges(ask), bucket) for ask in asks)


def _reconciliation(
    group: GroupConfig, side: OrderSide, bucket: Bucket, instruments: int
) -> Iterator[Row]:
    """Each account's orders, balances and trades, at the start and again and again."""
    share = _share(bucket, "reconciliation")
    orders, histories = side.weights(instruments)
    one = orders + histories
    whole = one * len(group.accounts)
    if share < (most := _dearest(group, side, bucket, instruments)):
        yield Row(_CHECK, FAIL,
                  f"{group.name}: reconciliation has {share} {bucket.name} a minute",
                  f"one question of it takes {most}: raise "
                  "reconciliation in [shares] of the exchange's file")  # fmt: skip
        return
    starting = starting_weight(VenueLimits(per_minute(bucket), 0, 0, 0), group.shares)
    first_s = whole * _MINUTE_S // starting if whole > starting else 0
    again_s = max(_MINUTE_S, whole * _MINUTE_S // (share // 2))
    found = (
        f"{group.name}: reconciling {_of(len(group.accounts), 'account')} takes {whole} "
        f"{bucket.name} ({one} each), {share} a minute are set apart and {starting} may be used "
        f"at a start: {first_s} s at the start, less where accounts have not traded, then every "
        f"{again_s} s"
    )
    late = again_s > RECONCILE_WARN_S or first_s > START_WARN_S
    if again_s > RECONCILE_FAIL_S:
        yield Row(_CHECK, FAIL, found,
                  f"a fill that its stream lost would be found after {again_s} s, required are at "
                  f"most {RECONCILE_FAIL_S}: {_FEWER}")  # fmt: skip
    elif late:
        yield Row(_CHECK, WARN, found,
                  f"the last account trades {first_s} s after a start: {_FEWER}")  # fmt: skip
    else:
        yield Row(_CHECK, OK, found)


def _snapshots(config: DeskConfig, group: GroupConfig, bucket: Bucket) -> Iterator[Row]:
    """One of each book at the start; what is quiet later is verified as the share permits."""
    share = _share(bucket, "snapshots")
    wanted: list[int] = []
    shallow = 0
    for venue in config.venues:
        if venue.name not in group.venues:
            continue
        market = market_data(venue.name)
        shallow = max(shallow, market.snapshot_request("", SHALLOW_LEVELS).weight)
        one = market.snapshot_request("", venue.snapshot_levels).weight
        wanted += [one] * len(venue.instruments)
        if one > part_of(share, share, 1):
            yield Row(_CHECK, FAIL, f"{venue.name}: snapshots have {share} {bucket.name} a minute",
                      f"one of {venue.snapshot_levels} levels takes {one}, and one may take half "
                      "of them at most: raise snapshots in [shares] of the exchange's file, or set "
                      "fewer snapshot_levels")  # fmt: skip
            return
    least = min(shallow * len(wanted), sum(wanted))
    live_s = least * _MINUTE_S // share if least > share else 0
    deep_s = live_s + _MINUTE_S * _minutes_until_deep(wanted, share, shallow)
    found = (
        f"{group.name}: snapshots of {_of(len(wanted), 'book')} take {sum(wanted)} {bucket.name}, "
        f"{share} a minute are set apart: {live_s} s until the last book is LIVE, {deep_s} s "
        "until the last has all its levels"
    )
    if deep_s > START_WARN_S:
        yield Row(_CHECK, WARN, found, f"set fewer snapshot_levels, or {_FEWER}")
    else:
        yield Row(_CHECK, OK, found)


def _minutes_until_deep(wanted: list[int], share: int, least: int) -> int:
    """Minutes after the first until every book has had a snapshot of its weight: first all at once
    as they are LIVE, then one by one (`feed/pace.py`)."""
    shallow, room = [], share
    for k, weight in enumerate(wanted):
        paid = weight <= part_of(room, share, len(wanted) - k)
        room -= weight if paid else least
        shallow += [] if paid else [weight]
    minutes = 0
    while shallow:
        minutes, room = minutes + 1, share
        while shallow and shallow[-1] <= part_of(room, share, 1):
            room -= shallow.pop()
    return minutes


def _orders(
    config: DeskConfig, group: GroupConfig, side: OrderSide, bucket: Bucket,
    buckets: Iterable[Bucket],
) -> Row:  # fmt: skip
    """What the strategies may want, by their own limit, against what the exchange takes."""
    accounts = {account.name for account in group.accounts}
    trading = [one for one in config.strategies if accounts & set(one.accounts)]
    wanted = len(trading) * config.limits.max_orders_per_s * _MINUTE_S
    place = side.charges(Ask(Want.PLACE, group.accounts[0].name, group.venues[0]))
    share = _share(bucket, "orders") // max(_taken(place, bucket), 1)
    # Windows longer than a minute say nothing of what one minute may take.
    counted = {charge.bucket for charge in place}
    by_account = min(
        [group.orders_per_10s * 6]
        + [per_minute(one) for one in buckets
           if one.name in counted and _ACCOUNT in one.keys and one.window_ms <= 1000 * _MINUTE_S]
    )  # fmt: skip
    most = min(share, by_account * len(group.accounts))
    found = (
        f"{group.name}: {most} new orders a minute ({share} by {bucket.name}, {by_account} of each "
        f"account); {len(trading)} strategies may want {wanted}"
    )
    return Row(_CHECK, OK, f"{found}; what is beyond is refused before it is sent")


def _kill(group: GroupConfig, whole: int, bucket: Bucket) -> Row:
    """The proof that nothing is open."""
    one = whole // max(len(group.accounts), 1)
    found = (
        f"{group.name}: `oms kill` takes {whole} {bucket.name} at least ({one} for each account), "
        f"{_share(bucket, 'kill')} are kept for it and all {per_minute(bucket)} of a minute may be "
        "used"
    )
    return Row(_CHECK, OK, found)


def _of(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
