"""`venue_sim.<exchange>`: a simulated exchange as an agent, behind the exchange's own protocol.

Owns the market (matching engine, accounts of the desk, background flow) and the protocol server,
and moves bytes between the ports and the server. Background events happen by timer, at most
FLOW_BUDGET in one turn, so that a request never waits long. One fault so far, seeded:
`drop_reply_one_in` accepts an order and loses both its reply and its NEW event; its fills are
told when they come, so the client must ask. Deterministic for a seed and a sequence of inputs.
"""

from __future__ import annotations

import numpy as np

from oms.agents.base import BaseAgent, ConnEvent, HttpMeta, Ports
from oms.config import DeskConfig, SimConfig
from oms.errors import ConfigError
from oms.exchange.engine import Capacity
from oms.exchange.flow import HOUSE_ACCOUNTS, FlowSettings
from oms.exchange.layout_hot import FEE_UNIT
from oms.exchange.live import LiveMarket
from oms.exchange.market import MONEY_DIGITS, Market, parse_decimal, spec_from_config
from oms.exchange.remembered import FILES_READ_MAX, REPORTS_PER_FILE_MAX, RememberedLog
from oms.venues.binance.server import BinanceServer, Close, Ping, Respond
from oms.venues.binance.server_auth import ApiKey
from oms.venues.binance.server_limits import LimitRules

BALANCE_MAX = 10**17
"""10^9 units with eight decimals: all accounts together fit an int64."""
FLOW_BUDGET = 32
"""Background events in one turn."""
NS_PER_ID = 1000
"""Ids begin at the start's microsecond: an exchange that is started again gives none a second time,
and a desk that remembers trades by id would take a new fill for an old one."""
_SMALL = Capacity(orders=1 << 12, levels_per_side=1 << 11, commands=1 << 10)
_IDS = 0
_FAULTS = 1
_ID_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_CHARS = 22


class SimChance:
    """The simulated exchange's own chance: order ids and lost replies, each by its own stream."""

    def __init__(self, config: SimConfig) -> None:
        self._ids = np.random.Generator(np.random.PCG64([config.seed, _IDS, 77]))
        self._faults = np.random.Generator(np.random.PCG64([config.seed, _FAULTS, 77]))
        self._one_in = config.drop_reply_one_in
        self.lost_replies = 0

    def new_id(self) -> str:
        """A client order id as the venue makes them: 22 letters and digits."""
        drawn = self._ids.integers(0, len(_ID_ALPHABET), _ID_CHARS).tolist()
        return "".join(_ID_ALPHABET[k] for k in drawn)

    def lose_reply(self) -> bool:
        if self._one_in <= 0 or self._faults.integers(self._one_in) != 0:
            return False
        self.lost_replies += 1
        return True


def sim_of(config: DeskConfig, exchange: str) -> SimConfig:
    """The config of one simulated exchange, or ConfigError."""
    for sim in config.sims:
        if sim.exchange == exchange:
            return sim
    raise ConfigError(f"sims: the desk has no simulated exchange '{exchange}'; add one to `sims`")


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
        try:
            amount = parse_decimal(text, MONEY_DIGITS)
        except ValueError as error:
            raise ConfigError(f"{where}.balances.{code}: {error}") from None
        if amount > BALANCE_MAX:
            raise ConfigError(f"{where}.balances.{code}: found {text}, required is below 10^9")


def live_market(config: DeskConfig, sim: SimConfig, accounts: int) -> LiveMarket:
    """The market that the config describes, with background flow."""
    size = _SMALL if config.capacity == "small" else Capacity()
    fees = (sim.maker_fee_e6, sim.taker_fee_e6)
    return LiveMarket(
        [spec_from_config(instrument) for instrument in sim.instruments],
        accounts,
        sim.balances,
        fees,
        FlowSettings(sim.seed, sim.flow_events_per_s),
        Capacity(size.orders, size.levels_per_side, accounts + HOUSE_ACCOUNTS, size.commands),
        funded=False,
    )


