"""What the modules of the `bid`/`ask` dialect share: requests by parts, tokens, order rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oms.venues.reports import Balance, Fill, HttpCall, OrderView
from oms.venues.shared.bid_ask import requests as requests_
from oms.venues.shared.jwt import JwtSigner, decoded
from shm_layout.enums import Side
from shm_layout.records import UNDEF
from tests.oracles.base import Outcome
from tests.oracles.canonical import units, units_down

Json = Mapping[str, Any]
SIDES = {"bid": Side.BUY, "ask": Side.SELL, "BID": Side.BUY, "ASK": Side.SELL}


def parts_of(method: str, url: str, body: str | bytes | None) -> dict[str, str]:
    """A request as method, path and parameters; a name that repeats has its values joined."""
    address = urlsplit(url)
    made = {"method": method, "path": address.path}
    pairs = parse_qsl(address.query, keep_blank_values=True)
    if body:
        pairs += list(requests_.flat(texts(json.loads(body))))
    for name, value in pairs:
        made[name] = f"{made[name]},{value}" if name in made else value
    return made


def parts_of_call(call: HttpCall) -> dict[str, str]:
    """The same of a request of ours."""
    return parts_of(call.method, call.target, call.body)


def texts(value: Any) -> Any:
    """JSON with every number as its text: a library passes some on."""
    if isinstance(value, dict):
        return {name: texts(one) for name, one in value.items()}
    if isinstance(value, list):
        return [texts(one) for one in value]
    return value if isinstance(value, str) else str(value)


def token_again(head: Json, request: Json, *, stamped: bool) -> tuple[str, str] | None:
    """(their token made again by our functions, theirs); None where the request is not signed."""
    header = request["headers"].get("Authorization")
    if header is None:
        return None
    theirs = header.removeprefix("Bearer ")
    algorithm = json.loads(decoded(theirs.split(".")[0]))["alg"]
    if request["body"]:
        pairs = list(requests_.flat(texts(json.loads(request["body"]))))
    else:
        pairs = parse_qsl(urlsplit(request["url"]).query, keep_blank_values=True)
    claims = requests_.claims(
        head["apiKey"], head["uuid"], requests_.hashed_text(pairs),
        head["milliseconds"] if stamped else None,
    )  # fmt: skip
    return JwtSigner(head["secret"].encode(), algorithm).token(claims), theirs


def compare_view(where: str, view: OrderView, row: Json, outcome: Outcome) -> None:
    """An order row against its own texts."""
    by_amount = view.by_amount
    ordered = row.get("ord_type") or row.get("order_type")
    outcome.compare(
        where,
        (view.symbol, view.side, view.px, view.qty, view.executed_qty, view.word),
        (
            row["market"],
            SIDES[row["side"]],
            units(row.get("price")) if ordered == "limit" else UNDEF,
            UNDEF if by_amount else units(row.get("volume")),
            max(units(row.get("executed_volume")), 0),
            row.get("state", ""),
        ),
    )
    if row.get("paid_fee") is not None:
        outcome.compare(f"{where}, fee", Decimal(view.cum_fee_text), Decimal(row["paid_fee"]))


def compare_fill(where: str, fill: Fill, row: Json, outcome: Outcome) -> None:
    """A trade of an order row against its own texts."""
    made = fill.report
    outcome.compare(
        where,
        (made.px, made.qty, made.quote_qty, made.trade_text, made.side),
        (units(row["price"]), units(row["volume"]), units_down(row["funds"]), row["uuid"],
         SIDES[row["side"]]),
    )  # fmt: skip


def compare_balances(where: str, rows: Any, raw: Any, outcome: Outcome) -> None:
    """Balances digit by digit."""
    found = {(r.currency, Decimal(r.free), Decimal(r.locked)) for r in rows if type(r) is Balance}
    given = {(r["currency"], Decimal(str(r["balance"])), Decimal(str(r["locked"]))) for r in raw}
    outcome.compare(where, found, given)


def loads(raw: str) -> Any:
    """JSON with exact numbers."""
    return json.loads(raw, parse_float=Decimal)


Judge = Callable[[str, Json, Outcome], None]
