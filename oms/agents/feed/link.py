"""A feed's connection to its venue's streams: kept alive, and replaced before it is cut.

One connection is at work. At an age (the venue's limit less an hour, and a part by chance), and
when the venue says `serverShutdown`, a second one is opened; while both are open its messages are
kept for OVERLAP_NS, so that whatever was sent on the first alone has come there. Then the first is
closed and what was kept is handed over: diffs that were used already are dropped by their ids, the
next ones chain, and no book leaves LIVE.

Where streams are subscribed by message, `greet` says what is sent on each connection once it is
open. A connection that is silent is pinged, by a frame of the protocol or by the exchange's own
text; without a sign of life it is given up (`Heartbeat`) and opened anew after a wait that grows
(`retry_later`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oms.agents.heartbeat import RETRY_FIRST_NS, Beat, Heartbeat, retry_later
from oms.agents.rates.ledger import Ledger
from oms.config import VenueConfig
from oms.ports import NEVER, ConnEvent, Ports
from oms.units import NS_PER_MS
from oms.venues.base import MarketSpec
from shm_layout.enums import Exchange, LinkState, RateShare, RecordType
from shm_layout.limits import DIFFS_BUFFERED_MAX

RECONNECT_WAIT_NS_MAX = 30_000 * NS_PER_MS
OVERLAP_NS = 1_000 * NS_PER_MS
YOUNG_NS = 60_000 * NS_PER_MS
"""A connection younger than this is not replaced because the venue announces an end."""
HOUR_NS = 3_600_000 * NS_PER_MS
PING_PAYLOAD = b"mexoms"
SHUTDOWN = b'"serverShutdown"'
SHUTDOWN_BYTES_MAX = 256
"""Such a message is short; longer ones are not searched for the word."""


class FeedLink:
    """What it calls back, itself as the first argument: `opened(now_ns)` on a connection after
    none, `lost(now_ns)`, `switched(kept, now_ns)` with the messages that the new connection brought
    meanwhile. `spec` says how it is pinged.
    """

    def __init__(
        self,
        ports: Ports,
        venue: VenueConfig,
        exchange: Exchange,
        ledger: Ledger,
        spec: MarketSpec,
        index: int,
        *,
        greet: Callable[[FeedLink], Sequence[bytes]],
        opened: Callable[[FeedLink, int], None],
        lost: Callable[[FeedLink, int], None],
        switched: Callable[[FeedLink, list[bytes], int], None],
    ) -> None:
        self._ports = ports
        self._venue = venue
        self._exchange = exchange
        self._ledger = ledger
        self._connecting = spec.connecting()
        self._age_max_ns = (spec.connection_hours_max - 1) * HOUR_NS
        self._ping_text = spec.ping_text.encode()
        self._ping_after_ms = spec.ping_every_ms if spec.ping_text else venue.ping_after_ms
        self.index = index
        """Which of the feed's connections, from 0."""
        self.symbols: list[str] = []
        self._greet = greet
        self._opened, self._lost, self._switched = opened, lost, switched
        self._table = ports.table_writer(f"links.{ports.role}")
        self._url = ""
        self._wait_ns = RETRY_FIRST_NS
        self._retry_ns = NEVER
        self._replace_ns = NEVER
        self._switch_ns = NEVER
        self._coming = 0
        self._coming_beat = self.beat = self._beat(0)
        self._kept: list[bytes] = []
        self._ready_ns = 0
        self.conn = 0
        """At work; 0 = none."""
        self.is_open = False
        self.opens = self._losses = self._dead_peers = self._replaced = 0

    def _beat(self, now_ns: int) -> Heartbeat:
        return Heartbeat(self._ping_after_ms, self._venue.pong_within_ms, now_ns)

    def begin(self, url: str, now_ns: int) -> None:
        """Open `url`, now and whenever the connection is gone."""
        self._url, self._retry_ns = url, now_ns

    # What the host tells

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        """A connection opened, ended, or gave a sign of life."""
        ours = conn in (self.conn, self._coming)
        if not conn or not ours:
            return
        beat = self.beat if conn == self.conn else self._coming_beat
        if event in (ConnEvent.PONG, ConnEvent.CONTROL):
            beat.heard(now_ns)
        elif event is not ConnEvent.OPENED:
            self._ended(conn, now_ns, event.name)
        elif conn == self._coming:
            beat.heard(now_ns)
            self._send_greeting(conn)
            self._switch_ns = now_ns + OVERLAP_NS
        else:
            self.is_open = True
            beat.heard(now_ns)
            self._ready(now_ns)
            self._opened(self, now_ns)
            self._send_greeting(conn)

    def _send_greeting(self, conn: int) -> None:
        for frame in self._greet(self):
            self._ports.send(conn, frame)

    def has(self, conn: int) -> bool:
        """Whether it is a connection of this link."""
        return conn != 0 and conn in (self.conn, self._coming)

    def _ready(self, now_ns: int) -> None:
        self.opens += 1
        self._wait_ns = RETRY_FIRST_NS
        self._ready_ns = now_ns
        chance = int.from_bytes(self._ports.random_bytes(2), "little")
        self._replace_ns = now_ns + self._age_max_ns - HOUR_NS * chance // (1 << 16)
        self.tell()

    def takes(self, conn: int, data: bytes, now_ns: int) -> bool:
        """Whether a message is to be used now; one of the coming connection is kept."""
        if conn == self._coming and conn:
            self._coming_beat.heard(now_ns)
            if len(self._kept) >= DIFFS_BUFFERED_MAX:
                self._switch(now_ns)
                return True
            self._kept.append(bytes(data))
            return False
        if conn != self.conn or not conn:
            return False
        beat = self.beat
        beat.heard_ns, beat.waiting = now_ns, False  # `heard`, without a call per message
        if len(data) <= SHUTDOWN_BYTES_MAX and SHUTDOWN in data:
            self._ports.log("warning", "venue_ends_connection")
            self._replace_ns = min(self._replace_ns, max(now_ns, self._ready_ns + YOUNG_NS))
        return True

    # Time

    def work(self, now_ns: int) -> None:
        """Open, ping, give up or switch, whatever is due."""
        if now_ns >= self._retry_ns:
            self._retry_ns = NEVER
            self.conn = self._open(now_ns)
            self.beat = self._beat(now_ns)
        elif now_ns >= self._replace_ns and self.is_open and not self._coming:
            self._replace_ns = now_ns + RECONNECT_WAIT_NS_MAX
            self._coming = self._open(now_ns)
            self._coming_beat = self._beat(now_ns)
        if self._coming and now_ns >= self._switch_ns:
            self._switch(now_ns)
        if self.is_open:
            self._look(self.conn, self.beat, now_ns)
        if self._switch_ns != NEVER:
            self._look(self._coming, self._coming_beat, now_ns)

    def keep_closed(self, now_ns: int) -> None:
        """Close what is open where the exchange told any process of the desk to be silent."""
        self._ledger.look_at_peers(now_ns)
        if now_ns < self._ledger.close_until_ns:
            for conn in filter(None, (self._coming, self.conn)):
                self.give_up(conn, now_ns, "the venue wants silence")

    def _look(self, conn: int, beat: Heartbeat, now_ns: int) -> None:
        asked = beat.look(now_ns)
        if asked is Beat.PING:
            if self._ping_text:
                self._ports.send(conn, self._ping_text)
            else:
                self._ports.ping(conn, PING_PAYLOAD)
        elif asked is Beat.DEAD:
            self._dead_peers += 1
            self.give_up(conn, now_ns, f"no sign of life for "
                         f"{(now_ns - beat.heard_ns) // NS_PER_MS} ms")  # fmt: skip

    def _open(self, now_ns: int) -> int:
        if now_ns < self._ledger.close_until_ns:
            self._retry_ns = self._ledger.close_until_ns
            return 0
        if not self._ledger.take(RateShare.CONNECTIONS, self._connecting, now_ns):
            self._ports.log("warning", "stream_not_opened", reason="too many connections")
            if not self.conn:
                self._retry_ns = now_ns + self._wait_ns
            return 0
        self._ports.log("info", "stream_opening", url=self._url)
        return self._ports.open_ws(self._url)

    def give_up(self, conn: int, now_ns: int, reason: str) -> None:
        """Close a connection from our side."""
        self._ports.close(conn)
        self._ended(conn, now_ns, reason)

    def _ended(self, conn: int, now_ns: int, reason: str) -> None:
        self._losses += 1
        if conn == self._coming:
            self._drop_coming()
            self._replace_ns = now_ns + RECONNECT_WAIT_NS_MAX
        elif self._switch_ns != NEVER:
            # Its successor is there: what is missing between them shows in the ids.
            self._ports.log("warning", "stream_lost", reason=reason, was_open=True)
            self._switch(now_ns)
        else:
            was_open, self.is_open, self.conn = self.is_open, False, 0
            self._ports.log("warning", "stream_lost", reason=reason, was_open=was_open)
            if self._coming:
                self._ports.close(self._coming)
                self._drop_coming()
            self._retry_ns = now_ns + self._wait_ns
            self._wait_ns = retry_later(self._wait_ns, RECONNECT_WAIT_NS_MAX)
            self._replace_ns = NEVER
            self._lost(self, now_ns)
        self.tell()

    def _drop_coming(self) -> None:
        self._coming, self._switch_ns = 0, NEVER
        self._kept.clear()

    def _switch(self, now_ns: int) -> None:
        """The coming connection goes to work."""
        kept, self._kept = self._kept, []
        before, self.conn, self.beat = self.conn, self._coming, self._coming_beat
        self._coming, self._switch_ns = 0, NEVER
        self._replaced += 1
        self._ports.close(before)
        self._ports.log("info", "stream_replaced", kept=len(kept),
                        age_s=(now_ns - self._ready_ns) // (1000 * NS_PER_MS))  # fmt: skip
        self._ready(now_ns)
        self._switched(self, kept, now_ns)

    def next_ns(self) -> int:
        """When `work` has something to do."""
        due = min(self._retry_ns, self._switch_ns)
        if self.is_open:
            due = min(due, self.beat.next_ns())
            if not self._coming:
                due = min(due, self._replace_ns)
        if self._switch_ns != NEVER:
            due = min(due, self._coming_beat.next_ns())
        return due

    def end(self) -> None:
        """Our end: close what is open."""
        for conn in (self.conn, self._coming):
            if conn:
                self._ports.close(conn)
        self.conn, self.is_open, self._retry_ns = 0, False, NEVER
        self._drop_coming()
        self.tell()

    def tell(self) -> None:
        """Write the row of table `links.<role>`."""
        state = LinkState.OPEN if self.is_open else LinkState.DOWN
        if self._coming:
            state = LinkState.REPLACING
        elif self.conn and not self.is_open:
            state = LinkState.OPENING
        self._table.write(
            self.index, type=int(RecordType.LINK_ROW), link=self.index, state=int(state),
            exchange=int(self._exchange), opens=self.opens, losses=self._losses,
            dead_peers=self._dead_peers, replaced=self._replaced,
            opened_ns=self._ready_ns if self.is_open else 0,
            heard_ns=self.beat.heard_ns if self.is_open else 0,
            replace_ns=self._replace_ns if self.is_open else 0,
        )  # fmt: skip
