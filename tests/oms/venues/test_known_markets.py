"""What markets declare as data agrees with what their code does."""

import pytest

from oms.config import AccountConfig, GroupConfig
from oms.venues.binance.orders import BinanceOrders
from oms.venues.binance.usdm.orders import UsdmOrders
from oms.venues.bithumb.orders import BithumbOrders
from oms.venues.bybit.orders import BybitOrders
from oms.venues.coinone.orders import CoinoneOrders
from oms.venues.okx.orders import OkxOrders
from oms.venues.registry import known_markets
from oms.venues.reports import Reply
from oms.venues.upbit.orders import UpbitOrders

GROUP = GroupConfig(
    "binance", "binance", ("binance.spot",), "ws://h:1", "http://h:2",
    (AccountConfig("main", "k"),),
)  # fmt: skip
SIDES = {
    "binance.spot": lambda: BinanceOrders(GROUP),
    "binance.usdm": UsdmOrders,
    "bybit.spot": BybitOrders,
    "bybit.linear": BybitOrders,
    "okx.spot": OkxOrders,
    "okx.swap": OkxOrders,
    "upbit.spot": UpbitOrders,
    "bithumb.spot": BithumbOrders,
    "coinone.spot": CoinoneOrders,
}


def test_every_known_market_has_its_side_here():
    assert set(SIDES) == set(known_markets())


@pytest.mark.parametrize("name", SIDES)
def test_private_connections_are_those_that_the_market_declares(name):
    side, caps = SIDES[name](), known_markets()[name].caps
    links = side.links(("main",), {"main": Reply(token="abc")})
    assert {link.role for link in links} == set(caps.links)
    assert len(links) == len(caps.links)
    assert {link.age_max_ms for link in links} == {caps.link_age_ms}
    assert side.caps(name) is caps
