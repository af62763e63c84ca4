"""Binance decoders against json + Decimal, against each other, and against hostile bytes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oms.venues.shared import decode_status_hot as words
from shm_layout.jit import JIT_ON
from tests.oms.venues.binance import reference
from tests.oms.venues.binance.decoding import PX_SCALE, QTY_SCALE, Decoding

EXAMPLES = 300 if JIT_ON else 40
MUTATIONS = 20_000 if JIT_ON else 1_000
FINAL = (words.MALFORMED, words.UNSUPPORTED_TICK, words.OUT_OF_RANGE, words.TOO_LARGE)

DECODING = Decoding()

DEPTH = (
    b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,'
    b'"T":1723161256298,"s":"BTCUSDT","U":5123,"u":5130,"pu":5100,'
    b'"b":[["58710.20","0.014"],["61496.5","0"]],"a":[["61800.30","3.330"]]}}'
)
SPOT_TICKER = b'{"u":77,"s":"ETHUSDT","b":"2500.10","B":"31.21","a":"2500.20","A":"40.66"}'
TRADE = (
    b'{"e":"trade","E":1,"s":"BTCUSDT","t":3735683259,"p":"61837.63","q":"0.02","T":99,'
    b'"m":true,"M":true,"b":88,"a":50}'
)
SNAPSHOT = b'{"lastUpdateId":160,"bids":[["10.5","3"]],"asks":[["10.6","0.5"],["10.7","1"]]}'


def amounts(scale: int) -> st.SearchStrategy[str]:
    whole = st.integers(0, 10**6)
    fraction = st.text("0123456789", min_size=1, max_size=scale)
    zeros = st.text("0", max_size=3)
    return st.builds(lambda w, f, z: f"{w}.{f}{z}", whole, fraction, zeros) | whole.map(str)


def prices() -> st.SearchStrategy[str]:
    return amounts(PX_SCALE).filter(lambda text: float(text) > 0)


def level_lists() -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.tuples(prices(), amounts(QTY_SCALE)).map(list), max_size=12)


IDS = st.integers(0, 10**15)
EXTRA = st.dictionaries(
    st.sampled_from(["X", "ps", "zz", "note", "st"]),
    st.none() | st.booleans() | st.integers() | st.text("ab {}[]\",:", max_size=8)
    | st.lists(st.integers() | st.dictionaries(st.text("k", max_size=2), st.none(), max_size=2)),
    max_size=3,
)  # fmt: skip
SYMBOL = st.sampled_from(["BTCUSDT", "ETHUSDT"])


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["depth", "ticker", "spot_ticker", "trade"]))
    event: dict[str, Any] = {"s": draw(SYMBOL), **draw(EXTRA)}
    if kind == "depth":
        first = draw(IDS)
        event |= {"e": "depthUpdate", "U": first, "u": first + draw(st.integers(0, 999))}
        event |= {"b": draw(level_lists()), "a": draw(level_lists())}
        if draw(st.booleans()):
            event["pu"] = max(first - 1, 0)
            event["E"] = draw(IDS)
    elif kind == "trade":
        event |= {"e": "trade", "t": draw(IDS), "p": draw(prices()), "T": draw(IDS)}
        event |= {"q": draw(amounts(QTY_SCALE).filter(lambda t: float(t) > 0))}
        event["m"] = draw(st.booleans())
    else:
        event |= {"u": draw(IDS), "b": draw(amounts(PX_SCALE)), "B": draw(amounts(QTY_SCALE))}
        event |= {"a": draw(amounts(PX_SCALE)), "A": draw(amounts(QTY_SCALE))}
        if kind == "ticker":
            event["e"] = "bookTicker"
    names = draw(st.permutations(list(event)))
    event = {name: event[name] for name in names}
    if draw(st.booleans()):
        return {"stream": "some@stream", "data": event}
    return event


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(event=events(), spaced=st.booleans())
def test_decoder_any_key_order_reads_as_the_reference(event: dict[str, Any], spaced: bool) -> None:
    separators = (" , ", " :\t") if spaced else (",", ":")
    data = json.dumps(event, separators=separators).encode()
    wanted = reference.read(data, PX_SCALE, QTY_SCALE)
    status, message = DECODING.cold(data)
    assert (status, message) == (words.OK, wanted)
    status, message = DECODING.fast(data)
    if b"\\" not in data:
        assert status == words.OK, data
    if status != words.DECLINED:
        assert (status, message) == (words.OK, wanted)


@pytest.mark.parametrize("data", [DEPTH, SPOT_TICKER, TRADE])
def test_decoder_plain_message_reads_as_the_reference(data: bytes) -> None:
    wanted = reference.read(data, PX_SCALE, QTY_SCALE)
    assert DECODING.fast(data) == (words.OK, wanted)
    assert DECODING.cold(data) == (words.OK, wanted)


def test_decoder_snapshot_needs_its_instrument() -> None:
    wanted = reference.read(SNAPSHOT, PX_SCALE, QTY_SCALE)
    assert DECODING.fast(SNAPSHOT, 1) == (words.OK, wanted)
    assert DECODING.cold(SNAPSHOT, 1) == (words.OK, wanted)
    assert DECODING.fast(SNAPSHOT)[0] == words.DECLINED


@pytest.mark.parametrize(
    ("px", "status"),
    [
        ("61837.6300000000", words.OK),
        ("61837.63001", words.UNSUPPORTED_TICK),
        ("61837.630000000001", words.UNSUPPORTED_TICK),
        ("99999999999999.9999", words.OK),
        ("100000000000000", words.OUT_OF_RANGE),
        ("1" * 40, words.OUT_OF_RANGE),
        ("-1", words.MALFORMED),
        ("1e5", words.MALFORMED),
        ("NaN", words.MALFORMED),
        ("", words.MALFORMED),
        (".5", words.MALFORMED),
        ("5.", words.MALFORMED),
        ("1.2.3", words.MALFORMED),
        ("0", words.MALFORMED),
    ],
)
def test_decoder_price_at_the_edge_gives_its_status(px: str, status: int) -> None:
    event = {"e": "depthUpdate", "s": "BTCUSDT", "U": 1, "u": 2, "b": [[px, "1"]], "a": []}
    data = json.dumps(event).encode()
    assert DECODING.cold(data)[0] == status
    assert DECODING.fast(data)[0] in (status, words.DECLINED)
    if status != words.MALFORMED:
        assert DECODING.fast(data)[0] == status


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b'{"result":null,"id":1}', words.IGNORED),
        (b'{"e":"kline","s":"BTCUSDT","k":{"t":1}}', words.IGNORED),
        (DEPTH.replace(b"BTCUSDT", b"XRPUSDT"), words.IGNORED),
        (DEPTH.replace(b'"U":5123,', b""), words.MALFORMED),
        (DEPTH.replace(b'"u":5130', b'"u":5'), words.MALFORMED),
        (DEPTH[:-1], words.MALFORMED),
        (DEPTH + b"}", words.MALFORMED),
        (b"", words.MALFORMED),
        (b"{", words.MALFORMED),
        (b"[" * 100_000, words.MALFORMED),
        (b'{"a":' * 5_000, words.MALFORMED),
        (b"\xff\xfe", words.MALFORMED),
    ],
)
def test_decoder_other_bytes_give_a_status(data: bytes, status: int) -> None:
    assert DECODING.cold(data)[0] == status
    assert DECODING.fast(data)[0] in (status, words.DECLINED)


def test_decoder_doubled_key_is_left_to_the_cold_path() -> None:
    data = DEPTH.replace(b'"u":5130,', b'"u":5129,"u":5130,')
    assert DECODING.fast(data)[0] == words.DECLINED
    assert DECODING.cold(data) == (words.OK, reference.read(DEPTH, PX_SCALE, QTY_SCALE))


def test_decoder_more_levels_than_fit_refuses() -> None:
    levels = [[str(k + 1), "1"] for k in range(200)]
    event = {"e": "depthUpdate", "s": "BTCUSDT", "U": 1, "u": 2, "b": levels, "a": []}
    data = json.dumps(event).encode()
    assert DECODING.fast(data)[0] == words.TOO_LARGE
    assert DECODING.cold(data)[0] == words.TOO_LARGE


def _mutate(chance: random.Random, data: bytes) -> bytes:
    made = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(made)) if made else 0
        draw = chance.randrange(5)
        if draw == 0 and made:
            made[at] = chance.randrange(256)
        elif draw == 1 and made:
            made[at] = chance.choice(b'"{}[],:.0123456789-eE\\ btu')
        elif draw == 2:
            del made[at : at + chance.randint(1, 8)]
        elif draw == 3:
            made[at:at] = made[at : at + chance.randint(1, 12)]
        else:
            del made[at:]
    return bytes(made)


def test_decoder_mutated_bytes_agree_with_the_cold_path_or_refuse() -> None:
    chance = random.Random(20240808)
    outcomes = dict.fromkeys(range(words.SNAPSHOT_OLD + 1), 0)
    for _ in range(MUTATIONS):
        data = _mutate(chance, chance.choice([DEPTH, SPOT_TICKER, TRADE, SNAPSHOT]))
        hint = chance.choice([-1, 0])
        status, message = DECODING.fast(data, hint)
        outcomes[status] += 1
        cold_status, cold_message = DECODING.cold(data, hint)
        if status in (words.OK, words.IGNORED):
            assert (status, message) == (cold_status, cold_message), data
        elif status in FINAL:
            assert cold_status != words.OK, data
    assert outcomes[words.OK] > 0
    assert outcomes[words.MALFORMED] > 0
