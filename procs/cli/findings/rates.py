"""`oms doctor` on rates: what the desk will ask of each exchange, against what one address may.

Everything is computed from the config and the exchange's documented limits (DESIGN.md 8 "Rate
limits"): the same shares, weights and cadences that the processes go by, so that a desk that cannot
be kept is seen before it is started, with the arithmetic. The desk never asks for more than its
shares: what does not fit takes longer, and these rows say how long.
"""

from __future__ import annotations

from collections.abc import Iterator

from oms.agents.feed.pace import SHALLOW_LEVELS, part_of
from oms.agents.rates import starting_weight
from oms.agents.watchdog.plan import weights_of
from oms.agents.watchdog.sweep import kill_sides
from oms.config import DeskConfig, GroupConfig
from oms.venues.binance import trade
from oms.venues.binance.exchange_info import DOCUMENTED
from oms.venues.binance.spec import MARKETS
from procs.cli.findings.row import FAIL, OK, WARN, Row

START_WARN_S = 300
"""A start after which the last account trades, or the last book has its levels, later than this."""
RECONCILE_WARN_S = 600
RECONCILE_FAIL_S = 3600
"""A fill that every stream has lost is found by reconciliation alone: it may take so long."""
SHALLOW_WEIGHT = max(market.snapshot_weight[SHALLOW_LEVELS] for market in MARKETS)
_MINUTE_S = 60
_CHECK = "rates"
_FEWER = "trade fewer accounts or instruments from this address, or raise [shares]"


def check_rates(config: DeskConfig) -> Iterator[Row]:
    """Rows for each exchange of the desk."""
    sides = kill_sides(config)
    for group in config.groups:
        shares = {
            name: DOCUMENTED.weight_per_minute * getattr(group.shares, name) // 100
            for name in ("orders", "cancels", "kill", "snapshots", "reconciliation")
        }
        names = [v.instruments for v in config.venues if v.name in group.venues]
        instruments = sum(len(listed) for listed in names)
        yield from _reconciliation(group, instruments, shares["reconciliation"])
        yield from _snapshots(config, group, shares["snapshots"])
        yield _orders(config, group, shares["orders"])
        look, blindly = weights_of(sides[group.name], group)
        yield _kill(group, look + blindly, shares["kill"])


def _reconciliation(group: GroupConfig, instruments: int, share: int) -> Iterator[Row]:
    """Each account's orders, balances and trades, at the start and again and again."""
    orders, histories = trade.reconcile_weights(instruments)
    one = orders + histories
    whole = one * len(group.accounts)
    names = [""] * instruments
    most = max(trade.weight_of("openOrders.status", p) for p in trade.open_orders_params(names))
    if share < (most := max(most, trade.WEIGHT_ACCOUNT, trade.WEIGHT_TRADES_OF_SYMBOL)):
        yield Row(_CHECK, FAIL, f"{group.name}: reconciliation has {share} weight a minute",
                  f"one question of it takes {most}: raise "
                  "reconciliation in [shares] of the exchange's file")  # fmt: skip
        return
    starting = starting_weight(DOCUMENTED, group.shares)
    first_s = whole * _MINUTE_S // starting if whole > starting else 0
    again_s = max(_MINUTE_S, whole * _MINUTE_S // (share // 2))
    found = (
        f"{group.name}: reconciling {_of(len(group.accounts), 'account')} takes {whole} weight "
        f"({one} each), {share} a minute are set apart and {starting} may be used at a start: "
        f"{first_s} s at the start, less where accounts have not traded, then every {again_s} s"
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


def _snapshots(config: DeskConfig, group: GroupConfig, share: int) -> Iterator[Row]:
    """One of each book at the start; what is quiet later is verified as the share permits."""
    wanted = []
    for venue in config.venues:
        if venue.name not in group.venues:
            continue
        spec = next(market for market in MARKETS if market.name == venue.name)
        depths = [n for n in sorted(spec.snapshot_weight) if n >= venue.snapshot_levels]
        one = spec.snapshot_weight[depths[0] if depths else max(spec.snapshot_weight)]
        wanted += [one] * len(venue.instruments)
        if one > part_of(share, share, 1):
            yield Row(_CHECK, FAIL, f"{venue.name}: snapshots have {share} weight a minute",
                      f"one of {venue.snapshot_levels} levels takes {one}, and one may take half "
                      "of them at most: raise snapshots in [shares] of the exchange's file, or set "
                      "fewer snapshot_levels")  # fmt: skip
            return
    least = min(SHALLOW_WEIGHT * len(wanted), sum(wanted))
    live_s = least * _MINUTE_S // share if least > share else 0
    deep_s = live_s + _MINUTE_S * _minutes_until_deep(wanted, share)
    found = (
        f"{group.name}: snapshots of {_of(len(wanted), 'book')} take {sum(wanted)} weight, {share} "
        f"a minute are set apart: {live_s} s until the last book is LIVE, {deep_s} s until the "
        "last has all its levels"
    )
    if deep_s > START_WARN_S:
        yield Row(_CHECK, WARN, found, f"set fewer snapshot_levels, or {_FEWER}")
    else:
        yield Row(_CHECK, OK, found)


def _minutes_until_deep(wanted: list[int], share: int) -> int:
    """Minutes after the first until every book has had a snapshot of its weight: first all at once
    as they are LIVE, then one by one (`feed/pace.py`)."""
    shallow, room = [], share
    for k, weight in enumerate(wanted):
        paid = weight <= part_of(room, share, len(wanted) - k)
        room -= weight if paid else SHALLOW_WEIGHT
        shallow += [] if paid else [weight]
    minutes = 0
    while shallow:
        minutes, room = minutes + 1, share
        while shallow and shallow[-1] <= part_of(room, share, 1):
            room -= shallow.pop()
    return minutes


def _orders(config: DeskConfig, group: GroupConfig, share: int) -> Row:
    """What the strategies may want, by their own limit, against what the exchange takes."""
    trading = [
        one for one in config.strategies
        if one.account in {account.name for account in group.accounts}
    ]  # fmt: skip
    wanted = len(trading) * config.limits.max_orders_per_s * _MINUTE_S
    by_account = group.orders_per_10s * 6
    most = min(share, by_account * len(group.accounts))
    found = (
        f"{group.name}: {most} new orders a minute ({share} by weight, {by_account} of each "
        f"account); {len(trading)} strategies may want {wanted}"
    )
    return Row(_CHECK, OK, f"{found}; what is beyond is refused before it is sent")


def _kill(group: GroupConfig, whole: int, share: int) -> Row:
    """The proof that nothing is open."""
    one = whole // max(len(group.accounts), 1)
    found = (
        f"{group.name}: `oms kill` takes {whole} weight at least ({one} for each account), "
        f"{share} are kept for it and all {DOCUMENTED.weight_per_minute} of a minute may be used"
    )
    return Row(_CHECK, OK, found)


def _of(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
