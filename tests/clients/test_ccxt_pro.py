"""ccxt.pro, a public client, against the simulated exchange: streams and the WebSocket API."""

import asyncio

import ccxt.pro
import pytest

from tests.clients.exchange import point_at, settings

pytestmark = [
    pytest.mark.compiled,
    # ccxt leaves tasks and sockets to the collector when it closes; that is its affair.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
S, ETH = "BTC/USDT", "ETH/USDT"
QTY = 0.001
WITHIN_S = 60


def run(exchange, test):
    """`await test(client)` with a client of its own."""

    async def main():
        client = point_at(ccxt.pro.binance(settings(exchange)), exchange)
        try:
            async with asyncio.timeout(WITHIN_S):
                await client.load_markets()
                await test(client)
        finally:
            await client.close()

    asyncio.run(main())


async def far_below(client):
    book = await client.fetch_order_book(S, 5)
    return round(book["bids"][0][0] * 0.9, 2)


async def begin(awaited):
    """Start to wait for a private stream, and let its subscription be made."""
    task = asyncio.ensure_future(awaited)
    await asyncio.sleep(1)
    return task


def test_order_books_follow_the_exchange(exchange):
    async def test(client):
        for _ in range(5):
            book = await client.watch_order_book(S)
            assert book["bids"][0][0] < book["asks"][0][0]
        assert (await client.watch_order_book(S, 20))["nonce"] >= book["nonce"]
        both = await client.watch_order_book_for_symbols([S, ETH])
        assert both["symbol"] in (S, ETH)
        assert await client.un_watch_order_book(S)

    run(exchange, test)


def test_trades_of_both_kinds(exchange):
    async def test(client):
        assert (await client.watch_trades(S))[-1]["price"] > 0
        assert (await client.watch_trades_for_symbols([S, ETH]))[-1]["amount"] > 0
        assert await client.un_watch_trades(S)
        client.options["watchTrades"] = {"name": "aggTrade"}
        aggregate = await client.watch_trades(ETH)
        assert aggregate[-1]["info"]["e"] in ("trade", "aggTrade")

    run(exchange, test)


def test_candles_and_tickers(exchange):
    async def test(client):
        _, opened, high, low, closed, _ = (await client.watch_ohlcv(S, "1m"))[-1]
        assert low <= min(opened, closed) <= max(opened, closed) <= high
        several = await client.watch_ohlcv_for_symbols([[S, "1m"], [ETH, "5m"]])
        assert set(several) <= {S, ETH}
        assert (await client.watch_ticker(S))["last"] > 0
        assert S in await client.watch_tickers([S])
        assert await client.watch_tickers()  # every symbol's, by the array stream
        quote = (await client.watch_bids_asks([S]))[S]
        assert quote["bid"] < quote["ask"]

    run(exchange, test)


def test_orders_trades_and_balance_are_told(exchange):
    async def test(client):
        low = await far_below(client)
        orders = await begin(client.watch_orders(S))
        balance = await begin(client.watch_balance())
        trades = await begin(client.watch_my_trades(S))
        order = await client.create_order(S, "limit", "buy", QTY, low)
        assert (await orders)[-1]["id"] == order["id"]
        assert (await balance)["USDT"]["used"] > 0
        canceled = asyncio.ensure_future(client.watch_orders(S))
        await client.cancel_order(order["id"], S)
        assert (await canceled)[-1]["status"] == "canceled"
        bought = await client.create_order(S, "market", "buy", QTY)
        assert (await trades)[-1]["order"] == bought["id"]

    run(exchange, test)


def test_orders_by_the_websocket_api(exchange):
    async def test(client):
        low = await far_below(client)
        order = await client.create_order_ws(S, "limit", "buy", QTY, low)
        assert order["status"] == "open"
        assert (await client.fetch_order_ws(order["id"], S))["id"] == order["id"]
        assert order["id"] in [o["id"] for o in await client.fetch_open_orders_ws(S)]
        edited = await client.edit_order_ws(order["id"], S, "limit", "buy", 2 * QTY, low)
        assert edited["amount"] == 2 * QTY
        assert (await client.cancel_order_ws(edited["id"], S))["status"] == "canceled"
        bought = await client.create_order_ws(S, "market", "buy", QTY)
        assert bought["filled"] == QTY
        await client.create_order_ws(S, "limit", "buy", QTY, low)
        assert await client.cancel_all_orders_ws(S)
        assert await client.fetch_open_orders_ws(S) == []
        assert bought["id"] in [o["id"] for o in await client.fetch_closed_orders_ws(S)]
        assert bought["id"] in [o["id"] for o in await client.fetch_orders_ws(S)]
        assert bought["id"] in [t["order"] for t in await client.fetch_my_trades_ws(S)]

    run(exchange, test)


def test_questions_by_the_websocket_api(exchange):
    async def test(client):
        # ccxt parses no spot balances here, so its unified part stays empty.
        balances = (await client.fetch_balance_ws())["info"]["balances"]
        assert {"BTC", "USDT"} <= {row["asset"] for row in balances}
        assert len(await client.fetch_ohlcv_ws(S, "1m")) > 0
        assert len(await client.fetch_trades_ws(S)) > 0

    run(exchange, test)


def test_order_book_recovers_from_lost_diffs(exchange):
    """ccxt checks the chain of update ids, and asks for a snapshot when it is broken."""

    async def test(client):
        await client.watch_order_book(ETH)
        exchange.oms("fault", "add", "gap", "--match", "ethusdt@depth*", "--count", "2")
        seen, errors = 0, []
        while seen < 20:
            try:
                book = await client.watch_order_book(ETH)
            except ccxt.BaseError as error:
                errors.append(repr(error))
                assert len(errors) < 100, f"it does not come back: {errors[0]} ... {errors[-1]}"
                await asyncio.sleep(0.02)  # what it does in the background needs its turn
                continue
            seen += 1
            assert book["bids"][0][0] < book["asks"][0][0]

    run(exchange, test)
    exchange.oms("fault", "clear")
