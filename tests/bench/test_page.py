"""docs/performance.md says what docs/performance/figures.json says, and nothing else."""

import json
import xml.etree.ElementTree as ET

import pytest

from oms.errors import ConfigError
from tests.bench import page
from tests.bench.__main__ import main
from tests.bench.history import History, Line
from tests.bench.result import latency, throughput

HERE = {"core_map": "one core", "wait": "spin", "checksum": 5, "aim": "≥ 1"}


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path / "bench")
    hop = latency("ring_hop", "ns", [[200.0, 300.0]] * 5, {"Pipe": 5000.0}, note="n", **HERE)
    rate = throughput("load", "orders/s", [9e3, 1e4, 1.1e4], {"aiohttp": 4e3}, **HERE)
    for bench, result in (("ring_hop", hop), ("load", rate)):
        made.add(Line(1, "2026-11-21T00:00:00Z", "abc", "box", bench, {},
                      {result.name: json.loads(json.dumps(result.as_dict()))}))  # fmt: skip
    return made


def test_page_holds_the_table_and_plots_of_its_figures():
    figures = page.read_figures()
    text = page.PAGE.read_text()
    assert text == page.with_block(text, page.block(figures))
    for name, plot in (page.plots(figures) if figures else {}).items():
        assert (page.FIGURES.parent / name).read_text() == plot


def test_newest_figures_are_written_into_the_page(history, tmp_path):
    where = tmp_path / "docs" / "performance.md"
    where.parent.mkdir()
    where.write_text(f"# Before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    written = page.write(history, where)
    text = where.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith(f"{page.END}\nafter\n")
    assert "old" not in text
    assert "| `ring_hop` | 250 / 299 ns |" in text
    assert "| `load` | 10 k orders/s | 9,000 to 11 k, 3 |" in text or "10,000 orders/s" in text
    assert "- `ring_hop`: n" in text
    assert len(written) == 4
    again = {path.name: path.read_bytes() for path in where.parent.rglob("*") if path.is_file()}
    page.write(history, where)
    assert again == {
        path.name: path.read_bytes() for path in where.parent.rglob("*") if path.is_file()
    }


def test_plots_are_drawings_with_a_bar_for_each_figure(history):
    for text in page.plots(page.collect(history)).values():
        root = ET.fromstring(text)
        said = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "ring_hop" in said or "load" in said


def test_without_a_full_run_there_is_nothing_to_write(tmp_path):
    with pytest.raises(ConfigError, match="holds no full run"):
        main(["--write-docs", "--data-dir", str(tmp_path)])


def test_page_without_its_marks_is_refused():
    with pytest.raises(ConfigError, match="found no"):
        page.with_block("no marks", "x")
