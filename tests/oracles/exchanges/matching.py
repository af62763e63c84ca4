"""What the modules of exchanges share: a desk that trades everything, exact decimals, canonical
rows as plain values, payloads compared with what a library or a document shows, and reasons that
stand in QUIRKS.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatch
from typing import Any

from oms import ids
from oms.venues.reports import (
    Ask,
    Balance,
    FeeRate,
    Fill,
    Instrument,
    Item,
    Judgement,
    KeyState,
    Listed,
    MalformedMessageError,
    OrderView,
    Position,
    Reply,
    Report,
    Stamp,
    Verdict,
    Want,
)
from oms.venues.shared.order_command import Command
from shm_layout.enums import ExecKind, InstrumentKind, OrderSpace, OrderType, RejectReason
from shm_layout.records import UNDEF
from tests.oracles.base import DIFFERENCES_KEPT, Outcome
from tests.oracles.divergences import Divergences

SCALE = 8
SYSTEM_ID = 5
ORDER_ID = 1 << 40 | 7
OUR_TEXT = ids.to_text(SYSTEM_ID, ORDER_ID)
ACCOUNT = "main"
STAMP = Stamp(1_723_161_600_123, 41)
MARKET_DATA = "market data streams and requests"
NO_SHAPE = "messages of no documented shape"
UNSAID = "orders beyond the capabilities of the market: no request is made"
OTHER_CODES = "error codes of calls that are not made here"
CONTRACT = 10**6
"""0.01 base units, for those that count contracts."""
OPEN_KINDS = frozenset({ExecKind.FOUND_OPEN, ExecKind.ACK, ExecKind.EXTERNAL_OPEN})

Json = Mapping[str, Any]
Meaning = Ask | str
"""A canonical request, or the reason why there is none."""


@dataclass(frozen=True, slots=True)
class AnyDesk:
    """A `Known` that trades every symbol at eight decimals and knows no order of ours."""

    contract_size: int = 0
    """Of linear instruments."""
    system_id: int = SYSTEM_ID
    but: frozenset[str] = frozenset()
    """Symbols that it does not trade."""
    asked: Ask | None = None
    """What every answer is an answer to."""

    def instrument(self, market: str, symbol: str) -> Instrument | None:
        linear = not market.endswith(".spot")
        kind = InstrumentKind.LINEAR if linear else InstrumentKind.SPOT
        if not symbol or symbol in self.but:
            return None
        base, quote = currencies(symbol)
        return Instrument(
            1, 1, symbol, symbol, SCALE, SCALE, SCALE, 10**SCALE, kind, base, quote,
            contract_size=self.contract_size if linear else 0, venue_code=7,
        )  # fmt: skip

    def client_order_id(self, market: str, venue_order_id: str) -> int:
        return 0

    def ask_of(self, request_id: int) -> Ask | None:
        return self.asked


def currencies(symbol: str) -> tuple[str, str]:
    """Of the exchanges' own symbols: BTC-USDT-SWAP, BTCUSDT, ETHPERP."""
    if "-" in symbol:
        base, quote, *_ = symbol.split("-")
        return base, quote
    for quote in ("USDT", "USDC", "PERP", "USD"):
        if symbol.endswith(quote):
            return symbol.removesuffix(quote), "USDC" if quote == "PERP" else quote
    return symbol[:-3], symbol[-3:]


def units(value: Any) -> int:
    """A number at eight decimals, exactly; UNDEF for null and an empty text."""
    if value is None or value == "":
        return UNDEF
    scaled = Decimal(str(value)).scaleb(SCALE)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} has more than {SCALE} decimals")
    return int(scaled)


def price(value: Any) -> int:
    """A limit price; none, 0 and below are none."""
    found = units(value)
    return found if found > 0 else UNDEF


def contracts(value: Any) -> int:
    """The same of contracts, in base units."""
    return UNDEF if units(value) == UNDEF else units(value) * CONTRACT // 10**SCALE


def number(value: Any) -> Decimal | None:
    """A number to compare by its value; None where it is none."""
    try:
        return None if value is None or value == "" else Decimal(str(value)).normalize()
    except InvalidOperation:
        return None


