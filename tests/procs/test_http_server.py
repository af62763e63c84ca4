"""HTTP/1.1 as a server over real loopback sockets: hostile bytes, splits, pipelines, ends."""

import asyncio
import random
import socket
import struct

import pytest

from procs.net import http_server
from procs.net.http_server import ANSWER_TIMEOUT_S, IDLE_S, LINGER_S, REQUEST_READ_S, http_date
from procs.net.http_wire import RequestReader
from shm_layout.limits import (
    HTTP_HEAD_BYTES_MAX,
    HTTP_PIPELINE_MAX,
    HTTP_REQUEST_BODY_BYTES_MAX,
)
from tests.procs.http_peers import GET, Echo, Raw, run


async def served(both):
    await both.serve("http")
    return await Raw.to(both)


async def echoing(both):
    both.server = Echo(both)
    return await served(both)


def server_of(both):
    return both.net._https[0]


# The server, well-behaved clients


def test_server_keeps_the_connection_and_answers_each_request():
    async def test(both):
        client = await echoing(both)
        for n in range(3):
            client.writer.write(b"GET /%d?q=%%2F HTTP/1.1\r\nHost: x\r\n\r\n" % n)
            status, headers, body = await client.answer()
            assert (status, body) == (200, b"/%d?q=%%2F|" % n)
            assert headers["connection"] == "keep-alive"

    run(test)


def test_server_reads_a_request_split_at_every_byte():
    whole = b"POST /p?x=1 HTTP/1.1\r\nHost: x\r\nA:\r\nContent-Length: 5\r\n\r\nhello" + GET
    for cut in range(1, len(whole)):
        reader = RequestReader()
        found = reader.feed(whole[:cut]) + reader.feed(whole[cut:])
        assert [(r.method, r.target, r.body) for r in found] == [
            ("POST", "/p?x=1", b"hello"),
            ("GET", "/a", b""),
        ]
        assert found[0].headers == {"host": "x", "a": "", "content-length": "5"}
    reader = RequestReader()
    found = [r for k in range(len(whole)) for r in reader.feed(whole[k : k + 1])]
    assert [r.target for r in found] == ["/p?x=1", "/a"]


def test_server_reads_chunked_bodies_with_extensions_and_trailers():
    head = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\nHost: evil\r\n\r\n"
    reader = RequestReader()
    found = [r for b in head + body + GET for r in reader.feed(bytes([b]))]
    assert [r.body for r in found] == [b"abcde", b""]
    assert "x-trailer" not in found[0].headers
    assert found[0].headers["host"] == "x"


def test_server_answers_a_pipeline_in_order_whatever_the_order_of_the_answers():
    async def test(both):
        client = await served(both)
        client.writer.write(b"".join(GET.replace(b"/a", b"/%d" % n) for n in range(9)))
        metas = [(await both.server.next())[2] for _ in range(9)]
        for meta in reversed(metas):
            both.net.respond(meta.request_id, 200, {}, meta.target.encode())
        assert [(await client.answer())[2] for _ in range(9)] == [b"/%d" % n for n in range(9)]

    run(test)


def test_server_answers_a_pipeline_that_is_longer_than_its_bound():
    async def test(both):
        client = await echoing(both)
        count = HTTP_PIPELINE_MAX * 20
        client.writer.write(b"".join(GET.replace(b"/a", b"/%d" % n) for n in range(count)))
        found = [(await client.answer())[2] for _ in range(count)]
        assert found == [b"/%d|" % n for n in range(count)]

    run(test)


def test_server_hands_over_no_more_of_a_pipeline_than_its_bound():
    async def test(both):
        client = await served(both)
        count = HTTP_PIPELINE_MAX + 5
        client.writer.write(b"".join(GET.replace(b"/a", b"/%d" % n) for n in range(count)))
        metas = [(await both.server.next())[2] for _ in range(HTTP_PIPELINE_MAX)]
        await asyncio.sleep(0.05)
        assert both.server.queue.empty()
        for meta in metas:
            both.net.respond(meta.request_id, 200, {}, b"")
        for _ in range(5):
            meta = (await both.server.next())[2]
            both.net.respond(meta.request_id, 200, {}, meta.target.encode())
        found = [(await client.answer())[2] for _ in range(count)]
        assert found[-1] == b"/%d" % (count - 1)

    run(test)


