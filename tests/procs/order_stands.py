"""One client and one server of HTTP connections for orders, on either host, to the same tests."""

import asyncio

from oms.ports import ConnEvent
from oms.sim.network import VirtualNetwork
from procs.net.network import Network

WAIT_S = 60.0


class Side:
    """What an agent heard: `(conn, ConnEvent)` and `(request_id, status or target, body)`."""

    def __init__(self, role):
        self.role = role
        self.heard = []

    def on_bytes(self, conn, data, meta=None):
        what = meta.target if meta.method else meta.status
        self.heard.append((meta.request_id, what, bytes(data)))

    def on_conn(self, conn, event):
        self.heard.append((conn, event))

    def after_input(self):
        """Nothing waits for the end of an input."""

    def log(self, level, event, **fields):
        """Not looked at."""


class LiveStand:
    """Loopback sockets."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.client, self.server = Side("client"), Side("server")
        self.net, self.served = Network(self.loop), Network(self.loop)
        listener = self.served.listen(self.server, "127.0.0.1", 0, "http")
        self.url = f"http://127.0.0.1:{self.served.conn_info(listener)['port']}"
        self.loop.run_until_complete(asyncio.sleep(0))

    def _in_loop(self, action, *args):
        async def run():
            return action(*args)

        return self.loop.run_until_complete(run())

    def open(self, url=None):
        return self._in_loop(self.net.open_http, self.client, url or self.url)

    def ask(self, conn, target, body=b""):
        return self._in_loop(self.net.request_on, conn, "POST", target, {}, body)

    def close(self, conn):
        self._in_loop(self.net.close, conn)

    def respond(self, request_id, status, body, headers=()):
        self._in_loop(self.served.respond, request_id, status, dict(headers), body)

    def server_dies(self):
        self.loop.run_until_complete(self.served.shut())

    def until(self, condition):
        async def wait():
            async with asyncio.timeout(WAIT_S):
                while not condition():
                    await asyncio.sleep(0.001)

        self.loop.run_until_complete(wait())

    def end(self):
        self.loop.run_until_complete(self.net.shut())
        self.loop.run_until_complete(self.served.shut())
        self.loop.close()


class VirtualStand:
    """The harness's network."""

    def __init__(self):
        self.client, self.server = Side("client"), Side("server")
        self.sides = {"client": self.client, "server": self.server}
        self.network = VirtualNetwork(self, 1, 200_000, 50_000)
        self.network.listen("server", "127.0.0.1", 80, "http")
        self.url = "http://127.0.0.1:80"

    def deliver_bytes(self, role, conn, data, meta):
        self.sides[role].on_bytes(conn, data, meta)

    def deliver_event(self, role, conn, event):
        self.sides[role].on_conn(conn, event)

    def open(self, url=None):
        return self.network.open_http("client", url or self.url)

    def ask(self, conn, target, body=b""):
        return self.network.request_on(conn, "POST", target, {}, body)

    def close(self, conn):
        self.network.close(conn)

    def respond(self, request_id, status, body, headers=()):
        self.network.respond(request_id, status, dict(headers), body)

    def server_dies(self):
        self.network.forget("server")

    def until(self, condition):
        while not condition():
            assert self.step(), "nothing is on its way"

    def step(self):
        """Go on to the next thing that is due; False = nothing is."""
        due_ns = self.network.next_ns()
        if due_ns is None:
            return False
        self.network.now_ns = max(due_ns, self.network.now_ns)
        return self.network.run_one()

    def end(self):
        while self.step():
            continue


def opened(stand):
    """A connection that is open."""
    conn = stand.open()
    stand.until(lambda: (conn, ConnEvent.OPENED) in stand.client.heard)
    stand.client.heard.clear()
    return conn
