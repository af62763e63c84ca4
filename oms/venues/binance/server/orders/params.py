"""Parameters of one order, or of one leg of an order list, read strictly and by order type.

The matrix of rest-api.md "New order" (mandatory by type, else -1106 "sent when not required") and
of the order lists, whose parameters are the same ones under a prefix (`workingPrice`,
`pendingAboveStopPrice`). What is read here is shape; prices, quantities and funds are judged by the
filters and the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oms.exchange.engine import layout_hot as lay
from oms.exchange.orders import OrderRequest
from oms.venues.binance.server import errors as err
from oms.venues.binance.server.calls import Call, Desk
from oms.venues.binance.server.orders.words import (
    CONTINGENT,
    MODES,
    PRICED,
    SIDES,
    TIMED,
    TIMES,
    TYPES,
)
from oms.venues.binance.server.params import DECIMALS_MAX, Params

RESPONSES = ("ACK", "RESULT", "FULL")
STRATEGY_TYPE_MIN = 1_000_000
_NOT_OFFERED = {
    lay.TYPE_STOP_LOSS: "Stop loss orders are not supported for this symbol.",
    lay.TYPE_STOP_LOSS_LIMIT: "Stop loss limit orders are not supported for this symbol.",
    lay.TYPE_TAKE_PROFIT: "Take profit orders are not supported for this symbol.",
    lay.TYPE_TAKE_PROFIT_LIMIT: "Take profit limit orders are not supported for this symbol.",
}
_PEGS = ("pegPriceType", "pegOffsetType", "pegOffsetValue")


@dataclass(frozen=True, slots=True)
class Names:
    """The names under which one leg's parameters stand; "" = that leg has none such."""

    kind: str
    side: str
    qty: str
    quote_qty: str
    px: str
    tif: str
    stop_px: str
    trailing: str
    iceberg: str
    client_id: str
    strategy_id: str
    strategy_type: str
    pegs: tuple[str, ...]

    def all(self) -> frozenset[str]:
        """Every name that the leg knows."""
        own = (
            self.kind, self.side, self.qty, self.quote_qty, self.px, self.tif, self.stop_px,
            self.trailing, self.iceberg, self.client_id, self.strategy_id, self.strategy_type,
            *self.pegs,
        )  # fmt: skip
        return frozenset(own) - {""}


SINGLE = Names(
    "type", "side", "quantity", "quoteOrderQty", "price", "timeInForce", "stopPrice",
    "trailingDelta", "icebergQty", "newClientOrderId", "strategyId", "strategyType", _PEGS,
)  # fmt: skip


def prefixed(prefix: str, *, side: str = "", qty: str = "", contingent: bool = True) -> Names:
    """A list leg's names: `prefix` + "Price" and so on; `side` and `qty` where legs share them."""

    def own(name: str) -> str:
        return prefix + name

    return Names(
        own("Type"), side or own("Side"), qty or own("Quantity"), "", own("Price"),
        own("TimeInForce"),
        own("StopPrice") if contingent else "", own("TrailingDelta") if contingent else "",
        own("IcebergQty"), own("ClientOrderId"), own("StrategyId"), own("StrategyType"),
        tuple(own(name[0].upper() + name[1:]) for name in _PEGS),
    )  # fmt: skip


def _enum(params: Params, name: str, known: dict[str, int], wrong: tuple[int, str]) -> int:
    text = params.text(name)
    if text not in known:
        raise err.ApiError(*wrong)
    return known[text]


def _unwanted(params: Params, names: Sequence[str]) -> None:
    for name in names:
        if name and params.has(name):
            raise err.not_required(name)


def kind_of(params: Params, name: str) -> int:
    """TYPE_* of a type parameter."""
    return _enum(params, name, TYPES, err.BAD_TYPE)


def response_type(params: Params, default: str) -> str:
    """ACK, RESULT or FULL."""
    found = params.given.get("newOrderRespType", default)
    if found not in RESPONSES:
        raise err.invalid("newOrderRespType")
    return found


def stp_mode(desk: Desk, params: Params) -> int:
    """The self-trade prevention mode of a request; the symbol's default where it has none."""
    allowed = desk.market.features.stp_modes
    if not params.has("selfTradePreventionMode"):
        return allowed[0]
    text = params.text("selfTradePreventionMode")
    if text not in MODES:
        raise err.invalid("selfTradePreventionMode")
    if MODES[text] not in allowed:
        raise err.ApiError(*err.STP_NOT_ALLOWED)
    return MODES[text]


def _offered(desk: Desk, kind: int, *, trailing: bool, iceberg: bool) -> None:
    """Refuse what this market cannot do, in the venue's words for a symbol without it."""
    features = desk.market.features
    if kind in _NOT_OFFERED and not features.contingent:
        raise err.ApiError(-1013, _NOT_OFFERED[kind])
    if trailing and not features.trailing:
        raise err.ApiError(-1013, "Trailing stop orders are not supported for this symbol.")
    if iceberg and not features.iceberg:
        raise err.ApiError(-1013, "Iceberg orders are not supported for this symbol.")


