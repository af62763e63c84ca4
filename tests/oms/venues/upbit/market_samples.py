"""Messages in the shape that Upbit's public stream has, made up: both formats, odd numbers."""

T_MS = 1_790_000_000_123
UNITS = (
    ("1.16539E8", "116538000.0", "7.9276E-4", "0.50000000"),
    ("116540000.0", "1.16537E+8", "0.123456789", "2"),
    ("116541000", "0", "1.0", "0.0"),
    ("0.0", "0.0", "0.0", "0.0"),
)
"""Ask price, bid price, ask size, bid size; thin sides are padded."""
BIDS = {116538000: "0.5", 116537000: "2"}
ASKS = {116539000: "0.00079276", 116540000: "0.12345678", 116541000: "1"}


def book(code="KRW-BTC", stamp_ms=T_MS, units=UNITS, short=True):
    names = ("ap", "bp", "as", "bs") if short else (
        "ask_price", "bid_price", "ask_size", "bid_size",
    )  # fmt: skip
    levels = ",".join(
        "{" + ",".join(f'"{n}":{v}' for n, v in zip(names, unit, strict=True)) + "}"
        for unit in units
    )
    if short:
        text = (
            f'{{"ty":"orderbook","cd":"{code}","tms":{stamp_ms},"tas":3.12,"tbs":2.5,'
            f'"obu":[{levels}],"st":"REALTIME","lv":0}}'
        )
    else:
        text = (
            f'{{"type":"orderbook","code":"{code}","timestamp":{stamp_ms},'
            f'"total_ask_size":3.12,"total_bid_size":2.5,"orderbook_units":[{levels}],'
            f'"stream_type":"SNAPSHOT","level":0}}'
        )
    return text.encode()


def trade(code="KRW-BTC", px="116539000.0", qty="3.1E-4", side="ASK", number=17900000001230000,
          short=True):  # fmt: skip
    if short:
        text = (
            f'{{"ty":"trade","cd":"{code}","tms":{T_MS},"td":"2026-09-21","ttm":"14:13:20",'
            f'"ttms":{T_MS - 23},"tp":{px},"tv":{qty},"ab":"{side}","pcp":116000000.0,"c":"RISE",'
            f'"cp":539000.0,"sid":{number},"bap":116539000.0,"bas":0.1,"st":"REALTIME"}}'
        )
    else:
        text = (
            f'{{"type":"trade","code":"{code}","timestamp":{T_MS},"trade_date":"2026-09-21",'
            f'"trade_time":"14:13:20","trade_timestamp":{T_MS - 23},"trade_price":{px},'
            f'"trade_volume":{qty},"ask_bid":"{side}","prev_closing_price":1.16E8,'
            f'"change":"RISE","sequential_id":{number},"stream_type":"REALTIME"}}'
        )
    return text.encode()


TICKER = (
    f'{{"ty":"ticker","cd":"KRW-BTC","op":1.0E8,"tp":116539000.0,"tv":3.1E-4,"ab":null,"tms":{T_MS},'
    f'"ttms":{T_MS},"ms":"ACTIVE","its":false,"dd":null,"mw":"NONE","st":"SNAPSHOT"}}'
).encode()
ERROR = b'{"error":{"name":"NO_CODES","message":"codes are missing"}}'
UP = b'{"status":"UP"}'
