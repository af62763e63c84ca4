"""Floor 0, bytes: record layouts, rings, tables and segments in shared memory.

Two conditions of every process are set here, because each of them imports this package first:
asserts state the invariants and must run, and numpy must not start threads beside pinned cores.
"""

import os

if not __debug__:
    raise ImportError(
        "mExOms does not run under python -O or PYTHONOPTIMIZE: its asserts guard orders and "
        "positions, and -O removes them; start it without"
    )

# Before numpy is first imported: its BLAS reads this once and starts a thread per core otherwise.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
