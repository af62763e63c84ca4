"""The rate ledger of one process towards one exchange (DESIGN.md 8 "Rate limits").

A venue counts request weight by address, new orders by account. Several processes ask from one
address: the executor, the feeds, the watchdog. Each owns its *shares* of the address's weight, by
config, and keeps a ledger of its own; none asks another before it sends. What the venue itself
counts comes back with every answer and holds for all of them together, so that a share that
somebody overdraws is seen, and given way to in this order: kill before cancels before
reconciliation before orders before snapshots.

A request of share s and weight w may go when
- s has room: what we sent in this window and w fit its share. (Cancels, and kill, may also take
  what is left over.)
- the address has room: the venue's count and w leave what is set apart for whatever is more
  important and ours, and what the other processes' shares have left; the kill's always.
An account that has never been reconciled trades nothing, and its reconciliation may borrow what
other shares do not use (`borrow`): all but a quarter of what is set apart for orders and for
snapshots, and the margin; nothing of what is the cancels', the kill's, or reconciliation's own.
A kill that is in earnest asks nobody (`seize`): it takes what the venue lets the address do, less a
little for what others have under way, and they give way when they see the venue's count.

The venue's count in this window is its last word plus what we sent after the request that it
answered. Windows are aligned to the venue's clock. 429 pauses all but cancels, 418 everything; a
pause that one process of the desk was told is read by the others from its table `rates.<role>`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from oms.config import SharesConfig
from oms.ports import NEVER
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY, Usage, VenueLimits
from shm_layout.enums import Exchange, RateKind, RateShare, RecordType
from shm_layout.limits import RATE_ROWS_ACCOUNT, RATE_ROWS_EGRESS
from shm_layout.records import NO_ID
from shm_layout.table import TableReader, TableWriter

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
CONNECTIONS_NS = 300 * SECOND_NS
ORDERS_NS = 10 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS
CONNECTIONS_PERCENT = 50
"""Of the connections that an address may open: an executor's part, and all feeds' part."""
PAUSE_DEFAULT_NS = 10 * SECOND_NS
"""429 or 418 without a time."""
SEIZE_KEPT_PERCENT = 10
"""Of an address's weight: what a kill leaves for requests of others that the venue has not counted
yet."""
LENT_PERCENT = 75
"""Of the shares for orders and snapshots: what first reconciliations may use of it."""
_LENDERS = (RateShare.ORDERS, RateShare.SNAPSHOTS)
PUBLISH_NS = 200_000_000
PEERS_NS = 20_000_000
"""How often the tables of the other processes are looked at."""

BY_IMPORTANCE = (
    RateShare.KILL, RateShare.CANCELS, RateShare.RECONCILIATION, RateShare.ORDERS,
    RateShare.SNAPSHOTS,
)  # fmt: skip
_BORROWERS = (RateShare.KILL, RateShare.CANCELS)
_CONNECTIONS_ROW = RATE_ROWS_EGRESS - 1
assert len(RateShare) <= _CONNECTIONS_ROW, "a row for the whole, and for each share"


URGENT_PERCENT = 25
"""Of reconciliation's share: what reconciling leaves for connections and queries."""


def starting_weight(limits: VenueLimits, shares: SharesConfig) -> int:
    """Weight of a minute that first reconciliations may use where nobody else uses any."""
    kept = shares.kill + shares.cancels + shares.reconciliation * URGENT_PERCENT // 100
    kept += (shares.orders + shares.snapshots) * (100 - LENT_PERCENT) // 100
    return limits.weight_per_minute * (100 - kept) // 100


class RatePorts(Protocol):
    """What a ledger needs of its host."""

    def log(self, level: str, event: str, **fields: Any) -> None: ...


@dataclass(slots=True)
class _Count:
    """What an address or an account has used in one aligned window."""

    ns: int
    limit: int
    index: int = -1
    base: int = 0
    """Our running total when the window began, or at the venue's last word."""
    reported: int = NO_ID

    def turn(self, total: int, venue_ns: int) -> bool:
        """Begin the window of `venue_ns` if it is a new one. The estimate of the venue's clock may
        go back a little; that begins none again.
        """
        index = venue_ns // self.ns
        if index == self.index or index == self.index - 1:
            return False
        self.index, self.base, self.reported = index, total, NO_ID
        return True

    def used(self, total: int) -> int:
        return max(self.reported, 0) + total - self.base

    def note(self, count: int, mark: int, sent_venue_ns: int) -> bool:
        """The venue's word in an answer to what was sent when our total was `mark`; one from
        before this window, or older than the last, says nothing.
        """
        if count < 0 or sent_venue_ns // self.ns != self.index or mark < self.base:
            return False
        self.reported, self.base = count, mark
        return True


