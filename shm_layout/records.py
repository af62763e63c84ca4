"""THE record layouts: the only definition of any byte that two processes share.

Each record is a numpy structured dtype of exact size (a multiple of 64 bytes), without implicit
padding, with a unit in every field's comment. All begin with one head: `seq` (in a ring: its
position + 1; in a table: the seqlock word, odd while written; 0 = never written), `type`
(RecordType), `flags`, `epoch` (incarnation of the writer).

Prices are int64 at the instrument's `px_scale`, quantities at its `qty_scale`, money at its
currency's scale: a scale is the number of decimal digits. Times are nanoseconds since 1970, UTC.
UNDEF (the smallest int64) marks a price or amount that is not there.

`type_hash` covers names, types, offsets and the enums that a field takes its values from;
segments and journals carry it (DESIGN.md law 3). `python -m shm_layout.layout` writes the golden.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from shm_layout.enums import (
    Action,
    BookRule,
    BookState,
    Direction,
    Durability,
    Exchange,
    ExecKind,
    Hop,
    InstrumentKind,
    KillWord,
    LinkState,
    Liquidity,
    MarketStatus,
    OperatorVerb,
    OrderSpace,
    OrderState,
    OrderType,
    PluginState,
    PluginTrouble,
    PositionSide,
    PriceKind,
    ProcessState,
    RecordType,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
    Venue,
    Wait,
)
from shm_layout.limits import (
    CACHE_LINE_BYTES,
    HISTOGRAM_BUCKETS,
    LEVELS_PER_RECORD,
    RATE_USERS_MAX,
    RUNGS_MAX,
    WORD_BYTES,
)

UNDEF = -(2**63)
"""No price, no amount: INT64_MIN."""
NO_ID = -1
"""No row: ids are row numbers, from 0."""

LAYOUT_VERSION = 3


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, its numpy format, its unit and the enum its values come from."""

    name: str
    format: Any
    comment: str
    enum: type[IntEnum] | None = None


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """One record type: what `record()` checked, and its hash."""

    name: str
    type: RecordType
    fields: tuple[Field, ...]
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        return self.dtype.itemsize

    def enums(self) -> dict[str, list[str]]:
        """Enum name -> its names in order of value, for every enum that a field uses."""
        used = {f.enum.__name__: [m.name for m in f.enum] for f in self.fields if f.enum}
        return dict(sorted(used.items()))

    def descriptor(self) -> dict[str, Any]:
        """What a journal embeds, so that it can be read when this file has changed."""
        assert self.dtype.fields is not None
        rows = [
            [f.name, _format_text(f.format), int(self.dtype.fields[f.name][1])]
            + ([f.enum.__name__] if f.enum else [])
            for f in self.fields
        ]
        return {
            "name": self.name,
            "type": int(self.type),
            "size_bytes": self.size_bytes,
            "fields": rows,
            "enums": self.enums(),
        }

    def type_hash(self, enum_counts: dict[str, int] | None = None) -> int:
        """63-bit hash over names, formats, offsets and enums.

        `enum_counts` cuts each enum to its first n names: so a reader whose lists are longer
        finds the hash of a shorter writer.
        """
        described = self.descriptor()
        if enum_counts is not None:
            for name, names in described["enums"].items():
                described["enums"][name] = names[: enum_counts.get(name, len(names))]
        text = repr(sorted(described.items()))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


RECORDS: dict[str, RecordSpec] = {}
SPEC_OF_TYPE: dict[int, RecordSpec] = {}


def _format_text(fmt: Any) -> str:
    return fmt if isinstance(fmt, str) else f"{fmt[1][0]}{fmt[0]}"


HEAD = (
    Field("seq", "i8", "ring: position + 1; table: seqlock word; 0 = never written"),
    Field("type", "u2", "RecordType", RecordType),
    Field("flags", "u2", "FLAG_* bits"),
    Field("epoch", "u4", "incarnation of the writer, from 1"),
)


def _lay_out(name: str, size_bytes: int, fields: tuple[Field, ...]) -> np.dtype[Any]:
    """The dtype of `fields` in order; checks exact size, alignment, and that nothing is padded."""
    offsets: list[int] = []
    at = 0
    for field in fields:
        dtype = np.dtype(field.format)
        alignment = 1 if dtype.base.kind == "S" else dtype.base.itemsize
        assert at % alignment == 0, f"{name}.{field.name}: offset {at} is not aligned"
        assert field.comment, f"{name}.{field.name}: a unit or a meaning is required"
        offsets.append(at)
        at += dtype.itemsize
    assert at == size_bytes, f"{name}: fields take {at} bytes, declared are {size_bytes}"
    assert size_bytes % CACHE_LINE_BYTES == 0, f"{name}: {size_bytes} bytes is no multiple of 64"
    return np.dtype(
        {
            "names": [f.name for f in fields],
            "formats": [f.format for f in fields],
            "offsets": offsets,
            "itemsize": size_bytes,
        },
        align=True,
    )


def record(
    name: str, record_type: RecordType, size_bytes: int, *fields: tuple[Any, ...]
) -> np.dtype[Any]:
    """Declare a record; checks exact size, alignment and that nothing is padded silently."""
    made = HEAD + tuple(Field(*field) for field in fields)
    dtype = _lay_out(name, size_bytes, made)
    spec = RecordSpec(name, record_type, made, dtype)
    assert name not in RECORDS, f"{name}: declared twice"
    assert record_type not in SPEC_OF_TYPE, f"{name}: its record type is taken"
    RECORDS[name] = spec
    SPEC_OF_TYPE[record_type] = spec
    return dtype


def spec_of(dtype: np.dtype[Any]) -> RecordSpec:
    """The declaration of a record's dtype."""
    return next(spec for spec in RECORDS.values() if spec.dtype is dtype)


_LEVELS = (LEVELS_PER_RECORD,)


def word_of(dtype: np.dtype[Any], name: str) -> int:
    """Index of the int64 word at which a field begins, for kernels that copy words."""
    assert dtype.fields is not None
    offset = int(dtype.fields[name][1])
    assert offset % WORD_BYTES == 0, f"{name} does not begin at a word"
    return offset // WORD_BYTES


# --- market data: feed -> aggregator -------------------------------------------------------

MD_LEVELS = record(
    "MdLevels", RecordType.MD_LEVELS, 128,
    ("instrument_id", "i4", "row of the instrument table"),
    ("side", "u1", "side of all levels of this record", Side),
    ("count", "u1", "levels used, 0..4; 0 with FLAG_LAST ends an event without levels"),
    ("venue", "u2", "market", Venue),
    ("update_id", "i8", "venue's last update id of the event"),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock, when the message came off the socket"),
    ("stamp_cycles", "i8", "cycle counter at publication; 0 = not stamped"),
    ("px", ("i8", _LEVELS), "price of each level, px_scale"),
    ("qty", ("i8", _LEVELS), "new quantity of each level, qty_scale; 0 = level gone"),
    ("reserved", ("i8", (1,)), "0"),
)  # fmt: skip

