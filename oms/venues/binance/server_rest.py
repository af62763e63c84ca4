"""REST face of the simulated Binance spot: one HTTP request to one HTTP reply.

Sans-I/O: `RestServer.answer` takes what `HttpMeta` holds and gives status, headers and body, None
for a reply that a fault lost. Source: rest-api.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from oms.venues.binance import server_errors as err
from oms.venues.binance.server_account import ACCOUNT
from oms.venues.binance.server_auth import Keyring, rest_account
from oms.venues.binance.server_calls import (
    QUERIES,
    Call,
    Desk,
    Endpoint,
    LostReplyError,
    weight_of,
)
from oms.venues.binance.server_lists import LISTS
from oms.venues.binance.server_orders import ORDERS
from oms.venues.binance.server_params import Params, form_params

_PATHS: dict[str, dict[str, str]] = {
    "/api/v3/ping": {"GET": "ping"},
    "/api/v3/time": {"GET": "time"},
    "/api/v3/exchangeInfo": {"GET": "exchangeInfo"},
    "/api/v3/depth": {"GET": "depth"},
    "/api/v3/trades": {"GET": "trades.recent"},
    "/api/v3/ticker/bookTicker": {"GET": "ticker.book"},
    "/api/v3/order": {"POST": "order.place", "DELETE": "order.cancel", "GET": "order.status"},
    "/api/v3/order/test": {"POST": "order.test"},
    "/api/v3/openOrders": {"GET": "openOrders.status", "DELETE": "openOrders.cancelAll"},
    "/api/v3/allOrders": {"GET": "allOrders"},
    "/api/v3/myTrades": {"GET": "myTrades"},
    "/api/v3/account": {"GET": "account.status"},
    "/api/v3/rateLimit/order": {"GET": "account.rateLimits.orders"},
    "/api/v3/order/cancelReplace": {"POST": "order.cancelReplace"},
    "/api/v3/order/amend/keepPriority": {"PUT": "order.amend.keepPriority"},
    "/api/v3/order/amendments": {"GET": "order.amendments"},
    "/api/v3/order/oco": {"POST": "orderList.place"},
    "/api/v3/orderList/oco": {"POST": "orderList.place.oco"},
    "/api/v3/orderList/oto": {"POST": "orderList.place.oto"},
    "/api/v3/orderList/otoco": {"POST": "orderList.place.otoco"},
    "/api/v3/orderList/opo": {"POST": "orderList.place.opo"},
    "/api/v3/orderList/opoco": {"POST": "orderList.place.opoco"},
    "/api/v3/orderList": {"GET": "orderList.status", "DELETE": "orderList.cancel"},
    "/api/v3/allOrderList": {"GET": "allOrderLists"},
    "/api/v3/openOrderList": {"GET": "openOrderLists.status"},
    "/api/v3/sor/order": {"POST": "sor.order.place"},
    "/api/v3/sor/order/test": {"POST": "sor.order.test"},
    "/api/v3/myPreventedMatches": {"GET": "myPreventedMatches"},
    "/api/v3/myAllocations": {"GET": "myAllocations"},
    "/api/v3/myFilters": {"GET": "myFilters"},
    "/api/v3/account/commission": {"GET": "account.commission"},
}
ENDPOINTS: dict[str, Endpoint] = {**QUERIES, **ORDERS, **LISTS, **ACCOUNT}
METHOD_NOT_ALLOWED = 405


@dataclass(frozen=True, slots=True)
class RestReply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class RestServer:
    """Routes, checks and answers; holds no state of its own."""

    def __init__(self, desk: Desk, keyring: Keyring) -> None:
        self._desk = desk
        self._keyring = keyring

    def answer(
        self,
        address: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        now_ns: int,
    ) -> RestReply | None:
        """The reply; None when a fault lost it. NotYetError passes through."""
        path, _, query = target.partition("?")
        account: int | None = None
        try:
            endpoint = self._route(method, path)
            try:
                text = body.decode("utf-8")
            except UnicodeDecodeError:
                raise err.ApiError(-1100, "Illegal characters found in a parameter.") from None
            if method == "GET" and text:
                raise err.ApiError(-1101, "Too many parameters sent for this endpoint.")
            params = Params(form_params(query, text))
            names = endpoint.names - {"apiKey"}
            self._desk.limits.charge_weight(address, weight_of(endpoint, params), now_ns)
            signer = -1
            if endpoint.signed:
                key = headers.get("x-mbx-apikey")
                signer = rest_account(self._keyring, key, query, text, params, now_ns)
                account = signer if endpoint.counts_orders else None
            params.allow(names)
            value = endpoint.handler(self._desk, Call(params, signer, now_ns))
        except err.ApiError as error:
            return self._refusal(error, address, account, now_ns)
        except LostReplyError:
            return None
        return RestReply(200, self._headers(address, account, now_ns), orjson.dumps(value))

    def _route(self, method: str, path: str) -> Endpoint:
        found = _PATHS.get(path)
        if found is None:
            raise err.ApiError(-1000, f"Path {path} is not served here.", err.NOT_FOUND)
        if method not in found:
            text = f"Request method '{method}' is not supported."
            raise err.ApiError(-1000, text, METHOD_NOT_ALLOWED)
        return ENDPOINTS[found[method]]

    def _headers(self, address: str, account: int | None, now_ns: int) -> dict[str, str]:
        counts = self._desk.limits.headers(address, account, now_ns)
        return {"Content-Type": "application/json;charset=UTF-8", **counts}

    def _refusal(
        self, error: err.ApiError, address: str, account: int | None, now_ns: int
    ) -> RestReply:
        headers = self._headers(address, account, now_ns)
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
        return RestReply(error.status, headers, orjson.dumps(error.body()))
