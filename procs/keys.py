"""KeySource of simulated venues: one generated file per key, 0600, made on first use.

The name and the secret are random and never leave the file except through `Ports.key`. A file that
others may read is refused, not repaired: whoever opened it may have copied it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
from pathlib import Path

from oms.agents.base import Key
from oms.errors import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_KEY_BYTES = 32


class GeneratedKeys:
    """Keys under `<data_dir>/keys/`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def key(self, name: str) -> Key:
        """The key of that name, made now if there is none yet."""
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"key name {name!r}: required are lower case letters, digits, '.', '-' and '_', at "
                "most 64; correct key_name in configs/accounts"
            )
        path = self._folder / f"{name}.json"
        with contextlib.suppress(FileExistsError):
            self._generate(path)
        return self._read(name, path)

    def _generate(self, path: Path) -> None:
        """Written aside and linked into place, so that no reader finds half a file."""
        if path.exists():
            return
        aside = path.with_suffix(f".{os.getpid()}.new")
        made = {"api_key": secrets.token_hex(_KEY_BYTES), "secret": secrets.token_hex(_KEY_BYTES)}
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, json.dumps(made).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(aside, path)
        finally:
            aside.unlink()

    def _read(self, name: str, path: Path) -> Key:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or found.st_mode & 0o077:
                raise ConfigError(
                    f"key file {path}: found mode {stat.S_IMODE(found.st_mode):04o} and owner uid "
                    f"{found.st_uid}, required are 0600 and {os.geteuid()}; others may have read "
                    "it: delete it, and a new key is made at the next start"
                )
            text = file.read()
        try:
            made = json.loads(text)
            return Key(name, str(made["api_key"]), str(made["secret"]).encode())
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"key file {path}: found no JSON object with api_key and secret; delete it, and a "
                "new key is made at the next start"
            ) from error
