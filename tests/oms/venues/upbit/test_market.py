"""Upbit's public stream: what is subscribed, and every number of what comes."""

import json
import random
from decimal import Decimal

import numpy as np
import pytest

from oms.venues.shared import decode_status_hot as words
from oms.venues.shared.numbers_hot import number
from oms.venues.shared.symbols import SymbolTable
from oms.venues.upbit import decode as cold
from oms.venues.upbit import decode_hot
from oms.venues.upbit.market import MARKET, UpbitMarketData
from shm_layout.jit import octets
from tests.oms.venues.upbit import market_samples as samples

PX_SCALE, QTY_SCALE = 4, 8
NUMBERS = (
    "0", "7", "0.5", "1.16539E8", "1.165e+8", "7.9276E-4", "123456789012345678.5", "0.0000000001",
    "00", "01", "1.", ".5", "1e", "1e+", "1E99", "1E999", "-1", "+1", "x", "", "1x", "null",
    "9999999999999999999999", "0.123456789", "0e5", "12345678901234567", "99999999999999.9999",
)  # fmt: skip


class Reader:
    """Both decoders over one scratch each."""

    def __init__(self):
        self.table = SymbolTable.empty(4)
        self.table.add(0, "KRW-BTC", PX_SCALE, QTY_SCALE)
        self.table.add(1, "KRW-XRP", PX_SCALE, QTY_SCALE)

    def scratch(self):
        return (
            np.zeros((2, 40), np.int64), np.zeros((2, 40), np.int64),
            np.zeros(words.MSG_WORDS, np.int64),
        )  # fmt: skip

    def hot(self, data):
        made = self.scratch()
        table = self.table
        status = decode_hot.decode(
            octets(data), 0, len(data), table.index, table.text, table.scales, *made
        )
        return status, made

    def cold(self, data):
        made = self.scratch()
        return cold.decode(data, -1, self.table, *made), made


@pytest.fixture(scope="module")
def reader():
    return Reader()


def levels(made, side):
    px, qty, msg = made
    count = msg[words.MSG_BIDS + side]
    return {int(px[side, k]): int(qty[side, k]) for k in range(count)}


def wanted(side):
    return {
        px * 10**PX_SCALE: int(Decimal(qty).scaleb(QTY_SCALE)) for px, qty in side.items()
    }  # fmt: skip


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("way", ["hot", "cold"])
def test_upbit_book_is_whole_without_its_padding(reader, short, way):
    status, made = getattr(reader, way)(samples.book(short=short))
    msg = made[2]
    assert status == words.OK
    assert msg[words.MSG_KIND] == words.KIND_SNAPSHOT
    assert msg[words.MSG_INSTRUMENT] == 0
    assert msg[words.MSG_LAST_ID] == msg[words.MSG_EVENT_MS] == samples.T_MS
    assert levels(made, words.BIDS) == wanted(samples.BIDS)
    assert levels(made, words.ASKS) == wanted(samples.ASKS), "sizes beyond the lot are cut down"


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize(("side", "maker_buys"), [("ASK", 1), ("BID", 0)])
@pytest.mark.parametrize("way", ["hot", "cold"])
def test_upbit_trade_says_price_quantity_side_and_number(reader, short, side, maker_buys, way):
    status, (_, _, msg) = getattr(reader, way)(samples.trade(side=side, short=short))
    assert status == words.OK
    assert msg[words.MSG_KIND] == words.KIND_TRADE
    assert msg[words.MSG_PX] == 116539000 * 10**PX_SCALE
    assert msg[words.MSG_QTY] == 31000
    assert msg[words.MSG_BUYER_IS_MAKER] == maker_buys
    assert msg[words.MSG_TRADE_ID] == 17900000001230000
    assert (msg[words.MSG_EVENT_MS], msg[words.MSG_TRADE_MS]) == (samples.T_MS, samples.T_MS - 23)


@pytest.mark.parametrize("data", [samples.TICKER, samples.ERROR, samples.UP, b"{}", b"[]",
                                  samples.book("KRW-NONE"), samples.trade("BTC-ETH")])  # fmt: skip
