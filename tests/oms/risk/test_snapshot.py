"""Snapshots: a start from one is the start from the whole journal, and a bad one harms nothing."""

import dataclasses

import pytest

from oms.agents.risk import RiskAgent
from oms.risk import recovery, snapshot
from oms.risk import world_hot as w_
from oms.risk.fold import Fold
from oms.risk.recovery import recover
from oms.risk.registry import Registry
from oms.risk.said import Said
from oms.risk.state import RiskArrays, Worlds
from oms.sim.harness import Harness, HarnessPorts
from shm_layout.enums import RejectReason
from tests.oms.sim.whole_desk import MS, S, WholeDesk, fold_state

RECORDS = 25
"""Of one file of the journal here."""


@pytest.fixture(scope="module")
def desk():
    """A desk that has filled several files of its journal, its journaler up to date."""
    patch = pytest.MonkeyPatch()
    patch.setattr("oms.agents.risk.JOURNAL_FILE_RECORDS_MAX", RECORDS)
    made = WholeDesk(5)
    made.run(6 * S)
    made.run(500 * MS)
    yield made
    patch.undo()


def started(desk, whole_files):
    """(fold, what recovery found, log) of a start from the desk's journal in empty memory."""
    other = Harness(desk.harness.topology, desk.seed, desk.harness.now_ns)
    other.journals["risk"] = [bytearray(file) for file in desk.harness.journals["risk"]]
    other.whole_files = dict(whole_files)
    other.outputs["risk"] = []
    ports = HarnessPorts(other, "risk", 1)
    arrays = RiskArrays.make(desk.config, ports)
    fold = Fold(arrays, Registry(desk.config, ports, arrays), Said(arrays, ports))
    found = recover(ports, fold, Worlds(desk.config, ports, arrays))
    return fold, found, other.logs


def everything(fold):
    """The whole state: arrays byte for byte, counters, and what stands beside them."""
    arrays = fold.arrays
    open_count = int(arrays.state[w_.ST_OPEN_COUNT])
    found = fold_state(arrays) | {
        "accounts": arrays.account_table.rows["name"].tobytes(),
        "open rows in order": arrays.open_rows[:open_count].tobytes(),
        "open index": arrays.open_index.tobytes(),
        "cycle": int(arrays.cycle["cycle"][0]),
        "known": fold.known,
        "recovery": fold.recovery,
        "registry": [
            fold.registry._instruments, fold.registry._currencies, fold.registry._accounts,
            fold.registry._strategies,
        ],
    }  # fmt: skip
    words = arrays.state.tolist()
    found["words"] = [v for k, v in enumerate(words) if k not in snapshot._LIVE_WORDS]
    return found


def used_rows(arrays):
    return int((arrays.orders["client_order_id"] > 0).sum())


def test_start_from_a_snapshot_is_the_start_from_the_whole_journal(desk):
    assert len(desk.harness.journals["risk"]) >= 3, "too little happened"
    whole, found_whole, _ = started(desk, {})
    quick, found_quick, logs = started(desk, desk.harness.whole_files)
    assert found_quick.snapshot_seq > 0
    assert not [entry for entry in logs if entry[3] == "snapshot_unusable"]
    expected, got = everything(whole), everything(quick)
    for name, value in expected.items():
        assert got[name] == value, name
    assert used_rows(quick.arrays) > 10, "too little happened"
    assert found_whole.records_read == found_whole.recovery.records
    assert found_quick.same_memory == found_whole.same_memory
    assert found_quick.risk_epoch == found_whole.risk_epoch


def test_start_reads_the_last_files_alone(desk):
    """One, or two where the journaler has not seen yet that another began."""
    _, found, _ = started(desk, desk.harness.whole_files)
    assert found.records_read <= 2 * RECORDS
    assert found.recovery.records > 4 * RECORDS


def test_files_of_the_journal_end_behind_so_many_records(desk):
    _, found, _ = started(desk, {})
    assert found.recovery.files == len(desk.harness.journals["risk"])
    assert found.recovery.records / found.recovery.files <= RECORDS


def changed(data, at, bit=1):
    made = bytearray(data)
    made[at] ^= bit
    return bytes(made)