MD_TICKER = record(
    "MdTicker", RecordType.MD_TICKER, 128,
    ("instrument_id", "i4", "row of the instrument table"),
    ("reserved0", "u2", "0"),
    ("venue", "u2", "market", Venue),
    ("update_id", "i8", "venue's update id"),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock, when the message came off the socket"),
    ("stamp_cycles", "i8", "cycle counter at publication; 0 = not stamped"),
    ("bid_px", "i8", "best bid, px_scale; UNDEF = none"),
    ("bid_qty", "i8", "qty_scale"),
    ("ask_px", "i8", "best ask, px_scale; UNDEF = none"),
    ("ask_qty", "i8", "qty_scale"),
    ("reserved", ("i8", (5,)), "0"),
)  # fmt: skip

MD_TRADE = record(
    "MdTrade", RecordType.MD_TRADE, 128,
    ("instrument_id", "i4", "row of the instrument table"),
    ("aggressor", "u1", "side of the taker", Side),
    ("reserved0", "u1", "0"),
    ("venue", "u2", "market", Venue),
    ("trade_id", "i8", "venue's trade id; a digest where the venue's is text"),
    ("ts_event_ns", "i8", "venue's clock, time of the trade"),
    ("ts_recv_ns", "i8", "our clock, when the message came off the socket"),
    ("stamp_cycles", "i8", "cycle counter at publication; 0 = not stamped"),
    ("px", "i8", "px_scale"),
    ("qty", "i8", "qty_scale"),
    ("cause_pos", "i8", "in the top ring: position in the md ring it came from"),
    ("reserved", ("i8", (6,)), "0"),
)  # fmt: skip

MD_STATE = record(
    "MdState", RecordType.MD_STATE, 128,
    ("instrument_id", "i4", "row of the instrument table; NO_ID = all of the venue"),
    ("state", "u1", "what the feed now says of this book", BookState),
    ("reserved0", "u1", "0"),
    ("venue", "u2", "market", Venue),
    ("update_id", "i8", "last update id before the change"),
    ("ts_recv_ns", "i8", "our clock"),
    ("stamp_cycles", "i8", "cycle counter at publication; 0 = not stamped"),
    ("generation", "i8", "counts the snapshots of this book since the feed began"),
    ("reserved", ("i8", (9,)), "0"),
)  # fmt: skip

MD_MARK = record(
    "MdMark", RecordType.MD_MARK, 128,
    ("instrument_id", "i4", "row of the instrument table"),
    ("reserved0", "u2", "0"),
    ("venue", "u2", "market", Venue),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock"),
    ("stamp_cycles", "i8", "cycle counter at publication; 0 = not stamped"),
    ("mark_px", "i8", "px_scale; UNDEF = not said"),
    ("index_px", "i8", "px_scale; UNDEF = not said"),
    ("funding_rate_e10", "i8", "of the interval under way; UNDEF = not said"),
    ("next_funding_ns", "i8", "venue's clock; 0 = not said"),
    ("reserved", ("i8", (6,)), "0"),
)  # fmt: skip

MD_STATUS = record(
    "MdStatus", RecordType.MD_STATUS, 128,
    ("instrument_id", "i4", "row of the instrument table; NO_ID = all of the venue"),
    ("status", "u1", "what the venue lets be done from now on", MarketStatus),
    ("reserved0", "u1", "0"),
    ("venue", "u2", "market", Venue),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock"),
    ("stamp_cycles", "i8", "cycle counter at publication; 0 = not stamped"),
    ("until_ns", "i8", "venue's clock; 0 = not said"),
    ("text", "S64", "the venue's own words, cut"),
    ("reserved", ("i8", (1,)), "0"),
)  # fmt: skip

# --- prices: aggregator -> strategies, router, risk ----------------------------------------

TOP_OF_BOOK = record(
    "TopOfBook", RecordType.TOP_OF_BOOK, 128,
    ("instrument_id", "i4", "row of the instrument table"),
    ("state", "u1", "only LIVE may price an order", BookState),
    ("reserved0", "u1", "0"),
    ("venue", "u2", "market", Venue),
    ("version", "i8", "counts changes of this book; goes into what was decided by it"),
    ("ts_event_ns", "i8", "venue's clock of the last update; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock of the last update"),
    ("stamp_cycles", "i8", "cycle counter when the message came in; 0 = not stamped"),
    ("bid_px", "i8", "px_scale; UNDEF when that side is empty"),
    ("bid_qty", "i8", "qty_scale"),
    ("ask_px", "i8", "px_scale; UNDEF when that side is empty"),
    ("ask_qty", "i8", "qty_scale"),
    ("cause_pos", "i8", "position in the md ring of the record that caused this"),
    ("update_id", "i8", "venue's update id of the book"),
    ("reserved", ("i8", (3,)), "0"),
)  # fmt: skip

BOOK_ROW = record(
    "BookRow", RecordType.BOOK_ROW, 704,
    ("instrument_id", "i4", "row of the instrument table"),
    ("state", "u1", "only LIVE may price an order", BookState),
    ("reserved0", "u1", "0"),
    ("venue", "u2", "market", Venue),
    ("version", "i8", "as in TopOfBook"),
    ("ts_recv_ns", "i8", "our clock of the last update"),
    ("bid_count", "i4", "levels given, 0..20"),
    ("ask_count", "i4", "levels given, 0..20"),
    ("reserved", ("i8", (2,)), "0"),
    ("bid_px", ("i8", (20,)), "best first, px_scale"),
    ("bid_qty", ("i8", (20,)), "qty_scale"),
    ("ask_px", ("i8", (20,)), "best first, px_scale"),
    ("ask_qty", ("i8", (20,)), "qty_scale"),
)  # fmt: skip

# --- orders: strategy -> risk -> executor -> risk -> everybody -------------------------------

_TERMS: tuple[tuple[Any, ...], ...] = (
    ("target_client_order_id", "i8", "CANCEL, AMEND, REPLACE: which order; else 0"),
    ("parent_id", "i8", "the order that this one works for; 0 = none"),
    ("trigger_px", "i8", "STOP, TAKE_PROFIT: px_scale; 0 = none"),
    ("activation_px", "i8", "trailing: where it begins to trail, px_scale; 0 = at once"),
    ("trail_e6", "i8", "trailing: distance, millionths of the extreme price; 0 = does not trail"),
    ("expire_ns", "i8", "GTD: our clock, UTC; 0 = none"),
    ("display_qty", "i8", "the part that is shown, qty_scale; 0 = all of it"),
    ("space", "u1", "which list of the venue it stands in", OrderSpace),
    ("order_flags", "u1", "ORDER_* bits"),
    ("position_side", "u1", "which position it is for", PositionSide),
    ("self_trade", "u1", "what happens where it meets our own", SelfTrade),
    ("trigger_kind", "u1", "the price that its trigger looks at", PriceKind),
    ("trigger_direction", "u1", "which way its trigger is crossed", Direction),
    ("reserved2", "u2", "0"),
)  # fmt: skip
"""What an order may say beyond price and quantity: the same words in INTENT, ORDER_COMMAND and
ORDER_ROW, 64 bytes in one order, so that they are copied as words. All are 0 where nothing is said:
a record of an older build, which lacks them, says just that."""

