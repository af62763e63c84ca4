"""The readers, one line each; a folder that none of them claims is reported as `later`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.oracles.base import Reader
from tests.oracles.readers.binance_spot_docs import BinanceSpotDocsReader
from tests.oracles.readers.ccxt_generated import CcxtGeneratedReader
from tests.oracles.readers.cryptofeed import CryptofeedReader
from tests.oracles.readers.exchange_core import ExchangeCoreReader
from tests.oracles.readers.futures_docs import FuturesDocsReader
from tests.oracles.readers.gocryptotrader import GocryptotraderReader
from tests.oracles.readers.hftbacktest import HftbacktestReader
from tests.oracles.readers.jkorf import JkorfReader
from tests.oracles.readers.korean_exchange_docs import KoreanExchangeDocsReader
from tests.oracles.readers.lobster import LobsterReader
from tests.oracles.readers.nautilus import NautilusReader
from tests.oracles.readers.signing_vectors import SigningVectorsReader
from tests.oracles.readers.tokens import Rfc7515Reader, WycheproofTokenReader

READERS: tuple[Reader, ...] = (
    BinanceSpotDocsReader(),
    CcxtGeneratedReader(),
    CryptofeedReader(),
    ExchangeCoreReader(),
    FuturesDocsReader(),
    GocryptotraderReader(),
    HftbacktestReader(),
    JkorfReader(),
    KoreanExchangeDocsReader(),
    LobsterReader(),
    NautilusReader(),
    Rfc7515Reader(),
    SigningVectorsReader(),
    WycheproofTokenReader(),
)
LATER_FILES: Mapping[str, Sequence[str]] = {
    "nautilus": ("*.csv", "*.csv.gz", "*.jsonl.gz"),
    "nist-rfc": ("*.rsp.gz", "rfc-4231-*.txt"),
    "wycheproof": ("[!j]*_test.json*",),
}
"""Folders of which readers take a part: files that are known, and that nothing reads yet."""
