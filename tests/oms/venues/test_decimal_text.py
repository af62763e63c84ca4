"""Decimal text against `decimal`, and what must be refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.venues.shared.decimal_text import from_text, from_text_down, to_fixed, to_text

VALUES = st.integers(-(2**63) + 1, 2**63 - 1)
SCALES = st.integers(0, 12)


@given(VALUES, SCALES)
def test_to_text_any_value_is_exact_and_returns(value, scale):
    text = to_text(value, scale)
    assert Decimal(text) == Decimal(value).scaleb(-scale)
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))
    assert from_text(text, scale) == value


@given(VALUES, SCALES)
def test_to_fixed_any_value_has_all_digits_and_returns(value, scale):
    text = to_fixed(value, scale)
    assert len(text.partition(".")[2]) == scale
    assert from_text(text, scale) == value


@pytest.mark.parametrize(
    ("text", "scale", "value"),
    [("0.10264410", 8, 10264410), ("1", 0, 1), ("-0.5", 2, -50), ("23416.10000000", 2, 2341610)],
)
def test_from_text_venue_spelling_is_exact(text, scale, value):
    assert from_text(text, scale) == value


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "1.", ".5", "+1", "1e5", "NaN", "Infinity", " 1", "1 ", "1_0", "٣", "0x1",
     "1.2.3", "--1", "9" * 61, "99999999999999999999"],
)  # fmt: skip
def test_from_text_not_a_number_is_refused(text):
    with pytest.raises(ValueError, match=r"decimal|fit"):
        from_text(text, 2)


@pytest.mark.parametrize("value", [None, 1, 1.5, b"1", ["1"]])
def test_from_text_other_type_is_refused(value):
    with pytest.raises(ValueError, match="no decimal text"):
        from_text(value, 2)


def test_from_text_finer_than_scale_is_refused_or_cut_where_asked():
    with pytest.raises(ValueError, match="more than 2 decimals"):
        from_text("1.001", 2)
    assert from_text_down("1.009", 2) == 100
