"""OKX's markets as data, for trading on them: spot and swap of one account of level 2.

Sources: www.okx.com/docs-v5, sections named beside each value; what is odd stands in QUIRKS.md.
Regions and the demo have hosts and keys of their own: the host is configuration.
"""

from __future__ import annotations

from types import MappingProxyType

from oms.venues.data import (
    Absent,
    AmendWay,
    BookWay,
    Bucket,
    Capabilities,
    DeadMan,
    DeadManSwitch,
    Fees,
    Hosts,
    OrderMarket,
    Proof,
    Role,
    statuses_of,
)
from shm_layout.enums import InstrumentKind, OrderSpace, OrderType, SelfTrade, TimeInForce

INST_TYPES = {"okx.spot": "SPOT", "okx.swap": "SWAP"}
MARKETS_BY_TYPE = {kind: name for name, kind in INST_TYPES.items()}
MARGIN_MODES = {"okx.spot": "cash", "okx.swap": "cross"}
"""`tdMode` of an account of level 2 (order-book-trading-trade)."""

LIFETIME_MS = 5_000
"""`expTime`, past which places and amends are not processed."""
CLOCK_SPAN_MS = 30_000
"""REST refuses a time stamp that is further off (overview-rest-authentication)."""
PAGE = 100
FILLS_RECENT_MS = 3 * 86_400_000
"""trade/fills; older ones are in fills-history, six times as scarce."""
HISTORY_MS = 7 * 86_400_000
"""orders-history, account/bills."""
ALGO_KINDS = ("conditional,oco", "trigger", "move_order_stop", "iceberg", "twap", "chase")
"""`ordType` of orders-algo-pending, which shows one kind a question (algo-trading)."""
CANCEL_ALGOS_MAX = 10

STATUSES = {
    "live": "TRADING", "suspend": "HALT", "preopen": "PRE_OPEN", "rebase": "HALT",
    "post_only": "POST_ONLY", "test": "HALT", "settling": "HALT", "expired": "HALT",
}  # fmt: skip
"""public-data "Get instruments": `state`."""

_COMMON = {
    "absent": Absent.AFTER_LIFETIME,
    "order_types": frozenset(
        {
            OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY, OrderType.STOP,
            OrderType.TAKE_PROFIT,
        }
    ),
    "times_in_force": frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
    "spaces": (OrderSpace.BOOK, OrderSpace.ALGO),
    "self_trade": frozenset(
        {SelfTrade.CANCEL_MAKER, SelfTrade.CANCEL_TAKER, SelfTrade.CANCEL_BOTH}
    ),
    "amend": AmendWay.IN_PLACE,
    "place_proves": Proof.RECEIVED,
    "cancel_proves": Proof.RECEIVED,
    "batch_max": 20,
    "cancel_batch_max": 20,
    "settle_ms": 1_000,
    "visible_ms": 1_000,
    "forgets_unfilled_ms": 2 * 3_600_000,
    "client_id_chars": 32,
    "dead_man": DeadManSwitch(DeadMan.COUNTDOWN, "account", 10_000, 120_000),
    "open_list_max": PAGE,
    "links": (Role.BOTH, Role.EVENTS),
    "statuses": statuses_of(STATUSES),
}  # fmt: skip
SPOT_CAPS = Capabilities(
    amount_orders=frozenset({"buy", "sell"}),
    **_COMMON,  # type: ignore[arg-type]  # values of several types, each of its field's
)
SWAP_CAPS = Capabilities(
    **_COMMON,  # type: ignore[arg-type]  # as above
)


def _hosts(rest: str, socket: str) -> Hosts:
    return Hosts({Role.REST: rest, Role.BOTH: socket, Role.EVENTS: socket, Role.MARKET: socket})


HOSTS = MappingProxyType(
    {
        "mainnet": _hosts("https://openapi.okx.com", "wss://ws.okx.com"),
        "testnet": _hosts("https://openapi.okx.com", "wss://wspap.okx.com"),
    }
)
"""Port 443; testnet is the demo, whose REST is told apart by a header."""
DEMO_HEADER = ("x-simulated-trading", "1")

_TWO_SECONDS_MS = 2_000


_ORDERS = {"orders": 100}
_CANCELS = {"cancels": 80, "kill": 20}
_QUERIES = {"reconciliation": 100}
_LISTS = {"reconciliation": 70, "kill": 30}
_BY_INSTRUMENT = ("account", "instrument")
_BY_ACCOUNT = ("account",)


def _by(keys: tuple[str, ...], users: dict[str, int], **limits: int) -> tuple[Bucket, ...]:
    return tuple(
        Bucket(name, keys, limit, _TWO_SECONDS_MS, users) for name, limit in limits.items()
    )


BUCKETS = (
    *_by(_BY_INSTRUMENT, _ORDERS, place=60, amend=60, place_batch=300, amend_batch=300),
    *_by(_BY_INSTRUMENT, _CANCELS, cancel=60, cancel_batch=300),
    *_by(_BY_INSTRUMENT, _QUERIES, query=60),
    *_by(_BY_ACCOUNT, _ORDERS, orders_of_account=1_000, algo_place=20),
    *_by(_BY_ACCOUNT, _CANCELS, algo_cancel=20),
    *_by(_BY_ACCOUNT, _LISTS, pending=60, algo_query=20),
    *_by(_BY_ACCOUNT, _QUERIES, history=40, fills=60, fills_history=10, balance=10, bills=5,
         config=5, leverage=20, fee=5),
    Bucket("public", ("egress",), 20, _TWO_SECONDS_MS,
           users={"snapshots": 75, "reconciliation": 20, "kill": 5}),
    Bucket("dead_man", ("account", "tag"), 1, 1_000, _QUERIES),
    Bucket("connects", ("egress",), 3, 1_000, users={"connections": 100}),
    Bucket("operations", ("connection",), 480, 3_600_000, _QUERIES),
)  # fmt: skip

SPOT = OrderMarket(
    "okx.spot", SPOT_CAPS, Fees(800, 1_000, "got"), HOSTS, BUCKETS,
    book=BookWay.SNAPSHOT_STREAMED,
)  # fmt: skip
SWAP = OrderMarket(
    "okx.swap", SWAP_CAPS, Fees(200, 500, "quote"), HOSTS, BUCKETS,
    kind=InstrumentKind.LINEAR, book=BookWay.SNAPSHOT_STREAMED,
)  # fmt: skip
MARKETS = MappingProxyType({market.name: market for market in (SPOT, SWAP)})
