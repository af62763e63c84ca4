"""The bench runs at smoke size, and the same stream gives the same book."""

import pytest

from tests.bench import bench_decode_book

pytestmark = pytest.mark.compiled


def test_bench_decode_book_smoke_gives_figures() -> None:
    first = bench_decode_book.run(True, 1, None)
    again = bench_decode_book.run(True, 1, None)
    assert [made.name for made in first] == ["decode_book.usdm", "decode_book.spot"]
    assert all(made.rate > 0 for made in first)
    assert [made.checksum for made in first] == [made.checksum for made in again]
