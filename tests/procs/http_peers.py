"""Peers of plain bytes for the HTTP tests: a client, a server, and an agent that echoes."""

import asyncio
import contextlib

from tests.procs.test_network import Both, Recorder

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def run(test):
    """Run `test(both)` in a loop of its own; whatever it opened is closed."""

    async def main():
        both = Both()
        both.raw_clients = []
        try:
            await test(both)
        finally:
            for client in both.raw_clients:
                client.writer.close()
                with contextlib.suppress(ConnectionError):
                    await client.writer.wait_closed()
            await both.net.shut()

    asyncio.run(main())


class Raw:
    """A client of plain bytes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, both):
        made = cls(*await asyncio.open_connection("127.0.0.1", both.port))
        both.raw_clients.append(made)
        return made

    async def answer(self):
        """(status, headers, body) of the next response with a length."""
        async with asyncio.timeout(60):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}
        async with asyncio.timeout(60):
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(first.split()[1]), headers, body

    async def end(self):
        """What came until the server closed."""
        async with asyncio.timeout(60):
            return await self.reader.read()

    async def cut(self):
        """Wait until the server has ended the connection, by whatever means."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass


class Echo(Recorder):
    """A sink that answers at once with the target."""

    def __init__(self, both):
        super().__init__()
        self.both = both

    def on_bytes(self, conn, data, meta=None):
        body = meta.target.encode() + b"|" + data
        self.both.net.respond(meta.request_id, 200, {"X-Method": meta.method}, body)


class Fake:
    """A server of plain bytes: `script` runs per connection with its reader and writer."""

    def __init__(self, script, context=None):
        self.script, self.context, self.requests = script, context, []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        try:
            await self.script(self, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def request(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        return head
