"""Intents decided: a passed one becomes an order, a refused one a record with its reason (`@hot`
only).
"""

from __future__ import annotations

import numpy as np

from oms.ids import COUNT_BITS
from oms.journal.frames_hot import append_frame
from oms.orders.states import TABLE, Event
from oms.risk import world_hot as w_
from oms.risk.check_hot import PASSED, check_intent
from oms.risk.emit_hot import (
    clear_update,
    has_room,
    publish_update,
    settle_update,
    stage_command,
    update_of_row,
)
from oms.risk.fold_hot import fold_new, row_of
from oms.risk.timers_hot import cancel_order
from shm_layout.enums import Action, Hop, OrderState, OrderType, RecordType, RejectReason
from shm_layout.jit import hot
from shm_layout.latency_hot import note_latency, stamp_if
from shm_layout.records import NO_ID, UNDEF
from shm_layout.ring_hot import READ_POS, written

T_ORDER_ROW = int(RecordType.ORDER_ROW)
T_ORDER_UPDATE = int(RecordType.ORDER_UPDATE)
A_NEW = int(Action.NEW)
A_CANCEL = int(Action.CANCEL)
A_AMEND = int(Action.AMEND)
A_REPLACE = int(Action.REPLACE)
E_ASK_CANCEL = int(Event.ASK_CANCEL)
S_OPEN = int(OrderState.OPEN)
T_MARKET = int(OrderType.MARKET)
S_PENDING_NEW = int(OrderState.PENDING_NEW)
S_REJECTED = int(OrderState.REJECTED)
R_UNSUPPORTED = int(RejectReason.UNSUPPORTED_ORDER)
R_BAD_SHAPE = int(RejectReason.BAD_SHAPE)
R_UNKNOWN_ORDER = int(RejectReason.UNKNOWN_ORDER)
R_ORDER_CLOSED = int(RejectReason.ORDER_CLOSED)
R_BACKPRESSURE = int(RejectReason.VENUE_BACKPRESSURE)
HOP_TICK_TO_INTENT = int(Hop.TICK_TO_INTENT)


@hot
def _refuse(w, intents, k, reason, now_ns, ring_id, pos):
    """A refused intent is a record with a reason; it never was an order."""
    clear_update(w)
    u = w_.update(w)
    u["type"][0] = T_ORDER_UPDATE
    u["epoch"][0] = w_.state(w)[w_.ST_EPOCH]
    u["instrument_id"][0] = intents["instrument_id"][k]
    u["account_id"][0] = intents["account_id"][k]
    u["strategy_id"][0] = intents["strategy_id"][k]
    u["state"][0] = S_REJECTED
    u["side"][0] = intents["side"][k]
    u["order_type"][0] = intents["order_type"][k]
    u["action"][0] = intents["action"][k]
    u["reason"][0] = reason
    u["intent_id"][0] = intents["intent_id"][k]
    u["px"][0] = intents["px"][k]
    u["qty"][0] = intents["qty"][k]
    u["quote_qty"][0] = intents["quote_qty"][k]
    u["last_px"][0] = UNDEF
    u["mid_px"][0] = intents["mid_px"][k]
    u["fee_currency_id"][0] = NO_ID
    u["venue_cum_qty"][0] = UNDEF
    u["asked_by"][0] = intents["asked_by"][k]
    u["ts_ns"][0] = now_ns
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    settle_update(w)


