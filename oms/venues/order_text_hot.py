"""An order's bytes out of a template, in compiled code (`@hot` only): `fill`.

A template is what the orders of one account, market, side and type have in common: literal bytes,
and between them holes for what differs. It holds two texts: what is signed, and the whole frame,
whose signature is made here where it is an HMAC, and stays a hole for the caller where not.
`oms/venues/order_text.py` builds templates, and is their plain reference.

    template  [pieces that are signed, pieces in all, px_scale, qty_scale,
               (piece, first literal byte, size) per piece ...]
    mac       how to sign: see `sha256_hot`
    out       what is signed from byte 0, the frame from byte FRAME_AT
"""

from __future__ import annotations

import numpy as np

from shm_layout.jit import BYTES_TYPE, WORLD_TYPE, hot
from shm_layout.money_hot import POW10
from shm_layout.sha256_hot import BLOCK_BYTES, KIND_HMAC, MAC_KIND, hmac_hex

(
    PIECE_LITERAL,
    PIECE_CLIENT_ID,
    PIECE_PX,
    PIECE_QTY,
    PIECE_TIME,
    PIECE_REQUEST,
    PIECE_SIGNATURE,
) = range(7)
TEMPLATE_SIGNED, TEMPLATE_PIECES, TEMPLATE_PX_SCALE, TEMPLATE_QTY_SCALE = range(4)
TEMPLATE_HEAD_WORDS = 4
PIECE_WORDS = 3
PIECES_MAX = 48
TEMPLATE_WORDS = TEMPLATE_HEAD_WORDS + PIECES_MAX * PIECE_WORDS
LITERALS_BYTES = 2048

# Words of `values`: what goes in, then what comes out.
(
    VALUE_CLIENT_ID,
    VALUE_PX,
    VALUE_QTY,
    VALUE_REQUEST,
    VALUE_TIME_MS,
    VALUE_SIGNED_BYTES,
    VALUE_FRAME_END,
    VALUE_SIGNATURE_AT,
) = range(8)
VALUE_WORDS = 8

FRAME_AT = 2048
OUT_BYTES = 4096
SIGNING_AT = FRAME_AT - BLOCK_BYTES
"""Room for the outer hash; what is signed ends two blocks before, so that its padding fits."""
SIGNED_BYTES_MAX = SIGNING_AT - 2 * BLOCK_BYTES
ID_CHARS = 13
_ID_BITS = 5
_ID_MASK = 31
_ALPHABET = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", np.uint8).copy()
_ZERO = 48
_POINT = 46


@hot
def _whole(out, at, value):
    """Decimal digits of a value that is not negative; returns the place behind them."""
    size = 1
    rest = value // 10
    while rest > 0:
        size += 1
        rest //= 10
    rest = value
    for k in range(size - 1, -1, -1):
        tenth = rest // 10
        out[at + k] = _ZERO + rest - tenth * 10
        rest = tenth
    return at + size


@hot
def _decimal(out, at, value, scale):
    """The shortest decimal text of `value / 10**scale` (`oms/venues/decimal_text.to_text`)."""
    unit = POW10[scale]
    whole = value // unit
    part = value - whole * unit
    at = _whole(out, at, whole)
    if part == 0:
        return at
    out[at] = _POINT
    for k in range(scale, 0, -1):
        tenth = part // 10
        out[at + k] = _ZERO + part - tenth * 10
        part = tenth
    at += 1 + scale
    while out[at - 1] == _ZERO:
        at -= 1
    return at


@hot
def _client_id(out, at, order_id):
    """Base32 of an order id, as `oms/ids.to_text` has it behind the desk's own characters."""
    for k in range(ID_CHARS):
        out[at + k] = _ALPHABET[(order_id >> (_ID_BITS * (ID_CHARS - 1 - k))) & _ID_MASK]
    return at + ID_CHARS


@hot
def write_order(template, literals, values, mac, out):
    """Write both texts; sets the VALUE_* that come out. The caller made the template, and so
    knows that they fit.
    """
    at = 0
    values[VALUE_SIGNED_BYTES] = 0
    for k in range(template[TEMPLATE_PIECES]):
        if k == template[TEMPLATE_SIGNED]:
            values[VALUE_SIGNED_BYTES] = at
            at = FRAME_AT
        base = TEMPLATE_HEAD_WORDS + k * PIECE_WORDS
        piece = template[base]
        if piece == PIECE_LITERAL:
            first = template[base + 1]
            for j in range(template[base + 2]):
                out[at + j] = literals[first + j]
            at += template[base + 2]
        elif piece == PIECE_CLIENT_ID:
            at = _client_id(out, at, values[VALUE_CLIENT_ID])
        elif piece == PIECE_PX:
            at = _decimal(out, at, values[VALUE_PX], template[TEMPLATE_PX_SCALE])
        elif piece == PIECE_QTY:
            at = _decimal(out, at, values[VALUE_QTY], template[TEMPLATE_QTY_SCALE])
        elif piece == PIECE_TIME:
            at = _whole(out, at, values[VALUE_TIME_MS])
        elif piece == PIECE_REQUEST:
            at = _whole(out, at, values[VALUE_REQUEST])
        else:
            values[VALUE_SIGNATURE_AT] = at
            at += template[base + 2]
    values[VALUE_FRAME_END] = at
    if mac[MAC_KIND] == KIND_HMAC:
        hmac_hex(mac, out, values[VALUE_SIGNED_BYTES], SIGNING_AT, values[VALUE_SIGNATURE_AT])


@hot(entry=(WORLD_TYPE, BYTES_TYPE, WORLD_TYPE, WORLD_TYPE, BYTES_TYPE))
def fill(template, literals, values, mac, out):
    """`write_order` for Python."""
    write_order(template, literals, values, mac, out)
