"""What several tests need: where the outside material lies."""

import os
from pathlib import Path

import pytest


def data_folder(name: str) -> Path:
    """A folder of the outside material (MEXOMS_DATA), or the test is skipped with the reason."""
    base = os.environ.get("MEXOMS_DATA")
    if not base:
        pytest.skip("MEXOMS_DATA is not set: no outside material")
    folder = Path(base) / name
    if not folder.is_dir():
        pytest.skip(f"no folder {name} in MEXOMS_DATA={base}")
    return folder
