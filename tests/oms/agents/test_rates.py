"""The rate ledger: shares, the venue's own counts, pauses, and what it costs nobody."""

import dataclasses
import random

import pytest

from oms.agents.rates.ledger import Ledger
from oms.config import SharesConfig
from oms.venues.buckets import URGENT_PERCENT, divided, starting
from oms.venues.data import Bucket, Charge
from oms.venues.reports import Pause
from shm_layout.enums import Exchange, RateShare
from tests.support import FakePorts, Memory

T0 = 1_700_000_040_000_000_000  # a whole minute
S = 1_000_000_000
SHARES = SharesConfig(orders=20, cancels=20, kill=15, snapshots=20, reconciliation=20)
WEIGHT = Bucket("weight", ("egress",), 1000, 60_000, slides=False)
CONNECTIONS = Bucket(
    "connections", ("egress",), 300, 300_000, users={"connections": 100}, slides=False
)
EXECUTOR = (RateShare.ORDERS, RateShare.CANCELS, RateShare.RECONCILIATION)
ORDERS, CANCELS, QUERIES = EXECUTOR
SNAPSHOTS, KILL = RateShare.SNAPSHOTS, RateShare.KILL


class WeightLedger(Ledger):
    """Asked in weight of the address, as these tests are."""

    def charge(self, share, weight, now_ns):
        return self.take(share, of(weight), now_ns)

    def borrow(self, weight, now_ns):
        return super().borrow(of(weight), now_ns)

    def next_window_ns(self, now_ns):
        return super().next_window_ns(now_ns, of(1))


def of(weight):
    return (Charge("weight", ("",), weight),)


def ledger(memory=None, role="executor.binance", own=EXECUTOR, peers=(), now_ns=T0):
    memory = memory or Memory()
    readers = [memory.table_reader(f"rates.{peer}") for peer in peers]
    ports = FakePorts(memory, role)
    name = "watchdog.binance" if role == "watchdog" else role
    table = ports.table_writer(f"rates.{name}")
    shares = dict.fromkeys(own, 1) | {RateShare.CONNECTIONS: 2}
    buckets = divided((WEIGHT, CONNECTIONS), SHARES)
    return WeightLedger(ports, table, Exchange.BINANCE, buckets, shares, readers, now_ns)


def spend(made, share, now_ns=T0, weight=10):
    """How much of a share goes through."""
    spent = 0
    while made.charge(share, weight, now_ns):
        spent += weight
        assert spent <= 1000
    return spent


def test_each_share_takes_its_part_and_no_more():
    made = ledger()
    assert spend(made, ORDERS) == 200
    assert spend(made, QUERIES) == 200
    assert not made.charge(ORDERS, 1, T0 + 59 * S)
    assert made.charge(ORDERS, 1, T0 + 60 * S)


def test_cancels_also_take_what_is_left_over_but_never_the_kills():
    made = ledger()
    spend(made, ORDERS)
    spend(made, QUERIES)
    # The feeds' 200 and the kill's 150 are somebody else's: 250 are left.
    assert spend(made, CANCELS) == 250


def test_every_process_at_its_full_share_fits_the_address():
    """Each sees the others' use in the venue's count alone."""
    executor, feed = ledger(), ledger(role="feed.binance.spot", own=(SNAPSHOTS,))
    used = 0
    for _ in range(100):
        for made, share in ((executor, ORDERS), (executor, CANCELS), (executor, QUERIES),
                            (feed, SNAPSHOTS)):  # fmt: skip
            if share is CANCELS and used >= 800:
                continue
            if made.charge(share, 10, T0):
                used += 10
                made.note(of(used), made.total, T0, T0)
    assert used >= 780
    assert feed.charge(SNAPSHOTS, 1, T0) is False
    assert used <= 1000 - 150


def test_other_programs_of_this_address_are_given_way_to_in_order():
    made = ledger()
    assert made.charge(ORDERS, 1, T0)
    made.note(of(500), made.total, T0, T0)
    # 150 for the kill, 200 for cancels and 200 for reconciliation leave nothing for orders.
    assert not made.charge(ORDERS, 1, T0)
    assert spend(made, QUERIES) == 150
    assert spend(made, CANCELS) == 200


def test_venues_count_holds_until_its_window_ends():
    made = ledger()
    made.charge(ORDERS, 1, T0)
    made.note(of(990), made.total, T0, T0)
    assert not made.charge(CANCELS, 1, T0 + 59 * S)
    assert made.charge(CANCELS, 1, T0 + 60 * S)


def test_venues_count_of_the_window_before_says_nothing():
    made = ledger()
    made.charge(ORDERS, 1, T0)
    mark = made.total
    made.note(of(990), mark, T0, T0 + 60 * S)
    assert made.charge(ORDERS, 1, T0 + 60 * S)


def test_venues_older_word_does_not_replace_a_newer_one():
    made = ledger()
    made.charge(ORDERS, 1, T0)
    first = made.total
    made.charge(ORDERS, 1, T0)
    made.note(of(990), made.total, T0, T0)
    made.note(of(5), first, T0, T0)
    assert not made.charge(CANCELS, 1, T0)


