"""What every risk kernel ends in (`@hot` only): an update or a command, staged.

Nothing is visible outside until the cold parent has written the journal block and called
`commit_hot`'s kernels.
"""

from __future__ import annotations

from oms.journal.frames_hot import append_frame
from oms.risk import world_hot as w_
from oms.risk.fold_hot import fold_update
from shm_layout.enums import FLAG_RISK_STARTED, RecordType
from shm_layout.jit import hot
from shm_layout.records import NO_ID, UNDEF
from shm_layout.ring_hot import broadcast_claim

T_ORDER_UPDATE = int(RecordType.ORDER_UPDATE)
T_ORDER_COMMAND = int(RecordType.ORDER_COMMAND)
FRAME_ROOM_WORDS = 4096
NO_STRATEGY = (1 << 16) - 1


@hot
def has_room(w):
    """May another record be decided in this cycle?"""
    state = w_.state(w)
    frames = w_.frames(w)
    if state[w_.ST_FRAME_USED] + FRAME_ROOM_WORDS > frames.shape[0]:
        return False
    return state[w_.ST_STAGED] + 2 <= w_.staged(w).shape[0]


@hot
def clear_update(w):
    """Every word of `update` to zero."""
    words = w_.update_words(w)
    for k in range(w_.UPDATE_WORDS):
        words[k] = 0


@hot
def update_of_row(w, row, now_ns):
    """Fill `update` with what the order's row says now: no change yet."""
    clear_update(w)
    u = w_.update(w)
    orders = w_.orders(w)
    u["type"][0] = T_ORDER_UPDATE
    u["epoch"][0] = w_.state(w)[w_.ST_EPOCH]
    u["client_order_id"][0] = orders["client_order_id"][row]
    u["instrument_id"][0] = orders["instrument_id"][row]
    u["account_id"][0] = orders["account_id"][row]
    u["strategy_id"][0] = orders["strategy_id"][row]
    u["state"][0] = orders["state"][row]
    u["side"][0] = orders["side"][row]
    u["order_type"][0] = orders["order_type"][row]
    u["reason"][0] = orders["reason"][row]
    u["intent_id"][0] = orders["intent_id"][row]
    u["px"][0] = orders["px"][row]
    u["qty"][0] = orders["qty"][row]
    u["quote_qty"][0] = orders["quote_qty"][row]
    u["cum_qty"][0] = orders["cum_qty"][row]
    u["cum_quote_qty"][0] = orders["cum_quote_qty"][row]
    u["linked_client_order_id"][0] = orders["target_client_order_id"][row]
    u["last_px"][0] = UNDEF
    u["fee_currency_id"][0] = NO_ID
    u["mid_px"][0] = orders["mid_px"][row]
    u["venue_cum_qty"][0] = orders["venue_cum_qty"][row]
    u["terminal_state"][0] = orders["terminal_state"][row]
    u["was_unknown"][0] = orders["was_unknown"][row]
    u["absent_count"][0] = orders["absent_count"][row]
    u["cum_fee"][0] = orders["cum_fee"][row]
    u["query_count"][0] = orders["query_count"][row]
    u["asked_by"][0] = w_.state(w)[w_.ST_ASKED_BY]
    u["ts_ns"][0] = now_ns
    u["cause_pos"][0] = NO_ID
    words = w_.update_words(w)
    source = w_.order_words(w)
    at = row * w_.ORDER_ROW_WORDS + w_.ROW_VENUE_ID_AT
    second = row * w_.ORDER_ROW_WORDS + w_.ROW_SECOND_ID_AT
    for k in range(w_.VENUE_ID_WORDS):
        words[w_.UPDATE_VENUE_ID_AT + k] = source[at + k]
        words[w_.UPDATE_SECOND_ID_AT + k] = source[second + k]


@hot
def publish_update(w):
    """Stage `update` on the updates ring (visible at commit)."""
    state = w_.state(w)
    ring = w_.update_ring(w)
    slots = w_.update_slots(w)
    pos = state[w_.ST_UPDATES_POS]
    broadcast_claim(ring, pos + 1)
    at = pos & (slots.shape[0] - 1)
    words = w_.update_slot_words(w)
    source = w_.update_words(w)
    first = at * w_.UPDATE_WORDS
    for k in range(1, w_.UPDATE_WORDS):
        words[first + k] = source[k]
    words[first] = pos + 1
    state[w_.ST_UPDATES_POS] = pos + 1


