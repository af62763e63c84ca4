"""Commands that read: on a desk's real shared memory, as a person and as a program sees it."""

import json
import re
from decimal import Decimal

import pytest

from oms.errors import ExitCode
from procs.cli import latency
from procs.cli.book import levels_that_fit
from procs.cli.main import VERBS, main
from procs.cli.parts import links, page, status_page
from procs.cli.parts.look import Look
from procs.cli.pnl import converted, whole_line
from shm_layout.enums import BookState, Hop, OrderState, PluginState, PluginTrouble
from tests.procs.standing import StandingDesk

READING = ("orders", "positions", "pnl", "latency", "status")


@pytest.fixture
def desk(tmp_path):
    made = StandingDesk(tmp_path / "data")
    yield made
    made.close()


def printed(capsys, desk, *words):
    code = desk.oms(*words)
    out, err = capsys.readouterr()
    return code, out, err


def as_json(capsys, desk, *words):
    code, out, err = printed(capsys, desk, *words, "--json")
    assert code == ExitCode.OK, err
    return json.loads(out)


def test_orders_shows_the_unknown_first_with_the_id_that_the_exchange_knows(desk, capsys):
    desk.write_market()
    open_id = desk.write_order(1)
    unknown_id = desk.write_order(2, OrderState.UNKNOWN)
    desk.write_order(3, OrderState.FILLED)
    code, out, _ = printed(capsys, desk, "orders")
    assert code == ExitCode.OK
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["id", unknown_id, open_id]
    assert "UNKNOWN" in lines[1]
    assert "0.00769" in lines[1]
    assert max(map(len, lines)) <= page.WIDTH
    rows = as_json(capsys, desk, "orders", "--unknown")
    assert [row["id"] for row in rows] == [unknown_id]
    assert rows[0]["px"] == "64999.0002"
    assert rows[0]["venue_order_id"] == "4711"


def test_orders_of_a_strategy_that_is_not_there_names_the_nearest(desk, capsys):
    code, _, err = printed(capsys, desk, "orders", "--strategy", "nm")
    assert code == ExitCode.CONFIG
    assert "the nearest is 'mm'" in err
    assert as_json(capsys, desk, "orders", "--strategy", "mm") == []


def test_order_by_amount_shows_the_amount(desk, capsys):
    desk.write_market()
    desk.write_order(1, amount=250 * 10**8)
    assert "for 250 " in printed(capsys, desk, "orders")[1]
    (row,) = as_json(capsys, desk, "orders")
    assert (row["qty"], row["quote_qty"]) == (None, "250")


def test_fees_in_third_coins_are_told_beside_the_p_and_l(desk, capsys):
    desk.write_market()
    desk.write_position()
    desk.table("positions").write(0, fee_row=2, fee_other_count=3)
    desk.table("currencies").write(2, currency_id=2, scale=8, code=b"BNB")
    fees = desk.table("fees")
    fees.write(1, position_row=0, currency_id=2, amount=12_000, unpriced=7_000, fills=3)
    (row,) = as_json(capsys, desk, "pnl")["rows"]
    assert row["fees_other"] == [
        {"currency": "BNB", "amount": "0.00012000", "not_in_pnl": "0.00007000", "fills": 3}
    ]
    shown = printed(capsys, desk, "pnl")[1].splitlines()
    assert shown[-2] == "of the fees, paid in third coins: 0.00012000 BNB"
    assert shown[-1].startswith("not in the P&L")
    assert shown[-1].endswith(": 0.00007000 BNB")
    fees.write(1, unpriced=0)
    assert "not in the P&L" not in printed(capsys, desk, "pnl")[1]


def test_positions_and_pnl_are_marked_at_mid_with_fees_taken_off(desk, capsys):
    desk.write_market()
    desk.write_position()
    (row,) = as_json(capsys, desk, "positions")
    assert (row["qty"], row["open_buy_qty"]) == ("0.50000", "0.00769")
    found = as_json(capsys, desk, "pnl")
    assert found["sums"][0]["pnl"].startswith("490.0025")
    assert found["rows"][0]["edge_bp"] == "0.2"
    _, out, _ = printed(capsys, desk, "pnl")
    assert "+490.00" in out.splitlines()[-1]
    assert max(map(len, out.splitlines())) <= page.WIDTH


def test_pnl_without_a_price_says_so_and_is_left_out_of_the_sum(desk, capsys):
    desk.write_market()
    desk.write_position()
    desk.table("top").write(0, bid_px=-(2**63))
    _, out, _ = printed(capsys, desk, "pnl")
    assert "not marked" in out
    assert as_json(capsys, desk, "pnl")["sums"][0] | {"fee": 0, "fees": 0} == {
        "currency": "USDT", "pnl": "0", "fee": 0, "fees": 0, "volume": "32000.00000000", "fills": 2,
        "unmarked": 1,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["BTC/USDT", "binance.spot:BTC/USDT", "btcusdt"])
