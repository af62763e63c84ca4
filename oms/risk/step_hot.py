"""Risk's working kernels (`@hot` only): tops, executions, timers, intents, commit.

Each takes what its ring holds, decides, folds, frames the outcome for the journal and stages what
shall be published. Nothing is visible outside until the cold parent has written the journal block
and called `commit`. A record that a kernel does not know (a balance, an instrument) makes it
return NEED_COLD with that record next; nothing before it is lost.
"""

from __future__ import annotations

from oms.journal.frames_hot import append_frame
from oms.orders.states import EVENT_OF_KIND, ILLEGAL, TABLE, Event
from oms.risk import world_hot as w_
from oms.risk.check_hot import PASSED, check_intent
from oms.risk.fold_hot import (
    edge_e4,
    fill_is_known,
    fold_new,
    fold_update,
    row_of,
)
from shm_layout.enums import Action, ExecKind, OrderState, RecordType, RejectReason
from shm_layout.jit import I64, WORLD_TYPE, hot
from shm_layout.money_hot import OK, ROUND_HALF_EVEN, mul_div
from shm_layout.records import NO_ID, UNDEF
from shm_layout.ring_hot import (
    CLAIM_POS,
    READ_POS,
    WRITE_POS,
    broadcast_claim,
    broadcast_intact,
    broadcast_resume,
    lossless_free,
    publish,
    release,
    written,
)

IDLE = 0
NEED_COLD = -1

T_TOP = int(RecordType.TOP_OF_BOOK)
T_EXECUTION = int(RecordType.EXECUTION)
T_ORDER_ROW = int(RecordType.ORDER_ROW)
T_ORDER_UPDATE = int(RecordType.ORDER_UPDATE)
T_ORDER_COMMAND = int(RecordType.ORDER_COMMAND)
T_CYCLE = int(RecordType.CYCLE)

A_NEW = int(Action.NEW)
A_CANCEL = int(Action.CANCEL)
A_QUERY = int(Action.QUERY)

S_PENDING_NEW = int(OrderState.PENDING_NEW)
S_PENDING_CANCEL = int(OrderState.PENDING_CANCEL)
S_OPEN = int(OrderState.OPEN)
S_UNKNOWN = int(OrderState.UNKNOWN)
S_CANCELED = int(OrderState.CANCELED)
S_EXPIRED = int(OrderState.EXPIRED)
S_REJECTED = int(OrderState.REJECTED)
S_FILLED = int(OrderState.FILLED)

K_ACK = int(ExecKind.ACK)
K_REJECT = int(ExecKind.REJECT)
K_FILL = int(ExecKind.FILL)
K_CANCELED = int(ExecKind.CANCELED)
K_EXPIRED = int(ExecKind.EXPIRED)
K_CANCEL_REJECT = int(ExecKind.CANCEL_REJECT)
K_NO_ANSWER = int(ExecKind.NO_ANSWER)
K_FOUND_OPEN = int(ExecKind.FOUND_OPEN)
K_ABSENT = int(ExecKind.ABSENT)
K_NOT_SENT = int(ExecKind.NOT_SENT)

R_BAD_SHAPE = int(RejectReason.BAD_SHAPE)
R_UNKNOWN_ORDER = int(RejectReason.UNKNOWN_ORDER)
R_ORDER_CLOSED = int(RejectReason.ORDER_CLOSED)
R_BACKPRESSURE = int(RejectReason.VENUE_BACKPRESSURE)
R_NOT_SENT = int(RejectReason.NOT_SENT)
R_EXPIRED = int(RejectReason.EXPIRED_INTENT)

E_FILL_PART = int(Event.FILL_PART)
E_FILL_FULL = int(Event.FILL_FULL)
E_ABSENT = int(Event.ABSENT)
E_GONE = int(Event.GONE)
E_ASK_CANCEL = int(Event.ASK_CANCEL)

ABSENT_PROOF = 2
DRAIN_RECANCEL_NS = 2_000_000_000
FRAME_ROOM_WORDS = 4096
CYCLE_TOPS_MAX = 60_000
"""Cycle.consumed counts in 16 bits."""


