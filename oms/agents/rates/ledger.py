"""The rate ledger of one process towards one exchange (DESIGN.md 8 "Rate limits").

An exchange counts requests in buckets, each apart for every value of its keys: by address, by
account, by instrument, by connection (`oms/venues/data.py: Bucket`). What a request takes is said
by its charges; they are taken all, or none. Several processes spend from one bucket: the executor,
the feeds, the watchdog. Each owns *shares* of it, by the bucket's users, and keeps a ledger of its
own; none asks another before it sends. What the exchange itself counts comes back with its answers
and holds for all of them together, so that a share that somebody overdraws is seen, and given way
to in this order: kill before cancels before reconciliation before orders before snapshots.

A request of share s may go when in each of its buckets
- s has room: what we sent in this window, and it, fit its share. (Cancels may also take what is
  left over.)
- the key has room: the exchange's count, and it, leave what is set apart for whatever is more
  important and ours, and what the other processes' shares have left; the kill's always.
An account that has never been reconciled trades nothing, and its reconciliation may borrow what
other shares do not use (`borrow`): all but a quarter of what is set apart for orders and for
snapshots, and the margin; nothing of what is the cancels', the kill's, or reconciliation's own.
A kill that is in earnest asks nobody (`seize`): it takes what the exchange lets a key do, less a
little for what others have under way, and they give way when they see the exchange's count.

A pause has a key and a hardness: it stops what is charged to that key, all of it or all but
cancels. One that a process of the desk was told is read by the others behind the same address from
its table `rates.<role>` (`rows.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from oms.agents.rates.counts import (
    PASSES,
    SECOND_NS,
    Count,
    Shares,
    Trips,
    count_of,
)
from oms.agents.rates.rows import RateRows, key_of, pauses_of, spent_by
from oms.ports import NEVER
from oms.units import NS_PER_MS
from oms.venues.data import Bucket, Charge
from oms.venues.reports import Pause
from oms.venues.shared.decimal_text import to_text
from oms.venues.trade_base import HTTP_BANNED, HTTP_TOO_MANY
from shm_layout.enums import Exchange, RateShare
from shm_layout.limits import RATE_COUNTS_MAX
from shm_layout.table import TableReader, TableWriter

PAUSE_DEFAULT_NS = 10 * SECOND_NS
"""A pause without a time."""
PUBLISH_NS = 200_000_000
PUBLISHED_MAX = 24
"""Rows that are written in one turn."""
PEERS_NS = 20_000_000
"""How often the tables of the other processes are looked at."""
RESOLVED_MAX = 1 << 12

ADDRESS = ("egress",)
ACCOUNT, CONNECTION = "account", "connection"
Charges = Sequence[Charge]
Taking = tuple[tuple[Count, int], ...]
"""What a request takes: counts, and how much of each."""


class RatePorts(Protocol):
    """What a ledger needs of its host."""

    def log(self, level: str, event: str, **fields: Any) -> None: ...


class Ledger:
    """Buckets, connections and pauses of one exchange, as one process keeps them. `own`: its
    shares, and how many processes behind this address have each; `table`: its rows of RATE_ROW.
    """

    def __init__(
        self,
        ports: RatePorts,
        table: TableWriter,
        exchange: Exchange,
        buckets: Iterable[Bucket],
        own: Mapping[RateShare, int],
        peers: Iterable[TableReader],
        now_ns: int,
    ) -> None:
        self._ports = ports
        self._rows = RateRows(table, exchange)
        self.peers = tuple(peers)
        """Tables of the other processes that ask from this address."""
        self._peers_due_ns = 0
        self._peers_pauses = [0] * len(self.peers)
        self._own = frozenset(own)
        self._shares: dict[str, Shares] = {}
        for bucket in buckets:
            self._shares.setdefault(bucket.name, Shares(bucket, own))
        self._counts: dict[tuple[str, tuple[str, ...]], Count] = {}
        self._resolved: dict[tuple[Charge, ...], Taking] = {}
        self._paused_accounts: dict[str, tuple[int, int]] = {}
        self._trips = Trips()
        self.venue_ns: Callable[[int], int] = lambda now_ns: now_ns
        """The venue's clock at ours; set by who knows it."""
        self.total = 0
        """Requests that we sent; a request's mark."""
        self.pause_until_ns = 0
        """Of the address: nothing but cancels before this."""
        self.ban_until_ns = 0
        """Of the address: nothing at all before this."""
        self.close_until_ns = 0
        """Of the address: no connection is open before this."""
        self._pauses = 0
        self._publish_ns = 0
        self._changed = True
        self._behind: list[Count] = []
        self._recall(now_ns)

    def _recall(self, now_ns: int) -> None:
        """What a predecessor sent in the present windows, and what pauses it was told of. (By our
        clock: the venue's is not known yet; its own count comes with the first answer.)
        """
        first = self._rows.first()
        self.pause_until_ns = int(first["pause_until_ns"])
        self.ban_until_ns = int(first["ban_until_ns"])
        self.close_until_ns = int(first["close_until_ns"])
        self._pauses = int(first["pauses"])
        for row in self._rows.recalled(now_ns):
            name, key = bytes(row["bucket"]).decode(), key_of(row)
            pauses = int(row["pause_until_ns"]), int(row["ban_until_ns"])
            if not name:
                self._pause_account(key[0], *pauses, now_ns)
            elif (shares := self._shares.get(name)) is not None:
                count = self._count(name, key)
                self._pause_count(count, *pauses)
                if int(row["window_ns"]) + shares.window_ns > now_ns:
                    count.turn(now_ns, now_ns)
                    count.recall([int(n) for n in row["spent"]], int(row["window_ns"]), now_ns)

    def set_limits(self, buckets: Iterable[Bucket]) -> None:
        """What the exchange's list says."""
        for bucket in buckets:
            if (shares := self._shares.get(bucket.name)) is not None:
                shares.set_limit(bucket.limit)

    def shares_of(self, bucket: str) -> Shares:
        """The bucket of that name, as this process spends it."""
        return self._shares[bucket]

    # Charges

    def taking(self, charges: Charges) -> Taking:
        """The counts that a request is charged to."""
        known = tuple(charges)
        found = self._resolved.get(known)
        if found is None:
            sums: dict[Count, int] = {}
            for charge in known:
                count = self._count(charge.bucket, charge.key)
                sums[count] = sums.get(count, 0) + charge.count
            if len(self._resolved) >= RESOLVED_MAX:
                self._resolved.clear()
            found = self._resolved[known] = tuple(sums.items())
        return found

    def of_connection(self, charges: Charges, conn: int) -> Charges:
        """The same charges, with the connection where it is a key."""
        if not any(CONNECTION in self._shares[one.bucket].bucket.keys for one in charges):
            return charges
        return [
            dataclasses.replace(one, key=tuple(
                str(conn) if name == CONNECTION else value
                for name, value in zip(self._shares[one.bucket].bucket.keys, one.key, strict=True)
            ))
            for one in charges
        ]  # fmt: skip

    def _count(self, bucket: str, key: tuple[str, ...]) -> Count:
        found = self._counts.get((bucket, key))
        if found is None:
            if len(self._counts) >= RATE_COUNTS_MAX:
                self._forget()
            shares = self._shares[bucket]
            found = self._counts[bucket, key] = count_of(shares, key, self._trips)
            account = self._account_of(found)
            if account in self._paused_accounts:
                found.pause_until_ns, found.ban_until_ns = self._paused_accounts[account]
        return found

    @staticmethod
    def _account_of(count: Count) -> str:
        keys = count.shares.bucket.keys
        return count.key[keys.index(ACCOUNT)] if ACCOUNT in keys else ""

    def _forget(self) -> None:
        """Half of the counts, those that were idle for longest."""
        by_age = sorted(self._counts.items(), key=lambda entry: entry[1].used_ns)
        for name, count in by_age[: len(by_age) // 2]:
            if not count.ours:
                del self._counts[name]
        self._resolved.clear()

    # Asking

    def take(self, share: RateShare, charges: Charges, now_ns: int) -> bool:
        """Take the charges out of the share; False = it must not be sent now."""
        assert share in self._own, f"{share.name} is another process's"
        taking = self.taking(charges)
        if not self.fits_in(share, taking, now_ns):
            self._refuse(taking)
            return False
        self.sent(share, taking, now_ns)
        return True

    def fits(self, share: RateShare, charges: Charges, now_ns: int) -> bool:
        """Whether `take` would say yes."""
        return self.fits_in(share, self.taking(charges), now_ns)

    def fits_in(self, share: RateShare, taking: Taking, now_ns: int, kept_percent: int = 0) -> bool:
        """The same, of what `taking` gave; and so much of the share's parts stays."""
        if self.blocked(share, now_ns):
            return False
        venue_ns = self.venue_ns(now_ns)
        for count, n in taking:
            count.turn(now_ns, venue_ns)
            spender = count.shares.spender or share
            if now_ns < count.pause_until_ns and count.blocked(spender, now_ns):
                return False
            whole = count.shares.part[spender] if kept_percent else 0
            kept = max(min(whole * kept_percent // 100, whole - n), 0) if kept_percent else 0
            if n + kept > count.room(spender):
                return False
        return True

    def sent(self, share: RateShare, taking: Taking, now_ns: int) -> None:
        """Count what `fits_in` let go a moment ago."""
        self.total += 1
        venue_ns = self.venue_ns(now_ns)
        for count, n in taking:
            count.turn(now_ns, venue_ns)
            count.add(count.shares.spender or share, n, self.total, now_ns, venue_ns)
            if not count.changed:
                self._touch(count)

    def sent_one_of_many(
        self, share: RateShare, shared: Taking, own: Taking, now_ns: int
    ) -> tuple[bool, bool]:
        """Count what `fits_in` let go a moment ago, and say whether the same fits once more: what
        all accounts share, and what is an account's own. For who sends many."""
        self.total = mark = self.total + 1
        venue_ns = self.venue_ns(now_ns)
        free = not self.blocked(share, now_ns)
        fits = []
        for taking in (shared, own):
            fit = free
            for count, n in taking:
                count.turn(now_ns, venue_ns)
                count.add(share, n, mark, now_ns, venue_ns)
                if not count.changed:
                    self._touch(count)
                if n > count.room(share) or now_ns < count.pause_until_ns:
                    fit = False
            fits.append(fit)
        return fits[0], fits[1]

    def _touch(self, count: Count) -> None:
        self._changed = True
        if not count.changed:
            count.changed = True
            self._behind.append(count)

    def _refuse(self, taking: Taking) -> None:
        for count, _ in taking:
            count.refused += 1
            self._touch(count)

    @staticmethod
    def _left_for_first(count: Count) -> int:
        """What a first reconciliation may take beside its part; where nobody lends, of it."""
        return count.lendable() if count.shares.lends else count.room(RateShare.RECONCILIATION)

    def borrow(self, charges: Charges, now_ns: int) -> bool:
        """Take the charges of a first reconciliation out of what other shares do not use; False =
        not in this window.
        """
        if self.blocked(RateShare.RECONCILIATION, now_ns):
            return False
        venue_ns, taking = self.venue_ns(now_ns), self.taking(charges)
        for count, n in taking:
            count.turn(now_ns, venue_ns)
            paused = count.blocked(RateShare.RECONCILIATION, now_ns)
            if paused or n > self._left_for_first(count):
                return False
        self.total += 1
        for count, n in taking:
            share = RateShare.UNSET if count.shares.lends else RateShare.RECONCILIATION
            count.add(share, n, self.total, now_ns, venue_ns)
            self._touch(count)
        return True

    def seize(self, charges: Charges, now_ns: int) -> bool:
        """Take the charges for a kill, whoever their parts were set apart for; False = the venue
        would not answer it in this window, or has banned the address.
        """
        assert RateShare.KILL in self._own, "kill is another process's"
        taking = self.taking(charges)
        venue_ns = self.venue_ns(now_ns)
        free = not self.blocked(RateShare.KILL, now_ns)
        for count, n in taking:
            count.turn(now_ns, venue_ns)
            if not free or count.blocked(RateShare.KILL, now_ns):
                free = False
                break
            used = max(count.used(), count.ours + spent_by(self.peers, count, now_ns))
            free = used + n <= count.shares.seizable
        if not free:
            self._refuse(taking)
            return False
        self.sent(RateShare.KILL, taking, now_ns)
        return True

    def blocked(self, share: RateShare, now_ns: int) -> bool:
        """Whether the venue wants a pause of the address from this share."""
        if now_ns >= self._peers_due_ns:
            self.look_at_peers(now_ns)
        if now_ns < self.ban_until_ns:
            return True
        return now_ns < self.pause_until_ns and share not in PASSES

    def room(self, share: RateShare, charge: Charge, now_ns: int) -> int:
        """The most that `take` would grant of the charge's key."""
        if self.blocked(share, now_ns):
            return 0
        count = self._count(charge.bucket, charge.key)
        count.turn(now_ns, self.venue_ns(now_ns))
        spender = RateShare(count.shares.spender or share)
        return 0 if count.blocked(spender, now_ns) else max(count.room(spender), 0)

    def next_window_ns(self, now_ns: int, charges: Charges) -> int:
        """When each of the charges' windows gives something back, or the last of their pauses
        ends, whichever is later.
        """
        shift_ns = self.venue_ns(now_ns) - now_ns
        taking = self.taking(charges)
        ends_ns = max((count.window_ends_ns(now_ns, shift_ns) for count, _ in taking), default=0)
        return max(ends_ns, self.paused_until_ns(charges))

    def paused_until_ns(self, charges: Charges) -> int:
        """The end of the last pause, of whatever hardness, of the address or these charges' keys;
        in the past: there is none."""
        until_ns = max(self.pause_until_ns, self.ban_until_ns)
        for count, _ in self.taking(charges):
            until_ns = max(until_ns, count.pause_until_ns, count.ban_until_ns)
        return until_ns

    def why_not(self, share: RateShare, charges: Charges, now_ns: int) -> str:
        """Why `take` says no, for a record's text."""
        taking = self.taking(charges)
        if self.blocked(share, now_ns) or any(c.blocked(share, now_ns) for c, _ in taking):
            return "the venue wants a pause"
        for count, n in taking:
            spender = count.shares.spender or share
            if n > count.room(spender):
                shares = count.shares
                part = shares.part[spender]
                of = "" if part == shares.limit else f" of {shares.limit}"
                whose = "".join(f" of {value}" for value in count.key if value)
                seconds = to_text(shares.bucket.window_ms, 3)
                return f"{part}{of} {shares.bucket.name}{whose} in {seconds} s"
        return ""

    # Being told

    def note(self, usage: Iterable[Charge], mark: int, sent_ns: int, now_ns: int) -> None:
        """The venue's own counts, in the answer to a request of that mark."""
        self._trips.note(now_ns - sent_ns, now_ns)
        venue_ns = self.venue_ns(now_ns)
        for said in usage:
            count = self._counts.get((said.bucket, said.key))
            if count is None:
                if said.bucket not in self._shares:
                    continue
                count = self._count(said.bucket, said.key)
            count.turn(now_ns, venue_ns)
            news = count.note(said.count, mark, sent_ns, now_ns, venue_ns - now_ns)
            if news and not count.changed:
                self._touch(count)

    def note_refusal(self, status: int, until_ns: int, now_ns: int) -> None:
        """429 or 418 of the address, and until when (0 = not said): RELIABILITY D22."""
        if status in (HTTP_TOO_MANY, HTTP_BANNED):
            self._pause_address(until_ns, now_ns, hard=status == HTTP_BANNED, close=False)

    def note_pause(self, pause: Pause, now_ns: int, account: str = "") -> int:
        """What the exchange wants to wait, until when it is returned; `account`: of the request,
        where the key names none."""
        until_ns = 0
        if pause.for_ms:
            until_ns = now_ns + pause.for_ms * NS_PER_MS
        elif pause.until_ms:
            until_ns = pause.until_ms * NS_PER_MS - (self.venue_ns(now_ns) - now_ns)
        kind, *values = pause.key
        hard = not pause.cancels_pass
        if kind == ADDRESS[0]:
            return self._pause_address(until_ns, now_ns, hard=hard, close=pause.close_sockets)
        until_ns = until_ns if until_ns > now_ns else now_ns + PAUSE_DEFAULT_NS
        self._ports.log("error", "venue_asks_pause", hard=hard, until_ns=until_ns,
                        key=" ".join(pause.key))  # fmt: skip
        self._pauses += 1
        self._changed, self._publish_ns = True, 0
        ban_ns = until_ns if hard else 0
        if kind in self._shares:
            self._pause_bucket(kind, values, until_ns, ban_ns)
        else:
            # Of an account; of a connection: of whose it is.
            name = values[0] if kind == ACCOUNT and values else account
            self._pause_account(name, until_ns, ban_ns, now_ns)
        return until_ns

    def _pause_address(self, until_ns: int, now_ns: int, *, hard: bool, close: bool) -> int:
        until_ns = until_ns if until_ns > now_ns else now_ns + PAUSE_DEFAULT_NS
        if hard:
            self.ban_until_ns = max(self.ban_until_ns, until_ns)
        if close:
            self.close_until_ns = max(self.close_until_ns, until_ns)
        self.pause_until_ns = max(self.pause_until_ns, until_ns)
        self._changed = True
        self._publish_ns = 0
        self._ports.log("error", "venue_asks_pause", hard=hard, until_ns=until_ns, key="egress")
        return until_ns

    def _pause_account(self, account: str, pause_ns: int, ban_ns: int, now_ns: int) -> None:
        before = self._paused_accounts.get(account, (0, 0))
        merged = max(before[0], pause_ns), max(before[1], ban_ns)
        self._paused_accounts[account] = merged
        self._rows.write_pause((account,), *merged, now_ns)
        for count in self._counts.values():
            if self._account_of(count) == account:
                self._pause_count(count, pause_ns, ban_ns)

    def _pause_bucket(self, bucket: str, values: Sequence[str], pause_ns: int, ban_ns: int) -> None:
        """Of every key that begins with these values, the address's empty ones not counted."""
        wanted = [value for value in values if value]
        keys = self._shares[bucket].bucket.keys
        if len(wanted) == sum(key != ADDRESS[0] for key in keys):
            left = iter(wanted)
            self._count(bucket, tuple("" if key == ADDRESS[0] else next(left) for key in keys))
        for (name, key), count in self._counts.items():
            if name == bucket and [value for value in key if value][: len(wanted)] == wanted:
                self._pause_count(count, pause_ns, ban_ns)

    def _pause_count(self, count: Count, pause_ns: int, ban_ns: int) -> None:
        count.pause_until_ns = max(count.pause_until_ns, pause_ns, ban_ns)
        count.ban_until_ns = max(count.ban_until_ns, ban_ns)
        self._touch(count)

    def look_at_peers(self, now_ns: int) -> None:
        """Pauses that another process of the desk was told; seldom."""
        if now_ns < self._peers_due_ns:
            return
        self._peers_due_ns = now_ns + PEERS_NS
        for at, peer in enumerate(self.peers):
            rows = peer.rows
            self.pause_until_ns = max(self.pause_until_ns, int(rows["pause_until_ns"][0]))
            self.ban_until_ns = max(self.ban_until_ns, int(rows["ban_until_ns"][0]))
            self.close_until_ns = max(self.close_until_ns, int(rows["close_until_ns"][0]))
            pauses = int(rows["pauses"][0])
            if pauses == self._peers_pauses[at]:
                continue
            self._peers_pauses[at] = pauses
            for bucket, key, pause_ns, ban_ns in pauses_of(peer, now_ns):
                if bucket in self._shares:
                    self._pause_bucket(bucket, key, pause_ns, ban_ns)
                elif not bucket:
                    self._pause_account(key[0], pause_ns, ban_ns, now_ns)

    # Being seen

    def publish_due_ns(self) -> int:
        """When `publish` has something to write."""
        return self._publish_ns if self._changed else NEVER

    def publish(self, now_ns: int) -> None:
        """Write what has changed into table `rates.<role>`, some of it now and the rest soon."""
        venue_ns = self.venue_ns(now_ns)
        shift_ns = venue_ns - now_ns
        behind, self._behind = self._behind[:PUBLISHED_MAX], self._behind[PUBLISHED_MAX:]
        for count in behind:
            count.turn(now_ns, venue_ns)
            self._rows.write(count, now_ns, shift_ns)
        # Last: who sees another number of pauses finds their rows written.
        self._rows.write_first(
            now_ns, pause_until_ns=self.pause_until_ns, ban_until_ns=self.ban_until_ns,
            close_until_ns=self.close_until_ns, pauses=self._pauses,
        )  # fmt: skip
        self._changed = bool(self._behind)
        self._publish_ns = now_ns + PUBLISH_NS
