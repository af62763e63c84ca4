"""`oms order place|cancel|amend`: a person's orders, on the way of every strategy's."""

from __future__ import annotations

import argparse
import time
from decimal import Decimal
from typing import Any

from oms.config import OPERATOR, DeskConfig
from oms.errors import ConfigError, ExitCode
from procs.cli.parts.common import print_json, running_desk
from procs.cli.run import duration_s
from procs.config.files import DEFAULT_CONFIG
from procs.control_client import CommandRefusedError, ControlLink
from procs.files.paths import DeskPaths
from procs.here import here, tell
from procs.memory import process_of

_LOOK_S = 0.02
_WOULD = {
    "place": "would go", "cancel": "would be cancelled", "amend": "would take its place",
}  # fmt: skip
_OVER = ("FILLED", "CANCELED", "REJECTED", "EXPIRED")

EXAMPLES = """\
examples:
  oms order place BTC/USDT buy 0.001 64000             rests at 64000 until it is filled
  oms order place BTC/USDT buy 0.001 64000 --type post-only
  oms order place BTC/USDT sell 0.001 --market
  oms order place BTC/USDT buy 0.001 64000 --tif ioc --dry-run
  oms order place BTC/USDT buy 0.001 64000 --account sub1
  oms order cancel m0000a000000000001                  any order of the desk, a strategy's, too
  oms order cancel --all                               of the desk, or with --account of one
  oms order amend m0000a000000000001 --px 64100

Orders go through the limits, the journal and the executor as the strategy 'operator', on the
account that --account names; where a market is traded on one account alone, that is meant.
Binance spot changes no price of an order: amend cancels, waits for the exchange's word, and places
what was left of it anew on the same account, so it loses its place in the queue, and is gone where
the new one is refused.

exit code 0: done; 11: refused, with the reason; 1: no outcome in time (it is asked for; see
`oms orders`); 5: the desk does not run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb and its three actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    place = _action(actions, "place", "place one order and wait for its outcome")
    place.add_argument("instrument", help="BTC/USDT, or binance.spot:BTC/USDT")
    place.add_argument("side", help="buy or sell")
    place.add_argument("qty", nargs="?", help="base quantity")
    place.add_argument("px", nargs="?", help="price; none for a market order")
    place.add_argument("--account", help="on which account; needed where a market has several")
    place.add_argument("--market", action="store_true", help="the same as --type market")
    place.add_argument("--type", default="limit", help="limit, post-only or market")
    place.add_argument("--quote", help="a market order by its amount in the quote currency")
    place.add_argument("--tif", default="", help="gtc, ioc or fok")
    cancel = _action(actions, "cancel", "cancel one order, or all")
    cancel.add_argument("order", nargs="?", help="its client order id, as `oms orders` shows it")
    cancel.add_argument("--all", action="store_true", help="every open order of the desk")
    cancel.add_argument("--account", help="with --all: only the orders of this account")
    amend = _action(actions, "amend", "replace an open order: cancel, then place anew")
    amend.add_argument("order", help="its client order id")
    amend.add_argument("--px", help="the new price")
    amend.add_argument("--qty", help="the new quantity, with what is filled already")


def _action(actions: Any, name: str, line: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = actions.add_parser(
        name, help=line, description=line, epilog=here(EXAMPLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("--config", help=f"the desk's TOML file (default: {DEFAULT_CONFIG})")
    made.add_argument("--data-dir", help="use this directory instead of the config's data_dir")
    made.add_argument("--wait", default="5s", help="how long to wait for the outcome (5s)")
    made.add_argument("--dry-run", action="store_true", help="check it; nothing is sent")
    made.add_argument("--json", action="store_true", help="one JSON object")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Carry it out; see EXAMPLES for the codes."""
    config, paths = running_desk(arguments)
    desk = _Desk(config, paths, duration_s(arguments.wait, "--wait"), dry_run=arguments.dry_run)
    with desk.link:
        if arguments.action == "place":
            found = desk.place(_asked(arguments))
        elif arguments.action == "cancel":
            found = _cancel(desk, arguments)
        else:
            found = desk.amend(arguments.order, arguments.px, arguments.qty)
    if arguments.json:
        print_json(found)
    else:
        _print(found, arguments.action, dry_run=arguments.dry_run)
    if found["outcome"] == "refused":
        return ExitCode.REFUSED
    return ExitCode.FAILED if found["outcome"] == "waiting" else ExitCode.OK


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    kind = "market" if arguments.market or arguments.quote else arguments.type
    if arguments.quote and arguments.qty:
        raise ConfigError("order place: found a quantity and --quote, required is one of them")
    return {
        "account": arguments.account, "instrument": arguments.instrument, "side": arguments.side,
        "qty": arguments.qty, "px": arguments.px, "quote_qty": arguments.quote, "type": kind,
        "time_in_force": arguments.tif,
    }  # fmt: skip


def _cancel(desk: _Desk, arguments: argparse.Namespace) -> dict[str, Any]:
    if bool(arguments.order) == arguments.all:
        raise ConfigError("order cancel: required is an order's id, or --all")
    if arguments.account and not arguments.all:
        raise ConfigError("order cancel: --account goes with --all; an id names its order alone")
    return desk.cancel_all(arguments.account) if arguments.all else desk.cancel(arguments.order)


