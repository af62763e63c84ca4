"""Ledgers with the buckets that exchanges really have, against an exchange that counts at arrival.

Processes of a desk (executor, watchdog, feed) send whatever they may, at random moments; requests
arrive after random times. The exchange is a few lines of Python: lists of arrivals, counted in
every window by brute force. It says its own counts where the real one does.
"""

import bisect
import heapq
import itertools
import random
from dataclasses import dataclass, field

import pytest

from oms.agents.rates.ledger import Ledger
from oms.config import SharesConfig
from oms.venues.binance.spec import BUCKETS as SPOT
from oms.venues.binance.usdm import spec as usdm
from oms.venues.bithumb import spec as bithumb
from oms.venues.buckets import divided
from oms.venues.bybit import spec as bybit
from oms.venues.coinone import spec as coinone
from oms.venues.data import Bucket, Charge
from oms.venues.okx import spec as okx
from oms.venues.reports import Pause
from oms.venues.upbit import spec as upbit
from shm_layout.enums import Exchange, RateShare
from tests.support import FakePorts, Memory

MS = 1_000_000
S = 1_000 * MS
T0 = 1_700_000_040 * S
OWN = {
    "executor.binance": {
        RateShare.ORDERS: 1, RateShare.CANCELS: 1, RateShare.RECONCILIATION: 1,
        RateShare.CONNECTIONS: 2,
    },
    "watchdog.binance": {RateShare.KILL: 1},
    "feed.binance.spot": {RateShare.SNAPSHOTS: 1, RateShare.CONNECTIONS: 2},
}  # fmt: skip
BUCKETS = [
    *((f"okx {one.name}", one) for one in okx.BUCKETS),
    *((f"bybit {one.name}", one) for one in (*bybit.LINEAR.buckets, *bybit.SPOT.buckets)),
    *((f"upbit {one.name}", one) for one in upbit.BUCKETS),
    *((f"bithumb {one.name}", one) for one in bithumb.BUCKETS),
    *((f"coinone {one.name}", one) for one in coinone.BUCKETS),
    *((f"usdm {one.name}", one) for one in usdm.ORDERS.buckets),
    *((f"spot {one.name}", one) for one in SPOT),
]
BUCKETS = list(dict(BUCKETS).items())
EXAMPLES = {
    "egress": ("",), "account": ("main", "hedge"), "instrument": ("BTC-USDT", "ETH-USDT"),
    "market": ("bybit.spot", "bybit.linear"), "endpoint": ("/v5/order/realtime", "/v5/account"),
    "tag": ("a", "b"), "connection": ("1", "2"), "currency": ("KRW", "BTC"),
}  # fmt: skip


def processes(bucket, memory=None):
    """The ledgers that spend a bucket, by name."""
    memory = memory or Memory()
    made = {}
    (whole,) = divided([bucket], SharesConfig())
    users = {RateShare[user.upper()] for user in whole.users}
    for role, own in OWN.items():
        # A feed has no account and no private connection.
        public = "egress" in bucket.keys
        if users & own.keys() and (public or not role.startswith("feed")):
            ports = FakePorts(memory, "watchdog" if role.startswith("watchdog") else role)
            table = ports.table_writer(f"rates.{role}")
            made[role] = Ledger(ports, table, Exchange.BINANCE, [whole], own, (), T0)
    return whole, made


@dataclass
class Arrivals:
    """What reached the exchange of one bucket and key: times, in order, and how much each."""

    bucket: Bucket
    times: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=lambda: [0])

    def add(self, now_ns, n):
        self.times.append(now_ns)
        self.sums.append(self.sums[-1] + n)

    def since(self, begin_ns):
        """All that has arrived from then on."""
        return self.sums[-1] - self.sums[bisect.bisect_left(self.times, begin_ns)]

    def window(self, now_ns, *, fixed):
        """In the window that ends now, or in the fixed one of now."""
        window_ns = self.bucket.window_ms * MS
        begin_ns = now_ns // window_ns * window_ns if fixed else now_ns - window_ns + 1
        return self.since(begin_ns)


def latency(rng, spread_ns):
    return 20 * MS + rng.randrange(spread_ns + 1)