def snapshots_that_do_not_fit(desk):
    good = desk.harness.whole_files[snapshot.PATH]
    yield "empty but for its name", good[:8]
    yield "cut", good[: len(good) // 2]
    yield "one bit in the head", changed(good, 40)
    yield "one bit in the rows", changed(good, len(good) - 200)
    yield "one bit in the checksum", changed(good, len(good) - 1)
    yield "longer", good + b"x"
    yield "something else", b"no snapshot at all" * 10
    other = WholeDesk(6)
    other.run(4 * S)
    yield "another desk's", other.harness.whole_files[snapshot.PATH]


def test_snapshot_that_does_not_fit_is_said_once_and_the_journal_read(desk):
    expected = everything(started(desk, {})[0])
    for what, data in snapshots_that_do_not_fit(desk):
        fold, found, logs = started(desk, {snapshot.PATH: data})
        said = [entry for entry in logs if entry[3] == "snapshot_unusable"]
        assert len(said) == 1, what
        assert found.snapshot_seq == 0, what
        got = everything(fold)
        assert all(got[name] == value for name, value in expected.items()), what


def test_snapshot_of_another_layout_is_not_used(desk, monkeypatch):
    monkeypatch.setattr(snapshot, "FOLD_VERSION", snapshot.FOLD_VERSION + 1)
    _, found, logs = started(desk, desk.harness.whole_files)
    assert found.snapshot_seq == 0
    (said,) = [entry for entry in logs if entry[3] == "snapshot_unusable"]
    assert "another build" in said[4]["why"]


def test_snapshot_of_a_journal_that_lost_its_last_files_is_not_used(desk):
    shorter = WholeDesk.__new__(WholeDesk)
    shorter.config, shorter.seed = desk.config, desk.seed
    shorter.harness = Harness(desk.harness.topology, desk.seed, desk.harness.now_ns)
    shorter.harness.journals["risk"] = desk.harness.journals["risk"][:1]
    fold, found, logs = started(shorter, desk.harness.whole_files)
    (said,) = [entry for entry in logs if entry[3] == "snapshot_unusable"]
    assert "no file follows" in said[4]["why"]
    assert found.recovery.last_seq == fold.recovery.records > 0


def test_start_far_behind_its_snapshot_says_so(desk, monkeypatch):
    monkeypatch.setattr(recovery, "JOURNAL_BEHIND_RECORDS_MAX", RECORDS)
    _, _, logs = started(desk, {})
    assert [entry for entry in logs if entry[3] == "snapshot_far_behind"]


def test_orders_wait_for_a_journaler_that_makes_no_snapshots(monkeypatch):
    monkeypatch.setattr("oms.agents.risk.JOURNAL_FILE_RECORDS_MAX", RECORDS)
    monkeypatch.setattr("oms.agents.risk.JOURNAL_BEHIND_REFUSE_RECORDS", 3 * RECORDS)
    desk = WholeDesk(8)
    desk.run(3 * S)
    assert not desk.state(w_.ST_BEHIND), "it keeps up"
    desk.harness.kill("journaler")
    until = desk.harness.now_ns + 60 * S
    assert desk.harness.run_while(lambda: not desk.state(w_.ST_BEHIND), until), "never behind"
    orders = desk.state(w_.ST_ORDER_COUNT)
    desk.run(3 * S)
    assert desk.state(w_.ST_ORDER_COUNT) == orders, "no new order"
    refused = [r for r in desk.records() if int(r["reason"] if "reason" in r.dtype.names else 0)
               == RejectReason.SNAPSHOT_BEHIND]  # fmt: skip
    assert refused
    desk.harness.kill("risk")
    desk.start("risk")
    assert desk.state(w_.ST_BEHIND), "a start does not forget it"
    desk.start("journaler")
    assert desk.harness.run_while(lambda: desk.state(w_.ST_BEHIND), desk.harness.now_ns + 60 * S)
    desk.run(3 * S)
    assert desk.state(w_.ST_ORDER_COUNT) > orders
    desk.finish()
    desk.check_all()


def test_risk_and_journaler_start_again_from_the_snapshot_and_go_on():
    patch = pytest.MonkeyPatch()
    patch.setattr("oms.agents.risk.JOURNAL_FILE_RECORDS_MAX", RECORDS)
    with patch.context():
        desk = WholeDesk(7)
        for _ in range(3):
            desk.run(1500 * MS)
            desk.harness.kill("risk")
            desk.harness.kill("journaler")
            desk.start("risk", "journaler")
            desk.check_fold()
        desk.finish()
        desk.check_all()
    starts = [entry[4] for entry in desk.harness.logs if entry[3] == "risk_started"]
    assert starts[-1]["records_read"] < 3 * RECORDS < starts[-1]["records"]
    lines = desk.harness.lines
    again = WholeDesk.__new__(WholeDesk)
    again.harness = Harness(desk.harness.topology, desk.seed, desk.harness.now_ns)
    again.harness.journals["risk"] = desk.harness.journals["risk"]
    again.config = desk.config
    again.start("journaler")
    again.harness.run_until(desk.harness.now_ns + S)
    for path, expected in again.harness.lines.items():
        kept = list(dict.fromkeys(lines[path]))
        assert kept == list(dict.fromkeys(expected)), path
    assert isinstance(desk.risk, RiskAgent)


def test_limits_that_nobody_changed_by_hand_are_not_dropped_with_a_new_config(desk):
    """Whether the start folds the whole journal or a snapshot that holds the old config's."""
    limits = dataclasses.replace(desk.config.limits, max_open_orders=7)
    for whole_files in ({}, desk.harness.whole_files):
        other = Harness(desk.harness.topology, desk.seed + 1, desk.harness.now_ns)
        other.journals["risk"] = [bytearray(file) for file in desk.harness.journals["risk"]]
        other.whole_files = dict(whole_files)
        risk = RiskAgent(dataclasses.replace(desk.config, limits=limits))
        other.start("risk", risk)
        assert risk.limits.now == limits
        assert "limits_from_config" not in [entry[3] for entry in other.logs]
