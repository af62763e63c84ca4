"""How the system may be started: never with asserts off, and with one thread in numpy."""

import os
import subprocess
import sys

from tests.tidy import laws


def run(*arguments, **env):
    clean = {k: v for k, v in os.environ.items() if k not in {"OPENBLAS_NUM_THREADS", "PYTHONPATH"}}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=laws.ROOT,
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_python_with_asserts_off_is_refused():
    done = run("-O", "-c", "import shm_layout")
    assert done.returncode == 1
    assert "mExOms does not run under python -O" in done.stderr


def test_numpy_starts_no_thread_of_its_own():
    code = "import shm_layout, numpy, os; print(len(os.listdir('/proc/self/task')))"
    done = run("-c", code)
    assert done.stdout.strip() == "1", done.stderr


def test_thread_count_that_the_user_set_is_kept():
    code = "import shm_layout, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    assert run("-c", code, OPENBLAS_NUM_THREADS="2").stdout.strip() == "2"
