"""A real desk for chaos: started by the command, watched by its shared memory, judged at its end.

The judge is the exchange: its own lists of orders and trades, asked over REST with the account's
key, against the desk's journal. Lost: a trade or an order's end that the desk does not know.
Doubled: one id twice at the exchange, or one trade twice in the journal. Orphan: an order at the
exchange that no journal names.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from oms import ids
from oms.errors import ExitCode
from oms.journal.reader import Recovery, read_journal
from procs.cli.parts.look import Look
from procs.config.files import load_desk, running_config
from procs.files.locks import Owner, living_owner
from procs.files.paths import DeskPaths
from shm_layout import segment
from shm_layout.enums import ExecKind, OrderState, RecordType
from tests.procs.desks import ROOT, ask_exchange

WATCHDOG_S = 120
START_WATCHDOG_S = 9000
"""A start may have to compile everything first: 90 s from an empty cache."""
SYMBOLS = ("BTCUSDT", "ETHUSDT")
PAGE = 1000
ENDED = {OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED}
AT_VENUE = {
    "FILLED": OrderState.FILLED, "CANCELED": OrderState.CANCELED, "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED, "REJECTED": OrderState.REJECTED,
}  # fmt: skip
KEEPER, SUPERVISOR = "keeper", "supervisor"
PROBE = """
[[strategies]]
name = "probe"
plugin = "probe:Probe"
accounts = ["main"]
instruments = ["binance.spot:BTC/USDT", "binance.spot:ETH/USDT"]
"""


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MEXOMS_LANG": "en"}
ENVIRONMENT.pop("MEXOMS_JIT", None)
"""As a person has it: how the trials themselves run their kernels is not the desk's matter."""


class HungError(AssertionError):
    """What should have happened did not, a hundred times longer than it takes."""


@dataclass
class Verdict:
    """What the exchange's lists say of the desk's journal."""

    orders: int = 0
    trades: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    def trouble(self) -> list[str]:
        """Every promise that was broken; a run without orders and trades tried nothing."""
        found = [
            f"{len(names)} {what}: {', '.join(names[:3])}"
            for what, names in (
                ("lost", self.lost), ("doubled", self.doubled), ("orphans", self.orphans)
            )
            if names
        ]  # fmt: skip
        if not self.orders or not self.trades:
            found.append(f"nothing was tried: {self.orders} orders, {self.trades} trades")
        return found


def write_config(folder: Path) -> Path:
    """The demonstration desk with a probe beside its market maker, room for its orders, and a core
    map made for this machine."""
    configs = folder / "configs"
    shutil.copytree(ROOT / "configs", configs)
    shutil.copy(Path(__file__).parent / "probe.py", configs / "probe.py")
    desk = configs / "desk.demo.toml"
    text = desk.read_text()
    desk.write_text(text.replace('host = "two-core"', 'host = "auto"') + PROBE)
    for name, old, new in (
        ("exchanges/binance.toml", "orders_per_10s = 100", "orders_per_10s = 2000"),
        ("risk/demo.toml", "max_orders_per_s = 50", "max_orders_per_s = 200"),
    ):
        path = configs / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
    return desk


