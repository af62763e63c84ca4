"""Orders written by the kernel against the same text put together in Python."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from oms import ids
from oms.venues.shared import order_text_hot as hot
from oms.venues.shared.decimal_text import to_text
from oms.venues.shared.hmac_sha256 import HotHmac
from oms.venues.shared.order_text import Buffers, OrderText, hole

PIECES = (hot.PIECE_CLIENT_ID, hot.PIECE_PX, hot.PIECE_QTY, hot.PIECE_TIME)
DIGEST_CHARS = 64

whole = st.integers(0, 2**63 - 1) | st.integers(0, 17).map(lambda k: 10**k) | st.integers(0, 999)
scales = st.tuples(st.integers(0, 18), st.integers(0, 18))
literals = st.lists(st.text("abc&=0", max_size=20), min_size=6, max_size=6)


@given(whole, whole, whole, whole, st.integers(1, 2**63 - 1), scales, literals)
def test_order_of_any_numbers_reads_as_python_writes_it(
    px, qty, time_ms, request, order_id, at, of
):
    signed = of[0].join(hole(piece) for piece in PIECES) + of[1]
    behind = f'{of[2]}"{hole(hot.PIECE_REQUEST)}{of[3]}{hole(hot.PIECE_SIGNATURE)}{of[5]}'
    frame = of[4].join(hole(piece) for piece in reversed(PIECES)) + behind
    buffers = Buffers()
    text = OrderText(signed, frame, DIGEST_CHARS, at, HotHmac(b"key", b"prefix"), buffers)
    view = buffers.values_view
    view[hot.VALUE_CLIENT_ID], view[hot.VALUE_PX], view[hot.VALUE_QTY] = order_id, px, qty
    numbers = [ids.tail_text(order_id), to_text(px, at[0]), to_text(qty, at[1]), str(time_ms)]
    message = "prefix" + of[0].join(numbers) + of[1]
    signature = hmac.new(b"key", message.encode(), hashlib.sha256).hexdigest()
    wanted = of[4].join(reversed(numbers)) + f'{of[2]}"{request}{of[3]}{signature}{of[5]}'
    for _ in range(2):
        assert text.write(request, time_ms).decode() == wanted
