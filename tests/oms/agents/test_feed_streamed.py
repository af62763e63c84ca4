"""Books that come on the stream, judged by the exchange's own book at every key."""

import json
from itertools import pairwise, zip_longest

import numpy as np
import pytest

from oms.agents import aggregator
from oms.agents.aggregator import AggregatorAgent
from oms.agents.feed import agent as feed_agent
from oms.agents.feed.agent import FeedAgent
from oms.config import DeskConfig, HostConfig, LimitsConfig, VenueConfig
from oms.sim.harness import Harness
from oms.venues.upbit.market import UpbitMarketData
from shm_layout.channels import Capacity, topology
from shm_layout.enums import (
    FLAG_FIRST,
    FLAG_LAST,
    FLAG_SNAPSHOT,
    BookRule,
    BookState,
    RecordType,
    Side,
    Venue,
)
from shm_layout.records import MD_LEVELS
from shm_layout.ring import HEAD_WORDS, RingReader, as_record
from shm_layout.table import TableWriter
from tests.oms.agents.streamed_exchange import (
    MS,
    PING,
    PORT,
    VENUE,
    StreamedExchange,
    StreamedMarket,
    spec,
)
from tests.oms.venues.upbit import market_samples as samples

pytestmark = pytest.mark.compiled

T0 = 1_700_000_000_000_000_000
S = 1_000 * MS
FEED = f"feed.{VENUE}"
SYMBOLS = tuple(f"KRW-C{k}" for k in range(10))
RULES = (BookRule.FULL_EACH, BookRule.CONSECUTIVE, BookRule.LINKED)


class StreamedDesk:
    """Feed, aggregator and exchange on the harness; `judge` looks at everything that was said."""

    def __init__(self, monkeypatch, rule, seed=1, listed=SYMBOLS, market=None, facts=None,
                 exchange=StreamedExchange, **more):  # fmt: skip
        self.market = market or StreamedMarket(facts or spec(rule))
        for user in (feed_agent, aggregator):
            monkeypatch.setattr(user, "market_data", lambda name: self.market)
        venue = VenueConfig(VENUE, "sim", f"ws://h:{PORT}", "http://h:1", SYMBOLS)
        limits = LimitsConfig("0", "0", 0, 0, 0, 0)
        self.config = DeskConfig(
            "t", "", "process-crash-safe", (venue,), (), (), limits, HostConfig("h", ())
        )
        self.harness = Harness(topology([VENUE], [], [], Capacity.small()), seed, T0)
        self._write_instruments()
        self.exchange = exchange(rule, listed, seed, **more)
        self.books = {}
        self.judged = 0
        self.states = {}
        channel = self.harness.topology.channels[f"md.{VENUE}"]
        cursor = np.zeros(HEAD_WORDS, np.int64)
        self.said = RingReader(channel, self.harness.ring(f"md.{VENUE}"), cursor)
        self.harness.start(self.exchange.role, self.exchange)
        self.start_feed()
        self.harness.start("aggregator", AggregatorAgent(self.config))

    def _write_instruments(self):
        table = self.harness.topology.tables["instruments"]
        writer = TableWriter(table, self.harness.table("instruments"), 1)
        for row, symbol in enumerate(SYMBOLS):
            writer.write(
                row, instrument_id=row, venue=int(Venue.UPBIT_SPOT), px_scale=0, qty_scale=0,
                symbol=symbol.encode(), name=symbol.encode(),
            )  # fmt: skip

    def start_feed(self):
        self.feed = FeedAgent(self.config, VENUE)
        self.harness.start(FEED, self.feed)
        self.market.world = {
            "msg": self.feed.msg, "px": self.feed.px, "qty": self.feed.qty,
            "symbols": self.feed.symbols,
        }  # fmt: skip

    def run(self, ns):
        until_ns = self.harness.now_ns + ns
        while self.harness.step(until_ns):
            self.judge()

    def judge(self):
        """Every record since the last look: each book is the exchange's at that key."""
        for row in self.said.poll(1 << 12):
            record = as_record(row)
            self.said.release(1)
            symbol = SYMBOLS[int(record["instrument_id"])]
            if record["type"] == RecordType.MD_STATE:
                self.states[symbol] = BookState(int(record["state"]))
            elif record["type"] == RecordType.MD_LEVELS:
                self._levels(symbol, np.frombuffer(record.tobytes(), MD_LEVELS)[0])

    def _levels(self, symbol, record):
        flags = int(record["flags"])
        if flags & FLAG_FIRST and flags & FLAG_SNAPSHOT:
            self.books[symbol] = {"bids": {}, "asks": {}}
        book = self.books[symbol]["bids" if record["side"] == Side.BUY else "asks"]
        for k in range(int(record["count"])):
            px, qty = int(record["px"][k]), int(record["qty"][k])
            book.pop(px, None)
            if qty:
                book[px] = qty
        if flags & FLAG_LAST:
            self.judged += 1
            key = int(record["update_id"])
            assert self.books[symbol] == self.exchange.truth[symbol][key], f"{symbol} at {key}"

    def live(self):
        return {symbol for symbol, state in self.states.items() if state is BookState.LIVE}

    def best(self, symbol):
        found = self.harness.agents["aggregator"].books.best(SYMBOLS.index(symbol))
        return found[0], found[2]

    def check_last(self):
        """After the last message has come: the aggregator's best prices are the exchange's."""
        self.exchange.due_ns = self.harness.now_ns + 10**15
        self.run(100 * MS)
        for symbol in self.live():
            book = self.exchange.books[symbol]
            assert self.best(symbol) == (max(book["bids"]), min(book["asks"])), symbol

    def logged(self, event):
        return [fields for _, _, _, name, fields in self.harness.logs if name == event]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", [1, 2])
