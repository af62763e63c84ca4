"""The fold: how a journaled record changes risk's state (`@hot` only).

Live and recovering are the same path (DESIGN.md law 9): the live kernels decide, write the
record, and then fold that record; recovery reads it back and folds it. Nothing here looks at a
limit, a clock or a book.
"""

from __future__ import annotations

import numpy as np

from oms.ids import COUNT_MAX
from oms.orders.states import IS_TERMINAL
from oms.risk import world_hot as w_
from shm_layout.enums import Action, ExecKind, Liquidity, OrderState, RecordType, Side
from shm_layout.jit import hot
from shm_layout.money import OK, ROUND_HALF_EVEN
from shm_layout.money_hot import mul_div
from shm_layout.records import NO_ID, UNDEF
from shm_layout.table_hot import row_begin, row_end

BUY = int(Side.BUY)
UNKNOWN = int(OrderState.UNKNOWN)
PENDING_CANCEL = int(OrderState.PENDING_CANCEL)
ACTION_CANCEL = int(Action.CANCEL)
ACTION_QUERY = int(Action.QUERY)
ACTION_REPLACE = int(Action.REPLACE)
KIND_FILL = int(ExecKind.FILL)
KIND_ABSENT = int(ExecKind.ABSENT)
KIND_AMENDED = int(ExecKind.AMENDED)
KIND_REDUCED = int(ExecKind.REDUCED)
MAKER = int(Liquidity.MAKER)
T_FEE_ROW = int(RecordType.FEE_ROW)

QUERY_BACKOFF_NS = np.array([10**9 << k for k in range(6)], np.int64)
"""1, 2, 4 … 32 s, then every 32 s until the venue gives evidence."""

_KEY_LOW, _KEY_HIGH, _KEY_ORDER, _KEY_USED = range(4)
_EDGE_E8 = 100_000_000
_MASK31 = (1 << 31) - 1
_LOW32 = (1 << 32) - 1


@hot
def row_of(w, client_order_id):
    """Row of an order, or NO_ID."""
    orders = w_.orders(w)
    row = (client_order_id & COUNT_MAX) & (orders.shape[0] - 1)
    if client_order_id <= 0 or orders["client_order_id"][row] != client_order_id:
        return NO_ID
    return row


@hot
def position_of(w, strategy_id, instrument_id, account_id):
    """Row of a position, made when it is first needed."""
    index = w_.position_index(w)
    row = index[strategy_id, instrument_id]
    if row >= 0:
        return row
    state = w_.state(w)
    row = state[w_.ST_POSITIONS_USED]
    positions = w_.positions(w)
    if row >= positions.shape[0]:
        return NO_ID
    state[w_.ST_POSITIONS_USED] = row + 1
    index[strategy_id, instrument_id] = row
    words = w_.position_words(w)
    at = row * w_.POSITION_ROW_WORDS
    row_begin(words, at)
    positions["strategy_id"][row] = strategy_id
    positions["instrument_id"][row] = instrument_id
    positions["account_id"][row] = account_id
    row_end(words, at)
    return row


@hot
def _hash_slot(low, high, client_order_id, mask):
    # Every product stays below 2**62: plain Python must not overflow either.
    x = (low & _MASK31) * 0x1E3779B1 + ((low >> 31) & _MASK31) * 0x0C2B2AE5
    x ^= (high & _MASK31) * 0x165667B1 + ((high >> 31) & _MASK31) * 0x04F4EB2F
    x += (client_order_id & _MASK31) * 0x27D4EB2F
    x ^= x >> 29
    return x & mask


@hot
def _find_key(keys, generation, low, high, client_order_id):
    """Slot of a fill's key in one generation: >= 0 found, else -1 - free slot."""
    mask = keys.shape[1] - 1
    at = _hash_slot(low, high, client_order_id, mask)
    for _ in range(keys.shape[1]):
        if keys[generation, at, _KEY_USED] == 0:
            return -1 - at
        if (
            keys[generation, at, _KEY_LOW] == low
            and keys[generation, at, _KEY_HIGH] == high
            and keys[generation, at, _KEY_ORDER] == client_order_id
        ):
            return at
        at = (at + 1) & mask
    return -1


