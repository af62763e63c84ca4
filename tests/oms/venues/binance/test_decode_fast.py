"""The fast path through Binance's messages against the general decoder, its reference.

Where the fast path says OK, the general decoder must say OK, with the same scratch, word by word;
and the messages that Binance sends must go the fast path, or nothing is gained by it.
"""

from __future__ import annotations

import ctypes
import mmap
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oms.venues.binance import decode_fast_hot, decode_hot
from oms.venues.shared import decode_status_hot as words
from oms.venues.shared.symbols import SymbolTable
from oms.venues.shared.words_hot import NOT_FAST
from tests.oracles.recorded import recorded_file
from tests.support import data_folder

LEVELS = 64
SYMBOLS = (
    "BTCUSDT",
    "ETHUSDT",
    "1000SHIBUSDT",
    "ETHUSDT_240927",
    "1000000MOGUSDTX",
    "ABCDEFGHJKLMNOPQ",
)
SHORT = SYMBOLS[:5]


class Both:
    """Each decoder with a scratch of its own."""

    def __init__(self, px_scale: int, qty_scale: int, levels: int = LEVELS) -> None:
        table = SymbolTable.empty(16)
        for row, symbol in enumerate(SYMBOLS):
            table.add(row, symbol, px_scale, qty_scale)
        arrays = (table.index, table.text, table.scales)
        for array in arrays:
            array.flags.writeable = False
        self._table = arrays
        self._scratch = [
            (
                np.zeros((2, levels), np.int64),
                np.zeros((2, levels), np.int64),
                np.full(words.MSG_WORDS, 77, np.int64),
            )
            for _ in range(2)
        ]

    def read(self, data: bytes) -> tuple[int, int]:
        """Status of the fast path and of the general one."""
        # Bytes that must not be read stand on both sides of the message.
        buf = np.frombuffer(b'00000000"' + data + b'"}}}]00000000', np.uint8)
        return self.read_at(buf, 9, 9 + len(data))

    def read_at(self, buf: np.ndarray[Any, Any], start: int, end: int) -> tuple[int, int]:
        """The same, of bytes that lie there already."""
        for px, qty, msg in self._scratch:
            px[:] = qty[:] = -5
            msg[words.MSG_DEFERRED :] = 0
        usual = decode_fast_hot.decode_fast(buf, start, end, *self._table, *self._scratch[0])
        general = decode_hot.decode(buf, start, end, -1, *self._table, *self._scratch[1])
        return int(usual), int(general)

    def agree(self) -> None:
        """Every word of both scratches."""
        mine, theirs = self._scratch
        assert mine[2][: words.MSG_DEFERRED].tolist() == theirs[2][: words.MSG_DEFERRED].tolist()
        for side in range(2):
            count = int(theirs[2][words.MSG_BIDS + side])
            for k in range(2):
                assert mine[k][side, :count].tolist() == theirs[k][side, :count].tolist()

    def check(self, data: bytes) -> int:
        """What the fast path says of this message, which the general one must agree with."""
        usual, general = self.read(data)
        assert usual in (words.OK, NOT_FAST)
        if usual == words.OK:
            assert general == words.OK, data
            self.agree()
        return usual


def number(chance: random.Random, scale: int, least: int = 0) -> str:
    """A decimal as venues write it: all digits, or as few as need be, or padded with zeros."""
    whole = chance.choice((least, chance.randrange(least, 10), chance.randrange(1, 10**7)))
    places = chance.choice((0, scale, scale, chance.randint(0, scale)))
    fraction = "".join(chance.choice("0123456789") for _ in range(places))
    fraction += "0" * chance.choice((0, 0, max(0, 8 - places), chance.randint(0, 2)))
    return f"{whole}.{fraction[:8]}" if fraction else str(whole)


def levels(chance: random.Random, px_scale: int, qty_scale: int) -> str:
    count = chance.choice((0, 1, 2, chance.randrange(20)))
    return ",".join(
        f'["{number(chance, px_scale, 1)}","{number(chance, qty_scale)}"]' for _ in range(count)
    )