class _Desk:
    """The operator's agent of a running desk, and what it says of our orders."""

    def __init__(
        self, config: DeskConfig, paths: DeskPaths, wait_s: float, *, dry_run: bool
    ) -> None:
        process = process_of(config)[f"strategy.{OPERATOR}"]
        self.link = ControlLink(paths.control(process))
        self._deadline = time.monotonic() + wait_s
        self._dry_run = dry_run

    def place(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Place; `outcome` is refused, done (it rests, or is over) or waiting."""
        found = self.link.demand("order_place", **asked, dry_run=self._dry_run)
        if self._dry_run:
            return {"outcome": "dry run", **found}
        rests = found["order"]["time_in_force"] == "GTC" and found["order"]["type"] != "MARKET"
        ends = (*_OVER, "OPEN") if rests else _OVER
        while True:
            status = self.link.demand("order_status", intent_id=found["intent_id"])
            if status["state"] in ends:
                outcome = "refused" if status["state"] == "REJECTED" else "done"
                return {"outcome": outcome, **found, **status}
            if self._late():
                return {"outcome": "waiting", **found, **status}

    def _late(self) -> bool:
        """Wait a moment; True = the time is over."""
        if time.monotonic() > self._deadline:
            return True
        time.sleep(_LOOK_S)
        return False

    def cancel(self, order_id: str) -> dict[str, Any]:
        """Cancel one; done once the exchange has said that it is over."""
        found = self.link.demand("order_cancel", client_order_id=order_id, dry_run=self._dry_run)
        if self._dry_run:
            return {"outcome": "dry run", **found}
        return self._ended(found)

    def _ended(self, found: dict[str, Any]) -> dict[str, Any]:
        order_id = found["order"]["client_order_id"]
        while True:
            order = self.link.demand("order_status", client_order_id=order_id)["order"]
            intent = self.link.demand("order_status", intent_id=found["intent_id"])
            if order["state"] in _OVER:
                return {"outcome": "done", **order}
            if intent["reason"] and not intent["client_order_id"]:
                return {"outcome": "refused", **order, "reason": intent["reason"]}
            if self._late():
                return {"outcome": "waiting", **order}

    def cancel_all(self, account: str | None) -> dict[str, Any]:
        """Cancel every open order, of one account where one is named."""
        found = self.link.demand("order_cancel_all", account=account, dry_run=self._dry_run)
        if self._dry_run:
            return {"outcome": "dry run", "orders": [one["order"] for one in found["orders"]]}
        ended = [self._ended(one) for one in found["orders"]]
        waits = found["left_out"] or any(one["outcome"] != "done" for one in ended)
        return {"outcome": "waiting" if waits else "done", "orders": ended,
                "left_out": found["left_out"]}  # fmt: skip

    def amend(self, order_id: str, px: str | None, qty: str | None) -> dict[str, Any]:
        """Cancel, then place what is left with the new price or quantity."""
        if not px and not qty:
            raise ConfigError("order amend: required is --px or --qty")
        before = self.link.demand("order_status", client_order_id=order_id)["order"]
        if before["state"] in _OVER:
            raise CommandRefusedError(f"order: it is over ({before['state']}): nothing to amend")
        asked = {
            "account": before["account"], "instrument": before["instrument"],
            "side": before["side"], "type": before["type"],
            "time_in_force": before["time_in_force"], "px": px or before["px"],
        }  # fmt: skip
        total = Decimal(qty or before["qty"])
        left = total - Decimal(before["cum_qty"])
        # Refused before anything is touched, as far as that can be known.
        self.link.demand("order_place", **asked, qty=f"{left:f}", dry_run=True)
        if self._dry_run:
            return {"outcome": "dry run", "order": {**before, **asked, "qty": f"{left:f}"}}
        ended = self.cancel(order_id)
        if ended["outcome"] != "done":
            return ended
        left = total - Decimal(ended["cum_qty"])
        if left <= 0 or ended["state"] != "CANCELED":
            return {**ended, "outcome": "refused", "reason": "IT_ENDED_FIRST"}
        return {**self.place({**asked, "qty": f"{left:f}"}), "replaced": order_id}


def _print(found: dict[str, Any], verb: str, *, dry_run: bool) -> None:
    orders = found.get("orders") or [{**found.get("order", {}), **found}]
    if "orders" in found and not found["orders"]:
        tell("no order is open")
        return
    for order in orders:
        head = f"{order.get('side', '')} {order.get('qty', '')} {order.get('instrument', '')}"
        px = f" at {order['px']}" if order.get("px") else " at market"
        if dry_run:
            print(f"{_WOULD[verb]}: {head}{px} {order.get('client_order_id', '')}".rstrip())
            continue
        words = [order.get("client_order_id") or "no id", order["state"], head + px]
        words.append(f"filled {order.get('cum_qty', '0')}")
        words += [f"{fill['qty']} at {fill['px']}" for fill in order.get("fills", ())]
        words += [text for text in (order.get("reason"), order.get("text")) if text]
        print("  ".join(words))
    if dry_run and verb == "cancel":
        tell("nothing was sent")
    elif dry_run:
        tell("nothing was sent; the limits and the book are looked at when it is")
    if found["outcome"] == "waiting":
        tell("no outcome in time; it is asked for, see `oms status`")
