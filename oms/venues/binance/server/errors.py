"""Errors of the simulated Binance spot: code, text and HTTP status, as documented.

Source: binance-spot-api-docs, errors.md (data/binance-spot-docs/error_codes.json) and its lists
"Messages for -1010, -2010, -2011, -1013" and "Filter failures".
"""

from __future__ import annotations

from oms.venues.serving.refusal import RefusalError

BAD_REQUEST = 400
UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
BANNED = 418
TOO_MANY = 429
INTERNAL = 500
BUSY = 503


class ApiError(RefusalError):
    """One refusal of a request; the server turns it into the reply."""

    def __init__(
        self,
        code: int,
        text: str,
        status: int = BAD_REQUEST,
        retry_after_s: int | None = None,
        data: dict[str, object] | None = None,
    ) -> None:
        super().__init__(text, status, retry_after_s)
        self.data = data
        """What a cancel-replace did; part of the body."""
        self.code = code

    def body(self) -> dict[str, object]:
        body: dict[str, object] = {"code": self.code, "msg": self.text}
        return body if self.data is None else body | {"data": self.data}


Refused = tuple[int, str] | tuple[int, str, int]
"""Arguments of ApiError."""


def illegal_characters(name: str, legal: str) -> ApiError:
    """-1100 for one parameter."""
    return ApiError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def mandatory(name: str) -> ApiError:
    """-1102 for one parameter."""
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def one_of(first: str, second: str) -> ApiError:
    """-1102 for two parameters of which one is needed."""
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def unread(read: int, sent: int) -> ApiError:
    """-1104: a parameter is unknown."""
    return ApiError(
        -1104,
        f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
    )


def empty(name: str) -> ApiError:
    """-1105 for one parameter."""
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> ApiError:
    """-1106 for one parameter."""
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def overflow(name: str) -> ApiError:
    """-1108 for one parameter."""
    return ApiError(-1108, f"Parameter '{name}' overflowed.")


def precision(name: str) -> ApiError:
    """-1111 for one parameter."""
    return ApiError(-1111, f"Parameter '{name}' has too much precision.")


def filter_failure(name: str) -> ApiError:
    """-1013 for one filter."""
    return ApiError(-1013, f"Filter failure: {name}")


