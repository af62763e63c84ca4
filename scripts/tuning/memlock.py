"""How much memory the desk's user may lock."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tuning.common import Host, Knob, TextFile, Wanted, main

ABOUT = """\
The desk locks its rings and tables in memory (mlock), so that they are never swapped out; the
limit is RLIMIT_MEMLOCK, 8 MiB or less by default. This writes a file of limits for the user who
runs the desk (`--user`). Gives: no page of a ring can be missing. Costs: that user may lock all
memory, and a program that went wrong could starve the machine. It counts from the next login; a
service of systemd wants LimitMEMLOCK=infinity in its unit instead.
"""

PLACE = "etc/security/limits.d"
MIB = 1 << 20
ENOUGH = 1 << 30
"""More than the largest desk's rings and tables."""


def limit_bytes(host: Host) -> int | None:
    """Of this process; -1 = no limit, None = not shown."""
    for line in (host.read("proc/self/limits") or "").splitlines():
        if line.startswith("Max locked memory"):
            soft = line.removeprefix("Max locked memory").split()[0]
            return -1 if soft == "unlimited" else int(soft)
    return None


def wanted(host: Host) -> Wanted:
    """No limit for the desk's user."""
    limit = limit_bytes(host)
    if limit is not None and (limit < 0 or limit >= ENOUGH):
        shown = "no limit" if limit < 0 else f"a limit of {limit // MIB} MiB"
        if host.read(f"{PLACE}/90-mexoms.conf") is None:
            return Wanted(lacks=f"there is {shown} of locked memory here already")
    if not (host.root / PLACE).is_dir():
        return Wanted(
            lacks=f"there is no folder /{PLACE} here: set LimitMEMLOCK=infinity in the service's "
            "unit, or --ulimit memlock=-1 for a container"
        )
    low = limit is not None and 0 <= limit < ENOUGH
    text = "".join(f"{host.user} {kind} memlock unlimited\n" for kind in ("soft", "hard"))
    return Wanted(
        settings=[TextFile(f"{PLACE}/90-mexoms.conf", text)],
        after="log in again, so that the limit counts",
        pending="written down, but this login has the old limit" if low else "",
    )


KNOB = Knob("memlock", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