def test_what_was_sent_after_the_answered_request_is_added():
    made = ledger()
    made.charge(QUERIES, 100, T0)
    mark = made.total
    made.charge(QUERIES, 100, T0)
    made.note(of(700), mark, T0, T0)
    # 700 + 100, and 150 are the kill's.
    assert spend(made, CANCELS) == 50


def test_window_follows_the_venues_clock():
    made = ledger()
    made.venue_ns = lambda now_ns: now_ns + 30 * S
    spend(made, ORDERS)
    assert not made.charge(ORDERS, 1, T0 + 29 * S)
    assert made.charge(ORDERS, 1, T0 + 30 * S)
    assert made.next_window_ns(T0 + 31 * S) == T0 + 90 * S


def test_estimate_of_the_clock_that_goes_back_begins_no_window_twice():
    made = ledger(now_ns=T0 + 60 * S)
    spend(made, ORDERS, T0 + 60 * S)
    assert not made.charge(ORDERS, 1, T0 + 60 * S - 1)
    assert not made.charge(ORDERS, 1, T0 + 60 * S)


# Pauses


def test_429_stops_all_but_cancels_and_418_everything():
    made = ledger()
    made.note_refusal(429, T0 + 5 * S, T0)
    assert [made.charge(share, 1, T0) for share in EXECUTOR] == [False, True, False]
    made.note_refusal(418, T0 + 9 * S, T0)
    assert not made.charge(CANCELS, 1, T0)
    assert all(made.charge(share, 1, T0 + 9 * S) for share in EXECUTOR)


def test_pause_without_a_time_is_ten_seconds():
    made = ledger()
    made.note_refusal(429, 0, T0)
    assert not made.charge(ORDERS, 1, T0 + 10 * S - 1)
    assert made.charge(ORDERS, 1, T0 + 10 * S)


@pytest.mark.parametrize("status", [0, 200, 400, 403, 503])
def test_other_answers_pause_nothing(status):
    made = ledger()
    made.note_refusal(status, T0 + 5 * S, T0)
    assert made.charge(ORDERS, 1, T0)


def test_pause_told_to_one_process_holds_for_the_others():
    memory = Memory()
    executor = ledger(memory, peers=("feed.binance.spot",))
    feed = ledger(memory, "feed.binance.spot", (SNAPSHOTS,), ("executor.binance",))
    feed.note_refusal(418, T0 + 5 * S, T0)
    feed.publish(T0)
    assert not executor.charge(CANCELS, 1, T0 + 50_000_000)
    assert executor.charge(CANCELS, 1, T0 + 5 * S)


def test_successor_knows_what_was_sent_in_this_minute_and_the_pause():
    memory = Memory()
    former = ledger(memory)
    spend(former, ORDERS)
    former.note_refusal(429, T0 + 20 * S, T0)
    former.publish(T0)
    again = ledger(memory, now_ns=T0 + 30 * S)
    assert not again.charge(ORDERS, 1, T0 + 30 * S)
    assert again.pause_until_ns == T0 + 20 * S
    assert again.charge(ORDERS, 1, T0 + 60 * S)


# Connections


def test_connections_are_half_of_the_addresss():
    made = ledger()
    one = (Charge("connections", ("",)),)
    opened = RateShare.CONNECTIONS
    assert sum(made.take(opened, one, T0 + k) for k in range(300)) == 150
    assert made.take(opened, one, T0 + 300 * S)


# New orders of an account


class Orders:
    """Orders of one account, beside what the address is asked."""

    def __init__(self, limit, day=0):
        users = {"orders": 100}
        buckets = [Bucket("orders_10s", ("account",), limit, 10_000, users=users)]
        if day:
            buckets.append(
                Bucket(
                    "orders_day",
                    ("account",),
                    day,
                    86_400_000,
                    users=users,
                    slides=False,
                    gives_back=True,
                )
            )
        ports = FakePorts(Memory(), "executor.binance")
        table = ports.table_writer("rates.executor.binance")
        self.ledger = Ledger(ports, table, Exchange.BINANCE, buckets, {ORDERS: 1}, (), T0)
        self.charges = [Charge(bucket.name, ("main",)) for bucket in buckets]
        self.buckets = buckets

    def full(self, now_ns):
        return not self.ledger.fits(ORDERS, self.charges, now_ns)

    def count(self, now_ns):
        assert self.ledger.take(ORDERS, self.charges, now_ns)
        return self.ledger.total

    def note(self, bucket, count, mark, sent_ns, now_ns):
        self.ledger.note([Charge(bucket, ("main",), count)], mark, sent_ns, now_ns)


def orders(limit=5, day=0):
    return Orders(limit, day)


def fill(made, now_ns):
    sent = 0
    while not made.full(now_ns):
        made.count(now_ns)
        sent += 1
    return sent


