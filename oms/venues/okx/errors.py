"""What OKX's answers prove: `sCode` or `code` and status -> verdict, reason, pause.

Source: www.okx.com/docs-v5, "Error Code" (REST API, WebSocket), texts shortened. Where an order has
its own `sCode`, that decides, else the answer's `code`. "Endpoint request timeout (does not mean
that the request was successful or failed)" names the rule of all UNKNOWN here.
"""

from __future__ import annotations

from oms.venues.reports import Ask, Item, Judgement, Pause, Verdict
from oms.venues.shared import judging
from oms.venues.shared.judging import Ruling
from shm_layout.enums import RejectReason as R

_REFUSED: dict[R, dict[int, str]] = {
    R.INSUFFICIENT_FUNDS: {
        51008: "insufficient balance, finer by subCode", 51017: "borrow amount exceeds the limit",
        51127: "available balance is 0", 51131: "insufficient balance",
        51132: "position amount is negative and below the minimum",
        59103: "leverage too low for the margin", 59108: "low leverage, insufficient margin",
        59109: "equity below the required margin",
    },
    R.PRICE_BAND: {
        51006: "order price is not within the price limit",
        51031: "not within the closing price range", 51109: "no available offer",
        51116: "order or trigger price exceeds", 51122: "price should be above the min price",
        51135: "closing price: above the max buy price",
        51136: "closing price: below the min sell price",
        51137: "opening price: above the max buy price",
        51138: "opening price: below the min sell price",
        51250: "algo order price is out of the available range",
        51252: "algo order price is out of the available range",
    },
    R.OFF_LOT: {
        51121: "should be a multiple of the lot size",
        51150: "the precision of the number or the price exceeds the limit",
    },
    R.QTY_BELOW_MIN: {
        51007: "at least 1 contract", 51020: "should be greater than the min available amount",
        51120: "order quantity is less than",
    },
    R.QTY_ABOVE_MAX: {
        51005: "order amount exceeds the limit", 51033: "total amount per order reached",
        51101: "exceeds the max order amount per transaction",
        51104: "exceeds the max pending amount of the underlying",
        51105: "exceeds the max order amount of the contract",
        51106: "exceeds the max order amount of the underlying",
        51112: "close order size exceeds the available size",
        51201: "value per market order cannot exceed 1,000,000 USDT",
        51202: "market order amount exceeds the max", 51203: "order amount exceeds the limit",
        51275: "amount of a stop-market order exceeds the limit",
    },
    R.NOTIONAL_BELOW_MIN: {54051: "below the minimum amount of rpi orders"},
    R.POSITION_LIMIT: {
        51004: "order amount exceeds the tier's limit, finer by subCode",
        51107: "exceeds the max holding amount",
        51108: "positions exceed the limit for closing at market",
        51129: "position and buy order have reached the position limit",
        54030: "platform limit of positions", 54031: "platform limit of positions",
        59106: "max available margin of the tier",
    },
    R.REDUCE_ONLY: {
        51023: "position does not exist", 51038: "an IOC order reduces the risk already",
        51058: "no position", 51125: "reduce and reverse orders are pending",
        51126: "reduce-only orders are pending", 51133: "reduce-only unavailable for spot",
        51139: "reduce-only unavailable for spot", 51148: "reduce-only cannot increase",
        51169: "no position to close", 51170: "wrong side for reduce-only",
        51171: "the edited order would reverse the position", 51205: "reduce-only is not available",
        51206: "cancel the reduce-only order first",
    },
    R.OPEN_ORDERS_LIMIT: {
        51025: "order count exceeds the limit", 51102: "exceeds the max pending count",
        51103: "exceeds the max pending count of the underlying",
        51117: "pending close-orders exceed the limit", 51174: "pending orders reach the limit",
        51260: "maximum of pending trail orders", 51261: "maximum of pending stop orders",
        51299: "maximum of orders of this type",
    },
    R.MARKET_STATUS: {
        50017: "frozen due to ADL: position", 50018: "frozen due to ADL: currency",
        50019: "frozen due to ADL: account", 50020: "frozen due to liquidation: position",
        50021: "frozen due to liquidation: currency", 50022: "frozen due to liquidation: account",
        50023: "funding fee frozen", 50033: "instrument is blocked",
        51021: "contract to be listed", 51022: "contract suspended", 51027: "contract expired",
        51028: "contract under delivery", 51029: "contract is being settled",
        51030: "funding fee is being settled", 51110: "limit orders after call auction began",
        51124: "limit orders alone during call auction",
        51404: "no cancelling in the second phase of call auction",
        51508: "no amending during call auction", 54092: "trading state",
    },
    R.WOULD_TAKE: {51511: "did not meet the requirement for post only"},
    R.UNKNOWN_INSTRUMENT: {
        51001: "instrument does not exist", 51002: "instrument does not match its index",
        51012: "token does not exist", 51014: "index does not exist",
        51015: "instrument does not match its type", 51026: "type does not match the index",
        51408: "pair does not match the order info",
    },
    R.UNSUPPORTED_ORDER: {
        51044: "order type cannot have stop loss and take profit",
        51046: "take-profit should be above the order price",
        51047: "stop-loss should be below the order price",
        51048: "take-profit should be below the order price",
        51049: "stop-loss should be above the order price",
        51050: "take-profit should be above the best ask",
        51051: "stop-loss should be below the best ask",
        51052: "take-profit should be below the best bid",
        51053: "stop-loss should be above the best bid",
        51276: "stop-market orders cannot specify a price",
        51277: "TP trigger above the last price", 51278: "SL trigger below the last price",
        51279: "TP trigger below the last price", 51280: "SL trigger above the last price",
        51281: "trigger orders know no tgtCcy", 51287: "contract not supported",
        51300: "TP trigger above the mark price", 51302: "SL trigger below the mark price",
        51303: "TP trigger below the mark price", 51304: "SL trigger above the mark price",
        51305: "TP trigger above the index price", 51306: "SL trigger below the index price",
        51307: "TP trigger below the index price", 51308: "SL trigger above the index price",
        51403: "the order type does not support cancellation",
        51413: "the order type is not supported by the endpoint",
        51415: "spot triggers look at the last price alone",
        51506: "the order type cannot be amended", 54036: "FOK does not go with cancel_both",
        59110: "the instrument type does not support tgtCcy",
    },
    R.BAD_SHAPE: {
        50000: "body can not be empty", 50002: "json data format error",
        50006: "invalid Content-Type", 50014: "parameter can not be empty",
        50015: "either parameter is required", 50016: "parameters do not match",
        50024: "parameters can not exist at the same time",
        50025: "parameter count exceeds the limit", 50115: "invalid request method",
        51000: "parameter error", 51003: "client order id or order id is required",
        51011: "duplicated order id", 51111: "too many orders in bulk",
        51204: "a limit order's price can not be empty", 51406: "too many orders to cancel",
        51407: "order id or client order id is required", 51409: "pair is required",
        51500: "order price or amount is required", 51501: "too many orders to amend",
        51600: "status not found", 51601: "status and order id together",
        51602: "status or order id is required", 60012: "illegal request", 60013: "invalid args",
        60018: "no such channel", 60019: "invalid op", 60027: "parameter can not be empty",
        60033: "parameter error",
    },
    R.EXPIRED_INTENT: {50036: "invalid expTime", 50037: "order expired"},
    R.KEY_REFUSED: {
        50007: "account blocked", 50008: "user does not exist", 50010: "user id is empty",
        50027: "the account is restricted from trading", 50028: "unable to take the order",
        50030: "no permission to use this API", 50035: "the key must be bound to an address",
        50100: "API frozen", 50101: "key does not match the environment",
        50103: "header OK_ACCESS_KEY is empty", 50104: "header OK_ACCESS_PASSPHRASE is empty",
        50105: "passphrase incorrect", 50106: "header OK_ACCESS_SIGN is empty",
        50107: "header OK_ACCESS_TIMESTAMP is empty", 50108: "exchange id does not exist",
        50109: "exchange domain does not exist", 50110: "address is not trusted",
        50111: "invalid key", 50113: "invalid signature", 50114: "invalid authorization",
        50118: "key of another kind", 50119: "key does not exist", 50120: "key may not do this",
        51009: "placing is blocked by the platform", 51024: "trading account is blocked",
        54094: "cooling-off period", 60005: "invalid key", 60007: "invalid sign",
        60009: "login failed", 60011: "please log in", 60024: "wrong passphrase",
        60031: "several log-ons on one connection", 60032: "key does not exist",
    },
    R.ACCOUNT_MODE: {
        50009: "account is suspended due to liquidation", 50012: "account status invalid",
        50032: "this asset is blocked", 50038: "unavailable in demo trading",
        51010: "not supported under the current account mode",
        51018: "option account: no net short positions",
        51019: "no net long positions in cross margin options",
        51037: "the account's risk allows IOC orders that reduce alone",
        51039: "leverage cannot be adjusted under portfolio margin",
        51041: "portfolio margin supports net mode alone",
        51128: "multi-currency margin cannot do cross margin",
        51130: "fixed margin currency error", 51298: "not in net mode",
        54000: "margin transactions unavailable", 59000: "positions or open orders in the way",
        59001: "borrowings in the way", 59101: "pending isolated orders in the way",
        59102: "leverage exceeds the maximum",
        59104: "leverage too high for the borrowed position", 59105: "leverage below the minimum",
        59107: "pending cross orders in the way", 59112: "pending orders in the way",
    },
    R.VENUE_REJECT: {
        51056: "action not allowed", 51115: "cancel all pending close-orders first",
        51134: "closing failed", 51341: "position closing not allowed",
        51342: "a closing order already exists", 51505: "not amended", 51507: "not amended",
        51513: "not more than 3 amends under way", 51514: "not amended",
    },
}  # fmt: skip
_OTHER: dict[Verdict, dict[int, str]] = {
    Verdict.NOT_OPEN: {
        51400: "cancellation failed: completed, canceled or not existing",
        51401: "already canceled", 51402: "already completed", 51405: "no pending orders",
        51503: "amend: completed, canceled or not existing", 51509: "amend: has been canceled",
        51510: "amend: has been completed", 51603: "order does not exist",
    },
    Verdict.UNKNOWN: {
        1: "operation failed", 2: "partially succeeded",
        50001: "service temporarily unavailable", 50004: "endpoint request timeout",
        50005: "API is offline or unavailable", 50026: "system error",
        51016: "duplicated clOrdId: ours are never used twice, so it was doubled on its way",
        50071: "clOrdId or clientId already exists", 51054: "getting information timed out",
        51149: "order timed out: neither success nor failure",
        51410: "already under cancelling", 51412: "triggered, cannot be cancelled; or timed out",
        54047: "amend: not decided", 54048: "cancel: not decided",
        51032: "closing all positions at market price", 63999: "internal system error",
        64007: "operation failed, a system's fault",
    },
}  # fmt: skip
_BUSY = Pause(("account",), 0, for_ms=2_000)
_SPECIAL: dict[int, Ruling] = {
    50102: Ruling(Verdict.REFUSED, R.CLOCK, "timestamp request expired", clock=True),
    50112: Ruling(Verdict.REFUSED, R.CLOCK, "invalid timestamp", clock=True),
    60004: Ruling(Verdict.REFUSED, R.CLOCK, "invalid timestamp", clock=True),
    60006: Ruling(Verdict.REFUSED, R.CLOCK, "timestamp request expired", clock=True),
    50011: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "requests too frequent", _BUSY),
    50013: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "system is busy", _BUSY),
    50040: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "too frequent operations", _BUSY),
    50061: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "orders of the sub-account", _BUSY),
    51113: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "closing at market too frequent", _BUSY),
    429: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "too many requests", _BUSY),
    60014: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "requests too frequent", _BUSY),
    60023: Ruling(Verdict.REFUSED, R.MESSAGE_RATE, "log-ons too frequent", _BUSY),
    64008: Ruling(
        Verdict.REFUSED, R.NOT_SENT, "the service will be upgraded, reconnect",
        Pause(("connection",), 0, close_sockets=True),
    ),
}  # fmt: skip

RULINGS = judging.rulings(_REFUSED, _OTHER, _SPECIAL)


def judge(ask: Ask, item: Item) -> Judgement:
    """See `judging.judge`."""
    return judging.judge(RULINGS, ask, item)