def test_book_is_found_by_any_of_its_names(desk, capsys, name):
    desk.write_market()
    found = as_json(capsys, desk, "book", name, "--levels", "2")
    assert [level["px"] for level in found["bids"]] == ["65000.00", "64999.99"]
    assert found["asks"][1]["cum_qty"] == "2.00000"
    _, out, _ = printed(capsys, desk, "book", name)
    lines = out.splitlines()
    assert "LIVE" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["ask", "ask", "---", "bid", "bid", "bid"]
    assert "spread 0.01" in out


@pytest.mark.parametrize("lines", [4, 12, 24, 60])
def test_watched_book_shows_both_sides_on_any_terminal(lines):
    levels = levels_that_fit(lines)
    assert levels >= 1
    assert 2 * levels + 3 < lines or levels == 1


def test_book_of_an_unknown_instrument_names_the_nearest(desk, capsys):
    desk.write_market()
    code, _, err = printed(capsys, desk, "book", "BTC/USD")
    assert code == ExitCode.CONFIG
    assert "'binance.spot:BTC/USDT'" in err
    assert printed(capsys, desk, "book", "BTC/USDT", "--levels", "0")[0] == ExitCode.CONFIG


def test_status_names_who_gates_whom_within_80_columns(desk, capsys):
    desk.write_market()
    desk.write_order()
    desk.write_position()
    desk.write_processes()
    code, out, _ = printed(capsys, desk, "status")
    assert code == ExitCode.OK, out
    # How long a path is, is not the page's doing.
    shown = out.replace(str(desk.paths.data_dir), "DIR")
    assert max(map(len, shown.splitlines())) <= page.WIDTH, out
    for words in (
        "map two-core",
        "process-crash-safe",
        "kill latch",
        "executor.binance*",
        "account main (binance): reconciled",
        "open orders 1 (unknown 0)",
    ):
        assert words in out
    found = as_json(capsys, desk, "status")
    assert found["venues"][0]["live"] == 1
    assert found["accounts"] == [
        {"account": "main", "group": "binance", "reconciled": True, "enabled": True, "refused": ""}
    ]


def test_status_shows_a_failed_strategy_why_it_failed_and_how_it_is_resumed(desk, capsys):
    desk.write_processes()
    code, out, _ = printed(capsys, desk, "status")
    assert re.search(r"^mm +market_maker +starting +0$", out, re.MULTILINE)
    reason = "on_top, mine.py:7, ValueError: far too dear"
    desk.table("plugin.mm").write(
        0, state=int(PluginState.FAILED), trouble=int(PluginTrouble.RAISED), failures=1,
        reason=reason.encode(),
    )  # fmt: skip
    code, out, _ = printed(capsys, desk, "status")
    assert code == ExitCode.DEGRADED
    assert re.search(r"^mm +market_maker +failed +1$", out, re.MULTILINE)
    said = " ".join(out.split())
    assert reason in said
    assert "oms resume strategy mm --reason TEXT" in said
    (row,) = json.loads(printed(capsys, desk, "status", "--json")[1])["strategies"]
    assert (row["state"], row["trouble"], row["reason"]) == ("failed", "raised", reason)


def test_status_of_many_accounts_counts_them_and_names_some_that_wait():
    rows = [
        {
            "account": f"sub{k:03d}", "group": "binance", "reconciled": k < 4, "enabled": k != 2,
            "refused": "ACCOUNT_MODE" if k == 120 else "",
        }
        for k in range(121)
    ]  # fmt: skip
    assert status_page.accounts(rows) == [
        "accounts (binance): 4 of 121 reconciled",
        "  may not trade yet: sub004, sub005, sub006, sub007, sub008 and 111 more",
        "  refused: sub120",
        "  disabled: sub002",
    ]
    (line,) = status_page.accounts(rows[-1:])
    assert line.startswith("account sub120 (binance): refused (ACCOUNT_MODE)")


def test_status_of_many_connections_names_those_that_are_not_well():
    link = {
        "role": "executor.binance", "state": "open", "logged_on": False, "accounts": 2, "age_s": 9,
        "replace_in_s": 9, "opens": 1, "losses": 0, "dead_peers": 0, "replaced": 0, "doubled": 0,
    }  # fmt: skip
    rate = {
        "role": "executor.binance", "exchange": "binance", "bucket": "orders_10s",
        "window_ms": 10_000, "limit": 100, "reported": None, "refused": 0,
    }  # fmt: skip
    found = {
        "clocks": [],
        "links": [link | {"link": k, "state": "down" if k == 40 else "open"} for k in range(64)],
        "rates": [
            rate
            | {
                "key": f"sub{k}",
                "used": int(k == 7),
                "users": {"orders": {"used": int(k == 7), "part": 100}},
            }
            for k in range(121)
        ],
    }
    shown = links.lines(found)
    assert shown[1].split()[:3] == ["executor.binance", "40", "down"]
    assert shown[2] == "63 of 64 connections are open"
    assert shown[5].split() == [
        "binance", "orders_10s/10s", "sub7", "1", "100", "-", "0", "orders", "1",
    ]  # fmt: skip
    assert shown[6] == "and 120 more budgets: `--json` has them all"


