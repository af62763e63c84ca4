"""Bybit's markets as data, for trading on them: spot and linear of one unified account.

Sources: bybit-exchange.github.io/docs/v5, pages named beside each value; what is odd stands in
QUIRKS.md. Country sites have hosts of their own: the host is configuration.
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

CATEGORIES = {"bybit.spot": "spot", "bybit.linear": "linear"}
MARKETS_BY_CATEGORY = {category: name for name, category in CATEGORIES.items()}
SETTLE_COINS = ("USDT", "USDC")
"""linear lists are asked for by settlement coin (order/open-order, position/position)."""

RECV_WINDOW_MS = 5_000
PAGE_ORDERS = 50
PAGE_FILLS = 100
PAGE_POSITIONS = 200
PAGE_LISTING = 1_000
HISTORY_WINDOW_MS = 7 * 86_400_000
"""order/order-list, order/execution: "endTime - startTime <= 7 days"."""
EGRESS_PAUSE_MS = 600_000
"""rate-limit: after HTTP 403 "access too frequent" all sessions stop for ten minutes."""

STATUSES = {
    "Trading": "TRADING", "PreLaunch": "PRE_OPEN", "Delivering": "DELISTING", "Closed": "HALT",
}  # fmt: skip
"""enum: `status` of an instrument."""

_MODES = frozenset(
    {SelfTrade.NONE, SelfTrade.CANCEL_MAKER, SelfTrade.CANCEL_TAKER, SelfTrade.CANCEL_BOTH}
)
_DEAD_MAN = DeadManSwitch(
    way=DeadMan.DISCONNECT, by="every private connection that subscribes dcp.*",
    least_ms=3_000, most_ms=300_000, on_request=True,
)  # fmt: skip
_TIMES = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})

_COMMON = {
    "absent": Absent.AFTER_LIFETIME,
    "times_in_force": _TIMES,
    "self_trade": _MODES,
    "amend": AmendWay.IN_PLACE,
    "place_proves": Proof.RECEIVED,
    "cancel_proves": Proof.RECEIVED,
    "settle_ms": 2_000,
    "visible_ms": 2_000,
    "forgets_unfilled_ms": 24 * 3_600_000,
    "client_id_chars": 36,
    "dead_man": _DEAD_MAN,
    "open_list_max": PAGE_ORDERS,
    "links": (Role.EVENTS, Role.ORDERS),
    "statuses": statuses_of(STATUSES),
}

LINEAR_CAPS = Capabilities(
    order_types=frozenset(
        {
            OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY, OrderType.STOP,
            OrderType.TAKE_PROFIT,
        }
    ),
    spaces=(OrderSpace.BOOK, OrderSpace.CONDITIONAL),
    batch_max=20,
    cancel_batch_max=20,
    **_COMMON,  # type: ignore[arg-type]  # values of several types, each of its field's
)  # fmt: skip
SPOT_CAPS = Capabilities(
    order_types=frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY}),
    spaces=(OrderSpace.BOOK, OrderSpace.CONDITIONAL, OrderSpace.ALGO),
    amount_orders=frozenset({"buy", "sell"}),
    batch_max=10,
    cancel_batch_max=10,
    **_COMMON,  # type: ignore[arg-type]  # as above
)

FILTERS = {
    OrderSpace.BOOK: "Order", OrderSpace.CONDITIONAL: "StopOrder", OrderSpace.ALGO: "tpslOrder",
}  # fmt: skip
"""`orderFilter` (enum): ALGO is spot's TP/SL, whose assets are locked at once."""


def _hosts(rest: str, stream: str) -> Hosts:
    return Hosts({Role.REST: rest, Role.EVENTS: stream, Role.ORDERS: stream, Role.MARKET: stream})


HOSTS = MappingProxyType(
    {
        "mainnet": _hosts("https://api.bybit.com", "wss://stream.bybit.com"),
        "testnet": _hosts("https://api-testnet.bybit.com", "wss://stream-testnet.bybit.com"),
    }
)

_SECOND_MS = 1_000
_SHARED_BUCKETS = (
    Bucket("rest", ("egress",), 600, 5_000),
    Bucket("socket", ("egress",), 3_000, _SECOND_MS, users={"orders": 60, "cancels": 40}),
    Bucket("connects", ("egress",), 500, 300_000, users={"connections": 100}),
    Bucket("query", ("account", "market", "endpoint"), 50, _SECOND_MS,
           users={"reconciliation": 80, "kill": 20}),
    Bucket("log", ("account",), 25, _SECOND_MS, users={"reconciliation": 100}),
    Bucket("setting", ("account", "endpoint"), 5, _SECOND_MS, users={"reconciliation": 100}),
)  # fmt: skip


def _per_second(market: str, **limits: int) -> tuple[Bucket, ...]:
    """New and amended orders are an executor's; cancels also a kill's."""
    return tuple(
        Bucket(
            f"{market}.{name}", ("account",), limit, _SECOND_MS,
            users={"cancels": 80, "kill": 20} if "cancel" in name else {"orders": 100},
        )
        for name, limit in limits.items()
    )  # fmt: skip


LINEAR = OrderMarket(
    "bybit.linear", LINEAR_CAPS, Fees(200, 550, "quote"), HOSTS,
    _SHARED_BUCKETS + _per_second(
        "linear", place=10, amend=10, cancel=10, place_batch=10, amend_batch=10, cancel_batch=10,
        cancel_all=10,
    ),
    kind=InstrumentKind.LINEAR, book=BookWay.SNAPSHOT_STREAMED,
)  # fmt: skip
SPOT = OrderMarket(
    "bybit.spot", SPOT_CAPS, Fees(1_000, 1_000, "got"), HOSTS,
    _SHARED_BUCKETS + _per_second(
        "spot", place=20, amend=10, cancel=20, place_batch=20, amend_batch=20, cancel_batch=20,
        cancel_all=20,
    ),
    book=BookWay.SNAPSHOT_STREAMED,
)  # fmt: skip

MARKETS = MappingProxyType({market.name: market for market in (SPOT, LINEAR)})
