"""Orders by REST: on a connection that stands open, at most once, with evidence until the end."""

from urllib.parse import parse_qsl

import pytest

from oms.agents.executor import start
from oms.agents.executor.order_connections import LATE_ANSWER_NS, RENEW_DIVISOR
from oms.errors import ConfigError
from oms.ports import ConnEvent, HttpMeta
from shm_layout.enums import ExecKind, OrderState
from tests.oms.agents.executor_desk import MS, Desk, S, config, kinds
from tests.oms.venues.rest_alone import RestAlone

COUNT = 2
IDLE_MS = 20_000
TIMEOUT_NS = 2000 * MS


class RestDesk(Desk):
    """A desk whose orders go by REST, on `COUNT` connections."""

    def __init__(self, **group):
        values = {"order_way": "rest", "order_connections": COUNT, "order_idle_ms": IDLE_MS}
        super().__init__(config(**values | group))

    def start(self, ready=True, rows=True):
        super().start(ready, rows)
        self.open_all()
        self.read = []

    def standing(self):
        return [c for c, _ in self.ports.opened_http if c not in self.ports.closed]

    def open_all(self):
        for conn, _ in self.ports.opened_http[len(self.told) :]:
            self.told.append(conn)
            self.event_of(conn, ConnEvent.OPENED)

    def event_of(self, conn, event):
        self.agent.on_conn(conn, event, self.now_ns)
        self.work()

    def placed(self):
        return [r for r in self.ports.requested if r["method"] == "POST"]

    def place(self):
        """(our id, the request that left)."""
        before = len(self.placed())
        client_order_id = self.command()
        self.work()
        found = self.placed()[before:]
        return client_order_id, found[0] if found else None


@pytest.fixture
def desk():
    made = RestDesk()
    made.told = []
    made.start()
    return made


def test_order_leaves_signed_on_a_connection_that_stands_open(desk):
    assert [url for _, url in desk.ports.opened_http] == [desk.config.groups[0].rest_url] * COUNT
    client_order_id, asked = desk.place()
    path, _, query = asked["target"].partition("?")
    params = dict(parse_qsl(query))
    assert path == "/api/v3/order"
    assert asked["conn"] in desk.standing()
    assert asked["headers"]["X-MBX-APIKEY"]
    assert list(dict(parse_qsl(query)))[-1] == "signature"
    assert (params["newClientOrderId"], params["side"], params["type"]) == (
        desk.text(client_order_id), "BUY", "LIMIT",
    )  # fmt: skip
    assert (params["price"], params["quantity"]) == ("61000", "0.01")
    assert not desk.asked("order.place"), "by one way alone"
    desk.http(asked["id"], 200, desk.order(client_order_id))
    assert kinds(desk.take()) == ["ACK"]


def test_order_with_none_free_is_not_sent_and_says_why(desk):
    sent = [desk.place() for _ in range(COUNT)]
    assert {asked["conn"] for _, asked in sent} == set(desk.standing())
    refused, asked = desk.place()
    assert asked is None
    (row,) = desk.take()
    assert (int(row["client_order_id"]), row["kind"]) == (refused, ExecKind.NOT_SENT)
    assert row["text"] == b"no free order connection: 2 asked, 0 opening"
    client_order_id, asked = sent[0]
    desk.http(asked["id"], 200, desk.order(client_order_id))
    assert desk.place()[1]["conn"] == asked["conn"], "answered: it is free again"


def test_order_whose_answer_does_not_come_in_time_is_unknown_and_a_late_one_is_evidence(desk):
    client_order_id, asked = desk.place()
    desk.advance(TIMEOUT_NS - 1)
    assert desk.take() == []
    desk.advance(1)
    assert kinds(desk.take()) == ["NO_ANSWER"]
    desk.open_all()
    assert len(desk.standing()) == COUNT + 1, "the one that is heard on, and another in its place"
    assert asked["conn"] not in desk.ports.closed
    desk.advance(5 * S)
    desk.http(asked["id"], 200, desk.order(client_order_id))
    assert kinds(desk.take()) == ["FOUND_OPEN"]
    assert len(desk.standing()) == COUNT


def test_late_refusal_is_a_reject_and_a_late_end_says_nothing_more(desk):
    _, refused = desk.place()
    _, ended = desk.place()
    desk.advance(TIMEOUT_NS)
    desk.take()
    desk.http(refused["id"], 400, {"code": -2010, "msg": "Account has insufficient balance"})
    assert kinds(desk.take()) == ["REJECT"]
    desk.http(ended["id"], 0, b"the connection was lost")
    desk.event_of(ended["conn"], ConnEvent.CLOSED)
    assert desk.take() == []


