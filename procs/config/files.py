"""From TOML files to a `DeskConfig`: a desk's file names its parts, this puts them together.

Layout of a desk's folder (`configs/`): the desk's own file, and `exchanges/`, `hosts/`, `risk/`,
`accounts/` beside it; `oms/config_parts.py` says what stands in each. Every mistake is one sentence
that says where and what to do: a missing file, broken TOML, an unknown key, a wrong type, a missing
value, a secret. `load_desk` raises the first, `assemble` gives them all, and says of every value
which file it is from.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oms.config import (
    OPERATOR,
    DeskConfig,
    GroupConfig,
    HostConfig,
    LimitsConfig,
    SimConfig,
    StrategyConfig,
    VenueConfig,
)
from oms.config_build import build, one_of_many, secrets_in
from oms.config_checks import PARTS, desk_from_text, mistakes_of
from oms.config_parts import AccountsFile, DeskFile, ExchangeFile, ExchangePart, settings_of
from oms.errors import ConfigError
from oms.venues.buckets import egress_mistakes
from procs.files.paths import DeskPaths
from procs.machine.host_plan import AUTO, plan_here

DEFAULT_CONFIG = "configs/desk.demo.toml"
DEFAULT_ORIGIN = "default"
"""Where a value is from that no file gives."""
COMPUTED = "computed"
"""Addresses of a simulated exchange: they follow from its host and ports."""
_LANG = re.compile(r"^\s*lang\s*=\s*[\"'](\w*)[\"']", re.MULTILINE)


def project_root() -> Path:
    """Where the sources and their configs lie."""
    return Path(__file__).resolve().parents[2]


def find_config(named: str | None) -> Path:
    """The desk's file: as named, else the demonstration desk here or beside the sources."""
    if named is not None:
        return Path(named)
    here = Path(DEFAULT_CONFIG)
    return here if here.exists() else project_root() / DEFAULT_CONFIG


def root_of(path: Path) -> Path:
    """What a `data_dir` in this file is relative to: the folder above `configs/`, else its own."""
    folder = path.resolve().parent
    return folder.parent if folder.name == "configs" else folder


def parse_toml(path: Path) -> dict[str, Any]:
    """One file, or one sentence."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        near = [p.name for p in sorted(path.parent.glob("*.toml"))] if path.parent.is_dir() else []
        known = f"there are {', '.join(near)}" if near else f"{path.parent} has no .toml file"
        raise ConfigError(f"{path}: not found; {known}: name one of these or create it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error}); correct that line") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a TOML file that this user may read"
        ) from error


def read_toml(path: Path) -> dict[str, Any]:
    """One file without secrets, or one sentence."""
    found = parse_toml(path)
    secrets = secrets_in(found, str(path))
    if secrets:
        raise one_of_many(secrets)
    return found


def language_of(path: Path) -> str:
    """What a desk's file says under `lang`, "" where it says nothing; also of a file that is
    broken elsewhere, so that its mistakes are told in the language that it asks for."""
    try:
        found = _LANG.search(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


@dataclass(slots=True)
class Assembled:
    """What a desk's files give: the config where nothing is wrong, else what is."""

    config: DeskConfig | None = None
    mistakes: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    """Name of a value that a file gives, such as "limits.max_open_orders" -> that file."""

    def origin(self, name: str) -> str:
        """Which file a value is from."""
        return self.origins.get(name, DEFAULT_ORIGIN)


