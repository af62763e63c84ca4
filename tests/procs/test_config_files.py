"""Config files: put together, and each mistake one sentence that says where and what to do."""

import dataclasses
import json
import re
import shutil
import socket
import tomllib

import pytest

from oms.config import GroupConfig, LimitsConfig, VenueConfig
from oms.config_build import build
from oms.config_checks import desk_from_text
from oms.config_parts import FILES, ExchangeFile, settings_of
from oms.errors import ConfigError, ExitCode, ResourceError
from procs.cli.main import main
from procs.cli.run import duration_s
from procs.config import schema as config_schema
from procs.config.files import DEFAULT_ORIGIN, assemble, flat, load_desk, sim_urls
from procs.config.ports import choose_ports
from tests.procs.desks import DEMO


@pytest.fixture
def desk_file(tmp_path):
    """A copy of the configs, to be spoilt."""
    shutil.copytree(DEMO.parent, tmp_path / "configs")
    return tmp_path / "configs" / DEMO.name


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_demo_desk_loads_and_its_data_lie_in_the_project(desk_file):
    config = load_desk(desk_file)
    assert config.data_dir == str(desk_file.parent.parent / "var" / "demo")
    assert [sim.exchange for sim in config.sims] == ["binance"]
    assert {r for p in config.host.processes for r in p.roles} == set(config.roles())


def test_more_accounts_than_the_capacity_holds_says_what_to_set(desk_file):
    more = "".join(f'\n[[accounts]]\nname = "s{k}"\nkey_name = "k{k}"\n' for k in range(16))
    with (desk_file.parent / "accounts" / "binance.demo.toml").open("a") as file:
        file.write(more)
    with pytest.raises(ConfigError, match=r'17 accounts, at most 16 fit.*capacity = "full"'):
        load_desk(desk_file)
    change(desk_file, 'capacity = "small"', 'capacity = "full"')
    assert len(load_desk(desk_file).account_names()) == 17


