"""HTTP connections that stand open for orders: the same on sockets and on the harness's network;
and, on sockets alone, that no byte outlives its sender."""

import asyncio
import os
import select
import signal
import socket
import ssl
import struct
from pathlib import Path

import pytest

from oms.ports import ConnEvent
from oms.sim.order_http import RETRANSMIT_NS
from procs.net.network import Network
from shm_layout.limits import ORDER_BYTES_UNACKNOWLEDGED_MS
from tests.bench import tls
from tests.forked import forked
from tests.procs.order_stands import LiveStand, Side, VirtualStand, opened

S = 1_000_000_000
BUFFER_BYTES = 1 << 16
ORDER_BYTES = 1 << 24
"""More than the systems of both ends hold."""


@pytest.fixture(params=[LiveStand, VirtualStand])
def stand(request):
    made = request.param()
    yield made
    made.end()


# On both hosts


def test_order_request_on_a_standing_connection_is_answered_and_it_stands_on(stand):
    conn = opened(stand)
    for number in range(3):
        asked = stand.ask(conn, f"/order/{number}", b"buy")
        assert asked > 0
        stand.until(lambda: stand.server.heard)
        (arrived, target, body), stand.server.heard = stand.server.heard[0], []
        assert (target, body) == (f"/order/{number}", b"buy")
        stand.respond(arrived, 200, b"done")
        stand.until(lambda: stand.client.heard)
        assert stand.client.heard == [(asked, 200, b"done")]
        stand.client.heard.clear()


def test_order_connection_to_nobody_fails_and_takes_no_request(stand):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        conn = stand.open(f"http://127.0.0.1:{unused.getsockname()[1]}")
        stand.until(lambda: stand.client.heard)
    assert stand.client.heard == [(conn, ConnEvent.FAILED)]
    assert stand.ask(conn, "/order") == 0


def test_order_connection_that_is_not_open_yet_takes_no_request(stand):
    conn = stand.open()
    assert stand.ask(conn, "/order") == 0
    stand.until(lambda: (conn, ConnEvent.OPENED) in stand.client.heard)
    assert stand.ask(conn, "/order") > 0


def test_order_connection_that_ends_idle_is_told_and_takes_no_request(stand):
    conn = opened(stand)
    stand.server_dies()
    stand.until(lambda: stand.client.heard)
    assert stand.client.heard == [(conn, ConnEvent.CLOSED)]
    assert stand.ask(conn, "/order") == 0


def test_order_connection_that_ends_before_the_answer_says_so_once_and_sends_nothing_again(stand):
    conn = opened(stand)
    asked = stand.ask(conn, "/order")
    stand.until(lambda: stand.server.heard)
    stand.server_dies()
    stand.until(lambda: len(stand.client.heard) == 2)
    (answered, status, _), told = stand.client.heard
    assert (answered, status, told) == (asked, 0, (conn, ConnEvent.CLOSED))
    assert len(stand.server.heard) == 1


def test_order_connection_that_we_close_says_nothing_more(stand):
    conn, other = opened(stand), opened(stand)
    stand.ask(conn, "/order")
    stand.until(lambda: stand.server.heard)
    stand.close(conn)
    stand.respond(stand.server.heard[0][0], 200, b"too late")
    assert stand.ask(conn, "/order") == 0
    asked = stand.ask(other, "/other")
    stand.until(lambda: len(stand.server.heard) == 2)
    stand.respond(stand.server.heard[1][0], 200, b"")
    stand.until(lambda: stand.client.heard)
    assert stand.client.heard == [(asked, 200, b"")]


def test_order_connection_takes_one_request_at_a_time(stand):
    conn = opened(stand)
    stand.ask(conn, "/order")
    with pytest.raises(AssertionError, match="one request at a time"):
        stand.ask(conn, "/order")


def test_order_request_that_is_asked_for_in_vain_is_not_timed_by_the_host(stand):
    conn, other = opened(stand), opened(stand)
    asked = stand.ask(conn, "/slow")
    stand.until(lambda: stand.server.heard)
    slow, stand.server.heard = stand.server.heard[0][0], []
    if isinstance(stand, LiveStand):
        later_s = stand.loop.time() + 3600
        stand.loop.time, before = lambda: later_s, stand.loop.time
        stand.net.tick()
        stand.loop.time = before
    else:
        stand.network.at(stand.network.now_ns + 3600 * S, lambda: None)
        stand.step()
    stand.ask(other, "/quick")
    stand.until(lambda: stand.server.heard)
    stand.respond(stand.server.heard[0][0], 200, b"quick")
    stand.respond(slow, 200, b"slow")
    stand.until(lambda: len(stand.client.heard) == 2)
    assert (asked, 200, b"slow") in stand.client.heard


# On the harness: what the system would do with bytes that nobody acknowledges


def test_virtual_order_that_is_on_the_wire_arrives_though_its_sender_dies():
    stand = VirtualStand()
    stand.ask(opened(stand), "/order")
    stand.network.forget("client")
    stand.end()
    assert [target for _, target, _ in stand.server.heard] == ["/order"]
    assert stand.client.heard == []