class _Assembly:
    """One desk while it is put together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.resolve().parent
        self.found = Assembled()
        self.accounts: dict[str, list[tuple[Any, str]]] = {}
        self.venues: list[VenueConfig] = []
        self.groups: list[GroupConfig] = []
        self.sims: list[SimConfig] = []
        self.exchanges: dict[str, tuple[Any, SimConfig, Mapping[str, Any], str]] = {}
        self.files: dict[str, str] = {}
        self.broken: set[str] = set()

    def shown(self, path: Path) -> str:
        """A part's file as the person named the desk's: relative where that was."""
        return str(self.path.parent / path.relative_to(self.folder))

    def part(self, kind: type[Any], *names: str) -> tuple[Any, Mapping[str, Any], str]:
        """One file as its struct (None = it has mistakes, which are noted), what it gives, and
        how it is called."""
        path = self.folder.joinpath(*names)
        shown = self.shown(path)
        try:
            given = parse_toml(Path(shown))
        except ConfigError as error:
            self.found.mistakes.append(str(error))
            return None, {}, shown
        return build(kind, given, shown, self.found.mistakes), given, shown

    def note(self, name: str, given: Any, origin: str) -> None:
        """Remember where each value below `name` is from."""
        self.found.origins |= dict.fromkeys((leaf for leaf, _ in leaves(name, given)), origin)

    def read_accounts(self, names: object) -> None:
        """The files of accounts that the desk names."""
        for name in _texts(names):
            made, _, shown = self.part(AccountsFile, "accounts", f"{name}.toml")
            if made is None:
                self.broken.add("accounts")
                continue
            rows = self.accounts.setdefault(made.group, [])
            rows += [(account, shown) for account in made.accounts]

    def read_exchange(self, name: str) -> None:
        """An exchange's file, and the simulated exchange in it."""
        made, given, shown = self.part(ExchangeFile, "exchanges", f"{name}.toml")
        self.files[f"exchanges.{name}"] = shown
        sim, sim_given = None, given.get("sim")
        if isinstance(sim_given, Mapping):
            exchange = given.get("exchange")
            sim_given = {"exchange": exchange if isinstance(exchange, str) else "", **sim_given}
            sim = build(SimConfig, sim_given, f"{shown}: sim", self.found.mistakes)
            self.note(f"sims[{len(self.exchanges)}]", sim_given, shown)
        elif made is not None:
            self.found.mistakes.append(
                f"{shown}: 'sim' is missing; network \"sim\" of the desk wants the table [sim]"
            )
        if made is None or sim is None:
            self.broken.add("exchanges")
        else:
            self.exchanges[name] = (made, sim, given, shown)

    def add_exchange(self, named: ExchangePart) -> None:
        """Its venues, its group and its simulated exchange."""
        if named.network != "sim":
            self.found.mistakes.append(
                f"{self.path}: exchange {named.name}: network '{named.network}' is not supported "
                'yet: there is no switch for going live; required is network = "sim"'
            )
        if named.name in self.exchanges:
            made, sim, given, shown = self.exchanges[named.name]
            self.sims.append(sim)
            urls = sim_urls(sim.host, sim.rest_port, sim.ws_port)
            self._add_group(named, made, given, shown, urls)

    def _add_group(
        self,
        named: ExchangePart,
        made: Any,
        given: Mapping[str, Any],
        shown: str,
        urls: Mapping[str, str],
    ) -> None:
        desk = str(self.path)
        origins = self.found.origins
        for market in named.markets:
            at = f"venues[{len(self.venues)}]"
            self.note(at, given, shown)
            for name in ("name", "network", "instruments"):
                origins[f"{at}.{name}"] = desk
            for name in ("stream_url", "rest_url"):
                origins[f"{at}.{name}"] = COMPUTED
            self.venues.append(
                VenueConfig(
                    name=market.name,
                    network=named.network,
                    stream_url=urls["stream_url"],
                    rest_url=urls["rest_url"],
                    instruments=market.instruments,
                    **_settings(VenueConfig, made),
                )
            )
        at = f"groups[{len(self.groups)}]"
        self.note(at, given, shown)
        rows = self.accounts.get(named.name, [])
        for name in ("name", "venues", "accounts"):
            origins[f"{at}.{name}"] = desk
        for name in ("ws_api_url", "rest_url"):
            origins[f"{at}.{name}"] = COMPUTED
        for index, (account, place) in enumerate(rows):
            self.note(f"{at}.accounts[{index}]", dataclasses.asdict(account), place)
        self.groups.append(
            GroupConfig(
                name=named.name,
                exchange=made.exchange,
                venues=tuple(market.name for market in named.markets),
                ws_api_url=urls["ws_api_url"],
                rest_url=urls["rest_url"],
                accounts=tuple(account for account, _ in rows),
                **_settings(GroupConfig, made),
            )
        )

    def with_operator(self, named: tuple[StrategyConfig, ...]) -> tuple[StrategyConfig, ...]:
        """The strategy that carries a person's orders before the desk's own: in everything that
        the desk reads, on every account.
        """
        if any(strategy.name == OPERATOR for strategy in named):
            self.found.mistakes.append(
                f"{self.path}: strategies: the name '{OPERATOR}' is the desk's own, for orders by "
                "`oms order`; give this one another name"
            )
        accounts = [account.name for group in self.groups for account in group.accounts]
        if not accounts:
            return named
        read = tuple(f"{venue.name}:{name}" for venue in self.venues for name in venue.instruments)
        return (StrategyConfig(OPERATOR, OPERATOR, tuple(accounts), read), *named)

    def run(self, data_dir: str | None, map_name: str | None = None) -> Assembled:
        """Read everything that the desk names, whatever is wrong with the rest of it."""
        found, shown = self.found, str(self.path)
        try:
            given = parse_toml(self.path)
        except ConfigError as error:
            found.mistakes.append(str(error))
            return found
        desk: DeskFile | None = build(DeskFile, given, shown, found.mistakes)
        self.note("", given, shown)
        limits: Any = None
        host: Any = None
        for name in _texts([given.get("risk")]):
            limits, limits_given, self.files["limits"] = self.part(
                LimitsConfig, "risk", f"{name}.toml"
            )
            self.note("limits", limits_given, self.files["limits"])
        chosen = map_name or given.get("host")
        for name in _texts([chosen] if chosen != AUTO else []):
            host, host_given, self.files["host"] = self.part(HostConfig, "hosts", f"{name}.toml")
            self.note("host", host_given, self.files["host"])
        self.read_accounts(given.get("accounts"))
        for name in _texts(_names(given.get("exchanges"))):
            self.read_exchange(name)
        if desk is None:
            return found
        for named in desk.exchanges:
            self.add_exchange(named)
        self.broken |= {"limits"} if limits is None else set()
        self.broken |= {"host"} if host is None and chosen != AUTO else set()
        base = Path.cwd() if data_dir else root_of(self.path)
        if data_dir:
            found.origins["data_dir"] = "--data-dir"
        config = DeskConfig(
            name=desk.name,
            data_dir=str((base / (data_dir or desk.data_dir)).resolve()),
            durability=desk.durability,
            venues=tuple(self.venues),
            groups=tuple(self.groups),
            strategies=self.with_operator(desk.strategies),
            currency=desk.currency,
            dead_man_ms=desk.dead_man_ms,
            limits=limits,
            host=host or HostConfig("", ()),
            sims=tuple(self.sims),
            capacity=desk.capacity,
        )
        if chosen == AUTO and "exchanges" not in self.broken:
            config = dataclasses.replace(config, host=plan_here(config).host)
        files = dict.fromkeys(PARTS, shown) | self.files
        found.mistakes += mistakes_of(config, files, frozenset(self.broken))
        if not found.mistakes and len({one.exchange for one in config.groups}) < len(config.groups):
            from oms.venues.registry import order_market  # most desks do without

            found.mistakes += egress_mistakes(config, order_market, files)
        if not found.mistakes:
            found.config = config
        return found