def test_logs_of_a_role_are_its_lines_in_whatever_process(desk, capsys):
    desk.paths.logs.mkdir(parents=True, exist_ok=True)
    lines = [
        {"ts": "2026-11-21T00:00:01.0Z", "level": "info", "process": "engine", "role": role,
         "event": f"of_{role}"}
        for role in ("risk", "aggregator")
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (desk.paths.logs / "all.jsonl").write_text(text)
    code = desk.oms("logs", "risk")
    out = capsys.readouterr().out
    assert (code, "of_risk" in out, "of_aggregator" in out) == (ExitCode.OK, True, False)
    assert desk.oms("logs", "rask") == ExitCode.CONFIG


def test_memory_that_a_killed_desk_left_is_not_taken_for_a_ready_one(desk):
    look = Look(desk.config, desk.paths)
    assert look.ready()
    assert look.supervised()
    desk.table("processes").write(len(desk.config.host.processes), start_ticks=1)
    assert look.ready()
    assert not look.supervised()


def test_status_of_a_book_that_prices_nothing_is_degraded(desk, capsys):
    desk.write_market(BookState.GAP)
    code, out, _ = printed(capsys, desk, "status")
    assert code == ExitCode.DEGRADED
    assert "! book of binance.spot:BTC/USDT is GAP" in out


def test_latency_is_a_waterfall_that_fits(desk, capsys):
    desk.write_latency("aggregator", Hop.TICK_TO_BOOK, 1000, 40_000)
    desk.write_latency("risk", Hop.TICK_TO_INTENT, 20, 90_000)
    desk.write_latency("executor.binance", Hop.TICK_TO_SEND, 20, 200_000)
    code, out, _ = printed(capsys, desk, "latency")
    assert code == ExitCode.OK
    assert "map two-core" in out
    assert max(map(len, out.splitlines())) <= page.WIDTH
    assert "nothing was counted yet" in out
    found = as_json(capsys, desk, "latency")
    tick, order = found["ways"]
    assert [stage["count"] for stage in tick["stages"]] == [1000, 20]
    assert tick["stages"][1]["begins_ns"] == tick["stages"][0]["p50_ns"]
    assert tick["total"]["count"] == 20
    assert order["stages"] == []
    assert len(found["hops"]) == 3


def hop(of, p50, p99=None, owner="o", counted=9):
    """A histogram's percentiles in µs."""
    return {"owner": owner, "hop": of.name.lower(), "count": counted, "p50_ns": p50 * 1000,
            "p99_ns": (p99 or 2 * p50) * 1000}  # fmt: skip


HOPS = [
    hop(Hop.TICK_TO_BOOK, 10, 30), hop(Hop.TICK_TO_INTENT, 25, 90),
    hop(Hop.INTENT_TO_SEND, 20, 50, "executor.a"), hop(Hop.TICK_TO_SEND, 48, 150, "executor.a"),
    hop(Hop.EXECUTION_TO_RISK, 7, 9),
]  # fmt: skip


def test_stages_of_a_tick_follow_each_other_and_the_sum_is_counted():
    tick, order = latency.waterfall(HOPS)
    assert [(s.begins_ns, s.p50_ns, s.p99_ns, s.counted) for s in tick.stages] == [
        (0, 10_000, 30_000, True), (10_000, 15_000, 60_000, False), (25_000, 20_000, 50_000, True),
    ]  # fmt: skip
    assert (tick.total.p50_ns, tick.total.p99_ns, tick.total.counted) == (48_000, 150_000, True)
    assert [(s.begins_ns, s.p50_ns) for s in order.stages] == [(0, 20_000), (20_000, 7000)]
    assert (order.total.p50_ns, order.total.p99_ns, order.total.counted) == (27_000, 59_000, False)


def test_waterfall_falls_and_marks_what_was_computed():
    lines = latency.page(latency.waterfall(HOPS))
    assert max(map(len, lines)) <= page.WIDTH
    book, decides, sent, total = lines[2:6]
    assert book.index("█") < decides.index("█") < sent.index("█")
    assert total.index("█") == book.index("█")
    assert total.count("█") > sent.count("█")
    assert decides.split()[-3:] == ["~15.0", "~60.0", "9"]
    assert total.split()[-3:] == ["48.0", "150.0", "9"]


def test_each_executor_has_a_waterfall_of_its_own():
    more = hop(Hop.INTENT_TO_SEND, 70, owner="executor.b")
    ways = latency.waterfall([*HOPS, more])
    assert [way.to for way in ways] == ["executor.a", "executor.b"] * 2
    assert ways[3].stages[0].p50_ns == 70_000
    assert any(line.startswith("an order") and "(b)" in line for line in latency.page(ways))


def test_stage_that_was_not_counted_leaves_the_rest_without_a_sum():
    tick, order = latency.waterfall([hop(Hop.TICK_TO_INTENT, 25), hop(Hop.EXECUTION_TO_RISK, 7)])
    assert tick.stages == ()
    assert tick.total is None
    assert [stage.stage for stage in order.stages] == ["answer heard, risk folds it"]
    assert order.total is None


def test_difference_of_other_events_is_never_negative():
    """Ticks without an order are in the first hop alone."""
    rows = [hop(Hop.TICK_TO_BOOK, 30), hop(Hop.TICK_TO_INTENT, 25, 40)]
    assert latency.waterfall(rows)[0].stages[1].p50_ns == 0
    assert page.bar(0, 1, 1000, 10) == "█"
    assert page.bar(5, 5, 10, 10) == "     "


@pytest.mark.parametrize("verb", READING)
def test_reading_verb_without_a_desk_is_one_sentence(tmp_path, capsys, verb):
    assert main([verb, "--data-dir", str(tmp_path / "none")]) == ExitCode.NOT_RUNNING
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert " up --data-dir" in err


@pytest.mark.parametrize("verb", [*READING, "book", "logs", "config", "doctor"])
def test_help_teaches_with_examples(capsys, verb):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert f"oms {verb}" in out
    assert verb in VERBS


def test_logs_are_merged_by_time_and_chosen_by_process_and_level(tmp_path, capsys):
    logs = tmp_path / "logs"
    logs.mkdir(parents=True)
    for name, level, second in (("engine", "info", 1), ("risk", "error", 3), ("engine", "info", 2)):
        with (logs / f"{name}.jsonl").open("a") as file:
            line = {"ts": f"2026-01-01T00:00:0{second}.000000Z", "level": level, "process": name,
                    "role": "", "event": f"event_{second}", "n": second}  # fmt: skip
            file.write(json.dumps(line) + "\n")

    def shown(*words):
        code = main(["logs", *words, "--data-dir", str(tmp_path)])
        return code, capsys.readouterr()

    code, said = shown()
    assert code == ExitCode.OK
    assert [line.split()[3] for line in said.out.splitlines()] == ["event_1", "event_2", "event_3"]
    assert [line.split()[3] for line in shown("engine")[1].out.splitlines()] == [
        "event_1", "event_2",
    ]  # fmt: skip
    assert shown("--level", "warning")[1].out.split()[3] == "event_3"
    assert json.loads(shown("--json", "-n", "1")[1].out)["n"] == 3
    code, said = shown("engin")
    assert code == ExitCode.CONFIG
    assert "the nearest is 'engine'" in said.err


def test_table_sets_columns_as_wide_as_they_need():
    lines = page.table(["a", "number"], [["x", 5], ["long", None]])
    assert lines == ["a    number", "x         5", "long      -"]


@pytest.mark.parametrize(
    ("ns", "text"), [(0, "0ms"), (999_999_999, "999ms"), (61 * 10**9, "1m"), (90_000 * 10**9, "1d")]
)
def test_age_has_one_unit(ns, text):
    assert page.age(ns) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (9999, "9999"), (12_345, "12.3k"), (4_560_000, "4.56M"), (999_999, "1000k")],
)
def test_count_takes_at_most_six_characters(value, text):
    assert page.count(value) == text


def test_profit_in_several_currencies_is_summed_in_the_desks():
    found = [
        {"currency": "USDT", "pnl": Decimal(10), "fees": Decimal(1)},
        {"currency": "KRW", "pnl": Decimal(-1400), "fees": Decimal(700)},
        {"currency": "XYZ", "pnl": Decimal(5), "fees": Decimal(0)},
    ]
    marks = {"USDT": Decimal(1), "KRW": Decimal("0.0007")}
    whole = converted(found, marks, "USDT")
    assert (whole["pnl"], whole["fees"]) == (Decimal("9.02"), Decimal("1.49"))
    (line,) = whole_line(found, whole)
    assert line.startswith("all of it in USDT: P&L +9.02, fees 1.49; without XYZ,")
    assert whole_line(found[:1], converted(found[:1], marks, "USDT")) == []
