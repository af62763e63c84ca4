"""Tests against oracles from outside: `python -m tests.oracles.run --data DIR`."""
