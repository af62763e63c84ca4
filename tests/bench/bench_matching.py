"""How many limit orders and cancels a second does the matching engine take, with every event?

Without balances.
Liquibook's workload with cancels (`matching_stand`), one symbol, one core.
"""

from __future__ import annotations

from tests.bench.matching_stand import measured
from tests.bench.result import BenchResult


def run(smoke: bool, runs: int) -> BenchResult:
    """Operations a second; single operations' latency in the figures, ns."""
    return measured("matching", smoke, runs, full=False, log=False, aim="≥ 10 M")