INTENT = record(
    "Intent", RecordType.INTENT, 256,
    ("intent_id", "i8", "counts a strategy's intents, from 1, over restarts"),
    ("instrument_id", "i4", "row of the instrument table"),
    ("account_id", "i4", "row of the account table"),
    ("strategy_id", "u2", "row of the strategy table"),
    ("action", "u1", "what is wanted", Action),
    ("side", "u1", "BUY or SELL", Side),
    ("order_type", "u1", "its type", OrderType),
    ("time_in_force", "u1", "how long it stands", TimeInForce),
    ("reserved0", "u2", "0"),
    ("px", "i8", "limit price, px_scale; of MARKET the worst it takes; UNDEF = none"),
    ("qty", "i8", "base quantity, qty_scale; UNDEF when given by quote amount"),
    ("quote_qty", "i8", "quote amount, scale of the quote currency; UNDEF when given by qty"),
    ("mid_px", "i8", "mid that decided, in half units of px_scale (bid + ask)"),
    ("book_version", "i8", "version of the top of book that decided"),
    ("ts_event_ns", "i8", "venue's clock of the tick that decided; 0 = a timer"),
    ("ts_recv_ns", "i8", "our clock of the tick that decided"),
    ("ts_decide_ns", "i8", "our clock at the decision"),
    ("valid_until_ns", "i8", "nobody sends it after this"),
    ("stamp_cycles", "i8", "cycle counter when the tick came in; 0 = not stamped"),
    ("cause_ring", "i4", "id of the ring that caused this"),
    ("reserved1", "i4", "0"),
    ("cause_pos", "i8", "position in that ring"),
    ("asked_by", "i8", "a person's: user id << 32 | process id; 0 = a strategy's own"),
    *_TERMS,
    ("reserved", ("i8", (6,)), "0"),
)  # fmt: skip

ORDER_COMMAND = record(
    "OrderCommand", RecordType.ORDER_COMMAND, 256,
    ("client_order_id", "i8", "ours, never used twice: risk epoch << 40 | count"),
    ("instrument_id", "i4", "row of the instrument table"),
    ("account_id", "i4", "row of the account table"),
    ("strategy_id", "u2", "row of the strategy table"),
    ("action", "u1", "what is wanted", Action),
    ("side", "u1", "BUY or SELL", Side),
    ("order_type", "u1", "its type", OrderType),
    ("time_in_force", "u1", "how long it stands", TimeInForce),
    ("reserved0", "u2", "0"),
    ("px", "i8", "limit price, px_scale; of MARKET the worst it takes; UNDEF = none"),
    ("qty", "i8", "base quantity, qty_scale; UNDEF when given by quote amount"),
    ("quote_qty", "i8", "quote amount, scale of the quote currency; UNDEF when given by qty"),
    ("notional", "i8", "worst case that risk reserved, scale of the quote currency"),
    ("valid_until_ns", "i8", "the sender refuses an older one"),
    ("journal_seq", "i8", "sequence of the journal record that holds this intent; > 0"),
    ("risk_epoch", "i8", "incarnation of risk that passed it"),
    ("ts_decide_ns", "i8", "our clock at the strategy's decision"),
    ("ts_risk_ns", "i8", "our clock when risk passed it"),
    ("stamp_cycles", "i8", "cycle counter when the tick came in; 0 = not stamped"),
    ("risk_cycles", "i8", "cycle counter when the intent was read; 0 = not stamped"),
    ("cause_ring", "i4", "id of the ring that caused this"),
    ("attempt", "i4", "QUERY: which attempt, from 1"),
    ("cause_pos", "i8", "position in that ring"),
    ("venue_order_id", "S40", "venue's id where known"),
    *_TERMS,
    ("reserved", ("i8", (1,)), "0"),
)  # fmt: skip

EXECUTION = record(
    "Execution", RecordType.EXECUTION, 320,
    ("client_order_id", "i8", "ours; 0 = not an order of ours"),
    ("instrument_id", "i4", "row of the instrument table"),
    ("account_id", "i4", "row of the account table"),
    ("kind", "u1", "what is said", ExecKind),
    ("side", "u1", "BUY or SELL", Side),
    ("liquidity", "u1", "FILL: maker or taker", Liquidity),
    ("reserved0", "u1", "0"),
    ("reason", "u2", "REJECT: why", RejectReason),
    ("venue", "u2", "market", Venue),
    ("venue_code", "i4", "venue's own error code; 0 = none"),
    ("fee_currency_id", "i4", "row of the currency table; NO_ID = no fee"),
    ("px", "i8", "FILL: price of this fill, px_scale; EXTERNAL_OPEN: limit price"),
    ("qty", "i8", "FILL: quantity of this fill, qty_scale; EXTERNAL_OPEN: order quantity"),
    ("quote_qty", "i8", "FILL: amount of this fill, scale of the quote currency"),
    ("cum_qty", "i8", "venue's cumulative quantity, qty_scale; UNDEF = not given"),
    ("fee", "i8", "FILL: fee paid (+) or received (-), scale of fee_currency_id"),
    ("exec_key_high", "i8", "fill's identity at (venue, account): high word"),
    ("exec_key_low", "i8", "low word; numeric trade ids stand here alone"),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock, when the message came off the socket"),
    ("stamp_cycles", "i8", "cycle counter at publication; 0 = not stamped"),
    ("cause_pos", "i8", "position in the orders ring of the command answered; NO_ID = none"),
    ("venue_order_id", "S40", "venue's id"),
    ("text", "S48", "venue's own words, cut"),
    ("cum_quote_qty", "i8", "venue's cumulative amount, scale of the quote currency; UNDEF"),
    ("cum_fee", "i8", "venue's cumulative fee, scale of fee_currency_id; UNDEF = not given"),
    ("total_qty", "i8", "AMENDED, REDUCED: the order's quantity from now on, qty_scale; UNDEF"),
    ("space", "u1", "which list of the venue it stands in", OrderSpace),
    ("position_side", "u1", "which position it is for", PositionSide),
    ("reserved2", "u2", "0"),
    ("reserved3", "u4", "0"),
    ("second_id", "S64", "id in its other space, of its successor, or of a transfer"),
)  # fmt: skip

BALANCE = record(
    "Balance", RecordType.BALANCE, 320,
    ("account_id", "i4", "row of the account table"),
    ("currency_id", "i4", "row of the currency table; NO_ID until risk has registered it"),
    ("free", "i8", "scale of the currency"),
    ("locked", "i8", "scale of the currency"),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock"),
    ("exchange", "u2", "company", Exchange),
    ("final", "u2", "1 = the last of a full account report"),
    ("reserved0", "i4", "0"),
    ("currency", "S16", "code as the venue writes it"),
    ("wallet", "i8", "without unrealised profit, scale of the currency; UNDEF = not said"),
    ("total", "i8", "equity, scale of the currency; UNDEF = not said"),
    ("rounded", "i8", "1 = the venue gave more digits than the scale holds: cut downwards"),
    ("reserved", ("i8", (27,)), "0"),
)  # fmt: skip

