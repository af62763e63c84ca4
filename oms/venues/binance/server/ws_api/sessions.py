"""Sessions of the WebSocket API: who is logged on, and who is told of which account's events.

One `Session` per connection. Methods `session.*` and `userDataStream.*` act on it alone. A session
logs on with an Ed25519 key and then needs no signature; events come by subscriptions, of the
session's own account or of any account by signature. Source: web-socket-api.md "Session
Authentication", "Authentication requests", "User Data Stream subscription".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oms.venues.binance.server import errors as err
from oms.venues.binance.server.auth import Keyring, ws_account
from oms.venues.binance.server.params import Params
from oms.venues.binance.server.time_unit import MILLISECOND_NS, stamp

ACTIVE_MAX = 1000
"""Subscriptions of one connection at a time."""
EVER_MAX = 65_535
"""Subscriptions ever made on one connection."""
SESSION_WEIGHT = 2
_TOLD = frozenset({"returnRateLimits"})
_SIGNED = _TOLD | {"apiKey", "signature", "timestamp", "recvWindow"}


@dataclass(frozen=True, slots=True)
class Subscription:
    account: int
    by_logon: bool
    """It ends when the session logs out."""


@dataclass(slots=True)
class Session:
    """One connection."""

    address: str
    connected_ns: int
    shows_limits: bool = True
    unit_ns: int = MILLISECOND_NS
    api_key: str | None = None
    """The key that is logged on."""
    authorized_ns: int = 0
    made: int = 0
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    """Subscriptions that have ended and whose listener is still to be told."""


def _status(session: Session, now_ns: int) -> dict[str, Any]:
    return {
        "apiKey": session.api_key,
        "authorizedSince": None if session.api_key is None else stamp(session.authorized_ns),
        "connectedSince": stamp(session.connected_ns),
        "returnRateLimits": session.shows_limits,
        "serverTime": stamp(now_ns),
        "userDataStream": bool(session.subscriptions),
    }


def _logon(keyring: Keyring, session: Session, params: Params, now_ns: int) -> Any:
    params.allow(_SIGNED)
    api_key = params.given.get("apiKey", "")
    if "apiKey" in params.given and keyring.find(api_key).kind != "ed25519":
        raise err.ApiError(*err.NOT_SUPPORTED)
    ws_account(keyring, params, now_ns)
    session.api_key, session.authorized_ns = api_key, now_ns
    return _status(session, now_ns)


def _show(keyring: Keyring, session: Session, params: Params, now_ns: int) -> Any:
    del keyring
    params.allow(_TOLD)
    return _status(session, now_ns)


def _logout(keyring: Keyring, session: Session, params: Params, now_ns: int) -> Any:
    del keyring
    params.allow(_TOLD)
    log_out(session)
    return _status(session, now_ns)


def log_out(session: Session) -> None:
    """Forget the key, and end the subscriptions that it carried."""
    session.api_key = None
    _end(session, [number for number, sub in session.subscriptions.items() if sub.by_logon])


def _end(session: Session, numbers: list[int]) -> None:
    for number in numbers:
        del session.subscriptions[number]
    session.ended += numbers


def _subscribe(session: Session, account: int, *, by_logon: bool) -> Any:
    if any(sub.account == account for sub in session.subscriptions.values()):
        raise err.ApiError(*err.SUBSCRIPTION_ACTIVE)
    if session.made >= EVER_MAX:
        raise err.ApiError(*err.SUBSCRIPTIONS_SPENT)
    if len(session.subscriptions) >= ACTIVE_MAX:
        raise err.too_many_subscriptions(ACTIVE_MAX)
    number = session.made
    session.made += 1
    session.subscriptions[number] = Subscription(account, by_logon)
    return {"subscriptionId": number}


def _subscribe_own(keyring: Keyring, session: Session, params: Params, now_ns: int) -> Any:
    del now_ns
    params.allow(_TOLD)
    if session.api_key is None:
        raise err.ApiError(*err.NOT_AUTHORIZED)
    return _subscribe(session, keyring.find(session.api_key).account, by_logon=True)


def _subscribe_signed(keyring: Keyring, session: Session, params: Params, now_ns: int) -> Any:
    account = ws_account(keyring, params, now_ns)
    params.allow(_SIGNED)
    return _subscribe(session, account, by_logon=False)


def _unsubscribe(keyring: Keyring, session: Session, params: Params, now_ns: int) -> Any:
    del keyring, now_ns
    params.allow(_TOLD | {"subscriptionId"})
    numbers = list(session.subscriptions)
    if params.has("subscriptionId"):
        numbers = [params.integer("subscriptionId")]
        if numbers[0] not in session.subscriptions:
            raise err.ApiError(*err.SUBSCRIPTION_INACTIVE)
    _end(session, numbers)
    return {}


def _list(keyring: Keyring, session: Session, params: Params, now_ns: int) -> Any:
    del keyring, now_ns
    params.allow(_TOLD)
    return [{"subscriptionId": number} for number in session.subscriptions]


SESSION_CALLS: dict[str, Callable[[Keyring, Session, Params, int], Any]] = {
    "session.logon": _logon,
    "session.status": _show,
    "session.logout": _logout,
    "session.subscriptions": _list,
    "userDataStream.subscribe": _subscribe_own,
    "userDataStream.subscribe.signature": _subscribe_signed,
    "userDataStream.unsubscribe": _unsubscribe,
}
"""Method -> (keyring, session, params, now) -> result; each weighs SESSION_WEIGHT."""
