"""Recorded market data: lines `<receive time, ns> <JSON as received>`, one market, pure parsing.

`Recording` takes the text of one or more files (unpacked by whoever opened them), puts them in
order of their first line and gives them as one array of bytes with an index, so that compiled
loops can walk it without copies. `survey` looks through all messages once, by the exchange's cold
reader, and says which symbols there are and how fine their prices and quantities get.
`BboOracle` holds a book against the exchange's own bookTicker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oms.errors import ConfigError
from oms.venues.recorded import Best, Recorded, RecordedInstrument, RecordedReader, Seen
from oms.venues.shared.decimal_text import scaled
from shm_layout.enums import BookRule

NEWLINE = 10
NS_DIGITS_MAX = 19


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file's name and its text, unpacked by whoever opened it."""

    name: str
    text: bytes


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no recorded message."""

    file: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Several files of one market as one recording, in time order."""

    names: tuple[str, ...]
    buf: np.ndarray[Any, Any]
    """uint8, read-only: the files one after the other."""
    start: np.ndarray[Any, Any]
    """int64: index of each message's first byte; `end` behind its last; in order."""
    end: np.ndarray[Any, Any]
    recv_ns: np.ndarray[Any, Any]
    """int64: when the recorder received it; made monotonic (`clock_steps` counts repairs)."""
    file_of: np.ndarray[Any, Any]
    bad: tuple[BadLine, ...]
    clock_steps: int = 0

    def __len__(self) -> int:
        return int(self.start.shape[0])

    def message(self, index: int) -> bytes:
        return self.buf[self.start[index] : self.end[index]].tobytes()

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """(receive time in ns, JSON as received), in order."""
        for index in range(len(self)):
            yield int(self.recv_ns[index]), self.message(index)

    @classmethod
    def of(cls, files: Sequence[RecordedFile]) -> Recording:
        """One recording of these files; a file without any message is refused."""
        parsed = []
        for file in files:
            text = file.text
            rows, bad = _index_lines(file.name, text)
            if not len(rows):
                raise ConfigError(
                    f"recording {file.name}: none of its lines is '<ns> <json>'; name a file of "
                    "recorded market data"
                )
            parsed.append((int(rows[0, 2]), file.name, text, rows, bad))
        if not parsed:
            raise ConfigError("recording: no file was given; name at least one")
        parsed.sort(key=lambda item: (item[0], item[1]))
        buf = np.frombuffer(b"".join(item[2] for item in parsed), np.uint8)
        offsets = np.cumsum([0, *(len(item[2]) for item in parsed)])
        rows = np.concatenate(
            [item[3] + (offset, offset, 0) for item, offset in zip(parsed, offsets, strict=False)]
        )
        file_of = np.repeat(np.arange(len(parsed)), [len(item[3]) for item in parsed])
        recv_ns = np.maximum.accumulate(rows[:, 2])
        return cls(
            tuple(item[1] for item in parsed),
            buf,
            np.ascontiguousarray(rows[:, 0]),
            np.ascontiguousarray(rows[:, 1]),
            recv_ns,
            file_of,
            tuple(line for item in parsed for line in item[4]),
            int(np.count_nonzero(recv_ns != rows[:, 2])),
        )


def _index_lines(name: str, text: bytes) -> tuple[np.ndarray[Any, Any], list[BadLine]]:
    """int64[lines, 3]: start and end of the JSON, receive time; and the lines that have none."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == NEWLINE).tolist()
    if text and text[-1] != NEWLINE:
        ends.append(len(text))
    rows = []
    bad = []
    begin = 0
    for number, end in enumerate(ends, 1):
        space = text.find(b" ", begin, min(begin + NS_DIGITS_MAX + 1, end))
        stamp = text[begin:space] if space > begin else b""
        if stamp.isdigit() and text[space + 1 : space + 2] == b"{":
            rows.append((space + 1, end, int(stamp)))
        elif text[begin:end].strip():
            bad.append(BadLine(name, number, "not '<ns> {json}'"))
        begin = end + 1
    return np.array(rows, np.int64).reshape(-1, 3), bad


@dataclass(slots=True)
class Survey:
    """What is in a recording; `unread` counts messages by the reason why none could use them."""

    market: str
    instruments: dict[str, RecordedInstrument] = field(default_factory=dict)
    symbol_of_file: dict[int, str] = field(default_factory=dict)
    """File index -> its only symbol: that is whose snapshots it has."""
    snapshots: list[int] = field(default_factory=list)
    """Indexes of messages that are REST depth snapshots."""
    unread: dict[str, int] = field(default_factory=dict)


def _digits(text: Any) -> int:
    """Decimal digits of a number as written, without the zeros at its end."""
    return len(text.partition(".")[2].rstrip("0")) if isinstance(text, str) else 0


def _note_scales(found: RecordedInstrument, pxs: Iterable[str], qtys: Iterable[str]) -> None:
    found.px_scale = max(found.px_scale, max(map(_digits, pxs), default=0))
    found.qty_scale = max(found.qty_scale, max(map(_digits, qtys), default=0))


def survey(recording: Recording, reader: RecordedReader) -> Survey:
    """Which market and symbols these are, and the scales that hold every number exactly."""
    made = Survey("")
    markets: set[str] = set()
    symbols_of_file: dict[int, set[str]] = {}
    pending: list[tuple[int, Seen]] = []
    for index, (_, data) in enumerate(recording.messages()):
        seen = reader.see(data)
        if seen is None:
            made.unread["no JSON"] = made.unread.get("no JSON", 0) + 1
            continue
        markets.add(seen.market)
        if seen.kind is Recorded.SNAPSHOT:
            made.snapshots.append(index)
            pending.append((index, seen))
        elif seen.symbol:
            found = made.instruments.setdefault(seen.symbol, RecordedInstrument(seen.symbol))
            found.messages += 1
            _note_scales(found, *reader.numbers(seen))
            symbols_of_file.setdefault(int(recording.file_of[index]), set()).add(seen.symbol)
        else:
            made.unread["no symbol"] = made.unread.get("no symbol", 0) + 1
    made.market = reader.market_of(frozenset(markets))
    for number, symbols in symbols_of_file.items():
        if len(symbols) == 1:
            made.symbol_of_file[number] = next(iter(symbols))
    for index, seen in pending:
        symbol = made.symbol_of_file.get(int(recording.file_of[index]), seen.symbol)
        if symbol in made.instruments:
            _note_scales(made.instruments[symbol], *reader.numbers(seen))
        else:
            made.unread["snapshot of no symbol"] = made.unread.get("snapshot of no symbol", 0) + 1
    return made


@dataclass(frozen=True, slots=True)
class Ticker:
    """A bookTicker: update id and (bid_px, bid_qty, ask_px, ask_qty) at the instrument's scales."""

    update_id: int
    best: tuple[int, int, int, int]


