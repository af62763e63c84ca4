"""What USD-M's answers prove: code, text and status -> verdict, reason, pause.

Source: usds-margined-futures/error-code, general-info ("HTTP Return Codes"), texts shortened. 503
comes in three kinds: "Unknown error, please check your request or try again later" says that the
order may have been executed; "Service Unavailable." and "Internal error; unable to process your
request" say that it failed for certain, and so does -1008.
"""

from __future__ import annotations

import re
from dataclasses import replace

from oms.venues.reports import Ask, Item, Judgement, Pause, Verdict
from oms.venues.shared import judging
from oms.venues.shared.judging import Ruling
from shm_layout.enums import RejectReason as R

_STATUS_UNAVAILABLE = 503
_STATUS_TIMEOUT = 408
_BANNED = re.compile(r"banned until (\d{13})")
_CERTAIN_TEXTS = ("service unavailable", "internal error; unable to process")

_REFUSED: dict[R, dict[int, str]] = {
    R.INSUFFICIENT_FUNDS: {
        -2018: "balance is insufficient", -2019: "margin is insufficient",
        -2024: "position is not sufficient", -4050: "cross balance insufficient",
        -4051: "isolated balance insufficient",
    },
    R.WOULD_TAKE: {-5022: "post only would have been executed as taker"},
    R.PRICE_BAND: {
        -4002: "price greater than max price", -4013: "price less than min price",
        -4007: "stop price greater than max price", -4016: "above the mark price multiplier cap",
        -4024: "below the mark price multiplier floor", -4131: "counterparty's best price off",
        -4183: "above the stop price multiplier cap", -4184: "below the stop multiplier floor",
        -4210: "stop price above the multiplier cap", -4211: "stop price below the floor",
        -5041: "no depth matches this BBO order", -4001: "price less than 0",
    },
    R.OFF_TICK: {
        -1111: "precision is over the maximum", -4014: "price not increased by tick size",
    },
    R.OFF_LOT: {-4023: "quantity not increased by step size"},
    R.QTY_BELOW_MIN: {-4003: "quantity less than zero", -4004: "quantity less than min"},
    R.QTY_ABOVE_MAX: {-4005: "quantity greater than max"},
    R.NOTIONAL_BELOW_MIN: {
        -4164: "notional must be no smaller", -5029: "amended notional must be no smaller",
    },
    R.POSITION_LIMIT: {
        -2027: "maximum position at current leverage", -2028: "leverage smaller than permitted",
        -4401: "rule of large positions: reduce-only alone",
    },
    R.REDUCE_ONLY: {
        -2022: "reduce-only order is rejected", -2026: "order type not with reduce-only",
        -4062: "improper reduceOnly value", -4118: "reduce-only margin check failed",
        -4138: "reduce only must be true with closePosition",
    },
    R.OPEN_ORDERS_LIMIT: {
        -2025: "max open order limit", -4045: "max stop order limit",
        -4032: "maximum cancel order size", -5026: "maximum amends of an order",
    },
    R.MARKET_STATUS: {
        -1122: "invalid symbol status", -2016: "no trading window", -2023: "user in liquidation",
        -4000: "invalid order status", -4022: "market status is not valid",
        -4087: "user can only place reduce-only orders", -4088: "user can not place orders",
        -4105: "symbol is reduce-only", -4106: "buys are reduce-only",
        -4107: "sells are reduce-only", -4140: "symbol status: no opening",
        -4141: "symbol is closed", -4189: "account is reduce-only on the symbol",
        -4400: "quantitative rules: reduce-only alone", -5024: "symbol is not trading: no amend",
    },
    R.UNKNOWN_INSTRUMENT: {
        -1108: "invalid asset", -1110: "invalid symbolType", -1121: "invalid symbol",
        -1126: "asset not supported", -4144: "invalid pair",
    },
    R.UNSUPPORTED_ORDER: {
        -1014: "unsupported order combination", -1020: "operation is not supported",
        -1112: "no orders on book", -1114: "timeInForce when not required",
        -1115: "invalid timeInForce", -1116: "invalid orderType", -1117: "invalid side",
        -1128: "parameters do not go together", -1136: "invalid newOrderRespType",
        -2020: "unable to fill", -2021: "would immediately trigger",
        -4006: "stop price less than zero", -4020: "target strategy invalid for the type",
        -4031: "invalid working type", -4084: "method is not allowed yet",
        -4120: "order type is for the algo endpoints",
        -4135: "invalid activation price", -4137: "quantity with closePosition",
        -4139: "order type can not be market", -4142: "would be triggered immediately",
        -5025: "limit orders alone", -5037: "invalid price match",
        -5038: "price match with other types alone", -5039: "invalid self-trade mode",
        -5040: "goodTillDate too near or too far",
    },
    R.BAD_SHAPE: {
        -1004: "this IP is on the white list already", -1005: "no such IP",
        -1010: "error message received", -1013: "invalid message",
        -1023: "start time after end time", -1100: "illegal characters",
        -1101: "too many parameters", -1102: "mandatory parameter missing",
        -1103: "unknown parameter", -1104: "unread parameters", -1105: "parameter empty",
        -1106: "parameter not required", -1113: "amount must be negative",
        -1118: "client order id empty", -1119: "original client order id empty",
        -1120: "invalid interval", -1127: "interval too big",
        -1130: "invalid data for a parameter", -4015: "client order id is not valid",
        -4021: "invalid depth limit", -4082: "invalid batch size",
        -4104: "invalid contract type", -4114: "client tran id is not valid",
        -4115: "client tran id is duplicated", -4165: "invalid time interval",
    },
    R.KEY_REFUSED: {
        -1002: "not authorized", -1011: "IP cannot access this route", -1022: "invalid signature",
        -1099: "not found, unauthenticated, or unauthorized", -1109: "invalid account",
        -2014: "API-key format invalid", -2015: "invalid key, IP or permissions",
        -2017: "API keys are locked", -4056: "invalid api key type",
        -4057: "invalid api public key", -4109: "inactive account",
        -4192: "cooling-off period", -4402: "not available in your region",
        -4403: "leverage limited in your region",
    },
    R.ACCOUNT_MODE: {
        -4027: "invalid account type", -4028: "leverage is not valid",
        -4047: "margin type: open orders in the way", -4048: "margin type: position in the way",
        -4049: "add margin for isolated alone", -4053: "auto add margin for isolated alone",
        -4054: "no position to add margin to", -4055: "amount must be positive",
        -4060: "invalid position side",
        -4061: "position side does not match the setting",
        -4067: "position side: open orders in the way", -4068: "position side: position in the way",
        -4161: "isolated: leverage cannot be lowered", -4167: "multi-assets with isolated margin",
        -4168: "isolated under multi-assets", -4169: "multi-assets: insufficient balance",
        -4170: "multi-assets: open orders", -4172: "multi-assets: negative balance",
        -4202: "leverage needs verification", -4203: "leverage: young account",
        -4205: "leverage: young account", -4206: "leverage limited by country",
        -4208: "leverage limited by service", -4209: "leverage limited by symbol",
    },
    R.VENUE_REJECT: {
        -2010: "new order rejected", -2012: "batch cancel failure", -4083: "batch failed",
        -5021: "FOK could not be filled", -5043: "a pending amend exists",
        -5027: "no need to modify the order",
    },
}  # fmt: skip
_OTHER: dict[Verdict, dict[int, str]] = {
    Verdict.DONE: {
        200: "success", -4046: "no need to change margin type",
        -4052: "no need to change auto add margin", -4059: "no need to change position side",
        -4171: "no need to change multi-assets mode",
    },
    Verdict.NOT_OPEN: {-2011: "unknown order sent", -2013: "order does not exist"},
    Verdict.UNKNOWN: {
        -1000: "unknown error", -1006: "unexpected response: execution status unknown",
        -1007: "timeout: execution status unknown", -1016: "service is no longer available",
        -4116: "clientOrderId is duplicated: ours are never used twice, so it was doubled",
        -4117: "stop order is triggering",
    },
}  # fmt: skip
_EGRESS = Pause(("egress",), 0, for_ms=60_000)
_SPECIAL: dict[int, Ruling] = {
    -1001: Ruling(Verdict.REFUSED, R.VENUE_REJECT, "internal error; unable to process",
                  Pause(("account",), 0, for_ms=1_000)),
    -1003: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "too many requests", _EGRESS),
    -1008: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "overloaded; cancels and reduce-only pass",
                  Pause(("account",), 0, for_ms=1_000)),
    -1015: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "too many new orders",
                  Pause(("account",), 0, for_ms=10_000)),
    429: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "request weight of the address", _EGRESS),
    418: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "address banned",
                Pause(("egress",), 0, cancels_pass=False, close_sockets=True, for_ms=120_000)),
    403: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "web firewall",
                Pause(("egress",), 0, cancels_pass=False, for_ms=120_000)),
    -1021: Ruling(Verdict.REFUSED, R.CLOCK, "outside of the recvWindow", clock=True),
    -5028: Ruling(Verdict.REFUSED, R.CLOCK, "outside of the engine's recvWindow", clock=True),
    -1125: Ruling(Verdict.REFUSED, R.KEY_REFUSED, "listenKey does not exist: make a new one"),
}  # fmt: skip

RULINGS = judging.rulings(_REFUSED, _OTHER, _SPECIAL)


def judge(ask: Ask, item: Item) -> Judgement:
    """See `judging.judge`. Without a code the status decides, and of 503 its text."""
    code = item.code or (item.status if item.status in RULINGS and item.status > 0 else 0)
    if not item.code and item.status == _STATUS_UNAVAILABLE:
        certain = any(words in item.text.lower() for words in _CERTAIN_TEXTS)
        code = -1001 if certain else -1000
    if not item.code and item.status == _STATUS_TIMEOUT:
        code = -1007
    found = judging.judge(RULINGS, ask, replace(item, code=0 if code == _OK else code))
    banned = _BANNED.search(item.text)
    if banned and found.pause is not None:
        return replace(found, pause=replace(found.pause, until_ms=int(banned[1]), for_ms=0))
    return found


_OK = 200
