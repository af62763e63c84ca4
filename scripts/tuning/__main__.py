"""All knobs in one command: `python3 scripts/tuning check | apply KNOB ... | revert`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning import (
    busy_poll,
    clock_source,
    cstates,
    governor,
    huge_pages,
    irq_affinity,
    isolation,
    memlock,
    nic_coalescing,
    numa,
    socket_buffers,
    swappiness,
)
from scripts.tuning.common import main

KNOBS = [
    one.KNOB
    for one in (
        governor, cstates, irq_affinity, isolation, huge_pages, swappiness, memlock,
        nic_coalescing, busy_poll, socket_buffers, clock_source, numa,
    )
]  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(KNOBS))
