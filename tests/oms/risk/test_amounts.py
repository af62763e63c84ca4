"""Orders by quote amount: reserved whole, filled by the venue's word, the same after a start."""

import pytest

from oms.risk import world_hot as w_
from shm_layout.enums import (
    FLAG_LAST,
    Action,
    ExecKind,
    Liquidity,
    OrderState,
    OrderType,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.records import NO_ID, UNDEF
from tests.desks import btc_spec, say
from tests.oms.agents.test_risk import PX, QTY, Bench, state_hash

USDT = 10**8
AMOUNT = 1000 * USDT
MOST = -(-AMOUNT * 1000 // (PX * 95 // 100))
"""What 1,000 USDT buy at the collar's low end, 5 % below the mid; up."""


@pytest.fixture
def bench():
    return Bench().ready()


def ask(bench, **fields):
    """An intent by amount; returns the command that it led to, or None."""
    values = {
        "order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF, "quote_qty": AMOUNT,
        "time_in_force": TimeInForce.IOC,
    }  # fmt: skip
    bench.intent(**(values | fields))
    bench.settle()
    commands = bench.commands()
    return commands[-1] if len(commands) else None


def placed(bench, **fields):
    order_id = int(ask(bench, **fields)["client_order_id"])
    bench.execution(ExecKind.ACK, order_id, venue_order_id=b"77", cum_qty=0)
    bench.settle()
    return order_id


def fill(bench, order_id, trade_id, qty=QTY, px=PX, **fields):
    bench.execution(
        ExecKind.FILL, order_id, qty=qty, px=px, exec_key_low=trade_id,
        liquidity=Liquidity.TAKER, **fields,
    )  # fmt: skip
    bench.settle()


def exposed(bench, side=Side.BUY):
    name = "open_buy_qty" if side == Side.BUY else "open_sell_qty"
    return int(bench.risk.arrays.positions[name][0])


def state(bench, order_id):
    return OrderState(int(bench.row(order_id)["state"]))


def reason(bench):
    return RejectReason(bench.told()["reason"][-1])


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_order_by_amount_reserves_it_whole(bench, side):
    command = ask(bench, side=side)
    assert int(command["qty"]) == UNDEF
    assert int(command["quote_qty"]) == AMOUNT
    assert int(command["notional"]) == AMOUNT
    assert exposed(bench, side) == MOST
    told = bench.told()[-1]
    assert int(told["quote_qty"]) == AMOUNT
    assert int(told["leaves_qty"]) == UNDEF, "how much is left nobody knows before the end"


def test_fills_lower_the_exposure_and_the_last_one_ends_the_order(bench):
    order_id = placed(bench)
    fill(bench, order_id, 1)
    assert state(bench, order_id) is OrderState.OPEN
    assert exposed(bench) == MOST - QTY
    fill(bench, order_id, 2, QTY // 2, flags=FLAG_LAST, cum_qty=QTY + QTY // 2)
    assert state(bench, order_id) is OrderState.FILLED
    assert exposed(bench) == 0
    row = bench.row(order_id)
    assert int(row["cum_quote_qty"]) == (QTY + QTY // 2) * PX // 1000
    assert int(bench.risk.arrays.positions["qty"][0]) == QTY + QTY // 2
    assert bench.state(w_.ST_OVERFILLS) == 0


def test_last_fill_that_overtakes_another_waits_for_it(bench):
    order_id = placed(bench)
    fill(bench, order_id, 2, flags=FLAG_LAST, cum_qty=2 * QTY)
    assert state(bench, order_id) is OrderState.UNKNOWN
    assert exposed(bench) == MOST - QTY, "what is missing still counts"
    fill(bench, order_id, 1)
    assert state(bench, order_id) is OrderState.FILLED
    assert exposed(bench) == 0


def test_venues_word_ends_an_order_whose_last_fill_was_pulled_without_it(bench):
    order_id = placed(bench)
    fill(bench, order_id, 1)
    bench.execution(ExecKind.FOUND_FILLED, order_id, cum_qty=2 * QTY)
    bench.settle()
    assert state(bench, order_id) is OrderState.UNKNOWN, "one fill is missing"
    fill(bench, order_id, 2)
    assert state(bench, order_id) is OrderState.FILLED
    fill(bench, order_id, 2)
    assert bench.state(w_.ST_DUPLICATES) == 1


def test_fill_after_the_end_is_believed(bench):
    order_id = placed(bench)
    fill(bench, order_id, 1, flags=FLAG_LAST)
    assert state(bench, order_id) is OrderState.FILLED
    fill(bench, order_id, 2)
    assert state(bench, order_id) is OrderState.FILLED
    assert int(bench.risk.arrays.positions["qty"][0]) == 2 * QTY
    assert bench.state(w_.ST_ILLEGAL) == 0


def test_unanswered_order_counts_whole_until_the_venue_speaks(bench):
    order_id = int(ask(bench)["client_order_id"])
    bench.execution(ExecKind.NO_ANSWER, order_id)
    bench.settle()
    assert state(bench, order_id) is OrderState.UNKNOWN
    assert exposed(bench) == MOST
    bench.execution(ExecKind.ABSENT, order_id)
    bench.execution(ExecKind.ABSENT, order_id)
    bench.settle()
    assert state(bench, order_id) is OrderState.REJECTED
    assert exposed(bench) == 0


def test_expired_order_gives_back_what_it_did_not_trade(bench):
    order_id = placed(bench)
    fill(bench, order_id, 1)
    bench.execution(ExecKind.EXPIRED, order_id, cum_qty=QTY)
    bench.settle()
    assert state(bench, order_id) is OrderState.EXPIRED
    assert exposed(bench) == 0


def test_venue_that_spends_more_than_the_amount_is_counted(bench):
    order_id = placed(bench)
    fill(bench, order_id, 1, 2 * QTY, flags=FLAG_LAST, quote_qty=AMOUNT + 1)
    assert bench.state(w_.ST_OVERFILLS) == 1


def test_start_folds_an_order_by_amount_to_the_same_state_at_each_step(bench):
    def same():
        before = state_hash(bench.risk)
        bench.restart()
        assert state_hash(bench.risk) == before

    order_id = int(ask(bench)["client_order_id"])
    same()
    bench.execution(ExecKind.ACK, order_id, venue_order_id=b"77", cum_qty=0)
    bench.settle()
    same()
    fill(bench, order_id, 1)
    same()
    fill(bench, order_id, 3, flags=FLAG_LAST, cum_qty=3 * QTY)
    same()
    fill(bench, order_id, 2)
    assert state(bench, order_id) is OrderState.FILLED
    same()
    assert exposed(bench) == 0


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"order_type": OrderType.LIMIT, "px": PX}, RejectReason.BAD_SHAPE),
        ({"order_type": OrderType.POST_ONLY, "px": PX}, RejectReason.BAD_SHAPE),
        ({"qty": QTY}, RejectReason.BAD_SHAPE),
        ({"quote_qty": 0}, RejectReason.BAD_SHAPE),
        ({"quote_qty": -1}, RejectReason.BAD_SHAPE),
        ({"quote_qty": UNDEF}, RejectReason.BAD_SHAPE),
        ({"px": PX}, RejectReason.BAD_SHAPE),
        ({"quote_qty": 5 * USDT - 1}, RejectReason.NOTIONAL_BELOW_MIN),
        ({"quote_qty": 10_000 * USDT + 1}, RejectReason.NOTIONAL_ABOVE_MAX),
        ({"quote_qty": 2**62}, RejectReason.QTY_ABOVE_MAX),
    ],
)
def test_amount_outside_a_rule_is_refused_with_its_reason(bench, fields, why):
    assert ask(bench, **fields) is None
    assert reason(bench) is why


