"""The network card: each packet at once."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from procs.machine.cores import network_cards
from scripts.tuning.common import Coalescing, Host, Knob, Wanted, main

ABOUT = """\
A network card waits some microseconds, gathering packets, before it interrupts (rx-usecs), and
chooses that time by load (adaptive-rx). Wanted: adaptive off, 0 microseconds, on every card that
is up. Gives: market data and fills up to 50 microseconds earlier. Costs: one interrupt per
packet, so more CPU at high rates; a card at hundreds of thousands of packets a second needs it
back.
"""


def wanted(host: Host) -> Wanted:
    """No gathering, on every card that is up."""
    cards = network_cards(host.root)
    if not cards:
        return Wanted(lacks="no network card with a device behind it is up here")
    if host.program("ethtool") is None:
        return Wanted(
            lacks=f"ethtool is not installed, so {', '.join(cards)} cannot be asked: "
            "apt install ethtool"
        )
    made = Wanted()
    for card in cards:
        for name, value in (("adaptive-rx", "off"), ("rx-usecs", "0")):
            setting = Coalescing(f"{card}:{name}", value)
            if setting.read(host) not in (None, "n/a"):
                made.settings.append(setting)
    if not made.settings:
        made.lacks = f"{', '.join(cards)}: the driver has no coalescing to set (a virtual card)"
    return made


KNOB = Knob("nic_coalescing", ABOUT.strip(), wanted, __file__)

if __name__ == "__main__":
    sys.exit(main([KNOB]))
