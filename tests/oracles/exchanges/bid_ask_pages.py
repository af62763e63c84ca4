"""The `bid`/`ask` dialect's order sides against the material: what both exchanges have in common.

A `Pages` is made for one exchange; its module adds what is that exchange's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oms.venues.data import Way
from oms.venues.orders import Link, OrderSide
from oms.venues.reports import Ask, Fill, HttpCall, Listed, Notice, OrderView, Stamp, Verdict, Want
from oms.venues.shared.bid_ask.named_errors import UNLISTED, Names
from oms.venues.shared.jwt import decoded
from shm_layout.enums import OrderType, SelfTrade, Side, TimeInForce
from tests.oracles.base import Outcome
from tests.oracles.canonical import (
    MARKET_DATA,
    ORDER_ID,
    UNSAID,
    AnyDesk,
    command,
    instrument_of,
    judged_as,
    unified,
    units,
)
from tests.oracles.divergences import Divergences
from tests.oracles.exchanges import bid_ask
from tests.oracles.exchanges.bid_ask import SIDES, Json, loads, parts_of, parts_of_call
from tests.oracles.exchanges.kinds import Quirks

DESK = AnyDesk()
STAMP = Stamp(1_790_000_000_000, 1, "00000000-0000-4000-8000-000000000001")
PRIVATE_TYPES = frozenset({"myOrder", "myAsset"})
_SELF_TRADE = {"reduce": SelfTrade.DECREMENT, "cancel_maker": SelfTrade.CANCEL_MAKER,
               "cancel_taker": SelfTrade.CANCEL_TAKER, "none": SelfTrade.NONE}  # fmt: skip
_TIMES = {"ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}


@dataclass
class Pages:
    """One exchange."""

    name: str
    side: OrderSide
    names: Names
    stamped: bool
    """Tokens hold the time."""
    type_name: str
    wants: Mapping[tuple[str, str], Want]
    """(method, path) -> what our side asks for by it."""
    other_paths: Mapping[str, str]
    """Beginnings of paths that are never asked for -> the reason in QUIRKS.md."""
    ticks_path: str
    """A public call whose rows hold present ticks."""
    compare_event: Callable[[str, Any, Json, Outcome], None]
    """Of a `myOrder` event: (where, what was read, the event, outcome)."""
    notices: Mapping[str, str]
    """Kind of a private frame that is no order -> kind of its notice."""
    quirks: Quirks = field(init=False)
    ccxt: Divergences = field(init=False)
    pages: Divergences = field(init=False)
    link: Link = field(init=False)

    def __post_init__(self) -> None:
        self.quirks = Quirks(self.name)
        self.ccxt, self.pages = Divergences(self.name), Divergences(self.name)
        (self.link,) = self.side.links(("a",), {})

    @property
    def market(self) -> str:
        """The name of its market."""
        return next(iter(self.side.markets))

    # A client library

    def ccxt_request(self, head: Json, case: Json, outcome: Outcome) -> None:
        """Their token again, then our request for the same order."""
        where = f"{self.name} {case['call']} {case['args']}"
        for request in case["requests"]:
            pair = bid_ask.token_again(head, request, stamped=self.stamped)
            if pair is not None and pair[0] == pair[1]:
                outcome.agreed += 1
            elif pair is not None:
                ours, theirs = (_claims(one) for one in pair)
                self.ccxt.compare(f"{where}, token", case["call"], ours, theirs, outcome)
        made = unified(case["call"], case["args"], self.market, STAMP)
        call = None if made.ask is None else self.side.ask(made.ask, Way.REST, STAMP)
        if call is None or not isinstance(call.body, HttpCall):
            self.quirks.unsupported(outcome, made.reason or UNSAID)
            return
        first = case["requests"][0]
        theirs = parts_of(first["http_method"], first["url"], first["body"])
        theirs = {name: value for name, value in theirs.items() if name not in made.passed}
        self.ccxt.compare(where, case["call"], parts_of_call(call.body), theirs, outcome)

    def ccxt_error(self, row: Json, classes: frozenset[str], outcome: Outcome) -> None:
        """A word without a blank is a name; a sentence is a message under an unknown name."""
        match = row["match"]
        status = 401 if "AuthenticationError" in classes else 400
        name = "unheard_of" if " " in match else match
        body = json.dumps({"error": {"name": name, "message": match}}).encode()
        ask = Ask(Want.PLACE, "a", client_order_id=ORDER_ID)
        found = self.side.judge(ask, self.names.item(status, body))
        outcome.compare(f"{self.name} error {match!r}", judged_as(found, classes), True)

    def ccxt_response(self, line: Json, outcome: Outcome) -> None:
        """A reply by its path alone."""
        if not self.by_path(line["path"], outcome):
            outcome.skip(f"{self.name} {line['path']}: no reader")

    # Documents

    def by_path(self, path: str, outcome: Outcome) -> bool:
        """Whether this is of a call that the order side does not make; it is counted then."""
        for prefix, reason in self.other_paths.items():
            if path.startswith(prefix) and path != self.ticks_path:
                self.quirks.unsupported(outcome, reason)
                return True
        return False

    def rest(self, where: str, line: Json, outcome: Outcome) -> None:
        """A line about a REST call."""
        kind, raw = line["kind"], line["raw"]
        method, path = line.get("method"), line.get("path")
        if path is None:
            if kind.startswith("rest error"):
                self._generic_error(where, line, outcome)
                return
            method, path = kind.removeprefix("rest ").split(",")[0].split()[:2]
        path = path.partition("?")[0]
        if self.by_path(path, outcome):
            return
        if kind.startswith("rest request"):
            self.page_request(where, path, loads(raw), outcome)
            return
        ask = self.ask_of(method or "", path)
        if ask is None:
            outcome.skip(f"{self.name} {method} {path}: no such ask")
        elif kind.startswith("rest error"):
            self.page_error(where, ask, line, outcome)
        else:
            self.page_reply(where, ask, line, outcome)

    def ask_of(self, method: str, path: str) -> Ask | None:
        """What our side asks for by a call."""
        if (method, path) == ("GET", self.ticks_path):
            return Ask(Want.LISTING, market=self.market, values={"codes": "KRW-BTC"})
        want = self.wants.get((method, path))
        orders = (command(target_client_order_id=ORDER_ID),) if want is Want.REPLACE else ()
        return None if want is None else Ask(want, "a", self.market, orders=orders)

    def page_reply(self, where: str, ask: Ask, line: Json, outcome: Outcome) -> None:
        """A reply read, against its own texts."""
        raw = line["raw"]
        given = loads(raw)
        if isinstance(given, dict) and ask.want is Want.OPEN_ORDERS and "data" not in given:
            given, raw = [given], f"[{raw}]"
        reply = self.side.read_http(ask, line.get("status") or 200, {}, raw.encode(), DESK)
        if ask.want is Want.BALANCES:
            bid_ask.compare_balances(where, reply.rows, given, outcome)
        elif ask.want is Want.FEES:
            compare_chance(where, reply.rows, given, outcome)
        elif ask.want is Want.KEY:
            outcome.compare(where, all(row["access_key"] for row in given), True)
        elif ask.want is Want.LISTING:
            self.compare_listing(where, ask, reply.rows, given, outcome)
        else:
            rows = given["data"] if isinstance(given, dict) and "data" in given else given
            compare_orders(where, reply, rows if isinstance(rows, list) else [rows], outcome)

    def compare_listing(
        self, where: str, ask: Ask, rows: Sequence[Listed], given: Any, outcome: Outcome
    ) -> None:
        """Names, quotes, and what else a row says of its pair."""
        warned = {True, "CAUTION"}
        outcome.compare(
            where,
            [(row.symbol, row.quote, row.status == "WARNING") for row in rows],
            [
                (row["market"], row["market"].partition("-")[0],
                 row.get("market_warning") in warned
                 or row.get("market_event", {}).get("warning", False) in warned)
                for row in given
            ],
        )  # fmt: skip
        ticks = [row["tick_size"] for row in given if "tick_size" in row]
        if ticks:
            outcome.compare(f"{where}, ticks", [row.tick for row in rows], ticks)

    def page_error(self, where: str, ask: Ask, line: Json, outcome: Outcome) -> None:
        """A named error is listed and refuses; a number for a name is a question's refusal."""
        name = loads(line["raw"])["error"]["name"]
        (item,) = self.side.read_http(ask, line["status"], {}, line["raw"].encode(), DESK).items
        found = self.side.judge(ask, item)
        if not isinstance(name, str):
            outcome.compare(where, (item.code, found.verdict), (UNLISTED, Verdict.REFUSED))
            return
        expected = Verdict.NOT_FOUND if name == "order_not_found" else Verdict.REFUSED
        if ask.want in {Want.CANCEL, Want.CANCEL_ALL} and expected is Verdict.NOT_FOUND:
            expected = Verdict.NOT_OPEN
        listed = item.code == self.names.code(name) != UNLISTED
        outcome.compare(where, (listed, found.verdict), (True, expected))

    def _generic_error(self, where: str, line: Json, outcome: Outcome) -> None:
        """The form alone: the name stands in the item's words."""
        error = loads(line["raw"])["error"]
        item = self.names.item(line["status"], line["raw"].encode())
        outcome.compare(where, item.text, f"{error['name']} {error['message']}")

    def page_request(self, where: str, path: str, body: Json, outcome: Outcome) -> None:
        """A page's order, placed by us."""
        if self.wants.get(("POST", path)) not in {Want.PLACE, Want.TEST_ORDER}:
            outcome.skip(f"{self.name} {path}: no such request")
            return
        want = self.wants["POST", path]
        instrument = _instrument(body["market"])
        ask = Ask(want, "a", self.market, instrument, (self.page_order(body),))
        self.compare_request(where, "page", ask, path, body, outcome)

    def compare_request(
        self, where: str, call: str, ask: Ask, path: str, body: Json, outcome: Outcome
    ) -> None:
        """Our request of an ask, against a page's body."""
        made = self.side.ask(ask, Way.REST, STAMP)
        if made is None or not isinstance(made.body, HttpCall):
            outcome.differ(f"{where}: is not sent")
            return
        theirs = parts_of("POST", path, json.dumps(body))
        self.pages.compare(where, call, parts_of_call(made.body), theirs, outcome)

    def page_order(self, body: Json, prefix: str = "") -> Any:
        """The order that a page's body places, in canonical words."""
        kind, time = body[f"{prefix}{self.type_name}"], body.get(f"{prefix}time_in_force")
        words: dict[str, Any] = {
            "side": SIDES[body.get("side", "bid")],
            "order_type": OrderType.LIMIT, "time_in_force": _TIMES.get(time, TimeInForce.GTC),
            "self_trade": _SELF_TRADE.get(body.get(f"{prefix}smp_type", ""), SelfTrade.UNSET),
        }  # fmt: skip
        price, volume = body.get(f"{prefix}price"), body.get(f"{prefix}volume")
        if time == "post_only":
            words["order_type"] = OrderType.POST_ONLY
        elif kind == "best":
            words["order_type"] = OrderType.BEST
        elif kind != "limit":
            words |= {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.IOC}
        if kind == "price" or (kind == "best" and words["side"] is Side.BUY):
            words["quote_qty"] = units(price)
        else:
            words |= {"px": units(price), "qty": units(volume) if volume != "remain_only" else 0}
        return command(**words)

    # Frames

    def sent_frame(self, where: str, frame: Any, outcome: Outcome) -> None:
        """A subscription of ours holds every private type that the page subscribes; codes are left
        out, which means every pair."""
        types = {part["type"] for part in frame if "type" in part}
        if not types or not types <= PRIVATE_TYPES:
            self.quirks.unsupported(outcome, MARKET_DATA)
            return
        made = self.side.ask(self.side.greet(self.link, STAMP)[0], Way.SOCKET, STAMP)
        assert made is not None
        assert isinstance(made.body, bytes)
        ours = loads(made.body.decode())
        theirs = [{"type": part["type"]} for part in frame if "type" in part]
        outcome.compare(where, [part in ours for part in theirs], [True] * len(theirs))

    def error_frame(self, where: str, given: Json, outcome: Outcome) -> None:
        """`{"error":{…}}`, or the name and cause out of which one is made here."""
        name = given.get("name") or given["error"]["name"]
        made = given if "error" in given else {"error": {"name": name, "message": given["cause"]}}
        found = self.side.read(self.link, json.dumps(made).encode(), DESK)
        heard = [(notice.kind, notice.text.split()[0]) for notice in found.notices]
        outcome.compare(where, heard, [("refused", name)])

    def received(self, where: str, raw: str, outcome: Outcome) -> None:
        """A frame of the private socket, or of the public one, which is another message to us."""
        given = loads(raw)
        found = self.side.read(self.link, raw.encode(), DESK)
        kind = given.get("type") or given.get("method") or given.get("status")
        if kind == "myOrder":
            self.compare_event(where, found, given, outcome)
        elif kind == "myAsset":
            rows = [balance for _, balance in found.balances]
            bid_ask.compare_balances(where, rows, given["assets"], outcome)
        elif kind in self.notices:
            outcome.compare(where, [n.kind for n in found.notices], [self.notices[kind]])
        else:
            outcome.compare(where, found.notices, (Notice("other", text=kind or ""),))
            self.quirks.unsupported(outcome, MARKET_DATA)


