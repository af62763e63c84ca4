"""Binance USD-M futures, order side; spot's stands in the folder above."""
