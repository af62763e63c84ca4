"""The cycle counter for the executor's records (`@hot` only)."""

from __future__ import annotations

from shm_layout.atomics import cycles
from shm_layout.jit import hot


@hot(entry=())
def stamp():
    """Cycle counter now."""
    return cycles()
