"""Every bench at smoke size, so that none can rot; what they measure is never asserted."""

import json
import os
import subprocess
import sys

import pytest

from shm_layout.jit import JIT_ON
from tests.bench import catalog
from tests.bench.__main__ import main

WATCHDOG_S = 170
needs_compiler = pytest.mark.skipif(not JIT_ON, reason="a bench measures compiled kernels")


@pytest.mark.parametrize("name", catalog.names())
def test_bench_states_its_question(name):
    assert len(catalog.question(name)) > 30
    assert catalog.question(name).endswith((".", "?"))


@needs_compiler
@pytest.mark.compiled
@pytest.mark.parametrize("name", catalog.names())
def test_bench_runs_at_smoke_size_and_names_its_peer(name):
    command = [sys.executable, "-m", "tests.bench", name, "--smoke", "--json"]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=WATCHDOG_S, check=False,
        env=os.environ | {"MEXOMS_SMOKE": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout)
    assert found
    for key, result in found.items():
        assert key.partition(".")[0] == name
        assert result["peer"]
        assert result["peer_figure"] > 0
        assert result["ratio"] > 0
        assert "checksum" in result
        assert result["core_map"]
        assert "rate" in result or {"p50", "p99", "p999", "max"} <= set(result)


def test_unknown_bench_is_refused_by_name(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["nothing"])
    assert ended.value.code == 2
    assert "no bench nothing" in capsys.readouterr().err