@hot
def has_room(w):
    """May another record be decided in this cycle?"""
    state = w_.state(w)
    frames = w_.frames(w)
    if state[w_.ST_FRAME_USED] + FRAME_ROOM_WORDS > frames.shape[0]:
        return False
    return state[w_.ST_STAGED] + 2 <= w_.staged(w).shape[0]


@hot
def _clear_update(w):
    words = w_.update_words(w)
    for k in range(w_.UPDATE_WORDS):
        words[k] = 0


@hot
def _update_of_row(w, row, now_ns):
    """Fill `update` with what the order's row says now: no change yet."""
    _clear_update(w)
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
    u["cum_qty"][0] = orders["cum_qty"][row]
    u["last_px"][0] = UNDEF
    u["fee_currency_id"][0] = NO_ID
    u["mid_px"][0] = orders["mid_px"][row]
    u["venue_cum_qty"][0] = orders["venue_cum_qty"][row]
    u["terminal_state"][0] = orders["terminal_state"][row]
    u["was_unknown"][0] = orders["was_unknown"][row]
    u["absent_count"][0] = orders["absent_count"][row]
    u["query_count"][0] = orders["query_count"][row]
    u["ts_ns"][0] = now_ns
    u["cause_pos"][0] = NO_ID
    words = w_.update_words(w)
    source = w_.order_words(w)
    at = row * w_.ORDER_ROW_WORDS + w_.ROW_VENUE_ID_AT
    for k in range(w_.VENUE_ID_WORDS):
        words[w_.UPDATE_VENUE_ID_AT + k] = source[at + k]


@hot
def _publish_update(w):
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
def _settle_update(w):
    """Fold, journal and stage the update that stands in `update`."""
    state = w_.state(w)
    u = w_.update(w)
    u["leaves_qty"][0] = max(u["qty"][0] - u["cum_qty"][0], 0)
    u["journal_seq"][0] = state[w_.ST_JOURNAL_SEQ] + 1
    fold_update(w)
    append_frame(w_.frames(w), state, w_.ST_FRAME_USED, w_.update_words(w), 0, w_.UPDATE_WORDS)
    _publish_update(w)


@hot
def _stage_command(w, row, action, now_ns, attempt):
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
    staged["cause_ring"][n] = orders["cause_ring"][row]
    staged["cause_pos"][n] = orders["cause_pos"][row]
    staged["venue_order_id"][n] = orders["venue_order_id"][row]
    w_.staged_group(w)[n] = group
    state[w_.ST_STAGED] = n + 1
    return True


# --- market data ---------------------------------------------------------------------------


@hot(entry=(WORLD_TYPE, I64))
def take_tops(w, budget):
    """Fold the top ring into `tops`; returns how many records were taken."""
    ring = w_.top_ring(w)
    slots = w_.top_slots(w)
    cursor = w_.cursor(w)
    tops = w_.tops(w)
    io = w_.io(w)
    consumed = w_.consumed(w)
    count = slots.shape[0]
    start = cursor[READ_POS]
    pos = start
    end = min(written(ring), pos + budget)
    while pos < end:
        k = pos & (count - 1)
        kind = slots["type"][k]
        i = slots["instrument_id"][k]
        bid = slots["bid_px"][k]
        ask = slots["ask_px"][k]
        version = slots["version"][k]
        book_state = slots["state"][k]
        ts = slots["ts_recv_ns"][k]
        if not broadcast_intact(ring, pos, count):
            resumed = broadcast_resume(ring, count)
            w_.state(w)[w_.ST_TOPS_LOST] += resumed - pos
            tops[:, w_.TOP_STATE] = 0
            pos = resumed
            end = max(end, pos)
            continue
        if kind == T_TOP and 0 <= i < tops.shape[0]:
            priced = bid != UNDEF and ask != UNDEF
            tops[i, w_.TOP_MID2] = bid + ask if priced else 0
            tops[i, w_.TOP_STATE] = book_state if priced else 0
            tops[i, w_.TOP_VERSION] = version
            tops[i, w_.TOP_TS] = ts
        pos += 1
    consumed[io[w_.IO_INPUT]] += pos - start
    release(cursor, pos)
    return pos - start


