"""By which ways a market takes orders, as its facts say it, is what its order side writes."""

import pytest

from oms.config import AccountConfig, GroupConfig
from oms.ports import Key
from oms.venues.binance.orders import BinanceOrders
from oms.venues.data import Way
from oms.venues.reports import Ask, HttpCall, Stamp, Want
from tests.oms.venues import typed_side
from tests.oms.venues.binance.usdm import test_orders_out as usdm
from tests.oms.venues.bithumb import test_orders as bithumb
from tests.oms.venues.bybit import test_orders_out as bybit
from tests.oms.venues.coinone import test_orders as coinone
from tests.oms.venues.okx import test_orders_out as okx
from tests.oms.venues.order_sides import command as krw
from tests.oms.venues.upbit import test_orders as upbit

BINANCE = "binance.spot"
STAMP = Stamp(typed_side.NOW_MS, 41, "6f1f8a52-26c4-4a4b-9d3c-8d2f4a4d0b77")


def binance():
    group = GroupConfig("b", "binance", (BINANCE,), "w", "r", (AccountConfig("main", "k"),))
    made = BinanceOrders(group)
    made.add("main", Key("k", "api", b"secret"), typed_side.SYSTEM_ID)
    return made


def spot_ask():
    return Ask(Want.PLACE, "main", BINANCE, bybit.PAIR, orders=(typed_side.command(),))


SIDES = {
    BINANCE: (binance, spot_ask),
    "binance.usdm": (usdm.side, lambda: usdm.place(typed_side.command())),
    bybit.LINEAR: (bybit.side, lambda: bybit.place(typed_side.command())),
    bybit.SPOT: (
        bybit.side,
        lambda: bybit.place(typed_side.command(), market=bybit.SPOT),
    ),
    okx.SWAP: (okx.side, lambda: okx.place(typed_side.command())),
    okx.SPOT: (okx.side, lambda: okx.place(typed_side.command(), market=okx.SPOT)),
    "upbit.spot": (lambda: upbit.SIDE, lambda: upbit.place(krw(**upbit.LIMIT))),
    "bithumb.spot": (lambda: bithumb.SIDE, lambda: bithumb.place(krw(**bithumb.LIMIT))),
    "coinone.spot": (lambda: coinone.SIDE, lambda: coinone.place(krw(**coinone.LIMIT))),
}


@pytest.mark.parametrize("market", SIDES)
@pytest.mark.parametrize("way", Way)
def test_order_is_written_for_the_ways_that_the_market_takes_and_no_other(market, way):
    side, asked = (make() for make in SIDES[market])
    made = side.ask(asked, way, STAMP)
    assert (made is not None) == (way in side.caps(market).ways)
    if made is not None:
        assert isinstance(made.body, HttpCall if way is Way.REST else bytes)
