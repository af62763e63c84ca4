"""Messages in USD-M's shape, made here: ids, prices and times are ours."""

from __future__ import annotations

from typing import Any

from oms.ports import Key
from oms.venues.binance.usdm.orders import UsdmOrders
from tests.oms.venues.typed_side import TEXT, Desk, instrument

USDM = "binance.usdm"
KEY = Key("main", "KEYKEYKEY", b"sesame")
PERPETUAL = instrument("BTCUSDT")


def side(**more: Any) -> UsdmOrders:
    return UsdmOrders({"main": KEY}, 5, **more)


def desk() -> Desk:
    return Desk({(USDM, "BTCUSDT"): PERPETUAL})


def order(**more: Any) -> dict[str, Any]:
    row = {
        "orderId": 71, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": TEXT,
        "price": "61000.50", "origQty": "0.012", "executedQty": "0.000", "timeInForce": "GTC",
        "type": "LIMIT", "reduceOnly": False, "closePosition": False, "side": "BUY",
        "positionSide": "BOTH", "updateTime": 1790000000100,
    }  # fmt: skip
    return row | more


def algo(**more: Any) -> dict[str, Any]:
    row = {
        "algoId": 72, "clientAlgoId": TEXT, "algoType": "CONDITIONAL", "orderType": "STOP_MARKET",
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.012", "algoStatus": "NEW",
        "actualOrderId": "", "price": "0.00", "triggerPrice": "50000", "updateTime": 1790000000100,
    }  # fmt: skip
    return row | more


def update(**more: Any) -> dict[str, Any]:
    row = {
        "s": "BTCUSDT", "c": TEXT, "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.012",
        "p": "61000.50", "x": "NEW", "X": "NEW", "i": 71, "l": "0", "z": "0", "L": "0", "t": 0,
        "m": False, "T": 1790000000200, "ps": "BOTH", "er": "0",
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": 1790000000201, "T": 1790000000200, "o": row | more}


def filled(**more: Any) -> dict[str, Any]:
    fill = {
        "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.005", "z": "0.005", "L": "60999.90",
        "t": 9001, "N": "USDT", "n": "0.15249975",
    }  # fmt: skip
    return update(**(fill | more))


def algo_update(**more: Any) -> dict[str, Any]:
    row = {
        "caid": TEXT, "aid": 72, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT",
        "S": "SELL", "q": "0.012", "X": "NEW", "ai": "", "p": "0", "tp": "50000",
    }  # fmt: skip
    return {"e": "ALGO_UPDATE", "E": 1790000000201, "T": 1790000000200, "o": row | more}


ACCOUNT_UPDATE = {
    "e": "ACCOUNT_UPDATE", "E": 1790000000201, "T": 1790000000200,
    "a": {
        "m": "ORDER", "B": [{"a": "USDT", "wb": "1000.25", "cw": "1000.25", "bc": "0"}],
        "P": [
            {"s": "BTCUSDT", "pa": "-0.030", "ep": "60000.1", "up": "-0.297", "mt": "cross",
             "ps": "BOTH"}
        ],
    },
}  # fmt: skip
POSITION = {
    "symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.030", "entryPrice": "60000.1",
    "markPrice": "60010", "liquidationPrice": "0", "unRealizedProfit": "-0.297",
    "isolatedWallet": "0",
}  # fmt: skip
BALANCE = {"asset": "USDT", "balance": "1000.25", "availableBalance": "900.5"}
TRADE = {
    "symbol": "BTCUSDT", "orderId": 71, "side": "BUY", "price": "60999.90", "qty": "0.005",
    "quoteQty": "304.9995", "commission": "0.15249975", "commissionAsset": "USDT", "id": 9001,
    "time": 1790000000200, "maker": False,
}  # fmt: skip
INCOME = {
    "symbol": "BTCUSDT", "incomeType": "FUNDING_FEE", "income": "-0.18", "asset": "USDT",
    "time": 1790000000000, "tranId": 555, "tradeId": "",
}  # fmt: skip
SYMBOL = {
    "symbol": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "BTC",
    "quoteAsset": "USDT", "marginAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "9999", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}  # fmt: skip