def event(chance: random.Random, px_scale: int, qty_scale: int) -> tuple[str, str]:
    """(stream, event) of any kind and market."""
    pxs = [number(chance, px_scale, 1) for _ in range(2)]
    qtys = [number(chance, qty_scale, 1) for _ in range(2)]
    ms = chance.choice((1_723_161_256_299, 1_600_000_000_000, 999, 0, chance.randrange(10**13)))
    last = chance.choice((5_123_107_837_557, 7, 10**8, 99_999_999, 10**15 - 1, 0))
    first = chance.randint(0, last)
    symbol = chance.choice(SHORT)
    futures = chance.random() < 0.5
    stamp = f'"T":{ms},' if futures else ""
    kind = chance.randrange(3)
    if kind == 0:
        chain = f'"U":{first},"u":{last},' + (f'"pu":{first},' if futures else "")
        lists = f'"b":[{levels(chance, px_scale, qty_scale)}],'
        lists += f'"a":[{levels(chance, px_scale, qty_scale)}]'
        return "depth@100ms", f'"e":"depthUpdate","E":{ms},{stamp}"s":"{symbol}",{chain}{lists}'
    if kind == 1:
        name = '"e":"bookTicker",' if futures else ""
        made = f'{name}"u":{last},"s":"{symbol}","b":"{pxs[0]}","B":"{qtys[0]}",'
        made += f'"a":"{pxs[1]}","A":"{qtys[1]}"'
        return "bookTicker", made + (f',"T":{ms},"E":{ms}' if futures else "")
    truth = chance.choice(("true", "false"))
    made = f'"e":"trade","E":{ms},{stamp}"s":"{symbol}","t":{last},"p":"{pxs[0]}","q":"{qtys[0]}",'
    made += '"X":"MARKET",' if futures else f'"T":{ms},'
    return "trade", made + f'"m":{truth}' + ("" if futures else ',"M":true')


def message(chance: random.Random, px_scale: int, qty_scale: int) -> bytes:
    stream, body = event(chance, px_scale, qty_scale)
    if chance.random() < 0.3:
        return f"{{{body}}}".encode()
    return f'{{"stream":"btcusdt@{stream}","data":{{{body}}}}}'.encode()


SCALES = ((0, 0), (1, 3), (2, 6), (4, 8), (8, 10), (10, 1))


@pytest.mark.parametrize(("px_scale", "qty_scale"), SCALES)
def test_decode_fast_what_the_venue_sends_goes_the_short_way(
    px_scale: int, qty_scale: int, sized: Callable[[int, int], int]
) -> None:
    chance = random.Random(px_scale * 16 + qty_scale)
    both = Both(px_scale, qty_scale)
    for _ in range(sized(3000, 150)):
        data = message(chance, min(px_scale, 8), min(qty_scale, 8))
        status = both.check(data)
        if len(data) >= decode_fast_hot.SHORTEST:
            assert status == words.OK, data


NO_ACCESS = 0
"""PROT_NONE of mprotect."""
RECORDED = 2_000
"""Messages of each recording that are looked at."""


@pytest.mark.parametrize(("name", "scales"), [("usdm", (1, 3)), ("spot", (2, 6))])
def test_decode_fast_what_the_venue_sent_goes_the_short_way(
    name: str, scales: tuple[int, int]
) -> None:
    path = data_folder("hftbacktest") / f"{name}_btcusdt_20240808.jsonl.gz"
    both = Both(*scales, levels=1500)
    lines = recorded_file(path).text.split(b"\n")[:RECORDED]
    events = [line.partition(b" ")[2] for line in lines if b"lastUpdateId" not in line]
    assert len(events) > RECORDED // 2
    for data in events:
        assert both.check(data) == words.OK, data[:200]


def mutated(chance: random.Random, data: bytes) -> bytes:
    made = bytearray(data)
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(made))
        draw = chance.randrange(6)
        if draw == 0:
            made[at] = chance.randrange(256)
        elif draw == 1:
            made[at] = chance.choice(b'"{}[],:.0123456789-eE\\ btuTUM')
        elif draw == 2:
            made[at] ^= 1 << chance.randrange(8)
        elif draw == 3:
            del made[at : at + chance.randint(1, 4)]
        elif draw == 4:
            made[at:at] = made[at : at + chance.randint(1, 12)]
        else:
            made[at:at] = bytes([chance.choice(b'"0 .,\\\n')])
        if not made:
            return data
    return bytes(made)