_NUMBERS = (
    "tick", "lot", "min_qty", "max_qty", "market_lot", "market_max_qty", "min_notional",
    "max_notional", "market_max_notional", "min_px", "max_px", "contract_size",
)  # fmt: skip
"""Numbers of an INSTRUMENT_SPEC, each a mantissa and its `_digits`: mantissa * 10**-digits. Zero is
no bound. Prices in quote units, quantities in base units, amounts in quote units."""

INSTRUMENT_SPEC = record(
    "InstrumentSpec", RecordType.INSTRUMENT_SPEC, 320,
    ("venue", "u2", "market", Venue),
    ("status", "u1", "what the venue lets be done", MarketStatus),
    ("kind", "u1", "what is traded", InstrumentKind),
    ("final", "u2", "1 = the last of a full report"),
    ("reserved0", "u2", "0"),
    *((name, "i8", "mantissa") for name in _NUMBERS),
    *((f"{name}_digits", "i1", "decimal digits of that mantissa") for name in _NUMBERS),
    ("funding_interval_s", "i4", "LINEAR: seconds between fundings; 0 = not said"),
    ("venue_code", "i8", "the venue's own number of it; 0 = none"),
    ("ts_recv_ns", "i8", "our clock"),
    ("symbol", "S32", "the venue's own string"),
    ("base", "S16", "currency code"),
    ("quote", "S16", "currency code"),
    ("settle", "S16", "LINEAR: currency code; empty = the quote"),
    ("name", "S40", "canonical name, as ccxt writes it"),
    ("reserved", ("i8", (6,)), "0"),
)  # fmt: skip

TICK_LADDER = record(
    "TickLadder", RecordType.TICK_LADDER, 320,
    ("venue", "u2", "market", Venue),
    ("rungs", "u2", "rungs used, 1..16; it comes before its INSTRUMENT_SPEC"),
    ("digits", "i4", "decimal digits of all its numbers"),
    ("rung_from", ("i8", (RUNGS_MAX,)), "lowest price of each rung, rising, quote units"),
    ("rung_tick", ("i8", (RUNGS_MAX,)), "price step on it, quote units"),
    ("name", "S40", "canonical name of its instrument"),
)  # fmt: skip

POSITION_SAID = record(
    "PositionSaid", RecordType.POSITION_SAID, 320,
    ("account_id", "i4", "row of the account table"),
    ("instrument_id", "i4", "row of the instrument table"),
    ("side", "u1", "of a one-way account BOTH", PositionSide),
    ("isolated", "u1", "1 = margined by itself"),
    ("final", "u2", "1 = the last of a full report"),
    ("leverage_e2", "i4", "hundredths; 0 = not said"),
    ("qty", "i8", "base units, short is negative, qty_scale"),
    ("entry_px", "i8", "as the venue prints it, px_scale; UNDEF = not said"),
    ("mark_px", "i8", "px_scale; UNDEF = not said"),
    ("liquidation_px", "i8", "px_scale; UNDEF = none or not said"),
    ("unrealised", "i8", "scale of the settle currency; UNDEF = not said"),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock"),
    ("reserved", ("i8", (29,)), "0"),
)  # fmt: skip

FEE_RATE = record(
    "FeeRate", RecordType.FEE_RATE, 320,
    ("account_id", "i4", "row of the account table"),
    ("instrument_id", "i4", "row of the instrument table; NO_ID = every one of `venue`"),
    ("venue", "u2", "market", Venue),
    ("side", "u1", "UNSET = both", Side),
    ("final", "u1", "1 = the last of a full report"),
    ("reserved0", "u4", "0"),
    ("maker_e10", "i8", "part of the amount, 10^-10; negative = is paid to us"),
    ("taker_e10", "i8", "part of the amount, 10^-10"),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_recv_ns", "i8", "our clock"),
    ("fee_group", "S16", "the venue's own group of instruments; empty = `instrument_id`"),
    ("reserved", ("i8", (30,)), "0"),
)  # fmt: skip

KEY_STATE = record(
    "KeyState", RecordType.KEY_STATE, 320,
    ("account_id", "i4", "row of the account table"),
    ("may_trade", "u2", "1 = the key may place orders"),
    ("bound", "u2", "1 = it works from listed addresses alone"),
    ("until_ns", "i8", "venue's clock when it ends by itself; 0 = never, or not said"),
    ("ts_recv_ns", "i8", "our clock"),
    ("text", "S96", "the venue's own words, cut"),
    ("reserved", ("i8", (23,)), "0"),
)  # fmt: skip

ORDER_UPDATE = record(
    "OrderUpdate", RecordType.ORDER_UPDATE, 384,
    ("client_order_id", "i8", "ours; 0 when an intent was refused before it got one"),
    ("instrument_id", "i4", "row of the instrument table"),
    ("account_id", "i4", "row of the account table"),
    ("strategy_id", "u2", "row of the strategy table"),
    ("state", "u1", "state after the event", OrderState),
    ("side", "u1", "BUY or SELL", Side),
    ("order_type", "u1", "its type", OrderType),
    ("kind", "u1", "the execution that caused it; UNSET = an intent", ExecKind),
    ("reason", "u2", "why it was refused", RejectReason),
    ("intent_id", "i8", "the strategy's own count"),
    ("px", "i8", "limit price, px_scale"),
    ("qty", "i8", "ordered, qty_scale"),
    ("cum_qty", "i8", "filled, qty_scale"),
    ("leaves_qty", "i8", "still open, qty_scale; UNDEF when given by quote amount"),
    ("last_px", "i8", "price of this fill, px_scale; UNDEF = no fill"),
    ("last_qty", "i8", "quantity of this fill, qty_scale; 0 = no fill"),
    ("last_quote_qty", "i8", "amount of this fill, scale of the quote currency"),
    ("fee", "i8", "of this fill, scale of fee_currency_id"),
    ("fee_currency_id", "i4", "row of the currency table; NO_ID = none"),
    ("liquidity", "u1", "of this fill", Liquidity),
    ("action", "u1", "of the intent that this answers; UNSET = an execution", Action),
    ("terminal_state", "u1", "venue's word on its end, while fills are missing", OrderState),
    ("was_unknown", "u1", "1 = has been UNKNOWN"),
    ("mid_px", "i8", "mid at the decision, half units of px_scale; UNDEF = none"),
    ("edge_e4", "i8", "FILL: our price against that mid, 1/10000 basis points, + is good"),
    ("position_qty", "i8", "strategy's position after it, qty_scale"),
    ("exec_key_low", "i8", "fill's trade id at the venue; 0 = no fill"),
    ("ts_event_ns", "i8", "venue's clock; 0 = not given"),
    ("ts_ns", "i8", "our clock when risk folded it"),
    ("cause_ring", "i4", "id of the ring that caused this"),
    ("fee_rate", "i4", "instrument whose mid priced a third coin's fee, + 1; 0 = not priced"),
    ("cause_pos", "i8", "position in that ring"),
    ("journal_seq", "i8", "sequence of the journal record"),
    ("exec_key_high", "i8", "fill's identity: high word"),
    ("venue_cum_qty", "i8", "what the venue says is filled, qty_scale; UNDEF = not said"),
    ("venue_order_id", "S40", "venue's id where known"),
    ("fee_quote", "i8", "that fee in the quote currency, its scale; 0 = not priced"),
    ("text", "S40", "venue's own words, cut"),
    ("absent_count", "i4", "UNKNOWN: how often the venue knew no such order"),
    ("query_count", "i4", "UNKNOWN: how often asked"),
    ("quote_qty", "i8", "ordered by amount, scale of the quote currency; UNDEF when by qty"),
    ("asked_by", "i8", "a person's: user id << 32 | process id; 0 = nobody's"),
    ("cum_quote_qty", "i8", "traded amount so far, scale of the quote currency"),
    ("cum_fee", "i8", "fees so far in fee_currency_id, where the venue tells sums; else 0"),
    ("linked_client_order_id", "i8", "REPLACE: the order before it, or its successor; 0 = none"),
    ("second_id", "S40", "venue's id in its other space"),
)  # fmt: skip

