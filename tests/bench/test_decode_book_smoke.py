"""The bench runs at smoke size, and the same stream gives the same book."""

from tests.bench import bench_decode_book


def test_bench_decode_book_smoke_gives_figures() -> None:
    figures = bench_decode_book.run(True, None)
    assert figures["messages_per_s"] > 0
    assert figures["checksum"] == bench_decode_book.run(True, None)["checksum"]
