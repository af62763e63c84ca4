"""Eight bytes at a time against one byte at a time."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from oms.venues.shared import json_hot, words_hot
from shm_layout.jit import hot
from shm_layout.words import byte_words_hot, search_hot


@hot
def _digits(word):
    return byte_words_hot.digit_count(word)


@hot
def _plain(word):
    return byte_words_hot.plain_count(word)


@hot
def _first(word, count):
    return byte_words_hot.first_bytes(word, count)


@hot
def _load(buf, at):
    return byte_words_hot.load_word(buf, at)


@hot
def _store(buf, at, word):
    byte_words_hot.store_word(buf, at, word)


@hot
def _up_to(array, at, key):
    return search_hot.words_up_to(array, at, key)


def as_word(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def leading(raw: bytes, wanted: Callable[[int], bool]) -> int:
    return next((k for k, c in enumerate(raw) if not wanted(c)), len(raw))


def check_counts(raw: bytes) -> None:
    word = as_word(raw)
    assert _digits(word) == leading(raw, lambda c: 48 <= c <= 57), raw
    assert _plain(word) == leading(raw, lambda c: 32 <= c < 128 and c not in b'"\\'), raw


def test_counts_every_byte_at_every_place() -> None:
    for filler in (b"0", b"9", b" ", b"~"):
        for at in range(8):
            for byte in range(256):
                raw = bytearray(filler * 8)
                raw[at] = byte
                check_counts(bytes(raw))


def test_counts_random_words(sized: Callable[[int, int], int]) -> None:
    chance = random.Random(3)
    for _ in range(sized(20_000, 1_000)):
        check_counts(bytes(chance.choice(b'0189"\\ /:a\x1f\x7f\x80\xff\x00') for _ in range(8)))


def test_first_bytes_and_their_number() -> None:
    for count in range(9):
        raw = b"98765432"
        moved = _first(as_word(raw), count)
        assert moved == as_word(raw[:count].rjust(8, b"\0"))
        assert byte_words_hot.digits_value(moved) == int(raw[:count] or b"0")


def test_load_word_at_every_place() -> None:
    raw = bytes(range(200, 232))
    buf = np.frombuffer(raw, np.uint8)
    for at in range(len(raw) - 7):
        assert _load(buf, at) == as_word(raw[at : at + 8])


def test_words_up_to_any_key(sized: Callable[[int, int], int]) -> None:
    chance = np.random.default_rng(4)
    array = np.zeros((2, 3 * search_hot.BLOCK_WORDS), np.int64)
    for _ in range(sized(500, 50)):
        array[:] = chance.integers(-(2**63), 2**63 - 1, array.shape)
        array[1] = chance.integers(-4, 4, array.shape[1])
        at = int(chance.integers(0, array.size - search_hot.BLOCK_WORDS))
        part = array.reshape(-1)[at : at + search_hot.BLOCK_WORDS]
        for key in (int(part[5]), int(chance.integers(-5, 5)), -(2**63), 2**63 - 1):
            assert _up_to(array, at, key) == int((part <= key).sum())


def numbers(chance: random.Random) -> str:
    """Of digits and a dot, mostly a number; and what is none."""
    whole = chance.choice(("", "0", "00", "7", "007")) + str(
        chance.randrange(10 ** chance.randrange(12))
    )
    fraction = "".join(chance.choice("0012345678") for _ in range(chance.randrange(12)))
    text = f"{whole}.{fraction}" if chance.random() < 0.8 else whole
    return text + chance.choice(("", "", "", "0", "000", "e1", ".", " ", "-"))


def test_short_decimal_reads_as_the_scanner(sized: Callable[[int, int], int]) -> None:
    chance = random.Random(5)
    taken = 0
    for _ in range(sized(20_000, 1_000)):
        text = numbers(chance)
        scale = chance.randint(0, words_hot.SCALE_MAX)
        data = b'{"a":"' + text.encode() + b'"' + b"}" * chance.randint(0, 12)
        buf = np.frombuffer(data + b"0000000", np.uint8)
        behind, value = words_hot.short_decimal(buf, 6, len(data), scale)
        if behind != words_hot.NOT_FAST:
            taken += 1
            assert json_hot.decimal(buf, 5, len(data), scale) == (behind, value, 0), (text, scale)
    assert taken > 0


def test_short_integer_reads_as_the_scanner(sized: Callable[[int, int], int]) -> None:
    chance = random.Random(6)
    taken = 0
    for _ in range(sized(20_000, 1_000)):
        text = chance.choice(("", "", "0")) + str(chance.randrange(10 ** chance.randrange(18)))
        data = b'{"abcdef":' + text.encode() + b"," + b"}" * chance.randint(0, 12)
        buf = np.frombuffer(data + b"0000000", np.uint8)
        for read in (words_hot.short_integer, words_hot.time_ms):
            behind, value = read(buf, 10, len(data))
            if behind != words_hot.NOT_FAST and buf[behind] == json_hot.COMMA:
                taken += 1
                assert json_hot.integer(buf, 10, len(data)) == (behind, value), text
    assert taken > 0


def test_word_is_stored_where_it_is_loaded_from():
    rng = random.Random(5)
    for at in range(20):
        raw, buf = rng.randbytes(8), np.frombuffer(rng.randbytes(40), np.uint8).copy()
        wanted = bytearray(buf.tobytes())
        wanted[at : at + 8] = raw
        _store(buf, at, as_word(raw))
        assert buf.tobytes() == bytes(wanted)
        assert _load(buf, at) == as_word(raw)
