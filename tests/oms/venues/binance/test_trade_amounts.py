"""Orders by quote amount and self-trade prevention, as the venue speaks of them."""

import json

import pytest

from oms.agents.executor.statuses import status_report
from oms.ports import Key
from oms.venues.binance.exchange_info import parse_exchange_info
from oms.venues.binance.trade import AccountFrames
from shm_layout.enums import (
    FLAG_LAST,
    Action,
    ExecKind,
    OrderType,
    RejectReason,
)
from shm_layout.records import UNDEF
from tests.oms.agents.executor_desk import EXCHANGE_INFO, SYSTEM_ID, Desk, config, kinds
from tests.oms.venues.binance.test_trade_frames import MS, command, instrument, signature_of

AMOUNT = {"order_type": OrderType.MARKET, "px": UNDEF, "qty": UNDEF, "quote_qty": 10**10}
KEY = Key("main", "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", b"secret")


@pytest.fixture
def desk():
    made = Desk()
    made.start()
    made.read = []
    return made


def placed(desk):
    client_order_id = desk.command(**AMOUNT)
    desk.work()
    (frame,) = desk.asked("order.place")
    assert frame["params"]["quoteOrderQty"] == "100"
    assert "quantity" not in frame["params"]
    return client_order_id, frame


def filled(desk, client_order_id, executed="0.00400000"):
    return desk.order(
        client_order_id, "FILLED", executedQty=executed, origQuoteOrderQty="100.00000000",
        type="MARKET",
    )  # fmt: skip


def test_placement_that_was_filled_at_once_is_an_acknowledgement(desk):
    client_order_id, frame = placed(desk)
    desk.answer(frame, filled(desk, client_order_id))
    (row,) = desk.take()
    assert kinds([row]) == ["ACK"], "its fills follow by the user stream"


def test_user_stream_marks_the_last_fill(desk):
    client_order_id, _ = placed(desk)
    desk.fill(client_order_id, 7)
    desk.fill(client_order_id, 8, X="FILLED", z="0.00800000")
    first, second = desk.take()
    assert (int(first["flags"]), int(second["flags"])) == (0, FLAG_LAST)
    assert int(second["cum_qty"]) == 80_000


def test_query_gives_fills_and_then_the_venues_word(desk):
    client_order_id, _ = placed(desk)
    desk.command(Action.QUERY, client_order_id=client_order_id, attempt=1)
    desk.work()
    (frame,) = desk.asked("order.status")
    desk.answer(frame, filled(desk, client_order_id))
    (frame,) = desk.asked("myTrades")
    desk.answer(frame, [desk.trade(7)])
    fill, word = desk.take()
    assert kinds([fill, word]) == ["FILL", "FOUND_FILLED"]
    assert int(fill["flags"]) == FLAG_LAST
    assert int(word["cum_qty"]) == 40_000


def test_reconciliation_says_of_an_amount_that_it_is_filled(desk):
    client_order_id, _ = placed(desk)
    desk.order_row(5, client_order_id, 2, qty=UNDEF, venue_order_id=b"500")
    desk.agent._reconcilers[0].wake(desk.now_ns)
    desk.work()
    desk.reconcile(
        statuses={desk.text(client_order_id): filled(desk, client_order_id)},
        trades=[desk.trade(7)],
    )
    said = kinds(desk.take(ExecKind.FILL, ExecKind.FOUND_FILLED))
    assert said[:2] == ["FILL", "FOUND_FILLED"]


def test_order_by_quantity_is_filled_by_its_fills_alone(desk):
    order = desk.agent._session.side._reader.order(desk.order(1, "FILLED", executedQty="0.01"))
    assert status_report(order, ExecKind.FOUND_OPEN) is None


@pytest.mark.parametrize("what", ["TRADE_PREVENTION", "EXPIRED"])
def test_order_that_ended_in_a_match_with_ourselves_says_so(desk, what):
    client_order_id = desk.command()
    desk.work()
    desk.event(client_order_id, what, "EXPIRED_IN_MATCH")
    (row,) = desk.take()
    assert kinds([row]) == ["EXPIRED"]
    assert int(row["reason"]) == RejectReason.SELF_TRADE


def test_query_of_an_order_that_ended_in_a_match_says_so(desk):
    order = desk.agent._session.side._reader.order(desk.order(1, "EXPIRED_IN_MATCH"))
    assert status_report(order, ExecKind.FOUND_OPEN).reason is RejectReason.SELF_TRADE


@pytest.mark.parametrize("mode", ["expire_maker", "expire_taker", "expire_both", "none"])
def test_every_order_names_the_desks_mode(mode):
    frames = AccountFrames(KEY, SYSTEM_ID, 5000, mode)
    for values in ({}, AMOUNT):
        params = json.loads(frames.place(7, MS, instrument(), command(**values)))["params"]
        assert params["selfTradePreventionMode"] == mode.upper()
        assert params["signature"] == signature_of(params)


def test_mode_of_the_config_reaches_the_frame():
    desk = Desk(config(self_trade_prevention="expire_both"))
    desk.start()
    desk.command()
    desk.work()
    (frame,) = desk.asked("order.place")
    assert frame["params"]["selfTradePreventionMode"] == "EXPIRE_BOTH"


def test_instrument_that_does_not_take_the_mode_is_left_out():
    symbol = EXCHANGE_INFO["symbols"][0] | {"allowedSelfTradePreventionModes": ["EXPIRE_TAKER"]}
    body = json.dumps(EXCHANGE_INFO | {"symbols": [symbol]}).encode()
    (taken,), _ = parse_exchange_info(body, "expire_taker")
    assert not taken.left_out
    (refused,), _ = parse_exchange_info(body, "expire_maker")
    assert "set one of expire_taker" in refused.left_out
