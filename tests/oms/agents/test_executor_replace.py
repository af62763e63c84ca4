"""REPLACE, each outcome by script: two orders, each with an end of its own."""

import pytest

from shm_layout.enums import Action, ExecKind, RejectReason
from tests.oms.agents.executor_desk import Desk, S


@pytest.fixture
def desk():
    made = Desk()
    made.start()
    made.read = []
    return made


def replaced(desk):
    """(the order before, the one after, the frame that asks)."""
    before = desk.command()
    desk.work()
    (frame,) = desk.asked("order.place")
    desk.answer(frame, desk.order(before))
    desk.take()
    desk.count += 1
    after = desk.command(
        Action.REPLACE, client_order_id=before + 1, target_client_order_id=before, px=60999_0000
    )
    desk.work()
    (frame,) = desk.asked("order.cancelReplace")
    return before, after, frame


def said(desk):
    """Our id -> (kind, reason) of what risk was told."""
    return {
        int(r["client_order_id"]): (ExecKind(int(r["kind"])), RejectReason(int(r["reason"])))
        for r in desk.take()
    }


def ended(desk, before):
    gone = desk.order(before, "CANCELED", clientOrderId="x", origClientOrderId=desk.text(before))
    return {"cancelResult": "SUCCESS", "cancelResponse": gone}


def fail(desk, frame, status, code, data):
    desk.push(
        {"id": frame["id"], "status": status, "error": {"code": code, "msg": "", "data": data}}
    )


def test_what_leaves_names_both_orders_and_stops_on_failure(desk):
    before, after, frame = replaced(desk)
    params = frame["params"]
    assert params["cancelReplaceMode"] == "STOP_ON_FAILURE"
    assert params["cancelOrigClientOrderId"] == desk.text(before)
    assert (params["newClientOrderId"], params["price"]) == (desk.text(after), "60999")


def test_both_done(desk):
    before, after, frame = replaced(desk)
    placed = {"newOrderResult": "SUCCESS", "newOrderResponse": desk.order(after, orderId=501)}
    desk.answer(frame, ended(desk, before) | placed)
    assert said(desk) == {
        before: (ExecKind.CANCELED, RejectReason.UNSET),
        after: (ExecKind.ACK, RejectReason.UNSET),
    }


def test_the_first_ended_and_the_second_was_refused(desk):
    before, after, frame = replaced(desk)
    refused = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    fail(desk, frame, 409, -2021, ended(desk, before) | {
        "newOrderResult": "FAILURE", "newOrderResponse": refused,
    })  # fmt: skip
    assert said(desk) == {
        before: (ExecKind.CANCELED, RejectReason.UNSET),
        after: (ExecKind.REJECT, RejectReason.INSUFFICIENT_FUNDS),
    }


def test_the_first_was_gone_and_the_second_not_tried(desk):
    before, after, frame = replaced(desk)
    gone = {"code": -2011, "msg": "Unknown order sent."}
    fail(desk, frame, 400, -2022, {
        "cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED",
        "cancelResponse": gone, "newOrderResponse": None,
    })  # fmt: skip
    told = said(desk)
    assert told[before][0] is ExecKind.CANCEL_REJECT
    assert told[after] == (ExecKind.REJECT, RejectReason.NOT_SENT)
    (query,) = desk.asked("order.status")
    assert query["params"]["origClientOrderId"] == desk.text(before), "it is asked how it ended"


@pytest.mark.parametrize("status", [400, 429])
def test_refused_as_a_whole_the_first_is_asked_for(desk, status):
    before, after, frame = replaced(desk)
    desk.refuse(frame, status, -1013 if status == 400 else -1003, "Filter failure: PRICE_FILTER")
    told = said(desk)
    assert told[after][0] is ExecKind.REJECT
    assert told[before][0] is ExecKind.CANCEL_REJECT


def test_without_an_answer_both_are_in_doubt(desk):
    before, after, _ = replaced(desk)
    desk.advance(3 * S)
    assert said(desk) == {
        before: (ExecKind.NO_ANSWER, RejectReason.UNSET),
        after: (ExecKind.NO_ANSWER, RejectReason.UNSET),
    }


@pytest.mark.parametrize("half", ["cancelResponse", "newOrderResponse"])
def test_halves_that_cannot_be_read_leave_both_in_doubt(desk, half):
    before, after, frame = replaced(desk)
    placed = {"newOrderResult": "SUCCESS", "newOrderResponse": desk.order(after, orderId=501)}
    desk.answer(frame, ended(desk, before) | placed | {half: {"orderId": []}})
    assert {kind for kind, _ in said(desk).values()} == {ExecKind.NO_ANSWER}


def test_while_latched_nothing_leaves_and_the_first_is_asked_for(desk):
    before = desk.command()
    desk.work()
    (frame,) = desk.asked("order.place")
    desk.answer(frame, desk.order(before))
    desk.take()
    desk.memory.table_writer("latch").write(0, latched=1, count=1)
    desk.count += 1
    after = desk.command(Action.REPLACE, client_order_id=before + 1, target_client_order_id=before)
    desk.work()
    assert not desk.asked("order.cancelReplace")
    assert said(desk) == {
        after: (ExecKind.NOT_SENT, RejectReason.KILLED),
        before: (ExecKind.CANCEL_REJECT, RejectReason.KILLED),
    }
