"""An order's bytes out of a template, in compiled code (`@hot` only): `fill`.

A template is what the orders of one account, market, side and type have in common: literal bytes,
and between them holes for what differs. It holds two texts: what is signed, and the whole frame,
whose signature is made here where it is an HMAC, and stays a hole for the caller where not.
`oms/venues/shared/order_text.py` builds templates, and is their plain reference.

    template  [pieces that are signed, pieces in all, px_scale, qty_scale,
               (piece, first literal byte, size) per piece ...]
    mac       how to sign: see `sha256_hot`
    out       what is signed from byte 0, the frame from byte FRAME_AT
"""

from __future__ import annotations

import numpy as np

from shm_layout.jit import BYTES_TYPE, WORLD_TYPE, hot
from shm_layout.money_hot import POW10
from shm_layout.words.byte_words_hot import BYTES_PER_WORD, first_mark, load_word, store_word
from shm_layout.words.sha256_hot import KIND_HMAC, MAC_KIND, hmac_hex
from shm_layout.words.sha256_rounds import BLOCK_BYTES

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
VALUE_PLACES = 8
"""From here on, by piece: where it stands, and its size."""
VALUE_WORDS = VALUE_PLACES + 2 * PIECE_SIGNATURE
NUMBER_CHARS_MAX = 24
"""Whole words."""

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
_ZEROS = _ZERO * 0x0101010101010101
_HALVES, _PAIRS = 0x0000007F0000007F, 0x000F000F000F000F
_E8 = 10**8
_POINT = 46


@hot(inline=True)
def _eight(value):
    """The digits of a number below 10**8, a byte each, the first one lowest: halves, then pairs,
    then digits side by side.
    """
    halves = value // 10_000
    halves |= (value - halves * 10_000) << 32
    pairs = (halves * 10_486 >> 20) & _HALVES
    pairs |= (halves - pairs * 100) << 16
    digits = (pairs * 103 >> 10) & _PAIRS
    return digits | ((pairs - digits * 10) << 8)


@hot(inline=True)
def _up_to_eight(out, at, value):
    """Those of them that are written; returns the place behind."""
    digits = _eight(value)
    zeros = min(first_mark(digits) >> 3, BYTES_PER_WORD - 1)
    store_word(out, at, (digits + _ZEROS) >> (8 * zeros))
    return at + BYTES_PER_WORD - zeros


@hot
def _whole(out, at, value):
    """Decimal digits of a value that is not negative; returns the place behind them."""
    top = value // _E8
    if top == 0:
        return _up_to_eight(out, at, value)
    most = top // _E8
    if most == 0:
        at = _up_to_eight(out, at, top)
    else:
        at = _up_to_eight(out, at, most)
        store_word(out, at, _eight(top - most * _E8) + _ZEROS)
        at += BYTES_PER_WORD
    store_word(out, at, _eight(value - top * _E8) + _ZEROS)
    return at + BYTES_PER_WORD


@hot
def _decimal(out, at, value, scale):
    """The shortest decimal text of `value / 10**scale` (`decimal_text.to_text`)."""
    unit = POW10[scale]
    whole = value // unit
    part = value - whole * unit
    at = _whole(out, at, whole)
    if part == 0:
        return at
    out[at] = _POINT
    if scale <= BYTES_PER_WORD:
        store_word(out, at + 1, _eight(part * POW10[BYTES_PER_WORD - scale]) + _ZEROS)
    else:
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
    """Base32 of an order id, as `to_text` of oms/ids.py has it behind the desk's own characters."""
    for k in range(ID_CHARS):
        out[at + k] = _ALPHABET[(order_id >> (_ID_BITS * (ID_CHARS - 1 - k))) & _ID_MASK]
    return at + ID_CHARS


@hot
def _number(template, values, piece, out, at):
    """One of the numbers; returns the place behind it."""
    if piece == PIECE_CLIENT_ID:
        return _client_id(out, at, values[VALUE_CLIENT_ID])
    if piece == PIECE_PX:
        return _decimal(out, at, values[VALUE_PX], template[TEMPLATE_PX_SCALE])
    if piece == PIECE_QTY:
        return _decimal(out, at, values[VALUE_QTY], template[TEMPLATE_QTY_SCALE])
    which = VALUE_TIME_MS if piece == PIECE_TIME else VALUE_REQUEST
    return _whole(out, at, values[which])


@hot
def write_order(template, literals, values, mac, out):
    """Write both texts; sets the VALUE_* that come out. The caller made the template, and so
    knows that they fit. Everything is written by whole words: what stands behind a piece then is
    written over by the next, or wiped by the padding.
    """
    at = 0
    values[VALUE_SIGNED_BYTES] = 0
    for piece in range(PIECE_SIGNATURE):
        values[VALUE_PLACES + 2 * piece + 1] = 0
    for k in range(template[TEMPLATE_PIECES]):
        if k == template[TEMPLATE_SIGNED]:
            values[VALUE_SIGNED_BYTES] = at
            at = FRAME_AT
        base = TEMPLATE_HEAD_WORDS + k * PIECE_WORDS
        piece, first, size = template[base], template[base + 1], template[base + 2]
        if piece == PIECE_LITERAL:
            for j in range(0, size, BYTES_PER_WORD):
                store_word(out, at + j, load_word(literals, first + j))
        elif piece == PIECE_SIGNATURE:
            values[VALUE_SIGNATURE_AT] = at
        else:
            place = VALUE_PLACES + 2 * piece
            first, size = values[place], values[place + 1]
            if size == 0:
                size = _number(template, values, piece, out, at) - at
                values[place], values[place + 1] = at, size
            else:  # it stands in what is signed already
                for j in range(0, NUMBER_CHARS_MAX, BYTES_PER_WORD):
                    store_word(out, at + j, load_word(out, first + j))
        at += size
    values[VALUE_FRAME_END] = at
    if mac[MAC_KIND] == KIND_HMAC:
        hmac_hex(mac, out, values[VALUE_SIGNED_BYTES], SIGNING_AT, values[VALUE_SIGNATURE_AT])


@hot(entry=(WORLD_TYPE, BYTES_TYPE, WORLD_TYPE, WORLD_TYPE, BYTES_TYPE))
def fill(template, literals, values, mac, out):
    """`write_order` for Python."""
    write_order(template, literals, values, mac, out)
