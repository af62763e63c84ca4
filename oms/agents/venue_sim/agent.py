"""`venue_sim.<exchange>`: a simulated exchange as an agent, behind the exchange's own protocol.

Owns the market (matching engine, accounts of the desk, background flow) and the protocol server;
`Wire` moves bytes between the ports and the server, through the faults in force. Background events
happen by timer, at most FLOW_BUDGET in one turn, so that a request never waits long. A control port
takes faults and questions (`control.py`). Deterministic for a seed and a sequence of inputs.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from oms.agents.base import BaseAgent
from oms.agents.venue_sim.control import Control
from oms.agents.venue_sim.wire import Wire
from oms.agents.watchdog.sweep import watchdog_key
from oms.config import DeskConfig, SimConfig
from oms.errors import ConfigError
from oms.exchange.engine.engine import Capacity
from oms.exchange.engine.layout_hot import FEE_UNIT
from oms.exchange.faults import Faults, FaultSpec
from oms.exchange.filters import EXCHANGE_BOUNDS
from oms.exchange.flow import HOUSE_ACCOUNTS, FlowSettings
from oms.exchange.live import LiveMarket
from oms.exchange.market import MONEY_DIGITS, Market, assets_of, spec_from_config
from oms.exchange.remembered import FILES_READ_MAX, REPORTS_PER_FILE_MAX, RememberedLog
from oms.instruments import TooLargeError, parse_decimal
from oms.ports import NEVER, ConnEvent, HttpMeta, Ports
from oms.venues.registry import served_exchange
from oms.venues.server import ServeSettings
from oms.venues.serving.keyring import ApiKey
from oms.venues.shared.decimal_text import to_fixed
from shm_layout.limits import TEXT_CHARS_MAX

BALANCE_MAX = 10**17
"""10^9 units with eight decimals: all accounts together fit an int64."""
FLOW_BUDGET = 32
"""Background events in one turn."""
NS_PER_ID = 1000
"""Ids begin at the start's microsecond: an exchange that is started again gives none a second time,
and a desk that remembers trades by id would take a new fill for an old one."""
_SMALL = Capacity(orders=1 << 12, levels_per_side=1 << 11, commands=1 << 10)
_IDS = 0
_MILLION = 1_000_000
_ID_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_CHARS = 22


class SimChance:
    """The simulated exchange's own chance, for order ids; faults have theirs."""

    def __init__(self, seed: int) -> None:
        self._ids = np.random.Generator(np.random.PCG64([seed, _IDS, 77]))

    def new_id(self) -> str:
        """An id as exchanges make them: 22 letters and digits."""
        drawn = self._ids.integers(0, len(_ID_ALPHABET), _ID_CHARS).tolist()
        return "".join(_ID_ALPHABET[k] for k in drawn)


def sim_of(config: DeskConfig, exchange: str) -> SimConfig:
    """The config of one simulated exchange, or ConfigError."""
    for sim in config.sims:
        if sim.exchange == exchange:
            return sim
    raise ConfigError(f"sims: the desk has no simulated exchange '{exchange}'; add one to `sims`")


def control_key(exchange: str) -> str:
    """Name of the key whose secret is the control port's token."""
    return f"sim.{exchange}.control"


