"""binance.spot for the conformance suite."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from oms.config import DeskConfig
from oms.exchange.engine.engine import Capacity
from oms.exchange.flow import HOUSE_ACCOUNTS
from oms.exchange.live import LiveMarket
from oms.exchange.market import MONEY_DIGITS, spec_from_config
from oms.venues.binance.server import links as server_links
from oms.venues.data import Way
from shm_layout.enums import OrderType
from tests.conformance.venues.base import ConformanceVenue, Oddity, Stop, Where
from tests.conformance.venues.binance_spot_samples import SAMPLES
from tests.oms.sim.whole_desk import BALANCES, whole_config

NAME = "binance.spot"
SOCKET = "ws_api"
COIN = "BNB"


def config(
    seed: int,
    *,
    drop_reply_one_in: int = 0,
    flow_events_per_s: int = 0,
    fee_coin: str = "",
    **sim: Any,
) -> DeskConfig:
    """One market maker's desk on BTC/USDT; `sim`: values of the simulated exchange's config."""
    made = whole_config(
        seed, drop_reply_one_in=drop_reply_one_in, flow_events_per_s=flow_events_per_s
    )
    if fee_coin:
        sim["balances"] = {**BALANCES, fee_coin: "1000"}
    sims = (dataclasses.replace(made.sims[0], **sim),)
    return dataclasses.replace(made, sims=sims)


def short_days(monkeypatch: Any, lifetime_ns: int, warning_ns: int) -> None:
    """Connections end so early."""
    monkeypatch.setattr(server_links, "LIFETIME_NS", lifetime_ns)
    monkeypatch.setattr(server_links, "WARNING_NS", warning_ns)


def market(config: DeskConfig) -> LiveMarket | None:
    """Where the config gives accounts the fee coin, one that charges its fees in it."""
    (sim,) = config.sims
    if COIN not in sim.balances:
        return None
    accounts = len(config.account_names())
    made = LiveMarket(
        [spec_from_config(one) for one in sim.instruments], accounts, sim.balances,
        (sim.maker_fee_e6, sim.taker_fee_e6), None,
        Capacity(1 << 12, 1 << 11, accounts + HOUSE_ACCOUNTS, 1 << 10), fee_coin=COIN,
    )  # fmt: skip
    unit = 10**MONEY_DIGITS
    made.engine.set_coin_px(made.assets.index("USDT"), unit, 260 * unit)
    made.engine.set_coin_px(made.assets.index("BTC"), 230 * unit, unit)
    for account in range(accounts):
        made.engine.set_fee_coin(account, on=True)
    return made


def symbol(name: str) -> str:
    """BTC/USDT is BTCUSDT."""
    return name.replace("/", "")


def relisted(body: bytes, oddities: Sequence[Oddity]) -> bytes | None:
    """exchangeInfo with the rows of these changed."""
    message = json.loads(body)
    if not isinstance(message, dict) or "symbols" not in message:
        return None
    for odd in oddities:
        row = next(one for one in message["symbols"] if one["symbol"] == symbol(odd.name))
        changes = dict(odd.changes)
        for kind, values in changes.pop("filters", {}).items():
            known = [one for one in row["filters"] if one["filterType"] == kind]
            if not known:
                row["filters"].append({"filterType": kind, **values})
            for one in known:
                one.update(values)
        row.update(changes)
    return json.dumps(message).encode()


VENUE = ConformanceVenue(
    name=NAME,
    config=config,
    place={
        Way.SOCKET: Where(SOCKET, "order.place"), Way.REST: Where("rest", "POST /api/v3/order"),
    },
    cancel={
        Way.SOCKET: Where(SOCKET, "order.cancel"),
        Way.REST: Where("rest", "DELETE /api/v3/order"),
    },
    order_event=Where(SOCKET, "executionReport"),
    book=Where("stream", "*@depth*"),
    stops=(
        Stop("429", {"kind": "http_429", "retry_after_s": 4}, "egress", cancels_pass=True),
        Stop("418", {"kind": "http_418", "retry_after_s": 4}, "egress", cancels_pass=False),
        Stop(
            "too_many_orders", {"kind": "http_5xx", "status": 429, "code": -1015}, "account",
            cancels_pass=True,
        ),
    ),
    unsupported=OrderType.STOP,
    short_days=short_days,
    relisted=relisted,
    symbol=symbol,
    oddities=(
        Oddity("FINE/USDT", {"filters": {"PRICE_FILTER": {"tickSize": "0." + "0" * 12 + "1"}}},
               left_out=True),
        Oddity("BAD/USDT", {"filters": {"LOT_SIZE": {"stepSize": "abc"}}}, left_out=True),
        Oddity("HALT/USDT", {"status": "BREAK"}, left_out=False),
        Oddity("RULED/USDT", {"filters": {"NEXT_YEARS_RULE": {"most": "7"}}}, left_out=False,
               trades=True),
    ),
    samples=SAMPLES,
    market=market,
    fee_coin=COIN,
)  # fmt: skip