# --- executions ----------------------------------------------------------------------------


@hot
def _unmatched(w, k):
    """Evidence that belongs to no order of ours is journaled as it came, and counted."""
    state = w_.state(w)
    state[w_.ST_UNMATCHED] += 1
    append_frame(
        w_.frames(w), state, w_.ST_FRAME_USED, w_.execution_words(w), k * w_.EXECUTION_WORDS,
        w_.EXECUTION_WORDS,
    )  # fmt: skip


@hot
def _copy_venue_words(w, k):
    """Venue's order id and text of the execution into `update`."""
    words = w_.update_words(w)
    source = w_.execution_words(w)
    at = k * w_.EXECUTION_WORDS
    if source[at + w_.EXECUTION_VENUE_ID_AT] != 0:
        for j in range(w_.VENUE_ID_WORDS):
            words[w_.UPDATE_VENUE_ID_AT + j] = source[at + w_.EXECUTION_VENUE_ID_AT + j]
    for j in range(w_.TEXT_WORDS):
        words[w_.UPDATE_TEXT_AT + j] = source[at + w_.EXECUTION_TEXT_AT + j]


@hot
def _event_of(w, kind, row, new_cum):
    """Event of the state table for an execution kind; ILLEGAL for one that is not of orders."""
    if kind == K_FILL:
        return E_FILL_FULL if new_cum >= w_.orders(w)["qty"][row] else E_FILL_PART
    if kind == K_ABSENT:
        known = w_.order_words(w)[row * w_.ORDER_ROW_WORDS + w_.ROW_VENUE_ID_AT] != 0
        said = w_.orders(w)["absent_count"][row] + 1
        proved = not known and new_cum == 0 and said >= ABSENT_PROOF
        return E_GONE if proved and w_.orders(w)["state"][row] == S_UNKNOWN else E_ABSENT
    return EVENT_OF_KIND[kind]


@hot
def _fill_amount(w, executions, k, instrument_id):
    """Quote amount of a fill: the venue's, else price times quantity."""
    amount = executions["quote_qty"][k]
    if amount != UNDEF and amount != 0:
        return amount
    divisor = w_.instruments(w)["notional_divisor"][instrument_id]
    value, status = mul_div(executions["px"][k], executions["qty"][k], divisor, ROUND_HALF_EVEN)
    return value if status == OK else 0


@hot
def _after_terminal(w, after, cum, venue_cum):
    """Hold a terminal word until every fill that the venue counts has come."""
    u = w_.update(w)
    if after == S_CANCELED or after == S_EXPIRED:
        if venue_cum != UNDEF and venue_cum > cum:
            u["terminal_state"][0] = after
            return S_UNKNOWN
        u["terminal_state"][0] = 0
        return after
    held = u["terminal_state"][0]
    if held != 0 and (after == S_OPEN or after == S_UNKNOWN or after == S_PENDING_CANCEL):
        if venue_cum != UNDEF and cum >= venue_cum:
            u["terminal_state"][0] = 0
            return held
        return S_UNKNOWN
    return after


