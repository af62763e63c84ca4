"""What Coinone's error codes prove (docs.coinone.co.kr: docs/error codes V2.1, texts shortened).

Every answer comes under HTTP 200, so the body decides. Signed requests have no time and never
expire; "does not exist" just after placing is no proof of absence. What is not listed proves
nothing of a request that acts (`shared/judging.py`).
"""

from __future__ import annotations

from dataclasses import replace

from oms.venues.reports import Ask, Item, Judgement, Pause, Verdict
from oms.venues.shared import judging
from shm_layout.enums import RejectReason as R

NO_JSON = -1
"""Ours: an answer that is no JSON, under whatever status: an outage, or a path that is wrong."""
TOO_MANY = 4
SERVER_ERROR = 405
_PAUSE_MS = 1_000

_REFUSED: dict[R, dict[int, str]] = {
    R.MESSAGE_RATE: {TOO_MANY: "blocked user access"},
    R.KEY_REFUSED: {
        8: "request access is blocked", 10: "access is blocked", 11: "access token is missing",
        12: "invalid access token", 20: "key is missing", 21: "invalid key", 22: "key is expired",
        23: "key is blocked", 24: "key is not allowed", 25: "permission is missing",
        26: "permission is missing", 27: "permission is missing", 28: "permission is missing",
        29: "permission is missing", 40: "the scope is missing", 50: "identity is not verified",
        51: "API is withdrawn", 52: "real name account is not verified",
        120: "V2 API payload is missing", 121: "V2 API signature is missing",
        122: "V2 API nonce is missing", 123: "V2 API signature is not correct",
        315: "not for portfolios",
    },
    R.MARKET_STATUS: {53: "refused by market monitoring"},
    R.BAD_SHAPE: {
        101: "invalid format", 107: "parameter value is wrong", 130: "nonce is missing",
        131: "nonce must rise", 133: "nonce is no UUID", 161: "price is missing",
        162: "qty is missing", 163: "post_only is missing", 164: "trigger_price is missing",
        165: "amount is missing", 202: "parameter is missing", 300: "invalid order information",
        313: "order_id and user_order_id: both or neither", 314: "user_order_id is malformed",
        316: "range is invalid", 317: "size is invalid",
    },
    R.UNSUPPORTED_ORDER: {
        166: "unsupported order type", 167: "trigger equals the present price",
        1202: "order/info knows limit orders only",
    },
    R.UNKNOWN_INSTRUMENT: {108: "unknown cryptocurrency", 109: "unknown pair"},
    R.INSUFFICIENT_FUNDS: {103: "lack of balance"},
    R.OFF_TICK: {105: "price is not correct", 310: "not on the price unit"},
    R.OFF_LOT: {311: "not on the quantity unit"},
    R.PRICE_BAND: {
        111: "price is too far from the present one", 301: "above the band", 302: "below the band",
        303: "outside the band", 304: "outside the band", 308: "price is out of range",
    },
    R.QTY_BELOW_MIN: {113: "quantity is too low", 305: "quantity is below the least"},
    R.QTY_ABOVE_MAX: {114: "quantity is above the most", 309: "quantity is out of range"},
    R.POSITION_LIMIT: {115: "holding and open orders are over the cap"},
    R.NOTIONAL_BELOW_MIN: {306: "below the least amount"},
    R.NOTIONAL_ABOVE_MAX: {307: "above the largest amount"},
}  # fmt: skip
_OTHER: dict[Verdict, dict[int, str]] = {
    Verdict.NOT_FOUND: {104: "order id does not exist"},
    Verdict.NOT_OPEN: {116: "already traded", 117: "already canceled"},
    Verdict.UNKNOWN: {
        118: "already submitted", 132: "the nonce was used before",
        312: "the user_order_id was used before", SERVER_ERROR: "server error",
        NO_JSON: "an answer that is no JSON",
    },
}  # fmt: skip
RULINGS = judging.rulings(_REFUSED, _OTHER, {})


def judge(ask: Ask, item: Item, bucket: str) -> Judgement:
    """Code 4 also says that access is blocked: what shares the request's bucket waits."""
    found = judging.judge(RULINGS, ask, item)
    if item.code != TOO_MANY:
        return found
    whose = (ask.account,) if ask.account else ()
    return replace(found, pause=Pause((bucket, *whose), 0, for_ms=_PAUSE_MS))