@hot
def fill_is_known(w, low, high, client_order_id):
    """Was this fill folded already? By order and trade id (RELIABILITY F7): the order names venue
    and account, and when two orders of one account meet, one trade id is a fill of each.
    """
    keys = w_.keys(w)
    for generation in range(2):
        if _find_key(keys, generation, low, high, client_order_id) >= 0:
            return True
    return False


@hot
def remember_fill(w, low, high, client_order_id):
    """Note a fill's key, with the fill itself; the oldest half is let go when one half is full."""
    state = w_.state(w)
    keys = w_.keys(w)
    if state[w_.ST_KEYS_USED] * 2 >= keys.shape[1]:
        other = 1 - state[w_.ST_KEY_GENERATION]
        keys[other, :, _KEY_USED] = 0
        state[w_.ST_KEY_GENERATION] = other
        state[w_.ST_KEYS_USED] = 0
    generation = state[w_.ST_KEY_GENERATION]
    at = -1 - _find_key(keys, generation, low, high, client_order_id)
    if at >= 0:
        keys[generation, at, _KEY_LOW] = low
        keys[generation, at, _KEY_HIGH] = high
        keys[generation, at, _KEY_ORDER] = client_order_id
        keys[generation, at, _KEY_USED] = 1
        state[w_.ST_KEYS_USED] += 1


@hot
def _open_add(w, row):
    state = w_.state(w)
    count = state[w_.ST_OPEN_COUNT]
    w_.open_rows(w)[count] = row
    w_.open_index(w)[row] = count
    state[w_.ST_OPEN_COUNT] = count + 1
    w_.strategies(w)[w_.orders(w)["strategy_id"][row], w_.SG_OPEN_COUNT] += 1


@hot
def _open_remove(w, row):
    state = w_.state(w)
    open_rows = w_.open_rows(w)
    open_index = w_.open_index(w)
    at = open_index[row]
    last = state[w_.ST_OPEN_COUNT] - 1
    moved = open_rows[last]
    open_rows[at] = moved
    open_index[moved] = at
    open_index[row] = NO_ID
    state[w_.ST_OPEN_COUNT] = last
    w_.strategies(w)[w_.orders(w)["strategy_id"][row], w_.SG_OPEN_COUNT] -= 1


@hot
def _expose(w, row, qty):
    """Add `qty` (may be negative) to the worst case of the order's position."""
    orders = w_.orders(w)
    at = position_of(
        w, orders["strategy_id"][row], orders["instrument_id"][row], orders["account_id"][row]
    )
    if at < 0 or qty == 0:
        return
    words = w_.position_words(w)
    positions = w_.positions(w)
    row_begin(words, at * w_.POSITION_ROW_WORDS)
    if orders["side"][row] == BUY:
        positions["open_buy_qty"][at] += qty
    else:
        positions["open_sell_qty"][at] += qty
    row_end(words, at * w_.POSITION_ROW_WORDS)


@hot
def may_trade_qty(w, row):
    """Worst case of an order by itself, qty_scale: what it may trade beyond its fills."""
    orders = w_.orders(w)
    if IS_TERMINAL[orders["state"][row]]:
        return 0
    return max(orders["exposed_qty"][row] - orders["cum_qty"][row], 0)


@hot
def _exposed(w, row):
    """Worst case that is counted for an order. Of an order and what is to replace it, at most one
    comes to stand: both together count as the larger, the successor with what it has more."""
    qty = may_trade_qty(w, row)
    replaced = row_of(w, w_.orders(w)["target_client_order_id"][row])
    if replaced >= 0:
        qty -= min(qty, may_trade_qty(w, replaced))
    return qty


