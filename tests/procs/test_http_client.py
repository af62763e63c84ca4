"""HTTP/1.1 as a client over real loopback sockets: answers, pools, time-outs, TLS."""

import asyncio
import gzip
import ssl
import subprocess

import pytest

from procs.net.http_client import REQUEST_TIMEOUT_S
from procs.net.http_wire import ResponseReader, WireError, request_bytes
from procs.net.network import Network
from shm_layout.limits import HTTP_HEAD_BYTES_MAX
from tests.procs.http_peers import Echo, Fake, run


def ask(both, fake, method="GET", target="/t", headers=None, body=b""):
    base = f"http://127.0.0.1:{fake.port}"
    return both.net.request(both.client, base, method, target, headers or {}, body)


async def one(both, answer, method="GET"):
    """The (status, body) that a client makes of these bytes and the end of the connection."""

    async def script(fake, reader, writer):
        await fake.request(reader)
        writer.write(answer)
        await writer.drain()

    async with Fake(script) as fake:
        ask(both, fake, method)
        _, body, meta = await both.client.next()
        return meta.status, body


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", (200, b"hi")),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", (200, b"until the end")),
        (b"HTTP/1.0 404 No\r\n\r\nx", (404, b"x")),
        (
            b"".join(
                (
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x\r\n!\r\n",
                    b"0\r\n\r\n",
                )
            ),
            (200, b"hi!"),
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (
            b"".join(
                (
                    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: 1\r\n\r\n",
                    b"HTTP/1.1 418 T\r\nContent-Length: 1\r\n\r\nx",
                )
            ),
            (418, b"x"),
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", (0, None)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", (0, None)),
        (b"HTTP/1.1 200 OK\r\nContent-Le", (0, None)),
        (b"", (0, None)),
        (b"SSH-2.0-x\r\n", (0, None)),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", (0, None)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", (0, None)),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", (0, None)),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * (HTTP_HEAD_BYTES_MAX + 9) + b"\r\n\r\n", (0, None)),
    ],
)
def test_client_reads_or_refuses_an_answer(answer, expected):
    async def test(both):
        status, body = await one(both, answer)
        assert status == expected[0]
        assert body if expected[1] is None else body == expected[1]

    run(test)


def test_client_reads_an_answer_split_at_every_byte():
    whole = b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    for cut in range(1, len(whole)):
        reader = ResponseReader(to_head=False)
        assert reader.feed(whole[:cut]) is None
        assert reader.feed(whole[cut:]).body == b"hi"


def test_client_inflates_gzip_within_its_bound(monkeypatch):
    monkeypatch.setattr("procs.net.http_wire.HTTP_BODY_BYTES_MAX", 10_000)

    def fed(body):
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        return ResponseReader(to_head=False).feed(head % len(body) + body)

    assert fed(gzip.compress(b"x" * 10_000)).body == b"x" * 10_000
    for bad in (gzip.compress(b"x" * 10_001), gzip.compress(b"hello")[:-4], b"nonsense"):
        with pytest.raises(WireError, match="gzip"):
            fed(bad)


def test_client_sends_a_signed_target_byte_for_byte():
    target = '/o?symbol=BTC%2FUSDT&a=%7e~&b=x+y&c=["A"]&signature=a%3Db%2F==&d=&&e=%zz\''
    sent = request_bytes("POST", "h:1", target, {"X-K": "v"}, b"body=1")
    assert sent.startswith(b"POST " + target.encode() + b" HTTP/1.1\r\nHost: h:1\r\nX-K: v\r\n")
    assert sent.endswith(b"\r\n\r\nbody=1")
    assert b"Content-Length: 6\r\n" in sent


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/a b", {}),
        ("GET", "/a\r\nX: 1", {}),
        ("GET", "a", {}),
        ("GET", "/ü", {}),
        ("GET", "/a#b", {}),
        ("GET /", "/", {}),
        ("GET", "/", {"X": "1\r\nY: 2"}),
        ("GET", "/", {"X": "\0"}),
        ("GET", "/", {"X: 1\r\nY": "2"}),
        ("GET", "/", {"": "2"}),
        ("GET", "/", {"Content-Length": "2"}),
        ("GET", "/", {"host": "2"}),
    ],
)
def test_client_refuses_what_would_inject(method, target, headers):
    with pytest.raises(ValueError, match=r"\w"):
        request_bytes(method, "h", target, headers, b"")

    async def test(both):
        asked = both.net.request(both.client, "http://127.0.0.1:1", method, target, headers, b"")
        _, reason, meta = await both.client.next()
        assert (meta.status, meta.request_id) == (0, asked)
        assert b"127.0.0.1" not in reason

    run(test)