@hot
def _accept(w, intents, k, strategy_id, now_ns, ring_id, pos, read_cycles):
    """A passed intent becomes an order: row, journal, command, update."""
    state = w_.state(w)
    count = state[w_.ST_ORDER_COUNT] + 1
    fresh = w_.new_row(w)
    i = intents["instrument_id"][k]
    fresh["seq"][0] = 0
    fresh["type"][0] = T_ORDER_ROW
    fresh["epoch"][0] = state[w_.ST_EPOCH]
    fresh["client_order_id"][0] = (state[w_.ST_EPOCH] << COUNT_BITS) | count
    fresh["instrument_id"][0] = i
    fresh["account_id"][0] = intents["account_id"][k]
    fresh["strategy_id"][0] = strategy_id
    fresh["state"][0] = S_PENDING_NEW
    fresh["side"][0] = intents["side"][k]
    fresh["order_type"][0] = intents["order_type"][k]
    fresh["time_in_force"][0] = intents["time_in_force"][k]
    fresh["intent_id"][0] = intents["intent_id"][k]
    fresh["px"][0] = intents["px"][k]
    fresh["qty"][0] = intents["qty"][k]
    fresh["quote_qty"][0] = intents["quote_qty"][k]
    fresh["mid_px"][0] = intents["mid_px"][k]
    fresh["book_version"][0] = intents["book_version"][k]
    fresh["journal_seq"][0] = state[w_.ST_JOURNAL_SEQ] + 1
    fresh["valid_until_ns"][0] = intents["valid_until_ns"][k]
    fresh["ts_decide_ns"][0] = intents["ts_decide_ns"][k]
    fresh["ts_state_ns"][0] = now_ns
    fresh["ts_sent_ns"][0] = now_ns
    fresh["venue"][0] = w_.instruments(w)["venue"][i]
    fresh["group"][0] = w_.venue_groups(w)[fresh["venue"][0]]
    fresh["venue_cum_qty"][0] = UNDEF
    fresh["asked_by"][0] = intents["asked_by"][k]
    replaces = intents["action"][k] == A_REPLACE
    fresh["target_client_order_id"][0] = intents["target_client_order_id"][k] if replaces else 0
    fresh["parent_id"][0] = intents["parent_id"][k]
    fresh["trigger_px"][0] = intents["trigger_px"][k]
    fresh["activation_px"][0] = intents["activation_px"][k]
    fresh["trail_e6"][0] = intents["trail_e6"][k]
    fresh["expire_ns"][0] = intents["expire_ns"][k]
    fresh["display_qty"][0] = intents["display_qty"][k]
    fresh["space"][0] = intents["space"][k]
    fresh["order_flags"][0] = intents["order_flags"][k]
    fresh["position_side"][0] = intents["position_side"][k]
    fresh["self_trade"][0] = intents["self_trade"][k]
    fresh["trigger_kind"][0] = intents["trigger_kind"][k]
    fresh["trigger_direction"][0] = intents["trigger_direction"][k]
    fresh["cause_ring"][0] = ring_id
    fresh["cause_pos"][0] = pos
    strategies = w_.strategies(w)
    owner = strategies[strategy_id, w_.SG_OWNER]
    tat = max(strategies[owner, w_.SG_RATE_TAT_NS], now_ns)
    strategies[owner, w_.SG_RATE_TAT_NS] = tat + strategies[owner, w_.SG_RATE_COST_NS]
    row = fold_new(w)
    append_frame(w_.frames(w), state, w_.ST_FRAME_USED, w_.new_row_words(w), 0, w_.ORDER_ROW_WORDS)
    stage_command(w, row, A_REPLACE if replaces else A_NEW, now_ns, 0)
    staged = w_.staged(w)
    staged["stamp_cycles"][state[w_.ST_STAGED] - 1] = intents["stamp_cycles"][k]
    staged["risk_cycles"][state[w_.ST_STAGED] - 1] = read_cycles
    update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["action"][0] = A_REPLACE if replaces else A_NEW
    u["leaves_qty"][0] = u["qty"][0]
    u["journal_seq"][0] = state[w_.ST_JOURNAL_SEQ]
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    publish_update(w)


@hot
def _replace_by_intent(w, intents, k, strategy_id, now_ns, ring_id, pos, read_cycles):
    """A new order in place of one that stands, in one request; every check of a new one, and the
    worst case is the larger of both. The order before it waits for the venue's word."""
    orders = w_.orders(w)
    row = row_of(w, intents["target_client_order_id"][k])
    if row < 0 or orders["strategy_id"][row] != strategy_id:
        return R_UNKNOWN_ORDER
    if w_.venue_replaces(w)[orders["venue"][row]] == 0:
        return R_UNSUPPORTED
    before = row_of(w, orders["target_client_order_id"][row])
    waits = before >= 0 and w_.open_index(w)[before] >= 0
    if w_.open_index(w)[row] < 0 or orders["state"][row] != S_OPEN or waits:
        return R_ORDER_CLOSED
    same = (
        intents["instrument_id"][k] == orders["instrument_id"][row]
        and intents["side"][k] == orders["side"][row]
        and intents["order_type"][k] != T_MARKET
        and orders["qty"][row] != UNDEF
    )
    if not same:
        return R_BAD_SHAPE
    state = w_.state(w)
    state[w_.ST_REPLACED] = row + 1
    reason = check_intent(w, intents, k, strategy_id, now_ns)
    state[w_.ST_REPLACED] = 0
    if reason != PASSED:
        return reason
    _accept(w, intents, k, strategy_id, now_ns, ring_id, pos, read_cycles)
    fresh_id = w_.new_row(w)["client_order_id"][0]
    update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["action"][0] = A_REPLACE
    u["state"][0] = TABLE[orders["state"][row], E_ASK_CANCEL]
    u["linked_client_order_id"][0] = fresh_id
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    settle_update(w)
    return PASSED


