"""Binance spot as an exchange whose requests never die and whose identifiers are spent for ever.

`LateExchange` keeps the next new order back, as a network may, and lets it arrive when the test
says. `LateSide` and `LateKill` are its clients: a FENCE is an order that is too small, under the
identifier that it spends. `caps.absent` is what a test sets it to.
"""

from dataclasses import replace
from urllib.parse import parse_qsl

from oms import ids
from oms.agents.executor import start
from oms.agents.venue_sim.agent import VenueSimAgent
from oms.agents.watchdog import sweep
from oms.ports import HttpMeta
from oms.risk import state
from oms.venues.binance.kill import BinanceKill
from oms.venues.binance.server import auth
from oms.venues.binance.sign import signed_query
from oms.venues.binance.spec import SPOT_ORDERS
from oms.venues.data import Absent, Charge, Way
from oms.venues.reports import Ask, HttpCall, Judgement, Outgoing, Verdict, Want
from shm_layout.enums import Action, OrderType, Side, TimeInForce
from shm_layout.records import UNDEF
from tests.oms.venues import typed_side
from tests.oms.venues.rest_alone import CAPS, RestAlone

ORDER_PATH = "/api/v3/order"
DUPLICATE = b'{"code":-2010,"msg":"Duplicate order sent."}'
SPENDS = (-1013, -2010)
"""Too small; used before."""
NOBODY = 1 << 40
"""Numbers of requests whose answers reach nobody."""


def market_of(absent):
    """Spot's facts, but for requests that never die."""
    caps = replace(CAPS, absent=absent, request_lifetime=False, visible_ms=100)
    return replace(SPOT_ORDERS, caps=caps)


def judged(ask, item, found):
    """DONE of a fence: its identifier is spent."""
    if ask.want is not Want.FENCE:
        return found
    if item.code in SPENDS:
        return Judgement(Verdict.DONE)
    return Judgement(Verdict.UNKNOWN) if found.verdict is Verdict.DONE else found


class LateExchange(VenueSimAgent):
    """See the module's text."""

    def __init__(self, config):
        super().__init__(config, "binance")
        self.burns = True
        """False: a fence spends nothing, and says that it does."""
        self.holds = False
        self.held = None
        self.spent = set()
        self.fences = []
        self.seen = 0
        """Requests about orders since one is held."""
        self.lets_go = lambda seen, before: False
        """Whether the held one arrives now: at the `seen`-th request, before or behind it."""
        self.tells = lambda: None
        """Called when the held one has arrived."""
        self.fence_fails = ()
        """What becomes of the next fences: "lost", "unanswered", "busy"."""

    def on_bytes(self, conn, data, now_ns, meta=None):
        if meta is None or meta.target.partition("?")[0] != ORDER_PATH or meta.method == "DELETE":
            super().on_bytes(conn, data, now_ns, meta)
            return
        params = dict(parse_qsl(meta.target.partition("?")[2]))
        is_fence = meta.method == "POST" and float(params["quantity"]) < 1e-5
        if meta.method == "POST" and not is_fence and self.holds and self.held is None:
            self.holds, self.held, self.seen = False, (conn, data, meta), 0
            return
        self.seen += 1
        if self.lets_go(self.seen, True):
            self.arrive(now_ns)
        self._take(conn, data, now_ns, meta, params, is_fence)
        if self.lets_go(self.seen, False):
            self.arrive(now_ns)

    def _take(self, conn, data, now_ns, meta, params, is_fence):
        if is_fence:
            self.fences.append(params["newClientOrderId"])
            fails, self.fence_fails = self.fence_fails[:1], self.fence_fails[1:]
            if fails == ("lost",):
                return
            if fails == ("busy",):
                self._ports.respond(conn, meta.request_id, 429, {}, b'{"code":-1003,"msg":"Many"}')
                return
            if fails == ("unanswered",):
                conn, meta = -NOBODY, replace(meta, request_id=NOBODY)
        if meta.method == "POST":
            text = params["newClientOrderId"]
            if text in self.spent:
                self._ports.respond(conn, meta.request_id, 400, {}, DUPLICATE)
                return
            if self.burns or not is_fence:
                self.spent.add(text)
        super().on_bytes(conn, data, now_ns, meta)

    def arrive(self, now_ns):
        """The held order arrives; its answer reaches nobody."""
        if self.held is None:
            return
        (_, data, meta), self.held = self.held, None
        params = dict(parse_qsl(meta.target.partition("?")[2]))
        lost = HttpMeta(NOBODY, meta.method, meta.target, 0, meta.headers)
        self._take(-NOBODY, data, now_ns, lost, params, is_fence=False)
        self.tells()


