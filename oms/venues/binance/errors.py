"""What Binance's answers prove: error code and status -> verdict and reason.

Sources, all of binance-spot-api-docs: errors.md (codes and their texts; the wording that decides
stands beside each entry), rest-api.md "HTTP Return Codes" and web-socket-api.md "Response format":
"4XX ... the issue is on the sender's side", "5XX ... the issue is on Binance's side. It is
important to NOT treat this as a failure operation; the execution status is UNKNOWN and could have
been a success". So a 4XX that is not listed is a definite refusal, a 5XX never is.
"""

from __future__ import annotations

from oms.venues.reports import Judgement, Verdict
from shm_layout.enums import RejectReason

HTTP_SERVER_ERROR = 500

CODE_TOO_MANY_ORDERS = -1015
CODE_TIMESTAMP = -1021

VERDICTS: dict[int, Verdict] = {
    -1000: Verdict.UNKNOWN,  # "An unknown error occurred while processing the request."
    -1001: Verdict.UNKNOWN,  # "Internal error; unable to process your request."
    -1006: Verdict.UNKNOWN,  # "... from the message bus. Execution status unknown."
    -1007: Verdict.UNKNOWN,  # "Timeout ... Send status unknown; execution status unknown."
    -1008: Verdict.UNKNOWN,  # "Server is currently overloaded": comes with 5XX as well
    -1016: Verdict.UNKNOWN,  # "This service is no longer available": says nothing of the order
    -2011: Verdict.NOT_OPEN,  # CANCEL_REJECTED, "Unknown order sent."
    -2013: Verdict.NOT_FOUND,  # "Order does not exist."
    -2026: Verdict.ARCHIVED,  # "canceled or expired with no executed qty over 90 days ago"
}
"""Codes that are no plain refusal; any other code of a 4XX answer is one."""

DUPLICATE_TEXT = "duplicate order sent"
"""-2010 with this text: an order of this id is at the venue. Our ids are never used twice, so the
message was doubled on its way, and the first copy may be live: UNKNOWN, not refused."""

_REASONS_BY_TEXT: tuple[tuple[str, RejectReason], ...] = (
    # errors.md "Messages for -1010 ERROR_MSG_RECEIVED, -2010 ..., -2011 ..."
    ("insufficient balance", RejectReason.INSUFFICIENT_FUNDS),
    ("immediately match and take", RejectReason.WOULD_TAKE),
    ("market is closed", RejectReason.VENUE_REJECT),
    # errors.md "Filter failures"
    ("filter failure: percent_price", RejectReason.PRICE_COLLAR),
    ("filter failure: price_filter", RejectReason.OFF_TICK),
    ("filter failure: lot_size", RejectReason.OFF_LOT),
    ("filter failure: market_lot_size", RejectReason.OFF_LOT),
    ("filter failure: min_notional", RejectReason.NOTIONAL_BELOW_MIN),
    ("filter failure: notional", RejectReason.NOTIONAL_BELOW_MIN),
    ("filter failure: max_position", RejectReason.POSITION_LIMIT),
    ("filter failure: max_num_orders", RejectReason.OPEN_ORDERS_LIMIT),
)
_REASONS_BY_CODE: dict[int, RejectReason] = {
    -1002: RejectReason.KEY_REFUSED,  # "You are not authorized to execute this request."
    -1003: RejectReason.MESSAGE_RATE,
    -1015: RejectReason.MESSAGE_RATE,  # "Too many new orders; current limit is %s orders per %s."
    -1021: RejectReason.EXPIRED_INTENT,  # outside of the recvWindow: came too late
    -1022: RejectReason.KEY_REFUSED,  # "Signature for this request is not valid."
    -1111: RejectReason.OFF_TICK,  # "too much precision"
    -1121: RejectReason.UNKNOWN_INSTRUMENT,
    -2011: RejectReason.UNKNOWN_ORDER,
    -2013: RejectReason.UNKNOWN_ORDER,
    -2014: RejectReason.KEY_REFUSED,  # "API-key format invalid."
    -2015: RejectReason.KEY_REFUSED,  # "Invalid API-key, IP, or permissions for action."
}


def judge(status: int, code: int, text: str) -> Judgement:
    """`status` of the answer (0 = none came), the venue's own `code` (0 = none) and words."""
    if status == 0 or status >= HTTP_SERVER_ERROR:
        return Judgement(Verdict.UNKNOWN, RejectReason.UNSET)
    verdict = VERDICTS.get(code, Verdict.REFUSED)
    lowered = text.lower()
    if verdict is Verdict.REFUSED and DUPLICATE_TEXT in lowered:
        verdict = Verdict.UNKNOWN
    if verdict is Verdict.UNKNOWN:
        return Judgement(verdict, RejectReason.UNSET)
    for part, reason in _REASONS_BY_TEXT:
        if part in lowered:
            return Judgement(verdict, reason)
    return Judgement(verdict, _REASONS_BY_CODE.get(code, RejectReason.VENUE_REJECT))