@hot
def _cancel_by_intent(w, intents, k, strategy_id, now_ns, ring_id, pos):
    """A strategy may cancel its own open orders, whatever the limits say; the operator anybody's.

    Of another's order the update keeps that strategy's own intent: what counts intents there must
    not take the operator's number for one of its own.
    """
    row = row_of(w, intents["target_client_order_id"][k])
    strategies = w_.strategies(w)
    owner = strategies[strategy_id, w_.SG_OWNER]
    mine = row >= 0 and strategies[w_.orders(w)["strategy_id"][row], w_.SG_OWNER] == owner
    if row < 0 or (not mine and strategies[strategy_id, w_.SG_OPERATOR] == 0):
        return R_UNKNOWN_ORDER
    if w_.open_index(w)[row] < 0:
        return R_ORDER_CLOSED
    intent_id = intents["intent_id"][k] if mine else 0
    if not cancel_order(w, row, now_ns, intent_id, ring_id, pos):
        return R_BACKPRESSURE
    return PASSED


@hot
def _strategy_of(w, intents, k, owner):
    """The row of an intent: a ring is one strategy's, which has a row for each of its accounts;
    the intent names one of them."""
    strategies = w_.strategies(w)
    named = np.int64(intents["strategy_id"][k])
    if named >= strategies.shape[0] or strategies[named, w_.SG_OWNER] != owner:
        return owner
    return named


@hot
def take_intents(w, now_ns, budget):
    """Decide the intents of one ring; returns how many were taken."""
    ring = w_.intent_ring(w)
    slots = w_.intent_slots(w)
    io = w_.io(w)
    consumed = w_.consumed(w)
    at = io[w_.IO_INPUT]
    owner = io[w_.IO_OWNER]
    ring_id = io[w_.IO_RING]
    stamping = w_.state(w)[w_.ST_STAMPING] != 0
    start = w_.cursor(w)[READ_POS] + consumed[at]
    end = min(written(ring), start + budget)
    pos = start
    while pos < end and has_room(w):
        k = pos & (slots.shape[0] - 1)
        # Else the head of the ring was damaged, and what stands here was decided before.
        assert slots["seq"][k] == pos + 1, "an intent stands in the slot of another position"
        action = slots["action"][k]
        strategy_id = _strategy_of(w, slots, k, owner)
        w_.state(w)[w_.ST_ASKED_BY] = slots["asked_by"][k]
        read_cycles = stamp_if(stamping)
        if stamping:
            note_latency(w_.latency(w), HOP_TICK_TO_INTENT, slots["stamp_cycles"][k])
        if action == A_NEW:
            reason = check_intent(w, slots, k, strategy_id, now_ns)
            if reason == PASSED:
                _accept(w, slots, k, strategy_id, now_ns, ring_id, pos, read_cycles)
        elif action == A_REPLACE:
            reason = _replace_by_intent(w, slots, k, strategy_id, now_ns, ring_id, pos, read_cycles)
        elif action == A_AMEND:
            reason = R_UNSUPPORTED
        elif action == A_CANCEL:
            reason = _cancel_by_intent(w, slots, k, strategy_id, now_ns, ring_id, pos)
        else:
            reason = R_BAD_SHAPE
        if reason != PASSED:
            _refuse(w, slots, k, reason, now_ns, ring_id, pos)
        pos += 1
        consumed[at] += 1
    w_.state(w)[w_.ST_ASKED_BY] = 0
    return pos - start
