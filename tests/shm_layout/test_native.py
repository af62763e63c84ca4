"""Machine code of the cache, called without the compiler: same answers, arguments checked."""

from __future__ import annotations

import numpy as np
import pytest

from shm_layout import jit
from shm_layout.compiler import native as native_code
from tests.shm_layout import native_hot

pytestmark = pytest.mark.compiled  # machine code is called

WORDS = np.arange(8, dtype=np.int64)
TEXTS = np.frombuffer(b"abcdef", np.uint8).reshape(2, 3)
READ_ONLY = jit.read_only(WORDS)


@pytest.fixture(scope="module")
def native():
    """Each test kernel's entry point as the desk calls it."""
    mine = [e for e in jit.entries() if e.function.__module__ == native_hot.__name__]
    made = {}
    for entry in mine:
        jit.compile_entry(entry)
        made[entry.function.__name__] = native_code.callable_of(entry)
    native_code.load(mine)
    return made


def test_native_number_from_a_read_only_array(native) -> None:
    assert native["pick"](READ_ONLY, 3) == 4


def test_native_takes_a_numpy_integer(native) -> None:
    assert native["pick"](WORDS, np.int64(3)) == 4


def test_native_takes_minus_one(native) -> None:
    words = WORDS.copy()
    assert native["put"](words, 2, -1) is None
    assert words[2] == -1


def test_native_two_dimensions_and_a_truth(native) -> None:
    text = np.frombuffer(b"def", np.uint8)
    assert native["same"](text, TEXTS, 1)
    assert not native["same"](text, TEXTS, 0)


def test_native_takes_bytes_as_they_are(native) -> None:
    assert native["same"](b"def", TEXTS, 1)
    assert not native["same"](b"deg", TEXTS, 1)
    assert native["same"](b"", TEXTS, 1), "nothing is compared"


@pytest.mark.parametrize("given", ["def", bytearray(b"def"), memoryview(b"def"), None, 3])
def test_native_takes_no_other_bytes(native, given) -> None:
    with pytest.raises(TypeError, match="argument 0 must be a contiguous 1-d uint8 array"):
        native["same"](given, TEXTS, 1)


def test_native_takes_bytes_for_words_nowhere(native) -> None:
    with pytest.raises(TypeError, match="argument 0"):
        native["pick"](bytes(64), 3)


def test_native_an_assertion_raises(native) -> None:
    with pytest.raises(TypeError, match=r"native_hot\.insist: a kernel's assertion failed"):
        native["insist"](WORDS)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((), TypeError, "takes 2 arguments"),
        ((WORDS,), TypeError, "takes 2 arguments"),
        ((WORDS, 1, 2), TypeError, "takes 2 arguments"),
        ((None, 1), TypeError, "argument 0"),
        ((WORDS.tolist(), 1), TypeError, "argument 0"),
        ((WORDS.astype(np.int32), 1), TypeError, "argument 0"),
        ((WORDS.astype(np.uint64), 1), TypeError, "argument 0"),
        ((WORDS.astype(np.float64), 1), TypeError, "argument 0"),
        ((WORDS.reshape(2, 4), 1), TypeError, "argument 0"),
        ((WORDS[::2], 1), TypeError, "argument 0"),
        ((WORDS[::-1], 1), TypeError, "argument 0"),
        ((WORDS, "1"), TypeError, "integer"),
        ((WORDS, 1.0), TypeError, "integer|float"),
        ((WORDS, 2**63), OverflowError, "too big"),
    ],
)
def test_native_refuses(native, arguments, error, said) -> None:
    with pytest.raises(error, match=said):
        native["pick"](*arguments)


def test_native_refuses_to_write_read_only_memory(native) -> None:
    with pytest.raises(TypeError, match="writable"):
        native["put"](READ_ONLY, 0, 5)
    assert WORDS[0] == 0


def test_native_first_call_without_code_says_what_is_missing(monkeypatch, tmp_path) -> None:
    entry = next(e for e in jit.entries() if e.function is jit.entries()[-1].function)
    monkeypatch.setattr(native_code, "_loaded", set())
    monkeypatch.setattr(native_code, "file_of", lambda _: tmp_path / "none.o")
    with pytest.raises(RuntimeError, match=r"not compiled: .*; `python -m procs\.compile`"):
        native_code.load([entry])


def test_native_call_without_code_raises_and_gives_nothing(monkeypatch, tmp_path) -> None:
    entry = jit.entries()[-1]
    monkeypatch.setattr(native_code, "_loaded", set())
    monkeypatch.setattr(native_code, "file_of", lambda _: tmp_path / "none.o")
    waiting = native_code.callable_of(entry)
    for _ in range(3):
        with pytest.raises(RuntimeError, match=r"not compiled: .*; `python -m procs\.compile`"):
            waiting(WORDS, 1)
