"""The network half over real loopback sockets: whole messages, hostile peers, ends."""

import asyncio
import socket
import ssl

import pytest
import websockets.asyncio.client as public_client
from websockets.exceptions import ConnectionClosedError

from oms.errors import ResourceError
from oms.ports import ConnEvent
from procs.net import network as network_module
from procs.net.network import Network
from shm_layout.limits import WS_MESSAGE_BYTES_MAX


class Recorder:
    """A sink that remembers; `seen` is a queue of (conn, what)."""

    role = "test"

    def __init__(self):
        self.queue = asyncio.Queue()
        self.logged = []

    def on_bytes(self, conn, data, meta=None):
        self.queue.put_nowait((conn, data, meta))

    def on_conn(self, conn, event):
        self.queue.put_nowait((conn, event, None))

    def after_input(self):
        pass

    def log(self, level, event, **fields):
        self.logged.append(event)

    async def next(self):
        async with asyncio.timeout(60):
            return await self.queue.get()


class Both:
    """A server and a client side in one loop."""

    def __init__(self):
        self.net = Network(asyncio.get_running_loop())
        self.server, self.client = Recorder(), Recorder()

    async def serve(self, kind):
        listener = self.net.listen(self.server, "127.0.0.1", 0, kind)
        self.port = int(self.net.conn_info(listener)["port"])
        await asyncio.sleep(0)

    async def connect(self):
        await self.serve("ws")
        self.out = self.net.open_ws(
            self.client, f"ws://127.0.0.1:{self.port}/a/b?c=1", {"X-A": "1"}
        )
        assert (await self.client.next())[:2] == (self.out, ConnEvent.OPENED)
        self.back = (await self.server.next())[0]


def run(test):
    async def main():
        both = Both()
        try:
            await test(both)
        finally:
            await both.net.shut()

    asyncio.run(main())


def test_ws_message_goes_both_ways_and_the_close_is_told():
    async def test(both):
        await both.connect()
        assert both.net.conn_info(both.back)["target"] == "/a/b?c=1"
        both.net.send(both.out, b"hello")
        assert (await both.server.next())[:2] == (both.back, b"hello")
        both.net.send(both.back, "김치".encode())
        assert (await both.client.next())[1].decode() == "김치"
        both.net.close(both.out)
        assert (await both.server.next())[:2] == (both.back, ConnEvent.CLOSED)
        assert (await both.client.next())[:2] == (both.out, ConnEvent.CLOSED)
        both.net.send(both.out, b"to nobody")

    run(test)


def test_ws_large_and_many_messages_arrive_whole_and_in_order():
    async def test(both):
        await both.connect()
        large = b"x" * (1 << 20)
        both.net.send(both.out, large)
        for n in range(2000):
            both.net.send(both.out, str(n).encode())
        assert (await both.server.next())[1] == large
        assert [(await both.server.next())[1] for _ in range(2000)] == [
            str(n).encode() for n in range(2000)
        ]

    run(test)


def test_ws_answers_to_one_read_leave_in_one_write():
    async def test(both):
        await both.connect()
        server, client = (both.net._connections[n] for n in (both.back, both.out))
        frames = b"".join(client._framing.text(b"%d" % n) for n in range(300))
        written = []
        write = server._transport.write
        server._transport.write = lambda data: (written.append(data), write(data))
        both.server.on_bytes = lambda conn, data: both.net.send(conn, b"got " + data)
        room = server.get_buffer(-1)
        room[: len(frames)] = frames
        server.buffer_updated(len(frames))
        assert len(written) == 1
        for n in range(300):
            assert (await both.client.next())[1] == b"got %d" % n
        both.net.send(both.back, b"unasked")
        assert len(written) == 2
        assert (await both.client.next())[1] == b"unasked"

    run(test)


def test_ws_answer_before_a_close_of_the_same_turn_leaves_before_it():
    async def test(both):
        await both.connect()
        both.net.gate.hold()
        both.net.send(both.back, b"last words")
        both.net.close(both.back)
        both.net.gate.release()
        assert (await both.client.next())[1] == b"last words"
        assert (await both.client.next())[1] is ConnEvent.CLOSED

    run(test)


