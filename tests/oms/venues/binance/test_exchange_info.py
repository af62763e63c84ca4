"""exchangeInfo -> INSTRUMENT_SPEC, against `decimal` and a recorded answer."""

import gzip
import json
from decimal import Decimal

import pytest

from oms.venues.binance.exchange_info import parse_exchange_info
from oms.venues.shared.listing import records_of
from oms.venues.trade_base import MalformedMessageError
from shm_layout.enums import MarketStatus, Venue
from tests.oms.agents.executor_desk import EXCHANGE_INFO
from tests.support import data_folder

NOW = 5


def parsed(message):
    return parse_exchange_info(json.dumps(message).encode())


def changed(filter_type, **values):
    message = json.loads(json.dumps(EXCHANGE_INFO))
    for entry in message["symbols"][0]["filters"]:
        if entry["filterType"] == filter_type:
            entry.update(values)
    return message


def said(spec, name):
    return Decimal(int(spec[name][0])).scaleb(-int(spec[f"{name}_digits"][0]))


def test_recorded_exchange_info_every_symbol_is_exact():
    (path,) = data_folder("cryptofeed").glob("binance_spot_exchangeInfo*.jsonl.gz")
    with gzip.open(path, "rt") as lines:
        raw = json.loads(next(lines))["raw"]
    symbols = {f"{s['baseAsset']}/{s['quoteAsset']}": s for s in json.loads(raw)["symbols"]}
    listed, _ = parse_exchange_info(raw.encode())
    assert {one.name for one in listed} == set(symbols)
    assert not [one for one in listed if one.left_out]
    for one in listed:
        symbol = symbols[one.name]
        filters = {f["filterType"]: f for f in symbol["filters"]}
        price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
        (spec,) = records_of(one, Venue.BINANCE_SPOT, NOW)
        assert said(spec, "tick") == Decimal(price["tickSize"])
        assert said(spec, "lot") == Decimal(lot["stepSize"])
        assert said(spec, "min_qty") == Decimal(lot["minQty"])
        assert said(spec, "max_qty") == Decimal(lot["maxQty"])
        assert said(spec, "min_notional") == Decimal(filters["MIN_NOTIONAL"]["minNotional"])
        trading = symbol["status"] == "TRADING" and symbol["isSpotTradingAllowed"]
        assert (int(spec["status"][0]) == MarketStatus.TRADING) == trading


def test_limits_of_the_list_are_read_beside_it():
    _, limits = parsed(EXCHANGE_INFO)
    assert {one.name: one.limit for one in limits}["orders_10s"] == 100


@pytest.mark.parametrize(
    ("filter_type", "values"),
    [
        ("PRICE_FILTER", {"tickSize": "0"}),
        ("PRICE_FILTER", {"tickSize": "0.0000000000001"}),
        ("PRICE_FILTER", {"tickSize": "abc"}),
        ("PRICE_FILTER", {"tickSize": 0.01}),
        ("LOT_SIZE", {"stepSize": "-1"}),
        ("LOT_SIZE", {"maxQty": None}),
        ("LOT_SIZE", {"minQty": "99999999999999999999"}),
        ("LOT_SIZE", {"stepSize": "0.0000000000001"}),
    ],
)
def test_filter_that_cannot_be_used_leaves_the_symbol_out(filter_type, values):
    (one,), _ = parsed(changed(filter_type, **values))
    if not one.left_out:
        with pytest.raises(ValueError, match=r"decimals|fit 64 bits|above zero|plain decimal"):
            records_of(one, Venue.BINANCE_SPOT, NOW)
    else:
        assert "cannot be used" in one.left_out


def test_symbol_that_does_not_trade_says_so():
    message = json.loads(json.dumps(EXCHANGE_INFO))
    message["symbols"][0]["status"] = "BREAK"
    (one,), _ = parsed(message)
    assert one.status == "HALT"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"symbols":[{}]}', b'{"symbols":5}'])
def test_answer_of_another_shape_is_malformed(body):
    with pytest.raises(MalformedMessageError, match="exchangeInfo"):
        parse_exchange_info(body)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], {}),
        ([("REQUEST_WEIGHT", "MINUTE", 1, 1200), ("ORDERS", "SECOND", 1, 20)],
         {"weight": 1200, "orders_10s": 200}),
        ([("REQUEST_WEIGHT", "MINUTE", 5, 6000), ("ORDERS", "DAY", 1, 99)],
         {"weight": 1200, "orders_day": 99}),
        ([("CONNECTIONS", "MINUTE", 5, 7), ("ORDERS", "SECOND", 10, -5)], {"connections": 7}),
    ],
)  # fmt: skip
def test_limits_of_the_list_come_in_our_intervals(given, expected):
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    limits = [dict(zip(names, one, strict=True)) for one in given]
    _, found = parsed(EXCHANGE_INFO | {"rateLimits": limits})
    assert {bucket.name: bucket.limit for bucket in found} == expected
