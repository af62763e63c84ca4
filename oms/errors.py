"""Typed trouble: at most eight classes, each with the action that it calls for, and exit codes.

A refusal (risk or venue reject) is not here: it is a `RejectReason` in a record. A broken
structural invariant is an assert. This file is for config and input that cannot be used, and for
venues and networks that misbehave (DESIGN.md law 11).
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `oms`, in the README."""

    OK = 0
    FAILED = 1
    USAGE = 2
    ORDERS_LEFT = 3
    """`oms kill`: OPEN. Orders are left, or it is not known; no other end has it."""
    NO_SNAPSHOT = 4
    """A recording that never makes a book LIVE."""
    NOT_RUNNING = 5
    ALREADY_RUNNING = 6
    DEGRADED = 7
    JOURNAL_DAMAGED = 8
    NO_RESOURCE = 9
    """Shared memory, a port, a core or a disk that the desk needs is not to be had."""
    DISAGREES = 10
    """An oracle, a verification or a comparison found a difference."""
    REFUSED = 11
    """The desk or the exchange refused what a person asked for; the reason was printed."""
    CONFIG = 12
    """A configuration or input file cannot be used."""
    MAY_ARRIVE = 13
    """`oms kill`: EMPTY. Nothing is open, requests without an answer could still become orders."""


class MexomsError(Exception):
    """Base of all; `action` is what the person or the caller does about it."""

    exit_code = ExitCode.FAILED
    action = "read the message"


class ConfigError(MexomsError):
    """Config, layout or input: raised before any socket opens. The text says what was attempted,
    what was found, what was required, where, and what to do."""

    exit_code = ExitCode.CONFIG
    action = "correct the named file or option and start again"


class ResourceError(MexomsError):
    """The machine refuses something the desk needs."""

    exit_code = ExitCode.NO_RESOURCE
    action = "free or grant the named resource"


class JournalError(MexomsError):
    """A journal that cannot be trusted before an acknowledged record."""

    exit_code = ExitCode.JOURNAL_DAMAGED
    action = "do not trade on it: run `oms journal verify`, restore, then reconcile"


class DiskFullError(JournalError):
    """No room for what must be written. It passes: the process is started again, with pauses."""

    exit_code = ExitCode.NO_RESOURCE
    action = "free the disk; the desk goes on by itself"


class VenueError(MexomsError):
    """A venue answered something that is not in its documents, or refused for good."""

    action = "mark the venue degraded, query, and tell a person"


class TransportError(MexomsError):
    """A connection failed, timed out or was cut."""

    action = "reconnect with backoff; what was in flight is UNKNOWN"
