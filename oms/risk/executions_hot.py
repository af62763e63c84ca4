"""Executions: duplicate, unmatched, or an event of an order's life (`@hot` only).

A record that is not of an order (a balance, an instrument, a reconciliation) makes the kernel
return NEED_COLD with that record next; nothing before it is lost.
"""

from __future__ import annotations

import numpy as np

from oms.journal.frames_hot import append_frame
from oms.orders.states import EVENT_OF_KIND, ILLEGAL, TABLE, Event
from oms.risk import world_hot as w_
from oms.risk.emit_hot import has_room, settle_update, update_of_row
from oms.risk.fold_hot import edge_e4, fill_is_known, row_of
from shm_layout.enums import (
    FLAG_FENCED,
    FLAG_LAST,
    BookState,
    ExecKind,
    Hop,
    OrderState,
    RecordType,
    RejectReason,
)
from shm_layout.jit import hot
from shm_layout.latency_hot import note_latency
from shm_layout.money import OK, ROUND_HALF_EVEN
from shm_layout.money_hot import mul_div
from shm_layout.records import UNDEF
from shm_layout.ring_hot import READ_POS, written

NEED_COLD = -1
T_EXECUTION = int(RecordType.EXECUTION)
S_PENDING_CANCEL = int(OrderState.PENDING_CANCEL)
S_OPEN = int(OrderState.OPEN)
S_UNKNOWN = int(OrderState.UNKNOWN)
S_CANCELED = int(OrderState.CANCELED)
S_EXPIRED = int(OrderState.EXPIRED)
S_FILLED = int(OrderState.FILLED)
K_FILL = int(ExecKind.FILL)
K_NO_ANSWER = int(ExecKind.NO_ANSWER)
K_ABSENT = int(ExecKind.ABSENT)
K_NOT_SENT = int(ExecKind.NOT_SENT)
K_FOUND_FILLED = int(ExecKind.FOUND_FILLED)
K_RECEIVED = int(ExecKind.RECEIVED)
K_AMENDED = int(ExecKind.AMENDED)
K_REDUCED = int(ExecKind.REDUCED)
K_GONE_UNSEEN = int(ExecKind.GONE_UNSEEN)
R_NOT_SENT = int(RejectReason.NOT_SENT)
E_FILL_PART = int(Event.FILL_PART)
E_FILL_FULL = int(Event.FILL_FULL)
E_ABSENT = int(Event.ABSENT)
E_GONE = int(Event.GONE)
LIVE = int(BookState.LIVE)
ABSENT_PROOF = 2
POW10_MAX = 18
"""2 * 10**18 fits 64 bits."""
HOP_EXECUTION_TO_RISK = int(Hop.EXECUTION_TO_RISK)


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
    if source[at + w_.EXECUTION_SECOND_ID_AT] != 0:
        for j in range(w_.VENUE_ID_WORDS):
            words[w_.UPDATE_SECOND_ID_AT + j] = source[at + w_.EXECUTION_SECOND_ID_AT + j]
    for j in range(w_.TEXT_WORDS):
        words[w_.UPDATE_TEXT_AT + j] = source[at + w_.EXECUTION_TEXT_AT + j]


@hot
def _fill_event(w, row, new_cum, called_last):
    """Whether a fill is the order's last. Of an order by quote amount only the venue knows, and
    says it with the fill (FLAG_LAST); a fill that comes later belongs to what is filled.
    """
    orders = w_.orders(w)
    if orders["qty"][row] == UNDEF:
        full = called_last or orders["state"][row] == S_FILLED
    else:
        full = new_cum >= orders["qty"][row]
    return E_FILL_FULL if full else E_FILL_PART


@hot
def _dead_ns(w, row):
    """When the order's request can no longer arrive: nobody sends it after its validity, and the
    exchange refuses it its own lifetime later. A far future where the exchange knows no lifetime.
    """
    orders = w_.orders(w)
    lifetime_ns = w_.groups(w)[orders["group"][row], w_.GR_LIFETIME_NS]
    if lifetime_ns >= w_.LIFETIME_NEVER:
        return lifetime_ns
    return orders["valid_until_ns"][row] + lifetime_ns