def test_streamed_books_are_the_exchanges_at_every_key(monkeypatch, rule, seed):
    desk = StreamedDesk(monkeypatch, rule, seed)
    desk.exchange.repeats = 0.2
    desk.run(6 * S)
    assert desk.live() == set(SYMBOLS)
    assert desk.judged > 2000
    assert len(list(desk.feed.links)) == 3, "so many symbols a connection"
    desk.check_last()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("resubscribes", [True, False])
def test_streamed_books_heal_after_damage_loss_and_cuts(monkeypatch, rule, resubscribes):
    market = StreamedMarket(spec(rule), resubscribes)
    desk = StreamedDesk(monkeypatch, rule, 3, market=market)
    desk.exchange.damage, desk.exchange.loses = 0.005, 0.005
    for _ in range(4):
        desk.run(2 * S)
        desk.harness.network.cut(FEED)
    desk.harness.kill(FEED)
    desk.start_feed()
    desk.run(2 * S)
    desk.exchange.damage = desk.exchange.loses = 0.0
    desk.run(8 * S)
    assert desk.live() == set(SYMBOLS)
    assert desk.judged > 2000
    desk.check_last()


@pytest.mark.parametrize("speaks", [True, False], ids=["in words", "by silence"])
def test_streamed_symbol_that_is_refused_is_named_and_asked_for_seldom(monkeypatch, speaks):
    known = SYMBOLS[:-1]
    desk = StreamedDesk(monkeypatch, BookRule.FULL_EACH, listed=known, speaks=speaks)
    desk.run(30 * S)
    assert desk.live() == set(known)
    refused = desk.logged("subscription_refused")
    assert {fields["symbol"] for fields in refused} == {SYMBOLS[-1]}
    assert {fields["why"] for fields in refused} >= {
        "unknown symbol" if speaks else "nothing came in time"
    }
    assert 3 <= len(refused) <= 12, "with waits that double"


def test_streamed_symbol_that_comes_late_is_live_then(monkeypatch):
    desk = StreamedDesk(monkeypatch, BookRule.FULL_EACH)
    desk.exchange.hidden = {SYMBOLS[0]}
    desk.run(3 * S)
    assert desk.live() == set(SYMBOLS[1:])
    desk.exchange.hidden = set()
    desk.run(10 * S)
    assert desk.live() == set(SYMBOLS)


@pytest.mark.parametrize("replace", [True, False])
def test_streamed_books_of_one_key_rule_as_the_facts_say(monkeypatch, replace):
    rule = BookRule.FULL_EACH
    desk = StreamedDesk(monkeypatch, rule, facts=spec(rule, equal_keys_replace=replace))
    desk.run(S)
    exchange, symbol = desk.exchange, SYMBOLS[0]
    exchange.due_ns = desk.harness.now_ns + 10**15
    desk.run(10 * MS)
    first = exchange._whole(symbol)
    (conn,) = [conn for conn, subscribed in exchange.subscribed if subscribed == symbol]
    best = desk.best(symbol)
    exchange.truth[symbol][first["key"]] = {"bids": {80: 1}, "asks": {120: 1}}
    exchange._send(conn, symbol, first | {"bids": [[80, 1]], "asks": [[120, 1]]})
    desk.run(10 * MS)
    assert desk.best(symbol) == ((80, 120) if replace else best)


