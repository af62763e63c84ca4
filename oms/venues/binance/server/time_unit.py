"""The unit in which times are given out: milliseconds, or microseconds for who asked for them.

Replies and events are built from nanoseconds by `stamp`, in the unit in force at that moment: the
server sets it for one request or one message (`unit`), and sets it back. One thread, no waiting in
between, so that nobody else sees it. Source: rest-api.md and web-socket-api.md "General
information" (X-MBX-TIME-UNIT, timeUnit).
"""

from __future__ import annotations

from collections.abc import Mapping

from oms.venues.binance.server import errors as err

MILLISECOND_NS = 1_000_000
MICROSECOND_NS = 1000
TIME_UNITS: Mapping[str, int] = {
    "MICROSECOND": MICROSECOND_NS,
    "microsecond": MICROSECOND_NS,
    "MILLISECOND": MILLISECOND_NS,
    "millisecond": MILLISECOND_NS,
}


class _InForce:
    """The one value of this module."""

    unit_ns = MILLISECOND_NS


def stamp(time_ns: int) -> int:
    """A time in the unit in force."""
    return time_ns // _InForce.unit_ns


def stamp_of_ms(time_ms: int) -> int:
    """A whole millisecond in the unit in force."""
    return time_ms * (MILLISECOND_NS // _InForce.unit_ns)


def unit_named(name: str) -> int:
    """The unit that a client names, in nanoseconds; ApiError for an unknown one."""
    unit_ns = TIME_UNITS.get(name)
    if unit_ns is None:
        raise err.ApiError(*err.BAD_TIME_UNIT)
    return unit_ns


class unit:  # noqa: N801 - used as a word of the language, as contextlib's are
    """Times are given out in this unit inside the block."""

    __slots__ = ("_before", "_unit_ns")

    def __init__(self, unit_ns: int) -> None:
        self._unit_ns = unit_ns

    def __enter__(self) -> None:
        self._before, _InForce.unit_ns = _InForce.unit_ns, self._unit_ns

    def __exit__(self, *raised: object) -> None:
        _InForce.unit_ns = self._before