def test_ws_fragments_pings_and_binary_of_a_public_client():
    async def test(both):
        await both.serve("ws")
        async with public_client.connect(f"ws://127.0.0.1:{both.port}/") as client:
            assert (await both.server.next())[1] is ConnEvent.OPENED
            await client.send(["one ", "two ", "three"])
            assert (await both.server.next())[1] == b"one two three"
            await (await client.ping())
            assert (await both.server.next())[1] is ConnEvent.CONTROL
            await client.send(b"\0\1")
            assert (await both.server.next())[1] == b"\0\1"

    run(test)


@pytest.mark.parametrize(
    "bytes_",
    [
        b"\0" * 100,
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x" * 200_000,
        b"\x16\x03\x01\x02\0\x01\0",
        b"",
    ],
)
def test_ws_bad_handshake_ends_that_connection_alone(bytes_):
    async def test(both):
        await both.connect()
        reader, writer = await asyncio.open_connection("127.0.0.1", both.port)
        writer.write(bytes_)
        writer.write_eof()
        async with asyncio.timeout(60):
            await reader.read()
        writer.close()
        both.net.send(both.out, b"still here")
        assert (await both.server.next())[:2] == (both.back, b"still here")

    run(test)


@pytest.mark.parametrize(
    "frame", [b"\xff" * 50, b"\x81\x05hello", b"\x80\x80\0\0\0\0", b"\x89\xfe"]
)
def test_ws_broken_frame_ends_that_connection_alone(frame):
    async def test(both):
        await both.connect()
        client = await public_client.connect(f"ws://127.0.0.1:{both.port}/")
        conn = (await both.server.next())[0]
        client.transport.write(frame)
        client.transport.write_eof()
        assert (await both.server.next())[:2] == (conn, ConnEvent.CLOSED)
        client.transport.abort()
        both.net.send(both.out, b"still here")
        assert (await both.server.next())[:2] == (both.back, b"still here")

    run(test)


def test_ws_oversized_message_is_refused(monkeypatch):
    async def test(both):
        await both.serve("ws")
        client = await public_client.connect(f"ws://127.0.0.1:{both.port}/", max_size=None)
        conn = (await both.server.next())[0]
        await client.send("x" * (WS_MESSAGE_BYTES_MAX + 1))
        assert (await both.server.next())[:2] == (conn, ConnEvent.CLOSED)
        with pytest.raises(ConnectionClosedError):
            await client.recv()

    run(test)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/", "http://x/", "ws://", "nonsense"])
def test_ws_that_cannot_be_opened_fails_once(url):
    async def test(both):
        conn = both.net.open_ws(both.client, url, None)
        assert (await both.client.next())[:2] == (conn, ConnEvent.FAILED)
        assert both.client.queue.empty()

    run(test)


