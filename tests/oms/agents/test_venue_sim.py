"""The simulated exchange as an agent on the harness, live and out of a recording."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import os
from pathlib import Path
from urllib.parse import urlencode

import pytest

from oms.agents.base import BaseAgent
from oms.agents.venue_sim.agent import VenueSimAgent
from oms.agents.venue_sim.replay import VenueReplayAgent
from oms.agents.venue_sim.wire import address_of
from oms.config import SimConfig
from oms.errors import ConfigError
from oms.exchange.market import spec_from_config
from oms.ports import ConnEvent
from oms.sim.harness import Harness
from tests.desks import START_NS, desk_config, desk_topology
from tests.oms.venues.binance.server.exchange_client import BTC
from tests.oms.venues.binance.server.test_server_streams import ALL, apply

DATA = os.environ.get("MEXOMS_DATA", "")
SECOND = 1_000_000_000


def sim_desk(**changes):
    values = {
        "exchange": "binance", "host": "127.0.0.1", "rest_port": 8080, "ws_port": 9443,
        "seed": 3, "instruments": (BTC,), "balances": {"BTC": "10", "USDT": "1000000"},
    }  # fmt: skip
    return desk_config(sims=(SimConfig(**(values | changes)),))


class BookClient(BaseAgent):
    """Follows one book by the venue's rule and compares it with every bookTicker."""

    role = "client"

    def __init__(self, streams=ALL):
        self.streams = streams
        self.book = None
        self.diffs = []
        self.last = self.compared = self.wrong = 0
        self.tickers = []
        self.raw = hashlib.sha256()

    def on_start(self, ports, now_ns):
        self.ports = ports
        ports.open_ws(f"ws://127.0.0.1:9443/stream?streams={self.streams}")

    def on_bytes(self, conn, data, now_ns, meta=None):
        self.raw.update(data)
        message = json.loads(data)
        if meta is not None:
            self.start(message)
            return
        event = message["data"]
        if event.get("e") == "depthUpdate":
            if self.book is None:
                if not self.diffs:
                    self.ports.request(
                        "http://127.0.0.1:8080",
                        "GET",
                        "/api/v3/depth?symbol=BTCUSDT&limit=5000",
                        {},
                        b"",
                    )
                self.diffs.append(event)
            else:
                self.diff(event)
        elif "e" not in event:
            self.tickers.append(event)

    def start(self, snapshot):
        self.book = [{float(p): q for p, q in snapshot[name]} for name in ("bids", "asks")]
        self.last = snapshot["lastUpdateId"]
        for event in self.diffs:
            if event["u"] > self.last:
                self.diff(event)

    def diff(self, event):
        if event["u"] <= self.last:
            return
        assert event["U"] <= self.last + 1, "a gap"
        self.last = event["u"]
        apply(self.book, event)
        while len(self.tickers) > 1 and self.tickers[1]["u"] <= self.last:
            del self.tickers[0]
        if self.tickers and self.tickers[0]["u"] <= self.last:
            t = self.tickers[0]
            bid, ask = max(self.book[0]), min(self.book[1])
            self.compared += 1
            found = (bid, self.book[0][bid], ask, self.book[1][ask])
            self.wrong += found != (float(t["b"]), t["B"], float(t["a"]), t["A"])


