"""Limits in force: the config's, and what a person changed since by `oms limits set`.

A change is an OPERATOR record in risk's journal before it counts; recovery folds those records
again. They hold for as long as the config's own limits are what they were when the changes were
made: a config whose limits have changed since wins over every one of them, which is journaled, too.
The table `limits` shows what is in force, and the executor's last check reads it there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from oms.config import LimitsConfig
from oms.config_build import nearest
from oms.config_checks import limit_mistakes
from oms.errors import ConfigError
from oms.ports import by_whom
from oms.text import cut_utf8
from shm_layout.enums import FLAG_RISK_STARTED, OperatorVerb, RecordType
from shm_layout.records import OPERATOR
from shm_layout.table import TableWriter

NAMES = tuple(field.name for field in dataclasses.fields(LimitsConfig))
_REASON_BYTES = OPERATOR["reason"].itemsize
_TEXT_BYTES = OPERATOR["value"].itemsize
_DIGITS_MAX = 18

Array = np.ndarray[Any, Any]


def limits_hash(limits: LimitsConfig) -> int:
    """First 63 bits of the SHA-256 of the config's limits."""
    text = json.dumps(dataclasses.asdict(limits), sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


class LimitBook:
    """What is in force, and how it came to be. Its whole state is the row of the table."""

    def __init__(self, config: LimitsConfig, table: TableWriter) -> None:
        self.config = config
        self._table = table
        self._flags = 0
        table.rows.view(np.int64)[:] = 0

    @property
    def now(self) -> LimitsConfig:
        """In force: the row, or the config where nothing was folded yet."""
        row: Any = self._table.rows[0]
        if not int(row["version"]):
            return self.config
        values: dict[str, Any] = {}
        for name in NAMES:
            whole = isinstance(getattr(self.config, name), int)
            values[name] = int(row[name]) if whole else bytes(row[name]).decode()
        return LimitsConfig(**values)

    # Recovery

    def fold_start(self, config_hash: int, now_ns: int) -> None:
        """A START record: another config's changes are over."""
        if config_hash != int(self._table.rows["config_hash"][0]):
            self._write(self.config, now_ns, config_hash)

    def fold(self, record: Array) -> None:
        """An OPERATOR record."""
        now_ns = int(record["ts_ns"])
        if int(record["verb"]) == OperatorVerb.LIMITS_SET:
            name, value = bytes(record["name"]).decode(), bytes(record["value"]).decode()
            name = name.removesuffix("_quote")  # so named before limits had currencies
            self.put(changed(self.now, name, value), now_ns)

    def begin(self, now_ns: int) -> Array | None:
        """After the fold: the record to journal where changes are dropped, because the config's
        limits are not those under which they were made.
        """
        dropped = None
        kept = limits_hash(self.config)
        if int(self._table.rows["config_hash"][0]) != kept:
            # Counted against the config of that time: a snapshot's row has its values, too.
            if int(self._table.rows["changed_count"][0]):
                dropped = _record(OperatorVerb.LIMITS_DROPPED, now_ns)
                dropped["reason"] = b"the config's limits have changed since"
            self._write(self.config, now_ns, kept)
        return dropped

    def say_started(self) -> None:
        """Risk has folded its whole journal, and doubts what it must: whoever reads its tables may
        take them for what is now (FLAG_RISK_STARTED).
        """
        self._flags = FLAG_RISK_STARTED
        self._table.write(0, flags=self._flags)

    def touch(self) -> None:
        """Marks have moved, and with them what the amounts are in other currencies: whoever holds
        orders against them looks again."""
        self._table.write(0, flags=self._flags)

    # Changing

    def ask(self, fields: Mapping[str, Any], now_ns: int) -> tuple[LimitsConfig, Array]:
        """The limits after a change, and the record to journal before it counts; ConfigError."""
        name, value = str(fields.get("name") or ""), str(fields.get("value") or "").strip()
        reason = cut_utf8(str(fields.get("reason") or ""), _REASON_BYTES).strip()
        if not reason:
            raise ConfigError("limits set: found no reason, required is one: say why with --reason")
        after = changed(self.now, name, value)
        record = _record(OperatorVerb.LIMITS_SET, now_ns)
        record["uid"], record["pid"] = by_whom(fields)
        record["name"], record["reason"] = name.encode(), reason
        record["value"] = str(getattr(after, name)).encode()
        record["before"] = str(getattr(self.now, name)).encode()
        return after, record

    def put(self, limits: LimitsConfig, now_ns: int) -> None:
        """They count from now on."""
        self._write(limits, now_ns, int(self._table.rows["config_hash"][0]))

    def _write(self, limits: LimitsConfig, now_ns: int, config_hash: int) -> None:
        values = dataclasses.asdict(limits)
        for name in ("max_order_notional", "max_position_notional"):
            values[name] = values[name].encode()
        count = sum(getattr(limits, n) != getattr(self.config, n) for n in NAMES)
        self._table.write(
            0, type=RecordType.LIMITS_ROW, version=int(self._table.rows["version"][0]) + 1,
            flags=self._flags, ts_ns=now_ns, changed_count=count, config_hash=config_hash, **values,
        )  # fmt: skip


def _record(verb: OperatorVerb, now_ns: int) -> Array:
    record = np.zeros(1, OPERATOR)
    record["type"] = RecordType.OPERATOR
    record["verb"] = verb
    record["ts_ns"] = now_ns
    return record


def changed(limits: LimitsConfig, name: str, value: str) -> LimitsConfig:
    """The limits with one of them changed; ConfigError with what is wrong."""
    if name not in NAMES:
        raise ConfigError(
            f"limits set: no limit '{name[:40]}'; the nearest is '{nearest(name[:40], NAMES)}' "
            f"(known: {', '.join(NAMES)})"
        )
    if len(value.encode()) > _TEXT_BYTES:
        raise ConfigError(f"limits set {name}: found {len(value)} characters, required is a number")
    given: Any = value
    if isinstance(getattr(limits, name), int):
        if not (value.isascii() and value.isdecimal()) or len(value) > _DIGITS_MAX:
            raise ConfigError(f"limits set {name}: found {value!r}, required is a whole number")
        given = int(value)
    after = dataclasses.replace(limits, **{name: given})
    for mistake in limit_mistakes(after, "limits set"):
        raise ConfigError(mistake)
    return after
