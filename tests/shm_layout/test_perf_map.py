"""Names of kernels for perf: every function of an object file, where it was linked."""

import itertools
import os
import subprocess
import sys

import pytest

from scripts import profiling
from shm_layout.compiler import perf_map


def test_mangled_names_are_read_and_others_stay():
    mangled = "_ZN3oms4book8book_hot11apply_levelB2v1B38c8tJTIeFI_3dE5ArrayIxLi1E1C7mutableE"
    assert perf_map.plain_name(mangled) == "oms.book.book_hot.apply_level"
    assert perf_map.plain_name("mexoms_oms_risk_kernel_hot_step") == (
        "mexoms_oms_risk_kernel_hot_step"
    )


@pytest.mark.compiled
def test_process_that_is_asked_to_names_its_kernels():
    code = "import os; import oms.risk.kernel_hot; print(os.getpid())"
    env = dict(os.environ, **{perf_map.WANTED: "1"})
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    path = perf_map.map_path(int(done.stdout))
    try:
        lines = [line.split(" ", 2) for line in path.read_text().splitlines()]
    finally:
        path.unlink()
    names = {name: int(size, 16) for _, size, name in lines}
    assert names["mexoms_oms_risk_kernel_hot_step"] > 0
    assert "oms.risk.kernel_hot.step" in names
    starts = sorted((int(start, 16), int(size, 16)) for start, size, _ in lines)
    assert all(a + size <= b for (a, size), (b, _) in itertools.pairwise(starts))


def test_table_counts_where_samples_ended_and_what_they_went_through():
    table = profiling.python_table("main;a;b 3\nmain;a 1\n")
    assert table[1].split() == ["75.0%", "75.0%", "b"]
    assert table[2].split() == ["25.0%", "100.0%", "a"]


def test_unknown_bench_is_named(capsys):
    assert profiling.main(["ring_hopp"]) == 2
    assert "no bench ring_hopp; there are " in capsys.readouterr().err
