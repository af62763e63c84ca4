"""ccxt, a public client, trades Binance spot against the simulated exchange: REST.

The calls are those of ccxt's manual; what a reply must hold is ccxt's unified structure.
"""

import ccxt
import pytest

from tests.clients.exchange import point_at, settings

pytestmark = pytest.mark.compiled
S = "BTC/USDT"
QTY = 0.001


@pytest.fixture(scope="module")
def client(exchange):
    made = point_at(ccxt.binance(settings(exchange)), exchange)
    made.load_markets()
    yield made
    made.session.close()


@pytest.fixture(autouse=True)
def no_orders(client):
    """At most five stop orders may rest at once, so each test begins with none."""
    if client.fetch_open_orders(S):
        client.cancel_all_orders(S)


@pytest.fixture
def prices(client):
    """A price far below the market, and one far above."""
    bid = client.fetch_order_book(S, 5)["bids"][0][0]
    return round(bid * 0.9, 2), round(bid * 1.1, 2)


def test_markets_are_loaded_with_their_limits(client):
    market = client.market(S)
    assert (market["spot"], market["active"], market["margin"]) == (True, True, False)
    assert market["precision"]["price"] == 0.01
    assert market["precision"]["amount"] == 0.00001
    assert market["limits"]["cost"]["min"] == 5.0
    assert set(client.markets) == {S, "ETH/USDT"}
    assert {"BTC", "ETH", "USDT"} <= set(client.fetch_currencies())


def test_public_data(client):
    assert abs(client.fetch_time() - client.milliseconds()) < 60_000
    assert client.fetch_status()["status"] == "ok"
    ticker = client.fetch_ticker(S)
    assert ticker["bid"] < ticker["ask"]
    assert set(client.fetch_tickers()) == {S, "ETH/USDT"}
    assert set(client.fetch_tickers([S])) == {S}
    assert client.fetch_bids_asks([S])[S]["bid"] > 0
    assert client.fetch_last_prices([S])[S]["price"] > 0
    book = client.fetch_order_book(S, 20)
    assert len(book["bids"]) == len(book["asks"]) == 20
    assert book["bids"] == sorted(book["bids"], reverse=True)
    assert book["nonce"] > 0


def test_trades_and_candles(client, prices):
    client.create_order(S, "market", "buy", QTY)
    trades = client.fetch_trades(S, limit=10)
    assert all(t["price"] > 0 and t["side"] in ("buy", "sell") for t in trades)
    candle = client.fetch_ohlcv(S, "1m", limit=1)[-1]
    _, opened, high, low, closed, volume = candle
    assert low <= min(opened, closed) <= max(opened, closed) <= high
    assert volume > 0


def test_balance_and_fees(client):
    balance = client.fetch_balance()
    assert balance["BTC"]["total"] > 0
    assert balance["USDT"]["free"] > 0
    fee = client.fetch_trading_fee(S)
    assert (fee["maker"], fee["taker"]) == (0.001, 0.001)
    assert set(client.fetch_trading_fees()) >= {S, "ETH/USDT"}


def test_limit_order_rests_is_edited_and_cancelled(client, prices):
    low, _ = prices
    order = client.create_order(S, "limit", "buy", QTY, low)
    assert (order["status"], order["price"], order["amount"]) == ("open", low, QTY)
    assert client.fetch_order(order["id"], S)["status"] == "open"
    assert [o["id"] for o in client.fetch_open_orders()] == [order["id"]]
    edited = client.edit_order(order["id"], S, "limit", "buy", 2 * QTY, low + 1)
    assert edited["id"] != order["id"]
    assert client.fetch_order(order["id"], S)["status"] == "canceled"
    found = client.fetch_order(edited["id"], S)
    assert (found["status"], found["price"], found["amount"]) == ("open", low + 1, 2 * QTY)
    assert client.cancel_order(edited["id"], S)["status"] == "canceled"
    assert client.fetch_open_orders(S) == []


def test_order_is_found_by_the_clients_own_id(client, prices):
    order = client.create_order(S, "limit", "buy", QTY, prices[0], {"clientOrderId": "my-own-1"})
    assert order["clientOrderId"] == "my-own-1"
    found = client.fetch_order(None, S, {"origClientOrderId": "my-own-1"})
    assert found["id"] == order["id"]


