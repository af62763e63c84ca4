"""A scripted desk around one executor: the test plays risk on one side, the venue on the other."""

import json
from typing import Any

import numpy as np

from oms import ids
from oms.agents.executor.agent import ExecutorAgent
from oms.config import (
    AccountConfig,
    DeskConfig,
    GroupConfig,
    HostConfig,
    LimitsConfig,
    StrategyConfig,
    VenueConfig,
)
from oms.ports import ConnEvent, HttpMeta
from shm_layout.enums import (
    FLAG_RISK_STARTED,
    Action,
    ExecKind,
    OrderState,
    OrderType,
    RecordType,
    Side,
    TimeInForce,
)
from shm_layout.records import EXECUTION, NO_ID, ORDER_COMMAND, UNDEF
from shm_layout.ring import as_record
from tests.support import FakePorts, Memory

SYSTEM_ID = 77
EPOCH = 3
T0 = 1_723_161_600_000_000_000
MS = 1_000_000
S = 1_000_000_000

EXCHANGE_INFO = {
    "serverTime": T0 // MS,
    "rateLimits": [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10,
                    "limit": 100}],
    "symbols": [
        {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
         "isSpotTradingAllowed": True,
         "filters": [
             {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00",
              "tickSize": "0.01000000"},
             {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000",
              "stepSize": "0.00001000"},
             {"filterType": "NOTIONAL", "minNotional": "5.00000000"}]},
    ],
}  # fmt: skip


def config(accounts: int = 1, **group: Any) -> DeskConfig:
    names = tuple(AccountConfig(f"acc{k}", f"key{k}") for k in range(accounts))
    return DeskConfig(
        name="test", data_dir="var", durability="process-crash-safe",
        venues=(VenueConfig("binance.spot", "sim", "ws://h:1", "http://h:2", ("BTC/USDT",)),),
        groups=(GroupConfig("binance", "binance", ("binance.spot",), "ws://h:3/ws-api/v3",
                            "http://h:2", names, **group),),
        strategies=(StrategyConfig("mm", "mm", ("acc0",), ("binance.spot:BTC/USDT",)),),
        limits=LimitsConfig("1000", "5000", 500, 10, 10, 1000),
        host=HostConfig("h", ()),
    )  # fmt: skip