class ChaosDesk:
    """One desk in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = write_config(folder)
        self.data = folder / "desk"
        self.config = load_desk(self.file, str(self.data))
        self.paths = DeskPaths.of(self.config)
        self.processes = tuple(process.name for process in self.config.host.processes)
        self.passed: dict[int, int] = {}

    # Commands

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "procs.cli.main", *words, str(self.file),
             "--data-dir", str(self.data)],
            cwd=ROOT, env=ENVIRONMENT,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def sim(self, *words: str) -> tuple[int, str]:
        """`oms sim …` on the desk's exchange."""
        return self.oms("sim", *words, "--config")

    def oms(self, *words: str, watchdog_s: int = WATCHDOG_S) -> tuple[int, str]:
        """(exit code, what was said)."""
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=watchdog_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate()
            raise HungError(f"oms {' '.join(words)} hangs") from error
        return process.returncode, out + err

    def up(self) -> None:
        code, said = self.oms("up", watchdog_s=START_WATCHDOG_S)
        assert code == ExitCode.OK, said
        self.look = Look(running_config(self.paths), self.paths)
        self.updates = self.look.memory.onlooker("updates")
        self.updates.skip_to_end()
        self.until("a first order", lambda: self.sent_after(0))

    # Watching

    def until(self, what: str, holds, watchdog_s: float = WATCHDOG_S):
        """Look every 2 ms until it is true."""
        deadline = time.monotonic() + watchdog_s
        while not (found := holds()):
            if time.monotonic() > deadline:
                raise HungError(f"never seen: {what}")
            select.select([], [], [], 0.002)
        return found

    def owner(self, name: str) -> Owner | None:
        path = self.paths.desk_lock if name == KEEPER else self.paths.process_lock(name)
        return living_owner(path)

    def is_back(self, name: str, before: Owner) -> bool:
        """Is there a successor that works?"""
        owner = self.owner(name)
        if owner is None or owner == before:
            return False
        if name == SUPERVISOR:
            return self.look.supervised()
        if name == KEEPER:
            return True
        row = next((row for row in self.look.processes() if row["name"] == name), None)
        if row is None:  # a supervisor was killed while it wrote this row; the next one writes it
            return False
        return row["incarnation"] == owner.epoch and row["state"] == "ready"

    def is_ready(self, name: str) -> bool:
        """Does its living incarnation work, whatever is said of the ones before?"""
        owner = self.owner(name)
        row = next((row for row in self.look.processes() if row["name"] == name), None)
        return owner is not None and row is not None and row["incarnation"] == owner.epoch

    def answered(self) -> list[int]:
        """When risk passed each order that the exchange answered since the last look (our clock,
        ns). What was not sent or has no answer is not among them."""
        rows = self.updates.poll(4096)
        self.updates.release(len(rows))
        found = []
        for row in rows:
            order_id, kind = int(row["client_order_id"]), int(row["kind"])
            if kind == ExecKind.UNSET and int(row["state"]) == OrderState.PENDING_NEW:
                self.passed[order_id] = int(row["ts_ns"])
            elif kind in (ExecKind.ACK, ExecKind.FILL) and order_id in self.passed:
                found.append(self.passed.pop(order_id))
        return found

    def sent_after(self, wall_ns: int) -> int:
        """When risk passed the first order after a moment that was answered; 0 = none yet."""
        return min((ns for ns in self.answered() if ns >= wall_ns), default=0)

    def recoveries(self, killed: dict[str, tuple[Owner, int]]) -> dict[str, tuple[int, int]]:
        """Of processes that were killed at about the same time (who each was, and when, ns): from
        its kill to its successor's readiness, and to the first order after that, in ns."""
        ready: dict[str, int] = {}
        sent: dict[str, int] = {}

        def all_seen() -> bool:
            for name, (before, _) in killed.items():
                if name not in ready and self.is_back(name, before):
                    ready[name] = time.time_ns()
            for passed_ns in self.answered():
                for name, ready_ns in ready.items():
                    if passed_ns >= ready_ns:
                        sent.setdefault(name, passed_ns)
            return len(sent) == len(killed)

        self.until(f"successors of {', '.join(killed)}, and an order after that", all_seen)
        return {name: (ready[name] - ns, sent[name] - ns) for name, (_, ns) in killed.items()}

    def log(self, name: str) -> list[dict]:
        lines = []
        for path in sorted(self.paths.logs.glob(f"{name}.jsonl*"), reverse=True):
            lines += [json.loads(line) for line in path.read_text().splitlines()]
        return lines

    # The exchange

    def ask(self, what: str, **params: object) -> list[dict]:
        return ask_exchange(self.paths, what, timeout_s=30, **params)

    def pages(self, what: str, first: str, of: str, symbol: str) -> list[dict]:
        """The whole list, page by page."""
        found: list[dict] = []
        at = 0
        while True:
            rows = self.ask(what, symbol=symbol, limit=PAGE, **{first: at})
            found += rows
            if len(rows) < PAGE:
                return found
            at = int(rows[-1][of]) + 1

    def settle(self) -> None:
        """No new order, nothing open: latched, proved empty at the exchange, nothing unknown."""
        code, said = self.oms("kill", "--reason", "end of chaos", "--timeout", "90s")
        assert code == ExitCode.OK, said
        self.until("every order ended", lambda: not self.look.orders())

    def judge(self) -> Verdict:
        """After `settle`: ask the exchange, end the desk, read its journal."""
        orders = [row for s in SYMBOLS for row in self.pages("allOrders", "orderId", "orderId", s)]
        trades = [(s, row) for s in SYMBOLS for row in self.pages("myTrades", "fromId", "id", s)]
        account = self.look.memory.table_reader("accounts").read(0)
        assert account is not None
        system_id = int(account["system_id"])
        self.down()
        return compare(orders, trades, system_id, self.records())

    def records(self) -> list:
        files = [path.read_bytes() for path in sorted(self.paths.journal.glob("risk-*.mxj"))]
        return list(read_journal(files, Recovery()))

    # The end

    def down(self) -> None:
        code, said = self.oms("down")
        assert code == ExitCode.OK, said

    def clean(self) -> None:
        """End whatever lives, whatever happened, and its memory."""
        for name in (KEEPER, SUPERVISOR, *self.processes):
            owner = self.owner(name)
            if owner is not None:
                with contextlib.suppress(ProcessLookupError):
                    owner.signal(signal.SIGKILL)
                    owner.wait(WATCHDOG_S)
        for name in segment.existing(self.paths.segments):
            (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)


