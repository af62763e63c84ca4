"""`oms venues` on a desk's real shared memory: what is known, and what is not."""

import json
import time

import pytest

from oms.errors import ExitCode
from procs.cli.parts import page
from shm_layout.enums import BookState, Exchange, LinkState, RateShare, Venue
from tests.procs.standing import StandingDesk

NOW = time.time_ns
MS = 1_000_000


@pytest.fixture
def desk(tmp_path):
    made = StandingDesk(tmp_path / "data")
    yield made
    made.close()


def write(desk, **pauses):
    """What an executor and a feed write when all is well."""
    for role, used, user in (
        ("executor.binance", 40, RateShare.ORDERS), ("feed.binance.spot", 25, RateShare.SNAPSHOTS),
    ):  # fmt: skip
        spent, part = [0] * 8, [0] * 8
        spent[user], part[user] = used, 1200
        rates = desk.table(f"rates.{role}")
        rates.write(0, exchange=int(Exchange.BINANCE), **pauses)
        rates.write(
            1, bucket=b"weight", key=b"", exchange=int(Exchange.BINANCE), window_ms=60_000,
            used=used + 3, limit=6000, reported=used + 3, refused=2, window_ns=NOW() - 5 * MS,
            spent=spent, part=part,
        )  # fmt: skip
        desk.table(f"links.{role}").write(
            0, state=int(LinkState.OPEN), opened_ns=NOW() - 3_000 * MS,
            replace_ns=NOW() + 7_200_000 * MS,
        )  # fmt: skip
    desk.table("clock.executor.binance").write(
        0, samples=5, offset_ns=1_500_000, round_trip_ns=800_000, last_round_trip_ns=900_000,
        ts_ns=NOW(),
    )  # fmt: skip


def shown(desk, capsys, *words):
    code = desk.oms("venues", *words)
    out, err = capsys.readouterr()
    return code, out, err


def test_page_says_what_is_not_known_and_fits_80_columns(desk, capsys):
    code, out, _ = shown(desk, capsys)
    lines = out.splitlines()
    assert code == ExitCode.DEGRADED, "there is no connection"
    assert max(map(len, lines)) <= page.WIDTH
    assert lines[0].startswith("binance.spot  sim  down  books ")
    assert lines[0].endswith("last message not known")
    assert "connections: not known" in out
    assert [line.split()[-2:] for line in lines if line.startswith("binance.demo")] == [
        ["not", "known"], ["not", "known"],
    ]  # fmt: skip


def test_page_shows_clock_with_its_bound_and_budgets_of_all_processes(desk, capsys):
    desk.write_market()
    write(desk)
    _, out, _ = shown(desk, capsys)
    lines = out.splitlines()
    assert max(map(len, lines)) <= page.WIDTH
    (clock,) = [line for line in lines if line.startswith("executor.binance")]
    assert clock.split()[:7] == ["executor.binance", "1/1", "3s", "1h", "+1.5ms", "±0.4ms", "0.8ms"]
    (feed,) = [line for line in lines if line.startswith("feed.binance.spot")]
    assert feed.count("not known") == 4, "its clock was never asked"
    (budget,) = [line for line in lines if "weight/1m" in line]
    assert budget.split()[2:] == [
        "egress", "65", "6000", "43", "4", "orders", "40,", "snapshots", "25",
    ]  # fmt: skip


def test_json_has_budgets_by_process_and_keys_with_none_for_what_is_not_known(desk, capsys):
    write(desk)
    found = json.loads(shown(desk, capsys, "--json")[1])
    (one,) = found
    assert {row["role"] for row in one["budgets"]} == {"executor.binance", "feed.binance.spot"}
    (weight,) = [row for row in one["budgets"] if row["role"] == "executor.binance"]
    assert (weight["used"], weight["limit"], weight["reported"]) == (43, 6000, 43)
    assert weight["users"]["orders"] == {"used": 40, "part": 1200}
    assert one["clocks"][0]["bound_ms"] == 0.4
    assert one["last_message_ms"] is None
    assert all(key["ends_in_s"] is None for key in one["keys"])


@pytest.mark.parametrize(
    ("pauses", "state", "said"),
    [
        ({"pause_until_ns": 60_000}, "paused", "cancels pass"),
        ({"pause_until_ns": 60_000, "ban_until_ns": 60_000}, "banned", "of everything"),
    ],
)
def test_pause_is_shown_with_its_key_and_hardness(desk, capsys, pauses, state, said):
    write(desk, **{name: NOW() + ms * MS for name, ms in pauses.items()})
    code, out, _ = shown(desk, capsys)
    assert code == ExitCode.DEGRADED
    assert out.splitlines()[0].split()[2] == state
    assert sum("pause of egress" in line and said in line for line in out.splitlines()) == 2


def test_pause_of_an_account_is_told_by_venues_and_by_status(desk, capsys):
    write(desk)
    desk.table("rates.executor.binance").write(
        2, bucket=b"", key=b"main", pause_until_ns=NOW() + 60_000 * MS
    )
    assert "pause of main: " in shown(desk, capsys)[1]
    desk.oms("status")
    assert "executor.binance: the venue takes cancels alone of main for" in capsys.readouterr().out


@pytest.mark.parametrize(("other", "state"), [("LIVE", "live"), ("GAP", "books not live")])
def test_market_is_live_when_every_book_of_it_is(desk, capsys, other, state):
    desk.write_market()
    write(desk)
    desk.table("instruments").write(
        1, instrument_id=1, venue=Venue.BINANCE_SPOT, trading=1, px_scale=4, qty_scale=7,
        quote_currency_id=1, notional_divisor=1000, tick=100, lot=100, symbol=b"ETHUSDT",
        name=b"ETH/USDT",
    )  # fmt: skip
    desk.table("top").write(1, instrument_id=1, state=int(BookState[other]))
    code, out, _ = shown(desk, capsys)
    assert f"sim  {state}  books" in out.splitlines()[0]
    assert code == (ExitCode.OK if other == "LIVE" else ExitCode.DEGRADED)


def test_unknown_venue_is_refused_with_the_nearest(desk, capsys):
    code, _, err = shown(desk, capsys, "--venue", "binance.spt")
    assert code == ExitCode.CONFIG
    assert "the nearest is 'binance.spot'" in err
