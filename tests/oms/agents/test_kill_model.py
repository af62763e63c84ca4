"""What `oms kill` may say, in every interleaving of a small model; and that no rule is idle."""

import pytest

from tests.oms.agents.kill_model import ALL, Absence, Kind, Rule, check, lets_through


@pytest.mark.parametrize("absence", Absence)
@pytest.mark.parametrize("kind", Kind)
def test_what_is_said_is_never_false_while_every_rule_is_in_force(absence, kind):
    found = check(absence, kind)
    print(absence.name, kind.name, found.states)
    assert found.trace is None, found.trace
    assert found.said == {"PROVED", "EMPTY"}, "both words can be reached"


@pytest.mark.parametrize("rule", Rule)
def test_rule_that_is_taken_away_lets_an_order_live_on(rule):
    through = lets_through(rule)
    assert through is not None, rule.value
    absence, kind, found = through
    print(absence.name, kind.name, *found.trace, sep="\n  ")
    assert any(step.startswith("the watchdog says") for step in found.trace)
    assert any("becomes an open order" in step for step in found.trace)


@pytest.mark.parametrize("absence", [Absence.BY_FENCE, Absence.NEVER])
def test_rules_that_count_without_a_lifetime_are_those_about_words_and_looks(absence):
    found = {rule for rule in Rule if check(absence, Kind.NONE, ALL - {rule}).trace is not None}
    idle = {Rule.CLOCK_BOUND, Rule.STANDING_IS_KILLED, Rule.CHANGE_IS_NEW, Rule.SILENT_WHEN_SWEPT}
    assert found == ALL - idle - ({Rule.SETTLE} if absence is Absence.NEVER else set())
