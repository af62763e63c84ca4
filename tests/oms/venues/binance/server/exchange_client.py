"""A small client of the sans-I/O exchange: signs, sends, sorts what comes back."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import urlencode

from oms.config import SimInstrumentConfig
from oms.exchange.engine.engine import Capacity
from oms.exchange.flow import HOUSE_ACCOUNTS, FlowSettings
from oms.exchange.live import LiveMarket
from oms.exchange.market import Market, spec_from_config
from oms.ports import HttpMeta
from oms.venues.binance.server.limits import LimitRules
from oms.venues.binance.server.server import BinanceServer
from oms.venues.serving.outputs import Close, Ping, Respond, Send

BTC = SimInstrumentConfig(
    "BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "0.00001", "9000", "5", "60000.00"
)
ETH = SimInstrumentConfig(
    "ETHUSDT", "ETH", "USDT", "0.01", "0.0001", "0.0001", "90000", "5", "3000.00"
)
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
KEYS = {"kalice": (0, b"secret-alice"), "kbob": (1, b"secret-bob")}
BALANCES = {"BTC": "10", "ETH": "100", "USDT": "1000000"}


class Client:
    """One client of one exchange; `now_ns` is the exchange's clock."""

    def __init__(
        self,
        flow: int = 0,
        market: Market | None = None,
        rules: LimitRules | None = None,
        lose_reply=lambda: False,
        *,
        publishes: bool = True,
        symbols: tuple[SimInstrumentConfig, ...] = (BTC, ETH),
    ) -> None:
        self.now_ns = START_NS
        settings = FlowSettings(7, flow) if flow else None
        self.market = market or LiveMarket(
            [spec_from_config(symbol) for symbol in symbols],
            len(KEYS),
            BALANCES,
            (1000, 1000),
            settings,
            Capacity(orders=4096, levels_per_side=1024, accounts=len(KEYS) + HOUSE_ACCOUNTS),
        )
        self._ids = 0
        self.server = BinanceServer(
            self.market,
            KEYS,
            rules or LimitRules(),
            self._new_id,
            lose_reply,
            publishes=publishes,
        )
        self.inbox: dict[int, list[dict]] = {}
        self.closed: list[int] = []
        self.pings: list[tuple[int, bytes]] = []
        self.answers_pings = True
        self._requests = 0

    def _new_id(self) -> str:
        self._ids += 1
        return f"venue{self._ids}"

    def collect(self) -> Respond | None:
        answered = None
        for item in self.server.take_out():
            if isinstance(item, Send):
                self.inbox.setdefault(item.conn, []).append(json.loads(item.data))
            elif isinstance(item, Close):
                self.closed.append(item.conn)
            elif isinstance(item, Ping):
                self.pings.append((item.conn, item.data))
                if self.answers_pings:
                    self.server.on_pong(item.conn, self.now_ns)
            else:
                answered = item
        return answered

    def raw(self, method, target, headers=None, body=b"") -> Respond | None:
        self._requests += 1
        meta = HttpMeta(self._requests, method, target, 0, headers or {})
        self.server.on_request(0, meta, body, "127.0.0.1", self.now_ns)
        return self.collect()

    def get(self, path, **params):
        target = path + ("?" + urlencode(params) if params else "")
        return self.read(self.raw("GET", target))

    @staticmethod
    def read(reply: Respond | None):
        return None if reply is None else (reply.status, json.loads(reply.body))

    def query(self, params, key="kalice", timestamp_ms=None) -> str:
        stamped = params | {"timestamp": timestamp_ms or self.now_ns // MS}
        query = urlencode(stamped)
        return (
            query
            + "&signature="
            + hmac.new(KEYS[key][1], query.encode(), hashlib.sha256).hexdigest()
        )

    def signed(self, method, path, key="kalice", timestamp_ms=None, **params):
        query = self.query(params, key, timestamp_ms)
        return self.read(self.raw(method, f"{path}?{query}", {"x-mbx-apikey": key}))

    def order(self, side="BUY", px="59000", qty="0.1", key="kalice", **more):
        params = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC"}
        params |= {"price": px, "quantity": qty} | more
        params = {name: value for name, value in params.items() if value is not None}
        return self.signed("POST", "/api/v3/order", key, **params)

    # WebSockets

    def open(self, conn, target):
        self.server.opened(conn, target, "127.0.0.1", self.now_ns)
        self.collect()
        return conn

    def say(self, conn, message):
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.server.on_message(conn, data, self.now_ns)
        self.collect()

    def call(self, conn, method, key=None, request_id="r1", **params):
        """A WebSocket API request; the reply is the first message with its id."""
        if key:
            params |= {"apiKey": key, "timestamp": self.now_ns // MS}
            payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
            params["signature"] = hmac.new(
                KEYS[key][1], payload.encode(), hashlib.sha256
            ).hexdigest()
        before = len(self.inbox.get(conn, []))
        self.say(conn, {"id": request_id, "method": method, "params": params})
        replies = [m for m in self.inbox.get(conn, [])[before:] if "id" in m]
        return replies[0] if replies else None

    def events(self, conn):
        """User events of a WebSocket API connection."""
        return [m["event"] for m in self.inbox.get(conn, []) if "event" in m]

    def run(self, seconds: float):
        """Let the exchange's timers fire."""
        end_ns = self.now_ns + int(seconds * 1e9)
        while True:
            due = min(self.market.next_timer_ns(), self.server.next_timer_ns())
            if due > end_ns:
                self.now_ns = end_ns
                return
            self.now_ns = max(self.now_ns + 1, due)
            self.market.advance(self.now_ns, 32)
            self.server.tell(self.now_ns)
            self.collect()
