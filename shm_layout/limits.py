"""Every maximum of the system, by name, and the asserts that relate them.

A loop, queue, ring or table anywhere in the project is bounded by a name from this file.
Capacities of rings and tables are *defaults* for a desk: kernels read them from array shapes,
so that a simulated desk can be small (DESIGN.md law 2).
"""

from __future__ import annotations

CACHE_LINE_BYTES = 64
WORD_BYTES = 8
PAGE_BYTES = 4096

SEGMENT_HEAD_BYTES = PAGE_BYTES
SEGMENT_NAME_CHARS_MAX = 200
SEGMENT_BYTES_MAX = 1 << 32

VENUES_MAX = 16
GROUPS_MAX = 16
STRATEGIES_MAX = 16
"""Strategies of one desk at a time."""
STRATEGY_ROWS_MAX = 512
"""Strategies that one journal has ever known by name and account; the operator is one for each."""
PROCESSES_MAX = 64
INSTRUMENTS_MAX = 2048
ACCOUNTS_MAX = 256
CURRENCIES_MAX = 1024
CONNECTIONS_PER_AGENT_MAX = 512
LINKS_SHARED_FROM = 64
"""Accounts of one executor; with more of them several share a private connection, where the venue
allows that: opening one for each takes longer than an address may."""
BALANCES_MAX = 8192
"""Pairs of account and currency; beyond it a pair is named in the log and in no table."""
VENUE_POSITIONS_MAX = 4096
"""Positions as exchanges say them: by account, instrument and side."""
FEE_RATES_MAX = 4096
"""Fee rates as exchanges say them: by account, market, instrument or group, and side."""
FEED_CONNECTIONS_MAX = 16

MD_SLOTS = 1 << 15
TOP_SLOTS = 1 << 14
INTENT_SLOTS = 1 << 12
ORDER_SLOTS = 1 << 12
EXECUTION_SLOTS = 1 << 13
UPDATE_SLOTS = 1 << 14
CANCEL_RESERVE_DIVISOR = 8
"""The last 1/8 of an order ring's slots is kept for cancels (DESIGN.md law 4)."""

RUNGS_MAX = 16
"""Rungs of an instrument's ladder of ticks."""
LEVELS_PER_RECORD = 4
BOOK_LEVELS_MAX = 5120
"""Levels kept per side and book: a venue's deepest snapshot is 5,000."""
BOOK_TABLE_LEVELS = 20
"""Levels per side that readers of the book table see."""

EXECUTION_BACKLOG_MAX = 1 << 12
"""Executions that an executor keeps while their ring is full; beyond it, it closes its sockets."""

ORDERS_MAX = 1 << 16
"""Rows of the order table: open orders and terminal ones still tracked (RELIABILITY D15)."""
EXEC_KEYS_MAX = 1 << 18
"""Fill keys kept for de-duplication."""
OPEN_ORDERS_PER_STRATEGY_MAX = 256
INTENTS_PER_S_MAX = 10_000
"""Wishes of one strategy within a second, orders and cancels together, granted or not; with one
more it has failed."""

SCALE_DIGITS_MAX = 12
SCALE_HEADROOM_DIGITS = 2
CURRENCY_SCALE_DIGITS = 8
CURRENCY_SCALE_DIGITS_KRW = 6
MONEY_MAX = (1 << 63) - 1

WS_MESSAGE_BYTES_MAX = 8 << 20
HTTP_BODY_BYTES_MAX = 32 << 20
HTTP_HEAD_BYTES_MAX = 1 << 15
"""Request or status line and headers together; trailers, too."""
HTTP_REQUEST_BODY_BYTES_MAX = 1 << 20
"""Of a request to a server of ours; HTTP_BODY_BYTES_MAX is for what venues answer."""
HTTP_IN_FLIGHT_MAX = 64
ORDER_CONNECTIONS_MAX = 32
"""HTTP connections of one executor that stand open for new orders."""
ORDER_BYTES_UNACKNOWLEDGED_MS = 5000
"""TCP_USER_TIMEOUT of such a connection: then it ends, and what is unsent never leaves."""
ORIGINS_MAX = 64
"""Addresses (scheme, host, port) that one process sends requests to."""
HTTP_PIPELINE_MAX = 32
"""Requests of one connection that wait for their answers; then it is read no further."""
HTTP_WRITE_BYTES_MAX = 32 << 20
"""Unsent answers of one connection; a client that reads slower than that is cut off."""
WS_WRITE_BYTES_MAX = 32 << 20
"""Unsent bytes of one WebSocket; a peer that reads slower than that is cut off."""
SERVER_CONNECTIONS_MAX = 1024
"""Clients of one listener; a further one is closed at once."""
SERVER_REQUESTS_OPEN_MAX = 1024
"""HTTP requests of one process that wait for their agent's answer."""
FAULTS_MAX = 64
"""In force at one simulated exchange."""
FAULTS_QUEUED_MAX = 1 << 16
"""Messages that faults hold back; a further one is lost."""
DIFFS_BUFFERED_MAX = 4096
"""Depth diffs that a feed keeps while it waits for a snapshot."""