@hot
def settle_update(w):
    """Fold, journal and stage the update that stands in `update`."""
    state = w_.state(w)
    u = w_.update(w)
    if u["qty"][0] == UNDEF:
        u["leaves_qty"][0] = UNDEF
    else:
        u["leaves_qty"][0] = max(u["qty"][0] - u["cum_qty"][0], 0)
    u["journal_seq"][0] = state[w_.ST_JOURNAL_SEQ] + 1
    fold_update(w)
    seq = append_frame(
        w_.frames(w), state, w_.ST_FRAME_USED, w_.update_words(w), 0, w_.UPDATE_WORDS
    )
    assert seq > 0, "a folded update found no room in the journal block"
    publish_update(w)


@hot
def announce_start(w):
    """Stage the first update of an incarnation: what was staged by the one before and never
    published is lost to readers of the ring, so they read the tables again.
    """
    clear_update(w)
    u = w_.update(w)
    u["type"][0] = T_ORDER_UPDATE
    u["flags"][0] = FLAG_RISK_STARTED
    u["epoch"][0] = w_.state(w)[w_.ST_EPOCH]
    u["strategy_id"][0] = NO_STRATEGY
    u["journal_seq"][0] = w_.state(w)[w_.ST_JOURNAL_SEQ]
    publish_update(w)
    return 0


@hot
def stage_command(w, row, action, now_ns, attempt):
    """Stage a command for the order's executor; False = no room towards it."""
    state = w_.state(w)
    orders = w_.orders(w)
    group = w_.venue_groups(w)[orders["venue"][row]]
    groups = w_.groups(w)
    n = state[w_.ST_STAGED]
    staged = w_.staged(w)
    if groups[group, w_.GR_FREE] < 1 or n >= staged.shape[0]:
        return False
    groups[group, w_.GR_FREE] -= 1
    staged["type"][n] = T_ORDER_COMMAND
    staged["flags"][n] = 0
    staged["epoch"][n] = state[w_.ST_EPOCH]
    staged["client_order_id"][n] = orders["client_order_id"][row]
    staged["instrument_id"][n] = orders["instrument_id"][row]
    staged["account_id"][n] = orders["account_id"][row]
    staged["strategy_id"][n] = orders["strategy_id"][row]
    staged["action"][n] = action
    staged["side"][n] = orders["side"][row]
    staged["order_type"][n] = orders["order_type"][row]
    staged["time_in_force"][n] = orders["time_in_force"][row]
    staged["px"][n] = orders["px"][row]
    staged["qty"][n] = orders["qty"][row]
    staged["quote_qty"][n] = orders["quote_qty"][row]
    staged["notional"][n] = orders["reserved_notional"][row]
    staged["valid_until_ns"][n] = orders["valid_until_ns"][row]
    staged["journal_seq"][n] = state[w_.ST_JOURNAL_SEQ]
    staged["risk_epoch"][n] = state[w_.ST_EPOCH]
    staged["ts_decide_ns"][n] = orders["ts_decide_ns"][row]
    staged["ts_risk_ns"][n] = now_ns
    staged["attempt"][n] = attempt
    staged["stamp_cycles"][n] = 0
    staged["risk_cycles"][n] = 0
    staged["cause_ring"][n] = orders["cause_ring"][row]
    staged["cause_pos"][n] = orders["cause_pos"][row]
    staged["venue_order_id"][n] = orders["venue_order_id"][row]
    staged["target_client_order_id"][n] = orders["target_client_order_id"][row]
    staged["parent_id"][n] = orders["parent_id"][row]
    staged["trigger_px"][n] = orders["trigger_px"][row]
    staged["activation_px"][n] = orders["activation_px"][row]
    staged["trail_e6"][n] = orders["trail_e6"][row]
    staged["expire_ns"][n] = orders["expire_ns"][row]
    staged["display_qty"][n] = orders["display_qty"][row]
    staged["space"][n] = orders["space"][row]
    staged["order_flags"][n] = orders["order_flags"][row]
    staged["position_side"][n] = orders["position_side"][row]
    staged["self_trade"][n] = orders["self_trade"][row]
    staged["trigger_kind"][n] = orders["trigger_kind"][row]
    staged["trigger_direction"][n] = orders["trigger_direction"][row]
    w_.staged_group(w)[n] = group
    state[w_.ST_STAGED] = n + 1
    return True
