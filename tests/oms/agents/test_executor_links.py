"""Private connections: replaced before they end, given up when the peer is dead, logged on."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oms.ports import ConnEvent, Key
from oms.venues.binance.server.auth import Keyring
from oms.venues.serving.keyring import ApiKey
from shm_layout.enums import Action, ExecKind, LinkState, RejectReason
from tests.oms.agents.executor_desk import MS, Desk, S, config, kinds
from tests.support import FakePorts

AGE_S = 60


def started(**group):
    made = Desk(config(**{"link_max_age_ms": AGE_S * 1000} | group))
    made.start()
    made.read = []
    return made


def placed(desk):
    client_order_id = desk.command()
    desk.work()
    (frame,) = desk.asked("order.place")
    return client_order_id, frame


def at_age(desk):
    """Come to the age at which a second connection is opened; (the first, the second)."""
    first = desk.conn
    desk.advance(AGE_S * S)
    desk.reconcile()
    assert len(desk.ports.opened) == 2
    assert first not in desk.ports.closed
    desk.read = []
    return first, desk.ports.opened[-1][0]


def row(desk):
    return desk.memory.table_reader("links.executor.binance").read(0)


# Make before break


def test_link_at_its_age_is_made_anew_before_it_is_broken():
    desk = started()
    first, second = at_age(desk)
    assert row(desk)["state"] == LinkState.REPLACING
    client_order_id, frame = placed(desk)
    desk.answer(frame, desk.order(client_order_id))
    desk.connect()
    assert desk.conn == second
    assert first not in desk.ports.closed
    placed(desk)
    desk.advance(S)
    assert first in desk.ports.closed
    assert not desk.take(ExecKind.NOT_SENT)
    assert (row(desk)["state"], row(desk)["replaced"]) == (LinkState.OPEN, 1)


def test_link_replaced_is_still_reconciled_and_pulls_history_to_be_sure():
    desk = started()
    at_age(desk)
    desk.connect()
    client_order_id, _ = placed(desk)
    desk.reconcile(orders=[desk.order(client_order_id)], trades=[desk.trade(71)])
    assert kinds(desk.take(ExecKind.FILL, ExecKind.RECONCILED))[-1] == "RECONCILED"


def test_link_overlap_events_of_both_connections_are_used_once():
    desk = started()
    first, second = at_age(desk)
    client_order_id, _ = placed(desk)
    desk.connect()
    for conn in (first, second):
        desk.conn = conn
        desk.event(client_order_id, "NEW", "NEW")
        desk.fill(client_order_id, 71)
        desk.fill(client_order_id, 72, z="0.00800000")
        desk.event("web", "CANCELED", "CANCELED", C=desk.text(client_order_id), z="0.008")
    assert kinds(desk.take()) == ["ACK", "FILL", "FILL", "CANCELED"]
    desk.advance(3 * S)
    assert row(desk)["doubled"] == 4


def test_link_overlap_balances_of_both_connections_are_used_once():
    desk = started()
    first, second = at_age(desk)
    desk.connect()
    for conn in (first, second):
        desk.conn = conn
        for stamp in (5, 6):
            desk.push({"subscriptionId": 0, "event": {"e": "outboundAccountPosition", "E": stamp,
                       "u": stamp, "B": [{"a": "USDT", "f": "1.5", "l": "0"}]}})  # fmt: skip
    assert len(desk.read) == 2


def test_link_answer_on_the_leaving_connection_still_counts():
    desk = started()
    first, _ = at_age(desk)
    client_order_id, frame = placed(desk)
    desk.connect()
    desk.advance(1500 * MS)
    assert first not in desk.ports.closed, "an order on it has no answer yet"
    desk.conn = first
    desk.answer(frame, desk.order(client_order_id))
    assert kinds(desk.take(ExecKind.ACK)) == ["ACK"]
    desk.advance(S)
    assert first in desk.ports.closed


def test_link_successor_that_fails_costs_nothing_and_is_tried_again():
    desk = started()
    first, second = at_age(desk)
    desk.agent.on_conn(second, ConnEvent.FAILED, desk.now_ns)
    desk.work()
    placed(desk)
    desk.advance(S)
    assert len(desk.ports.opened) >= 3
    assert first not in desk.ports.closed
    assert not desk.take(ExecKind.NOT_SENT)


def test_link_successor_without_user_stream_never_takes_over():
    desk = started()
    first, second = at_age(desk)
    desk.conn = second
    desk.agent.on_conn(second, ConnEvent.OPENED, desk.now_ns)
    desk.work()
    desk.refuse(desk.asked()[0], 401, -2015, "Invalid API-key, IP, or permissions for action.")
    assert second in desk.ports.closed
    desk.conn = first
    placed(desk)


def test_link_that_ends_while_its_successor_is_prepared_is_relieved_by_it():
    desk = started()
    first, _ = at_age(desk)
    desk.agent.on_conn(first, ConnEvent.CLOSED, desk.now_ns)
    desk.command()
    desk.work()
    assert kinds(desk.take(ExecKind.NOT_SENT)) == ["NOT_SENT"]
    desk.connect()
    desk.reconcile()
    placed(desk)


def test_server_shutdown_of_an_old_link_opens_its_successor_at_once():
    desk = started(link_max_age_ms=86_400_000)
    desk.advance(AGE_S * S)
    desk.push({"event": {"e": "serverShutdown", "E": 1}})
    desk.advance(0)
    assert len(desk.ports.opened) == 2
    assert desk.conn not in desk.ports.closed
    placed(desk)


def test_server_shutdown_said_to_each_new_link_makes_no_storm():
    desk = started(link_max_age_ms=86_400_000)
    for _ in range(5):
        desk.push({"event": {"e": "serverShutdown", "E": 1}})
        desk.advance(S)
    assert len(desk.ports.opened) == 1
    desk.advance(AGE_S * S)
    assert len(desk.ports.opened) == 2


def test_stream_terminated_breaks_the_link_and_opens_another_at_once():
    desk = started()
    desk.push({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 1}})
    assert desk.conn in desk.ports.closed
    assert len(desk.ports.opened) == 2


# Dead peers


def test_dead_peer_is_found_within_three_seconds_of_its_last_word():
    desk = started()
    desk.push({"subscriptionId": 0, "event": {"e": "listStatus"}})
    heard_ns = desk.now_ns
    desk.dead.add(desk.conn)
    while desk.conn not in desk.ports.closed:
        desk.now_ns = desk.agent.next_timer_ns()
        desk.work()
    assert 2 * S < desk.now_ns - heard_ns <= 3 * S
    assert row(desk)["dead_peers"] == 1


def test_dead_peer_orders_are_not_sent_and_queries_go_by_rest():
    desk = started()
    client_order_id, _ = placed(desk)
    desk.dead.add(desk.conn)
    desk.advance(3 * S)
    desk.take()
    desk.command()
    desk.command(Action.QUERY, client_order_id=client_order_id, attempt=1)
    desk.work()
    (refused,) = desk.take(ExecKind.NOT_SENT)
    assert refused["reason"] == RejectReason.NOT_SENT
    assert desk.rest("/api/v3/order")


def test_living_peer_that_is_silent_for_an_hour_is_pinged_and_kept():
    desk = started(link_max_age_ms=86_400_000)
    for _ in range(60):
        desk.advance(60 * S)
        desk.reconcile()
    assert desk.conn not in desk.ports.closed


@pytest.mark.parametrize("seconds", [1, 5, 600])
def test_peer_is_not_blamed_for_the_time_that_we_stood_still(seconds):
    desk = started(link_max_age_ms=86_400_000)
    desk.dead.add(desk.conn)
    desk.advance(1200 * MS)  # the ping is out
    desk.now_ns += seconds * S
    desk.work()
    assert desk.conn not in desk.ports.closed
    desk.agent.on_conn(desk.conn, ConnEvent.PONG, desk.now_ns)
    desk.dead.clear()
    desk.advance(5 * S)
    assert desk.conn not in desk.ports.closed


# Session logon


class Ed25519Ports(FakePorts):
    """Accounts with Ed25519 keys."""

    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

    def key(self, name):
        pem = serialization.Encoding.PEM
        secret = self.private.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = self.private.public_key().public_bytes(
            pem, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return Key(name, "E" * 64, secret, "ed25519", public)


@pytest.fixture
def ed25519(monkeypatch):
    monkeypatch.setattr("tests.oms.agents.executor_desk.FakePorts", Ed25519Ports)
    desk = Desk()
    desk.start(ready=False)
    desk.conn = desk.ports.opened[-1][0]
    desk.agent.on_conn(desk.conn, ConnEvent.OPENED, desk.now_ns)
    desk.work()
    return desk


def is_signed(params):
    """The exchange's own judge of the signature."""
    ring = Keyring({"E" * 64: ApiKey(0, Ed25519Ports(None, "").key("k").public_key, "ed25519")})
    text = "&".join(f"{k}={v}" for k, v in sorted(params.items()) if k != "signature")
    ring.check("E" * 64, text.encode(), params["signature"])


