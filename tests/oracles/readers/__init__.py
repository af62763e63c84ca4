"""The readers, one line each; a folder that none of them claims is reported as `later`."""

from __future__ import annotations

from tests.oracles.base import Reader
from tests.oracles.readers.exchange_core import ExchangeCoreReader
from tests.oracles.readers.hftbacktest import HftbacktestReader
from tests.oracles.readers.lobster import LobsterReader
from tests.oracles.readers.signing_vectors import SigningVectorsReader

READERS: tuple[Reader, ...] = (
    ExchangeCoreReader(),
    HftbacktestReader(),
    LobsterReader(),
    SigningVectorsReader(),
)
