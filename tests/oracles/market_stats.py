"""Statistics of a stretch of market data: the same code for recorded and synthetic minutes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SECOND_NS = 1_000_000_000


@dataclass
class Tape:
    """Best prices in ticks, trades and depth samples, in order of time."""

    tickers: list[tuple[int, int, float, int, float]] = field(default_factory=list)
    """(time ns, bid ticks, bid quantity, ask ticks, ask quantity)"""
    trades: list[tuple[int, int]] = field(default_factory=list)
    """(time ns, taker's sign)"""
    depths: list[tuple[float, float, float, float]] = field(default_factory=list)
    """(bid within 1 bp, ask within 1 bp, bid within 5 bp, ask within 5 bp)"""


def depth_within(levels: list[tuple[float, float]], mid: float, bp: float) -> float:
    reach = mid * bp * 1e-4
    return sum(qty for px, qty in levels if abs(px - mid) <= reach)


def autocorrelation(values: np.ndarray, lag: int) -> float:
    centred = values - values.mean()
    total = float((centred * centred).sum())
    return float((centred[lag:] * centred[:-lag]).sum()) / total if total else 0.0


def log_returns_bp(time_ns: np.ndarray, mid: np.ndarray, step_s: int) -> np.ndarray:
    grid = np.arange(time_ns[0] + step_s * SECOND_NS, time_ns[-1], step_s * SECOND_NS)
    index = np.searchsorted(time_ns, grid, "right") - 1
    return np.diff(np.log(mid[index])) * 1e4


def statistics(tape: Tape) -> dict[str, float]:
    """Each quantity of `oms.exchange.flow_bands.BANDS`."""
    table = np.array(tape.tickers, np.float64)
    table = table[(table[:, 1] > 0) & (table[:, 3] > 0)]
    time_ns = table[:, 0]
    held = np.diff(time_ns, append=time_ns[-1])
    spread = table[:, 3] - table[:, 1]
    mid = (table[:, 1] + table[:, 3]) / 2
    one = log_returns_bp(time_ns, mid, 1)
    ten = log_returns_bp(time_ns, mid, 10)
    signs = np.array([sign for _, sign in tape.trades], np.float64)
    trade_ns = np.array([at for at, _ in tape.trades])
    fresh = np.r_[True, (np.diff(trade_ns) != 0) | (np.diff(signs) != 0)]
    orders = signs[fresh]
    depth = np.array(tape.depths)
    return {
        "spread_one_tick_time_share": float(held[spread == 1].sum() / held.sum()),
        "spread_mean_ticks": float((spread * held).sum() / held.sum()),
        "best_qty_median": float(np.median(np.r_[table[:, 2], table[:, 4]])),
        "depth_1bp_median": float(np.median(depth[:, :2])),
        "depth_5bp_median": float(np.median(depth[:, 2:])),
        "return_1s_std_bp": float(one.std()),
        "return_10s_std_bp": float(ten.std()),
        "return_1s_zero_share": float((one == 0).mean()),
        "return_1s_kurtosis": float(((one - one.mean()) ** 4).mean() / one.var() ** 2),
        "abs_return_1s_autocorrelation": float(
            np.mean([autocorrelation(np.abs(one), lag) for lag in range(1, 6)])
        ),
        "trade_sign_autocorrelation_1": autocorrelation(signs, 1),
        "order_sign_autocorrelation_1": autocorrelation(orders, 1),
        "order_sign_autocorrelation_10": autocorrelation(orders, 10),
        "trades_per_s": len(signs) / ((time_ns[-1] - time_ns[0]) / SECOND_NS),
    }
