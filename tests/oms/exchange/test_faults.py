"""Faults of a simulated exchange alone: whom they choose, what becomes of a message, and when."""

import pytest

from oms.errors import ConfigError
from oms.exchange.faults import (
    KINDS,
    MS,
    NEVER,
    REORDER_HOLD_NS,
    Faults,
    FaultSpec,
    Passage,
    Verdict,
    fault_from_mapping,
)
from shm_layout.limits import FAULTS_MAX


def going_out(number, conn=1, link="stream", name="btcusdt@depth"):
    return Passage(link, "out", conn, name, number)


def asked(number, conn=1, link="rest", name="POST /api/v3/order"):
    return Passage(link, "in", conn, name, number)


def passed(steps):
    assert all(step.verdict == Verdict.PASS for step in steps)
    return [step.passage.item for step in steps]


def with_fault(**spec):
    faults = Faults(1)
    faults.add(FaultSpec(**spec), 0)
    return faults


def run(faults, count, make=going_out):
    """Items in the order in which they arrive; a message a millisecond."""
    out = []
    for number in range(count):
        out += passed(faults.due(number * MS)) + passed(faults.take(make(number), number * MS))
    while faults.next_ns() != NEVER:
        out += passed(faults.due(faults.next_ns()))
    return out


def test_no_fault_passes_everything_at_once():
    faults = Faults(1)
    assert faults.idle
    assert run(faults, 5) == [0, 1, 2, 3, 4]


def test_delay_keeps_the_order_of_a_connection_even_with_jitter():
    faults = with_fault(kind="delay", delay_ms=5, jitter_ms=50)
    assert passed(faults.take(going_out(0), 0)) == []
    assert faults.next_ns() >= 5 * MS
    assert run(faults, 200)[1:] == list(range(200))


def test_delay_holds_back_what_follows_it_and_nothing_elsewhere():
    faults = with_fault(kind="delay", delay_ms=100, count=1)
    assert faults.take(going_out(0), 0) == []
    assert faults.take(going_out(1), 1) == []
    assert passed(faults.take(going_out(2, conn=2), 1)) == [2]
    assert passed(faults.due(100 * MS)) == [0, 1]
    assert passed(faults.take(going_out(3), 101 * MS)) == [3]


def test_duplicate_and_lose_and_count():
    faults = with_fault(kind="duplicate", count=2)
    assert run(faults, 4) == [0, 0, 1, 1, 2, 3]
    faults = with_fault(kind="lose", count=2)
    assert run(faults, 4) == [2, 3]


def test_reorder_lets_the_next_one_overtake():
    assert run(with_fault(kind="reorder", count=1), 4) == [1, 0, 2, 3]


def test_reorder_of_the_last_message_ends_by_itself():
    faults = with_fault(kind="reorder")
    assert faults.take(going_out(0), 0) == []
    assert faults.due(REORDER_HOLD_NS - 1) == []
    assert passed(faults.due(REORDER_HOLD_NS)) == [0]


def test_gap_takes_depth_streams_alone():
    faults = with_fault(kind="gap")
    assert faults.take(going_out(0), 0) == []
    assert passed(faults.take(going_out(1, name="btcusdt@trade"), 0)) == [1]
    assert passed(faults.take(going_out(2, link="ws_api", name="order.place"), 0)) == [2]
    assert passed(faults.take(asked(3), 0)) == [3]


@pytest.mark.parametrize("kind", ["http_5xx", "http_429", "http_418", "maintenance"])
def test_refusals_concern_requests_on_their_way_in(kind):
    faults = with_fault(kind=kind)
    assert [s.verdict for s in faults.take(asked(0), 0)] == [Verdict.REFUSE]
    assert [s.verdict for s in faults.take(asked(0, link="ws_api"), 0)] == [Verdict.REFUSE]
    assert passed(faults.take(going_out(1), 0)) == [1]


def test_accepted_5xx_replaces_replies_and_not_events():
    faults = with_fault(kind="accepted_5xx")
    reply = Passage("ws_api", "out", 1, "order.place", 0, is_reply=True)
    assert [s.verdict for s in faults.take(reply, 0)] == [Verdict.REPLACE]
    assert passed(faults.take(going_out(1, link="ws_api", name="executionReport"), 0)) == [1]
    assert passed(faults.take(asked(2), 0)) == [2]


