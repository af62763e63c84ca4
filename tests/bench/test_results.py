"""How figures become rows: percentiles, medians over runs, the best peer, both directions."""

import numpy as np
import pytest

from tests.bench.result import from_figures, latency, number, rows, throughput

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


def test_plain_figures_become_a_result():
    figures = {
        "bench": "decode", "runs": 3, "messages_per_s": 100, "messages_per_s_min": 90,
        "messages_per_s_max": 110, "target_messages_per_s": 50, "checksum": 7,
        "peers": {"floats": 25, "decimals": 10},
    }  # fmt: skip
    made = from_figures("decode", figures)
    assert made.rate == 100
    assert made.spread == (90.0, 110.0)
    assert made.runs == 3
    assert made.ratio == 4.0
    assert made.unit == "messages/s"


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (1234, "1,234"), (15_000, "15 k"), (66e6, "66 M")]
)
def test_numbers_are_shown_short(value, text):
    assert number(value) == text
