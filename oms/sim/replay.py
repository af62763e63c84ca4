"""`oms replay`: a recording drives the desk's own agents, and the desk trades on it.

The recording stands behind the venue's protocol (`oms/agents/venue_sim/replay.py`): the feed gets
the recorded bytes, the executor's orders meet a market of recorded liquidity, which they never
change. Fill rules, on the cautious side: `oms/exchange/recorded.py`. After each depth diff that
the feed has used, our book is held against the exchange's own bookTicker. Deterministic: the same
files and seed give the same journal. Pure: the host opens files and paces.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from oms.agents.factory import make_agent
from oms.agents.venue_sim.replay import VenueReplayAgent
from oms.config import DeskConfig, SelfTrade, SimConfig, SimInstrumentConfig
from oms.errors import ConfigError
from oms.exchange.market import spec_from_config
from oms.exchange.recorded import QUEUE_BACK_NO_CANCEL_CREDIT, WALK_REMEMBERED
from oms.instruments import decimal_text
from oms.risk import world_hot as w_
from oms.sim.harness import Harness
from oms.sim.recording import BboOracle, Recording, Survey, ticker_of
from oms.venues.recorded import RecordedReader
from oms.venues.registry import market_data, order_market, recorded_reader
from shm_layout.channels import Capacity, topology
from shm_layout.enums import BookState, PluginState
from shm_layout.records import UNDEF

LATENCY_NS = 1_000_000
"""One way between desk and venue, constant part: a desk that is not beside the exchange."""
WARM_UP_NS = 30_000_000_000
"""Virtual time in which the desk must have connected and reconciled."""
TAIL_NS = 1_000_000_000
"""Virtual time after the last message."""
DRAIN_NS = 20_000_000_000
START_NOTIONAL = 1_000_000
"""Quote units that each account begins with, and again as much in each base."""
_HOST = "127.0.0.1"
_REST_PORT = 8080
_SELF_TRADE: SelfTrade = "none"
"""A recording knows no other orders of ours to prevent."""
_WS_PORT = 9443


def inferred_instruments(found: Survey, reader: RecordedReader) -> list[SimInstrumentConfig]:
    """Instruments from the numbers in the recording: its finest price and quantity are tick and
    lot; minimums are unknown and taken as one lot and no amount."""
    made = []
    for symbol, seen in found.instruments.items():
        base, quote = reader.assets(symbol)
        tick, lot = decimal_text(1, seen.px_scale), decimal_text(1, seen.qty_scale)
        made.append(SimInstrumentConfig(symbol, base, quote, tick, lot, lot, "1000000", "0", tick))
    return made


def start_balances(
    instruments: Sequence[SimInstrumentConfig], recording: Recording, reader: RecordedReader
) -> dict[str, str]:
    """What every account begins with: START_NOTIONAL in each quote and about that in each base."""
    prices = _first_prices(recording, {i.symbol for i in instruments}, reader)
    made = {i.quote: str(START_NOTIONAL) for i in instruments}
    for i in instruments:
        price = prices.get(i.symbol, Decimal(0))
        worth = Decimal(START_NOTIONAL) / price if price > 0 else Decimal(0)
        made[i.base] = f"{worth.quantize(Decimal('0.00000001')):f}"
    return made


def _first_prices(
    recording: Recording, wanted: set[str], reader: RecordedReader
) -> dict[str, Decimal]:
    prices: dict[str, Decimal] = {}
    for _, data in recording.messages():
        if len(prices) == len(wanted):
            break
        seen = reader.see(data)
        if seen is not None and seen.symbol in wanted and (px := reader.trade_px(seen)) is not None:
            prices.setdefault(seen.symbol, Decimal(px))
    return prices


def replay_config(
    desk: DeskConfig,
    instruments: Sequence[SimInstrumentConfig],
    balances: dict[str, str],
    seed: int,
    market: str,
) -> DeskConfig:
    """The desk of `desk`'s config, its strategies and limits, on the recording's instruments."""
    venue = next((v for v in desk.venues if v.name == market), None)
    group = next((g for g in desk.groups if market in g.venues), None)
    if venue is None or group is None:
        raise ConfigError(
            f"replay: the recording is of {market}, which the desk '{desk.name}' does not trade; "
            "name one that does"
        )
    names = tuple(f"{i.base}/{i.quote}" for i in instruments)
    fees = desk.sims[0] if desk.sims else None
    sim = SimConfig(
        group.exchange, _HOST, _REST_PORT, _WS_PORT, seed, tuple(instruments), balances,
        maker_fee_e6=fees.maker_fee_e6 if fees else 1000,
        taker_fee_e6=fees.taker_fee_e6 if fees else 1000, flow_events_per_s=0,
    )  # fmt: skip
    venue = dataclasses.replace(
        venue, stream_url=f"ws://{_HOST}:{_WS_PORT}", rest_url=f"http://{_HOST}:{_REST_PORT}",
        instruments=names, network="sim",
    )  # fmt: skip
    group = dataclasses.replace(
        group, venues=(market,),
        ws_api_url=f"ws://{_HOST}:{_WS_PORT}{urlsplit(group.ws_api_url).path}",
        rest_url=f"http://{_HOST}:{_REST_PORT}", self_trade_prevention=_SELF_TRADE,
    )  # fmt: skip
    traded = tuple(f"{market}:{name}" for name in names)
    accounts = {account.name for account in group.accounts}
    strategies = tuple(
        dataclasses.replace(
            s, instruments=traded, accounts=tuple(name for name in s.accounts if name in accounts)
        )
        for s in desk.strategies
        if accounts & set(s.accounts)
    )
    if not strategies:
        raise ConfigError(f"replay: no strategy of '{desk.name}' trades {market}; add one")
    return dataclasses.replace(
        desk, venues=(venue,), groups=(group,), strategies=strategies, sims=(sim,)
    )


class Replay:
    """One recording through one desk; `run`, then `result`."""

    def __init__(self, config: DeskConfig, recording: Recording, found: Survey) -> None:
        venue, sim = config.venues[0], config.sims[0]
        assert found.market == venue.name, "the desk's config is made for the recording"
        order_market(found.market)
        self.config = config
        self.recording = recording
        self.found = found
        self._reader = recorded_reader(sim.exchange)
        specs = [spec_from_config(i) for i in sim.instruments]
        capacity = dataclasses.replace(Capacity.small(), md_slots=1 << 15, update_slots=1 << 13)
        first_ns = int(recording.recv_ns[0])
        self.harness = Harness(
            topology(
                [venue.name], [config.groups[0].name], [s.name for s in config.strategies], capacity
            ),
            sim.seed,
            first_ns - WARM_UP_NS,
            LATENCY_NS,
        )
        self.venue = VenueReplayAgent(config, sim.exchange, specs, recording.messages())
        self._symbols = [spec.symbol for spec in specs]
        rule = market_data(venue.name).spec.book_rule
        self._oracles = {symbol: BboOracle(rule) for symbol in self._symbols}
        self._rows: dict[int, str] = {}
        self._seen: dict[int, int] = {}
        self.was_live = False
        self._start()

    def _start(self) -> None:
        for role in (r for r in self.config.roles() if r != "watchdog"):
            agent = self.venue if role == self.venue.role else make_agent(self.config, role)
            self.harness.start(role, agent)

    def run(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Play the whole recording; `progress(messages, recorded ns since the first)`."""
        first_ns = self.harness.now_ns
        self.harness.run_while(lambda: self.venue.messages == 0, first_ns + WARM_UP_NS)
        total = len(self.recording)
        tickers = self._tickers()
        told = 0
        while not self.venue.finished:
            if not self.harness.step(self.harness.now_ns + WARM_UP_NS):
                break
            while told < self.venue.messages:
                next(tickers)
                told += 1
            self._compare()
            if progress is not None:
                progress(self.venue.messages, self.harness.now_ns)
        self.harness.run_until(self.harness.now_ns + TAIL_NS)
        self._compare()
        for oracle in self._oracles.values():
            oracle.finish()
        self._drain()
        assert self.venue.messages == total or not self.was_live

    def _tickers(self) -> Any:
        """Gives the oracles each bookTicker as its message goes out."""
        scales = self.found.instruments
        for _, data in self.recording.messages():
            seen = self._reader.see(data)
            best = self._reader.best(seen) if seen is not None else None
            if seen is not None and best is not None and seen.symbol in self._oracles:
                known = scales[seen.symbol]
                ticker = ticker_of(best, known.px_scale, known.qty_scale)
                self._oracles[seen.symbol].on_ticker(ticker)
            yield

    def _compare(self) -> None:
        """Hold each book that has taken a diff since the last look against the bookTicker."""
        table = self.harness.table(f"feed.{self.found.market}").rows
        for row, symbol in self._known_rows().items():
            update_id = int(table["last_update_id"][row])
            if update_id == self._seen.get(row):
                continue
            first = self._seen.get(row, 0) == 0
            self._seen[row] = update_id
            live = int(self.harness.table("top").rows["state"][row]) == BookState.LIVE
            self.was_live = self.was_live or live
            if live and not first:
                self._oracles[symbol].on_diff(update_id, self._best(row, symbol))

    def _known_rows(self) -> dict[int, str]:
        if len(self._rows) < len(self._symbols):
            instruments = self.harness.table("instruments").rows
            for row in range(len(instruments)):
                symbol = bytes(instruments["symbol"][row]).decode()
                if symbol in self._oracles:
                    self._rows[row] = symbol
        return self._rows

    def _best(self, row: int, symbol: str) -> tuple[int, int, int, int]:
        """Our best prices at the oracle's scales."""
        instrument = self.harness.table("instruments").rows[row]
        known = self.found.instruments[symbol]
        px = 10 ** (int(instrument["px_scale"]) - known.px_scale)
        qty = 10 ** (int(instrument["qty_scale"]) - known.qty_scale)
        books: Any = self.harness.agents["aggregator"]
        bid_px, bid_qty, ask_px, ask_qty = books.books.best(row)
        return (
            bid_px // px if bid_px != UNDEF else 0, bid_qty // qty,
            ask_px // px if ask_px != UNDEF else 0, ask_qty // qty,
        )  # fmt: skip

    def _drain(self) -> None:
        """An orderly end: no new orders, the open ones are cancelled."""
        for role in (r for r in self.config.roles() if r.startswith("strategy.")):
            self.harness.drain(role)
        self.harness.drain("risk")
        risk: Any = self.harness.agents["risk"]
        self.harness.run_while(lambda: not risk.drained(), self.harness.now_ns + DRAIN_NS)
        journaler = self.harness.agents.get("journaler")
        if journaler is not None:
            self.harness.drain("journaler")
            self.harness.run_while(lambda: not journaler.drained(), self.harness.now_ns + DRAIN_NS)

    # What came of it

    def result(self) -> dict[str, Any]:
        """The figures of `oms replay --json`; amounts as decimal text."""
        risk: Any = self.harness.agents["risk"]
        feed = self.harness.table(f"feed.{self.found.market}").rows
        state = risk.arrays.state
        journal = hashlib.sha256(b"".join(bytes(f) for f in self.harness.journals["risk"]))
        positions = self.positions()
        return {
            "messages": self.venue.messages,
            "level_updates": int(feed["level_updates"].sum()),
            "gaps": int(feed["gaps"].sum()),
            "resyncs": int(feed["resyncs"].sum()),
            "bbo_comparisons": sum(o.compared for o in self._oracles.values()),
            "bbo_disagreements": sum(o.disagreed for o in self._oracles.values()),
            "orders": int(state[w_.ST_ORDER_COUNT]),
            "fills": int(state[w_.ST_FILLS]),
            "maker_fills": sum(p["maker_fills"] for p in positions),
            "taker_fills": sum(p["taker_fills"] for p in positions),
            "open_orders_left": int(state[w_.ST_OPEN_COUNT]),
            "unknown_seen": int(state[w_.ST_UNKNOWN_SEEN]),
            "unknown_resolved": int(state[w_.ST_UNKNOWN_RESOLVED]),
            "failed_strategies": self.failures(),
            "positions": positions,
            "pnl": {p["instrument"]: p["pnl"] for p in positions},
            "fill_rules": {"maker": QUEUE_BACK_NO_CANCEL_CREDIT, "taker": WALK_REMEMBERED},
            "journal_hash": journal.hexdigest(),
        }

    def failures(self) -> dict[str, str]:
        """Strategies whose plugin has failed, and why."""
        rows = {
            s.name: self.harness.table(f"plugin.{s.name}").rows[0] for s in self.config.strategies
        }
        return {
            name: bytes(row["reason"]).decode("utf-8", "replace")
            for name, row in rows.items()
            if int(row["state"]) == PluginState.FAILED
        }

    def differences(self) -> list[str]:
        """The first disagreements, in words."""
        return [text for o in self._oracles.values() for text in o.differences]

    def positions(self) -> list[dict[str, Any]]:
        """Position and P&L per strategy and instrument, valued at the last mid."""
        out = []
        instruments = self.harness.table("instruments").rows
        currencies = self.harness.table("currencies").rows
        tops = self.harness.table("top").rows
        strategies = self.harness.table("strategies").rows
        for row in self.harness.table("positions").rows:
            if int(row["seq"]) == 0:
                continue
            i = int(row["instrument_id"])
            instrument = instruments[i]
            quote_scale = int(currencies["scale"][int(instrument["quote_currency_id"])])
            base_scale = int(currencies["scale"][int(instrument["base_currency_id"])])
            mid2 = int(tops["bid_px"][i]) + int(tops["ask_px"][i])
            qty = int(row["qty"])
            divisor = int(instrument["notional_divisor"])
            fee_base = int(row["fee_base"])
            base_unit = 10 ** (base_scale - int(instrument["qty_scale"]))
            worth = mid2 * (qty * base_unit - fee_base) // (2 * divisor * base_unit)
            pnl = int(row["cash"]) - int(row["fee_quote"]) + worth
            out.append(
                {
                    "strategy": bytes(strategies["name"][int(row["strategy_id"])]).decode(),
                    "instrument": bytes(instrument["name"]).decode(),
                    "qty": decimal_text(qty, int(instrument["qty_scale"])),
                    "cash": decimal_text(int(row["cash"]), quote_scale),
                    "fee_quote": decimal_text(int(row["fee_quote"]), quote_scale),
                    "fee_base": decimal_text(fee_base, base_scale),
                    "pnl": decimal_text(pnl, quote_scale),
                    "volume": decimal_text(int(row["volume_quote"]), quote_scale),
                    "maker_fills": int(row["maker_fills"]),
                    "taker_fills": int(row["taker_fills"]),
                }
            )
        return out