@pytest.mark.parametrize(("px_scale", "qty_scale"), [(1, 3), (2, 6), (8, 8)])
def test_decode_fast_mutated_messages_are_read_as_the_general_decoder_reads_them(
    px_scale: int, qty_scale: int, sized: Callable[[int, int], int]
) -> None:
    chance = random.Random(20240809 + px_scale)
    both = Both(px_scale, qty_scale)
    taken = 0
    for _ in range(sized(20_000, 500)):
        data = mutated(chance, message(chance, px_scale, qty_scale))
        taken += both.check(data) == words.OK
    assert taken > 0


def test_decode_fast_every_byte_of_a_message_counts(sized: Callable[[int, int], int]) -> None:
    """Each byte of one message of each kind, changed to each of its neighbours in meaning."""
    chance = random.Random(5)
    both = Both(2, 3)
    for _ in range(sized(30, 2)):
        data = message(chance, 2, 3)
        for at in range(len(data)):
            for byte in b'"0\\ }\x00\xff':
                both.check(data[:at] + bytes([byte]) + data[at + 1 :])


def test_decode_fast_a_message_cut_anywhere_is_not_taken(sized: Callable[[int, int], int]) -> None:
    chance = random.Random(6)
    both = Both(2, 3)
    for _ in range(sized(60, 4)):
        data = message(chance, 2, 3)
        for end in range(len(data)):
            assert both.check(data[:end]) == NOT_FAST, data[:end]


def test_decode_fast_nothing_is_read_beyond_the_end(sized: Callable[[int, int], int]) -> None:
    """Messages, whole and cut, end where a page begins that cannot be read: looking there would
    end this process."""
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    whole = np.frombuffer(memory, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(whole.ctypes.data + page), page, NO_ACCESS) == 0
    buf = np.frombuffer(memory, np.uint8, page)
    read_only = buf.view()
    read_only.flags.writeable = False
    chance = random.Random(8)
    both = Both(2, 3)
    for _ in range(sized(400, 20)):
        data = message(chance, 2, 3)
        for cut in (0, 1, 2, chance.randrange(len(data) - 1)):
            part = data[: len(data) - cut]
            buf[page - len(part) :] = np.frombuffer(part, np.uint8)
            usual, general = both.read_at(read_only, page - len(part), page)
            assert usual == NOT_FAST or general == words.OK
            assert cut == 0 or usual == NOT_FAST


TICKER = '{"stream":"x@bookTicker","data":{"u":77,"s":"%s","b":"%s","B":"31.21","a":"9","A":"4"}}'


@pytest.mark.parametrize(
    ("symbol", "px"),
    [
        ("XRPUSDT", "5"),  # not ours
        ("BTCUSD", "5"),  # the beginning of one of ours
        ("BTCUSDTX", "5"),
        ("ABCDEFGHJKLMNOPQ", "5"),  # ours, and longer than two words
        ("BTC\\u0055SDT", "5"),
        ("", "5"),
        ("BTCUSDT", "12345678.5"),  # eight whole digits
        ("BTCUSDT", "1.123456789"),
        ("BTCUSDT", "1.001"),  # finer than the scale
        ("BTCUSDT", "1."),
        ("BTCUSDT", ".5"),
        ("BTCUSDT", ""),
        ("BTCUSDT", "-1"),
        ("BTCUSDT", "1e3"),
        ("BTCUSDT", "1 "),
    ],
)
def test_decode_fast_what_it_does_not_know_is_left_to_the_general_decoder(
    symbol: str, px: str
) -> None:
    assert Both(2, 3).check((TICKER % (symbol, px)).encode()) == NOT_FAST


def test_decode_fast_more_levels_than_fit_are_left_to_the_general_decoder() -> None:
    rows = ",".join(f'["{k}","1"]' for k in range(1, LEVELS + 2))
    head = '{"e":"depthUpdate","E":1723161256299,"s":"BTCUSDT","U":1,"u":2,'
    both = Both(2, 3)
    assert both.read(f'{head}"b":[{rows}],"a":[]}}'.encode()) == (NOT_FAST, words.TOO_LARGE)
    fits = rows.rpartition(",[")[0]
    assert both.check(f'{head}"b":[{fits}],"a":[{fits}]}}'.encode()) == words.OK


def test_decode_fast_scales_beyond_its_own_are_left_to_the_general_decoder() -> None:
    data = (TICKER % ("BTCUSDT", "5.25")).encode()
    assert Both(11, 3).read(data) == (NOT_FAST, words.OK)
    assert Both(2, 12).read(data) == (NOT_FAST, words.OK)
