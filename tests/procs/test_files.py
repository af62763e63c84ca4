"""Clock, journal files, human files, keys and logs of the live host."""

import base64
import json
import resource
import signal
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from oms.config import ProcessConfig
from oms.errors import ConfigError, DiskFullError, ExitCode, JournalError
from oms.venues.binance.server.auth import Keyring
from oms.venues.binance.server.errors import ApiError
from oms.venues.serving.keyring import ApiKey
from procs.children import WORKED_S, Child, EpochFile
from procs.clock import SLEW_DIVISOR, STEP_NS, Clock
from procs.files import journal_file, logs
from procs.files.fixed_file import PlacedFile
from procs.files.journal_file import HumanFiles, JournalFile
from procs.files.keys import GeneratedKeys
from procs.files.logs import LINES_PER_S_MAX, ProcessLog
from shm_layout import limits
from shm_layout.limits import FIXED_FILE_BYTES, JOURNAL_AHEAD_BYTES
from tests.forked import forked

UTC, MONO = 1_700_000_000_000_000_000, 5_000_000_000


def clock():
    return Clock(utc_ns=UTC, monotonic_ns=MONO)


def test_clock_slews_small_differences():
    made = clock()
    later = MONO + 1_000_000_000
    left = made.retune(UTC + 1_000_000_000 + 5_000_000, later)
    assert made.at(later) == UTC + 1_000_000_000 + 1_000_000_000 // SLEW_DIVISOR
    assert left == 5_000_000 - 1_000_000


def test_clock_takes_a_step_forward_at_once():
    made = clock()
    made.retune(UTC + 3600 * STEP_NS, MONO + 1)
    assert made.at(MONO + 1) == UTC + 3600 * STEP_NS


def test_clock_never_goes_backwards_over_a_step_back():
    made, last = clock(), 0
    for k in range(1, 100):
        at = MONO + k * 10_000_000
        made.retune(UTC + k * 10_000_000 - 3600 * STEP_NS, at)
        assert made.at(at) >= last
        last = made.at(at)
    assert last - UTC <= 99 * 10_000_000 // 2 + 10_000_000, "time passes at half speed"


@pytest.mark.parametrize("mode", ["process-crash-safe", "power-safe"])
def test_journal_gives_back_what_was_appended(tmp_path, mode):
    made = JournalFile(tmp_path, "risk", mode)
    made.append(b"one")
    made.append(b"two")
    made.roll(b"head")
    made.append(b"three")
    made.close()
    assert list(JournalFile(tmp_path, "risk", mode).existing()) == [b"onetwo", b"headthree"]
    assert [p.name for p in made.files()] == ["risk-000001.mxj", "risk-000002.mxj"]


def test_journal_goes_on_in_its_last_file_after_its_tail_was_cut(tmp_path):
    first = JournalFile(tmp_path, "risk", "process-crash-safe")
    first.append(b"whole")
    first.append(b"half")
    first.close()
    second = JournalFile(tmp_path, "risk", "process-crash-safe")
    second.truncate(0, 5)
    second.append(b"new")
    assert list(second.existing()) == [b"wholenew"]
    second.close()


def test_journal_refuses_to_cut_another_than_the_last_file(tmp_path):
    made = JournalFile(tmp_path, "risk", "process-crash-safe")
    made.append(b"one")
    made.roll(b"two")
    with pytest.raises(JournalError, match="oms journal verify"):
        made.truncate(0, 1)
    made.close()


def test_journal_drops_older_files_and_keeps_their_numbers(tmp_path):
    made = JournalFile(tmp_path, "risk", "process-crash-safe")
    assert made.begun() == 0
    made.append(b"one")
    for block in (b"two", b"three"):
        made.roll(block)
    made.drop_before(-1)
    assert made.begun() == len(made.files()) == 3
    made.drop_before(made.begun() - 1)
    made.close()
    second = JournalFile(tmp_path, "risk", "process-crash-safe")
    assert list(second.existing()) == [b"three"]
    second.truncate(second.begun() - 1, 2)
    second.roll(b"four")
    assert [path.name[-10:-4] for path in second.files()] == ["000003", "000004"]
    assert list(second.existing()) == [b"th", b"four"]
    second.close()


