"""The runner of exchange-core's scenarios, on scenarios of our own."""

from __future__ import annotations

import json

from tests.oracles.readers.exchange_core import ExchangeCoreReader

BID = "BID order {} at {} (type: {}, symbol: ETH_XBT, reservePrice: {})"
ASK = "ASK order {} at {} (type: {}, symbol: ETH_XBT)"


def outcome_of(tmp_path, *steps):
    """Steps are texts, or (text, table)."""
    listed = [
        {"kw": "And", "text": step} if isinstance(step, str) else
        {"kw": "And", "text": step[0], "table": step[1]} for step in steps
    ]  # fmt: skip
    path = tmp_path / "made.json"
    path.write_text(json.dumps([{"name": "ours", "steps": listed}]))
    return ExchangeCoreReader().read([path])


def test_runner_refuses_for_lack_of_funds_and_reserves_at_the_reserve_price(tmp_path):
    made = outcome_of(
        tmp_path,
        ("New client Ann has a balance:", [["XBT", "1999"]]),
        "A client Ann could not place an " + BID.format(1, "90@2", "GTC", 100) + " due to RISK_NSF",
        "1 XBT is added to the balance of a client Ann",
        "A client Ann places an " + BID.format(1, "90@2", "GTC", 100),
        ("A balance of a client Ann:", [["XBT", "0"]]),
        "A client Ann could not move a price to 101 of the order 1 due to "
        "MATCHING_MOVE_FAILED_PRICE_OVER_RISK_LIMIT",
        "A client Ann moves a price to 100 of the order 1",
        "A client Ann moves a price to 80 of the order 1",
        ("An ETH_XBT order book is:", [["bid", "price", "ask"], ["2", "80", ""]]),
        ("New client Ben has a balance:", [["ETH", "200000"]]),
        "A client Ben could not place an " + ASK.format(2, "80@3", "IOC") + " due to RISK_NSF",
        "A client Ben places an " + ASK.format(2, "70@1", "IOC"),
        "The order 1 is partially matched. LastPx: 80, LastQty: 1, bidderHoldPrice: 100",
        ("A balance of a client Ann:", [["XBT", "200"], ["ETH", "100000"]]),
        ("A client Ann orders:", [["id", "price", "size", "filled", "reservePrice", "side"],
                                  ["1", "80", "2", "1", "100", "BID"]]),
        "A client Ann cancels the remaining size 1 of the order 1",
        ("A balance of a client Ann:", [["XBT", "1200"]]),
        "A client Ann does not have active orders",
    )  # fmt: skip
    assert made.differences == []
    assert (made.agreed, made.unread) == (18, {})


def test_runner_suspends_and_finds_clients(tmp_path):
    made = outcome_of(
        tmp_path,
        ("Users and their balances:", [["user", "asset", "balance"], ["Cat", "XBT", "1000"]]),
        'Suspend Cat who has balances will return '
        '"USER_MGMT_USER_NOT_SUSPENDABLE_NON_EMPTY_ACCOUNTS"',
        'Status of Cat is "ACTIVE"',
        "A client Cat places an " + BID.format(7, "50@2", "GTC", 50),
        "Suspend Cat who has no balances",
        'Query Cat will return "USER_NOT_FOUND"',
    )  # fmt: skip
    assert made.differences == []
    assert made.agreed == 6


def test_runner_says_what_it_found_and_what_it_cannot_read(tmp_path):
    made = outcome_of(
        tmp_path,
        ("New client Dan has a balance:", [["XBT", "1000"]]),
        ("A balance of a client Dan:", [["XBT", "999"]]),
        "A client Dan dances",
        "No trade events",
    )
    assert (made.agreed, made.disagreed) == (1, 1)
    assert sum(made.unread.values()) == 2
