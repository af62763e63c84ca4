"""Binance's markets under one name: what comes from spot and what from futures is told by its
path, its title or its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.oracles.base import Outcome
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import binance_spot as spot
from tests.oracles.exchanges import usdm
from tests.oracles.exchanges.binance_requests import QUIRKS
from tests.oracles.exchanges.binance_spot import judge, judge_code, listed_code
from tests.oracles.exchanges.usdm_requests import COINM, params_of, signed_again

__all__ = ["QUIRKS", "judge", "judge_code", "listed_code", "params_of", "signed_again"]
_FUTURES = ("/fapi/", "/dapi/", "/eapi/", "/papi/", "/vapi/", "/futures/")
_EVENTS = frozenset(
    {"ORDER_TRADE_UPDATE", "ALGO_UPDATE", "ACCOUNT_UPDATE", "MARGIN_CALL", "TRADE_LITE",
     "ACCOUNT_CONFIG_UPDATE", "listenKeyExpired", "CONDITIONAL_ORDER_TRIGGER_REJECT",
     "STRATEGY_UPDATE", "GRID_UPDATE"}
)  # fmt: skip


def judge_request(
    where: str, method: str, path: str, params: Mapping[str, Any], rules: Divergences,
    outcome: Outcome,
) -> None:  # fmt: skip
    """By its path."""
    one = usdm if path.startswith(_FUTURES) else spot
    one.judge_request(where, method, path, params, rules, outcome)


def judge_reply(
    where: str, method: str, path: str, status: int, raw: str, outcome: Outcome
) -> None:
    """By its path."""
    one = usdm if path.startswith(_FUTURES) else spot
    one.judge_reply(where, method, path, status, raw, outcome)


def judge_push(where: str, raw: str, outcome: Outcome) -> None:
    """By its title, or by its fields."""
    message = json.loads(raw)
    event = message.get("data", message) if isinstance(message, dict) else {}
    named = isinstance(event, dict) and event.get("e") in _EVENTS
    coins = isinstance(event, dict) and "pair" in event
    if "CoinFutures" in where or coins:
        usdm.QUIRKS.unsupported(outcome, COINM)
    elif named or "UsdFutures" in where:
        usdm.judge_push(where, raw, outcome)
    else:
        spot.judge_push(where, raw, outcome)


def judge_sent(where: str, raw: str, rules: Divergences, outcome: Outcome) -> None:
    """Spot's."""
    spot.judge_sent(where, raw, rules, outcome)
