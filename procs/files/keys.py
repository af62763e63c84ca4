"""KeySource of simulated venues: one generated file per key, 0600, made on first use.

The name and the secret are random and never leave the file except through `Ports.key`. A file that
others may read is refused, not repaired: whoever opened it may have copied it.

A file holds {"api_key", "secret"} of an HMAC key, or {"api_key", "kind", "public_key"} of an
Ed25519 or RSA key, in PEM; a generated one holds its "private_key", too, for the client that signs
with it. An owner may put a file with a public key of his own in place before the first start.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Any, get_args

from oms.errors import ConfigError
from oms.ports import Key, KeyKind

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_KEY_BYTES = 32
_RSA_BITS = 2048
_RSA_EXPONENT = 65537


class GeneratedKeys:
    """Keys under `<data_dir>/keys/`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def key(self, name: str, kind: KeyKind = "hmac") -> Key:
        """The key of that name; if there is none yet, one of that kind is made now."""
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"key name {name!r}: required are lower case letters, digits, '.', '-' and '_', at "
                "most 64; correct key_name in configs/accounts"
            )
        path = self._folder / f"{name}.json"
        with contextlib.suppress(FileExistsError):
            self._generate(path, kind)
        return self._read(name, path)

    def _generate(self, path: Path, kind: KeyKind) -> None:
        """Written aside and linked into place, so that no reader finds half a file."""
        if path.exists():
            return
        aside = path.with_suffix(f".{os.getpid()}.new")
        made = {"api_key": secrets.token_hex(_KEY_BYTES), **_material(kind)}
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
            return _parsed(name, json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"key file {path}: found no JSON object with api_key and secret (or api_key, kind "
                "ed25519 or rsa, public_key); delete it, and a new key is made at the next start"
            ) from error


def _parsed(name: str, made: Any) -> Key:
    """The key that a file describes; ValueError, KeyError or TypeError if it describes none."""
    if not isinstance(made, dict):
        raise TypeError(type(made).__name__)
    kind: KeyKind = made.get("kind", "hmac")
    if kind not in get_args(KeyKind):
        raise ValueError(f"kind {kind!r}")
    if kind == "hmac":
        return Key(name, str(made["api_key"]), str(made["secret"]).encode())
    return Key(
        name,
        str(made["api_key"]),
        str(made.get("private_key", "")).encode(),
        kind,
        str(made["public_key"]).encode(),
    )


def _material(kind: KeyKind) -> dict[str, str]:
    """What a new key's file holds beside its name."""
    if kind == "hmac":
        return {"secret": secrets.token_hex(_KEY_BYTES)}
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    private = (
        ed25519.Ed25519PrivateKey.generate()
        if kind == "ed25519"
        else rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    )
    pem = serialization.Encoding.PEM
    secret = private.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"kind": kind, "public_key": public.decode(), "private_key": secret.decode()}