def test_journal_has_one_writer(tmp_path):
    made = JournalFile(tmp_path, "risk", "process-crash-safe")
    made.append(b"one")

    def second():
        with pytest.raises(JournalError, match="one writer"):
            JournalFile(tmp_path, "risk", "process-crash-safe").append(b"two")

    with forked(second) as child:
        assert child.wait() == 0
    made.close()
    assert list(made.existing()) == [b"one"]


@pytest.mark.parametrize(
    ("write", "said"),
    [(lambda *_: 2, "2 of 5 bytes"), (OSError(28, "No space left on device"), "No space left")],
)
def test_journal_that_cannot_write_a_whole_block_stops(tmp_path, monkeypatch, write, said):
    made = JournalFile(tmp_path, "risk", "process-crash-safe")
    made.append(b"one")

    def broken(*_):
        if isinstance(write, OSError):
            raise write
        return write()

    monkeypatch.setattr(journal_file.os, "write", broken)
    with pytest.raises(JournalError, match=said):
        made.append(b"block")
    monkeypatch.undo()
    made.close()


def test_human_file_gets_one_line_whatever_the_text(tmp_path):
    made = HumanFiles(tmp_path)
    made.append_line("day/orders.jsonl", "a\nb\rc")
    made.append_line("day/orders.jsonl", "d")
    made.close()
    assert (tmp_path / "day/orders.jsonl").read_text() == "a\\nb\\rc\nd\n"


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", ""])
def test_human_file_stays_in_the_data_directory(tmp_path, path):
    with pytest.raises(AssertionError):
        HumanFiles(tmp_path).append_line(path, "x")


def test_key_is_made_once_and_kept_from_others(tmp_path):
    keys = GeneratedKeys(tmp_path)
    made = keys.key("binance.main")
    assert keys.key("binance.main") == made
    assert keys.key("binance.sub") != made
    assert (tmp_path / "binance.main.json").stat().st_mode & 0o777 == 0o600
    assert made.secret.decode() not in repr(made)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["binance.main.json", "binance.sub.json"]


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_key_of_two_halves_signs_for_the_client_and_is_checked_by_the_exchange(tmp_path, kind):
    keys = GeneratedKeys(tmp_path)
    made = keys.key("bot", kind)
    assert keys.key("bot") == made
    assert (tmp_path / "bot.json").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" in made.secret
    assert b"PUBLIC" in made.public_key
    assert "PRIVATE" not in repr(made)
    private = load_pem_private_key(made.secret, None)
    extra = () if kind == "ed25519" else (PKCS1v15(), SHA256())
    signature = base64.b64encode(private.sign(b"payload", *extra)).decode()
    keyring = Keyring({made.api_key: ApiKey(0, made.public_key, made.kind)})
    keyring.check(made.api_key, b"payload", signature)
    with pytest.raises(ApiError):
        keyring.check(made.api_key, b"another", signature)


def test_key_file_with_a_public_key_alone_is_enough_for_the_exchange(tmp_path):
    made = GeneratedKeys(tmp_path).key("bot", "ed25519")
    text = {"api_key": "mine", "kind": "ed25519", "public_key": made.public_key.decode()}
    (tmp_path / "bot.json").write_text(json.dumps(text))
    found = GeneratedKeys(tmp_path).key("bot")
    assert (found.api_key, found.secret, found.public_key) == ("mine", b"", made.public_key)


@pytest.mark.parametrize(
    "text", ['{"api_key": "a"}', '{"api_key": "a", "kind": "dsa", "secret": "s"}', "[]", "x",
             '{"api_key": "a", "kind": "rsa", "secret": "s"}'],
)  # fmt: skip
def test_key_file_that_describes_no_key_is_refused(tmp_path, text):
    GeneratedKeys(tmp_path).key("bot")
    (tmp_path / "bot.json").write_text(text)
    with pytest.raises(ConfigError, match="found no JSON object with api_key"):
        GeneratedKeys(tmp_path).key("bot")


