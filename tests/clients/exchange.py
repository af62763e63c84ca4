"""A simulated exchange in a process of its own, as `oms sim up` starts it, and ccxt set to it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S = 300.0
"""The first start of a checkout compiles the kernels."""


class Exchange:
    """What a client must know of it."""

    def __init__(self, data_dir, state):
        self.data_dir = data_dir
        self.rest = f"http://{state['host']}:{state['rest_port']}"
        self.ws = f"ws://{state['host']}:{state['ws_port']}"

    def key(self, account="main"):
        return json.loads((self.data_dir / "keys" / f"sim.{account}.json").read_text())

    def oms(self, *words):
        """`oms sim WORDS --json`, parsed."""
        done = subprocess.run(
            [sys.executable, "-m", "procs.cli.main", "sim", *words, "--json", "--data-dir",
             str(self.data_dir)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextmanager
def running(data_dir, *words):
    """`oms sim up`, until the end of the block."""
    out = data_dir / "up.txt"
    data_dir.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "procs.cli.main", "sim", "up", "--data-dir", str(data_dir),
             "--port", "0", *words],
            cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, env=os.environ | {"NO_COLOR": "1"},
        )  # fmt: skip
    state = data_dir / "run" / "sim.json"
    until_s = time.monotonic() + START_S
    try:
        while not state.exists():
            assert process.poll() is None, out.read_text()
            assert time.monotonic() < until_s, out.read_text()
            time.sleep(0.05)
        yield Exchange(data_dir, json.loads(state.read_text()))
        assert process.poll() is None, out.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def point_at(client, exchange):
    """Set a ccxt Binance client's addresses to the simulated exchange."""
    api = client.urls["api"]
    api["public"] = api["private"] = f"{exchange.rest}/api/v3"
    for name, version in (("sapi", "v1"), ("sapiV2", "v2"), ("sapiV3", "v3"), ("sapiV4", "v4")):
        api[name] = f"{exchange.rest}/sapi/{version}"
    if "ws" in api:
        api["ws"]["spot"] = f"{exchange.ws}/ws"
        api["ws"]["ws-api"]["spot"] = f"{exchange.ws}/ws-api/v3"
    return client


def settings(exchange, account="main"):
    """What a ccxt client is made with: spot alone, for there are no futures here."""
    key = exchange.key(account)
    return {
        "apiKey": key["api_key"],
        "secret": key["secret"],
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "warnOnFetchOpenOrdersWithoutSymbol": False,
        },
    }
