"""Binance: client side and simulated server side of its protocols."""
