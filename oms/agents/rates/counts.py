"""One count of an exchange, for one value of its keys: who spent what of it, and what may still go.

A `Shares` is a bucket as one process spends it: its users, in order of importance, with their
parts; a count is kept for each value of the bucket's keys. Two kinds, as exchanges count:

- `SlidingCount`: so many in any window. The exchange counts at arrival, we when we send: two
  requests a window apart here may be nearer to one another there, by as much as ways differ. So
  ours is longer by that (`Trips.spread_ns`).
- `FixedCount`: so many in each window, aligned to the exchange's clock. What we send just before
  a window ends may arrive in the next one: it counts in both.

What the exchange says of its own count knows other senders, too: it is folded in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from oms.venues.buckets import EGRESS, LENT_PERCENT
from oms.venues.data import Bucket
from shm_layout.enums import RateShare
from shm_layout.limits import RATE_LOG_MAX, RATE_USERS_MAX
from shm_layout.records import NO_ID

SECOND_NS = 1_000_000_000
NS_PER_MS = 1_000_000
BY_IMPORTANCE = (
    RateShare.KILL, RateShare.CANCELS, RateShare.RECONCILIATION, RateShare.CONNECTIONS,
    RateShare.ORDERS, RateShare.SNAPSHOTS,
)  # fmt: skip
LENDERS = (RateShare.ORDERS, RateShare.SNAPSHOTS)
SEIZE_KEPT_PERCENT = 10
"""Of a bucket: what a kill leaves for requests of others that the exchange has not counted yet."""
SPREAD_NS_MAX = 250 * NS_PER_MS
"""By more than this no window is made longer: an answer may be late for other reasons."""
TRIPS_NS = 60 * SECOND_NS
"""The extremes of this minute and of the one before hold."""

assert max(RateShare) < RATE_USERS_MAX


class Trips:
    """The shortest and the longest round trip of late."""

    __slots__ = ("_before", "_long", "_since_ns", "reach_ns", "spread_ns")

    def __init__(self) -> None:
        self._since_ns = 0
        self._long = self._before = (0, 0)
        self.spread_ns = 0
        """By how much ways differ."""
        self.reach_ns = 0
        """A request has arrived after so long."""

    def note(self, trip_ns: int, now_ns: int) -> None:
        """An answer came after so long."""
        if now_ns - self._since_ns >= TRIPS_NS:
            self._before, self._long = self._long, (trip_ns, trip_ns)
            self._since_ns = now_ns
        else:
            least, most = self._long
            if least <= trip_ns <= most:
                return
            self._long = min(least, trip_ns), max(most, trip_ns)
        known = [pair for pair in (self._before, self._long) if pair[1]]
        longest = max((most for _, most in known), default=0)
        self.reach_ns = min(longest, SPREAD_NS_MAX)
        self.spread_ns = min(
            longest - min((least for least, _ in known), default=0), SPREAD_NS_MAX
        )  # fmt: skip


class Shares:
    """A bucket as one process spends it; `own`: its shares, and how many processes behind one
    address have each of them."""

    __slots__ = (
        "_holders", "_percent", "above", "borrowers", "bucket", "foreign", "lends", "lent",
        "limit", "of_one", "own", "part", "spender", "whole", "window_ns",
    )  # fmt: skip

    def __init__(self, bucket: Bucket, own: Mapping[RateShare, int]) -> None:
        self.bucket = bucket
        self.window_ns = bucket.window_ms * NS_PER_MS
        self._percent = {s: bucket.users.get(s.name.lower(), 0) for s in BY_IMPORTANCE}
        self._holders = dict(own) if EGRESS in bucket.keys else dict.fromkeys(own, 1)
        self.own = frozenset(own)
        self.spender = (
            RateShare.CONNECTIONS if self._percent[RateShare.CONNECTIONS] else RateShare.UNSET
        )
        """Who spends it whatever a request is for: opening a connection."""
        # What nobody has as his part belongs to one process alone: to who cancels.
        cancels = RateShare.CANCELS in self.own
        self.borrowers = frozenset({RateShare.KILL, RateShare.CANCELS} if cancels else ())
        """Shares that may take what is left over."""
        self.set_limit(bucket.limit)

    def set_limit(self, limit: int) -> None:
        """What the exchange's list says."""
        self.limit = limit
        self.whole = [0] * RATE_USERS_MAX
        """By share: its part, all processes together."""
        self.part = [0] * RATE_USERS_MAX
        """By share: what of it is ours."""
        for share, percent in self._percent.items():
            self.whole[share] = limit * percent // 100
            if share in self.own:
                self.part[share] = self.whole[share] // self._holders[share]
        self.of_one = max(self.part) == limit
        """A single user has all of it, and it is ours."""
        self.above: list[tuple[int, ...]] = [() for _ in self.part]
        """By share: those of ours that are more important and have a part."""
        for place, share in enumerate(BY_IMPORTANCE):
            self.above[share] = tuple(int(s) for s in BY_IMPORTANCE[:place] if self.part[s])
        self.foreign = sum(self.whole) - sum(self.part)
        """Parts of other processes."""
        self.lends = any(self.whole[share] for share in LENDERS)
        """Whether first reconciliations may take more than their part."""
        lenders = [share for share in LENDERS if share not in self.own]
        self.lent = sum(self.whole[share] for share in lenders) * LENT_PERCENT // 100

    @property
    def seizable(self) -> int:
        """What a kill may take in a window where nobody else has used any."""
        return self.limit - self.limit * SEIZE_KEPT_PERCENT // 100


