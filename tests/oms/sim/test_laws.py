"""Laws of DESIGN.md section 3 that a running desk shows: one writer, records that stay as they were
published, readers that cannot write, no cycle counter where nobody stamps.
"""

import numpy as np
import pytest

from oms.sim.harness import HarnessPorts
from shm_layout.channels import RingKind
from shm_layout.records import SPEC_OF_TYPE
from shm_layout.ring_hot import CLAIM_POS, WRITE_POS
from tests.oms.sim.test_tiny_rings import tiny
from tests.oms.sim.whole_desk import MS, OURS, WholeDesk

EVERY = 25
"""Rings are compared before one call in so many."""


class Asking(HarnessPorts):
    """Notes what each agent asks for."""

    asked = None

    def _note(self, kind, name, made):
        self.asked.append((kind, self.role, name, made))
        return made

    def writer(self, channel):
        return self._note("writer", channel, super().writer(channel))

    def reader(self, channel):
        return self._note("reader", channel, super().reader(channel))

    def table_writer(self, table):
        return self._note("table writer", table, super().table_writer(table))

    def table_reader(self, table):
        return self._note("table reader", table, super().table_reader(table))


@pytest.fixture(scope="module")
def asked():
    """(kind, role, name, handle) of everything that the agents of a desk asked for."""
    noted = []
    desk = WholeDesk(1, ports=type("Noting", (Asking,), {"asked": noted}))
    desk.run(500 * MS)
    return desk, noted


def test_every_ring_and_table_has_one_writer_and_it_is_the_topologys(asked):
    desk, noted = asked
    topology = desk.harness.topology
    rings = {name: role for kind, role, name, _ in noted if kind == "writer"}
    assert rings == {name: spec.writer for name, spec in topology.channels.items()}
    assert len(rings) == sum(kind == "writer" for kind, *_ in noted), "one asked twice"
    tables = {name: role for kind, role, name, _ in noted if kind == "table writer"}
    written = {n: t.writer for n, t in topology.tables.items() if t.writer in OURS}
    assert tables == written


def test_every_reader_of_the_topology_asks_and_no_other(asked):
    desk, noted = asked
    found = {(name, role) for kind, role, name, _ in noted if kind == "reader"}
    specs = desk.harness.topology.channels
    assert found == {(name, role) for name, spec in specs.items() for role in spec.readers}


def test_nobody_gets_the_writing_end_of_another(asked):
    desk, _ = asked
    for role in OURS:
        ports = HarnessPorts(desk.harness, role, 1)
        for name, spec in desk.harness.topology.channels.items():
            if spec.writer != role:
                with pytest.raises(AssertionError, match="may not write"):
                    ports.writer(name)
        for name, table in desk.harness.topology.tables.items():
            if table.writer != role:
                with pytest.raises(AssertionError, match="may not write"):
                    ports.table_writer(name)


def test_what_readers_hold_refuses_stores(asked):
    _, noted = asked
    handles = [made for kind, _, _, made in noted if kind == "reader"]
    assert handles
    assert not any(h.words.flags.writeable or h.slots.flags.writeable for h in handles)
    tables = [made for kind, _, _, made in noted if kind == "table reader"]
    assert tables
    assert not any(t.rows.flags.writeable or t.words.flags.writeable for t in tables)


class Watch:
    """Copies of every record that a ring holds; they must stay as they were."""

    def __init__(self, harness):
        self.rings = {n: (s, harness.ring(n)) for n, s in harness.topology.channels.items()}
        self.copies = {name: ring.slots.copy() for name, (_, ring) in self.rings.items()}
        self.seen = dict.fromkeys(self.rings, 0)
        self.compared = 0
        self.calls = 0
        harness.before_call = self.look

    def look(self, role):
        self.calls += 1
        if self.calls % EVERY:
            return
        for name, (spec, ring) in self.rings.items():
            end, slots = int(ring.words[WRITE_POS]), spec.slots
            claimed = int(ring.words[CLAIM_POS]) if spec.kind is RingKind.BROADCAST else end
            old = np.arange(max(claimed - slots, 0), self.seen[name]) & (slots - 1)
            assert ring.slots[old].tobytes() == self.copies[name][old].tobytes(), (
                f"{name}: a record changed after it was published (next call: {role})"
            )
            self.compared += len(old)
            new = np.arange(max(end - slots, self.seen[name]), end) & (slots - 1)
            self.copies[name][new] = ring.slots[new]
            self.seen[name] = end


def test_published_records_never_change_and_carry_their_head(sized):
    desk = tiny(2)
    watch = Watch(desk.harness)
    desk.run(sized(5000, 1500) * MS)
    assert watch.compared > 1000
    for name, (spec, ring) in watch.rings.items():
        end = int(ring.words[WRITE_POS])
        assert end > 0, f"{name}: nothing was published"
        allowed = {spec.record, *spec.also}
        for pos in range(max(end - spec.slots, 0), end):
            row = ring.slots[pos & (spec.slots - 1)]
            assert int(row["seq"]) == pos + 1, name
            assert int(row["epoch"]) >= 1, name
            dtype = SPEC_OF_TYPE[int(row["type"])].dtype
            assert dtype in allowed, f"{name}: {dtype}"


def test_desk_that_does_not_stamp_reads_no_cycle_counter(asked):
    desk, _ = asked
    for name in desk.harness.topology.channels:
        slots = desk.harness.ring(name).slots
        if "stamp_cycles" in (slots.dtype.names or ()):
            plain = np.isin(slots["type"], [int(t) for t, s in SPEC_OF_TYPE.items()
                                            if s.dtype is slots.dtype])  # fmt: skip
            assert not slots["stamp_cycles"][plain].any(), name