@pytest.mark.parametrize(
    "base", ["ftp://x", "http://", "http://u:p@x", "http://x:99999", "http://x\r\n"]
)
def test_client_refuses_what_is_no_address(base):
    async def test(both):
        both.net.request(both.client, base, "GET", "/", {}, b"")
        assert (await both.client.next())[2].status == 0

    run(test)


async def _ok_forever(fake, reader, writer):
    while True:
        await fake.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def test_client_uses_a_kept_connection_again():
    async def test(both):
        connections = []

        async def script(fake, reader, writer):
            connections.append(writer)
            await _ok_forever(fake, reader, writer)

        async with Fake(script) as fake:
            for _ in range(5):
                ask(both, fake)
                assert (await both.client.next())[2].status == 200
            assert len(connections) == 1
            for _ in range(3):
                ask(both, fake)
            for _ in range(3):
                await both.client.next()
            assert len(connections) == 3

    run(test)


@pytest.mark.parametrize(("method", "sent"), [("GET", 3), ("POST", 2), ("DELETE", 2)])
def test_client_sends_again_only_what_has_no_effect(method, sent):
    """The server closes a kept connection once the second request has reached it."""

    async def test(both):
        async def script(fake, reader, writer):
            await fake.request(reader)
            if len(fake.requests) == 2:
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await fake.request(reader)

        async with Fake(script) as fake:
            ask(both, fake)
            assert (await both.client.next())[2].status == 200
            ask(both, fake, method)
            status = (await both.client.next())[2].status
            assert len(fake.requests) == sent
            assert status == (200 if method == "GET" else 0)

    run(test)


def test_client_does_not_use_a_connection_that_said_more_than_was_asked():
    async def test(both):
        async def script(fake, reader, writer):
            await fake.request(reader)
            ok = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
            writer.write(ok + b"1" + ok + b"evil"[:1])
            await reader.read()

        async with Fake(script) as fake:
            for _ in range(2):
                ask(both, fake)
                assert (await both.client.next())[1] == b"1"

    run(test)


def test_client_time_out_is_status_0_and_its_late_answer_nobodys():
    async def test(both):
        reached, go = asyncio.Event(), asyncio.Event()

        async def script(fake, reader, writer):
            await fake.request(reader)
            reached.set()
            await go.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

        async with Fake(script) as fake:
            ask(both, fake)
            await reached.wait()
            both.net._client.tick(asyncio.get_running_loop().time() + REQUEST_TIMEOUT_S + 1)
            _, reason, meta = await both.client.next()
            assert (meta.status, reason) == (0, b"timed out")
            go.set()
            await asyncio.sleep(0.02)
            assert both.client.queue.empty()

    run(test)


def test_client_head_has_no_body_and_keeps_nothing_waiting():
    async def test(both):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        assert await one(both, answer, "HEAD") == (200, b"")

    run(test)


def test_client_verifies_the_certificate_of_a_venue(tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def test(both):
        async with Fake(_ok_forever, context) as fake:
            trusting = Network(asyncio.get_running_loop(), str(cert))
            for net, host, status in (
                (both.net, "localhost", 0),
                (trusting, "localhost", 200),
                (trusting, "127.0.0.1", 0),
            ):
                net.request(both.client, f"https://{host}:{fake.port}", "GET", "/", {}, b"")
                _, reason, meta = await both.client.next()
                assert meta.status == status, reason
                assert status or b"certificate verify failed" in reason.lower()
            await trusting.shut()

    run(test)


def test_both_sides_together_many_at_once():
    async def test(both):
        both.server = Echo(both)
        await both.serve("http")
        base = f"http://127.0.0.1:{both.port}"
        asked = {}
        for n in range(400):
            target = f"/{n}"
            asked[both.net.request(both.client, base, "POST", target, {}, b"b")] = target
            if len(asked) == 50:
                for _ in range(50):
                    _, body, meta = await both.client.next()
                    assert body.decode() == asked.pop(meta.request_id) + "|b"

    run(test)
