"""What an executor does when links break, messages are damaged, rings fill, or it dies."""

import json

import pytest

from oms.agents.executor.links import PREPARING_MAX
from oms.config import SharesConfig
from oms.ports import ConnEvent
from shm_layout.channels import Capacity
from shm_layout.enums import Action, ExecKind, OrderState
from shm_layout.limits import EXECUTION_BACKLOG_MAX
from shm_layout.records import UNDEF
from tests.oms.agents.executor_desk import EPOCH, EXCHANGE_INFO, MS, Desk, S, config, kinds


@pytest.fixture
def desk():
    made = Desk()
    made.start()
    made.read = []
    return made


def lose_link(desk):
    desk.agent.on_conn(desk.conn, ConnEvent.CLOSED, desk.now_ns)
    desk.work()


# Reconnecting


def test_reconnect_in_the_middle_order_is_unknown_and_fills_come_by_history(desk):
    client_order_id = desk.command()
    desk.work()
    desk.order_row(0, client_order_id, OrderState.PENDING_NEW)
    lose_link(desk)
    assert kinds(desk.take()) == ["NO_ANSWER"]
    desk.command()
    desk.work()
    assert kinds(desk.take()) == ["NOT_SENT"]
    desk.order_row(0, client_order_id, OrderState.UNKNOWN)
    desk.advance(100 * MS)
    desk.connect()
    order = desk.order(client_order_id, "PARTIALLY_FILLED", executedQty="0.004")
    desk.reconcile(orders=[order], trades=[desk.trade(71)])
    rows = desk.take()
    assert kinds(rows) == ["FILL", "FOUND_OPEN", "FILL", "RECONCILED"]
    assert {int(r["exec_key_low"]) for r in rows if r["kind"] == ExecKind.FILL} == {71}
    desk.command()
    desk.work()
    assert len(desk.asked("order.place")) == 1, "after RECONCILED orders go again"


def test_reconnect_order_gone_meanwhile_is_asked_for_by_our_id(desk):
    client_order_id = EPOCH << 40 | 5
    desk.order_row(0, client_order_id, OrderState.OPEN)
    lose_link(desk)
    desk.advance(100 * MS)
    desk.connect()
    canceled = desk.order(client_order_id, "CANCELED")
    desk.reconcile(statuses={desk.text(client_order_id): canceled})
    assert kinds(desk.take()) == ["CANCELED", "RECONCILED"]


def test_reconnect_trade_of_an_order_nobody_knew_is_traced_to_it(desk):
    lose_link(desk)
    desk.advance(100 * MS)
    desk.connect()
    lost = EPOCH << 40 | 6
    desk.reconcile(
        trades=[desk.trade(71, order_id=500), desk.trade(72, order_id=501)],
        statuses={500: desk.order(lost, "FILLED"), 501: desk.order("by-hand", orderId=501)},
    )
    rows = desk.take()
    assert kinds(rows) == ["FILL", "RECONCILED"]
    assert (rows[0]["client_order_id"], rows[0]["exec_key_low"]) == (lost, 71)


def test_reconnect_history_begins_where_the_last_pull_ended(desk):
    client_order_id = desk.command()
    desk.work()
    frame = desk.asked("order.place")[0]
    desk.answer(frame, desk.order(client_order_id))
    for _ in range(2):
        lose_link(desk)
        desk.advance(5 * S)
        desk.connect()
        desk.reconcile(trades=[desk.trade(71)])
    lose_link(desk)
    desk.advance(5 * S)
    desk.connect()
    for _ in range(2):
        for frame in desk.asked("openOrders.status"):
            desk.answer(frame, [])
        for frame in desk.asked("account.status"):
            desk.answer(frame, {"balances": []})
    (frame,) = desk.asked("myTrades")
    assert frame["params"]["fromId"] == 72


