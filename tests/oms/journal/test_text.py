"""A journal as JSON lines and back: the same bytes, whatever build wrote it."""

import json

import pytest

from oms.errors import JournalError
from oms.journal import format as fmt
from oms.journal.text import Importer, Records, export_lines, first_difference
from tests.oms.journal.test_damage import Written, rename, with_header
from tests.oms.sim.whole_desk import S, WholeDesk


@pytest.fixture(scope="module")
def files():
    """The journal of a desk that traded, in several files."""
    patch = pytest.MonkeyPatch()
    patch.setattr("oms.agents.risk.JOURNAL_FILE_RECORDS_MAX", 20)
    desk = WholeDesk(3)
    desk.run(3 * S)
    patch.undo()
    made = [bytes(file) for file in desk.harness.journals["risk"]]
    assert len(made) > 2, "too little happened"
    return made


def lines_of(files):
    return list(export_lines(Records(files, "journal")))


def files_of(lines):
    made = {}
    for number, data in Importer().pieces(lines):
        made[number] = made.get(number, b"") + data
    return [made[number] for number in sorted(made)]


def test_export_and_import_give_the_same_bytes(files):
    lines = lines_of(files)
    assert files_of(lines) == files
    assert all("\n" not in line for line in lines)


def test_random_records_survive_the_way(sized):
    for seed in range(sized(20, 3)):
        written = Written(blocks=3, files=2, seed=seed)
        assert files_of(lines_of(written.files)) == written.files


def test_fields_are_names_and_plain_numbers(files):
    shown = [json.loads(line) for line in lines_of(files)]
    orders = [record for record in shown if record.get("type") == "OrderRow"]
    assert orders[0]["state"] == "PENDING_NEW"
    assert orders[0]["quote_qty"] is None, "what is undefined is null"
    assert isinstance(orders[0]["px"], int)


def test_journal_of_another_layout_goes_through_by_its_own():
    written = Written(blocks=3)

    def older(records, _):
        rename(records["Cycle"], "now_ns", "clock_ns")
        del records["OrderUpdate"]["enums"]["OrderState"][-1]

    old = with_header(written, older)
    lines = lines_of([old])
    assert any('"clock_ns"' in line for line in lines)
    assert files_of(lines) == [old]


def test_unfinished_tail_is_left_out_and_told(files):
    records = Records([*files[:-1], files[-1][:-5]], "journal")
    assert files_of(export_lines(records))[:-1] == files[:-1]
    assert records.recovery.cut_bytes > 0


def test_damage_before_a_block_is_refused(files):
    damaged = bytearray(files[0])
    _, first_block = fmt.parse_file_header(files[0], "journal")
    damaged[first_block + fmt.BLOCK_HEAD.itemsize + 20] ^= 1
    with pytest.raises(JournalError, match="intact blocks follow"):
        lines_of([bytes(damaged), *files[1:]])


def changed(line, **fields):
    return json.dumps(json.loads(line) | fields)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines, k: lines.pop(k), "ends after|required is"),
        (lambda lines, k: lines.__setitem__(k, "{"), "no JSON"),
        (lambda lines, k: lines.__setitem__(k, "[]"), "required is an object"),
        (lambda lines, k: lines.__setitem__(k, changed(lines[k], seq=999_999)), "required is"),
        (lambda lines, k: lines.__setitem__(k, changed(lines[k], type="Dream")), "no type 'Dream'"),
        (lambda lines, k: lines.__setitem__(k, changed(lines[k], more=1)), "'more'"),
        (lambda lines, k: lines.__setitem__(k, changed(lines[k], epoch=2**70)), "epoch"),
        (lambda lines, k: lines.pop(0), "describes no type"),
        (lambda lines, k: lines.pop(k - 1), "outside a block"),
    ],
)
def test_line_that_is_not_what_export_wrote_is_refused(files, change, words):
    lines = lines_of(files)
    at = next(k for k, line in enumerate(lines) if '"type":"Start"' in line)
    change(lines, at)
    with pytest.raises(JournalError, match=words):
        files_of(lines)


def test_edited_journal_breaks_the_chain_of_its_next_file(files):
    lines = lines_of(files)
    at = next(k for k, line in enumerate(lines) if '"type":"Start"' in line)
    lines[at] = changed(lines[at], system_id=1)
    with pytest.raises(JournalError, match="hash chain"):
        files_of(lines)


def test_text_longer_than_its_field_is_refused(files):
    lines = lines_of(files)
    at = next(k for k, line in enumerate(lines) if '"type":"CurrencyRow"' in line)
    lines[at] = changed(lines[at], code="X" * 17)
    with pytest.raises(JournalError, match="at most 16 bytes"):
        files_of(lines)


# Where two journals part


def difference(ours, theirs):
    return first_difference(Records(ours, "a"), Records(theirs, "b"))


def test_same_records_are_the_same(files):
    assert difference(files, files) is None


def test_first_difference_names_sequence_type_and_fields(files):
    lines = lines_of(files[:1])
    at = next(k for k, line in enumerate(lines) if '"type":"Start"' in line)
    lines[at] = changed(lines[at], system_id=1)
    found = difference(files[:1], files_of(lines))
    assert found["what"] == "Start"
    assert found["seq"] == json.loads(lines[at])["seq"]
    assert list(found["fields"]) == ["system_id"]
    assert found["fields"]["system_id"][1] == 1


def test_journal_that_goes_on_differs_where_the_other_ends(files):
    found = difference(files[:1], files)
    assert "first journal ends" in found["what"]
    assert found["other"]["seq"] == found["seq"]
