"""How figures become rows: percentiles, medians over runs, the best peer, both directions."""

import numpy as np
import pytest

from tests.bench.result import latency, number, rows, throughput

PLACE = {"core_map": "m", "wait": "spin", "checksum": 5}


def test_latency_takes_the_median_of_each_percentile_over_the_runs():
    runs = [np.full(100, value) for value in (3.0, 1.0, 2.0)]
    made = latency("x", "ns", runs, {"slow": 40.0, "fast": 20.0}, **PLACE)
    assert (made.p50, made.p99, made.max) == (2.0, 2.0, 2.0)
    assert made.spread == (1.0, 3.0)
    assert made.peer == "fast"
    assert made.ratio == 10.0


def test_throughput_is_compared_with_the_fastest_peer():
    made = throughput("x", "records/s", [10.0, 30.0, 20.0], {"a": 5.0, "b": 4.0}, **PLACE)
    assert made.rate == 20.0
    assert made.peer == "a"
    assert made.ratio == 4.0


def test_row_says_plainly_that_we_are_behind():
    made = throughput("x", "records/s", [10.0], {"a": 20.0}, **PLACE)
    assert "behind" in "\n".join(rows(made))


def test_result_for_programs_has_the_keys_that_readers_go_by():
    made = latency("x", "ns", [np.full(9, 3.0)], {"peer": 6.0}, **PLACE).as_dict()
    assert made["percentiles"] == {"p50": 3.0, "p99": 3.0, "p999": 3.0, "max": 3.0}
    wanted = {"runs", "map", "durability", "checksum", "peer", "ratio", "each"}
    assert wanted <= set(made)
    assert "rate" in throughput("x", "orders/s", [1.0], {"peer": 6.0}, **PLACE).as_dict()


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (1234, "1,234"), (15_000, "15 k"), (66e6, "66 M")]
)
def test_numbers_are_shown_short(value, text):
    assert number(value) == text