class Count:
    """What is common to both kinds; `turn` is called before anything else is asked."""

    __slots__ = (
        "ban_until_ns", "changed", "key", "ours", "pause_until_ns", "refused", "reported", "row",
        "sent", "shares", "trips", "used_ns", "word_mark",
    )  # fmt: skip

    def __init__(self, shares: Shares, key: tuple[str, ...], trips: Trips) -> None:
        self.shares, self.key, self.trips = shares, key, trips
        self.sent = [0] * RATE_USERS_MAX
        """By share: what we sent in this window; UNSET: what first reconciliations borrowed."""
        self.ours = 0
        """All of it."""
        self.refused = 0
        self.reported = NO_ID
        """The exchange's last word in this window."""
        self.word_mark = 0
        self.pause_until_ns = self.ban_until_ns = 0
        """The exchange wants a pause of this key: of all but cancels, of everything."""
        self.changed = False
        """Its row in the table is behind."""
        self.row = NO_ID
        self.used_ns = 0
        """When it was charged last."""

    def turn(self, now_ns: int, venue_ns: int) -> None:
        """Forget what is outside of the window at `now_ns`, which is `venue_ns` there."""
        raise NotImplementedError

    def used(self) -> int:
        """What we and others have used, as far as that is known."""
        raise NotImplementedError

    def add(self, share: int, n: int, mark: int, now_ns: int, venue_ns: int) -> None:
        """We send `n` now."""
        raise NotImplementedError

    def note(self, count: int, mark: int, sent_ns: int, now_ns: int, shift_ns: int) -> bool:
        """The exchange's own count, in the answer to what was sent at that mark; `shift_ns`: its
        clock less ours. False = it says nothing."""
        raise NotImplementedError

    def recall(self, sent: list[int], at_ns: int, venue_ns: int) -> None:
        """What a predecessor of this process sent, `at_ns` at the latest."""
        for share, n in enumerate(sent):
            if n:
                self.add(share, n, 0, at_ns, venue_ns)

    def window_begins_ns(self, now_ns: int, shift_ns: int) -> int:
        """Our clock when what is counted began."""
        raise NotImplementedError

    def window_ends_ns(self, now_ns: int, shift_ns: int) -> int:
        """Our clock when some of it is given back."""
        raise NotImplementedError

    def blocked(self, share: int, now_ns: int) -> bool:
        """Whether the exchange wants a pause of this key from this share."""
        if now_ns < self.ban_until_ns:
            return True
        return now_ns < self.pause_until_ns and share not in PASSES

    def room(self, share: int) -> int:
        """The most that may go; negative where more important shares lack something."""
        shares = self.shares
        if shares.of_one:
            return shares.part[share] - self.used()
        used = self.used()
        part, sent = shares.part, self.sent
        lent = min(shares.lent, sent[0])
        kept = shares.foreign - (used - self.ours) - lent
        least = 0 if share == KILL else shares.whole[KILL]
        kept = max(kept, least)
        for more in shares.above[share]:
            if part[more] > sent[more]:
                kept += part[more] - sent[more]
        room = shares.limit - used - kept
        if share in shares.borrowers:
            return room
        own = part[share] - sent[share]
        return min(room, own)

    def lendable(self) -> int:
        """What a first reconciliation may take of it beside its own share."""
        shares, used = self.shares, self.used()
        kept = {s: shares.part[s] - self.sent[s] for s in shares.own}
        for share in LENDERS:
            if share in kept:
                kept[share] -= shares.part[share] * LENT_PERCENT // 100
        own = sum(max(left, 0) for left in kept.values())
        theirs = max(shares.foreign - shares.lent - (used - self.ours), shares.whole[KILL])
        return shares.limit - used - own - theirs


KILL = int(RateShare.KILL)
PASSES = frozenset({RateShare.KILL, RateShare.CANCELS, RateShare.CONNECTIONS})
"""What a pause of all but cancels lets through."""


