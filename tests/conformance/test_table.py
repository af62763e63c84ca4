"""The table of cases itself: each has its test, and what a market lacks follows from its facts."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

from oms.venues.conformance import CASES, Stand, case, lack, stand
from oms.venues.data import AmendWay, BookWay
from oms.venues.registry import known_markets, traded_markets
from shm_layout.enums import VENUE_NAMES, InstrumentKind, MarketStatus, SelfTrade
from tests.conformance.conftest import NAMED, VENUES

FOLDER = Path(__file__).parent
MARKETS = known_markets()


def cases_of_tests():
    """(case, asserts a lack) of every test of the suite."""
    found = set()
    for path in FOLDER.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.FunctionDef) and NAMED.match(node.name)
            if named:
                found.add((int(named[1]), bool(named[2])))
    return found


def test_cases_are_numbered_one_by_one_and_each_is_one_sentence():
    assert [one.number for one in CASES] == list(range(1, 31))
    assert len({one.title for one in CASES}) == len(CASES)
    for one in CASES:
        assert re.fullmatch(r"[^.]{20,79}", one.title), one.name


def test_every_case_has_its_test_wherever_it_applies_and_its_lack_where_it_does_not():
    wanted = {
        (one.number, bool(venue.lacks(one.number))) for one in CASES for venue in VENUES
    }  # fmt: skip
    assert cases_of_tests() == wanted


def test_open_case_fails_as_expected_and_no_other_does():
    marked = set()
    for path in FOLDER.glob("test_*.py"):
        marked |= {
            int(n) for n in re.findall(r"xfail\(reason=case\((\d+)\)\.open", path.read_text())
        }
    assert marked == {one.number for one in CASES if one.open}


def test_every_traded_market_has_its_file_in_the_suite():
    assert [venue.name for venue in VENUES] == list(traded_markets())


def test_every_market_of_the_records_is_known_and_the_traded_ones_first():
    assert set(MARKETS) == set(VENUE_NAMES.values()) - {""}
    assert tuple(MARKETS)[: len(traded_markets())] == traded_markets()
    for name, market in MARKETS.items():
        assert market.name == name
        assert market.caps.statuses >= {MarketStatus.TRADING}
        assert market.caps.links


def changed(market, **caps):
    return replace(market, caps=replace(market.caps, **caps))


SPOT = MARKETS["binance.spot"]


@pytest.mark.parametrize(
    ("number", "has", "has_not"),
    [
        (2, SPOT, replace(SPOT, book=BookWay.WHOLE_EACH)),
        (10, SPOT, changed(SPOT, link_age_ms=0)),
        (14, SPOT, changed(SPOT, dated=False)),
        (15, SPOT, changed(SPOT, amount_orders=frozenset())),
        (22, changed(SPOT, ladder=True), SPOT),
        (23, changed(SPOT, cancel_batch_max=2), SPOT),
        (24, SPOT, changed(SPOT, amend=AmendWay.NONE)),
        (25, replace(SPOT, kind=InstrumentKind.LINEAR), SPOT),
        (27, changed(SPOT, statuses=frozenset({MarketStatus.WARNING})), SPOT),
        (29, SPOT, changed(SPOT, self_trade=frozenset({SelfTrade.CANCEL_MAKER}))),
    ],
)
def test_case_applies_by_the_market_s_own_fact(number, has, has_not):
    one = case(number)
    assert not lack(one, has)
    assert lack(one, has_not) == one.need.lack
    assert stand(one, has_not, traded=True) is Stand.LACKS
    assert stand(one, has, traded=True) is (Stand.OPEN if one.open else Stand.HOLDS)
    assert stand(replace(one, open=""), has, traded=False) is Stand.UNTRIED
    assert stand(replace(one, open="not yet"), has, traded=True) is Stand.OPEN


def test_every_need_is_tried_above():
    with_need = {one.number for one in CASES if one.need is not None}
    assert with_need == {2, 10, 14, 15, 22, 23, 24, 25, 27, 29}
