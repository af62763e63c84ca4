"""C04, C09, C15, C16, C22, C23, C24, C26: orders as they are meant to live."""

import itertools

import pytest

from oms.exchange.market import MONEY_DIGITS
from oms.venues.data import AmendWay
from shm_layout.enums import (
    Action,
    ExecKind,
    OrderState,
    OrderType,
    PositionSide,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.records import UNDEF
from tests.conformance.stand import MS, S, Stand

ENDED = (OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED)


def states(stand, placed):
    """Through which states an order went, as its strategy heard."""
    heard = [
        OrderState(int(u["state"])) for u in stand.trader.updates
        if int(u["client_order_id"]) == int(placed.row["client_order_id"])
    ]  # fmt: skip
    return [state for state, _ in itertools.groupby(heard)]


def money(stand, amount):
    """Whole units of the quote currency at its scale."""
    return amount * 10**MONEY_DIGITS


@pytest.mark.parametrize(("side", "px"), [(Side.BUY, -10), (Side.SELL, 10)])
def test_c04_order_is_placed_filled_in_parts_and_its_rest_cancelled(stand, side, px):
    placed = stand.opened(side, px, 1000)
    assert placed.at_exchange.is_open
    against = Side.SELL if side is Side.BUY else Side.BUY
    for lots in (300, 100):
        stand.trade(against, px, lots)
    stand.run(50 * MS)
    assert placed.cum_qty == stand.qty(400)
    stand.cancel(placed)
    stand.until_state(placed, OrderState.CANCELED)
    assert states(stand, placed) == [
        OrderState.PENDING_NEW, OrderState.OPEN, OrderState.PENDING_CANCEL, OrderState.CANCELED,
    ]  # fmt: skip
    assert len(stand.log.fills(0, 0)) == 2
    stand.judge()


def test_c04_order_that_takes_is_filled_at_once(stand):
    placed = stand.place(Side.BUY, 200, 500, time_in_force=TimeInForce.IOC)
    stand.until_state(placed, OrderState.FILLED)
    missed = stand.place(Side.BUY, -10, 500, time_in_force=TimeInForce.IOC)
    stand.until_state(missed, OrderState.EXPIRED, OrderState.CANCELED)
    assert missed.cum_qty == 0
    stand.judge()


@pytest.mark.parametrize("lots", [1000, 400])
def test_c09_fill_that_overtakes_a_cancel_counts(stand, lots):
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.cancel(placed)
    stand.trade(Side.SELL, -10, lots)  # at the exchange before the cancel
    end = OrderState.FILLED if lots == 1000 else OrderState.CANCELED
    stand.until_state(placed, end)
    assert placed.cum_qty == stand.qty(lots)
    assert placed.reason is RejectReason.UNSET
    stand.judge()


def test_c09_cancel_that_is_refused_proves_no_end(stand, venue):
    """The fill that it met is not told: only a question finds it."""
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.fault("lose", venue.order_event, direction="out", for_ms=3_000)
    stand.trade(Side.SELL, -10, 1000)
    stand.cancel(placed)
    stand.until_state(placed, OrderState.FILLED, within_ns=10 * S)
    assert placed.cum_qty == stand.qty(1000)
    assert OrderState.CANCELED not in states(stand, placed)
    stand.judge()


def test_c09_cancel_that_overtakes_a_fill_leaves_nothing_to_fill(stand):
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.cancel(placed)
    stand.until(lambda: not placed.at_exchange.is_open, S)
    met = stand.trade(Side.SELL, -10, 1000)
    stand.until_state(placed, OrderState.CANCELED)
    assert (placed.cum_qty, met.cum_qty) == (0, 0)
    stand.judge()


# By amount


def sides_by_amount(venue):
    return [Side[name.upper()] for name in sorted(venue.facts.caps.amount_orders)]


def test_c15_order_by_amount_is_reserved_whole_and_ends_by_the_exchanges_word(stand, venue):
    for side in sides_by_amount(venue):
        amount = money(stand, 500)
        placed = stand.place(
            side, 0, 0, order_type=OrderType.MARKET, time_in_force=TimeInForce.IOC, px=UNDEF,
            qty=UNDEF, quote_qty=amount,
        )  # fmt: skip
        assert int(placed.row["reserved_notional"]) == amount
        assert int(placed.row["exposed_qty"]) > 0, "limits count what it may trade at most"
        stand.until_state(placed, OrderState.FILLED)
        spent = int(placed.row["cum_quote_qty"])
        assert 0.99 * amount < spent <= amount
        assert placed.at_exchange.cum_quote == spent
    rows = stand.risk.arrays.positions
    assert not rows["open_buy_qty"].any()
    assert not rows["open_sell_qty"].any()
    stand.judge()


def test_c15_order_by_amount_whose_reply_is_lost_is_found_and_ends(stand, venue):
    for side in sides_by_amount(venue):
        stand.fault("drop_reply", count=1)
        placed = stand.place(
            side, 0, 0, order_type=OrderType.MARKET, time_in_force=TimeInForce.IOC, px=UNDEF,
            qty=UNDEF, quote_qty=money(stand, 300),
        )  # fmt: skip
        stand.until_state(placed, OrderState.FILLED)
        assert placed.at_exchange.cum_quote == int(placed.row["cum_quote_qty"])
    stand.judge()


def test_c15_amount_where_none_is_taken_is_refused(stand, venue):
    for side in (Side.BUY, Side.SELL):
        refused = stand.place(side, 10, 0, qty=UNDEF, quote_qty=money(stand, 100))
        stand.run(MS)
        assert refused.refused is RejectReason.BAD_SHAPE, "a limit order has a quantity"
    assert stand.sent() == 0


# What the market does not know


def shapes(caps):
    """(type, time in force) -> does the market know it?"""
    kinds, times = [t for t in OrderType if t], [t for t in TimeInForce if t]
    return {
        (kind, time): kind in caps.order_types
        and time in caps.times_in_force
        and (kind, time) not in caps.no_such_time
        for kind, time in itertools.product(kinds, times)
    }


def test_c16_order_that_the_market_does_not_know_is_refused_before_anything_leaves(stand, venue):
    known = shapes(venue.facts.caps)
    assert not known[venue.unsupported, TimeInForce.GTC]
    for (kind, time), knows in known.items():
        before = stand.sent()
        px = UNDEF if kind is OrderType.MARKET else stand.px(-10)
        asked = stand.place(Side.BUY, 0, 100, order_type=kind, time_in_force=time, px=px)
        stand.run(50 * MS)
        if knows:
            assert stand.sent() == before + 1, f"{kind.name} {time.name} did not arrive"
        else:
            assert stand.sent() == before, f"{kind.name} {time.name} reached the exchange"
            reason = asked.refused or asked.reason
            assert reason in (RejectReason.UNSUPPORTED_ORDER, RejectReason.BAD_SHAPE), reason
    stand.judge()


def test_c22_lack_of_a_ladder_is_one_tick_at_every_price(stand):
    row = stand.instrument
    assert int(row["rungs"]) == 0
    tick = int(row["tick"])
    assert tick == stand.px(1) - stand.px(0)
    for px in (stand.px(-10), stand.px(-2000)):
        refused = stand.place(Side.BUY, 0, 1000, px=px + tick // 2)
        stand.run(MS)
        assert refused.refused is RejectReason.OFF_TICK
        stand.until_state(stand.place(Side.BUY, 0, 1000, px=px), OrderState.OPEN)
    stand.judge()


def test_c23_lack_of_batches_sends_each_order_by_itself(stand, venue):
    caps = venue.facts.caps
    assert (caps.batch_max, caps.cancel_batch_max) == (1, 1)
    stand.fault("delay", stand.placing, direction="in", delay_ms=0)
    stand.fault("delay", venue.cancel[stand.way], direction="in", delay_ms=0)
    orders = [stand.place(Side.BUY, -10 - k, 100) for k in range(5)]
    stand.until(lambda: all(order.state is OrderState.OPEN for order in orders))
    for order in orders:
        stand.cancel(order)
    stand.until(lambda: all(order.state is OrderState.CANCELED for order in orders))
    hits = [fault["hits"] for fault in stand.sim.faults_listed(stand.now_ns)]
    assert hits == [5, 5]
    stand.judge()


def replacing(stand, placed, ticks, lots, **more):
    """A new order in the place of one that stands."""
    return stand.place(
        placed.row["side"], ticks, lots, action=Action.REPLACE,
        target_client_order_id=int(placed.row["client_order_id"]), **more,
    )  # fmt: skip


def test_c24_order_is_replaced_by_a_new_one(stand):
    placed = stand.opened(Side.BUY, -10, 1000)
    fresh = replacing(stand, placed, -20, 500)
    counted = int(stand.risk.arrays.positions["open_buy_qty"].sum())
    assert counted == stand.qty(1000), "the larger of both, until one is excluded"
    stand.until_state(fresh, OrderState.OPEN, within_ns=10 * S)
    stand.until_state(placed, OrderState.CANCELED, within_ns=10 * S)
    stand.judge()


def test_c24_cancel_that_is_done_and_new_order_that_is_refused_both_end(stand):
    placed = stand.opened(Side.BUY, -10, 1000)
    fresh = replacing(stand, placed, 150, 500, order_type=OrderType.POST_ONLY)  # it would take
    stand.until_state(placed, OrderState.CANCELED, within_ns=10 * S)
    stand.until_state(fresh, OrderState.REJECTED, within_ns=10 * S)
    assert fresh.reason is RejectReason.WOULD_TAKE
    assert not int(stand.risk.arrays.positions["open_buy_qty"].sum())
    stand.judge()


def test_c24_reply_that_is_lost_leaves_both_to_be_asked_for(stand):
    placed = stand.opened(Side.BUY, -10, 1000)
    stand.fault("drop_reply", count=1)
    fresh = replacing(stand, placed, -20, 500)
    stand.until_state(fresh, OrderState.OPEN, within_ns=15 * S)
    stand.until_state(placed, OrderState.CANCELED, within_ns=15 * S)
    stand.judge()


def test_c24_cancel_that_came_too_late_leaves_no_new_order_behind_it(stand):
    placed = stand.opened(Side.BUY, -10, 1000)
    fresh = replacing(stand, placed, -20, 500)
    stand.trade(Side.SELL, -10, 1000)  # at the exchange before the request
    stand.until_state(placed, OrderState.FILLED, within_ns=10 * S)
    stand.until_state(fresh, OrderState.REJECTED, within_ns=10 * S)
    stand.judge()


def test_c24_amendment_in_place_is_refused_where_the_market_makes_a_new_order(stand, venue):
    if venue.facts.caps.amend is AmendWay.IN_PLACE:
        return
    placed = stand.opened(Side.BUY, -10, 1000)
    before = placed.at_exchange.updated_ns
    asked = stand.place(
        Side.BUY, -20, 500, action=Action.AMEND,
        target_client_order_id=int(placed.row["client_order_id"]),
    )  # fmt: skip
    stand.run(S)
    assert asked.refused is RejectReason.UNSUPPORTED_ORDER
    assert placed.state is OrderState.OPEN
    assert (placed.at_exchange.updated_ns, stand.sent()) == (before, 1)
    stand.judge()


def test_c25_lack_of_positions_refuses_what_only_they_understand(stand, venue):
    for words in ({"order_flags": 1}, {"position_side": PositionSide.SHORT}):
        refused = stand.place(Side.SELL, 10, 100, **words)
        stand.run(MS)
        assert refused.refused is RejectReason.UNSUPPORTED_ORDER
    placed = stand.opened(Side.SELL, 10, 100)
    stand.trade(Side.BUY, 10, 100)
    stand.until_state(placed, OrderState.FILLED)
    kinds = {ExecKind(int(u["kind"])) for u in stand.trader.updates}
    assert not kinds & {ExecKind.FUNDING, ExecKind.LIQUIDATION, ExecKind.ADL}
    assert stand.sent() == 1
    stand.judge()


# Fees


def test_c26_fees_are_booked_in_what_was_got(venue):
    """`check_balances` of the judge holds them against the exchange's own balances."""
    stand = Stand(venue, maker_fee_e6=200, taker_fee_e6=700).trading()
    for side, px, against in ((Side.BUY, -10, Side.SELL), (Side.SELL, 10, Side.BUY)):
        placed = stand.opened(side, px, 1000)
        stand.trade(against, px, 300)
        stand.trade(against, px, 700)
        stand.until_state(placed, OrderState.FILLED)
    taken = stand.place(Side.BUY, 200, 500, time_in_force=TimeInForce.IOC)
    stand.until_state(taken, OrderState.FILLED)
    rows = stand.risk.arrays.positions
    assert int(rows["fee_base"].sum()) > 0
    assert int(rows["fee_quote"].sum()) > 0
    stand.judge()


def test_c26_fees_in_a_third_coin_stand_apart_and_equal_the_exchanges(venue, fee_coin):
    stand = Stand(venue, fee_coin=fee_coin).trading()
    for side, px, against in ((Side.BUY, -10, Side.SELL), (Side.SELL, 10, Side.BUY)):
        placed = stand.opened(side, px, 1000)
        stand.trade(against, px, 1000)
        stand.until_state(placed, OrderState.FILLED)
    stand.run(S)
    fills = stand.log.fills(0, 0)
    asset = stand.market.assets.index(fee_coin)
    assert {fill.fee_asset for fill in fills} == {asset}
    rows = stand.risk.arrays.fees
    assert int(rows["amount"].sum()) == sum(fill.fee for fill in fills) > 0
    assert int(rows["fills"].sum()) == len(fills) == 2
    coins = {int(row["currency_id"]) for row in rows if int(row["fills"])}
    codes = {bytes(stand.risk.arrays.currency_table.rows["code"][k]).decode() for k in coins}
    assert codes == {fee_coin}