def test_reconnect_waits_longer_each_time_and_is_bounded(desk):
    waits = []
    for _ in range(12):
        before = len(desk.ports.opened)
        desk.agent.on_conn(desk.ports.opened[-1][0], ConnEvent.FAILED, desk.now_ns)
        desk.work()
        began = desk.now_ns
        while len(desk.ports.opened) == before:
            desk.now_ns = desk.agent.next_timer_ns()
            desk.work()
        waits.append((desk.now_ns - began) // MS)
    assert waits == [100, 150, 225, 337, 506, 759, 1139, 1708, 2562, 3844, 5000, 5000]


def test_reconcile_step_without_answer_begins_anew(desk):
    lose_link(desk)
    desk.advance(100 * MS)
    desk.connect()
    desk.asked("openOrders.status")
    desk.push({"subscriptionId": 0, "event": {"e": "listStatus"}})
    desk.advance(3 * S)
    assert not desk.take(ExecKind.RECONCILED)
    desk.reconcile()
    assert kinds(desk.take()) == ["RECONCILED"]


def test_reconcile_page_full_of_trades_goes_on(desk):
    lose_link(desk)
    desk.advance(100 * MS)
    desk.connect()
    known = EPOCH << 40 | 5
    many = [desk.trade(k, order_id=500) for k in range(1, 1001)]
    desk.answer(desk.asked("openOrders.status")[0], [desk.order(known)])
    desk.answer(desk.asked("account.status")[0], {"balances": []})
    desk.answer(desk.asked("myTrades")[0], many)
    (frame,) = desk.asked("myTrades")
    assert frame["params"]["fromId"] == 1001
    desk.answer(frame, [])
    desk.advance(10 * MS)
    rows = desk.take()
    assert kinds(rows) == ["FOUND_OPEN", *["FILL"] * 1000, "RECONCILED"]


def test_subscription_refused_closes_and_tries_again(desk):
    lose_link(desk)
    desk.advance(100 * MS)
    conn = desk.ports.opened[-1][0]
    desk.conn = conn
    desk.agent.on_conn(conn, ConnEvent.OPENED, desk.now_ns)
    desk.work()
    desk.refuse(desk.asked()[0], 401, -2015, "Invalid API-key, IP, or permissions for action.")
    assert conn in desk.ports.closed
    desk.advance(S)
    assert len(desk.ports.opened) == 3


# Damaged messages


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"[]", b"7", b"null", b"{}", b'{"e":5}', b'{"id":1,"status":"x"}',
     b'{"event":null,"subscriptionId":0}', b'{"subscriptionId":0,"event":{"e":"executionReport"}}',
     b'{"id":1,"status":400,"error":7}', b'{"id":1,"status":400,"error":{"code":"a","msg":1}}'],
)  # fmt: skip
def test_garbage_is_counted_and_the_venue_is_asked_what_it_was(desk, data):
    desk.push(data)
    assert desk.agent.garbage == 1
    desk.advance(S)
    assert desk.asked("openOrders.status")


def test_garbage_flood_asks_once_a_second(desk):
    for _ in range(100):
        desk.push(b"\x00")
    desk.advance(S)
    assert len(desk.asked("openOrders.status")) == 1
    assert sum(event == "message_unreadable" for _, event, _ in desk.ports.logs) == 7


def test_garbage_during_a_reconciliation_asks_once_more_after_it(desk):
    lose_link(desk)
    desk.advance(100 * MS)
    desk.connect()
    desk.push(b"\xff")
    desk.reconcile()
    assert desk.take(ExecKind.RECONCILED)
    desk.advance(1 * S)
    assert desk.asked("openOrders.status")


def test_trade_event_with_impossible_values_is_garbage_not_a_fill(desk):
    client_order_id = desk.command()
    desk.work()
    for values in ({"l": "0"}, {"L": "-1"}, {"l": "NaN"}, {"l": 1.5}, {"t": -1}, {"L": "1e5"}):
        desk.fill(client_order_id, 71, **values)
    assert not desk.take(ExecKind.FILL)
    assert desk.agent.garbage == 6


def test_answer_with_an_id_never_used_is_ignored(desk):
    for given in (None, "x", "99999", 99999, -1):
        desk.push({"id": given, "status": 200, "result": desk.order(EPOCH << 40 | 1)})
    assert not desk.take()
    assert desk.agent.garbage == 0


# A full ring


