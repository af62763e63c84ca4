"""One exchange for all clients of a session."""

import pytest

from tests.clients.exchange import running


@pytest.fixture(scope="session")
def exchange(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sim") / "d") as made:
        yield made
