"""`venue_sim.<exchange>` out of a recording: the same protocol, recorded messages as they were.

Given the lines of a recording (receive time in ns, message as received), the exchange's `Playback`
sends each stream message byte for byte to whoever listens and feeds its content to a
`RecordedMarket`, which answers orders by its own rules. A request for depth before the recorded
snapshot waits for it, as it did when the recording was made.

Recorded quantities may be finer than the lot of today: inside they have all eight decimals.

The recording begins when every stream of the symbols has a listener, and goes by the host's
clock: line n is due at the begin plus its distance from line 0 (on the harness: at full speed).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from oms.agents.venue_sim.agent import VenueSimAgent, sim_of
from oms.config import DeskConfig
from oms.exchange.market import MONEY_DIGITS, SymbolSpec, with_digits
from oms.exchange.recorded import RecordedMarket
from oms.exchange.recorded_book import NEVER
from oms.ports import ConnEvent, Ports
from oms.venues.trade_base import MalformedMessageError

LINES_PER_TURN = 64
LINE_SHOWN_BYTES = 200


class VenueReplayAgent(VenueSimAgent):
    """See the module's text. `lines` are (receive time ns, JSON text) in order of time."""

    def __init__(
        self,
        config: DeskConfig,
        exchange: str,
        specs: Sequence[SymbolSpec],
        lines: Iterable[tuple[int, bytes]],
    ) -> None:
        sim = sim_of(config, exchange)
        accounts = sum(len(g.accounts) for g in config.groups if g.exchange == exchange)
        finest = [with_digits(spec, spec.px_digits, MONEY_DIGITS) for spec in specs]
        self.recording = RecordedMarket(
            finest, accounts, sim.balances, (sim.maker_fee_e6, sim.taker_fee_e6)
        )
        super().__init__(config, exchange, self.recording, publishes=False)
        self._lines = iter(lines)
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

    def _open_market(self, now_ns: int) -> None:
        super()._open_market(now_ns)
        self._playback = self._served.playback(self.server, self.recording, self.recording.specs)

    def waits_for(self) -> list[str]:
        """Streams that nobody listens to yet; the recording begins when there is none."""
        return self._playback.waits_for()

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
            self._playback.play(text, now_ns)
        except MalformedMessageError as error:
            self.unreadable += 1
            if self.unreadable == 1:
                found = text[:LINE_SHOWN_BYTES].decode("utf-8", "replace")
                self._ports.log("error", "recording.unreadable", line=found, reason=str(error))
