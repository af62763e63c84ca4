"""Config files: put together, and each mistake one sentence that says where and what to do."""

import shutil
import socket

import pytest

from oms.errors import ConfigError, ExitCode, ResourceError
from procs.cli.main import main
from procs.cli.run import duration_s
from procs.config_files import choose_ports, load_desk, sim_urls
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
        ("desk.demo.toml", 'capacity = "small"', 'capacity = "tiny"', "capacity is 'tiny'"),
        (
            "desk.demo.toml",
            'network = "sim"',
            'network = "live"',
            "required is one of sim, testnet",
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
        ("desk.demo.toml", 'account = "main"', 'account = "mian"', r"no group \(known: main\)"),
        ("exchanges/binance.toml", 'base = "BTC"', 'base = "XBT"', "does not list 'BTC/USDT'"),
        ("hosts/two-core.toml", '"strategy.mm", ', "", r"two-core.*missing \['strategy.mm'\]"),
    ],
)
def test_mistake_is_one_sentence(desk_file, part, old, new, said):
    change(desk_file.parent / part, old, new)
    with pytest.raises(ConfigError, match=said) as refusal:
        load_desk(desk_file)
    assert "\n" not in str(refusal.value)


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
