"""What Bithumb's error names prove (apidocs.bithumb.com: docs/error codes, pages of each call).

A token holds its time and may be refused for it, but how old it may be is not documented; what a
second order with a used `client_order_id` brings is told in two ways. So no answer proves absence.
"""

from __future__ import annotations

from oms.venues.reports import Ask, Item, Judgement, Pause, Verdict
from oms.venues.shared.bid_ask.named_errors import Names, Row
from shm_layout.enums import RejectReason as R

_REFUSED, _UNKNOWN = Verdict.REFUSED, Verdict.UNKNOWN

NAMES = Names(
    (
        Row(10, "invalid_parameter", _REFUSED, R.BAD_SHAPE, "wrong parameter"),
        Row(11, "invalid_price", _REFUSED, R.OFF_TICK, "not on the price unit"),
        Row(12, "invalid_price_bid", _REFUSED, R.OFF_TICK, "not on the price unit"),
        Row(13, "invalid_price_ask", _REFUSED, R.OFF_TICK, "not on the price unit"),
        Row(14, "under_price_limit_bid", _REFUSED, R.PRICE_BAND, "below the lowest price"),
        Row(15, "under_price_limit_ask", _REFUSED, R.PRICE_BAND, "below the lowest price"),
        Row(16, "under_min_total", _REFUSED, R.NOTIONAL_BELOW_MIN, "known from clients"),
        Row(17, "under_min_total_bid", _REFUSED, R.NOTIONAL_BELOW_MIN, "below the least amount"),
        Row(18, "under_min_total_ask", _REFUSED, R.NOTIONAL_BELOW_MIN, "below the least amount"),
        Row(19, "too_many_orders", _REFUSED, R.OPEN_ORDERS_LIMIT, "known from clients"),
        Row(20, "insufficient_funds_bid", _REFUSED, R.INSUFFICIENT_FUNDS, "not documented"),
        Row(21, "insufficient_funds_ask", _REFUSED, R.INSUFFICIENT_FUNDS, "not documented"),
        Row(22, "withdraw_insufficient_balance", _REFUSED, R.INSUFFICIENT_FUNDS,
            "not enough balance"),
        Row(23, "cross_trading", _REFUSED, R.SELF_TRADE, "would trade with an own order"),
        Row(24, "currency does not have a valid value", _REFUSED, R.UNKNOWN_INSTRUMENT,
            "no such currency"),
        Row(25, "bank_account_required", _REFUSED, R.UNKNOWN_ACCOUNT, "no bank account"),
        Row(26, "not_found", _REFUSED, R.BAD_SHAPE, "No Route matched with those values"),
        Row(40, "invalid_query_payload", _REFUSED, R.KEY_REFUSED, "the query's hash is not right"),
        Row(41, "jwt_verification", _REFUSED, R.KEY_REFUSED, "the token is not right"),
        Row(42, "expired_jwt", _REFUSED, R.CLOCK, "the token's time is over", clock=True),
        Row(43, "invalid_access_key", _REFUSED, R.KEY_REFUSED, "no such key"),
        Row(44, "NotAllowIP", _REFUSED, R.KEY_REFUSED, "not an allowed address"),
        Row(45, "out_of_scope", _REFUSED, R.KEY_REFUSED, "the key lacks the permission"),
        Row(46, "two_factor_auth_required", _REFUSED, R.KEY_REFUSED, "a second factor is asked"),
        Row(47, "blocked_member_id", _REFUSED, R.KEY_REFUSED, "the member is blocked"),
        Row(60, "order_not_found", Verdict.NOT_FOUND, R.UNKNOWN_ORDER, "no such order"),
        Row(61, "order_not_ready", Verdict.SOON, R.UNSET, "accepted, not stored yet: retry"),
        Row(62, "deposit_not_found", _REFUSED, R.VENUE_REJECT, "no such deposit"),
        Row(63, "withdraw_not_found", _REFUSED, R.VENUE_REJECT, "no such withdrawal"),
        Row(64, "travel_rule_consent_required", _REFUSED, R.VENUE_REJECT, "consent is asked"),
        Row(70, "too_many_requests", _REFUSED, R.MESSAGE_RATE, "over the limit"),
        Row(90, "server_error", _UNKNOWN, R.UNSET, "outcome unknown"),
    )
)  # fmt: skip

_NEXT_SECOND_MS = 1_000
_BLOCKED_MS = 600_000
"""docs/rate limits: who goes on is blocked for ten minutes."""


def judge(ask: Ask, item: Item, bucket: str) -> Judgement:
    """Everything is counted by address: 429 stops what shares the request's bucket, 418 the
    address."""
    too_many = Pause((bucket,), 0, for_ms=_NEXT_SECOND_MS)
    banned = Pause(("egress",), 0, cancels_pass=False, for_ms=_BLOCKED_MS)
    return NAMES.judge(ask, item, too_many, banned)
