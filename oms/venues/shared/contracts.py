"""Contracts <-> base units, exactly or not at all (DESIGN.md law 7).

An instrument's `contract_size` is the base units of one contract at its qty_scale; a quantity of
contracts may have a fraction (lots below one contract).
"""

from __future__ import annotations

from oms.venues.shared.decimal_text import POW10, from_text, to_text
from oms.venues.trade_base import MalformedMessageError

_CONTRACT_DIGITS = 8
"""Digits of a contract that are looked at."""


def to_contracts(qty: int, contract_size: int) -> str | None:
    """Decimal text of `qty` in contracts; None where it is no whole number of 10**-8 of one."""
    assert contract_size > 0, "base units of a contract"
    fine, rest = divmod(qty * POW10[_CONTRACT_DIGITS], contract_size)
    return None if rest else to_text(fine, _CONTRACT_DIGITS)


def to_base(text: str, contract_size: int) -> int:
    """Base units of so many contracts; MalformedMessageError where they are no integer at the
    instrument's scale."""
    whole, rest = divmod(from_text(text, _CONTRACT_DIGITS) * contract_size, POW10[_CONTRACT_DIGITS])
    if rest:
        raise MalformedMessageError(f"{text} contracts are no quantity at the instrument's scale")
    return whole
