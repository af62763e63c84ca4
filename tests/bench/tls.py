"""TLS for benches: an authority of one certificate for 127.0.0.1, and contexts of both sides.

The client's side is what the desk uses towards venues (`procs/net/network.py`: 1.2 at least, the
certificate and the name verified), told of this authority; the server's speaks 1.3 alone.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from procs.net.network import Network

VALID = dt.timedelta(days=2)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of a server on 127.0.0.1; the certificate is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=False, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID).not_valid_after(now + VALID)
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, secret = folder / "bench.crt", folder / "bench.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ))  # fmt: skip
    return certificate, secret


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a venue serves with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    return context


def client_context(certificate: Path) -> ssl.SSLContext:
    """What the desk connects with."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def wrapped(near: socket.socket, far: socket.socket, folder: Path):
    """Both ends of a connection within this process, the handshake done; `far` does not block."""
    certificate, key = make_certificate(folder)
    near.setblocking(False)
    far.setblocking(False)
    ends = (
        client_context(certificate).wrap_socket(
            near, server_hostname="127.0.0.1", do_handshake_on_connect=False
        ),
        server_context(certificate, key).wrap_socket(
            far, server_side=True, do_handshake_on_connect=False
        ),
    )
    done = [False, False]
    while not all(done):
        for side, end in enumerate(ends):
            try:
                end.do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                continue
    ends[0].setblocking(True)
    return ends


def encipher_desk(certificate: Path, key: Path) -> None:
    """Every connection between a desk and its exchange speaks TLS: in this process, and in those
    that are forked from it."""
    network: Any = Network
    make, open_ws, request = network.__init__, network.open_ws, network.request
    open_http = network.open_http

    def init(self: Any, loop: Any, ca_file: str | None = None) -> None:
        make(self, loop, ca_file or str(certificate))

    async def serve(self: Any, listener: int, bound: Any, made: Any) -> None:
        context = server_context(certificate, key)
        self._servers[listener] = await self._loop.create_server(made, sock=bound, ssl=context)

    def opened(self: Any, sink: Any, url: str, headers: Any) -> int:
        return int(open_ws(self, sink, url.replace("ws://", "wss://", 1), headers))

    def stands(self: Any, sink: Any, base_url: str) -> int:
        return int(open_http(self, sink, base_url.replace("http://", "https://", 1)))

    def asked(self: Any, sink: Any, base_url: str, *rest: Any) -> int:
        return int(request(self, sink, base_url.replace("http://", "https://", 1), *rest))

    network.__init__, network._serve, network.open_ws = init, serve, opened
    network.open_http, network.request = stands, asked
