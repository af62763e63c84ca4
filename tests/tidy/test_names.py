"""What no tracked file may hold: a machine's own paths, index addresses, leftovers, blind excepts.

The words are put together from pieces, so that this file does not trip over itself.
"""

import ast
import re
import tomllib

import pytest

from tests.tidy import laws

FOREIGN = re.compile(
    "|".join(
        (
            "/wo" + r"rk/\w",
            "/ro" + r"ot/",
            "/ho" + r"me/\w",
            r"\.py" + "env",
            "py" + r"pi\.org",
            "files.python" + "hosted",
            "index" + "-url",
            "find" + "-links",
            "trusted" + "-host",
            "extra" + "-index",
        )
    )
)
LEFTOVER = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
# An ignored finding says why, after ` - ` for ruff and after a second `#` for mypy.
IGNORE = re.compile(r"#\s*(?:no" + r"qa|type:\s*ig" + r"nore)(?P<rest>.*)$")
REASONED_NOQA = re.compile(r"^:\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*\s+-\s+\w.{7,}$")
REASONED_TYPE = re.compile(r"^\[[a-z-]+(?:,\s*[a-z-]+)*\]\s+#\s+\w.{7,}$")
BINARY = {".gz", ".npz", ".npy", ".png", ".zst", ".bin", ".journal"}


def text_lines():
    for path in laws.tracked():
        if path.suffix in BINARY:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield path, number, line


def lines_that_match(pattern):
    return [
        f"{laws.relative(path)}:{number}: {line.strip()[:120]}"
        for path, number, line in text_lines()
        if pattern.search(line)
    ]


def reasonless(line: str) -> bool:
    """Whether a line ignores a finding and does not say why."""
    hit = IGNORE.search(line)
    if not hit:
        return False
    rest = hit["rest"].rstrip()
    return not (REASONED_NOQA.match(rest) or REASONED_TYPE.match(rest))


def blind_excepts(module: ast.Module) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]


def test_no_file_names_a_machine_or_an_index():
    found = lines_that_match(FOREIGN)
    assert not found, "\n".join(found)


def test_no_tracked_file_is_a_link():
    assert not laws.tracked_links()


def test_nothing_is_left_for_later():
    found = lines_that_match(LEFTOVER)
    assert not found, "\n".join(found)


def test_each_ignored_finding_has_its_reason():
    found = [
        f"{laws.relative(path)}:{number}: {line.strip()[:120]}"
        for path, number, line in text_lines()
        if path.suffix == ".py" and reasonless(line)
    ]
    assert not found, "\n".join(found)


def test_each_rule_that_is_switched_off_has_its_reason():
    text = (laws.ROOT / "pyproject.toml").read_text()
    section = text[text.index("\nignore = [") : text.index("[tool.ruff.lint.flake8-tidy-imports]")]
    rules = [line for line in section.splitlines() if re.match(r'\s+"[A-Z]+[0-9]*",', line)]
    assert rules
    silent = [line.strip() for line in rules if not re.search(r"#\s+\w.{7,}", line)]
    assert not silent, "\n".join(silent)


def test_no_except_is_bare():
    found = [
        f"{laws.relative(path)}:{line}"
        for path in laws.python_files()
        for line in blind_excepts(laws.tree(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "--index" + "-url https://somewhere/simple",
        "x = '/ro" + "ot/data'",
        "cd /wo" + "rk/main",
        "# from py" + "pi.org",
    ],
)
def test_foreign_word_is_caught(line):
    assert FOREIGN.search(line)


@pytest.mark.parametrize("line", ["a network/wide thing", "posix_ipc==1.3.2", "work/day", "rooted"])
def test_harmless_word_passes(line):
    assert not FOREIGN.search(line)


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("import a  # no" + "qa", True),
        ("import a  # no" + "qa: F401", True),
        ("import a  # no" + "qa: F401 - kept for its side effect", False),
        ("import a  # no" + "qa: F401, E402 - kept for its side effect", False),
        ("x = y  # type: ig" + "nore", True),
        ("x = y  # type: ig" + "nore[arg-type]", True),
        ("x = y  # type: ig" + "nore[arg-type]  # numpy has no such overload", False),
        ("x = y  # a plain remark", False),
    ],
)
def test_ignore_without_a_reason_is_caught(line, bad):
    assert reasonless(line) is bad


def test_bare_except_is_caught():
    assert blind_excepts(ast.parse("try:\n    f()\nexcept:\n    g()")) == [3]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_pins_every_package_with_hashes_and_no_address(name):
    text = (laws.ROOT / name).read_text()
    entries = [block for block in text.replace("\\\n", " ").splitlines() if "==" in block]
    assert len(entries) > 10
    assert not [e for e in entries if "--hash=sha256:" not in e]
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)


def test_lock_holds_every_declared_dependency():
    project = tomllib.loads((laws.ROOT / "pyproject.toml").read_text())["project"]

    def names(requirements):
        return {re.split(r"[<>=]", r)[0].replace("_", "-").lower() for r in requirements}

    def locked(file):
        return set(re.findall(r"^([a-z0-9-]+)==", (laws.ROOT / file).read_text(), re.MULTILINE))

    run, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert names(project["dependencies"]) <= run
    assert names(r for extra in project["optional-dependencies"].values() for r in extra) <= dev
    assert not run & dev
