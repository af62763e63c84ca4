"""C17: every role dies and starts again, with orders in every state."""

import pytest

from oms.risk import world_hot as w_
from shm_layout.enums import OrderState, Side
from tests.conformance.size import FULL
from tests.conformance.stand import MS, S, Stand
from tests.oms.sim.crashing import Crash, CrashedError, crash_in_commits

ROLES = ("feed", "aggregator", "strategy", "risk", "executor", "journaler", "watchdog")


def roles_of(stand, kind):
    roles = (*stand.ours, "watchdog")
    return [role for role in roles if kind in ("all", role.partition(".")[0])]


def mixed(stand, n):
    """Orders that rest, are being cancelled, and are on their way, as their agents die."""
    rests = stand.opened(Side.BUY, -10 - n, 1000)
    stand.trade(Side.SELL, -10 - n, 100)
    leaves = stand.opened(Side.SELL, 30 + n, 500)
    stand.cancel(leaves)
    return rests, leaves, stand.place(Side.BUY, -40 - n, 700)


@pytest.mark.parametrize("kind", [*ROLES, "all"])
def test_c17_role_that_dies_and_starts_again_loses_and_doubles_nothing(venue, kind, sized):
    stand = Stand(venue, 3).trading()
    orders = []
    for n, away_ms in enumerate(sized((0, 3, 700), (3,))):
        rests, leaves, sent = mixed(stand, n)
        orders += rests, leaves, sent
        dead = roles_of(stand, kind)
        for role in dead:
            stand.harness.kill(role)
        stand.run(away_ms * MS)
        stand.trade(Side.SELL, -10 - n, 200)  # against what rests
        stand.start(*dead)
        stand.trading()
        stand.until(lambda: not len(stand.open_orders()) or not stand.state(w_.ST_UNKNOWN_COUNT))
    stand.run(5 * S)
    for placed in orders:
        found = placed.at_exchange
        is_open = found is not None and found.is_open
        assert is_open == (placed.state is OrderState.OPEN)
        assert placed.cum_qty == (0 if found is None else stand.qty(found.cum_qty))
    assert any(placed.cum_qty for placed in orders)
    stand.check_exposure()
    stand.judge()


def died_inside(venue, kind, point):
    """A desk one of whose roles died at that point of its turns, with orders under way; then it
    was started again. What it was that it died at."""
    crash = Crash()
    stand = Stand(venue, 3, ports=crash.ports)
    with crash_in_commits(crash):
        stand.trading()
        rests, leaves = stand.opened(Side.BUY, -10, 1000), stand.opened(Side.SELL, 30, 500)
        (role,) = roles_of(stand, kind)
        crash.arm(role, point)
        steps = (
            lambda: stand.place(Side.BUY, -40, 700),
            lambda: stand.cancel(leaves),
            lambda: stand.trade(Side.SELL, -10, 200),
            lambda: stand.run(S),
        )
        for step in steps:
            try:
                step()
            except CrashedError:
                stand.harness.kill(role)
                break
        assert role not in stand.harness.agents, f"{role} never came to {point}"
        stand.run(100 * MS)
        stand.trade(Side.SELL, -10, 100)
        stand.start(role)
        stand.trading()
        stand.run(8 * S)
    assert rests.cum_qty == stand.qty(rests.at_exchange.cum_qty) >= stand.qty(100)
    assert leaves.at_exchange.is_open == (leaves.state is OrderState.OPEN)
    stand.judge()
    return crash.died_at


@pytest.mark.parametrize("kind", ["risk", "executor"])
def test_c17_role_that_dies_inside_its_turn_loses_and_doubles_nothing(venue, kind, sized):
    """Between journal and ring, between a released cursor and the bytes, and so on."""
    died = {died_inside(venue, kind, point) for point in sized(range(1, 16), (2, 5))}
    assert len(died) > 1, f"it died at one point alone: {died}"


@pytest.mark.compiled  # the same kernels, at length
@pytest.mark.parametrize("kind", ["strategy", "risk", "executor"] if FULL else ["risk"])
def test_c17_market_maker_trades_on_when_a_role_has_died(venue, kind):
    """With flow, and replies that are lost besides."""
    stand = Stand(venue, 3, maker=True, flow_events_per_s=100, drop_reply_one_in=8).trading()
    for away_ms in (0, 7, 800):
        stand.run(200 * MS)
        for role in roles_of(stand, kind):
            stand.harness.kill(role)
            stand.run(away_ms * MS)
            stand.start(role)
        stand.run(300 * MS)
    stand.trading()
    before = stand.state(w_.ST_ORDER_COUNT)
    stand.run(3 * S)
    assert stand.state(w_.ST_ORDER_COUNT) > before or stand.quotes() == {1, 2}, "nobody trades"
    assert stand.state(w_.ST_FILLS) > 0
    stand.judge()
