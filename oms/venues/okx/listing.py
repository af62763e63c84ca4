"""OKX's list of instruments: public/instruments -> canonical words.

Source: www.okx.com/docs-v5, public-data "Get instruments". A swap's `ctVal` × `ctMult` is what one
contract is worth: base units where it is linear. `maxMktSz` of spot is in USDT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from oms.venues.okx.spec import INST_TYPES, STATUSES
from oms.venues.reports import Listed
from oms.venues.shared import fields


def listed(market: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Listed, ...]:
    """The instruments of one answer's rows that are of this market."""
    of = _spot if market == "okx.spot" else _swap
    mine = [row for row in rows if row.get("instType") == INST_TYPES[market]]
    return fields.read(lambda: tuple(of(row) for row in mine), "instrument")


def _made(row: Mapping[str, Any], **words: Any) -> Listed:
    status = fields.text(row["state"])
    left_out = words.pop("left_out", "")
    if status not in STATUSES:
        left_out = f"its state {fields.shown(status)} is not known"
    return Listed(
        symbol=fields.text(row["instId"]), status=STATUSES.get(status, "HALT"),
        tick=_shown(row, "tickSz"), lot=_shown(row, "lotSz"), min_qty=_shown(row, "minSz"),
        max_qty=_shown(row, "maxLmtSz"), venue_code=fields.integer(row.get("instIdCode") or 0),
        fee_group=fields.text(row.get("groupId") or ""), left_out=left_out, **words,
    )  # fmt: skip


def _spot(row: Mapping[str, Any]) -> Listed:
    base, quote = fields.text(row["baseCcy"]), fields.text(row["quoteCcy"])
    return _made(
        row, name=f"{base}/{quote}", base=base, quote=quote, kind="SPOT",
        market_max_notional=_shown(row, "maxMktSz") if quote == "USDT" else "",
    )  # fmt: skip


def _swap(row: Mapping[str, Any]) -> Listed:
    base, _, quote = fields.text(row["uly"] or row["instFamily"]).partition("-")
    settle, kind = fields.text(row["settleCcy"]), fields.text(row["ctType"])
    left_out = ""
    if kind != "linear":
        left_out = f"contract type {kind}: linear ones alone are traded"
    elif settle != quote or row["ctValCcy"] != base:
        left_out = f"settled in {settle}, a contract in {row['ctValCcy']}"
    worth = Decimal(fields.decimal(row["ctVal"])) * Decimal(fields.decimal(row["ctMult"]))
    return _made(
        row, name=f"{base}/{quote}:{settle}", base=base, quote=quote, settle=settle, kind="LINEAR",
        contract_size=f"{worth.normalize():f}", market_max_qty=_shown(row, "maxMktSz"),
        left_out=left_out,
    )  # fmt: skip


def _shown(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None or value == "" else fields.decimal(value)
