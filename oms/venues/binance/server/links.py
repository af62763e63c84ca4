"""How the simulated Binance spot keeps its WebSockets: numbers for `oms/venues/serving/links.py`.

Sources: web-socket-streams.md and web-socket-api.md "General information", "WebSocket Limits",
"Server Shutdown". A ping goes out every 20 s; one that has no pong with its payload after a
minute ends the connection, and unsolicited pongs do not help. A stream connection may send 5
messages a second, pings and pongs among them. After 24 hours a connection ends; ten minutes
before, it is told `serverShutdown`.
"""

from __future__ import annotations

from oms.units import NS_PER_DAY, NS_PER_S
from oms.venues.serving.links import LinkRules, Links

PING_EVERY_NS = 20 * NS_PER_S
PONG_WITHIN_NS = 60 * NS_PER_S
LIFETIME_NS = NS_PER_DAY
WARNING_NS = 600 * NS_PER_S
"""How long before its end a connection is told."""
MESSAGES_PER_SECOND_MAX = 5


def kept_links() -> Links:
    """All connections of one exchange."""
    return Links(
        LinkRules(PING_EVERY_NS, PONG_WITHIN_NS, LIFETIME_NS, WARNING_NS, MESSAGES_PER_SECOND_MAX)
    )
