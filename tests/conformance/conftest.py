"""One suite over every traded market: which test runs where, and what each case takes.

A test is named after its case, `test_c04_…`, and takes `venue`: it runs at each market that the
case applies to by the market's own facts. One named `test_c22_lack_…` runs at the others, and
asserts the lack. What else it takes of `BY_FACT` is the market's own, too: by which way orders go
(at small size the preferred one), which lists of orders there are, how it asks for a pause.
"""

import itertools
import re
from collections import defaultdict
from importlib import import_module

import pytest

from oms.venues.conformance import case
from oms.venues.registry import traded_markets
from tests.conformance.size import FULL

NAMED = re.compile(r"test_c(\d\d)_(lack_)?")
BY_FACT = {
    "space": lambda venue: venue.facts.caps.spaces,
    "way": lambda venue: venue.facts.caps.ways[: None if FULL else 1],
    "stop": lambda venue: venue.stops,
    "ban": lambda venue: [one for one in venue.stops if not one.cancels_pass],
    "account_stop": lambda venue: [one for one in venue.stops if one.key == "account"],
    "fee_coin": lambda venue: [venue.fee_coin] if venue.fee_coin else [],
}
"""What a test may take beside `venue`: it runs for each that the market has, and not where it has
none."""
VENUES = tuple(
    import_module(f"tests.conformance.venues.{name.replace('.', '_')}").VENUE
    for name in traded_markets()
)


def pytest_generate_tests(metafunc):
    if "venue" not in metafunc.fixturenames:
        return
    named = NAMED.match(metafunc.function.__name__)
    assert named, f"{metafunc.function.__name__}: a case is named test_cNN_…"
    chosen = [v for v in VENUES if bool(v.lacks(int(named[1]))) == bool(named[2])]
    names = ["venue", *(name for name in BY_FACT if name in metafunc.fixturenames)]
    rows = [
        (venue, *values)
        for venue in chosen
        for values in itertools.product(*(BY_FACT[name](venue) for name in names[1:]))
    ]
    ids = ["-".join(getattr(one, "name", str(one)).lower() for one in row) for row in rows]
    metafunc.parametrize(names, rows, ids=ids)


def pytest_collection_modifyitems(config, items):
    """A test of no market at all is none that was left out."""
    nowhere = [i for i in items if any("empty parameter set" in str(m) for m in i.own_markers)]
    if nowhere:
        config.hook.pytest_deselected(items=nowhere)
        items[:] = [item for item in items if item not in nowhere]


_seconds = defaultdict(float)
_outcomes = defaultdict(set)


def pytest_runtest_logreport(report):
    found = re.search(r"tests/conformance/.*::test_c(\d\d)_[^[]*\[([\w.]+)", report.nodeid)
    if found:
        key = int(found[1]), found[2]
        _seconds[key] += report.duration
        if report.when == "call" or report.outcome == "failed":
            _outcomes[key].add("xfailed" if hasattr(report, "wasxfail") else report.outcome)


def pytest_terminal_summary(terminalreporter):
    """Seconds of each case at each market, at the end of the run."""
    if not _seconds:
        return
    write = terminalreporter.write_line
    terminalreporter.section("conformance: seconds of each case")
    for (number, market), seconds in sorted(_seconds.items()):
        word = "/".join(sorted(_outcomes[number, market]))
        one = case(number)
        write(f"{one.name} {market:<14} {seconds:7.2f}  {word:<8} {one.title}")
    total = sum(_seconds.values())
    write(f"in all {'':<13}{total:7.2f}")


@pytest.fixture
def sized():
    """`sized(full, small)`: the size for this run."""

    def choose(full, small):
        return full if FULL else small

    return choose


@pytest.fixture
def stand(venue, request):
    """A desk that may trade, on a market that the test makes."""
    from tests.conformance.stand import Stand

    return Stand(venue, way=request.node.callspec.params.get("way")).trading()