@hot
def _take_execution(w, k, now_ns, ring_id, pos):
    """One execution: duplicate, unmatched, or an event of an order's life."""
    state = w_.state(w)
    executions = w_.execution_slots(w)
    kind = executions["kind"][k]
    row = row_of(w, executions["client_order_id"][k])
    if row < 0:
        _unmatched(w, k)
        return
    orders = w_.orders(w)
    low, high = executions["exec_key_low"][k], executions["exec_key_high"][k]
    account_id = orders["account_id"][row]
    if kind == K_FILL and fill_is_known(w, low, high, account_id):
        state[w_.ST_DUPLICATES] += 1
        return
    new_cum = orders["cum_qty"][row]
    if kind == K_FILL:
        new_cum += executions["qty"][k]
    event = _event_of(w, kind, row, new_cum)
    after = TABLE[orders["state"][row], event] if event != ILLEGAL else ILLEGAL
    if after == ILLEGAL:
        state[w_.ST_ILLEGAL] += 1
        _unmatched(w, k)
        return
    _update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["kind"][0] = kind
    u["reason"][0] = executions["reason"][k]
    u["ts_event_ns"][0] = executions["ts_event_ns"][k]
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    _copy_venue_words(w, k)
    if kind == K_FILL:
        u["last_px"][0] = executions["px"][k]
        u["last_qty"][0] = executions["qty"][k]
        u["last_quote_qty"][0] = _fill_amount(w, executions, k, u["instrument_id"][0])
        u["fee"][0] = executions["fee"][k]
        u["fee_currency_id"][0] = executions["fee_currency_id"][k]
        u["liquidity"][0] = executions["liquidity"][k]
        u["exec_key_low"][0] = low
        u["exec_key_high"][0] = high
        u["cum_qty"][0] = new_cum
        u["edge_e4"][0] = edge_e4(u["side"][0], executions["px"][k], u["mid_px"][0])
        if new_cum > u["qty"][0]:
            state[w_.ST_OVERFILLS] += 1
    elif executions["cum_qty"][k] != UNDEF:
        u["venue_cum_qty"][0] = executions["cum_qty"][k]
    if kind == K_ABSENT:
        u["absent_count"][0] += 1
        if event == E_GONE:
            u["reason"][0] = R_NOT_SENT
    elif kind != K_NO_ANSWER:
        u["absent_count"][0] = 0
    u["state"][0] = _after_terminal(w, after, new_cum, u["venue_cum_qty"][0])
    _settle_update(w)


@hot(entry=(WORLD_TYPE, I64, I64))
def take_executions(w, now_ns, budget):
    """Fold one group's executions; returns how many were taken, or NEED_COLD at once.

    The cursor moves at commit: `consumed` counts what this cycle has taken.
    """
    ring = w_.execution_ring(w)
    slots = w_.execution_slots(w)
    io = w_.io(w)
    consumed = w_.consumed(w)
    at = io[w_.IO_INPUT]
    start = w_.cursor(w)[READ_POS] + consumed[at]
    end = min(written(ring), start + budget)
    pos = start
    while pos < end and has_room(w):
        k = pos & (slots.shape[0] - 1)
        kind = slots["kind"][k]
        if slots["type"][k] != T_EXECUTION or kind > K_NOT_SENT:
            if pos == start:
                return NEED_COLD
            break
        _take_execution(w, k, now_ns, io[w_.IO_RING], pos)
        pos += 1
        consumed[at] += 1
    return pos - start


# --- timers --------------------------------------------------------------------------------


@hot
def _ask(w, row, now_ns):
    """Send the next query for an order in doubt."""
    orders = w_.orders(w)
    attempt = orders["query_count"][row] + 1
    if not _stage_command(w, row, A_QUERY, now_ns, attempt):
        return
    _update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["action"][0] = A_QUERY
    u["query_count"][0] = attempt
    _settle_update(w)
    w_.staged(w)["journal_seq"][w_.state(w)[w_.ST_STAGED] - 1] = w_.state(w)[w_.ST_JOURNAL_SEQ]


@hot
def _cancel(w, row, now_ns, intent_id, ring_id, pos):
    """Ask the venue to cancel an open order."""
    orders = w_.orders(w)
    after = TABLE[orders["state"][row], E_ASK_CANCEL]
    if after == ILLEGAL or not _stage_command(w, row, A_CANCEL, now_ns, 0):
        return False
    _update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["action"][0] = A_CANCEL
    u["state"][0] = after
    if intent_id != 0:
        u["intent_id"][0] = intent_id
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    _settle_update(w)
    w_.staged(w)["journal_seq"][w_.state(w)[w_.ST_STAGED] - 1] = w_.state(w)[w_.ST_JOURNAL_SEQ]
    return True


@hot(entry=(WORLD_TYPE, I64))
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
            if orders["next_query_ns"][row] <= now_ns:
                _ask(w, row, now_ns)
                done += 1
        elif state[w_.ST_DRAINING] != 0 and orders["state"][row] == S_OPEN:
            waited = now_ns - orders["ts_state_ns"][row] > DRAIN_RECANCEL_NS
            if (orders["cancel_asked"][row] == 0 or waited) and _cancel(
                w, row, now_ns, 0, 0, NO_ID
            ):
                done += 1
    return done


