"""What a simulated exchange is to `venue_sim`: bytes in, outputs out, timers, words for faults.

Each exchange gives one `ServedExchange`, which `oms/venues/registry.py` hands out by its name. It
makes a server over a market, and what plays a recording through it (`Playback`). A server is
sans-I/O and keeps no clock: every call carries the exchange's time in nanoseconds, and after each
the host takes `take_out()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oms.exchange.faults import FaultSpec
from oms.exchange.market import Market, SymbolSpec
from oms.exchange.recorded import RecordedMarket
from oms.ports import HttpMeta
from oms.venues.serving.keyring import ApiKey
from oms.venues.serving.outputs import Out


class Counts(Protocol):
    """What a server has counted, to be shown."""

    def used_weights(self, now_ns: int) -> dict[str, int]:
        """Address -> what it has used in the present window."""
        ...

    def order_counts(self, account: int, now_ns: int) -> list[dict[str, Any]]:
        """Counts of orders of one account, as the exchange describes them."""
        ...


class ExchangeServer(Protocol):
    """One running exchange."""

    @property
    def limits(self) -> Counts: ...

    def take_out(self) -> list[Out]:
        """What is to be sent, in this order; taken once."""
        ...

    def opened(self, conn: int, target: str, address: str, now_ns: int) -> None:
        """A WebSocket handshake of `address` for `target`."""
        ...

    def closed(self, conn: int) -> None:
        """A WebSocket has ended."""
        ...

    def on_pong(self, conn: int, now_ns: int) -> None:
        """The pong to our last ping."""
        ...

    def on_control(self, conn: int, now_ns: int) -> None:
        """A ping of a client, or a pong that nobody asked for."""
        ...

    def on_message(self, conn: int, data: bytes, now_ns: int) -> None:
        """One WebSocket message of a client."""
        ...

    def on_request(self, conn: int, meta: HttpMeta, data: bytes, address: str, now_ns: int) -> None:
        """One HTTP request; `data` is its body."""
        ...

    def tell(self, now_ns: int) -> None:
        """Tell everybody what has happened at the market since the last call, and what is due."""
        ...

    def next_timer_ns(self) -> int:
        """When `tell` wants to be called; `oms.ports.NEVER`."""
        ...


class FaultWords(Protocol):
    """What faults are chosen by, and what they say, in the exchange's words."""

    def link_of(self, target: str, /) -> str:
        """The kind of link (`oms.exchange.faults.LINKS`), by the target of a WebSocket."""
        ...

    def name_of_request(self, method: str, target: str, /) -> str:
        """Of an HTTP request."""
        ...

    def name_of_command(self, data: bytes, /) -> str:
        """Of a client's WebSocket message; "" where it has none."""
        ...

    def name_of_message(self, data: bytes, /) -> tuple[str, bool]:
        """(name, is a reply) of a WebSocket message to a client."""
        ...

    def http_error(self, fault: FaultSpec, now_ns: int, /) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body): the fault's error as the answer to an HTTP request."""
        ...

    def socket_error(self, fault: FaultSpec, data: bytes, now_ns: int, /) -> bytes:
        """The same on a WebSocket, to a request or in the place of a reply (`data`)."""
        ...


class Playback(Protocol):
    """Plays recorded messages of the exchange through a server onto a market of theirs."""

    def waits_for(self) -> list[str]:
        """Streams that nobody listens to yet; a recording begins when there is none."""
        ...

    def play(self, text: bytes, now_ns: int) -> None:
        """Send one recorded message, and let the market see it; MalformedMessageError where it is
        none of a known shape, ConfigError where the instrument's tick or lot cannot hold it."""
        ...


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What a server needs beside its market."""

    keys: Mapping[str, ApiKey]
    orders_per_10s: int
    """New orders that an account may place, where the exchange counts so."""
    new_id: Callable[[], str]
    """A fresh text of 22 letters and digits, for ids that the exchange makes."""
    lose_reply: Callable[[], bool]
    """Fault: is the reply to the order just accepted lost?"""
    publishes: bool = True
    """False: what everybody is told comes from a recording."""


class ServedExchange(Protocol):
    """One exchange that can be simulated."""

    @property
    def words(self) -> FaultWords: ...

    def serve(self, market: Market, settings: ServeSettings) -> ExchangeServer:
        """A server that begins now."""
        ...

    def playback(
        self, server: ExchangeServer, market: RecordedMarket, specs: Sequence[SymbolSpec]
    ) -> Playback:
        """What plays a recording; `server` is one that `serve` made."""
        ...
