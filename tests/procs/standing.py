"""A desk's shared memory and lock without its processes: what reading commands attach to."""

import os
import time

from oms import ids
from procs.cli.main import main
from procs.config.files import load_desk
from procs.config.ports import choose_ports
from procs.files.locks import FileLock, Owner
from procs.files.paths import DeskPaths
from procs.memory import desk_topology
from shm_layout import segment
from shm_layout.enums import (
    BookState,
    Hop,
    OrderState,
    OrderType,
    ProcessState,
    Side,
    TimeInForce,
    Venue,
    Wait,
)
from shm_layout.records import UNDEF
from shm_layout.ring import RingWriter
from shm_layout.table import TableWriter
from tests.procs.desks import DEMO

SYSTEM_ID = 77


class StandingDesk:
    """The demonstration desk; this process holds its lock and writes every table."""

    def __init__(self, folder):
        self.folder = folder
        self.config = choose_ports(load_desk(DEMO, str(folder)))
        self.paths = DeskPaths.of(self.config)
        self.paths.make()
        self.paths.effective_config.write_text(self.config.text())
        self.topology = desk_topology(self.config)
        self.made = {
            (shape.kind, shape.name): segment.create(self.paths.segments, shape)
            for shape in segment.shapes(self.topology)
        }
        self.locks = [
            FileLock(self.paths.desk_lock),
            FileLock(self.paths.process_lock("supervisor")),
        ]
        self.locks += [
            FileLock(self.paths.process_lock(p.name)) for p in self.config.host.processes
        ]
        self.write_processes()
        for index, strategy in enumerate(self.config.strategies):
            self.table("strategies").write(
                index, strategy_id=index, in_config=1, name=strategy.name.encode()
            )

    def table(self, name):
        memory = self.made["table", name].table_memory()
        return TableWriter(self.topology.tables[name], memory, 1)

    def ring(self, name):
        channel = self.topology.channels[name]
        return RingWriter(channel, self.made["ring", name].ring_memory(), None, 1)

    def write_processes(self):
        now = time.monotonic_ns()
        for index, process in enumerate(self.config.host.processes):
            row = {
                "pid": os.getpid(), "state": int(ProcessState.READY),
                "wait": int(Wait.PARK), "core": process.core, "heartbeat_ns": now, "loops": 10,
                "work": 12_345, "name": process.name.encode(),
            }  # fmt: skip
            self.table("processes").write(index, **row)
            self.table(f"process.{process.name}").write(0, **row)
        me = Owner.me()
        row = {
            "state": int(ProcessState.READY), "heartbeat_ns": now, "pid": me.pid,
            "start_ticks": me.start_ticks,
        }  # fmt: skip
        self.table("processes").write(len(self.config.host.processes), **row)

    def write_market(self, state=BookState.LIVE):
        """BTC/USDT: scales 4 and 7, three bids and two asks around 65000.00."""
        now = time.time_ns()
        self.table("currencies").write(0, currency_id=0, scale=8, code=b"BTC")
        self.table("currencies").write(1, currency_id=1, scale=8, code=b"USDT")
        self.table("instruments").write(
            0, instrument_id=0, venue=Venue.BINANCE_SPOT, trading=1, px_scale=4, qty_scale=7,
            base_currency_id=0, quote_currency_id=1, notional_divisor=1000, tick=100, lot=100,
            symbol=b"BTCUSDT", name=b"BTC/USDT",
        )  # fmt: skip
        px = [650_000_000, 649_999_900, 649_999_800]
        bids, asks = px + [0] * 17, [650_000_100, 650_000_300] + [0] * 18
        qty = [10_000_000] * 20
        self.table("top").write(
            0, instrument_id=0, state=state, venue=Venue.BINANCE_SPOT, version=5, ts_recv_ns=now,
            bid_px=bids[0], bid_qty=qty[0], ask_px=asks[0], ask_qty=qty[0],
        )  # fmt: skip
        self.table("books").write(
            0, instrument_id=0, state=state, venue=Venue.BINANCE_SPOT, version=5, ts_recv_ns=now,
            bid_count=3, ask_count=2, bid_px=bids, bid_qty=qty, ask_px=asks, ask_qty=qty,
        )  # fmt: skip
        self.table("feed.binance.spot").write(
            0, instrument_id=0, state=state, messages=1000, connects=1, ts_recv_ns=now,
        )  # fmt: skip

    def write_order(self, count=1, state=OrderState.OPEN, strategy_id=0, amount=None):
        self.table("accounts").write(
            0, account_id=0, group=0, reconciled=1, enabled=1, name=b"main", system_id=SYSTEM_ID
        )
        order_id = ids.client_order_id(1, count)
        self.table("orders").write(
            count, client_order_id=order_id, state=state, side=Side.BUY, account_id=0,
            order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, px=649_990_000 + count,
            qty=76_900 if amount is None else UNDEF, quote_qty=UNDEF if amount is None else amount,
            cum_qty=0, strategy_id=strategy_id, instrument_id=0,
            venue_order_id=b"4711", ts_decide_ns=time.time_ns() - 3_000_000_000,
        )  # fmt: skip
        return ids.to_text(SYSTEM_ID, order_id)

    def write_position(self):
        """0.5 BTC bought at 64000, 10 USDT of fees: at mid 65000.005 a gain of some 490."""
        scale = 10**8
        self.table("positions").write(
            0, strategy_id=0, account_id=0, instrument_id=0, fills=2, maker_fills=2,
            qty=5_000_000, cash=-32_000 * scale, fee_quote=10 * scale, volume_quote=32_000 * scale,
            open_buy_qty=76_900, edge_sum_e4=4000,
        )  # fmt: skip

    def write_latency(self, owner, hop, count, cycles):
        rows = self.table(f"latency.{owner}").rows
        rows["seq"][hop] = 2
        rows["hop"][hop] = int(Hop(hop))
        rows["count"][hop] = count
        rows["max_cycles"][hop] = cycles
        rows["buckets"][hop, 60] = count

    def oms(self, *words):
        return main([*words, "--data-dir", str(self.folder)])

    def close(self):
        for lock in self.locks:
            lock.close()
        for name in segment.existing(self.paths.segments):
            (segment.SHM_DIR / name[1:]).unlink(missing_ok=True)