def play(bucket, seed, *, seconds, spread_ns=30 * MS, says=False, offset_ns=0):
    """Everybody sends all he may; returns (arrivals by key, most in a window by key, asked)."""
    rng = random.Random(seed)
    whole, ledgers = processes(bucket)
    for made in ledgers.values():
        made.venue_ns = lambda now_ns: now_ns + offset_ns
        for trip_ns in (40 * MS, 40 * MS + spread_ns):
            made.note((), 0, T0 - trip_ns, T0)
    keys = list(itertools.product(*(EXAMPLES[name] for name in bucket.keys)))
    arrivals = {key: Arrivals(whole) for key in keys}
    most = dict.fromkeys(keys, 0)
    asked = dict.fromkeys(keys, 0)
    events, order = [], itertools.count()
    spenders = [
        (made, share) for made in ledgers.values() for share in sorted(made._own)
        if whole.users.get(share.name.lower())
    ]  # fmt: skip
    window_ns = whole.window_ms * MS
    often = max(whole.limit * 3, 60) * len(spenders) * len(keys)
    step_ns = max(window_ns // often, 50_000)
    now_ns, end_ns = T0, T0 + seconds * S

    def deliver(until_ns):
        while events and events[0][0] <= until_ns:
            at_ns, _, what = heapq.heappop(events)
            if what[0] == "arrive":
                _, made, key, n, mark, sent_ns, back_ns = what
                count = arrivals[key]
                count.add(at_ns + offset_ns, n)
                # Of fixed windows those alone are counted; any window else.
                fixed = not whole.slides
                most[key] = max(most[key], count.window(at_ns + offset_ns, fixed=fixed))
                used = count.window(at_ns + offset_ns, fixed=fixed)
                reply = "reply", made, key, used, mark, sent_ns
                heapq.heappush(events, (at_ns + back_ns, next(order), reply))
            else:
                _, made, key, used, mark, sent_ns = what
                usage = (Charge(whole.name, key, used),) if says else ()
                made.note(usage, mark, sent_ns, at_ns)

    while now_ns < end_ns:
        now_ns += rng.randrange(1, 2 * step_ns)
        deliver(now_ns)
        made, share = rng.choice(spenders)
        key = rng.choice(keys)
        n = rng.choice((1, 1, 1, 2, 5)) if whole.limit >= 50 else 1
        charge = Charge(whole.name, key, n)
        asked[key] += n
        if made.take(share, (charge,), now_ns):
            there_ns = latency(rng, spread_ns)
            back_ns = latency(rng, spread_ns)
            event = ("arrive", made, key, n, made.total, now_ns, back_ns)
            heapq.heappush(events, (now_ns + there_ns, next(order), event))
    deliver(end_ns + 10 * S)
    return arrivals, most, asked


def reached(whole, arrivals, seconds):
    """The least part of the limit that a key's arrivals come to."""
    windows = seconds * 1000 / whole.window_ms
    return min(count.sums[-1] / (whole.limit * windows) for count in arrivals.values())


@pytest.mark.parametrize(("name", "bucket"), BUCKETS, ids=[name for name, _ in BUCKETS])
@pytest.mark.parametrize("seed", range(2))
def test_no_window_of_any_key_ever_has_more_than_its_limit(name, bucket, seed):
    seconds = min(max(6 * bucket.window_ms // 1000, 6), 60)
    if bucket.limit * seconds * 1000 // bucket.window_ms > 20_000:
        seconds = max(3 * bucket.window_ms // 1000, 3)
    arrivals, most, _ = play(bucket, f"{name} {seed}", seconds=seconds)
    assert max(most.values()) <= bucket.limit, most
    assert all(count.sums[-1] for count in arrivals.values()), "every key was used"


TIGHT = [(name, one) for name, one in BUCKETS if one.window_ms <= 10_000 and one.limit >= 2]


@pytest.mark.parametrize(("name", "bucket"), TIGHT, ids=[name for name, _ in TIGHT])
def test_all_users_together_reach_nine_tenths_of_the_limit(name, bucket):
    """Parts are whole numbers: where one of a small limit is cut, so much of it stays unused."""
    seconds = 12 * bucket.window_ms // 1000
    (whole,) = divided([bucket], SharesConfig())
    arrivals, _, asked = play(bucket, name, seconds=seconds, spread_ns=20 * MS)
    assert min(asked.values()) > bucket.limit * 12, "enough was asked for"
    # What nobody has as his part is the cancels'.
    given = (
        whole.limit
        if "cancels" in whole.users
        else sum(sum(made.shares_of(whole.name).part) for made in processes(bucket)[1].values())
    )
    part = reached(whole, arrivals, seconds)
    assert part >= 0.9 * given / whole.limit, f"{part:.3f} of {given} of {whole.limit}"
    assert part >= 0.9 or given <= whole.limit - 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "bucket"),
    [(name, one) for name, one in BUCKETS if name in {
        "okx place", "bybit linear.place", "bithumb coin", "coinone order", "upbit default",
        "spot orders_10s"}],
    ids=lambda one: one if isinstance(one, str) else "",
)  # fmt: skip
def test_word_of_the_exchange_on_what_it_counted_costs_little(name, bucket, seed):
    """Its word knows what has arrived only; what is under way is added, and nothing twice."""
    seconds = 12 * bucket.window_ms // 1000
    arrivals, most, _ = play(bucket, f"{name}{seed}", seconds=seconds, spread_ns=20 * MS, says=True)
    assert max(most.values()) <= bucket.limit
    assert reached(bucket, arrivals, seconds) >= 0.88


@pytest.mark.parametrize("offset_ms", [-730, 0, 410])
def test_fixed_windows_follow_the_exchanges_clock(offset_ms):
    (bucket,) = [one for one in upbit.BUCKETS if one.name == "orderbook"]
    _, most, _ = play(bucket, offset_ms, seconds=20, offset_ns=offset_ms * MS)
    assert max(most.values()) <= bucket.limit


def test_judge_sees_a_ledger_whose_windows_are_too_short(monkeypatch):
    """Without the round trip's spread the same play is over the limit: the judge can fail."""
    monkeypatch.setattr("oms.agents.rates.counts.SPREAD_NS_MAX", 0)
    (bucket,) = [one for one in okx.BUCKETS if one.name == "place"]
    found = [play(bucket, seed, seconds=24, spread_ns=60 * MS)[1] for seed in range(3)]
    assert max(max(most.values()) for most in found) > bucket.limit


# Several buckets in one request


def ledger(buckets, own="executor.binance", memory=None, peers=(), now_ns=T0):
    memory = memory or Memory()
    ports = FakePorts(memory, "watchdog" if own.startswith("watchdog") else own)
    readers = [memory.table_reader(f"rates.{peer}") for peer in peers]
    table = ports.table_writer(f"rates.{own}")
    every = divided(buckets, SharesConfig())
    return Ledger(ports, table, Exchange.BINANCE, every, OWN[own], readers, now_ns)


def test_charges_are_taken_all_or_none():
    made = ledger(okx.BUCKETS)
    batch = [Charge("place", ("main", "BTC-USDT"), 60), Charge("orders_of_account", ("main",), 60)]
    assert made.take(RateShare.ORDERS, batch, T0)
    again = [Charge("orders_of_account", ("main",), 1), Charge("place", ("main", "BTC-USDT"), 1)]
    assert not made.take(RateShare.ORDERS, again, T0)
    room = made.room(RateShare.ORDERS, Charge("orders_of_account", ("main",)), T0)
    assert room == 1000 - 60, "what was refused took nothing"
    assert made.take(RateShare.ORDERS, [Charge("place", ("main", "ETH-USDT"), 60)], T0)
    assert made.take(RateShare.ORDERS, [Charge("place", ("hedge", "BTC-USDT"), 60)], T0)


@pytest.mark.parametrize("seed", range(4))
def test_random_requests_of_several_buckets_leave_each_within_its_limit(seed):
    rng = random.Random(seed)
    made = ledger(bithumb.BUCKETS)
    sent = {}
    now_ns = T0
    for _ in range(6000):
        now_ns += rng.randrange(3 * MS)
        coin = rng.choice(("BTC", "ETH", "XRP"))
        share, bucket = rng.choice(
            ((RateShare.ORDERS, "private-order"), (RateShare.CANCELS, "private-cancel"))
        )
        charges = [Charge(bucket, ("",)), Charge("coin", ("", coin))]
        before = {(c.bucket, c.key): made.room(share, c, now_ns) for c in charges}
        taken = made.take(share, charges, now_ns)
        assert taken == all(before[c.bucket, c.key] >= c.count for c in charges)
        for charge in charges if taken else ():
            sent.setdefault((charge.bucket, charge.key), []).append(now_ns)
    for (name, _), times in sent.items():
        (bucket,) = [one for one in bithumb.BUCKETS if one.name == name]
        for k, at_ns in enumerate(times):
            within = k + 1 - bisect.bisect_right(times, at_ns - bucket.window_ms * MS)
            assert within <= bucket.limit


# Pauses by key


def one(bucket, *key, n=1):
    return [Charge(bucket, key, n)]


def test_pause_of_an_account_stops_what_is_charged_to_it_alone():
    made = ledger(okx.BUCKETS)
    made.note_pause(Pause(("account",), 0, for_ms=2_000), T0, "main")
    assert not made.take(RateShare.ORDERS, one("place", "main", "BTC-USDT"), T0)
    assert made.take(RateShare.ORDERS, one("place", "hedge", "BTC-USDT"), T0)
    assert made.take(RateShare.CANCELS, one("cancel", "main", "BTC-USDT"), T0), "cancels pass"
    assert made.take(RateShare.RECONCILIATION, one("public", ""), T0)
    assert made.take(RateShare.ORDERS, one("place", "main", "BTC-USDT"), T0 + 2 * S)


def test_hard_pause_of_an_account_stops_its_cancels_too():
    made = ledger(upbit.BUCKETS)
    made.note_pause(Pause(("account", "main"), 0, cancels_pass=False, for_ms=1_000), T0)
    assert not made.take(RateShare.CANCELS, one("default", "main"), T0)
    assert made.take(RateShare.CANCELS, one("default", "hedge"), T0)


def test_pause_of_a_bucket_stops_that_one_of_that_account():
    made = ledger(upbit.BUCKETS)
    made.note_pause(Pause(("order", "main"), 0, for_ms=1_000), T0)
    assert not made.take(RateShare.ORDERS, one("order", "main"), T0)
    assert made.take(RateShare.RECONCILIATION, one("default", "main"), T0)
    assert made.take(RateShare.ORDERS, one("order", "hedge"), T0)
    assert made.paused_until_ns(one("order", "main")) == T0 + S


def test_pause_of_a_bucket_by_address_stops_all_of_it():
    made = ledger(bithumb.BUCKETS)
    made.note_pause(Pause(("private-order",), 0, for_ms=1_000), T0)
    assert not made.take(RateShare.ORDERS, one("private-order", ""), T0)
    assert made.take(RateShare.CANCELS, one("private-cancel", ""), T0)


@pytest.mark.parametrize("key", [("account", "main"), ("order", "main")])
def test_pause_by_key_is_read_by_the_other_processes_of_that_key(key):
    memory = Memory()
    executor = ledger(upbit.BUCKETS, memory=memory)
    watchdog = ledger(upbit.BUCKETS, "watchdog.binance", memory, ("executor.binance",))
    assert watchdog.take(RateShare.KILL, one("order", "main"), T0)
    executor.note_pause(Pause(key, 0, cancels_pass=False, for_ms=5_000), T0)
    executor.publish(T0)
    assert not watchdog.seize(one("order", "main"), T0 + 50 * MS)
    assert watchdog.seize(one("order", "hedge"), T0 + 50 * MS)
    assert watchdog.seize(one("order", "main"), T0 + 5 * S)


def test_closing_of_all_sockets_is_known_to_every_process_of_the_address():
    memory = Memory()
    executor = ledger(bybit.SPOT.buckets, memory=memory)
    feed = ledger(bybit.SPOT.buckets, "feed.binance.spot", memory, ("executor.binance",))
    hard = Pause(("egress",), 0, cancels_pass=False, close_sockets=True, for_ms=600_000)
    executor.note_pause(hard, T0)
    executor.publish(T0)
    feed.look_at_peers(T0 + 50 * MS)
    assert feed.close_until_ns == feed.ban_until_ns == T0 + 600 * S


def test_successor_knows_its_predecessors_counts_and_pauses_by_key():
    memory = Memory()
    made = ledger(okx.BUCKETS, memory=memory)
    assert made.take(RateShare.ORDERS, one("place", "main", "BTC-USDT", n=60), T0)
    made.note_pause(Pause(("account", "hedge"), 0, for_ms=9_000), T0)
    made.publish(T0)
    again = ledger(okx.BUCKETS, memory=memory, now_ns=T0 + S)
    assert not again.take(RateShare.ORDERS, one("place", "main", "BTC-USDT"), T0 + S)
    assert not again.take(RateShare.ORDERS, one("place", "hedge", "BTC-USDT"), T0 + S)
    assert again.take(RateShare.ORDERS, one("place", "main", "ETH-USDT"), T0 + S)
    assert again.take(RateShare.ORDERS, one("place", "main", "BTC-USDT"), T0 + 2 * S)


def test_kill_takes_what_the_other_processes_have_not_written_that_they_sent():
    memory = Memory()
    executor = ledger(upbit.BUCKETS, memory=memory)
    assert executor.take(RateShare.CANCELS, one("default", "main", n=12), T0)
    executor.publish(T0)
    watchdog = ledger(upbit.BUCKETS, "watchdog.binance", memory, ("executor.binance",))
    taken = sum(watchdog.seize(one("default", "main"), T0) for _ in range(30))
    assert taken == 30 - 3 - 12
    assert sum(watchdog.seize(one("default", "hedge"), T0) for _ in range(30)) == 27


def test_rows_of_idle_counts_are_given_to_those_that_are_used():
    memory = Memory()
    made = ledger(okx.BUCKETS, memory=memory)
    rows = memory.table_reader("rates.executor.binance").rows
    now_ns = T0
    for k in range(3 * len(rows)):
        now_ns += S
        assert made.take(RateShare.ORDERS, one("place", "main", f"COIN{k}-USDT"), now_ns)
        made.publish(now_ns)
    shown = {bytes(row["key"]).decode() for row in rows if row["bucket"] == b"place"}
    assert f"main COIN{3 * len(rows) - 1}-USDT" in shown
