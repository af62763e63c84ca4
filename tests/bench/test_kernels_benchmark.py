"""pytest-benchmark versions of what the benches are made of (`make test-benchmark`)."""

import numpy as np
import pytest

from oms.book import aggregate_hot
from oms.ports import NEVER
from oms.sim.recording import RecordedFile, Recording, survey
from oms.venues.binance.recorded import RECORDED, USDM
from shm_layout.jit import JIT_ON, read_only
from shm_layout.ring import HEAD_WORDS
from tests.bench import market_stand, order_peer, ring_bench_hot, risk_bench_hot
from tests.bench.risk_stand import risk_stand
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


def test_risk_all_checks_of_an_intent(benchmark):
    took = np.zeros(1, np.int64)
    with risk_stand() as stand:
        stand.ask(1)
        first = int(stand.memory.reader("risk", "intents.mm").pos)
        world, now_ns = stand.risk.worlds.intents[0], stand.clock.now_ns()
        assert benchmark(risk_bench_hot.time_checks, world, first, 1, now_ns, took) == 0


def test_risk_a_working_cycle_of_one_order(benchmark):
    with risk_stand() as stand:

        def ready():
            if stand.count:
                stand.close()
            stand.price()
            stand.ask(1)
            return (stand.clock.now_ns(),), {}

        benchmark.pedantic(stand.risk.do_work, setup=ready, rounds=200)
        assert stand.close() == 1


def test_market_ticker_to_top_of_book(benchmark):
    stream = RecordedFile("made", market_stand.made_stream(400))
    recording = Recording.of([stream])
    chain, first = market_stand.prepared(USDM, recording, survey(recording, RECORDED))
    feed, inlet = chain.feed, chain.aggregator.inlets[0]
    messages = (recording.message(index) for index in range(first, len(recording)))
    frame = np.frombuffer(next(text for text in messages if b"bookTicker" in text), np.uint8)
    now_ns = int(recording.recv_ns[first])

    def once():
        feed.market.on_message(feed.world.handle, frame, 0, len(frame), -1, now_ns)
        return aggregate_hot.step(inlet.world.handle, now_ns, NEVER, 1 << 10)

    benchmark(once)
    assert chain.counters()["gaps"] == 0