@hot
def fold_new(w):
    """Fold the ORDER_ROW in `new_row`: a new order stands in the table."""
    state = w_.state(w)
    source = w_.new_row_words(w)
    fresh = w_.new_row(w)
    orders = w_.orders(w)
    words = w_.order_words(w)
    count = fresh["client_order_id"][0] & COUNT_MAX
    row = count & (orders.shape[0] - 1)
    at = row * w_.ORDER_ROW_WORDS
    row_begin(words, at)
    for k in range(1, w_.ORDER_ROW_WORDS):
        words[at + k] = source[k]
    if orders["exposed_qty"][row] == 0:
        # Journaled by a build that knew no orders by quote amount.
        orders["exposed_qty"][row] = orders["qty"][row]
    row_end(words, at)
    state[w_.ST_ORDER_COUNT] = max(state[w_.ST_ORDER_COUNT], count)
    replaced = row_of(w, orders["target_client_order_id"][row])
    if replaced >= 0:
        row_begin(words, replaced * w_.ORDER_ROW_WORDS)
        orders["successor"][replaced] = row + 1
        row_end(words, replaced * w_.ORDER_ROW_WORDS)
    _open_add(w, row)
    _expose(w, row, _exposed(w, row))
    return row


@hot
def _fee_row(w, position_row, currency_id):
    """Row of a position's fees in one coin, made when it is first needed; NO_ID = table full."""
    fees = w_.fees(w)
    positions = w_.positions(w)
    at = positions["fee_row"][position_row] - 1
    while at >= 0:
        if fees["currency_id"][at] == currency_id:
            return at
        at = fees["next_row"][at] - 1
    state = w_.state(w)
    made = state[w_.ST_FEES_USED]
    if made >= fees.shape[0]:
        state[w_.ST_FEES_LOST] += 1
        return NO_ID
    state[w_.ST_FEES_USED] = made + 1
    words = w_.fee_words(w)
    row_begin(words, made * w_.FEE_ROW_WORDS)
    fees["type"][made] = T_FEE_ROW
    fees["position_row"][made] = position_row
    fees["currency_id"][made] = currency_id
    fees["next_row"][made] = positions["fee_row"][position_row]
    row_end(words, made * w_.FEE_ROW_WORDS)
    positions["fee_row"][position_row] = made + 1
    return made


@hot
def _add_fee(w, position_row, currency_id, amount, unpriced, ts_ns):
    """A fee in a third coin is kept in that coin, priced or not."""
    at = _fee_row(w, position_row, currency_id)
    if at < 0:
        return
    fees = w_.fees(w)
    words = w_.fee_words(w)
    row_begin(words, at * w_.FEE_ROW_WORDS)
    fees["amount"][at] += amount
    fees["unpriced"][at] += unpriced
    fees["fills"][at] += 1
    fees["ts_ns"][at] = ts_ns
    row_end(words, at * w_.FEE_ROW_WORDS)


@hot
def _book_fee(w, at, instrument_id):
    """The fee in `update`, to the position in row `at`, whose row is being written."""
    update = w_.update(w)
    positions = w_.positions(w)
    instruments = w_.instruments(w)
    fee = update["fee"][0]
    currency = update["fee_currency_id"][0]
    if currency == instruments["quote_currency_id"][instrument_id]:
        positions["fee_quote"][at] += fee
    elif currency == instruments["base_currency_id"][instrument_id]:
        positions["fee_base"][at] += fee
    elif currency != NO_ID:
        positions["fee_other_count"][at] += 1
        priced = update["fee_rate"][0] != 0
        if priced:
            positions["fee_quote"][at] += update["fee_quote"][0]
        _add_fee(w, at, currency, fee, 0 if priced else fee, update["ts_ns"][0])


