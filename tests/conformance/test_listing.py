"""C21, C27: what the exchange says of its instruments, at the start and while they are traded."""

import dataclasses

from oms.exchange.engine import layout_hot as lay
from oms.sim.harness import HarnessPorts
from shm_layout.enums import MarketStatus, OrderState, RejectReason, Side
from tests.conformance.stand import S, Stand


def with_oddities(venue):
    """(ports of an exchange that lists them so, a mend of the config that wants them)."""

    class Relisting(HarnessPorts):
        def respond(self, conn, request_id, status, headers, body):
            if self.role == f"venue_sim.{venue.exchange}" and status == 200:
                body = venue.relisted(body, venue.oddities) or body
            super().respond(conn, request_id, status, headers, body)

    def mend(config):
        names = tuple(odd.name for odd in venue.oddities)
        (first,), (sim,) = config.venues, config.sims
        wanted = dataclasses.replace(first, instruments=(*first.instruments, *names))
        (plain,) = sim.instruments
        listed = [
            dataclasses.replace(plain, symbol=venue.symbol(odd.name), base=odd.name.split("/")[0])
            for odd in venue.oddities
        ]  # fmt: skip
        sims = (dataclasses.replace(sim, instruments=(plain, *listed)),)
        return dataclasses.replace(config, venues=(wanted,), sims=sims)

    return Relisting, mend


def test_c21_list_with_what_cannot_be_traded_costs_nothing_but_that(venue):
    ports, mend = with_oddities(venue)
    stand = Stand(venue, ports=ports, mend=mend)
    stand.until(stand.reconciled, 30 * S, "the executor waits for what will never come")
    rows = stand.harness.table("instruments").rows
    by_name = {bytes(row["name"]).decode(): row for row in rows if row["seq"]}
    left_out = {entry[4]["instrument"] for entry in stand.logged("instrument_left_out")}
    for odd in venue.oddities:
        assert (odd.name in left_out) == odd.left_out
        assert (odd.name in by_name) != odd.left_out
        if not odd.left_out:
            assert bool(by_name[odd.name]["trading"]) == odd.trades
    stand.trading()  # the feed, too
    traded = stand.opened(Side.BUY, -10, 1000)
    assert traded.at_exchange.is_open
    for odd in venue.oddities:
        if not odd.left_out and not odd.trades:
            refused = stand.place(
                Side.BUY, -10, 1000, instrument_id=int(by_name[odd.name]["instrument_id"])
            )
            stand.run(S)
            assert refused.refused is RejectReason.UNKNOWN_INSTRUMENT
    assert stand.sent() == 1
    stand.judge()


def test_c27_lack_of_warnings_is_a_halt_that_the_exchanges_refusals_tell(stand, venue):
    assert not venue.facts.caps.statuses & {MarketStatus.WARNING, MarketStatus.DELISTING}
    kept = stand.opened(Side.BUY, -10, 1000)
    halted = (lay.STATE_HALT, lay.STATE_TRADING)
    for state in halted:
        stand.halt(state)
        asked = stand.place(Side.BUY, -20, 1000)
        stand.run(S)
        if state == lay.STATE_HALT:
            assert asked.state is OrderState.REJECTED
            assert asked.at_exchange is None
            assert asked.reason is RejectReason.VENUE_REJECT
        else:
            assert asked.state is OrderState.OPEN
    assert kept.state is OrderState.OPEN
    stand.judge()