def compare(orders: list[dict], trades: list, system_id: int, records: list) -> Verdict:
    """The exchange's lists against the journal's records."""
    verdict = Verdict(orders=len(orders), trades=len(trades))
    journaled, filled, last = set(), Counter(), {}
    for record in records:
        kind = int(record["type"])
        if kind == RecordType.ORDER_ROW:
            journaled.add(int(record["client_order_id"]))
        elif kind == RecordType.ORDER_UPDATE and int(record["client_order_id"]):
            last[int(record["client_order_id"])] = record
            if int(record["kind"]) == ExecKind.FILL:
                filled[int(record["instrument_id"]), int(record["exec_key_low"])] += 1
    named = Counter(row["clientOrderId"] for row in orders)
    verdict.doubled += [name for name, count in named.items() if count > 1]
    verdict.doubled += [f"trade {key}" for key, count in filled.items() if count > 1]
    instrument_of = {}
    for row in orders:
        order_id = ids.from_text(system_id, row["clientOrderId"])
        if order_id not in journaled:
            verdict.orphans.append(row["clientOrderId"])
            continue
        mine = last[order_id]
        instrument_of[row["symbol"]] = int(mine["instrument_id"])
        state = OrderState(int(mine["state"]))
        if state is not AT_VENUE.get(row["status"]):
            verdict.lost.append(f"{order_id} is {row['status']}, ours says {state.name}")
        ratio = Decimal(int(mine["qty"])) / Decimal(row["origQty"])
        if Decimal(int(mine["cum_qty"])) != Decimal(row["executedQty"]) * ratio:
            verdict.lost.append(f"{order_id} filled {row['executedQty']}, ours {mine['cum_qty']}")
    theirs = {ids.from_text(system_id, name) for name in named}
    verdict.lost += [
        f"{order_id} is {OrderState(int(record['state'])).name}, and the exchange has none"
        for order_id, record in last.items()
        if int(record["state"]) in ENDED and order_id not in theirs
    ]
    listed = {(instrument_of.get(symbol, -1), int(row["id"])) for symbol, row in trades}
    verdict.lost += [f"trade {key}" for key in listed - set(filled)]
    verdict.doubled += [f"trade {key} is not the exchange's" for key in set(filled) - listed]
    return verdict
