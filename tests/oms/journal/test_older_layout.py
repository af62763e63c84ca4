"""A journal of the layout before this one: read by its own layout, converted, gone on with.

`layout_1.mxj.gz` was written by risk at layout version 1 (records of spot alone: ORDER_ROW and
ORDER_UPDATE of 320 bytes): four orders of 1 BTC/10: one open and partly filled, one without an
answer, one filled, one refused; and an intent that was refused.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from oms import ids
from oms.errors import JournalError
from oms.journal.format import described_by_type, parse_file_header
from oms.journal.reader import Recovery, _converter, _fits, read_journal
from shm_layout.enums import ExecKind, InstrumentKind, MarketStatus, OrderState, RecordType
from shm_layout.money import INT64_MAX
from shm_layout.records import RECORDS
from tests.oms.agents.test_risk import PX, QTY, Bench

OPEN, UNKNOWN, FILLED, REFUSED = (ids.client_order_id(1, n) for n in range(1, 5))


@pytest.fixture
def older() -> bytes:
    return gzip.decompress(Path(__file__).with_name("layout_1.mxj.gz").read_bytes())


def begun_on(data: bytes) -> Bench:
    """Risk, started on this journal."""
    # Another seed is another shared memory: its rings are new.
    bench = Bench(seed=2, journals={"risk": [bytearray(data)]})
    return bench.ready()


def test_older_journal_has_other_layouts(older):
    header, _ = parse_file_header(older, "layout_1")
    assert header["layout_version"] == 1
    update = next(r for r in header["records"] if r["type"] == RecordType.ORDER_UPDATE)
    assert update["fields"] != described_by_type()[RecordType.ORDER_UPDATE]["fields"]


def test_older_journal_gives_every_record_and_nothing_made_up(older):
    found = Recovery()
    records = list(read_journal(iter([older]), found))
    assert found.cut_bytes == 0
    assert len(records) == found.records > 20
    (row,) = [r for r in records if r["type"] == RecordType.ORDER_ROW][:1]
    assert (int(row["client_order_id"]), int(row["px"]), int(row["qty"])) == (OPEN, PX - 100, QTY)
    assert not any(int(row[n]) for n in ("trigger_px", "trail_e6", "display_qty", "order_flags"))


def test_risk_goes_on_where_an_older_build_stopped(older):
    bench = begun_on(older)
    states = [
        OrderState(int(bench.row(one)["state"])).name for one in (OPEN, UNKNOWN, FILLED, REFUSED)
    ]
    assert states == ["UNKNOWN", "UNKNOWN", "FILLED", "REJECTED"]
    position = bench.risk.arrays.positions[0]
    assert (int(position["qty"]), int(position["fills"])) == (QTY + QTY // 4, 2)
    assert int(position["open_buy_qty"]) == 3 * QTY // 4
    assert int(position["open_sell_qty"]) == QTY
    instrument = bench.risk.arrays.instrument_table.rows[0]
    assert InstrumentKind(int(instrument["kind"])) is InstrumentKind.SPOT
    assert MarketStatus(int(instrument["status"])) is MarketStatus.TRADING
    assert int(instrument["rungs"]) == 0
    bench.execution(ExecKind.FOUND_OPEN, OPEN, cum_qty=QTY // 4, venue_order_id=b"77")
    bench.fill(OPEN, 9, 3 * QTY // 4)
    bench.intent()
    bench.settle()
    assert int(bench.row(OPEN)["state"]) == OrderState.FILLED
    assert len(bench.commands()) == 1, "and trades"


def test_amounts_that_an_older_row_did_not_bound_are_unbounded(older):
    (row,) = [
        r for r in read_journal(iter([older]), Recovery())
        if r["type"] == RecordType.INSTRUMENT_ROW
    ][:1]  # fmt: skip
    assert int(row["market_max_qty"]) == 0, "as the older build left it"
    bench = begun_on(older)
    assert int(bench.risk.arrays.instrument_table.rows["max_notional"][0]) == INT64_MAX


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("i8", "i8", True),
        ("i8", "i4", True),
        ("i4", "i8", True),
        ("i8", "f8", False),
        ("S40", "S48", True),
        ("S40", "i8", False),
        (("u2", (8,)), ("u2", (16,)), True),
        (("u2", (16,)), ("u2", (8,)), False),
        (("u2", (8,)), ("u1", (8,)), False),
        (("u2", (8,)), "u2", False),
    ],
)
def test_field_of_an_older_record_fits_or_the_type_is_refused(old, new, fits):
    assert _fits(np.dtype(old), np.dtype(new)) is fits


@pytest.mark.parametrize(("value", "fits"), [(0, True), (255, True), (256, False), (-1, False)])
def test_number_of_an_older_record_that_is_too_large_for_ours_is_refused(value, fits):
    described = RECORDS["OrderRow"].descriptor()
    old = np.zeros(1, np.dtype([("head", "V16"), ("cancel_asked", "i8"), ("rest", "V40")]))
    fields = [*described["fields"][:4], ["cancel_asked", "i8", 16]]
    described |= {"fields": fields, "size_bytes": old.itemsize}
    old["cancel_asked"] = value
    convert = _converter(described, "journal file 1")
    words = np.frombuffer(old.tobytes(), np.int64)
    if fits:
        assert int(convert(words, 0)["cancel_asked"]) == value
    else:
        with pytest.raises(JournalError, match=f"OrderRow.cancel_asked is {value}"):
            convert(words, 0)