def _quantities(params: Params, names: Names, kind: int, *, unsized: bool) -> tuple[int, int]:
    """(base, quote) quantity, with 8 decimals; `unsized`: the leg may have none (OPO)."""
    if unsized:
        return 0, 0
    if kind != lay.TYPE_MARKET or not names.quote_qty:
        _unwanted(params, (names.quote_qty,))
        return _positive(params, names.qty, err.INVALID_QUANTITY), 0
    if params.has(names.qty) and params.has(names.quote_qty):
        raise err.not_required(names.quote_qty)
    if params.has(names.qty):
        return _positive(params, names.qty, err.INVALID_QUANTITY), 0
    if params.has(names.quote_qty):
        return 0, _positive(params, names.quote_qty, err.INVALID_QUOTE_QUANTITY)
    raise err.one_of(names.qty, names.quote_qty)


def _positive(params: Params, name: str, wrong: tuple[int, str]) -> int:
    value = params.decimal(name)
    if value == 0:
        raise err.ApiError(*wrong)
    return value


def _time_in_force(params: Params, names: Names, kind: int) -> int:
    if kind in TIMED:
        return _enum(params, names.tif, TIMES, err.BAD_TIME_IN_FORCE)
    _unwanted(params, (names.tif,))
    return lay.TIF_GTC if kind == lay.TYPE_POST_ONLY else lay.TIF_IOC


def _trigger(params: Params, names: Names, kind: int) -> tuple[int, int]:
    """(stop price with 8 decimals, trailing delta in bips)"""
    if kind not in CONTINGENT:
        _unwanted(params, (names.stop_px, names.trailing))
        return 0, 0
    stop8 = trailing = 0
    if params.has(names.stop_px):
        stop8 = _positive(params, names.stop_px, err.INVALID_STOP_PRICE)
    if params.has(names.trailing):
        trailing = params.integer(names.trailing)
        if not 0 < trailing < lay.BIPS_UNIT:
            raise err.filter_failure("TRAILING_DELTA")
    if not stop8 and not trailing:
        raise err.one_of(names.stop_px, names.trailing)
    return stop8, trailing


def _iceberg(params: Params, names: Names, kind: int, tif: int) -> int:
    """Visible quantity with 8 decimals; an iceberg is priced and good till canceled."""
    if not params.has(names.iceberg):
        return 0
    if kind not in PRICED:
        raise err.not_required(names.iceberg)
    iceberg8 = params.decimal(names.iceberg)
    if iceberg8 and tif != lay.TIF_GTC:
        raise err.ApiError(*err.UNSUPPORTED_COMBINATION)
    return iceberg8


def _strategy(params: Params, names: Names) -> tuple[int | None, int | None]:
    number = params.integer(names.strategy_id) if params.has(names.strategy_id) else None
    kind = params.integer(names.strategy_type) if params.has(names.strategy_type) else None
    if kind is not None and kind < STRATEGY_TYPE_MIN:
        raise err.ApiError(-1134, f"`{names.strategy_type}` was less than {STRATEGY_TYPE_MIN}.")
    return number, kind


def at_digits(value8: int, digits: int, failed: str) -> int:
    """A number with 8 decimals at `digits`; one that is finer fails the filter `failed`."""
    unit = 10 ** (DECIMALS_MAX - digits)
    if value8 % unit:
        raise err.filter_failure(failed)
    return value8 // unit


def read_leg(
    desk: Desk, call: Call, symbol: int, names: Names, kind: int, *, unsized: bool = False
) -> OrderRequest:
    """The order that the parameters under `names` ask for; ApiError when they do not fit."""
    params = call.params
    side = _enum(params, names.side, SIDES, err.BAD_SIDE)
    for name in names.pegs:
        if params.has(name):
            raise err.ApiError(*err.NO_PEGS)
    trailing_sent = bool(names.trailing) and params.has(names.trailing)
    _offered(desk, kind, trailing=trailing_sent, iceberg=params.has(names.iceberg))
    tif = _time_in_force(params, names, kind)
    qty8, quote8 = _quantities(params, names, kind, unsized=unsized)
    px8 = 0
    if kind in PRICED:
        px8 = _positive(params, names.px, err.INVALID_PRICE)
    else:
        _unwanted(params, (names.px,))
    stop8, trailing = _trigger(params, names, kind)
    iceberg8 = _iceberg(params, names, kind, tif)
    if iceberg8 > qty8 and not unsized:
        raise err.ApiError(*err.ICEBERG_EXCEEDS)
    strategy_id, strategy_type = _strategy(params, names)
    client_id = params.client_id(names.client_id) if params.has(names.client_id) else ""
    spec = desk.market.specs[symbol]
    return OrderRequest(
        symbol,
        call.account,
        side,
        kind,
        tif,
        at_digits(px8, spec.px_digits, "PRICE_FILTER"),
        at_digits(qty8, spec.qty_digits, "LOT_SIZE"),
        quote8,
        client_id or desk.new_id(),
        at_digits(stop8, spec.px_digits, "PRICE_FILTER"),
        trailing,
        at_digits(iceberg8, spec.qty_digits, "LOT_SIZE"),
        stp_mode(desk, params),
        strategy_id,
        strategy_type,
    )