@hot(entry=(WORLD_TYPE, I64, I64))
def doubt(w, row, now_ns):
    """Make an open order UNKNOWN because its fate at the venue is not certain."""
    _update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["kind"][0] = K_NO_ANSWER
    u["state"][0] = S_UNKNOWN
    _settle_update(w)
    return 0


@hot(entry=(WORLD_TYPE,))
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


@hot(entry=(WORLD_TYPE, I64, I64))
def restage(w, row, now_ns):
    """Recovery: stage a journaled NEW that its ring does not hold; 0 = no room."""
    journal_seq = w_.orders(w)["journal_seq"][row]
    if not _stage_command(w, row, A_NEW, now_ns, 0):
        return 0
    w_.staged(w)["journal_seq"][w_.state(w)[w_.ST_STAGED] - 1] = journal_seq
    return 1


# --- intents -------------------------------------------------------------------------------


@hot
def _refuse(w, intents, k, reason, now_ns, ring_id, pos):
    """A refused intent is a record with a reason; it never was an order."""
    _clear_update(w)
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
    u["last_px"][0] = UNDEF
    u["mid_px"][0] = intents["mid_px"][k]
    u["fee_currency_id"][0] = NO_ID
    u["venue_cum_qty"][0] = UNDEF
    u["ts_ns"][0] = now_ns
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    _settle_update(w)


@hot
def _accept(w, intents, k, strategy_id, now_ns, ring_id, pos):
    """A passed intent becomes an order: row, journal, command, update."""
    state = w_.state(w)
    count = state[w_.ST_ORDER_COUNT] + 1
    fresh = w_.new_row(w)
    i = intents["instrument_id"][k]
    fresh["seq"][0] = 0
    fresh["type"][0] = T_ORDER_ROW
    fresh["epoch"][0] = state[w_.ST_EPOCH]
    fresh["client_order_id"][0] = (state[w_.ST_EPOCH] << 40) | count
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
    fresh["cause_ring"][0] = ring_id
    fresh["cause_pos"][0] = pos
    strategies = w_.strategies(w)
    tat = max(strategies[strategy_id, w_.SG_RATE_TAT_NS], now_ns)
    strategies[strategy_id, w_.SG_RATE_TAT_NS] = tat + strategies[strategy_id, w_.SG_RATE_COST_NS]
    row = fold_new(w)
    append_frame(w_.frames(w), state, w_.ST_FRAME_USED, w_.new_row_words(w), 0, w_.ORDER_ROW_WORDS)
    _stage_command(w, row, A_NEW, now_ns, 0)
    staged = w_.staged(w)
    staged["stamp_cycles"][state[w_.ST_STAGED] - 1] = intents["stamp_cycles"][k]
    _update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["action"][0] = A_NEW
    u["leaves_qty"][0] = u["qty"][0]
    u["journal_seq"][0] = state[w_.ST_JOURNAL_SEQ]
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    _publish_update(w)


@hot
def _cancel_by_intent(w, intents, k, strategy_id, now_ns, ring_id, pos):
    """A strategy may cancel its own open orders, whatever the limits say."""
    row = row_of(w, intents["target_client_order_id"][k])
    if row < 0 or w_.orders(w)["strategy_id"][row] != strategy_id:
        return R_UNKNOWN_ORDER
    if w_.open_index(w)[row] < 0:
        return R_ORDER_CLOSED
    if not _cancel(w, row, now_ns, intents["intent_id"][k], ring_id, pos):
        return R_BACKPRESSURE
    return PASSED


