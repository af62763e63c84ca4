"""pytest-benchmark versions of what the benches are made of (`make test-benchmark`)."""

import numpy as np
import pytest

from shm_layout.jit import JIT_ON, read_only
from shm_layout.ring import HEAD_WORDS
from tests.bench import order_peer, ring_bench_hot
from tests.stress.memory import STRESS_RECORD

pytestmark = pytest.mark.skipif(not JIT_ON, reason="a bench measures compiled kernels")

SLOTS = 1 << 12


class Ring:
    """A ring in this process: one end writes, the other reads."""

    def __init__(self) -> None:
        self.words = np.zeros(HEAD_WORDS, np.int64)
        self.cursor = np.zeros(HEAD_WORDS, np.int64)
        self.slots = np.zeros(SLOTS, STRESS_RECORD)
        self.writing = (self.words, read_only(self.cursor), self.slots)
        self.reading = (read_only(self.words), self.cursor, read_only(self.slots))


@pytest.fixture
def ring():
    return Ring()


def test_ring_one_record_there(benchmark, ring):
    def once():
        ring_bench_hot.send(*ring.writing, 1)
        return ring_bench_hot.receive(*ring.reading)

    assert benchmark(once) == 7 + 21 + 2


def test_ring_a_ringful_of_records(benchmark, ring):
    def once():
        ring_bench_hot.stream_out(*ring.writing, SLOTS)
        return ring_bench_hot.stream_in(*ring.reading, SLOTS)

    assert benchmark(once) > 0


def test_order_the_usual_python_way(benchmark):
    checks = order_peer.Checks()
    intent = {
        "symbol": "BTCUSDT", "side": "BUY", "price": "59999.99", "quantity": "0.01",
        "account": "acc0", "valid_until": 1 << 62,
    }  # fmt: skip

    def once():
        order = checks.accept(intent, 1)
        checks.close(order)
        return order_peer.frame(order, 1)

    assert b"signature" in benchmark(once)
