"""docs/your-first-strategy.md, followed to the letter: its blocks are run as they stand there."""

import dataclasses
import re
import shutil
import subprocess

import pytest

from oms.config import StrategyConfig
from oms.strategies.registry import PLUGINS
from procs.cli.main import VERBS
from procs.config.files import assemble
from procs.plugins import load_plugins
from tests.oms.sim.whole_desk import S, WholeDesk, whole_config
from tests.procs.desks import ROOT

PAGE = ROOT / "docs" / "your-first-strategy.md"


def block(language):
    """The one block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def my(tmp_path):
    """The reader's folder after steps 2 and 3."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    subprocess.run(["sh", "-e", "-c", block("sh")], cwd=tmp_path, check=True)
    folder = tmp_path / "my"
    desk = folder / "desk.demo.toml"
    before = desk.read_text()
    desk.write_text(before[: before.index("[[strategies]]")] + block("toml"))
    (folder / "first.py").write_text(block("python"))
    yield folder
    PLUGINS.pop("first:DipBuyer", None)


def test_desk_of_the_page_has_no_mistake(my):
    found = assemble(my / "desk.demo.toml")
    assert found.mistakes == []
    assert found.config.data_dir == str(my / "var" / "demo")
    assert "first:DipBuyer" in {one.plugin for one in found.config.strategies}


@pytest.mark.compiled  # the same kernels, at length
def test_plugin_of_the_page_trades_and_every_invariant_holds(my):
    config = assemble(my / "desk.demo.toml").config
    load_plugins(config, my)
    written = next(one for one in config.strategies if one.name == "first")
    settings = StrategyConfig(
        "mm", written.plugin, ("main",), ("binance.spot:BTC/USDT",), written.params
    )
    desk = WholeDesk(7, config=dataclasses.replace(whole_config(7), strategies=(settings,)))
    desk.run(60 * S)
    desk.finish()
    desk.check_all()
    fills = [line for lines in desk.harness.lines.items() if "executions" in lines[0]
             for line in lines[1] if line.startswith("{")]  # fmt: skip
    assert len(fills) >= 2
    sides = {side for line in fills for side in ("BUY", "SELL") if f'"{side}"' in line}
    assert sides == {"BUY", "SELL"}


def test_every_command_of_the_page_exists():
    named = set(re.findall(r"^\.venv/bin/oms ([a-z]+)", PAGE.read_text(), re.MULTILINE))
    assert {"config", "run", "orders", "replay"} <= named <= set(VERBS)
