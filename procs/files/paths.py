"""Where a desk's files lie, and what its segments are called.

`<data_dir>/` run/ (locks, doorbells, effective config: 0700), journal/, logs/, keys/ (0700), and
the human files of the journaler. Segments carry the desk's name and a digest of the data
directory, so that two desks of one name in two places do not meet in /dev/shm.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from oms.config import DeskConfig
from oms.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_DIGEST_CHARS = 8


@dataclass(frozen=True, slots=True)
class DeskPaths:
    """Every place of one desk."""

    desk: str
    data_dir: Path

    @classmethod
    def of(cls, config: DeskConfig) -> DeskPaths:
        """The places of a desk; its `data_dir` must be absolute by now."""
        if not _NAME.fullmatch(config.name):
            raise ConfigError(
                f"desk name {config.name!r}: required are 1 to 40 letters, digits, '-' or '_', "
                "because files are named by it"
            )
        data_dir = Path(config.data_dir)
        assert data_dir.is_absolute(), f"data_dir {data_dir}"
        return cls(config.name, data_dir)

    @property
    def segments(self) -> str:
        """The desk's part of segment names."""
        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:_DIGEST_CHARS]
        return f"{self.desk}-{digest}"

    @property
    def run(self) -> Path:
        """Locks, doorbells and the effective config."""
        return self.data_dir / "run"

    @property
    def journal(self) -> Path:
        """Journals of every role that keeps one."""
        return self.data_dir / "journal"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.data_dir / "logs"

    @property
    def keys(self) -> Path:
        """Generated keys of simulated venues."""
        return self.data_dir / "keys"

    @property
    def desk_lock(self) -> Path:
        """Held by the keeper, or by a supervisor that runs without one."""
        return self.data_dir / "desk.lock"

    @property
    def effective_config(self) -> Path:
        """What the running desk was started with, free ports filled in."""
        return self.run / "desk.json"

    def process_lock(self, process: str) -> Path:
        """Held by the process for as long as it lives: the proof that it does."""
        return self.run / f"{process}.lock"

    def locked(self) -> tuple[str, ...]:
        """Processes that ever had a lock here, whatever core map named them; the supervisor is
        among them."""
        return tuple(sorted(path.name.removesuffix(".lock") for path in self.run.glob("*.lock")))

    def bell(self, process: str) -> Path:
        """The process's doorbell."""
        return self.run / f"{process}.bell"

    def epoch(self, process: str) -> Path:
        """Last incarnation granted to the process; the supervisor writes it."""
        return self.run / f"{process}.epoch"

    def failure(self, process: str) -> Path:
        """The sentence with which the process refused to start."""
        return self.run / f"{process}.failed"

    def fixed(self, name: str) -> Path:
        """A file that is overwritten in place (`procs/files/fixed_file.py`)."""
        return self.run / f"{name}.fixed"

    def control(self, process: str) -> Path:
        """The process's control socket."""
        return self.run / f"{process}.sock"

    def make(self) -> None:
        """Make the directories; run/ and keys/ for nobody else."""
        for place in (self.data_dir, self.journal, self.logs):
            place.mkdir(parents=True, exist_ok=True)
        for place in (self.run, self.keys):
            place.mkdir(mode=0o700, exist_ok=True)