def test_hmac_keys_load_no_crypto_library():
    code = (
        "import sys, procs.files.keys, oms.venues.binance.server.server;"
        "import oms.agents.venue_sim.agent;"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_key_file_that_others_may_read_is_refused(tmp_path):
    GeneratedKeys(tmp_path).key("binance.main")
    (tmp_path / "binance.main.json").chmod(0o640)
    with pytest.raises(ConfigError, match=r"0640.*delete it"):
        GeneratedKeys(tmp_path).key("binance.main")


@pytest.mark.parametrize("name", ["", "../x", "A", "x" * 65, "a/b"])
def test_key_name_that_could_leave_its_folder_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="key name"):
        GeneratedKeys(tmp_path).key(name)


def read_log(log):
    return [json.loads(line) for line in log.path.read_text().splitlines()]


def test_log_is_one_json_line_an_event_without_secrets(tmp_path):
    log = ProcessLog(tmp_path, "engine")
    log.write("info", "risk", "started", text="a\nb\x1b[2J", api_key="k", signature="s", count=3)
    log.write("debug", "risk", "left_out")
    (line,) = read_log(log)
    assert line["text"] == "a\nb\x1b[2J"
    assert (line["api_key"], line["signature"], line["count"]) == ("***", "***", 3)
    assert "\x1b" not in log.path.read_text()
    log.close()


def test_log_rotates_by_size_and_keeps_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("procs.files.logs.LOG_FILE_BYTES_MAX", 400)
    log = ProcessLog(tmp_path, "engine")
    for n in range(40):
        log.write("info", "", "event", number=n)
    assert len(list(tmp_path.iterdir())) == 5
    assert read_log(log)[-1]["number"] == 39
    log.close()