class OrderCount:
    """New orders of one account: a window of ten seconds that slides with ours, so that no aligned
    one can hold too many, and the venue's own counts, which know other senders' orders, too.
    """

    def __init__(self, orders_per_10s: int, venue_ns: Callable[[int], int]) -> None:
        self._venue_ns = venue_ns
        self._sent: deque[int] = deque(maxlen=max(orders_per_10s, 1))
        self._closed = orders_per_10s <= 0
        self._short = _Count(ORDERS_NS, orders_per_10s)
        self._day = _Count(DAY_NS, 0)
        self.total = 0
        """New orders that we sent; an order's mark."""
        self.refused = 0
        self.changed = True
        """Its rows in the table are behind."""
        self.pause_until_ns = 0
        """The venue said: not before this."""

    @property
    def limit(self) -> int:
        """New orders in ten seconds."""
        return self._short.limit

    def set_limits(self, orders_per_10s: int, orders_per_day: int) -> None:
        """What the venue's list says; the smaller of it and the config holds. 0 = not said."""
        self._day.limit = orders_per_day
        if 0 < orders_per_10s < self._short.limit:
            self._short.limit = orders_per_10s
            self._sent = deque(self._sent, maxlen=orders_per_10s)

    def full(self, now_ns: int) -> bool:
        """Whether one more now would be too many."""
        sent = self._sent
        if self._closed or now_ns < self.pause_until_ns:
            return True
        if len(sent) == sent.maxlen and now_ns - sent[0] < ORDERS_NS:
            return True
        self._turn(now_ns)
        if self._short.reported >= 0 and self._short.used(self.total) >= self._short.limit:
            return True
        return 0 < self._day.limit <= self._day.used(self.total)

    def _turn(self, now_ns: int) -> None:
        venue_ns = self._venue_ns(now_ns)
        self._short.turn(self.total, venue_ns)
        self._day.turn(self.total, venue_ns)

    def count(self, now_ns: int) -> int:
        """One more goes now; returns its mark."""
        self._turn(now_ns)
        self._sent.append(now_ns)
        self.total += 1
        self.changed = True
        return self.total

    def note(self, usage: Usage, mark: int, sent_ns: int, now_ns: int) -> None:
        """What the venue counted, in the answer to what was sent at that mark."""
        self._turn(now_ns)
        self.changed = True
        sent_venue_ns = self._venue_ns(sent_ns)
        self._short.note(usage.orders_10s, mark, sent_venue_ns)
        self._day.note(usage.orders_day, mark, sent_venue_ns)

    def pause(self, until_ns: int, now_ns: int) -> None:
        """The venue refused one too many, and said until when (0 = not said)."""
        until_ns = until_ns if until_ns > now_ns else now_ns + PAUSE_DEFAULT_NS
        self.pause_until_ns = max(self.pause_until_ns, until_ns)
        self.changed = True

    def rows(self, now_ns: int) -> tuple[tuple[int, int, int, int, int], ...]:
        """(interval in s, used, limit, reported, window's begin) of both counts."""
        self._turn(now_ns)
        since_ns = now_ns - ORDERS_NS
        ours = sum(sent_ns > since_ns for sent_ns in self._sent)
        shift_ns = self._venue_ns(now_ns) - now_ns
        short, day = self._short, self._day
        # The venue takes an order off its count at its first fill; our window does not.
        used = max(ours, short.used(self.total)) if short.reported >= 0 else ours
        return (
            (ORDERS_NS // SECOND_NS, used, short.limit, short.reported,
             short.index * ORDERS_NS - shift_ns),
            (DAY_NS // SECOND_NS, day.used(self.total), day.limit, day.reported,
             day.index * DAY_NS - shift_ns),
        )  # fmt: skip


