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
GROUPS = (
    ("start_cold",),
    ("start_warm",),
    ("desk",),
    ("idle_cpu", "memory", "recovery"),
    ("order_path", "tick_to_order"),
    ("http_requests", "ack_rtt", "load_e2e"),
    ("ring_hop", "ring_throughput", "affinity_effect"),
    ("risk_check", "order_throughput", "decode_book", "book_updates", "matching", "matching_full",
     "matching_journaled"),
)  # fmt: skip
"""What runs in one process: it imports the kernels once, and one idle desk serves two benches."""
needs_compiler = pytest.mark.skipif(not JIT_ON, reason="a bench measures compiled kernels")


@pytest.mark.parametrize("name", catalog.names())
def test_bench_states_its_question(name):
    assert len(catalog.question(name)) > 30
    assert catalog.question(name).endswith((".", "?"))


@needs_compiler
@pytest.mark.compiled
@pytest.mark.parametrize("names", GROUPS, ids=lambda names: names[0])
def test_bench_runs_at_smoke_size_and_names_its_peer(names, tmp_path):
    command = [sys.executable, "-m", "tests.bench", *names, "--smoke", "--json",
               "--data-dir", str(tmp_path)]  # fmt: skip
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=WATCHDOG_S, check=False,
        env=os.environ | {"MEXOMS_SMOKE": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout)
    assert {key.partition(".")[0] for key in found} == set(names)
    for result in found.values():
        assert result["peer"]
        assert result["peer_figure"] > 0
        assert result["ratio"] > 0
        assert "checksum" in result
        assert result["map"]
        assert result["durability"]
        assert "rate" in result or {"p50", "p99", "p999", "max"} == set(result["percentiles"])
    assert not list(tmp_path.iterdir()), "a smoke run's figures are not kept"


def test_every_bench_runs_at_smoke_size_once():
    assert sorted(name for names in GROUPS for name in names) == catalog.names()


def test_unknown_bench_is_refused_by_name(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["nothing"])
    assert ended.value.code == 2
    assert "no bench nothing" in capsys.readouterr().err
