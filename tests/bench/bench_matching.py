"""How many limit orders and cancels a second does the matching engine take, with every event?

Without balances.
Liquibook's workload with cancels (`matching_stand`), one symbol, one core. Peer, in the same
run: the same kind of engine in plain Python (`matching_peer`).
"""

from __future__ import annotations

from tests.bench.matching_stand import row
from tests.bench.result import BenchResult


def run(smoke: bool, runs: int) -> BenchResult:
    """Operations a second."""
    return row("matching", smoke, runs, full=False, log=False, aim="≥ 10 M")
