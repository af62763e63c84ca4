"""Failed plugins in risk's eyes: journaled when they fail, resumed when a person says so.

The agent of a strategy says in its table `plugin.<name>` that its plugin has failed. Risk looks
there a few times a second, journals each failure once as a PLUGIN_ROW, and takes `oms resume
strategy`: that is a PLUGIN_ROW, too, in the journal before table `plugins` shows it and the agent
goes by it. Recovery folds these records, so that a risk that died meanwhile journals no failure
twice and takes no person's word back.

Counts of failures hold within one shared memory (`generation`): a new start of the desk begins
anew, and what stands in the journal of the time before is history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from oms.config import DeskConfig
from oms.ports import Ports, by_whom
from oms.risk.state import RiskArrays
from oms.risk.venue_modes import ResumeRefusedError
from oms.text import cut_utf8
from shm_layout.enums import PluginState, RecordType
from shm_layout.records import PLUGIN_ROW

_REASON_BYTES = PLUGIN_ROW["reason"].itemsize

Array = np.ndarray[Any, Any]


class PluginModes:
    """Looks, and makes the records; its state is the table `plugins`."""

    def __init__(
        self, config: DeskConfig, ports: Ports, arrays: RiskArrays, strategy_ids: Sequence[int]
    ) -> None:
        self._ports = ports
        self._table = arrays.tables["plugins"]
        self._said = [ports.table_reader(f"plugin.{one.name}") for one in config.strategies]
        self._ids = list(strategy_ids)
        self._names = {one.name: k for k, one in enumerate(config.strategies)}

    def _count(self, strategy_id: int, name: str) -> int:
        """`failures` or `resumed` of the journal, in this shared memory."""
        rows = self._table.rows
        same = int(rows["generation"][strategy_id]) == self._ports.generation
        return int(rows[name][strategy_id]) if same else 0

    def look(self) -> Iterator[Array]:
        """Records of the failures that the journal does not know; each counts once it was made."""
        for said, strategy_id in zip(self._said, self._ids, strict=True):
            if int(said.rows["failures"][0]) <= self._count(strategy_id, "failures"):
                continue
            row = said.read(0)
            if row is None or int(row["state"]) != PluginState.FAILED:
                continue
            record = self._record(
                strategy_id, state=PluginState.FAILED, trouble=row["trouble"],
                failures=row["failures"], ts_ns=row["ts_ns"], name=row["name"],
                resumed=self._count(strategy_id, "resumed"), reason=row["reason"],
            )  # fmt: skip
            self.put(record)
            yield record

    def _record(self, strategy_id: int, **values: Any) -> Array:
        record = np.zeros(1, PLUGIN_ROW)
        record["type"], record["strategy_id"] = RecordType.PLUGIN_ROW, strategy_id
        record["generation"] = self._ports.generation
        for name, value in values.items():
            record[name] = value
        return record

    def put(self, record: Array) -> None:
        """Show it in the table, by which the strategy's agent goes."""
        names = [name for name in PLUGIN_ROW.names or () if name not in ("seq", "epoch")]
        self._table.write(
            int(record["strategy_id"][0]), **{name: record[name][0] for name in names}
        )

    def resume(self, fields: Mapping[str, Any], now_ns: int) -> Array | None:
        """The record that lets a failed strategy begin anew once it is journaled and `put`; None
        where that was only tried. ResumeRefusedError with what is missing. Whoever calls has
        looked before.
        """
        reason = cut_utf8(str(fields.get("reason") or ""), _REASON_BYTES).decode().strip()
        name = str(fields.get("strategy") or "")
        if not reason:
            raise ResumeRefusedError(
                "resume: found no reason, required is one: say why with --reason"
            )
        if name not in self._names:
            raise ResumeRefusedError(
                f"resume: there is no strategy '{name[:40]}' (known: {', '.join(self._names)})"
            )
        strategy_id = self._ids[self._names[name]]
        failures = self._count(strategy_id, "failures")
        if failures <= self._count(strategy_id, "resumed"):
            raise ResumeRefusedError(
                f"resume: strategy '{name}' has not failed, so there is nothing to resume"
            )
        if fields.get("dry_run") is True:
            return None
        uid, pid = by_whom(fields)
        return self._record(
            strategy_id, uid=uid, pid=pid, state=PluginState.RESUMED, failures=failures,
            resumed=failures, ts_ns=now_ns, name=name.encode(), reason=reason.encode(),
        )  # fmt: skip
