"""Risk's tables of what the exchange says of accounts: its own numbers, over restarts, too."""

import pytest

from oms.exchange.market import MONEY_DIGITS
from oms.instruments import parse_decimal
from shm_layout.enums import RecordType
from tests.oms.sim.whole_desk import EXECUTOR, S, WholeDesk


def said(desk, name):
    """Written rows, of the first account where the table has accounts."""
    rows = desk.harness.table(name).rows
    mine = "account_id" not in rows.dtype.names or rows["account_id"] == 0
    return list(rows[(rows["seq"] != 0) & mine])


def balances(desk):
    """(free, locked) by code, out of risk's table, at the exchange's own digits."""
    scale = {int(r["currency_id"]): int(r["scale"]) for r in said(desk, "currencies")}
    found = {}
    for row in said(desk, "balances"):
        code, digits = row["currency"].decode(), scale[int(row["currency_id"])]
        shift = 10 ** (MONEY_DIGITS - digits)
        found[code] = int(row["free"]) * shift, int(row["locked"]) * shift
    return {code: pair for code, pair in found.items() if any(pair)}


def at_the_exchange(desk):
    market = desk.harness.agents["venue_sim.binance"].market
    rows = zip(market.assets, market.balances(0), strict=True)
    return {code: tuple(pair) for code, pair in rows if any(pair)}


@pytest.mark.parametrize("seed", [3, 4])
def test_balances_are_the_exchanges_own_after_trading(seed):
    desk = WholeDesk(seed)
    desk.run(20 * S)
    desk.finish()
    desk.run(70 * S)  # a reconciliation has been through since
    assert len(at_the_exchange(desk)) >= 2
    assert balances(desk) == at_the_exchange(desk)


def test_tables_come_back_with_risk():
    desk = WholeDesk(5)
    desk.run(10 * S)
    before = {name: [r.tobytes()[16:] for r in said(desk, name)] for name in ("fee_rates", "keys")}
    held = balances(desk)
    desk.harness.kill(EXECUTOR)
    desk.harness.kill("risk")
    desk.start("risk")
    assert balances(desk) == held
    assert before["fee_rates"]
    for name, rows in before.items():
        assert [r.tobytes()[16:] for r in said(desk, name)] == rows


def test_fee_rates_are_the_account_answers():
    desk = WholeDesk(6)
    desk.run(5 * S)
    (rate,) = said(desk, "fee_rates")
    sim = desk.config.sims[0]
    assert int(rate["type"]) == RecordType.FEE_RATE
    assert int(rate["maker_e10"]) == sim.maker_fee_e6 * 10**4
    assert int(rate["taker_e10"]) == sim.taker_fee_e6 * 10**4


def test_a_start_amount_is_the_configs():
    desk = WholeDesk(7, config=None)
    for role in ("strategy.mm",):
        desk.harness.kill(role)
    desk.run(3 * S)
    wanted = {code: (parse_decimal(text, MONEY_DIGITS), 0)
              for code, text in desk.config.sims[0].balances.items()}  # fmt: skip
    assert balances(desk) == wanted
