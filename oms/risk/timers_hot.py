"""What risk asks of the venue by itself: queries of orders in doubt, cancels while draining
(`@hot` only).
"""

from __future__ import annotations

from oms.orders.states import ILLEGAL, TABLE, Event
from oms.risk import world_hot as w_
from oms.risk.emit_hot import has_room, settle_update, stage_command, update_of_row
from shm_layout.enums import Action, ExecKind, OrderState
from shm_layout.jit import hot
from shm_layout.records import NO_ID

A_NEW = int(Action.NEW)
A_CANCEL = int(Action.CANCEL)
A_QUERY = int(Action.QUERY)
S_OPEN = int(OrderState.OPEN)
S_UNKNOWN = int(OrderState.UNKNOWN)
K_NO_ANSWER = int(ExecKind.NO_ANSWER)
E_ASK_CANCEL = int(Event.ASK_CANCEL)
DRAIN_RECANCEL_NS = 2_000_000_000


@hot
def _ask(w, row, now_ns):
    """Send the next query for an order in doubt; False = no room towards the executor."""
    orders = w_.orders(w)
    attempt = orders["query_count"][row] + 1
    if not stage_command(w, row, A_QUERY, now_ns, attempt):
        return False
    update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["action"][0] = A_QUERY
    u["query_count"][0] = attempt
    settle_update(w)
    w_.staged(w)["journal_seq"][w_.state(w)[w_.ST_STAGED] - 1] = w_.state(w)[w_.ST_JOURNAL_SEQ]
    return True


@hot
def cancel_order(w, row, now_ns, intent_id, ring_id, pos):
    """Ask the venue to cancel an open order."""
    orders = w_.orders(w)
    after = TABLE[orders["state"][row], E_ASK_CANCEL]
    if after == ILLEGAL or not stage_command(w, row, A_CANCEL, now_ns, 0):
        return False
    update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["action"][0] = A_CANCEL
    u["state"][0] = after
    if intent_id != 0:
        u["intent_id"][0] = intent_id
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    settle_update(w)
    w_.staged(w)["journal_seq"][w_.state(w)[w_.ST_STAGED] - 1] = w_.state(w)[w_.ST_JOURNAL_SEQ]
    return True


@hot
def run_timers(w, now_ns):
    """Queries that are due; while draining, cancels of whatever is open. Returns how many."""
    state = w_.state(w)
    if state[w_.ST_UNKNOWN_COUNT] == 0 and state[w_.ST_DRAINING] == 0:
        return 0
    orders = w_.orders(w)
    open_rows = w_.open_rows(w)
    done = 0
    for n in range(state[w_.ST_OPEN_COUNT]):
        if not has_room(w):
            break
        row = open_rows[n]
        if orders["state"][row] == S_UNKNOWN:
            if orders["next_query_ns"][row] <= now_ns and _ask(w, row, now_ns):
                done += 1
        elif state[w_.ST_DRAINING] != 0 and orders["state"][row] == S_OPEN:
            waited = now_ns - orders["ts_state_ns"][row] > DRAIN_RECANCEL_NS
            if (orders["cancel_asked"][row] == 0 or waited) and cancel_order(
                w, row, now_ns, 0, 0, NO_ID
            ):
                done += 1
    return done


@hot
def doubt(w, row, now_ns):
    """Make an open order UNKNOWN because its fate at the venue is not certain."""
    update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["kind"][0] = K_NO_ANSWER
    u["state"][0] = S_UNKNOWN
    settle_update(w)
    return 0


@hot
def cancel_of_ours(w, row, now_ns):
    """Risk's own wish to cancel an open order; 0 = no room, or its state does not allow it."""
    if has_room(w) and cancel_order(w, row, now_ns, 0, 0, NO_ID):
        return 1
    return 0


@hot
def next_query_ns(w):
    """When the next query is due; a far future where none is."""
    state = w_.state(w)
    due = (1 << 63) - 1
    if state[w_.ST_UNKNOWN_COUNT] == 0:
        return due
    orders = w_.orders(w)
    open_rows = w_.open_rows(w)
    for n in range(state[w_.ST_OPEN_COUNT]):
        row = open_rows[n]
        if orders["state"][row] == S_UNKNOWN:
            due = min(due, orders["next_query_ns"][row])
    return due


@hot
def restage(w, row, now_ns):
    """Recovery: stage a journaled NEW that its ring does not hold; 0 = no room."""
    journal_seq = w_.orders(w)["journal_seq"][row]
    if not stage_command(w, row, A_NEW, now_ns, 0):
        return 0
    w_.staged(w)["journal_seq"][w_.state(w)[w_.ST_STAGED] - 1] = journal_seq
    return 1