def test_ed25519_key_logs_the_connection_on_and_orders_need_no_signature(ed25519):
    (logon,) = ed25519.asked("session.logon")
    is_signed(logon["params"])
    assert not ed25519.asked()
    ed25519.answer(logon, {"apiKey": "E" * 64})
    (subscribe,) = ed25519.asked("userDataStream.subscribe")
    ed25519.answer(subscribe, {"subscriptionId": 0})
    ed25519.reconcile()
    _, frame = placed(ed25519)
    assert not {"apiKey", "signature"} & frame["params"].keys()
    assert frame["params"]["timestamp"]
    assert row(ed25519)["logged_on"] == 1


def test_ed25519_logon_refused_signs_each_request_instead(ed25519):
    ed25519.refuse(ed25519.asked("session.logon")[0], 400, -1000, "x")
    (subscribe,) = ed25519.asked("userDataStream.subscribe.signature")
    is_signed(subscribe["params"])
    ed25519.answer(subscribe, {"subscriptionId": 0})
    ed25519.reconcile()
    _, frame = placed(ed25519)
    is_signed(frame["params"])


def test_ed25519_rest_signature_is_percent_encoded(ed25519):
    ed25519.agent.on_conn(ed25519.conn, ConnEvent.CLOSED, ed25519.now_ns)
    ed25519.command(Action.QUERY, client_order_id=3 << 40 | 1, attempt=1)
    ed25519.work()
    (request,) = ed25519.rest("/api/v3/order")
    signature = request["target"].partition("&signature=")[2]
    assert not set("+/=") & set(signature)