# --- tables and journal ----------------------------------------------------------------------

ORDER_ROW = record(
    "OrderRow", RecordType.ORDER_ROW, 384,
    ("client_order_id", "i8", "ours; 0 = free row"),
    ("instrument_id", "i4", "row of the instrument table"),
    ("account_id", "i4", "row of the account table"),
    ("strategy_id", "u2", "row of the strategy table"),
    ("state", "u1", "state now", OrderState),
    ("side", "u1", "BUY or SELL", Side),
    ("order_type", "u1", "its type", OrderType),
    ("time_in_force", "u1", "how long it stands", TimeInForce),
    ("reason", "u2", "why it was refused", RejectReason),
    ("intent_id", "i8", "the strategy's own count"),
    ("px", "i8", "px_scale; UNDEF for MARKET"),
    ("qty", "i8", "qty_scale; UNDEF when given by quote amount"),
    ("quote_qty", "i8", "scale of the quote currency; UNDEF when given by qty"),
    ("cum_qty", "i8", "filled: the sum of fills, qty_scale"),
    ("cum_quote_qty", "i8", "scale of the quote currency"),
    ("reserved_notional", "i8", "worst case still counted, scale of the quote currency"),
    ("mid_px", "i8", "mid at the decision, half units of px_scale"),
    ("book_version", "i8", "version of the top of book that decided"),
    ("journal_seq", "i8", "journal record that holds the intent"),
    ("valid_until_ns", "i8", "nobody sends it after this"),
    ("ts_decide_ns", "i8", "our clock"),
    ("ts_state_ns", "i8", "our clock at the last change of state"),
    ("next_query_ns", "i8", "UNKNOWN: when to ask again; 0 = not asking"),
    ("query_count", "i4", "UNKNOWN: how often asked"),
    ("cancel_asked", "u1", "1 = a cancel is wanted or under way"),
    ("was_unknown", "u1", "1 = has been UNKNOWN"),
    ("absent_count", "u2", "UNKNOWN: how often the venue said that it knows no such order"),
    ("successor", "u4", "REPLACE under way: row of what is to take its place, + 1; 0 = none"),
    ("venue", "u2", "market", Venue),
    ("group", "u2", "index of the executor group"),
    ("venue_cum_qty", "i8", "what the venue says is filled; may run ahead of the fills"),
    ("ts_sent_ns", "i8", "our clock when it was given to the executor"),
    ("cause_ring", "i4", "id of the ring that caused this"),
    ("terminal_state", "u1", "venue's word on how it ended, while fills are missing", OrderState),
    ("reserved0", "u1", "0"),
    ("reserved1", "u2", "0"),
    ("cause_pos", "i8", "position in that ring"),
    ("venue_order_id", "S40", "venue's id"),
    ("risk_mid_px", "i8", "mid that risk checked against, half units of px_scale"),
    ("risk_book_version", "i8", "version of the top of book that risk checked against"),
    ("cum_fee", "i8", "fees so far, scale of the currency that its fills name"),
    ("exposed_qty", "i8", "base quantity that limits count: qty, or the most an amount may trade"),
    ("asked_by", "i8", "a person's: user id << 32 | process id; 0 = a strategy's own"),
    *_TERMS,
    ("second_id", "S40", "venue's id in its other space"),
)  # fmt: skip

POSITION_ROW = record(
    "PositionRow", RecordType.POSITION_ROW, 192,
    ("strategy_id", "u2", "row of the strategy table"),
    ("reserved0", "u2", "0"),
    ("account_id", "i4", "row of the account table"),
    ("instrument_id", "i4", "row of the instrument table"),
    ("fills", "i4", "how many fills are folded in"),
    ("qty", "i8", "net base quantity of fills, qty_scale"),
    ("cash", "i8", "net quote amount of fills, scale of the quote currency"),
    ("fee_quote", "i8", "fees in the quote currency, and priced ones of third coins, its scale"),
    ("fee_base", "i8", "fees paid in the base currency, its scale"),
    ("fee_other_count", "i8", "fills whose fee was in a third coin: summed in the fee table"),
    ("bought_qty", "i8", "sum of buys, qty_scale"),
    ("sold_qty", "i8", "sum of sells, qty_scale"),
    ("volume_quote", "i8", "traded amount, scale of the quote currency"),
    ("open_buy_qty", "i8", "open and unknown buys, worst case, qty_scale"),
    ("open_sell_qty", "i8", "open and unknown sells, worst case, qty_scale"),
    ("ts_ns", "i8", "our clock at the last change"),
    ("maker_fills", "i4", "fills as maker"),
    ("taker_fills", "i4", "fills as taker"),
    ("edge_sum_e4", "i8", "sum of edge_e4 over fills"),
    ("fee_row", "i8", "its first row of the fee table, + 1; 0 = none"),
    ("reserved", ("i8", (6,)), "0"),
)  # fmt: skip

FEE_ROW = record(
    "FeeRow", RecordType.FEE_ROW, 64,
    ("position_row", "i4", "row of the position table"),
    ("currency_id", "i4", "a third coin: neither base nor quote of the position's instrument"),
    ("amount", "i8", "all fees paid (+) or received (-) in it, its scale"),
    ("fills", "i8", "how many fills are folded in"),
    ("ts_ns", "i8", "our clock at the last change"),
    ("next_row", "i8", "the position's next row of this table, + 1; 0 = the last"),
    ("unpriced", "i8", "of `amount`, what no price was known for: not in any P&L"),
)  # fmt: skip

