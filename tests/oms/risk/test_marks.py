"""Limits in other currencies than an instrument's quote: by the desk's books, and never guessed."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from oms.config import Amount
from oms.risk import world_hot as w_
from oms.risk.marks import LIMITS_AGE_NS, RENEW_NS, mantissa_of
from shm_layout.enums import BookState, InstrumentKind, RecordType, RejectReason, Side
from shm_layout.records import INSTRUMENT_SPEC, UNDEF
from tests.desks import desk_config, top
from tests.oms.agents.test_risk import SECOND, Bench

KRW_PER_USDT = 1400


def spec_of(base, quote, tick_digits, min_notional=1):
    """A listing of one market between two currencies."""
    made = np.zeros(1, INSTRUMENT_SPEC)
    values = {
        "type": RecordType.INSTRUMENT_SPEC, "venue": 1, "status": 1, "kind": InstrumentKind.SPOT,
        "tick": 1, "tick_digits": tick_digits, "lot": 1, "lot_digits": 4, "min_qty": 1,
        "min_qty_digits": 4, "max_qty": 10**9, "min_notional": min_notional,
        "symbol": f"{base}{quote}".encode(), "name": f"{base}/{quote}".encode(),
        "base": base.encode(), "quote": quote.encode(),
    }  # fmt: skip
    for name, value in values.items():
        made[name] = value
    return made[0]


class Desk(Bench):
    """BTC/USDT, USDT/KRW and BTC/KRW on one exchange."""

    def __init__(self, currency="USDT", **limits):
        made = desk_config()
        wanted = dataclasses.replace(made.limits, **limits)
        super().__init__(config=dataclasses.replace(made, currency=currency, limits=wanted))
        self.ready()
        for one in (("USDT", "KRW", 1), ("BTC", "KRW", 0)):
            self.executions.append(spec_of(*one))
        self.settle()
        rows = self.risk.arrays.instrument_table.rows
        self.ids = {r["name"].decode(): int(r["instrument_id"]) for r in rows[rows["seq"] != 0]}

    def price(self, name, px, state=BookState.LIVE):
        """The mid of a book, in quote units."""
        row = self.risk.arrays.instrument_table.rows[self.ids[name]]
        at = px * 10 ** int(row["px_scale"])
        record = top(at - 1, at + 1, self.harness.now_ns)[0]
        record["instrument_id"], record["state"] = self.ids[name], state
        record["version"] = 7
        assert self.tops.append(record)
        self.settle()

    def wait(self, ns):
        self.harness.run_until(self.harness.now_ns + ns)
        self.settle()

    def krw(self):
        rows = self.risk.arrays.tables["marks"].rows
        codes = self.risk.arrays.currency_table.rows["code"]
        return rows[codes == b"KRW"][0]

    def reason(self, name, lots):
        i = self.ids[name]
        row = self.risk.arrays.instrument_table.rows[i]
        self.told()
        mid2 = int(self.risk.arrays.tops[i, w_.TOP_MID2])
        tick = int(row["tick"])
        self.intent(
            instrument_id=i, qty=lots * int(row["lot"]), px=mid2 // 2 // tick * tick, side=Side.BUY
        )
        self.settle()
        return RejectReason(int(self.told()[-1]["reason"]))


def in_krw(limit_usdt, digits=6):
    return int(Fraction(limit_usdt) * KRW_PER_USDT * 100 / 101 * 10**digits)


def test_a_limit_is_converted_by_the_desks_own_book_against_us():
    desk = Desk(max_order_notional="10000")
    desk.price("USDT/KRW", KRW_PER_USDT)
    desk.wait(2 * SECOND)
    row = desk.krw()
    assert row["instrument_id"] == desk.ids["USDT/KRW"]
    assert row["book_version"] == 7
    assert abs(int(row["max_order"]) - in_krw(10_000)) <= 1
    limits = desk.risk.arrays.order_limits[0]
    assert limits[desk.ids["BTC/KRW"]] == row["max_order"]
    assert limits[desk.ids["BTC/USDT"]] == 10_000 * 10**8


def test_without_a_mark_nothing_is_guessed():
    desk = Desk()
    desk.price("BTC/KRW", 84_000_000)
    desk.wait(2 * SECOND)
    desk.price("BTC/KRW", 84_000_000)
    assert desk.reason("BTC/KRW", lots=10) is RejectReason.UNKNOWN_CURRENCY_RATE
    assert int(desk.krw()["max_order"]) == UNDEF


@pytest.mark.parametrize("currency", ["USDT", "KRW"])
def test_the_desks_currency_may_be_either_side(currency):
    text = {"USDT": "10000", "KRW": "14000000"}[currency]
    desk = Desk(currency=currency, max_order_notional=text)
    desk.price("USDT/KRW", KRW_PER_USDT)
    desk.wait(2 * SECOND)
    limits = desk.risk.arrays.order_limits[0]
    usdt, krw = limits[desk.ids["BTC/USDT"]], limits[desk.ids["BTC/KRW"]]
    if currency == "USDT":
        assert (usdt, abs(int(krw) - in_krw(10_000)) <= 1) == (10_000 * 10**8, True)
    else:
        assert krw == 14_000_000 * 10**6
        assert abs(int(usdt) - 10_000 * 10**8 * 100 // 101) <= 1


def test_a_limit_may_name_its_currency():
    desk = Desk(max_order_notional="30000000 KRW")
    limits = desk.risk.arrays.order_limits[0]
    assert limits[desk.ids["BTC/KRW"]] == 30_000_000 * 10**6, "no mark is needed"
    assert limits[desk.ids["BTC/USDT"]] == UNDEF
    desk.price("USDT/KRW", KRW_PER_USDT)
    desk.wait(2 * SECOND)
    wanted = int(Fraction(30_000_000, KRW_PER_USDT) * 100 / 101 * 10**8)
    assert abs(int(limits[desk.ids["BTC/USDT"]]) - wanted) <= 1


def test_a_mark_holds_for_limits_and_then_no_more():
    desk = Desk()
    desk.price("USDT/KRW", KRW_PER_USDT)
    desk.wait(2 * SECOND)
    desk.price("USDT/KRW", KRW_PER_USDT, BookState.STALE)
    desk.wait(LIMITS_AGE_NS - 30 * SECOND)
    assert int(desk.krw()["max_order"]) > 0
    desk.wait(60 * SECOND)
    assert int(desk.krw()["max_order"]) == UNDEF


def test_small_moves_are_live_and_only_large_ones_or_time_are_journaled():
    desk = Desk()
    desk.price("USDT/KRW", KRW_PER_USDT)
    desk.wait(2 * SECOND)
    first = desk.krw()["rate"]
    desk.price("USDT/KRW", KRW_PER_USDT + 1)  # 7 basis points
    desk.wait(2 * SECOND)
    assert desk.krw()["rate"] == first != desk.krw()["live_rate"]
    desk.price("USDT/KRW", KRW_PER_USDT + 10)
    desk.wait(2 * SECOND)
    assert desk.krw()["rate"] != first
    taken_ns = int(desk.krw()["ts_ns"])
    desk.wait(RENEW_NS + 2 * SECOND)
    assert int(desk.krw()["ts_ns"]) > taken_ns


def test_a_restart_has_the_same_limits_before_any_book_is_there():
    desk = Desk()
    desk.price("USDT/KRW", KRW_PER_USDT)
    desk.wait(2 * SECOND)
    before = int(desk.krw()["max_order"])
    desk.restart()
    assert int(desk.krw()["max_order"]) == before


def test_change_by_hand_goes_to_every_currency():
    desk = Desk()
    desk.price("USDT/KRW", KRW_PER_USDT)
    desk.wait(2 * SECOND)
    fields = {"name": "max_order_notional", "value": "50", "reason": "test", "uid": 1, "pid": 2}
    assert "error" not in desk.harness.control("risk", "limits_set", fields)
    assert abs(int(desk.krw()["max_order"]) - in_krw(50)) <= 1


@pytest.mark.parametrize(
    "text", ["", "0", "-5", "1e6", "lots", "5 krw", "5  KRW", "5 ", "1.", ".5"]
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="is no amount above 0"):
        Amount.parse(text)


@pytest.mark.parametrize("rate", [Fraction(1, 1400), Fraction(10**9), Fraction(1), Fraction(7, 3)])
def test_mantissa_has_seventeen_digits_at_least(rate):
    mantissa, digits = mantissa_of(rate)
    assert 0 < mantissa < 2**63
    assert abs(Fraction(mantissa, 10**digits) - rate) <= rate / 10**16
