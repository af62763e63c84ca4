"""The Journal port: append-only files `<data_dir>/journal/<name>-000001.mxj`.

A block is one `write()` to a descriptor opened with O_APPEND. A short write or any error ends the
process: what was acknowledged must be there, and what was not must not be believed (RELIABILITY
D7). In mode `power-safe` an `fdatasync` returns before `append` does, and the folder is synced
when a file is made. One process appends: the file is locked from the first append on; others may
read `existing()`.

Room is set apart behind the end (JOURNAL_AHEAD_BYTES, invisible in the file's size), a few times a
second by the host and never on the way of an order. When the disk gives no more and half of it is
used up, `low` says so: what is open can still be brought to its end (RELIABILITY D8, F20).
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from oms.errors import DiskFullError, JournalError
from procs.machine.system import set_apart
from shm_layout.limits import JOURNAL_AHEAD_BYTES

SUFFIX = ".mxj"
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, no larger file: what passes when somebody makes room."""
_NUMBER_DIGITS = 6
_FILES_MAX = 10**_NUMBER_DIGITS - 1
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class JournalFile:
    """One journal by name; see `oms.ports.Journal`."""

    def __init__(self, folder: Path, name: str, durability: str) -> None:
        assert _NAME.fullmatch(name), f"journal name {name!r}"
        assert durability in ("process-crash-safe", "power-safe"), durability
        self._folder = folder
        self._name = name
        self._sync = durability == "power-safe"
        self._descriptor = -1
        self._end = 0
        """Size of the open file."""
        self._apart = 0
        """Up to where its blocks are there already."""
        self._refused = False
        self._number = 0
        """Of the file that is open for writing."""

    def files(self) -> list[Path]:
        """The files of this journal, oldest first."""
        digits = "[0-9]" * _NUMBER_DIGITS
        return sorted(self._folder.glob(f"{self._name}-{digits}{SUFFIX}"))

    def existing(self, first: int = 0) -> Iterator[bytes]:
        """The bytes of each file, oldest first, from number `first` + 1 on."""
        for path in self.files():
            if _number_of(path) > first:
                yield path.read_bytes()

    def read(self, file_index: int, offset: int, bytes_max: int) -> bytes:
        """Bytes of one file as it is now, for those who follow another process's journal."""
        path = self._path(file_index + 1)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(bytes_max)
        except FileNotFoundError:
            return b""

    def place(self, file_index: int) -> str:
        """The path of a file."""
        return str(self._path(file_index + 1))

    def append(self, block: bytes) -> None:
        """One whole block, as durable as the mode says when this returns."""
        if self._descriptor < 0:
            found = self.files()
            self._open(found[-1] if found else self._path(1))
        try:
            written = os.write(self._descriptor, block)
        except OSError as error:
            raise self._failed(block, error) from error
        if written != len(block):
            raise self._cut(block, written)
        self._end += written
        if self._sync:
            self._flush()

    def truncate(self, file_index: int, size_bytes: int) -> None:
        """Cut a damaged tail off the last file, before the first append."""
        found = self.files()
        if not found or file_index + 1 != _number_of(found[-1]):
            raise JournalError(
                f"{self.place(file_index)}: damage in file {file_index + 1} of {len(found)}; only "
                "the tail of the last file may be cut: run `oms journal verify`"
            )
        path = found[-1]
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            self._lock(descriptor, path)
            assert size_bytes <= os.fstat(descriptor).st_size, f"{path}: cut to {size_bytes}"
            os.ftruncate(descriptor, size_bytes)
            if self._sync:  # else no start waits for a disk: it would be all of the file's bytes
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def roll(self, header: bytes) -> None:
        """Begin the next file with these first bytes."""
        number = self.begun() + 1
        if number > _FILES_MAX:
            raise JournalError(f"journal {self._name}: {_FILES_MAX} files; move the old ones away")
        if self._sync and self._descriptor >= 0:
            os.fdatasync(self._descriptor)
        self.close()
        self._open(self._path(number))
        self.append(header)

    def begun(self) -> int:
        """The last file's number, 0 = there is none."""
        if not self._number and (found := self.files()):
            return _number_of(found[-1])
        return self._number

    def drop_before(self, file_index: int) -> None:
        """Delete older files; indexes stay what they were."""
        for path in self.files():
            if _number_of(path) <= file_index:
                path.unlink(missing_ok=True)

    def reserve(self) -> None:
        """Keep JOURNAL_AHEAD_BYTES behind the end, as far as the disk gives them. A file system
        that cannot do such a thing is taken as it is.
        """
        if self._descriptor < 0 or self._apart - self._end >= JOURNAL_AHEAD_BYTES // 2:
            self._refused = False
            return
        found = set_apart(self._descriptor, self._end, JOURNAL_AHEAD_BYTES)
        if found is None or found:
            self._apart = self._end + JOURNAL_AHEAD_BYTES
        self._refused = found is False

    def low(self) -> bool:
        """The disk gives no more, and half of what was set apart is used up."""
        return self._refused

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}-{number:0{_NUMBER_DIGITS}d}{SUFFIX}"

    def _open(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            self._lock(descriptor, path)
        except JournalError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._end = self._apart = os.fstat(descriptor).st_size
        self.reserve()
        self._number = _number_of(path)
        if self._sync:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _lock(self, descriptor: int, path: Path) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(
                f"journal {path}: another process appends to it, required is one writer; see "
                "`oms status`"
            ) from error

    def _failed(self, block: bytes, error: OSError) -> JournalError:
        """A write that was refused. A full disk is another matter than a broken one."""
        self.close()
        said = (
            f"journal {self._name}: writing {len(block)} bytes failed ({error.strerror}); the "
            "process stops, because what is not journaled must not be sent: free the disk, "
            "then it goes on"
        )
        return DiskFullError(said) if error.errno in FULL_DISK else JournalError(said)

    def _cut(self, block: bytes, written: int) -> JournalError:
        """Nobody was told of these bytes: the next start finds a whole tail."""
        os.ftruncate(self._descriptor, self._end)
        self.close()
        return DiskFullError(
            f"journal {self._name}: {written} of {len(block)} bytes were written (is the disk "
            "full?); the process stops: free the disk, then it goes on"
        )

    def _flush(self) -> None:
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise JournalError(
                f"journal {self._name}: fdatasync failed ({error.strerror}); the process stops "
                "and never tries again, because the system may have dropped the pages"
            ) from error


def _number_of(path: Path) -> int:
    """Number of a journal's file, from 1."""
    return int(path.stem[-_NUMBER_DIGITS:])


class HumanFiles:
    """Files to be tailed, under the desk's data directory: one line, one write. Beside them whole
    files that are put in their place at once.
    """

    _OPEN_MAX = 64

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, int] = {}

    def append_line(self, path: str, line: str) -> None:
        """Append `line`; `path` is relative and stays inside the data directory."""
        descriptor = self._open.get(path)
        if descriptor is None:
            descriptor = self._open_file(path)
        data = line.replace("\r", "\\r").replace("\n", "\\n").encode() + b"\n"
        found = "no space"
        try:
            written = os.write(descriptor, data)
            if written == len(data):
                return
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        except OSError as error:
            if error.errno not in FULL_DISK:
                raise
            found = str(error.strerror)
        raise DiskFullError(
            f"{self._root / path}: a line could not be written ({found}); free the disk, then it "
            "goes on"
        )

    def whole(self, path: str) -> bytes:
        """A whole file; b"" where there is none."""
        try:
            return self._target(path).read_bytes()
        except FileNotFoundError:
            return b""

    def put_whole(self, path: str, data: bytes) -> None:
        """Write beside the file, then rename: readers find the old bytes or the new ones."""
        target = self._target(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(target.name + ".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(aside, flags, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)
        aside.rename(target)

    def _target(self, path: str) -> Path:
        parts = Path(path).parts
        assert not Path(path).is_absolute(), f"path {path!r}"
        assert parts, "an empty path"
        assert ".." not in parts, f"path {path!r}"
        return self._root.joinpath(*parts)

    def _open_file(self, path: str) -> int:
        target = self._target(path)
        if len(self._open) >= self._OPEN_MAX:
            oldest = next(iter(self._open))
            os.close(self._open.pop(oldest))
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(target, flags, 0o600)
        self._open[path] = descriptor
        return descriptor

    def close(self) -> None:
        """Give the descriptors back."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