INSTRUMENT_ROW = record(
    "InstrumentRow", RecordType.INSTRUMENT_ROW, 512,
    ("instrument_id", "i4", "this row; never changes its meaning"),
    ("venue", "u2", "market", Venue),
    ("trading", "u2", "1 = may be traded"),
    ("px_scale", "i4", "decimal digits of a price; fixed"),
    ("qty_scale", "i4", "decimal digits of a quantity; fixed"),
    ("base_currency_id", "i4", "row of the currency table"),
    ("quote_currency_id", "i4", "row of the currency table"),
    ("notional_divisor", "i8", "px * qty / this = amount at the quote currency's scale; > 0"),
    ("tick", "i8", "price step, px_scale; with a ladder its finest; 0 = finer than the scale"),
    ("lot", "i8", "quantity step, qty_scale"),
    ("min_qty", "i8", "qty_scale"),
    ("max_qty", "i8", "qty_scale"),
    ("min_notional", "i8", "scale of the quote currency"),
    ("max_px", "i8", "px_scale"),
    ("ts_ns", "i8", "our clock when the row was made or changed"),
    ("symbol", "S32", "the venue's own string"),
    ("name", "S40", "canonical name"),
    ("kind", "u1", "what is traded", InstrumentKind),
    ("status", "u1", "what the venue lets be done", MarketStatus),
    ("rungs", "u2", "rungs of its ladder of ticks; 0 = `tick` everywhere"),
    ("settle_currency_id", "i4", "row of the currency table; of SPOT the quote"),
    ("contract_size", "i8", "base units of a contract, qty_scale; 0 = counted in base units"),
    ("venue_code", "i8", "the venue's own number of it; 0 = none"),
    ("market_lot", "i8", "quantity step of MARKET, qty_scale"),
    ("market_max_qty", "i8", "of MARKET, qty_scale"),
    ("max_notional", "i8", "scale of the quote currency"),
    ("market_max_notional", "i8", "of MARKET, scale of the quote currency"),
    ("min_px", "i8", "px_scale"),
    ("funding_interval_s", "i8", "LINEAR: seconds between fundings; 0 = not said"),
    ("rung_from", ("i8", (RUNGS_MAX,)), "lowest price of each rung, rising, px_scale"),
    ("rung_tick", ("i8", (RUNGS_MAX,)), "price step on it, px_scale"),
    ("reserved", ("i8", (1,)), "0"),
)  # fmt: skip

CURRENCY_ROW = record(
    "CurrencyRow", RecordType.CURRENCY_ROW, 64,
    ("currency_id", "i4", "this row; never changes its meaning"),
    ("scale", "i4", "decimal digits of an amount; fixed"),
    ("code", "S16", "as the exchanges write it, upper case"),
    ("reserved", ("i8", (3,)), "0"),
)  # fmt: skip

MARK_ROW = record(
    "MarkRow", RecordType.MARK_ROW, 128,
    ("currency_id", "i4", "this row: that of the currency table"),
    ("instrument_id", "i4", "whose book priced it; NO_ID = it is the desk's own currency"),
    ("rate", "i8", "mantissa: the desk's currency for one unit; 0 = never priced"),
    ("rate_digits", "i4", "decimal digits of that mantissa"),
    ("live_digits", "i4", "of `live_rate`"),
    ("book_version", "i8", "version of the top of book that priced `rate`"),
    ("ts_ns", "i8", "our clock when `rate` was taken; limits go by it"),
    ("live_rate", "i8", "newest, for decisions; not journaled"),
    ("live_ts_ns", "i8", "our clock when `live_rate` was taken"),
    ("max_order", "i8", "what one order may be worth, scale of the currency; UNDEF = no mark"),
    ("max_position", "i8", "what a position may be worth, scale of the currency; UNDEF = no mark"),
    ("reserved", ("i8", (5,)), "0"),
)  # fmt: skip

ACCOUNT_ROW = record(
    "AccountRow", RecordType.ACCOUNT_ROW, 128,
    ("account_id", "i4", "this row; never changes its meaning"),
    ("exchange", "u2", "company", Exchange),
    ("group", "u2", "index of the executor group"),
    ("reconciled", "i4", "1 = the venue's orders and ours agree in this incarnation"),
    ("enabled", "i4", "1 = may trade"),
    ("ts_ns", "i8", "our clock at the last change"),
    ("name", "S32", "as in the config"),
    ("key_name", "S32", "name of its key at the KeySource; never the key"),
    ("system_id", "i8", "identity of this desk; part of every client order id"),
    ("refused", "u2", "why it trades nothing: how it is set, or its key; 0 = it may", RejectReason),
    ("reserved0", "u2", "0"),
    ("reserved1", "u4", "0"),
    ("reserved", "i8", "0"),
)  # fmt: skip

STRATEGY_ROW = record(
    "StrategyRow", RecordType.STRATEGY_ROW, 128,
    ("strategy_id", "u2", "this row; never changes its meaning"),
    ("in_config", "u2", "1 = of the desk's config now; 0 = was, and its positions are kept"),
    ("account_id", "i4", "row of the account table"),
    ("ts_ns", "i8", "our clock when the row was made or changed"),
    ("name", "S40", "as in the config"),
    ("reserved", ("i8", (7,)), "0"),
)  # fmt: skip

PLUGIN_ROW = record(
    "PluginRow", RecordType.PLUGIN_ROW, 320,
    ("strategy_id", "u2", "risk's: row of the strategy table; 0 in the strategy's own row"),
    ("state", "u1", "state now", PluginState),
    ("trouble", "u1", "FAILED: what it did", PluginTrouble),
    ("reserved0", "u4", "0"),
    ("uid", "i4", "RESUMED: who asked: user id"),
    ("pid", "i4", "RESUMED: who asked: process id"),
    ("failures", "i8", "how often it has failed in this shared memory"),
    ("resumed", "i8", "risk's: up to which of these failures a person has resumed it"),
    ("generation", "i8", "identity of the shared memory: both counts hold within one"),
    ("ts_ns", "i8", "our clock at the change"),
    ("name", "S40", "of the strategy, as in the config"),
    ("reason", "S200", "why: a callback, a line and an error, or a person's words; UTF-8, cut"),
    ("reserved", ("i8", (2,)), "0"),
)  # fmt: skip

VENUE_ROW = record(
    "VenueRow", RecordType.VENUE_ROW, 256,
    ("venue", "u2", "market, and this row", Venue),
    ("reduce_only", "u2", "1 = an order may only bring a position nearer to nothing"),
    ("uid", "i4", "who ended it: user id; 0 = the desk itself"),
    ("pid", "i4", "who ended it: process id; 0 = the desk itself"),
    ("reserved0", "i4", "0"),
    ("ts_ns", "i8", "our clock at the change"),
    ("since_seq", "i8", "journal record that began it: older orders are cancelled; 0 = it is over"),
    ("process", "S40", "whose starts were the cause"),
    ("reason", "S160", "why, UTF-8, cut"),
    ("reserved", "i8", "0"),
)  # fmt: skip

START = record(
    "Start", RecordType.START, 128,
    ("ts_ns", "i8", "our clock"),
    ("system_id", "i8", "identity of this desk; part of every client order id"),
    ("risk_epoch", "i8", "incarnation of risk, one more than any before"),
    ("config_hash", "i8", "first 63 bits of the effective config's SHA-256"),
    ("build_hash", "i8", "first 63 bits of the sources' SHA-256"),
    ("durability", "u1", "the mode in force", Durability),
    ("reserved0", "u1", "0"),
    ("reserved1", "u2", "0"),
    ("input_count", "i4", "rings that risk consumes, in the order of Cycle.consumed"),
    ("generation", "i8", "identity of the shared memory; ring positions hold within one"),
    ("top_pos", "i8", "position in the top ring where this incarnation begins to read"),
    ("limits_hash", "i8", "first 63 bits of the SHA-256 of the config's limits"),
    ("reserved", ("i8", (5,)), "0"),
)  # fmt: skip