def _settings(kind: type[Any], made: Any) -> dict[str, Any]:
    """What an exchange's file says, or leaves at its default, of the settings of `kind`."""
    return {name: getattr(made, name) for name in settings_of(kind)}


def _texts(names: object) -> list[str]:
    """Those of a list that are texts; a mistake in the others is told where the list is read."""
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _names(tables: object) -> list[object]:
    """`name` of each table of a list."""
    found = tables if isinstance(tables, list) else []
    return [one.get("name") for one in found if isinstance(one, Mapping)]


def assemble(path: Path, data_dir: str | None = None, map_name: str | None = None) -> Assembled:
    """The desk described by the file at `path`, or everything that is wrong with it; `data_dir`
    and `map_name` (a core map of configs/hosts, or "auto") override the file's."""
    found = _Assembly(path).run(data_dir, map_name)
    found.mistakes = list(dict.fromkeys(found.mistakes))
    return found


def load_desk(path: Path, data_dir: str | None = None, map_name: str | None = None) -> DeskConfig:
    """The desk described by the file at `path`; ConfigError with the first mistake."""
    found = assemble(path, data_dir, map_name)
    if found.config is None:
        raise one_of_many(found.mistakes)
    return found.config


def sim_urls(host: object, rest_port: object, ws_port: object) -> dict[str, str]:
    """Addresses of a simulated exchange."""
    return {
        "rest_url": f"http://{host}:{rest_port}",
        "stream_url": f"ws://{host}:{ws_port}",
        "ws_api_url": f"ws://{host}:{ws_port}/ws-api/v3",
    }


def running_config(paths: DeskPaths) -> DeskConfig:
    """The effective config that the desk's supervisor wrote."""
    path = paths.effective_config
    try:
        return desk_from_text(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise ConfigError(
            f"{path}: the running desk's config cannot be read ({error.strerror}); stop its "
            "processes with `oms down`, then start again"
        ) from error


def flat(config: DeskConfig) -> list[tuple[str, Any]]:
    """Every value of the effective config by its name, such as `limits.max_open_orders`."""
    given = json.loads(config.text())
    order = [one.name for one in dataclasses.fields(config)]
    return [row for name in order for row in leaves(name, given[name])]


def leaves(name: str, value: Any) -> list[tuple[str, Any]]:
    """The values below a name, each by its own; a list of plain values is one."""
    if isinstance(value, Mapping) and value:
        dotted = f"{name}." if name else ""
        return [row for key, inner in value.items() for row in leaves(f"{dotted}{key}", inner)]
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return [row for i, item in enumerate(value) for row in leaves(f"{name}[{i}]", item)]
    return [(name, value)]