@pytest.mark.parametrize("amount", [5 * USDT, 10_000 * USDT])
def test_amount_at_a_rules_border_passes(bench, amount):
    assert ask(bench, quote_qty=amount) is not None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("min_qty", "0.15871", None),
        ("min_qty", "0.15874", RejectReason.QTY_BELOW_MIN),
        ("max_qty", "0.175439", None),
        ("max_qty", "0.175438", RejectReason.QTY_ABOVE_MAX),
    ],
)
def test_venues_smallest_and_largest_quantity_bind_an_amount(bench, name, value, why):
    """10,000 USDT trade 0.15873 BTC at the collar's high end, 0.1754386 at its low end."""
    spec = btc_spec()
    say(spec, **{name: value})
    bench.executions.append(spec[0])
    bench.settle()
    command = ask(bench, quote_qty=10_000 * USDT)
    assert (command is None) == (why is not None)
    assert why is None or reason(bench) is why


def test_position_limit_counts_the_most_that_amounts_may_buy(bench):
    assert ask(bench, quote_qty=8_999 * USDT) is not None
    assert ask(bench, quote_qty=10_000 * USDT) is not None, "18,999 at mid minus 5 %: 19,999"
    assert ask(bench, quote_qty=100 * USDT) is None
    assert reason(bench) is RejectReason.POSITION_LIMIT
    assert ask(bench, side=Side.SELL) is not None, "the other side is another matter"


def test_cancel_of_an_order_by_amount_is_asked_as_of_any_other(bench):
    order_id = placed(bench)
    bench.intent(action=Action.CANCEL, target_client_order_id=order_id)
    bench.settle()
    assert state(bench, order_id) is OrderState.PENDING_CANCEL
    bench.execution(ExecKind.CANCELED, order_id, cum_qty=0, fee_currency_id=NO_ID)
    bench.settle()
    assert exposed(bench) == 0
