"""Order frames: what is signed is what is sent, and every amount is exact."""

import hashlib
import hmac
import json
from decimal import Decimal
from urllib.parse import parse_qsl

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms import ids
from oms.ports import Key
from oms.venues.binance.trade import AccountFrames, trades_params
from oms.venues.shared.order_command import commands
from oms.venues.trade_base import Instrument
from shm_layout.enums import OrderType, Side, TimeInForce
from shm_layout.records import ORDER_COMMAND, UNDEF

KEY = Key("main", "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", b"secret")
SYSTEM_ID = 5
MS = 1_645_423_376_532


def instrument(px_scale=4, qty_scale=7, symbol="BTCUSDT"):
    return Instrument(0, 1, symbol, "BTC/USDT", px_scale, qty_scale, 8, 1000)


def command(**values):
    row = np.zeros(1, ORDER_COMMAND)
    base = {"client_order_id": 1 << 40 | 1, "side": Side.BUY, "order_type": OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC, "px": 1, "qty": 1, "quote_qty": UNDEF}  # fmt: skip
    for name, value in (base | values).items():
        row[name] = value
    return commands(row)[0]


def signature_of(params):
    """The documented rule, done by the standard library: sort, join, HMAC."""
    text = "&".join(f"{k}={v}" for k, v in sorted(params.items()) if k != "signature")
    return hmac.new(KEY.secret, text.encode(), hashlib.sha256).hexdigest()


@given(
    px=st.integers(1, 2**62), qty=st.integers(1, 2**62), px_scale=st.integers(0, 12),
    qty_scale=st.integers(0, 12), side=st.sampled_from([Side.BUY, Side.SELL]),
    tif=st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    post_only=st.booleans(), count=st.integers(1, 2**40 - 1), epoch=st.integers(1, 2**22 - 1),
)  # fmt: skip
def test_limit_frame_any_order_is_exact_and_signed(
    px, qty, px_scale, qty_scale, side, tif, post_only, count, epoch
):
    frames = AccountFrames(KEY, SYSTEM_ID, 5000)
    order_type = OrderType.POST_ONLY if post_only else OrderType.LIMIT
    client_order_id = ids.client_order_id(epoch, count)
    given_command = command(
        px=px, qty=qty, side=side, order_type=order_type, time_in_force=tif,
        client_order_id=client_order_id,
    )  # fmt: skip
    message = json.loads(frames.place(7, MS, instrument(px_scale, qty_scale), given_command))
    params = message["params"]
    assert (message["id"], message["method"]) == ("7", "order.place")
    assert Decimal(params["price"]) == Decimal(px).scaleb(-px_scale)
    assert Decimal(params["quantity"]) == Decimal(qty).scaleb(-qty_scale)
    assert params["signature"] == signature_of(params)
    assert params["side"] == side.name
    assert params.get("timeInForce") == (None if post_only else tif.name)
    assert ids.from_text(SYSTEM_ID, params["newClientOrderId"]) == client_order_id


def test_frame_template_is_used_again_with_other_values():
    frames = AccountFrames(KEY, SYSTEM_ID, 5000)
    first = json.loads(frames.place(1, MS, instrument(), command(px=10, qty=20)))["params"]
    second = json.loads(frames.place(2, MS + 1, instrument(), command(px=30, qty=40)))["params"]
    assert (first["price"], second["price"]) == ("0.001", "0.003")
    assert second["signature"] == signature_of(second)
    assert first["signature"] != second["signature"]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "한국USDT", "A%SB"])
def test_frame_of_any_symbol_is_signed_over_raw_utf8(symbol):
    frames = AccountFrames(KEY, SYSTEM_ID, 5000)
    params = json.loads(frames.place(1, MS, instrument(symbol=symbol), command()))["params"]
    assert params["symbol"] == symbol
    assert params["signature"] == signature_of(params)


def test_other_requests_are_signed():
    frames = AccountFrames(KEY, SYSTEM_ID, 5000)
    for data in (
        frames.signed(3, "order.cancel", MS, frames.order_params(instrument(), 1 << 40 | 1)),
        frames.signed(4, "myTrades", MS, trades_params("BTCUSDT", fromId=9)),
        frames.signed(5, "account.status", MS, {}),
        frames.subscribe(6, MS),
    ):
        params = json.loads(data)["params"]
        assert params["signature"] == signature_of(params)


def test_rest_request_is_signed_over_what_is_sent():
    frames = AccountFrames(KEY, SYSTEM_ID, 5000)
    params = frames.order_params(instrument(symbol="한국USDT"), 1 << 40 | 1)
    verb, target, headers = frames.rest("order.cancel", MS, params)
    query = target.partition("?")[2]
    signed, _, signature = query.partition("&signature=")
    assert (verb, headers) == ("DELETE", {"X-MBX-APIKEY": KEY.api_key})
    assert signature == hmac.new(KEY.secret, signed.encode(), hashlib.sha256).hexdigest()
    assert dict(parse_qsl(signed))["symbol"] == "한국USDT"
    assert signed.isascii()


def test_repr_shows_no_key():
    shown = repr(AccountFrames(KEY, SYSTEM_ID, 5000)) + repr(KEY)
    assert "secret" not in shown.replace("secret=", "")
