"""What a message turned out to be, and the scratch that every decoder fills (constants only).

A decoder writes one whole message into `msg` (int64 words, MSG_*) and the level scratch, and
publishes nothing itself: so a message is taken whole or not at all. `oms/venues/base.py` gives
the status codes their names.
"""

OK = 0
IGNORED = 1
MALFORMED = 2
UNSUPPORTED_TICK = 3
OUT_OF_RANGE = 4
DECLINED = 5
TOO_LARGE = 6
BUFFER = 7
GAP = 8
DROPPED = 9
SNAPSHOT_OLD = 10

KIND_NONE = 0
KIND_DEPTH = 1
KIND_TICKER = 2
KIND_TRADE = 3
KIND_SNAPSHOT = 4

MSG_KIND = 0
MSG_INSTRUMENT = 1
MSG_EVENT_MS = 2
MSG_TRADE_MS = 3
MSG_FIRST_ID = 4
MSG_LAST_ID = 5
MSG_PREV_ID = 6
MSG_TRADE_ID = 7
MSG_BIDS = 8
MSG_ASKS = 9
MSG_BID_PX = 10
MSG_BID_QTY = 11
MSG_ASK_PX = 12
MSG_ASK_QTY = 13
MSG_PX = 14
MSG_QTY = 15
MSG_BUYER_IS_MAKER = 16
MSG_SEEN = 17
MSG_TROUBLE = 18
MSG_EVENT_NAME = 19
MSG_DEFERRED = 24
"""From here on: where a value stands that came before the symbol, one word per SEEN bit."""
MSG_WORDS = 48

NOT_SEEN = -2
"""MSG_INSTRUMENT: the message has named no symbol yet; -1 = a symbol that is not ours."""
NOT_OURS = -1

BIDS = 0
ASKS = 1

VALUE_MAX = 10**18 - 1
"""Largest price, quantity or id: 18 digits at the instrument's scale; more is OUT_OF_RANGE."""

SYMBOL_BYTES_MAX = 32
SCALE_PX = 0
SCALE_QTY = 1
