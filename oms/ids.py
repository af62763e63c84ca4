"""Client order ids: deterministic, never used twice, within every venue's alphabet.

Inside: one int64, `risk epoch << 40 | count` (a new incarnation of risk begins a new epoch, which
the journal records before the first order, so no crash can bring an id back). On the wire:
`m` + the desk's system id (5 characters) + the id (13 characters) in base32, lower case letters
and digits: 19 characters, which fits the narrowest rule (OKX: 32 alphanumeric; Coinone: lower
case). RELIABILITY D2.
"""

from __future__ import annotations

from functools import lru_cache

COUNT_BITS = 40
COUNT_MAX = (1 << COUNT_BITS) - 1
EPOCH_MAX = (1 << 22) - 1
SYSTEM_ID_BITS = 25
SYSTEM_ID_MAX = (1 << SYSTEM_ID_BITS) - 1

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_PREFIX = "m"
_SYSTEM_CHARS = 5
_ID_CHARS = 13
TEXT_CHARS = len(_PREFIX) + _SYSTEM_CHARS + _ID_CHARS

assert _SYSTEM_CHARS * 5 == SYSTEM_ID_BITS
assert _ID_CHARS * 5 >= 63


def client_order_id(epoch: int, count: int) -> int:
    """The id of the `count`-th order (from 1) of risk's `epoch` (from 1)."""
    assert 0 < epoch <= EPOCH_MAX, f"epoch {epoch}"
    assert 0 < count <= COUNT_MAX, f"count {count}"
    return epoch << COUNT_BITS | count


def _base32(value: int, characters: int) -> str:
    return "".join(_ALPHABET[value >> 5 * k & 31] for k in range(characters - 1, -1, -1))


@lru_cache(maxsize=16)
def head_text(system_id: int) -> str:
    """What every id of a desk begins with, on the wire."""
    assert 0 <= system_id <= SYSTEM_ID_MAX
    return _PREFIX + _base32(system_id, _SYSTEM_CHARS)


def to_text(system_id: int, order_id: int) -> str:
    """What the venue sees."""
    return head_text(system_id) + tail_text(order_id)


def tail_text(order_id: int) -> str:
    """The id itself, on the wire. On the way of every order, so ten bits at a time."""
    assert 0 < order_id < 1 << 63
    pairs = _PAIRS
    return (
        f"{_ALPHABET[order_id >> 60]}{pairs[order_id >> 50 & 1023]}"
        f"{pairs[order_id >> 40 & 1023]}{pairs[order_id >> 30 & 1023]}"
        f"{pairs[order_id >> 20 & 1023]}{pairs[order_id >> 10 & 1023]}{pairs[order_id & 1023]}"
    )


def from_text(system_id: int, text: str) -> int | None:
    """Our id from what the venue says; None = not an order of this desk."""
    if len(text) != TEXT_CHARS or not text.startswith(head_text(system_id)):
        return None
    value = 0
    for character in text[-_ID_CHARS:]:
        digit = _VALUES.get(character)
        if digit is None:
            return None
        value = value << 5 | digit
    return value if 0 < value < 1 << 63 else None
