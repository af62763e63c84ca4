"""Recovery folds whole blocks in compiled code: the same state as record by record."""

import numpy as np

from oms.journal.reader import Recovery, read_journal
from oms.risk.fold import Fold
from oms.risk.registry import Registry
from oms.risk.said import Said
from oms.risk.state import RiskArrays
from oms.sim.harness import Harness, HarnessPorts
from shm_layout.enums import RecordType
from tests.oms.sim.whole_desk import S, WholeDesk, fold_state


def folded(desk, files, *, whole):
    """A fold of these files in memory of its own."""
    other = Harness(desk.harness.topology, 1, desk.harness.now_ns)
    other.outputs["risk"] = []
    ports = HarnessPorts(other, "risk", 1)
    arrays = RiskArrays.make(desk.config, ports)
    made = Fold(arrays, Registry(desk.config, ports, arrays), Said(arrays, ports))
    made.recovery = Recovery()
    taker = made.take_blocks if whole else None
    given = [made.take(record) for record in read_journal(files, made.recovery, whole=taker)]
    return made, len(given)


def test_blocks_fold_to_the_same_state_as_their_records(sized):
    desk = WholeDesk(5)
    desk.run(2 * S)
    desk.harness.kill("risk")
    desk.start("risk")
    desk.run(sized(6, 2) * S)
    files = [bytes(file) for file in desk.harness.journals["risk"]]
    kinds = {int(record["type"]) for record in read_journal(files, Recovery())}
    assert kinds >= {RecordType.START, RecordType.BALANCE, RecordType.ORDER_UPDATE}
    slow, one_by_one = folded(desk, files, whole=False)
    fast, given = folded(desk, files, whole=True)
    assert one_by_one == slow.recovery.records
    assert given == 0
    assert fold_state(fast.arrays) == fold_state(slow.arrays)
    assert fast.known == slow.known
    assert fast.recovery == slow.recovery
    assert np.array_equal(fast.arrays.caused, slow.arrays.caused)
    assert fast.arrays.caused.any()
    assert int(fast.arrays.cycle["cycle"][0]) == int(slow.arrays.cycle["cycle"][0])
