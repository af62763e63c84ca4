"""Upbit (KRW spot)."""