class FixedCount(Count):
    """Windows aligned to the exchange's clock."""

    __slots__ = ("_late", "_late_from_ns", "_log", "_since", "index")

    def __init__(self, shares: Shares, key: tuple[str, ...], trips: Trips) -> None:
        super().__init__(shares, key, trips)
        self.index = -1
        self._since = 0
        """What we sent after the request that the exchange's last word answered."""
        self._log: deque[tuple[int, int]] = deque()
        """(mark, n) of that."""
        self._late = [0] * RATE_USERS_MAX
        """Sent so late in this window that it may arrive in the next one."""
        self._late_from_ns = 0

    def turn(self, now_ns: int, venue_ns: int) -> None:
        window_ns = self.shares.window_ns
        index = venue_ns // window_ns
        # The estimate of the exchange's clock may go back a little; that begins none again.
        if index == self.index or index == self.index - 1:
            return
        late = self._late if index == self.index + 1 else [0] * RATE_USERS_MAX
        self.index, self.sent, self.ours = index, late, sum(late)
        self._late = [0] * RATE_USERS_MAX
        self._late_from_ns = (index + 1) * window_ns - self.trips.reach_ns
        self._since = self.word_mark = 0
        self.reported = NO_ID
        self._log.clear()

    def used(self) -> int:
        used = self._since + (max(0, self.reported))
        return max(self.ours, used)

    def add(self, share: int, n: int, mark: int, now_ns: int, venue_ns: int) -> None:
        self.sent[share] += n
        self.ours += n
        self._since += n
        log = self._log
        log.append((mark, n))
        if len(log) > RATE_LOG_MAX:
            # Two as one, at the later one's mark: never less than there was.
            _, first = log.popleft()
            log[0] = (log[0][0], log[0][1] + first)
        if venue_ns >= self._late_from_ns:
            self._late[share] += n
        self.used_ns = now_ns

    def note(self, count: int, mark: int, sent_ns: int, now_ns: int, shift_ns: int) -> bool:
        if (sent_ns + shift_ns) // self.shares.window_ns != self.index or mark < self.word_mark:
            return False
        log = self._log
        while log and log[0][0] <= mark:
            self._since -= log.popleft()[1]
        self.reported, self.word_mark = count, mark
        if self.shares.bucket.gives_back and self.ours > count + self._since:
            self.ours = count + self._since
            (user,) = self.shares.bucket.users
            self.sent[RateShare[user.upper()]] = self.ours
        return True

    def window_begins_ns(self, now_ns: int, shift_ns: int) -> int:
        return self.index * self.shares.window_ns - shift_ns

    def window_ends_ns(self, now_ns: int, shift_ns: int) -> int:
        window_ns = self.shares.window_ns
        return ((now_ns + shift_ns) // window_ns + 1) * window_ns - shift_ns


class SlidingCount(Count):
    """Any window, by our clock."""

    __slots__ = ("_foreign", "_foreign_until_ns", "_log")

    def __init__(self, shares: Shares, key: tuple[str, ...], trips: Trips) -> None:
        super().__init__(shares, key, trips)
        self._log: deque[tuple[int, int, int, int]] = deque()
        """(when, mark, n, share) of what we sent in this window."""
        self._foreign = 0
        """What others have used, by the exchange's last word."""
        self._foreign_until_ns = 0

    def turn(self, now_ns: int, venue_ns: int) -> None:
        log = self._log
        over_ns = now_ns - self.shares.window_ns - self.trips.spread_ns
        while log and log[0][0] <= over_ns:
            _, _, n, share = log.popleft()
            self.sent[share] -= n
            self.ours -= n
        if self.reported != NO_ID and now_ns >= self._foreign_until_ns:
            self._foreign, self.reported = 0, NO_ID

    def used(self) -> int:
        return self.ours + self._foreign

    def add(self, share: int, n: int, mark: int, now_ns: int, venue_ns: int) -> None:
        self.sent[share] += n
        self.ours += n
        self._log.append((now_ns, mark, n, share))
        self.used_ns = now_ns

    def note(self, count: int, mark: int, sent_ns: int, now_ns: int, shift_ns: int) -> bool:
        if mark < self.word_mark:
            return False
        # What we sent so soon behind it may have overtaken it: no stranger's.
        behind_ns = sent_ns + self.trips.spread_ns
        later = 0
        log = self._log
        if log and log[-1][1] > mark and log[-1][0] > behind_ns:
            for entry_ns, entry_mark, n, _ in reversed(log):
                if entry_mark <= mark or entry_ns <= behind_ns:
                    break
                later += n
        foreign = count - self.ours + later
        self._foreign = max(0, foreign)
        self._foreign_until_ns = now_ns + self.shares.window_ns
        self.reported, self.word_mark = count, mark
        return True

    def window_begins_ns(self, now_ns: int, shift_ns: int) -> int:
        return now_ns - self.shares.window_ns

    def window_ends_ns(self, now_ns: int, shift_ns: int) -> int:
        window_ns = self.shares.window_ns
        if self._log:
            return self._log[0][0] + window_ns + self.trips.spread_ns
        return self._foreign_until_ns if self._foreign else now_ns + window_ns


def count_of(shares: Shares, key: tuple[str, ...], trips: Trips) -> Count:
    """The count of one key."""
    return (SlidingCount if shares.bucket.slides else FixedCount)(shares, key, trips)