def test_data_dir_of_the_command_line_counts_from_here(desk_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_desk(desk_file, "there").data_dir == str(tmp_path / "there")


@pytest.mark.parametrize(
    ("part", "old", "new", "said"),
    [
        (
            "desk.demo.toml",
            'host = "two-core"',
            'host = "ten"',
            r"hosts/ten.toml: not found.*two-core",
        ),
        ("desk.demo.toml", 'risk = "demo"', 'riks = "demo"', r"unknown key 'riks'.*'risk'"),
        ("desk.demo.toml", "durability =", "# ", "'durability' is missing"),
        ("desk.demo.toml", 'capacity = "small"', 'capacity = "tiny"', "capacity: found 'tiny'"),
        (
            "desk.demo.toml",
            'network = "sim"',
            'network = "live"',
            "required is one of 'sim', 'testnet'",
        ),
        ("desk.demo.toml", 'accounts = ["binance.demo"]', "accounts = []", "has no account"),
        ("desk.demo.toml", 'name = "demo"', 'name = "demo', "not valid TOML"),
        ("exchanges/binance.toml", "rest_port = 0", "rest_prot = 0", r"unknown key 'rest_prot'"),
        (
            "exchanges/binance.toml",
            "rest_port = 0",
            'rest_port = "x"',
            "exchanges/binance.toml.*whole number",
        ),
        (
            "accounts/binance.demo.toml",
            "key_name =",
            'api_key = "x"\nkey_name =',
            "looks like a secret",
        ),
        ("risk/demo.toml", "max_open_orders = 20", "", "risk/demo.toml: 'max_open_orders' is miss"),
        ("risk/demo.toml", "max_open_orders = 20", "max_open_orders = 0", "required is above 0"),
        ("risk/demo.toml", '"20000"', '"lots"', r"risk/demo.toml: max_order_not.*found 'lots'"),
        ("desk.demo.toml", 'network = "sim"', 'network = "mainnet"', "is not supported yet"),
        ("desk.demo.toml", '"BTC/USDT", ', '"DOGE/USDT", ', "market_maker|mm: 'binance.spot:BTC"),
        (
            "desk.demo.toml",
            'accounts = ["main"]',
            'accounts = ["mian"]',
            r"no group \(known: main\)",
        ),
        ("exchanges/binance.toml", 'base = "BTC"', 'base = "XBT"', "does not list 'BTC/USDT'"),
        ("hosts/two-core.toml", '"strategy.mm", ', "", r"two-core.*missing \['strategy.mm'\]"),
    ],
)
def test_mistake_is_one_sentence(desk_file, part, old, new, said):
    change(desk_file.parent / part, old, new)
    with pytest.raises(ConfigError, match=said) as refusal:
        load_desk(desk_file)
    assert "\n" not in str(refusal.value)


FILE_OF = {
    "desk": "desk.demo.toml",
    "exchange": "exchanges/binance.toml",
    "accounts": "accounts/binance.demo.toml",
    "risk": "risk/demo.toml",
    "host": "hosts/two-core.toml",
}


@pytest.mark.parametrize("kind", FILE_OF)
def test_every_kind_of_file_refuses_what_it_does_not_know(desk_file, kind):
    """A key that is nearly right, a secret, broken TOML, a file that is not there, a value of
    another type: each is one sentence that names the file."""
    path = desk_file.parent / FILE_OF[kind]
    good = path.read_text()
    first = next(iter(tomllib.loads(good)))
    spoilt = {
        f"unknown key '{first}x'; the nearest known key is '{first}'": f"{first}x = 1\n{good}",
        "looks like a secret": f'my_secret = "x"\n{good}',
        "not valid TOML": f"{good}\n[[[",
        f"'{first}' is missing": re.sub(rf"(?m)^{first} =.*$", "", good, count=1),
        f"{first}: found True": re.sub(rf"(?m)^{first} = .*$", f"{first} = true", good, count=1),
    }
    for said, text in spoilt.items():
        path.write_text(text)
        found = assemble(desk_file)
        assert found.config is None
        (sentence, *_) = [one for one in found.mistakes if said in one] or found.mistakes
        assert said in sentence
        assert sentence.startswith(str(path))
        assert "\n" not in sentence
    if kind != "desk":
        path.unlink()
        (sentence,) = (one for one in assemble(desk_file).mistakes if "not found" in one)
        assert sentence.startswith(f"{path}: not found")


def test_every_mistake_is_told_and_not_only_the_first(desk_file, capsys):
    change(desk_file.parent / "risk/demo.toml", "max_open_orders = 20", "max_open_orders = 0")
    change(desk_file.parent / "risk/demo.toml", "price_collar_bps = 200", "")
    change(desk_file, 'accounts = ["main"]', 'accounts = ["mian"]')
    change(desk_file, 'lang = "en"', 'lang = "fr"')
    change(desk_file.parent / "exchanges/binance.toml", "seed = 23", "sead = 23")
    change(desk_file.parent / "hosts/two-core.toml", "core = 0   ", 'core = "0"')
    found = assemble(desk_file).mistakes
    for said in ("lang: found 'fr'", "'price_collar_bps' is missing", "unknown key 'sead'",
                 "'seed' is missing", "core: found '0'"):  # fmt: skip
        assert any(said in one for one in found), said
    with pytest.raises(
        ConfigError, match=rf"and {len(found) - 1} more mistakes, which `oms config check`"
    ):
        load_desk(desk_file)
    assert main(["config", "check", str(desk_file)]) == ExitCode.CONFIG
    assert len(capsys.readouterr().out.splitlines()) == len(found)


def test_what_spans_files_is_told_all_at_once(desk_file):
    change(desk_file, 'accounts = ["main"]', 'accounts = ["mian"]')
    change(desk_file.parent / "risk/demo.toml", "max_open_orders = 20", "max_open_orders = 0")
    change(desk_file.parent / "hosts/two-core.toml", '"strategy.mm", ', "")
    found = assemble(desk_file).mistakes
    assert len(found) == 3
    assert {one.split(": ")[0].rpartition("/")[2] for one in found} == {
        "desk.demo.toml", "demo.toml", "two-core.toml",
    }  # fmt: skip


def test_check_also_asks_the_plugins(desk_file, capsys):
    desk_file.write_text(desk_file.read_text() + "\n[strategies.params]\nhalf_spred = 1\n")
    assert assemble(desk_file).mistakes == []
    assert main(["config", "check", str(desk_file), "--json"]) == ExitCode.CONFIG
    (mistake,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert "half_spred" in mistake
    assert main(["config", "check", str(DEMO)]) == ExitCode.OK


def test_show_says_of_every_value_where_it_is_from(desk_file, capsys):
    assert main(["config", "show", str(desk_file), "--json"]) == ExitCode.OK
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["values"]}
    folder = desk_file.parent
    for name, origin in {
        "limits.max_open_orders": folder / "risk/demo.toml",
        "host.processes[0].core": folder / "hosts/two-core.toml",
        "host.processes[0].wait": DEFAULT_ORIGIN,
        "groups[0].recv_window_ms": folder / "exchanges/binance.toml",
        "groups[0].accounts[0].key_name": folder / "accounts/binance.demo.toml",
        "groups[0].rest_url": "computed",
        "sims[0].seed": folder / "exchanges/binance.toml",
        "sims[0].instruments[1].tick": folder / "exchanges/binance.toml",
        "venues[0].instruments": desk_file,
        "venues[0].snapshot_levels": DEFAULT_ORIGIN,
        "strategies[0].params": DEFAULT_ORIGIN,
        "strategies[0].plugin": desk_file,
        "durability": desk_file,
    }.items():
        assert rows[name]["from"] == str(origin), name
    assert len(rows) == len(flat(load_desk(desk_file)))
    assert main(["config", "show", str(desk_file), "--data-dir", "/tmp/x"]) == ExitCode.OK
    assert 'data_dir = "/tmp/x"' in capsys.readouterr().out


def test_secret_within_a_table_of_free_keys_is_found(desk_file):
    desk_file.write_text(desk_file.read_text() + '\n[strategies.params]\napi_key = "x"\n')
    with pytest.raises(ConfigError, match=r"strategies\[0\].params.api_key: looks like a secret"):
        load_desk(desk_file)


def test_effective_config_is_read_back_as_it_was(desk_file):
    config = choose_ports(load_desk(desk_file))
    assert desk_from_text(config.text(), "desk.json") == config
    with pytest.raises(ConfigError, match=r"desk\.json: not valid JSON"):
        desk_from_text("{", "desk.json")


def test_setting_of_an_exchange_is_declared_where_agents_read_it():
    """Whatever has a default in a group or a venue may stand in the exchange's file."""
    settable = {one.name for one in dataclasses.fields(ExchangeFile)}
    wanted = set(settings_of(GroupConfig)) | set(settings_of(VenueConfig))
    assert settable == wanted | {"exchange", "networks", "sim"}


@pytest.mark.parametrize("name", FILES)
def test_committed_schema_is_what_the_structs_say(name):
    path = config_schema.folder() / f"{name}.json"
    assert path.read_text() == config_schema.schema_text(name), "run: python -m procs.config.schema"


@pytest.mark.parametrize("name", FILES)
def test_schema_describes_every_key(name):
    def described(made, where):
        for key, value in made.get("properties", {}).items():
            assert "description" in value, f"{where}.{key} has no text below it"
            described(value, f"{where}.{key}")
            described(value.get("items", {}), f"{where}.{key}")

    described(config_schema.schema_of(name), name)


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_demonstration_names_its_schema_and_fits_it(name):
    where, _ = FILES[name]
    paths = list(DEMO.parent.glob(where))
    assert paths
    for path in paths:
        text = path.read_text()
        named = re.match(r"#:schema (\S+)\n", text)
        assert named, f"{path}: its first line names no schema"
        schema = json.loads((path.parent / named[1]).read_text())
        assert set(tomllib.loads(text)) <= set(schema["properties"])
        assert set(schema["required"]) <= set(tomllib.loads(text))


def test_schema_is_printed(capsys):
    assert main(["config", "schema", "risk"]) == ExitCode.OK
    made = json.loads(capsys.readouterr().out)
    assert made["properties"]["max_open_orders"]["type"] == "integer"
    assert set(made["required"]) == {one.name for one in dataclasses.fields(LimitsConfig)}


def test_number_that_is_true_or_false_is_refused():
    with pytest.raises(ConfigError, match="max_open_orders: found True, required is a whole"):
        build(LimitsConfig, {**_limits(), "max_open_orders": True}, "risk.toml")
    assert isinstance(build(LimitsConfig, _limits(), "risk.toml"), LimitsConfig)


def _limits():
    return {
        one.name: "1" if "notional" in one.name else 1 for one in dataclasses.fields(LimitsConfig)
    }


def test_name_of_two_strategies_alike_is_refused(desk_file):
    text = desk_file.read_text()
    desk_file.write_text(text + text[text.index("[[strategies]]") :])
    with pytest.raises(ConfigError, match="strategy 'mm' is there twice"):
        load_desk(desk_file)


def test_free_ports_are_chosen_once_and_addresses_follow(desk_file):
    config = choose_ports(load_desk(desk_file))
    (sim,) = config.sims
    assert 0 < sim.rest_port != sim.ws_port > 0
    urls = sim_urls(sim.host, sim.rest_port, sim.ws_port)
    assert config.venues[0].stream_url == urls["stream_url"]
    assert config.groups[0].ws_api_url == urls["ws_api_url"]
    assert choose_ports(config) == config


def test_occupied_port_names_the_port_and_its_setting(desk_file):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        change(desk_file.parent / "exchanges/binance.toml", "ws_port = 0", f"ws_port = {port}")
        with pytest.raises(ResourceError, match=rf"ws_port {port} on 127.0.0.1.*exchanges/binance"):
            choose_ports(load_desk(desk_file))


@pytest.mark.parametrize(
    ("given", "seconds"), [("20s", 20), ("5m", 300), ("1h", 3600), ("7", 7), ("250ms", 0.25)]
)
def test_duration_is_read(given, seconds):
    assert duration_s(given) == seconds


@pytest.mark.parametrize("given", ["", "x", "-1s", "1d", "1 2"])
def test_duration_that_is_none_is_refused(given):
    with pytest.raises(ConfigError, match="20s, 5m or 1h"):
        duration_s(given)


def test_command_prints_one_sentence_and_its_code(capsys, tmp_path):
    assert main(["status", str(tmp_path / "none.toml")]) == ExitCode.CONFIG
    assert "none.toml: not found" in capsys.readouterr().err
    assert main(["down", "--data-dir", str(tmp_path)]) == ExitCode.NOT_RUNNING
    assert main(["tail", "orders", "--data-dir", str(tmp_path)]) == ExitCode.CONFIG
    assert main([]) == ExitCode.USAGE
