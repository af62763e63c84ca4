"""Room for bursts in sockets, and no slow start after a pause."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning.common import Host, Knob, Value, Wanted, main

ABOUT = """\
A burst of market data that finds the socket's buffer full makes the exchange's side wait, and
some exchanges then cut the connection; net.core.rmem_max and wmem_max bound what a program may
ask for, tcp_rmem and tcp_wmem what the kernel grows to, netdev_max_backlog what waits for the
CPU. Besides, tcp_slow_start_after_idle makes a connection that was quiet for a second begin
slowly again: an order's connection is often quiet. Gives: no cut in a burst, and the first order
after a pause leaves in one piece. Costs: up to 16 MiB of kernel memory for a connection that is
far behind.
"""

BYTES = 16 * 1024 * 1024
BACKLOG = 5000
LEAST = {
    "proc/sys/net/core/rmem_max": BYTES,
    "proc/sys/net/core/wmem_max": BYTES,
    "proc/sys/net/core/netdev_max_backlog": BACKLOG,
}
RANGES = ("proc/sys/net/ipv4/tcp_rmem", "proc/sys/net/ipv4/tcp_wmem")
IDLE = "proc/sys/net/ipv4/tcp_slow_start_after_idle"


def wanted(host: Host) -> Wanted:
    """At least so much; what is larger stays."""
    made = Wanted()
    for path, least in LEAST.items():
        found = host.read(path)
        if found is not None:
            made.settings.append(Value(path, str(max(int(found), least))))
    for path in RANGES:
        found = host.read(path)
        if found is not None:
            low, middle, high = found.split()
            made.settings.append(Value(path, f"{low}\t{middle}\t{max(int(high), BYTES)}"))
    if host.read(IDLE) is not None:
        made.settings.append(Value(IDLE, "0"))
    if not made.settings:
        made.lacks = (
            "this machine shows no socket limits (no /proc/sys/net); a container's host decides"
        )
    return made


KNOB = Knob("socket_buffers", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