def test_full_ring_keeps_a_bounded_backlog_then_closes_and_reconciles():
    desk = Desk(capacity=Capacity.small())
    desk.start()
    desk.read = []
    client_order_id = desk.command()
    desk.work()
    poll = desk.executions.poll
    desk.executions.poll = lambda count: poll(0)
    slots = desk.executions.channel.slots
    for trade_id in range(slots + EXECUTION_BACKLOG_MAX // 2):
        desk.fill(client_order_id, trade_id + 1)
    desk.command()
    desk.work()
    assert desk.orders.pos - desk.agent._orders.pos == 1, "commands wait as well"
    trade_id = slots + EXECUTION_BACKLOG_MAX // 2
    while desk.conn not in desk.ports.closed:
        trade_id += 1
        assert trade_id < 2 * slots + EXECUTION_BACKLOG_MAX
        desk.fill(client_order_id, trade_id)
    desk.advance(S)
    assert len(desk.ports.opened) == 1, "not opened before the backlog is gone"
    desk.executions.poll = poll
    desk.advance(S)
    rows = desk.take()
    assert len([r for r in rows if r["kind"] == ExecKind.FILL]) == trade_id
    assert ExecKind.NO_ANSWER in {int(r["kind"]) for r in rows}, "what was asked on the link"
    assert len(desk.ports.opened) == 2


# Death and succession


def test_restart_released_command_is_no_answer_and_is_never_sent_again(desk):
    client_order_id = desk.command()
    desk.work()
    assert len(desk.asked("order.place")) == 1
    desk.order_row(0, client_order_id, OrderState.PENDING_NEW)
    desk.start()
    desk.read = []
    assert not desk.asked("order.place")
    desk.advance(1900 * MS)
    assert not desk.take(ExecKind.NO_ANSWER)
    desk.advance(100 * MS)
    (row,) = desk.take(ExecKind.NO_ANSWER)
    assert row["client_order_id"] == client_order_id
    assert not desk.asked("order.place")


def test_restart_unread_command_is_sent_once_and_not_called_unknown(desk):
    desk.conn_before = desk.conn
    client_order_id = desk.command()
    desk.order_row(0, client_order_id, OrderState.PENDING_NEW)
    desk.start(ready=False)
    desk.work()
    assert kinds(desk.take()) == ["NOT_SENT"], "taken before it was reconciled"
    desk.connect()
    desk.reconcile()
    desk.advance(3 * S)
    assert not desk.take(ExecKind.NO_ANSWER)


def test_restart_command_that_comes_within_the_settling_time_is_risks_own(desk):
    client_order_id = EPOCH << 40 | 50
    desk.order_row(0, client_order_id, OrderState.PENDING_NEW)
    desk.start()
    desk.read = []
    desk.command(client_order_id=client_order_id)
    desk.work()
    (frame,) = desk.asked("order.place")
    desk.answer(frame, desk.order(client_order_id))
    desk.order_row(0, client_order_id, OrderState.OPEN)
    desk.advance(3 * S)
    assert kinds(desk.take()) == ["ACK"]


def test_restart_command_that_comes_after_it_was_given_up_is_not_sent(desk):
    client_order_id = EPOCH << 40 | 50
    desk.order_row(0, client_order_id, OrderState.PENDING_NEW)
    desk.start()
    desk.read = []
    desk.advance(2 * S)
    desk.push({"id": 1, "status": 200, "result": {}})
    desk.command(client_order_id=client_order_id)
    desk.work()
    assert kinds(desk.take()) == ["NO_ANSWER", "NOT_SENT"]


def test_restart_knows_the_newest_epoch_and_id_from_the_ring(desk):
    desk.command(risk_epoch=9)
    desk.work()
    used = desk.command()
    desk.work()
    desk.start()
    desk.read = []
    desk.command(client_order_id=used)
    desk.command(risk_epoch=8)
    desk.work()
    assert not desk.asked("order.place")
    assert kinds(desk.take()) == ["NO_ANSWER", "NOT_SENT"]


def test_restart_cancel_under_way_is_no_answer(desk):
    client_order_id = EPOCH << 40 | 7
    desk.order_row(0, client_order_id, OrderState.PENDING_CANCEL)
    desk.start(ready=False)
    desk.connect()
    desk.reconcile(orders=[desk.order(client_order_id)])
    desk.read = []
    desk.advance(2 * S)
    assert kinds(desk.take(ExecKind.NO_ANSWER)) == ["NO_ANSWER"]


def test_restart_pulls_history_from_before_the_oldest_live_order(desk):
    old_ns = desk.now_ns - 3_600 * S
    desk.order_row(0, EPOCH << 40 | 7, OrderState.UNKNOWN, ts_decide_ns=old_ns)
    desk.start(ready=False)
    desk.connect()
    desk.answer(desk.asked("openOrders.status")[0], [])
    desk.answer(desk.asked("account.status")[0], {"balances": []})
    desk.refuse(desk.asked("order.status")[0], 400, -2013, "Order does not exist.")
    (frame,) = desk.asked("myTrades")
    assert frame["params"]["startTime"] <= old_ns // MS
    assert not desk.take(ExecKind.ABSENT), "absence is the answer to a question of risk's"


# Several accounts


def test_two_accounts_each_have_their_link_key_and_reconciliation():
    desk = Desk(config(accounts=2))
    desk.start(ready=False)
    conns = [conn for conn, _ in desk.ports.opened]
    assert len(conns) == 2
    for conn in conns:
        desk.conn = conn
        desk.agent.on_conn(conn, ConnEvent.OPENED, desk.now_ns)
        desk.work()
        desk.answer(desk.asked("userDataStream.subscribe.signature")[0], {"subscriptionId": 0})
        desk.reconcile()
    done = desk.take(ExecKind.RECONCILED)
    assert [int(r["account_id"]) for r in done] == [0, 1]
    desk.command(account_id=1, qty=UNDEF - UNDEF + 10_0000)
    desk.work()
    (frame,) = desk.asked("order.place")
    assert frame["params"]["apiKey"] == desk.ports.key("key1").api_key
    desk.command(Action.CANCEL, client_order_id=EPOCH << 40 | 1, account_id=1)
    desk.work()
    assert desk.asked("order.cancel")


def answer_all(desk):
    """Answer whatever was asked on any connection; returns (account's key, method) in order."""
    said = []
    while desk.ports.sent:
        sent, desk.ports.sent = desk.ports.sent, []
        for conn, data in sent:
            frame = json.loads(data)
            desk.conn = conn
            said.append((frame["params"]["apiKey"], frame["method"]))
            held = {"openOrders.status": [], "account.status": {"balances": []}, "myTrades": []}
            held["userDataStream.subscribe.signature"] = {"subscriptionId": 0}
            desk.answer(frame, held[frame["method"]])
    return said


def test_many_accounts_trade_before_histories_in_which_nothing_can_be_missing():
    desk = Desk(config(accounts=16, shares=SharesConfig(reconciliation=10)))
    desk.start(ready=False, rows=False)
    ordered = 13
    desk.order_row(0, EPOCH << 40 | 5, OrderState.FILLED, account_id=ordered)
    desk.http(1, 200, EXCHANGE_INFO)
    desk.register()
    desk.advance(20 * MS)
    asked = []
    for conn, _ in desk.ports.opened:  # grows while it is gone through
        desk.agent.on_conn(conn, ConnEvent.OPENED, desk.now_ns)
        asked += answer_all(desk)
        desk.work()
    reconciled = [int(row["account_id"]) for row in desk.take(ExecKind.RECONCILED)]
    assert sorted(reconciled) == list(range(16))
    key = desk.ports.key(f"key{ordered}").api_key
    histories = [k for k, (_, method) in enumerate(asked) if method == "myTrades"]
    last_balance = max(k for k, (_, method) in enumerate(asked) if method == "account.status")
    assert asked[histories[0]][0] == key
    assert all(k > last_balance for k in histories[1:])
    left = 16 - len(histories)
    for _ in range(3):
        desk.advance(60 * S)
        left -= sum(method == "myTrades" for _, method in answer_all(desk))
    assert left <= 0
    assert not desk.take(ExecKind.EXTERNAL_OPEN)


def test_many_links_are_prepared_a_few_at_a_time():
    desk = Desk(config(accounts=16))
    desk.start(ready=False)
    opened = [conn for conn, _ in desk.ports.opened]
    assert len(opened) == PREPARING_MAX
    desk.agent.on_conn(opened[0], ConnEvent.CLOSED, desk.now_ns)
    desk.work()
    assert len(desk.ports.opened) == PREPARING_MAX + 1
    desk.agent.on_conn(opened[1], ConnEvent.OPENED, desk.now_ns)
    answer_all(desk)
    assert len(desk.ports.opened) == PREPARING_MAX + 2


def test_few_accounts_pull_every_history_before_they_trade():
    desk = Desk(config(accounts=2))
    desk.start(ready=False)
    for conn, _ in desk.ports.opened:
        desk.agent.on_conn(conn, ConnEvent.OPENED, desk.now_ns)
    desk.work()
    asked = answer_all(desk)
    desk.advance(1 * S)
    assert sum(method == "myTrades" for _, method in asked) == 2
    assert not desk.ports.sent


def test_reconciled_after_connecting_says_when_the_venue_was_asked(desk):
    asked_ns = desk.now_ns + 100 * MS
    lose_link(desk)
    desk.advance(100 * MS)
    desk.connect()
    desk.now_ns += 5 * MS
    desk.reconcile()
    (row,) = desk.take(ExecKind.RECONCILED)
    assert row["ts_event_ns"] == asked_ns


def test_reconcile_periodic_is_silent_about_what_is_known_and_doubts_nothing(desk):
    known, vanished = EPOCH << 40 | 5, EPOCH << 40 | 6
    desk.order_row(0, known, OrderState.OPEN)
    desk.order_row(1, vanished, OrderState.OPEN)
    for _ in range(60):
        desk.advance(S)
    desk.reconcile(orders=[desk.order(known)])
    absent, done = desk.take()
    assert kinds([absent, done]) == ["ABSENT", "RECONCILED"]
    assert (absent["client_order_id"], done["ts_event_ns"]) == (vanished, 0)


def test_start_instrument_that_risk_refuses_does_not_stop_the_others():
    desk = Desk()
    desk.start(ready=False, rows=False)
    desk.register()
    desk.memory.table_writer("instruments").write(0, name=b"ETH/USDT", symbol=b"ETHUSDT")
    desk.http(1, 200, desk.info())
    assert not desk.ports.opened
    desk.advance(5 * S)
    assert desk.ports.opened
    assert "instruments_not_registered" in {event for _, event, _ in desk.ports.logs}