class OrderClient(BaseAgent):
    """Places one order a tenth of a second on the WebSocket API, and hears its user events."""

    role = "orders"

    def __init__(self, count):
        self.count = count
        self.sent = 0
        self.next_ns = 1 << 62
        self.replies = {}
        self.events = []

    def on_start(self, ports, now_ns):
        self.ports = ports
        self.conn = ports.open_ws("ws://127.0.0.1:9443/ws-api/v3")

    def ask(self, number, method, now_ns, **params):
        key = self.ports.key("binance.main")
        params |= {"apiKey": key.api_key, "timestamp": now_ns // 1_000_000}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = hmac.new(key.secret, text.encode(), hashlib.sha256).hexdigest()
        message = {"id": number, "method": method, "params": params}
        self.ports.send(self.conn, json.dumps(message).encode())

    def on_conn(self, conn, event, now_ns):
        if event == ConnEvent.CONTROL:
            return  # a ping, which the host has answered
        assert event == ConnEvent.OPENED
        self.ask(0, "userDataStream.subscribe.signature", now_ns)
        self.next_ns = now_ns + SECOND

    def next_timer_ns(self):
        return self.next_ns

    def do_work(self, now_ns):
        if now_ns < self.next_ns or self.sent == self.count:
            return 0
        self.sent += 1
        self.next_ns = now_ns + SECOND // 10 if self.sent < self.count else 1 << 62
        self.ask(
            self.sent, "order.place", now_ns, symbol="BTCUSDT", side="BUY", type="LIMIT",
            timeInForce="GTC", price="50000", quantity="0.001", newClientOrderId=f"o{self.sent}",
        )  # fmt: skip
        return 1

    def on_bytes(self, conn, data, now_ns, meta=None):
        message = json.loads(data)
        if "event" in message:
            self.events.append(message["event"])
        else:
            self.replies[message["id"]] = message


def harness_of(config, agent, *clients, start_ns=START_NS):
    harness = Harness(desk_topology(config), seed=11, start_ns=start_ns)
    harness.start("venue_sim.binance", agent)
    for client in clients:
        harness.start(client.role, client)
    return harness


def run_live(seconds):
    config = sim_desk()
    client = BookClient()
    harness = harness_of(config, VenueSimAgent(config, "binance"), client)
    harness.run_until(START_NS + seconds * SECOND)
    return client


def test_venue_sim_serves_a_book_that_equals_its_tickers():
    client = run_live(6)
    assert client.compared > 40
    assert client.wrong == 0


def test_venue_sim_same_seed_same_bytes():
    assert run_live(2).raw.hexdigest() == run_live(2).raw.hexdigest()


def test_venue_sim_started_again_gives_no_id_twice():
    first, second = (run_ids(START_NS), run_ids(START_NS + SECOND))
    assert max(first) < min(second)


def run_ids(start_ns):
    """Ids of a second's public trades, and of the next order."""
    config = sim_desk(flow_events_per_s=200)
    agent = VenueSimAgent(config, "binance")
    harness = harness_of(config, agent, start_ns=start_ns)
    harness.run_until(start_ns + SECOND // 2)
    next_order_id = int(agent.market.engine.counters[0])
    return [next_order_id, *(trade.trade_id for trade in agent.market.trades(0))]


def test_venue_sim_drops_replies_now_and_then_by_seed():
    config = sim_desk(drop_reply_one_in=5, flow_events_per_s=20)
    agent = VenueSimAgent(config, "binance")
    client = OrderClient(60)
    harness = harness_of(config, agent, client)
    harness.run_until(START_NS + 9 * SECOND)
    answered = set(client.replies) - {0}
    told = {int(e["c"][1:]) for e in client.events if e["e"] == "executionReport"}
    lost = agent.faults.listed(harness.now_ns)[0]["hits"]
    assert 4 <= lost <= 25
    assert len(answered) == 60 - lost
    assert told == answered, "a lost order is not told by a NEW event either"
    assert len(agent.market.log.open_orders(0, None)) == 60


def test_venue_sim_answers_signed_rest_for_each_account():
    config = sim_desk(flow_events_per_s=0)
    asked = {}

    class Asker(BaseAgent):
        role = "asker"

        def on_start(self, ports, now_ns):
            for account in ("binance.main", "binance.sub1"):
                key = ports.key(account)
                query = urlencode({"timestamp": now_ns // 1_000_000})
                sign = hmac.new(key.secret, query.encode(), hashlib.sha256).hexdigest()
                headers = {"X-MBX-APIKEY": key.api_key}
                target = f"/api/v3/account?{query}&signature={sign}"
                ports.request("http://127.0.0.1:8080", "GET", target, headers, b"")

        def on_bytes(self, conn, data, now_ns, meta=None):
            asked[meta.request_id] = (meta.status, json.loads(data)["uid"])

    harness = harness_of(config, VenueSimAgent(config, "binance"), Asker())
    harness.run_until(START_NS + SECOND)
    assert [status for status, _ in asked.values()] == [200, 200]
    assert len({uid for _, uid in asked.values()}) == 2


def test_venue_sim_unusable_config_is_one_sentence():
    with pytest.raises(ConfigError, match="no simulated 'okx'"):
        VenueSimAgent(sim_desk(), "okx")
    with pytest.raises(ConfigError, match="has no simulated exchange 'binance'"):
        VenueSimAgent(desk_config(), "binance")
    bad = BTC.__class__("BTCUSDT", "BTC", "USDT", "0.01", "x", "1", "1", "5", "60000")
    with pytest.raises(ConfigError, match=r"sims\.instruments BTCUSDT"):
        VenueSimAgent(sim_desk(instruments=(bad,)), "binance")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"flow_events_per_s": -1}, "flow_events_per_s: found -1"),
        ({"drop_reply_one_in": -5}, "drop_reply_one_in: found -5"),
        ({"maker_fee_e6": 1_000_000}, "maker_fee_e6: found 1000000"),
        ({"instruments": ()}, "required are distinct symbols"),
        ({"instruments": (BTC, BTC)}, "required are distinct symbols"),
        ({"balances": {"BTC": "ten"}}, "'ten' is not a plain decimal"),
        ({"balances": {"BTC": "99999999999"}}, "below 10"),
        ({"asset_limits": {"EUR": "1"}}, "no instrument trades it, required is one of BTC, USDT"),
        ({"asset_limits": {"BTC": "-1"}}, "'-1' is not a plain decimal"),
        ({"asset_limits": {"BTC": "0"}}, "required is above 0"),
    ],
)
def test_venue_sim_bad_values_are_one_sentence(changes, text):
    with pytest.raises(ConfigError, match=text):
        VenueSimAgent(sim_desk(**changes), "binance")


