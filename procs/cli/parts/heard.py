"""What the supervisor of a background desk says about deaths: logs/keeper.out as it grows."""

from __future__ import annotations

from procs.files.paths import DeskPaths
from procs.supervisor_name import STARTED_AGAIN


class Heard:
    """Begins at the present end of the file."""

    def __init__(self, paths: DeskPaths) -> None:
        self._path = paths.logs / "keeper.out"
        self._at = self._path.stat().st_size if self._path.exists() else 0

    def deaths(self) -> list[str]:
        """Sentences about processes that ended, since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                whole, newline, _ = file.read().rpartition(b"\n")
        except OSError:
            return []
        self._at += len(whole) + len(newline)
        lines = whole.decode(errors="replace").splitlines()
        return [line for line in lines if line.endswith(STARTED_AGAIN)]