@hot
def _absent_counts(w, row, flags):
    """Whether "no such order" says anything. Where requests never die by themselves it does once
    the order's identifier was spent: what arrives later is refused.
    """
    dies = w_.groups(w)[w_.orders(w)["group"][row], w_.GR_LIFETIME_NS] < w_.LIFETIME_NEVER
    return dies or flags & FLAG_FENCED != 0


@hot
def _event_of(w, kind, row, new_cum, flags, asked_ns):
    """Event of the state table for an execution kind; ILLEGAL for one that is not of orders.
    `asked_ns`: ABSENT: when the exchange was asked."""
    if kind == K_FILL:
        return _fill_event(w, row, new_cum, flags & FLAG_LAST != 0)
    if kind == K_ABSENT:
        known = w_.order_words(w)[row * w_.ORDER_ROW_WORDS + w_.ROW_VENUE_ID_AT] != 0
        said = w_.orders(w)["absent_count"][row] + _absent_counts(w, row, flags)
        proved = not known and new_cum == 0 and said >= ABSENT_PROOF
        proved = proved and (flags & FLAG_FENCED != 0 or asked_ns >= _dead_ns(w, row))
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
def _price_fee(w, now_ns):
    """The fee in `update`, where it is in a third coin: in the quote currency, by the mid of the
    first LIVE book of that coin against it, no older than an order's price may be. It stands in the
    journal with that instrument, so that folding never looks for a price again; none, no price.
    """
    u = w_.update(w)
    instruments = w_.instruments(w)
    currencies = w_.currencies(w)
    tops = w_.tops(w)
    own = u["instrument_id"][0]
    coin = u["fee_currency_id"][0]
    quote = instruments["quote_currency_id"][own]
    if coin < 0 or coin == quote or coin == instruments["base_currency_id"][own]:
        return
    oldest_ns = now_ns - w_.strategies(w)[u["strategy_id"][0], w_.SG_BOOK_AGE_NS]
    for i in range(min(instruments.shape[0], tops.shape[0])):
        if (
            instruments["base_currency_id"][i] != coin
            or instruments["quote_currency_id"][i] != quote
        ):
            continue
        if tops[i, w_.TOP_STATE] != LIVE or tops[i, w_.TOP_TS] < oldest_ns:
            continue
        digits = currencies["scale"][coin] + instruments["px_scale"][i] - currencies["scale"][quote]
        divisor = np.int64(2)
        for _ in range(min(digits, POW10_MAX)):
            divisor *= 10
        value, status = mul_div(u["fee"][0], tops[i, w_.TOP_MID2], divisor, ROUND_HALF_EVEN)
        if digits < 0 or digits > POW10_MAX or status != OK:
            continue
        u["fee_quote"][0] = value
        u["fee_rate"][0] = i + 1
        return


@hot
def _take_fee(w, executions, k, row, now_ns):
    """The fee of an execution into `update`: its own, or what a running sum has grown by since (a
    venue that tells sums tells nothing else; a sum of nothing is none)."""
    u = w_.update(w)
    cum_fee = executions["cum_fee"][k]
    fee = executions["fee"][k]
    if cum_fee > 0:
        fee = max(cum_fee - w_.orders(w)["cum_fee"][row], 0)
    elif executions["kind"][k] != K_FILL:
        return
    if fee == 0 and executions["kind"][k] != K_FILL:
        return
    u["fee"][0] = fee
    u["fee_currency_id"][0] = executions["fee_currency_id"][k]
    u["cum_fee"][0] += fee
    _price_fee(w, now_ns)


