"""Binance spot as an exchange whose sockets carry events alone: every request goes by REST."""

from dataclasses import replace

from oms.venues.binance.orders import BinanceOrders
from oms.venues.binance.spec import SPOT_ORDERS
from oms.venues.data import Role, Way
from oms.venues.reports import Want

CAPS = replace(SPOT_ORDERS.caps, ways=(Way.REST,))
MARKETS = {SPOT_ORDERS.name: replace(SPOT_ORDERS, caps=CAPS)}


class RestAlone(BinanceOrders):
    """See the module's text."""

    markets = MARKETS

    def links(self, accounts, got):
        return [replace(link, role=Role.EVENTS) for link in super().links(accounts, got)]

    def ask(self, ask, way, stamp):
        if way is Way.SOCKET and ask.want not in {Want.LOGON, Want.SUBSCRIBE}:
            return None
        return super().ask(ask, way, stamp)

    def order_text(self, instrument, shape, account, buffers, *, logged_on):
        return None
