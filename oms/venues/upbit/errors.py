"""What Upbit's error names prove (docs.upbit.com: error pages of each call, rest-api-guide).

Signed requests never expire there, so no answer proves absence; a name that says "used before"
(identifier, nonce) means that the first copy of a doubled message arrived.
"""

from __future__ import annotations

from oms.venues.reports import Ask, Item, Judgement, Pause, Verdict, Want
from oms.venues.shared.bid_ask.named_errors import Names, Row
from shm_layout.enums import RejectReason as R

_REFUSED, _UNKNOWN = Verdict.REFUSED, Verdict.UNKNOWN

FAILED = 4
"""`Item.code` of an order in the `failed` list of a cancel by ids: no reason is given."""
NO_SUCCESSOR = 5
"""`Item.code` of a new order that did not follow its old one, which ended first."""

NAMES = Names(
    (
        Row(FAILED, "failed", Verdict.NOT_OPEN, R.UNKNOWN_ORDER, "in the list `failed`"),
        Row(NO_SUCCESSOR, "no successor", _REFUSED, R.ORDER_CLOSED, "new_order_uuid is absent"),
        Row(10, "create_ask_error", _REFUSED, R.VENUE_REJECT, "the order could not be made"),
        Row(11, "create_bid_error", _REFUSED, R.VENUE_REJECT, "the order could not be made"),
        Row(12, "insufficient_funds_ask", _REFUSED, R.INSUFFICIENT_FUNDS, "not enough to sell"),
        Row(13, "insufficient_funds_bid", _REFUSED, R.INSUFFICIENT_FUNDS, "not enough KRW"),
        Row(14, "under_min_total_ask", _REFUSED, R.NOTIONAL_BELOW_MIN, "below the least amount"),
        Row(15, "under_min_total_bid", _REFUSED, R.NOTIONAL_BELOW_MIN, "below the least amount"),
        Row(16, "under_min_total_market_ask", _REFUSED, R.NOTIONAL_BELOW_MIN,
            "measured by the best bid"),
        Row(17, "under_min_total_market_bid", _REFUSED, R.NOTIONAL_BELOW_MIN,
            "measured by the best ask"),
        Row(18, "over_krw_funds_bid", _REFUSED, R.NOTIONAL_ABOVE_MAX, "above max_total"),
        Row(19, "over_krw_funds_ask", _REFUSED, R.NOTIONAL_ABOVE_MAX, "above max_total"),
        Row(20, "invalid_price_ask", _REFUSED, R.OFF_TICK, "not on the price unit"),
        Row(21, "invalid_price_bid", _REFUSED, R.OFF_TICK, "not on the price unit"),
        Row(22, "invalid_volume_ask", _REFUSED, R.OFF_LOT, "the quantity is not right"),
        Row(23, "invalid_volume_bid", _REFUSED, R.OFF_LOT, "the quantity is not right"),
        Row(24, "volume_too_large", _REFUSED, R.QTY_ABOVE_MAX, "known from clients"),
        Row(25, "invalid_time_in_force", _REFUSED, R.UNSUPPORTED_ORDER, "check the condition"),
        Row(26, "invalid_post_only", _REFUSED, R.UNSUPPORTED_ORDER, "post_only with a smp_type"),
        Row(27, "duplicated_identifier", _UNKNOWN, R.DUPLICATE_ID, "identifier used before"),
        Row(28, "notfoundmarket", _REFUSED, R.UNKNOWN_INSTRUMENT, "no such market"),
        Row(29, "invalid_parameter", _REFUSED, R.BAD_SHAPE, "wrong parameter"),
        Row(30, "validation_error", _REFUSED, R.BAD_SHAPE, "a parameter is missing or wrong"),
        Row(31, "bad_request", _REFUSED, R.BAD_SHAPE, "the request is wrong"),
        Row(32, "QUERY_PARAMETER_NOT_SUPPORTED", _REFUSED, R.BAD_SHAPE, "a body on a DELETE"),
        Row(33, "not_found", _REFUSED, R.BAD_SHAPE, "no Route matched with those values"),
        Row(40, "invalid_query_payload", _REFUSED, R.KEY_REFUSED, "the query's hash is not right"),
        Row(41, "jwt_verification", _REFUSED, R.KEY_REFUSED, "the token is not right"),
        Row(42, "expired_access_key", _REFUSED, R.KEY_REFUSED, "the key has expired"),
        Row(43, "nonce_used", _UNKNOWN, R.UNSET, "the nonce was used before"),
        Row(44, "no_authorization_ip", _REFUSED, R.KEY_REFUSED, "this is not a verified IP"),
        Row(45, "no_authorization_i_p", _REFUSED, R.KEY_REFUSED, "the same, older"),
        Row(46, "no_authorization_token", _REFUSED, R.KEY_REFUSED, "no token"),
        Row(47, "out_of_scope", _REFUSED, R.KEY_REFUSED, "the key lacks the permission"),
        Row(48, "thirdparty_agreement_required", _REFUSED, R.KEY_REFUSED, "known from clients"),
        Row(49, "market_offline", _REFUSED, R.MARKET_STATUS, "under maintenance"),
        Row(60, "order_not_found", Verdict.NOT_FOUND, R.UNKNOWN_ORDER, "no such order"),
        Row(61, "pocket_not_found", _REFUSED, R.UNKNOWN_ACCOUNT, "no such pocket"),
        Row(62, "currency_not_found", _REFUSED, R.UNKNOWN_INSTRUMENT, "no such currency"),
        Row(90, "internal_server_error", _UNKNOWN, R.UNSET, "query by identifier"),
    )
)  # fmt: skip

_SPENT = frozenset(map(NAMES.code, ("duplicated_identifier", "under_min_total_bid")))
"""What a fence has to hear: the identifier was spent before, or is spent now."""

_NEXT_SECOND_MS = 1_000


def judge(ask: Ask, item: Item, bucket: str) -> Judgement:
    """429 stops what shares the request's bucket until the next second, 418 the whole account, or
    the address, for a time that stands in an undocumented body."""
    whose = (ask.account,) if ask.account else ()
    too_many = Pause((bucket, *whose), 0, for_ms=_NEXT_SECOND_MS)
    banned = Pause(("account", *whose) if whose else ("egress",), 0, cancels_pass=False)
    found = NAMES.judge(ask, item, too_many, banned)
    if ask.want is Want.FENCE and item.status:
        if item.code in _SPENT:
            return Judgement(Verdict.DONE)
        if found.verdict is Verdict.DONE:
            return Judgement(Verdict.UNKNOWN)
    return found