def command(**values: Any) -> Command:
    """A NEW command that says what is given, and no more."""
    said: dict[str, Any] = dict.fromkeys(Command._fields, 0)
    said |= dict.fromkeys(("px", "qty", "quote_qty", "trigger_px"), UNDEF)
    said |= {"client_order_id": ORDER_ID, "venue_order_id": b""}
    return Command(**(said | values))


# Rows as plain values


def plain(row: Any) -> tuple[Any, ...]:
    """What is compared of a canonical row."""
    match row:
        case OrderView():
            return (
                "order", row.venue_order_id, row.symbol, row.side.name, row.px, row.qty,
                row.executed_qty, row.kind in OPEN_KINDS, row.space is OrderSpace.BOOK,
            )  # fmt: skip
        case Fill():
            return plain(row.report)
        case Report():
            return _plain_report(row)
        case Balance():
            return ("balance", row.currency, number(row.wallet))
        case Position():
            return ("position", row.symbol, number(row.qty), number(row.entry_px))
        case Listed():
            return ("listed", row.symbol, number(row.tick), number(row.lot), number(row.min_qty))
        case FeeRate():
            return ("fee", number(row.maker), number(row.taker), row.symbol or row.group)
        case KeyState():
            return ("key", row.may_trade, row.bound)
        case _:
            raise AssertionError(f"{type(row).__name__} is no canonical row")


def _plain_report(row: Report) -> tuple[Any, ...]:
    symbol = "" if row.instrument is None else row.instrument.symbol
    trade = row.trade_text or str(row.trade_id)
    if row.kind in {ExecKind.FUNDING, ExecKind.TRANSFER}:
        return (row.kind.name, symbol, number(row.fee_text), row.fee_currency)
    if row.kind in {ExecKind.FILL, ExecKind.LIQUIDATION, ExecKind.ADL}:
        return (
            row.kind.name, symbol, row.side.name, row.px, row.qty, number(row.fee_text),
            row.fee_currency, trade,
        )  # fmt: skip
    return (
        "state", row.venue_order_id, symbol, row.side.name, row.px, row.cum_qty,
        row.kind in OPEN_KINDS,
    )  # fmt: skip


# One item, one count


@contextmanager
def one(outcome: Outcome) -> Iterator[Outcome]:
    """All that is found of one item counts as one: a difference before a reason, a reason before an
    agreement."""
    found = Outcome()
    yield found
    reasons = found.notes.get("not_supported", {})
    assert isinstance(reasons, dict)
    if found.disagreed:
        outcome.disagreed += 1
        outcome.differences = (outcome.differences + found.differences)[:DIFFERENCES_KEPT]
    elif reasons:
        outcome.unsupported(next(iter(reasons)))
    elif found.agreed:
        outcome.agreed += 1
    for reason, count in found.unread.items():
        outcome.skip(reason, count)


def compare_rows(
    where: str, read: Callable[[], Iterable[Any]], expected: Sequence[tuple[Any, ...]],
    outcome: Outcome,
) -> None:  # fmt: skip
    """Rows that the product reads against what the text says; what cannot be read disagrees."""
    try:
        found = [plain(row) for row in read()]
    except MalformedMessageError as error:
        outcome.differ(f"{where}: {error}")
        return
    if found == list(expected):
        outcome.agreed += 1
        return
    for ours, theirs in zip(found, expected, strict=False):
        if ours != theirs:
            outcome.differ(f"{where}: {ours} here, {theirs} there")
            return
    outcome.differ(f"{where}: {len(found)} rows here, {len(expected)} there")


def codes(reply: Reply) -> list[tuple[int, str]]:
    """(code, the exchange's id of a placed order) of each item."""
    return [
        (item.code, "" if item.report is None else item.report.venue_order_id)
        for item in reply.items
    ]


# Payloads


