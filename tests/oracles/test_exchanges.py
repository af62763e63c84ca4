"""The parts that readers of typed order sides share, and the material where there is any."""

from __future__ import annotations

import pytest

from oms.venues.reports import Judgement, MalformedMessageError, Verdict
from shm_layout.enums import OrderType, RejectReason, TimeInForce
from tests.oracles import divergences
from tests.oracles.base import Outcome
from tests.oracles.canonical import judged_as, unified, units
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges.kinds import Quirks, guarded
from tests.oracles.readers import READERS
from tests.oracles.run import read_folder
from tests.support import data_folder

ENTRY = """
[[divergence]]
calls = ["place"]
field = "smp"
ours = "maker"
theirs = ""
reason = "because"
document = "page"
"""


@pytest.fixture
def listed(tmp_path, monkeypatch):
    (tmp_path / "nowhere.toml").write_text(ENTRY)
    monkeypatch.setattr(divergences, "_FOLDER", tmp_path)
    return Divergences("nowhere")


def test_divergence_that_is_listed_agrees_and_another_does_not(listed):
    outcome = Outcome()
    listed.compare("w", "place", {"a": "1", "smp": "maker"}, {"a": "1"}, outcome)
    assert (outcome.agreed, outcome.disagreed) == (1, 0)
    listed.compare("w", "place", {"a": "1", "smp": "taker"}, {"a": "1"}, outcome)
    listed.compare("w", "other", {"smp": "maker"}, {}, outcome)
    assert outcome.disagreed == 2
    listed.finish(outcome)
    assert outcome.disagreed == 2


def test_divergence_that_matches_nothing_is_stale_once_its_field_was_compared(listed):
    outcome = Outcome()
    listed.compare("w", "other", {"smp": "maker"}, {"smp": "maker"}, outcome)
    listed.compare("w", "place", {"a": "1"}, {"a": "1"}, outcome)
    listed.finish(outcome)
    assert outcome.disagreed == 0
    listed.compare("w", "place", {"smp": "taker"}, {"smp": "taker"}, outcome)
    listed.finish(outcome)
    assert "stale" in outcome.differences[0]


def test_reason_without_a_row_in_quirks_disagrees():
    outcome = Outcome()
    quirks = Quirks("upbit")
    quirks.unsupported(outcome, "market data")
    assert (outcome.unsupported_items(), outcome.disagreed) == (1, 0)
    quirks.unsupported(outcome, "phases of the moon")
    assert outcome.disagreed == 1


def test_guarded_tells_ours_from_the_material():
    outcome = Outcome()

    def malformed():
        raise MalformedMessageError("bytes")

    guarded("a", outcome, malformed)
    guarded("b", outcome, lambda: {}["name"])
    assert (outcome.disagreed, sum(outcome.unread.values())) == (1, 1)
    guarded("c", outcome, lambda: None)
    assert "c: nothing was compared" in outcome.unread


def test_unified_call_becomes_an_order_or_says_why_not():
    params = {"postOnly": True}
    made = unified("createOrder", ["BTC/KRW", "limit", "buy", 0.5, 100, params], "m", None)
    (order,) = made.ask.orders
    assert (order.order_type, order.px, order.qty) == (OrderType.POST_ONLY, units(100), units(0.5))
    made = unified("createOrder", ["BTC/KRW", "market", "buy", 0.5, 100], "m", None)
    assert made.ask.orders[0].quote_qty == units(50)
    assert made.ask.orders[0].time_in_force == TimeInForce.IOC
    params = {"triggerPrice": 5}
    made = unified("createOrder", ["BTC/KRW", "limit", "buy", 0.5, 100, params], "m", None)
    assert (made.ask, made.passed) == (None, ("triggerPrice",))
    assert unified("withdraw", [], "m", None).reason == "library's own call"


def test_judgement_is_held_against_the_narrowest_class():
    funds = Judgement(Verdict.REFUSED, RejectReason.INSUFFICIENT_FUNDS)
    classes = frozenset({"InsufficientFunds", "ExchangeError"})
    assert judged_as(funds, classes)
    assert not judged_as(Judgement(Verdict.REFUSED, RejectReason.BAD_SHAPE), classes)
    assert judged_as(funds, frozenset({"ExchangeError"}))
    assert not judged_as(Judgement(Verdict.UNKNOWN), frozenset({"ExchangeError"}))


@pytest.mark.parametrize(
    "folder",
    [
        "binance-spot-docs",
        "ccxt-generated",
        "cryptofeed",
        "futures-docs",
        "gocryptotrader",
        "jkorf",
        "korean-exchange-docs",
        "nautilus",
    ],
)
def test_folder_agrees(folder):
    report = read_folder(data_folder(folder), READERS)
    assert report.trouble() == []