RATE_ROWS_EGRESS = 64
"""Rows of a rate table beside those of accounts: the address's pauses, then a row for each bucket
and key that was used of late."""
RATE_ROWS_ACCOUNT = 4
"""Rows for each account: of its order counts, of its pauses."""
RATE_USERS_MAX = 8
"""Shares of a bucket."""
RATE_COUNTS_MAX = 1 << 14
"""Counts that one process keeps; idle ones are forgotten first."""
RATE_LOG_MAX = 4096
"""Charges that a count of a fixed window remembers singly."""
EVENTS_REMEMBERED_MAX = 4096
"""User events of one account that are held against a second connection's."""
CLOCK_SAMPLES_MAX = 9

WORK_BUDGET = 256
"""Records that one call of a kernel may take from one ring before it looks at the others."""

HISTOGRAM_SUB_BITS = 3
HISTOGRAM_BUCKETS = 64 << HISTOGRAM_SUB_BITS
"""Eight sub-buckets per power of two of cycles: 12 % resolution."""

CHANNELS_MAX = 128
"""Rings of a desk; their ids count from 1."""
JOURNAL_BLOCK_BYTES_MAX = 1 << 20
JOURNAL_FILE_BYTES_MAX = 256 << 20
JOURNAL_FILE_RECORDS_MAX = 100_000
"""Risk begins the next file of its journal behind so many records: a snapshot stands between two
files, and a start reads from there on."""
JOURNAL_BEHIND_RECORDS_MAX = 200_000
"""What a start reads behind the last snapshot, at most."""
JOURNAL_BEHIND_REFUSE_RECORDS = JOURNAL_BEHIND_RECORDS_MAX - 10_000
"""So far behind it new orders are refused: the rest is for bringing what is open to its end."""
LOG_FOLDER_BYTES_MAX = 1 << 30
"""Of all processes' logs together, whatever their number."""

JOURNAL_AHEAD_BYTES = 4 << 20
"""Disk that a journal has set apart behind its end. When the disk gives no more and half of it is
used up, new orders are refused; the other half is for cancels and what the exchanges say."""
FIXED_FILE_BYTES = 4096

CONTROL_LINE_BYTES_MAX = 1 << 16
CONTROL_CLIENTS_MAX = 16
"""Of one control socket; beyond it, the one that was silent for longest is cut off."""

LOG_LINE_CHARS_MAX = 4096
TEXT_CHARS_MAX = 200

assert JOURNAL_FILE_RECORDS_MAX < JOURNAL_BEHIND_REFUSE_RECORDS < JOURNAL_BEHIND_RECORDS_MAX
assert PAGE_BYTES % CACHE_LINE_BYTES == 0
assert STRATEGY_ROWS_MAX >= ACCOUNTS_MAX + STRATEGIES_MAX, "the operator's rows and the desk's own"
assert all(n & (n - 1) == 0 for n in (MD_SLOTS, TOP_SLOTS, INTENT_SLOTS, ORDER_SLOTS))
assert all(n & (n - 1) == 0 for n in (EXECUTION_SLOTS, UPDATE_SLOTS, ORDERS_MAX, EXEC_KEYS_MAX))
assert INTENTS_PER_S_MAX >= 2 * 10 * OPEN_ORDERS_PER_STRATEGY_MAX, (
    "who keeps every quote that it may have and replaces each ten times a second is no flood"
)
HOPS_MAX = 8

assert BOOK_LEVELS_MAX > 5000, "a snapshot has up to 5,000 levels a side"
assert BOOK_TABLE_LEVELS <= BOOK_LEVELS_MAX
assert CURRENCY_SCALE_DIGITS <= SCALE_DIGITS_MAX
assert ORDER_SLOTS // CANCEL_RESERVE_DIVISOR >= 64, "the cancel reserve must be of use"
assert LINKS_SHARED_FROM <= CONNECTIONS_PER_AGENT_MAX
