"""The knobs of `scripts/tuning/`, against machines that are made up."""

import json
import subprocess
import sys

import pytest

from scripts.tuning import __main__ as tuning
from scripts.tuning import common, governor, irq_affinity, swappiness
from tests.scripts.made_up_machine import MadeUp
from tests.tidy import laws

NAMES = [knob.name for knob in tuning.KNOBS]
CPU = "sys/devices/system/cpu"


def run(machine, *words, knobs=None):
    return common.main(knobs or tuning.KNOBS, [*words, "--root", str(machine.root)])


def verdicts(machine, capsys, *words):
    run(machine, "check", "--json", *words)
    found = {}
    for row in json.loads(capsys.readouterr().out):
        found.setdefault(row["knob"], row)
    return found


@pytest.fixture
def server(tmp_path):
    """Eight cores of two threads on two memory nodes, untuned."""
    return MadeUp(tmp_path, cores=8, threads=2, nodes=2).with_knobs()


def test_one_file_per_knob_that_says_what_it_is_gives_and_costs():
    files = {path.stem for path in laws.python_files("scripts") if path.parent.name == "tuning"}
    assert files - {"common", "__main__"} == set(NAMES)
    for knob in tuning.KNOBS:
        assert "Gives:" in knob.about, knob.name
        assert "Costs:" in knob.about, knob.name


def test_page_about_tuning_has_a_row_for_every_knob():
    text = (laws.ROOT / "docs" / "tuning.md").read_text()
    assert [name for name in NAMES if f"\n| `{name}` |" not in text] == []


def test_untuned_server_wants_every_knob_and_a_tuned_one_none(server, capsys):
    before = verdicts(server, capsys)
    assert {name: row["verdict"] for name, row in before.items()} == dict.fromkeys(NAMES, "warn")
    assert run(server, "apply", "all") == 0
    capsys.readouterr()
    server.put("proc/cmdline", "quiet isolcpus=4-6,12-14 nohz_full=4-6,12-14 rcu_nocbs=4-6,12-14")
    server.put("proc/self/limits", f"{'Max locked memory':26}{'unlimited':21}{'unlimited':21}bytes")
    after = verdicts(server, capsys)
    assert {name: row["verdict"] for name, row in after.items()} == dict.fromkeys(NAMES, "ok")


def test_apply_then_revert_leaves_every_byte_as_it_was(server):
    before = server.tree()
    assert run(server, "apply", "all") == 0
    assert server.tree() != before
    assert run(server, "revert", *NAMES[:3]) == 0
    assert run(server, "revert") == 0
    assert server.tree() == before


@pytest.mark.parametrize("name", NAMES)
def test_each_knob_alone_applies_again_without_effect_and_reverts(server, name):
    before = server.tree()
    assert run(server, "apply", name) == 0
    applied = server.tree()
    assert applied != before
    assert run(server, "apply", name) == 0
    assert server.tree() == applied
    assert run(server, "revert", name) == 0
    assert server.tree() == before


def test_what_a_reboot_undid_is_set_again_and_the_first_record_stays(server):
    before = server.tree()
    run(server, "apply", "governor")
    server.put(f"{CPU}/cpu0/cpufreq/scaling_governor", "schedutil")
    assert run(server, "apply", "governor") == 0
    assert server.read(f"{CPU}/cpu0/cpufreq/scaling_governor") == "performance"
    run(server, "revert", "governor")
    assert server.tree() == before


def test_hot_cpus_lose_interrupts_and_deep_sleep_with_their_siblings(server):
    run(server, "apply", "irq_affinity", "cstates")
    assert server.read("proc/irq/24/smp_affinity_list") == "0-3,7-11,15"
    assert server.read("proc/irq/25/smp_affinity_list") == "0"
    assert server.read("proc/irq/default_smp_affinity") == "8f8f"
    assert server.read(f"{CPU}/cpu12/cpuidle/state2/disable") == "1"
    assert server.read(f"{CPU}/cpu12/cpuidle/state1/disable") == "0"
    assert server.read(f"{CPU}/cpu0/cpuidle/state2/disable") == "0"


def test_cpus_that_a_person_names_are_the_hot_ones(server):
    assert run(server, "apply", "irq_affinity", "--cpus", "0-14") == 0
    assert server.read("proc/irq/25/smp_affinity_list") == "15"


