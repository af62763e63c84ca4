"""Faults on demand through the whole simulated exchange, on the harness, and its control port."""

import json

import pytest

from oms.agents.base import BaseAgent
from oms.agents.venue_sim.agent import VenueSimAgent, control_key
from oms.exchange.faults import FaultSpec
from oms.ports import ConnEvent
from tests.desks import START_NS
from tests.oms.agents.test_venue_sim import SECOND, BookClient, OrderClient, harness_of, sim_desk

CONTROL_PORT = 7070
REST = "http://127.0.0.1:8080"


class Disturbed:
    """An exchange with clients, and the faults that a test asks for."""

    def __init__(self, *clients, **sim):
        config = sim_desk(**{"flow_events_per_s": 0} | sim)
        self.agent = VenueSimAgent(config, "binance")
        self.harness = harness_of(config, self.agent, *clients)
        self.harness.run_until(START_NS + SECOND // 10)

    def fault(self, **spec):
        return self.agent.add_fault(FaultSpec(**spec), self.harness.now_ns)

    def run(self, seconds):
        self.harness.run_until(self.harness.now_ns + int(seconds * SECOND))


class Asker(BaseAgent):
    """Sends one HTTP request when told, and remembers the answers."""

    role = "asker"

    def __init__(self):
        self.answers = []
        self.conns = []

    def on_start(self, ports, now_ns):
        self.ports = ports

    def ask(self, method="GET", target="/api/v3/time", base=REST, headers=None, body=b""):
        self.ports.request(base, method, target, headers or {}, body)

    def on_bytes(self, conn, data, now_ns, meta=None):
        self.answers.append((meta.status, json.loads(data) if data else None, meta.headers))

    def on_conn(self, conn, event, now_ns):
        self.conns.append(event)


def orders_of(client, made, seconds=3):
    made.run(seconds)
    return set(client.replies) - {0}, {
        int(e["c"][1:]) for e in client.events if e["e"] == "executionReport"
    }


def test_lost_replies_leave_orders_that_only_events_tell_of():
    client = OrderClient(10)
    made = Disturbed(client)
    made.fault(kind="lose", link="ws_api", match="order.place", direction="out")
    replied, told = orders_of(client, made)
    assert replied == set()
    assert told == set(range(1, 11))


def test_dropped_reply_loses_the_new_event_as_well():
    client = OrderClient(10)
    made = Disturbed(client)
    made.fault(kind="drop_reply", count=4)
    replied, told = orders_of(client, made)
    assert replied == told == set(range(5, 11))
    assert len(made.agent.market.log.open_orders(0, None)) == 10


def test_accepted_5xx_says_unknown_of_an_order_that_rests():
    client = OrderClient(3)
    made = Disturbed(client)
    made.fault(kind="accepted_5xx", match="order.place", status=504, code=-1006, count=1)
    _, told = orders_of(client, made)
    assert told == {1, 2, 3}
    assert client.replies[1]["status"] == 504
    assert client.replies[1]["error"]["code"] == -1006
    assert client.replies[2]["status"] == 200


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("http_5xx", 503, -1001), ("http_429", 429, -1003), ("http_418", 418, -1003)],
)
def test_refused_requests_change_nothing_and_say_why(kind, status, code):
    client, asker = OrderClient(2), Asker()
    made = Disturbed(client, asker)
    made.fault(kind=kind, retry_after_s=7)
    asker.ask()
    orders_of(client, made)
    assert {reply["status"] for n, reply in client.replies.items() if n} == {status}
    assert made.agent.market.log.open_orders(0, None) == []
    (found,) = asker.answers
    assert (found[0], found[1]["code"]) == (status, code)
    assert ("Retry-After" in found[2] or "retry-after" in found[2]) is (status != 503)


def test_delay_of_rest_by_endpoint():
    asker = Asker()
    made = Disturbed(asker)
    made.fault(kind="delay", match="GET /api/v3/time", delay_ms=2000, direction="in")
    asker.ask()
    asker.ask(target="/api/v3/ping")
    made.run(1)
    assert [answer[1] for answer in asker.answers] == [{}]
    made.run(2)
    assert len(asker.answers) == 2


def test_gap_breaks_the_chain_of_diffs_and_nothing_else():
    class Gaps(BookClient):
        gaps = 0

        def diff(self, event):
            if event["U"] > self.last + 1:
                self.gaps += 1
                self.last = event["U"] - 1
            super().diff(event)

    client = Gaps()
    made = Disturbed(client, flow_events_per_s=100)
    made.run(1)
    made.fault(kind="gap", match="btcusdt@depth*", probability_e6=300_000, for_ms=2000)
    made.run(2)
    during = client.gaps
    made.run(2)
    assert during > 0
    assert client.gaps <= during + 1


def test_disconnect_cuts_the_connection_that_it_is_asked_for():
    client, asker = OrderClient(5), Asker()
    made = Disturbed(client, asker)
    ended = []
    client.on_conn = lambda conn, event, now_ns: ended.append(event)
    made.fault(kind="disconnect", link="ws_api", match="order.place", direction="in", count=1)
    made.run(3)
    assert ended == [ConnEvent.CLOSED]
    assert made.agent.wire.links == {}
    assert made.agent.market.log.open_orders(0, None) == []


