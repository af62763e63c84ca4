"""REST face of the simulated Binance spot: one HTTP request to one HTTP reply.

Sans-I/O: `RestServer.answer` takes what `HttpMeta` holds and gives status, headers and body, None
for a reply that a fault lost. Source: rest-api.md; faqs/sbe_faq.md for the headers of SBE, which
is not served.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from oms.venues.binance.server import errors as err
from oms.venues.binance.server.auth import Keyring, rest_account
from oms.venues.binance.server.calls import Call, Desk
from oms.venues.binance.server.endpoints import ENDPOINTS, PATHS
from oms.venues.binance.server.params import Params, form_params
from oms.venues.binance.server.sapi import SAPI, SAPI_PATHS
from oms.venues.binance.server.time_unit import unit, unit_named
from oms.venues.serving.outputs import HttpReply
from oms.venues.serving.refusal import LostReplyError
from oms.venues.serving.routing import Endpoint, Missing, Routes, weight_of

METHOD_NOT_ALLOWED = 405
SHOWN_CHARS = 64
"""Of a path that is not known."""
_SBE_HEADER = re.compile(r"[0-9]{1,9}:[0-9]{1,9}").fullmatch

_ROUTES = Routes(PATHS | SAPI_PATHS, ENDPOINTS | SAPI)


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
    ) -> HttpReply | None:
        """The reply; None when a fault lost it. NotYetError passes through."""
        path, _, query = target.partition("?")
        account: int | None = None
        try:
            endpoint = self._route(method, path, address, now_ns)
            try:
                text = body.decode("utf-8")
            except UnicodeDecodeError:
                raise err.ApiError(*err.ILLEGAL_CHARACTERS) from None
            if method == "GET" and text:
                raise err.ApiError(*err.TOO_MANY_PARAMETERS)
            params = Params(form_params(query, text))
            names = endpoint.names - {"apiKey"}
            self._desk.limits.charge_weight(address, weight_of(endpoint, params), now_ns)
            unit_ns = _time_unit(headers)
            signer = -1
            if endpoint.signed:
                key = headers.get("x-mbx-apikey")
                signer = rest_account(self._keyring, key, query, text, params, now_ns)
                account = signer if endpoint.counts_orders else None
            params.allow(names)
            with unit(unit_ns):
                value = endpoint.handler(self._desk, Call(params, signer, now_ns))
        except err.ApiError as error:
            return self._refusal(error, address, account, now_ns)
        except LostReplyError:
            return None
        return HttpReply(200, self._headers(address, account, now_ns), orjson.dumps(value))

    def _route(self, method: str, path: str, address: str, now_ns: int) -> Endpoint:
        found = _ROUTES.find(method, path)
        if found is Missing.PATH:
            self._desk.limits.charge_weight(address, 1, now_ns)
            shown = ascii(path[:SHOWN_CHARS])
            raise err.ApiError(-1000, f"Path {shown} is not served here.", err.NOT_FOUND)
        if found is Missing.METHOD:
            self._desk.limits.charge_weight(address, 1, now_ns)
            text = f"Request method '{method}' is not supported."
            raise err.ApiError(-1000, text, METHOD_NOT_ALLOWED)
        assert isinstance(found, Endpoint)
        return found

    def _headers(self, address: str, account: int | None, now_ns: int) -> dict[str, str]:
        counts = self._desk.limits.headers(address, account, now_ns)
        return {"Content-Type": "application/json;charset=UTF-8", **counts}

    def _refusal(
        self, error: err.ApiError, address: str, account: int | None, now_ns: int
    ) -> HttpReply:
        headers = self._headers(address, account, now_ns)
        if error.retry_after_s is not None:
            headers["Retry-After"] = str(error.retry_after_s)
        return HttpReply(error.status, headers, orjson.dumps(error.body()))


def _time_unit(headers: Mapping[str, str]) -> int:
    """The unit of the reply's times; ApiError for an unknown one, and for SBE."""
    sbe = headers.get("x-mbx-sbe")
    if sbe is not None:
        raise err.ApiError(*(err.SBE_DISABLED if _SBE_HEADER(sbe) else err.BAD_SBE_HEADER))
    return unit_named(headers.get("x-mbx-time-unit", "MILLISECOND"))