def test_orders_in_any_ten_seconds_stay_below_the_limit():
    made = orders()
    assert fill(made, T0 + 9 * S) == 5
    assert fill(made, T0 + 11 * S) == 0, "another window of the venue's, the same ten seconds"
    assert fill(made, T0 + 19 * S) == 5


def test_orders_of_others_on_this_account_count_too():
    made = orders()
    mark = made.count(T0)
    made.note("orders_10s", 4, mark, T0, T0)
    assert fill(made, T0) == 1
    assert fill(made, T0 + 10 * S) == 5


def test_orders_lowered_limit_of_the_list_holds():
    made = orders(100)
    made.ledger.set_limits([dataclasses.replace(made.buckets[0], limit=3)])
    assert fill(made, T0) == 3


def test_orders_of_the_day_are_counted_by_the_venue():
    made = orders(day=10)
    mark = made.count(T0)
    made.note("orders_day", 9, mark, T0, T0)
    assert fill(made, T0) == 1
    assert made.full(T0 + 3600 * S)


def test_orders_of_the_day_that_filled_are_taken_off_again_by_the_venue():
    made = orders(limit=100, day=10)
    mark = [made.count(T0) for _ in range(10)][-1]
    assert made.full(T0)
    made.note("orders_day", 4, mark, T0, T0)
    assert fill(made, T0) == 6
    assert made.full(T0 + 3600 * S)


def test_orders_paused_by_the_venue_wait():
    made = orders()
    made.ledger.note_pause(Pause(("account", "main"), 0, for_ms=7_000), T0)
    assert made.full(T0 + 7 * S - 1)
    assert not made.full(T0 + 7 * S)


def test_ledgers_table_shows_use_and_limit():
    memory = Memory()
    made = ledger(memory)
    made.charge(CANCELS, 7, T0)
    made.note(of(70), made.total, T0, T0)
    made.publish(T0)
    rows = memory.table_reader("rates.executor.binance").rows
    (row,) = rows[rows["bucket"] == b"weight"]
    assert (int(row["used"]), int(row["limit"]), row["key"]) == (70, 1000, b"")
    assert (int(row["spent"][CANCELS]), int(row["part"][CANCELS])) == (7, 200)


# First reconciliations


def borrow_all(made, now_ns=T0, weight=10):
    """How much first reconciliations get beside their own share."""
    spent = 0
    while made.borrow(weight, now_ns):
        spent += weight
        assert spent <= 1000
    return spent


def test_first_reconciliations_borrow_all_but_a_quarter_of_orders_and_snapshots():
    made = ledger()
    # 1000 less kill 150, cancels 200, reconciliation's own 200, and 50 each of the lenders.
    assert borrow_all(made) == 350
    assert spend(made, QUERIES) == 200
    assert spend(made, ORDERS) == 50
    assert spend(made, CANCELS) == 200


def test_first_reconciliations_and_their_share_are_what_doctor_says():
    made = ledger()
    kept = 200 * URGENT_PERCENT // 100
    assert spend(made, QUERIES) - kept + borrow_all(made) == starting(divided((WEIGHT,), SHARES)[0])


def test_borrowing_leaves_what_orders_and_others_have_used_already():
    made = ledger()
    spend(made, ORDERS)
    made.note(of(400), made.total, T0, T0)  # the feeds have used their 200
    assert borrow_all(made) == 50
    assert spend(made, QUERIES) == 200
    assert spend(made, CANCELS) == 200


def test_nothing_is_borrowed_in_a_pause():
    made = ledger()
    made.note_refusal(429, T0 + 5 * S, T0)
    assert not made.borrow(10, T0)
    assert made.borrow(10, T0 + 5 * S)


def test_kill_has_its_share_after_all_was_borrowed():
    memory = Memory()
    executor = ledger(memory)
    watchdog = ledger(memory, role="watchdog", own=(KILL,))
    used = borrow_all(executor) + spend(executor, QUERIES) + spend(executor, CANCELS)
    watchdog.note(of(used), 0, T0, T0)
    assert spend(watchdog, KILL) >= 150


@pytest.mark.parametrize("seed", range(6))
def test_room_is_the_most_that_is_granted(seed):
    """Under whatever was spent before, in all shares, and whatever the venue counted."""
    draw = random.Random(seed)
    for own, shares in ((EXECUTOR, EXECUTOR), ((SNAPSHOTS,), (SNAPSHOTS,)), ((KILL,), (KILL,))):
        made, now_ns = ledger(own=own), T0
        for _ in range(30):
            now_ns += draw.randrange(4 * S)
            made.charge(draw.choice(shares), draw.randrange(120), now_ns)
            if draw.random() < 0.2:
                made.note(of(draw.randrange(900)), made.total, now_ns, now_ns)
            if draw.random() < 0.1:
                made.note_refusal(429, now_ns + 3 * S, now_ns)
            share = draw.choice(shares)
            room = made.room(share, of(1)[0], now_ns)
            assert not made.fits(share, of(room + 1), now_ns)
            assert room == 0 or made.fits(share, of(room), now_ns)