def test_half_open_silences_one_connection_both_ways_until_cleared():
    faults = with_fault(kind="half_open", count=1)
    assert [s.verdict for s in faults.take(going_out(0), 0)] == [Verdict.MUTE]
    assert faults.take(going_out(1), 0) == []
    assert faults.take(asked(2), 0) == []
    assert passed(faults.take(going_out(3, conn=2), 0)) == [3]
    assert faults.due(0) == []
    assert faults.clear(0) == [1]
    (step,) = faults.due(1)
    assert (step.verdict, step.passage.conn) == (Verdict.CUT, 1)
    assert faults.idle


@pytest.mark.parametrize(
    ("spec", "hit"),
    [
        ({"link": "rest"}, False),
        ({"link": "stream"}, True),
        ({"conn": 2}, False),
        ({"conn": 1}, True),
        ({"match": "btc*@depth*"}, True),
        ({"match": "eth*"}, False),
        ({"direction": "in"}, False),
        ({"direction": "out"}, True),
        ({"probability_e6": 0}, False),
    ],
)
def test_fault_chooses_by_link_connection_name_and_direction(spec, hit):
    faults = with_fault(kind="lose", **spec)
    assert (faults.take(going_out(0), 0) == []) is hit


def test_fault_ends_with_its_time():
    faults = with_fault(kind="lose", for_ms=10)
    assert faults.take(going_out(0), 10 * MS - 1) == []
    assert passed(faults.take(going_out(1), 10 * MS)) == [1]
    assert faults.listed(10 * MS) == []
    faults.due(10 * MS)
    assert faults.idle


def test_same_seed_same_fate_and_faults_do_not_disturb_each_other():
    def fate(seed, *others):
        faults = Faults(seed)
        for spec in ({"kind": "lose", "probability_e6": 300_000}, *others):
            faults.add(FaultSpec(**spec), 0)
        return run(faults, 300)

    assert fate(5) == fate(5)
    assert fate(5) != fate(6)
    assert fate(5, {"kind": "duplicate", "match": "eth*", "probability_e6": 500_000}) == fate(5)
    assert 150 < len(fate(5)) < 270


def test_what_is_held_for_a_connection_ends_with_it():
    faults = with_fault(kind="delay", delay_ms=10)
    faults.take(going_out(0), 0)
    faults.take(going_out(1, conn=2), 0)
    faults.closed(1)
    assert passed(faults.due(10 * MS)) == [1]


def test_listed_tells_what_was_asked_and_what_it_did():
    faults = with_fault(kind="lose", for_ms=1000)
    faults.take(going_out(0), 0)
    (row,) = faults.listed(400 * MS)
    assert (row["number"], row["kind"], row["hits"], row["left_ms"]) == (1, "lose", 1, 600)
    assert faults.clear(1) == [1]
    assert faults.clear(1) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "'kind' is missing"),
        ({"kind": "boom"}, "unknown kind 'boom'"),
        ({"kind": "delay", "delay": 5}, "nearest known key is 'delay_ms'"),
        ({"kind": "delay", "delay_ms": -1}, "delay_ms: found -1"),
        ({"kind": "delay", "delay_ms": "5"}, "whole number"),
        ({"kind": "delay", "delay_ms": True}, "whole number"),
        ({"kind": "lose", "link": "tcp"}, "link: found 'tcp'"),
        ({"kind": "lose", "direction": "up"}, "direction: found 'up'"),
        ({"kind": "lose", "probability_e6": 1_000_001}, "probability_e6"),
        ({"kind": "clock_step"}, "wants a shift_ms"),
        ({"kind": "http_5xx", "status": 200}, "status: found 200"),
    ],
)
def test_unusable_fault_is_one_sentence(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        fault_from_mapping(given)


def test_every_kind_can_be_asked_for_and_too_many_are_refused():
    faults = Faults(1)
    for kind in KINDS:
        faults.add(fault_from_mapping({"kind": kind, "shift_ms": 5}), 0)
    for _ in range(FAULTS_MAX - len(KINDS)):
        faults.add(FaultSpec("lose"), 0)
    with pytest.raises(ConfigError, match="clear some first"):
        faults.add(FaultSpec("lose"), 0)


def test_clock_steps_add_up():
    faults = with_fault(kind="clock_step", shift_ms=-1500)
    faults.add(FaultSpec("clock_step", shift_ms=500, for_ms=10), 0)
    assert faults.clock_shift_ns(0) == -1000 * MS
    assert faults.clock_shift_ns(10 * MS) == -1500 * MS
