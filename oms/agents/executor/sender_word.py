"""The sender's word in a kill: what of it is under way, said under a count of the latch.

Row `sender.<group>`. Under a latch no new order leaves any more (`LatchView` is looked at before
each), so what is under way when the word is written is all that can still arrive of this
incarnation; what one before it sent, it sent before `begun_ns`. The word holds for the counts that
stand in it, and is said again when either has changed or less is under way (NINE-MARKETS.md 4).

Under way is a new order that is queued, waits for its connection, or was sent and has no answer; a
question that timed out is under way until there is evidence: until risk's table no longer doubts
that order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from oms.agents.executor.orders import OrderTable
from oms.agents.latch import LatchView
from oms.ports import Ports
from shm_layout.enums import OrderState, RecordType

LOOK_NS = 250_000_000
"""An executor that has nothing to do looks at the latch so often."""

Asked = Callable[[], Iterable[tuple[int, int, bool]]]
"""(our id, our clock when it was signed, whether its question timed out) of every new order that is
queued, connecting, or sent and not answered."""
_DOUBTED = (OrderState.PENDING_NEW, OrderState.PENDING_CANCEL, OrderState.UNKNOWN)


class SenderWord:
    """See the module's text."""

    __slots__ = ("_asked", "_begun_ns", "_latch", "_orders", "_said", "_table")

    def __init__(
        self, ports: Ports, group_name: str, latch: LatchView, orders: OrderTable, asked: Asked,
        now_ns: int,
    ) -> None:  # fmt: skip
        self._table = ports.table_writer(f"sender.{group_name}")
        self._latch = latch
        self._orders = orders
        self._asked = asked
        self._begun_ns = now_ns
        self._said: tuple[int, ...] = ()

    def say(self, now_ns: int) -> int:
        """Say it where a latch is set and the last word is no longer the whole truth; returns 1
        where something was said. Called once a turn, behind what the turn sent.
        """
        if not self._latch.latched():
            return 0
        # The counts first: what is counted below was sent before the next change is seen.
        counts = self._latch.counts()
        signed = list(self._under_way())
        word = (*counts, len(signed), max(signed, default=0))
        if word == self._said:
            return 0
        self._said = word
        own, command, under_way, newest_ns = word
        self._table.write(
            0, type=int(RecordType.SENDER_ROW), latch_count=own, command_count=command,
            under_way=under_way, newest_ns=newest_ns, begun_ns=self._begun_ns, ts_ns=now_ns,
        )  # fmt: skip
        return 1

    def _under_way(self) -> Iterator[int]:
        """When each of them was signed."""
        asked = list(self._asked())
        doubted = {number for number, _ in self._orders.waiting(_DOUBTED)} if asked else set()
        for number, signed_ns, timed_out in asked:
            if not timed_out or number in doubted:
                yield signed_ns
