"""The price step that holds at a price (`@hot` only): for risk, strategies, the operator and views.

A row without rungs has one tick everywhere. On a ladder a price stands on the last rung that begins
at or below it; below the first rung there is no price (`min_px` refuses it).
"""

from __future__ import annotations

from shm_layout.jit import hot


@hot
def tick_at(rows, i, px):
    """The step at `px` of INSTRUMENT_ROW `i`, px_scale; 0 = finer than the row's scale."""
    tick = rows["tick"][i]
    for k in range(rows["rungs"][i]):
        if rows["rung_from"][i, k] > px:
            break
        tick = rows["rung_tick"][i, k]
    return tick
