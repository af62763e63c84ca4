"""The human files, from a journal that risk itself wrote."""

import csv
import io
import json

import numpy as np
import pytest

from oms import ids
from oms.agents.journaler.agent import JournalerAgent, last_place, place_bytes
from oms.agents.journaler.lines import Lines
from oms.agents.journaler.text import amount, csv_line, day, json_line, plain, time_text
from shm_layout.enums import ExecKind, RecordType, RejectReason
from shm_layout.records import BALANCE, FEED_ROW, START, UNDEF
from tests.desks import START_NS
from tests.oms.agents.test_risk import PX, QTY, Bench
from tests.oms.risk.test_fees import fill as fill_with_fee
from tests.oms.risk.test_fees import list_pair, quote, register

DAY = "days/2023-11-14"


class Follower:
    """Risk's bench with a journaler that follows it."""

    def __init__(self) -> None:
        self.bench = Bench().ready()
        self.harness = self.bench.harness
        self.harness.start("journaler", JournalerAgent(self.bench.config))

    def settle(self) -> None:
        self.bench.settle()
        self.harness.run_until(self.harness.now_ns + 200_000_000)

    def rows(self, name: str) -> list[dict]:
        return [json.loads(line) for line in self.harness.lines.get(f"{DAY}/{name}.jsonl", [])]

    def table(self, name: str) -> list[dict]:
        text = "\n".join(self.harness.lines.get(f"{DAY}/{name}.csv", []))
        return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def desk():
    return Follower()


def test_fill_is_one_line_in_each_file_with_exact_decimals(desk):
    order_id = desk.bench.place()
    desk.bench.fill(order_id, 71, QTY, PX - 100)
    desk.settle()
    (row,) = desk.rows("executions")
    system_id = int(desk.bench.risk.registry._arrays.account_table.rows["system_id"][0])
    assert row["client_order_id"] == ids.to_text(system_id, order_id)
    assert (row["px"], row["qty"], row["quote_qty"]) == ("59999.9900", "0.0100000", "599.99990000")
    assert (row["strategy"], row["account"], row["venue"]) == ("mm", "main", "binance.spot")
    assert (row["instrument"], row["side"], row["trade_id"]) == ("BTC/USDT", "BUY", 71)
    assert row["liquidity"] == "MAKER"
    (twin,) = desk.table("executions")
    assert {k: "" if v is None else str(v) for k, v in row.items()} == twin
    (position,) = desk.rows("positions")
    assert (position["qty"], position["fills"]) == ("0.0100000", 1)
    (pnl,) = desk.rows("pnl")
    assert (pnl["cash"], pnl["pnl"], pnl["currency"]) == ("-599.99990000", "0.00000000", "USDT")


