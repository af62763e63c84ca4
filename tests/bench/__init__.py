"""Benches: each states its question, has a smoke size, prints a checksum and its peer."""