def test_upbit_message_that_is_not_for_us_is_ignored(reader, data):
    found = reader.hot(data)[0]
    assert found == words.IGNORED or (found, reader.cold(data)[0]) == (
        words.DECLINED, words.IGNORED,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["hot", "cold"])
def test_upbit_price_beyond_the_scale_is_unsupported(reader, way):
    units = (("0.00001", "0.0", "1.0", "0.0"),)
    assert getattr(reader, way)(samples.book(units=units))[0] == words.UNSUPPORTED_TICK


def test_upbit_number_is_what_exact_arithmetic_says():
    for text in NUMBERS:
        for given in (text, f'"{text}"'):
            data = f"{given},".encode()
            i, value, trouble = number(octets(data), 0, len(data), QTY_SCALE)
            try:
                exact = Decimal(json.loads(text, parse_float=str, parse_int=str))
            except (ValueError, TypeError, ArithmeticError):
                exact = None
            if exact is None or exact < 0:
                assert i < 0 or i < len(data) - 1 or trouble, given
                continue
            scaled = exact.scaleb(QTY_SCALE)
            if i < 0:
                assert i == -words.DECLINED, given
            elif trouble == words.OUT_OF_RANGE:
                assert scaled > words.VALUE_MAX, given
            else:
                assert (i, value) == (len(data) - 1, int(scaled)), given
                assert (trouble == words.UNSUPPORTED_TICK) == (scaled != int(scaled)), given


def changed(chance, data):
    """A message with some bytes changed, taken out, doubled, or cut."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(made))
        what = chance.randrange(4)
        if what == 0:
            made[at] = chance.choice(b'0123456789eE.-"{}[],:aK\x00\xff ')
        elif what == 1:
            del made[at]
        elif what == 2:
            made[at:at] = made[at : at + chance.randint(1, 9)]
        else:
            del made[at:]
        if not made:
            return b"{"
    return bytes(made)


def test_upbit_decoders_agree_on_whatever_comes(reader, smoke):
    """What compiled code takes, the cold decoder takes to the same words; what it refuses is
    refused there, too."""
    chance = random.Random(7)
    whole = [
        samples.book(), samples.book(short=False), samples.trade(), samples.trade(short=False),
        samples.TICKER, samples.ERROR,
    ]  # fmt: skip
    taken = 0
    for _ in range(500 if smoke else 5000):
        data = changed(chance, chance.choice(whole))
        status, hot = reader.hot(data)
        if status == words.DECLINED:
            continue
        cold_status, found = reader.cold(data)
        assert (status == words.OK) == (cold_status == words.OK), (status, cold_status, data)
        if status == words.OK:
            taken += 1
            assert (hot[2][: words.MSG_SEEN] == found[2][: words.MSG_SEEN]).all(), data
            for side in (words.BIDS, words.ASKS):
                assert levels(hot, side) == levels(found, side), data
    assert taken > 20


def test_upbit_subscription_names_everything_at_once():
    market = UpbitMarketData()
    assert market.stream_url("wss://api.upbit.com/", ["KRW-BTC"]) == (
        "wss://api.upbit.com/websocket/v1"
    )
    (frame,) = market.greet(["KRW-BTC", "KRW-XRP"], "a-uuid")
    codes = ["KRW-BTC", "KRW-XRP"]
    assert json.loads(frame) == [
        {"ticket": "a-uuid"},
        {"type": "orderbook", "codes": codes},
        {"type": "trade", "codes": codes},
        {"type": "ticker", "codes": codes},
        {"format": "SIMPLE"},
    ]
    assert market.again("KRW-XRP", codes, "a-uuid") == (frame,)


def test_upbit_error_refuses_the_whole_request():
    market = UpbitMarketData()
    said = market.answer(samples.ERROR)
    assert (said.symbols, said.refused, said.text) == ((), True, "NO_CODES codes are missing")
    assert market.answer(samples.UP) is None
    assert market.answer(samples.TICKER) is None
    assert market.answer(b"\xff") is None


def test_upbit_facts_say_that_each_message_is_the_book():
    assert MARKET.streamed
    assert MARKET.equal_keys_replace
    assert not MARKET.trade_ids_ordered
