"""OKX's order side, outgoing: canonical asks -> what is said where, unsigned. No I/O.

Sources: www.okx.com/docs-v5, order-book-trading-{trade,algo-trading}, trading-account, public-data.
Sockets name an instrument by `instIdCode`, REST by `instId`. Quantities of swaps are contracts,
exactly, or there is no request. Nothing is left to a default of the exchange: `tgtCcy`, `stpMode`,
`reduceOnly`, `posSide`, `cxlOnFail` are always said where they exist.
"""

from __future__ import annotations

from oms import ids
from oms.venues.data import Charge
from oms.venues.okx import spec
from oms.venues.reports import Ask, Instrument, Want
from oms.venues.shared import shapes
from oms.venues.shared.contracts import to_contracts
from oms.venues.shared.decimal_text import to_text
from oms.venues.shared.order_command import Command
from oms.venues.shared.requests import Params, Request, pairs, venue_id
from shm_layout.enums import (
    Direction,
    OrderSpace,
    OrderType,
    PriceKind,
    SelfTrade,
    Side,
    TimeInForce,
)

_SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
_ORDER_TYPES = {TimeInForce.GTC: "limit", TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
_STP = {
    SelfTrade.CANCEL_MAKER: "cancel_maker", SelfTrade.CANCEL_TAKER: "cancel_taker",
    SelfTrade.CANCEL_BOTH: "cancel_both",
}  # fmt: skip
_TRIGGER_BY = {
    PriceKind.UNSET: "last", PriceKind.LAST: "last", PriceKind.MARK: "mark",
    PriceKind.INDEX: "index",
}  # fmt: skip
BILL_KINDS = ("1", "8")
"""`type` of account/bills: transfer, funding fee."""


class Requests:
    """Makes the requests of one desk."""

    def __init__(self, system_id: int, self_trade: SelfTrade) -> None:
        self.system_id = system_id
        self._self_trade = self_trade

    def of(self, ask: Ask, *, socket: bool, now_ms: int) -> Request | None:
        """The request; None = not by this way, or the order's shape is not the exchange's."""
        match ask.want:
            case Want.PLACE:
                found = self._place(ask, socket)
            case Want.AMEND:
                found = self._amend(ask, socket)
            case Want.CANCEL:
                found = self._cancel(ask, socket)
            case Want.ORDER:
                found = self._order(ask)
            case Want.TEST_ORDER:
                found = self._test_order(ask)
            case Want.FILLS | Want.ORDER_FILLS:
                found = _fills(ask, now_ms)
            case Want.OPEN_ORDERS:
                found = _open_orders(ask)
            case Want.ENDED_ORDERS:
                found = _ended_orders(ask)
            case _:
                found = _of_account(ask)
        return None if found is None or (socket and not found.op) else found

    def client_text(self, order_id: int) -> str:
        """`clOrdId` or `algoClOrdId` of an order of ours."""
        return ids.to_text(self.system_id, order_id)

    def _place(self, ask: Ask, socket: bool) -> Request | None:
        if len(ask.orders) == 1 and ask.orders[0].order_type in shapes.CONDITIONAL_TYPES:
            return self._place_algo(ask)
        bodies = []
        for command, instrument in pairs(ask):
            body = self._order_body(command, instrument, ask.market, socket)
            if body is None:
                return None
            bodies.append(body)
        return _one_or_batch(ask, bodies, "place", ("order", "batch-orders"))

    def _order_body(
        self, command: Command, instrument: Instrument, market: str, socket: bool
    ) -> Params | None:
        mode = SelfTrade(command.self_trade or self._self_trade)
        swap = market == "okx.swap"
        fits = shapes.fits(spec.MARKETS[market].caps, command, position=swap)
        if not fits or mode not in _STP or shapes.closes(command):
            return None
        kind = OrderType(command.order_type)
        if kind in shapes.CONDITIONAL_TYPES:
            return None
        fok = kind is OrderType.LIMIT and command.time_in_force == TimeInForce.FOK
        size, named = _size(command, instrument), _named(instrument, socket)
        if size is None or not named or (fok and mode is SelfTrade.CANCEL_BOTH):
            return None  # 54036: FOK does not go with cancel_both
        body: Params = {
            **named, "tdMode": spec.MARGIN_MODES[market], "side": _SIDES[Side(command.side)],
            "ordType": "market", "sz": size, "clOrdId": self.client_text(command.client_order_id),
            "stpMode": _STP[mode],
        }  # fmt: skip
        if kind is not OrderType.MARKET:
            post_only = kind is OrderType.POST_ONLY
            body["ordType"] = (
                "post_only" if post_only else _ORDER_TYPES[TimeInForce(command.time_in_force)]
            )
            body["px"] = to_text(command.px, instrument.px_scale)
        if swap:
            body |= {"posSide": "net", "reduceOnly": shapes.reduces(command)}
        elif kind is OrderType.MARKET:
            by_amount = shapes.by_amount(command)
            body |= {"tgtCcy": "quote_ccy" if by_amount else "base_ccy", "banAmend": True}
        return body

    def _place_algo(self, ask: Ask) -> Request | None:
        """One-way stop-loss or take-profit: which way it is crossed follows from its side."""
        ((command, instrument),) = pairs(ask)
        swap = ask.market == "okx.swap"
        kind = PriceKind(command.trigger_kind)
        if not shapes.fits(spec.MARKETS[ask.market].caps, command, position=swap):
            return None
        if shapes.direction(command) is not _crossed(command) or not (
            swap or kind in {PriceKind.UNSET, PriceKind.LAST}
        ):
            return None
        stop = "sl" if command.order_type == OrderType.STOP else "tp"
        priced = shapes.said(command.px)
        body: Params = {
            "instId": instrument.symbol, "tdMode": spec.MARGIN_MODES[ask.market],
            "side": _SIDES[Side(command.side)], "ordType": "conditional",
            "algoClOrdId": self.client_text(command.client_order_id),
            f"{stop}TriggerPx": to_text(command.trigger_px, instrument.px_scale),
            f"{stop}TriggerPxType": _TRIGGER_BY[kind],
            f"{stop}OrdPx": to_text(command.px, instrument.px_scale) if priced else "-1",
        }  # fmt: skip
        if shapes.closes(command):
            if priced:
                return None
            body["closeFraction"] = "1"
        else:
            size = _size(command, instrument)
            if size is None:
                return None
            body["sz"] = size
        if swap:
            body |= {"posSide": "net", "reduceOnly": shapes.reduces(command)}
        else:
            body["tgtCcy"] = "base_ccy"
        return _post(ask, "/api/v5/trade/order-algo", body, "algo_place")

    def _test_order(self, ask: Ask) -> Request | None:
        made = self._place(ask, socket=False)
        if made is None or made.op != "order":
            return None
        return _post(ask, "/api/v5/trade/order-precheck", made.params, "config")

    def _amend(self, ask: Ask, socket: bool) -> Request | None:
        """`newSz` is the total; an order whose amend fails stays as it is."""
        bodies = []
        for command, instrument in pairs(ask):
            body: Params = {**_named(instrument, socket), **self._which(command)}
            body["cxlOnFail"] = False
            if shapes.said(command.qty):
                size = _size(command, instrument)
                if size is None:
                    return None
                body["newSz"] = size
            if shapes.said(command.px):
                body["newPx"] = to_text(command.px, instrument.px_scale)
            if not _named(instrument, socket) or not {"newSz", "newPx"} & set(body):
                return None
            bodies.append(body)
        if ask.space is OrderSpace.ALGO:
            return None
        return _one_or_batch(ask, bodies, "amend", ("amend-order", "batch-amend-orders"))

    def _which(self, command: Command) -> Params:
        if command.target_client_order_id:
            return {"clOrdId": self.client_text(command.target_client_order_id)}
        return {"ordId": venue_id(command)}

    def _cancel(self, ask: Ask, socket: bool) -> Request | None:
        algo = ask.space is OrderSpace.ALGO
        bodies: list[Params] = [
            {"instId": view.symbol, "algoId" if algo else "ordId": view.venue_order_id}
            for view in ask.shown
        ]
        if socket and (algo or bodies):
            return None
        for command, instrument in pairs(ask):
            which = self._which(command)
            named = _named(instrument, socket)
            if not named:
                return None
            bodies.append({**named, **(_algo_words(which) if algo else which)})
        if not bodies:
            assert ask.instrument is not None, "a cancel names its instrument"
            named = _named(ask.instrument, socket)
            if not named:
                return None
            bodies = [{**named, **self._id_of(ask, algo)}]
        if algo:
            if len(bodies) > spec.CANCEL_ALGOS_MAX:
                return None
            return _post(ask, "/api/v5/trade/cancel-algos", bodies, "algo_cancel")
        return _one_or_batch(ask, bodies, "cancel", ("cancel-order", "batch-cancel-orders"))

    def _id_of(self, ask: Ask, algo: bool) -> Params:
        if ask.client_order_id:
            found = {"clOrdId": self.client_text(ask.client_order_id)}
        else:
            found = {"ordId": ask.venue_order_id}
        return _algo_words(found) if algo else found

    def _order(self, ask: Ask) -> Request:
        assert ask.instrument is not None, "a question for an order names its instrument"
        if ask.space is OrderSpace.ALGO:
            return _get(ask, "/api/v5/trade/order-algo", self._id_of(ask, True), "algo_query")
        params = {"instId": ask.instrument.symbol, **self._id_of(ask, False)}
        return _get(ask, "/api/v5/trade/order", params, "query", ask.instrument.symbol)


def _algo_words(which: Params) -> Params:
    return {
        "algoClOrdId" if name == "clOrdId" else "algoId": value for name, value in which.items()
    }


def _crossed(command: Command) -> Direction:
    """What `sl` and `tp` of a side mean: a stop against it, a profit with it."""
    rises = (command.order_type == OrderType.STOP) == (command.side == Side.BUY)
    return Direction.RISE if rises else Direction.FALL


def _named(instrument: Instrument, socket: bool) -> Params:
    """{} = sockets want the exchange's number, and this instrument's is not known."""
    if not socket:
        return {"instId": instrument.symbol}
    return {"instIdCode": instrument.venue_code} if instrument.venue_code else {}


def _size(command: Command, instrument: Instrument) -> str | None:
    if shapes.by_amount(command):
        return to_text(command.quote_qty, instrument.quote_scale)
    if instrument.contract_size:
        return to_contracts(command.qty, instrument.contract_size)
    return to_text(command.qty, instrument.qty_scale)


_BATCH_PATHS = {
    "order": "order", "batch-orders": "batch-orders", "cancel-order": "cancel-order",
    "batch-cancel-orders": "cancel-batch-orders", "amend-order": "amend-order",
    "batch-amend-orders": "amend-batch-orders",
}  # fmt: skip
"""Operation on the socket -> path by REST, whose words stand in another order."""


def _one_or_batch(
    ask: Ask, bodies: list[Params], bucket: str, ops: tuple[str, str]
) -> Request | None:
    if not 0 < len(bodies) <= spec.SPOT_CAPS.batch_max:
        return None
    single = len(bodies) == 1
    op = ops[0] if single else ops[1]
    counts: dict[str, int] = {}
    for symbol in _symbols(ask):
        counts[symbol] = counts.get(symbol, 0) + 1
    name = bucket if single else f"{bucket}_batch"
    charges = [Charge(name, (ask.account, symbol), n) for symbol, n in counts.items()]
    if bucket != "cancel":
        charges.append(Charge("orders_of_account", (ask.account,), len(bodies)))
    params = bodies[0] if single else bodies
    return Request("POST", f"/api/v5/trade/{_BATCH_PATHS[op]}", params, tuple(charges), op)


def _symbols(ask: Ask) -> list[str]:
    """What its orders are counted by, whichever way they leave."""
    found = [view.symbol for view in ask.shown]
    found += [instrument.symbol for _, instrument in pairs(ask)]
    return found or ([ask.instrument.symbol] if ask.instrument is not None else [])


def _post(ask: Ask, path: str, body: object, bucket: str) -> Request:
    return Request("POST", path, body, (Charge(bucket, (ask.account,)),))


def _get(ask: Ask, path: str, params: Params, bucket: str, instrument: str = "") -> Request:
    key = (ask.account, instrument) if instrument else (ask.account,)
    return Request("GET", path, params, (Charge(bucket, key),))


def _scope(ask: Ask) -> Params:
    params: Params = {"instType": spec.INST_TYPES[ask.market]}
    if ask.instrument is not None:
        params["instId"] = ask.instrument.symbol
    return params


def _paged(ask: Ask) -> Params:
    return {"limit": spec.PAGE} | ({"after": ask.page} if ask.page else {})


def _times(ask: Ask) -> Params:
    params: Params = {}
    if ask.since_ms:
        params["begin"] = ask.since_ms
    if ask.until_ms:
        params["end"] = ask.until_ms
    return params


def _open_orders(ask: Ask) -> Request:
    if ask.space is OrderSpace.ALGO:
        kind = {"ordType": str(ask.values["kind"])}
        params = kind | _scope(ask) | _paged(ask)
        return _get(ask, "/api/v5/trade/orders-algo-pending", params, "algo_query")
    return _get(ask, "/api/v5/trade/orders-pending", _scope(ask) | _paged(ask), "pending")


def _ended_orders(ask: Ask) -> Request | None:
    if ask.space is OrderSpace.ALGO:
        return None
    params = _scope(ask) | _times(ask) | _paged(ask)
    return _get(ask, "/api/v5/trade/orders-history", params, "history")


def _fills(ask: Ask, now_ms: int) -> Request | None:
    """By the exchange's order id alone where they are of one order."""
    params = _scope(ask)
    if ask.want is Want.ORDER_FILLS:
        if not ask.venue_order_id:
            return None
        params["ordId"] = ask.venue_order_id
    params |= _times(ask) | _paged(ask)
    recent = not ask.since_ms or ask.since_ms >= now_ms - spec.FILLS_RECENT_MS
    if recent:
        return _get(ask, "/api/v5/trade/fills", params, "fills")
    return _get(ask, "/api/v5/trade/fills-history", params, "fills_history")


def _of_account(ask: Ask) -> Request | None:
    match ask.want:
        case Want.BALANCES:
            return _get(ask, "/api/v5/account/balance", {}, "balance")
        case Want.POSITIONS:
            params: Params = {"instType": "SWAP"}
            if ask.instrument is not None:
                params["instId"] = ask.instrument.symbol
            return _get(ask, "/api/v5/account/positions", params, "balance")
        case Want.CASH_FLOWS:
            params = {"type": str(ask.values["kind"])} | _times(ask) | _paged(ask)
            return _get(ask, "/api/v5/account/bills", params, "bills")
        case Want.LISTING:
            params = {"instType": spec.INST_TYPES[ask.market]}
            return Request("GET", "/api/v5/public/instruments", params, _PUBLIC, signed=False)
        case Want.CLOCK:
            return Request("GET", "/api/v5/public/time", {}, _PUBLIC, signed=False)
        case Want.KEY | Want.ACCOUNT:
            return _get(ask, "/api/v5/account/config", {}, "config")
        case Want.FEES:
            params = {"instType": spec.INST_TYPES[ask.market]}
            return _get(ask, "/api/v5/account/trade-fee", params, "fee")
        case Want.SET_ACCOUNT:
            return _setting(ask)
        case Want.DEAD_MAN:
            body = {"timeOut": str(ask.values["seconds"])}
            charge = Charge("dead_man", (ask.account, ""))
            return Request("POST", "/api/v5/trade/cancel-all-after", body, (charge,))
        case _:
            return None


_PUBLIC = (Charge("public", ("",)),)


def _setting(ask: Ask) -> Request | None:
    """`values["what"]`: "one_way", or "leverage" of an instrument in cross margin."""
    what = ask.values.get("what")
    if what == "one_way":
        return _post(ask, "/api/v5/account/set-position-mode", {"posMode": "net_mode"}, "config")
    if what == "leverage" and ask.instrument is not None:
        body = {"instId": ask.instrument.symbol, "lever": str(ask.values["leverage"]),
                "mgnMode": "cross"}  # fmt: skip
        return _post(ask, "/api/v5/account/set-leverage", body, "leverage")
    return None