CYCLE = record(
    "Cycle", RecordType.CYCLE, 192,
    ("now_ns", "i8", "the clock this cycle was given"),
    ("cycle", "i8", "counts working cycles of this incarnation, from 1"),
    ("record_count", "i4", "journal records that belong to this cycle, without this one"),
    ("cause", "i4", "0 = rings, 1 = a timer, 2 = a control request"),
    ("consumed", ("u2", (32,)), "records taken from each input ring, in Start's order"),
    ("order_slots_free", ("u2", (16,)), "room of each group's orders ring when the cycle began"),
    ("reserved", ("i8", (7,)), "0"),
)  # fmt: skip

PROCESS_ROW = record(
    "ProcessRow", RecordType.PROCESS_ROW, 192,
    ("pid", "i4", "operating system's id; 0 = none"),
    ("state", "u1", "state now", ProcessState),
    ("wait", "u1", "how it waits", Wait),
    ("core", "i2", "pinned to; -1 = not pinned"),
    ("start_ticks", "i8", "start time of the process, in clock ticks since boot"),
    ("heartbeat_ns", "i8", "monotonic clock at its last turn"),
    ("loops", "i8", "turns of its loop"),
    ("work", "i8", "sum of what do_work returned"),
    ("restarts", "i4", "starts after the first"),
    ("exit_code", "i4", "of the last death; -signal for a signal"),
    ("incarnation", "i8", "granted by the supervisor, from 1"),
    ("errors", "i8", "errors logged since the start"),
    ("name", "S40", "role or group name"),
    ("agents", "S64", "roles that it hosts, by comma"),
    ("reserved", ("i8", (1,)), "0"),
)  # fmt: skip

FEED_ROW = record(
    "FeedRow", RecordType.FEED_ROW, 192,
    ("instrument_id", "i4", "row of the instrument table"),
    ("state", "u1", "state now", BookState),
    ("rule", "u1", "how diffs chain", BookRule),
    ("venue", "u2", "market", Venue),
    ("last_update_id", "i8", "venue's id of the last diff used"),
    ("messages", "i8", "messages decoded"),
    ("level_updates", "i8", "levels published"),
    ("gaps", "i8", "breaks of the chain"),
    ("resyncs", "i8", "snapshots used after the first"),
    ("snapshots", "i8", "snapshots used"),
    ("malformed", "i8", "messages that could not be read"),
    ("ts_recv_ns", "i8", "our clock of the last message"),
    ("connects", "i8", "connections opened"),
    ("latency_ns_min", "i8", "smallest ts_recv - ts_event seen: the venue's clock offset"),
    ("resync_wanted", "i8", "aggregator: counts its requests for a new snapshot"),
    ("symbol", "S32", "the venue's own string"),
    ("reserved", ("i8", (6,)), "0"),
)  # fmt: skip

LATCH_ROW = record(
    "LatchRow", RecordType.LATCH_ROW, 256,
    ("latched", "i8", "1 = no new orders"),
    ("count", "i8", "counts the changes of this latch, from 1"),
    ("seen_count", "i8", "the watchdog's: count of the command's latch that it has taken over"),
    ("word", "i8", "how the kill stands, or ended", KillWord),
    ("ts_ns", "i8", "our clock at the change"),
    ("uid", "i4", "who asked: user id"),
    ("pid", "i4", "who asked: process id"),
    ("reason", "S160", "why, in that person's words, UTF-8, cut"),
    ("reserved", ("i8", (4,)), "0"),
)  # fmt: skip

SENDER_ROW = record(
    "SenderRow", RecordType.SENDER_ROW, 64,
    ("latch_count", "i8", "count of the watchdog's latch that this was said under"),
    ("command_count", "i8", "count of the command's latch that this was said under"),
    ("under_way", "i8", "new orders that left or may leave, without an answer or evidence"),
    ("newest_ns", "i8", "our clock when the newest of them was signed; 0 = none is under way"),
    ("begun_ns", "i8", "our clock at the start of this incarnation; all before it sends no more"),
    ("ts_ns", "i8", "our clock at this word"),
)  # fmt: skip

SNAPSHOT_ROW = record(
    "SnapshotRow", RecordType.SNAPSHOT_ROW, 64,
    ("last_seq", "i8", "journal sequence up to which the newest snapshot holds risk's state"),
    ("files", "i8", "files of the journal that it stands behind"),
    ("ts_ns", "i8", "our clock when it was made, or found at the journaler's start"),
    ("reserved", ("i8", (3,)), "0"),
)  # fmt: skip

LIMITS_ROW = record(
    "LimitsRow", RecordType.LIMITS_ROW, 192,
    ("version", "i8", "counts the times that this row was written"),
    ("ts_ns", "i8", "our clock at the change"),
    ("price_collar_bps", "i8", "basis points from mid"),
    ("max_open_orders", "i8", "per strategy"),
    ("max_orders_per_s", "i8", "per strategy, new orders"),
    ("book_max_age_ms", "i8", "milliseconds"),
    ("max_order_notional", "S32", "decimal text, and a currency where it is not the desk's"),
    ("max_position_notional", "S32", "decimal text, and a currency where it is not the desk's"),
    ("changed_count", "i8", "limits that differ from the config's"),
    ("config_hash", "i8", "of the config's limits under which the changes were made"),
    ("reserved", ("i8", (6,)), "0"),
)  # fmt: skip

OPERATOR = record(
    "Operator", RecordType.OPERATOR, 320,
    ("verb", "u2", "what was changed", OperatorVerb),
    ("reserved0", "u2", "0"),
    ("uid", "i4", "who asked: user id"),
    ("pid", "i4", "who asked: process id; 0 = the desk itself"),
    ("reserved1", "i4", "0"),
    ("ts_ns", "i8", "our clock"),
    ("reserved", ("i8", (3,)), "0"),
    ("name", "S32", "which limit"),
    ("value", "S32", "its value from now on, as text"),
    ("before", "S32", "its value before, as text"),
    ("reason", "S160", "why, in that person's words, UTF-8, cut"),
)  # fmt: skip

# --- venues as an executor or a feed meets them -------------------------------------------------