@hot
def _fold_fee(w, row):
    """A fee that came without a fill: the venue tells an order's fees as a running sum."""
    orders = w_.orders(w)
    instrument_id = orders["instrument_id"][row]
    at = position_of(w, orders["strategy_id"][row], instrument_id, orders["account_id"][row])
    if at < 0:
        return
    words = w_.position_words(w)
    row_begin(words, at * w_.POSITION_ROW_WORDS)
    _book_fee(w, at, instrument_id)
    w_.positions(w)["ts_ns"][at] = w_.update(w)["ts_ns"][0]
    row_end(words, at * w_.POSITION_ROW_WORDS)


@hot
def _fold_fill(w, row):
    """Position and totals of the fill in `update`."""
    update = w_.update(w)
    orders = w_.orders(w)
    at = position_of(
        w, orders["strategy_id"][row], orders["instrument_id"][row], orders["account_id"][row]
    )
    if at < 0:
        return
    positions = w_.positions(w)
    instrument_id = orders["instrument_id"][row]
    qty = update["last_qty"][0]
    amount = update["last_quote_qty"][0]
    words = w_.position_words(w)
    row_begin(words, at * w_.POSITION_ROW_WORDS)
    if orders["side"][row] == BUY:
        positions["qty"][at] += qty
        positions["cash"][at] -= amount
        positions["bought_qty"][at] += qty
    else:
        positions["qty"][at] -= qty
        positions["cash"][at] += amount
        positions["sold_qty"][at] += qty
    _book_fee(w, at, instrument_id)
    positions["volume_quote"][at] += amount
    positions["fills"][at] += 1
    if update["liquidity"][0] == MAKER:
        positions["maker_fills"][at] += 1
    else:
        positions["taker_fills"][at] += 1
    positions["edge_sum_e4"][at] += update["edge_e4"][0]
    positions["ts_ns"][at] = update["ts_ns"][0]
    row_end(words, at * w_.POSITION_ROW_WORDS)
    update["position_qty"][0] = positions["qty"][at]
    w_.state(w)[w_.ST_FILLS] += 1


@hot
def edge_e4(side, px, mid2):
    """Our price against the mid at decision, in 1/10,000 basis points; + is good for us."""
    if mid2 <= 0 or px == UNDEF:
        return 0
    better = mid2 - 2 * px if side == BUY else 2 * px - mid2
    value, status = mul_div(better, _EDGE_E8, mid2, ROUND_HALF_EVEN)
    return value if status == OK else 0


@hot
def _query_due_ns(now_ns, query_count):
    return now_ns + QUERY_BACKOFF_NS[min(query_count, QUERY_BACKOFF_NS.shape[0] - 1)]


@hot
def _overfilled(w, row):
    """More was filled than ordered, by quantity or by amount."""
    orders = w_.orders(w)
    if orders["qty"][row] == UNDEF:
        return orders["cum_quote_qty"][row] > orders["quote_qty"][row]
    return orders["cum_qty"][row] > orders["qty"][row]


