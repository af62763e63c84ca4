"""Each release names the acquire that pairs with it, and each acquire a release that is there.

`store_release(...)  # PAIR ring.write_pos` promises that somebody reads that word with
`load_acquire` or `load_at` under the same name.
"""

import re

import pytest

from tests.tidy import laws

RELEASE = re.compile(r"(?<!def )\bstore_release\(")
ACQUIRE = re.compile(r"(?<!def )\b(?:load_acquire|load_at)\(")
PAIR = re.compile(r"#.*\bPAIR ([a-z_]+\.[a-z_]+)")


def sides(lines) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """(releases, acquires) by the name of their pair -> where, and places without a name.
    `lines`: (where, text)."""
    released, acquired, nameless = {}, {}, []
    for where, text in lines:
        for pattern, found in ((RELEASE, released), (ACQUIRE, acquired)):
            if pattern.search(text.partition("#")[0]):
                named = PAIR.search(text)
                if named:
                    found.setdefault(named[1], where)
                else:
                    nameless.append(f"{where}: no # PAIR name: {text.strip()}")
    return released, acquired, nameless


def problems(lines) -> list[str]:
    released, acquired, found = sides(lines)
    found += [f"{at}: nobody acquires {name}" for name, at in released.items()
              if name not in acquired]  # fmt: skip
    found += [f"{at}: nobody releases {name}" for name, at in acquired.items()
              if name not in released]  # fmt: skip
    return found


def code_lines():
    return [
        (f"{laws.relative(path)}:{number}", line)
        for path in laws.python_files(*laws.FLOORS)
        if path.name.endswith("_hot.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
    ]


def test_each_release_has_its_acquire():
    lines = code_lines()
    assert sides(lines)[0], "no release was found: has its name changed?"
    found = problems(lines)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("store_release(w, 1, 2)", "no # PAIR name"),
        ("store_release(w, 1, 2)  # PAIR ring.gone", "nobody acquires ring.gone"),
        ("x = load_acquire(w, 1)", "no # PAIR name"),
        ("x = load_at(w)  # PAIR ring.gone", "nobody releases ring.gone"),
    ],
)
def test_half_of_a_pair_is_caught(source, word):
    (found,) = problems([("made_up_hot.py:1", source)])
    assert word in found


def test_whole_pair_passes():
    lines = ("store_release(w, 1, 2)  # PAIR a.b", "x = load_acquire(w, 1)  # why; PAIR a.b")
    assert not problems([(str(at), line) for at, line in enumerate(lines)])
