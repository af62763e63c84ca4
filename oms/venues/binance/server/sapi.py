"""The few endpoints of Binance's wallet and margin API (sapi) that clients call on their own.

A client with keys asks for coins, trade fees and margin pairs while it loads its markets. What is
answered is true of this exchange: its assets can be traded, neither deposited nor withdrawn, and
it has no margin. Sources: Binance's wallet documentation, "All Coins' Information", "Trade Fee",
"System Status"; margin documentation, "Get All Cross Margin Pairs", "Get All Isolated Margin
Symbol". REST alone; no method of the WebSocket API leads here.
"""

from __future__ import annotations

from typing import Any

from oms.exchange.market import MONEY_DIGITS
from oms.venues.binance.server.calls import SIGNED_NAMES, Call, Desk
from oms.venues.serving.routing import Endpoint
from oms.venues.shared.decimal_text import to_fixed

_RATE_DIGITS = 6
_NOTHING = "0"


def system_status(desk: Desk, call: Call) -> Any:
    """The exchange runs: who asks under maintenance gets that fault's answer."""
    del desk, call
    return {"status": 0, "msg": "normal"}


def coins(desk: Desk, call: Call) -> Any:
    """Every asset with the account's balance; no networks, so no way in or out."""
    balances = desk.market.balances(call.account)
    return [
        {
            "coin": asset,
            "depositAllEnable": False,
            "free": to_fixed(free, MONEY_DIGITS),
            "freeze": _NOTHING,
            "ipoable": _NOTHING,
            "ipoing": _NOTHING,
            "isLegalMoney": False,
            "locked": to_fixed(locked, MONEY_DIGITS),
            "name": asset,
            "networkList": [],
            "storage": _NOTHING,
            "trading": True,
            "withdrawAllEnable": False,
            "withdrawing": _NOTHING,
        }
        for asset, (free, locked) in zip(desk.market.assets, balances, strict=True)
    ]


def trade_fees(desk: Desk, call: Call) -> Any:
    """Commission of one symbol, or of all."""
    rows = [desk.symbol(call.params)] if call.params.has("symbol") else range(len(desk.rows))
    made = []
    for row in rows:
        rates = desk.market.commission(call.account, row)
        made.append(
            {
                "symbol": desk.market.specs[row].symbol,
                "makerCommission": to_fixed(rates.maker_e6, _RATE_DIGITS),
                "takerCommission": to_fixed(rates.taker_e6, _RATE_DIGITS),
            }
        )
    return made


def no_pairs(desk: Desk, call: Call) -> Any:
    """There is no margin here."""
    del desk, call
    return []


SAPI: dict[str, Endpoint] = {
    "sapi.system.status": Endpoint(system_status, 1),
    "sapi.coins": Endpoint(coins, 10, SIGNED_NAMES, signed=True),
    "sapi.tradeFee": Endpoint(trade_fees, 1, SIGNED_NAMES | {"symbol"}, signed=True),
    "sapi.margin.pairs": Endpoint(no_pairs, 1, SIGNED_NAMES | {"symbol"}, signed=True),
    "sapi.margin.isolated": Endpoint(no_pairs, 10, SIGNED_NAMES | {"symbol"}, signed=True),
}
SAPI_PATHS: dict[str, dict[str, str]] = {
    "/sapi/v1/system/status": {"GET": "sapi.system.status"},
    "/sapi/v1/capital/config/getall": {"GET": "sapi.coins"},
    "/sapi/v1/asset/tradeFee": {"GET": "sapi.tradeFee"},
    "/sapi/v1/margin/allPairs": {"GET": "sapi.margin.pairs"},
    "/sapi/v1/margin/isolated/allPairs": {"GET": "sapi.margin.isolated"},
}
"""Path -> HTTP method -> endpoint's name."""
