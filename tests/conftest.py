"""What every test shares: the size it runs at, and the profile of the property tests.

MEXOMS_SMOKE=1 asks for smoke size: the suite with the compiler off and the benches set it. A test
takes the fixture `sized` and names both sizes where it can say them: `sized(1_000_000, 2_000)`.
Property tests draw the same examples in every run (a failure is seen again by running again) and
have no time limit: no test fails because a machine is slow.
"""

import os

os.environ["MEXOMS_JIT"] = "compiler"  # tests call inner kernels, too

import pytest
from hypothesis import HealthCheck, settings

import shm_layout.jit  # noqa: F401 - so that numpy gets one thread, and the mode is taken

del os.environ["MEXOMS_JIT"]  # the desks that tests start run as a user's do

SMOKE = os.environ.get("MEXOMS_SMOKE") == "1"

settings.register_profile(
    "full",
    deadline=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("smoke", settings.get_profile("full"), max_examples=20)
settings.load_profile("smoke" if SMOKE else "full")


@pytest.fixture(scope="session")
def smoke():
    """Whether this run is at smoke size."""
    return SMOKE


@pytest.fixture(scope="session")
def sized():
    """`sized(full, small)`: the size for this run."""

    def choose(full, small):
        return small if SMOKE else full

    return choose