def test_address_of_peer_drops_the_port():
    assert address_of("127.0.0.1:5000") == "127.0.0.1"
    assert address_of("client") == "client"
    assert address_of("") == ""


def envelope(stream, data):
    return json.dumps({"stream": f"btcusdt@{stream}", "data": data}, separators=(",", ":")).encode()


SMALL = [
    (
        0,
        envelope(
            "depth@100ms",
            {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 1, "u": 5, "b": [], "a": []},
        ),
    ),
    (
        10,
        envelope(
            "bookTicker",
            {
                "u": 5,
                "s": "BTCUSDT",
                "b": "100.00",
                "B": "1.00000000",
                "a": "100.01",
                "A": "2.00000000",
            },
        ),
    ),
    (
        300_000_000,
        b'{"lastUpdateId":5,"bids":[["100.00","1.00000000"]],"asks":[["100.01","2.00000000"]]}',
    ),
    (
        400_000_000,
        envelope(
            "trade",
            {
                "e": "trade",
                "E": 1,
                "s": "BTCUSDT",
                "t": 9,
                "p": "100.00",
                "q": "1.00000000",
                "T": 1,
                "m": True,
                "M": True,
            },
        ),
    ),
    (
        500_000_000,
        envelope(
            "depth@100ms",
            {
                "e": "depthUpdate",
                "E": 2,
                "s": "BTCUSDT",
                "U": 6,
                "u": 6,
                "b": [],
                "a": [["100.01", "1.00000000"]],
            },
        ),
    ),
    (
        500_000_001,
        envelope(
            "bookTicker",
            {
                "u": 6,
                "s": "BTCUSDT",
                "b": "100.00",
                "B": "1.00000000",
                "a": "100.01",
                "A": "1.00000000",
            },
        ),
    ),
    (
        600_000_000,
        envelope(
            "depth@100ms",
            {"e": "depthUpdate", "E": 3, "s": "BTCUSDT", "U": 7, "u": 7, "b": [], "a": []},
        ),
    ),
]


