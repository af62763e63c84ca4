"""A small exchange whose books come on the stream, and the `MarketData` that reads it.

`StreamedExchange` serves WebSockets on the harness's network. Subscribed by message, so many
symbols a connection; it pushes whole books (FULL_EACH), or one and then diffs (CONSECUTIVE,
LINKED). It keeps every book that it ever had, by its key: `truth`. The reader is plain Python: what
is tried here is what the feed and its kernels do with a message, not how one is read.
"""

import json
from dataclasses import replace

from oms.agents.base import BaseAgent
from oms.chance import Chance
from oms.ports import NEVER, ConnEvent
from oms.venues.base import Answer
from oms.venues.binance.spec import SPOT
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared import sync_hot
from shm_layout.enums import BookRule, Venue

VENUE = "upbit.spot"
MS = 1_000_000
EVERY_NS = 2 * MS
LEVELS = 6
PORT = 9000
PING = "PING"


def spec(rule, **more):
    values = {
        "name": VENUE, "venue": Venue.UPBIT_SPOT, "book_rule": rule, "symbols_per_connection": 4,
        "first_frame_ms": 1000, "trade_ids_ordered": False,
    }  # fmt: skip
    return replace(SPOT, **(values | more))


class StreamedMarket:
    """`MarketData` of it. `resubscribes`: a message makes it say a book again."""

    def __init__(self, facts, resubscribes=True):
        self.spec = facts
        self.resubscribes = resubscribes

    def stream_url(self, base_url, symbols):
        assert len(symbols) <= self.spec.symbols_per_connection
        return base_url

    def greet(self, symbols, nonce):
        return [json.dumps({"ticket": nonce, "subscribe": list(symbols)}).encode()]

    def again(self, symbol, symbols, nonce):
        return [json.dumps({"subscribe": [symbol]}).encode()] if self.resubscribes else []

    def answer(self, data):
        said = json.loads(data)
        if "refused" not in said:
            return None
        return Answer(tuple(said["refused"]), refused=True, text=said["why"])

    def usage(self, headers):
        raise AssertionError("nothing is asked by request")

    snapshot_request = retry_after_s = decode_cold = usage

    def on_message(self, handle, buf, start, end, hint, now_ns):
        msg, px, qty = (self.world[name] for name in ("msg", "px", "qty"))
        msg[words.MSG_INSTRUMENT] = -1
        try:
            said = json.loads(bytes(buf[start:end]))
        except ValueError:
            return words.MALFORMED
        if "book" not in said:
            return words.IGNORED
        instrument = self.world["symbols"].find(said["book"])
        if instrument < 0:
            return words.IGNORED
        msg[words.MSG_INSTRUMENT] = instrument
        if not isinstance(said["key"], int):
            sync_hot.unreadable(handle, instrument, words.MALFORMED, now_ns)
            return words.MALFORMED
        whole = said["whole"]
        msg[words.MSG_KIND] = words.KIND_SNAPSHOT if whole else words.KIND_DEPTH
        msg[words.MSG_LAST_ID], msg[words.MSG_PREV_ID] = said["key"], said.get("before", -1)
        msg[words.MSG_EVENT_MS] = now_ns // MS
        for side, name in enumerate(("bids", "asks")):
            levels = [level for level in said[name] if level[0]]
            msg[words.MSG_BIDS + side] = len(levels)
            for k, (level_px, level_qty) in enumerate(levels):
                px[side, k], qty[side, k] = level_px, level_qty
        return sync_hot.take(handle, now_ns)


