"""What the simulated exchange writes down of its orders, when, and what it keeps of it."""

from __future__ import annotations

import json

import pytest

from oms.agents.venue_sim.agent import VenueSimAgent
from oms.exchange.faults import FaultSpec
from oms.sim.harness import HarnessPorts
from tests.desks import START_NS
from tests.oms.agents.test_venue_sim import SECOND, OrderClient, harness_of, sim_desk


@pytest.mark.parametrize("faults", [(), (FaultSpec("duplicate", probability_e6=200_000),)])
def test_venue_sim_remembers_an_order_before_it_tells_of_it(monkeypatch, faults):
    told = []
    send = HarnessPorts.send

    def noted(ports, conn, data):
        message = json.loads(data)
        number = message.get("event", {}).get("i") or message.get("result", {}).get("orderId")
        if number is not None:
            told.append(number)
            lines = b"".join(ports._harness.journals["venue_sim.binance"])
            assert b'"order_id":%d,' % number in lines
        send(ports, conn, data)

    config = sim_desk(flow_events_per_s=0)
    agent = VenueSimAgent(config, "binance")
    harness = harness_of(config, agent, OrderClient(20))
    for fault in faults:
        agent.add_fault(fault, harness.now_ns)
    monkeypatch.setattr(HarnessPorts, "send", noted)
    harness.run_until(START_NS + 4 * SECOND)
    assert len(set(told)) == 20
    assert len(told) >= 40, "replies and events"


def test_venue_sim_keeps_the_files_that_a_start_reads(monkeypatch):
    monkeypatch.setattr("oms.agents.venue_sim.agent.REPORTS_PER_FILE_MAX", 10)
    config = sim_desk(flow_events_per_s=0)
    harness = harness_of(config, VenueSimAgent(config, "binance"), OrderClient(45))
    harness.run_until(START_NS + 6 * SECOND)
    files = harness.journals["venue_sim.binance"]
    kept = [bytes(data).count(b"\n") for data in files]
    assert len(files) == 5
    assert kept == [0, 0, 0, 10, 5]
    harness.kill("venue_sim.binance")
    second = VenueSimAgent(config, "binance")
    harness.start("venue_sim.binance", second)
    found = second.market.log.history(0, 0)
    assert [order.client_id for order in found] == [f"o{k}" for k in range(31, 46)]
