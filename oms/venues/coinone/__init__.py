"""Coinone (KRW spot)."""