def test_late_answer_that_never_comes_is_not_waited_for_for_ever(desk):
    _, asked = desk.place()
    desk.advance(TIMEOUT_NS)
    desk.open_all()
    desk.advance(LATE_ANSWER_NS)
    assert asked["conn"] in desk.ports.closed


def test_late_answers_are_waited_for_on_so_many_connections_at_most(desk):
    for _ in range(4 * COUNT):
        desk.place()
        desk.advance(TIMEOUT_NS)
        desk.open_all()
    assert len(desk.standing()) == 2 * COUNT


def test_order_whose_connection_ends_is_unknown_and_is_not_sent_again(desk):
    _, asked = desk.place()
    desk.http(asked["id"], 0, b"the connection was lost: closed")
    desk.event_of(asked["conn"], ConnEvent.CLOSED)
    assert kinds(desk.take()) == ["NO_ANSWER"]
    desk.advance(5 * S)
    assert len(desk.placed()) == 1
    assert len(desk.ports.opened_http) == COUNT + 1, "another stands open in its place"


def test_order_whose_connection_the_host_knows_to_have_ended_takes_the_next_one(desk):
    desk.ports.gone.add(desk.standing()[0])
    _, asked = desk.place()
    assert asked["conn"] == desk.standing()[1]
    desk.ports.gone.update(desk.standing())
    _, asked = desk.place()
    assert asked is None
    assert kinds(desk.take()) == ["NOT_SENT"], "nothing left: that is known"


def test_idle_connections_are_replaced_before_they_are_closed(desk):
    first = desk.standing()
    desk.advance((IDLE_MS - IDLE_MS // RENEW_DIVISOR) * MS)
    assert len(desk.standing()) == 2 * COUNT
    assert desk.place()[1]["conn"] in first, "they serve until their successors are open"
    desk.open_all()
    desk.advance(S)
    assert desk.place()[1]["conn"] not in first
    desk.advance(IDLE_MS // RENEW_DIVISOR * MS)
    assert desk.ports.closed.count(first[1]) == 1


def test_idle_connection_without_a_successor_is_closed_all_the_same(desk):
    first = desk.standing()
    desk.advance(IDLE_MS * MS)
    assert set(first) <= set(desk.ports.closed), "the exchange's end of it would be an order's"
    assert desk.place()[1] is None


def test_connections_that_fail_are_tried_again_later_each_time(desk):
    waits = []
    for conn in desk.standing():
        desk.event_of(conn, ConnEvent.CLOSED)
    for _ in range(12):
        before, began_ns = len(desk.ports.opened_http), desk.now_ns
        while len(desk.ports.opened_http) == before:
            desk.advance(10 * MS)
        waits.append(desk.now_ns - began_ns)
        for conn, _ in desk.ports.opened_http[before:]:
            desk.event_of(conn, ConnEvent.FAILED)
    assert waits == sorted(waits)
    assert 50 * MS <= waits[0] <= 200 * MS
    assert waits[-1] <= 5 * S + 10 * MS


def test_banned_address_opens_no_connection(desk):
    _, asked = desk.place()
    meta = HttpMeta(asked["id"], status=418, headers={"retry-after": "60"})
    said = b'{"code":-1003,"msg":"Way too much request weight used; IP banned."}'
    desk.agent.on_bytes(0, said, desk.now_ns, meta)
    for conn in desk.standing():
        desk.event_of(conn, ConnEvent.CLOSED)
    before = len(desk.ports.opened_http)
    desk.advance(50 * S)
    assert len(desk.ports.opened_http) == before
    desk.advance(11 * S)
    assert len(desk.ports.opened_http) == before + COUNT


def test_exchange_whose_sockets_carry_events_alone_is_asked_everything_by_rest(monkeypatch):
    monkeypatch.setattr(start, "order_side", RestAlone)
    desk = RestDesk(order_way="preferred")
    desk.told = []
    desk.start(ready=False)
    desk.connect()
    for _ in range(9):
        for path, said in (("openOrders", []), ("account", {"balances": []}), ("myTrades", [])):
            for asked in desk.rest(f"/api/v3/{path}"):
                desk.http(asked["id"], 200, said)
    desk.open_all()
    assert "RECONCILED" in kinds(desk.take())
    client_order_id, asked = desk.place()
    desk.http(asked["id"], 200, desk.order(client_order_id))
    desk.event(client_order_id, "NEW", "NEW")
    desk.order_row(0, client_order_id, OrderState.OPEN)
    assert kinds(desk.take()) == ["ACK", "ACK"]
    assert not desk.ports.sent, "nothing but subscriptions goes by the socket"


def test_way_that_the_exchange_does_not_take_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(start, "order_side", RestAlone)
    desk = RestDesk(order_way="socket")
    desk.told = []
    with pytest.raises(ConfigError, match=r"order_way: found socket, .* takes orders by rest"):
        desk.start()
