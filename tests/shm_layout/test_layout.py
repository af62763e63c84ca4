"""Records: exact sizes, no padding, the golden, and what a longer enum list may read."""

from __future__ import annotations

import numpy as np
import pytest

from shm_layout import layout, records
from shm_layout.channels import Capacity, RingKind, WhenFull, topology
from shm_layout.enums import RecordType, Side
from shm_layout.records import RECORDS, Field, RecordSpec, record


def test_layout_lock_matches_sources() -> None:
    assert layout.check() == [], "run `make layout` and look at what changed"


@pytest.mark.parametrize("spec", RECORDS.values(), ids=lambda s: s.name)
def test_record_has_no_implicit_padding_and_begins_with_the_head(spec: RecordSpec) -> None:
    at = 0
    for name in spec.dtype.names or ():
        dtype, offset = spec.dtype.fields[name][:2]
        assert offset == at, f"{name} leaves a hole"
        at += dtype.itemsize
    assert at == spec.dtype.itemsize
    assert spec.dtype.itemsize % 64 == 0
    assert (spec.dtype.names or ())[:4] == ("seq", "type", "flags", "epoch")


def test_record_of_wrong_size_is_refused() -> None:
    with pytest.raises(AssertionError, match="declared are 128"):
        record("Wrong", RecordType.UNSET, 128, ("a", "i8", "something"))


def test_record_with_unaligned_field_is_refused() -> None:
    with pytest.raises(AssertionError, match="not aligned"):
        record("Wrong", RecordType.UNSET, 64, ("a", "u1", "x"), ("b", "i8", "y"))


def test_type_hash_changes_with_names_offsets_and_enums() -> None:
    spec = RECORDS["TopOfBook"]
    renamed = tuple(
        Field("renamed", f.format, f.comment, f.enum) if f.name == "bid_px" else f
        for f in spec.fields
    )
    dtype = np.dtype(
        {
            "names": [f.name for f in renamed],
            "formats": [f.format for f in renamed],
            "offsets": [spec.dtype.fields[f.name][1] for f in spec.fields],
            "itemsize": spec.size_bytes,
        }
    )
    assert RecordSpec(spec.name, spec.type, renamed, dtype).type_hash() != spec.type_hash()


def test_longer_enum_list_finds_the_hash_of_a_shorter_writer() -> None:
    spec = RECORDS["Intent"]
    counts = {name: len(names) - 1 for name, names in spec.enums().items()}
    assert spec.type_hash(counts) != spec.type_hash()
    assert spec.type_hash({n: len(v) for n, v in spec.enums().items()}) == spec.type_hash()


def test_enums_begin_with_unset_and_are_gapless() -> None:
    for name, members in layout.enum_lists().items():
        assert members[0] == "0=UNSET", name
        assert [int(m.split("=")[0]) for m in members] == list(range(len(members))), name
    assert int(Side.UNSET) == 0


def test_topology_gives_one_writer_and_one_rule_to_every_ring() -> None:
    made = topology(["binance.spot", "upbit.spot"], ["binance", "upbit"], ["mm", "arb"])
    ids = [c.id for c in made.channels.values()]
    assert len(set(ids)) == len(ids)
    assert min(ids) > 0
    for channel in made.channels.values():
        assert channel.slots & (channel.slots - 1) == 0
        if channel.kind is RingKind.LOSSLESS:
            assert channel.gate in channel.readers
            assert channel.when_full is not WhenFull.OVERWRITE
        else:
            assert channel.gate == ""
            assert channel.when_full is WhenFull.OVERWRITE
    assert made.channels["orders.binance"].gate == "executor.binance"
    assert made.channels["executions.upbit"].when_full is WhenFull.STOP_READING
    small = topology(["binance.spot"], ["binance"], ["mm"], Capacity.small())
    assert small.size_bytes() < made.size_bytes()


def test_sentinels_are_the_smallest_int64_and_minus_one() -> None:
    assert np.iinfo(np.int64).min == records.UNDEF
    assert records.NO_ID == -1