@hot
def _after_terminal(w, after, cum, venue_cum, filled_waits):
    """Hold a terminal word until every fill that the venue counts has come. FILLED is such a word
    (`filled_waits`) where the venue says it; else the fills themselves make it.
    """
    u = w_.update(w)
    if after == S_CANCELED or after == S_EXPIRED or (after == S_FILLED and filled_waits):
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
    order_id = orders["client_order_id"][row]
    if kind == K_FILL and fill_is_known(w, low, high, order_id):
        state[w_.ST_DUPLICATES] += 1
        return
    new_cum = orders["cum_qty"][row]
    if kind == K_FILL:
        new_cum += executions["qty"][k]
    flags = executions["flags"][k]
    called_last = (flags & FLAG_LAST) != 0
    by_amount = orders["qty"][row] == UNDEF
    event = _event_of(w, kind, row, new_cum, flags, executions["ts_event_ns"][k])
    after = TABLE[orders["state"][row], event] if event != ILLEGAL else ILLEGAL
    if after == ILLEGAL:
        state[w_.ST_ILLEGAL] += 1
        _unmatched(w, k)
        return
    update_of_row(w, row, now_ns)
    u = w_.update(w)
    u["kind"][0] = kind
    u["reason"][0] = executions["reason"][k]
    u["ts_event_ns"][0] = executions["ts_event_ns"][k]
    u["cause_ring"][0] = ring_id
    u["cause_pos"][0] = pos
    _copy_venue_words(w, k)
    _take_fee(w, executions, k, row, now_ns)
    if kind == K_FILL:
        u["last_px"][0] = executions["px"][k]
        u["last_qty"][0] = executions["qty"][k]
        u["last_quote_qty"][0] = _fill_amount(w, executions, k, u["instrument_id"][0])
        u["liquidity"][0] = executions["liquidity"][k]
        u["exec_key_low"][0] = low
        u["exec_key_high"][0] = high
        u["cum_qty"][0] = new_cum
        u["cum_quote_qty"][0] += u["last_quote_qty"][0]
        if by_amount and called_last and executions["cum_qty"][k] != UNDEF:
            u["venue_cum_qty"][0] = executions["cum_qty"][k]
        u["edge_e4"][0] = edge_e4(u["side"][0], executions["px"][k], u["mid_px"][0])
    elif executions["cum_qty"][k] != UNDEF:
        u["venue_cum_qty"][0] = executions["cum_qty"][k]
    if kind == K_AMENDED or kind == K_REDUCED:
        if executions["total_qty"][k] != UNDEF:
            u["qty"][0] = executions["total_qty"][k]
        if kind == K_AMENDED and executions["px"][k] != UNDEF:
            u["px"][0] = executions["px"][k]
    if kind == K_ABSENT:
        u["absent_count"][0] += _absent_counts(w, row, flags)
        if event == E_GONE:
            u["reason"][0] = R_NOT_SENT
    elif kind != K_NO_ANSWER:
        u["absent_count"][0] = 0
    said = by_amount or kind == K_FOUND_FILLED
    u["state"][0] = _after_terminal(w, after, new_cum, u["venue_cum_qty"][0], said)
    settle_update(w)


@hot
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
    stamping = w_.state(w)[w_.ST_STAMPING] != 0
    while pos < end and has_room(w):
        k = pos & (slots.shape[0] - 1)
        assert slots["seq"][k] == pos + 1, "an execution stands in the slot of another position"
        kind = slots["kind"][k]
        of_orders = (
            kind <= K_NOT_SENT
            or kind == K_FOUND_FILLED
            or (kind >= K_RECEIVED and kind <= K_GONE_UNSEEN)
        )
        if slots["type"][k] != T_EXECUTION or not of_orders:
            if pos == start:
                return NEED_COLD
            break
        if stamping:
            note_latency(w_.latency(w), HOP_EXECUTION_TO_RISK, slots["stamp_cycles"][k])
        _take_execution(w, k, now_ns, io[w_.IO_RING], pos)
        pos += 1
        consumed[at] += 1
    return pos - start
