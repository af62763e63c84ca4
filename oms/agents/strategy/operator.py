"""`strategy.operator`: a person's orders, on the way of every strategy's.

They come from the control socket and go as intents through the same ring kind, the same checks and
the same journal, under the reserved strategy name `operator`, with who asked (`asked_by`). Every
account of the desk can be meant; the operator has a row of the table of strategies for each. Risk
lets the operator cancel any strategy's order, and nobody else's rules are looser for it. Amounts
come and go as decimal text; what is not exact at the instrument's scales is refused, not rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oms import ids
from oms.agents.strategy import turn_hot as hot_
from oms.agents.strategy.agent import StrategyAgent
from oms.agents.strategy.orders import Update
from oms.config import OPERATOR, DeskConfig
from oms.ids import COUNT_MAX
from oms.orders.states import TERMINAL
from oms.ports import Ports, by_whom
from oms.strategies.base import Instrument
from oms.venues.shared.decimal_text import from_text, to_text
from shm_layout.enums import (
    Action,
    OrderState,
    OrderType,
    RejectReason,
    Side,
    TimeInForce,
)
from shm_layout.records import UNDEF

OUTCOMES_MAX = 1024
CANCELS_MAX = 128
"""Of one `cancel --all`; the ring of a small desk takes 256 intents."""
_PID_BITS = 32
_NAMED_MAX = 20
"""Accounts that an error names."""
_OPEN_STATES = [int(s) for s in OrderState if s and s not in TERMINAL]


class AskError(ValueError):
    """What a person asked for cannot be made an intent; the text says why."""


@dataclass(slots=True)
class Outcome:
    """What became of one intent, by risk's updates."""

    instrument_id: int
    order_id: int = 0
    state: OrderState = OrderState.UNSET
    """UNSET: risk has not decided yet."""
    reason: RejectReason = RejectReason.UNSET
    text: str = ""
    cum_qty: int = 0
    fills: list[dict[str, str]] = field(default_factory=list)


