"""Risk's one kernel: `step(world, now_ns, until_ns, budget) -> status` (`@hot` only).

A working cycle is a row of tasks, each with a world of its own: prices, each group's executions,
timers, each strategy's intents, then the end of the cycle and, behind the journal, what becomes
visible. Two calls carry them out (TASK_CYCLE, TASK_VISIBLE). One entry point, because what the
tasks share (folding, framing, staging) would otherwise be compiled for each of them.
"""

from __future__ import annotations

from oms.risk import world_hot as w_
from oms.risk.commit_hot import (
    commit_group,
    commit_input,
    commit_updates,
    finish_cycle,
    refresh_group,
)
from oms.risk.emit_hot import announce_start
from oms.risk.executions_hot import NEED_COLD, take_executions
from oms.risk.fold_hot import fold_new, fold_update
from oms.risk.intents_hot import take_intents
from oms.risk.replay_hot import replay_blocks
from oms.risk.timers_hot import cancel_of_ours, doubt, next_query_ns, restage, run_timers
from oms.risk.tops_hot import take_tops
from shm_layout.jit import I64, WORLD_TYPE, hot

(
    TASK_NONE,
    TASK_TOPS,
    TASK_REFRESH,
    TASK_EXECUTIONS,
    TASK_TIMERS,
    TASK_INTENTS,
    TASK_FINISH,
    TASK_COMMIT_GROUP,
    TASK_COMMIT_INPUT,
    TASK_COMMIT_UPDATES,
    TASK_NEXT_QUERY,
    TASK_DOUBT,
    TASK_RESTAGE,
    TASK_FOLD_NEW,
    TASK_FOLD_UPDATE,
    TASK_ANNOUNCE,
    TASK_CANCEL,
    TASK_REPLAY,
    TASK_CYCLE,
    TASK_VISIBLE,
) = range(20)
TOPS_PER_INTENT = 4
"""Prices are folded in this many times the budget of what is decided."""


@hot
def _work(w, task, now_ns, budget):
    """The tasks that decide; returns how much was done, or NEED_COLD."""
    if task == TASK_EXECUTIONS:
        return take_executions(w, now_ns, budget)
    if task == TASK_INTENTS:
        return take_intents(w, now_ns, budget)
    if task == TASK_TIMERS:
        return run_timers(w, now_ns)
    if task == TASK_DOUBT:
        return doubt(w, w_.io(w)[w_.IO_ROW], now_ns)
    if task == TASK_RESTAGE:
        return restage(w, w_.io(w)[w_.IO_ROW], now_ns)
    if task == TASK_CANCEL:
        return cancel_of_ours(w, w_.io(w)[w_.IO_ROW], now_ns)
    if task == TASK_FOLD_NEW:
        return fold_new(w)
    if task == TASK_FOLD_UPDATE:
        fold_update(w)
    elif task == TASK_ANNOUNCE:
        announce_start(w)
    return 0


@hot
def _task(w, now_ns, budget):
    """The task of this world; what it returns is said at each task's own kernel."""
    task = w_.io(w)[w_.IO_TASK]
    if task == TASK_TOPS:
        return take_tops(w, budget * TOPS_PER_INTENT)
    if task == TASK_REFRESH:
        return refresh_group(w)
    if task == TASK_FINISH:
        return finish_cycle(w, now_ns)
    if task == TASK_COMMIT_GROUP:
        return commit_group(w)
    if task == TASK_COMMIT_INPUT:
        return commit_input(w)
    if task == TASK_COMMIT_UPDATES:
        return commit_updates(w)
    if task == TASK_REPLAY:
        return replay_blocks(w)
    if task == TASK_NEXT_QUERY:
        return next_query_ns(w)
    return _work(w, task, now_ns, budget)


@hot
def _cycle(w, now_ns, budget):
    """Every step of a working cycle, up to its CYCLE record: returns how much was taken, and in
    IO_SEALED how many bytes the block has. NEED_COLD: a record of an executions ring is the
    cold half's; the steps from executions on are then its to take.
    """
    io = w_.io(w)
    io[w_.IO_SEALED] = 0
    taken = 0
    worlds = w_.steps(w)
    for k in range(len(worlds)):
        one = worlds[k]
        task = w_.io(one)[w_.IO_TASK]
        done = _task(one, now_ns, budget)
        took = done
        while task == TASK_EXECUTIONS and done > 0 and took < budget:
            done = _task(one, now_ns, budget)
            took += max(done, 0)
        if done == NEED_COLD:
            return NEED_COLD
        if task == TASK_FINISH:
            io[w_.IO_SEALED] = done
        elif task != TASK_REFRESH:
            taken += took
    return taken


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def step(w, now_ns, until_ns, budget):
    """Carry out the task of this world, or, of a world of worlds, of each of them in turn.

    `until_ns` is for the fused driver, which may let a kernel run ahead; one task never does.
    """
    task = w_.io(w)[w_.IO_TASK]
    if task == TASK_CYCLE:
        return _cycle(w, now_ns, budget)
    if task == TASK_VISIBLE:
        worlds = w_.steps(w)
        for k in range(len(worlds)):
            _task(worlds[k], now_ns, budget)
        return 0
    return _task(w, now_ns, budget)
