"""Asking a process of a running desk on its control socket."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from oms.errors import ExitCode, MexomsError
from procs.control import at_folder
from shm_layout.limits import CONTROL_LINE_BYTES_MAX

TIMEOUT_S = 2.0
_READ_BYTES = 1 << 16
_ANSWER_BYTES_MAX = CONTROL_LINE_BYTES_MAX * 64


class SilentError(MexomsError):
    """The process does not take commands now: it is dead, stopped, or just starting."""

    exit_code = ExitCode.NOT_RUNNING
    action = "look with `oms status`"


class CommandRefusedError(MexomsError):
    """The desk said no, with its own sentence."""

    exit_code = ExitCode.REFUSED


class ControlLink:
    """One connection to a control socket."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._buffer = bytearray()
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.settimeout(timeout_s)
        try:
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._link.connect(at_folder(folder, path.name))
            finally:
                os.close(folder)
        except OSError as error:
            self._link.close()
            raise self._silent(error) from error

    def _silent(self, error: OSError) -> SilentError:
        name = self._path.stem
        why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or error
        return SilentError(
            f"process {name} does not take commands ({why}); look with `oms status`, and start "
            "the desk with `oms up` if it does not run"
        )

    def ask(self, verb: str, **fields: Any) -> dict[str, Any]:
        """One command and its answer; SilentError."""
        try:
            self._link.sendall(json.dumps({"verb": verb, **fields}).encode() + b"\n")
            while b"\n" not in self._buffer:
                data = self._link.recv(_READ_BYTES)
                if not data or len(self._buffer) > _ANSWER_BYTES_MAX:
                    raise ConnectionResetError("the connection ended")
                self._buffer += data
        except OSError as error:
            raise self._silent(error) from error
        line, _, self._buffer = self._buffer.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def demand(self, verb: str, **fields: Any) -> dict[str, Any]:
        """The same; an answer with an error raises CommandRefusedError."""
        found = self.ask(verb, **fields)
        if "error" in found:
            raise CommandRefusedError(str(found["error"]))
        return found

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def __enter__(self) -> ControlLink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
