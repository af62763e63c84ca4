"""`venue_sim.binance` out of a recording: the same protocol, recorded messages as they were.

Given the lines of a recording (receive time in ns, JSON as received: combined-stream envelopes
and REST depth snapshots), it sends each stream message byte for byte to whoever listens, feeds
the decoded content to a `RecordedMarket`, and answers orders by that market's rules. A request
for depth before the recorded snapshot waits for it, as it did when the recording was made.

Recorded quantities may be finer than the lot of today: inside they have all eight decimals.

The recording begins when every stream of the symbols has a listener, and goes by the host's
clock: line n is due at the begin plus its distance from line 0 (on the harness: at full speed).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from oms.agents.venue_sim.agent import VenueSimAgent, sim_of
from oms.config import DeskConfig
from oms.errors import ConfigError
from oms.exchange.market import (
    MONEY_DIGITS,
    PublicTrade,
    SymbolSpec,
    Ticker,
    with_digits,
)
from oms.exchange.recorded import RecordedMarket
from oms.exchange.recorded_book import NEVER
from oms.instruments import parse_decimal
from oms.ports import ConnEvent, Ports

LINES_PER_TURN = 64
LINE_SHOWN_BYTES = 200
MS = 1_000_000
STREAM_KINDS = ("depth@100ms", "bookTicker", "trade")


class VenueReplayAgent(VenueSimAgent):
    """See the module's text. `lines` are (receive time ns, JSON text) in order of time."""

    def __init__(
        self,
        config: DeskConfig,
        exchange: str,
        specs: Sequence[SymbolSpec],
        lines: Iterable[tuple[int, bytes]],
        *,
        begins_with: Sequence[str] = STREAM_KINDS,
    ) -> None:
        sim = sim_of(config, exchange)
        accounts = sum(len(g.accounts) for g in config.groups if g.exchange == exchange)
        finest = [with_digits(spec, spec.px_digits, MONEY_DIGITS) for spec in specs]
        self.recording = RecordedMarket(
            finest, accounts, sim.balances, (sim.maker_fee_e6, sim.taker_fee_e6)
        )
        super().__init__(config, exchange, self.recording, publishes=False)
        self._rows = {spec.symbol: row for row, spec in enumerate(specs)}
        self._lines = iter(lines)
        self._begins_with = tuple(begins_with)
        self._next: tuple[int, bytes] | None = None
        self._first_ns = 0
        self._begun_ns = NEVER
        self.messages = 0
        """Lines played so far."""
        self.unreadable = 0
        """Of them: no message of a known shape; the first is logged, none is sent."""
        self.finished = False

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self._next = next(self._lines, None)
        self._first_ns = self._next[0] if self._next else 0
        self.finished = self._next is None
        super().on_start(ports, now_ns)

    def waits_for(self) -> list[str]:
        """Streams that nobody listens to yet; the recording begins when there is none."""
        wanted = [
            f"{spec.symbol.lower()}@{kind}"
            for spec in self.recording.specs
            for kind in self._begins_with
        ]
        return [name for name in wanted if not self.server.streams.has_listener(name)]

    def do_work(self, now_ns: int) -> int:
        if self._begun_ns == NEVER and not self.finished and not self.waits_for():
            self._begun_ns = now_ns
        done = 0
        while done < LINES_PER_TURN and self._due_ns() <= now_ns:
            assert self._next is not None
            self._play(self._next[1], now_ns)
            self._next = next(self._lines, None)
            self.finished = self._next is None
            done += 1
        self.messages += done
        return done + super().do_work(now_ns)

    def _due_ns(self) -> int:
        if self._next is None or self._begun_ns == NEVER:
            return NEVER
        return self._begun_ns + max(0, self._next[0] - self._first_ns)

    def next_timer_ns(self) -> int:
        return min(self._due_ns(), super().next_timer_ns())

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        super().on_conn(conn, event, now_ns)
        self.do_work(now_ns)

    def _play(self, text: bytes, now_ns: int) -> None:
        """Send one recorded message, and let the market see it."""
        try:
            message = orjson.loads(text)
            if "lastUpdateId" in message:
                self._snapshot(message)
                self.server.retry_waiting(now_ns)
                return
            stream, data = message["stream"], message["data"]
            self._decode(data, now_ns)
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            self.unreadable += 1
            if self.unreadable == 1:
                found = text[:LINE_SHOWN_BYTES].decode("utf-8", "replace")
                reason = f"{type(error).__name__}: {error}"
                self._ports.log("error", "recording.unreadable", line=found, reason=reason)
            return
        self.server.send(self.server.streams.broadcast(stream, text.strip(), orjson.dumps(data)))
        self.server.tell(now_ns)

    def _decode(self, data: dict[str, Any], now_ns: int) -> None:
        """The content of one stream message; symbols that are not traded here are passed over."""
        row = self._rows.get(data["s"])
        if row is None:
            return
        kind = data.get("e", "bookTicker")
        if kind == "depthUpdate":
            bids, asks = self._levels(row, data["b"]), self._levels(row, data["a"])
            self.recording.on_levels(row, data["u"], bids, asks)
        elif kind == "trade":
            px, qty = self._px(row, data["p"]), self._qty(row, data["q"])
            trade = PublicTrade(row, data["t"], px, qty, data["T"] * MS, data["m"])
            self.recording.on_trade(trade, now_ns)
        elif kind == "bookTicker":
            bid, ask = self._levels(row, [[data["b"], data["B"]], [data["a"], data["A"]]])
            self.recording.on_ticker(Ticker(row, data["u"], *bid, *ask))

    def _snapshot(self, message: dict[str, Any]) -> None:
        """A REST snapshot names no symbol: it belongs to the one that still has none."""
        unknown = [k for k in range(len(self._rows)) if self.recording.book(k, 1) is None]
        row = unknown[0] if unknown else 0
        bids, asks = self._levels(row, message["bids"]), self._levels(row, message["asks"])
        self.recording.on_snapshot(row, message["lastUpdateId"], bids, asks)

    def _levels(self, row: int, levels: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
        return [(self._px(row, px), self._qty(row, qty)) for px, qty in levels]

    def _px(self, row: int, text: str) -> int:
        return self._parse(text, self.recording.specs[row].px_digits, "tick")

    def _qty(self, row: int, text: str) -> int:
        return self._parse(text, self.recording.specs[row].qty_digits, "lot")

    @staticmethod
    def _parse(text: str, digits: int, what: str) -> int:
        try:
            return parse_decimal(text, digits)
        except ValueError as error:
            raise ConfigError(
                f"the recording: {error}; give an instrument with a finer {what}"
            ) from None
