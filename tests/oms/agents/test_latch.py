"""The kill latch: what senders see of its two rows, and what its file remembers."""

import dataclasses

import pytest

from oms.agents.latch import Latch, is_latched, latch_of_file, read_latch, set_latch
from oms.sim.harness import Harness, HarnessPorts, MemoryFixedFile
from oms.text import cut_utf8
from shm_layout.channels import COMMAND
from tests.desks import START_NS, desk_config, desk_topology


@pytest.fixture
def harness():
    return Harness(desk_topology(desk_config()), 1, START_NS)


def ports(harness, role):
    harness.outputs.setdefault(role, [])
    return HarnessPorts(harness, role, 1)


def test_slots_take_turns_and_the_newest_whole_one_counts():
    file = MemoryFixedFile()
    for count in range(1, 6):
        made = Latch(latched=count % 2 == 1, count=count, reason=f"number {count}")
        assert file.write(*made.slot()) == ""
        assert latch_of_file(file.read()) == made


def test_torn_slot_leaves_the_one_before():
    file = MemoryFixedFile()
    first, second = Latch(latched=True, count=1), Latch(latched=False, count=2)
    file.write(*first.slot())
    offset, data = second.slot()
    file.write(offset, data[:100])
    assert latch_of_file(file.read()) == first


def test_file_without_a_slot_was_never_latched():
    assert latch_of_file(bytes(4096)) == Latch()
    assert latch_of_file(b"") == Latch()


def test_reason_is_cut_at_a_character_and_forges_no_line():
    cut = cut_utf8("멈춤" * 100 + "\n", 160)
    assert len(cut) <= 160
    assert cut.decode() == "멈춤" * 26 + "멈"
    assert cut_utf8("a\nb\x1b[2J", 160) == b"ab[2J"


@pytest.mark.parametrize(
    ("own", "command", "latched"),
    [
        (Latch(), Latch(), False),
        (Latch(latched=True, count=1), Latch(), True),
        (Latch(), Latch(latched=True, count=1), True),
        (Latch(seen_count=1), Latch(latched=True, count=1), False),
        (Latch(seen_count=1), Latch(latched=True, count=2), True),
        (Latch(latched=True, seen_count=2), Latch(latched=True, count=2), True),
    ],
)
def test_senders_see_what_the_two_rows_say(harness, own, command, latched):
    from oms.agents.latch import LatchView

    watchdog, by_hand = ports(harness, "watchdog"), ports(harness, COMMAND)
    view = LatchView(ports(harness, "risk"))
    assert not view.latched()
    set_latch(own, watchdog.table_writer("latch"), MemoryFixedFile())
    set_latch(command, by_hand.table_writer("latch.command"), MemoryFixedFile())
    assert view.latched() is latched
    assert is_latched(own, command) is latched
    assert read_latch(watchdog.table_reader("latch")) == own


def test_latch_is_set_in_memory_when_the_file_refuses(harness):
    from oms.agents.latch import LatchView

    file = MemoryFixedFile()
    file.trouble = "no space left"
    table = ports(harness, "watchdog").table_writer("latch")
    assert set_latch(Latch(latched=True, count=1), table, file) == "no space left"
    assert LatchView(ports(harness, "risk")).latched()
    assert dataclasses.asdict(latch_of_file(file.read()))["count"] == 0
