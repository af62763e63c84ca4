"""The fast path of a new order: prepared while there is time, walked in a few microseconds.

`renew`, in a turn that had nothing to do, asks for the accounts that traded last all that
`ExecutorAgent._refuse` would ask before it sends, and grants each the next order where nothing
speaks against it. Whatever happens then (a message, a connection's event, an order by the long
way, a timer) calls `close`, which voids all grants. What other processes may change in between,
the kernel looks at itself (`guards`): the latch, the limits, pauses that others were told. So an
order goes the fast path only where the long way would have sent the same bytes; the books (ledger,
questions, ids seen) are written up when they have left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oms.agents.executor import fast_path_hot as hot_
from oms.agents.executor.checks import LastChecks
from oms.agents.executor.fast_path_hot import FORM_BITS, FORM_MASK, TAKEN, WRITTEN, take_new
from oms.agents.executor.links import Account, Wire
from oms.agents.executor.predecessor import PredecessorWork
from oms.agents.executor.session import Question, Session, What
from oms.agents.executor.stamp_hot import note_sent
from oms.ports import NEVER, Ports
from oms.venues.reports import Ask, Instrument, Want
from oms.venues.shared.order_command import Command, CommandReader
from oms.venues.shared.order_text import Buffers, OrderText
from oms.venues.shared.order_text_hot import FRAME_AT, LITERALS_BYTES, TEMPLATE_WORDS
from shm_layout.doorbell import word_address
from shm_layout.limits import ACCOUNTS_MAX
from shm_layout.records import LATCH_ROW, LIMITS_ROW, RATE_ROW, word_of
from shm_layout.ring import RingReader
from shm_layout.table import TableReader
from shm_layout.words.sha256_hot import MAC_WORDS

ACCOUNTS_GRANTED_MAX = 8
"""Accounts whose next order may go the fast path: renewing is paid for by each of them."""
SENT, HANDED_BACK = -1, -2
"""Of `FastPath.take`, beside what the kernel says."""


class FastPath:
    """See the module's text. `may_trade`: no latch, no draining; it looks at the limits, too."""

    def __init__(
        self,
        ports: Ports,
        ring: RingReader,
        commands: CommandReader,
        *,
        checks: LastChecks,
        predecessor: PredecessorWork,
        session: Session,
        latency: np.ndarray[Any, Any],
        may_trade: Callable[[], bool],
    ) -> None:
        self._ports = ports
        self._send = ports.send
        self._commands = commands
        self._checks, self._predecessor, self._session = checks, predecessor, session
        self._latency = latency
        self._may_trade = may_trade
        self._buffers = Buffers()
        self._out = self._buffers.out_bytes
        self._state = np.zeros(hot_.STATE_WORDS, np.int64)
        self._view = self._state.data
        self._view[hot_.S_GENERATION] = 1
        self._grants = np.zeros(ACCOUNTS_MAX, np.int64)
        self._recent: dict[int, Account] = {}
        self._texts: dict[int, tuple[Account, Instrument, dict[bool, OrderText]]] = {}
        self._guards, self._same = self._make_guards(session.ledger.peers)
        self._ring = ring
        self._sized_by = -1
        self._accounts: dict[int, Account] = {}
        self._instruments: dict[int, Instrument] = {}
        self.sent = 0
        """Orders that went this way."""
        self.closed = True
        self._shapes = np.full(hot_.FORMS_MAX, hot_.NO_SHAPE, np.int64)
        self._templates = np.zeros((hot_.FORMS_MAX, TEMPLATE_WORDS), np.int64)
        self._literals = np.zeros((hot_.FORMS_MAX, LITERALS_BYTES), np.uint8)
        self._macs = np.zeros((hot_.FORMS_MAX, MAC_WORDS), np.int64)
        self._forms: list[tuple[Account, Instrument, bool]] = []
        self._next_form = 0
        self._world: Any = None
        self._handle: Any = None

    def _make_guards(
        self, peers: tuple[TableReader, ...]
    ) -> tuple[np.ndarray[Any, Any], list[tuple[int, memoryview, int]]]:
        """Rows for the kernel; and for `renew` (row, words, index) of those that must stay."""
        own, command = self._ports.table_reader("latch"), self._ports.table_reader("latch.command")
        limits = self._ports.table_reader("limits")
        still = [
            (own, word_of(LATCH_ROW, "latched")),
            (own, word_of(LATCH_ROW, "count")),
            (own, word_of(LATCH_ROW, "seen_count")),
            (command, word_of(LATCH_ROW, "count")),
            (limits, word_of(LIMITS_ROW, "seq")),
        ]
        still += [(peer, word_of(RATE_ROW, "pauses")) for peer in peers]
        over = [
            (peer, word_of(RATE_ROW, name))
            for peer in peers
            for name in ("pause_until_ns", "ban_until_ns")
        ]
        rows = [(word_address(t.words, at), hot_.RULE_SAME, 0) for t, at in still]
        rows += [(word_address(t.words, at), hot_.RULE_PASSED, 0) for t, at in over]
        same = [(k, table.words.data, at) for k, (table, at) in enumerate(still)]
        return np.array(rows, np.int64), same

    def begin(self, accounts: dict[int, Account], instruments: dict[int, Instrument]) -> None:
        """Risk's rows are there."""
        self._accounts, self._instruments = accounts, instruments
        self._sizes = np.zeros((max(instruments, default=0) + 1, hot_.SIZE_COLUMNS), np.int64)
        self._set_sizes()
        ring = self._ring
        world = hot_.FAST_PATH.make(
            words=ring.words, cursor=ring.cursor, slots=ring.slots,
            slot_words=ring.slots.view(np.int64).reshape(len(ring.slots), -1),
            place=self._commands.place, state=self._state, grants=self._grants,
            sizes=self._sizes, guards=self._guards, values=self._buffers.values,
            taken=self._commands.taken, shapes=self._shapes, templates=self._templates,
            literals=self._literals, macs=self._macs, out=self._buffers.out,
        )  # fmt: skip
        self._world = world  # its arrays live as long as this
        self._handle = world.handle

    def _set_sizes(self) -> None:
        self._sized_by = self._checks.version
        for instrument_id, instrument in self._instruments.items():
            most = self._checks.max_order(instrument)
            known = self._checks.known(instrument)
            self._sizes[instrument_id] = most, instrument.notional_divisor, known

    # Grants

    def close(self) -> None:
        """Something happened: what was granted is to be asked for again."""
        if not self.closed:
            self._view[hot_.S_GENERATION] += 1
            self.closed = True

    def traded(self, account: Account) -> None:
        """An order of this account went the long way: its next one may go the short."""
        if account.account_id in self._recent:
            return
        if len(self._recent) >= ACCOUNTS_GRANTED_MAX:
            del self._recent[next(iter(self._recent))]
        self._recent[account.account_id] = account

    def renew(self, now_ns: int) -> None:
        """Ask again for all that was voided."""
        view, checks = self._view, self._checks
        self.closed = False
        view[hot_.S_GENERATION] += 1
        view[hot_.S_ROOM] = 0
        view[hot_.S_VENUE_OFFSET_NS] = self._session.clock.offset_ns
        # First what must stay, then what follows from it: a change in between is seen as one.
        for row, words, at in self._same:
            self._guards[row, 2] = words[at]
        if self._predecessor.due_ns != NEVER or not self._may_trade():
            return
        if self._sized_by != checks.version:
            self._set_sizes()
        view[hot_.S_NEWEST_ID] = max(checks.newest_id, max(self._predecessor.given_up, default=0))
        view[hot_.S_NEWEST_EPOCH] = checks.newest_epoch
        for account in self._recent.values():
            self._grant(account, now_ns)
        view[hot_.S_ROOM] = self._session.has_order_room(now_ns)

    def _grant(self, account: Account, now_ns: int) -> None:
        may = (
            account.ready
            and account.link.wire is not None
            and self._session.has_order_room_of(account, now_ns)
        )
        self._grants[account.account_id] = self._view[hot_.S_GENERATION] if may else 0

    # Orders

    def take(self, now_ns: int) -> int:
        """Take what stands next in the ring, and send it where it may go this way: EMPTY, OTHER
        (nothing was taken), SENT, or HANDED_BACK: it was taken, and cannot go this way after all.
        """
        found: int = take_new(self._handle, now_ns, self._session.newest_id + 1)
        if found < WRITTEN:
            return self._write_and_send(now_ns) if found == TAKEN else found
        account, instrument, logged_on = self._forms[(found & FORM_MASK) - WRITTEN]
        wire = account.link.wire
        if wire is None or not account.ready or wire.logged_on is not logged_on:
            return self._write_and_send(now_ns)
        self._send(wire.conn, self._out[FRAME_AT : found >> FORM_BITS].tobytes())
        self._book(account, instrument, wire, now_ns)
        return SENT

    def _write_and_send(self, now_ns: int) -> int:
        """The same where the kernel had no form for it, or one for another session."""
        shape = self._view[hot_.S_SHAPE]
        found = self._texts.get(shape)
        if found is None:
            found = self._new_text(self._commands.command())
        account, instrument, texts = found
        wire = account.link.wire
        if wire is None or not account.ready:
            return HANDED_BACK
        text = texts.get(wire.logged_on)
        if text is None:
            text = self._text_of(account, instrument, texts, wire.logged_on)
        if text is None:
            return HANDED_BACK
        session = self._session
        frame = text.write(session.newest_id + 1, session.clock.venue_ms(now_ns))
        self._send(wire.conn, frame)
        self._book(account, instrument, wire, now_ns)
        if text.compiled:
            self._give_form(shape, text, (account, instrument, wire.logged_on))
        return SENT

    def _book(self, account: Account, instrument: Instrument, wire: Wire, now_ns: int) -> None:
        """An order has left: write up the books, ask for the grant of the next one."""
        session = self._session
        command, pos = self._commands.command(), self._commands.pos - 1
        ask = Ask(Want.PLACE, account.name, instrument=instrument, orders=(command,))
        question = Question(What.NEW, account, ask, command.client_order_id, instrument, pos)
        number = session.next_request_id()
        room, more = session.placed(number, question, wire, now_ns)
        self._checks.saw(command)
        if command.stamp_cycles or command.risk_cycles:
            note_sent(self._latency, command.stamp_cycles, command.risk_cycles)
        self.sent += 1
        may = more and account.ready and account.link.wire is not None
        self._grants[account.account_id] = self._view[hot_.S_GENERATION] if may else 0
        self._view[hot_.S_ROOM] = room

    def _give_form(self, shape: int, text: OrderText, of: tuple[Account, Instrument, bool]) -> None:
        """The kernel writes the next order of this shape itself; the oldest form makes room."""
        known = np.flatnonzero(self._shapes == shape)
        at = int(known[0]) if len(known) else self._next_form
        if not len(known):
            self._next_form = (at + 1) % hot_.FORMS_MAX
        self._templates[at], self._literals[at], self._macs[at] = (
            text.template, text.literals, text.mac,
        )  # fmt: skip
        self._forms[at : at + 1] = [of]
        self._shapes[at] = shape

    def _new_text(self, command: Command) -> tuple[Account, Instrument, dict[bool, OrderText]]:
        texts: dict[bool, OrderText] = {}
        account = self._accounts[command.account_id]
        found = account, self._instruments[command.instrument_id], texts
        self._texts[self._view[hot_.S_SHAPE]] = found
        return found

    def _text_of(
        self, account: Account, instrument: Instrument, texts: dict[bool, OrderText],
        logged_on: bool,
    ) -> OrderText | None:  # fmt: skip
        command = self._commands.command()
        shape = (command.side, command.order_type, command.time_in_force)
        made = self._session.side.order_text(
            instrument, shape, account.name, self._buffers, logged_on=logged_on
        )
        if made is not None:
            texts[logged_on] = made
        return made