@hot(entry=(WORLD_TYPE, I64, I64))
def take_intents(w, now_ns, budget):
    """Decide one strategy's intents; returns how many were taken."""
    ring = w_.intent_ring(w)
    slots = w_.intent_slots(w)
    io = w_.io(w)
    consumed = w_.consumed(w)
    at = io[w_.IO_INPUT]
    strategy_id = io[w_.IO_OWNER]
    ring_id = io[w_.IO_RING]
    start = w_.cursor(w)[READ_POS] + consumed[at]
    end = min(written(ring), start + budget)
    pos = start
    while pos < end and has_room(w):
        k = pos & (slots.shape[0] - 1)
        action = slots["action"][k]
        if action == A_NEW:
            reason = check_intent(w, slots, k, strategy_id, now_ns)
            if reason == PASSED:
                _accept(w, slots, k, strategy_id, now_ns, ring_id, pos)
        elif action == A_CANCEL:
            reason = _cancel_by_intent(w, slots, k, strategy_id, now_ns, ring_id, pos)
        else:
            reason = R_BAD_SHAPE
        if reason != PASSED:
            _refuse(w, slots, k, reason, now_ns, ring_id, pos)
        pos += 1
        consumed[at] += 1
    return pos - start


# --- commit --------------------------------------------------------------------------------


@hot(entry=(WORLD_TYPE, I64))
def finish_cycle(w, now_ns):
    """Close a working cycle with its CYCLE record (now, positions consumed).

    Returns how many records the block holds, 0 = nothing happened but prices: no record, and what
    was taken from the top ring is counted into the next cycle.
    """
    state = w_.state(w)
    consumed = w_.consumed(w)
    worked = state[w_.ST_FRAME_COUNT] > 0 or consumed[0] > CYCLE_TOPS_MAX
    for k in range(1, consumed.shape[0]):
        worked = worked or consumed[k] > 0
    if not worked:
        return 0
    record = w_.cycle(w)
    record["type"][0] = T_CYCLE
    record["epoch"][0] = state[w_.ST_EPOCH]
    record["now_ns"][0] = now_ns
    record["cycle"][0] += 1
    record["record_count"][0] = state[w_.ST_FRAME_COUNT]
    for k in range(consumed.shape[0]):
        record["consumed"][0, k] = consumed[k]
    append_frame(w_.frames(w), state, w_.ST_FRAME_USED, w_.cycle_words(w), 0, w_.CYCLE_WORDS)
    return state[w_.ST_FRAME_COUNT]


@hot(entry=(WORLD_TYPE,))
def refresh_group(w):
    """Note how many commands the group's ring can take in this cycle."""
    group = w_.io(w)[w_.IO_OWNER]
    groups = w_.groups(w)
    slots = w_.order_slots(w).shape[0]
    groups[group, w_.GR_SLOTS] = slots
    groups[group, w_.GR_FREE] = lossless_free(w_.order_ring(w), w_.order_gate(w), slots)
    return groups[group, w_.GR_FREE]


@hot(entry=(WORLD_TYPE,))
def commit_group(w):
    """Publish the staged commands of this group; the journal holds them by now."""
    state = w_.state(w)
    group = w_.io(w)[w_.IO_OWNER]
    ring = w_.order_ring(w)
    slots = w_.order_slots(w)
    staged = w_.staged(w)
    staged_group = w_.staged_group(w)
    pos = ring[WRITE_POS]
    first = pos
    for n in range(state[w_.ST_STAGED]):
        if staged_group[n] == group:
            k = pos & (slots.shape[0] - 1)
            slots[k] = staged[n]
            slots["seq"][k] = pos + 1
            pos += 1
    if pos != first:
        publish(ring, pos)
    return pos - first


@hot(entry=(WORLD_TYPE,))
def commit_input(w):
    """Release what this cycle took from this world's input ring."""
    cursor = w_.cursor(w)
    taken = w_.consumed(w)[w_.io(w)[w_.IO_INPUT]]
    if taken:
        release(cursor, cursor[READ_POS] + taken)
    return taken


@hot(entry=(WORLD_TYPE,))
def commit_updates(w):
    """Publish the staged updates and begin the next cycle."""
    state = w_.state(w)
    ring = w_.update_ring(w)
    if ring[WRITE_POS] != state[w_.ST_UPDATES_POS]:
        publish(ring, state[w_.ST_UPDATES_POS])
    state[w_.ST_STAGED] = 0
    w_.consumed(w)[:] = 0
    return ring[CLAIM_POS]
