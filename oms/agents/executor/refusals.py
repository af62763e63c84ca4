"""What an executor says of a command that it does not send: nothing left, so nothing is in doubt
but the order that a REPLACE was to end. Risk asks how that one is."""

from __future__ import annotations

from collections.abc import Mapping

from oms.agents.executor.checks import Refusal
from oms.agents.executor.out import Outbox
from oms.venues.reports import Instrument, Report
from oms.venues.shared.order_command import Command
from shm_layout.enums import Action, ExecKind


class Refusals:
    """See the module's text."""

    def __init__(self, outbox: Outbox, instruments: Mapping[int, Instrument]) -> None:
        self._outbox = outbox
        self._instruments = instruments

    def not_sent(self, command: Command, pos: int, now_ns: int, refusal: Refusal) -> None:
        """Of a new order, or one that was to take another's place."""
        self.say(ExecKind.NOT_SENT, command, pos, now_ns, refusal)
        self._of_target(ExecKind.CANCEL_REJECT, command, pos, now_ns, refusal)

    def doubted(self, command: Command, pos: int, now_ns: int, refusal: Refusal) -> None:
        """It may have been sent before, by us or by a predecessor."""
        self.say(ExecKind.NO_ANSWER, command, pos, now_ns, refusal)
        self._of_target(ExecKind.NO_ANSWER, command, pos, now_ns, refusal)

    def say(
        self, kind: ExecKind, command: Command, pos: int, now_ns: int, refusal: Refusal
    ) -> None:
        """One execution about the command's order."""
        report = Report(kind, command.client_order_id, self._instruments.get(command.instrument_id))
        report.reason, report.text = refusal
        self._outbox.report(report, command.account_id, now_ns, pos)

    def _of_target(
        self, kind: ExecKind, command: Command, pos: int, now_ns: int, refusal: Refusal
    ) -> None:
        if command.action == Action.REPLACE:
            about = command._replace(client_order_id=command.target_client_order_id)
            self.say(kind, about, pos, now_ns, refusal)
