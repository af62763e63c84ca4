"""C18, C19: what is read of messages, as they are documented and as they never should be."""

import dataclasses
import random
from enum import IntEnum

from oms.sim.harness import HarnessPorts
from oms.venues.trade_base import Report
from shm_layout.enums import ExecKind, OrderState, Side
from shm_layout.records import UNDEF
from tests.conformance.stand import MS, S, Stand
from tests.oms.venues.typed_side import dumps, fuzz

INT64_MAX = (1 << 63) - 1


def sound(value):
    """Whatever was read can stand in a record: numbers fit, words are known, amounts are none
    below zero, and a fill is one."""
    if isinstance(value, Report):
        assert isinstance(value.kind, ExecKind)
        assert value.client_order_id >= 0
        assert value.qty >= 0
        for amount in (value.px, value.cum_qty, value.total_qty):
            assert amount == UNDEF or amount >= 0
        if value.kind is ExecKind.FILL:
            assert value.px > 0
            assert value.qty > 0
            assert value.trade_id >= 0
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            sound(getattr(value, field.name))
    elif isinstance(value, dict):
        sound(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            sound(one)
    elif isinstance(value, int) and not isinstance(value, bool | IntEnum):
        assert UNDEF <= value <= INT64_MAX, value


def test_c19_documented_samples_are_read_field_by_field(venue):
    assert len(venue.samples) > 10
    for sample in venue.samples:
        read = sample.read(dumps(sample.message))
        assert sample.says(read) == sample.expected, sample.name
        sound(read)


def test_c18_damaged_messages_are_refused_and_nothing_unsound_is_read(venue):
    """Every value of each sample replaced by odd ones or dropped; bytes cut and flipped."""
    refused = 0
    for sample in venue.samples:

        def read(data, sample=sample):
            sound(sample.read(data))

        try:
            refused += fuzz(sample.message, read, seed=1)
        except Exception as error:
            error.add_note(f"sample: {sample.name}")
            raise
    assert refused > 100 * len(venue.samples)


class DamagingPorts(HarnessPorts):
    """The exchange's own, which cut private messages short, by chance."""

    damaged = 0

    def __init__(self, harness, role, epoch):
        super().__init__(harness, role, epoch)
        self._chance_of_damage = random.Random(harness.seed)

    def send(self, conn, data):
        chance = self._chance_of_damage
        if self.role.startswith("venue_sim") and chance.random() < 0.2:
            DamagingPorts.damaged += 1
            data = chance.choice((data[: chance.randrange(len(data))], b"\xff" + data, b"[]"))
        super().send(conn, data)


def test_c18_desk_whose_messages_are_damaged_on_their_way_is_right_in_the_end(venue):
    DamagingPorts.damaged = 0
    stand = Stand(venue, 2, ports=DamagingPorts).trading()
    placed = []
    for k in range(10):
        placed.append(stand.place(Side.BUY, -10 - k, 1000))
        stand.run(300 * MS)
        stand.trade(Side.SELL, -10 - k, 300)
        stand.run(300 * MS)
        if k % 2 and placed[-1].state is OrderState.OPEN:
            stand.cancel(placed[-1])
    assert DamagingPorts.damaged > 10
    stand.run(70 * S)
    assert sum(one.cum_qty for one in placed if one.row is not None) > 0
    stand.judge()