class LateSide(RestAlone):
    """See the module's text."""

    absent = Absent.BY_FENCE
    system_id = 0

    def __init__(self, group):
        super().__init__(group)
        self.markets = {SPOT_ORDERS.name: market_of(self.absent)}

    def add(self, account, key, system_id):
        type(self).system_id = system_id
        super().add(account, key, system_id)

    def charges(self, ask):
        place = replace(ask, want=Want.PLACE) if ask.want is Want.FENCE else ask
        return super().charges(place)

    def ask(self, ask, way, stamp):
        if ask.want is not Want.FENCE:
            return super().ask(ask, way, stamp)
        if way is Way.SOCKET:
            return None
        command = typed_side.command(
            action=Action.NEW, side=Side.BUY, order_type=OrderType.LIMIT, px=10**6, qty=1,
            quote_qty=UNDEF, time_in_force=TimeInForce.GTC, client_order_id=ask.client_order_id,
        )  # fmt: skip
        return super().ask(replace(ask, want=Want.PLACE, orders=(command,)), way, stamp)

    def judge(self, ask, item):
        return judged(ask, item, super().judge(ask, item))


class LateKill(BinanceKill):
    """See the module's text."""

    absent = Absent.BY_FENCE

    def __init__(self, group, instruments):
        super().__init__(group, instruments)
        self.markets = {SPOT_ORDERS.name: market_of(self.absent)}
        self.window_ms = group.recv_window_ms

    def fence(self, account, market, symbol, client_text):
        number = ids.from_text(LateSide.system_id, client_text)
        if self.absent is not Absent.BY_FENCE:
            return ()
        values = {"text": client_text}
        return (
            Ask(
                Want.FENCE, account, market, symbol=symbol, client_order_id=number, values=values
            ),
        )  # fmt: skip

    def charges(self, ask):
        return (Charge("weight", ("",), 1),) if ask.want is Want.FENCE else super().charges(ask)

    def ask(self, ask, stamp):
        if ask.want is not Want.FENCE:
            return super().ask(ask, stamp)
        api_key, signer = self._keys[ask.account]
        pairs = {
            "symbol": ask.symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.0000001", "price": "100", "newClientOrderId": ask.values["text"],
            "recvWindow": self.window_ms, "timestamp": stamp.now_ms,
        }  # fmt: skip
        query = signed_query(signer, pairs.items())
        call = HttpCall("POST", f"{ORDER_PATH}?{query}", {"X-MBX-APIKEY": api_key})
        return Outgoing(call, self.charges(ask))

    def judge(self, ask, item):
        return judged(ask, item, super().judge(ask, item))


def install(monkeypatch, absent):
    """Everybody's facts and clients of the exchange; its server forgets that requests die."""
    monkeypatch.setattr(auth, "check_time", lambda params, now_ns: None)
    monkeypatch.setattr(LateSide, "absent", absent)
    monkeypatch.setattr(LateKill, "absent", absent)
    monkeypatch.setattr(start, "order_side", LateSide)
    monkeypatch.setattr(sweep, "kill_side", LateKill)
    monkeypatch.setattr(state, "order_market", lambda name: market_of(absent))