class Desk:
    """Memory, a clock, the executor, and the two parts that the test plays."""

    def __init__(self, desk_config: DeskConfig | None = None, capacity=None) -> None:
        self.config = desk_config or config()
        self.memory = Memory(capacity=capacity)
        self.now_ns = T0
        self.count = 0
        self.epoch = 0
        self.orders = self.memory.writer("orders.binance")
        self.executions = self.memory.reader("executions.binance", "risk")
        self.read: list[Any] = []
        self.conn = NO_ID
        self.cause: dict[int, int] = {}
        self.dead: set[int] = set()
        """Connections whose peer answers no ping."""

    # The executor's life

    def start(self, ready: bool = True, rows: bool = True) -> None:
        """A new incarnation, up to RECONCILED."""
        self.epoch += 1
        self.ports = FakePorts(self.memory, "executor.binance", self.epoch)
        self.agent = ExecutorAgent(self.config, "binance")
        self.agent.on_start(self.ports, self.now_ns)
        self.work()
        if rows:
            self.http(1, 200, EXCHANGE_INFO)
            self.register()
            self.advance(20 * MS)
        if ready:
            self.connect()
            self.reconcile()

    def work(self) -> None:
        for _ in range(1000):
            done = self.agent.do_work(self.now_ns)
            pinged, self.ports.pinged = self.ports.pinged, []
            for conn in pinged:
                if conn not in self.dead:
                    self.agent.on_conn(conn, ConnEvent.PONG, self.now_ns)
            if not done:
                break
        else:
            raise AssertionError("no end of work")
        assert self.agent.next_timer_ns() > self.now_ns, "its timer does not move on"
        for row in self.executions.poll(1 << 12):
            self.read.append(as_record(row))
            self.executions.release(1)

    def advance(self, ns: int) -> None:
        """Let time pass, stopping at each timer."""
        until = self.now_ns + ns
        while self.agent.next_timer_ns() <= until:
            self.now_ns = max(self.now_ns, self.agent.next_timer_ns())
            self.work()
        self.now_ns = until
        self.work()

    # Risk

    def register(self) -> None:
        self.register_rows()
        self.memory.table_writer("marks").write(1, currency_id=1, max_order=1000 * 10**8)
        self.memory.table_writer("limits").write(
            0,
            version=1,
            flags=FLAG_RISK_STARTED,
            max_order_notional=b"1000",
            max_position_notional=b"5000",
        )

    def register_rows(self) -> None:
        """As risk makes them while it reads its journal."""
        currencies = self.memory.table_writer("currencies")
        for k, code in enumerate((b"BTC", b"USDT")):
            currencies.write(k, currency_id=k, scale=8, code=code)
        self.memory.table_writer("instruments").write(
            0, instrument_id=0, venue=1, trading=1, px_scale=4, qty_scale=7,
            base_currency_id=0, quote_currency_id=1, notional_divisor=1000, tick=100, lot=100,
            symbol=b"BTCUSDT", name=b"BTC/USDT",
        )  # fmt: skip
        accounts = self.memory.table_writer("accounts")
        for k, account in enumerate(self.config.groups[0].accounts):
            accounts.write(
                k, account_id=k, exchange=1, group=0, enabled=1, system_id=SYSTEM_ID,
                name=account.name.encode(), key_name=account.key_name.encode(),
            )  # fmt: skip

    def command(self, action: Action = Action.NEW, **values: Any) -> int:
        """Write one command; returns its client order id."""
        if action is Action.NEW and "client_order_id" not in values:
            self.count += 1
        row = np.zeros(1, ORDER_COMMAND)
        base = {
            "type": RecordType.ORDER_COMMAND, "client_order_id": EPOCH << 40 | self.count,
            "instrument_id": 0, "account_id": 0, "action": action, "side": Side.BUY,
            "order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC,
            "px": 61000_0000, "qty": 10_0000, "quote_qty": UNDEF, "notional": 610_0000_0000,
            "valid_until_ns": self.now_ns + S, "journal_seq": 9, "risk_epoch": EPOCH,
        }  # fmt: skip
        for name, value in (base | values).items():
            row[name] = value
        client_order_id = int(row["client_order_id"][0])
        self.cause[client_order_id] = self.orders.pos
        assert self.orders.append(row[0])
        return client_order_id

    def order_row(self, index: int, client_order_id: int, state: OrderState, **values) -> None:
        base = {
            "client_order_id": client_order_id, "instrument_id": 0, "account_id": 0, "state": state,
            "ts_decide_ns": self.now_ns, "qty": 10_0000, "px": 61000_0000, "venue_cum_qty": UNDEF,
        }  # fmt: skip
        self.memory.table_writer("orders").write(index, **(base | values))

    def take(self, *kinds: ExecKind) -> list[Any]:
        """Executions read so far (of these kinds), and forget them."""
        rows = [r for r in self.read if r.dtype == EXECUTION]
        self.read = []
        return [r for r in rows if not kinds or int(r["kind"]) in kinds]

    # The venue

    @staticmethod
    def info() -> dict:
        return EXCHANGE_INFO

    def text(self, client_order_id: int) -> str:
        return ids.to_text(SYSTEM_ID, client_order_id)

    def http(self, request_id: int, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.agent.on_bytes(0, data, self.now_ns, HttpMeta(request_id, status=status))
        self.work()

    def connect(self) -> None:
        self.conn = self.ports.opened[-1][0]
        self.agent.on_conn(self.conn, ConnEvent.OPENED, self.now_ns)
        self.work()
        for number, frame in enumerate(self.asked("userDataStream.subscribe.signature")):
            self.answer(frame, {"subscriptionId": number})

    def rest(self, path: str) -> list[dict]:
        """REST requests for this path so far."""
        return [r for r in self.ports.requested if r["target"].partition("?")[0] == path]

    def asked(self, method: str | None = None) -> list[dict]:
        """Frames sent since the last look, of this method; the others stay."""
        found, left = [], []
        for conn, data in self.ports.sent:
            frame = json.loads(data)
            hit = conn == self.conn and method in (None, frame["method"])
            (found if hit else left).append(frame if hit else (conn, data))
        self.ports.sent = left
        return found

    def push(self, message: Any) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.agent.on_bytes(self.conn, data, self.now_ns)
        self.work()

    def answer(self, frame: dict, result: Any, status: int = 200, limits: Any = ()) -> None:
        said = {"id": frame["id"], "status": status, "result": result, "rateLimits": list(limits)}
        self.push(said)

    def refuse(self, frame: dict, status: int, code: int, text: str = "", **data: Any) -> None:
        error = {"code": code, "msg": text} | ({"data": data} if data else {})
        self.push({"id": frame["id"], "status": status, "error": error})

    def reconcile(self, orders=(), trades=(), statuses=None, balances=None) -> None:
        """Answer everything that a reconciliation asks."""
        held = (
            [{"asset": "USDT", "free": "1000.0", "locked": "0"}] if balances is None else balances
        )
        for _ in range(50):
            frames = self.asked()
            if not frames:
                return
            for frame in frames:
                params, method = frame.get("params", {}), frame["method"]
                if method == "openOrders.status":
                    self.answer(frame, list(orders))
                elif method == "account.status":
                    self.answer(frame, {"balances": held})
                elif method == "myTrades":
                    order_id, first = params.get("orderId"), params.get("fromId", 0)
                    chosen = [t for t in trades if order_id in (None, t["orderId"])]
                    chosen = [t for t in chosen if t["id"] >= first]
                    self.answer(frame, chosen)
                elif method == "order.status":
                    key = params.get("origClientOrderId", params.get("orderId"))
                    if key in (statuses or {}):
                        self.answer(frame, statuses[key])
                    else:
                        self.refuse(frame, 400, -2013, "Order does not exist.")
                else:
                    raise AssertionError(method)

    def order(self, client_order_id: int | str, status: str = "NEW", **values: Any) -> dict:
        text = client_order_id if isinstance(client_order_id, str) else self.text(client_order_id)
        base = {
            "symbol": "BTCUSDT", "orderId": 500, "orderListId": -1, "clientOrderId": text,
            "transactTime": self.now_ns // MS, "price": "61000.00000000", "origQty": "0.01000000",
            "executedQty": "0.00000000", "cummulativeQuoteQty": "0.0", "status": status,
            "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
        }  # fmt: skip
        return base | values

    def trade(self, trade_id: int, order_id: int = 500, qty: str = "0.00400000", **values) -> dict:
        base = {
            "symbol": "BTCUSDT", "id": trade_id, "orderId": order_id, "price": "61000.00",
            "qty": qty, "quoteQty": "244.00000000", "commission": "0.24400000",
            "commissionAsset": "USDT", "time": self.now_ns // MS, "isBuyer": True, "isMaker": True,
        }  # fmt: skip
        return base | values

    def event(self, client_order_id: int | str, what: str, status: str, **values: Any) -> None:
        text = client_order_id if isinstance(client_order_id, str) else self.text(client_order_id)
        base = {
            "e": "executionReport", "E": self.now_ns // MS, "s": "BTCUSDT", "c": text, "S": "BUY",
            "o": "LIMIT", "f": "GTC", "q": "0.01000000", "p": "61000.00000000", "C": "", "x": what,
            "X": status, "r": "NONE", "i": 500, "l": "0.00000000", "z": "0.00000000",
            "L": "0.00000000", "n": "0", "N": None, "T": self.now_ns // MS, "t": -1, "m": False,
            "Y": "0.00000000",
        }  # fmt: skip
        self.push({"subscriptionId": 0, "event": base | values})

    def fill(self, client_order_id: int, trade_id: int, **values: Any) -> None:
        self.event(client_order_id, "TRADE", values.pop("X", "PARTIALLY_FILLED"),
                   **({"l": "0.00400000", "L": "61000.00000000", "z": "0.00400000", "t": trade_id,
                       "Y": "244.00000000", "n": "0.24400000", "N": "USDT", "m": True}
                      | values))  # fmt: skip


def kinds(rows: list[Any]) -> list[str]:
    return [ExecKind(int(row["kind"])).name for row in rows]
