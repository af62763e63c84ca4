"""A simulated exchange in a process of its own for benches, its limits raised, plain or by TLS.

The exchange is the one that `oms sim up` serves (`configs/sim.demo.toml`), without its background
flow. What a bench must raise are the limits of its `exchangeInfo`, and `limits_told` reads them
from there. A peer is served the same way by `serve_aiohttp` or `serve_aiohttp_ws`.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from oms.ports import Key
from oms.venues.binance.server import served as served_exchange
from oms.venues.binance.server.limits import LimitRules
from procs.files.paths import DeskPaths
from procs.net.network import Network
from procs.sim_host import SimHost, load_sim
from tests.stress.memory import fork, kill

WATCHDOG_S = 120.0
MUCH = 1 << 40
SIM = Path(__file__).resolve().parents[2] / "configs" / "sim.demo.toml"
ACK = '{"id":"%s","status":200,"result":{"symbol":"BTCUSDT","orderId":1,"transactTime":1}}'


def cores() -> list[int]:
    """Those that this process may use."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def served(serve: Callable[[Callable[[int], None]], None]) -> Iterator[int]:
    """`serve(tell)` in a process on the second core; yields the port that it tells."""
    reading, writing = os.pipe()

    def work() -> int:
        serve(lambda port: os.write(writing, f"{port}\n".encode()) and None)
        return 0

    child = fork(work, cores()[-1])
    os.close(writing)
    try:
        told = os.read(reading, 20)
        assert told, "the server ended before it served; its words stand above"
        yield int(told)
    finally:
        kill(child)
        os.close(reading)


class _TlsNetwork(Network):
    """Its listeners speak TLS."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext) -> None:
        super().__init__(loop)
        self._server_context = context

    async def _serve(self, listener, bound, made) -> None:
        server = self._loop.create_server(made, sock=bound, ssl=self._server_context)
        self._servers[listener] = await server


def raise_limits() -> None:
    """Simulated exchanges that are made from now on, here and in what is forked."""
    assert served_exchange.LimitRules, "the rules are made where this puts its own"
    served_exchange.LimitRules = lambda **_: LimitRules(MUCH, MUCH, MUCH, MUCH, MUCH)


def serve_exchange(
    data_dir: str, tell: Callable[[int], None], context: ssl.SSLContext | None = None,
    *, streams: bool = False, flow: int = 0,
) -> None:  # fmt: skip
    """Until killed; tells its REST port, or that of its WebSockets. `flow`: events a second."""
    raise_limits()
    changes = {"rest_port": 0, "ws_port": 0, "flow_events_per_s": flow, "drop_reply_one_in": 0}
    config = load_sim(SIM, data_dir, changes)
    DeskPaths.of(config).make()
    host = SimHost(config)
    if context is not None:
        host._network = _TlsNetwork(host._loop, context)
    sim = config.sims[0]
    host.run(None, lambda: tell(sim.ws_port if streams else sim.rest_port))


def limits_told(data_dir: str) -> str:
    """What the exchange's own exchangeInfo says, for the note."""
    state = json.loads((Path(data_dir) / "run" / "sim.json").read_text())
    address = f"http://{state['host']}:{state['rest_port']}/api/v3/exchangeInfo?symbol=BTCUSDT"
    with urllib.request.urlopen(address, timeout=WATCHDOG_S) as answer:
        limits = json.load(answer)["rateLimits"]
    told = [f"{each['rateLimitType']} {each['limit']}/{each['interval']}" for each in limits]
    return f"exchangeInfo raised to {', '.join(told)}"


def sim_key(data_dir: str) -> Key:
    """The key of the account `main`."""
    found = json.loads((Path(data_dir) / "keys" / "sim.main.json").read_text())
    return Key("sim.main", found["api_key"], found["secret"].encode())


def serve_aiohttp(tell: Callable[[int], None]) -> None:
    """HTTP alone: every request gets the same few bytes."""
    from aiohttp import web

    async def answer(request):
        await request.read()
        return web.Response(body=b"{}", content_type="application/json")

    asyncio.run(_site(answer, tell, None))


def serve_aiohttp_ws(tell: Callable[[int], None], context: ssl.SSLContext | None = None) -> None:
    """A WebSocket alone: every request is parsed, and acknowledged from a table."""
    from aiohttp import web

    async def answer(request):
        link = web.WebSocketResponse(compress=False)
        await link.prepare(request)
        async for message in link:
            await link.send_str(ACK % json.loads(message.data)["id"])
        return link

    asyncio.run(_site(answer, tell, context))


async def _site(answer, tell: Callable[[int], None], context: ssl.SSLContext | None) -> None:
    from aiohttp import web

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    tell(site._server.sockets[0].getsockname()[1])
    await asyncio.sleep(WATCHDOG_S * 100)