def invalid(name: str) -> ApiError:
    """-1130 for one parameter."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def bad_json(name: str) -> ApiError:
    """-1135 for one parameter."""
    return ApiError(-1135, f"JSON sent for parameter '{name}' is not valid")


def banned(until_ms: int, retry_after_s: int) -> ApiError:
    """-1003 of an address that went on after being told to wait."""
    return ApiError(
        -1003,
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
        BANNED,
        retry_after_s,
    )


def too_many_requests(limit: int, minutes: int, retry_after_s: int) -> ApiError:
    """-1003 of the raw request count."""
    return ApiError(
        -1003,
        f"Too many requests; current limit is {limit} requests per {minutes} MINUTE.",
        TOO_MANY,
        retry_after_s,
    )


def too_much_weight(limit: int, retry_after_s: int) -> ApiError:
    """-1003 with the seconds until the next minute."""
    return ApiError(
        -1003,
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
        TOO_MANY,
        retry_after_s,
    )


def too_many_orders(limit: int, interval: str, retry_after_s: int) -> ApiError:
    """-1015 with the seconds until the next window."""
    return ApiError(
        -1015,
        f"Too many new orders; current limit is {limit} orders per {interval}.",
        TOO_MANY,
        retry_after_s,
    )


def too_many_subscriptions(most: int) -> ApiError:
    """-1191 with the most of one connection."""
    return ApiError(
        -1191,
        f"Too many subscriptions. Connection may create up to '{most}' subscriptions at a time.",
    )


# Arguments of ApiError: an exception object raised twice would keep growing its traceback.
DUPLICATE_PARAMETER = (-1101, "Duplicate values for a parameter detected.")
TIMESTAMP_OUTSIDE = (-1021, "Timestamp for this request is outside of the recvWindow.")
TIMESTAMP_AHEAD = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
RECV_WINDOW_TOO_LONG = (-1131, "recvWindow must be less than 60000.")
BAD_SIGNATURE = (-1022, "Signature for this request is not valid.")
BAD_INTERVAL = (-1120, "Invalid interval.")
BAD_SYMBOL_STATUS = (-1122, "Invalid symbolStatus.")
STATUS_MISMATCH = (-1220, "The symbol's status does not match the requested symbolStatus.")
BAD_TICKER_TYPE = (-1139, "Invalid ticker type.")
NO_TRADING_WINDOW = (
    -2016,
    "No trading window could be found for the symbol. Try ticker/24hrs instead.",
)
NO_REFERENCE_PRICE = (-2043, "This symbol doesn't have a reference price.")
BAD_TIME_UNIT = (
    -1194,
    "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
)
BAD_SBE_HEADER = (-1152, "Invalid `X-MBX-SBE` header; expected `<SCHEMA_ID>:<VERSION>`.")
SBE_DISABLED = (-1155, "SBE is not enabled.")
TOO_MANY_PARAMETERS = (-1101, "Too many parameters sent for this endpoint.")
ILLEGAL_CHARACTERS = (-1100, "Illegal characters found in a parameter.")
NOT_AUTHORIZED = (-1002, "You are not authorized to execute this request.", UNAUTHORIZED)
UNEXPECTED = (-1000, "An unknown error occurred while processing the request.", INTERNAL)
SUBSCRIPTIONS_SPENT = (-2042, "Maximum subscription ID reached for this connection.")
BAD_SYMBOL = (-1121, "Invalid symbol.")
BAD_SIDE = (-1117, "Invalid side.")
BAD_TYPE = (-1116, "Invalid orderType.")
BAD_TIME_IN_FORCE = (-1115, "Invalid timeInForce.")
DUPLICATE_SYMBOLS = (-1151, "Symbol is present multiple times in the list.")
BAD_COMBINATION = (-1128, "Combination of optional parameters invalid.")
LOOKUP_TOO_LONG = (-1127, "More than 24 hours between startTime and endTime.")
BAD_KEY_FORMAT = (-2014, "API-key format invalid.", UNAUTHORIZED)
BAD_KEY = (-2015, "Invalid API-key, IP, or permissions for action.", UNAUTHORIZED)
NOT_SUPPORTED = (-1020, "This operation is not supported.")
SERVER_BUSY = (
    -1008,
    "Server is currently overloaded with other requests. Please try again in a few minutes.",
    BUSY,
)
INVALID_QUANTITY = (-1013, "Invalid quantity.")
INVALID_PRICE = (-1013, "Invalid price.")
INSUFFICIENT_BALANCE = (-2010, "Account has insufficient balance for requested action.")
WOULD_TAKE = (-2010, "Order would immediately match and take.")
DUPLICATE_ORDER = (-2010, "Duplicate order sent.")
UNKNOWN_ORDER = (-2011, "Unknown order sent.")
NO_SUCH_ORDER = (-2013, "Order does not exist.")
INVALID_JSON = (-1135, "Invalid JSON Request")
SUBSCRIPTION_ACTIVE = (-2035, "User Data Stream subscription already active.")
SUBSCRIPTION_INACTIVE = (-2036, "User Data Stream subscription not active.")

# Orders and order lists
INVALID_QUOTE_QUANTITY = (-1013, "Invalid quote order qty.")
INVALID_STOP_PRICE = (-1013, "Invalid stopPrice.")
UNSUPPORTED_COMBINATION = (-1014, "Unsupported order combination.")
NO_PEGS = (-1013, "Pegged orders are not supported for this symbol.")
ICEBERG_EXCEEDS = (-2010, "IcebergQty exceeds QTY.")
STP_NOT_ALLOWED = (-1013, "This symbol does not allow the specified self-trade prevention mode.")
WOULD_TRIGGER = (-2010, "Order would trigger immediately.")
MARKET_CLOSED = (-1013, "Market is closed.")
LIST_PRICES = (-2010, "The relationship of the prices for the orders is not correct.")
CANCEL_RESTRICTED = (-2011, "Order was not canceled due to cancel restrictions.")
BAD_RESTRICTION = (
    -1145,
    "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.",
)
NO_AMEND = (-1013, "Order amend is not supported for this symbol.")
AMEND_UNKNOWN = (-2038, "Unknown order sent.")
AMEND_INCREASE = (-2038, "Order amend (quantity increase) is not supported.")
AMEND_NO_CHANGE = (-2038, "The requested action would change no state; rejecting")
WRONG_CLIENT_ID = (-2039, "Client order ID is not correct for this order ID.")
REPLACE_PARTLY = (-2021, "Order cancel-replace partially failed.")
REPLACE_FAILED = (-2022, "Order cancel-replace failed.")
NO_SUCH_LIST = (-2018, "Order list does not exist.")
NO_OCO = (-1013, "OCO orders are not supported for this symbol")
NO_OTO = (-1013, "OTO orders are not supported for this symbol.")
NO_OPO = (-1013, "OPO orders are not supported for this symbol.")
NO_SOR = (-1013, "SOR is not enabled for this symbol.")
OCO_TYPE = (-1158, "Order type not supported in OCO.")
BUY_LIMIT_BELOW = (-1165, "A limit order in a buy OCO must be below.")
SELL_LIMIT_ABOVE = (-1166, "A limit order in a sell OCO must be above.")
BOTH_LIMIT = (-1168, "At least one OCO order must be contingent.")
BUY_STOP_ABOVE = (-1196, "A stop loss order in a buy OCO must be above.")
SELL_STOP_BELOW = (-1197, "A stop loss order in a sell OCO must be below.")
BUY_PROFIT_BELOW = (-1198, "A take profit order in a buy OCO must be below.")
SELL_PROFIT_ABOVE = (-1199, "A take profit order in a sell OCO must be above.")