def replay(lines, start_ns=START_NS, streams=ALL):
    config = sim_desk()
    agent = VenueReplayAgent(config, "binance", [spec_from_config(BTC)], lines)
    client = BookClient(streams)
    return harness_of(config, agent, client, start_ns=start_ns), agent, client


def test_venue_replay_holds_the_depth_request_until_the_snapshot():
    harness, agent, client = replay(SMALL)
    harness.run_until(START_NS + SECOND // 4)
    assert client.book is None
    assert agent.messages == 2
    harness.run_until(START_NS + SECOND)
    assert agent.finished
    assert agent.messages == len(SMALL)
    assert client.book == [{100.0: "1.00000000"}, {100.01: "1.00000000"}]
    assert (client.compared, client.wrong) == (2, 1), "the diff comes before its ticker"


def test_venue_replay_begins_when_all_streams_are_heard():
    harness, agent, _ = replay(SMALL, streams="btcusdt@trade")
    harness.run_until(START_NS + SECOND)
    assert agent.messages == 0
    assert agent.waits_for() == ["btcusdt@depth@100ms", "btcusdt@bookTicker"]


def test_venue_replay_empty_recording_is_finished_at_once():
    harness, agent, _ = replay([])
    harness.run_until(START_NS + SECOND)
    assert agent.finished
    assert agent.messages == 0


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b'{"stream":"x"}',
        b'{"stream":"btcusdt@trade","data":{"s":"BTCUSDT","e":"trade"}}',
    ],
)
def test_venue_replay_unreadable_lines_are_counted_and_the_rest_is_played(line):
    harness, agent, client = replay([SMALL[0], (5, line), *SMALL[1:]])
    harness.run_until(START_NS + SECOND)
    assert (agent.messages, agent.unreadable, agent.finished) == (len(SMALL) + 1, 1, True)
    assert client.compared == 2
    assert [log[3] for log in harness.logs if log[2] == "error"] == ["recording.unreadable"]


def test_venue_replay_finer_prices_than_the_instrument_are_refused():
    line = envelope(
        "bookTicker", {"u": 6, "s": "BTCUSDT", "b": "100.001", "B": "1", "a": "101", "A": "1"}
    )
    harness, _, _ = replay([(0, line)])
    with pytest.raises(ConfigError, match="finer tick"):
        harness.run_until(START_NS + SECOND)


RECORDING = Path(DATA) / "hftbacktest" / "spot_btcusdt_20240808.jsonl.gz"


@pytest.mark.skipif(
    not DATA or not RECORDING.exists(), reason="MEXOMS_DATA names no hftbacktest/spot recording"
)
def test_venue_replay_of_the_recorded_minutes_agrees_with_every_ticker():
    lines = []
    with gzip.open(RECORDING, "rb") as file:
        for line in file:
            received, _, text = line.partition(b" ")
            lines.append((int(received), text))
    harness, agent, client = replay(lines, start_ns=lines[0][0])
    harness.run_until(lines[-1][0] + SECOND)
    assert agent.messages == len(lines)
    assert (client.compared, client.wrong) == (3448, 0)


class QuietClient(BaseAgent):
    """Opens the user API and says nothing."""

    role = "client"

    def __init__(self):
        self.events = []

    def on_start(self, ports, now_ns):
        ports.open_ws("ws://127.0.0.1:9443/ws-api/v3")

    def on_conn(self, conn, event, now_ns):
        if event != ConnEvent.CONTROL:
            self.events.append(event)


def test_sim_pings_are_answered_by_who_lives_and_end_who_is_silent():
    config = sim_desk(flow_events_per_s=0)
    client = QuietClient()
    harness = harness_of(config, VenueSimAgent(config, "binance"), client)
    harness.run_until(START_NS + 200 * SECOND)
    assert client.events == [ConnEvent.OPENED]
    harness.network.silenced.add("client")
    harness.run_until(START_NS + 300 * SECOND)
    open_ends = [e for e in harness.network._ends.values() if e.open and "venue" in e.role]
    assert open_ends == []