RATE_ROW = record(
    "RateRow", RecordType.RATE_ROW, 256,
    ("exchange", "u2", "company", Exchange),
    ("slides", "u2", "1 = counted in any window, 0 = in fixed ones"),
    ("window_ms", "i4", "length of its window, ms"),
    ("used", "i8", "in this window, as far as this process knows: others' use as the venue says"),
    ("limit", "i8", "of a window"),
    ("reported", "i8", "the venue's last word in this window; NO_ID = none yet"),
    ("refused", "i8", "requests that did not fit, since the start"),
    ("window_ns", "i8", "our clock: a fixed window's begin; one that slides: the newest charge"),
    ("pause_until_ns", "i8", "our clock: nothing but cancels of this key before this"),
    ("ban_until_ns", "i8", "our clock: nothing of this key before this"),
    ("close_until_ns", "i8", "first row: no connection is open before this"),
    ("pauses", "i8", "first row: pauses of other keys than the address, since the start"),
    ("ts_ns", "i8", "our clock at the last change"),
    ("spent", ("i4", (RATE_USERS_MAX,)), "by RateShare: what this process sent in this window"),
    ("part", ("i4", (RATE_USERS_MAX,)), "by RateShare: this process's part of the limit"),
    ("bucket", "S24", "name; empty = a row of pauses alone: the first of the address"),
    ("key", "S56", "values of the bucket's keys, a space between; the address is empty"),
    ("reserved", ("i8", (1,)), "0"),
)  # fmt: skip

CLOCK_ROW = record(
    "ClockRow", RecordType.CLOCK_ROW, 128,
    ("exchange", "u2", "company", Exchange),
    ("large", "u2", "1 = the offset is larger than the config's clock_warn_ms"),
    ("samples", "i4", "answers that the estimate rests on"),
    ("offset_ns", "i8", "the venue's clock minus ours"),
    ("round_trip_ns", "i8", "shortest of those answers"),
    ("last_round_trip_ns", "i8", "of the newest"),
    ("ts_ns", "i8", "our clock at the newest"),
    ("asked", "i8", "questions since the start"),
    ("failed", "i8", "questions without a usable answer"),
    ("steps", "i8", "how often the difference jumped"),
    ("reserved", ("i8", (6,)), "0"),
)  # fmt: skip

LINK_ROW = record(
    "LinkRow", RecordType.LINK_ROW, 128,
    ("link", "i4", "this row: count of a role's connections, from 0"),
    ("state", "u1", "state now", LinkState),
    ("logged_on", "u1", "1 = a session by Ed25519: its requests need no signature"),
    ("exchange", "u2", "company", Exchange),
    ("accounts", "i4", "accounts whose events it carries"),
    ("reserved0", "i4", "0"),
    ("opened_ns", "i8", "our clock when it was ready; 0 = it is down"),
    ("heard_ns", "i8", "our clock at the last sign of life, when this row was written"),
    ("replace_ns", "i8", "our clock when its successor is opened; 0 = it is down"),
    ("opens", "i8", "connections that became ready"),
    ("losses", "i8", "connections that ended, or could not be opened"),
    ("dead_peers", "i8", "of these: cut by us, because a ping had no pong in time"),
    ("replaced", "i8", "successors that took over with no gap"),
    ("doubled", "i8", "events that came on two connections and were used once"),
    ("reserved", ("i8", (4,)), "0"),
)  # fmt: skip

# --- the head of a segment: bytes 0..511 of its head page; no record, so without the common head --

SEGMENT_TYPES_MAX = 9
"""Record types of one slot size that a ring may carry."""
SEGMENT_ENUMS_MAX = 12
"""Enums that the fields of one record type may use."""

SEGMENT_HEAD = _lay_out("SegmentHead", 512, tuple(Field(*field) for field in (
    ("magic", "i8", "SEGMENT_MAGIC, written last: before it nothing else is valid"),
    ("layout_version", "i4", "LAYOUT_VERSION of the maker"),
    ("kind", "S12", "ring, table, cursor or process"),
    ("size_bytes", "i8", "of the whole segment"),
    ("slots", "i8", "slots of a ring, rows of a table, 0 for a cursor"),
    ("record_size_bytes", "i4", "of one slot or row"),
    ("type_count", "i4", "record types that follow"),
    ("types", ("u2", (SEGMENT_TYPES_MAX,)), "RecordType of each"),
    ("reserved0", ("u2", (3,)), "0"),
    ("type_hashes", ("i8", (SEGMENT_TYPES_MAX,)), "RecordSpec.type_hash() of each"),
    ("enum_counts", ("u1", (SEGMENT_TYPES_MAX * SEGMENT_ENUMS_MAX,)),
     "names in each enum of each type, enums in order of name"),
    ("reserved1", "u4", "0"),
    ("boot_id", "i8", "hash of the machine's boot id: a segment of an earlier boot is dead"),
    ("maker_pid", "i8", "process that made the segment"),
    ("generation", "i8", "one number for all segments made together; grows with time"),
    ("descriptor_bytes", "i8", "compressed JSON of the record types, from byte 1536"),
    ("writer", "S48", "role of the one writer"),
    ("name", "S136", "what the topology calls it"),
    ("writer_pid", "i8", "process that writes now; 0 = none yet"),
    ("writer_start_ticks", "i8", "its start time, clock ticks since boot"),
    ("writer_epoch", "i8", "its incarnation"),
    ("reserved", ("i8", (2,)), "0"),
)))  # fmt: skip

LATENCY_ROW = record(
    "LatencyRow", RecordType.LATENCY_ROW, 4160,
    ("hop", "u2", "which stretch", Hop),
    ("reserved0", "u2", "0"),
    ("reserved1", "u4", "0"),
    ("count", "i8", "how many were counted"),
    ("sum_cycles", "i8", "their sum, cycles"),
    ("max_cycles", "i8", "the largest, cycles"),
    ("reserved", ("i8", (2,)), "0"),
    ("buckets", ("i8", (HISTOGRAM_BUCKETS,)), "counts; edges in `latency_hot.bucket_of`"),
)  # fmt: skip

MATCH_COMMAND = record(
    "MatchCommand", RecordType.MATCH_COMMAND, 128,
    ("kind", "i2", "CMD_* of `oms/exchange/engine/layout_hot.py`"),
    ("side", "i2", "SIDE_*"),
    ("order_type", "i2", "TYPE_*"),
    ("tif", "i2", "TIF_*"),
    ("stp", "i2", "STP_*"),
    ("mode", "i2", "of a cancel: RESTRICT_*; of a replace: REPLACE_*; of a list: LIST_*"),
    ("trailing_bips", "i4", "1/10,000 of the extreme price; 0 = does not trail"),
    ("symbol", "i4", "row; of a deposit and a coin price: the asset's row"),
    ("account", "i4", "row"),
    ("px", "i8", "px_scale; 0 for a market order"),
    ("qty", "i8", "qty_scale; 0 when given by quote amount"),
    ("quote_qty", "i8", "scale of the quote asset; 0 when given by quantity"),
    ("stop_px", "i8", "px_scale; 0 = none"),
    ("iceberg_qty", "i8", "visible part, qty_scale; 0 = all is visible"),
    ("order_id", "i8", "of an order that is there: must be the slot's order"),
    ("slot", "i8", "pool slot of that order"),
    ("tag", "i8", "the caller's own number, given back in events"),
    ("time_ns", "i8", "when the exchange took it, UTC; never goes backwards"),
    ("reserved", ("i8", (2,)), "0"),
)  # fmt: skip

MATCH_PACK = record(
    "MatchPack", RecordType.MATCH_PACK, 1024,
    ("count", "i8", "commands in it"),
    ("packed", ("u1", (1000,)), "as `engine/wal_hot.py` packs them; zeros behind the last"),
)  # fmt: skip
