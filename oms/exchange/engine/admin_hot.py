"""Commands of the exchange itself: deposits, fees, groups, market states."""

from __future__ import annotations

from oms.exchange.engine import layout_hot as lay
from oms.exchange.engine.book_hot import (
    accounts_of,
    coin_px_of,
    commands_of,
    emit,
    free_of,
    symbols_of,
    tier_fees_of,
)
from shm_layout.jit import hot


@hot
def administer(world, at):
    """Carry out the administrative command in row `at`; its cold parent checked it."""
    commands = commands_of(world)
    accounts = accounts_of(world)
    kind = commands["kind"][at]
    row = commands["symbol"][at]
    account = commands["account"][at]
    px = commands["px"][at]
    qty = commands["qty"][at]
    number = commands["order_id"][at]
    if kind == lay.CMD_DEPOSIT:
        free = free_of(world)
        free[account, row] += qty
        emit(world, lay.EV_BALANCE, row, 0, account, 0, 0, qty, free[account, row], 0, lay.NONE, 0)
    elif kind == lay.CMD_SET_FEES:
        accounts["maker_fee_e6"][account] = px
        accounts["taker_fee_e6"][account] = qty
        accounts["tier"][account] = lay.NONE
    elif kind == lay.CMD_SET_TIER:
        accounts["tier"][account] = number
    elif kind == lay.CMD_SET_TIER_FEES:
        tier_fees_of(world)[number, row, 0] = px
        tier_fees_of(world)[number, row, 1] = qty
    elif kind == lay.CMD_SET_FEE_COIN:
        accounts["fee_coin"][account] = qty
    elif kind == lay.CMD_SET_COIN_PX:
        coin_px_of(world)[row, 0] = px
        coin_px_of(world)[row, 1] = qty
    elif kind == lay.CMD_SET_GROUP:
        accounts["group"][account] = number
    elif kind == lay.CMD_SET_UNBOUNDED:
        accounts["unbounded"][account] = qty
    elif kind == lay.CMD_SET_STATE:
        state = commands["mode"][at]
        symbols_of(world)["state"][row] = state
        emit(world, lay.EV_STATE, row, 0, account, 0, 0, 0, 0, 0, lay.NONE, state)
