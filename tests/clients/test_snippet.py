"""The twenty lines of docs/simulated-exchange.md do what they say."""

import re
import subprocess
import sys

import pytest

from tests.clients.exchange import ROOT

pytestmark = pytest.mark.compiled
DOC = ROOT / "docs" / "simulated-exchange.md"


def test_snippet_of_the_document_trades(exchange, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 20
    code = code.replace("http://127.0.0.1:8180", exchange.rest)
    code = code.replace("var/sim/keys", str(exchange.data_dir / "keys"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.endswith(" open")
    assert "'free'" in second