def test_card_is_set_by_ethtool_and_the_rest_of_its_state_stays(server):
    run(server, "apply", "nic_coalescing")
    assert server.read("card.eth0").splitlines()[1:] == [
        "Adaptive RX: off  TX: off", "rx-usecs: 0", "rx-frames: n/a",
    ]  # fmt: skip


def test_words_of_the_kernel_wait_for_a_reboot_and_say_so(server, capsys):
    run(server, "apply", "isolation")
    text = server.read("etc/default/grub.d/99-mexoms-isolation.cfg")
    assert "isolcpus=4-6,12-14 nohz_full=4-6,12-14 rcu_nocbs=4-6,12-14" in text
    capsys.readouterr()
    row = verdicts(server, capsys, "isolation")["isolation"]
    assert row["verdict"] == "warn"
    assert "written down, but the kernel was started without" in row["found"]
    assert "reboot" in row["fix"]


def test_machine_that_lacks_every_knob_is_told_in_a_sentence_each(tmp_path, capsys):
    bare = MadeUp(tmp_path, cores=2)
    found = verdicts(bare, capsys)
    assert {name: row["verdict"] for name, row in found.items()} == dict.fromkeys(NAMES, "absent")
    assert all(len(row["found"].split()) > 5 for row in found.values())
    before = bare.tree()
    assert run(bare, "apply", "all") == 0
    assert bare.tree() == before


def test_record_that_is_broken_is_not_overwritten(server, capsys):
    record = server.put("var/lib/mexoms/tuning/governor.json", "{")
    before = server.tree()
    assert run(server, "apply", "governor") == 1
    assert f"{record} is no record of ours" in capsys.readouterr().err
    assert server.tree() == before


def test_value_that_the_kernel_refuses_is_named_and_the_others_are_set(server, capsys, monkeypatch):
    def refusing(self, name, value):
        if "irq/24" in name:
            raise OSError(5, "Input/output error", name)
        write(self, name, value)

    before = server.tree()
    write = common.Host.write
    monkeypatch.setattr(common.Host, "write", refusing)
    server.put("proc/irq/26/smp_affinity_list", "5")
    before = server.tree()
    assert run(server, "apply", knobs=[irq_affinity.KNOB]) == 1
    said = capsys.readouterr().out
    assert "/proc/irq/24/smp_affinity_list cannot be set (Input/output error)" in said
    assert server.read("proc/irq/26/smp_affinity_list") == "0-3,7-11,15"
    run(server, "revert", knobs=[irq_affinity.KNOB])
    assert server.tree() == before


def test_apply_without_root_says_so_and_changes_nothing(server, capsys, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(common.os, "fsync", refuse)
    assert run(server, "apply", knobs=[swappiness.KNOB]) == 1
    assert "run it as root" in capsys.readouterr().out
    assert server.read("proc/sys/vm/swappiness") == "60"


def test_irqbalance_is_named_because_it_moves_interrupts_back(server, capsys):
    server.put("proc/77/comm", "irqbalance")
    run(server, "apply", "irq_affinity")
    run(server, "check", "irq_affinity")
    assert "IRQBALANCE_BANNED_CPULIST=4-6,12-14" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cpus", "text"),
    [((0,), "1"), ((0, 31), "80000001"), ((32, 33), "3,00000000"), ((), "0")],
)
def test_mask_is_written_as_the_kernel_shows_it(cpus, text):
    assert irq_affinity.mask_text(cpus) == text


@pytest.mark.parametrize(
    ("words", "word"),
    [(["apply"], "apply which"), (["check", "x"], "no knob x"), (["check", "--cpus", "a"], "2-6")],
)
def test_wrong_words_are_told(words, word, capsys):
    with pytest.raises(SystemExit) as ended:
        common.main(tuning.KNOBS, words)
    assert ended.value.code == 2
    assert word in capsys.readouterr().err


def test_knob_runs_as_a_file_without_root_and_explains_itself(tmp_path):
    """With nothing but an interpreter: no package of ours is installed for root."""
    machine = MadeUp(tmp_path)
    done = subprocess.run(
        [sys.executable, "-S", "-I", governor.__file__, "check", "--root", str(machine.root)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Gives: " in done.stdout
    assert "absent" in done.stdout
