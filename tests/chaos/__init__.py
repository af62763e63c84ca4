"""Whole desks under faults: `make chaos`, and its share in `make test`."""