class StreamedExchange(BaseAgent):
    """See the module's text. `listed`: symbols that it knows; others are met with silence, or with
    words where `speaks`."""

    role = "venue_sim.upbit"

    def __init__(self, rule, listed, seed, speaks=True):
        self.rule, self.speaks = rule, speaks
        self.chance = Chance(seed).uniform
        self.books = {symbol: {"bids": {}, "asks": {}} for symbol in listed}
        self.keys = dict.fromkeys(listed, 100)
        self.truth = {symbol: {} for symbol in listed}
        self.subscribed = {}
        """(conn, symbol) -> when its first book was sent."""
        self.pings = 0
        self.pongs = True
        self.hidden = set()
        """Symbols that do not come though they are listed."""
        self.damage = 0.0
        self.repeats = 0.0
        self.loses = 0.0
        self.due_ns = NEVER
        for symbol in listed:
            self._change(symbol)

    def on_start(self, ports, now_ns):
        self.ports = ports
        ports.listen("h", PORT, "ws")
        self.due_ns = now_ns + EVERY_NS

    def on_conn(self, conn, event, now_ns):
        if event in (ConnEvent.CLOSED, ConnEvent.FAILED):
            self.subscribed = {key: at for key, at in self.subscribed.items() if key[0] != conn}

    def on_bytes(self, conn, data, now_ns, meta=None):
        if data == PING.encode():
            self.pings += 1
            if self.pongs:
                self.ports.send(conn, b'{"status":"UP"}')
            return
        symbols = json.loads(data)["subscribe"]
        unknown = [symbol for symbol in symbols if symbol not in self.books]
        if unknown and self.speaks:
            said = {"refused": unknown, "why": "unknown symbol"}
            self.ports.send(conn, json.dumps(said).encode())
        for symbol in symbols:
            if symbol in self.books and symbol not in self.hidden:
                self.subscribed[conn, symbol] = now_ns
                self._send(conn, symbol, self._whole(symbol))

    def next_timer_ns(self):
        return self.due_ns

    def do_work(self, now_ns):
        if now_ns < self.due_ns:
            return 0
        self.due_ns = now_ns + EVERY_NS
        symbols = sorted(self.books)
        symbol = symbols[int(self.chance() * len(symbols))]
        before, changed = self.keys[symbol], self._change(symbol)
        for conn, subscribed in list(self.subscribed):
            if subscribed == symbol and symbol not in self.hidden:
                self._tell(conn, symbol, before, changed)
        return 1

    def _change(self, symbol):
        """One more key, and what changed of the book."""
        book = self.books[symbol]
        changed = {"bids": [], "asks": []}
        for side, base in (("bids", 90), ("asks", 100)):
            for _ in range(2):
                px = base + int(self.chance() * 10)
                qty = int(self.chance() * 5)
                book[side].pop(px, None)
                if qty:
                    book[side][px] = qty
                changed[side] = [one for one in changed[side] if one[0] != px] + [[px, qty]]
        step = 1 + int(self.chance() * 3)
        if self.rule is BookRule.LINKED and self.chance() < 0.1:
            step = -7  # its ids may fall
        self.keys[symbol] += 1 if self.rule is BookRule.CONSECUTIVE else step
        self.truth[symbol][self.keys[symbol]] = {
            side: dict(book[side]) for side in ("bids", "asks")
        }
        return changed

    def _whole(self, symbol):
        """As much as is shown, thin sides padded."""
        levels = {}
        for side, book in self.books[symbol].items():
            shown = [[px, qty] for px, qty in sorted(book.items(), reverse=side == "bids")]
            levels[side] = shown + [[0, 0]] * (LEVELS - len(shown))
        return {"book": symbol, "whole": True, "key": self.keys[symbol], **levels}

    def _tell(self, conn, symbol, before, changed):
        said = self._whole(symbol)
        if self.rule is not BookRule.FULL_EACH:
            said |= {"whole": False, "before": before, **changed}
        if self.chance() < self.damage:
            self._send(conn, symbol, said | {"key": "x"})
            return
        if self.chance() < self.loses:
            return
        self._send(conn, symbol, said)
        if self.rule is BookRule.FULL_EACH and self.chance() < self.repeats:
            self._send(conn, symbol, said | {"key": before})  # older: it must change nothing

    def _send(self, conn, symbol, said):
        self.ports.send(conn, json.dumps(said).encode())