def test_half_open_connection_stays_and_says_nothing_then_is_cut():
    client = OrderClient(20)
    made = Disturbed(client)
    made.run(1.5)
    heard = len(client.replies)
    ended = []
    client.on_conn = lambda conn, event, now_ns: ended.append(event)
    made.fault(kind="half_open", link="ws_api")
    made.run(1)
    assert len(client.replies) == heard
    assert ended == []
    assert [row["silent"] for row in made.agent.status(made.harness.now_ns)["connections"]] == [
        True
    ]
    made.agent.clear_faults(0)
    made.run(1)
    assert ended == [ConnEvent.CLOSED]


def test_maintenance_refuses_requests_and_closes_streams():
    client, asker = OrderClient(0), Asker()
    client.next_timer_ns = lambda: 1 << 62
    made = Disturbed(client, asker)
    client.on_conn = lambda conn, event, now_ns: None
    assert len(made.agent.wire.links) == 1
    number = made.fault(kind="maintenance")
    assert made.agent.wire.links == {}
    asker.ask()
    asker.ports.open_ws("ws://127.0.0.1:9443/ws/btcusdt@trade")
    made.run(1)
    assert asker.answers[0][0] == 503
    assert asker.answers[0][1]["code"] == -1016
    assert ConnEvent.CLOSED in asker.conns
    made.agent.clear_faults(number)
    asker.ask()
    made.run(1)
    assert asker.answers[1][0] == 200


@pytest.mark.parametrize("shift_ms", [-90_000, 90_000])
def test_clock_step_moves_the_exchange_and_back(shift_ms):
    client, asker = OrderClient(30), Asker()
    made = Disturbed(client, asker, flow_events_per_s=100)
    number = made.fault(kind="clock_step", shift_ms=shift_ms)
    asker.ask()
    made.run(2)
    there = asker.answers[0][1]["serverTime"] - made.harness.now_ns // 10**6
    assert abs(there - shift_ms) < 3000
    assert {r["error"]["code"] for n, r in client.replies.items() if n} == {-1021}
    made.agent.clear_faults(number)
    asker.ask()
    made.run(3)
    assert abs(asker.answers[1][1]["serverTime"] - made.harness.now_ns // 10**6) < 4000
    assert client.replies[30]["status"] == 200


def test_same_seed_same_faults_same_bytes():
    def bytes_of():
        client = BookClient()
        made = Disturbed(client, flow_events_per_s=100)
        client.diff = lambda event: None
        made.fault(kind="delay", delay_ms=3, jitter_ms=40, link="stream")
        made.fault(kind="lose", link="stream", probability_e6=100_000)
        made.fault(kind="reorder", link="stream", probability_e6=100_000)
        made.run(3)
        return client.raw.hexdigest()

    assert bytes_of() == bytes_of()


# The control port


def controlled(**sim):
    asker = Asker()
    made = Disturbed(asker, control_port=CONTROL_PORT, **sim)
    token = asker.ports.key(control_key("binance")).secret.decode()

    def ask(method, target, body=None, token=token):
        headers = {"Authorization": f"Bearer {token}"}
        data = b"" if body is None else json.dumps(body).encode()
        asker.ask(method, target, f"http://127.0.0.1:{CONTROL_PORT}", headers, data)
        made.run(0.1)
        return asker.answers.pop()[:2]

    return made, ask


def test_control_port_takes_lists_and_clears_faults():
    _, ask = controlled()
    assert ask("POST", "/faults", {"kind": "delay", "delay_ms": 5}) == (200, {"number": 1})
    assert ask("POST", "/faults", {"kind": "lose"}) == (200, {"number": 2})
    assert [f["kind"] for f in ask("GET", "/faults")[1]["faults"]] == ["delay", "lose"]
    assert ask("DELETE", "/faults/1") == (200, {"cleared": [1]})
    assert ask("DELETE", "/faults/1")[0] == 404
    assert ask("DELETE", "/faults") == (200, {"cleared": [2]})
    status, refused = ask("POST", "/faults", {"kind": "x"})
    assert (status, "unknown kind" in refused["error"]) == (400, True)


def test_control_port_shows_status_book_and_begins_a_new_market():
    _, ask = controlled(flow_events_per_s=100)
    status = ask("GET", "/status")[1]
    assert status["symbols"] == ["BTCUSDT"]
    assert status["accounts"][0]["balances"]["BTC"] == ["10.00000000", "0.00000000"]
    book = ask("GET", "/book?symbol=BTCUSDT&limit=3")[1]
    assert len(book["bids"]) == len(book["asks"]) == 3
    assert ask("GET", "/book?symbol=NONE")[0] == 400
    assert ask("GET", "/book?symbol=BTCUSDT&limit=x")[0] == 400
    assert ask("POST", "/seed", {"seed": 99}) == (200, {"seed": 99})
    assert ask("GET", "/seed") == (200, {"seed": 99})
    assert ask("GET", "/book?symbol=BTCUSDT&limit=3")[1] != book
    assert ask("POST", "/seed", {"seed": -1})[0] == 400
    assert ask("POST", "/seed", {"seed": True})[0] == 400


@pytest.mark.parametrize("token", ["", "wrong", "ü"])
def test_control_port_refuses_without_the_token(token):
    _, ask = controlled()
    assert ask("GET", "/status", token=token)[0] == 401
    assert ask("DELETE", "/faults", token=token)[0] == 401


def test_control_port_refuses_nonsense():
    _, ask = controlled()
    for method, target in (("GET", "/"), ("PUT", "/faults"), ("DELETE", "/faults/x"),
                           ("DELETE", "/faults/" + "9" * 50)):  # fmt: skip
        assert ask(method, target)[0] == 404
    for body in ([], "x", 5):
        assert ask("POST", "/faults", body)[0] == 400
