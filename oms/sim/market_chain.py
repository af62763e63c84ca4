"""The feed and aggregator agents on plain memory: messages in, books out, nothing else.

For recordings, benches and tests that want market data alone; a desk runs on `harness.py`. The
host side is this class: it opens the stream, answers the feed's snapshot request with whatever
`snapshot` is given, and turns both agents after each message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from oms.agents.aggregator import AggregatorAgent
from oms.agents.feed.agent import FeedAgent
from oms.agents.feed.world import summary
from oms.config import DeskConfig, HostConfig, LimitsConfig, VenueConfig
from oms.ports import ConnEvent, HttpMeta, Ports
from oms.venues.recorded import RecordedInstrument
from oms.venues.registry import market_data
from shm_layout.channels import Capacity, topology
from shm_layout.enums import BookState
from shm_layout.ring import HEAD_WORDS, RingMemory, RingReader, RingWriter
from shm_layout.table import TableMemory, TableReader, TableWriter

CONN = 1
SETTLE_TURNS_MAX = 1 << 20


class _Memory:
    """Rings, tables and cursors by name; they outlive the agents."""

    def __init__(self, venue_name: str, capacity: Capacity) -> None:
        self.topology = topology([venue_name], [], [], capacity)
        self.rings = {n: RingMemory.anonymous(c) for n, c in self.topology.channels.items()}
        self.tables = {n: TableMemory.anonymous(t) for n, t in self.topology.tables.items()}
        self.cursors: dict[str, np.ndarray[Any, Any]] = {}


class _Ports:
    """What feed and aggregator use of `oms.ports.Ports`."""

    stamping = False

    def __init__(self, chain: MarketChain, role: str, epoch: int) -> None:
        self.role = role
        self.epoch = epoch
        self._chain = chain
        self._memory = chain.memory

    def writer(self, channel: str) -> RingWriter:
        spec = self._memory.topology.channels[channel]
        return RingWriter(spec, self._memory.rings[channel], None, self.epoch)

    def reader(self, channel: str) -> RingReader:
        cursor = self._memory.cursors.setdefault(channel, np.zeros(HEAD_WORDS, np.int64))
        spec = self._memory.topology.channels[channel]
        return RingReader(spec, self._memory.rings[channel], cursor)

    def table_writer(self, table: str) -> TableWriter:
        spec = self._memory.topology.tables[table]
        return TableWriter(spec, self._memory.tables[table], self.epoch)

    def table_reader(self, table: str) -> TableReader:
        return TableReader(self._memory.topology.tables[table], self._memory.tables[table])

    def open_ws(self, url: str, headers: Mapping[str, str] | None = None) -> int:
        del headers
        return self._chain.on_open(url)

    def request(
        self, base_url: str, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        del base_url, method, headers, body
        return self._chain.on_request(target)

    def close(self, conn: int) -> None:
        self._chain.closed.append(conn)

    def ping(self, conn: int, payload: bytes) -> None:
        del payload
        self._chain.pinged.append(conn)

    def random_bytes(self, count: int) -> bytes:
        return bytes(count)

    def log(self, level: str, event: str, **fields: Any) -> None:
        self._chain.logs.append((level, event, fields))


def _config(venue_name: str, symbols: Sequence[str], **times: Any) -> DeskConfig:
    venue = VenueConfig(
        venue_name, "sim", "ws://recorded", "http://recorded", tuple(symbols), **times
    )
    limits = LimitsConfig("0", "0", 0, 0, 0, 0)
    host = HostConfig("recorded", ())
    return DeskConfig("recorded", "", "process-crash-safe", (venue,), (), (), limits, host)


class MarketChain:
    """One venue's feed and the aggregator; see the module's text."""

    def __init__(
        self,
        venue_name: str,
        instruments: Sequence[RecordedInstrument],
        now_ns: int,
        *,
        capacity: Capacity | None = None,
        **times: Any,
    ) -> None:
        """`times`: of VenueConfig, such as stale_after_ms."""
        self.venue_name = venue_name
        self.instruments = list(instruments)
        self.memory = _Memory(venue_name, capacity or Capacity())
        self.logs: list[tuple[str, str, dict[str, Any]]] = []
        self.requests: dict[str, int] = {}
        """Symbol -> snapshot request that has no answer yet."""
        self.urls: list[str] = []
        self.closed: list[int] = []
        self.pinged: list[int] = []
        self.answers_pings = True
        self._request_count = 0
        self._epochs = {"feed": 0, "aggregator": 0}
        self._write_instruments()
        self.config = _config(venue_name, [i.symbol for i in self.instruments], **times)
        self.start_feed(now_ns)
        self.start_aggregator(now_ns)
        self.turn(now_ns)

    def _write_instruments(self) -> None:
        table = self.memory.topology.tables["instruments"]
        writer = TableWriter(table, self.memory.tables["instruments"], 1)
        venue = int(market_data(self.venue_name).spec.venue)
        for row, found in enumerate(self.instruments):
            writer.write(
                row,
                instrument_id=row,
                venue=venue,
                px_scale=found.px_scale,
                qty_scale=found.qty_scale,
                symbol=found.symbol.encode(),
                name=found.symbol.encode(),
            )

    # Agents and their ports

    def start_feed(self, now_ns: int) -> None:
        """Start the feed, or a dead one's successor; its stream opens at once."""
        self._epochs["feed"] += 1
        self.feed = FeedAgent(self.config, self.venue_name)
        self.feed.on_start(self._ports(self.feed.role, self._epochs["feed"]), now_ns)
        self.feed.do_work(now_ns)
        self.feed.on_conn(self.conn, ConnEvent.OPENED, now_ns)

    def start_aggregator(self, now_ns: int) -> None:
        self._epochs["aggregator"] += 1
        self.aggregator = AggregatorAgent(self.config)
        self.aggregator.on_start(self._ports("aggregator", self._epochs["aggregator"]), now_ns)

    def _ports(self, role: str, epoch: int) -> Ports:
        """These agents use a part of the protocol, and that part is here."""
        return cast(Ports, _Ports(self, role, epoch))

    def on_open(self, url: str) -> int:
        self.urls.append(url)
        return self.conn

    @property
    def conn(self) -> int:
        """The connection opened last."""
        return CONN + len(self.urls) - 1

    def on_request(self, target: str) -> int:
        self._request_count += 1
        if "symbol=" not in target:
            return self._request_count  # the venue's clock: nobody answers here
        symbol = target.partition("symbol=")[2].partition("&")[0]
        self.requests[symbol] = self._request_count
        return self._request_count

    # Input

    def turn(self, now_ns: int) -> None:
        """Let both agents work until they are idle."""
        self.feed.do_work(now_ns)
        while self.pinged:
            conn = self.pinged.pop()
            if self.answers_pings:
                self.feed.on_conn(conn, ConnEvent.PONG, now_ns)
        for _ in range(SETTLE_TURNS_MAX):
            if not self.aggregator.do_work(now_ns):
                return
        raise AssertionError("the aggregator finds no end")

    def message(self, data: bytes, now_ns: int, conn: int = 0) -> None:
        """One stream message, on the connection at work if none is named."""
        self.feed.on_bytes(conn or self.feed.links.speaking.conn, data, now_ns)
        self.turn(now_ns)

    def snapshot(self, symbol: str, body: bytes, now_ns: int, status: int = 200) -> bool:
        """Answer the feed's request for this symbol's snapshot; False = it asked for none."""
        request_id = self.requests.pop(symbol, 0)
        if request_id == 0:
            return False
        self.feed.on_bytes(0, body, now_ns, HttpMeta(request_id, status=status))
        self.turn(now_ns)
        return True

    # Output

    def state(self, row: int) -> BookState:
        """What the table `top` says of a book."""
        return BookState(int(self.memory.tables["top"].rows["state"][row]))

    def best(self, row: int) -> tuple[int, int, int, int] | None:
        """(bid_px, bid_qty, ask_px, ask_qty) of the book itself; None unless it is LIVE."""
        if self.state(row) is not BookState.LIVE:
            return None
        return self.aggregator.books.best(row)

    def counters(self) -> dict[str, int]:
        """Sums of table `feed.<venue>`."""
        rows = self.memory.tables[f"feed.{self.venue_name}"].rows
        return summary([rows[i] for i in range(len(self.instruments))])
