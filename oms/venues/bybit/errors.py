"""What Bybit's answers prove: `retCode` and status -> verdict, reason, pause.

Source: docs/v5/error, by its sections "HTTP Code", "WS OE General code", "UTA" (10xxx, 110xxx) and
"Spot Trade" (170xxx), texts shortened; codes of loans, earn, conversion, RFQ and spreads are of
calls that are not made here. An acknowledged order has an id and nothing more (order/create-order:
"the acknowledgement ... is an asynchronous request"), so what is not a refusal by name is UNKNOWN.
"""

from __future__ import annotations

from oms.venues.bybit.spec import EGRESS_PAUSE_MS
from oms.venues.reports import Ask, Item, Judgement, Pause, Verdict
from oms.venues.shared import judging
from oms.venues.shared.judging import Ruling
from shm_layout.enums import RejectReason as R

CODE_NOT_LISTED = -404_000
"""Ours: a question whose answer is an empty list, in the last place where there is to look."""
HTTP_TOO_FREQUENT = 403

_REFUSED: dict[R, dict[int, str]] = {
    R.INSUFFICIENT_FUNDS: {
        110004: "wallet balance is insufficient",
        110006: "assets unable to cover the position margin",
        110007: "available balance is insufficient",
        110012: "insufficient available balance",
        110014: "insufficient available balance to add margin",
        110044: "available margin is insufficient",
        110045: "wallet balance is insufficient",
        110051: "balance cannot cover the lowest price of the market",
        110052: "available balance is insufficient to set the price",
        110053: "balance cannot cover the market price and upper limit",
        170033: "margin: insufficient account balance",
        170034: "liability overflow in spot leverage",
        170131: "balance insufficient",
        170207: "the loan amount of the platform is not enough",
        170346: "settle coin is not a collateral coin",
    },
    R.PRICE_BAND: {
        30208: "price is higher than the maximum buying price",
        30209: "price is lower than the minimum selling price",
        110003: "order price exceeds the allowable range",
        110116: "price of a leg exceeds the limit price",
        110120: "order price cannot be smaller than the price limitation",
        110121: "order price cannot be higher than the price limitation",
        170132: "order price too high",
        170133: "order price lower than the minimum",
        170192: "order price cannot be higher than",
        170193: "buy order price cannot be higher than",
        170194: "sell order price cannot be lower than",
        170195: "ETP buy price deviates from risk control",
        170196: "ETP sell price deviates from risk control",
        170203: "trigger price cannot be higher than 110 %",
        170204: "trigger price cannot be lower than 90 %",
        170371: "order price cannot be lower than the price limitation",
        170372: "order price cannot be higher than the price limitation",
    },
    R.OFF_TICK: {
        110049: "ticks can only be numbers",
        170134: "order price decimal too long",
    },
    R.OFF_LOT: {
        170137: "order volume decimal too long",
        170148: "market order amount decimal too long",
    },
    R.QTY_BELOW_MIN: {170136: "order quantity lower than the minimum"},
    R.QTY_ABOVE_MAX: {
        110022: "quantity has been restricted",
        170124: "order amount too large",
        170197: "order quantity to buy is too large",
        170198: "order quantity to sell is too large",
        170199: "order quantity to buy is too large for the nav",
        170200: "order quantity to sell is too large for the nav",
        170228: "purchase amount exceeds the estimated maximum",
        170229: "sell quantity exceeds the estimated maximum",
        170341: "request order quantity exceeds maximum limit",
        170381: "order quantity too large",
        170382: "order quantity too large",
    },
    R.NOTIONAL_BELOW_MIN: {
        110094: "order notional value below the lower limit",
        170140: "order value exceeded lower limit",
    },
    R.POSITION_LIMIT: {
        30256: "margin limit exceeded under LTV constraints",
        110011: "liquidation would be triggered by this adjustment",
        110013: "leverage not allowed by the risk limit level",
        110021: "position limits due to open interest",
        110039: "maintenance margin rate is too high",
        110040: "the order would trigger a forced liquidation",
        110085: "the risk limit has been updated, select another",
        110086: "order leverage exceeds the current risk tier",
        110087: "leverage exceeds the institutional loan's",
        110089: "exceeds the maximum risk limit level",
        110090: "position may exceed the max limit, adjust leverage",
        110107: "leverage exceeds the limit for inverse contracts",
        110131: "margin limit exceeded under LTV constraints",
        170010: "exceeds the position limit of leveraged tokens",
        170011: "exceeds the position limit of innovation tokens",
        170019: "the current available limit",
        3400139: "positions and orders exceed the risk limit",
    },
    R.REDUCE_ONLY: {
        110017: "order quantity would be truncated to zero (reduce-only)",
        110034: "there is no net position",
    },
    R.OPEN_ORDERS_LIMIT: {
        110009: "number of stop orders exceeds the maximum",
        110020: "not more than 500 active orders",
        110061: "not more than 20 TP/SLs under partial mode",
        170810: "not more than 500 conditional, TP/SL and active orders",
    },
    R.MARKET_STATUS: {
        30228: "no new positions during delisting",
        110023: "you can only reduce your position on this contract",
        110042: "pre-delivery: you can only reduce your position",
        110063: "settlement in progress",
        110066: "trading is currently not allowed",
        110074: "this contract is not live",
        110098: "call auction: GTC alone",
        110099: "call auction: no TP/SL",
        110103: "only post-only orders are available at this stage",
        110118: "no price for the market order, low liquidity",
        110137: "event futures: reduce-only before settlement",
        170031: "the feature has been suspended",
        170151: "the trading pair is not open yet",
        170157: "the trading pair is not available for api trading",
        170159: "no market orders within the first minutes",
        170206: "no stop-limit within the first minutes",
        170217: "only LIMIT-MAKER is supported for the pair",
    },
    R.WOULD_TAKE: {170218: "LIMIT-MAKER rejected due to invalid price"},
    R.UNKNOWN_INSTRUMENT: {
        10029: "the requested symbol is invalid, check the whitelist",
        110050: "invalid coin",
        110070: "ETP symbols cannot be traded",
        170121: "invalid symbol",
        170221: "this coin does not exist",
        170344: "symbol is not supported on margin trading",
        170709: "trading pair is not in the whitelist",
    },
    R.UNSUPPORTED_ORDER: {
        10404: "op type not found, or category not supported",
        110092: "expect rising, but the trigger price is below the market",
        110093: "expect falling, but the trigger price is above the market",
        110108: "allowable range: 1 to 10000 tick size",
        110109: "allowable range: 0.01 % to 10 %",
        110119: "RPI orders are restricted to approved market makers",
        170115: "invalid timeInForce",
        170116: "invalid orderType",
        170117: "invalid side",
        170145: "this order type does not support cancellation",
        170201: "invalid orderFilter",
        170202: "please enter the TP/SL price",
        170227: "this feature is not supported",
        170312: "the current order does not support modification",
        170355: "RPI orders are restricted to approved market makers",
    },
    R.BAD_SHAPE: {
        400: "bad request", 404: "cannot find path, or category does not match account mode",
        10001: "request parameter error", 10014: "invalid duplicate request",
        10017: "route not found", 20006: "reqId is duplicated",
        110018: "user id is illegal", 110019: "order id is illegal", 110032: "order is illegal",
        110057: "order contains TP/SL related params",
        110064: "modified quantity not above the filled quantity",
        170105: "parameter was empty", 170130: "data sent for parameter is not valid",
        170313: "modified quantity below the filled quantity",
    },
    R.KEY_REFUSED: {
        -2015: "(spot) your api key has expired", 401: "invalid request: key or parameters",
        33004: "(derivatives) your api key has expired",
        10003: "API key is invalid; on a socket, too many sessions of the UID",
        10004: "error sign", 10005: "permission denied", 10007: "user authentication failed",
        10009: "not available for your region", 10010: "unmatched IP",
        10024: "compliance rules triggered", 10027: "transactions are banned",
        110124: "restricted by a cooling-off period", 110132: "not available in your region",
        170209: "pair is only available in other regions", 170348: "please go to another site",
    },
    R.ACCOUNT_MODE: {
        10008: "common banned, check your account mode",
        10028: "only for unified account users", 100028: "not for unified account users",
        110005: "position status error", 110015: "position is in cross margin mode",
        110024: "existing position: mode cannot be switched",
        110028: "open orders: position mode cannot be switched",
        110029: "hedge mode is not supported for this symbol",
        110067: "unified account is not supported", 110068: "leveraged trading is not allowed",
        110069: "ins lending customer is not allowed to trade",
        110073: "set margin mode failed", 110077: "portfolio margin cannot support it",
        110080: "LTV of institutional lending: restricted", 110088: "upgrade to UTA to trade",
        110096: "pre-market: no portfolio margin", 110097: "pre-market: UTA users alone",
        110101: "enable the settlement asset as collateral",
        110123: "agree to the trading terms", 110125: "agree to the trading terms first",
        170036: "margin trading is not enabled", 170037: "coin not supported on margin",
        170219: "UID is not available to this feature",
        170223: "institutional lending: alert or liquidation",
        170226: "margin account is being liquidated", 170241: "read the risk disclosure first",
    },
    R.VENUE_REJECT: {
        110026: "margin mode has not been modified", 110027: "margin has not been modified",
        110035: "cancellation was not completed before liquidation",
        110095: "no create, modify or cancel in the call auction",
        110100: "no pre-market perpetuals in demo trading",
        170144: "order has been locked", 170149: "create order failed",
        170150: "cancel order failed", 170210: "new order rejected",
        170311: "order modification failed",
    },
}  # fmt: skip
_OTHER: dict[Verdict, dict[int, str]] = {
    Verdict.DONE: {
        34040: "not modified: it is set already", 110025: "position mode has not been modified",
        110043: "leverage has not been modified",
    },
    Verdict.NOT_OPEN: {
        CODE_NOT_LISTED: "in no list",
        110001: "order does not exist", 110008: "order has been completed or cancelled",
        110010: "order has been cancelled", 170139: "order has been filled",
        170142: "order has been cancelled", 170143: "cannot be found on order book",
        170190: "cancel order has been finished", 170213: "order does not exist",
    },
    Verdict.UNKNOWN: {
        10000: "server timeout", 10016: "internal server error, or restarting",
        40004: "the order was modified meanwhile, check its status",
        110072: "orderLinkId is duplicate: ours are never used twice, so it was doubled on its way",
        110079: "the order is processing, try again later",
        170001: "internal error", 170007: "timeout waiting for the backend server",
        170032: "network error", 170035: "submitted to the system for processing",
        170141: "duplicate clientOrderId, as 110072",
        170146: "order creation timeout", 170147: "order cancellation timeout",
        170191: "can not cancel order, try again later",
        170212: "cancel order request processing", 170234: "system error",
        170310: "order modification timeout",
    },
}  # fmt: skip
_BUSY = Pause(("account",), 0, for_ms=1_000)
_SPECIAL: dict[int, Ruling] = {
    -1: Ruling(Verdict.REFUSED, R.CLOCK, "request expired", clock=True),
    10002: Ruling(Verdict.REFUSED, R.CLOCK, "time exceeds the time window", clock=True),
    10006: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "exceeded the API rate limit", _BUSY),
    10403: Ruling(
        Verdict.REFUSED, R.MESSAGE_RATE, "IP rate limit of the order socket",
        Pause(("egress",), 0, for_ms=1_000),
    ),
    HTTP_TOO_FREQUENT: Ruling(
        Verdict.REFUSED, R.MESSAGE_RATE, "forbidden: IP rate limit, or address not allowed",
        Pause(("egress",), 0, cancels_pass=False, close_sockets=True, for_ms=EGRESS_PAUSE_MS),
    ),
    429: Ruling(Verdict.UNKNOWN, words="system level frequency protection", pause=_BUSY),
    10429: Ruling(Verdict.UNKNOWN, words="system level frequency protection", pause=_BUSY),
    10018: Ruling(
        Verdict.REFUSED, R.MESSAGE_RATE, "exceeded the IP rate limit",
        Pause(("egress",), 0, for_ms=1_000),
    ),
    10019: Ruling(
        Verdict.REFUSED, R.NOT_SENT, "service restarts: new requests on a new connection",
        Pause(("connection",), 0, close_sockets=True),
    ),
    20003: Ruling(
        Verdict.REFUSED, R.MESSAGE_RATE, "too frequent requests under one session",
        Pause(("connection",), 0, for_ms=1_000),
    ),
    30035: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "too fast to cancel", _BUSY),
    170005: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "too many new orders", _BUSY),
    170222: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "too many requests in this time", _BUSY),
}  # fmt: skip

RULINGS = judging.rulings(_REFUSED, _OTHER, _SPECIAL)

REJECT_WORDS: dict[str, R] = {
    "": R.UNSET, "EC_NoError": R.UNSET, "UNKNOWN": R.UNSET,
    "EC_PostOnlyWillTakeLiquidity": R.WOULD_TAKE,
    "EC_BySelfMatch": R.SELF_TRADE,
    "EC_InvalidSymbolStatus": R.MARKET_STATUS,
    "EC_OrigClOrdIDDoesNotExist": R.UNSET, "EC_TooLateToCancel": R.UNSET,
    "EC_PerCancelRequest": R.UNSET, "EC_NoImmediateQtyToFill": R.UNSET,
    "EC_NoEnoughQtyToFill": R.UNSET, "EC_CancelForNoFullFill": R.UNSET,
}  # fmt: skip
"""`rejectReason` of an order (enum): why it ended, where that is no cancel of ours. A word that is
not here stays in the record's text."""


def judge(ask: Ask, item: Item) -> Judgement:
    """See `judging.judge`."""
    return judging.judge(RULINGS, ask, item)
