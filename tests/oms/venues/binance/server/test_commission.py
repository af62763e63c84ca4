"""Fees as commission_faq.md reckons them: from what is received, or in the fee coin at a discount.

The document's rates are finer than the millionths here, so its numbers are scaled: 0.0006 in place
of 0.0000006 of 35,000 * 0.49975. Its text takes 25 % *off* the rate ("reduced by this rate"), its
example multiplies by 0.25; the text is what the venue's own fee page says, too.
"""

from __future__ import annotations

import pytest

from oms.config import SimInstrumentConfig
from oms.exchange.engine.terms import Capacity
from oms.exchange.live import LiveMarket
from oms.exchange.market import MONEY_DIGITS, spec_from_config
from tests.oms.venues.binance.server.exchange_client import Client
from tests.oms.venues.binance.server.test_server_orders import limit, send

BTC = SimInstrumentConfig(
    "BTCUSDT", "BTC", "USDT", "0.1", "0.00001", "0.00001", "9000", "0.0001", "35000"
)
UNIT = 10**MONEY_DIGITS


def make_client(coins):
    balances = {"BTC": "1", "USDT": "100000", "BNB": coins}
    market = LiveMarket(
        [spec_from_config(BTC)], 2, balances, (400, 600), None,
        Capacity(orders=256, levels_per_side=64, accounts=8), fee_coin="BNB",
    )  # fmt: skip
    market.engine.set_coin_px(market.assets.index("USDT"), UNIT, 260 * UNIT)
    client = Client(market=market)
    client.market.engine.set_fee_coin(0, True)
    return client


def sell(client):
    send(client, key="kbob", **limit("BUY", "35000", "0.49975"))
    placed = send(client, side="SELL", type="MARKET", quantity="0.49975", newOrderRespType="FULL")
    (fill,) = placed["fills"]
    return fill["commission"], fill["commissionAsset"]


def test_commission_is_taken_from_what_is_received():
    client = make_client("10")
    client.market.engine.set_fee_coin(0, False)
    assert sell(client) == ("10.49475000", "USDT")
    (trade,) = send(client, "/api/v3/myTrades", method="GET")
    assert (trade["commission"], trade["quoteQty"]) == ("10.49475000", "17491.25000000")
    free = client.signed("GET", "/api/v3/account")[1]["balances"][1]["free"]
    assert free == "117480.75525000"


def test_commission_in_the_fee_coin_is_discounted():
    client = make_client("10")
    assert sell(client) == ("0.03027331", "BNB"), "10.49475 / 260 * 0.75, rounded down"
    balances = client.signed("GET", "/api/v3/account")[1]["balances"]
    assert [row["free"] for row in balances[1:]] == ["117491.25000000", "9.96972669"]


def test_commission_in_full_where_the_fee_coin_does_not_suffice():
    assert sell(make_client("0.03")) == ("10.49475000", "USDT")


@pytest.mark.parametrize(("path", "key"), [("account/commission", "standardCommission")])
def test_commission_rates_are_shown(path, key):
    client = make_client("10")
    rates = send(client, f"/api/v3/{path}", method="GET")
    assert (rates[key]["maker"], rates[key]["taker"]) == ("0.00040000", "0.00060000")
    assert rates["discount"] == {
        "enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB",
        "discount": "0.25000000",
    }  # fmt: skip
    test = send(
        client, "/api/v3/order/test", side="SELL", type="MARKET", quantity="0.1",
        computeCommissionRates="true",
    )  # fmt: skip
    assert test["standardCommissionForOrder"] == {"maker": "0.00040000", "taker": "0.00060000"}
    client.market.engine.set_tier_fees(3, 0, 100, 200)
    client.market.engine.set_tier(0, 3)
    tiered = send(client, f"/api/v3/{path}", method="GET")[key]
    assert (tiered["maker"], tiered["taker"]) == ("0.00010000", "0.00020000")
