"""What does the whole matching engine do a second when its log is framed first?

Commands packed and framed, with CRCs, in hashed blocks, before the kernel sees them; no disk.
Liquibook's workload with cancels (`matching_stand`), one symbol, one core. Peer, in the same
run: the same kind of engine in plain Python (`matching_peer`).
"""

from __future__ import annotations

from tests.bench.matching_stand import row
from tests.bench.result import BenchResult


def run(smoke: bool, runs: int) -> BenchResult:
    """Operations a second."""
    return row("matching_journaled", smoke, runs, full=True, log=True, aim="≥ 3 M")
