"""`oms doctor` on rates: what the desk will ask of each exchange, against what each key may.

Everything is computed from the config and the exchange's documented buckets (DESIGN.md 8 "Rate
limits"): the same parts, charges and cadences that the processes go by, so that a desk that cannot
be kept is seen before it is started, with the arithmetic. The desk never asks for more than its
parts: what does not fit takes longer, and these rows say how long, by the bucket that is tightest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from oms.agents.executor.pace import pace_of
from oms.agents.feed.pace import SHALLOW_LEVELS, part_of
from oms.agents.rates.counts import Shares
from oms.agents.rates.peers import executor_shares, feed_shares
from oms.agents.watchdog.plan import charges_of
from oms.agents.watchdog.sweep import kill_sides
from oms.config import DeskConfig, GroupConfig
from oms.errors import ConfigError
from oms.units import NS_PER_S
from oms.venues.buckets import (
    ACCOUNT,
    Sums,
    divided,
    egress_mistakes,
    group_buckets,
    reconciliation,
    starting,
    summed,
    told,
)
from oms.venues.data import Bucket, Charge
from oms.venues.kill import KillSide
from oms.venues.orders import OrderSide, order_way
from oms.venues.registry import market_data, order_market, order_side
from oms.venues.reports import Ask, Instrument, Run, Want
from oms.venues.shared.decimal_text import to_text
from procs.cli.findings.row import FAIL, OK, WARN, Row
from shm_layout.enums import RateShare

START_WARN_S = 300
"""A start after which the last account trades, or the last book has its levels, later than this."""
RECONCILE_WARN_S = 600
RECONCILE_FAIL_S = 3600
"""A fill that every stream has lost is found by reconciliation alone: it may take so long."""
_MINUTE_S = 60
_MINUTE_MS = 60_000
_INSTRUMENT = "instrument"
_CHECK = "rates"
_FEWER = "trade fewer accounts or instruments from this address, or raise [shares]"


@dataclass(frozen=True, slots=True)
class _Group:
    """A group with what its executor may spend."""

    config: DeskConfig
    group: GroupConfig
    side: OrderSide
    kill: KillSide
    shares: dict[str, Shares]
    kills: dict[str, Shares]
    instruments: int

    @property
    def name(self) -> str:
        return self.group.name

    @property
    def account(self) -> str:
        return self.group.accounts[0].name

    def asks(self) -> list[Ask]:
        """Of a reconciliation."""
        run = Run(self.account, self.group.venues, self.made())
        return [ask for stage in self.side.plan(run) for ask in stage]

    def made(self) -> tuple[Instrument, ...]:
        """As many instruments as are traded."""
        return tuple(Instrument(k, 0, "", "", 0, 0, 0, 1) for k in range(self.instruments))


def check_rates(config: DeskConfig) -> Iterator[Row]:
    """Rows for each exchange of the desk."""
    for mistake in egress_mistakes(config, order_market, _Named()):
        yield Row(_CHECK, FAIL, mistake, "put their accounts into one group")
    kills = kill_sides(config)
    for group in config.groups:
        markets = [order_market(name) for name in group.venues]
        order_way(group, markets)
        buckets = group_buckets(markets, group)
        own = executor_shares(config, group)
        one = _Group(
            config, group, order_side(group), kills[group.name],
            {bucket.name: Shares(bucket, own) for bucket in buckets},
            {bucket.name: Shares(bucket, {RateShare.KILL: 1}) for bucket in buckets},
            sum(len(v.instruments) for v in config.venues if v.name in group.venues),
        )  # fmt: skip
        yield _reconciliation(one)
        yield from _snapshots(config, group)
        yield from _requests(one)
        yield _orders(one)
        yield Row(_CHECK, OK, f"{group.name}: " + "; ".join(told(bucket) for bucket in buckets))
        yield _kill(one)


def refuse_unkept(config: DeskConfig) -> None:
    """ConfigError with the arithmetic, where what the desk asks for cannot be kept at all."""
    found = [f"{row.found}: {row.fix}" for row in check_rates(config) if row.verdict == FAIL]
    if found:
        raise ConfigError("; ".join(found))


class _Named(dict[str, str]):
    """Where the files of a config are not known any more, its parts go by their names."""

    def __missing__(self, part: str) -> str:
        return part


def _minutely(bucket: Bucket, count: int) -> int:
    """So much of a window, in a minute."""
    return count * _MINUTE_MS // bucket.window_ms


def _in_window(bucket: Bucket) -> str:
    minute = bucket.window_ms == _MINUTE_MS
    return bucket.name + (" a minute" if minute else f" in {to_text(bucket.window_ms, 3)} s")


def _too_dear(
    charges: Iterable[Charge], shares: dict[str, Shares], share: RateShare
) -> tuple[Shares, int] | None:
    """The first bucket whose part does not pay for one request, and what that takes."""
    for (name, _), taken in summed(charges).items():
        found = shares[name]
        spender = RateShare(found.spender or share)
        if taken > max(found.part[spender], _left_over(found, spender)):
            return found, taken
    return None


def _left_over(shares: Shares, share: RateShare) -> int:
    """What a share may take of other parts: of a kill all, of cancels what nobody has."""
    if share is RateShare.KILL:
        return shares.seizable
    return shares.limit - shares.foreign if share in shares.borrowers else 0


def _reconciliation(one: _Group) -> Row:
    """Each account's orders, balances and trades, at the start and again and again."""
    for ask in one.asks():
        dear = _too_dear(one.side.charges(ask), one.shares, RateShare.RECONCILIATION)
        if dear is not None:
            shares, most = dear
            part = shares.part[RateShare.RECONCILIATION]
            return Row(_CHECK, FAIL,
                       f"{one.name}: reconciliation has {part} {_in_window(shares.bucket)}",
                       f"one question of it takes {most}: raise "
                       "reconciliation in [shares] of the exchange's file")  # fmt: skip
    lists, histories = reconciliation(one.side, one.account, one.group.venues, one.made())
    return max((_again(one, lists + histories, name) for name, _ in lists + histories),
               key=lambda found: found[0])[1]  # fmt: skip