def address_of(peer: str) -> str:
    """What request weight is counted by: the peer without its port."""
    head, colon, tail = peer.rpartition(":")
    return head if colon and tail.isdigit() else peer


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
        if exchange != "binance":
            raise ConfigError(f"sims: there is no simulated '{exchange}' (known: binance)")
        self.role = f"venue_sim.{exchange}"
        self._sim = sim_of(config, exchange)
        _check(self._sim)
        self._groups = [group for group in config.groups if group.exchange == exchange]
        self._accounts = [account for group in self._groups for account in group.accounts]
        if not self._accounts:
            raise ConfigError(f"groups: no account trades on '{exchange}', which `sims` simulates")
        self._own_market = market is None
        self.market: Market = market or live_market(config, self._sim, len(self._accounts))
        self.chance = SimChance(self._sim)
        self._publishes = publishes
        self._remembered: RememberedLog | None = None
        self._memory_lines = 0
        """Of the journal's last file."""

    def on_start(self, ports: Ports, now_ns: int) -> None:
        self._ports = ports
        if isinstance(self.market, LiveMarket):
            self.market.begin_ids(now_ns // NS_PER_ID)
            if self._own_market:
                self.market.fund()
            self._remember(self.market.remembered, now_ns)
        keys: dict[str, ApiKey] = {}
        for row, account in enumerate(self._accounts):
            key = ports.key(account.key_name)
            keys[key.api_key] = ApiKey(row, key.public_key or key.secret, key.kind)
        rules = LimitRules(orders_per_10s=max(g.orders_per_10s for g in self._groups))
        self.server = BinanceServer(
            self.market,
            keys,
            rules,
            self.chance.new_id,
            self.chance.lose_reply,
            publishes=self._publishes,
        )
        ports.listen(self._sim.host, self._sim.rest_port, "http")
        ports.listen(self._sim.host, self._sim.ws_port, "ws")
        ports.log(
            "info",
            "venue_sim.serving",
            rest_port=self._sim.rest_port,
            ws_port=self._sim.ws_port,
            symbols=len(self.market.specs),
            accounts=len(self._accounts),
            seed=self._sim.seed,
        )
        self.do_work(now_ns)

    def _remember(self, log: RememberedLog, now_ns: int) -> None:
        """Recall the orders of earlier lives; a line that a kill cut is cut off."""
        self._remembered, self._memory = log, self._ports.journal(self.role)
        files = list(self._memory.existing())
        if files and (cut := len(files[-1]) - files[-1].rfind(b"\n") - 1):
            self._memory.truncate(len(files) - 1, len(files[-1]) - cut)
            files[-1] = files[-1][: len(files[-1]) - cut]
        recalled = [line for data in files[-FILES_READ_MAX:] for line in data.splitlines()]
        expired = log.recall(recalled, now_ns)
        self._memory_lines = files[-1].count(b"\n") if files else 0
        self._write_memory()
        self._ports.log("info", "venue_sim.recalled", reports=len(recalled), expired=expired)

    def _write_memory(self) -> None:
        """Before the answers leave: what is told was remembered."""
        if self._remembered is None or not (lines := self._remembered.take_lines()):
            return
        if self._memory_lines >= REPORTS_PER_FILE_MAX:
            self._memory.roll(b"".join(lines))
            self._memory_lines = 0
        else:
            self._memory.append(b"".join(lines))
        self._memory_lines += len(lines)

    def do_work(self, now_ns: int) -> int:
        done = self.market.advance(now_ns, FLOW_BUDGET)
        self.server.tell(now_ns)
        return done + self._flush()

    def _flush(self) -> int:
        self._write_memory()
        out = self.server.take_out()
        for item in out:
            if isinstance(item, Respond):
                self._ports.respond(
                    item.conn, item.request_id, item.status, item.headers, item.body
                )
            elif isinstance(item, Close):
                self._ports.close(item.conn)
            elif isinstance(item, Ping):
                self._ports.ping(item.conn, item.data)
            else:
                self._ports.send(item.conn, item.data)
        return len(out)

    def on_bytes(self, conn: int, data: bytes, now_ns: int, meta: HttpMeta | None = None) -> None:
        if meta is None:
            self.server.on_message(conn, data, now_ns)
        else:
            address = address_of(self._ports.conn_info(conn).get("peer", ""))
            self.server.on_request(conn, meta, data, address, now_ns)
        self._flush()

    def on_conn(self, conn: int, event: ConnEvent, now_ns: int) -> None:
        if event == ConnEvent.OPENED:
            info = self._ports.conn_info(conn)
            address = address_of(info.get("peer", ""))
            self.server.opened(conn, info.get("target", "/"), address, now_ns)
        elif event == ConnEvent.PONG:
            self.server.on_pong(conn, now_ns)
        elif event == ConnEvent.CONTROL:
            self.server.on_control(conn, now_ns)
        else:
            self.server.closed(conn)
        self._flush()

    def next_timer_ns(self) -> int:
        return min(self.market.next_timer_ns(), self.server.next_timer_ns())

    def on_drain(self, now_ns: int) -> None:
        """The exchange serves to the end: its clients must be able to cancel."""
        del now_ns

    def on_close(self, now_ns: int) -> None:
        del now_ns
        self._ports.log("info", "venue_sim.closed", lost_replies=self.chance.lost_replies)
