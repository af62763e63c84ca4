"""The peer of the starts: a fresh interpreter that imports ccxt and has one order filled.

On the same simulated exchange, started by itself before; from the start of the interpreter to the
answer that says closed. `cold`: nothing that Python compiled is there either.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.clients.exchange import running

CODE = """
import json, os
import ccxt
from tests.clients.exchange import Exchange, point_at, settings
from pathlib import Path
state = json.loads(os.environ["BENCH_STATE"])
exchange = Exchange(Path(os.environ["BENCH_DATA"]), state)
client = point_at(ccxt.binance(settings(exchange)), exchange)
client.load_markets()
order = client.create_order("BTC/USDT", "market", "buy", 0.001)
assert order["status"] == "closed", order
"""


def _once(code: str, environment: dict[str, str]) -> float:
    began = time.monotonic()
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(
        command, env={**os.environ, **environment}, check=False, capture_output=True, text=True
    )
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    return took


def seconds(runs: int, *, cold: bool, smoke: bool) -> list[float]:
    """Of each run. At smoke size the interpreter starts and imports nothing: ccxt takes seconds of
    CPU to import, and `tests/clients` holds that it trades here.
    """
    if smoke:
        return [_once("", {}) for _ in range(runs)]
    made = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "sim"
        with running(data):
            environment = {
                "BENCH_STATE": (data / "run" / "sim.json").read_text(), "BENCH_DATA": str(data),
            }  # fmt: skip
            for number in range(runs):
                if cold:
                    environment["PYTHONPYCACHEPREFIX"] = f"{folder}/pyc{number}"
                made.append(_once(CODE, environment))
    return made