class OperatorAgent(StrategyAgent):
    """See the module's text."""

    live_only = False  # it asks, and risk refuses with the reason
    mid_unknown = UNDEF

    control_verbs: tuple[str, ...] = (
        "order_place",
        "order_cancel",
        "order_cancel_all",
        "order_status",
    )

    def __init__(self, config: DeskConfig) -> None:
        super().__init__(config, OPERATOR)
        self._outcomes: dict[int, Outcome] = {}

    def on_start(self, ports: Ports, now_ns: int) -> None:
        """Rings as for any strategy, and risk's table of all orders."""
        super().on_start(ports, now_ns)
        self._order_table = ports.table_reader("orders")
        self._names = ports.table_reader("strategies")

    def on_control(self, verb: str, fields: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """Orders placed, cancelled and looked at; a refusal is a sentence under `error`."""
        self._now_ns = now_ns
        if not self._started or self._draining:
            return {"error": "the desk is not ready for orders; see `oms status`"}
        try:
            if verb == "order_place":
                return self._place(fields)
            if verb == "order_cancel":
                return self._cancel(self._order_row(fields), fields)
            if verb == "order_cancel_all":
                return self._cancel_all(fields)
            return self._status(fields)
        except (AskError, ValueError) as error:
            return {"error": f"order: {error}"}

    def _account_name(self, account_id: int) -> str:
        row = self._account_table.read(account_id)
        return str(account_id) if row is None else bytes(row["name"]).decode()

    # Placing

    def _place(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        instrument = self._instrument_of(str(fields.get("instrument") or ""))
        account_id = self._account_of(str(fields.get("account") or ""), instrument)
        kind = _word(fields, "type", OrderType, OrderType.LIMIT)
        default = TimeInForce.IOC if kind is OrderType.MARKET else TimeInForce.GTC
        tif = _word(fields, "time_in_force", TimeInForce, default)
        side = _word(fields, "side", Side, None)
        qty = _amount(fields, "qty", instrument.qty_scale, instrument.lot)
        quote = _amount(fields, "quote_qty", instrument.quote_scale, 1)
        px = _amount(fields, "px", instrument.px_scale, instrument.tick)
        if (qty == UNDEF) == (quote == UNDEF):
            raise AskError("required is a quantity, or a quote amount for a market order")
        if (kind is OrderType.MARKET) != (px == UNDEF):
            raise AskError("a limit order needs a price, and a market order takes none")
        if quote != UNDEF and kind is not OrderType.MARKET:
            raise AskError("a quote amount is for market orders")
        shown = {
            "account": self._account_name(account_id),
            "instrument": f"{instrument.venue}:{instrument.name}", "side": side.name,
            "type": kind.name, "time_in_force": tif.name,
            "qty": _shown(qty, instrument.qty_scale), "px": _shown(px, instrument.px_scale),
            "quote_qty": _shown(quote, instrument.quote_scale),
        }  # fmt: skip
        if fields.get("dry_run") is True:
            return {"order": shown}
        intent_id = self._write(
            Action.NEW, instrument.id, account_id, fields, (side, kind, tif), (px, qty, quote)
        )
        return {"order": shown, "intent_id": intent_id}

    def _instrument_of(self, name: str) -> Instrument:
        found = [i for full, i in self.instruments.items() if name in (full, i.name)]
        if len(found) != 1:
            known = ", ".join(self.instruments)
            if not found:
                raise AskError(f"there is no instrument '{name[:60]}' (known: {known})")
            raise AskError(f"more than one market has instrument '{name[:60]}' (known: {known})")
        return found[0]

    def _account_of(self, name: str, instrument: Instrument) -> int:
        """The account that a person named, or the only one that trades on this market."""
        group = self.config.groups[self.config.group_of_venue(instrument.venue)]
        known = [account.name for account in group.accounts]
        shown = ", ".join(known[:_NAMED_MAX]) + (" …" if len(known) > _NAMED_MAX else "")
        if not name and len(known) > 1:
            raise AskError(
                f"{instrument.venue} is traded on {len(known)} accounts, required is which: "
                f"--account NAME (known: {shown})"
            )
        if name and name not in known:
            raise AskError(
                f"account: found {name[:60]!r}, required is one that trades on "
                f"{instrument.venue} (known: {shown})"
            )
        return self.account_ids[name or known[0]]

    def _write(
        self,
        action: Action,
        instrument_id: int,
        account_id: int,
        fields: Mapping[str, Any],
        shape: tuple[int, int, int] = (0, 0, 0),
        amounts: tuple[int, int, int] = (UNDEF, UNDEF, UNDEF),
        target_client_order_id: int = 0,
    ) -> int:
        """An intent into the ring; its number. `shape` is side, type and time in force, `amounts`
        are price, quantity and quote amount."""
        uid, pid = by_whom(fields)
        self._write_as(account_id)
        self._params.data[hot_.P_ASKED_BY] = uid << _PID_BITS | pid
        done = hot_.write_intent(
            self._handle, self._book.intent_id + 1, instrument_id, action, *shape, *amounts,
            target_client_order_id, self._now_ns,
        )  # fmt: skip
        if done != hot_.WRITTEN:
            raise AskError("risk does not take intents now: its ring is full; see `oms status`")
        intent_id = self._book.next_intent()
        while len(self._outcomes) >= OUTCOMES_MAX:
            del self._outcomes[next(iter(self._outcomes))]
        self._outcomes[intent_id] = Outcome(instrument_id)
        return intent_id

    # Cancelling

    def _order_row(self, fields: Mapping[str, Any]) -> Any:
        """Risk's row of the order that a person means."""
        text = str(fields.get("client_order_id") or "")
        order_id = ids.from_text(self._system_id(), text) or 0
        if text.isascii() and text.isdecimal() and len(text) < 20:
            order_id = int(text)
        index = (order_id & COUNT_MAX) & (len(self._order_table.rows) - 1)
        row = self._order_table.read(index) if order_id else None
        if row is None or int(row["client_order_id"]) != order_id:
            raise AskError(f"no order '{text[:40]}' is known; see `oms orders`")
        return row

    def _system_id(self) -> int:
        row = self._account_table.read(0)
        return 0 if row is None else int(row["system_id"])

    def _cancel(self, row: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        if int(row["state"]) not in _OPEN_STATES:
            state = OrderState(int(row["state"])).name
            raise AskError(f"it is over ({state}), so there is nothing to cancel")
        if fields.get("dry_run") is True:
            return {"order": self._order_shown(row)}
        account_id = int(row["account_id"])
        intent_id = self._write(
            Action.CANCEL, int(row["instrument_id"]), account_id, fields,
            target_client_order_id=int(row["client_order_id"]),
        )  # fmt: skip
        return {"order": self._order_shown(row), "intent_id": intent_id}

    def _cancel_all(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Every order that is open, whichever strategy's; of one account where one is named."""
        rows = self._order_table.rows
        meant = (rows["client_order_id"] > 0) & np.isin(rows["state"], _OPEN_STATES)
        name = str(fields.get("account") or "")
        if name:
            if name not in self.account_ids:
                known = ", ".join(self.accounts[:_NAMED_MAX])
                raise AskError(f"account: found {name[:60]!r}, required is one of {known}")
            meant &= rows["account_id"] == self.account_ids[name]
        found = np.flatnonzero(meant)
        asked = []
        for index in found[:CANCELS_MAX].tolist():
            row = self._order_table.read(index)
            if row is not None and int(row["state"]) in _OPEN_STATES:
                asked.append(self._cancel(row, fields))
        return {"orders": asked, "left_out": max(len(found) - CANCELS_MAX, 0)}

    # What became of it

    def _take_update(self, update: Update, now_ns: int) -> None:
        outcome = self._outcomes.get(update.intent_id)
        if outcome is not None:
            self._note(outcome, update)
        super()._take_update(update, now_ns)

    def _note(self, outcome: Outcome, update: Update) -> None:
        outcome.order_id = update.client_order_id
        outcome.state = OrderState(update.state)
        outcome.reason = RejectReason(update.reason)
        outcome.cum_qty = update.cum_qty
        outcome.text = update.text.rstrip(b"\0").decode("utf-8", "replace")
        instrument = self._by_id(outcome.instrument_id)
        if update.last_qty and instrument is not None:
            outcome.fills.append({
                "qty": to_text(update.last_qty, instrument.qty_scale),
                "px": to_text(update.last_px, instrument.px_scale),
            })  # fmt: skip

    def _by_id(self, instrument_id: int) -> Instrument | None:
        return next((i for i in self.instruments.values() if i.id == instrument_id), None)

    def _status(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Of an order by its id, or of an intent that was written for a person."""
        if "client_order_id" in fields:
            return {"order": self._order_shown(self._order_row(fields))}
        outcome = self._outcomes.get(int(fields.get("intent_id") or 0))
        if outcome is None:
            raise AskError("no such intent is known since this process began; see `oms orders`")
        instrument = self._by_id(outcome.instrument_id)
        scale = instrument.qty_scale if instrument is not None else 0
        return {
            "state": outcome.state.name if outcome.state else "WAITING",
            "reason": outcome.reason.name if outcome.reason else "",
            "text": outcome.text,
            "client_order_id": self._id_text(outcome.order_id),
            "cum_qty": to_text(outcome.cum_qty, scale),
            "fills": outcome.fills,
        }

    def _id_text(self, order_id: int) -> str:
        return ids.to_text(self._system_id(), order_id) if order_id else ""

    def _strategy_name(self, row: int) -> str:
        found = self._names.read(row)
        return str(row) if found is None else bytes(found["name"]).decode()

    def _order_shown(self, row: Any) -> dict[str, Any]:
        instrument = self._by_id(int(row["instrument_id"]))
        px_scale = instrument.px_scale if instrument is not None else 0
        qty_scale = instrument.qty_scale if instrument is not None else 0
        strategy = int(row["strategy_id"])
        return {
            "client_order_id": self._id_text(int(row["client_order_id"])),
            "strategy": self._strategy_name(strategy),
            "account": self._account_name(int(row["account_id"])),
            "instrument": "" if instrument is None else f"{instrument.venue}:{instrument.name}",
            "side": Side(int(row["side"])).name,
            "type": OrderType(int(row["order_type"])).name,
            "time_in_force": TimeInForce(int(row["time_in_force"])).name,
            "px": _shown(int(row["px"]), px_scale),
            "qty": _shown(int(row["qty"]), qty_scale),
            "cum_qty": to_text(int(row["cum_qty"]), qty_scale),
            "leaves_qty": to_text(max(int(row["qty"]) - int(row["cum_qty"]), 0), qty_scale),
            "state": OrderState(int(row["state"])).name,
            "reason": RejectReason(int(row["reason"])).name if int(row["reason"]) else "",
        }


def _shown(value: int, scale: int) -> str:
    return "" if value == UNDEF else to_text(value, scale)


def _word(fields: Mapping[str, Any], name: str, kind: Any, default: Any) -> Any:
    """A member of an enum by its name, in any case."""
    given = str(fields.get(name) or "").upper().replace("-", "_")
    if not given and default is not None:
        return default
    known = [member.name for member in kind if member]
    if given not in known:
        raise AskError(f"{name}: found {given[:20]!r}, required is one of {', '.join(known)}")
    return kind[given]


def _amount(fields: Mapping[str, Any], name: str, scale: int, step: int) -> int:
    """Decimal text at a scale, a multiple of its step; UNDEF where it is not given."""
    given = fields.get(name)
    if given is None or given == "":
        return UNDEF
    try:
        value = from_text(str(given), scale)
    except ValueError:
        value = 0
    if value <= 0:
        raise AskError(
            f"{name}: found {str(given)[:40]!r}, required is a number above 0 with at most "
            f"{scale} digits behind the point"
        )
    if step > 0 and value % step:
        raise AskError(
            f"{name}: found {str(given)[:40]!r}, required is a multiple of {to_text(step, scale)}"
        )
    return value
