"""Small SVG plots of bench results: ours beside the peer's, on a logarithmic axis.

Written by hand rather than by a plotting library: a few kilobytes that a reviewer can read in a
diff, the same bytes from the same figures, and nothing to install.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.bench.result import number

WIDTH, LEFT, RIGHT, ROW, BAR, HEAD = 860, 230, 90, 34, 11, 46
OURS, PEER, TAIL, TEXT, GRID = "#1f77b4", "#b8b8b8", "#8fbbdd", "#333333", "#e4e4e4"


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: our headline figure, the far end of its tail (p99) or none, and the peer's."""

    label: str
    ours: float
    tail: float | None
    peer: float
    unit: str


def bars_of(results: Mapping[str, Mapping[str, Any]], *, rates: bool) -> list[Bar]:
    """The rows of one plot, latencies in microseconds or rates per second."""
    made = []
    for key, result in results.items():
        if ("rate" in result) != rates or result["unit"] not in SCALES:
            continue
        scale = SCALES[result["unit"]]
        found = result["rate"] if rates else result["percentiles"]["p50"]
        tail = None if rates else result["percentiles"]["p99"] * scale
        made.append(Bar(key, found * scale, tail, result["peer_figure"] * scale, result["unit"]))
    return made


SCALES = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6} | {
    f"{what}/s": 1.0
    for what in ("records", "orders", "operations", "messages", "level updates", "checks")
}
"""Unit -> factor to that of the plot; what has another unit (CPU, bytes) is in the table alone."""


def _line(x: float, y0: float, y1: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y0}" x2="{x:.1f}" y2="{y1}" stroke="{GRID}"/>'


def _rect(x: float, y: float, width: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{BAR}" '
        f'fill="{colour}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def plot(title: str, bars: Sequence[Bar], axis: str) -> str:
    """The SVG's text."""
    values = [v for bar in bars for v in (bar.ours, bar.tail, bar.peer) if v]
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    height = HEAD + ROW * len(bars) + 30
    span = WIDTH - LEFT - RIGHT

    def at(value: float) -> float:
        return LEFT + span * (math.log10(max(value, 10.0**low)) - low) / (high - low)

    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11" fill="{TEXT}">'
    )
    out = [
        head,
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(8, 18, title),
        _rect(LEFT, 26, 14, OURS), _text(LEFT + 18, 35, "ours"),
        _rect(LEFT + 60, 26, 14, PEER), _text(LEFT + 78, 35, "best peer of the same run"),
    ]  # fmt: skip
    if any(bar.tail is not None for bar in bars):
        out += [_rect(LEFT + 240, 26, 14, TAIL), _text(LEFT + 258, 35, "ours, p50 to p99")]
    for power in range(low, high + 1):
        x = at(10.0**power)
        out += [
            _line(x, HEAD - 4, height - 22),
            _text(x, height - 8, number(10.0**power), "middle"),
        ]
    for index, bar in enumerate(bars):
        y = HEAD + ROW * index
        out.append(_text(LEFT - 6, y + 15, bar.label, "end"))
        if bar.tail is not None:
            out.append(_rect(at(bar.ours), y + 2, at(bar.tail) - at(bar.ours), TAIL))
        out += [
            _rect(LEFT, y + 2, at(bar.ours) - LEFT, OURS),
            _rect(LEFT, y + 3 + BAR, at(bar.peer) - LEFT, PEER),
            _text(at(max(bar.ours, bar.tail or 0, bar.peer)) + 5, y + 15, number(bar.ours)),
        ]
    out += [_text(WIDTH - 8, height - 8, axis, "end"), "</svg>"]
    return "\n".join(out) + "\n"