def compare_payload(
    rules: Divergences, where: str, call: str, ours: Any, theirs: Any, outcome: Outcome
) -> None:
    """Field by field but for the committed differences; each order of a list by itself."""
    if isinstance(ours, list) or isinstance(theirs, list):
        both = isinstance(ours, list) and isinstance(theirs, list)
        if not both or len(ours) != len(theirs):
            outcome.differ(f"{where}: {ours} here, {theirs} there")
            return
        for mine, other in zip(ours, theirs, strict=True):
            compare_payload(rules, where, call, mine, other, outcome)
        return
    if not isinstance(ours, dict):
        outcome.compare(where, _text(ours), _text(theirs))
        return
    for name, mine in list(ours.items()):
        if isinstance(mine, list | dict) and name in theirs:
            compare_payload(rules, f"{where} {name}", call, mine, theirs[name], outcome)
    plain_ones = [
        {
            name: _text(value)
            for name, value in one.items()
            if value is not None and not isinstance(value, list | dict)
        }
        for one in (ours, theirs)
    ]
    rules.compare(where, call, *plain_ones, outcome)


def call_of(ask: Ask) -> str:
    """What a divergence is listed by: the kind of request, of an order its market and type."""
    if ask.want in {Want.PLACE, Want.TEST_ORDER}:
        return f"place {ask.market} {OrderType(ask.orders[0].order_type).name}"
    return ask.want.name.lower()


def _text(value: Any) -> str:
    """A number by its value, a truth in lower case, anything else as it stands."""
    found = None if isinstance(value, bool) else number(value)
    return str(value).lower() if found is None or not found.is_finite() else f"{found:f}"


def reason_of(path: str, table: Sequence[tuple[str, str]]) -> str | None:
    """The first reason whose pattern the path matches."""
    return next((reason for pattern, reason in table if fnmatch(path, pattern)), None)


# Errors


def judged_as(found: Judgement, classes: frozenset[str]) -> bool:
    """Whether a judgement of a refused place says what a library's exception class says."""
    verdict, reason = found.verdict, found.reason
    gone = {Verdict.NOT_FOUND, Verdict.NOT_OPEN}
    rules = {
        "InsufficientFunds": reason is RejectReason.INSUFFICIENT_FUNDS,
        "DuplicateOrderId": verdict is Verdict.UNKNOWN or reason is RejectReason.DUPLICATE_ID,
        "OrderNotFound": verdict in {*gone, Verdict.UNKNOWN},
        "BadSymbol": reason is RejectReason.UNKNOWN_INSTRUMENT,
        "RateLimitExceeded": reason is RejectReason.MESSAGE_RATE or found.pause is not None,
        "InvalidNonce": found.clock or verdict is Verdict.UNKNOWN
        or reason in {RejectReason.KEY_REFUSED, RejectReason.EXPIRED_INTENT},
        "NoChange": verdict in {Verdict.DONE, Verdict.REFUSED},
        "PermissionDenied": verdict is Verdict.REFUSED,
        "AccountSuspended": verdict is Verdict.REFUSED,
        "AuthenticationError": verdict is Verdict.REFUSED
        and reason in {RejectReason.KEY_REFUSED, RejectReason.ACCOUNT_MODE},
        "OperationFailed": verdict in {Verdict.UNKNOWN, Verdict.REFUSED},
    }  # fmt: skip
    for name, holds in rules.items():
        if name in classes:
            return holds
    return verdict is not Verdict.DONE


UNSURE = ("timeout", "timed out", "time out", "status unknown", "does not mean that the request")
"""Words of a text that leave open whether it was done."""


def judge_code(
    where: str, code: int, texts: Sequence[str], judge: Callable[[Ask, Item], Judgement],
    listed: bool, outcome: Outcome,
) -> None:  # fmt: skip
    """A documented code: never a success of a place, and never a refusal where its text leaves it
    open; one that is not listed here is unknown, which asks for the order."""
    found = judge(Ask(Want.PLACE), Item(code, status=400))
    words = " ".join(texts).lower()
    unsure = any(one in words for one in UNSURE)
    if not listed:
        outcome.compare(where, found.verdict.name, "UNKNOWN")
    elif found.verdict is Verdict.DONE:
        outcome.compare(where, found.verdict.name, "a refusal")
    else:
        outcome.compare(where, unsure and found.verdict is Verdict.REFUSED, False)