def _check(sim: SimConfig) -> None:
    """Refuse, in one sentence, what the types of SimConfig let through."""
    where = f"sims.{sim.exchange}"
    for name in ("drop_reply_one_in", "flow_events_per_s"):
        if getattr(sim, name) < 0:
            raise ConfigError(f"{where}.{name}: found {getattr(sim, name)}, required is >= 0")
    for name in ("maker_fee_e6", "taker_fee_e6"):
        if not 0 <= getattr(sim, name) < FEE_UNIT:
            found = getattr(sim, name)
            raise ConfigError(f"{where}.{name}: found {found}, required is 0 to {FEE_UNIT - 1}")
    symbols = [instrument.symbol for instrument in sim.instruments]
    if not symbols or len(set(symbols)) != len(symbols):
        raise ConfigError(f"{where}.instruments: found {symbols}, required are distinct symbols")
    for code, text in sim.balances.items():
        if _amount(f"{where}.balances.{code}", text) > BALANCE_MAX:
            raise ConfigError(f"{where}.balances.{code}: found {text}, required is below 10^9")
    traded = {code for one in sim.instruments for code in (one.base, one.quote)}
    for code, text in sim.asset_limits.items():
        if code not in traded:
            raise ConfigError(
                f"{where}.asset_limits.{code}: no instrument trades it, required is one of "
                f"{', '.join(sorted(traded))}"
            )
        if not 0 < _amount(f"{where}.asset_limits.{code}", text) <= BALANCE_MAX:
            raise ConfigError(
                f"{where}.asset_limits.{code}: found {text}, required is above 0 and below 10^9"
            )


def _amount(where: str, text: str) -> int:
    """Money as decimal text, as an integer; ConfigError in one sentence where it is none. What is
    too much for an integer is beyond every bound."""
    try:
        return parse_decimal(text, MONEY_DIGITS)
    except TooLargeError:
        return BALANCE_MAX + 1
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def live_market(config: DeskConfig, sim: SimConfig, accounts: int) -> LiveMarket:
    """The market that the config describes, with background flow."""
    size = _SMALL if config.capacity == "small" else Capacity()
    fees = (sim.maker_fee_e6, sim.taker_fee_e6)
    specs = [spec_from_config(instrument) for instrument in sim.instruments]
    assets = assets_of(specs, tuple(sim.balances))
    limits = tuple(
        (assets.index(code), parse_decimal(text, MONEY_DIGITS))
        for code, text in sim.asset_limits.items()
    )
    return LiveMarket(
        specs,
        accounts,
        sim.balances,
        fees,
        FlowSettings(sim.seed, sim.flow_events_per_s),
        Capacity(size.orders, size.levels_per_side, accounts + HOUSE_ACCOUNTS, size.commands),
        bounds=dataclasses.replace(EXCHANGE_BOUNDS, assets=limits),
        funded=False,
    )


