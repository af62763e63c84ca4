"""A command of a test leaves no desk behind that the next test's hints would name, and English."""

import pytest

from procs import here, lang


@pytest.fixture(autouse=True)
def nobody_stands_anywhere(monkeypatch):
    """In English, at no desk, before and after."""
    monkeypatch.setenv(lang.ENVIRONMENT, "")
    yield
    monkeypatch.setenv(lang.ENVIRONMENT, "")
    here.stand_at(None, None)
