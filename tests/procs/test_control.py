"""Control sockets: who may speak, what is answered, and what hostile bytes bring."""

import contextlib
import json
import os
import socket
import stat

import pytest

from procs.control import ControlServer, LineError, at_folder, request_of
from procs.control_client import CommandRefusedError, ControlLink, SilentError
from shm_layout.limits import CONTROL_CLIENTS_MAX, CONTROL_LINE_BYTES_MAX
from tests.forked import forked


@pytest.fixture
def path(tmp_path):
    """A folder deeper than an address may be long."""
    deep = tmp_path / ("x" * 120)
    deep.mkdir(mode=0o700)
    return deep / "engine.sock"


@pytest.fixture
def server(path):
    made = ControlServer(path, lambda verb, fields: {"verb": verb, **fields})
    yield made
    made.close(path)
    assert not path.exists()


def connect(path):
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    link.connect(at_folder(folder, path.name))
    os.close(folder)
    return link


def said(server, link, data, rounds=8):
    """What the server says to these bytes; "" where it ended the connection without a word."""
    link.sendall(data)
    for _ in range(rounds):
        server.serve()
    link.settimeout(1)
    return link.recv(1 << 20)


def test_socket_is_for_its_owner_alone(server, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_verb_comes_with_who_asked_whatever_the_client_says(server, path):
    with connect(path) as link:
        found = json.loads(said(server, link, b'{"verb":"kill","uid":7,"pid":1,"x":[1]}\n'))
    assert found == {"verb": "kill", "uid": os.geteuid(), "pid": os.getpid(), "x": [1]}


def test_lines_are_answered_in_order_however_they_are_cut(server, path):
    with connect(path) as link:
        for part in (b'{"ver', b'b":"a"}\n{"verb"', b':"b"}'):
            link.sendall(part)
            server.serve()
            server.serve()
        lines = said(server, link, b"\n\n\n").splitlines()
    assert [json.loads(line)["verb"] for line in lines] == ["a", "b"]


@pytest.mark.parametrize(
    "data",
    [
        b"\n\x00\xff\xfe\n", b"{}\n", b"[]\n", b'"kill"\n', b'{"verb":1}\n', b"[" * 60_000 + b"\n",
        b"GET / HTTP/1.1\r\n\r\n", b'{"verb":"kill"\n', b"x" * (CONTROL_LINE_BYTES_MAX + 1),
        b"1" * 5000 + b"\n", b'{"verb":"\xed\xa0\x80"}\n',
    ],
)  # fmt: skip
def test_hostile_bytes_bring_one_error_line_and_the_end(server, path, data):
    with connect(path) as link:
        lines = said(server, link, data).splitlines()
        assert len(lines) == 1
        assert "error" in json.loads(lines[0])
        assert link.recv(10) == b""
    with connect(path) as link:
        assert json.loads(said(server, link, b'{"verb":"a"}\n'))["verb"] == "a"


def test_client_too_many_takes_the_place_of_the_most_silent(server, path):
    links = [connect(path) for _ in range(CONTROL_CLIENTS_MAX)]
    for link in links[1:]:
        said(server, link, b'{"verb":"a"}\n')
    with connect(path) as last:
        assert said(server, last, b'{"verb":"a"}\n')
    links[0].settimeout(1)
    assert links[0].recv(10) == b""
    for link in links:
        link.close()


def test_client_that_never_reads_is_cut_off(path):
    made = ControlServer(path, lambda verb, fields: {"text": "x" * 60_000})
    with connect(path) as link:
        link.setblocking(False)
        for _ in range(3000):
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                link.send(b'{"verb":"a"}\n')
            made.serve()
        assert not made._clients or len(next(iter(made._clients.values())).outgoing) < 1 << 21
    made.close(path)


def test_left_socket_of_a_dead_process_is_replaced(path):
    with forked(lambda: ControlServer(path, lambda verb, fields: {})) as child:
        assert child.wait() == 0
    assert path.exists()
    made = ControlServer(path, lambda verb, fields: {})
    with connect(path) as link:
        assert said(made, link, b'{"verb":"a"}\n') == b"{}\n"
    made.close(path)


def test_asking_nobody_is_one_sentence(path):
    with pytest.raises(SilentError, match="engine does not take commands"):
        ControlLink(path)


def test_asking_one_who_stands_still_ends_in_time(server, path):
    with ControlLink(path, timeout_s=0.05) as link, pytest.raises(SilentError, match="in time"):
        link.ask("kill")


def test_refusal_is_raised_with_the_desks_own_sentence(path, monkeypatch):
    made = ControlServer(path, lambda verb, fields: {"error": "no, because"})
    with ControlLink(path) as link:
        sendall = link._link.sendall
        recv = link._link.recv

        class Served:
            """The server answers between our writing and our reading."""

            def sendall(self, data):
                sendall(data)
                made.serve()
                made.serve()

            def recv(self, count):
                return recv(count)

            close = link._link.close

        monkeypatch.setattr(link, "_link", Served())
        with pytest.raises(CommandRefusedError, match="no, because"):
            link.demand("kill")
    made.close(path)


def test_request_needs_a_verb():
    assert request_of(b'{"verb":"a","b":1}') == ("a", {"b": 1})
    with pytest.raises(LineError):
        request_of(b'{"b":1}')