def test_market_orders_by_amount_and_by_cost(client):
    bought = client.create_order(S, "market", "buy", QTY)
    assert (bought["status"], bought["filled"]) == ("closed", QTY)
    assert bought["fee"]["currency"] == "BTC"
    by_cost = client.create_market_buy_order_with_cost(S, 100)
    assert by_cost["status"] == "closed"
    assert 99 < by_cost["cost"] <= 100
    sold = client.create_order(S, "market", "sell", QTY)
    assert sold["fee"]["currency"] == "USDT"
    sold = client.create_order(S, "market", "sell", None, None, {"cost": 50})
    assert 49 < sold["cost"] <= 50


@pytest.mark.parametrize(
    ("kind", "side", "params", "expected"),
    [
        ("market", "sell", {"stopLossPrice": "low"}, "STOP_LOSS"),
        ("limit", "sell", {"stopLossPrice": "low"}, "STOP_LOSS_LIMIT"),
        ("market", "sell", {"takeProfitPrice": "high"}, "TAKE_PROFIT"),
        ("limit", "sell", {"takeProfitPrice": "high"}, "TAKE_PROFIT_LIMIT"),
        ("market", "buy", {"triggerPrice": "high"}, "STOP_LOSS"),
        ("limit", "buy", {"triggerPrice": "high"}, "STOP_LOSS_LIMIT"),
        ("STOP_LOSS_LIMIT", "sell", {"trailingDelta": 100}, "STOP_LOSS_LIMIT"),
        ("TAKE_PROFIT_LIMIT", "buy", {"trailingDelta": 100, "stopPrice": "low"},
         "TAKE_PROFIT_LIMIT"),
        ("STOP_LOSS", "sell", {"trailingDelta": 100}, "STOP_LOSS"),
    ],
)  # fmt: skip
def test_trigger_orders_rest_until_their_price(client, prices, kind, side, params, expected):
    low, high = prices
    named = {"low": low, "high": high}
    given = {name: named.get(value, value) for name, value in params.items()}
    price = None
    if "limit" in kind.lower():
        price = low if side == "sell" else high
    order = client.create_order(S, kind, side, QTY, price, given)
    found = client.fetch_order(order["id"], S)
    assert (found["status"], found["info"]["type"]) == ("open", expected)
    if "trailingDelta" not in given:
        assert found["triggerPrice"] in (low, high)
    assert client.cancel_order(order["id"], S)["status"] == "canceled"


def test_post_only_rests_or_is_refused(client, prices):
    low, high = prices
    order = client.create_order(S, "limit", "buy", QTY, low, {"postOnly": True})
    assert (order["status"], order["postOnly"]) == ("open", True)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        client.create_order(S, "limit", "buy", QTY, high, {"postOnly": True})


def test_immediate_or_cancel_and_fill_or_kill(client, prices):
    low, high = prices
    ioc = client.create_order(S, "limit", "buy", QTY, low, {"timeInForce": "IOC"})
    assert (ioc["status"], ioc["filled"]) == ("expired", 0.0)
    fok = client.create_order(S, "limit", "buy", QTY, high, {"timeInForce": "FOK"})
    assert (fok["status"], fok["filled"]) == ("closed", QTY)
    killed = client.create_order(S, "limit", "buy", 14.0, low, {"timeInForce": "FOK"})
    assert (killed["status"], killed["filled"]) == ("expired", 0.0)


def test_iceberg_shows_its_visible_part(client, prices):
    order = client.create_order(S, "limit", "buy", 0.01, prices[0], {"icebergQty": QTY})
    found = client.fetch_order(order["id"], S)
    assert (found["status"], found["info"]["icebergQty"]) == ("open", "0.00100000")


