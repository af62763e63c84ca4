"""Journals that were cut, changed, mixed up, or written by another build (RELIABILITY I8, D6).

Whatever happens to the bytes, reading gives a prefix of what was written, or refuses; it never
gives a record that was not written, and never cuts off what lies before a readable block.
"""

import json
import random
import zlib

import numpy as np
import pytest

from oms.errors import JournalError
from oms.journal import format as fmt
from oms.journal.frames_hot import append_frame
from oms.journal.reader import Recovery, read_journal
from oms.journal.writer import BlockWriter
from oms.sim.harness import MemoryJournal
from shm_layout.enums import RecordType
from shm_layout.records import CYCLE, EXECUTION, ORDER_UPDATE, STRATEGY_ROW

KINDS = ((CYCLE, RecordType.CYCLE), (EXECUTION, RecordType.EXECUTION),
         (ORDER_UPDATE, RecordType.ORDER_UPDATE))  # fmt: skip


class Written:
    """A small journal: `blocks` of one to three records of random bytes."""

    def __init__(self, blocks, files=1, seed=1):
        chance = np.random.Generator(np.random.PCG64(seed))
        self.port = MemoryJournal([])
        self.ends = []
        """Size of the last file behind each of its blocks."""
        state = np.zeros(3, np.int64)
        writer = BlockWriter(self.port, 1, Recovery())
        for file in range(files):
            if file:
                writer.chain()
                writer._roll()
            self.ends = [len(self.port.files[-1])]
            for _ in range(blocks):
                for _ in range(int(chance.integers(1, 4))):
                    dtype, kind = KINDS[int(chance.integers(len(KINDS)))]
                    words = chance.integers(-(2**62), 2**62, dtype.itemsize // 8)
                    words.view(dtype)["type"] = kind
                    append_frame(writer.frames, state, 0, words, 0, len(words))
                writer.commit(state, 0, writer.last_seq)
                self.ends.append(len(self.port.files[-1]))
        self.files = [bytes(file) for file in self.port.files]
        self.records = taken(self.files)[0]

    @property
    def last(self):
        return self.files[-1]


def taken(files):
    """(records as bytes, recovery), read as risk does: whole blocks many at a time, and what they
    do not reach one by one.
    """
    found, records = Recovery(), []

    def take(words, first, end):
        at = behind = first
        while at < end:
            if at == behind:
                behind = at + (int(words[at + 1]) & 0xFFFFFFFF) // 8
                at += fmt.BLOCK_HEAD_WORDS
            begin = at + 1
            at = begin + (int(words[at]) & 0xFFFFFFFF) // 8
            records.append(words[begin:at].tobytes())

    # The tail's records come behind all that `take` was given.
    tail = [record.tobytes() for record in read_journal(files, found, whole=take)]
    return records + tail, found


def one_by_one(files):
    """The same, as everybody else reads."""
    found = Recovery()
    return [record.tobytes() for record in read_journal(files, found)], found


def prefix_or_refused(files, written):
    """What was read of damaged files; None = refused. It must be a prefix of what was written."""
    try:
        records, found = taken(files)
    except JournalError:
        return None
    assert records == written.records[: len(records)]
    assert found.last_seq == len(records)
    return found


@pytest.fixture(scope="module")
def journal():
    return Written(blocks=4)


def test_cut_at_every_byte_gives_the_longest_prefix_of_whole_blocks(journal, sized):
    header = journal.ends[0]
    for size in range(0, len(journal.last), sized(3, 23)):
        if header - 3000 > size > 40 and size % 5:
            continue
        found = prefix_or_refused([journal.last[:size]], journal)
        assert found is not None, f"cut at {size}"
        whole = max((end for end in journal.ends if end <= size), default=0)
        assert found.file_size_bytes == (whole if size >= header else 0), f"cut at {size}"
        assert found.cut_bytes == size - found.file_size_bytes, f"cut at {size}"
        assert bool(found.cut_reason) == (size not in journal.ends), f"cut at {size}"


def test_writing_goes_on_behind_a_cut_at_any_byte(journal, sized):
    chance = random.Random(2)
    places = range(len(journal.last)) if sized(1, 0) else ()
    for size in [*journal.ends, *chance.sample(range(len(journal.last)), 6), *places[::401]]:
        port = MemoryJournal([bytearray(journal.last[:size])])
        found = Recovery()
        kept = len(list(read_journal(port.existing(), found)))
        port.truncate(found.files - 1, found.file_size_bytes)
        writer = BlockWriter(port, 2, found)
        state = np.array([0, 0, found.last_seq])
        words = np.zeros(CYCLE.itemsize // 8, np.int64)
        words.view(CYCLE)["type"] = RecordType.CYCLE
        append_frame(writer.frames, state, 0, words, 0, len(words))
        writer.commit(state, 0, found.last_seq)
        records, again = taken(list(port.existing()))
        assert len(records) == kept + 1, f"cut at {size}"
        assert not again.cut_bytes, f"cut at {size}"


def test_any_flipped_bit_of_the_tail_is_cut_off_or_refused(journal, sized):
    begin, end = journal.ends[-3], journal.ends[-2]
    bits = range(begin * 8, len(journal.last) * 8, sized(17, 211))
    for bit in bits:
        damaged = bytearray(journal.last)
        damaged[bit // 8] ^= 1 << bit % 8
        found = prefix_or_refused([bytes(damaged)], journal)
        if bit < end * 8:
            assert found is None, f"bit {bit}: an intact block lies behind it"
        else:
            assert found is not None, f"bit {bit}"
            assert found.file_size_bytes == end, f"bit {bit}"


def test_many_blocks_at_a_time_give_what_one_by_one_gives(sized):
    journal = Written(blocks=9, files=2, seed=4)
    chance = random.Random(3)
    same = refused = 0
    for _ in range(sized(120, 12)):
        files = [bytearray(file) for file in journal.files]
        damaged = files[chance.randrange(2)]
        for _ in range(chance.randint(0, 2)):
            damaged[chance.randrange(journal.ends[0], len(damaged))] ^= 1 << chance.randrange(8)
        if chance.randrange(2):
            del files[1][chance.randrange(len(files[1])) :]
        found = []
        for read in (taken, one_by_one):
            try:
                found.append(read([bytes(file) for file in files]))
            except JournalError as error:
                found.append(str(error))
        assert found[0] == found[1]
        refused += isinstance(found[0], str)
        same += not isinstance(found[0], str)
    assert same
    assert refused


def test_any_flipped_bit_of_the_header_is_refused(journal, sized):
    for bit in range(0, journal.ends[0] * 8, sized(131, 4001)):
        damaged = bytearray(journal.last)
        damaged[bit // 8] ^= 1 << bit % 8
        assert prefix_or_refused([bytes(damaged)], journal) is None, f"bit {bit}"


def blocks_of(journal):
    pieces = zip(journal.ends, journal.ends[1:], strict=False)
    return [journal.last[begin:end] for begin, end in pieces]


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("second", range(4))
def test_swapped_blocks_are_refused(journal, first, second):
    blocks = blocks_of(journal)
    blocks[first], blocks[second] = blocks[second], blocks[first]
    found = prefix_or_refused([journal.last[: journal.ends[0]] + b"".join(blocks)], journal)
    assert (found is not None) == (first == second)


@pytest.mark.parametrize("doubled", range(4))
def test_doubled_block_is_refused(journal, doubled):
    blocks = blocks_of(journal)
    blocks.insert(doubled, blocks[doubled])
    assert prefix_or_refused([journal.last[: journal.ends[0]] + b"".join(blocks)], journal) is None


@pytest.mark.parametrize("lost", range(3))
def test_missing_block_is_refused(journal, lost):
    blocks = blocks_of(journal)
    del blocks[lost]
    assert prefix_or_refused([journal.last[: journal.ends[0]] + b"".join(blocks)], journal) is None


def test_zeroed_pages_are_cut_off_at_the_end_and_refused_before(journal):
    for at in range(journal.ends[0], len(journal.last), 64):
        damaged = journal.last[:at] + bytes(64) + journal.last[at + 64 :]
        found = prefix_or_refused([damaged[: len(journal.last)]], journal)
        if at + 64 < journal.ends[-2]:
            assert found is None, f"zeroed at {at}"
    found = prefix_or_refused([journal.last + bytes(4096)], journal)
    assert found is not None
    assert found.cut_bytes == 4096
    assert found.records == len(journal.records)


def test_random_damage_never_gives_a_record_that_was_not_written(journal, sized):
    chance = random.Random(7)
    for _ in range(sized(500, 60)):
        damaged = bytearray(journal.last)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(journal.ends[0], len(damaged))] = chance.randrange(256)
        prefix_or_refused([bytes(damaged)], journal)


# Several files


def test_files_in_another_order_missing_or_put_back_are_refused():
    written = Written(blocks=2, files=3)
    first, second, third = written.files
    assert taken([first, second, third])[0] == written.records
    for files in ([second, third], [first, third], [first, third, second], [first, first, second]):
        assert prefix_or_refused(files, written) is None
    other = Written(blocks=2, files=3, seed=2)
    assert prefix_or_refused([first, other.files[1], third], written) is None


def test_damage_in_a_file_that_is_not_the_last_is_refused():
    written = Written(blocks=2, files=2)
    for size in (0, 5, 100, len(written.files[0]) - 1):
        assert prefix_or_refused([written.files[0][:size], written.files[1]], written) is None


def test_last_file_cut_inside_its_header_loses_nothing_before_it():
    written = Written(blocks=2, files=2)
    alone = taken([written.files[0]])[0]
    for size in range(0, 600, 7):
        records, found = taken([written.files[0], written.files[1][:size]])
        assert records == alone
        assert (found.files, found.file_size_bytes, found.cut_bytes) == (2, 0, size)


# Other builds


def with_header(journal, change):
    """The journal's file as a build would have written it whose header says something else."""
    header = journal.last[: journal.ends[0]]
    described = json.loads(header[fmt.FILE_FIXED_BYTES :])
    change({entry["name"]: entry for entry in described["records"]}, described)
    text = json.dumps(described, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-(fmt.FILE_FIXED_BYTES + len(text)) % fmt.FILE_ALIGN_BYTES)
    sizes = np.array([len(text), zlib.crc32(text)], "<u4").tobytes()
    return fmt.FILE_MAGIC + sizes + text + journal.last[journal.ends[0] :]


def rename(entry, name, new):
    next(field for field in entry["fields"] if field[0] == name)[0] = new


def test_fields_that_came_and_went_are_converted_by_name(journal):
    def older(records, _):
        rename(records["Cycle"], "now_ns", "clock_ns")

    found = list(read_journal([with_header(journal, older)], Recovery()))
    ours = list(read_journal([journal.last], Recovery()))
    cycles = [k for k, record in enumerate(ours) if int(record["type"]) == RecordType.CYCLE]
    assert cycles, "no Cycle in this journal"
    for k in cycles:
        assert int(found[k]["now_ns"]) == 0, "a field that the writer did not know is zero"
        for name in ("seq", "cycle", "consumed", "record_count"):
            assert found[k][name].tobytes() == ours[k][name].tobytes()
    others = [k for k in range(len(ours)) if k not in cycles]
    assert all(found[k].tobytes() == ours[k].tobytes() for k in others)


def test_file_of_an_older_build_is_not_written_on(journal):
    def older(records, described):
        described["records"].remove(records["StrategyRow"])
        rename(records["Cycle"], "now_ns", "clock_ns")

    port = MemoryJournal([bytearray(with_header(journal, older))])
    found = Recovery()
    before = len(list(read_journal(port.existing(), found)))
    writer = BlockWriter(port, 2, found)
    state = np.array([0, 0, found.last_seq])
    for dtype, kind in ((CYCLE, RecordType.CYCLE), (STRATEGY_ROW, RecordType.STRATEGY_ROW)):
        words = np.full(dtype.itemsize // 8, 5, np.int64)
        words.view(dtype)["type"] = kind
        append_frame(writer.frames, state, 0, words, 0, len(words))
    writer.commit(state, 0, found.last_seq)
    read = list(read_journal(port.existing(), Recovery()))
    assert [int(r["type"]) for r in read[before:]] == [RecordType.CYCLE, RecordType.STRATEGY_ROW]
    assert int(read[before]["now_ns"]) == 5


def retype(records, _):
    next(f for f in records["Cycle"]["fields"] if f[0] == "now_ns")[1] = "f8"


def strange(records, described):
    described["records"].append(dict(records["Cycle"], name="Dream", type=4000))


def reordered(records, _):
    records["OrderUpdate"]["enums"]["OrderState"][1:3] = ["OPEN", "PENDING_NEW"]


def longer(records, _):
    records["OrderUpdate"]["enums"]["OrderState"].append("LOST")


@pytest.mark.parametrize(
    ("change", "word"),
    [(retype, "Cycle.now_ns"), (strange, "Dream"), (reordered, "OrderState"), (longer, "LOST")],
)
def test_layout_that_cannot_be_converted_is_refused_by_type(journal, change, word):
    with pytest.raises(JournalError, match=word):
        list(read_journal([with_header(journal, change)], Recovery()))


def test_enums_that_were_shorter_are_read(journal):
    def shorter(records, _):
        del records["OrderUpdate"]["enums"]["OrderState"][-1]

    found = list(read_journal([with_header(journal, shorter)], Recovery()))
    assert [r.tobytes() for r in found] == journal.records