def _again(one: _Group, sums: Sums, name: str) -> tuple[tuple[int, int, int], Row]:
    """How often one bucket lets all accounts be reconciled; (how tight it is, the row)."""
    shares, accounts = one.shares[name], len(one.group.accounts)
    bucket = shares.bucket
    each = max(taken for (of, _), taken in sums.items() if of == name)
    whole = each if ACCOUNT in bucket.keys else each * accounts
    part = _minutely(bucket, shares.part[RateShare.RECONCILIATION])
    most = _minutely(bucket, starting(bucket))
    first_s = whole * _MINUTE_S // most if whole > most else 0
    every_ns = pace_of(sums, accounts, one.shares.__getitem__).every_ns
    again_s = max(_MINUTE_S, whole * _MINUTE_S // max(part // 2, 1))
    found = (
        f"{one.name}: reconciling {_of(accounts, 'account')} takes {whole} "
        f"{bucket.name} ({each} each), {part} a minute are set apart and {most} may be used "
        f"at a start: {first_s} s at the start, less where accounts have not traded, then every "
        f"{every_ns // NS_PER_S} s"
    )
    tight = again_s, first_s, whole * 1_000 // max(part, 1)
    if again_s > RECONCILE_FAIL_S:
        return tight, Row(_CHECK, FAIL, found,
                          f"a fill that its stream lost would be found after {again_s} s, required "
                          f"are at most {RECONCILE_FAIL_S}: {_FEWER}")  # fmt: skip
    if again_s > RECONCILE_WARN_S or first_s > START_WARN_S:
        fix = f"the last account trades {first_s} s after a start: {_FEWER}"
        return tight, Row(_CHECK, WARN, found, fix)
    return tight, Row(_CHECK, OK, found)


def _snapshots(config: DeskConfig, group: GroupConfig) -> Iterator[Row]:
    """One of each book at the start; what is quiet later is verified as the share permits."""
    by_bucket: dict[str, tuple[Bucket, int]] = {}
    wanted: dict[str, list[int]] = {}
    shallow = 0
    for venue in config.venues:
        if venue.name not in group.venues:
            continue
        market = market_data(venue.name)
        name = market.spec.requests_in
        (bucket,) = [b for b in divided(market.spec.buckets, group.shares) if b.name == name]
        part = Shares(bucket, feed_shares(config, venue)).part[RateShare.SNAPSHOTS]
        share = _minutely(bucket, part)
        by_bucket[name] = bucket, by_bucket.get(name, (bucket, 0))[1] + share
        shallow = max(shallow, market.snapshot_request("", SHALLOW_LEVELS).weight)
        one = market.snapshot_request("", venue.snapshot_levels).weight
        wanted.setdefault(name, []).extend([one] * len(venue.instruments))
        if one > part_of(share, share, 1):
            yield Row(_CHECK, FAIL, f"{venue.name}: snapshots have {part} {_in_window(bucket)}",
                      f"one of {venue.snapshot_levels} levels takes {one}, and one may take half "
                      "of them at most: raise snapshots in [shares] of the exchange's file, or set "
                      "fewer snapshot_levels")  # fmt: skip
            return
    for name, (bucket, share) in by_bucket.items():
        yield _books(group, bucket, wanted[name], share, shallow)


def _books(group: GroupConfig, bucket: Bucket, wanted: list[int], share: int, shallow: int) -> Row:
    """Books whose snapshots one bucket counts; `share`: of a minute."""
    least = min(shallow * len(wanted), sum(wanted))
    live_s = least * _MINUTE_S // share if least > share else 0
    deep_s = live_s + _MINUTE_S * _minutes_until_deep(wanted, share, shallow)
    found = (
        f"{group.name}: snapshots of {_of(len(wanted), 'book')} take {sum(wanted)} {bucket.name}, "
        f"{share} a minute are set apart: {live_s} s until the last book is LIVE, {deep_s} s "
        "until the last has all its levels"
    )
    if deep_s > START_WARN_S:
        return Row(_CHECK, WARN, found, f"set fewer snapshot_levels, or {_FEWER}")
    return Row(_CHECK, OK, found)


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


def _requests(one: _Group) -> Iterator[Row]:
    """Whether every kind of request fits the part of who sends it, bucket by bucket."""
    venue = one.group.venues[0]
    kinds = (
        ("new orders", "orders", RateShare.ORDERS, Ask(Want.PLACE, one.account, venue)),
        ("connections", "reconciliation", RateShare.RECONCILIATION, Ask(Want.CONNECT, one.account)),
        ("the list", "reconciliation", RateShare.RECONCILIATION, one.side.listing(venue)[0]),
    )  # fmt: skip
    for what, user, share, ask in kinds:
        dear = _too_dear(one.side.charges(ask), one.shares, share)
        if dear is not None:
            shares, taken = dear
            part = shares.part[shares.spender or share]
            yield Row(_CHECK, FAIL,
                      f"{one.name}: {what} have {part} {_in_window(shares.bucket)}",
                      f"one takes {taken}: raise {user} in [shares] of the exchange's file"
                      )  # fmt: skip


def _orders(one: _Group) -> Row:
    """What the strategies may want, by their own limit, against what the exchange takes."""
    config, group = one.config, one.group
    accounts = {account.name for account in group.accounts}
    trading = [strategy for strategy in config.strategies if accounts & set(strategy.accounts)]
    wanted = len(trading) * config.limits.max_orders_per_s * _MINUTE_S
    place = one.side.charges(Ask(Want.PLACE, one.account, group.venues[0]))
    shown, most = [], []
    for keys, whose, times in (
        (frozenset(), "", 1),
        ({ACCOUNT}, " of each account", len(group.accounts)),
        ({_INSTRUMENT}, " of each instrument", one.instruments),
        ({ACCOUNT, _INSTRUMENT}, " of each account and instrument",
         len(group.accounts) * one.instruments),
    ):  # fmt: skip
        found = [
            (_minutely(shares.bucket, shares.part[RateShare.ORDERS]) // taken, name)
            for (name, _), taken in summed(place).items()
            # Windows longer than a minute say nothing of what one minute may take.
            if (shares := one.shares[name]).bucket.window_ms <= _MINUTE_MS
            and keys == {ACCOUNT, _INSTRUMENT} & set(shares.bucket.keys)
        ]  # fmt: skip
        if found:
            least, name = min(found)
            shown.append(f"{least}{whose}" if whose else f"{least} by {name}")
            most.append(least * times)
    found_text = (
        f"{one.name}: {min(most, default=0)} new orders a minute ({', '.join(shown)}); "
        f"{len(trading)} strategies may want {wanted}"
    )
    return Row(_CHECK, OK, f"{found_text}; what is beyond is refused before it is sent")


def _kill(one: _Group) -> Row:
    """The proof that nothing is open, in the bucket that takes longest."""
    look, blindly = charges_of(one.kill, one.group)
    sums: dict[str, int] = {}
    for (name, _), taken in (look + blindly).items():
        sums[name] = sums.get(name, 0) + taken
    name = max(sums, key=lambda of: sums[of] * one.kills[of].window_ns / one.kills[of].limit)
    shares, accounts = one.kills[name], len(one.group.accounts)
    part = _minutely(shares.bucket, shares.part[RateShare.KILL])
    found = (
        f"{one.name}: `oms kill` takes {sums[name]} {name} at least ({sums[name] // accounts} for "
        f"each account), {part} are kept for it and all "
        f"{_minutely(shares.bucket, shares.limit)} of a minute may be used"
    )
    return Row(_CHECK, OK, found)


def _of(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
