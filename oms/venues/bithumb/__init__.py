"""Bithumb (KRW spot)."""