def test_ws_server_that_speaks_no_websocket_fails():
    async def test(both):
        async def rude(reader, writer):
            writer.write(b"SSH-2.0-x\r\n")
            writer.close()

        server = await asyncio.start_server(rude, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        conn = both.net.open_ws(both.client, f"ws://127.0.0.1:{port}/", None)
        assert (await both.client.next())[:2] == (conn, ConnEvent.FAILED)
        server.close()

    run(test)


def test_ws_silent_peer_is_cut_off(monkeypatch):
    async def test(both):
        await both.connect()
        connection = both.net._connections[both.out]
        connection.tick(connection._heard_s + 1000)
        seen = {(await both.server.next())[1], (await both.client.next())[1]}
        assert seen == {ConnEvent.CLOSED}
        assert "ws_silent_peer" in both.client.logged

    run(test)


def test_ws_client_pings_and_hears_of_its_pong():
    async def test(both):
        await both.connect()
        both.net.ping(both.out, b"mexoms")
        assert (await both.client.next())[:2] == (both.out, ConnEvent.PONG)
        assert (await both.server.next())[:2] == (both.back, ConnEvent.CONTROL)

    run(test)


def test_ws_client_hears_of_the_servers_ping():
    async def test(both):
        await both.connect()
        both.net.ping(both.back, b"1700000000000")
        assert (await both.client.next())[:2] == (both.out, ConnEvent.CONTROL)
        assert (await both.server.next())[:2] == (both.back, ConnEvent.PONG)

    run(test)


def test_ws_server_pings_and_hears_of_its_pongs_alone():
    async def test(both):
        await both.connect()
        connection = both.net._connections[both.back]
        connection.tick(connection._heard_s + 1000)
        both.net.ping(both.back, b"1700000000000")
        assert (await both.server.next())[:2] == (both.back, ConnEvent.PONG)
        assert (await both.client.next())[:2] == (both.out, ConnEvent.CONTROL)
        client = both.net._connections[both.out]
        client._protocol.send_pong(b"1700000000000")
        client.flush()
        assert (await both.server.next())[:2] == (both.back, ConnEvent.CONTROL)
        assert both.client.queue.empty()

    run(test)


def test_http_request_arrives_as_sent_and_its_answer_comes_back():
    async def test(both):
        await both.serve("http")
        target = "/api/v3/order?symbol=BTC%2FUSDT&signature=a%3Db&x=1%201"
        base = f"http://127.0.0.1:{both.port}"
        asked = both.net.request(both.client, base, "POST", target, {"X-Key": "k"}, b"body")
        _, body, meta = await both.server.next()
        assert (meta.method, meta.target, body) == ("POST", target, b"body")
        assert meta.headers["x-key"] == "k"
        both.net.respond(meta.request_id, 418, {"Retry-After": "7"}, b"banned")
        zero, body, answer = await both.client.next()
        assert (zero, body, answer.status, answer.request_id) == (0, b"banned", 418, asked)
        assert answer.headers["retry-after"] == "7"
        both.net.respond(meta.request_id, 200, {}, b"twice")

    run(test)


def test_http_that_never_comes_is_status_0():
    async def test(both):
        asked = both.net.request(both.client, "http://127.0.0.1:1", "GET", "/", {}, b"")
        _, reason, meta = await both.client.next()
        assert (meta.status, meta.request_id) == (0, asked)
        assert b"127.0.0.1" in reason

    run(test)


def test_http_requests_in_flight_are_bounded(monkeypatch):
    monkeypatch.setattr("procs.net.http_client.HTTP_IN_FLIGHT_MAX", 2)

    async def test(both):
        await both.serve("http")
        base = f"http://127.0.0.1:{both.port}"
        for _ in range(3):
            both.net.request(both.client, base, "GET", "/", {}, b"")
        _, reason, meta = await both.client.next()
        assert meta.status == 0
        assert b"in flight" in reason

    run(test)


def test_listening_on_an_occupied_port_names_it_and_the_setting():
    async def test(both):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            with pytest.raises(ResourceError, match=rf"{port}.*rest_port, ws_port"):
                both.net.listen(both.server, "127.0.0.1", port, "ws")

    run(test)


def test_tls_towards_venues_is_at_least_1_2():
    async def test(both):
        context = both.net.tls()
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname

    run(test)


def test_too_many_clients_are_turned_away(monkeypatch):
    monkeypatch.setattr(network_module, "SERVER_CONNECTIONS_MAX", 2)

    async def test(both):
        await both.connect()
        reader, writer = await asyncio.open_connection("127.0.0.1", both.port)
        async with asyncio.timeout(60):
            assert await reader.read() == b""
        writer.close()

    run(test)


def test_ws_muted_connection_stays_open_and_answers_not_even_pings():
    async def test(both):
        await both.serve("ws")
        client = await public_client.connect(f"ws://127.0.0.1:{both.port}/", ping_interval=None)
        conn = (await both.server.next())[0]
        both.net.mute(conn)
        pong = await client.ping()
        await client.send("nobody hears this")
        both.net.send(conn, b"nor this")
        both.net.tick()
        other = await public_client.connect(f"ws://127.0.0.1:{both.port}/")
        assert (await both.server.next())[1] is ConnEvent.OPENED
        assert not pong.done()
        assert client.state.name == "OPEN"
        both.net.close(conn)
        assert (await both.server.next())[:2] == (conn, ConnEvent.CLOSED)
        with pytest.raises(ConnectionClosedError):
            await client.recv()
        pong.cancel()
        await other.close()

    run(test)
