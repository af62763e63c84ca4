"""The matching kernel: takes commands, appends events (which: `oms/exchange/engine/layout_hot.py`).

Nothing is lost when the event buffer is nearly full: `step` stops before a command that might not
have room, and says so. Time is the commands' own: kernels read no clock.
"""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.admin_hot import administer
from oms.exchange.engine.book_hot import commands_of, counters_of, events_of, orders_of
from oms.exchange.engine.commands_hot import (
    amend,
    cancel,
    events_needed,
    new_order,
    refuse,
    replace,
)
from oms.exchange.engine.lists_hot import new_list
from oms.exchange.engine.orders_hot import drain
from oms.exchange.engine.plain_hot import is_plain_engine, plain_cancel, plain_order
from shm_layout.jit import I64, WORLD_TYPE, hot
from shm_layout.words.prefetch_hot import prefetch_row

_AHEAD = 6
"""Commands between asking for an order's row and needing it."""
_NEAR = 3
"""Commands between asking for the rows beside it in its level's queue and needing them."""


@hot(inline=True)
def _prefetch_neighbours(orders, slot):
    if 0 < slot < orders.shape[0]:
        prefetch_row(orders, orders["prev"][slot])
        prefetch_row(orders, orders["next"][slot])


@hot(inline=True)
def _one(world, at):
    """Carry out the command in row `at`; returns how many rows it took."""
    commands = commands_of(world)
    kind = commands["kind"][at]
    if is_plain_engine(counters_of(world)):
        if kind == lay.CMD_NEW and plain_order(world, at):
            return 1
        if kind == lay.CMD_CANCEL and plain_cancel(world, at):
            return 1
    if kind == lay.CMD_NEW:
        new_order(world, at)
    elif kind == lay.CMD_CANCEL:
        cancel(world, at)
    elif kind == lay.CMD_AMEND:
        amend(world, at)
    elif kind == lay.CMD_REPLACE:
        replace(world, at, (at + 1) % commands.shape[0])
        return 2
    elif kind == lay.CMD_LIST:
        return new_list(world, at)
    elif kind >= lay.CMD_DEPOSIT:
        administer(world, at)
    else:
        refuse(world, at, lay.REASON_BAD_SHAPE)
    return 1


@hot(entry=(WORLD_TYPE, I64, I64, I64))
def step(world, now_ns, until_ns, budget):
    """Take up to `budget` commands; returns lay.STEP_IDLE, lay.STEP_BUDGET or lay.STEP_EVENTS_FULL.

    `now_ns` and `until_ns` are the common signature's (DESIGN.md law 2); a command has its time.
    """
    counters = counters_of(world)
    commands = commands_of(world)
    orders = orders_of(world)
    room = events_of(world).shape[0]
    head = counters[lay.C_COMMAND_HEAD]
    tail = counters[lay.C_COMMAND_TAIL]
    queue = commands.shape[0]
    at = head % queue
    ahead = (head + _AHEAD) % queue
    near = (head + _NEAR) % queue
    taken = 0
    status = lay.STEP_IDLE
    while head < tail:
        if taken >= budget:
            status = lay.STEP_BUDGET
            break
        if counters[lay.C_EVENTS] + events_needed(world, counters[lay.C_LIVE_PARTS]) > room:
            status = lay.STEP_EVENTS_FULL
            break
        # What a cancel names is seldom in the cache, and its row would be waited for.
        prefetch_row(orders, commands["slot"][ahead])
        _prefetch_neighbours(orders, commands["slot"][near])
        rows = _one(world, at)
        if counters[lay.C_QUEUE_HEAD] != lay.NONE:
            drain(world, commands["time_ns"][at])
        head += rows
        taken += rows
        at += rows
        ahead += rows
        near += rows
        if at >= queue:
            at -= queue
        if ahead >= queue:
            ahead -= queue
        if near >= queue:
            near -= queue
    counters[lay.C_COMMAND_HEAD] = head
    return status
