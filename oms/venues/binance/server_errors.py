"""Errors of the simulated Binance spot: code, text and HTTP status, as documented.

Source: binance-spot-api-docs, errors.md (data/binance-spot-docs/error_codes.json) and its lists
"Messages for -1010, -2010, -2011, -1013" and "Filter failures".
"""

from __future__ import annotations

from functools import partial

BAD_REQUEST = 400
UNAUTHORIZED = 401
NOT_FOUND = 404
TOO_MANY = 429
BUSY = 503


class ApiError(Exception):
    """One refusal of a request; the server turns it into the reply."""

    def __init__(
        self, code: int, text: str, status: int = BAD_REQUEST, retry_after_s: int | None = None
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.text}


class NotYetError(Exception):
    """The book is not known yet (a recording before its snapshot): ask again later."""


def illegal_characters(name: str, legal: str) -> ApiError:
    return ApiError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def mandatory(name: str) -> ApiError:
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def one_of(first: str, second: str) -> ApiError:
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def unread(read: int, sent: int) -> ApiError:
    return ApiError(
        -1104,
        f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
    )


def empty(name: str) -> ApiError:
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> ApiError:
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def precision(name: str) -> ApiError:
    return ApiError(-1111, f"Parameter '{name}' has too much precision.")


def filter_failure(name: str) -> ApiError:
    return ApiError(-1013, f"Filter failure: {name}")


def too_much_weight(limit: int, retry_after_s: int) -> ApiError:
    return ApiError(
        -1003,
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
        TOO_MANY,
        retry_after_s,
    )


def too_many_orders(limit: int, interval: str, retry_after_s: int) -> ApiError:
    return ApiError(
        -1015,
        f"Too many new orders; current limit is {limit} orders per {interval}.",
        TOO_MANY,
        retry_after_s,
    )


# Each is called where it is raised: an exception raised twice would keep growing its traceback.
DUPLICATE_PARAMETER = partial(ApiError, -1101, "Duplicate values for a parameter detected.")
TIMESTAMP_OUTSIDE = partial(
    ApiError, -1021, "Timestamp for this request is outside of the recvWindow."
)
TIMESTAMP_AHEAD = partial(
    ApiError, -1021, "Timestamp for this request was 1000ms ahead of the server's time."
)
RECV_WINDOW_TOO_LONG = partial(ApiError, -1131, "recvWindow must be less than 60000.")
BAD_SIGNATURE = partial(ApiError, -1022, "Signature for this request is not valid.")
BAD_SYMBOL = partial(ApiError, -1121, "Invalid symbol.")
BAD_SIDE = partial(ApiError, -1117, "Invalid side.")
BAD_TYPE = partial(ApiError, -1116, "Invalid orderType.")
BAD_TIME_IN_FORCE = partial(ApiError, -1115, "Invalid timeInForce.")
DUPLICATE_SYMBOLS = partial(ApiError, -1151, "Symbol is present multiple times in the list.")
BAD_COMBINATION = partial(ApiError, -1128, "Combination of optional parameters invalid.")
LOOKUP_TOO_LONG = partial(ApiError, -1127, "More than 24 hours between startTime and endTime.")
BAD_KEY_FORMAT = partial(ApiError, -2014, "API-key format invalid.", UNAUTHORIZED)
BAD_KEY = partial(ApiError, -2015, "Invalid API-key, IP, or permissions for action.", UNAUTHORIZED)
NOT_SUPPORTED = partial(ApiError, -1020, "This operation is not supported.")
SERVER_BUSY = partial(
    ApiError,
    -1008,
    "Server is currently overloaded with other requests. Please try again in a few minutes.",
    BUSY,
)
INVALID_QUANTITY = partial(ApiError, -1013, "Invalid quantity.")
INVALID_PRICE = partial(ApiError, -1013, "Invalid price.")
INSUFFICIENT_BALANCE = partial(
    ApiError, -2010, "Account has insufficient balance for requested action."
)
WOULD_TAKE = partial(ApiError, -2010, "Order would immediately match and take.")
DUPLICATE_ORDER = partial(ApiError, -2010, "Duplicate order sent.")
UNKNOWN_ORDER = partial(ApiError, -2011, "Unknown order sent.")
NO_SUCH_ORDER = partial(ApiError, -2013, "Order does not exist.")
INVALID_JSON = partial(ApiError, -1135, "Invalid JSON Request")
SUBSCRIPTION_ACTIVE = partial(ApiError, -2035, "User Data Stream subscription already active.")
SUBSCRIPTION_INACTIVE = partial(ApiError, -2036, "User Data Stream subscription not active.")
