"""Every sentence for a person has a Korean text, with the same values in it."""

import ast
import re

import pytest

from procs.lang import Catalogue, catalogue, fixed_words, holes, parse_po
from tests.tidy import messages

HOLE = re.compile(r"\{\d+\}")


def filled(text):
    """A sentence as it would be said, with values that no other template holds."""
    return HOLE.sub(lambda hole: f"@{hole[0][1:-1]}@", text)


def test_every_sentence_has_a_korean_text():
    korean = catalogue("ko").messages
    missing = {t: where for t, where in messages.all_sentences().items() if t not in korean}
    entries = "\n".join(f"#: {where}\n{messages.as_po(text)}" for text, where in missing.items())
    assert not missing, f"{len(missing)} sentences want an entry in procs/lang/ko.po:\n{entries}"


def test_korean_texts_keep_every_value_and_every_command():
    for english, korean in catalogue("ko").messages.items():
        assert sorted(set(HOLE.findall(korean))) == sorted(set(HOLE.findall(english))), english
        assert set(re.findall(r"`oms [^`]*`", korean)) == set(
            re.findall(r"`oms [^`]*`", english)
        ), english


def test_values_stand_apart_so_that_each_is_found():
    together = [english for english in catalogue("ko").messages if "}{" in english]
    assert not together, f"no fixed words stand between two values: {together}"


def test_every_sentence_is_found_by_its_fixed_words():
    """Filled in, each template is said in its own Korean and not in another's."""
    made = catalogue("ko")
    for english, korean in made.messages.items():
        assert made.say(filled(english)) == filled(korean), english


def test_value_that_is_a_sentence_is_translated_too():
    made = Catalogue({"{0} (and {1} more)": "{0} (그 밖에 {1}건)", "no {0} here": "{0} 없음"})
    assert made.say("no desk here (and 2 more)") == "desk 없음 (그 밖에 2건)"
    assert made.say("oms: no desk here") == "oms: desk 없음"
    assert made.say("something else entirely") == "something else entirely"


@pytest.mark.parametrize(
    ("template", "text", "values"),
    [
        ("{0} of {1}", "3 of 5", ["3", "5"]),
        ("{0} of {1}", "a of b of c", ["a", "b of c"]),
        ("ends {0}", "ends ", [""]),
        ("ends {0}.", "ends", None),
        ("{0} of {1} of", "a of", None),
        ("x{0}x", "x", None),
    ],
)
def test_holes_are_what_stands_between_the_fixed_words(template, text, values):
    assert holes(fixed_words(template), text) == values


def test_catalogue_file_is_read_as_gettext_writes_it():
    text = 'msgid ""\nmsgstr "head\\n"\n\n#: a.py:1\nmsgid "one "\n"\\"two\\""\nmsgstr "하나"\n'
    assert dict(parse_po(text)) == {'one "two"': "하나"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            'raise ConfigError(f"{path}: not found; {x}: create it")',
            "{0}: not found; {1}: create it",
        ),
        ('say("the desk " "is closed")', "the desk is closed"),
        ('say(f"a long line{tail}" + rest)', "a long line{0}{1}"),
        ("say(str(error))", None),
        ('raise ValueError("for nobody to read")', None),
        ('say(f"{a}: {b}")', None),
    ],
)
def test_sentence_is_read_out_of_the_source(source, found):
    listed = [text for text, _ in messages.sentences_of("x.py", ast.parse(source))]
    assert listed == ([found] if found else [])