def test_order_line_for_each_change_with_header_once_in_csv(desk):
    order_id = desk.bench.place()
    desk.bench.fill(order_id, 71, QTY // 2)
    desk.settle()
    desk.bench.execution(ExecKind.CANCELED, order_id, cum_qty=QTY // 2)
    desk.settle()
    rows = desk.rows("orders")
    assert [r["state"] for r in rows] == ["PENDING_NEW", "OPEN", "OPEN", "CANCELED"]
    assert [r["event"] for r in rows] == ["NEW", "ACK", "FILL", "CANCELED"]
    assert (rows[0]["time_in_force"], rows[-1]["cum_qty"]) == ("GTC", "0.0050000")
    assert [r["seq"] for r in rows] == sorted({r["seq"] for r in rows})
    lines = desk.harness.lines[f"{DAY}/orders.csv"]
    assert sum(line.startswith("ts,seq,") for line in lines) == 1
    assert [r["state"] for r in desk.table("orders")] == [r["state"] for r in rows]


def test_unknown_order_shows_when_it_began_and_how_long_it_lasted(desk):
    desk.bench.intent()
    desk.bench.settle()
    order_id = int(desk.bench.commands()[-1]["client_order_id"])
    desk.bench.execution(ExecKind.NO_ANSWER, order_id)
    desk.settle()
    desk.bench.execution(ExecKind.FOUND_OPEN, order_id, cum_qty=0, venue_order_id=b"77")
    desk.settle()
    rows = desk.rows("orders")
    assert [r["unknown"] for r in rows if r["unknown"]] == ["begins", "resolved"]
    assert rows[-1]["unknown_ms"] == 200
    assert rows[-1]["venue_order_id"] == "77"


def test_refused_intent_and_registry_stand_in_audit(desk):
    desk.bench.intent(px=PX - 1)
    desk.settle()
    rows = desk.rows("audit")
    assert rows[0]["what"] == "start"
    assert {"currency", "instrument", "account", "intent refused"} <= {r["what"] for r in rows}
    assert rows[-1]["reason"] == RejectReason.OFF_TICK.name


def test_restart_goes_on_without_repeating_or_losing_a_line(desk):
    first = desk.bench.place()
    desk.bench.fill(first, 71, QTY)
    desk.settle()
    desk.harness.kill("journaler")
    second = desk.bench.place()
    desk.bench.fill(second, 72, QTY)
    desk.settle()
    desk.harness.start("journaler", JournalerAgent(desk.bench.config))
    desk.settle()
    assert [r["trade_id"] for r in desk.rows("executions")] == [71, 72]
    assert desk.rows("positions")[-1]["qty"] == "0.0200000", "what came before was folded"
    assert len(desk.table("executions")) == 2, "one header"
    written = desk.harness.lines
    desk.harness.lines = {}
    desk.harness.journals["journaler"].clear()
    desk.harness.kill("journaler")
    desk.harness.start("journaler", JournalerAgent(desk.bench.config))
    desk.settle()
    assert desk.harness.lines == written, "made again from the journal, line by line the same"


def test_journal_block_that_is_not_whole_is_waited_for(desk):
    desk.settle()
    files = desk.harness.journals["risk"]
    before = len(files[0])
    order_id = desk.bench.place()
    whole = bytes(files[0])
    del files[0][before + 100 :]
    desk.settle()
    assert not desk.rows("orders")
    files[0][:] = whole
    desk.settle()
    assert desk.rows("orders")
    assert order_id


def test_journal_damaged_before_a_next_file_stops_with_one_error(desk):
    desk.settle()
    desk.harness.journals["risk"][0] += b"\x00" * 200
    desk.harness.journals["risk"].append(bytearray(b"MXJRNL01"))
    desk.settle()
    desk.settle()
    errors = [entry for entry in desk.harness.logs if entry[3] == "journal_unreadable"]
    assert len(errors) == 1


def test_balance_line_and_unsaid_balance_makes_none():
    lines = Lines(Bench().config)
    start = np.zeros(1, START)
    start["type"], start["ts_ns"] = RecordType.START, START_NS
    list(lines.of(1, start[0]))
    lines._currencies[0] = ("USDT", 8)
    row = np.zeros(1, BALANCE)
    row["type"], row["free"], row["locked"] = RecordType.BALANCE, 10_5000_0000, 0
    (path, line), *twin = lines.of(2, row[0])
    assert path == f"{DAY}/balances.jsonl"
    assert {path for path, _ in twin} == {f"{DAY}/balances.csv"}
    assert json.loads(line)["free"] == "10.50000000"
    row["free"] = UNDEF
    assert not list(lines.of(3, row[0]))


def test_fees_stand_coin_by_coin_and_what_has_no_price_is_named(desk):
    coins = [register(desk.bench, code) for code in ("BNB", "USDT", "BTC")]
    order_id = desk.bench.place()
    for trade_id, (coin, fee) in enumerate(zip(coins, (700, 10**6, 100), strict=True), 1):
        fill_with_fee(desk.bench, order_id, trade_id, fee, coin)
    desk.settle()
    last = desk.rows("pnl")[-1]
    assert last["fees"] == {"BTC": "0.00000100", "USDT": "0.01000000", "BNB": "0.00000700"}
    assert last["not_in_pnl"] == {"BNB": "0.00000700"}, "nobody knows its price here"
    assert last["pnl"] == "-0.06999999", "one cent, and 0.000001 BTC at 59,999.99"
    assert desk.table("pnl")[-1]["fees"] == "BTC 0.00000100; USDT 0.01000000; BNB 0.00000700"


def test_running_fee_behind_the_last_fill_is_a_line_and_no_fill(desk):
    usdt = register(desk.bench, "USDT")
    order_id = desk.bench.place()
    fill_with_fee(desk.bench, order_id, 1, 10**6, usdt)
    qty = QTY // 10
    desk.bench.execution(
        ExecKind.FOUND_OPEN, order_id, cum_qty=qty, cum_fee=3 * 10**6, fee_currency_id=usdt
    )
    desk.bench.settle()
    fill_with_fee(desk.bench, order_id, 2, 0, usdt)
    desk.settle()
    lines = desk.rows("executions")
    assert [(line["qty"], line["px"] is None, line["fee"]) for line in lines] == [
        ("0.0010000", False, "0.01000000"),
        ("0.0000000", True, "0.02000000"),
        ("0.0010000", False, "0.00000000"),
    ]
    assert [line["fills"] for line in desk.rows("positions")] == [1, 2]
    assert desk.rows("pnl")[-1]["fees"] == {"USDT": "0.03000000"}


def test_fee_of_a_known_price_is_in_the_p_and_l(desk):
    bench = desk.bench
    bnb = list_pair(bench)
    order_id = bench.place()
    quote(bench, 600_0000, 601_0000)
    fill_with_fee(bench, order_id, 1, 700, bnb)
    desk.settle()
    last = desk.rows("pnl")[-1]
    assert (last["fees"], last["not_in_pnl"]) == ({"BNB": "0.00000700"}, {})
    assert desk.rows("executions")[-1]["fee_quote"] == "0.00420350"
    assert last["pnl"] == "-0.00420350", "7e-6 BNB at 600.50; the fill is marked at its own price"


def test_every_name_has_its_lines_twice(desk):
    order_id = desk.bench.place()
    desk.bench.fill(order_id, 71, QTY)
    desk.settle()
    for name in ("orders", "executions", "positions", "pnl", "audit"):
        assert [str(row["seq"]) for row in desk.rows(name)] == [
            row["seq"] for row in desk.table(name)
        ], name


def test_record_without_a_line_of_its_own_stands_in_audit_with_its_fields():
    lines = Lines(Bench().config)
    row = np.zeros(1, FEED_ROW)
    row["type"], row["ts_recv_ns"], row["state"] = RecordType.FEED_ROW, START_NS, 2
    row["symbol"], row["gaps"], row["connects"] = b"BTCUSDT", 3, UNDEF
    (path, line), *_ = lines.of(9, row[0])
    assert path == f"{DAY}/audit.jsonl"
    said = json.loads(line)
    assert (said["what"], said["seq"], said["symbol"]) == ("feed row", 9, "BTCUSDT")
    assert (said["state"], said["gaps"], said["connects"]) == ("LIVE", 3, None)
    assert "reserved" not in said


def test_starts_and_configs_stand_in_audit(desk):
    desk.settle()
    desk.bench.restart()
    desk.settle()
    starts = [row for row in desk.rows("audit") if row["what"] == "start"]
    assert [row["config_changed"] for row in starts] == [False, False]
    assert len({row["config_hash"] for row in starts}) == 1
    (strategy,) = [row for row in desk.rows("audit") if row["what"] == "strategy"]
    assert (strategy["strategy"], strategy["account"]) == ("mm", "main")


# Text


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+2", '"\'=1+2"'),
        ("+A1", '"\'+A1"'),
        ("-cmd|x", '"\'-cmd|x"'),
        ("@SUM(1)", '"\'@SUM(1)"'),
        ('a"b', '"a""b"'),
        ("a,b", '"a,b"'),
        ("a\r\nb", "a??b"),
        ("\x1b[31m", "?[31m"),
        (None, ""),
        (7, "7"),
        (amount(-15, 1), "-1.5"),
    ],
)
def test_csv_cell_is_no_formula_and_stays_in_its_cell(value, cell):
    assert csv_line([value]) == cell


def test_json_line_hostile_text_stays_one_line_of_text():
    hostile = 'x"\n\r\x00\u2028},{"a":1'
    line = json_line({"text": plain(hostile.encode())})
    assert "\n" not in line
    assert list(json.loads(line)) == ["text"]
    assert json.loads(json_line({"text": hostile})) == {"text": hostile}


def test_plain_bytes_that_are_no_utf8_are_replaced():
    assert plain(b"ok\xff\xfe\x07") == "ok\ufffd\ufffd?"


def test_times_are_exact_to_the_nanosecond():
    assert time_text(START_NS + 1) == "2023-11-14T22:13:20.000000001Z"
    assert time_text(0) is None
    assert (day(0), day(86_400 * 10**9 - 1), day(86_400 * 10**9)) == (
        "1970-01-01", "1970-01-01", "1970-01-02",
    )  # fmt: skip


def test_place_cut_or_damaged_entry_does_not_count():
    good = place_bytes(5) + place_bytes(9)
    assert last_place([bytearray(good)]) == (9, 2)
    assert last_place([bytearray(good[:-1])]) == (5, 1)
    assert last_place([bytearray(good[:-1] + b"\x01")]) == (5, 2)
    assert last_place([]) == (0, 0)