def test_streamed_connection_is_pinged_in_the_exchanges_words_at_its_pace(monkeypatch):
    rule = BookRule.FULL_EACH
    facts = spec(rule, ping_text=PING, ping_every_ms=2000)
    desk = StreamedDesk(monkeypatch, rule, facts=facts)
    desk.run(S)
    desk.exchange.due_ns = desk.harness.now_ns + 10**15
    desk.run(11 * S)
    links = len(list(desk.feed.links))
    assert desk.exchange.pings in range(4 * links, 6 * links + 1)
    assert desk.feed.links.speaking.opens == 1, "an answer in words is a sign of life"
    desk.exchange.pongs = False
    desk.run(5 * S)
    assert desk.logged("stream_lost")


def test_streamed_connection_without_life_makes_its_own_books_stale_alone(monkeypatch):
    desk = StreamedDesk(monkeypatch, BookRule.FULL_EACH)
    desk.run(S)
    first = next(iter(desk.feed.links))
    quiet = set(first.symbols)
    desk.exchange.subscribed = {
        key: at for key, at in desk.exchange.subscribed.items() if key[1] not in quiet
    }
    end = desk.harness.network._ends[first.conn]
    desk.harness.network._ends[end.peer].muted = True
    desk.run(2200 * MS)
    assert {symbol for symbol in SYMBOLS if desk.states[symbol] is not BookState.LIVE} == quiet


def test_streamed_connection_at_its_age_is_replaced_without_a_gap(monkeypatch):
    desk = StreamedDesk(monkeypatch, BookRule.CONSECUTIVE)
    desk.run(S)
    for link in desk.feed.links:
        link._replace_ns = desk.harness.now_ns
    before = len(desk.logged("stream_lost"))
    desk.states.clear()
    desk.run(3 * S)
    assert len(desk.logged("stream_replaced")) == 3
    assert len(desk.logged("stream_lost")) == before
    assert set(desk.states.values()) <= {BookState.LIVE}
    keys = [sorted(desk.exchange.truth[symbol]) for symbol in SYMBOLS]
    assert all(b - a == 1 for one in keys for a, b in pairwise(one))


class UpbitExchange(StreamedExchange):
    """In Upbit's words: silent on what it does not know."""

    def on_bytes(self, conn, data, now_ns, meta=None):
        _, book, *_ = json.loads(data)
        assert book["type"] == "orderbook"
        wanted = json.dumps({"subscribe": book["codes"]}).encode()
        super().on_bytes(conn, wanted, now_ns, meta)

    def _send(self, conn, symbol, said):
        if not isinstance(said["key"], int):
            self.ports.send(conn, samples.book(symbol)[:-9])
            return
        units = [
            (f"{ask}.0", f"{bid}E0", f"{ask_qty}.0", str(bid_qty))
            for (bid, bid_qty), (ask, ask_qty) in zip_longest(
                said["bids"], said["asks"], fillvalue=(0, 0)
            )
        ]
        self.ports.send(conn, samples.book(symbol, said["key"], units))


def test_upbit_market_reads_its_exchange_through_the_feed(monkeypatch):
    """The real client of its public data: subscribed, whole books, damage, a symbol unknown."""
    desk = StreamedDesk(
        monkeypatch, BookRule.FULL_EACH, 5, listed=SYMBOLS[:-1], market=UpbitMarketData(),
        exchange=UpbitExchange, speaks=False,
    )  # fmt: skip
    desk.exchange.damage, desk.exchange.repeats = 0.01, 0.1
    desk.run(8 * S)
    desk.exchange.damage = 0.0
    desk.run(2 * S)
    assert desk.live() == set(SYMBOLS[:-1])
    assert desk.judged > 2000
    assert {one["symbol"] for one in desk.logged("subscription_refused")} == {SYMBOLS[-1]}
    desk.check_last()