@pytest.mark.parametrize("end", ["kill", "cut", "close"])
def test_virtual_order_that_is_held_back_dies_with_its_sender(end):
    stand = VirtualStand()
    conn = opened(stand)
    stand.network.silenced.add("client")
    stand.ask(conn, "/order")
    ends = {"kill": stand.network.forget, "cut": stand.network.cut, "close": lambda _: None}
    ends[end]("client")
    if end == "close":
        stand.close(conn)
    stand.network.silenced.clear()
    stand.end()
    assert stand.server.heard == []


@pytest.mark.parametrize("arrives", [True, False])
def test_virtual_order_that_nobody_acknowledges_arrives_late_or_never(arrives):
    stand = VirtualStand()
    conn = opened(stand)
    stand.network.silenced.add("server")
    asked, until_ns = stand.ask(conn, "/order"), ORDER_BYTES_UNACKNOWLEDGED_MS * 1_000_000
    heal_ns = until_ns + (-2 if arrives else 2) * RETRANSMIT_NS
    stand.network.at(stand.network.now_ns + heal_ns, stand.network.silenced.clear)
    stand.end()
    assert len(stand.server.heard) == arrives
    if not arrives:
        (answered, status, _), told = stand.client.heard
        assert (answered, status, told) == (asked, 0, (conn, ConnEvent.CLOSED))


# On sockets: no byte outlives its sender


def sender(url, authority, kept, say):
    """A process that writes an order of which the systems can take only a part, and waits."""

    async def work():
        loop = asyncio.get_running_loop()
        net, side = Network(loop, authority), Side("sender")
        if kept:
            conn = net.open_http(side, url)
            while not side.heard:
                await asyncio.sleep(0.001)
            assert side.heard == [(conn, ConnEvent.OPENED)]
            assert net.request_on(conn, "POST", "/order", {}, b"x" * ORDER_BYTES)
        else:
            net.request(side, url, "POST", "/order", {}, b"x" * ORDER_BYTES)
        while True:
            await asyncio.sleep(0.05)
            os.write(say, b".")

    asyncio.run(work())


def taken(peer):
    """(bytes that come, whether the connection was reset) until it ends."""
    count = 0
    try:
        while data := peer.recv(1 << 16):
            count += len(data)
    except (ConnectionResetError, ssl.SSLError, ssl.SSLEOFError):
        return count, True
    return count, False


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("kept", [True, False], ids=["standing", "any"])
def test_killed_sender_no_byte_arrives_behind_its_end(tmp_path, kept, secure):
    """The peer reads nothing while the sender lives. What its own system holds may come; what the
    sender's system holds must not. (On any other connection it does come: the contrast.)"""
    certificate, key = tls.make_certificate(tmp_path)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http{'s' * secure}://127.0.0.1:{listener.getsockname()[1]}"
        said, say = os.pipe()
        with forked(lambda: sender(url, str(certificate), kept, say)) as child:
            peer, _ = listener.accept()
            if secure:
                context = tls.server_context(certificate, key)
                peer = context.wrap_socket(peer, server_side=True, suppress_ragged_eofs=False)
            with peer:
                peer.settimeout(60)
                for _ in range(4):
                    assert select.select([said], [], [], 60)[0], "the sender says nothing"
                    os.read(said, 1)
                held = queued(peer)
                assert held > 0, "the order is under way"
                os.kill(child.pid, signal.SIGKILL)
                child.wait()
                count, reset = taken(peer)
        os.close(said)
        os.close(say)
    if kept:
        assert count <= held
        assert reset, "its end is a reset: the order is not whole, and says so"
    else:
        assert count > held, "a common connection's bytes come after their sender's end"


def queued(peer):
    """Bytes that the peer's system holds unread (SIOCINQ)."""
    import fcntl
    import termios

    found = bytearray(4)
    fcntl.ioctl(peer.fileno(), termios.FIONREAD, found)
    return struct.unpack("i", found)[0]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_order_socket_drops_what_is_unsent_and_ends_unacknowledged(tmp_path, secure):
    """As the system itself says it of the socket."""

    async def work():
        certificate, key = tls.make_certificate(tmp_path)
        context = tls.server_context(certificate, key) if secure else None
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        before = open_sockets()
        net, side = Network(asyncio.get_running_loop(), str(certificate)), Side("sender")
        conn = net.open_http(side, f"http{'s' * secure}://127.0.0.1:{port}")
        async with asyncio.timeout(60):
            while not side.heard:
                await asyncio.sleep(0.001)
        assert side.heard == [(conn, ConnEvent.OPENED)]
        ours = [fd for fd in open_sockets() - before if peer_port(fd) == port]
        assert len(ours) == 1
        with socket.socket(fileno=os.dup(ours[0])) as found:
            linger = found.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            assert struct.unpack("ii", linger) == (1, 0)
            timeout_ms = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert timeout_ms == ORDER_BYTES_UNACKNOWLEDGED_MS
        await net.shut()
        server.close()

    asyncio.run(work())


def open_sockets():
    """Descriptors of this process that are sockets."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            if str(link.readlink()).startswith("socket:"):
                found.add(int(link.name))
        except OSError:
            continue
    return found


def peer_port(fd):
    """The port at the other end of a socket; 0 = it has none."""
    with socket.socket(fileno=os.dup(fd)) as found:
        try:
            name = found.getpeername()
        except OSError:
            return 0
        return name[1] if isinstance(name, tuple) else 0