class VenueSimAgent(BaseAgent):
    """One simulated exchange; `market` replaces the matching engine (a recording)."""

    def __init__(
        self,
        config: DeskConfig,
        exchange: str,
        market: Market | None = None,
        *,
        publishes: bool = True,
    ) -> None:
        self._served = served_exchange(exchange)
        self.role = f"venue_sim.{exchange}"
        self._sim = sim_of(config, exchange)
        _check(self._sim)
        self._groups = [group for group in config.groups if group.exchange == exchange]
        self._accounts = [account for group in self._groups for account in group.accounts]
        if not self._accounts:
            raise ConfigError(f"groups: no account trades on '{exchange}', which `sims` simulates")
        self._config = config
        self._own_market = market is None
        self.market: Market = market or live_market(config, self._sim, len(self._accounts))
        self._now_ns = 0
        self._control_listener = 0
        self._publishes = publishes
        self._remembered: RememberedLog | None = None
        self._memory_lines = 0
        """Of the journal's last file."""

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self._ports = ports
        sim = self._sim
        self._open_market(now_ns)
        ports.listen(sim.host, sim.rest_port, "http")
        ports.listen(sim.host, sim.ws_port, "ws")
        if sim.control_port >= 0:
            token = ports.key(control_key(sim.exchange)).secret.decode()
            self._control = Control(self, token)
            self._control_listener = ports.listen(sim.host, sim.control_port, "http")
        ports.log(
            "info",
            "venue_sim.serving",
            rest_port=sim.rest_port,
            ws_port=sim.ws_port,
            control_port=sim.control_port,
            symbols=len(self.market.specs),
            accounts=len(self._accounts),
            seed=sim.seed,
        )
        self.do_work(now_ns)

    def _open_market(self, now_ns: int) -> None:
        """The protocol before the market, and the faults between it and its clients."""
        ports = self._ports
        self._now_ns = now_ns
        self._since_ns = now_ns
        if isinstance(self.market, LiveMarket):
            self.market.begin_ids(now_ns // NS_PER_ID)
            if self._own_market:
                self.market.fund()
            self._remember(self.market.remembered, now_ns)
        keys: dict[str, ApiKey] = {}
        for row, account in enumerate(self._accounts):
            for name in (account.key_name, watchdog_key(account)):
                key = ports.key(name)
                keys[key.api_key] = ApiKey(row, key.public_key or key.secret, key.kind)
        self.faults = Faults(self._sim.seed)
        if self._sim.drop_reply_one_in:
            often = _MILLION // self._sim.drop_reply_one_in
            self.faults.add(FaultSpec("drop_reply", probability_e6=often), now_ns)
        settings = ServeSettings(
            keys,
            max(group.orders_per_10s for group in self._groups),
            SimChance(self._sim.seed).new_id,
            lambda: self.faults.drops_reply(self._now_ns),
            publishes=self._publishes,
        )
        self.server = self._served.serve(self.market, settings)
        self.wire = Wire(ports, self.server, self._served.words, self.faults, self._write_memory)

    def _remember(self, log: RememberedLog, now_ns: int) -> None:
        """Recall the orders of earlier lives; a line that a kill cut is cut off."""
        self._remembered, self._memory = log, self._ports.journal(self.role)
        files = list(self._memory.existing())
        if files and (cut := len(files[-1]) - files[-1].rfind(b"\n") - 1):
            self._memory.truncate(self._memory.begun() - 1, len(files[-1]) - cut)
            files[-1] = files[-1][: len(files[-1]) - cut]
        read = b"".join(files[-FILES_READ_MAX:])
        expired = log.recall(read, now_ns)
        self._memory_lines = files[-1].count(b"\n") if files else 0
        self._write_memory()
        self._ports.log("info", "venue_sim.recalled", reports=read.count(b"\n"), expired=expired)

    def _write_memory(self) -> None:
        """Before the answers leave: what is told was remembered."""
        if self._remembered is None or not (lines := self._remembered.take_lines()):
            return
        if self._memory_lines >= REPORTS_PER_FILE_MAX:
            self._memory.roll(b"".join(lines))
            self._memory_lines = 0
            self._memory.drop_before(max(0, self._memory.begun() - FILES_READ_MAX))
        else:
            self._memory.append(b"".join(lines))
        self._memory_lines += len(lines)

    def do_work(self, now_ns: int) -> int:
        self._now_ns = now_ns
        done = self.market.advance(now_ns, FLOW_BUDGET) + self.wire.work(now_ns)
        self.server.tell(self.wire.clock(now_ns))
        self._write_memory()  # a fill of a resting order, of which nobody is told
        self.wire.flush(now_ns)
        return done

    def on_bytes(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None) -> None:
        self._now_ns = now_ns
        listener = self._control_listener
        if meta is not None and listener and self._listener_of(conn) == listener:
            status, body = self._control.answer(
                meta.method, meta.target, meta.headers, data, now_ns
            )
            headers = {"Content-Type": "application/json"}
            self._ports.respond(conn, meta.request_id, status, headers, body)
        else:
            self.wire.took(conn, data, now_ns, meta)

    def _listener_of(self, conn: int) -> int:
        return int(self._ports.conn_info(conn).get("listener") or 0)

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        self._now_ns = now_ns
        if event == ConnEvent.OPENED:
            self.wire.opened(conn, now_ns)
        elif event in (ConnEvent.PONG, ConnEvent.CONTROL):
            self.wire.control(conn, now_ns, pong=event == ConnEvent.PONG)
        else:
            self.wire.closed(conn, now_ns)

    def next_timer_ns(self) -> int:
        shift_ns = self.faults.clock_shift_ns(self._now_ns)
        server_ns = self.server.next_timer_ns()
        server_ns = server_ns if server_ns == NEVER else server_ns - shift_ns
        return min(self.market.next_timer_ns(), server_ns, self.wire.next_timer_ns())

    def on_drain(self, now_ns: int) -> None:
        """The exchange serves to the end: its clients must be able to cancel."""
        del now_ns

    def on_close(self, now_ns: int) -> None:
        del now_ns
        self._ports.log("info", "venue_sim.closed", requests=self.wire.requests)

    # What the control port asks

    def status(self, now_ns: int) -> dict[str, Any]:
        """Everything about the exchange that `oms sim status` shows."""
        sim, limits, clock_ns = self._sim, self.server.limits, self.wire.clock(now_ns)
        return {
            "exchange": sim.exchange,
            "seed": sim.seed,
            "up_ms": (now_ns - self._since_ns) // _MILLION,
            "requests": self.wire.requests,
            "symbols": [spec.symbol for spec in self.market.specs],
            "connections": [
                {
                    "conn": conn,
                    "link": link.kind,
                    "target": link.target[:TEXT_CHARS_MAX],
                    "peer": link.peer,
                    "age_ms": (now_ns - link.since_ns) // _MILLION,
                    "silent": self.faults.is_silent(conn),
                }
                for conn, link in self.wire.links.items()
            ],
            "accounts": [
                {
                    "name": account.name,
                    "open_orders": len(self.market.log.open_orders(row, None)),
                    "order_counts": limits.order_counts(row, clock_ns),
                    "balances": self._balances(row),
                }
                for row, account in enumerate(self._accounts)
            ],
            "weights": limits.used_weights(clock_ns),
            "faults": self.faults.listed(now_ns),
        }

    def _balances(self, row: int) -> dict[str, list[str]]:
        """Asset -> free and locked, as decimal text."""
        pairs = zip(self.market.assets, self.market.balances(row), strict=True)
        return {
            asset: [to_fixed(free, MONEY_DIGITS), to_fixed(locked, MONEY_DIGITS)]
            for asset, (free, locked) in pairs
            if free or locked
        }

    def book_of(self, symbol: str, limit: int) -> dict[str, Any]:
        """The best levels of a symbol; ConfigError for one that is not listed."""
        names = [spec.symbol for spec in self.market.specs]
        if symbol not in names:
            raise ConfigError(f"no symbol '{symbol[:40]}' (listed: {', '.join(names)})")
        row = names.index(symbol)
        spec, book = self.market.specs[row], self.market.book(row, limit)
        bids, asks = ([], []) if book is None else (book.bids, book.asks)
        return {
            "symbol": symbol,
            "update_id": 0 if book is None else book.update_id,
            **{
                name: [
                    [to_fixed(px, spec.px_digits), to_fixed(qty, spec.qty_digits)]
                    for px, qty in side
                ]
                for name, side in (("bids", bids), ("asks", asks))
            },
        }

    def add_fault(self, spec: FaultSpec, now_ns: int) -> int:
        number = self.faults.add(spec, now_ns)
        self.wire.cut_refused(now_ns)
        self._ports.log("warning", "venue_sim.fault", number=number, **dataclasses.asdict(spec))
        return number

    def clear_faults(self, number: int) -> list[int]:
        return self.faults.clear(number)

    def faults_listed(self, now_ns: int) -> list[dict[str, Any]]:
        return self.faults.listed(now_ns)

    def seed(self) -> int:
        return self._sim.seed

    def begin_anew(self, seed: int, now_ns: int) -> None:
        """As if the exchange were started again with that seed: connections end, what rested is
        expired, and no id comes twice."""
        if not isinstance(self.market, LiveMarket):
            raise ConfigError("a recording has no seed")
        for conn in tuple(self.wire.links):
            self.wire.cut(conn, now_ns)
        self._sim = dataclasses.replace(self._sim, seed=seed)
        self.market = live_market(self._config, self._sim, len(self._accounts))
        self._open_market(now_ns)
        self._ports.log("warning", "venue_sim.begun_anew", seed=seed)