def test_server_tells_the_length_and_keeps_the_body_of_a_head():
    async def test(both):
        client = await echoing(both)
        client.writer.write(GET.replace(b"GET", b"HEAD") + GET.replace(b"/a", b"/b"))
        async with asyncio.timeout(60):
            head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: 3\r\n" in head
        assert (await client.answer())[2] == b"/b|"

    run(test)


def test_server_says_continue_to_who_waits_for_it():
    async def test(both):
        client = await echoing(both)
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        client.writer.write(head)
        async with asyncio.timeout(60):
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.writer.write(b"hi")
        assert (await client.answer())[2] == b"/a|hi"
        client.writer.write(head.replace(b": 2", b": 99999999"))
        assert (await client.answer())[0] == 413

    run(test)


@pytest.mark.parametrize(
    "head",
    [b"GET /a HTTP/1.0\r\n\r\n", b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"],
)
def test_server_closes_after_the_last_request_and_reads_nothing_beyond(head):
    async def test(both):
        client = await echoing(both)
        client.writer.write(head + GET)
        status, headers, body = await client.answer()
        assert (status, headers["connection"], body) == (200, "close", b"/a|")
        assert await client.end() == b""

    run(test)


def test_server_keeps_http_1_0_open_when_asked():
    async def test(both):
        client = await echoing(both)
        for _ in range(2):
            client.writer.write(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (await client.answer())[0] == 200

    run(test)


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_server_passes_over_an_offer_to_change_the_protocol(protocol):
    async def test(both):
        client = await echoing(both)
        offer = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
        client.writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n")
        assert (await client.answer())[2] == b"/a|"
        post = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n" + offer + b"\r\n"
        client.writer.write(post + b"GE")
        await asyncio.sleep(0)
        client.writer.write(b"T " + GET)
        assert (await client.answer())[1:][1] == b"/p|GET "
        assert (await client.answer())[2] == b"/a|"

    run(test)


def test_server_answers_a_client_that_has_closed_its_sending_half():
    async def test(both):
        client = await served(both)
        client.writer.write(GET)
        client.writer.write_eof()
        meta = (await both.server.next())[2]
        await asyncio.sleep(0.02)
        both.net.respond(meta.request_id, 200, {}, b"late")
        assert (await client.answer())[2] == b"late"
        assert await client.end() == b""

    run(test)


def test_server_takes_the_absolute_form_of_a_target():
    reader = RequestReader()
    (found,) = reader.feed(b"GET http://h:1/p?q HTTP/1.1\r\nHost: x\r\n\r\n")
    assert found.target == "/p?q"


# The server, hostile clients

HOSTILE = [
    (b"\0" * 100, 400),
    (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA : 1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (
        b"".join(
            (
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n",
                b"Connection: upgrade\r\n\r\n",
            )
        ),
        501,
    ),
    (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: gold\r\nContent-Length: 1\r\n\r\n", 417),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\n", 400),
    (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        % (HTTP_REQUEST_BODY_BYTES_MAX + 1),
        413,
    ),
    (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n"
        + b"x" * (HTTP_REQUEST_BODY_BYTES_MAX + 1),
        413,
    ),
    (b"GET /" + b"x" * HTTP_HEAD_BYTES_MAX + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    (GET[:-2] + b"A: " + b"x" * (2 * HTTP_HEAD_BYTES_MAX), 431),
    (GET[:-2] + b"A: 1\r\n" * (HTTP_HEAD_BYTES_MAX // 6 + 2), 431),
]


@pytest.mark.parametrize(("bytes_", "status"), HOSTILE)
def test_server_refuses_once_and_closes_that_connection_alone(bytes_, status):
    async def test(both):
        good = await echoing(both)
        bad = await Raw.to(both)
        bad.writer.write(GET.replace(b"/a", b"/first") + bytes_)
        assert (await bad.answer())[2] == b"/first|"
        found, headers, _ = await bad.answer()
        assert (found, headers["connection"]) == (status, "close")
        assert await bad.end() == b""
        good.writer.write(GET)
        assert (await good.answer())[0] == 200

    run(test)


@pytest.mark.parametrize(("bytes_", "status"), HOSTILE)
def test_reader_refuses_whatever_the_split(bytes_, status):
    for step in (1, 7, 1000, 65_536):
        if step == 1 and len(bytes_) > 100_000:
            continue
        reader = RequestReader()
        for at in range(0, len(bytes_), step):
            assert reader.feed(bytes_[at : at + step]) == []
        assert reader.error is not None
        assert reader.error.status == status


def test_server_bounds_chunk_extensions_and_trailers():
    head = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for endless in (b"1;" + b"e" * 4000, b"0\r\nX: " + b"y" * 4000):
        reader = RequestReader()
        reader.feed(head + endless)
        for _ in range(HTTP_HEAD_BYTES_MAX // 4000 + 2):
            reader.feed(b"z" * 4000)
        assert reader.error.status == 431


def test_server_survives_random_bytes():
    chance = random.Random(7)
    words = [GET, b"\r\n", b"POST / HTTP/1.1\r\n", b"Content-Length: 3\r\n", b"0\r\n\r\n", b"\0"]
    for _ in range(3000):
        reader = RequestReader()
        for _ in range(6):
            part = chance.choice([*words, chance.randbytes(chance.randrange(20))])
            reader.feed(part)


@pytest.mark.parametrize(
    ("sent", "after_s"),
    [(b"", IDLE_S), (GET[:9], REQUEST_READ_S), (GET, ANSWER_TIMEOUT_S), (b"\0", LINGER_S)],
)
def test_server_cuts_a_connection_that_hangs(sent, after_s):
    async def test(both):
        client = await served(both)
        client.writer.write(sent)
        server = server_of(both)
        if sent == GET:
            await both.server.next()
        while not server.connections or (sent and not _heard(server)):
            await asyncio.sleep(0.001)
        now_s = asyncio.get_running_loop().time()
        server.tick(now_s + after_s - 1)
        assert len(server.connections) == 1
        server.tick(now_s + after_s + 1)
        await client.cut()
        assert not server.open

    run(test)


def _heard(server):
    (connection,) = server.connections
    return connection._begun_s or connection._answers or connection._closing_s


def test_server_slow_sender_is_timed_from_the_first_byte_of_the_request():
    async def test(both):
        client = await echoing(both)
        for _ in range(3):
            client.writer.write(GET[:5])
            while not _heard(server_of(both)) if server_of(both).connections else True:
                await asyncio.sleep(0.001)
            (connection,) = server_of(both).connections
            began_s = connection._begun_s
            client.writer.write(GET[5:9])
            await asyncio.sleep(0.01)
            assert connection._begun_s == began_s
            client.writer.write(GET[9:])
            await client.answer()
            assert connection._begun_s == 0.0

    run(test)


def test_server_requests_of_a_client_that_left_are_forgotten():
    async def test(both):
        client = await served(both)
        client.writer.write(GET)
        meta = (await both.server.next())[2]
        assert both.net.conn_info(meta.request_id)["target"] == "/a"
        raw = client.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()  # with a reset: a mere FIN is a client that still reads
        while server_of(both).open:
            await asyncio.sleep(0.001)
        assert both.net.conn_info(meta.request_id) == {}
        both.net.respond(meta.request_id, 200, {}, b"to nobody")

    run(test)


def test_server_too_many_open_requests_are_told_so(monkeypatch):
    monkeypatch.setattr(http_server, "SERVER_REQUESTS_OPEN_MAX", 1)

    async def test(both):
        client = await served(both)
        client.writer.write(GET)
        meta = (await both.server.next())[2]
        other = await Raw.to(both)
        other.writer.write(GET)
        assert (await other.answer())[0] == 503
        both.net.respond(meta.request_id, 200, {}, b"")
        assert (await client.answer())[0] == 200

    run(test)


def test_server_closing_a_request_cuts_its_connection():
    async def test(both):
        client = await served(both)
        client.writer.write(GET)
        meta = (await both.server.next())[2]
        both.net.close(meta.request_id)
        assert await client.end() == b""

    run(test)


def test_http_date_has_the_form_of_the_standard():
    assert http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
