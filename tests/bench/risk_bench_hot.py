"""Kernel of the risk_check bench (`@hot` only): every check of each intent, timed."""

from __future__ import annotations

from oms.risk import world_hot as w_
from oms.risk.check_hot import check_intent
from shm_layout.atomics import cycles
from shm_layout.jit import I64, WORLD_TYPE, hot


@hot(entry=(WORLD_TYPE, I64, I64, I64, WORLD_TYPE))
def time_checks(w, first, count, now_ns, took):
    """Cycles of each check into `took`; returns the sum of the reasons: 0 = all passed.

    w: the world of one strategy's intents; positions `first` .. of its ring, each checked anew from
    the second pass on where `count` is larger than the ring's fill.
    """
    slots = w_.intent_slots(w)
    strategy_id = w_.io(w)[w_.IO_OWNER]
    mask = slots.shape[0] - 1
    reasons = 0
    for k in range(count):
        began = cycles()
        reasons += check_intent(w, slots, (first + k) & mask, strategy_id, now_ns)
        took[k] = cycles() - began
    return reasons
