"""`oms sim`: a simulated exchange by itself for anyone's bot, and what can be asked of any."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any
from urllib.parse import quote

from oms.errors import ConfigError, ExitCode
from oms.exchange.faults import fault_from_mapping
from procs.cli.parts.common import print_json
from procs.cli.parts.sim_client import LOCK, SimControl, add_target, find_sim_config
from procs.here import here, say, tell

EXAMPLES = """\
examples:
  oms sim up                            serves Binance spot on this machine until Ctrl-C
  oms sim up --port 9000 --for 10m      REST on 9000, streams on 9001, ends by itself
  oms sim status                        connections, orders, rates, faults
  oms sim book BTCUSDT                  the best levels of both sides
  oms sim fault add delay --delay-ms 300 --jitter-ms 200
  oms sim fault add accepted_5xx --match 'POST /api/v3/order' --count 1
  oms sim fault add gap --match 'btcusdt@depth*' --one-in 20 --for 1m
  oms sim fault list                    what is in force, and the kinds that there are
  oms sim fault clear                   ends all of them; with a number, that one
  oms sim seed 7                        begins a new market, the same for everyone who says 7
  oms sim status --config configs/desk.demo.toml      the exchange of a running desk
"""
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_MILLION = 1_000_000
_LINE_CHARS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    verbs = parser.add_subparsers(dest="sim_verb", metavar="WHAT", required=True)
    up = verbs.add_parser("up", help="serve until Ctrl-C")
    add_target(up)
    up.add_argument("--port", type=int, help="REST here, streams and WebSocket API one above it")
    up.add_argument("--ws-port", type=int, help="streams and WebSocket API here")
    up.add_argument("--seed", type=int, help="another market")
    up.add_argument("--for", dest="for_", metavar="TIME", help="end by itself, e.g. 20s or 5m")
    up.add_argument("--json", action="store_true", help="one JSON object, once it serves")
    _dry_run(up, "check what can be; serve nothing")
    for name, line in (("status", "connections, orders, rates, faults"), ("book", "a book")):
        made = verbs.add_parser(name, help=line)
        if name == "book":
            made.add_argument("symbol", help="e.g. BTCUSDT")
            made.add_argument("--levels", type=int, default=10)
        _reading(made)
    seed = verbs.add_parser("seed", help="print the seed, or begin a new market by one")
    seed.add_argument("seed", nargs="?", type=int)
    _reading(seed)
    _dry_run(seed, "only say what would be begun anew")
    fault = verbs.add_parser("fault", help="put a fault in force, list or clear them")
    _fault_arguments(fault)


def _reading(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")


def _dry_run(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--dry-run", action="store_true", help=text)


def _fault_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="fault_verb", metavar="ACTION", required=True)
    add = what.add_parser("add", help="put a fault in force; prints its number")
    add.add_argument("kind", help="`list` names them")
    add.add_argument("--link", help="rest, stream or ws_api (default: any)")
    add.add_argument("--conn", type=int, help="one connection, by its number in `status`")
    add.add_argument("--match", help="endpoint, stream or event, with * and ?")
    add.add_argument("--direction", help="in, out (default: any)")
    often = add.add_mutually_exclusive_group()
    often.add_argument("--one-in", type=int, help="once in so many")
    often.add_argument("--percent", type=float, help="how often, of 100")
    add.add_argument("--count", type=int, help="end after so many messages")
    add.add_argument("--for", dest="for_", metavar="TIME", help="end after this time, e.g. 30s")
    for name in ("delay-ms", "jitter-ms", "status", "code", "retry-after-s", "shift-ms"):
        add.add_argument(f"--{name}", type=int)
    _reading(add)
    _dry_run(add, "only check it; no fault is put in force")
    _reading(what.add_parser("list", help="what is in force"))
    clear = what.add_parser("clear", help="end one, or all")
    clear.add_argument("number", nargs="?", type=int)
    _reading(clear)
    _dry_run(clear, "only say which would end")


def run(arguments: argparse.Namespace) -> int:
    """Carry it out."""
    verb = arguments.sim_verb
    if verb == "up":
        return _up(arguments)
    control = SimControl(arguments)
    if verb == "fault":
        return _fault(control, arguments)
    if verb == "book":
        target = f"/book?symbol={quote(arguments.symbol.upper())}&limit={arguments.levels}"
        return _shown(arguments, control.ask("GET", target), _print_book)
    if verb == "seed":
        return _seed(control, arguments)
    found = control.ask("GET", "/status") | {"addresses": control.state}
    return _shown(arguments, found, _print_status)


def _seed(control: SimControl, arguments: argparse.Namespace) -> int:
    if arguments.seed is None or arguments.dry_run:
        found = control.ask("GET", "/seed")
    else:
        found = control.ask("POST", "/seed", {"seed": arguments.seed})
    if arguments.seed is None or not arguments.dry_run:
        return _shown(arguments, found, lambda reply: print(reply["seed"]))
    would = {"dry_run": True, "seed": found["seed"], "would_begin": arguments.seed}
    return _shown(arguments, would, lambda _: tell(
        f"seed {found['seed']} is in force; the market would begin anew by {arguments.seed}, "
        "connections cut, what rests expired; nothing was changed"
    ))  # fmt: skip


def _shown(arguments: argparse.Namespace, found: dict[str, Any], page: Any) -> int:
    if arguments.json:
        print_json(found)
    else:
        page(found)
    return ExitCode.OK


# up


def _up(arguments: argparse.Namespace) -> int:
    from procs.cli.run import duration_s
    from procs.files.locks import FileLock, LockHeldError
    from procs.sim_host import SimHost, load_sim, state_path
    from procs.start import AlreadyRunningError, warm_host

    for_s = duration_s(arguments.for_) if arguments.for_ else None
    changes: dict[str, Any] = {}
    if arguments.port is not None:
        changes = {"rest_port": arguments.port, "ws_port": arguments.port and arguments.port + 1}
    if arguments.ws_port is not None:
        changes["ws_port"] = arguments.ws_port
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    config = load_sim(find_sim_config(arguments.config), arguments.data_dir, changes)
    from procs.files.paths import DeskPaths

    paths = DeskPaths.of(config)
    if arguments.dry_run:
        return _would_serve(config, paths, arguments)
    paths.make()
    try:
        lock = FileLock(paths.process_lock(LOCK))
    except LockHeldError as error:
        raise AlreadyRunningError(
            f"an exchange runs already in {paths.data_dir}: process {error.owner.pid}; look at it "
            "with `oms sim status`, or name another place with --data-dir"
        ) from error
    try:
        state_path(paths).unlink(missing_ok=True)
        warm_host()
        host = SimHost(config)
        ready = _ready_json if arguments.json else _ready
        host.run(for_s, lambda: ready(config, paths))
    finally:
        lock.close()
    say("the exchange is closed; its keys stay")
    return ExitCode.OK


def _would_serve(config: Any, paths: Any, arguments: argparse.Namespace) -> int:
    """The config is read and the place is free; ports are taken by who serves alone."""
    from procs.files.locks import living_owner
    from procs.start import AlreadyRunningError

    owner = living_owner(paths.process_lock(LOCK))
    if owner is not None:
        raise AlreadyRunningError(
            f"an exchange runs already in {paths.data_dir}: process {owner.pid}; look at it "
            "with `oms sim status`, or name another place with --data-dir"
        )
    sim = config.sims[0]
    symbols = [one.symbol for one in sim.instruments]
    found = {"dry_run": True, "exchange": sim.exchange, "seed": sim.seed, "symbols": symbols}
    return _shown(arguments, found, lambda _: tell(
        f"simulated {sim.exchange} would serve {', '.join(symbols)} by seed {sim.seed} with files "
        f"in {paths.data_dir}; nothing was started"
    ))  # fmt: skip


def _ready_json(config: Any, paths: Any) -> None:
    sim = config.sims[0]
    keys = {one.name: str(paths.keys / f"{one.key_name}.json") for one in config.groups[0].accounts}
    print_json({
        "exchange": sim.exchange, "seed": sim.seed, "host": sim.host, "rest_port": sim.rest_port,
        "ws_port": sim.ws_port, "keys": keys,
    })  # fmt: skip
    sys.stdout.flush()


def _ready(config: Any, paths: Any) -> None:
    sim = config.sims[0]
    rest, ws = f"http://{sim.host}:{sim.rest_port}", f"ws://{sim.host}:{sim.ws_port}"
    print(f"ready: simulated {sim.exchange} spot, seed {sim.seed}, "
          f"{', '.join(i.symbol for i in sim.instruments)}")  # fmt: skip
    print(f"  REST           {rest}/api/v3")
    print(f"  streams        {ws}/ws  {ws}/stream")
    print(f"  WebSocket API  {ws}/ws-api/v3")
    for account in config.groups[0].accounts:
        print(f"  account {account.name:10} key in {paths.keys / account.key_name}.json (api_key, "
              "secret)")  # fmt: skip
    print("  each begins with " + ", ".join(f"{v} {k}" for k, v in sim.balances.items()))
    hint = "look with `oms sim status`, disturb it with `oms sim fault add …`, end with Ctrl-C;"
    print(here(hint + " docs/simulated-exchange.md shows it with ccxt"), flush=True)


# fault


def _ms(text: str) -> int:
    found = re.fullmatch(r"(\d+)(ms|s|m|h)?", text.strip())
    if found is None:
        raise ConfigError(f"--for {text}: required is a time such as 500ms, 20s or 5m")
    return int(found[1]) * _UNITS_MS[found[2] or "s"]


def _fault(control: SimControl, arguments: argparse.Namespace) -> int:
    if arguments.fault_verb == "list":
        return _shown(arguments, control.ask("GET", "/faults"), _print_faults)
    if arguments.fault_verb == "clear" and arguments.dry_run:
        active = control.ask("GET", "/faults")["faults"]
        numbers = [row["number"] for row in active if arguments.number in (None, row["number"])]
        named = ", ".join(str(number) for number in numbers) or "none"
        return _shown(arguments, {"dry_run": True, "would_clear": numbers}, lambda _: tell(
            f"faults that would end: {named}; nothing was changed"
        ))  # fmt: skip
    if arguments.fault_verb == "clear":
        place = "/faults" if arguments.number is None else f"/faults/{arguments.number}"
        found = control.ask("DELETE", place)
        return _shown(arguments, found, lambda reply: print(f"cleared {len(reply['cleared'])}"))
    names = (
        "kind", "link", "conn", "match", "direction", "count", "delay_ms", "jitter_ms", "status",
        "code", "retry_after_s", "shift_ms",
    )  # fmt: skip
    spec = {n: getattr(arguments, n) for n in names if getattr(arguments, n) is not None}
    if arguments.one_in is not None:
        if arguments.one_in < 1:
            raise ConfigError(f"--one-in {arguments.one_in}: required is 1 or more")
        spec["probability_e6"] = _MILLION // arguments.one_in
    if arguments.percent is not None:
        spec["probability_e6"] = round(arguments.percent * _MILLION / 100)
    if arguments.for_ is not None:
        spec["for_ms"] = _ms(arguments.for_)
    if arguments.dry_run:
        fault_from_mapping(spec)
        in_force = len(control.ask("GET", "/faults")["faults"])
        return _shown(arguments, {"dry_run": True, "would_add": spec}, lambda _: tell(
            f"fault {spec['kind']} would come to the {in_force} in force; nothing was changed"
        ))  # fmt: skip
    found = control.ask("POST", "/faults", spec)
    return _shown(arguments, found, lambda reply: print(f"fault {reply['number']}: {spec['kind']}"))


# Pages


def _print_book(found: dict[str, Any]) -> None:
    print(f"{found['symbol']}  update {found['update_id']}")
    print(f"{'quantity':>16} {'bid':>14}   {'ask':<14} {'quantity':<16}")
    depth = max(len(found["bids"]), len(found["asks"]))
    for k in range(depth):
        bid_px, bid_qty = found["bids"][k] if k < len(found["bids"]) else ("", "")
        ask_px, ask_qty = found["asks"][k] if k < len(found["asks"]) else ("", "")
        print(f"{bid_qty:>16} {bid_px:>14}   {ask_px:<14} {ask_qty:<16}".rstrip())


def _print_status(found: dict[str, Any]) -> None:
    at = found["addresses"]
    print(f"{found['exchange']} spot (simulated)  seed {found['seed']}  up "
          f"{found['up_ms'] / 1000:.0f} s  {found['requests']} requests")  # fmt: skip
    print(f"REST http://{at['host']}:{at['rest_port']}/api/v3  streams and WebSocket API "
          f"ws://{at['host']}:{at['ws_port']}")  # fmt: skip
    print(f"symbols {', '.join(found['symbols'])}\n")
    print(f"{'conn':>6} {'link':7} {'peer':22} {'age s':>7}  target")
    for row in found["connections"]:
        silent = "  SILENT" if row["silent"] else ""
        target = row["target"][:_LINE_CHARS]
        print(f"{row['conn']:>6} {row['link']:7} {row['peer']:22} {row['age_ms'] / 1000:>7.0f}  "
              f"{target}{silent}")  # fmt: skip
    for row in found["accounts"]:
        counts = ", ".join(f"{c['count']}/{c['limit']} per {c['intervalNum']} {c['interval']}"
                           for c in row["order_counts"])  # fmt: skip
        money = "  ".join(f"{asset} {free} (+{locked})"
                          for asset, (free, locked) in row["balances"].items())  # fmt: skip
        print(
            f"\naccount {row['name']}: {row['open_orders']} open orders; orders {counts}\n  {money}"
        )
    for address, used in found["weights"].items():
        print(f"\nweight used this minute by {address}: {used}")
    _print_active(found["faults"])


def _print_active(faults: list[dict[str, Any]]) -> None:
    print(f"\n{len(faults)} faults in force")
    for row in faults:
        shown = {k: v for k, v in row.items() if k not in ("number", "kind", "hits", "left_ms")}
        print(f"  {row['number']:>3} {row['kind']:13} hits {row['hits']:<7} {json.dumps(shown)}")


def _print_faults(found: dict[str, Any]) -> None:
    _print_active(found["faults"])
    print("\nkinds:")
    for kind, line in found["kinds"].items():
        print(f"  {kind:13} {line}")