def test_log_can_be_followed_by_name_through_its_rotation(tmp_path, monkeypatch):
    monkeypatch.setattr("procs.files.logs.LOG_FILE_BYTES_MAX", 600)
    log = ProcessLog(tmp_path, "engine")
    log.write("info", "", "event", number=0)
    follow = ["tail", "-n", "+1", "--sleep-interval=0.01", "-F", str(log.path)]
    with subprocess.Popen(follow, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tail:
        for number in range(60):
            assert json.loads(tail.stdout.readline())["number"] == number
            log.write("info", "", "event", number=number + 1)
        tail.terminate()
    assert (tmp_path / "engine.4.jsonl").exists(), "it was rotated"
    log.close()


def test_logs_of_all_processes_together_are_bounded():
    whole = logs.LOG_FILE_BYTES_MAX * logs.LOG_FILES_MAX * limits.PROCESSES_MAX
    assert whole <= limits.LOG_FOLDER_BYTES_MAX


def test_whole_file_is_old_or_new_and_never_half(tmp_path):
    made = HumanFiles(tmp_path)
    assert made.whole("snapshots/risk.mxs") == b""
    made.put_whole("snapshots/risk.mxs", b"one")
    made.put_whole("snapshots/risk.mxs", b"another")
    assert made.whole("snapshots/risk.mxs") == b"another"
    assert [p.name for p in (tmp_path / "snapshots").iterdir()] == ["risk.mxs"]
    with pytest.raises(AssertionError):
        made.put_whole("../x", b"")


def test_journal_is_read_from_a_file_on_even_where_older_ones_were_moved_away(tmp_path):
    made = JournalFile(tmp_path, "risk", "process-crash-safe")
    made.append(b"one")
    made.roll(b"two")
    made.roll(b"three")
    assert list(made.existing(1)) == [b"two", b"three"]
    made.files()[0].unlink()
    assert list(made.existing(1)) == [b"two", b"three"]
    made.close()
    made.truncate(2, 4)
    assert made.read(2, 0, 100) == b"thre"


def test_log_flood_is_bounded_and_told(tmp_path):
    log = ProcessLog(tmp_path, "engine")
    for _ in range(3 * LINES_PER_S_MAX):
        log.write("error", "", "flood")
    assert len(read_log(log)) <= 2 * LINES_PER_S_MAX + 2
    assert log.errors == 3 * LINES_PER_S_MAX
    log.close()


def test_log_line_is_bounded(tmp_path):
    log = ProcessLog(tmp_path, "engine")
    log.write("info", "", "event", text="x" * 100_000)
    assert read_log(log)[0]["cut_chars"] > 100_000
    assert log.path.stat().st_size < 4096
    log.close()


def test_journal_sets_room_apart_without_growing(tmp_path):
    made = JournalFile(tmp_path, "risk", "process-crash-safe")
    made.append(b"one")
    path = made.files()[0]
    assert path.read_bytes() == b"one"
    assert path.stat().st_blocks * 512 >= JOURNAL_AHEAD_BYTES
    assert not made.low()


def test_journal_is_low_when_the_disk_gives_no_more_and_half_is_used(tmp_path, monkeypatch):
    made = JournalFile(tmp_path, "risk", "process-crash-safe")
    made.append(b"one")
    given = []
    monkeypatch.setattr(journal_file, "set_apart", lambda *words: given[-1])
    given.append(False)
    made.reserve()
    assert not made.low(), "nothing of it is used yet"
    for _ in range(3):
        made.append(bytes(JOURNAL_AHEAD_BYTES // 4))
    made.reserve()
    assert made.low()
    given.append(True)
    made.reserve()
    assert not made.low()


def test_file_system_that_cannot_set_apart_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_file, "set_apart", lambda *words: None)
    made = JournalFile(tmp_path, "risk", "process-crash-safe")
    made.append(bytes(JOURNAL_AHEAD_BYTES))
    made.reserve()
    assert not made.low()


def test_full_disk_is_told_from_a_broken_one_and_the_journal_can_be_opened_again(tmp_path):
    made = JournalFile(tmp_path, "watchdog", "process-crash-safe")
    made.append(b"one")

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        mine = JournalFile(tmp_path, "risk", "process-crash-safe")
        with pytest.raises(DiskFullError, match="were written"):
            mine.append(b"123456789")
        mine.append(b"1234")
        with pytest.raises(DiskFullError, match="were written"):
            mine.append(b"5678")

    with forked(fill) as child:
        assert child.wait() == 0
    assert (tmp_path / "risk-000001.mxj").read_bytes() == b"1234"


def test_line_for_which_there_is_no_room_leaves_no_half(tmp_path):
    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (9, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        files = HumanFiles(tmp_path)
        files.append_line("days/orders.jsonl", "123456")
        for _ in range(2):
            with pytest.raises(DiskFullError, match=r"orders.jsonl: a line could not"):
                files.append_line("days/orders.jsonl", "789")

    with forked(fill) as child:
        assert child.wait() == 0
    assert (tmp_path / "days/orders.jsonl").read_bytes() == b"123456\n"


def test_fixed_file_has_its_block_and_is_overwritten_in_place(tmp_path):
    made = PlacedFile(tmp_path / "latch.fixed")
    assert made.read() == bytes(FIXED_FILE_BYTES)
    assert made.write(1024, b"word") == ""
    again = PlacedFile(tmp_path / "latch.fixed")
    assert again.read()[1024:1028] == b"word"
    assert (tmp_path / "latch.fixed").stat().st_size == FIXED_FILE_BYTES


def test_incarnations_are_granted_in_place(tmp_path):
    file = EpochFile(tmp_path / "engine.epoch")
    file.place()
    size = (tmp_path / "engine.epoch").stat().st_size
    assert [file.grant(0), file.grant(0), file.grant(7)] == [1, 2, 8]
    file.place()
    assert file.grant(0) == 9
    assert (tmp_path / "engine.epoch").stat().st_size == size
    (tmp_path / "engine.epoch").write_text("12")
    assert file.grant(0) == 13, "as an earlier version left it"


def test_process_that_had_worked_is_started_again_at_once(monkeypatch):
    child = Child(ProcessConfig("engine", ("risk",), 0), 0)
    child.starts = [time.monotonic()] * 4
    child.started_ns = time.monotonic_ns()
    child.was_ready = True
    child.backoff()
    assert child.start_not_before - time.monotonic() > 0.5, "it died young, again and again"
    child.started_ns -= int((WORKED_S + 1) * 1e9)
    child.backoff()
    assert child.start_not_before - time.monotonic() <= 0


def test_process_without_disk_waits_longer_each_time_and_counts_as_degraded():
    child = Child(ProcessConfig("engine", ("risk",), 0), 0)
    child.exit_code = ExitCode.NO_RESOURCE
    waits = []
    for _ in range(8):
        child.backoff()
        waits.append(round(child.start_not_before - time.monotonic()))
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert child.degraded()
