"""The two READMEs say the same, and what they say of exit codes and make targets is true."""

import re

import pytest

from oms.errors import ExitCode
from procs.cli.main import VERBS
from tests.tidy import laws

READMES = ("README.md", "README.ko.md")


def text(name):
    return (laws.ROOT / name).read_text()


@pytest.mark.parametrize("name", READMES)
def test_readme_lists_every_exit_code(name):
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \| \S", text(name), re.MULTILINE)
    assert [(int(code), word) for code, word in rows] == [(c.value, c.name) for c in ExitCode]


@pytest.mark.parametrize("name", READMES)
def test_readme_names_only_targets_that_exist(name):
    targets = set(re.findall(r"^([a-z-]+):.* ## ", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", text(name), re.MULTILINE))
    assert {"run", "test"} <= named
    assert named <= targets, named - targets


@pytest.mark.parametrize("name", READMES)
def test_readme_names_every_verb_and_none_that_is_not_there(name):
    named = set(re.findall(r"`oms ([a-z]+)\b", text(name)))
    assert named == set(VERBS)


def test_readmes_have_the_same_shape():
    shapes = []
    for name in READMES:
        lines = text(name).splitlines()
        marks = [re.match(r"(#+ |```|\||- )", line) for line in lines]
        shapes.append([mark[1] for mark in marks if mark])
    assert shapes[0] == shapes[1]


def test_changelog_ends_with_what_does_not_work_yet():
    assert re.findall(r"^## (.*)$", text("CHANGELOG.md"), re.MULTILINE)[-1] == (
        "What does not work yet"
    )