def test_logon_without_answer_is_given_up():
    """Another connection is tried: a half-open one answers nothing."""
    desk = started()
    desk.advance(AGE_S * S)
    desk.reconcile()
    second = desk.ports.opened[-1][0]
    desk.agent.on_conn(second, ConnEvent.OPENED, desk.now_ns)
    desk.advance(2 * S)
    assert second in desk.ports.closed


# Silence that the exchange wants


@pytest.mark.parametrize("peer", ["feed.binance.spot", "watchdog.binance"])
def test_connections_are_closed_while_the_exchange_wants_none_whoever_was_told(peer):
    desk = started()
    until_ns = desk.now_ns + 9 * S
    desk.memory.table_writer(f"rates.{peer}").write(
        0, pause_until_ns=until_ns, ban_until_ns=until_ns, close_until_ns=until_ns
    )
    desk.advance(S)
    assert desk.ports.closed == [desk.conn]
    desk.command()
    desk.work()
    (refused,) = desk.take(ExecKind.NOT_SENT)
    assert refused["reason"] == RejectReason.NOT_SENT
    desk.advance(7 * S)
    assert len(desk.ports.opened) == 1
    desk.advance(2 * S)
    assert len(desk.ports.opened) == 2
    desk.connect()
    desk.reconcile()
    placed(desk)