def ticker_of(best: Best, px_scale: int, qty_scale: int) -> Ticker:
    """A ticker's numbers at an instrument's scales."""
    numbers = (
        scaled(best.bid_px, px_scale)[0],
        scaled(best.bid_qty, qty_scale)[0],
        scaled(best.ask_px, px_scale)[0],
        scaled(best.ask_qty, qty_scale)[0],
    )
    return Ticker(best.update_id, numbers)


class BboOracle:
    """Holds one book against the bookTickers of its recording, by update id.

    Spot: the true best after a diff ending at `u` is the last bookTicker whose update id is not
    beyond `u`. A diff counts when such a ticker was received before it; now and then the last one
    comes a moment after the diff, so a verdict waits until a ticker beyond `u` has come. Futures
    tickers run ahead of depth, and only one received before with the same id speaks of the same
    book.
    """

    DIFFERENCES_KEPT = 20

    def __init__(self, rule: BookRule) -> None:
        self.rule = rule
        self.compared = 0
        self.agreed = 0
        self.differences: list[str] = []
        self._tickers: deque[Ticker] = deque()
        self._reached: Ticker | None = None
        self._waiting: deque[tuple[int, tuple[int, int, int, int]]] = deque()

    def on_ticker(self, ticker: Ticker) -> None:
        """A bookTicker, in order of receipt."""
        self._judge(ticker.update_id)
        self._tickers.append(ticker)

    def on_diff(self, update_id: int, best: tuple[int, int, int, int] | None) -> None:
        """After a diff ending at `update_id`: our best, or None while our book is not LIVE."""
        earlier = self._reached or (self._tickers[0] if self._tickers else None)
        if earlier is None or earlier.update_id > update_id or best is None:
            return
        if self.rule is BookRule.NAMES_PREVIOUS:
            while self._tickers and self._tickers[0].update_id <= update_id:
                self._reached = self._tickers.popleft()
            if self._reached is None or self._reached.update_id != update_id:
                return
        self._waiting.append((update_id, best))
        self._judge(self._tickers[-1].update_id if self._tickers else 0)

    def finish(self) -> None:
        """No more tickers will come."""
        self._judge(1 << 63)

    def _judge(self, newest_id: int) -> None:
        """Compare what waits and ends before the ticker `newest_id`."""
        while self._waiting and self._waiting[0][0] < newest_id:
            update_id, best = self._waiting.popleft()
            while self._tickers and self._tickers[0].update_id <= update_id:
                self._reached = self._tickers.popleft()
            assert self._reached is not None
            self.compared += 1
            if best == self._reached.best:
                self.agreed += 1
            elif len(self.differences) < self.DIFFERENCES_KEPT:
                self.differences.append(
                    f"after diff {update_id}: book {best}, bookTicker {self._reached}"
                )

    @property
    def disagreed(self) -> int:
        return self.compared - self.agreed


def group_by_market(
    files: Iterable[RecordedFile], reader: RecordedReader
) -> dict[str, list[RecordedFile]]:
    """Market -> its files, found from the messages themselves."""
    groups: dict[str, list[RecordedFile]] = {}
    for file in files:
        groups.setdefault(survey(Recording.of([file]), reader).market, []).append(file)
    return groups
