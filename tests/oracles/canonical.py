"""What readers of typed order sides share: a desk that trades everything at fine scales, orders out
of a client library's unified calls, and exact decimals to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from oms import ids
from oms.venues.reports import Ask, Instrument, Judgement, Stamp, Verdict, Want
from oms.venues.shared.order_command import Command
from shm_layout.enums import Action, OrderType, RejectReason, Side, TimeInForce
from shm_layout.records import UNDEF

SYSTEM_ID = 5
ORDER_ID = 1 << 40 | 7
ORDER_TEXT = ids.to_text(SYSTEM_ID, ORDER_ID)
SCALE = 8
MARKET_DATA = "market data"
_CALLS_OF_MARKET_DATA = frozenset(
    {"fetchOHLCV", "fetchOrderBook", "fetchTrades", "fetchTicker", "fetchTickers", "fetchMarkets"}
)
LIBRARY_CALL = "library's own call"
LIBRARY_PARAMETER = "library's own parameter"
UNSAID = "an order or a request that the exchange cannot say"


class AnyDesk:
    """A `Known` that trades every symbol, prices, quantities and amounts at eight decimals."""

    system_id = SYSTEM_ID

    def instrument(self, market: str, symbol: str) -> Instrument | None:
        quote, _, base = symbol.partition("-")
        return Instrument(
            1, 1, symbol, symbol, SCALE, SCALE, SCALE, 10**SCALE, base=base, quote=quote
        )

    def client_order_id(self, market: str, venue_order_id: str) -> int:
        """Every order is ours."""
        return ORDER_ID

    def ask_of(self, request_id: int) -> Ask | None:
        return None


def units(value: Any) -> int:
    """A number of the material at eight decimals, exactly; UNDEF for null."""
    if value is None:
        return UNDEF
    scaled = Decimal(str(value)).scaleb(SCALE)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} has more than {SCALE} decimals")
    return int(scaled)


def units_down(value: Any) -> int:
    """The same, further digits cut."""
    return UNDEF if value is None else int(Decimal(str(value)).scaleb(SCALE))


def command(**values: Any) -> Command:
    """A command that says what is given, and no more."""
    said = dict.fromkeys(("px", "qty", "quote_qty", "trigger_px"), UNDEF)
    said |= {"action": Action.NEW, "client_order_id": ORDER_ID, "venue_order_id": b""} | values
    return Command(**{name: said.get(name, 0) for name in Command._fields})


@dataclass(frozen=True, slots=True)
class Unified:
    """A unified call in canonical words; `ask` None = `reason` says why there is none."""

    ask: Ask | None
    reason: str = ""
    passed: tuple[str, ...] = ()
    """Parameters that the library passes on as they are."""


_TIMES = {"IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK, "GTC": TimeInForce.GTC}
_KNOWN_PARAMS = frozenset({"postOnly", "timeInForce", "clientOrderId"})


def unified(call: str, args: Sequence[Any], market: str, stamp: Stamp) -> Unified:
    """What a unified call asks for."""
    if call in _CALLS_OF_MARKET_DATA:
        return Unified(None, MARKET_DATA)
    if call == "createOrder":
        return _new(args, market)
    if call == "createOrders":
        return _batch(args[0], market)
    if call == "createMarketBuyOrderWithCost":
        order = command(
            side=Side.BUY, order_type=OrderType.MARKET, time_in_force=TimeInForce.IOC,
            quote_qty=units(args[1]),
        )  # fmt: skip
        return Unified(_placing(args[0], market, order))
    if call == "editOrder":
        order = _order(*args[2:6], {})
        assert order is not None
        order = order._replace(action=Action.REPLACE, target_client_order_id=ORDER_ID)
        ask = Ask(
            Want.REPLACE, "a", market, instrument_of(args[1]), (order,), venue_order_id=args[0]
        )
        return Unified(ask)
    symbol = next((one for one in args if isinstance(one, str) and "/" in one), None)
    instrument = instrument_of(symbol) if symbol else None
    if call in {"cancelOrder", "fetchOrder"}:
        want = Want.CANCEL if call == "cancelOrder" else Want.ORDER
        params = args[2] if len(args) > 2 else {}
        ask = Ask(want, "a", market, instrument, venue_order_id=args[0])
        return Unified(ask, passed=tuple(params))
    wants = {
        "fetchOpenOrders": Want.OPEN_ORDERS, "fetchClosedOrders": Want.ENDED_ORDERS,
        "fetchBalance": Want.BALANCES, "fetchTradingFee": Want.FEES, "fetchMyTrades": Want.FILLS,
        "cancelAllOrders": Want.CANCEL_ALL,
    }  # fmt: skip
    if call not in wants:
        return Unified(None, LIBRARY_CALL)
    since = next((one for one in args if isinstance(one, int) and one > 10**12), 0)
    return Unified(Ask(wants[call], "a", market, instrument, since_ms=since, until_ms=stamp.now_ms))


def instrument_of(symbol: str) -> Instrument:
    """BTC/KRW as KRW-BTC."""
    base, _, quote = symbol.partition("/")
    found = AnyDesk().instrument("", f"{quote}-{base}")
    assert found is not None
    return found


def _placing(symbol: str, market: str, *orders: Command) -> Ask:
    return Ask(Want.PLACE, "a", market, instrument_of(symbol), orders)


def _new(args: Sequence[Any], market: str) -> Unified:
    symbol, kind, side, amount = args[:4]
    price = args[4] if len(args) > 4 else None
    params: Mapping[str, Any] = args[5] if len(args) > 5 else {}
    order = _order(kind, side, amount, price, params)
    passed = tuple(name for name in params if name not in _KNOWN_PARAMS)
    if order is None or passed:
        return Unified(None, LIBRARY_PARAMETER, passed)
    return Unified(_placing(symbol, market, order))


def _batch(rows: Sequence[Mapping[str, Any]], market: str) -> Unified:
    orders = [
        _order(row["type"], row["side"], row["amount"], row.get("price"), row.get("params", {}))
        for row in rows
    ]
    if not all(orders):
        return Unified(None, LIBRARY_PARAMETER)
    instruments = tuple(instrument_of(row["symbol"]) for row in rows)
    said = tuple(order for order in orders if order is not None)
    return Unified(Ask(Want.PLACE, "a", market, None, said, instruments))


def _order(
    kind: str, side: str, amount: Any, price: Any, params: Mapping[str, Any]
) -> Command | None:
    time = _TIMES.get(params.get("timeInForce", "GTC"))
    if time is None:
        return None
    side_ = Side.BUY if side == "buy" else Side.SELL
    if kind == "market":
        if side_ is Side.BUY and price is not None:
            cost = units(Decimal(str(amount)) * Decimal(str(price)))
            return command(
                side=side_, order_type=OrderType.MARKET, time_in_force=TimeInForce.IOC,
                quote_qty=cost,
            )  # fmt: skip
        return command(
            side=side_, order_type=OrderType.MARKET, time_in_force=TimeInForce.IOC,
            qty=units(amount),
        )  # fmt: skip
    post_only = bool(params.get("postOnly"))
    return command(
        side=side_, order_type=OrderType.POST_ONLY if post_only else OrderType.LIMIT,
        time_in_force=time, px=units(price), qty=units(amount),
    )  # fmt: skip


def judged_as(found: Judgement, classes: frozenset[str]) -> bool:
    """Whether a judgement says what a library's exception class says, the narrowest first."""
    verdict, reason = found.verdict, found.reason
    gone = {Verdict.NOT_FOUND, Verdict.NOT_OPEN}
    rules = {
        "InsufficientFunds": reason is RejectReason.INSUFFICIENT_FUNDS,
        "OrderNotFound": verdict in gone,
        "DuplicateOrderId": verdict is Verdict.UNKNOWN or reason is RejectReason.DUPLICATE_ID,
        "BadSymbol": reason is RejectReason.UNKNOWN_INSTRUMENT,
        "RateLimitExceeded": reason is RejectReason.MESSAGE_RATE,
        "InvalidNonce": found.clock or verdict is Verdict.UNKNOWN
        or reason is RejectReason.KEY_REFUSED,
        "AuthenticationError": verdict is Verdict.REFUSED and reason is RejectReason.KEY_REFUSED,
        "OperationFailed": verdict is Verdict.UNKNOWN or reason is RejectReason.MARKET_STATUS,
    }  # fmt: skip
    for name, holds in rules.items():
        if name in classes:
            return holds
    return verdict in {Verdict.REFUSED, *gone}