def test_order_lists_by_private_endpoints(client, prices):
    low, high = (f"{price:.2f}" for price in prices)
    oco = client.private_post_orderlist_oco(
        {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.001", "aboveType": "LIMIT_MAKER",
         "abovePrice": high, "belowType": "STOP_LOSS", "belowStopPrice": low}
    )  # fmt: skip
    assert (oco["contingencyType"], len(oco["orders"])) == ("OCO", 2)
    assert len(client.fetch_open_orders(S)) == 2
    client.cancel_order(str(oco["orders"][0]["orderId"]), S)
    assert client.fetch_open_orders(S) == []
    oto = client.private_post_orderlist_oto(
        {"symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": low,
         "workingQuantity": "0.001", "workingTimeInForce": "GTC", "pendingType": "MARKET",
         "pendingSide": "SELL", "pendingQuantity": "0.001"}
    )  # fmt: skip
    assert oto["contingencyType"] == "OTO"
    old = client.private_post_order_oco(
        {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.001", "price": high, "stopPrice": low}
    )
    assert old["contingencyType"] == "OCO"
    assert {row["orderListId"] for row in client.private_get_openorderlist()} == {
        oto["orderListId"], old["orderListId"]
    }  # fmt: skip


def test_test_order_changes_nothing(client, prices):
    client.create_order(S, "limit", "buy", QTY, prices[0], {"test": True})
    assert client.fetch_open_orders(S) == []


def test_order_and_trade_histories(client, prices):
    bought = client.create_order(S, "market", "buy", QTY)
    rests = client.create_order(S, "limit", "buy", QTY, prices[0])
    client.cancel_order(rests["id"], S)
    assert bought["id"] in [o["id"] for o in client.fetch_closed_orders(S)]
    assert rests["id"] in [o["id"] for o in client.fetch_canceled_orders(S)]
    assert {bought["id"], rests["id"]} <= {o["id"] for o in client.fetch_orders(S)}
    trades = client.fetch_order_trades(bought["id"], S)
    assert sum(t["amount"] for t in trades) == pytest.approx(QTY)
    assert trades[-1]["id"] == client.fetch_my_trades(S)[-1]["id"]
    assert trades[-1]["takerOrMaker"] == "taker"


def test_cancel_all_ends_every_order_of_a_symbol(client, prices):
    for k in range(3):
        client.create_order(S, "limit", "buy", QTY, prices[0] - k)
    assert len(client.cancel_all_orders(S)) == 3
    assert client.fetch_open_orders(S) == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("limit", "buy", 100_000.0), ccxt.ExchangeError),
        (("limit", "buy", 100.0), ccxt.InsufficientFunds),
        (("limit", "buy", 0.00001), ccxt.BadRequest),
    ],
)
def test_refusals_are_the_errors_that_ccxt_knows(client, prices, arguments, error):
    kind, side, amount = arguments
    with pytest.raises(error):
        client.create_order(S, kind, side, amount, prices[0])


def test_unknown_orders_and_bad_keys_are_refused(client, exchange):
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order("1", S)
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order("1", S)
    stranger = point_at(ccxt.binance(settings(exchange) | {"secret": "wrong"}), exchange)
    stranger.options["fetchCurrencies"] = False
    with pytest.raises(ccxt.AuthenticationError):
        stranger.private_get_account()
    stranger.session.close()


def test_accounts_are_apart(client, exchange, prices):
    second = point_at(ccxt.binance(settings(exchange, "second")), exchange)
    client.create_order(S, "limit", "buy", QTY, prices[0])
    assert second.fetch_open_orders(S) == []
    second.session.close()


def test_faults_reach_the_client(client, exchange, prices):
    added = exchange.oms("fault", "add", "accepted_5xx", "--match", "POST /api/v3/order",
                         "--count", "1")  # fmt: skip
    with pytest.raises(ccxt.NetworkError):
        client.create_order(S, "limit", "buy", QTY, prices[0])
    assert len(client.fetch_open_orders(S)) == 1, "it was accepted all the same"
    listed = exchange.oms("fault", "list")["faults"]
    assert added["number"] not in [row["number"] for row in listed], "its one hit is spent"
    exchange.oms("fault", "add", "http_429", "--match", "GET /api/v3/time", "--count", "1")
    with pytest.raises(ccxt.DDoSProtection):
        client.fetch_time()
    exchange.oms("fault", "clear")
    assert client.fetch_time() > 0