class Ledger:
    """Request weight, connections and pauses of one address at one exchange, as one process keeps
    them; `own` are its shares, `table` is its rows of RATE_ROW.
    """

    def __init__(
        self,
        ports: RatePorts,
        table: TableWriter,
        exchange: Exchange,
        shares: SharesConfig,
        limits: VenueLimits,
        own: Iterable[RateShare],
        peers: Iterable[TableReader],
        now_ns: int,
    ) -> None:
        self._ports = ports
        self._exchange = exchange
        self._table = table
        self.peers = tuple(peers)
        """Tables of the other processes that ask from this address."""
        self._peers_due_ns = 0
        self._percent = {share: getattr(shares, share.name.lower()) for share in BY_IMPORTANCE}
        self._own = frozenset(own)
        self._above = {
            share: tuple(s for s in BY_IMPORTANCE[: BY_IMPORTANCE.index(share)] if s in self._own)
            for share in BY_IMPORTANCE
        }
        """Shares of ours that are more important."""
        self._ours = 0
        """What all of them have sent in this window."""
        self._borrowed = 0
        """Of it, what first reconciliations took beside their share."""
        self._weight = _Count(MINUTE_NS, 0)
        self._connections = _Count(CONNECTIONS_NS, 0)
        self._opened = 0
        self._sent = dict.fromkeys(BY_IMPORTANCE, 0)
        self._refused = dict.fromkeys((RateShare.UNSET, *BY_IMPORTANCE), 0)
        self.venue_ns: Callable[[int], int] = lambda now_ns: now_ns
        """The venue's clock at ours; set by who knows it."""
        self.total = 0
        """Weight that we sent; a request's mark."""
        self.pause_until_ns = 0
        """429: nothing but cancels before this."""
        self.ban_until_ns = 0
        """418: nothing at all before this."""
        self._publish_ns = 0
        self._changed = False
        self.set_limits(limits)
        self._recall(now_ns)

    def _recall(self, now_ns: int) -> None:
        """What a former incarnation sent in this minute, and what pauses it was told of. (By our
        clock: the venue's is not known yet; the venue's own count comes with the first answer.)
        """
        self._turn(now_ns)
        rows = self._table.rows
        self.pause_until_ns = int(rows["pause_until_ns"][0])
        self.ban_until_ns = int(rows["ban_until_ns"][0])
        for share in self._own:
            row = int(share)
            if int(rows["seq"][row]) and int(rows["window_ns"][row]) + MINUTE_NS > now_ns:
                self._sent[share] = int(rows["used"][row])
        self._ours = sum(self._sent.values())

    def set_limits(self, limits: VenueLimits) -> None:
        """What the venue's list says."""
        self._weight.limit = limits.weight_per_minute
        self._connections.limit = limits.connections_per_5m
        whole = self._weight.limit
        self._share = {share: whole * part // 100 for share, part in self._percent.items()}
        foreign = [share for share in BY_IMPORTANCE if share not in self._own]
        self._foreign = sum(self._share[share] for share in foreign)
        lent = sum(self._share[share] for share in foreign if share in _LENDERS)
        self._lent = lent * LENT_PERCENT // 100

    def share_of(self, share: RateShare) -> int:
        """Weight of a window that is set apart for it."""
        return self._share[share]

    @property
    def seizable(self) -> int:
        """Weight of a window that a kill may take, where nobody else has used any."""
        return self._weight.limit * (100 - SEIZE_KEPT_PERCENT) // 100

    # Asking

    def charge(self, share: RateShare, weight: int, now_ns: int) -> bool:
        """Take `weight` out of the share; False = it must not be sent now."""
        assert share in self._own, f"{share.name} is another process's"
        self._turn(now_ns)
        if self.blocked(share, now_ns) or not self._fits(share, weight):
            self._refused[share] += 1
            self._changed = True
            return False
        self._add(share, weight)
        return True

    def sent(self, share: RateShare, weight: int, now_ns: int) -> None:
        """Count what `fits` let go a moment ago."""
        self._turn(now_ns)
        self._add(share, weight)

    def _add(self, share: RateShare, weight: int) -> None:
        self._sent[share] += weight
        self._ours += weight
        self.total += weight
        self._changed = True

    def borrows(self, weight: int, now_ns: int) -> bool:
        """Whether `borrow` would say yes."""
        self._turn(now_ns)
        if self.blocked(RateShare.RECONCILIATION, now_ns):
            return False
        used = max(self._weight.used(self.total), self._ours)
        kept = {share: self._share[share] - self._sent[share] for share in BY_IMPORTANCE}
        for share in _LENDERS:
            kept[share] -= self._share[share] * LENT_PERCENT // 100
        own = sum(max(kept[share], 0) for share in self._own)
        theirs = sum(kept[share] for share in BY_IMPORTANCE if share not in self._own)
        theirs = max(theirs - (used - self._ours), self._share[RateShare.KILL])
        return used + weight + own + theirs <= self._weight.limit

    def borrow(self, weight: int, now_ns: int) -> bool:
        """Take `weight` for a first reconciliation out of what other shares do not use; False =
        not in this window.
        """
        if not self.borrows(weight, now_ns):
            return False
        self._borrowed += weight
        self._ours += weight
        self.total += weight
        self._changed = True
        return True

    def seize(self, weight: int, now_ns: int) -> bool:
        """Take `weight` for a kill, whoever it was set apart for; False = the venue would not
        answer it in this window, or has banned the address.
        """
        assert RateShare.KILL in self._own, "kill is another process's"
        self._turn(now_ns)
        used = max(self._weight.used(self.total), self._ours)
        if self.blocked(RateShare.KILL, now_ns) or used + weight > self.seizable:
            self._refused[RateShare.KILL] += 1
            self._changed = True
            return False
        self._add(RateShare.KILL, weight)
        return True

    def blocked(self, share: RateShare, now_ns: int) -> bool:
        """Whether the venue wants a pause from this share."""
        if now_ns >= self._peers_due_ns:
            self._look_at_peers(now_ns)
        if now_ns < self.ban_until_ns:
            return True
        return now_ns < self.pause_until_ns and share not in _BORROWERS

    def fits(self, share: RateShare, weight: int, now_ns: int) -> bool:
        """Whether `charge` would say yes."""
        self._turn(now_ns)
        return not self.blocked(share, now_ns) and self._fits(share, weight)

    def room(self, share: RateShare, now_ns: int) -> int:
        """The most that `charge` would grant."""
        self._turn(now_ns)
        return 0 if self.blocked(share, now_ns) else max(self._room(share), 0)

    def _fits(self, share: RateShare, weight: int) -> bool:
        return weight <= self._room(share)

    def _room(self, share: RateShare) -> int:
        used = max(self._weight.used(self.total), self._ours)
        kept = self._foreign - (used - self._ours) - min(self._borrowed, self._lent)
        least = 0 if share is RateShare.KILL else self._share[RateShare.KILL]
        kept = max(kept, least)
        for more in self._above[share]:
            kept += max(self._share[more] - self._sent[more], 0)
        room = self._weight.limit - used - kept
        if share not in _BORROWERS:
            room = min(room, self._share[share] - self._sent[share])
        return room

    def connect(self, now_ns: int) -> bool:
        """One more WebSocket is opened now; False = one too many."""
        self._turn(now_ns)
        made = self._connections.used(self._opened)
        if now_ns < self.ban_until_ns:
            return False
        if (made + 1) * 100 > self._connections.limit * CONNECTIONS_PERCENT:
            self._refused[RateShare.UNSET] += 1
            return False
        self._opened += 1
        self._changed = True
        return True

    def next_window_ns(self, now_ns: int) -> int:
        """When the window of request weight ends, or the pause, whichever is later."""
        shift_ns = self.venue_ns(now_ns) - now_ns
        ends_ns = ((now_ns + shift_ns) // MINUTE_NS + 1) * MINUTE_NS - shift_ns
        return max(ends_ns, self.pause_until_ns, self.ban_until_ns)

    def _turn(self, now_ns: int) -> None:
        venue_ns = self.venue_ns(now_ns)
        if self._weight.turn(self.total, venue_ns):
            self._sent = dict.fromkeys(BY_IMPORTANCE, 0)
            self._ours = self._borrowed = 0
            self._changed = True
        self._connections.turn(self._opened, venue_ns)

    def _look_at_peers(self, now_ns: int) -> None:
        """Pauses that another process of the desk was told."""
        self._peers_due_ns = now_ns + PEERS_NS
        for peer in self.peers:
            self.pause_until_ns = max(self.pause_until_ns, int(peer.rows["pause_until_ns"][0]))
            self.ban_until_ns = max(self.ban_until_ns, int(peer.rows["ban_until_ns"][0]))

    # Being told

    def note(self, usage: Usage, mark: int, sent_ns: int, now_ns: int) -> None:
        """The venue's count of this address, in the answer to a request of that mark."""
        self._turn(now_ns)
        if self._weight.note(usage.weight, mark, self.venue_ns(sent_ns)):
            self._changed = True

    def note_refusal(self, status: int, until_ns: int, now_ns: int) -> None:
        """429 or 418, and until when (0 = not said): RELIABILITY D22."""
        if status in (HTTP_TOO_MANY, HTTP_BANNED):
            self.note_pause(until_ns, now_ns, hard=status == HTTP_BANNED)

    def note_pause(self, until_ns: int, now_ns: int, *, hard: bool) -> None:
        """The exchange wants silence until then (0 = not said); `hard`: of cancels, too."""
        until_ns = until_ns if until_ns > now_ns else now_ns + PAUSE_DEFAULT_NS
        if hard:
            self.ban_until_ns = max(self.ban_until_ns, until_ns)
        self.pause_until_ns = max(self.pause_until_ns, until_ns)
        self._changed = True
        self._publish_ns = 0
        self._ports.log("error", "venue_asks_pause", hard=hard, until_ns=until_ns)

    # Being seen

    def publish_due_ns(self) -> int:
        """When `publish` has something to write."""
        return self._publish_ns if self._changed else NEVER

    def publish(self, now_ns: int, *, again: bool = False) -> None:
        """Write what holds for the address into table `rates.<role>`; `again`: and soon again."""
        self._changed = again
        self._publish_ns = now_ns + PUBLISH_NS
        self._turn(now_ns)
        shift_ns = self.venue_ns(now_ns) - now_ns
        weight: dict[str, int] = {
            "kind": int(RateKind.REQUEST_WEIGHT), "interval_s": MINUTE_NS // SECOND_NS,
            "window_ns": self._weight.index * MINUTE_NS - shift_ns,
        }  # fmt: skip
        self._write(0, now_ns, NO_ID, **weight, used=self._weight.used(self.total),
                    limit=self._weight.limit, reported=self._weight.reported,
                    refused=sum(self._refused[share] for share in BY_IMPORTANCE),
                    pause_until_ns=self.pause_until_ns,
                    ban_until_ns=self.ban_until_ns)  # fmt: skip
        for share in self._own:
            self._write(int(share), now_ns, NO_ID, **weight, share=int(share),
                        used=self._sent[share], limit=self._share[share], reported=NO_ID,
                        refused=self._refused[share])  # fmt: skip
        self._write(_CONNECTIONS_ROW, now_ns, NO_ID, kind=int(RateKind.CONNECTIONS),
                    interval_s=CONNECTIONS_NS // SECOND_NS, reported=NO_ID,
                    used=self._connections.used(self._opened),
                    limit=self._connections.limit * CONNECTIONS_PERCENT // 100,
                    refused=self._refused[RateShare.UNSET],
                    window_ns=self._connections.index * CONNECTIONS_NS - shift_ns)  # fmt: skip

    def publish_orders(self, place: int, account_id: int, orders: OrderCount, now_ns: int) -> None:
        """Write both counts of the `place`-th account."""
        orders.changed = False
        first = RATE_ROWS_EGRESS + RATE_ROWS_ACCOUNT * place
        for k, (interval_s, used, limit, reported, window_ns) in enumerate(orders.rows(now_ns)):
            self._write(first + k, now_ns, account_id, kind=int(RateKind.ORDERS),
                        interval_s=interval_s, used=used, limit=limit, reported=reported,
                        window_ns=window_ns, refused=orders.refused,
                        pause_until_ns=orders.pause_until_ns)  # fmt: skip

    def _write(self, row: int, now_ns: int, account_id: int, **values: int) -> None:
        self._table.write(row, type=int(RecordType.RATE_ROW), exchange=int(self._exchange),
                          account_id=account_id, ts_ns=now_ns, **values)  # fmt: skip