def _claims(token: str) -> dict[str, str]:
    found = json.loads(decoded(token.split(".")[1]))
    return {name: str(value) for name, value in found.items()}


def _instrument(symbol: str) -> Any:
    quote, _, base = symbol.partition("-")
    return instrument_of(f"{base}/{quote}")


def compare_orders(where: str, reply: Any, rows: Sequence[Json], outcome: Outcome) -> None:
    """Order rows of an answer with their trades."""
    views = [item.order for item in reply.items if item.order is not None] or [
        row for row in reply.rows if isinstance(row, OrderView)
    ]
    outcome.compare(f"{where}, rows", len(views), len(rows))
    for view, row in zip(views, rows, strict=False):
        bid_ask.compare_view(where, view, row, outcome)
    fills = [row for row in reply.rows if isinstance(row, Fill)]
    trades = [trade for row in rows for trade in row.get("trades", ())]
    outcome.compare(f"{where}, trades", len(fills), len(trades))
    for fill, trade in zip(fills, trades, strict=False):
        bid_ask.compare_fill(where, fill, trade, outcome)


def compare_chance(where: str, rows: Any, given: Json, outcome: Outcome) -> None:
    """Fees by side, bounds, state."""
    buy, sell, listed = rows
    market = given["market"]
    outcome.compare(
        where,
        (buy.maker, buy.taker, sell.maker, sell.taker, listed.min_notional, listed.max_notional,
         listed.tick),
        (given["maker_bid_fee"], given["bid_fee"], given["maker_ask_fee"], given["ask_fee"],
         market["bid"]["min_total"], market["max_total"], market["bid"].get("price_unit", "")),
    )  # fmt: skip
    outcome.compare(f"{where}, state", listed.status == "TRADING", market["state"] == "active")
