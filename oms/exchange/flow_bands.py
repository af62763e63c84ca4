"""What the recorded minutes look like, and the bands that synthetic trading must stay in.

Measured by `tests/oracles/measure_flow.py` on data/hftbacktest spot_btcusdt_20240808.jsonl.gz and
spot_btcusdt_20240809.jsonl.gz (Binance spot BTCUSDT, 2024-08-08 23:54 to 2024-08-09 00:05 UTC,
650 s, one tick = 0.01): the value over all of it, and the lowest and highest of its ten single
minutes where a minute is enough to measure. A band is wide enough to hold the minutes and the
sampling error of five simulated minutes, and narrow enough that a walk without memory, an empty
book or a book with a wide spread fails it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Band:
    """One measured quantity; `low <= value <= high` is asserted on five simulated minutes."""

    unit: str
    recorded: float
    minute_low: float | None
    minute_high: float | None
    low: float
    high: float


BANDS: dict[str, Band] = {
    "spread_one_tick_time_share": Band("1", 0.993, 0.982, 0.998, 0.95, 1.0),
    "spread_mean_ticks": Band("ticks, time weighted", 2.732, 1.1, 8.2, 1.0, 9.0),
    "best_qty_median": Band("BTC", 1.142, None, None, 0.3, 3.5),
    "depth_1bp_median": Band("BTC a side within 1 bp of mid", 4.161, None, None, 1.5, 12.0),
    "depth_5bp_median": Band("BTC a side within 5 bp of mid", 22.722, None, None, 8.0, 60.0),
    "return_1s_std_bp": Band("basis points", 1.250, 0.41, 2.20, 0.4, 2.5),
    "return_10s_std_bp": Band("basis points", 4.194, None, None, 1.5, 8.0),
    "return_1s_zero_share": Band("1", 0.499, None, None, 0.2, 0.75),
    "return_1s_kurtosis": Band("1, 3 = normal", 20.4, None, None, 4.0, 60.0),
    "abs_return_1s_autocorrelation": Band("mean of lags 1..5 s", 0.077, None, None, 0.03, 0.40),
    "trade_sign_autocorrelation_1": Band("each trade", 0.785, 0.607, 0.859, 0.55, 0.90),
    "order_sign_autocorrelation_1": Band("each taker order", 0.405, None, None, 0.25, 0.60),
    "order_sign_autocorrelation_10": Band("each taker order", 0.155, None, None, 0.05, 0.35),
    "trades_per_s": Band("1/s", 30.6, 11.0, 54.9, 8.0, 60.0),
}
"""Name -> band. All at the default intensity (200 flow events a second)."""
