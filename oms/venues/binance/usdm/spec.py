"""USD-M futures as data, for trading on them.

Sources: developers.binance.com/docs/derivatives/usds-margined-futures, pages named beside each
value; what is odd stands in QUIRKS.md. Weight and order counts are shared with COIN-M.
"""

from __future__ import annotations

from types import MappingProxyType

from oms.venues.binance.spec import FUTURES_BUCKETS, FUTURES_CONNECTIONS, FUTURES_WEIGHT
from oms.venues.data import (
    Absent,
    AmendWay,
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

NAME = "binance.usdm"
RECV_WINDOW_MS = 5_000
GTD_LEAST_MS = 601_000
"""New Order: goodTillDate lies more than 600 s ahead and counts in whole seconds."""
TRADES_LIMIT = 1_000
INCOME_LIMIT = 1_000
ORDERS_LIMIT = 1_000
HISTORY_WINDOW_MS = 7 * 86_400_000 - 1
"""Account-Trade-List: "the time between startTime and endTime can't be longer than 7 days"."""
WEIGHT_OPEN_ALL = 40
"""openOrders, openAlgoOrders without a symbol; 1 with one."""
WEIGHT_CONNECT = 5
CANCEL_BATCH_MAX = 10
PLACE_BATCH_MAX = 5

STATUSES = {
    "TRADING": "TRADING", "PENDING_TRADING": "PRE_OPEN", "PRE_DELIVERING": "DELISTING",
    "DELIVERING": "DELISTING", "PRE_SETTLE": "DELISTING", "SETTLING": "HALT", "DELIVERED": "HALT",
    "CLOSE": "HALT",
}  # fmt: skip
"""exchangeInfo: `status` of a symbol."""

CAPS = Capabilities(
    absent=Absent.AFTER_LIFETIME,
    order_types=frozenset(
        {
            OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY, OrderType.BEST, OrderType.STOP,
            OrderType.TAKE_PROFIT,
        }
    ),
    times_in_force=frozenset(
        {TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD}
    ),
    spaces=(OrderSpace.BOOK, OrderSpace.ALGO),
    self_trade=frozenset(
        {SelfTrade.CANCEL_MAKER, SelfTrade.CANCEL_TAKER, SelfTrade.CANCEL_BOTH}
    ),
    amend=AmendWay.IN_PLACE,
    place_proves=Proof.STATE,
    cancel_proves=Proof.STATE,
    batch_max=PLACE_BATCH_MAX,
    cancel_batch_max=CANCEL_BATCH_MAX,
    visible_ms=2_000,
    forgets_unfilled_ms=3 * 86_400_000,
    dead_man=DeadManSwitch(DeadMan.COUNTDOWN, "symbol"),
    timestamp_ahead_ms=1_000,
    links=(Role.EVENTS, Role.ORDERS),
    link_age_ms=24 * 3_600_000,
    statuses=statuses_of(STATUSES),
)  # fmt: skip

HOSTS = MappingProxyType(
    {
        "mainnet": Hosts(
            {
                Role.REST: "https://fapi.binance.com",
                Role.EVENTS: "wss://fstream.binance.com",
                Role.ORDERS: "wss://ws-fapi.binance.com",
            }
        ),
        "testnet": Hosts(
            {
                Role.REST: "https://demo-fapi.binance.com",
                Role.EVENTS: "wss://fstream.binancefuture.com",
                Role.ORDERS: "wss://testnet.binancefuture.com",
            }
        ),
    }
)

WEIGHT, CONNECTIONS = FUTURES_WEIGHT, FUTURES_CONNECTIONS
ORDERS_10S = "futures.orders_10s"
ORDERS_MINUTE = "futures.orders_minute"

ORDERS = OrderMarket(
    NAME, CAPS, Fees(200, 500, "quote"), HOSTS,
    (
        *FUTURES_BUCKETS,
        # The exchange's windows are fixed; ours slide, and fit each.
        Bucket(ORDERS_10S, ("account",), 300, 10_000, users={"orders": 100}),
        Bucket(ORDERS_MINUTE, ("account",), 1_200, 60_000, users={"orders": 100}),
    ),
    kind=InstrumentKind.LINEAR,
)  # fmt: skip
MARKETS = MappingProxyType({NAME: ORDERS})
