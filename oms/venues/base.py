"""What a venue's market side is to the rest: data, requests to send, and two kernels.

Every exchange gives, per market, a `MarketSpec` (facts, as data) and a `MarketData` (sans-I/O:
URLs and requests out, kernels that take bytes and write records). `procs/` and the harness move
the bytes; `oms/agents/feed/agent.py` decides when. The trading side of a venue is another
interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

import numpy as np

from oms.venues.data import Bucket, Charge
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared.symbols import SymbolTable
from shm_layout.enums import BookRule, Venue


class DecodeStatus(IntEnum):
    """What a kernel says of one message; the names of decode_status_hot's codes."""

    OK = words.OK
    IGNORED = words.IGNORED
    """Well-formed, and not for us: an acknowledgement, another symbol, another event."""
    MALFORMED = words.MALFORMED
    UNSUPPORTED_TICK = words.UNSUPPORTED_TICK
    """A number with a non-zero digit beyond the scale of its instrument."""
    OUT_OF_RANGE = words.OUT_OF_RANGE
    DECLINED = words.DECLINED
    """Not for compiled code: ask `decode_cold`. From there: a snapshot without its instrument."""
    TOO_LARGE = words.TOO_LARGE
    """More levels than the scratch or the ring takes."""
    BUFFER = words.BUFFER
    """A diff while the book waits for a snapshot: keep the bytes, give them again after it."""
    GAP = words.GAP
    DROPPED = words.DROPPED
    """A diff that the snapshot already contains."""
    SNAPSHOT_OLD = words.SNAPSHOT_OLD


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to send: what `Ports.request` takes, and what it costs."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    weight: int = 0
    """Of `MarketSpec.requests_in`."""


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """Facts of one market of an exchange, for reading it; see the folder's QUIRKS.md."""

    name: str
    venue: Venue
    """UNSET: known for recordings only, a desk cannot name it."""
    book_rule: BookRule
    stream_hosts: Mapping[str, str]
    """By network: mainnet, testnet."""
    rest_hosts: Mapping[str, str]
    depth_path: str
    depth_suffix: str
    """Diff stream as a subscription names it, without the symbol."""
    snapshot_levels: tuple[int, ...]
    snapshot_weight: Mapping[int, int]
    """By levels: weight in the request budget."""
    buckets: tuple[Bucket, ...]
    """As documented."""
    requests_in: str
    """The bucket that counts REST requests by their weight."""
    connects_in: str
    """The bucket that counts connections; "" = none does."""
    time_path: str
    streams_per_connection: int
    connection_hours_max: int
    ticker_has_event_time: bool
    quantity_in_contracts: bool
    symbols_per_connection: int = 1 << 16
    equal_keys_replace: bool = True
    """FULL_EACH: of books with one key the later one counts; False: the first."""
    trade_ids_ordered: bool = True
    """False: ids of trades only say which one it is (a text becomes a number)."""
    ping_text: str = ""
    """What a connection is pinged with that answers no ping of the protocol."""
    ping_every_ms: int = 0
    """With `ping_text`: the exchange's pace."""
    first_frame_ms: int = 5_000
    """A book that has not come on the stream after so long was refused."""

    @property
    def streamed(self) -> bool:
        """Its books come on the stream: nothing is asked for by request."""
        return self.book_rule > BookRule.NAMES_PREVIOUS

    def taken(self, weight: int) -> tuple[Charge, ...]:
        """What a REST request of that weight is charged."""
        return (Charge(self.requests_in, ("",), weight),)

    def connecting(self) -> tuple[Charge, ...]:
        """What opening a connection is charged."""
        return (Charge(self.connects_in, ("",)),) if self.connects_in else ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the exchange says to a subscription."""

    symbols: tuple[str, ...]
    """Whom it is about; empty = everything that was subscribed on the connection."""
    refused: bool
    text: str = ""


class MarketData(Protocol):
    """The client side of one market's public data."""

    spec: MarketSpec

    def stream_url(self, base_url: str, symbols: Sequence[str]) -> str:
        """The WebSocket to open for diffs, tickers and trades of these symbols."""
        ...

    def greet(self, symbols: Sequence[str], nonce: str) -> Sequence[bytes]:
        """What is sent once it is open; none where its address says all. `nonce`: a UUID."""
        ...

    def again(self, symbol: str, symbols: Sequence[str], nonce: str) -> Sequence[bytes]:
        """What makes the stream say the whole book of `symbol` again, on a connection of
        `symbols`; none: it has to be opened anew."""
        ...

    def answer(self, data: bytes) -> Answer | None:
        """Of a message that the kernel ignores: what it says to a subscription."""
        ...

    def snapshot_request(self, symbol: str, levels: int) -> HttpRequest:
        """The depth snapshot with at least `levels` levels, or the venue's most."""
        ...

    def usage(self, headers: Mapping[str, str]) -> tuple[Charge, ...]:
        """What a REST answer's headers say of the venue's own counts."""
        ...

    def retry_after_s(self, headers: Mapping[str, str]) -> int:
        """How long a refused request asks us to wait; 0 = not said."""
        ...

    on_message: Callable[..., int]
    """Kernel (world of feed_world_hot.FEED, bytes, start, end, hint, now_ns) -> DecodeStatus;
    `hint` is the instrument_id of a REST snapshot, -1 for a message of the stream."""

    def decode_cold(
        self,
        data: bytes,
        hint: int,
        table: SymbolTable,
        px: np.ndarray[Any, Any],
        qty: np.ndarray[Any, Any],
        msg: np.ndarray[Any, Any],
    ) -> int:
        """The slow decoder for what the kernel declined; fills the same scratch."""
        ...
