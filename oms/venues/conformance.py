"""The numbered cases that every market passes, or says from its own data why it cannot.

A case is a situation at an exchange that the whole desk must come through (NINE-MARKETS.md 7). What
it needs of a market is asked of the market's facts (`oms/venues/data.py`): one that lacks it says
so in a sentence, and `tests/conformance` asserts the lack. `open` is a known defect of the desk, of
every market that the case applies to. Numbers never change their meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from oms.venues.data import AmendWay, BookWay, OrderMarket
from shm_layout.enums import InstrumentKind, MarketStatus, SelfTrade


@dataclass(frozen=True, slots=True)
class Need:
    """One declared fact of a market that a case cannot do without."""

    holds: Callable[[OrderMarket], bool]
    lack: str
    """What a market without it is like, in a few words."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    number: int
    title: str
    need: Need | None = None
    """None: it applies everywhere."""
    open: str = ""
    """What the desk does not hold yet, in one sentence; "" = it holds."""

    @property
    def name(self) -> str:
        """As it is spoken of: C04."""
        return f"C{self.number:02d}"


class Stand(Enum):
    """Where a market stands with a case."""

    HOLDS = "yes"
    LACKS = "lack"
    OPEN = "open"
    UNTRIED = "typed"
    """It applies, and no connector trades there yet."""


_WARNS = frozenset({MarketStatus.WARNING, MarketStatus.DELISTING})
_SHRINKS = frozenset({SelfTrade.DECREMENT, SelfTrade.TRANSFER, SelfTrade.TAKER_PART})

CHAINED = Need(lambda market: market.book is not BookWay.WHOLE_EACH, "each message is a whole book")
AGED = Need(lambda market: market.caps.link_age_ms > 0, "no documented age of connections")
DATED = Need(lambda market: market.caps.dated, "requests carry no time")
BY_AMOUNT = Need(lambda market: bool(market.caps.amount_orders), "no orders by amount")
LADDER = Need(lambda market: market.caps.ladder, "one tick for every price")
BATCHES = Need(
    lambda market: market.caps.batch_max > 1 or market.caps.cancel_batch_max > 1, "no batches"
)
AMENDS = Need(lambda market: market.caps.amend is not AmendWay.NONE, "orders cannot be amended")
LINEAR = Need(lambda market: market.kind is InstrumentKind.LINEAR, "spot: nothing but balances")
WARNS = Need(lambda market: bool(market.caps.statuses & _WARNS), "its list warns of nothing")
SHRINKS = Need(
    lambda market: market.kind is InstrumentKind.LINEAR or bool(market.caps.self_trade & _SHRINKS),
    "a total changes by fills alone",
)

CASES: tuple[Case, ...] = (
    Case(1, "a feed subscribes, and its books become LIVE"),
    Case(2, "a hole in the stream is seen, and the book is synchronised anew", CHAINED),
    Case(3, "a quiet market stays LIVE, a silent connection makes it STALE"),
    Case(4, "an order is placed, filled in parts, and its rest cancelled"),
    Case(5, "the reply to an order is lost, and its event says that it rests"),
    Case(6, "reply and event are lost, and a question finds what became of the order"),
    Case(7, "a fill that is told twice counts once"),
    Case(8, "a fill that comes before the acknowledgement is believed"),
    Case(9, "a cancel meets a fill, and both are booked as the exchange has them"),
    Case(10, "a connection is replaced before its age, and survives being cut at it", AGED),
    Case(11, "events of a moment or of three hours are lost, and reconciliation finds them"),
    Case(12, "a pause or a ban stops those whom it is for, as long as it says"),
    Case(13, "a kill ends in the word that is true: PROVED, EMPTY or OPEN"),
    Case(14, "the exchange's clock is off, and orders go on by it", DATED),
    Case(15, "an order by amount is reserved whole and ends by the exchange's word", BY_AMOUNT),
    Case(16, "an order that the market does not know is refused before anything leaves"),
    Case(17, "any role dies and starts again, and nothing is lost or doubled"),
    Case(18, "damaged messages are refused, and never read as something else"),
    Case(19, "documented samples are read field by field"),
    Case(20, "the desk's book equals the exchange's"),
    Case(21, "a list with what cannot be traded costs nothing but that"),
    Case(22, "a price moves across a ladder of ticks, and a disputed tick is refused", LADDER),
    Case(23, "a batch is refused in part, and each order has its own end", BATCHES),
    Case(24, "an amendment, or a cancel with a new order, is half done", AMENDS),
    Case(25, "reduce-only, a flip, funding and a liquidation are booked", LINEAR),
    Case(26, "fees are booked in each coin that they come in"),
    Case(27, "the exchange warns of an instrument, or delists it, while it is traded", WARNS),
    Case(28, "maintenance: nothing is answered, and afterwards everything is true again"),
    Case(29, "an order's total shrinks without a fill", SHRINKS),
    Case(30, "a request that arrives late is not held for one that never will"),
)


def case(number: int) -> Case:
    """The case of that number; KeyError where there is none."""
    found = {one.number: one for one in CASES}
    return found[number]


def lack(one: Case, market: OrderMarket) -> str:
    """Why the case does not apply to the market; "" = it does."""
    return "" if one.need is None or one.need.holds(market) else one.need.lack


def stand(one: Case, market: OrderMarket, *, traded: bool) -> Stand:
    """Where the market stands with the case; `traded`: a connector trades there."""
    if lack(one, market):
        return Stand.LACKS
    if one.open:
        return Stand.OPEN
    return Stand.HOLDS if traded else Stand.UNTRIED