@hot
def fold_update(w):
    """Fold the ORDER_UPDATE in `update` into the order table, lists, positions and counters.

    An update without an order (a refused intent) changes nothing but a counter.
    """
    state = w_.state(w)
    update = w_.update(w)
    row = row_of(w, update["client_order_id"][0])
    if row < 0:
        state[w_.ST_REJECTED_INTENTS] += 1
        return
    orders = w_.orders(w)
    words = w_.order_words(w)
    before = orders["state"][row]
    after = update["state"][0]
    was_open = not IS_TERMINAL[before]
    is_open = not IS_TERMINAL[after]
    exposed_before = _exposed(w, row)
    successor = np.int64(orders["successor"][row]) - 1
    successor_before = _exposed(w, successor) if successor >= 0 else 0
    at = row * w_.ORDER_ROW_WORDS
    row_begin(words, at)
    orders["state"][row] = after
    orders["cum_qty"][row] = update["cum_qty"][0]
    if update["kind"][0] == KIND_FILL:
        orders["cum_quote_qty"][row] += update["last_quote_qty"][0]
    orders["venue_cum_qty"][row] = update["venue_cum_qty"][0]
    orders["terminal_state"][row] = update["terminal_state"][0]
    orders["reason"][row] = update["reason"][0]
    orders["absent_count"][row] = update["absent_count"][0]
    orders["cum_fee"][row] += update["fee"][0]
    orders["query_count"][row] = update["query_count"][0]
    orders["ts_state_ns"][row] = update["ts_ns"][0]
    source = w_.update_words(w)
    for k in range(w_.VENUE_ID_WORDS):
        words[at + w_.ROW_VENUE_ID_AT + k] = source[w_.UPDATE_VENUE_ID_AT + k]
        words[at + w_.ROW_SECOND_ID_AT + k] = source[w_.UPDATE_SECOND_ID_AT + k]
    if update["kind"][0] == KIND_AMENDED or update["kind"][0] == KIND_REDUCED:
        orders["px"][row] = update["px"][0]
        orders["qty"][row] = update["qty"][0]
        orders["exposed_qty"][row] = update["qty"][0]
    if update["action"][0] == ACTION_CANCEL or update["action"][0] == ACTION_REPLACE:
        orders["cancel_asked"][row] = 1
    elif after != PENDING_CANCEL and after != UNKNOWN:
        orders["cancel_asked"][row] = 0
    if after == UNKNOWN:
        orders["was_unknown"][row] = 1
        orders["next_query_ns"][row] = _query_due_ns(update["ts_ns"][0], update["query_count"][0])
    else:
        orders["next_query_ns"][row] = 0
    row_end(words, at)
    if before != UNKNOWN and after == UNKNOWN:
        state[w_.ST_UNKNOWN_COUNT] += 1
        state[w_.ST_UNKNOWN_SEEN] += 1
    elif before == UNKNOWN and after != UNKNOWN:
        state[w_.ST_UNKNOWN_COUNT] -= 1
        state[w_.ST_UNKNOWN_RESOLVED] += 1
    if was_open and not is_open:
        _open_remove(w, row)
    elif is_open and not was_open:
        _open_add(w, row)
    _expose(w, row, _exposed(w, row) - exposed_before)
    if successor >= 0:
        _expose(w, successor, _exposed(w, successor) - successor_before)
        if not is_open or IS_TERMINAL[orders["state"][successor]]:
            orders["successor"][row] = 0
    if update["kind"][0] == KIND_FILL:
        if _overfilled(w, row):
            state[w_.ST_OVERFILLS] += 1
        remember_fill(
            w,
            update["exec_key_low"][0],
            update["exec_key_high"][0],
            update["client_order_id"][0],
        )
        _fold_fill(w, row)
    elif update["fee"][0] != 0:
        _fold_fee(w, row)


@hot
def balance_row(w, account_id, currency_id):
    """Row of an account's balance in one currency, made when it is first needed; NO_ID = there is
    no room, or no such pair."""
    index = w_.balance_index(w)
    if not (0 <= account_id < index.shape[0] and 0 <= currency_id < index.shape[1]):
        return NO_ID
    if index[account_id, currency_id] == NO_ID:
        state = w_.state(w)
        made = state[w_.ST_BALANCES_USED]
        if made >= w_.balances(w).shape[0]:
            return NO_ID
        state[w_.ST_BALANCES_USED] = made + 1
        index[account_id, currency_id] = made
    return index[account_id, currency_id]


@hot
def fold_balance(w, words, body):
    """Fold the BALANCE at word `body` of a journal: the newest of each account and currency stands
    in the table. One without an amount only asks for the row of its currency."""
    if words[body + w_.BALANCE_FREE_AT] == UNDEF:
        return
    both = words[body + w_.BALANCE_ACCOUNT_AT]
    row = balance_row(w, both & _LOW32, both >> 32)
    if row == NO_ID:
        return
    into = w_.balance_words(w)
    at = row * w_.BALANCE_WORDS
    row_begin(into, at)
    for k in range(1, w_.BALANCE_WORDS):
        into[at + k] = words[body + k]
    row_end(into, at)
