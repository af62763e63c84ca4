"""How many operations a second does the whole matching engine take?

Balances, fees, filters, self-trade prevention and every event.
Liquibook's workload with cancels (`matching_stand`), one symbol, one core. Peer, in the same
run: the same kind of engine in plain Python (`matching_peer`).
"""

from __future__ import annotations

from tests.bench.matching_stand import row
from tests.bench.result import BenchResult


def run(smoke: bool, runs: int) -> BenchResult:
    """Operations a second."""
    return row("matching_full", smoke, runs, full=True, log=False, aim="≥ 3 M")
